"""`deepcli sweep dashboard`: where it listens, what it refuses, and what is wrong before it listens.

A module of the tests stands in for optuna-dashboard; one test uses the real one, where it is installed.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deepcli.api.sweep_dashboard import sweep_dashboard
from deepcli.errors import RunError
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.start import open_study, start_sweep
from deepcli.sweeps.study.storage import close_storage, open_for_reading, open_storage

FAKE = """
from pathlib import Path

def wsgi(storage, **more):
    studies = ",".join(study.study_name for study in storage.get_all_studies())
    Path("made").write_text(f"{type(storage).__name__} {studies} {more}")

    def app(environ, start_response):
        with Path("asked").open("a") as file:
            file.write(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}\\n")
        trials = sum(len(storage.get_all_trials(study._study_id)) for study in storage.get_all_studies())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{trials} trials".encode()]

    return app
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A package that stands in for optuna-dashboard, also in processes that a test starts."""
    folder = tmp_path / "packages"
    (folder / "optuna_dashboard").mkdir(parents=True)
    (folder / "optuna_dashboard" / "__init__.py").write_text(FAKE)
    monkeypatch.delitem(sys.modules, "optuna_dashboard", raising=False)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    )
    yield
    sys.modules.pop("optuna_dashboard", None)


@pytest.fixture
def missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)


def begun(spec, path="s", storage=None):
    plan = load_sweep([str(spec()), "optimizer.learning_rate=[1e-3, 1e-2]"], (), (), {})
    folder, _ = start_sweep(Path(path), plan, storage)
    return open_study(folder, storage)


@pytest.fixture
def study(spec):
    with contextlib.closing(begun(spec)) as opened:
        yield opened


@contextlib.contextmanager
def listening(path, **options):
    """Serve a dashboard in a thread."""
    with sweep_dashboard(path, port=0, **options) as shown:
        thread = threading.Thread(target=shown.serve)
        thread.start()
        try:
            yield shown
        finally:
            shown._server.shutdown()
            thread.join()


def ask(address, method="GET", path="/", body=None):
    host = urlsplit(address)
    with contextlib.closing(http.client.HTTPConnection(host.hostname, host.port, timeout=30)) as link:
        link.request(method, path, body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        return answer.status, answer.read().decode()


def test_it_shows_the_study_of_the_sweep_while_trials_are_trained(fake, study):
    with listening("s") as shown:
        assert urlsplit(shown.address).hostname == "127.0.0.1" and shown.notices == ()
        assert urlsplit(shown.address).path == "/dashboard/studies/0"
        assert ask(shown.address) == (200, "0 trials")
        claim = study.claim()
        assert ask(shown.address, path="/api/studies") == (200, "1 trials")
        assert ask(shown.address, "HEAD") == (200, "")
        study.complete(claim, [0.5])
    assert Path("made").read_text() == f"JournalStorage {study.optuna.study_name} {{}}"
    assert Path("asked").read_text() == "GET /\nGET /api/studies\nHEAD /\n"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "get"])
def test_whatever_would_write_is_refused_and_never_reaches_the_dashboard(fake, study, method):
    before = study.folder.journal.read_bytes()
    with listening("s") as shown:
        status, text = ask(shown.address, method, "/api/studies/0/note", json.dumps({"body": "x" * 100_000}))
    assert status == 403
    assert json.loads(text) == {"reason": "deepcli shows a sweep for reading only; nothing was changed"}
    assert not Path("asked").exists()
    assert study.folder.journal.read_bytes() == before


def test_nothing_in_the_sweep_s_directory_is_written_or_made(fake, study):
    def contents():
        return {path: path.read_bytes() for path in Path("s").rglob("*") if path.is_file()}

    before = contents()
    with listening("s") as shown:
        ask(shown.address)
    assert contents() == before


@pytest.mark.parametrize("kind", ["journal", "database"])
def test_a_storage_that_is_open_for_reading_cannot_be_written(study, tmp_path, kind):
    from optuna.study import StudyDirection

    url, journal = (None, study.folder.journal) if kind == "journal" else (f"sqlite:///{tmp_path}/o.db", Path())
    if url:
        writable = open_storage(url, journal)
        writable.create_new_study([StudyDirection.MINIMIZE], "there")
        close_storage(writable)
    storage = open_for_reading(url, journal)
    (one,) = storage.get_all_studies()
    for write in (
        lambda: storage.create_new_study([StudyDirection.MINIMIZE], "other"),
        lambda: storage.create_new_trial(one._study_id),
        lambda: storage.set_study_user_attr(one._study_id, "a", 1),
        lambda: storage.delete_study(one._study_id),
    ):
        with pytest.raises(RunError, match="open for reading only"):
            write()
    close_storage(storage)
    again = open_storage(url, journal)
    assert [(found.study_name, found.user_attrs) for found in again.get_all_studies()] == [(one.study_name, {})]
    assert again.get_all_trials(one._study_id) == []
    close_storage(again)


def test_a_sweep_in_a_database_is_shown_too(fake, spec, tmp_path):
    url = f"sqlite:///{tmp_path}/o.db"
    with contextlib.closing(begun(spec, "a", url)), contextlib.closing(begun(spec, "b", url)):
        with listening("b") as shown:
            assert urlsplit(shown.address).path == "/dashboard/studies/2"
            assert ask(shown.address) == (200, "0 trials")
        assert Path("made").read_text().startswith("RDBStorage spec-")


def test_the_command_prints_the_address_first_and_ctrl_c_is_no_error(fake, study):
    words = [sys.executable, "-m", "deepcli", "sweep", "dashboard", "s", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        assert ask(address) == (200, "0 trials")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "for reading only; Ctrl-C ends it\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "nowhere is not a sweep: no sweep.json in it"),
        (["s", "--host", "203.0.113.7"], "--host: '203.0.113.7' is not an address of this machine"),
        (["s", "--port", "70000"], "--port"),
        (["s", "--storage", "sqlite:///x.db"], "--storage: the sweep s is stored in a journal file in its directory"),
    ],
)
def test_what_cannot_be_shown(cli, fake, study, words, says):
    done = cli("sweep", "dashboard", *words)
    assert done.code == 2 and says in done.err and not done.out


def test_a_port_that_is_in_use(cli, fake, study):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = cli("sweep", "dashboard", "s", "--port", port)
    assert done.code == 2 and not done.out
    assert done.err == f"error: --port: {port} is in use on 127.0.0.1; choose another, or 0 for one that is free\n"


def test_a_sweep_that_has_not_started_and_one_whose_password_is_not_saved(cli, fake, study):
    study.folder.journal.write_bytes(b"")
    done = cli("sweep", "dashboard", "s")
    assert done.code == 2 and "the sweep has not started yet" in done.err
    study.folder.journal.unlink()
    done = cli("sweep", "dashboard", "s")
    assert done.code == 2 and "s/journal.log: no such file; the sweep has not started yet" in done.err
    assert not study.folder.journal.exists()
    stored = study.folder.read_plan()
    study.folder.write_plan({**stored, "storage": "postgresql://me:***@db/x"})
    done = cli("sweep", "dashboard", "s")
    assert done.code == 2 and "give the whole URL in --storage or DEEPCLI_STORAGE" in done.err


def test_without_the_package_the_error_says_what_to_install(cli, missing, study):
    done = cli("sweep", "dashboard", "s")
    assert done.code == 2 and "pip install 'deepcli[dashboard]'" in done.err and not done.out


def test_a_package_that_cannot_be_imported_is_an_error_in_words(cli, fake, study, tmp_path):
    (tmp_path / "packages" / "optuna_dashboard" / "__init__.py").write_text("import no_such_module_anywhere\n")
    done = cli("sweep", "dashboard", "s", "--port", "0")
    assert done.code == 2 and "optuna-dashboard cannot be imported: No module named" in done.err


def test_who_else_may_look_is_told(fake, study):
    with sweep_dashboard("s", host="0.0.0.0", port=0) as shown:
        assert shown.notices == ("0.0.0.0: whoever can reach this machine can look at the sweep",)
        assert urlsplit(shown.address).hostname == "127.0.0.1"


def test_the_real_dashboard_reads_a_sweep_as_it_is(study):
    pytest.importorskip("optuna_dashboard", reason="the extra `dashboard` is not installed")
    study.complete(study.claim(), [0.5])
    held = study.claim()
    before = study.folder.journal.read_bytes()
    with listening("s") as shown:
        status, page = ask(shown.address, path=urlsplit(shown.address).path)
        assert status == 200 and "<script" in page
        (one,) = json.loads(ask(shown.address, path="/api/studies")[1])["study_summaries"]
        assert one["study_name"] == study.optuna.study_name
        trials = json.loads(ask(shown.address, path="/api/studies/0?after=0")[1])["trials"]
        assert [trial["state"] for trial in trials] == ["Complete", "Running"]
        assert trials[0]["values"] == [0.5] and trials[0]["params"][0]["name"] == "optimizer.learning_rate"
        assert ask(shown.address, "DELETE", "/api/studies/0")[0] == 403
    assert study.folder.journal.read_bytes() == before
    study.give_back(held)
