"""Training and evaluation on rows that stay in their files give what they give from memory, to the bit, on each backend."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import tensorflow as tf

import deepcli
from deepcli.data.arrays import stored_rows
from deepcli.data.arrays.array_stores import open_store
from deepcli.data.arrays.series_windows import SeriesWindows
from deepcli.data.arrays.splits import Split, Tokens, select
from deepcli.data.arrays.stored_rows import StoredRows
from deepcli.data.arrays.text_windows import TextWindows
from deepcli.data.arrays.token_sequences import StoredTokens
from deepcli.data.files import cache_folder
from deepcli.errors import DataError
from deepcli.training.order import Order
from deepcli.training.pipeline import InferenceBatches, MeasuringBatches, TrainingBatches
from deepcli.training.tensorflow_reading import reading_errors
from tests import own_files
from tests.stored_runs import demand_equal_runs

STRATEGY = tf.distribute.get_strategy()
COUNT, SIZE = 50, 8


@pytest.fixture(autouse=True)
def read_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepcli.data.arrays.stored_arrays.MAPPED_BYTES", 1)
    monkeypatch.setattr(stored_rows, "SMALL_BYTES", 0)


def splits_of(name: str = "x") -> tuple[Split, Split]:
    """Return some pictures in memory, and in a file."""
    rng = np.random.default_rng(0)
    np.save(f"{name}.npy", rng.integers(0, 255, (COUNT + 9, 30, 30, 3)).astype(np.uint8))
    whole = open_store(Path(f"{name}.npy")).read(name)
    places = rng.permutation(COUNT)
    y = rng.integers(0, 3, COUNT).astype(np.int32)
    inside = StoredRows([whole]).part(places)
    assert isinstance(inside, StoredRows)
    return Split(np.asarray(whole)[places], y, places), Split(inside, y, places)


def token_splits() -> tuple[Split, Split]:
    """Return some sequences in memory, and in a file."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 99, COUNT + 9)
    np.save("ids.npy", values := rng.integers(1, 50, lengths.sum()).astype(np.uint16))
    begins, places = np.cumsum(lengths) - lengths, rng.permutation(COUNT)
    memory = Tokens(values.astype(np.int32), np.append(begins, lengths.sum()))[places]
    inside = StoredTokens([open_store(Path("ids.npy")).read("ids")], begins, lengths).part(places)
    assert isinstance(inside, StoredTokens)
    y = rng.integers(0, 3, COUNT).astype(np.int32)
    return Split(memory, y, places), Split(inside, y, places)


def text_splits(dtype: str) -> tuple[Split, Split]:
    """Return windows of a text in memory, and in a file."""
    tokens = np.random.default_rng(0).integers(0, 50, 9 * COUNT).astype(dtype)
    np.save("text.npy", tokens)
    text = TextWindows(tokens, range(3, 3 + 7 * COUNT, 7), 10)
    inside = replace(text, tokens=open_store(Path("text.npy")).read("text"), free=5)
    return Split.of_text(text), Split.of_text(inside)


def series_splits(horizon: int, even: bool) -> tuple[Split, Split]:
    """Return windows of series in memory, and in a file."""
    rng = np.random.default_rng(0)
    np.save("rows.npy", values := rng.normal(size=(4 * COUNT, 3)).astype(np.float32))
    begins = np.arange(COUNT) * 2 if even else np.sort(rng.permutation(3 * COUNT)[:COUNT])
    series = SeriesWindows(values, begins, 8, horizon, 2, np.arange(4.0 * COUNT), np.ones((4 * COUNT, 2)))
    inside = replace(series, values=open_store(Path("rows.npy")).read("rows"), free=5)
    return Split.of_series(series), Split.of_series(inside)


KINDS: dict[str, tuple[Callable[[], tuple[Split, Split]], bool]] = {
    "pictures": (splits_of, True),
    "pictures given back": (lambda: cast(Any, tuple(split.of_inputs(True) for split in splits_of())), False),
    "tokens": (token_splits, True),
    "text": (lambda: text_splits("uint8"), False),
    "text of words": (lambda: text_splits("int32"), False),
    "series": (lambda: series_splits(4, True), False),
    "series with gaps": (lambda: series_splits(4, False), False),
    "series given back": (lambda: series_splits(0, False), False),
}
"""Splits in memory and in files, and whether their examples have classes."""


def order_of(split: Split) -> Order:
    return Order(len(split), SIZE, 3, split.x.sizes if isinstance(split.x, Tokens) else None)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_tensorflow_are_equal(kind: str) -> None:
    make, has_classes = KINDS[kind]
    memory, stored = make()
    weights = np.array([1, 2, 3], np.float32) if has_classes else None
    order = order_of(memory)
    batches = [TrainingBatches(split, order, weights, STRATEGY) for split in (memory, stored)]
    measuring = [MeasuringBatches(split, SIZE) for split in (memory, stored)]
    made: list[list[Any]] = [[one.epoch(1, 2, order.steps) for one in batches], measuring]
    if not kind.startswith("text"):
        made.append([InferenceBatches(split.x, SIZE, STRATEGY) for split in (memory, stored)])
    assert stored.stored is not None
    for one_kind in made:
        for first, second in zip(*one_kind, strict=True):
            for here, there in zip(first, second, strict=True):
                assert here.dtype == there.dtype
                np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("rows", [slice(None), slice(1, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_jax_are_equal(kind: str, rows: slice) -> None:
    pytest.importorskip("jax")
    from deepcli.training.jax_batches import JaxBatches

    splits = KINDS[kind][0]()
    order = order_of(splits[0])
    made = [
        JaxBatches(split, order, None, lambda gather, places: gather(places, rows)).epoch(1, 2, order.steps)
        for split in splits
    ]
    for first, second in zip(*made, strict=True):
        for here, there in zip(first, second, strict=True):
            np.testing.assert_array_equal(here, there, strict=True)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("series")])
def test_windows_in_a_file_are_indexed_as_those_in_memory(kind: str) -> None:
    memory, stored = KINDS[kind][0]()
    for one, other in ((memory.x, stored.x), (memory.y, stored.y)):
        assert isinstance(other, StoredRows)
        assert not isinstance(one, Tokens)
        for key in (np.array([3, 1, 49, 1]), slice(2, 40, 3), 7, -1, np.arange(COUNT) % 3 == 0):
            np.testing.assert_array_equal(other[key], one[key], strict=True)
        np.testing.assert_array_equal(np.asarray(other), one)
        np.testing.assert_array_equal(np.asarray(other.part(np.array([7, 5]))), one[[7, 5]])
        assert (other.shape, other.nbytes, len(other)) == (one.shape, one.nbytes, COUNT)


def test_a_part_of_inputs_that_are_targets_too_stays_so() -> None:
    for split in splits_of():
        whole = split.of_inputs(False)
        assert select(whole.x, whole.y, np.array([3, 1])).predicts_inputs


def test_a_file_that_was_cut_is_named_by_the_error() -> None:
    _, stored = splits_of("pictures")
    os.truncate("pictures.npy", 20_000)
    with pytest.raises(DataError, match=r"pictures\.npy: became shorter"), reading_errors():
        list(MeasuringBatches(stored, SIZE))


SPEC = {
    "data": {"path": "pictures", "batch_size": 8, "size": 30},
    "model": {"type": "cnn", "filters": [4], "regularization": {"dropout": 0.2}},
    "training": {"epochs": 2, "precision": "float32"},
}
ON_JAX = """
import sys, deepcli
from deepcli.data.arrays import stored_rows
stored_rows.SMALL_BYTES = 0
if sys.argv[1] == "stored":
    stored_rows.available_memory = lambda: 0
deepcli.train({SPEC}, output=sys.argv[1], progress=False)
"""


def test_a_run_has_the_weights_and_figures_of_one_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    own_files.pictures(Path("pictures"))
    deepcli.train(SPEC, output="memory", progress=False)
    monkeypatch.setattr(stored_rows, "available_memory", lambda: 0)
    deepcli.train(SPEC, output="stored", progress=False)
    demand_equal_runs("memory", "stored")


@pytest.mark.long
@pytest.mark.parametrize("task", ["reconstruction", "regression"])
def test_so_has_a_run_that_gives_inputs_back_and_one_of_numbers(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec: dict[str, Any] = {**SPEC, "task": task}
    if task == "reconstruction":
        own_files.pictures(Path("pictures"))
        spec["model"] = {"type": "autoencoder"}
    else:
        rng = np.random.default_rng(0)
        np.save("x.npy", x := rng.normal(size=(200, 5)))  # float64: it is converted
        np.save("y.npy", x[:, 0] * 2)
        spec |= {"data": {"path": "x.npy", "y": "y.npy", "batch_size": 8}, "model": {"type": "mlp", "bins": 4}}
    deepcli.train(spec, output="memory", progress=False)
    monkeypatch.setattr(stored_rows, "available_memory", lambda: 0)
    shutil.rmtree(cache_folder() / "schemas")  # it is found again, from rows in files
    deepcli.train(spec, output="stored", progress=False)
    demand_equal_runs("memory", "stored")


@pytest.mark.long
def test_so_has_a_run_on_jax() -> None:
    pytest.importorskip("jax")
    own_files.pictures(Path("pictures"))
    for name in ("memory", "stored"):
        words = [sys.executable, "-c", ON_JAX.replace("{SPEC}", repr(SPEC)), name]
        subprocess.run(words, check=True, env={**os.environ, "KERAS_BACKEND": "jax"}, timeout=300)
    demand_equal_runs("memory", "stored")
