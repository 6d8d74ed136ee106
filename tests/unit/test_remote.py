"""Remote paths: copied once for each version, from a server on this machine or a pretended store."""

import http.server
import io
import sys
import threading
import types
from typing import ClassVar

import pytest

from deepcli.data.files import Sources, cache_folder
from deepcli.data.sources import buckets, remote
from deepcli.data.sources.remote import fetched, is_remote, shown
from deepcli.errors import DataError, Notice, UsageError

ONLINE = Sources()
OFFLINE = Sources(offline=True)


class Store:
    """What fsspec gives for an address: a file system over a mapping."""

    def __init__(self):
        self.files = {}
        self.reads = []
        self.tags = {}
        self.down = False

    def url_to_fs(self, url):
        return self, url.partition("://")[2]

    def info(self, name):
        if self.down:
            raise RuntimeError("EndpointConnectionError: no route")
        if name in self.files:
            return self._info(name)
        if any(file.startswith(f"{name}/") for file in self.files):
            return {"name": name, "type": "directory", "size": 0}
        raise FileNotFoundError(name)

    def _info(self, name):
        return {"name": name, "type": "file", "size": len(self.files[name]), "ETag": self.tags.get(name, "1")}

    def find(self, root, detail):
        return {name: self._info(name) for name in self.files if name.startswith((root, ".."))}

    def open(self, name, mode):
        assert mode == "rb"
        self.reads.append(name)
        return io.BytesIO(self.files[name])


@pytest.fixture
def store(monkeypatch):
    made = Store()
    core = types.SimpleNamespace(url_to_fs=made.url_to_fs)
    monkeypatch.setitem(sys.modules, "fsspec", types.SimpleNamespace(core=core))
    monkeypatch.setattr("deepcli.system.extras.importlib.util.find_spec", lambda name: name)
    return made


def left():
    """Everything that is in the cache of copies, but for locks."""
    return sorted(path for path in (cache_folder() / "remote").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("path", "expected"),
    [("s3://b/a.csv", True), ("HTTPS://x.org/a.csv", True), ("hf://datasets/a/b", True), ("a.csv", False),
     ("C://a.csv", False), ("ftp://x/a", False), ("s3:/a", False), ("", False)],
)  # fmt: skip
def test_addresses_are_told_from_paths(path, expected):
    assert is_remote(path) is expected


def test_a_file_is_copied_once_for_each_version(store):
    store.files["bucket/d ü/a.csv"] = b"one"
    seen = []
    sources = Sources(progress=lambda *what: seen.append(what))
    copy = fetched("s3://bucket/d ü/a.csv", sources)
    assert (copy.name, copy.read_bytes()) == ("a.csv", b"one")
    assert copy.is_relative_to(cache_folder())
    assert seen == [("a.csv", 3, 3)]
    assert fetched("s3://bucket/d ü/a.csv", ONLINE) == copy
    assert store.reads == ["bucket/d ü/a.csv"]
    store.files["bucket/d ü/a.csv"], store.tags["bucket/d ü/a.csv"] = b"two", "2"
    new = fetched("s3://bucket/d ü/a.csv", ONLINE)
    assert (copy.read_bytes(), new.read_bytes()) == (b"one", b"two")
    assert fetched("s3://bucket/d ü/a.csv", OFFLINE) == new
    assert len(left()) == 2


def test_only_the_last_versions_are_kept(store):
    for version in "abcd":
        store.files["b/a.csv"], store.tags["b/a.csv"] = version.encode(), version
        fetched("s3://b/a.csv", ONLINE)
    assert len(left()) == remote.VERSIONS
    assert fetched("s3://b/a.csv", OFFLINE).read_text() == "d"


def test_a_folder_is_copied_whole(store):
    store.files |= {"b/photos/cat/1.png": b"1", "b/photos/dog/x/2.png": b"22"}
    copy = fetched("gs://b/photos", ONLINE)
    assert copy.name == "photos"
    assert {path.relative_to(copy).as_posix(): path.read_bytes() for path in copy.rglob("*.png")} == {
        "cat/1.png": b"1", "dog/x/2.png": b"22",
    }  # fmt: skip
    store.files["b/photos/cat/3.png"] = b"3"
    assert len(list(fetched("gs://b/photos/", ONLINE).rglob("*.png"))) == 3


@pytest.mark.parametrize("name", ["../secret.txt", "b/photos/../../secret.txt", "b/photos/a\\..\\b", "b/photos/c:d"])
def test_names_that_lead_out_of_the_folder_are_refused(store, name):
    store.files |= {"b/photos/a.png": b"1", name: b"2"}
    with pytest.raises(DataError, match="outside the folder or not portable"):
        fetched("s3://b/photos", ONLINE)
    assert left() == []


def test_without_downloads_only_a_copy_is_used(store):
    store.files["b/a.csv"] = b"one"
    with pytest.raises(DataError, match=r"s3://b/a\.csv has not been copied to this machine yet and --offline forbids"):
        fetched("s3://b/a.csv", OFFLINE)
    assert store.reads == []
    assert fetched("s3://b/a.csv", ONLINE) == fetched("s3://b/a.csv", OFFLINE)


def test_a_store_that_does_not_answer_leaves_the_last_copy(store):
    store.files["b/a.csv"] = b"one"
    store.down = True
    with pytest.raises(DataError, match="cannot be copied: RuntimeError: EndpointConnectionError: no route"):
        fetched("s3://b/a.csv", ONLINE)
    store.down = False
    copy = fetched("s3://b/a.csv", ONLINE)
    store.down = True
    with pytest.warns(Notice, match="cannot be reached .* using the last copy"):
        assert fetched("s3://b/a.csv", ONLINE) == copy


def test_what_was_deleted_is_an_error_although_there_is_a_copy(store):
    store.files["b/a.csv"] = b"one"
    fetched("s3://b/a.csv", ONLINE)
    store.files.clear()
    with pytest.raises(DataError, match="cannot be copied: no such file"):
        fetched("s3://b/a.csv", ONLINE)


def test_the_size_is_limited_before_and_while_it_is_copied(store, monkeypatch):
    store.files["b/a.csv"] = b"x" * 100
    with pytest.raises(DataError, match="more than 0 MiB"):
        fetched("s3://b/a.csv", ONLINE, limit=99)
    assert store.reads == []
    monkeypatch.setattr(store, "_info", lambda name: {"name": name, "type": "file", "size": None})
    with pytest.raises(DataError, match="sends more than is allowed"):
        fetched("s3://b/a.csv", ONLINE, limit=99)
    assert left() == []


def test_the_disk_must_have_room(store, monkeypatch):
    store.files["b/a.csv"] = b"x" * 100
    monkeypatch.setattr("shutil.disk_usage", lambda folder: types.SimpleNamespace(free=99))
    with pytest.raises(DataError, match="make room, or set DEEPCLI_CACHE_DIR"):
        fetched("s3://b/a.csv", ONLINE)


def test_a_file_that_is_cut_off_is_not_kept(store, monkeypatch):
    store.files["b/a.csv"] = b"x" * 100
    monkeypatch.setattr(store, "open", lambda name, mode: io.BytesIO(b"x" * 50))
    with pytest.raises(DataError, match="50 of 100 bytes were read"):
        fetched("s3://b/a.csv", ONLINE)
    assert left() == []


def test_what_a_killed_process_left_is_replaced(store):
    store.files["b/a.csv"] = b"one"
    version = fetched("s3://b/a.csv", ONLINE).parent
    (version / "a.csv").unlink()
    with pytest.raises(DataError, match="has not been copied"):
        fetched("s3://b/a.csv", OFFLINE)
    assert fetched("s3://b/a.csv", ONLINE).read_bytes() == b"one"


def test_names_in_a_store_may_have_signs_that_addresses_of_the_web_use(store):
    store.files["b/a#1?%20.csv"] = b"one"
    assert fetched("s3://b/a#1?%20.csv", ONLINE).read_bytes() == b"one"
    with pytest.raises(DataError, match="no such file"):
        fetched("s3://b/a", ONLINE)


@pytest.mark.parametrize("path", ["s3://b/*.csv", "s3://b/a\nb", "s3://"])
def test_one_file_or_folder_is_named(store, path):
    with pytest.raises(DataError, match="name one file or folder"):
        fetched(path, ONLINE)


@pytest.mark.parametrize(("scheme", "package"), list(buckets.BACKENDS.items()))
def test_missing_packages_are_named_with_their_extra(monkeypatch, scheme, package):
    monkeypatch.setattr("deepcli.system.extras.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=rf"fsspec, {package}; install with: pip install 'deepcli\[remote\]'"):
        fetched(f"{scheme}://b/a.csv", ONLINE)


def test_secrets_in_an_address_are_not_shown():
    assert shown("https://user:pass@x.org:8/a.csv?token=1#z") == "https://x.org:8/a.csv"


@pytest.fixture
def server():
    """Serve `/d/a.csv`; the page and its version can be changed, HEAD and GET can be refused."""

    class Handler(http.server.BaseHTTPRequestHandler):
        content, tag, url = b"one", '"1"', ""
        codes: ClassVar[dict[str, int]] = {}
        asked: ClassVar[list[str]] = []

        def answer(self, body):
            Handler.asked.append(self.command)
            code = Handler.codes.get(self.command, 200 if self.path.split("?")[0] == "/d/a.csv" else 404)
            self.send_response(code)
            if Handler.tag:
                self.send_header("ETag", Handler.tag)
            self.send_header("Content-Length", str(len(Handler.content)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self):
            self.answer(b"")

        def do_GET(self):
            self.answer(Handler.content)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        Handler.url = f"http://127.0.0.1:{running.server_port}/d/a.csv?key=secret"
        yield Handler
        running.shutdown()
        thread.join()


def test_a_web_address_is_downloaded_once_for_each_version(server):
    copy = fetched(server.url, ONLINE)
    assert (copy.name, copy.read_bytes()) == ("a.csv", b"one")
    assert fetched(server.url, ONLINE) == copy
    assert server.asked == ["HEAD", "GET", "HEAD"]
    server.content, server.tag = b"two", '"2"'
    assert fetched(server.url, ONLINE).read_bytes() == b"two"
    assert copy.read_bytes() == b"one"


def test_a_server_without_head_is_asked_once(server):
    server.codes = {"HEAD": 405}
    assert fetched(server.url, ONLINE).read_bytes() == b"one"
    assert fetched(server.url, ONLINE).read_bytes() == b"one"
    assert server.asked.count("GET") == 1


def test_a_server_that_fails_leaves_the_last_copy_and_keeps_secrets(server):
    copy = fetched(server.url, ONLINE)
    server.tag, server.codes = '"2"', {"GET": 500}
    with pytest.warns(Notice, match="using the last copy") as seen:
        assert fetched(server.url, ONLINE) == copy
    assert "secret" not in str(seen[0].message)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_page_that_does_not_exist_is_an_error(server, method):
    fetched(server.url, ONLINE)
    server.tag, server.codes = '"2"', {method: 404}
    with pytest.raises(DataError, match=r"/d/a\.csv: cannot be copied: no such file") as caught:
        fetched(server.url, ONLINE)
    assert "secret" not in str(caught.value)


def test_the_size_of_a_web_page_is_limited(server):
    with pytest.raises(DataError, match="more than 0 MiB"):
        fetched(server.url, ONLINE, limit=2)
    assert server.asked == ["HEAD"]
