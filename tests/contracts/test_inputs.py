"""Every family answers rows of ids alike, however they are padded and whatever is before what it reads."""

import numpy as np
import pytest

from deepcli.inputs.example import Example, collate
from deepcli.inputs.reading import ReadOptions, reader_for
from deepcli.models import MODELS

from .test_models import BACKEND, VARIANTS, experiment_for, split_for, trained


def takes_tokens(variant):
    return "tokens" in MODELS[variant.values[0]["type"]].kinds


FAMILIES = [variant for variant in VARIANTS if variant.id.endswith("-0") and takes_tokens(variant)]
WIDE = 31


def arrays_of(rows):
    """The same rows as people give them."""
    behind, before, both = np.zeros((3, len(rows), WIDE), np.int64)
    for index, row in enumerate(rows):
        behind[index, : len(row)] = row
        before[index, WIDE - len(row) :] = row
        both[index, 7 : 7 + len(row)] = row
    ragged = np.empty(len(rows), object)
    ragged[:] = [row.tolist() for row in rows]
    return {"behind": behind, "before": before, "both": both, "float": before.astype(np.float32), "ragged": ragged}


@pytest.mark.parametrize("model", [variant.values[0] for variant in FAMILIES], ids=[one.id for one in FAMILIES])
def test_padding_changes_no_prediction(model, tmp_path):
    experiment = experiment_for(model, "tokens")
    function, x = BACKEND.function(trained(experiment)), split_for(experiment).x
    rows = [x.sequence(index) for index in range(len(x))]
    expected = BACKEND.predict(trained(experiment), x, 24)
    too_long = [np.concatenate([np.full(12, 9, np.int32), row]) for row in rows if len(row) == 12]
    assert too_long
    for name, array in arrays_of(rows).items():
        np.save(tmp_path / f"{name}.npy", array, allow_pickle=True)
    np.save(tmp_path / "long.npy", np.array(too_long))
    reader = reader_for(experiment.data, None, ReadOptions(), lambda line: None, pytest.fail)
    for name in ("behind", "before", "both", "float", "ragged", "long"):
        found = [one.x for one in reader.read([str(tmp_path / f"{name}.npy")]) if isinstance(one, Example)]
        wanted = expected if name != "long" else expected[x.lengths == 12]
        np.testing.assert_allclose(np.asarray(function(collate(found))), wanted, rtol=0, atol=2e-6, err_msg=name)
