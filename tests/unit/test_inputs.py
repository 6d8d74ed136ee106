"""Reading what a model is asked about: each row by itself, every folder, every page, and no option in vain."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepcli.cli.predict import Notices
from deepcli.data.digits import Digits
from deepcli.data.imdb import Imdb
from deepcli.data.lexicon import Lexicon
from deepcli.errors import UsageError
from deepcli.inputs.example import Example
from deepcli.inputs.reading import ReadOptions, reader_for
from deepcli.inputs.unused_options import demand_effect

LEXICON = Lexicon(("", "<start>", "<left out>", "", "great", "awful", "film"))
DATA = Imdb(num_words=7, maxlen=4)


class Read:
    """Reads words for a model, and keeps what was said."""

    def __init__(self, data, *words, **options):
        self.notices: list[str] = []
        self.errors: list[str] = []
        lexicon = LEXICON if isinstance(data, Imdb) else None
        reader = reader_for(data, lexicon, ReadOptions(**options), self.notices.append, self.errors.append)
        self.found = list(reader.read(map(str, words)))

    @property
    def ids(self):
        return {Path(one.name).name: one.x.tolist() for one in self.found if isinstance(one, Example)}

    @property
    def bad(self):
        return [Path(one.name).name for one in self.found if not isinstance(one, Example)]


GREAT, AWFUL, FILM = [1, 4], [1, 5], [1, 6]


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        (b"1,great\n2\n3,awful\n4,film\n", [GREAT, None, AWFUL, FILM]),
        (b"1,great\n2,oh, film\n3,awful\n", [GREAT, None, AWFUL]),
        (b'1,great\n2,"a" film\n3,awful\n', [GREAT, None, AWFUL]),
        (b'1,great\n2,"film\n3,awful\n4,film\n', [GREAT, None, AWFUL, FILM]),
        (b'1,great\n2,"film\n3,awful\n4,"film\n5,film\n', [GREAT, None, AWFUL, None, FILM]),
        (b'1,great\n2,"film\n3,awful\n4,"film"\n5,film\n', [GREAT, None, AWFUL, FILM, FILM]),
        (b"1,great\n2,sch\xf6n\n3,awful\n\xff\n5,film\n", [GREAT, None, AWFUL, None, FILM]),
        (b'1,"great\nfilm"\n2,"",\n,film,,\n"x\n', [[1, 4, 6], [1], FILM, None]),
        (b"1\n2\n3\n", [None, None, None]),
    ],
)
def test_a_bad_row_of_a_table_is_named_and_the_others_are_read(tmp_path, rows, ids):
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfid,text\n" + rows)
    read = Read(DATA, tmp_path / "t.csv", column="text")
    assert [one.name for one in read.found] == [f"{tmp_path}/t.csv:{number}" for number in range(1, len(ids) + 1)]
    assert [one.x.tolist() if isinstance(one, Example) else None for one in read.found] == ids
    bad = [one.name for one, wanted in zip(read.found, ids, strict=True) if wanted is None]
    assert [error.partition(": ")[0] for error in read.errors] == bad


def test_rows_that_are_short_are_refused_and_empty_lines_are_not_rows(tmp_path):
    (tmp_path / "t.csv").write_text("text,id\ngreat\n\nawful,2\n")
    read = Read(DATA, tmp_path / "t.csv", column="text")
    assert read.bad == ["t.csv:1"] and read.ids == {"t.csv:3": [1, 5]}


def test_a_text_is_never_cut_at_a_comma_in_silence(tmp_path):
    (tmp_path / "t.csv").write_text("text\ngreat, film\nfilm\n")
    read = Read(DATA, tmp_path / "t.csv")
    assert read.bad == ["t.csv:1"] and "a text that contains ',' needs quotes" in read.errors[0]


@pytest.mark.parametrize("header", [b"id,text,text\n", b"\xff\xfei\x00d\x00\n", b'id,"text\n1,great\n', b""])
def test_a_table_without_names_to_trust_is_refused_whole(tmp_path, header):
    (tmp_path / "t.csv").write_bytes(header + b"1,great,film\n" * bool(header))
    read = Read(DATA, tmp_path / "t.csv", column="text")
    assert not read.found and len(read.errors) == 1 and "t.csv: " in read.errors[0]


def test_a_bad_line_is_named_and_the_others_are_read(tmp_path):
    (tmp_path / "lines").write_bytes(b"great\n\nsch\xf6n\nawful")
    read = Read(DATA, tmp_path / "lines", lines=True)
    assert read.ids == {"lines:1": [1, 4], "lines:4": [1, 5]}
    assert read.errors == [f"{tmp_path}/lines:3: is not UTF-8 text"]


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson"])
def test_json_lines_are_read_as_lines(tmp_path, name):
    rows = [{"id": 1, "text": "great"}, [], {"id": 2}, {"id": 3, "text": 4}, {"id": 5, "text": [0, 1, 6]}]
    lines = [*map(json.dumps, rows), '{"id": 6, "te', "", '{"text": "awful"}']
    (tmp_path / name).write_text("\n".join(lines))
    read = Read(DATA, tmp_path / name, column="text")
    assert read.ids == {f"{name}:1": [1, 4], f"{name}:5": [1, 6], f"{name}:8": [1, 5]}
    assert read.bad == [f"{name}:{number}" for number in (2, 3, 4, 6)]
    assert "has no field 'text'; its fields: id" in read.errors[1]
    alone = Read(DATA, tmp_path / name)
    assert not alone.found and alone.errors == [
        f"{tmp_path}/{name}: has several fields; choose the text field with --column: id, text"
    ]


def test_json_without_a_choice_needs_no_column(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"review": "great"}\n"awful"\n[1, 6]\n')
    (tmp_path / "b.json").write_text('["great", {"x": "awful"}, [0, 1, 6]]')
    (tmp_path / "c.json").write_text('{"x": "great"}')
    (tmp_path / "d.json").write_text("[1, 6]")
    (tmp_path / "e.json").write_text("great film")
    read = Read(DATA, *sorted(tmp_path.iterdir()))
    assert read.ids == {
        "a.jsonl:1": [1, 4], "a.jsonl:2": [1, 5], "a.jsonl:3": [1, 6],
        "b.json:1": [1, 4], "b.json:2": [1, 5], "b.json:3": [1, 6], "c.json:1": [1, 4], "d.json:1": [1, 6],
    }  # fmt: skip
    assert len(read.errors) == 1 and "e.json: cannot be read as JSON" in read.errors[0]


@pytest.mark.parametrize(
    ("content", "column", "expected"),
    [
        (b"great\nawful\n", None, [[1, 4], [1, 5]]),
        (b'{"text": "great"}\n{"text": "awful"}\n', None, [[1, 4], [1, 5]]),
        (b'{"id": 1, "text": "great"}\n{"text": "awful"}\n', "text", [[1, 4], [1, 5]]),
        (b'id,text\n1,great\n2,"awful\nfilm"\n', "text", [[1, 4], [1, 5, 6]]),
        (b"{great}\n", None, [[1, 4]]),
    ],
)
def test_a_pipe_has_lines_json_lines_or_a_table(monkeypatch, content, column, expected):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    read = Read(DATA, "-", column=column)
    assert list(read.ids.values()) == expected and not read.errors
    assert read.notices == (["-: read as one JSON object per line"] if content.startswith(b'{"') else [])


def test_rows_of_ids_are_read_one_by_one(tmp_path):
    rows = np.array(
        [[1, 4, 0, 0, 0], [0, 0, 0, 1, 4], [1, 5, 6, 4, 5], [1, 0, 4, 0, 0], [1, 7, 0, 0, 0], [1, -1, 0, 0, 0]]
    )
    expected = {"x.npy[0]": [1, 4], "x.npy[1]": [1, 4], "x.npy[2]": [5, 6, 4, 5]}
    ragged = np.empty(6, object)
    ragged[:] = [np.trim_zeros(row).tolist() for row in rows]
    wide = np.array(rows, object)
    for x in (rows, rows.astype(np.float64), np.asfortranarray(rows), ragged, wide):
        np.save(tmp_path / "x.npy", x, allow_pickle=True)
        read = Read(DATA, tmp_path / "x.npy")
        assert read.ids == expected and read.bad == ["x.npy[3]", "x.npy[4]", "x.npy[5]"]
        assert "0 between ids" in read.errors[0] and "below 7" in read.errors[1] and "id -1" in read.errors[2]
    np.savez(tmp_path / "x.npz", x_test=ragged, y_test=np.zeros(6))
    assert list(Read(DATA, tmp_path / "x.npz").ids.values()) == list(expected.values())


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([[4, 5, 0]], "does not begin with 1, which starts every text"),
        ([[1, 4, 1]], "has 1, which starts a text, in the middle; are these word ranks instead of ids?"),
        ([[0, 0, 0]], "contains only padding"),
        ([[4, 5, 6, 4], [1, 4, 0, 0], [4, 5, 6, 4]], None),
    ],
)
def test_what_is_doubtful_about_ids_is_told_once(tmp_path, rows, says):
    np.save(tmp_path / "x.npy", np.array(rows * 3))
    read = Read(DATA, tmp_path / "x.npy")
    told = f"{tmp_path}/x.npy[0]: {says}; other rows may have the same problem"
    assert len(read.ids) == 3 * len(rows) and read.notices == ([told] if says else [])


@pytest.mark.parametrize(
    "x", [np.zeros(3, int), np.zeros((2, 2, 2), int), np.array(5), np.array(["a"]), np.ones(2, bool)]
)
def test_arrays_that_are_not_rows_of_ids_are_refused(tmp_path, x):
    np.save(tmp_path / "x.npy", x)
    read = Read(DATA, tmp_path / "x.npy")
    assert not read.found and "it should be integer token ids (texts, length)" in read.errors[0]


def test_nothing_in_an_array_of_lists_is_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "evil").touch, ())

    np.save(tmp_path / "x.npy", np.array([Evil(), [1]], object), allow_pickle=True)
    read = Read(DATA, tmp_path / "x.npy")
    assert not read.found and len(read.errors) == 1 and not (tmp_path / "evil").exists()


def test_a_folder_is_read_with_the_folders_in_it_and_says_what_is_left_out(tmp_path):
    for name, content in {
        "b.txt": b"great", "a/x.TXT": b"awful", "a/deep/y.txt": b"film", "a/bad.txt": b"\xff", "t.csv": b"text\nx\n",
        "notes.md": b"x", ".hidden/z.txt": b"film", ".z.txt": b"film", "README": b"",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "loop").symlink_to(tmp_path)
    read = Read(DATA, tmp_path)
    assert read.ids == {"b.txt": [1, 4], "x.TXT": [1, 5], "y.txt": [1, 6]}
    assert read.errors == [f"{tmp_path}/a/bad.txt: is not UTF-8 text"]
    assert read.notices == [
        f"{tmp_path}/loop: skipped: it is a link to a folder",
        f"{tmp_path}: skipped 3 files of other types: 1 .csv, 1 .md, 1 without a suffix",
    ]


def bar(column):
    """A bright upright bar on a dark ground."""
    x = np.zeros((8, 8), np.uint8)
    x[1:7, column] = 255
    return x


def test_pictures_are_found_in_folders_below(tmp_path):
    for name in ("2/b.png", "1/a.png", "c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(bar(3)).save(tmp_path / name)
    (tmp_path / "1" / "broken.png").write_bytes(b"x")
    read = Read(Digits(), tmp_path)
    assert [one.name for one in read.found] == [f"{tmp_path}/{name}" for name in ("c.png", "1/a.png", "2/b.png")]
    assert len(read.errors) == 1 and "1/broken.png" in read.errors[0]


def test_each_page_of_a_tiff_is_predicted(tmp_path):
    pages = [Image.fromarray(bar(column)) for column in (2, 4, 6)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    read = Read(Digits(), tmp_path / "scan.tif")
    assert [one.name for one in read.found] == [f"{tmp_path}/scan.tif[{page}]" for page in range(3)]
    for one, column in zip(read.found, (2, 4, 6), strict=True):
        assert np.array_equal(one.x[..., 0], bar(column))
    assert read.notices == [f"{tmp_path}/scan.tif: has 3 pages; each is predicted"]


def test_a_preview_in_a_tiff_is_not_a_page(tmp_path):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    preview = ImageFileDirectory_v2()
    preview[254] = 1
    small = Image.fromarray(bar(2)[::2, ::2])
    small.encoderinfo = {"tiffinfo": preview}
    Image.fromarray(bar(2)).save(tmp_path / "photo.tif", save_all=True, append_images=[small])
    read = Read(Digits(), tmp_path / "photo.tif")
    assert [one.name for one in read.found] == [f"{tmp_path}/photo.tif"] and not read.notices


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_of_an_animation_the_first_frame_is_predicted_and_it_says_so(tmp_path, suffix):
    path = tmp_path / f"moving{suffix}"
    frames = [Image.fromarray(bar(column)) for column in (2, 4)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    read = Read(Digits(), path)
    assert [one.name for one in read.found] == [str(path)]
    assert np.abs(read.found[0].x[..., 0].astype(int) - bar(2)).max() < 60
    assert read.notices == [f"{path}: is an animation; only the first of its 2 frames is predicted"]


def test_a_broken_page_does_not_end_the_others(tmp_path):
    pages = [Image.fromarray(np.full((8, 8), value, np.float32)) for value in (16, 2)]
    Image.fromarray(bar(2)).save(
        tmp_path / "scan.tif", save_all=True, append_images=[pages[0], Image.fromarray(bar(4))]
    )
    read = Read(Digits(), tmp_path / "scan.tif")
    assert [one.name for one in read.found] == [f"{tmp_path}/scan.tif[{page}]" for page in range(3)]
    assert read.bad == ["scan.tif[1]"] and "scan.tif[1]" in read.errors[0]


def test_pages_come_through_a_pipe_too(monkeypatch):
    content = io.BytesIO()
    Image.fromarray(bar(2)).save(content, "tiff", save_all=True, append_images=[Image.fromarray(bar(4))])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.getvalue())))
    read = Read(Digits(), "-")
    assert [one.name for one in read.found] == ["-[0]", "-[1]"]
    assert np.array_equal(read.found[1].x[..., 0], bar(4))


def test_invert_turns_arrays_too(tmp_path):
    np.save(tmp_path / "x.npy", 255 - bar(3)[None])
    assert np.array_equal(Read(Digits(), tmp_path / "x.npy", invert=True).found[0].x[..., 0], bar(3))


@pytest.mark.parametrize(
    ("options", "words", "says"),
    [
        ({"key": "x"}, ["a.npy", "b.png"], "--key: has no effect"),
        ({"key": "x"}, ["a.npy", "b.NPZ"], None),
        ({"column": "x"}, ["a great film"], "--column: has no effect"),
        ({"column": "x"}, ["a.npz"], "--column: has no effect"),
        ({"column": "x"}, ["a great film", "-"], None),
        ({"column": "x"}, ["missing.jsonl"], None),
        ({"column": "x"}, ["."], None),
        ({"lines": True}, ["t.csv", "t.jsonl", "x.json", "ids.npy"], "--lines: has no effect"),
        ({"lines": True}, ["a great film"], "--lines: has no effect"),
        ({"lines": True}, ["t.csv", "note.txt"], None),
        ({"lines": True}, ["there"], None),
        ({"lines": True, "column": "x"}, ["there"], "choose one"),
        ({}, ["anything"], None),
    ],
)
def test_an_option_has_something_to_act_on(options, words, says):
    Path("there").write_text("great")
    if says is None:
        demand_effect(ReadOptions(**options), words)
    else:
        with pytest.raises(UsageError, match=says):
            demand_effect(ReadOptions(**options), words)


def test_notices_of_one_kind_do_not_hide_another(capsys):
    notices = Notices(quiet=False)
    for number in range(9):
        notices.tell(f"{number}.png: resized from {number}x9 to 8x8")
    notices.tell("folder: 2 files of other kinds left out: 2 .md")
    notices.end()
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 7 and told[5].startswith("notice: folder: 2 files")
    assert told[6] == "notice: 4 more notices like these"
