"""What every test has: no network, no caches of the user's, small data in the real layouts, and a way to run commands."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parent.parent
LONGEST_NAME = 200
"""Characters of a parameter that the name of its test has."""
# The same examples every time, on a machine of any speed; what takes hours looks further every time.
settings.register_profile("deepcli", derandomize=os.environ.get("DEEPCLI_TORTURE") != "1", deadline=None, database=None)
settings.load_profile("deepcli")
REAL_DATA = os.environ.get("DEEPCLI_DATA_DIR")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell starts what runs in its background, and so would every process that a test interrupts ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in ("mnist.npz", "imdb.npz") if not (Path(REAL_DATA or "/nowhere") / name).is_file()]
    if missing:
        skip = pytest.mark.skip(reason=f"DEEPCLI_DATA_DIR holds no {' and no '.join(missing)}")
        for item in items:
            if "real_data" in item.keywords:
                item.add_marker(skip)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Shorten a name that is made of a long value: one of a large file was 128 MiB, in each process and each message."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return f"{val[:LONGEST_NAME]!r} and {len(val) - LONGEST_NAME} more"
    return None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Check that tests of a group run in one process: where that is lost, each worker prepares the same once more."""
    if session.config.getoption("loadgroup", False):
        lost = [
            item.nodeid for item in session.items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid
        ]
        if lost:
            raise pytest.UsageError(f"pytest-xdist takes no notice of the group of {lost[0]}")
    gc.freeze()  # what was collected stays to the end, so that no later collection of garbage needs to visit it


def pytest_configure(config: pytest.Config) -> None:
    """Import TensorFlow as commands do, before a module of tests imports it as a program does: so models trace faster."""
    if hasattr(config, "workerinput"):  # a process of pytest-xdist, which collects everything
        from deepcli.system.tensorflow_startup import import_tensorflow

        import_tensorflow()


def pytest_sessionfinish() -> None:
    """Save what coverage measured: pytest-xdist kills a worker that takes over ten seconds to end, and what it holds."""
    coverage = sys.modules.get("coverage") if "PYTEST_XDIST_WORKER" in os.environ else None
    if coverage and (measured := coverage.Coverage.current()):
        measured.save()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the torture tests counted, from whichever process."""
    tests = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = [value for test in tests for name, value in getattr(test, "user_properties", []) if name == "counted"]
    if lines:
        terminalreporter.section("counted")
        for line in dict.fromkeys(lines):
            terminalreporter.write_line(str(line))


@pytest.fixture(autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, request) -> None:
    """Work in an empty folder, offline, without the user's caches; real data only where a test asks for them."""
    # Not by `mktemp`: it looks through all earlier folders for each new one, a minute in all for ten thousand tests.
    base = tmp_path_factory.getbasetemp()
    home, work = (Path(tempfile.mkdtemp(prefix=name, dir=base)) for name in ("home-", "work-"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KERAS_HOME", str(home / ".keras"))
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("DEEPCLI_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    # Trackers' libraries tell their makers of their use otherwise.
    for name, value in (
        ("DO_NOT_TRACK", "1"),
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ("WANDB_ERROR_REPORTING", "false"),
    ):
        monkeypatch.setenv(name, value)
    if "real_data" not in request.keywords:
        monkeypatch.delenv("DEEPCLI_DATA_DIR", raising=False)
    monkeypatch.chdir(work)


@pytest.fixture(autouse=True)
def registries_as_they_were() -> Iterator[None]:
    """Take out again what a test's plugins have registered."""
    from deepcli.catalog.components import KINDS

    before = {kind: dict(registry._classes) for kind, registry in KINDS.items()}
    yield
    for kind, classes in before.items():
        KINDS[kind]._classes = classes
    for name in [name for name in sys.modules if name.startswith("deepcli_plugin_")]:
        del sys.modules[name]


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run `deepcli` with words, in this process."""
    from deepcli.cli import main
    from deepcli.spec.installed import OFF

    monkeypatch.setenv(OFF, "")  # so that what `--no-plugins` sets is removed after the test
    monkeypatch.delenv(OFF)

    def run(*words: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["deepcli", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def tiny_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in MNIST's layout: bright bars whose place tells the digit."""
    rng = np.random.RandomState(0)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(count) % 10
        x = rng.randint(0, 60, (count, 28, 28))
        for image, label in zip(x, y, strict=True):
            image[2 + 2 * label : 5 + 2 * label, 4:24] += 180
        return x.astype(np.uint8), y.astype(np.uint8)

    path = tmp_path_factory.mktemp("data") / "mnist.npz"
    (x_train, y_train), (x_test, y_test) = split(400), split(100)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture(scope="session")
def tiny_imdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in IMDB's layout, object arrays of lists: rank 5 is blame, rank 6 is praise, the rest is noise."""
    rng = np.random.RandomState(0)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(count) % 2
        x = np.empty(count, dtype=object)
        for index, label in enumerate(y):
            words = rng.randint(10, 200, rng.randint(3, 40))
            words[rng.randint(0, len(words), 2)] = 5 + label
            x[index] = words.tolist()
        return x, y.astype(np.int64)

    path = tmp_path_factory.mktemp("data") / "imdb.npz"
    (x_train, y_train), (x_test, y_test) = split(300), split(100)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture
def tiny(tiny_mnist: Path, tiny_imdb: Path) -> Callable[[str], list[str]]:
    """Give the overrides that let a spec on any data set run in a second."""
    paths = {"mnist": tiny_mnist, "imdb": tiny_imdb}

    def overrides(data: str) -> list[str]:
        path = [f"data.path={paths[data]}"] if data in paths else []
        return [*path, "data.limit=48", "data.batch_size=16", "training.epochs=1", "schedule.warmup=0"]

    return overrides


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., Path]:
    """Write a spec file."""

    def write(text: str = "data: digits\nmodel: mlp\n", name: str = "spec.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
