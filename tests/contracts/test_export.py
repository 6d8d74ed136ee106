"""Every family in every format says what the model itself says."""

import importlib.util
import warnings

import numpy as np
import pytest

from deepcli.errors import DeepcliError
from deepcli.export.portable import Portable, any_padding
from deepcli.formats import FORMATS
from deepcli.inputs.example import collate

from .test_models import BACKEND, CASES, experiment, kind, model, split_for, train_anew  # noqa: F401

TOLERANCE = 1e-4
LACKING = {("litert", "sequential-2-images"): "AvgPool3D"}
"""What a format cannot say, by format and case: an error that names it."""
LIKE_OTHERS = (
    "rnn-0-tokens", "gru-0-tokens", "lstm-0-images", "gru-0-images", "mlp-0-tokens", "sequential-0-tokens",
    "sequential-0-features", "cnn-0-series",
)  # fmt: skip
"""First variants that `make test` leaves out: formats see the same layers in another family, or in this one on other data."""


def rows_of(split):
    x = split.x
    if isinstance(x, np.ndarray):
        return list(x)
    return [x.sequence(index) for index in range(len(x))]


def padded(rows, length):
    """Pad ids behind, before and on both sides, and put more before them than a model of 12 ids reads."""
    longest = length or max(map(len, rows))
    for wide, before in [(longest, 0), (longest, longest)] + [(longest + 5, 3), (longest + 20, longest)] * (not length):
        x = np.zeros((len(rows), wide), np.int32)
        for line, row in zip(x, rows, strict=True):
            start = min(before, wide - len(row))
            line[start : start + len(row)] = row
        yield x, rows
    if not length:
        whole = [np.arange(1, 13, dtype=np.int32) + shift for shift in range(5)]
        yield np.stack([np.concatenate([[7] * 9, row, [0] * 4]) for row in whole]).astype(np.int32), whole


def every_variant():
    for case in CASES:
        first = "-0-" in str(case.id) and case.id not in LIKE_OTHERS
        marks = case.marks if first else (*case.marks, pytest.mark.long)
        yield pytest.param(*case.values, case.id, id=case.id, marks=marks)


@pytest.mark.parametrize(("model", "kind", "variant"), list(every_variant()), indirect=["model", "kind"])
def test_every_format_says_what_the_model_says(experiment, kind, variant, tmp_path):  # noqa: F811
    model = train_anew(experiment)  # noqa: F811 - another one, as portable models have no dropout
    rows = rows_of(split_for(experiment))
    for layer in model._flatten_layers():
        if hasattr(getattr(layer, "cell", None), "recurrent_dropout"):
            layer.cell.dropout = layer.cell.recurrent_dropout = 0.0
    own = BACKEND.function(model)
    length = experiment.signature.shape[0] if kind == "tokens" else None
    portable = Portable(any_padding(model, length) if kind == "tokens" else model, length)
    for name in FORMATS:
        format_ = FORMATS.select(name)
        if any(importlib.util.find_spec(package) is None for package in format_.packages):
            continue
        path = tmp_path / format_.file
        if lacking := LACKING.get((name, variant)):
            with pytest.raises(DeepcliError, match=lacking):
                format_.write(portable, path)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the converters, about themselves
            format_.write(portable, path)
            run = format_.open(path, portable.input_name)
        for some in (rows[:5], rows[5:6]):
            fixed = length if format_.fixed else None
            for x, alike in padded(some, fixed) if kind == "tokens" else [(collate(some), some)]:
                said = run(x)
                assert said.dtype == np.float32, name
                assert np.abs(said - own(collate(alike))).max() < TOLERANCE, name


def test_formats_that_need_more_say_so(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for name in FORMATS:
        format_ = FORMATS.select(name)
        if format_.packages:
            with pytest.raises(DeepcliError, match=rf"pip install 'deepcli\[{format_.extra}\]'"):
                format_.demand()
        else:
            format_.demand()
