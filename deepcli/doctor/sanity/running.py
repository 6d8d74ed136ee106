"""All checks, in the order in which they are shown."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import Sources
from deepcli.doctor.sanity.batch_mates import batch_mates
from deepcli.doctor.sanity.by_heart import by_heart
from deepcli.doctor.sanity.dead_units import dead_units
from deepcli.doctor.sanity.epoch_order import epoch_order
from deepcli.doctor.sanity.gradient_flow import gradient_flow
from deepcli.doctor.sanity.initial_loss import initial_loss
from deepcli.doctor.sanity.input_range import input_range
from deepcli.doctor.sanity.reloading import reloading
from deepcli.doctor.sanity.sanity_report import CheckResult, SanityReport, judged
from deepcli.doctor.sanity.shuffled_labels import shuffled_labels
from deepcli.doctor.sanity.subject import Subject
from deepcli.experiment.schema import Experiment
from deepcli.training.build import forget_models

CHECKS: dict[str, Callable[[Subject], CheckResult]] = {
    "initial loss": initial_loss,
    "one batch by heart": by_heart,
    "shuffled targets": shuffled_labels,
    "gradients": gradient_flow,
    "dead units": dead_units,
    "range of inputs": input_range,
    "order of examples": epoch_order,
    "batch mates": batch_mates,
    "saved and reloaded": reloading,
}


def check_spec(
    experiment: Experiment,
    splits: Splits,
    sources: Sources,
    plugins: tuple[str, ...] = (),
    tell: Callable[[str], object] = lambda line: None,
) -> SanityReport:
    """Check a spec on a few of its examples; everything that is written goes to a temporary directory.

    Args:
        experiment: The spec.
        splits: Its data.
        sources: Where a model may look for files that it starts from.
        plugins: The plugins that were imported.
        tell: Called with each line as soon as it is known.

    Raises:
        DeepcliError: The model cannot be built, or the device is not available.
    """
    began, found = time.monotonic(), []
    forget_models()
    with tempfile.TemporaryDirectory(prefix="deepcli-") as folder:
        subject = Subject.of(experiment, splits, Path(folder), plugins, sources)
        subject.start()  # a model that cannot be built is an error of the spec, not of a check
        tell(str(subject))
        for name in CHECKS:
            found.append(check_one(name, subject))
            tell(str(found[-1]))
    return SanityReport(experiment.name, str(subject), tuple(found), time.monotonic() - began)


def check_one(name: str, subject: Subject) -> CheckResult:
    """Run a check; what a plugin's code raises in it is what the check found."""
    try:
        with warnings.catch_warnings():
            # Keras warns of what a check says in its line: missing gradients, logits that are probabilities.
            warnings.simplefilter("ignore", UserWarning)
            found = CHECKS[name](subject)
    except Exception as error:
        if os.environ.get("DEEPCLI_VERBOSE"):
            traceback.print_exception(error)
        first = (str(error).strip().splitlines() or [""])[0]
        advice = "With DEEPCLI_VERBOSE=1 in the environment, the traceback is printed."
        found = judged(False, f"ended with {type(error).__name__}: {first}", advice)
    return replace(found, check=name)
