"""Write a report on a run as one self-contained HTML page without scripts; the templates escape all text from the run."""

from __future__ import annotations

import shlex
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from deepcli.errors import DataError
from deepcli.evaluation.scores import Scored, take
from deepcli.reports import plots
from deepcli.reports.kind_sections import are_of, sections, worst_section
from deepcli.reports.markup import svg
from deepcli.reports.run_facts import origin_of, spec_facts, tiles
from deepcli.reports.split_figures import figures_by_split, split_figures
from deepcli.reports.templating import render
from deepcli.reports.token_sections import samples_of
from deepcli.run.loaded import LoadedRun
from deepcli.run.run_state import state_of
from deepcli.system.atomic import write_text

if TYPE_CHECKING:
    from deepcli.evaluation.predictions_base import AnyPredictions


def write_report(run: LoadedRun, path: Path) -> None:
    """Write the report on a run.

    Raises:
        RunError: The run's history is damaged.
        DataError: The run's predictions are damaged.
        TrainingError: The page cannot be written.
    """
    predictions, missing = _predictions(run)
    names = run.experiment.target_names
    page = render(
        "run.html",
        missing=missing,
        spec=spec_facts(run.experiment),
        sections=[] if predictions is None else [*sections(predictions, names), *_worst(run, predictions)],
        samples=samples_of(run.run.samples),
        origin=origin_of(run),
        **_headline(run, predictions),
    )
    write_text(path, page)


def fragment(run: LoadedRun) -> str:
    """Write a run's headline, learning curves and metrics as HTML to be shown inside a page, such as a notebook.

    Raises:
        RunError: Its history is damaged.
        DataError: Its predictions are damaged.
    """
    return str(render("fragment.html", **_headline(run, _predictions(run)[0])))


def _headline(run: LoadedRun, predictions: AnyPredictions | None) -> dict[str, Any]:
    """Return what a page and a notebook show of a run."""
    scored = Scored() if predictions is None else take(predictions, run.experiment.resolved_task.scored_as)
    state, experiment = state_of(run), run.experiment
    return {
        "title": experiment.name,
        "subtitle": f"{experiment.model.type} on {experiment.data.type}, {run.name}",
        "tiles": tiles(run, state, figures_by_split(run).get("test", {}), scored),
        "state": state,
        "curves": [svg(plots.curve(run, name)) for name in run.curve_names],
        "gaps": _gaps(run),
        "figures": split_figures(run, scored),
    }


def _gaps(run: LoadedRun) -> list[str]:
    """Say which curves have values that are not finite numbers, and in which epoch the first one is."""
    found = []
    for name, values in run.curves.items():
        epochs = [int(row["epoch"]) for row, value in zip(run.history, values, strict=True) if not isfinite(value)]
        if epochs:
            rest = f" and {len(epochs) - 1} more" if len(epochs) > 1 else ""
            found.append(f"{name} was not a finite number in epoch {epochs[0]}{rest}")
    return found


def _predictions(run: LoadedRun) -> tuple[AnyPredictions | None, str]:
    """Return the predictions of the test split; None with what adds them if there are none.

    Raises:
        DataError: They are damaged, or of another model.
    """
    path = run.run.predictions("test")
    if not path.is_file():
        if not run.run.best.is_file():
            return None, ""
        return None, f"No predictions are saved; to add scores and plots, run: deepcli evaluate {shlex.quote(run.name)}"
    predictions = run.predictions()
    if predictions.misfit:
        return None, ""
    known = len(run.experiment.target_names)
    if not are_of(predictions, known):
        raise DataError(
            f"{path} has predictions of another model than the run, which has {known} targets; {_again(run)}"
        )
    return predictions, ""


def _worst(run: LoadedRun, predictions: AnyPredictions) -> list[Markup]:
    path, names = run.run.mistakes("test"), run.experiment.target_names
    if not path.is_file() or path.is_symlink():
        return []
    found = predictions.load_worst(path)
    if not found.fits(len(names)):
        raise DataError(f"{path} has examples of another model; {_again(run)}")
    return list(worst_section(found, names, predictions))


def _again(run: LoadedRun) -> str:
    return f"write it again with: deepcli evaluate {shlex.quote(run.name)}"
