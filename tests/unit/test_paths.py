"""Paths in specs mean the same files from every folder."""

from pathlib import Path
from typing import ClassVar, Literal

import pytest

from deepcli.data import Dataset
from deepcli.experiment.schema import Experiment
from deepcli.spec.paths import absolute, absolute_plugins, unreadable, with_absolute_paths


def experiment(**sections):
    return Experiment.model_validate({"data": "mnist", "model": "mlp", **sections})


def test_every_path_of_a_spec_becomes_absolute_and_nothing_else_changes():
    given = experiment(data={"type": "mnist", "path": "a b/mnist.npz"}, training={"initial_weights": "../old"})
    found = with_absolute_paths(given)
    assert found.data.path == str(Path.cwd() / "a b" / "mnist.npz")
    assert found.training.initial_weights == str(Path.cwd().parent / "old")
    plain = given.model_dump()
    plain["data"]["path"], plain["training"]["initial_weights"] = found.data.path, found.training.initial_weights
    assert found.model_dump() == plain
    assert with_absolute_paths(found) == found
    assert with_absolute_paths(experiment()) == experiment()


def test_relative_paths_are_relative_to_the_folder_that_is_named(tmp_path):
    given = experiment(data={"type": "mnist", "path": "x/../mnist.npz"})
    assert with_absolute_paths(given, tmp_path).data.path == str(tmp_path / "mnist.npz")


def test_a_home_is_written_out_and_an_address_is_left_alone():
    assert absolute("~/data") == str(Path.home() / "data")
    for path in ("s3://bucket/x.npz", "https://example.org/a/../b", "~nobody-of-this-name/x", "a\0b"):
        assert absolute(path) == path


def test_the_folder_above_a_link_is_not_that_above_its_name(tmp_path):
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "far" / "x.npz").touch()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    assert (tmp_path / "far" / "x.npz").samefile(absolute("link/../x.npz", tmp_path))


def test_a_plugin_names_its_own_paths():
    class Table(Dataset):
        """A table and its labels."""

        path_fields: ClassVar[tuple[str, ...]] = ("path", "tables", "labels")
        type: Literal["table"] = "table"
        path: str = "a.csv"
        tables: tuple[str, ...] = ("b.csv", "c.csv")
        labels: str | None = None
        separator: str = ","

        @property
        def signature(self):
            raise NotImplementedError

        def read(self, sources):
            raise NotImplementedError

    found = with_absolute_paths(Table())
    assert found.path == str(Path.cwd() / "a.csv")
    assert found.tables == (str(Path.cwd() / "b.csv"), str(Path.cwd() / "c.csv"))
    assert (found.labels, found.separator) == (None, ",")


def test_of_plugins_files_become_absolute_and_modules_stay():
    assert absolute_plugins(["a b/mine.py", "package.module"]) == (str(Path.cwd() / "a b/mine.py"), "package.module")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (FileNotFoundError(2, "No such file or directory", "d/x.csv"),
         "d/x.csv: No such file or directory; put it back, or give its new path with data.path=PATH"),
        (PermissionError(13, "Permission denied", b"d/x.csv"),
         "d/x.csv: Permission denied; check it, or give its new path with data.path=PATH"),
        (FileNotFoundError(2, "No such file or directory", "e.csv"),
         "e.csv: No such file or directory; put it back, or correct the path"),
        (OSError(28, "No space left on device"), "OSError: No space left on device"),
        (OSError("odd"), "OSError: odd"),
        (OSError(5, "Input/output error", 3), "OSError: Input/output error"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_the_field_that_names_it(error, says):
    assert unreadable(error, {"data": {"path": "d", "separator": " ", "none": None}, "seed": 3}) == says
