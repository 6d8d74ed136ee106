"""Data files and cache entries with one bit flipped: noticed, or without any effect on the arrays. Nothing else."""

import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from deepcli.data import DATASETS, Dataset, cifar10
from deepcli.data.arrays import cache
from deepcli.data.arrays.splits import fingerprint
from deepcli.data.files import Sources, keras_cache
from deepcli.errors import DataError
from tests.unit.test_more_data import BATCHES, FASHION, inner, pickled, write_archive, write_folder, write_idx

FULL = os.environ.get("DEEPCLI_TORTURE") == "1"
FLIPS = 1000 if FULL else 120


def make_mnist(folder, rng, save=np.savez):
    arrays = {
        f"{kind}_{split}": rng.randint(0, 256, (count, 28, 28)) if kind == "x" else rng.randint(0, 10, count)
        for split, count in (("train", 6), ("test", 3))
        for kind in "xy"
    }
    save(folder / "mnist.npz", **{name: array.astype(np.uint8) for name, array in arrays.items()})
    return "mnist", folder / "mnist.npz", [folder / "mnist.npz"]


def make_packed_mnist(folder, rng):
    return make_mnist(folder, rng, np.savez_compressed)


def texts(rng, count):
    x = np.empty(count, dtype=object)
    for index in range(count):
        x[index] = rng.randint(1, 80, rng.randint(1, 20)).tolist()
    return x


def make_imdb(folder, rng):
    path = folder / "imdb.npz"
    y = np.arange(12) % 2
    np.savez_compressed(path, x_train=texts(rng, 12), y_train=y, x_test=texts(rng, 12), y_test=y)
    return "imdb", path, [path]


def make_reuters(folder, rng):
    path = folder / "reuters.npz"
    np.savez(path, x=texts(rng, 30), y=rng.randint(0, 46, 30))
    return "reuters", path, [path]


def make_fashion(folder, rng):
    paths = [folder / "fashion-mnist" / name for name in FASHION]
    for path, shape in zip(paths, FASHION.values(), strict=True):
        values = rng.randint(0, 10 if len(shape) == 1 else 256, (5, *shape[1:]))
        write_idx(path, values.astype(np.uint8))
    return "fashion_mnist", folder / "fashion-mnist", paths


def make_batches(rng):
    return {
        name: pickled({
            "batch_label": name,
            "labels": rng.randint(0, 10, 2).tolist(),
            "data": rng.randint(0, 256, (2, 3072)).astype(np.uint8),
            "filenames": ["0.png", "1.png"],
        })
        for name in BATCHES
    }  # fmt: skip


def make_archive(folder, rng):
    path = write_archive(folder / "cifar-10-python.tar.gz", inner(make_batches(rng)))
    return "cifar10", path, [path]


def make_folder(folder, rng):
    """As Keras unpacks it into its cache: without any checksum of its own, so against the published ones."""
    batches = make_batches(rng)
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in batches.items()}
    path = write_folder(keras_cache() / "cifar-10-batches-py", batches)
    cifar10.MD5.update(md5)  # a copy, where a test has made one
    return "cifar10", None, [path / name for name in batches]


def make_digits(folder, rng):
    import importlib.util

    path = Path(importlib.util.find_spec("sklearn").origin).parent / "datasets" / "data" / "digits.csv.gz"
    (folder / "datasets" / "data").mkdir(parents=True)
    copied = shutil.copyfile(path, folder / "datasets" / "data" / "digits.csv.gz")
    return "digits", None, [copied]


LAYOUTS = [
    make_mnist,
    make_packed_mnist,
    make_imdb,
    make_reuters,
    make_fashion,
    make_archive,
    make_folder,
    make_digits,
]


def content(raw):
    """Return the SHA-256 of everything that comes out of a file."""
    digest = hashlib.sha256()
    for x, y in (raw.train, raw.test):
        for array in (x, y) if isinstance(x, np.ndarray) else (x.values, x.offsets, y):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def read(name, path):
    given = {} if path is None else {"path": str(path)}
    return content(cast("Dataset", DATASETS.select({"type": name, **given})).read(Sources(offline=True)))


def flipped(whole, place, bit):
    damaged = bytearray(whole)
    damaged[place] ^= 1 << bit
    return bytes(damaged)


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__.removeprefix("make_"))
def test_a_flipped_bit_in_a_data_file_is_noticed_or_harmless(make, tmp_path, monkeypatch, counted):
    rng = np.random.RandomState(7)
    monkeypatch.setattr(cifar10, "MD5", dict(cifar10.MD5))
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", os.devnull)
    name, path, files = make(tmp_path, rng)
    if make is make_digits:
        import importlib.util

        lost = importlib.util.spec_from_file_location("sklearn", tmp_path / "__init__.py")
        monkeypatch.setattr("importlib.util.find_spec", lambda name: lost)
    expected = read(name, path)
    detected = harmless = 0
    for turn in range(FLIPS // len(LAYOUTS)):
        file = files[turn % len(files)]
        whole = file.read_bytes()
        # Where the structure is, at both ends, every other time; anywhere else the rest.
        edge = min(len(whole), 400)
        place = rng.randint(len(whole)) if turn % 2 else int(rng.choice([rng.randint(edge), -1 - rng.randint(edge)]))
        file.write_bytes(flipped(whole, place, rng.randint(8)))
        try:
            found = read(name, path)
        except DataError as error:
            assert str(error)
            detected += 1
        else:
            assert found == expected, (file, place)
            harmless += 1
        finally:
            file.write_bytes(whole)
    assert detected > harmless
    counted(f"{detected + harmless} flipped bits in {make.__name__[5:]}: {detected} detected, {harmless} harmless")


@pytest.mark.parametrize("make", LAYOUTS[:-1], ids=lambda make: make.__name__.removeprefix("make_"))
def test_a_truncated_data_file_is_noticed(make, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "MD5", dict(cifar10.MD5))
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", os.devnull)
    name, path, files = make(tmp_path, np.random.RandomState(7))
    for file in files:
        whole = file.read_bytes()
        for length in {0, 1, 10, len(whole) // 2, len(whole) - 1}:
            file.write_bytes(whole[:length])
            with pytest.raises(DataError):
                read(name, path)
        file.write_bytes(whole)
    read(name, path)


def mutations(whole, rng, count):
    """Yield a content with some bytes changed, doubled or left out."""
    for _ in range(count):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            place = rng.randint(len(damaged))
            match rng.randint(4):
                case 0:
                    damaged[place] ^= 1 << rng.randint(8)
                case 1:
                    damaged[place] = rng.randint(256)
                case 2:
                    del damaged[place : place + rng.randint(1, 9)]
                case 3:
                    damaged[place:place] = damaged[place : place + rng.randint(1, 9)]
            if not damaged:
                damaged = bytearray(whole)
        yield bytes(damaged)


SEALED = """
import sys, warnings
from pathlib import Path
warnings.simplefilter("error")
from deepcli.data import DATASETS, Dataset
from deepcli.data.files import Sources
from deepcli.errors import DataError

counts = {"read": 0, "refused": 0}
for path in sorted(Path(sys.argv[2]).iterdir()):
    try:
        DATASETS.select({"type": sys.argv[1], "path": str(path)}).read(Sources(offline=True))
        counts["read"] += 1
    except DataError:
        counts["refused"] += 1
    except BaseException:
        print(path, flush=True)
        raise
print(counts["read"], counts["refused"])
"""


@pytest.mark.parametrize("kind", ["texts", "labels", "batch"])
def test_what_is_forged_and_sealed_again_is_data_or_an_error(kind, tmp_path, monkeypatch, counted):
    """The checksums are right here, the content is anything; in a process of its own, which must live to its end."""
    rng = np.random.RandomState(3)
    folder = tmp_path / "forged"
    folder.mkdir()
    x, y = texts(rng, 8), np.arange(8) % 2
    count = 700 if FULL else 100
    if kind == "batch":
        batches = make_batches(rng)
        for index, changed in enumerate(mutations(batches["test_batch"], rng, count // 2)):
            write_archive(folder / f"{index}.tar.gz", inner({**batches, "test_batch": changed}))
    else:
        parts = {}
        for name, array in (("x", x), ("y", y)):
            stream = io.BytesIO()
            np.lib.format.write_array(stream, array)
            parts[name] = stream.getvalue()
        for index, changed in enumerate(mutations(parts["x" if kind == "texts" else "y"], rng, count)):
            with zipfile.ZipFile(folder / f"{index}.npz", "w") as archive:
                archive.writestr("x.npy", changed if kind == "texts" else parts["x"])
                archive.writestr("y.npy", changed if kind == "labels" else parts["y"])
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", os.devnull)
    command = [sys.executable, "-c", SEALED, "cifar10" if kind == "batch" else "reuters", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr[-3000:])
    fine, refused = map(int, done.stdout.split())
    assert refused > 0
    counted(f"{fine + refused} forged files of {kind}: {refused} refused, {fine} read as what they say")


def test_a_damaged_cache_entry_is_noticed_or_harmless(tmp_path, counted):
    name, path, _ = make_reuters(tmp_path, np.random.RandomState(7))
    expected = read(name, path)
    (entry,) = (Path(os.environ["DEEPCLI_CACHE_DIR"]) / "prepared").iterdir()
    whole = entry.read_bytes()
    rng = np.random.RandomState(5)
    count = 500 if FULL else 100
    mended = 0
    for turn in range(count):
        length = rng.randint(len(whole))
        entry.write_bytes(flipped(whole, length, rng.randint(8)) if turn % 3 else whole[:length])
        assert read(name, path) == expected
        mended += entry.read_bytes() == whole
        entry.write_bytes(whole)
    assert mended > count // 2
    counted(f"{count} damaged cache entries: {mended} made anew, {count - mended} harmless")


WRITER = """
import sys
import numpy as np
from deepcli.data.arrays import cache
from deepcli.data.arrays.splits import fingerprint

seed, rounds = int(sys.argv[1]), int(sys.argv[2])
# Every process has a content of its own, so half of one's and half of another's would be seen.
arrays = (np.full(300_000, seed, np.int32), np.arange(1000) * seed)
prepared = cache.Prepared(arrays, fingerprint(*arrays))
print("ready", flush=True)
for turn in range(rounds):
    cache.store("shared", prepared)
    found = cache.load("shared", ["int32", "int64"])
    assert found is not None, "an entry that was whole is gone"
    first, second = found.arrays
    assert len(first) == 300_000 and (first == first[0]).all() and (second == np.arange(1000) * first[0]).all()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="an entry that is mapped cannot be replaced there")
def test_writers_and_readers_of_one_cache_entry_while_some_are_killed(counted):
    workers, rounds = (8, 150) if FULL else (4, 25)

    def start(seed, rounds):
        command = [sys.executable, "-c", WRITER, str(seed), str(rounds)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    lasting = [start(seed, rounds) for seed in range(1, workers)]
    killed = [start(100 + index, 10**6) for index in range(workers // 4)]
    rng = np.random.RandomState(1)
    for process in killed:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.05 + 0.1 * rng.rand())
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    done = [process.communicate(timeout=300) for process in lasting]
    assert [process.returncode for process in lasting] == [0] * len(lasting), done
    assert cache.load("shared", ["int32", "int64"]) is not None
    folder = Path(os.environ["DEEPCLI_CACHE_DIR"]) / "prepared"
    left = [path for path in folder.iterdir() if path.name != f"shared{cache.SUFFIX}"]
    assert len(left) <= len(killed), "only the killed leave anything half-written"
    for path in left:
        os.utime(path, (time.time() - 2 * cache.ABANDONED_SECONDS,) * 2)
    arrays = (np.arange(3),)
    cache.store("other", cache.Prepared(arrays, fingerprint(*arrays)))
    assert sorted(path.name for path in folder.iterdir()) == [f"{name}{cache.SUFFIX}" for name in ("other", "shared")]
    counted(f"{len(lasting)} processes wrote and read one cache entry {rounds} times, {len(killed)} were killed")
