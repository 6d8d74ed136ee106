"""Raw texts and rows of ids, made into what a model was trained on."""

# ruff: noqa: RUF001 - signs that look like others are what is tested

import numpy as np
import pytest

from deepcli.data.arrays.splits import Tokens
from deepcli.data.encoding import encode_row, encode_text, look_up, split_words
from deepcli.data.imdb import Imdb
from deepcli.data.lexicon import Lexicon
from deepcli.data.words import encode

IDS = {"great": 4, "don't": 5, "café": 6, "film": 7, "movie": 8, "8½": 9, "br": 10, "'em": 11, "dogs'": 12}


@pytest.mark.parametrize(
    "text",
    [
        "“great”", "‘great’", "„great“", "‚great‘", "«great»", "‹great›", '"great"', "'great'", "”great“", "great…",
        "…great", "great—", "–great", "―great", "great‑", "great\u00a0", "\ufeffgreat\u200b", "gr\u00adeat", "great！",
        "ＧＲＥＡＴ", "great😀", "great™", "•great", "¡great!", "“‘great’”", "``great´´", "great\u2028", "great。",
    ],
)  # fmt: skip
def test_typographic_signs_do_not_stick_to_words(text):
    assert [look_up(word, IDS) for word in split_words(text)] == [4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don’t don‘t don´t donʼt don＇t", ["don't"] * 5),
        ("‘don’t’", ["don't"]),
        ("great—film, great–film great…film", ["great", "film"] * 3),
        ("‘a great film’ and ‘don’t’", ["a", "great", "film", "and", "don't"]),
        ("’em dogs’", ["'em", "dogs'"]),
        ("cafe\u0301 CAFE\u0301 café", ["café"] * 3),
        ("a ﬁlm of 8½", ["a", "film", "of", "8½"]),
        ("great<br /><br/>film<BR>x", ["great", "br", "br", "film", "br", "x"]),
        ("great\r\nfilm\x0bx", ["great", "film", "x"]),
        ("a_b (c) [d] {e} ~f $5", ["a", "b", "c", "d", "e", "f", "5"]),
        ("— … “” ", []),
    ],
)
def test_words_are_those_of_the_published_index(text, words):
    assert split_words(text) == words


def test_a_word_with_quotes_that_is_known_so_stays():
    assert [look_up(word, IDS) for word in ("'em", "dogs'", "'great'", "'don't'", "''", "nobody")] == [
        11, 12, 4, 5, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("maxlen", [None, 1, 3, 4, 5, 9])
@pytest.mark.parametrize("skip_top", [0, 2, 6])
def test_a_text_is_cut_and_left_out_as_the_data_are(maxlen, skip_top):
    """What `encode` makes of a file's ranks: the start is an id like the others, and the last ids are kept."""
    text, size = "great nobody film movie", 8
    ranks = np.array([1, 90, 4, 5], np.int32)
    expected = encode(Tokens(ranks, np.array([0, 4])), size, skip_top, maxlen).values.tolist()
    assert encode_text(text, IDS, size, 1, 2, skip_top, maxlen) == expected
    if (maxlen, skip_top) == (3, 0):
        assert expected == [2, 7, 2]
    words = ["", "<start>", "<left out>", "", "great", "don't", "café", "film"]
    data = Imdb(num_words=size, maxlen=maxlen, skip_top=skip_top)
    assert data.tokenize([text], Lexicon(tuple(words))).values.tolist() == expected
    assert data.take([0, 1, 4, 2, 7, 2, 0]).tolist() == expected


@pytest.mark.parametrize(
    "row",
    [
        [1, 5, 6], [0, 0, 1, 5, 6], [1, 5, 6, 0, 0], [0, 1, 5, 6, 0], (1, 5, 6), np.array([1, 5, 6], np.uint8),
        np.array([1.0, 5.0, 6.0, 0.0]), np.array([0, 1, 5, 6], ">i8"), np.array([0, 1, 5, 6], object),
    ],
    ids=str,
)  # fmt: skip
def test_padding_is_taken_off_wherever_it_is(row):
    ids = encode_row(row, 10, 2, 0, None)
    assert ids.dtype == np.int32 and ids.tolist() == [1, 5, 6]
    assert encode_row(row, 10, 2, 0, 2).tolist() == [5, 6]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ([1, 0, 5], "0 between ids, at position 1"),
        ([0, 1, 5, 0, 0, 6], "0 between ids, at position 3"),
        ([1, 10], "has the id 10; .* below 10"),
        ([1, -1], "has the id -1"),
        ([1, 5.5], "5.5, which is not a token id"),
        ([1, float("nan")], "nan, which is not a token id"),
        ([1, float("inf")], "has the id inf"),
        ([[1, 5]], "2 dimensions"),
        (["1", "5"], "one row of integers"),
        ([1, None], "one row of integers"),
        ([True, False], "one row of integers"),
        (7, "one row of integers"),
        ([1, 10**30], "one row of integers"),
        ([[1], [1, 2]], "."),
    ],
)
def test_what_is_no_row_of_ids_is_refused_with_what_was_found(row, says):
    with pytest.raises(ValueError, match=says):
        encode_row(row, 10, 2, 0, None)


def test_an_empty_row_is_empty():
    assert encode_row([], 10, 2, 0, 5).tolist() == encode_row([0, 0], 10, 2, 0, 5).tolist() == []
