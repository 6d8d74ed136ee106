"""The cache of prepared arrays: never wrong, never half-written, and never the reason why a run fails."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from deepcli.data import DATASETS, Dataset
from deepcli.data.arrays import cache
from deepcli.data.arrays.splits import fingerprint
from deepcli.data.files import Sources, keras_cache
from deepcli.errors import DataError

FIELDS = [{}, {"num_words": 50, "maxlen": 7}, {"num_words": None, "maxlen": None, "skip_top": 8}]


@pytest.fixture
def source(tiny_imdb, tmp_path):
    return Path(shutil.copyfile(tiny_imdb, tmp_path / "imdb.npz"))


@pytest.fixture
def newswires():
    x = np.empty(40, dtype=object)
    x[:] = [list(range(1, 3 + index % 20)) for index in range(40)]
    path = keras_cache() / "reuters.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, x=x, y=np.arange(40) % 46)
    return path


@pytest.fixture
def read_by_unpickling(monkeypatch):
    """Count how often a source file is unpickled."""

    calls = []
    from deepcli.data.arrays import token_files

    original = vars(token_files)["read_npz"]
    monkeypatch.setattr(
        token_files, "read_npz", lambda *args, **options: (calls.append(args), original(*args, **options))[1]
    )
    return calls


def read(path, data="imdb", **fields):
    return cast("Dataset", DATASETS.select({"type": data, "path": str(path), **fields})).read(Sources(offline=True))


def prepared_folder() -> Path:
    """Return the folder of prepared arrays."""
    from deepcli.data.files import cache_folder

    return cache_folder() / "prepared"


def entries():
    return sorted(prepared_folder().iterdir())


def same(one, other):
    for (x, y), (their_x, their_y) in zip((one.train, one.test), (other.train, other.test), strict=True):
        assert np.array_equal(x.values, their_x.values)
        assert np.array_equal(x.offsets, their_x.offsets)
        assert np.array_equal(y, their_y)
        assert (x.values.dtype, x.offsets.dtype, y.dtype) == (np.int32, np.int64, np.int32)
    assert one.provenance == other.provenance
    return True


@pytest.mark.parametrize("fields", FIELDS)
def test_with_and_without_the_cache_the_data_are_the_same(source, fields, monkeypatch, read_by_unpickling):
    read(source)
    cached = read(source, **fields)
    assert len(read_by_unpickling) == 1, "one entry serves every num_words, maxlen and skip_top"
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", os.devnull)
    assert same(cached, read(source, **fields))
    assert len(read_by_unpickling) == 2


def test_reuters_is_cached_too(newswires, read_by_unpickling):
    first, second = read(newswires, "reuters"), read(newswires, "reuters")
    assert same(first, second)
    assert len(read_by_unpickling) == 1


def test_a_published_file_is_still_called_verified(source, monkeypatch):
    from deepcli.data import imdb
    from deepcli.data.files import DataFile, sha256_of

    assert not read(source).provenance.verified
    monkeypatch.setattr(imdb, "FILE", DataFile("imdb.npz", imdb.FILE.url, sha256_of(source)))
    assert read(source).provenance.verified


def test_another_content_under_the_same_name_size_and_time_is_noticed(source, tmp_path):
    before = read(source)
    with np.load(source, allow_pickle=True) as arrays:
        changed = {**arrays, "y_test": arrays["y_test"][::-1]}
    status = source.stat()
    np.savez(source, **changed)
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert source.stat().st_size == status.st_size
    after = read(source)
    assert np.array_equal(after.test[1], before.test[1][::-1])
    assert after.provenance.sha256 != before.provenance.sha256
    assert len(entries()) == 2


def test_a_source_that_is_replaced_while_it_is_read_is_not_kept_under_its_old_content(source, monkeypatch):

    from deepcli.data.arrays import token_files

    original = vars(token_files)["read_npz"]

    def read_what_came_meanwhile(path, *args, **options):
        with np.load(path, allow_pickle=True) as arrays:
            other = {**arrays, "y_test": arrays["y_test"][::-1]}
        np.savez(path, **other)
        return original(path, *args, **options)

    monkeypatch.setattr(token_files, "read_npz", read_what_came_meanwhile)
    read(source)
    assert not prepared_folder().exists()


def test_what_was_read_outlives_its_entry(source):
    read(source)
    raw = read(source)
    entries()[0].write_bytes(bytes(entries()[0].stat().st_size))
    assert same(raw, read(source))
    assert raw.train[1].flags.writeable


def test_damage_to_an_entry_is_noticed_and_mended(source, read_by_unpickling):
    whole = read(source)
    (entry,) = entries()
    content = entry.read_bytes()
    header = content.index(b"\n") + 1
    lengths = [0, 1, header - 1, header, header + 100, len(content) // 2, len(content) - 1]
    for length in lengths:
        entry.write_bytes(content[:length])
        assert same(read(source), whole)
        assert entry.read_bytes() == content, length
    entry.write_bytes(content + b"\0")
    assert same(read(source), whole)
    # Every bit that matters: all of the header, and here and there in the arrays.
    for place in [*range(header), *np.linspace(header, len(content) - 1, 40).astype(int)]:
        for bit in (0, 4, 6):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            entry.write_bytes(damaged)
            assert same(read(source), whole)
    assert len(read_by_unpickling) > len(lengths) + header


def sealed(entry, arrays, counts=None):
    """Write an entry whose checksum is right, whatever its arrays are."""
    cache._write(entry, cache.Prepared(tuple(arrays), fingerprint(*arrays)))
    if counts:
        header, newline, rest = entry.read_bytes().partition(b"\n")
        entry.write_bytes(header.replace(b'"counts": ', b'"counts": ' + counts + b', "others": ') + newline + rest)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values, offsets, labels: (values, offsets[::-1].copy(), labels),
        lambda values, offsets, labels: (values, offsets * 2, labels),
        lambda values, offsets, labels: (values, offsets + 1, labels),
        lambda values, offsets, labels: (values, np.r_[0, 10**9, offsets[2:]], labels),
        lambda values, offsets, labels: (values, np.r_[0, -8, offsets[2:]], labels),
        lambda values, offsets, labels: (values[:-1], offsets, labels),
        lambda values, offsets, labels: (values, offsets[:-1], labels),
        lambda values, offsets, labels: (values, offsets, labels[:-1]),
        lambda values, offsets, labels: (values, offsets, labels + 2),
        lambda values, offsets, labels: (values, offsets, labels - 1),
        lambda values, offsets, labels: (-values, offsets, labels),
        lambda values, offsets, labels: (values * 100_000, offsets, labels),
        lambda values, offsets, labels: (values[:0], offsets[:1], labels[:0]),
        lambda values, offsets, labels: (values.astype(np.int64), offsets, labels),
        lambda values, offsets, labels: (values, offsets.astype(np.int32), labels),
        lambda values, offsets, labels: (values.astype(np.float32) / 3, offsets, labels),
    ],
)
def test_an_entry_that_someone_has_forged_is_not_believed(source, spoil):
    whole = read(source)
    (entry,) = entries()
    key = entry.name.removesuffix(cache.SUFFIX)
    arrays = cache.load(key, ("int32", "int64", "int32") * 2).arrays
    spoilt = spoil(*(array.copy() for array in arrays[:3]))
    del arrays
    sealed(entry, [*spoilt, *spoilt])
    assert same(read(source), whole)


@pytest.mark.parametrize(
    "counts",
    [b"null", b"7", b"[]", b"[[],[],[],[],[],[]]", b"[-1, 1, 1, 1, 1, 1]", b"[1e400, 1, 1, 1, 1, 1]", b"[true, 1, 1, 1, 1, 1]",
     b"[99999999999999999999, 1, 1, 1, 1, 1]", b"[9223372036854775807, 9, 9, 9, 9, 9]", b"[0, 0, 0, 0, 0, 0]", b"[" * 900],
)  # fmt: skip
def test_an_entry_with_a_strange_header_is_not_believed(source, counts):
    whole = read(source)
    (entry,) = entries()
    sealed(entry, [np.arange(10)], counts)
    assert same(read(source), whole)


def test_nothing_in_an_entry_is_unpickled(source):
    whole = read(source)
    (entry,) = entries()
    np.save(entry, np.array([os.system, "touch evil"], dtype=object), allow_pickle=True)
    Path(f"{entry}.npy").replace(entry)
    assert same(read(source), whole)
    assert not Path("evil").exists()


def test_a_cache_that_cannot_be_written_is_no_error(source, tmp_path, monkeypatch):
    whole = read(source)
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file", tmp_path / "file" / "below", "/dev/null/x", "\0", "~nobody-by-that-name/cache"):
        try:
            monkeypatch.setenv("DEEPCLI_CACHE_DIR", str(place))
        except ValueError:  # no such variable can be
            continue
        assert same(read(source), whole)
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", str(tmp_path / "full"))

    def no_room(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", no_room)
    assert same(read(source), whole)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_fills_up_leaves_nothing_behind(source):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        whole = read(source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert entries() == []
    assert same(read(source), whole)
    assert len(entries()) == 1


def test_an_error_in_the_source_is_reported_and_not_kept(source):
    with np.load(source, allow_pickle=True) as arrays:
        wrong = {**arrays, "y_test": arrays["y_test"] + 1}
    np.savez(source, **wrong)
    for _ in range(2):
        with pytest.raises(DataError, match="one label from 0 to 1"):
            read(source)
    assert not prepared_folder().exists()


RACE = """
import contextlib, sys
from pathlib import Path
from deepcli.data import DATASETS, Dataset
from deepcli.data.arrays import cache
from deepcli.data.files import Sources

imdb = DATASETS.select({"type": "imdb", "path": sys.argv[1]})
found = set()
for turn in range(15):
    raw = imdb.read(Sources(offline=True))
    found.add((raw.provenance.sha256, raw.train[0].values.tobytes(), raw.test[1].tobytes()))
    if turn % 5 == 4:
        for entry in (cache.cache_folder() / "prepared").glob("[!.]*"):
            with contextlib.suppress(OSError):
                entry.unlink()
imdb.read(Sources(offline=True))
assert len(found) == 1
print(raw.provenance.sha256)
"""


def test_eight_processes_that_start_at_once_all_read_the_same(source):
    command = [sys.executable, "-c", RACE, str(source)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    done = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, done
    assert {out.strip() for out, _ in done} == {read(source).provenance.sha256}
    assert len(entries()) == 1


def test_entries_used_longest_ago_make_room_and_nothing_else_is_touched(monkeypatch):
    arrays = (np.arange(1000, dtype=np.int32),)
    prepared = cache.Prepared(arrays, fingerprint(*arrays))
    folder = prepared_folder()
    for age, key in enumerate("abc"):
        cache.store(key, prepared)
        os.utime(folder / f"{key}{cache.SUFFIX}", (time.time() - 1000 + age,) * 2)
    (folder / "notes.txt").write_text("the user's own")
    for name, hours in ((".old", 30), (".new", 1)):
        (folder / f"{name}{cache.SUFFIX}").touch()
        os.utime(folder / f"{name}{cache.SUFFIX}", (time.time() - hours * 3600,) * 2)
    assert cache.load("a", ["int32"]) is not None  # used just now, so b has become the oldest
    monkeypatch.setattr(cache, "MAX_BYTES", 3 * 4200)
    cache.store("d", prepared)
    names = {path.name.removesuffix(cache.SUFFIX) for path in folder.iterdir()}
    assert names == {"a", "c", "d", ".new", "notes.txt"}
    monkeypatch.setattr(cache, "MAX_BYTES", 100)
    cache.store("e", prepared)
    assert cache.load("e", ["int32"]) is None, "larger than the whole cache may be"


def test_the_cache_is_where_the_user_wants_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", str(tmp_path / "own"))
    assert prepared_folder() == tmp_path / "own" / "prepared"
    monkeypatch.delenv("DEEPCLI_CACHE_DIR")
    if os.name == "posix":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert prepared_folder() == tmp_path / "xdg" / "deepcli" / "prepared"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert prepared_folder() == Path.home() / ".cache" / "deepcli" / "prepared"
