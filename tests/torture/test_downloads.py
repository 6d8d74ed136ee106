"""Servers that stall, truncate and lie, to several processes at once: each ends with the right file or a clear error."""

import contextlib
import hashlib
import http.server
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

FULL = os.environ.get("DEEPCLI_TORTURE") == "1"
WORKERS = 8 if FULL else 2
CONTENT = b"\x93some data\n" * 20_000
LIMIT = 1 << 20

WORKER = f"""
import os, sys
from deepcli.data import download, files
from deepcli.errors import DataError

download.CONNECT_SECONDS, download.READ_SECONDS, download.SLOW_SECONDS = 10.0, 0.8, 1.2
print("ready", flush=True)
for line in sys.stdin:
    url, os.environ["KERAS_HOME"] = line.split()
    file = files.DataFile("folder/thing.npz", url, "{hashlib.sha256(CONTENT).hexdigest()}", limit={LIMIT})
    try:
        print("file", files.sha256_of(files.find(file, None, files.Sources())), flush=True)
    except DataError as error:
        print("error", str(error).replace("\\n", " "), flush=True)
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Does what the first part of the path says, always or the first time only."""

    server: "Server"

    def do_GET(self):
        _, fault, times, *_ = self.path.split("/")
        with self.server.lock:
            self.server.asked[self.path] = asked = self.server.asked.get(self.path, 0) + 1
        getattr(self, f"do_{fault}" if times == "always" or asked == 1 else "do_fine")()

    def head(self, code=200, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def do_fine(self):
        self.head(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT)

    def do_late(self):
        time.sleep(0.5)
        self.do_fine()

    def do_chunked(self):
        self.protocol_version = "HTTP/1.1"
        self.head(Transfer_Encoding="chunked")
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT))
        self.close_connection = True

    def do_moved(self):
        self.head(302, Location="/fine/always/", Content_Length=0)

    def do_stall(self):
        self.head(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT[:1000])
        self.server.over.wait(60)

    def do_silence(self):
        self.server.over.wait(60)

    def do_drip(self):
        self.head(Content_Length=len(CONTENT))
        for index in range(len(CONTENT)):
            self.wfile.write(CONTENT[index : index + 1])
            if self.server.over.wait(0.05):
                return

    def do_headerdrip(self):
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Header: " * 1000:
            self.wfile.write(bytes([byte]))
            if self.server.over.wait(0.05):
                return

    def do_chunkdrip(self):
        self.protocol_version = "HTTP/1.1"
        self.head(Transfer_Encoding="chunked")
        while not self.server.over.wait(0.05):
            self.wfile.write(b"0")

    def do_half(self):
        self.head(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT[: len(CONTENT) // 2])

    def do_unannounced(self):
        self.head()
        self.wfile.write(CONTENT[: len(CONTENT) // 2])

    def do_halfchunk(self):
        self.protocol_version = "HTTP/1.1"
        self.head(Transfer_Encoding="chunked")
        self.wfile.write(b"%x\r\n%s" % (len(CONTENT), CONTENT[:1000]))
        self.close_connection = True

    def do_badchunk(self):
        self.protocol_version = "HTTP/1.1"
        self.head(Transfer_Encoding="chunked")
        self.wfile.write(b"zz\r\n")
        self.close_connection = True

    def do_lie(self):
        self.head(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT[::-1])

    def do_short(self):
        self.head(Content_Length=1000)
        self.wfile.write(CONTENT)

    def do_nothing(self):
        self.head(Content_Length=0)

    def do_endless(self):
        self.head()
        while not self.server.over.is_set():
            self.wfile.write(bytes(1 << 16))

    def do_boast(self):
        self.head(Content_Length=10**15)
        self.wfile.write(bytes(1 << 16))

    def do_nonsense(self):
        self.head(Content_Length="-5")
        self.wfile.write(bytes(100))

    def do_page(self):
        self.head(Content_Type="text/html")
        self.wfile.write(b"\n<!DOCTYPE html><title>Sign in to this network</title>")

    def do_gone(self):
        self.head(404, Content_Length=4)
        self.wfile.write(b"gone")

    def do_broken(self):
        self.head(500, Content_Length=0)

    def do_reset(self):
        self.head(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT[:1000])
        self.do_hangup()

    def do_hangup(self):
        import socket

        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def do_garbage(self):
        self.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n")

    def do_escape(self):
        self.wfile.write(b"HTTP/1.1 418 \x1b[2J\x1b]0;mine\x07 " + b"x" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n")

    def do_longheader(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")

    def do_tofile(self):
        self.head(302, Location="file:///etc/passwd", Content_Length=0)

    def do_toftp(self):
        self.head(302, Location="ftp://127.0.0.1/thing", Content_Length=0)

    def do_todata(self):
        self.head(302, Location="data:,thing", Content_Length=0)

    def do_circle(self):
        self.head(302, Location=self.path, Content_Length=0)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Knows how often each address was asked for."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.asked = {}

    def handle_error(self, request, client_address):
        """Clients that go away are what is tested."""


FINE = ["fine", "late", "chunked", "moved"]
FAULTS = {
    "stall": "has sent nothing for 0.8 seconds",
    "silence": "has sent nothing for 0.8 seconds",
    "drip": r"sent only \d+ bytes in 1.2 seconds",
    "headerdrip": "has sent nothing for 0.8 seconds",
    "chunkdrip": "has sent nothing for 0.8 seconds",
    "half": "sent 110000 of 220000 bytes",
    "unannounced": "has SHA-256",
    "halfchunk": "IncompleteRead",
    "badchunk": "IncompleteRead|invalid literal",
    "lie": "has SHA-256",
    "short": "has SHA-256",
    "nothing": "has SHA-256",
    "endless": "sends more than 1 MiB",
    "boast": "sends more than 1 MiB",
    "nonsense": "has SHA-256",
    "page": "sent a web page, not the file",
    "gone": "Not Found",
    "broken": "Internal Server Error",
    "reset": "reset by peer",
    "hangup": "reset by peer|without response",
    "garbage": "BadStatusLine",
    "escape": r"downloaded: \[2J \]0;mine  x{480,490}  ",
    "longheader": "LineTooLong",
    "tofile": "is not allowed",
    "toftp": "which is not an HTTPS address",
    "todata": "is not allowed",
    "circle": "infinite loop",
}


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.over.set()
        running.shutdown()
        thread.join()


class Workers:
    """Processes that all try the same download when told to."""

    def __init__(self, count, folder):
        environment = {**os.environ, "DEEPCLI_CACHE_DIR": str(folder / "cache"), "no_proxy": "127.0.0.1"}
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for _ in range(count)
        ]
        for process in self.processes:
            assert process.stdout.readline() == "ready\n", process.stderr.read()

    def begin(self, url, home):
        for process in self.processes:
            process.stdin.write(f"{url} {home}\n")
            process.stdin.flush()

    def end(self):
        return [process.stdout.readline() for process in self.processes]

    def close(self):
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    started = Workers(WORKERS, tmp_path_factory.mktemp("workers"))
    yield started
    started.close()


def there(home):
    return sorted(path.name for path in (home / "datasets" / "folder").glob("*")) + sorted(
        path.name for path in (home / "datasets" / "folder").glob(".*")
    )


GOOD = f"file {hashlib.sha256(CONTENT).hexdigest()}\n"


@pytest.mark.parametrize("answer", FINE)
def test_all_who_need_a_file_at_once_download_it_once(server, workers, tmp_path, answer, counted):
    workers.begin(f"http://127.0.0.1:{server.server_port}/{answer}/always/{tmp_path.name}", tmp_path)
    assert workers.end() == [GOOD] * WORKERS
    assert there(tmp_path) == ["thing.npz"]
    assert server.asked[f"/{answer}/always/{tmp_path.name}"] == 1
    counted(f"{WORKERS} processes, one download, {answer}")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_clear_error_and_the_next_attempt_works(server, workers, tmp_path, fault, counted):
    address = f"http://127.0.0.1:{server.server_port}/{fault}"
    workers.begin(f"{address}/always/{tmp_path.name}", tmp_path)
    for answer in workers.end():
        assert answer.startswith("error folder/thing.npz was not found and cannot be downloaded: ")
        assert re.search(FAULTS[fault], answer), answer
        assert "\x1b" not in answer
        assert "put it there, or set its folder with --data-dir" in answer
    assert there(tmp_path) == []
    workers.begin(f"{address}/once/{tmp_path.name}", tmp_path)
    answers = workers.end()
    assert answers.count(GOOD) >= WORKERS - 1
    if GOOD not in answers:
        workers.begin(f"{address}/once/{tmp_path.name}", tmp_path)
        answers = workers.end()
    assert all(answer == GOOD or re.search(FAULTS[fault], answer) for answer in answers)
    assert there(tmp_path) == ["thing.npz"]
    counted(f"{WORKERS} processes, {fault}: clear errors, then one file")


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_lock_ends_with_its_process(server, tmp_path):
    """The others go on where one was killed in the middle, and take away what it left."""
    path = f"/stall/once/{tmp_path.name}"
    url = f"http://127.0.0.1:{server.server_port}{path}"
    workers = Workers(WORKERS, tmp_path)
    with contextlib.closing(workers):
        victim, *rest = workers.processes
        victim.stdin.write(f"{url} {tmp_path}\n")
        victim.stdin.flush()
        while path not in server.asked:
            time.sleep(0.01)
        assert [name for name in there(tmp_path) if name.endswith(".part")]
        for process in rest:
            process.stdin.write(f"{url} {tmp_path}\n")
            process.stdin.flush()
        victim.send_signal(signal.SIGKILL)
        assert [process.stdout.readline() for process in rest] == [GOOD] * len(rest)
        assert there(tmp_path) == ["thing.npz"]
    assert Path(tmp_path / "cache" / "locks").is_dir()
