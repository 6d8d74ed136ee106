"""Whose fault an exception is that nobody foresaw: a plugin's, a file's, or deepcli's."""

import sys
from pathlib import Path

import pytest

from deepcli.cli.surprises import worded
from deepcli.spec import plugins

PLUGIN = '''
from typing import Literal

from deepcli.models import MODELS, Head, Model


@MODELS.register
class Broken(Model):
    """It breaks."""

    type: Literal["broken"] = "broken"

    def build(self, signature, head: Head):
        ERROR
'''


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_fault_of_deepcli_is_to_be_reported():
    said = worded(raised(KeyError("x")))
    assert said == "unexpected KeyError: 'x'\n  please report it with a traceback (set DEEPCLI_VERBOSE=1)"


def test_a_file_is_named_and_nobody_is_to_report_it():
    said = worded(raised(PermissionError(13, "Permission denied", "a b/c.csv")))
    assert said == "a b/c.csv: Permission denied\n  for a traceback, set DEEPCLI_VERBOSE=1"
    assert worded(raised(OSError("odd"))).startswith("unexpected OSError: odd")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("raise ValueError('odd')", "ValueError: odd"),
        ("open('weights.bin', 'rb')", "FileNotFoundError: [Errno 2] No such file or directory: 'weights.bin'"),
        ("{}['x']", "KeyError: 'x'"),
    ],
)
def test_a_plugin_that_fails_is_named_with_its_line(cli, spec, error, says):
    plugin = spec(PLUGIN.replace("ERROR", error), "broken.py")
    words = ["train", spec("data: digits\nmodel: broken\n"), "--plugin", plugin, "-o", "a"]
    done = cli(*words)
    assert done.code == 1
    assert done.err.splitlines()[-2:] == [
        f"error: plugin {plugin}, line 14, in build: {says}",
        "  for the whole traceback, set DEEPCLI_VERBOSE=1",
    ]
    assert not Path("a").exists()


@pytest.mark.parametrize(("backend", "imports", "hinted"), [("jax", "tensorflow", True), ("tensorflow", "tensorflow", False),
                                                          ("jax", "keras", False)])  # fmt: skip
def test_a_plugin_with_operations_of_tensorflow_that_fails_on_jax_gets_a_hint(
    spec, monkeypatch, backend, imports, hinted
):
    name = f"with_{imports}_on_{backend}"
    plugin = spec(f"def fail():\n    import {imports}\n    raise ValueError('odd')\n", f"{name}.py")
    monkeypatch.syspath_prepend(plugin.parent)
    monkeypatch.setattr(plugins, "imported", set())
    plugins.import_plugins([name])
    with pytest.raises(ValueError) as caught:
        sys.modules[name].fail()
    monkeypatch.setattr("keras.backend.backend", lambda: backend)
    assert ("or training.backend=tensorflow" in worded(caught.value)) is hinted


def test_a_plugin_that_is_a_module_is_known_too(spec, monkeypatch):
    plugin = spec("def fail():\n    raise ValueError('odd')\n", "a_module_of_mine.py")
    monkeypatch.syspath_prepend(plugin.parent)
    monkeypatch.setattr(plugins, "imported", set())
    plugins.import_plugins(["a_module_of_mine"])
    with pytest.raises(ValueError) as caught:
        sys.modules["a_module_of_mine"].fail()
    assert worded(caught.value).startswith(f"plugin {plugin}, line 2, in fail: ValueError: odd\n")


def test_what_a_data_set_raises_is_an_error_of_the_data_and_verbose_shows_where(cli, spec):
    plugin = spec(
        Path(__file__)
        .parent.parent.joinpath("plugins", "spirals.py")
        .read_text()
        .replace("import hashlib", "raise KeyError('x_train')"),
        "mine.py",
    )
    words = ["train", spec("data: spirals\nmodel: mlp\n"), "--plugin", plugin, "-o", "a"]
    done = cli(*words)
    assert done.code == 2 and done.err.endswith("error: data: spirals cannot be read: KeyError: 'x_train'\n")
    done = cli(*words, "--verbose")
    assert done.code == 2 and "Traceback" in done.err and "mine.py" in done.err
