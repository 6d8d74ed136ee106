"""What is said of a mistake names its cause, and what to do; nothing else is blamed."""

import threading
from pathlib import Path

import numpy as np
import pytest

from deepcli.errors import DataError, RunError
from deepcli.run.directory import RunDir
from deepcli.system.atomic import replacing, write_text

LABELLED = '''
from typing import Literal

import numpy as np
from pydantic import Field

from deepcli.data import DATASETS
from deepcli.data.base import ImageDataset
from deepcli.data.signature import Signature
from deepcli.data.arrays.splits import Provenance, Raw, fingerprint
from deepcli.errors import DataError
from deepcli.optim import SCHEDULES, Schedule


@DATASETS.register
class Pets(ImageDataset):
    """Dark cats and bright dogs in a file of the user's."""

    type: Literal["pets"] = "pets"
    path: str | None = Field(None, description="A file; there is no usual place.")
    class_names = ("cat", "dog")

    @property
    def signature(self):
        if self.path is None:
            raise DataError("data.path: pets need one")
        return Signature("image", (4, 4, 1), 2, 60)

    def read(self, sources):
        y = np.arange(90) % 2
        x = np.full((90, 4, 4, 1), 60, np.uint8) + 120 * y[:, None, None, None].astype(np.uint8)
        return Raw((x[:60], y[:60]), (x[60:], y[60:]), Provenance("here", True, fingerprint(x, y)))


@SCHEDULES.register
class Named(Schedule):
    """Has lists of texts, and of lists."""

    type: Literal["named"] = "named"
    names: tuple[str, ...] = Field(("a",), description="Names.")
    pairs: dict[str, tuple[tuple[int, int], ...]] = Field({}, description="Pairs.")

    def build(self, peak, steps):
        return lambda step: peak
'''


@pytest.fixture
def plugin(spec):
    return spec(LABELLED, "my plugin.py")


@pytest.fixture
def pets(cli, spec, plugin):
    """A run on data of a plugin's whose defaults alone cannot be used."""
    path = spec("data: {type: pets, path: here}\nmodel: mlp\ntraining: {epochs: 1}\n")
    done = cli("train", path, "--plugin", plugin, "--output", "run", "--quiet")
    assert done.code == 0, done.err
    return Path("run")


def test_initial_weights_of_another_shape_name_the_shapes_and_the_fields(cli, spec):
    path = spec("data: {type: digits, limit: 40}\nmodel: {type: mlp, hidden_units: [16]}\ntraining: {epochs: 1}\n")
    assert cli("train", path, "--output", "a", "--quiet").code == 0
    done = cli("train", path, "training.initial_weights=a", "model.hidden_units=[7]", "--output", "b", "--quiet")
    assert done.code == 2
    assert "the file has 64x16, 16x10, 16, the model has 64x7, 7x10, 7" in done.err
    assert "model.hidden_units: [16] in the checkpoint, [7] here" in done.err
    assert "Keras" not in done.err


def test_padded_texts_are_not_blamed_on_the_labels(tmp_path):
    from deepcli.data.arrays.token_files import flatten

    with pytest.raises(
        DataError, match=r"the texts are int64\[4, 3\]; they should be an object array of one dimension"
    ):
        flatten(tmp_path, np.ones((4, 3), np.int64), np.zeros(4, np.int64), 100, 2)
    texts = np.empty(2, object)
    texts[:] = [[1, 2], [3]]
    with pytest.raises(DataError, match=r"it has 2 texts, and labels int64\[2\] from 0 to 5"):
        flatten(tmp_path, texts, np.array([0, 5]), 100, 2)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ('{"0": 5}', "training.class_weight.0: the key should be an integer, not '0' (a string)"),
        ("{cat: 5}", "training.class_weight.cat: the key should be an integer, not 'cat' (a string)"),
        ("{0: -5}", "training.class_weight.0: should be greater than 0, not -5"),
    ],
)
def test_what_is_wrong_inside_a_mapping_is_not_blamed_on_the_mapping(cli, spec, word, says):
    done = cli("validate", spec(), f"training.class_weight={word}")
    assert done.code == 2 and says in done.err and "'balanced'" not in done.err
    assert "should be 'balanced', not 'balancd'" in cli("validate", spec(), "training.class_weight=balancd").err


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ("names: [a, b], pairs: {x: [[1, 2], [3, 4]]}", None),
        ("names: a", "schedule.names: should be a list, not 'a'"),
        ("names: [a, 2]", "schedule.names.1: should be a string, not 2"),
        ("pairs: {x: [[1, b]]}", "schedule.pairs.x.0.1: should be an integer, not 'b' (a string)"),
    ],
)
def test_a_plugin_s_tuples_are_written_as_lists(cli, spec, plugin, fields, says):
    done = cli("validate", spec(), f"schedule={{type: named, {fields}}}", "--plugin", plugin)
    assert done.code == (2 if says else 0) and (says or "") in done.err
    if says is None:
        shown = spec(cli("show", spec(), f"schedule={{type: named, {fields}}}", "--plugin", plugin).out, "shown.yaml")
        assert cli("validate", shown, "--plugin", plugin).code == 0


def test_evaluate_says_classes_by_their_names(cli, pets, plugin):
    done = cli("evaluate", pets, "--plugin", plugin)
    lines = [line.split() for line in done.out.splitlines()]
    assert [line[:3] for line in lines if line[:2] == ["test", "class"]] == [
        ["test", "class", n] for n in ("cat", "dog")
    ]
    assert ["predicted", "cat", "dog"] in lines
    assert [line[2] for line in lines if line[:2] == ["test", "label"]] == ["cat", "dog"]


def test_a_report_needs_no_defaults_that_can_be_used(cli, pets, plugin):
    done = cli("report", pets, "--plugin", plugin)
    assert done.code == 0, done.err
    html = Path("run/report.html").read_text(encoding="utf-8").replace("<wbr>", "")
    assert "data: pets" in html
    assert f">data.path</th><td>{Path('here').resolve()}</td><td>null</td>" in html
    assert ">training.epochs</th><td>1</td><td>10</td>" in html
    assert "data.batch_size" not in html.split("<details>")[0]


@pytest.mark.parametrize("command", ["report", "plot", "compare"])
def test_looking_at_a_plugin_s_run_names_the_plugin(cli, pets, plugin, monkeypatch, command):
    from deepcli.data import DATASETS

    monkeypatch.delitem(DATASETS._classes, "pets")
    done = cli(command, *[pets] * (2 if command == "compare" else 1))
    assert done.code == 2
    assert f"the run was trained with --plugin '{plugin}', so add that to the command" in done.err


def test_init_writes_a_spec_of_a_plugin_s_component(cli, plugin):
    assert "load your own with --plugin FILE" in cli("init", "elsewhere", "mlp").err
    done = cli("init", "pets", "mlp", "--plugin", plugin)
    assert done.code == 0 and f"next: deepcli train pets-mlp.yaml '--plugin={plugin}'" in done.out
    assert cli("validate", "pets-mlp.yaml", "data.path=here", "--plugin", plugin).code == 0


def test_runs_takes_a_plugin_and_says_that_it_needs_none(cli, pets, plugin):
    done = cli("runs", ".", "--plugin", plugin)
    assert done.code == 0 and "completed" in done.out and "not needed" in done.err


class TestNames:
    def test_a_run_directory_may_have_the_longest_name(self, tmp_path):
        for name in ("a" * 250, "ü" * 127):
            run = RunDir.create(tmp_path / name, "name: a\n", {})
            assert run.config.is_file()
            RunDir.create(tmp_path / name, "name: b\n", {}, replace=True)
            assert run.config.read_text() == "name: b\n"
            with replacing(run.path / ("b" * 250)) as temporary:
                temporary.touch()
            write_text(run.path / f"{'c' * 250}.txt", "d")
            assert sorted(len(path.name) for path in run.path.glob("?" * 250 + "*")) == [250, 254]
        assert len(list(tmp_path.iterdir())) == 2

    @pytest.mark.parametrize("words", [("train", "SPEC", "--output", "LONG"), ("evaluate", "LONG"), ("report", "LONG")])
    def test_a_name_that_no_file_system_takes(self, cli, spec, words):
        long = "a" * 300
        done = cli(*(spec() if word == "SPEC" else long if word == "LONG" else word for word in words))
        assert done.code == 2 and "characters): the name is too long for the file system" in done.err
        assert "unexpected" not in done.err


def test_the_loser_of_a_race_for_a_run_is_told_of_the_race(tmp_path):
    started, errors = threading.Barrier(4), []

    def make():
        started.wait()
        try:
            RunDir.create(tmp_path / "run", "name: a\n", {})
        except RunError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 3
    for error in errors:
        assert "another process has started the run" in error and "--if-exists skip or resume" in error
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_surprise_says_how_to_see_where_for_every_command(cli, pets, plugin, monkeypatch):
    from deepcli.reports import html

    def fail(*_):
        raise ZeroDivisionError("bang")

    monkeypatch.setattr(html, "write_report", fail)
    done = cli("report", pets, "--plugin", plugin)
    assert done.code == 1 and "set DEEPCLI_VERBOSE=1" in done.err
    monkeypatch.setenv("DEEPCLI_VERBOSE", "1")
    done = cli("report", pets, "--plugin", plugin)
    assert done.code == 1 and "Traceback" in done.err and "in fail" in done.err
