"""What commands may do while they look at own data, and how they show that pictures are decoded."""

import io
import sys

import pytest

import deepcli
from deepcli.api import slow_work
from deepcli.data.sources import remote
from deepcli.errors import DataError

from ..own_files import pictures

ADDRESS = "https://example.org/rows.csv"


@pytest.fixture
def alone(monkeypatch):
    """Let no address be opened."""
    monkeypatch.delenv("DEEPCLI_OFFLINE", raising=False)
    monkeypatch.setattr(remote, "_version", lambda url: pytest.fail(f"{url} was opened"))


def test_offline_forbids_copies_of_own_data(alone, cli):
    done = cli("train", ADDRESS, "data.target=x", "--offline")
    assert done.code == 2
    assert f"{ADDRESS} has not been copied to this machine yet and --offline forbids it" in done.err


def test_calls_take_offline_as_commands_do(alone, tmp_path):
    spec = {"data": {"type": "table", "path": ADDRESS, "target": "x"}, "model": "mlp"}
    calls = {
        "look": lambda: deepcli.look(ADDRESS, offline=True),
        "train": lambda: deepcli.train(ADDRESS, offline=True),
        "sweep": lambda: deepcli.sweep(spec, {"seed": [1, 2]}, output=tmp_path / "s", offline=True),
    }
    for name, call in calls.items():
        with pytest.raises(DataError, match="has not been copied"):
            call()
        assert not (tmp_path / "s").exists(), name


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_decoding_is_shown_on_a_terminal_and_leaves_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    slow_work.decoding_progress("pictures", 32, 2000)
    slow_work.decoding_progress("pictures", 2000, 2000)
    assert stream.getvalue() == "\033[Kdecoding pictures: 32 of 2,000\r\033[K\r"


def test_many_decoded_pictures_are_a_line_in_a_log(monkeypatch, capsys):
    for total in (999, 1000):
        slow_work.decoding_progress("pictures", 500, total)
        slow_work.decoding_progress("pictures", total, total)
    assert capsys.readouterr().err == "decoded 1,000 pictures into deepcli's cache\n"


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_quiet_hides_it(cli, tmp_path, monkeypatch, quiet):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(slow_work, "MANY_PICTURES", 1)
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", str(tmp_path / "cache"))
    pictures(tmp_path / "photos")
    (tmp_path / "spec.yaml").write_text("data: photos/\nmodel: cnn\n", encoding="utf-8")
    done = cli("validate", tmp_path / "spec.yaml", *quiet)
    assert done.code == 0, done.err
    assert ("decoded 60 pictures" in done.err) is not bool(quiet)
