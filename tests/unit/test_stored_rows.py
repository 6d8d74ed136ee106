"""Rows that stay in their files: the same values as arrays, whatever is asked for, and errors instead of crashes."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from deepcli.data.arrays import stored_rows, stored_slices
from deepcli.data.arrays.array_stores import open_store
from deepcli.data.arrays.column_groups import columns_of
from deepcli.data.arrays.mapped_files import is_mapped, place_of
from deepcli.data.arrays.splits import select, stored
from deepcli.data.arrays.stored_rows import StoredRows, stored_if_large
from deepcli.errors import DataError

ROWS = 40


@pytest.fixture(autouse=True)
def mapped_from_the_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepcli.data.arrays.stored_arrays.MAPPED_BYTES", 1)
    monkeypatch.setattr(stored_rows, "SMALL_BYTES", 0)
    monkeypatch.setattr(stored_slices, "SHARE_BYTES", 5_000)


def mapped(values: np.ndarray, name: str = "x", order: str = "C") -> np.ndarray:
    """Write an array into a file and map it."""
    np.save(f"{name}.npy", np.asarray(values, order=order))  # type: ignore[call-overload]
    return open_store(Path(f"{name}.npy")).read(name)


def numbers(rows: int, *shape: int, dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(rows).integers(0, 255, (rows, *shape)).astype(dtype)


@pytest.mark.parametrize("shape", [(32, 32, 3), (7,), (), (1000,)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_those_of_the_array(shape: tuple[int, ...], dtype: str, order: str) -> None:
    values = numbers(ROWS, *shape, dtype=dtype)
    rows = StoredRows([mapped(values, order=order)])
    for key in (
        np.array([3, 1, 39, 1, 2, 3, 4]), np.arange(ROWS)[::-1], np.array([], int), [5, 6, -1], slice(3, 20, 4), 7, -2,
        np.arange(ROWS) % 3 == 0, np.array([[1, 2], [3, 4]]), np.random.default_rng(0).permutation(ROWS),
    ):  # fmt: skip
        np.testing.assert_array_equal(rows[key], values[key], strict=True)
    np.testing.assert_array_equal(np.asarray(rows), values, strict=True)
    np.testing.assert_array_equal(np.array(list(rows)), values)
    assert (rows.shape, rows.ndim, rows.size, rows.nbytes) == (values.shape, values.ndim, values.size, values.nbytes)


def test_parts_of_parts_and_joined_arrays_are_those_of_arrays() -> None:
    first, second = numbers(ROWS, 60, 60), numbers(9, 60, 60)
    rows = StoredRows([mapped(first, "a"), mapped(second, "b")])
    whole = np.concatenate([first, second])
    chosen = np.random.default_rng(1).permutation(len(whole))[:30]
    part = rows.part(chosen)
    assert isinstance(part, StoredRows)
    np.testing.assert_array_equal(part[:], whole[chosen])
    again = part.part(np.array([5, 0, 28]))
    np.testing.assert_array_equal(np.asarray(again), whole[chosen][[5, 0, 28]])
    joined = StoredRows.joined([part, first[:3], rows])
    np.testing.assert_array_equal(np.asarray(joined), np.concatenate([whole[chosen], first[:3], whole]))


def test_rows_that_are_not_there_and_rows_by_two_indices_are_errors() -> None:
    rows = StoredRows([mapped(numbers(ROWS, 4))])
    for key in (ROWS, -ROWS - 1, np.array([0, ROWS])):
        with pytest.raises(IndexError):
            rows[key]
    with pytest.raises(TypeError):
        rows[0, 1]


def test_small_parts_are_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = StoredRows([mapped(numbers(ROWS, 100))])
    monkeypatch.setattr(stored_rows, "SMALL_BYTES", 1000)
    assert isinstance(rows.part(np.arange(10)), np.ndarray)
    assert isinstance(rows.part(np.arange(11)), StoredRows)


def test_a_view_of_a_mapped_array_has_its_place_in_the_file() -> None:
    values = numbers(ROWS, 50, 50)
    whole = mapped(values)
    for view in (whole, whole[7:], whole[..., None], whole.view(np.ndarray)[3:9]):
        place = place_of(view)
        assert place is not None
        buffer = bytearray(2500)
        place.file.read_into([memoryview(buffer)], place.offset)
        assert bytes(buffer) == np.ascontiguousarray(view[0]).tobytes()
    assert place_of(whole[::2]) is None
    assert is_mapped(whole[::2])
    assert not is_mapped(values)
    assert place_of(values) is None


def test_an_array_in_an_archive_and_one_in_hdf5_are_read_at_their_places() -> None:
    import h5py

    values = numbers(ROWS, 64, 64)
    np.savez("two.npz", a=numbers(3, 5), x=values)
    with h5py.File("one.h5", "w") as file:
        file["a"] = numbers(3, 5)
        file["x"] = values
    for name in ("two.npz", "one.h5"):
        found = open_store(Path(name)).read("x")
        assert place_of(found) is not None
        np.testing.assert_array_equal(StoredRows([found])[[3, 30]], values[[3, 30]])


def test_a_file_that_is_replaced_keeps_its_content_and_one_that_is_cut_is_an_error() -> None:
    values = numbers(ROWS, 64, 64)
    rows = StoredRows([mapped(values)])
    np.save("other.npy", values[::-1])
    Path("other.npy").replace("x.npy")
    np.testing.assert_array_equal(rows[[2, 5]], values[[2, 5]])
    cut = StoredRows([mapped(values, "cut")])
    os.truncate("cut.npy", 4096 * 10)
    with pytest.raises(DataError, match=r"cut\.npy: became shorter while it was used"):
        cut[np.arange(ROWS)]


def test_pickled_rows_are_their_values() -> None:
    values = numbers(ROWS, 64, 64)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(StoredRows([mapped(values)]))), values)


def test_what_is_large_for_the_free_memory_stays_in_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    values = numbers(ROWS, 10)
    array = mapped(values)
    monkeypatch.setattr(stored_rows, "available_memory", lambda: 4 * values.nbytes)
    assert stored_if_large([array]) is None
    assert stored(array) is array
    found = stored_if_large([array, array])
    assert found is not None
    assert len(found) == 2 * ROWS
    assert isinstance(stored(array, array), StoredRows)
    monkeypatch.setattr(stored_rows, "available_memory", lambda: values.nbytes)
    assert stored_if_large([values]) is None  # what is in memory stays there
    x = stored(array)
    split = select(x, np.arange(ROWS), np.array([4, 9, 2]))
    assert isinstance(split.x, StoredRows)
    assert split.x.free == values.nbytes
    np.testing.assert_array_equal(np.asarray(split.x), values[[4, 9, 2]])


def test_columns_are_the_same_by_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    values = numbers(ROWS, 9, dtype="float32")
    chosen = np.array([3, 1, 30])
    monkeypatch.setattr("deepcli.data.arrays.column_groups.GROUP_BYTES", 2 * 4 * ROWS)
    monkeypatch.setattr("deepcli.data.arrays.column_groups.PIECE_BYTES", 100)
    for x in (values, StoredRows([mapped(values)])):
        np.testing.assert_array_equal(np.array(list(columns_of(x, [8, 0, 3, 4, 1]))), values[:, [8, 0, 3, 4, 1]].T)
        np.testing.assert_array_equal(np.array(list(columns_of(x, range(9), chosen))), values[chosen].T)


@pytest.mark.parametrize(("shape", "stored_as"), [((20,), "float64"), ((20,), "bool"), ((), "float64"), ((), "int16")])
def test_arrays_that_are_converted_are_the_same_where_they_are_too_large_for_memory(
    shape: tuple[int, ...], stored_as: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepcli.data.arrays.array_inputs import Named, inputs_of

    values = numbers(ROWS, 20, *shape).astype(stored_as)
    array = mapped(values / 255 if stored_as == "float64" and shape else values)
    monkeypatch.setattr("deepcli.data.arrays.array_inputs.PIECE_BYTES", 8 * 400 * 7)
    named, kind = Named("x.npy", "x", array), "image" if shape else "features"
    memory = inputs_of(named, kind)  # type: ignore[arg-type]
    monkeypatch.setattr(stored_rows, "available_memory", lambda: 0)
    large = inputs_of(named, kind)  # type: ignore[arg-type]
    assert isinstance(memory, np.ndarray)
    assert isinstance(large, np.ndarray)
    assert (is_mapped(memory), is_mapped(large)) == (False, True)
    np.testing.assert_array_equal(large, memory, strict=True)
    found = stored(large)
    assert isinstance(found, StoredRows)
    np.testing.assert_array_equal(found[[5, 3]], memory[[5, 3]])
