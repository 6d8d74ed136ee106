"""Finding, downloading and reading data files that may be anywhere, missing, damaged or hostile."""

import hashlib
import http.server
import io
import os
import pickle
import threading
import zipfile

import numpy as np
import pytest

from deepcli.data.archive import read_npz
from deepcli.data.files import DataFile, Sources, find, keras_cache
from deepcli.data.imdb import Imdb
from deepcli.data.mnist import Mnist
from deepcli.errors import DataError

CONTENT = b"some data" * 10_000


@pytest.fixture
def server():
    """Serve one file over loopback; `/lie` sends something else, `/half` stops in the middle."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"lies" if self.path == "/lie" else CONTENT
            self.send_response(404 if self.path == "/gone" else 200)
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


@pytest.mark.parametrize(("page", "reason"), [("lie", "has SHA-256"), ("half", "has SHA-256"), ("gone", "Not Found")])
def test_a_download_that_went_wrong_leaves_nothing_behind(server, page, reason):
    with pytest.raises(DataError, match=reason):
        find(published(f"{server}/{page}"), None, Sources())
    assert list(keras_cache().iterdir()) == []


def test_without_network_the_error_says_where_to_put_the_file():
    with pytest.raises(DataError, match=r"cannot be downloaded: .*refused") as error:
        find(published("http://127.0.0.1:9/thing"), None, Sources())
    assert f"looked at: {keras_cache() / 'thing.npz'}" in str(error.value)
    assert "it comes from http://127.0.0.1:9/thing" in str(error.value)


def test_a_proxy_is_what_must_be_reached(monkeypatch, server):
    monkeypatch.setenv("http_proxy", server)
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: False)
    monkeypatch.setattr("urllib.request._opener", None)  # urllib reads its proxies once in a process
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


def test_object_arrays_of_lists_are_read(tiny_imdb):
    arrays = read_npz(tiny_imdb, ("x_train", "y_train"), objects=("x_train",))
    assert isinstance(arrays["x_train"][0], list)


def test_a_file_that_is_no_archive_or_truncated(tmp_path, tiny_mnist):
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "short.npz").write_bytes(tiny_mnist.read_bytes()[:-1000])
    for name in ("text.npz", "short.npz"):
        with pytest.raises(DataError, match=f"{name}: is damaged or no .npz file"):
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
