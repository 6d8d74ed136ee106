"""Archives of image folders: opened once, completely, and never outside of the cache."""

import gzip
import io
import os
import shutil
import stat
import struct
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from deepcli.data import cache_room
from deepcli.data.sources import archives, members
from deepcli.data.sources.archives import is_archive, unpacked
from deepcli.errors import DataError

FILES = {"cat/1.png": b"one", "cat/in/2.png": b"two" * 1000, "dog/3 é.png": b"", "notes.txt": b"n" * 512}


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def zipped(path, files, above=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(above + name, content)
    return path


def tarred(path, files, above="", mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(above + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def content_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def packed(kind, path, files, above=""):
    if kind == "zip":
        return zipped(path / "photos.zip", files, above)
    return tarred(path / f"photos.{kind}", files, above, f"w:{kind.partition('.')[2]}")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("above", ["", "photos/", "./", "home/user/photos/"])
def test_the_folder_in_an_archive_is_found(kind, above, tmp_path, cache):
    path = packed(kind, tmp_path, FILES, above)
    assert is_archive(path)
    folder = unpacked(path, cache)
    assert content_of(folder) == FILES
    assert folder.is_relative_to(cache)


def test_a_folder_that_may_be_a_class_is_not_gone_into(tmp_path, cache):
    folder = unpacked(zipped(tmp_path / "a.zip", {"cat/1.png": b"", "cat/old/2.png": b""}), cache)
    assert [path.name for path in folder.iterdir()] == ["cat"]


def test_an_archive_is_opened_once_for_its_content(tmp_path, cache, monkeypatch):
    path = zipped(tmp_path / "a.zip", FILES)
    folder = unpacked(path, cache)
    shutil.copy(path, tmp_path / "b.zip")
    monkeypatch.setattr(archives, "members", lambda *args: pytest.fail("opened again"))
    assert unpacked(path, cache) == unpacked(tmp_path / "b.zip", cache) == folder


def test_what_was_taken_from_the_cache_is_put_back(tmp_path, cache):
    path = zipped(tmp_path / "a.zip", FILES)
    for spoil in (Path.unlink, lambda file: file.write_bytes(b"x" * 9), lambda file: shutil.rmtree(file.parent)):
        spoil(unpacked(path, cache) / "cat" / "1.png")
        assert content_of(unpacked(path, cache)) == FILES
    assert [one.name.startswith(".") for one in (cache / "archives").iterdir()] == [False]


NAMES = ["../evil.png", "/tmp/evil.png", "cat/../../evil.png", "..", "C:/evil.png", "cat/\0/../../../evil.png"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_out_are_refused(kind, name, tmp_path, cache):
    if "\0" in name:
        name = name.replace("\0", "x")
    (tmp_path / "in").mkdir()
    path = packed(kind, tmp_path / "in", {"cat/1.png": b"fine", name: b"evil"})
    with pytest.raises(DataError, match=r"photos\.\w+.*leads out of its folder"):
        unpacked(path, cache)
    assert not list(tmp_path.rglob("evil*"))
    assert list((cache / "archives").iterdir()) == []


def test_backslashes_of_windows_are_separators_in_a_zip(tmp_path, cache):
    path = zipped(tmp_path / "a.zip", {"cat/1.png": b"1", "dog/1.png": b"2"})
    path.write_bytes(path.read_bytes().replace(b"dog/1", b"dog\\1"))
    assert content_of(unpacked(path, cache)) == {"cat/1.png": b"1", "dog/1.png": b"2"}
    path.write_bytes(path.read_bytes().replace(b"dog\\1.png", b"..\\.\\.png"))
    with pytest.raises(DataError, match="leads out"):
        unpacked(path, cache)


LINKS = [
    (tarfile.SYMTYPE, "a link"),
    (tarfile.LNKTYPE, "a link"),
    (tarfile.CHRTYPE, "a device"),
    (tarfile.FIFOTYPE, "a device"),
]


@pytest.mark.parametrize(("kind", "words"), LINKS)
def test_links_and_devices_in_a_tar_are_refused(kind, words, tmp_path, cache):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("cat/x.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DataError, match=rf"a.tar: contains {words}.*cat/x.png.*tar --dereference"):
        unpacked(path, cache)


def test_links_in_a_zip_are_refused(tmp_path, cache):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("cat/x.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="contains a link"):
        unpacked(tmp_path / "a.zip", cache)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_bombs_are_refused_before_they_fill_the_disk(kind, tmp_path, cache, monkeypatch):
    monkeypatch.setattr(members, "SMALL", 1 << 20)
    written = []
    monkeypatch.setattr(archives, "PIECE", 1 << 16)
    path = packed(kind, tmp_path, {f"cat/{n}.png": bytes(1 << 20) for n in range(40)})
    original = members.Limits.check
    monkeypatch.setattr(members.Limits, "check", lambda self, size, n: written.append(size) or original(self, size, n))
    with pytest.raises(DataError, match="suspicious for an archive of"):
        unpacked(path, cache)
    assert max(written[:-1], default=0) <= max(1 << 20, 100 * path.stat().st_size)
    assert list((cache / "archives").iterdir()) == []


def test_plain_pictures_that_compress_well_are_not_bombs(tmp_path, cache):
    files = {f"{label}/{n}.bmp": bytes(100_000) for label in "ab" for n in range(20)}
    assert content_of(unpacked(zipped(tmp_path / "a.zip", files), cache)) == files


def test_too_many_files_are_refused(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(members, "MOST_FILES", 3)
    for kind in ("zip", "tar"):
        with pytest.raises(DataError, match="more than 3 files"):
            unpacked(packed(kind, tmp_path, FILES), cache)


def test_a_header_of_impossible_size_fills_no_memory(tmp_path, cache):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    with pytest.raises(DataError, match=r"impossible size|suspicious"):
        unpacked(tmp_path / "a.tar.gz", cache)
    info.type, info.size = tarfile.REGTYPE, 1 << 60
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    with pytest.raises(DataError, match="suspicious"):
        unpacked(tmp_path / "b.tar.gz", cache)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_what_is_cut_short_is_refused(kind, tmp_path, cache):
    content = packed(kind, tmp_path, {f"cat/{n}.png": os.urandom(700) for n in range(20)}).read_bytes()
    path = tmp_path / f"cut.{kind}"
    whole = 20 * (512 + 1024) if kind == "tar" else len(content)  # zeros follow in a plain tar file
    for length in [*range(0, whole, 999), 512, 513, 1024, whole // 2, whole - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match="damaged"):
            unpacked(path, cache)
    assert list((cache / "archives").iterdir()) == []


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_a_damaged_archive_gives_an_error_or_what_is_right(kind, tmp_path, cache):
    files = {f"cat/{n}.png": os.urandom(300) for n in range(6)}
    content = packed(kind, tmp_path, files).read_bytes()
    path = tmp_path / f"bad.{kind}"
    for place in range(0, len(content), 97):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            found = content_of(unpacked(path, cache))
        except DataError:
            continue
        # A plain tar file has checksums of its headers alone.
        assert len(found) == len(files)
        assert kind == "tar" or all(found.get(name, content) == content for name, content in files.items())


def test_what_is_no_archive_or_missing_is_refused(tmp_path, cache):
    (tmp_path / "a.zip").write_bytes(b"hello" * 1000)
    with pytest.raises(DataError, match="not a zip or tar archive"):
        unpacked(tmp_path / "a.zip", cache)
    with pytest.raises(DataError, match="No such file"):
        unpacked(tmp_path / "b.zip", cache)


def test_an_encrypted_archive_says_so(tmp_path, cache):
    path = zipped(tmp_path / "a.zip", {"cat/1.png": b"12345"})
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        struct.pack_into("<H", content, content.index(mark) + offset, 1)
    path.write_bytes(content)
    with pytest.raises(DataError, match="is encrypted"):
        unpacked(path, cache)


def test_a_name_twice_is_refused(tmp_path, cache):
    for first, second in (("a/1.png", "a/1.png"), ("a", "a/1.png"), ("a/1.png/2", "a/1.png")):
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as archive:
            for name in (first, second):
                archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        with pytest.raises(DataError, match="twice"):
            unpacked(path, cache)


def test_a_full_disk_leaves_nothing_behind(tmp_path, cache, monkeypatch):
    path = zipped(tmp_path / "a.zip", FILES)
    with monkeypatch.context() as full:
        full.setattr(
            archives, "_manifest", lambda folder: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        with pytest.raises(DataError, match=r"No space left on device\n.*DEEPCLI_CACHE_DIR"):
            unpacked(path, cache)
    assert list((cache / "archives").iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 10, 10))
    with pytest.raises(DataError, match="only 0 MiB are free; set DEEPCLI_CACHE_DIR"):
        unpacked(path, cache)


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="DEEPCLI_CACHE_DIR"):
        unpacked(zipped(tmp_path / "a.zip", FILES), tmp_path / "file")


def test_old_archives_make_room_and_recent_ones_stay(tmp_path, cache, monkeypatch):
    old, recent = unpacked(zipped(tmp_path / "a.zip", FILES), cache), None
    os.utime(old.parent, (time.time() - 90_000,) * 2)
    recent = unpacked(zipped(tmp_path / "b.zip", {**FILES, "more/1.png": b""}), cache)
    monkeypatch.setattr(cache_room, "MAX_BYTES", 100)
    left = cache / "archives" / ".opening-killed"
    left.mkdir()
    (left / "x").touch()
    os.utime(left, (time.time() - 90_000,) * 2)
    unpacked(zipped(tmp_path / "c.zip", {"x/1.png": b""}), cache)
    assert not old.exists() and recent.exists() and not left.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="names of POSIX")
def test_members_of_hidden_system_folders_are_left_out(tmp_path, cache):
    folder = unpacked(
        zipped(tmp_path / "a.zip", {"photos/a/1.png": b"", "photos/b/1.png": b"", "__MACOSX/photos/._a": b""}), cache
    )
    assert folder.name == "photos"
