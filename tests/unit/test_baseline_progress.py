"""`baseline` shows what it does until it has done it, or has failed."""

import pytest

from deepcli.api.baselining import run_baselines
from deepcli.data.files import OFFLINE
from deepcli.errors import DeepcliError
from deepcli.run.reporter import NullReporter


class Shown(NullReporter):
    """Lists what is shown as being done, and when nothing is."""

    def __init__(self):
        self.lines = []

    def doing(self, what):
        self.lines.append(what)

    def end(self):
        self.lines.append("")


def test_a_terminal_shows_that_baselines_are_trained(spec):
    shown = Shown()
    run_baselines([str(spec("data: {type: digits, limit: 100}\nmodel: mlp\n"))], lambda: OFFLINE, shown)
    assert shown.lines == ["reading the data", "training baselines", ""]


def test_what_is_shown_ends_with_an_error(tmp_path):
    shown = Shown()
    with pytest.raises(DeepcliError):
        run_baselines([str(tmp_path / "missing.yaml")], lambda: OFFLINE, shown)
    assert shown.lines == ["reading the data", ""]
