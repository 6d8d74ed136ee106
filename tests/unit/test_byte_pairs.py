"""Byte-pair encoding: what is learned from a text, encoding, decoding as tokens arrive, and what a stranger's tokens may be."""

import importlib.util
import itertools
import re
from collections import Counter

import numpy as np
import pytest

from deepcli.data.files import OFFLINE
from deepcli.data.running_text import TextDataset
from deepcli.data.schema_reading import BYTES, read_schema
from deepcli.data.sources import byte_pairs, text_pieces
from deepcli.data.sources.byte_pairs import BytePairs
from deepcli.errors import DataError, UsageError

TEXT = "low lower lowest newer newest wider widest\n" * 20 + "na\u00efve caf\u00e9  \U0001f600\n" * 10
installed = pytest.mark.skipif(
    importlib.util.find_spec("tokenizers") is None, reason="the extra `bpe` is not installed"
)


def textbook(text: str, size: int) -> list[str]:
    """Learn byte pairs as the paper's listing does: count all pairs of all words, join the most frequent, again."""
    words = Counter(re.findall(r" ?[^\s]+|\s+(?!\S)|\s", text))
    split = {word: [chr(byte) for byte in word.encode()] for word in words}
    learned: list[str] = []
    while len(BYTES) + len(learned) < size:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in split.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += words[word]
        most = max(pairs.values())
        best = min((pair for pair, count in pairs.items() if count == most), key=lambda pair: order(pair, learned))
        learned.append("".join(best))
        for parts in split.values():
            for place in range(len(parts) - 2, -1, -1):
                if (parts[place], parts[place + 1]) == best:
                    parts[place : place + 2] = ["".join(best)]
    return learned


def order(pair: tuple[str, str], learned: list[str]) -> list[int]:
    """Equally frequent pairs are joined in the order of their ids: bytes that can be seen, other bytes, learned tokens."""
    seen = [chr(byte) for byte in (*range(33, 127), *range(161, 173), *range(174, 256))]
    ids = [*seen, *(byte for byte in BYTES if byte not in seen), *learned]
    return [ids.index(part) for part in pair]


@installed
def test_the_pairs_are_those_that_counting_by_hand_joins():
    text = "low lower lowest newer newest wider widest " * 5
    assert list(BytePairs.train([text], 256 + 12).tokens[256:]) == textbook(text, 256 + 12)


@installed
@pytest.mark.parametrize("text", [TEXT, "", "\n\n  \t x", "never seen: \u65e5\u672c \u00df \x00 \r", "  two  spaces  "])
def test_what_is_encoded_is_decoded_to_the_same_text_whether_training_had_it_or_not(text):
    pairs = BytePairs.train([TEXT], 300)
    assert pairs.decode(pairs.encode(text)) == text
    assert BytePairs(pairs.tokens).encode(text) == pairs.encode(text)


@installed
def test_frequent_words_are_one_token_and_equal_texts_give_equal_tokens():
    pairs = BytePairs.train([TEXT], 300)
    assert {" lower", " newest", " \U0001f600".encode().decode("latin-1")} <= set(pairs.tokens)
    assert pairs.encode(" lower newest") == [pairs.tokens.index(" lower"), pairs.tokens.index(" newest")]
    assert BytePairs.train([TEXT], 300) == pairs
    assert BytePairs.train([TEXT[:100], TEXT[100:]], 280).tokens == pairs.tokens[:280]


@installed
def test_the_chunks_in_which_a_text_is_encoded_change_nothing(monkeypatch):
    whole, learned = BytePairs.train([TEXT], 300).encode(TEXT), BytePairs.train([TEXT], 300)
    for size in (1, 5, 17):
        monkeypatch.setattr(byte_pairs, "CHUNK", size)
        assert BytePairs.train([TEXT], 300) == learned
        assert learned.encode(TEXT) == whole


def test_a_character_whose_bytes_are_in_several_tokens_comes_with_the_last_of_them():
    smile = [*"\U0001f600".encode()]
    pairs = BytePairs((*BYTES, bytes(smile[1:3]).decode("latin-1")))
    assert list(pairs.stream([smile[0], 256, smile[3], ord("a")])) == ["", "", "\U0001f600", "a", ""]
    assert list(pairs.stream([*smile[:2]])) == ["", "", "\ufffd"]
    assert pairs.names[256] == "\\x9f\\x98"


@installed
def test_a_lone_surrogate_is_replaced():
    pairs = BytePairs.train([TEXT + "\ud800"], 300)
    assert pairs.decode(pairs.encode("a\ud800b\ud83d\ude00")) == "a\ufffdb\U0001f600"


@installed
def test_tokens_that_no_pair_makes_are_never_used():
    pairs = BytePairs((*BYTES, "ab", "xyz", "abab"))
    assert pairs.encode("abababxyz") == [258, 256, *map(ord, "xyz")]


def section(path, **fields):
    return TextDataset.model_validate({"path": str(path), "tokens": "bpe", "window": 5, **fields})


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text(TEXT + "z\u00e9bra " * 60, encoding="utf-8")
    return path


@installed
def test_a_running_text_is_divided_by_characters_and_learned_from_training_alone(book, monkeypatch):
    fields = {"vocabulary_size": 270, "split": {"test": 0.2, "validation": 0.1}}
    data = section(book, **fields)
    text, splits = book.read_text("utf-8"), data.load(OFFLINE)
    pairs = BytePairs(data.data_schema.vocabulary)
    assert len(pairs.tokens) == 270 and not any("z" in token or "br" in token for token in pairs.tokens[256:])
    assert data.signature.unscored is None and not splits.findings
    assert pairs.decode(splits.train.text.tokens.tolist()) == text
    counts = [data.data_schema.layout[f"{name}_tokens"] for name in ("train", "validation", "test")]
    held = splits.test.text.tokens[sum(counts[:2]) :]
    assert len(held) == counts[2] and pairs.decode(held.tolist()).startswith(" z\u00e9bra z")
    assert splits.test.text.characters == len(pairs.decode(held.tolist())) / len(held) < 1
    monkeypatch.setattr(text_pieces, "PIECE", 7)
    again = section(book, **fields)
    assert again.data_schema == data.data_schema
    assert np.array_equal(again.load(OFFLINE).train.text.tokens, splits.train.text.tokens)


@installed
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"vocabulary_size": 256}, r"data.vocabulary_size: should be from 257 to 131,072 for bpe.*, not 256"),
        ({"vocabulary_size": 10**9}, r"data.vocabulary_size: should be from 257 .* not 1,000,000,000"),
        ({"vocabulary_size": 300, "tokens": "bytes"}, r"data.vocabulary_size: is for words and bpe"),
    ],
)
def test_a_number_of_tokens_that_cannot_be_is_refused(book, fields, said):
    with pytest.raises(DataError, match=said):
        _ = section(book, **fields).data_schema


def test_without_the_library_the_error_says_how_to_install_it(book, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"tokens: bpe needs tokenizers; install with: pip install 'deepcli\[bpe\]'"):
        _ = section(book).data_schema


@installed
def test_a_schema_keeps_the_tokens_and_a_false_one_is_refused(book):
    schema = section(book, vocabulary_size=300).data_schema
    assert read_schema(schema.model_dump_json().encode()) == schema
    for token in ("a" * 33, "\u0100", "", "a"):
        changed = schema.model_copy(update={"vocabulary": (*schema.vocabulary, token)})
        with pytest.raises(ValueError, match="vocabulary: has a token"):
            read_schema(changed.model_dump_json().encode())
