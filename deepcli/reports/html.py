"""Write a report on a run as one self-contained HTML page without scripts; all text from the run is escaped."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from deepcli.evaluation.scores import Scored, take
from deepcli.experiment import load
from deepcli.experiment.schema import Experiment
from deepcli.reports import plots
from deepcli.reports.kind_sections import sections, worst_section
from deepcli.reports.markup import cell as _cell
from deepcli.reports.markup import decimal as _figure
from deepcli.reports.markup import significant
from deepcli.reports.markup import svg as _svg
from deepcli.reports.markup import table as _table
from deepcli.reports.pages import render
from deepcli.reports.token_sections import sample_section
from deepcli.run.loaded import LoadedRun
from deepcli.spec.registry import Component
from deepcli.spec.trees import differences
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
    write_text(path, _page(run.experiment.name, "\n".join(_body(run))))


def write_overview(runs: Sequence[tuple[LoadedRun, str]], path: Path) -> None:
    """Write an overview page of several runs.

    Args:
        runs: The runs, each with the link to its report.
        path: The file to write.

    Raises:
        TrainingError: The page cannot be written.
    """
    names = list(dict.fromkeys(name for run, _ in runs for name in run.figures() if not name.startswith("train_")))
    head = [_cell(name, "th", number=name in names) for name in ("run", "model", "data", "epochs", *names)]
    rows = []
    for run, address in runs:
        figures, epochs = run.figures(), len(run.history)
        link = f'<td><a href="{escape(address)}">{escape(run.run.path.name)}</a></td>'
        facts = [_cell(run.experiment.model.type), _cell(run.experiment.data.type), _cell(epochs)]
        rows.append([link, *facts, *(_cell(_figure(figures.get(name)), number=True) for name in names)])
    body = [
        f"<h1>{escape(path.resolve().parent.name)}</h1>",
        f'<p class="soft">{len(runs)} runs</p>',
        _table(head, rows),
    ]
    write_text(path, _page(path.resolve().parent.name, "\n".join(body)))


def fragment(run: LoadedRun) -> str:
    """Write a run's headline, learning curves and metrics as HTML to be shown inside a page, such as a notebook.

    Raises:
        RunError: Its history is damaged.
        DataError: Its predictions are damaged.
    """
    predictions, _ = _predictions(run)
    scored = Scored() if predictions is None else take(predictions, run.experiment.resolved_task.scored_as)
    experiment = run.experiment
    parts = [
        f"<h3>{escape(experiment.name)}</h3>",
        f'<p class="soft">{escape(experiment.model.type)} on {escape(experiment.data.type)}, {escape(run.name)}</p>',
        _headline(run, scored),
    ]
    if run.history:
        parts.append(f'<div class="curves">{"".join(_svg(plots.curve(run, name)) for name in run.curve_names)}</div>')
    parts.append(f"<details><summary>metrics</summary>{_metrics(run, scored)}</details>")
    return f'<div class="deepcli">{FRAGMENT_STYLE}{"".join(parts)}</div>'


FRAGMENT_STYLE = (
    "<style>"
    ".deepcli .tiles, .deepcli .curves { display: flex; flex-wrap: wrap; gap: .7rem; }"
    ".deepcli .tile { border: 1px solid #8888; border-radius: 8px; padding: .4rem .8rem; }"
    ".deepcli .tile b { display: block; font-size: 1.2rem; }"
    ".deepcli figure { margin: 0; } .deepcli figure svg text { fill: currentColor; }"
    ".deepcli td.n, .deepcli th.n { text-align: right; }"
    "</style>"
)
"""Style rules for what is shown inside another page; they touch nothing else there."""


def _page(title: str, body: str) -> str:
    return render("base.html", title=title, body=Markup(body))


def _body(run: LoadedRun) -> Iterator[str]:
    experiment = run.experiment
    yield f"<h1>{escape(experiment.name)}</h1>"
    yield f'<p class="soft">{escape(experiment.model.type)} on {escape(experiment.data.type)}, {escape(run.name)}</p>'
    predictions, missing = _predictions(run)
    scored = Scored() if predictions is None else take(predictions, run.experiment.resolved_task.scored_as)
    yield _headline(run, scored)
    if missing:
        yield f"<p>{escape(missing)}</p>"
    yield "<h2>Spec</h2>"
    yield _changes(experiment)
    yield f"<details><summary>the complete spec</summary><pre>{escape(load.dump(experiment))}</pre></details>"
    if run.history:
        yield "<h2>Learning curves</h2>"
        yield f'<div class="curves">{"".join(_svg(plots.curve(run, name)) for name in run.curve_names)}</div>'
    yield "<h2>Metrics</h2>"
    yield _metrics(run, scored)
    if predictions is not None:
        yield from sections(predictions, run.experiment.target_names)
        yield from _worst(run, predictions)
    yield from sample_section(run.run.samples)
    yield "<h2>How to reproduce this run</h2>"
    yield _how(run)


def _predictions(run: LoadedRun) -> tuple[AnyPredictions | None, str]:
    if not run.run.predictions("test").is_file():
        return None, f"No predictions are saved; to add scores and plots, run: deepcli evaluate {shlex.quote(run.name)}"
    predictions = run.predictions()
    return (None, "") if predictions.misfit else (predictions, "")


def _headline(run: LoadedRun, scored: Scored) -> str:
    result = run.result
    tiles: list[tuple[str, str]] = [("status", result.status if result else "unfinished")]
    if result and "accuracy" in (test := result.metrics.get("test", {})):
        ends = scored.intervals.get("accuracy")
        low_high = f" [{100 * ends[0]:.2f}, {100 * ends[1]:.2f}]" if ends else ""
        tiles.append((f"test accuracy{low_high}", f"{100 * (test['accuracy'] or math.nan):.2f} %"))
    elif result and (name := _headline_name(run, test, scored)):
        ends, value = scored.intervals.get(name), scored.values.get(name, test.get(name))
        low_high = f" [{significant(ends[0])}, {significant(ends[1])}]" if ends else ""
        tiles.append((f"test {name}{low_high}", significant(value)))
    if result and result.best_epoch is not None:
        tiles.append(("best epoch", f"{result.best_epoch} of {result.epochs}"))
    if result and result.seconds:
        tiles.append(("time", f"{result.seconds:.0f} s on {result.device}"))
    if parameters := run.environment.get("parameters"):
        tiles.append(("parameters", f"{parameters:,}"))
    cells = "".join(f'<div class="tile"><b>{escape(value)}</b>{escape(name)}</div>' for name, value in tiles)
    return f'<div class="tiles">{cells}</div>'


def _headline_name(run: LoadedRun, test: Mapping[str, Any], scored: Scored) -> str:
    """Return the score that names the result of a task, or the first figure that there is."""
    wanted = run.experiment.resolved_task.headline
    return wanted if wanted in scored.values else next((name for name in test if name != "loss"), "")


def _changes(experiment: Experiment) -> str:
    """List the fields that differ from the defaults of the same components."""
    plain = experiment.model_dump(mode="json")
    components = {key: value for key, value in experiment if isinstance(value, Component)}
    # Not validated: a component may not be valid with its defaults only, such as data that need a path.
    sections: dict[str, Any] = {key: type(value).model_construct(type=value.type) for key, value in components.items()}
    sections["metrics"] = experiment.resolved_task.default_metrics()
    default = Experiment.model_construct(name=experiment.name, **sections).model_dump(mode="json")
    rows = [
        [_cell(key), _cell(_shown(now)), _cell(_shown(before))] for key, (before, now) in differences(default, plain)
    ]
    chosen = ", ".join(f"{key}: {value.type}" for key, value in components.items())
    head = [_cell(name, "th") for name in ("field", "value", "default")]
    return f"<p>{escape(chosen)}</p>" + (_table(head, rows) if rows else "<p>All other fields have their defaults.</p>")


def _metrics(run: LoadedRun, scored: Scored) -> str:
    """List the run's metrics on each split, and all scores on the test split with intervals and baselines."""
    metrics = run.result.metrics if run.result else {}
    baselines = (run.result.baselines or {}) if run.result else {}
    metrics = {**metrics, "test": {**scored.values, **metrics.get("test", {})}}
    own = dict.fromkeys(name for split in metrics.values() for name in split if name not in scored.values)
    rows = []
    for name in dict.fromkeys([*own, *scored.values]):
        values = [_cell(_figure(split.get(name)), number=True) for split in metrics.values()]
        note = scored.interval_notes.get(name, "")
        ends = _interval(scored.intervals.get(name)) or (note if note.startswith("none: ") else "")
        beside = [_cell(_figure(baseline.get(name)), number=True) for baseline in baselines.values()]
        rows.append([_cell(name), *values, *beside, _cell(ends)])
    columns = [*metrics, *(f"{name} (baseline)" for name in baselines)]
    head = [_cell("", "th"), *(_cell(name, "th", number=True) for name in columns), _cell("95 % interval", "th")]
    if not rows:
        return "<p>The run has not ended, so there are no metrics yet.</p>"
    return _table(head, rows) + (_methods(scored) if any(scored.intervals.values()) else "")


def _methods(scored: Scored) -> str:
    methods: dict[str, list[str]] = {}
    for name, ends in scored.intervals.items():
        if ends is not None:
            methods.setdefault(scored.interval_notes[name], []).append(name)
    told = "; ".join(f"{', '.join(names)}: {method}" for method, names in methods.items())
    text = f"Intervals cover the choice of test examples, not the variation between training runs. Methods: {told}."
    return f'<p class="soft">{escape(text)}</p>'


def _interval(ends: tuple[float, float] | None) -> str:
    return f"[{_figure(ends[0])}, {_figure(ends[1])}]" if ends else ""


def _worst(run: LoadedRun, predictions: AnyPredictions) -> Iterator[str]:
    path = run.run.mistakes("test")
    if path.is_file() and not path.is_symlink():
        yield from worst_section(predictions.load_worst(path), run.experiment.target_names)


def _how(run: LoadedRun) -> str:
    environment = run.environment
    command = " ".join(map(shlex.quote, ("deepcli", *map(str, environment.get("command", [])))))
    data = environment.get("data") or {}
    facts: dict[str, Any] = {
        **(environment.get("versions") or {}),
        "device": _with_reason(environment.get("device")),
        "precision": _with_reason(environment.get("precision")),
        "threads": environment.get("threads"),
        "data": data.get("source"),
        "SHA-256 of the data": data.get("sha256"),
        "git commit": environment.get("git_commit"),
        "started": environment.get("started"),
    }
    rows = [[_cell(name), _cell(value)] for name, value in facts.items() if value is not None]
    again = f"deepcli train {shlex.quote(str(run.run.config))}"
    text = f"<p>The command was:</p><pre>{escape(command)}</pre>" if environment.get("command") else ""
    return f"{text}<p>To train the resolved spec again:</p><pre>{escape(again)}</pre>{_table([], rows)}"


def _with_reason(choice: Any) -> str | None:
    return f"{choice.get('value')} ({choice.get('why')})" if isinstance(choice, Mapping) else None


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
