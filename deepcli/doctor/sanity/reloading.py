"""A model that is saved and loaded again predicts the same."""

from __future__ import annotations

import numpy as np

from deepcli.doctor.sanity.batch_mates import largest_difference, tolerance
from deepcli.doctor.sanity.sanity_report import CheckResult, judged
from deepcli.doctor.sanity.subject import Subject
from deepcli.errors import CheckpointError
from deepcli.run.checkpoint.file import open_checkpoint
from deepcli.training.averaging import averaged_weights
from deepcli.training.evaluate import load_model
from deepcli.training.saving import save
from deepcli.training.state import Position, State, read_variables

EXAMPLES, BATCH = 64, 32
ADVICE = (
    "What a layer learns must be in its weights (`add_weight`, `trainable=False` for statistics); values in attributes "
    "are not in a checkpoint."
)


def reloading(subject: Subject) -> CheckResult:
    """Write a checkpoint after some steps, load it, and compare predictions."""
    model, x = subject.train_a_little(), subject.splits.train.x
    x = x[np.arange(min(EXAMPLES, len(x)))]
    path = subject.folder / "sanity.keras"
    settings, lexicon = subject.settings, subject.splits.lexicon()
    with averaged_weights(model) as averaged:
        state = State(
            Position(),
            settings.precision.value,
            settings.device.threads,
            subject.plugins,
            variables=read_variables(model, subject.backend),
            weights="averaged" if averaged else "raw",
            data=subject.splits.provenance.fingerprint,
        )
        save(path, model, subject.experiment, state, lexicon)
        ours = subject.backend.predict(model, x, BATCH)
    try:
        loaded = load_model(open_checkpoint(path))
    except CheckpointError as error:
        return judged(False, f"cannot be loaded: {str(error).removeprefix(f'{path}: ')}", ADVICE)
    theirs = loaded.backend.predict(loaded.model, x, BATCH)
    largest, limit = largest_difference(subject, theirs, ours), tolerance(subject)
    text = f"largest difference {largest:.2g} on {len(x)} examples; at most {limit:g}"
    return judged(bool(largest <= limit), text, ADVICE, difference=largest, limit=limit)
