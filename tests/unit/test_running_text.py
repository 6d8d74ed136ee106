"""Running texts of the user's own: how they are read, divided by place, split into tokens and cut into windows."""

import numpy as np
import pytest

from deepcli.api.data_paths import is_data_path
from deepcli.data.arrays.encoded_running_text import decoder, make_encoder
from deepcli.data.files import OFFLINE
from deepcli.data.running_text import TextDataset
from deepcli.data.schema import UNKNOWN_TOKEN
from deepcli.data.schema_reading import read_schema
from deepcli.data.sources import text_pieces
from deepcli.data.sources.text_vocabulary import pieces_of
from deepcli.errors import DataError, SpecError
from deepcli.experiment.load import load, parse

TEXT = "It was the best of times,\nit was the worst of times:  \u201cno\u201d more.\n" * 30


def section(path, **fields):
    return TextDataset.model_validate({"path": str(path), **fields})


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def spelled(data, split, tokens="characters"):
    """The text of a split, from the first token of its first window to the target of its last."""
    windows = split.text
    ids = windows.tokens[windows.begins[0] : windows.begins[-1] + windows.window + 1]
    return "".join(decoder(data.data_schema.vocabulary, tokens)(ids.tolist()))


def test_the_end_of_a_text_is_for_test_and_the_part_before_it_for_validation(book):
    data = section(book, window=10, split={"test": 0.2, "validation": 0.1})
    splits = data.load(OFFLINE)
    length = len(TEXT)
    borders = [0, length - round(0.1 * length) - round(0.2 * length), length - round(0.2 * length), length]
    for split, begin, end in zip((splits.train, splits.validation, splits.test), borders, borders[1:], strict=False):
        part = TEXT[begin:end]
        assert part.startswith(spelled(data, split))
        assert len(part) - len(spelled(data, split)) < 10  # what is left is too short for a window
        assert np.array_equal(split.x[:, 1:], split.y[:, :-1])
    assert data.data_schema.counts == {
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(splits.test),
    }


def test_windows_of_training_may_overlap_and_others_never_do(book):
    splits = section(book, window=10, stride=3).load(OFFLINE)
    assert (splits.train.text.begins.step, splits.validation.text.begins.step, splits.test.text.begins.step) == (
        3,
        10,
        10,
    )
    ends = [split.text.begins[-1] + 10 + 1 for split in (splits.train, splits.validation)]
    assert ends[0] <= splits.validation.text.begins[0] and ends[1] <= splits.test.text.begins[0]


@pytest.mark.parametrize("tokens", ["characters", "words", "bytes"])
def test_tokens_joined_are_the_text(book, tokens):
    assert "".join(pieces_of(TEXT, tokens)) == (TEXT if tokens != "bytes" else TEXT.encode().decode("latin-1"))
    data = section(book, window=10, tokens=tokens)
    splits = data.load(OFFLINE)
    assert TEXT.startswith(spelled(data, splits.train, tokens).rstrip("\ufffd"))
    assert splits.train.text.tokens.dtype == np.uint8


def test_what_is_read_does_not_depend_on_the_pieces_in_which_it_is_read(book, monkeypatch):
    whole = {
        tokens: section(book, window=5, tokens=tokens).load(OFFLINE) for tokens in ("characters", "words", "bytes")
    }
    monkeypatch.setattr(text_pieces, "PIECE", 7)
    for tokens, splits in whole.items():
        again = section(book, window=5, tokens=tokens).load(OFFLINE)
        assert np.array_equal(again.train.text.tokens, splits.train.text.tokens), tokens
        assert again.test.text.begins == splits.test.text.begins


def test_the_vocabulary_is_that_of_training_and_what_it_lacks_is_counted(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("abc" * 100 + "xax" * 10, encoding="utf-8")
    data = section(path, window=4, split={"test": 0.1, "validation": 0.1})
    assert data.data_schema.vocabulary == (UNKNOWN_TOKEN, "a", "b", "c")
    splits = data.load(OFFLINE)
    (finding,) = splits.findings
    assert finding.severity == "warning" and "20 characters of test" in finding.text and "'x'" in finding.text
    assert data.signature.unscored == 0 and (splits.test.x == 0).any() and not (splits.train.x == 0).any()


def test_words_that_training_has_once_are_one_unknown_word(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("the cat and the cat and the unique dog\n" + "the cat and " * 20, encoding="utf-8")
    data = section(path, window=3, tokens="words")
    assert set(data.data_schema.vocabulary) == {
        UNKNOWN_TOKEN,
        "the",
        " the",
        " cat",
        " and",
    }  # a word with a space before it is another
    assert data.signature.unscored is None
    assert (data.load(OFFLINE).train.x == 0).sum() > 0
    assert len(section(path, window=3, tokens="words", vocabulary_size=3).data_schema.vocabulary) == 3


def test_a_folder_is_read_in_the_order_of_its_names_and_ends_of_lines_are_newlines(tmp_path):
    (tmp_path / "b.md").write_bytes(b"three\rfour\r\n")
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo" * 20)
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    text, findings = text_pieces.read_through(text_pieces.find_text_files(tmp_path))
    assert "".join(text.pieces()) == "one\ntwo" * 20 + "\nthree\nfour\n" and findings == ()
    assert text.characters == len("".join(text.pieces()))


def test_a_column_of_a_table_is_read_row_by_row(tmp_path):
    path = tmp_path / "reviews.csv"
    rows = [f'{number},"Good, and {number}"' for number in range(200)]
    path.write_text("id,review\n" + "\n".join([*rows, "200,"]) + "\n", encoding="utf-8")
    data = section(path, column="review", window=6)
    splits = data.load(OFFLINE)
    assert spelled(data, splits.train).startswith("Good, and 0\nGood, and 1\n")
    assert data.data_schema.layout["characters"] == sum(len(f"Good, and {number}\n") for number in range(200))
    with pytest.raises(DataError, match=r"data.column: .* has no column 'reviw'; did you mean 'review'"):
        _ = section(path, column="reviw", window=6).data_schema


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"a\x00b" * 100, "is not text"),
        (b"short text", "too few for a window of 128"),
    ],
)
def test_a_text_that_cannot_be_used_is_an_error_that_says_why(tmp_path, content, said):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=said):
        _ = section(tmp_path / "a.txt").data_schema


def test_a_split_that_is_shorter_than_a_window_is_named_with_what_would_fit(book):
    with pytest.raises(
        DataError, match=r"its validation split has \d+ characters, too few for a window of 400.*data.window"
    ):
        _ = section(book, window=400).data_schema


def test_a_text_that_is_not_utf_8_is_read_as_windows_1252_and_said(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("d\u00e9j\u00e0 vu ".encode("cp1252") * 50)
    data = section(path, window=5)
    assert "\u00e9" in data.data_schema.vocabulary
    assert [one.code for one in data.load(OFFLINE).findings] == ["not-utf-8"]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"split": {"by": "author"}}, "data.split.by"),
        ({"split": {"test": 0.6, "validation": 0.5}}, "data.split"),
        ({"vocabulary_size": 100}, "data.vocabulary_size"),
    ],
)
def test_what_a_running_text_has_not_is_refused_with_its_place(book, fields, place):
    with pytest.raises(DataError, match=place):
        _ = section(book, window=5, **fields).data_schema


def test_the_task_reads_any_path_as_a_running_text(book):
    spec = f"task: language_model\ndata: {book}\nmodel: gru\n"
    assert load([parse(spec, "a.yaml")]).experiment.data.type == "text"
    spec = f"task: language_model\ndata: {{path: {book}, window: 7}}\nmodel: gru\n"
    assert load([parse(spec, "a.yaml")]).experiment.signature.shape == (7,)
    spec = f"data: {{type: text, path: {book}}}\nmodel: gru\n"
    assert load([parse(spec, "a.yaml")]).experiment.resolved_task.type == "language_model"
    notes = book.rename(book.with_name("notes.md"))  # only one thing can be done with it
    assert is_data_path(notes)
    assert load([parse(f"data: {notes}\nmodel: gru\n", "a.yaml")]).experiment.resolved_task.type == "language_model"


@pytest.mark.parametrize("family", ["mlp", "cnn", "ngram"])
def test_families_that_cannot_predict_tokens_are_refused_with_their_place(book, family):
    with pytest.raises(SpecError, match=rf"a.yaml:3:8: model\S*: `{family}` takes .*running text; use gru, lstm, rnn"):
        load([parse(f"task: language_model\ndata: {book}\nmodel: {family}\n", "a.yaml")])


def test_of_n_grams_the_refusal_says_where_they_are(book):
    said = r"use gru, lstm, rnn or transformer \(n-grams of a running text are the baseline that each of them is compared with\)$"
    with pytest.raises(SpecError, match=said):
        load([parse(f"task: language_model\ndata: {book}\nmodel: ngram\n", "a.yaml")])


def test_a_language_model_of_other_data_is_refused():
    with pytest.raises(SpecError, match="language_model predicts tokens, but these data have classes"):
        load([parse("task: language_model\ndata: digits\nmodel: gru\n", "a.yaml")])


def test_a_schema_survives_a_checkpoint_and_a_false_one_is_refused(book):
    schema = section(book, window=5).data_schema
    assert read_schema(schema.model_dump_json().encode()) == schema
    for changed in ({"vocabulary": ("a", "b")}, {"vocabulary": (UNKNOWN_TOKEN, "a", "a")}, {"kind": "tokens"}):
        with pytest.raises(ValueError, match=r"vocabulary|target"):
            read_schema(schema.model_copy(update=changed).model_dump_json().encode())


def test_other_data_of_a_model_are_all_for_test_and_read_with_its_vocabulary(book, tmp_path):
    schema = section(book, window=5).data_schema
    other = tmp_path / "other.txt"
    other.write_text("It was z" * 20, encoding="utf-8")
    splits = section(other, window=5).carrying(schema).load(OFFLINE)
    assert (len(splits.train), splits.validation, len(splits.test)) == (0, None, 31)
    ids = splits.test.text.tokens[:8].tolist()
    assert "".join(schema.vocabulary[one] for one in ids) == f"It was {UNKNOWN_TOKEN}"
    for fields, place in (({"window": 6}, "data.window"), ({"tokens": "bytes"}, "data.tokens")):
        with pytest.raises(DataError, match=f"{place}: the model was trained on"):
            section(other, **{"window": 5, **fields}).carrying(schema).load(OFFLINE)


def test_encoding_and_decoding_are_inverse_for_what_is_known():
    vocabulary = (UNKNOWN_TOKEN, *sorted(set("hello \U0001f600")))
    ids = make_encoder(vocabulary, "characters")("hell\U0001f600 xo")
    assert ids.tolist()[6] == 0
    assert "".join(decoder(vocabulary, "characters")(ids.tolist())) == "hell\U0001f600 " + UNKNOWN_TOKEN + "o"
    smile = "\U0001f600".encode()
    assert list(decoder((), "bytes")(smile)) == ["", "", "", "\U0001f600", ""]
