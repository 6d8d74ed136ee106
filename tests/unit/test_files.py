"""Finding, downloading and reading data files that may be anywhere, missing, damaged or hostile."""

import dataclasses
import hashlib
import http.server
import io
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest

from deepcli.data.arrays import archive
from deepcli.data.arrays.archive import read_npz
from deepcli.data.files import DataFile, Sources, find, keras_cache
from deepcli.data.imdb import Imdb
from deepcli.data.mnist import Mnist
from deepcli.errors import DataError

CONTENT = b"some data" * 10_000


@pytest.fixture
def server():
    """Serve one file over loopback; `/lie` and `/page` send something else, `/half` stops, `/file` leads elsewhere."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = {"/lie": b"lies", "/page": b"\n<!DOCTYPE html>sign in first"}.get(self.path, CONTENT)
            self.send_response({"/gone": 404, "/file": 302, "/ftp": 301}.get(self.path, 200))
            if self.path in ("/file", "/ftp"):
                self.send_header("Location", f"{self.path[1:]}:///etc/passwd")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.path == "/half" else body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def published(url):
    return DataFile("thing.npz", url, hashlib.sha256(CONTENT).hexdigest())


def test_a_file_is_downloaded_once_into_keras_cache(server):
    seen = []
    sources = Sources(progress=lambda name, done, total: seen.append((name, done, total)))
    path = find(published(f"{server}/thing"), None, sources)
    assert path == keras_cache() / "thing.npz"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("thing.npz", len(CONTENT), len(CONTENT))
    assert find(published("http://127.0.0.1:9/"), None, Sources(offline=True)) == path


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("lie", "has SHA-256"),
        ("half", "sent 45000 of 90000 bytes"),
        ("gone", "Not Found"),
        ("page", "sent a web page, not the file"),
        ("file", "Redirection to url 'file:///etc/passwd' is not allowed"),
        ("ftp", "redirects to ftp:///etc/passwd, which is not an HTTPS address"),
    ],
)
def test_a_download_that_went_wrong_leaves_nothing_behind(server, page, reason):
    with pytest.raises(DataError, match=reason):
        find(published(f"{server}/{page}"), None, Sources())
    assert list(keras_cache().iterdir()) == []


def test_more_than_the_file_can_have_is_refused(server):
    file = dataclasses.replace(published(f"{server}/thing"), limit=1 << 10)
    with pytest.raises(DataError, match="sends more than 0 MiB, too much for thing"):
        find(file, None, Sources())
    assert list(keras_cache().iterdir()) == []


def test_what_a_killed_process_has_left_is_taken_away(server):
    keras_cache().mkdir(parents=True)
    (keras_cache() / ".thing.npz.abc.part").write_text("half")
    (keras_cache() / ".other.npz.abc.part").write_text("half")
    find(published(f"{server}/thing"), None, Sources())
    assert sorted(path.name for path in keras_cache().iterdir()) == [".other.npz.abc.part", "thing.npz"]


def test_a_download_needs_no_place_for_locks(server, monkeypatch):
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", os.devnull)
    assert find(published(f"{server}/thing"), None, Sources()).read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "~nobody-by-that-name/x", "/dev/zero", "/dev/null"])
def test_a_path_that_cannot_be_is_a_clear_error(path):
    with pytest.raises(DataError, match=r"^data\.path: "):
        find(published("http://127.0.0.1:9/"), path, Sources())


def test_without_network_the_error_says_where_to_put_the_file():
    with pytest.raises(DataError, match=r"cannot be downloaded: .*refused") as error:
        find(published("http://127.0.0.1:9/thing"), None, Sources())
    assert f"searched: {keras_cache() / 'thing.npz'}" in str(error.value)
    assert "download it from http://127.0.0.1:9/thing" in str(error.value)


def test_a_proxy_is_what_must_be_reached(monkeypatch, server):
    monkeypatch.setenv("http_proxy", server)
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: False)
    path = find(published("http://no-such-host.invalid/thing"), None, Sources())
    assert path.read_bytes() == CONTENT


def test_places_are_looked_at_in_their_order(tmp_path):
    for folder in (tmp_path / "spec", tmp_path / "dir", keras_cache()):
        folder.mkdir(parents=True)
        (folder / "thing.npz").write_text("x")
    file, sources = published("http://127.0.0.1:9/"), Sources(tmp_path / "dir", offline=True)
    assert find(file, str(tmp_path / "spec"), sources).parent == tmp_path / "spec"
    assert find(file, str(tmp_path / "spec" / "thing.npz"), sources).parent == tmp_path / "spec"
    assert find(file, None, sources).parent == tmp_path / "dir"
    assert find(file, None, Sources(offline=True)).parent == keras_cache()


def test_arrays_are_read_and_nothing_else(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3))
    assert read_npz(tmp_path / "a.npz", ("x",))["x"].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="has no array 'y'"):
        read_npz(tmp_path / "a.npz", ("x", "y"))


class Evil:
    def __reduce__(self):
        return (os.system, ("touch evil",))


@pytest.mark.parametrize("payload", [Evil(), [Evil()], {"a": Evil()}])
def test_a_pickle_in_a_data_file_never_runs(tmp_path, payload):
    header = io.BytesIO()
    array = np.empty(1, dtype=object)
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    array[0] = payload
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + pickle.dumps(array))
    for objects in ((), ("x",)):
        with pytest.raises(DataError):
            read_npz(tmp_path / "a.npz", ("x",), objects=objects)
    assert not os.path.exists("evil")  # noqa: PTH110


def archive_of(path, *members):
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members:
            packed.writestr(f"{name}.npy", content)
    return path


def header(shape, descr):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": descr})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("shape", "descr"), [((1 << 40,), "|u1"), ((1 << 40, 1 << 40), "<f8"), ((1 << 40,), "|S0"), ((5,), "<i8")]
)
def test_an_array_larger_than_its_file_is_refused_before_there_is_room_for_it(tmp_path, shape, descr):
    path = archive_of(tmp_path / "a.npz", ("x", header(shape, descr) + b"\0" * 39))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="does not match its content"):
            read_npz(path, ("x",))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


FORGED = """
import pickle, sys
import numpy as np
from deepcli.data.arrays import archive
from deepcli.data.arrays.archive import read_npz
from deepcli.errors import DataError
from pathlib import Path
try:
    print(read_npz(Path("a.npz"), ("x",), objects=("x",)))
except DataError as error:
    print("refused:", error)
"""


class Forged:
    """Becomes an array of objects with a state of the test's own."""

    def __init__(self, *state):
        self.state = state

    def __reduce__(self):
        return vars(np)["_core"].multiarray._reconstruct, (np.ndarray, (0,), b"b"), self.state


@pytest.mark.parametrize(
    "state",
    [
        (1, (100_000,), np.dtype("O"), False, [[1]]),
        (1, (1,), np.dtype("O"), False, b"12345678"),
        (1, (100_000,), np.dtype("i8"), False, b"\1" * 8),
        (1, (-1,), np.dtype("O"), False, [[1]]),
        (1, (2, 1 << 62), np.dtype("O"), False, []),
        (1, (1,), np.dtype([("a", "O")]), False, [[1]]),
        (1, (1,), None, False, [[1]]),
        (1, None, np.dtype("O"), False, []),
        (1,),
    ],
)
def test_an_array_that_lies_about_itself_ends_in_an_error_and_not_the_process(state):
    archive_of("a.npz", ("x", header((100_000,), "|O") + pickle.dumps(Forged(*state))))
    done = subprocess.run([sys.executable, "-c", FORGED], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("refused: a.npz: "), (done.returncode, done.stderr)


def test_a_pickle_changes_nothing_of_what_reads_it(tmp_path):
    # An empty mapping, then attributes to set, as BUILD has them: of the class that stands for numpy.dtype.
    attack = b"\x80\x02cnumpy\ndtype\nN}X\x04\0\0\0codeK\x01s\x86b."
    path = archive_of(tmp_path / "a.npz", ("x", header((1,), "|O") + attack))
    with pytest.raises(DataError):
        read_npz(path, ("x",), objects=("x",))
    assert not hasattr(archive._Dtype, "code")
    with pytest.raises(pickle.UnpicklingError):
        setattr(archive._Dtype, "code", 1)  # noqa: B010


def test_one_long_text_named_a_thousand_times_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("deepcli.data.arrays.token_files.MAX_WORDS", 50_000)
    text, x = [1] * 1000, np.empty(1000, dtype=object)
    for index in range(1000):
        x[index] = text
    y = np.arange(1000) % 2
    np.savez(tmp_path / "imdb.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(DataError, match="more than 50,000 words"):
        Imdb(path=str(tmp_path)).read(Sources())


def test_object_arrays_of_lists_are_read(tiny_imdb):
    arrays = read_npz(tiny_imdb, ("x_train", "y_train"), objects=("x_train",))
    assert isinstance(arrays["x_train"][0], list)


def test_a_file_that_is_no_archive_or_truncated(tmp_path, tiny_mnist):
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "short.npz").write_bytes(tiny_mnist.read_bytes()[:-1000])
    for name in ("text.npz", "short.npz"):
        with pytest.raises(DataError, match=f"{name}: is damaged or not a .npz file"):
            read_npz(tmp_path / name, ("x_train",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.zeros((3, 28, 28), np.float32)}, r"x_train is float32\[3, 28, 28\], not uint8"),
        ({"x_train": np.zeros((3, 14, 14), np.uint8)}, r"uint8\[3, 14, 14\]"),
        ({"y_train": np.array([0, 1, 10], np.uint8)}, "one label from 0 to 9"),
        ({"y_train": np.array([0, 1], np.uint8)}, "for each of 3 images"),
    ],
)
def test_mnist_arrays_of_the_wrong_kind(tmp_path, change, message):
    arrays = {
        f"{kind}_{split}": np.zeros((3, 28, 28) if kind == "x" else 3, np.uint8)
        for split in ("train", "test")
        for kind in "xy"
    }
    np.savez(tmp_path / "mnist.npz", **{**arrays, **change})
    with pytest.raises(DataError, match=message):
        Mnist(path=str(tmp_path)).read(Sources())


@pytest.mark.parametrize(
    ("review", "message"),
    [
        ([1, "word"], "not a list of word ids"),
        (7, "not a list of word ids"),
        ([1.5], "not a list of word ids"),
        ([True], "not a list of word ids"),
        ([None], "not a list of word ids"),
        (["12"], "not a list of word ids"),
        ("12", "not a list of word ids"),
        (b"12", "not a list of word ids"),
        ({1: 2}, "not a list of word ids"),
        ([[1], [2]], "not a list of word ids"),
        (np.zeros((2, 2), np.int64), "not a list of word ids"),
        (np.array([1.5]), "not a list of word ids"),
        (np.array(["12"]), "other than plain arrays"),
        ([10**30], "not a list of word ids"),
        ([-1], "outside 0"),
        ([10**9], "outside 0"),
    ],
)
def test_imdb_reviews_of_the_wrong_kind(tmp_path, review, message):
    x = np.empty(2, dtype=object)
    x[0], x[1] = [1, 2], review
    y = np.array([0, 1])
    np.savez(tmp_path / "imdb.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(DataError, match=message):
        Imdb(path=str(tmp_path)).read(Sources())


@pytest.mark.parametrize(
    "labels", [np.array([0.0, 1.0]), np.array([0, 1j]), np.array(["0", "1"]), np.array([[0], [1]])]
)
def test_imdb_labels_of_the_wrong_kind(tmp_path, labels):
    x = np.empty(2, dtype=object)
    x[0], x[1] = [1, 2], [3]
    np.savez(tmp_path / "imdb.npz", x_train=x, y_train=labels, x_test=x, y_test=np.array([0, 1]))
    with pytest.raises(DataError, match="one label from 0 to 1 for each text"):
        Imdb(path=str(tmp_path)).read(Sources())


def test_texts_may_be_arrays_too(tmp_path):
    x = np.empty(2, dtype=object)
    x[0], x[1] = np.array([1, 2], np.int32), [3]
    np.savez(tmp_path / "imdb.npz", x_train=x, y_train=np.array([0, 1]), x_test=x, y_test=np.array([0, 1], np.uint8))
    tokens, labels = Imdb(path=str(tmp_path)).read(Sources()).train
    assert tokens.values.tolist() == [1, 4, 5, 1, 6]
    assert labels.tolist() == [0, 1]
