"""Runs on data of each kind that stay in files have the weights and figures of runs from memory, to the bit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepcli
from deepcli.data.arrays import stored_rows
from deepcli.data.files import cache_folder
from tests import own_files
from tests.stored_runs import demand_equal_runs

MLP = {"type": "mlp", "hidden_units": [8]}
ON_JAX = """
import sys, deepcli
from deepcli.data.arrays import stored_arrays, stored_rows
stored_rows.SMALL_BYTES, stored_arrays.MAPPED_BYTES = 0, 1
if sys.argv[1] == "stored":
    stored_rows.available_memory = lambda: 0
deepcli.train({SPEC}, output=sys.argv[1], progress=False)
"""


def ids(path: Path) -> Path:
    """Write rows of token ids with 0 behind or before them, and two classes."""
    rng, x = np.random.default_rng(0), np.zeros((150, 30), np.uint16)
    y = rng.integers(0, 2, len(x))
    for number, row in enumerate(x):
        length = rng.integers(3, 25)
        row[number % 3 : number % 3 + length] = rng.integers(1, 9, length) + 9 * y[number]
    np.savez(path, x=x, y=y)
    return path


def two_series(path: Path) -> Path:
    """Write a table of two series of days, one with a gap."""
    own_files.series(Path("one.csv"))
    header, *lines = Path("one.csv").read_text().splitlines()
    rows = [f"{line},{name}" for name in "ab" for k, line in enumerate(lines) if name == "a" or k != 50]
    path.write_text("\n".join([f"{header},place", *rows]) + "\n")
    return path


KINDS: dict[str, tuple[Callable[[], object], dict[str, Any]]] = {
    "ids": (lambda: ids(Path("ids.npz")), {
        "data": {"path": "ids.npz", "kind": "tokens"}, "model": {"type": "mlp", "hidden_units": [8]},
    }),
    "texts": (lambda: own_files.texts(Path("texts")), {
        "data": {"path": "texts"}, "model": {"type": "cnn", "filters": [8]},
    }),
    "bags": (lambda: own_files.texts(Path("texts")), {
        "data": {"path": "texts"}, "model": {"type": "ngram", "ngrams": 2, "naive_bayes": True},
    }),
    "table": (lambda: own_files.table(Path("table.csv"), "kind"), {
        "data": {"path": "table.csv", "target": "kind"}, "model": {**MLP, "bins": 4},
    }),
    "table given back": (lambda: own_files.table(Path("table.csv"), "kind"), {
        "data": {"path": "table.csv"}, "model": {"type": "autoencoder"}, "task": "reconstruction",
    }),
    "series": (lambda: own_files.series(Path("series.csv")), {
        "data": {"type": "series", "path": "series.csv", "window": 14, "horizon": 3}, "model": MLP, "task": "forecasting",
    }),
    "two series": (lambda: two_series(Path("two.csv")), {
        "data": {"type": "series", "path": "two.csv", "series": "place", "window": 14, "horizon": 3},
        "model": {"type": "linear"}, "task": "forecasting",
    }),
    "windows given back": (lambda: own_files.series(Path("series.csv")), {
        "data": {"type": "series", "path": "series.csv", "window": 7},
        "model": {"type": "autoencoder"}, "task": "reconstruction",
    }),
    "classes of series": (lambda: own_files.labelled_series(Path()), {
        "data": {"path": "Waves_*.ts"}, "model": {"type": "cnn", "filters": [4]},
    }),
    "text": (lambda: own_files.running_text(Path("text.txt"), 200), {
        "data": {"type": "text", "path": "text.txt", "window": 24}, "model": {"type": "rnn", "units": [8]},
        "task": "language_model",
    }),
}  # fmt: skip
"""What writes the data of each kind, and a spec."""


@pytest.fixture(autouse=True)
def read_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepcli.data.arrays.stored_arrays.MAPPED_BYTES", 1)
    monkeypatch.setattr(stored_rows, "SMALL_BYTES", 0)


def spec_of(kind: str) -> dict[str, Any]:
    """Write the data of a kind, and return a spec for them."""
    make, spec = KINDS[kind]
    make()
    settings = {"epochs": 2, "precision": "float32"}
    return {**spec, "data": {**spec["data"], "batch_size": 8}, "training": settings}


@pytest.mark.filterwarnings("ignore:.* gap in steps:deepcli.errors.Notice")
@pytest.mark.parametrize(
    "kind", ["ids", *(pytest.param(kind, marks=pytest.mark.long) for kind in KINDS if kind != "ids")]
)
def test_a_run_and_its_evaluation_are_those_from_memory(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(kind)
    deepcli.train(spec, output="memory", progress=False)
    known = deepcli.Run("memory").evaluate().metrics
    monkeypatch.setattr(stored_rows, "available_memory", lambda: 0)
    shutil.rmtree(cache_folder() / "schemas", ignore_errors=True)  # it is found again, from files
    deepcli.train(spec, output="stored", progress=False)
    demand_equal_runs("memory", "stored")
    assert deepcli.Run("stored").evaluate().metrics == known


@pytest.mark.long
@pytest.mark.parametrize("kind", ["ids", "table", "two series", "text"])
def test_so_is_a_run_on_jax(kind: str) -> None:
    pytest.importorskip("jax")
    code = ON_JAX.replace("{SPEC}", repr(spec_of(kind)))
    for name in ("memory", "stored"):
        environment = {**os.environ, "KERAS_BACKEND": "jax"}
        subprocess.run([sys.executable, "-c", code, name], check=True, env=environment, timeout=300)
    demand_equal_runs("memory", "stored")
