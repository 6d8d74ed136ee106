"""Image folders: which pictures, classes and splits a layout holds, and what is left out or refused."""

import os
import sys
from pathlib import Path

import pytest

from deepcli.data.sources.naming import natural, printable
from deepcli.data.sources.picture_folders import list_pictures
from deepcli.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Make a folder of empty files: listing opens none of them."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / "photos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir() if name.endswith("/") else path.touch()
        return tmp_path / "photos"

    return make


def named(listed):
    return [(one.name, one.label, one.split) for one in listed.pictures]


def codes(listed):
    return sorted((one.code, one.severity) for one in listed.findings)


def test_a_folder_a_class(folder):
    listed = list_pictures(
        folder("dog/b.JPG", "dog/a.png", "cat/deep/er/c.Jpeg", "cat/d.tif", "cat/e.webp", "cat/f.bmp")
    )
    assert named(listed) == [
        ("cat/d.tif", "cat", None), ("cat/deep/er/c.Jpeg", "cat", None), ("cat/e.webp", "cat", None),
        ("cat/f.bmp", "cat", None), ("dog/a.png", "dog", None), ("dog/b.JPG", "dog", None),
    ]  # fmt: skip
    assert listed.classes == ("cat", "dog")
    assert listed.splits == () and listed.findings == ()


def test_size_and_times_are_those_of_the_file(folder):
    root = folder("a/1.png", "b/1.png")
    (root / "a" / "1.png").write_bytes(b"12345")
    about = (root / "a" / "1.png").stat()
    first = list_pictures(root).pictures[0]
    assert (first.size, first.mtime_ns, first.ctime_ns) == (5, about.st_mtime_ns, about.st_ctime_ns)


@pytest.mark.parametrize("train", ["train", "Training", "TRAIN"])
@pytest.mark.parametrize("validation", ["validation", "valid", "Val", "dev"])
@pytest.mark.parametrize("test", ["test", "Testing"])
def test_splits_above_the_classes(folder, train, validation, test):
    root = folder(*(f"{split}/{label}/x/1.gif" for split in (train, validation, test) for label in "ab"))
    listed = list_pictures(root)
    assert {(one.name.split("/")[0], one.split) for one in listed.pictures} == {
        (train, "train"), (validation, "validation"), (test, "test")
    }  # fmt: skip
    assert listed.classes == ("a", "b") and listed.splits == ("train", "validation", "test") and not listed.findings


def test_classes_are_in_natural_order(folder):
    listed = list_pictures(folder("10/1.png", "2/1.png", "b10/1.png", "B2/1.png", "a/1.png", "²/1.png", "-1/1.png"))
    assert listed.classes == ("2", "10", "-1", "a", "B2", "b10", "²")
    assert sorted(["a", "a1", "1a", "", "1"], key=natural) == ["", "1", "1a", "a", "a1"]


def test_foreign_and_hidden_files_are_counted_and_rubbish_is_not(folder):
    listed = list_pictures(
        folder(
            "a/1.png",
            "b/1.png",
            "a/notes.TXT",
            "b/more.txt",
            "README",
            "a/.hidden.png",
            ".git/x.png",
            "a/.DS_Store",
            "a/Thumbs.db",
            "__MACOSX/a/._1.png",
            "a/._1.png",
        )
    )
    assert [one.name for one in listed.pictures] == ["a/1.png", "b/1.png"]
    texts = {one.code: one.text for one in listed.findings}
    assert texts["foreign-files"] == "left out 3 files that are not pictures: 2 .txt, 1 without an ending"
    assert texts["hidden-files"] == "left out 2 hidden files or folders: .git, a/.hidden.png"
    assert len(texts) == 2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/"], "has no pictures"),
        (["a/x.txt", "b/"], "1 .txt"),
        (["1.png", "2.png"], r"not in class folders \(1.png, 2.png\)"),
        (["train/1.png", "test/2.png"], "not in class folders"),
        (["a/1.png", "a/2.png"], "only one class, a"),
        (["all/a/1.png", "all/b/1.png"], "if the classes are the folders inside it, give .*photos/all"),
        (["test/a/1.png", "val/a/1.png"], "none for training"),
        (["test/a/1.png", "a/1.png", "b/1.png"], "test could be a split or a class beside a, b"),
        (["test/1.png", "a/1.png", "b/1.png"], "test could be a split or a class"),
        (["train/a/1.png", "train/b/1.png", "bus/c/1.png"], "train could be a split or a class beside bus"),
        (["train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/b/1.png"], "val and valid are both"),
        (["train/a/1.png", "train/b/1.png", "test/c/1.png"], "test has classes that training lacks: c"),
        (["train/a/1.png", "train/b/1.png", "dev/c10/1.png", "dev/c9/1.png"], "lacks: c9, c10"),
    ],
)
def test_what_cannot_be_read_as_classes_is_refused(folder, names, message):
    with pytest.raises(DataError, match=message):
        list_pictures(folder(*names))


def test_an_error_shows_the_layout_that_was_expected(folder):
    with pytest.raises(DataError, match=r"expected a folder for each class:\n    photos/\n      cat/  1.jpg"):
        list_pictures(folder("1.png"))


def test_what_is_not_a_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        list_pictures(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is a file"):
        list_pictures(tmp_path / "file")


def test_classes_may_be_called_as_splits_are(folder):
    listed = list_pictures(folder("train/1.png", "bus/1.png"))
    assert listed.classes == ("bus", "train") and listed.splits == ()
    assert codes(listed) == [("class-named-split", "note")]
    other = folder("../valid/valid/1.png", "../valid/invalid/1.png").parent / "valid"
    assert list_pictures(other).classes == ("invalid", "valid")


def test_pictures_outside_of_classes_and_splits_are_left_out_and_said(folder):
    listed = list_pictures(
        folder("train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png", "cover.png", "extra/a/1.png", "val/")
    )
    assert listed.splits == ("train",) and len(listed.pictures) == 2
    texts = {one.code: one.text for one in listed.findings}
    assert texts["no-class"] == "left out 3 pictures without a class folder: cover.png, test/1.png, test/2.png"
    assert "left out its 1 pictures" in texts["no-split"]
    assert texts["empty-split"] == "has no pictures"


def test_classes_without_pictures_are_errors_and_missing_ones_warnings(folder):
    listed = list_pictures(folder("a/1.png", "b/1.png", "c/notes.txt", "a/empty/", "d/"))
    assert listed.classes == ("a", "b")
    assert [(one.severity, Path(one.where).name) for one in listed.findings if one.code == "empty-class"] == [
        ("error", "c"), ("error", "d")
    ]  # fmt: skip


def test_a_split_without_a_class_is_a_warning(folder):
    listed = list_pictures(folder("train/a/1.png", "train/b/1.png", "train/c/", "test/a/1.png", "test/b/"))
    assert codes(listed) == [("empty-class", "error"), ("missing-class", "warning")]


def test_classes_with_nearly_the_same_name_are_a_warning(folder):
    for names in (["Cat/1.png", "cat/1.png"], ["é/1.png", "é/1.png"], ["red  car/1.png", "Red Car/1.png"]):
        listed = list_pictures(folder(*names, "x/1.png"))
        assert ("similar-classes", "warning") in codes(listed), names


@pytest.mark.skipif(sys.platform == "win32", reason="names and links of POSIX")
class TestPosix:
    """What only systems with POSIX names and links can have."""

    def test_any_name_works(self, folder):
        root = folder("a b/\"1\" 'x'.png", "🐱/2\n3.png", "c\\d/4.png")
        (root / "caf\udce9").mkdir()
        Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9/\xff.png")).write_bytes(b"12")
        listed = list_pictures(root)
        assert set(listed.classes) == {"a b", "🐱", "c\\d", "caf\\xe9"}
        for one in listed.pictures:
            assert (root / one.name).stat().st_size == one.size
            one.label.encode()
            assert printable(one.name).isprintable()

    def test_two_folders_of_one_readable_name_are_refused(self, folder):
        root = folder("caf\\xe9/1.png")
        (root / "caf\udce9").mkdir()
        Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9/1.png")).touch()
        with pytest.raises(DataError, match="two class folders"):
            list_pictures(root)

    def test_links_that_lead_out_are_left_out(self, folder, tmp_path):
        root = folder("a/1.png", "b/1.png")
        (tmp_path / "photos-of-others").mkdir()
        (tmp_path / "photos-of-others" / "secret.png").touch()
        (root / "a" / "out.png").symlink_to(tmp_path / "photos-of-others" / "secret.png")
        (root / "c").symlink_to(tmp_path / "photos-of-others")
        (root / "a" / "broken.png").symlink_to("nowhere.png")
        (root / "a" / "inside.png").symlink_to("../b/1.png")
        listed = list_pictures(root)
        assert [one.name for one in listed.pictures] == ["a/1.png", "a/inside.png", "b/1.png"]
        assert (
            sorted(one.text.partition(";")[0].partition(":")[0] for one in listed.findings)
            == [
                "left out 2 symbolic links leading out of the folder",
                "left out 1 symbolic link pointing to nothing",
            ][::-1]
        )

    def test_loops_end(self, folder):
        root = folder("a/1.png", "b/1.png")
        for n in range(8):
            (root / "a" / f"loop{n}").symlink_to(root)
            (root / "b" / f"loop{n}").symlink_to("../a")
        (root / "b" / "self.png").symlink_to("self.png")
        listed = list_pictures(root)
        assert len(listed.pictures) == 2 and {one.code for one in listed.findings} == {"link"}

    def test_a_folder_may_itself_be_a_link(self, folder, tmp_path):
        root = folder("a/1.png", "b/1.png")
        (root / "a" / "2.png").symlink_to("1.png")
        (tmp_path / "link").symlink_to(root)
        assert len(list_pictures(tmp_path / "link").pictures) == 3

    def test_pipes_are_not_opened(self, folder):
        root = folder("a/1.png", "b/1.png")
        os.mkfifo(root / "a" / "pipe.png")
        assert len(list_pictures(root).pictures) == 2

    @pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
    def test_a_folder_that_cannot_be_read_is_reported(self, folder):
        root = folder("a/1.png", "b/1.png", "c/1.png")
        (root / "c").chmod(0)
        try:
            assert ("unreadable-folder", "error") in codes(list_pictures(root))
        finally:
            (root / "c").chmod(0o755)


def test_nothing_is_written_and_the_result_is_always_the_same(folder):
    root = folder("b/2.png", "a/1.png", "c/x.txt")
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    assert list_pictures(root) == list_pictures(root)
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before
