"""`deepcli.look`: what data hold and what is wrong with them, before training and after it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.data_paths import is_data_path, joined_path
from deepcli.api.data_sources import data_sources
from deepcli.api.loading import load_parts, plugin_names
from deepcli.api.slow_work import reach_of
from deepcli.errors import DataError, UsageError
from deepcli.system.reach import reaching

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles
    from deepcli.data import BaseDataset
    from deepcli.data.checks.data_report import DataReport
    from deepcli.data.checks.view import DataView
    from deepcli.data.files import Sources
    from deepcli.data.schema import Schema
    from deepcli.run.loaded import LoadedRun


def look(
    *source: str | os.PathLike[str],
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> DataReport:
    """Look at data: what they are, how they were read, and what is wrong with them. TensorFlow is not imported.

    ```python
    deepcli.look("photos/")
    deepcli.look("houses.csv", "data.target=price").problems
    deepcli.look("runs/a").labels
    ```

    Args:
        source: A folder, a file or files of data; or a spec file, a run, or the name of a data set; and overrides such as
            `data.target=price`, of the sections data and task.
        plugins: Python files or modules to import first.
        data_dir: A folder with files of textbook data sets.
        offline: Whether downloads are forbidden.

    Returns:
        The report; on a run whose predictions are kept, with likely wrong labels among held-out examples.

    Raises:
        DataError: The data cannot be read at all.
        SpecError: The spec or an override is not valid.
        UsageError: There is no source, or a plugin cannot be imported.
    """
    words = [os.fspath(word) for word in source]
    with reaching(reach_of(offline, progress=False)):
        return inspect_data(words, data_sources(data_dir, offline), plugin_names(plugins))


def inspect_data(
    words: Sequence[str], sources: Sources, plugins: Sequence[str] = (), samples: Path | None = None
) -> DataReport:
    """Look at the data that words name; see `look`.

    Args:
        words: Paths, a spec, a run or a data set, and overrides.
        sources: Where textbook data sets are looked for.
        plugins: Python files or modules to import first.
        samples: A PNG file for pictures of each class; None writes none.

    Raises:
        UsageError: Samples are wanted of data that are not pictures.
    """
    from deepcli.data.checks.inspecting import inspect_view, view_of
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins)
    if samples is not None:
        _demand_png(samples)
    dataset, run = _dataset(words, plugins)
    trained = run.run.data_schema() if run is not None else None
    if dataset.type == "text":
        return _of_text(dataset, sources, trained, samples)
    view = view_of(dataset, sources, trained)
    if samples is not None:
        _draw(view, samples)
    report = inspect_view(view)
    if run is None:
        return report
    from deepcli.api.suspect_labels import suspect_labels

    return report.with_labels(suspect_labels(run, view))


def _of_text(dataset: BaseDataset, sources: Sources, trained: Schema | None, samples: Path | None) -> DataReport:
    from deepcli.data.checks.running_text_report import inspect_running_text
    from deepcli.data.running_text import TextDataset

    assert isinstance(dataset, TextDataset)
    if samples is not None:
        raise UsageError("--samples: needs pictures; these data are a running text")
    return inspect_running_text(dataset, sources, trained)


def _dataset(words: Sequence[str], plugins: Sequence[str]) -> tuple[BaseDataset, LoadedRun | None]:
    """Return the data set that words name, and the run that it is from."""
    from deepcli.catalog.recommended import data_section
    from deepcli.data import DATASETS
    from deepcli.experiment.load import is_override
    from deepcli.experiment.split_words import refuse_split
    from deepcli.run.directory import RunDir
    from deepcli.run.latest import run_path

    refuse_split(words)
    named = [word for word in words if not is_override(word) or Path(word).exists()]
    changes = [word for word in words if word not in named]
    _demand_data_words(changes)
    if not named:
        raise UsageError("name a folder, a file, a spec, a run or a data set, such as photos/ or houses.csv")
    if len(named) == 1 and RunDir(run := run_path(Path(named[0]))).config.is_file():
        return _of_run(run, changes)
    if len(named) == 1 and named[0] in DATASETS and not Path(named[0]).exists():
        return data_section({"type": named[0]}, changes)[0], None
    if any(is_data_path(word) or _is_foreign(word) for word in named):
        return data_section({"path": joined_path(named)}, changes)[0], None
    return load_parts(named, changes, plugins).experiment.data, None


def _demand_data_words(words: Sequence[str]) -> None:
    from deepcli.experiment.edits import key_of

    for word in words:
        section = key_of(word).partition(".")[0]
        if section not in ("data", "task"):
            raise UsageError(f"{word}: only data and task can be changed here, such as data.target=price")


def _is_foreign(word: str) -> bool:
    """Return whether a word is neither a spec nor the name of anything: the data set says what is wrong with it."""
    from deepcli.api.data_paths import SPECS

    if word.lower().endswith(SPECS):
        return False
    if "*" in word or "://" in word or Path(word).exists():
        return True
    from deepcli.data import DATASETS
    from deepcli.spec.spelling import did_you_mean

    hint = did_you_mean(word, list(DATASETS))
    raise DataError(
        f"{word}: no such file or folder, and not the name of a data set{'; ' + hint if hint else ''}".rstrip("; ")
    )


def _of_run(path: Path, changes: Sequence[str]) -> tuple[BaseDataset, LoadedRun | None]:
    from deepcli.experiment.other_data import other_data
    from deepcli.run.loaded import LoadedRun

    run = LoadedRun.read(path)
    if changes:  # other data than those of the run: its predictions say nothing about them
        return other_data(run.experiment, changes)[0].carrying(None), None
    return run.experiment.data.bound(run.experiment.task.reads).carrying(None), run


def _demand_png(path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise UsageError(f"--samples: {path} should end in .png")
    if not path.parent.is_dir():
        raise UsageError(f"--samples: the directory {path.parent} does not exist")


def _draw(view: DataView, path: Path) -> None:
    """Draw pictures of each class.

    Raises:
        UsageError: The data are not pictures.
    """
    if view.images is None:
        raise UsageError(
            "--samples: needs pictures; these data are " + ("texts" if view.kind == "tokens" else "numbers")
        )
    from deepcli.data.arrays.sample_sheet import draw_sheet

    names, classes = ["pictures"], [list(range(len(view)))]
    if view.has_classes:
        names = [view.name_of(number) for number in range(max(view.values) + 1)]
        classes = [[] for _ in names]
        for place, value in enumerate(view.values):
            classes[value].append(place)
    draw_sheet(view.images, classes, names, path)
