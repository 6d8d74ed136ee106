"""The cache of decoded pictures: made once, shared, bounded, whole or not at all; and pictures that are alike."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepcli.data import cache_room
from deepcli.data.arrays import picture_cache, picture_threads
from deepcli.data.arrays.decoding import decode, decode_content, read_file
from deepcli.data.arrays.fitting import Resize
from deepcli.data.arrays.near_duplicates import near_duplicates
from deepcli.data.arrays.picture_cache import decoded
from deepcli.data.arrays.picture_entry import HEADER, EntryWriter
from deepcli.data.sources.picture_folders import list_pictures
from deepcli.errors import DataError

SIZE = (12, 16)


def photo(seed, size=(64, 48)):
    """Draw soft shapes, as no two photos have."""
    small = np.random.RandomState(seed).randint(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        for number in range(10):
            photo(number + 100 * (label == "b")).save(root / label / f"{number}.{('png', 'jpg')[number % 2]}")
    return root


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def make(folder, cache, size=SIZE, channels=3, resize="crop", **options):
    return decoded(folder, list_pictures(folder).pictures, size, channels, resize, cache, **options)


def entries(cache):
    return sorted(path.name for path in (cache / "pictures").iterdir())


@pytest.fixture
def reads(monkeypatch):
    """Note what is decoded."""
    names = []
    original = picture_threads._unchanged
    monkeypatch.setattr(
        picture_threads, "_unchanged", lambda place, one: names.append(one.name) or original(place, one)
    )
    return names


def test_rows_are_what_decoding_each_file_gives(folder, cache):
    pictures = list_pictures(folder).pictures
    ways: list[tuple[tuple[int, int], int, Resize]] = [
        ((12, 16), 3, "crop"),
        ((5, 5), 1, "pad"),
        ((64, 64), 3, "stretch"),
    ]
    for size, channels, resize in ways:
        found = make(folder, cache, size, channels, resize)
        assert found.images.shape == (20, *size, channels) and found.images.dtype == np.uint8
        for row, place in enumerate(found.indices):
            path = folder / pictures[place].name
            assert (found.images[row] == decode(path, size, channels, resize)).all()
            assert found.digests[row] == hashlib.sha256(path.read_bytes()).digest()
        assert found.unreadable == [] and found.findings(pictures) == []
    assert len(entries(cache)) == 3


def test_the_rows_cannot_be_written(folder, cache):
    with pytest.raises(ValueError, match="read-only"):
        make(folder, cache).images[0, 0, 0] = 1


def test_many_batches_are_in_order(folder, cache, monkeypatch):
    whole = np.array(make(folder, cache).images)
    monkeypatch.setattr(picture_threads, "BATCH", 1)
    monkeypatch.setattr(picture_threads, "cores", lambda: 8)
    other = make(folder, cache.with_name("other"))
    assert (other.images == whole).all()
    seen = []
    make(folder, cache.with_name("third"), progress=lambda *args: seen.append(args))
    assert seen == [("pictures", n, 20) for n in range(1, 21)]


def test_a_second_call_decodes_nothing(folder, cache, reads):
    first = np.array(make(folder, cache).images)
    assert len(reads) == 20
    found = make(folder, cache)
    assert len(reads) == 20 and (found.images == first).all() and len(found.digests) == 20
    folder.rename(folder.with_name("moved"))
    make(folder.with_name("moved"), cache)
    assert len(reads) == 20, "a folder that was moved is still the same"


def test_any_change_of_the_files_is_noticed(folder, cache, reads):
    make(folder, cache)
    path = folder / "a" / "0.png"
    about = path.stat()
    changes = [
        lambda: photo(77).save(path), lambda: os.utime(path, ns=(1, about.st_mtime_ns + 1)),
        lambda: path.rename(folder / "a" / "00.png"), lambda: shutil.copy(folder / "a" / "1.jpg", folder / "a" / "11.jpg"),
        lambda: (folder / "a" / "00.png").unlink(),
    ]  # fmt: skip
    for number, change in enumerate(changes, 2):
        before = len(reads)
        change()
        make(folder, cache)
        assert len(reads) > before and len(entries(cache)) == number


@pytest.mark.skipif(sys.platform == "win32", reason="the time of a change as POSIX has it")
def test_a_content_of_the_same_size_and_time_is_noticed(folder, cache):
    path = folder / "a" / "0.bmp"
    Image.new("RGB", (8, 8), "red").save(path)
    about = path.stat()
    assert make(folder, cache).images[0, 0, 0].tolist() == [255, 0, 0]
    time.sleep(0.02)
    Image.new("RGB", (8, 8), "blue").save(path)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert make(folder, cache).images[0, 0, 0].tolist() == [0, 0, 255]


def test_every_unreadable_picture_is_named_and_has_no_row(folder, cache, reads):
    whole = np.array(make(folder, cache).images)
    bad = {"a/3.jpg": b"hello", "b/0.png": b"", "b/9.jpg": (folder / "b" / "9.jpg").read_bytes()[:300]}
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    pictures = list_pictures(folder).pictures
    for _ in range(2):
        found = make(folder, cache)
        assert [name for name, _ in found.unreadable] == sorted(bad)
        assert [why.partition(";")[0].partition(":")[0] for _, why in found.unreadable] == [
            "cannot be read as an image", "is empty", "is damaged"
        ]  # fmt: skip
        assert found.indices.tolist() == [n for n in range(20) if pictures[n].name not in bad]
        assert (found.images == whole[found.indices]).all() and len(found.digests) == 17
        assert [(one.code, one.severity, one.where) for one in found.findings(pictures)] == [
            ("unreadable", "error", name) for name in sorted(bad)
        ]
    assert len(reads) == 40


def test_nothing_that_can_be_read_is_an_error(tmp_path, cache):
    for label in "ab":
        (tmp_path / "photos" / label).mkdir(parents=True)
        (tmp_path / "photos" / label / "1\n.png").write_bytes(b"no")
    with pytest.raises(DataError, match=r"none of its pictures can be read; a/1\\n.png: cannot be read as an image"):
        make(tmp_path / "photos", cache)
    assert entries(cache) == []


def test_peculiar_pictures_are_told_of_together(folder, cache):
    for name in ("a/x.gif", "b/y.gif"):
        photo(1).save(folder / name, save_all=True, append_images=[photo(2)])
    Image.fromarray(np.full((9, 9), 4000, np.uint16)).save(folder / "a" / "z.png")
    pictures = list_pictures(folder).pictures
    for _ in range(2):
        texts = {one.code: (one.severity, one.text) for one in make(folder, cache).findings(pictures)}
        assert texts["animation"] == ("note", "2 animations; only the first frame is used: a/x.gif, b/y.gif")
        assert texts["dark-picture"][0] == "warning" and texts["dark-picture"][1].endswith("a/z.png")


def test_a_picture_that_changes_is_an_error(folder, cache, monkeypatch):
    pictures = list_pictures(folder).pictures
    (folder / "a" / "4.png").write_bytes(b"other")
    with pytest.raises(DataError, match=r"a/4.png: changed since the folder was listed"):
        decoded(folder, pictures, SIZE, 3, "crop", cache)
    (folder / "a" / "4.png").unlink()
    with pytest.raises(DataError, match=r"a/4.png: (changed|was deleted) since the folder was listed"):
        decoded(folder, pictures, SIZE, 3, "crop", cache)
    photo(4).save(folder / "a" / "4.png")

    def read_while_someone_writes(path):
        content, before, after = read_file(path)
        if str(path).endswith("5.jpg"):
            with Path(path).open("ab") as file:
                file.write(b"more")
            after = Path(path).stat()
        return content, before, after

    monkeypatch.setattr(picture_threads, "read_file", read_while_someone_writes)
    with pytest.raises(DataError, match=r"5.jpg: changed"):
        make(folder, cache)
    assert entries(cache) == []


def test_damage_to_an_entry_is_noticed_and_mended(folder, cache, reads):
    whole = np.array(make(folder, cache).images)
    (name,) = entries(cache)
    path = cache / "pictures" / name
    content = path.read_bytes()
    end = HEADER + whole.size
    header = content.index(b"}\n") + 1
    spoiled = [content[:length] for length in (0, 1, 100, HEADER, HEADER + 9, end, len(content) - 1)] + [
        content + b"\0"
    ]
    for place in [*range(0, header, 7), *range(end, len(content), 211)]:
        damaged = bytearray(content)
        damaged[place] ^= 1
        spoiled.append(bytes(damaged))
    for damaged in spoiled:
        path.unlink()  # not written over, as that would end a process that has it mapped
        path.write_bytes(damaged)
        before = len(reads)
        assert (make(folder, cache).images == whole).all()
        assert len(reads) == before + 20
        assert path.read_bytes() == content


def test_damaged_pixels_are_noticed_when_asked_for(folder, cache):
    whole = np.array(make(folder, cache).images)
    (name,) = entries(cache)
    content = bytearray((cache / "pictures" / name).read_bytes())
    content[HEADER + 5] ^= 1
    (cache / "pictures" / name).write_bytes(content)
    assert (make(folder, cache).images != whole).sum() == 1
    assert (make(folder, cache, verify=True).images == whole).all()
    assert (make(folder, cache).images == whole).all()


def test_an_entry_that_is_gone_meanwhile_can_still_be_read(folder, cache):
    found = make(folder, cache)
    whole = np.array(found.images)
    shutil.rmtree(cache)
    assert (found.images == whole).all()


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_disk_that_fills_up_leaves_nothing_behind(folder, cache, monkeypatch, after):
    left = [after]

    class Full:
        def __init__(self, out):
            self._out = out

        def write(self, content):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
            return self._out.write(content)

    monkeypatch.setattr(picture_threads, "BATCH", 8)
    monkeypatch.setattr(
        picture_cache,
        "EntryWriter",
        lambda out, shape: EntryWriter(Full(out), shape),  # type: ignore[arg-type]
    )
    with pytest.raises(DataError, match=r"No space left on device\n.*DEEPCLI_CACHE_DIR"):
        make(folder, cache)
    assert entries(cache) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_limit_on_files_leaves_nothing_behind(folder, cache):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, before[1]))
    try:
        with pytest.raises(DataError, match="DEEPCLI_CACHE_DIR"):
            make(folder, cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert entries(cache) == []
    assert len(make(folder, cache).images) == 20


def test_too_little_room_is_said_before_anything_is_decoded(folder, cache, monkeypatch, reads):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 10))
    with pytest.raises(DataError, match=r"cannot write 0 MiB of the cache: No space left .*\n.*DEEPCLI_CACHE_DIR"):
        make(folder, cache)
    assert reads == []


def test_a_cache_that_cannot_be_written_is_an_error(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="DEEPCLI_CACHE_DIR"):
        make(folder, tmp_path / "file")


KILLED = """
import os, sys
from pathlib import Path
from deepcli.data.arrays import picture_cache, picture_threads
from deepcli.data.sources.picture_folders import list_pictures
folder, cache = map(Path, sys.argv[1:])
picture_threads.BATCH = 4
def dies(name, done, total):
    if done >= 12:
        os._exit(9)
picture_cache.decoded(folder, list_pictures(folder).pictures, (12, 16), 3, "crop", cache, dies)
"""


def test_a_killed_process_leaves_nothing_that_is_taken_for_whole(folder, cache, reads):
    assert subprocess.run([sys.executable, "-c", KILLED, folder, cache]).returncode == 9
    (left,) = entries(cache)
    assert left.startswith(".")
    found = make(folder, cache)
    assert len(reads) == 20 and len(found.images) == 20
    assert left in entries(cache), "another process may be writing it"
    os.utime(cache / "pictures" / left, (time.time() - 90_000,) * 2)
    make(folder, cache, size=(3, 3))
    assert left not in entries(cache)


RACE = """
import sys
from pathlib import Path
from deepcli.data.arrays import picture_cache, picture_threads
from deepcli.data.sources.picture_folders import list_pictures
folder, cache = map(Path, sys.argv[1:])
reads = []
original = picture_threads._unchanged
picture_threads._unchanged = lambda place, one: reads.append(one.name) or original(place, one)
found = picture_cache.decoded(folder, list_pictures(folder).pictures, (12, 16), 3, "crop", cache, verify=True)
print(len(reads), picture_cache.hashlib.sha256(found.images.tobytes()).hexdigest())
"""


def test_processes_that_start_at_once_share_the_work_of_one(folder, cache):
    command = [sys.executable, "-c", RACE, folder, cache]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    done = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, done
    words = [out.split() for out, _ in done]
    assert sorted(int(count) for count, _ in words) == [0, 0, 20]
    assert {digest for _, digest in words} == {hashlib.sha256(make(folder, cache).images.tobytes()).hexdigest()}


def test_entries_used_longest_ago_make_room(folder, cache, monkeypatch):
    for number, size in enumerate(((10, 10), (11, 11), (12, 12))):
        make(folder, cache, size)
        (newest,) = set(entries(cache)) - {
            name for name in entries(cache) if (cache / "pictures" / name).stat().st_mtime < 1e9
        }
        os.utime(cache / "pictures" / newest, (1_000_000 + number,) * 2)
    make(folder, cache, (10, 10))  # used just now
    monkeypatch.setattr(cache_room, "MAX_BYTES", 26_000)
    make(folder, cache, (9, 9))
    sizes = [(cache / "pictures" / name).stat().st_size for name in entries(cache)]
    assert len(sizes) == 2, "those of 11x11 and 12x12 made room"
    monkeypatch.setattr(cache_room, "MAX_BYTES", 10)
    assert len(make(folder, cache, (8, 8)).images) == 20, "a data set may need more than the limit"


def test_memory_does_not_grow_with_the_folder(folder, cache, monkeypatch):
    for number in range(60):
        shutil.copy(folder / "a" / "1.jpg", folder / "a" / f"more{number}.jpg")
    monkeypatch.setattr(picture_threads, "BATCH", 2)
    monkeypatch.setattr(picture_threads, "cores", lambda: 2)
    alive, most, before = [0], [0], [0]

    def counted(*args):
        alive[0] += 1
        most[0] = max(most[0], alive[0])
        return decode_content(*args)

    def written(name, done, total):
        alive[0] -= done - before[0]
        before[0] = done
        time.sleep(0.002)

    monkeypatch.setattr(picture_threads, "decode_content", counted)
    make(folder, cache, progress=written)
    assert most[0] <= 2 * (2 * 2 + 1 + 2)


def test_nothing_is_written_into_the_folder(folder, cache):
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    make(folder, cache)
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


def as_array(images, size=(64, 64)):
    return np.stack([np.asarray(image.convert("RGB").resize(size)) for image in images])


def again(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return Image.open(out)


def test_equal_and_nearly_equal_pictures_are_found():
    images = [photo(n, (90, 80)) for n in range(300)]
    images += [
        images[7],
        images[7],
        again(images[20], quality=60),
        images[30].resize((70, 70)),
        images[40].transpose(0),
    ]
    pairs = near_duplicates(as_array(images))
    assert [tuple(pair) for pair in pairs] == [(7, 300, True), (7, 301, True), (20, 302, False), (30, 303, False)]


def test_small_and_plain_pictures_are_only_compared_exactly():
    rng = np.random.RandomState(0)
    small = rng.randint(0, 256, (50, 20, 20, 3), np.uint8)
    small[9] = small[4]
    small[8] = small[3] ^ 1
    assert [tuple(pair) for pair in near_duplicates(small)] == [(4, 9, True)]
    plain = np.full((30, 40, 40, 1), 100, np.uint8) + np.arange(30, dtype=np.uint8)[:, None, None, None] % 3
    assert all(pair.equal for pair in near_duplicates(plain))


def test_pictures_that_only_look_alike_from_afar_are_not_paired():
    base = np.asarray(photo(1, (64, 64))).astype(int)
    other = base.copy()
    other[20:40, 20:40] = 255 - other[20:40, 20:40]
    brighter = (base * 0.8 + 51).astype(int)
    images = np.stack([base, other, brighter]).clip(0, 255).astype(np.uint8)
    assert near_duplicates(images) == []


def test_the_work_does_not_grow_with_the_square_of_what_is_alike():
    from deepcli.data.arrays.near_duplicates import WINDOW, _candidates

    pairs = sum(len(left) for left, _ in _candidates(np.zeros(5000, np.uint64)))
    assert pairs <= 4 * WINDOW * 5000


def test_hashes_that_differ_in_three_bits_are_candidates():
    from deepcli.data.arrays.near_duplicates import _candidates

    rng = np.random.RandomState(3)
    for _ in range(50):
        first = rng.randint(0, 2**63, 40).astype(np.uint64)
        other = first[5]
        for bit in rng.choice(64, 3, replace=False):
            other ^= np.uint64(1) << np.uint64(bit)
        found = {
            tuple(sorted(pair)) for a, b in _candidates(np.append(first, other)) for pair in zip(a, b, strict=True)
        }
        assert (5, 40) in found
