"""Own texts: how they are split, counted and encoded, and how a folder of them is laid out."""

# ruff: noqa: RUF001 - signs that look like others are what is tested

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcli.data import tokenizing
from deepcli.data.arrays.encoded_texts import encode_texts, ids_of, unknown_share
from deepcli.data.schema import RESERVED
from deepcli.data.sources.folder_layout import layout_of
from deepcli.data.sources.text_files import decode, list_texts, read_text_files
from deepcli.data.sources.vocabulary import build_vocabulary, default_maxlen, unspaced_findings
from deepcli.data.tokenizing import encode_own_text, split_tokens
from deepcli.errors import DataError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't PANIC, it's fine.", ["don't", "panic", ",", "it's", "fine", "."]),
        ("don’t don‘t don´t", ["don't"] * 3),
        ("'quoted' dogs'", ["'", "quoted", "'", "dogs", "'"]),
        ("WIN £1000 now!!! call 08712-460324", ["win", "£", "1000", "now", "!!!", "call", "08712", "-", "460324"]),
        ("no!!!!!", ["no", "!!!", "!!"]),
        ("what?!", ["what", "?", "!"]),
        ("wait… “so” – «yes»", ["wait", "...", '"', "so", '"', "-", '"', "yes", '"']),
        ("a_b c/d http://x.org", ["a", "_", "b", "c", "/", "d", "http", ":", "/", "/", "x", ".", "org"]),
        ("cafe\u0301 CAFÉ café", ["café"] * 3),
        ("ＧＲＥＡＴ！ ﬁlm №7", ["great", "!", "film", "no", "7"]),
        ("I ❤️ it👍🏽 👩‍💻", ["i", "❤", "it", "👍", "👩", "💻"]),
        ("Привет, мир! naïve Straße", ["привет", ",", "мир", "!", "naïve", "straße"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("我爱北京。", ["我", "爱", "北", "京", "。"]),
        ("ガンダムはgoodです", ["ガ", "ン", "ダ", "ム", "は", "good", "で", "す"]),
        ("한국어 좋다", ["한국어", "좋다"]),
        ("ไปที่", ["ไ", "ป", "ที่"]),
        ("soft\u00adhyphen zero\u200bwidth\ufeff", ["softhyphen", "zerowidth"]),
        ("a\x00b\x85c\u2028d\u00a0e\ud800", ["a", "b", "c", "d", "e"]),
        ("", []),
        (" \t\r\n ", []),
    ],
)
def test_words_of_own_texts(text, words):
    assert split_tokens(text, "words") == words


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("Ab  c\r\n\td ", ["A", "b", " ", "c", " ", "d"]),
        ("cafe\u0301", ["c", "a", "f", "é"]),
        ("a\x00\ud800b😀", ["a", "b", "😀"]),
        ("", []),
    ],
)
def test_characters_of_own_texts(text, signs):
    assert split_tokens(text, "characters") == signs


@given(st.text(st.characters(codec="ascii")))
def test_ascii_is_split_as_any_text(text):
    """A fast way for ASCII alone gives the same words as the general one."""
    whole = tokenizing.PIECE.findall(text.translate(tokenizing._SIGNS).lower())
    assert split_tokens(text, "words") == [word for word in whole if word.isprintable()]


@given(st.text(), st.sampled_from(["words", "characters"]))
def test_tokens_fit_into_a_file_of_lines(text, tokens):
    for token in split_tokens(text, tokens):
        assert token
        assert token.encode().decode() == token
        assert not set("\r\n") & set(token)
        if tokens == "words":
            assert not any(map(str.isspace, token))


def test_a_vocabulary_is_ordered_by_frequency_then_code_point():
    texts = ["b a b", "a c! c", "z", "B!"]
    assert build_vocabulary(texts, "words", None) == (*RESERVED, "b", "!", "a", "c")
    assert build_vocabulary(texts, "words", None, min_count=1) == (*RESERVED, "b", "!", "a", "c", "z")
    assert build_vocabulary(texts, "words", 6) == (*RESERVED, "b", "!")
    assert build_vocabulary(["aab", "Aba"], "characters", None) == (*RESERVED, "a", "b")


def test_a_vocabulary_does_not_depend_on_the_order_of_texts():
    texts = ["b a b", "a c! c", "d 10 20 d", "e e 77"]
    assert build_vocabulary(texts, "words", None) == build_vocabulary(texts[::-1], "words", None)


def test_rare_numbers_of_one_length_are_the_same_word_and_frequent_ones_are_their_own():
    texts = ["call 08712 or 99999", "call 12345", "99999 is 10x", "and 20x", "in 1999"]
    words = build_vocabulary(texts, "words", None)
    assert words == (*RESERVED, "00000", "00x", "99999", "call")
    ids = ids_of(words)
    assert encode_own_text("call 55555 99999 30x 1", ids, "words", None) == [1, 7, 4, 6, 5, 2]


def test_a_number_that_is_its_own_shape_counts_once_with_the_others():
    assert build_vocabulary(["0 7", "8"], "words", None) == (*RESERVED, "0")
    assert build_vocabulary(["0 0 7", "8"], "words", None) == (*RESERVED, "0")
    assert build_vocabulary(["0 7", "7"], "words", None) == (*RESERVED, "7")


def test_encoded_data_are_not_words():
    assert build_vocabulary(["x" * 101, "x" * 101, "y y"], "words", None) == (*RESERVED, "y")


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([], "the 0 training texts have no words"),
        (["", " "], "the 2 training texts have no words"),
        (["a", "b"], "2 different words, none of them 2 times"),
    ],
)
def test_texts_without_words_are_an_error(texts, why):
    with pytest.raises(DataError, match=why):
        build_vocabulary(texts, "words", None)


def test_texts_are_encoded_with_start_unknown_and_the_last_ids():
    vocabulary = (*RESERVED, "good", "film")
    tokens = encode_texts(["Good film", "", "a GOOD one", "film"], vocabulary, "words", None)
    assert tokens.values.dtype == np.int32
    assert tokens.offsets.dtype == np.int64
    assert tokens.offsets.tolist() == [0, 3, 4, 8, 10]
    assert tokens.values.tolist() == [1, 4, 5, 1, 1, 2, 4, 2, 1, 5]
    assert unknown_share(tokens) == 2 / 6
    cut = encode_texts(["Good film", "a GOOD one"], vocabulary, "words", 2)
    assert cut.values.tolist() == [4, 5, 4, 2]
    assert encode_texts([], vocabulary, "words", 2).offsets.tolist() == [0]


def test_reserved_entries_are_not_words():
    vocabulary = (*RESERVED, "start", "<", ">")
    assert encode_texts(["<start>"], vocabulary, "words", None).values.tolist() == [1, 5, 4, 6]
    assert encode_texts(["<start>"], vocabulary[:4], "words", None).values.tolist() == [1, 2, 2, 2]


@pytest.mark.parametrize(
    ("lengths", "value"),
    [
        ([5], 8),
        ([8] * 10, 8),
        (range(1, 101), 104),  # the longest, 100, is below 1.5 times the length of 95 %, 95
        ([10] * 98 + [14, 400], 16),  # 99 % have at most 14
        ([10] * 95 + [400] * 5, 16),  # 99 % would need 400
        ([2000] * 10, 512),
    ],
)
def test_the_default_length_keeps_nearly_all_texts_whole(lengths, value):
    assert default_maxlen(lengths).value == value


def test_the_reason_of_a_length_says_what_is_cut():
    assert default_maxlen([10] * 95 + [400] * 5).reason == (
        "95 % of the training texts are whole; the longest has 400 tokens"
    )
    assert "the maximum, 512; 50 % of" in default_maxlen([10] * 5 + [2000] * 5).reason
    assert "99.9 %" in default_maxlen([8] * 9999 + [500]).reason
    with pytest.raises(DataError, match=r"set data\.maxlen"):
        default_maxlen([])


def test_scripts_without_spaces_are_reported():
    (found,) = unspaced_findings(["我爱北京", "ok fine"], "words", "a.csv")
    assert (found.code, found.severity, found.where) == ("no-spaces", "note", "a.csv")
    assert found.text.startswith("40 % of the letters")
    assert unspaced_findings(["我爱北京"], "characters", "") == ()
    assert unspaced_findings(["été à la plage", "123"], "words", "") == ()


def write(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())


def codes(findings):
    return [found.code for found in findings]


def test_a_folder_a_class(tmp_path):
    files = {"spam/b.txt": "x", "spam/sub/a.md": "y", "ham eggs/ü😀.TXT": "z", "spam/.x.txt": "", ".git/a.txt": ""}
    write(tmp_path, files | {"spam/c.pdf": "", "spam/Thumbs.db": "", "__MACOSX/a.txt": "", "README.md": "about"})
    (tmp_path / "none").mkdir()
    found = list_texts(tmp_path)
    assert [(file.path, file.split, file.label) for file in found.layout.files] == [
        ("ham eggs/ü😀.TXT", None, "ham eggs"), ("spam/b.txt", None, "spam"), ("spam/sub/a.md", None, "spam"),
    ]  # fmt: skip
    assert found.layout.classes == ("ham eggs", "spam")
    assert found.layout.splits == ()
    assert codes(found.findings) == ["other-files", "no-class", "empty-class"]
    assert "1 .pdf" in found.findings[0].text
    assert found.findings[1].text == "1 file is not in the folder of a class and left out, such as README.md"


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Train", "VALID", "Test"), ("training", "dev", "testing")]
)
@pytest.mark.parametrize("above", ["", "data/v1/"])
def test_folders_of_splits(names, above):
    paths = [f"{above}{name}/{label}/1.txt" for name in names for label in ("a", "b")]
    layout = layout_of(paths)
    assert layout.splits == ("train", "validation", "test")
    assert layout.classes == ("a", "b")
    assert [(file.split, file.label) for file in layout.files] == [
        (split, label) for split in ("train", "validation", "test") for label in "ab"
    ]
    assert codes(layout.findings) == (["nested-folder"] if above else [])


def test_classes_may_be_called_like_splits():
    layout = layout_of(["bus/1.txt", "train/2.txt", "test/3.txt"])
    assert (layout.classes, layout.splits) == (("bus", "test", "train"), ())
    layout = layout_of(["bus/1.txt", "train/old/2.txt"])
    assert (layout.classes, layout.splits) == (("bus", "train"), ())


def test_folders_beside_splits_are_left_out_and_named():
    layout = layout_of(["docs/x.txt", "test/a/1.txt", "train/a/1.txt", "train/b/1.txt", "train/loose.txt"], (), "d")
    assert layout.splits == ("train", "test")
    assert codes(layout.findings) == ["no-class", "no-split", "missing-class"]
    assert layout.findings[2].text == "test has no examples of 'b'"


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (["a.txt", "b.txt"], "none of its 2 files is in the folder of a class; put them into"),
        (["train/a.txt", "test/b.txt"], "test/ and train/ have files but no folders of classes"),
        (["val/a/1.txt", "test/b/1.txt"], "has test/ and val/ but no train/"),
        (["train/a/1.txt", "val/a/1.txt", "valid/a/1.txt"], "val/ and valid/ name the same split"),
    ],
)
def test_layouts_without_classes_or_training_are_errors(paths, why):
    with pytest.raises(DataError, match=why):
        layout_of(paths, (), "d")


def test_classes_are_in_the_order_of_their_numbers_and_composed():
    assert layout_of(["10/a", "9/a", "-1/a"]).classes == ("-1", "9", "10")
    assert layout_of(["10/a", "9/a", "x/a"]).classes == ("10", "9", "x")
    assert layout_of(["cafe\u0301/a", "café/b", "x/c"]).classes == ("café", "x")


def test_odd_classes_are_reported():
    assert codes(layout_of(["Spam/a", "spam/b"]).findings) == ["similar-classes"]
    assert codes(layout_of(["a/b"]).findings) == ["one-class"]


def test_links_out_of_the_folder_are_left_out(tmp_path):
    write(tmp_path, {"secret.txt": "s", "d/a/1.txt": "x", "d/b/2.txt": "y"})
    (tmp_path / "d" / "a" / "out.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "d" / "a" / "in.txt").symlink_to(tmp_path / "d" / "b" / "2.txt")
    (tmp_path / "d" / "b" / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    (tmp_path / "d" / "b" / "loop").symlink_to(tmp_path / "d", target_is_directory=True)
    found = list_texts(tmp_path / "d")
    assert [file.path for file in found.layout.files] == ["a/1.txt", "a/in.txt", "b/2.txt"]
    assert codes(found.findings) == ["link"] * 3


@pytest.mark.parametrize(
    ("files", "why"), [({}, "has no .txt or .md files; put"), ({"a/1.pdf": ""}, r"has no .*; it has 1 \.pdf; put")]
)
def test_a_folder_without_texts_is_an_error(tmp_path, files, why):
    write(tmp_path, files)
    with pytest.raises(DataError, match=why):
        list_texts(tmp_path)


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    write(tmp_path, {"a.txt": ""})
    with pytest.raises(DataError, match="no such folder"):
        list_texts(tmp_path / "b")
    with pytest.raises(DataError, match="is not a folder"):
        list_texts(tmp_path / "a.txt")


def test_files_are_decoded_or_reported(tmp_path):
    contents = {
        "utf8.txt": "é".encode(), "bom.txt": b"\xef\xbb\xbfa", "old.txt": b"caf\xe9 \x80", "empty.txt": b" \n",
        "utf16.txt": "é".encode("utf-16"), "binary.txt": b"\x89PNG\r\n\x00", "odd.txt": b"a\x81",
    }  # fmt: skip
    write(tmp_path, contents)
    texts, findings = read_text_files(tmp_path, [*contents, "gone.txt"])
    assert texts == ["é", "a", "café €", " \n", "é", None, None, None]
    assert [(found.code, found.severity, found.where.rpartition("/")[2]) for found in findings] == [
        ("not-utf-8", "warning", "old.txt"), ("empty-text", "warning", "empty.txt"), ("not-text", "error", "binary.txt"),
        ("not-text", "error", "odd.txt"), ("unreadable", "error", "gone.txt"),
    ]  # fmt: skip


def test_a_text_that_is_too_long_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("deepcli.data.sources.text_files.MAX_BYTES", 3)
    write(tmp_path, {"a.txt": "abc", "b.txt": "abcd"})
    texts, (found,) = read_text_files(tmp_path, ["a.txt", "b.txt"])
    assert texts == ["abc", None]
    assert found.code == "too-long"


def test_utf_16_that_is_cut_off_is_not_text():
    assert decode("ab".encode("utf-16")[:-1]) is None
