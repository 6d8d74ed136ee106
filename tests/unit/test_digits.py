"""The embedded default is what scikit-learn gives, read without scikit-learn."""

import gzip
import importlib.util
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from sklearn.datasets import load_digits

from deepcli.data import DATASETS, Dataset
from deepcli.data.files import Sources
from deepcli.errors import DataError

PIXELS, LABELS = load_digits(return_X_y=True)


@pytest.mark.parametrize("damage", [lambda whole: whole[:-9], lambda whole: whole[:50] + b"x" + whole[51:], lambda _: b"",
                                    lambda _: gzip.compress(b"1,2\n3,4\n"), lambda _: gzip.compress(b"1,2\n3,four\n")])  # fmt: skip
def test_damage_to_scikit_learns_file_is_noticed(damage, monkeypatch, tmp_path):
    whole = Path(importlib.util.find_spec("sklearn").origin).parent / "datasets" / "data" / "digits.csv.gz"
    (tmp_path / "datasets" / "data").mkdir(parents=True)
    (tmp_path / "datasets" / "data" / "digits.csv.gz").write_bytes(damage(whole.read_bytes()))
    lost(monkeypatch, tmp_path)
    with pytest.raises(DataError, match=r"digits\.csv\.gz: is "):
        cast("Dataset", DATASETS.select({"type": "digits"})).read(Sources())


def lost(monkeypatch, tmp_path):
    """Let scikit-learn keep its file elsewhere than it does."""
    spec = importlib.util.spec_from_file_location("sklearn", tmp_path / "__init__.py")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)


@pytest.mark.parametrize("moved", [False, True])
def test_digits_are_scikit_learns(moved, monkeypatch, tmp_path):
    if moved:
        lost(monkeypatch, tmp_path)
    else:
        monkeypatch.delattr("sklearn.datasets.load_digits")
    raw = cast("Dataset", DATASETS.select({"type": "digits"})).read(Sources())
    x, y = (np.concatenate([raw.train[part], raw.test[part]]) for part in (0, 1))
    assert x.shape == (1797, 8, 8, 1)
    assert x.dtype == np.uint8
    order, theirs = (np.lexsort([*rows.reshape(1797, 64).T, labels]) for rows, labels in ((x, y), (PIXELS, LABELS)))
    assert np.array_equal(np.round(x.reshape(1797, 64)[order] * (16 / 255)), PIXELS[theirs])
    assert np.array_equal(y[order], LABELS[theirs])
    assert raw.provenance.source == "scikit-learn"
    assert raw.provenance.sha256 == "ed5d0ee6d5a61b611d6cad96c6bd69386d32550c51b259a59996b65ad132fa6c"
