"""Fashion-MNIST, CIFAR-10 and Reuters: read as Keras reads them, from small files in exactly its layouts."""

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from deepcli.data import DATASETS, Dataset, cifar10, fashion_mnist
from deepcli.data.files import DataFile, Sources, find, is_published, keras_cache
from deepcli.errors import DataError

OFFLINE = Sources(offline=True)
FASHION = {
    "train-images-idx3-ubyte.gz": (30, 28, 28),
    "train-labels-idx1-ubyte.gz": (30,),
    "t10k-images-idx3-ubyte.gz": (20, 28, 28),
    "t10k-labels-idx1-ubyte.gz": (20,),
}
BATCHES = (*cifar10.TRAIN, "test_batch")


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 wrote into CIFAR-10's batches: byte strings, and 0 and 1 for flags."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)
    write: Callable[[bytes], int]
    memoize: Callable[[object], None]

    def save_string(self, text):
        text = text.encode("latin1") if isinstance(text, str) else text
        self.write(pickle.BINSTRING + struct.pack("<i", len(text)) + text)
        self.memoize(text)

    def save_flag(self, flag):
        self.write(pickle.BININT1 + bytes([flag]))

    dispatch[bytes] = dispatch[str] = save_string
    dispatch[bool] = save_flag


def pickled(value):
    stream = io.BytesIO()
    Python2Pickler(stream, protocol=2).dump(value)
    return stream.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def idx(array):
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(idx(array)))


@pytest.fixture
def fashion():
    """Fill Keras's cache with four small files."""
    rng = np.random.RandomState(0)
    folder = keras_cache() / "fashion-mnist"
    for name, shape in FASHION.items():
        write_idx(folder / name, rng.randint(0, 10 if len(shape) == 1 else 256, shape).astype(np.uint8))
    return folder


@pytest.fixture
def batches():
    """Make the content of six small batches."""
    rng = np.random.RandomState(0)
    return {
        name: pickled({
            "batch_label": name,
            "labels": rng.randint(0, 10, 4).tolist(),
            "data": rng.randint(0, 256, (4, 3072)).astype(np.uint8),
            "filenames": [f"{index}.png" for index in range(4)],
        })
        for name in BATCHES
    }  # fmt: skip


def write_folder(folder, batches):
    folder.mkdir(parents=True)
    for name, content in batches.items():
        (folder / name).write_bytes(content)
    return folder


def write_archive(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def publish(batches, monkeypatch):
    """Let these batches be the published ones."""
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in batches.items()}
    monkeypatch.setattr(cifar10, "MD5", md5)


def inner(batches):
    return {f"cifar-10-batches-py/{name}": content for name, content in batches.items()}


@pytest.fixture
def reuters():
    """Put a small file of object arrays of lists into Keras's cache."""
    rng = np.random.RandomState(0)
    x = np.empty(53, dtype=object)
    for index in range(len(x)):
        x[index] = rng.randint(1, 80, rng.randint(1, 20)).tolist()
    keras_cache().mkdir(parents=True)
    path = keras_cache() / "reuters.npz"
    np.savez(path, x=x, y=rng.randint(0, 46, len(x)))
    return path


@pytest.fixture
def keras_here(monkeypatch):
    """Let Keras look into this test's cache: it reads KERAS_HOME only once, and insists on the published files."""
    import keras

    monkeypatch.setattr("keras.src.backend.config.keras_home", lambda: str(keras_cache().parent))
    monkeypatch.setattr("keras.src.utils.file_utils.validate_file", lambda *args, **options: True)
    return keras.datasets


def read(name, **fields):
    return cast("Dataset", DATASETS.select({"type": name, **fields})).read(OFFLINE)


def lists(tokens):
    return [tokens.values[start:stop].tolist() for start, stop in zip(tokens.offsets, tokens.offsets[1:], strict=False)]


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "kind", "shape", "classes", "examples", "vocabulary"),
    [
        ("fashion_mnist", "image", (28, 28, 1), 10, 60_000, None),
        ("cifar10", "image", (32, 32, 3), 10, 50_000, None),
        ("reuters", "tokens", (200,), 46, 8_982, 10_000),
    ],
)
def test_signatures_need_no_file(name, kind, shape, classes, examples, vocabulary):
    signature = DATASETS.select(name).signature
    assert (signature.kind, signature.shape, signature.classes) == (kind, shape, classes)
    assert (signature.examples, signature.vocabulary) == (examples, vocabulary)


@pytest.mark.parametrize(
    ("name", "place", "url"),
    [
        ("fashion_mnist", "fashion-mnist/train-images-idx3-ubyte.gz", "https://storage.googleapis.com/tensorflow/"),
        ("cifar10", "cifar-10-batches-py-target_archive", "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"),
        ("reuters", "reuters.npz", "https://storage.googleapis.com/tensorflow/tf-keras-datasets/reuters.npz"),
    ],
)
def test_a_missing_file_is_named_with_its_place_and_its_source(name, place, url):
    with pytest.raises(DataError, match="--offline forbids a download") as error:
        read(name)
    assert str(keras_cache() / place) in str(error.value)
    assert f"download it from {url}" in str(error.value)
    with pytest.raises(DataError, match=r"data\.path: .* does not exist"):
        read(name, path="nowhere")


def test_fashion_mnist_is_what_keras_reads_from_the_same_files(fashion, keras_here):
    raw = read("fashion_mnist")
    for ours, theirs in zip((raw.train, raw.test), keras_here.fashion_mnist.load_data(), strict=True):
        assert ours[0].dtype == np.uint8
        assert np.array_equal(ours[0][..., 0], theirs[0])
        assert np.array_equal(ours[1], theirs[1])
    assert not raw.provenance.verified
    assert raw.provenance.source == str(fashion)


def test_fashion_mnist_is_found_in_a_data_folder_in_its_own_folder_or_its_parent(fashion, tmp_path):
    there = tmp_path / "data"
    there.mkdir()
    fashion.rename(there / "fashion-mnist")
    for path in (there, there / "fashion-mnist"):
        assert len(read("fashion_mnist", path=str(path)).test[1]) == 20
    assert len(cast("Dataset", DATASETS.select("fashion_mnist")).read(Sources(there, offline=True)).test[1]) == 20
    with pytest.raises(DataError, match="name the folder with the four files"):
        read("fashion_mnist", path=str(there / "fashion-mnist" / "train-labels-idx1-ubyte.gz"))


@pytest.mark.parametrize("name", FASHION)
def test_damage_to_a_gzip_file_is_noticed(fashion, name):
    path = fashion / name
    whole = path.read_bytes()
    for content in (whole[:-3], whole[: len(whole) // 2], b"", b"<html>not found</html>", idx(np.zeros(3, np.uint8))):
        path.write_bytes(content)
        with pytest.raises(DataError, match=name):
            read("fashion_mnist")
    for place in (len(whole) // 2, len(whole) - 6):
        path.write_bytes(whole)
        flip(path, place)
        with pytest.raises(DataError, match=name):
            read("fashion_mnist")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte.gz", idx(np.zeros((30, 27, 28), np.uint8)), r"not uint8\[n, 28, 28\]"),
        ("train-images-idx3-ubyte.gz", idx(np.zeros(30, np.uint8)), r"uint8\[30\], not uint8\[n, 28, 28\]"),
        ("train-images-idx3-ubyte.gz", struct.pack(">4I", 0x803, *3 * [2**32 - 1]), "but contains 0"),
        ("train-images-idx3-ubyte.gz", b"\0\0\x0d\x03" + bytes(12), "is not an IDX file of bytes"),
        ("train-images-idx3-ubyte.gz", b"\0\0\x08\x03\0", "is not an IDX file of bytes"),
        ("train-labels-idx1-ubyte.gz", idx(np.zeros(29, np.uint8)), "for each of 30 images"),
        ("t10k-labels-idx1-ubyte.gz", idx(np.full(20, 10, np.uint8)), "one label from 0 to 9"),
    ],
)
def test_fashion_mnist_files_of_the_wrong_kind(fashion, name, content, message):
    (fashion / name).write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=message) as error:
        read("fashion_mnist")
    assert name in str(error.value)


def test_what_unpacks_to_more_than_a_data_file_can_hold_is_refused(fashion, monkeypatch):
    monkeypatch.setattr("deepcli.data.fashion_mnist.MAX_BYTES", 20_000)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: would unpack to more than"):
        read("fashion_mnist")


def test_cifar10_is_what_keras_reads_from_the_same_batches(batches, monkeypatch):
    from keras.src.datasets.cifar import load_batch

    folder = write_folder(keras_cache() / "cifar-10-batches-py-target" / "cifar-10-batches-py", batches)
    with pytest.raises(DataError, match="data_batch_1: is not the published batch of CIFAR-10"):
        read("cifar10")
    publish(batches, monkeypatch)
    raw = read("cifar10")
    # load_data itself insists on 10,000 pictures a batch; this is what it does with each.
    theirs = [load_batch(str(folder / name)) for name in BATCHES]
    images = [data.transpose(0, 2, 3, 1) for data, _ in theirs]
    assert raw.train[0].shape == (20, 32, 32, 3)
    assert raw.train[0].dtype == np.uint8
    assert np.array_equal(raw.train[0], np.concatenate(images[:5]))
    assert np.array_equal(raw.test[0], images[5])
    assert raw.train[1].tolist() == [label for _, labels in theirs[:5] for label in labels]
    assert raw.test[1].tolist() == theirs[5][1]
    assert raw.provenance.source == str(folder)
    assert not raw.provenance.verified


def test_cifar10_archive_and_folder_give_the_same(batches, tmp_path, monkeypatch):
    archive = write_archive(tmp_path / "cifar-10-python.tar.gz", inner(batches))
    folder = write_folder(tmp_path / "unpacked" / "cifar-10-batches-py", batches)
    sums = {read("cifar10", path=str(path)).provenance.sha256 for path in (archive, tmp_path, folder, folder.parent)}
    write_folder(keras_cache() / "cifar-10-batches-py", batches)  # as Keras 2 left it
    publish(batches, monkeypatch)
    assert sums == {read("cifar10").provenance.sha256}


def test_an_archive_in_a_cache_must_be_the_published_one(batches, monkeypatch):
    path = write_archive(keras_cache() / "cifar-10-batches-py-target_archive", inner(batches))
    with pytest.raises(DataError, match="is not the published CIFAR-10"):
        read("cifar10")
    assert not read("cifar10", path=str(path)).provenance.verified
    monkeypatch.setattr("deepcli.data.cifar10.is_published", lambda file, path: True)
    assert read("cifar10").provenance.verified


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match="gone: cannot be read: No such file"):
        is_published(cifar10.FILE, tmp_path / "gone")


def test_an_archive_is_never_unpacked_to_disk(batches, tmp_path):
    members = {"../escaped": b"x", "/escaped": b"x", **inner(batches)}
    path = write_archive(tmp_path / "a" / "a.tar.gz", members)
    before = set(tmp_path.rglob("*"))
    assert len(read("cifar10", path=str(path)).train[1]) == 20
    assert set(tmp_path.rglob("*")) == before


def test_a_link_in_an_archive_stands_for_nothing(batches, tmp_path):
    del batches["test_batch"]
    path = write_archive(tmp_path / "a.tar.gz", inner(batches))
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("cifar-10-batches-py/test_batch")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(DataError, match="has no cifar-10-batches-py/"):
        read("cifar10", path=str(path))


def test_damage_to_an_archive_is_noticed(batches, tmp_path):
    path = write_archive(tmp_path / "a.tar.gz", inner(batches))
    whole = path.read_bytes()
    for content in (whole[:-3], whole[: len(whole) // 2], whole[:40], b"", b"hello", gzip.compress(b"hello" * 500)):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.tar\.gz: "):
            read("cifar10", path=str(path))
    # The first bytes are a date and a name, which nothing depends on.
    for place in np.linspace(30, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole)
        flip(path, place)
        with pytest.raises(DataError, match=r"a\.tar\.gz: "):
            read("cifar10", path=str(path))


def test_an_archive_that_unpacks_to_too_much_is_refused(batches, tmp_path, monkeypatch):
    path = write_archive(tmp_path / "a.tar.gz", {"bomb": bytes(4 << 20), **inner(batches)})
    monkeypatch.setattr("deepcli.data.cifar10.MAX_BYTES", 2 << 20)
    with pytest.raises(DataError, match="would unpack to more than 2 MiB"):
        read("cifar10", path=str(path))


class Evil:
    def __reduce__(self):
        return (os.system, ("touch evil",))


class Boundless:
    def __reduce__(self):
        return (np.ndarray, ((1 << 20, 3072), "u1"))


def batch(**changes):
    return {b"data": np.zeros((4, 3072), np.uint8), b"labels": [0, 1, 2, 3]} | {
        key.encode(): value for key, value in changes.items()
    }


@pytest.mark.parametrize("payload", [Evil(), [Evil()], batch(labels=[Evil()]), batch(data=Evil()), batch(other=Evil())])
@pytest.mark.parametrize("packed", [True, False])
def test_a_pickle_in_a_batch_never_runs(batches, tmp_path, payload, packed):
    batches["test_batch"] = pickle.dumps(payload, 3)
    path = tmp_path / "cifar"
    write_archive(path, inner(batches)) if packed else write_folder(path, batches)
    with pytest.raises(
        DataError, match=r"test_batch: contains something other than plain arrays: it refers to .*\.system"
    ):
        read("cifar10", path=str(path))
    assert not Path("evil").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([1, 2]), "is not a CIFAR-10 batch"),
        (pickle.dumps({}), "is not a CIFAR-10 batch"),
        (pickle.dumps(batch(data=b"abc"), 3), "is not a CIFAR-10 batch"),
        (pickle.dumps(batch(data=Boundless()), 3), "contains something other than plain arrays"),
        (pickle.dumps(batch(data=np.zeros((4, 3071), np.uint8)), 3), r"data is uint8\[4, 3071\], not uint8\[n, 3072\]"),
        (pickle.dumps(batch(data=np.zeros((4, 3072), np.float32)), 3), "data is float32"),
        (pickle.dumps(batch(labels=[0, 1, 2]), 3), "labels should contain one label from 0 to 9 for each of 4"),
        (pickle.dumps(batch(labels=[0, 1, 2, 10]), 3), "labels should contain one label"),
        (pickle.dumps(batch(labels=[0, 1, 2, [3]]), 3), "labels should contain one label"),
        (pickle.dumps(batch(labels=None), 3), "labels should contain one label"),
        (pickle.dumps(batch(), 3)[:-100], "test_batch: "),
        (b"", "test_batch: "),
        (b"hello", "test_batch: "),
    ],
)
def test_batches_of_the_wrong_kind(batches, tmp_path, content, message):
    folder = write_folder(tmp_path / "cifar", {**batches, "test_batch": content})
    with pytest.raises(DataError, match=message) as error:
        read("cifar10", path=str(folder))
    assert "test_batch" in str(error.value)


def test_a_folder_that_lacks_a_batch_is_named(batches, tmp_path):
    del batches["data_batch_3"]
    folder = write_folder(tmp_path / "cifar", batches)
    with pytest.raises(DataError, match="data_batch_3: cannot be read: No such file"):
        read("cifar10", path=str(folder))


@pytest.mark.parametrize(("num_words", "skip_top"), [(50, 0), (30, 8), (1000, 0)])
def test_reuters_is_split_and_encoded_as_keras_does(reuters, keras_here, num_words, skip_top):
    raw = read("reuters", num_words=num_words, skip_top=skip_top, maxlen=None)
    split = keras_here.reuters.load_data(num_words=num_words, skip_top=skip_top)
    for ours, theirs in zip((raw.train, raw.test), split, strict=True):
        assert lists(ours[0]) == list(theirs[0])
        assert np.array_equal(ours[1], theirs[1])
    assert (len(raw.train[1]), len(raw.test[1])) == (42, 11)


def test_reuters_keeps_the_last_ids_and_all_words_where_asked(reuters):
    long, short = (read("reuters", num_words=None, maxlen=maxlen).train[0] for maxlen in (None, 5))
    assert [ids[-5:] for ids in lists(long)] == lists(short)
    assert 2 not in long.values
    assert DATASETS.select({"type": "reuters", "num_words": None}).signature.vocabulary == 30_979 + 4


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        ([1, "word"], 0, "not a list of word ids"),
        (7, 0, "not a list of word ids"),
        ([-1], 0, "outside 0"),
        ([10**9], 0, "outside 0"),
        ([1], 46, "one label from 0 to 45"),
        ([1], -1, "one label from 0 to 45"),
    ],
)
def test_newswires_of_the_wrong_kind(tmp_path, text, label, message):
    x = np.empty(3, dtype=object)
    x[:] = [[1], [2], text]
    x[2] = text
    np.savez(tmp_path / "reuters.npz", x=x, y=np.array([0, 1, label]))
    with pytest.raises(DataError, match=message):
        read("reuters", path=str(tmp_path))


def test_a_pickle_in_reuters_never_runs_and_damage_is_noticed(reuters):
    whole = reuters.read_bytes()
    for content in (whole[:-100], whole[:100], b""):
        reuters.write_bytes(content)
        with pytest.raises(DataError, match=r"reuters\.npz"):
            read("reuters")
    reuters.write_bytes(whole)
    flip(reuters, len(whole) // 3)
    with pytest.raises(DataError, match=r"reuters\.npz"):
        read("reuters")
    x = np.empty(2, dtype=object)
    x[:] = [[1], Evil()]
    np.savez(reuters, x=x, y=np.array([0, 1]))
    with pytest.raises(DataError, match="which data files do not need"):
        read("reuters")
    assert not Path("evil").exists()


def test_one_newswire_is_too_few(tmp_path):
    x = np.empty(1, dtype=object)
    x[0] = [1, 2]
    np.savez(tmp_path / "reuters.npz", x=x, y=np.array([0]))
    with pytest.raises(DataError, match="too few"):
        read("reuters", path=str(tmp_path))


class TestDownloadsWithoutAPublishedHash:
    """They go by the length that the server announces."""

    @pytest.fixture
    def reply(self, monkeypatch):
        def serve(content, length, **more):
            class Reply(io.BytesIO):
                """Has a length of its own."""

                length: int | None

            class Opener:
                def open(self, url, timeout):
                    answer = Reply(content)
                    answer.length = length
                    return answer

            monkeypatch.setattr("deepcli.data.download.reach", lambda url: None)
            monkeypatch.setattr("deepcli.data.download.opener", Opener)
            return DataFile("folder/thing.gz", "https://example.org/thing.gz", None, **more)

        return serve

    def test_a_whole_one_goes_into_its_folder(self, reply):
        path = find(reply(b"content", 7), None, Sources())
        assert path == keras_cache() / "folder" / "thing.gz"
        assert path.read_bytes() == b"content"

    def test_half_of_one_leaves_nothing_behind(self, reply):
        with pytest.raises(DataError, match="sent 4 of 7 bytes"):
            find(reply(b"cont", 7), None, Sources())
        assert list((keras_cache() / "folder").iterdir()) == []

    def test_one_that_cannot_be_read_leaves_nothing_behind(self, reply):
        """Without a length either, nothing else tells half a file from a whole one."""
        whole = gzip.compress(idx(np.zeros(300, np.uint8)))
        check = fashion_mnist.FILES["train"][1].check
        with pytest.raises(
            DataError, match=r"the file from https://example.org/thing.gz: is damaged or not a gzip file"
        ):
            find(reply(whole[:-9], None, check=check), None, Sources())
        assert list((keras_cache() / "folder").iterdir()) == []
        assert find(reply(whole, None, check=check), None, Sources()).read_bytes() == whole
