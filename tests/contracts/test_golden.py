"""Checkpoints of earlier versions load and predict what they predicted then.

`python -m tests.contracts.test_golden FAMILY` writes the one of a new family. One that is there is never written anew:
if a test here fails, the package has broken its promise to users with checkpoints.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepcli.models import MODELS
from deepcli.run.checkpoint.file import open_checkpoint

GOLDEN = Path(__file__).parent.parent / "golden"
KINDS = {"rnn": "tokens", "lstm": "tokens", "gru": "tokens", "ngram": "tokens", "transformer": "tokens"}

TOO_LARGE = {"application"}
"""Families whose smallest checkpoint has megabytes."""


def test_every_family_has_one():
    stored = {path.stem for path in GOLDEN.glob("*.keras")}
    assert stored == {path.stem for path in GOLDEN.glob("*.npy")} == set(MODELS) - TOO_LARGE


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.keras")), ids=lambda path: path.stem)
def test_a_checkpoint_of_an_earlier_version_predicts_what_it_did(path):
    from deepcli.training.build import build_model
    from deepcli.training.saving import load_weights

    from .test_models import BACKEND, split_for

    checkpoint = open_checkpoint(path)
    model = build_model(checkpoint.experiment, "float32")
    state = load_weights(model, checkpoint)
    assert state.position.total == 2
    outputs = BACKEND.predict(model, split_for(checkpoint.experiment).x, 24)
    np.testing.assert_allclose(outputs, np.load(path.with_suffix(".npy")), rtol=0, atol=1e-5)


def of_series(model: dict[str, Any]) -> Any:
    """Make the experiment of a forecast of own data, whose schema is in the checkpoint."""
    from deepcli.data.sources.known_schemas import carrying
    from deepcli.experiment.schema import Experiment

    from .tiny_series import HORIZON, NAMES, WINDOW, TinySeries

    data = {"type": "series", "path": "gone", "target": NAMES, "known": "holiday", "window": WINDOW, "horizon": HORIZON}
    with carrying(TinySeries().data_schema.model_copy(update={"source": "series"})):
        return Experiment.model_validate({"data": data, "model": model})


def write(family: str) -> None:
    """Write the golden checkpoint of a family, unless there is one."""
    from deepcli.training import saving
    from deepcli.training.state import Position, State, read_variables

    from .test_models import BACKEND, VARIANTS, experiment_for, fields_of, split_for, trained

    path = GOLDEN / f"{family}.keras"
    if path.exists():
        raise SystemExit(f"{path} exists and stays as it is")
    variant = next(one for one in map(fields_of, VARIANTS) if one["type"] == family)
    small: dict[str, Any] = {"units": [4]} if "units" in MODELS[family].model_fields else {}
    small |= {"hidden_units": [8]} if family in ("mlp", "autoencoder") else {}
    fields = {**variant, **small}
    experiment = of_series(fields) if family == "linear" else experiment_for(fields, KINDS.get(family, "image"))
    model = trained(experiment)
    saving.save(
        path, model, experiment, State(Position(1, 0, 2), "float32", 1, variables=read_variables(model, BACKEND))
    )
    np.save(path.with_suffix(".npy"), BACKEND.predict(model, split_for(experiment).x, 24))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(name)
