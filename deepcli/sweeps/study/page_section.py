"""What a report's overview page shows of a sweep: its facts, its best trial, pictures, and trials without figures."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from deepcli.reports.markup import svg
from deepcli.reports.templating import render
from deepcli.sweeps.arguments import written
from deepcli.sweeps.outcome import Outcome
from deepcli.sweeps.ranking import ENDED, RankedTrial
from deepcli.sweeps.study.plots import FEWEST, pictures
from deepcli.sweeps.study.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLERS = {"grid": "grid", "random": "random points", "bayes": "bayes: Optuna's TPESampler"}
DESCRIBED = {
    "history": "each trial, and the best so far",
    "parallel-coordinates": "a line for each completed trial",
    "slices": "each parameter by itself; darker for later trials",
}
MOST_TRIALS = 200
"""Trials that the list of those without figures shows at most."""


def page_section(study: Study, outcome: Outcome, rows: Sequence[RankedTrial]) -> Markup:
    """Return the part of the page about a sweep.

    Args:
        study: The sweep.
        outcome: Its outcome so far.
        rows: Its trials, best first.
    """
    metric = study.plan.metric.name
    with contextlib.closing(pictures(study.optuna, metric)) as figures:
        drawn = [(DESCRIBED[name], svg(_restyled(figure), tight=True)) for name, figure in figures]
    odd = [row for row in rows if row.state != "completed" or row.same_as is not None]
    return render(
        "sweep.html",
        facts=_facts(study, outcome),
        best=_best(study, outcome),
        outcome=outcome,
        importances={name: f"{share:.0%}" for name, share in outcome.importances.items()},
        pictures=drawn,
        no_pictures=f"Pictures need {FEWEST} completed trials; {outcome.completed} so far." if not drawn else "",
        odd=[(row, _point(row.point), _what(row, study)) for row in odd[:MOST_TRIALS]],
        left_out=max(0, len(odd) - MOST_TRIALS),
        resume="" if outcome.status in ("completed", "failed") else _command("sweep", "worker", str(study.folder.path)),
    )


def _facts(study: Study, outcome: Outcome) -> dict[str, str]:
    plan = study.plan
    pruner = plan.sweep.early_terminate
    states = [
        f"{getattr(outcome, state)} {state}" for state in ("completed", "pruned", "running", "interrupted", "failed")
    ]
    began = sum(getattr(outcome, state) for state in (*ENDED, "running", "interrupted"))
    left = max((outcome.planned or 0) - began, 0)
    facts = {
        "trials": ", ".join([one for one in states if not one.startswith("0 ")] or ["none started"]),
        "planned": f"{outcome.planned}, {left} not started" if left else str(outcome.planned),
        "metric": f"{plan.metric.name}, {plan.metric.goal}d",
        "sampler": SAMPLERS[plan.method],
        "pruner": pruner.type if pruner else "none",
        "parameters": ", ".join(plan.sweep.parameters),
    }
    return facts | ({"seeds a trial": str(len(plan.seeds))} if len(plan.seeds) > 1 else {})


def _best(study: Study, outcome: Outcome) -> dict[str, Any] | None:
    """Return the best trial: its figures, its overrides, and the commands that use it."""
    best = outcome.best
    if best is None:
        return None
    spread = f" ± {best.spread:.4g}" if best.spread is not None else ""
    test = ", ".join(f"{name} {value:.4f}" for name, value in best.test.items() if value is not None)
    commands = [_command("train", str(study.folder.best))] if study.folder.best.is_file() else []
    return {
        "trial": best.trial,
        "value": f"{outcome.metric} {best.value:.4g}{spread}",
        "test": test,
        "overrides": _point(best.point),
        "commands": [*commands, *([] if best.host else [_command("predict", str(best.runs[0]), "INPUT")])],
    }


def _what(row: RankedTrial, study: Study) -> str:
    """Say what became of a trial."""
    if row.same_as is not None:
        return f"the same point as trial {row.same_as}, whose values were used again"
    if row.error is not None:
        log = study.folder.log(f"trial-{row.number:04d}")
        return row.error + (f"; see {os.fspath(log)}" if log.is_file() else "")
    value = f", {study.plan.metric.name} {row.value:.4g}" if row.value is not None else ""
    return f"after {row.epochs} epoch{'s' * (row.epochs != 1)}{value}"


def _point(point: Mapping[str, Any]) -> str:
    return shlex.join(written(key, value) for key, value in point.items())


def _command(*words: str) -> str:
    return shlex.join(("deepcli", *words))


def _restyled(figure: Figure) -> Figure:
    """Let a figure of Optuna's look like the others; the page keeps it on light ground, as its dark blue is the best."""
    for axes in figure.axes:
        axes.set_facecolor("none")
        axes.grid(color="0.5", alpha=0.3)
        axes.tick_params(colors="black", which="both")
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            text.set_color("black")
        for line in axes.spines.values():
            line.set_color("0.5")
        if (legend := axes.get_legend()) is not None:
            legend.get_frame().set(facecolor="none", edgecolor="0.5")
            for text in legend.get_texts():
                text.set_color("black")
    return figure
