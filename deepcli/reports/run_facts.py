"""The parts of a run's page that are not figures: the headline, what differs from the defaults, how to reproduce it."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepcli.experiment import load
from deepcli.experiment.schema import Experiment
from deepcli.reports.markup import significant
from deepcli.reports.page_table import PageTable, TableHead, TableRow
from deepcli.spec.registry import Component
from deepcli.spec.trees import differences

if TYPE_CHECKING:
    from deepcli.evaluation.scores import Scored
    from deepcli.reports.split_figures import Figures
    from deepcli.run.loaded import LoadedRun
    from deepcli.run.run_state import RunState


@dataclass(frozen=True)
class Tile:
    """One figure of the headline.

    Attributes:
        value: The figure.
        name: What it is.
    """

    value: str
    name: str


@dataclass(frozen=True)
class SpecFacts:
    """What was trained.

    Attributes:
        chosen: The component of each section.
        changes: The fields that differ from the defaults of the same components.
        whole: The complete spec.
    """

    chosen: str
    changes: PageTable
    whole: str


@dataclass(frozen=True)
class RunOrigin:
    """How the run was made.

    Attributes:
        command: The command; empty if it is not known.
        again: The command that trains the resolved spec again.
        facts: Versions, device, data.
    """

    command: str
    again: str
    facts: PageTable


def tiles(run: LoadedRun, state: RunState, test: Figures, scored: Scored) -> tuple[Tile, ...]:
    """Return the figures that matter most.

    Args:
        run: The run.
        state: How far it is.
        test: The metrics on the test split.
        scored: All scores on the test split, with intervals.
    """
    found = [Tile(state.status, "status")]
    if "accuracy" in test:
        ends = scored.intervals.get("accuracy")
        low_high = f" [{100 * ends[0]:.2f}, {100 * ends[1]:.2f}]" if ends else ""
        found.append(Tile(f"{100 * (test['accuracy'] or math.nan):.2f} %", f"test accuracy{low_high}"))
    elif name := _headline(run, test, scored):
        ends, value = scored.intervals.get(name), scored.values.get(name, test.get(name))
        low_high = f" [{significant(ends[0])}, {significant(ends[1])}]" if ends else ""
        found.append(Tile(significant(value), f"test {name}{low_high}"))
    if (best := run.best_epoch) is not None:
        found.append(Tile(f"{best} of {state.epochs}", "best epoch" if state.is_over else "best epoch so far"))
    if run.result and run.result.seconds:
        found.append(Tile(f"{run.result.seconds:.0f} s on {run.result.device}", "time"))
    if isinstance(parameters := run.environment.get("parameters"), int):
        found.append(Tile(f"{parameters:,}", "parameters"))
    return tuple(found)


def _headline(run: LoadedRun, test: Figures, scored: Scored) -> str:
    """Return the score that names the result of a task, or the first figure that there is."""
    wanted = run.experiment.resolved_task.headline
    return wanted if wanted in scored.values else next((name for name in test if name != "loss"), "")


def spec_facts(experiment: Experiment) -> SpecFacts:
    """Return what was trained, and what differs from the defaults of the same components."""
    plain = experiment.model_dump(mode="json")
    components = {key: value for key, value in experiment if isinstance(value, Component)}
    # Not validated: a component may not be valid with its defaults only, such as data that need a path.
    sections: dict[str, Any] = {key: type(value).model_construct(type=value.type) for key, value in components.items()}
    sections["metrics"] = experiment.resolved_task.default_metrics()
    default = Experiment.model_construct(name=experiment.name, **sections).model_dump(mode="json")
    rows = [TableRow(key, (_shown(now), _shown(before))) for key, (before, now) in differences(default, plain)]
    heads = tuple(map(TableHead, ("field", "value", "default")))
    chosen = ", ".join(f"{key}: {value.type}" for key, value in components.items())
    return SpecFacts(chosen, PageTable(heads, tuple(rows)), load.dump(experiment))


def origin_of(run: LoadedRun) -> RunOrigin:
    """Return how the run was made, as far as it recorded that."""
    about = run.environment
    words, data, resumed = about.get("command"), _section(about, "data"), about.get("resumed")
    facts: dict[str, Any] = {
        **_section(about, "versions"),
        "device": _with_reason(about.get("device")),
        "precision": _with_reason(about.get("precision")),
        "threads": about.get("threads"),
        "data": data.get("source"),
        "SHA-256 of the data": data.get("sha256"),
        "git commit": about.get("git_commit"),
        "started": about.get("started"),
        "resumed": _resumptions(resumed),
    }
    rows = tuple(TableRow(str(name), (str(value),)) for name, value in facts.items() if value is not None)
    return RunOrigin(
        shlex.join(["deepcli", *map(str, words)]) if isinstance(words, list) and words else "",
        f"deepcli train {shlex.quote(str(run.run.config))}",
        PageTable((), rows),
    )


def _resumptions(resumed: Any) -> str | None:
    """Say when a run was resumed, and at which step."""
    if not isinstance(resumed, list) or not resumed:
        return None
    parts = [part for part in resumed if isinstance(part, Mapping)]
    return "; ".join(f"{part.get('started')} at step {part.get('step')}" for part in parts)


def _section(about: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = about.get(name)
    return section if isinstance(section, Mapping) else {}


def _with_reason(choice: Any) -> str | None:
    return f"{choice.get('value')} ({choice.get('why')})" if isinstance(choice, Mapping) else None


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
