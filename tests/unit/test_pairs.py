"""Pairs of texts of the user's own: how both sides are read, divided, split into tokens and joined in rows."""

import gzip

import numpy as np
import pytest

from deepcli.data.files import OFFLINE
from deepcli.data.pairs import PairsDataset
from deepcli.data.schema_reading import read_schema
from deepcli.data.sources.pair_vocabulary import END, START, UNKNOWN
from deepcli.errors import DataError

PAIRS = [(f"the {animal} {verb} a {noun}", f"{noun.upper()}, {verb} {animal}!") for animal in ("cat", "dog", "old bird")
         for verb in ("sees", "likes", "finds") for noun in ("mouse", "tree", "small river", "star")]  # fmt: skip


def section(path, **fields):
    return PairsDataset.model_validate({"path": str(path), **fields})


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("en\tde\n" + "".join(f"{left}\t{right}\n" for left, right in PAIRS), encoding="utf-8")
    return path


def parallel(folder, left, right, stem="train"):
    (folder / f"{stem}.en").write_text("".join(f"{line}\n" for line in left), encoding="utf-8")
    (folder / f"{stem}.de").write_text("".join(f"{line}\n" for line in right), encoding="utf-8")


def sides(data, split, place):
    """Both sides of a pair, as its ids spell them."""
    row, targets = split.x.sequence(place), split.y[place]
    start = int(np.flatnonzero(row == START)[0])
    words, target_words = data.data_schema.vocabulary, data.target_vocabulary
    assert row[start - 1] == END
    assert np.array_equal(row[start + 1 :], targets[: len(row) - start - 1])
    assert targets[len(row) - start - 1] == END
    assert not targets[len(row) - start :].any()
    spelled = "".join(words[k] for k in row[: start - 1].tolist())
    return spelled, "".join(target_words[k] for k in row[start + 1 :].tolist())


@pytest.mark.parametrize("tokens", ["words", "characters"])
@pytest.mark.parametrize("shared", [False, True])
def test_the_ids_of_a_pair_spell_both_sides(table, tokens, shared):
    data = section(table, tokens=tokens, shared_vocabulary=shared)
    splits = data.load(OFFLINE)
    counts = {"train": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)}
    assert data.data_schema.counts == counts
    assert sum(counts.values()) == len(PAIRS)
    for split in (splits.train, splits.validation, splits.test):
        for place in range(len(split)):
            left, right = sides(data, split, place)
            assert (split.pairs.sources[place], split.pairs.targets[place]) in PAIRS
            if "<unknown>" not in left + right:
                assert (left.strip(), right.strip()) == (split.pairs.sources[place], split.pairs.targets[place])
    assert (data.data_schema.vocabulary == data.target_vocabulary) == shared
    assert data.signature.shared is shared
    read_schema(data.data_schema.model_dump_json().encode())


def test_a_text_is_written_again_from_its_tokens(table):
    for tokens in ("words", "characters"):
        data = section(table, tokens=tokens)
        decode = data.decoder()
        for _, right in PAIRS:
            ids = data.encoded_target(right)
            if UNKNOWN not in ids:
                assert decode(ids.tolist()) == right


def test_equal_inputs_are_never_in_two_splits(tmp_path):
    lines = [(f"Word {k % 40}", f"Wort {k}") for k in range(200)]
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{left}\t{right}\n" for left, right in lines), encoding="utf-8")
    splits = section(path, header=False).load(OFFLINE)
    parts = [set(split.pairs.sources) for split in (splits.train, splits.validation, splits.test)]
    assert all(parts)
    assert not any(first & second for first in parts for second in parts if first is not second)


def test_columns_are_named_or_numbered(tmp_path):
    path = tmp_path / "three.tsv"
    path.write_text("id\tde\ten\n" + "".join(f"{k}\tein Wort\ta word\n" for k in range(40)), encoding="utf-8")
    for chosen in ({"input": "en", "target": "de"}, {"input": 3, "target": 2}):
        train = section(path, **chosen, split={"test": 0.2}).gather(None).content
        assert (train.sources[0], train.targets[0]) == ("a word", "ein Wort")
    with pytest.raises(
        DataError, match=r"has 3 columns; name both sides with data.input and data.target: 'id', 'de', 'en'"
    ):
        section(path).gather(None)
    with pytest.raises(DataError, match=r"no column 4; it has 3"):
        section(path, input=4, target=2).gather(None)
    with pytest.raises(DataError, match=r"no column 'fr'.*'id', 'de', 'en'"):
        section(path, input="fr", target="de").gather(None)
    with pytest.raises(DataError, match=r"as data\.input is"):
        section(path, input="en", target=3).gather(None)


def test_parallel_files_are_given_by_split_and_may_be_compressed(tmp_path):
    for stem, count in (("train", 30), ("val", 5), ("test_2016", 4)):
        for side in ("en", "de"):
            with gzip.open(tmp_path / f"m.{stem}.{side}.gz", "wt", encoding="utf-8") as file:
                file.write("".join(f"{side} word {k}\u2028more\n" for k in range(count)))
    (tmp_path / "m.test_2017.en.gz").write_bytes(gzip.compress(b"alone\n"))
    data = section(tmp_path / "m.*.en.gz", target_path=str(tmp_path / "m.*.de.gz"))
    splits = data.load(OFFLINE)
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [30, 5, 4]
    assert splits.test.pairs.sources[3] == "en word 3\u2028more"
    (finding,) = [one for one in splits.findings if one.code == "no-partner"]
    assert "test_2017.en.gz" in finding.where
    assert "left out" in finding.text


def test_two_parallel_files_are_divided(tmp_path):
    parallel(tmp_path, *zip(*PAIRS, strict=True))
    splits = section(tmp_path / "train.en", target_path=str(tmp_path / "train.de")).load(OFFLINE)
    assert len(splits.train) + len(splits.validation) + len(splits.test) == len(PAIRS)
    assert len(splits.test) > 0 < len(splits.validation)


@pytest.mark.parametrize(
    ("left", "right", "fields", "message"),
    [
        (["a", "b"], ["c"], {}, r"train\.en has 2 lines and .*train\.de has 1;"),
        (["a", " ", "b"], ["c", "d", "e"], {}, r"train\.en:2: is empty; a pair needs a text on both sides"),
        (["a", "b"], ["c", ""], {}, r"train\.de:2: is empty"),
        ([f"{k} b c d e" if k % 2 else f"{k}" for k in range(1, 41)], ["c", "d"] * 20, {"maxlen": 4},
         r"train\.en:1: its input has 5 words, more than 4; 19 more are too long; set data\.maxlen to 5, or data\.longer"),
        (list(map(str, range(40))), ["c d e", "d"] * 20, {"target_maxlen": 2}, r"its target has 3 words.*data\.target_maxlen to 3"),
        (["a"] * 9, ["b"] * 9, {"delimiter": "tab"}, r"data\.delimiter: is for a table"),
        (["a"] * 9, ["b"] * 9, {"split": {"by": "x"}}, r"data\.split\.by"),
        (["a"] * 9, ["b"] * 9, {"tokens": "characters", "vocabulary_size": 9}, r"data\.vocabulary_size: is for words"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_pairs_is_said_with_its_place(tmp_path, left, right, fields, message):
    parallel(tmp_path, left, right)
    with pytest.raises(DataError, match=message):
        _ = section(tmp_path / "train.en", target_path=str(tmp_path / "train.de"), **fields).data_schema


def test_a_cell_without_text_is_refused_with_its_line(table):
    table.write_text(table.read_text(encoding="utf-8") + "alone\t\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"pairs\.tsv:{len(PAIRS) + 2}: column 'de' is empty"):
        section(table).gather(None)


def test_files_that_are_not_text_are_refused_with_the_line(tmp_path):
    parallel(tmp_path, ["a", "b"], ["c", "d"])
    (tmp_path / "train.de").write_bytes("c\ngr\u00fcn\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"train\.de:2: is not utf-8 text; name its encoding with data\.encoding"):
        section(tmp_path / "train.en", target_path=str(tmp_path / "train.de")).gather(None)
    read = section(tmp_path / "train.en", target_path=str(tmp_path / "train.de"), encoding="cp1252").gather(None)
    assert read.content.targets[1] == "gr\u00fcn"


def test_longer_sides_are_cut_on_request(table):
    whole, cut = section(table), section(table, maxlen=3, target_maxlen=2, longer="cut")
    splits = cut.load(OFFLINE)
    assert cut.signature.shape == (4, 3)
    assert int(splits.train.x.lengths.max()) <= 4 + 3
    assert splits.train.y.shape[1] == 3
    assert ((splits.train.y == END).sum(axis=1) == 1).all()
    assert {one.code for one in splits.findings} >= {"cut"}
    (_, first), (_, second) = sides(whole, whole.load(OFFLINE).train, 0), sides(cut, splits.train, 0)
    assert first.startswith(second)


def test_pairs_of_similar_lengths_on_both_sides_stand_together(table):
    rows = section(table, tokens="characters").load(OFFLINE).train.x
    starts = np.array([int(np.flatnonzero(rows.sequence(k) == START)[0]) for k in range(len(rows))])
    order = np.argsort(rows.sizes, kind="stable")
    pairs = list(zip((rows.lengths - starts)[order].tolist(), starts[order].tolist(), strict=True))
    assert pairs == sorted(pairs)
    assert np.array_equal(rows[np.array([3, 1])].sizes, rows.sizes[[3, 1]])


def test_other_pairs_are_read_as_a_model_knows_them(table, tmp_path):
    schema = section(table).data_schema
    other = tmp_path / "new.tsv"
    other.write_text("de\ten\n" + "MOUSE, sees cat!\tthe cat zooms a mouse\n", encoding="utf-8")
    splits = section(other).carrying(schema).load(OFFLINE)
    assert (len(splits.train), len(splits.test)) == (0, 1)
    assert splits.test.pairs.sources == ("the cat zooms a mouse",)
    assert (splits.test.x.sequence(0) == UNKNOWN).sum() == 1
    with pytest.raises(DataError, match="the model was trained on words, not characters"):
        section(other, tokens="characters").carrying(schema).load(OFFLINE)


def test_a_hostile_schema_is_refused(table):
    schema = section(table).data_schema
    for changes in (
        {"vocabulary": ("a", *schema.vocabulary)},
        {"target": schema.target.model_copy(update={"names": ("a", "b", "c", "d", "e")})},
        {"target": schema.target.model_copy(update={"kind": "classes"})},
        {"shape": (1 << 30, 4)},
        {"kind": "tokens"},
    ):
        with pytest.raises(ValueError):
            read_schema(schema.model_copy(update=changes).model_dump_json().encode())
