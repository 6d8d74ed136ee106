"""Token ids that stay in their files: the same sequences as from memory, whatever is asked for."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from deepcli.data.arrays import stored_rows, stored_slices, token_sequences
from deepcli.data.arrays.array_files import open_arrays
from deepcli.data.arrays.array_stores import open_store
from deepcli.data.arrays.encoded_texts import encode_texts, unknown_share
from deepcli.data.arrays.made_arrays import made_flat
from deepcli.data.arrays.mapped_files import is_mapped
from deepcli.data.arrays.splits import Split, Tokens, in_memory, select, stored
from deepcli.data.arrays.stored_slices import StoredSlices
from deepcli.data.arrays.token_sequences import StoredTokens, joined_tokens
from deepcli.data.words import encode
from deepcli.errors import DataError
from deepcli.nn.ngram_bag import TokenNgrams, class_counts

COUNT, LONGEST = 60, 900


@pytest.fixture(autouse=True)
def mapped_from_the_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepcli.data.arrays.stored_arrays.MAPPED_BYTES", 1)
    monkeypatch.setattr(stored_rows, "SMALL_BYTES", 0)
    monkeypatch.setattr(stored_slices, "SHARE_BYTES", 5_000)
    monkeypatch.setattr(token_sequences, "PIECE_BYTES", 10_000)


@pytest.fixture(params=[0, 1 << 30], ids=["by reads", "by pages"])
def short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices are read by calls, or taken from mapped memory."""
    monkeypatch.setattr(stored_slices, "SHORT_SLICE", request.param)


def sequences(seed: int = 0, count: int = COUNT) -> Tokens:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, LONGEST, count)
    values = rng.integers(1, 50, lengths.sum()).astype(np.int32)
    return Tokens(values, np.concatenate([[0], np.cumsum(lengths)]))


def in_file(tokens: Tokens, name: str = "ids", dtype: str = "int32") -> StoredTokens:
    np.save(f"{name}.npy", tokens.values.astype(dtype))
    return StoredTokens([open_store(Path(f"{name}.npy")).read(name)], tokens.offsets[:-1], tokens.lengths)


def demand_equal(found: Tokens, expected: Tokens) -> None:
    np.testing.assert_array_equal(found.values, expected.values, strict=True)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    assert len(found) == len(expected)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("dtype", ["int32", "uint8", "int64", ">i2"])
def test_sequences_are_those_of_memory(dtype: str) -> None:
    memory = sequences()
    file = in_file(memory, dtype=dtype)
    demand_equal(file, memory)
    for chosen in (
        np.array([3, 1, 59, 1, 2, 3, 4]), np.arange(COUNT)[::-1], np.array([], int),
        np.random.default_rng(0).permutation(COUNT),
    ):  # fmt: skip
        demand_equal(file[chosen], memory[chosen])
        demand_equal(file.part(chosen), memory[chosen])
    for one, other in zip(file.sequences(), memory.sequences(), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    np.testing.assert_array_equal(file.sequence(7), memory.sequence(7), strict=True)
    assert file.nbytes == memory.values.nbytes
    demand_equal(in_memory(file), memory)  # type: ignore[arg-type]
    demand_equal(pickle.loads(pickle.dumps(file)), memory)


@pytest.mark.usefixtures("short")
def test_parts_of_parts_and_joined_sequences_are_those_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = sequences(), sequences(1, 9)
    both = joined_tokens([first, second])
    monkeypatch.setattr(stored_rows, "available_memory", lambda: 0)
    files = joined_tokens([in_file(first, "a"), in_file(second, "b", "int64"), first])
    assert isinstance(files, StoredTokens)
    chosen = np.random.default_rng(1).permutation(len(both))[:30]
    part = files.part(chosen)
    assert isinstance(part, StoredTokens)
    demand_equal(part, both[chosen])
    demand_equal(part.part(np.array([5, 0, 28])), both[chosen][np.array([5, 0, 28])])
    demand_equal(joined_tokens([part, second]), joined_tokens([both[chosen], second]))
    monkeypatch.setattr(stored_rows, "available_memory", lambda: 1 << 40)
    assert type(joined_tokens([part, second])) is Tokens  # what fits is held


def test_pieces_are_all_sequences_in_order() -> None:
    for tokens in (sequences(), in_file(sequences())):
        pieces = list(tokens.pieces())
        assert len(pieces) > 3
        assert not any(isinstance(piece, StoredTokens) for piece in pieces)
        demand_equal(joined_tokens(pieces), tokens)
    assert not list(Tokens(np.zeros(0, np.int32), np.zeros(1, np.int64)).pieces())


def test_padded_ids_have_zeros_behind_them() -> None:
    tokens = Tokens(np.array([1, 2, 3, 4], np.int32), np.array([0, 1, 4]))
    np.testing.assert_array_equal(tokens.padded(), np.array([[1, 0, 0], [2, 3, 4]], np.int32), strict=True)
    assert tokens[np.array([], int)].padded().shape == (0, 0)


def test_a_file_that_was_cut_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_slices, "SHORT_SLICE", 0)
    file = in_file(sequences(), "cut")
    os.truncate("cut.npy", 4096)
    with pytest.raises(DataError, match=r"cut\.npy: became shorter while it was used"):
        file[np.arange(COUNT)]


def test_slices_of_rows_and_empty_ones_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_slices, "SHORT_SLICE", 0)
    np.save("rows.npy", values := np.random.default_rng(0).normal(size=(90, 3)))
    slices = StoredSlices([open_store(Path("rows.npy")).read("rows")], np.float64, 4)
    begins, lengths = np.array([80, 3, 3, 90, 0]), np.array([10, 4, 0, 0, 90])
    expected = [values[begin : begin + length] for begin, length in zip(begins, lengths, strict=True)]
    np.testing.assert_array_equal(slices.read(begins, lengths), np.concatenate(expected), strict=True)


@pytest.mark.parametrize("dtype", ["uint16", "int64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_padded_rows_of_a_file_are_the_ids_of_rows_in_memory(
    dtype: str, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepcli.data.arrays.array_inputs.PIECE_BYTES", 8 * 40 * 7)
    memory = sequences()
    x = np.zeros((COUNT, LONGEST + 9), dtype)
    for k, row in enumerate(x):
        row[k % 9 : k % 9 + memory.lengths[k]] = memory.sequence(k)
    np.savez("ids.npz", x=np.asarray(x, order=order), y=np.arange(COUNT) % 2)  # type: ignore[call-overload]
    found = open_arrays(Path("ids.npz"), kind="tokens")
    assert isinstance(found.inputs["train"], StoredTokens) == (order == "C")
    demand_equal(found.inputs["train"], memory)  # type: ignore[arg-type]
    assert found.vocabulary == int(memory.values.max()) + 1
    assert found.shape == (int(memory.lengths.max()),)
    np.savez("gap.npz", x=np.array([[1, 2, 3], [4, 0, 5]]), y=np.array([0, 1]))
    with pytest.raises(DataError, match="row 1 has a 0 between ids"):
        open_arrays(Path("gap.npz"), kind="tokens")


def test_texts_and_ranks_are_encoded_into_a_file_where_they_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepcli.data.arrays.encoded_texts.PIECE", 7)
    monkeypatch.setattr("deepcli.data.words.AT_ONCE", 7)
    texts, words = ["Good film", "", "a GOOD one", "film " * 20], ("", "<start>", "<unknown>", "", "good", "film")
    made = [encode_texts(texts, words, "words", 9), encode(sequences(), 40, 6, 20)]
    monkeypatch.setattr(stored_rows, "available_memory", lambda: 0)
    large = [encode_texts(texts, words, "words", 9), encode(sequences(), 40, 6, 20)]
    assert [is_mapped(one.values) for one in (*made, *large)] == [False, False, True, True]
    for memory, file in zip(made, large, strict=True):
        demand_equal(file, memory)
        found = stored(file)
        assert isinstance(found, StoredTokens)
        demand_equal(found, memory)
        assert unknown_share(found) == unknown_share(memory)
        part = select(found, np.arange(len(memory)), np.array([2, 1])).x
        assert isinstance(part, StoredTokens)
        demand_equal(part, memory[np.array([2, 1])])


def test_pieces_of_an_unknown_number_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [np.arange(k) for k in (3, 0, 4)]
    for free in (1 << 40, 0):
        monkeypatch.setattr(stored_rows, "available_memory", lambda free=free: free)
        expected = np.array([0, 1, 2, 0, 1, 2, 3], np.int32)
        np.testing.assert_array_equal(made_flat(iter(pieces), np.int32), expected, strict=True)
        assert made_flat(iter([]), np.int32).shape == (0,)


def test_ngrams_are_counted_as_from_memory() -> None:
    memory, layer = sequences(), TokenNgrams(3, 100, 60)
    y = np.arange(COUNT) % 3
    counts = [class_counts(layer, Split(x, y, np.arange(COUNT)), 4) for x in (memory, in_file(memory))]
    np.testing.assert_array_equal(counts[0], counts[1])
    assert counts[0].sum() > memory.values.size
