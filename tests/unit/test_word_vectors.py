"""Pretrained word vectors: which rows of a file become which rows of a matrix, and which files are refused."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from deepcli.data.arrays.pretrained_vectors import read_vectors
from deepcli.data.schema import RESERVED
from deepcli.errors import DataError

WORDS = (*RESERVED, "good", "café", "paris", "rare")
LINES = ["the 9 9 9", "good 1 2.5 -3e-1", "café 4 5 6", "good 7 7 7", "Paris 0.5 0 0", ". . . 8 8 8", "PARIS 6 6 6"]
ROWS = [[0, 0, 0]] * 4 + [[1, 2.5, -0.3], [4, 5, 6], [0.5, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("header", [None, "7 3"])
@pytest.mark.parametrize("separator", [" ", "\t"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_rows_are_those_of_the_vocabulary(tmp_path, header, separator, end, packed):
    lines = [line.replace(" ", separator) for line in LINES]
    text = "".join(f"{line}{end}" for line in ([header] if header else []) + lines).encode()
    path = tmp_path / "vectors.any"
    path.write_bytes(gzip.compress(text, mtime=0) if packed else text)
    vectors = read_vectors(path, WORDS)
    assert vectors.matrix.dtype == np.float32
    assert np.array_equal(vectors.matrix, np.array(ROWS, np.float32))
    assert vectors.found.tolist() == [False] * 4 + [True] * 3 + [False]
    assert (vectors.covered, vectors.words) == (3, 4)


def test_a_word_in_lower_case_goes_before_one_with_capitals(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("Good 1 1\nGOOD 2 2\ngood 3 3\ngood 4 4\n")
    assert read_vectors(path, WORDS).matrix[4].tolist() == [3, 3]


def test_the_vector_of_unknown_words_is_that_of_id_2(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("good 1 1\n<unk> 2 3\n")
    vectors = read_vectors(path, WORDS)
    assert vectors.matrix[2].tolist() == [2, 3]
    assert vectors.covered == 1


def test_a_first_line_of_two_numbers_is_a_header_and_a_number_may_be_a_word(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("7 1\n2 5\ngood 6\n")
    assert read_vectors(path, (*WORDS, "7", "2")).matrix[[4, 8, 9], 0].tolist() == [6, 0, 5]
    path.write_text("7 1 2\ngood 6 7\n")
    assert read_vectors(path, (*WORDS, "7")).matrix[[4, 8]].tolist() == [[6, 7], [1, 2]]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", ": is empty"),
        (b"\n", ":1: has an empty first line"),
        (b"word\n", ":1: has vectors of 0 numbers"),
        (b"the 1 2\ngood 1\n", ":2: has 1 of 2 numbers: 'good 1'; the file may be cut off"),
        (b"the 1 2\nother 1", ":2: has 1 of 2 numbers: 'other 1'"),
        (b"2 3\ngood 1 2\n", ":2: has 2 of 3 numbers"),
        (b"the 1 2\ngood 1 two\n", ":2: 'two' in the vector of 'good' is not a number"),
        (b"the 1 2\ngood 1 nan\n", ":2: the vector of 'good' has NaN"),
        (b"the 1 2\ngood 1 1e39\n", ":2: the vector of 'good' has NaN, infinite or too large"),
        (b"le 1 2\nla 1 2\n", ": has none of the 4 words"),
        (b"PK\x03\x04....", "is a zip archive; unpack it"),
        (b"2 2\ngood " + struct.pack("<2f", 1, 2) + b"\nparis " + struct.pack("<2f", 3, 4), "word2vec's binary form"),
        (b"2 2\ngood \x81\x92\xa3\xf4\xb1\xe2\xd3\xf4\n", ":2: is not a text file .*save_word2vec_format"),
        (gzip.compress(b"the 1 2\ngood 1 2\n" * 1000, mtime=0)[:-9], "is damaged"),
    ],
)
def test_other_files_are_refused_with_their_line(tmp_path, content, why):
    path = tmp_path / "v.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"v\.txt{why}|{why}"):
        read_vectors(path, WORDS)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"v\.txt: No such file"):
        read_vectors(tmp_path / "v.txt", WORDS)


def test_a_matrix_that_is_too_large_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("deepcli.data.arrays.pretrained_vectors.MAX_BYTES", 8 * 3 * 4 - 1)
    (tmp_path / "v.txt").write_text("\n".join(LINES))
    with pytest.raises(DataError, match="8 words with 3 numbers need more than"):
        read_vectors(tmp_path / "v.txt", WORDS)


def test_a_line_without_end_is_not_read_whole(tmp_path):
    path = tmp_path / "v.txt"
    path.write_bytes(b"good 1 2\n" + b"x" * (20 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=":2: is longer than 1 MiB"):
            read_vectors(path, WORDS)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
