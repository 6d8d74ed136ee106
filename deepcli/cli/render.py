"""Results of commands as text and tables on stdout."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from deepcli.cli.answers import emit
from deepcli.cli.decision_lines import decision_lines
from deepcli.cli.fitting_tables import fits, print_rows, print_table
from deepcli.spec.registry import Registry
from deepcli.system.terminal_colours import verdict

if TYPE_CHECKING:
    from deepcli.api.baselining import BaselineReport
    from deepcli.catalog.components import Entry
    from deepcli.evaluation.paired import PairedBase
    from deepcli.evaluation.seeds import OverSeeds
    from deepcli.reports.comparison import Comparison
    from deepcli.result import ClassFigures, LabelFigures, NumberFigures, QuantileFigures, Result, StepFigures
    from deepcli.sweeps.outcome import JobState, Outcome, Winner
    from deepcli.sweeps.ranking import RankedTrial
    from deepcli.training.summary import Summary

LARGEST_MATRIX = 20
"""Number of classes up to which a confusion matrix is printed; the JSON object has it at any size."""

MOST_JOBS = 8
"""Jobs in one state that are named; the JSON object has all of them."""


def result(result: Result, json: bool, names: Sequence[str] = ()) -> None:
    """Print a command's result: its JSON object, or a few lines for a person that use the classes' names."""
    if json:
        emit(result)
        return
    if result.error:
        print(f"{result.status}: {result.error}")
    for line in decision_lines(result):
        print(line)
    _metrics(result)
    _methods(result)
    for split, classes in (result.classes or {}).items():
        _classes(split, classes, names)
    for split, counts in (result.confusion_matrix or {}).items():
        _confusion(split, counts, names)
    for split, labels in (result.labels or {}).items():
        _labels(split, labels, names)
    for split, numbers in (result.numbers or {}).items():
        _numbers(split, numbers)
    for split, steps in (result.steps or {}).items():
        _steps(split, steps)
    for split, quantiles in (result.quantiles or {}).items():
        _quantiles(split, quantiles)
    facts = []
    if result.best_epoch is not None and result.command == "train":
        facts.append(f"best epoch {result.best_epoch} of {result.epochs}")
    facts += [f"{result.seconds:.1f} s" if result.seconds else "", str(result.run or result.checkpoint or "")]
    print("  ".join(fact for fact in facts if fact))


def _metrics(result: Result) -> None:
    """Print every figure; at evaluation with its interval, and the best figure that needs no inputs."""
    trivial = (result.baselines or {}).get("trivial", {})
    names = [f"{split} {name}" for split, metrics in result.metrics.items() for name in metrics]
    width = max([22, *map(len, names)])
    for split, metrics in result.metrics.items():
        for name, value in metrics.items():
            low_high = (result.intervals or {}).get(split, {}).get(name)
            interval = f"  [{_figure(low_high[0])}, {_figure(low_high[1])}]" if low_high else ""
            without = trivial.get(name) if result.command == "evaluate" else None
            beside = "" if without is None else f"  (trivial {_figure(without)})"
            print(f"{split + ' ' + name:<{width}} {_figure(value)}{interval}{beside}")


def _methods(result: Result) -> None:
    """Print how the intervals were computed, and why some are missing."""
    for split, notes in (result.interval_notes or {}).items():
        methods: dict[str, list[str]] = {}
        for name, note in notes.items():
            methods.setdefault(note, []).append(name)
        if methods:
            print(f"\n95 % intervals, over {split} examples (not over training runs):")
        for method, names in sorted(methods.items(), key=lambda item: item[0].startswith("none: ")):
            for line in textwrap.wrap(f"{', '.join(names)}: {method}", 78, break_on_hyphens=False):
                print(f"  {line}")


def _classes(split: str, classes: Sequence[ClassFigures], names: Sequence[str]) -> None:
    """Print one line per class; split and class come first, for `grep`."""
    columns = ("", "precision", "recall", "f1", "support")
    rows = [
        (
            f"{split} class {_name(one.label, names)}",
            *map(_figure, (one.precision, one.recall, one.f1)),
            str(one.support),
        )
        for one in classes
    ]
    if rows:
        print()
        print_table(columns, rows, numbers=columns[1:])
        print()


def _labels(split: str, labels: Sequence[LabelFigures], names: Sequence[str]) -> None:
    """Print one line per label; split and label come first, for `grep`."""
    columns = ("", "precision", "recall", "f1", "average precision", "threshold", "support")
    rows = [
        (
            f"{split} label {_name(one.label, names)}",
            *map(_figure, (one.precision, one.recall, one.f1, one.average_precision, one.threshold)),
            str(one.support),
        )
        for one in labels
    ]
    print()
    print_table(columns, rows, numbers=columns[1:])
    print()


def _numbers(split: str, numbers: Sequence[NumberFigures]) -> None:
    """Print the errors of each number, if there are several; of one, the scores say it all."""
    if len(numbers) < 2:
        return
    columns = ("", "mae", "rmse", "median error", "r2", "spearman", "bias", "standard deviation")
    rows = [
        (
            f"{split} {one.name}",
            *(
                "nan" if value is None else f"{value:.5g}"
                for value in (
                    one.mae, one.rmse, one.median_absolute_error, one.r2, one.spearman, one.bias, one.standard_deviation,
                )
            ),
        )
        for one in numbers
    ]  # fmt: skip
    print()
    print_table(columns, rows, numbers=columns[1:])
    print()


def _steps(split: str, steps: Sequence[StepFigures]) -> None:
    """Print the errors at some steps of a horizon: the first, the last, and those between at twice the distance each."""
    shown = [step for step in steps if step.step in _doubling(len(steps))]
    columns = ("", "mae", "rmse", "mase", "smape")
    rows = [
        (
            f"{split} step {one.step}",
            *("nan" if value is None else f"{value:.5g}" for value in (one.mae, one.rmse, one.mase, one.smape)),
        )
        for one in shown
    ]
    print()
    print_table(columns, rows, numbers=columns[1:])
    print()


def _doubling(last: int) -> set[int]:
    return {last} | {2**power for power in range(last.bit_length())}


def _quantiles(split: str, quantiles: Sequence[QuantileFigures]) -> None:
    """Print how good each quantile is."""
    columns = ("", "coverage", "pinball loss")
    rows = [(f"{split} quantile {one.level:g}", f"{one.coverage:.4f}", _figure(one.pinball)) for one in quantiles]
    print_table(columns, rows, numbers=columns[1:])
    print()


def _confusion(split: str, counts: Sequence[Sequence[int]], names: Sequence[str]) -> None:
    """Print a confusion matrix if it fits on a screen."""
    if 0 < len(counts) <= LARGEST_MATRIX:
        shown = [_name(k, names) for k in range(len(counts))]
        rows = [(f"{split} label {name}", *map(str, row)) for name, row in zip(shown, counts, strict=True)]
        print_table(("predicted", *shown), rows, shown)
        print()


def _name(label: int, names: Sequence[str]) -> str:
    from deepcli.data.sources.naming import printable

    return printable(names[label]) if label < len(names) else str(label)


def _figure(value: float | None) -> str:
    return "nan" if value is None else f"{value:.4f}"


def baselines(found: BaselineReport) -> None:
    """Print the scores of baselines, a column each, and how a run's network compares with them."""
    names = list(found.rows)
    scores = dict.fromkeys([found.headline, *(score for values in found.rows.values() for score in values)])
    rows = [(score, *(_significant(found.rows[name].get(score)) for name in names)) for score in scores]
    rows.append(("seconds", *(f"{found.seconds[name]:.1f}" for name in names)))
    if found.verdicts:
        rows.append(("the run is", *(found.verdicts[name] for name in names)))
    print_table(("test", *names), rows, numbers=names)
    for name, notes in found.notes.items():
        for note in notes:
            print(f"{name}: {note}")


def _significant(value: float | None) -> str:
    return "nan" if value is None or value != value else f"{value:.5g}"


def kinds(registries: Mapping[str, Registry[Any]], origins: Mapping[str, Mapping[str, str]]) -> None:
    """Print every kind of component with its names, then where the components of plugins come from."""
    print_table(("kind", "names"), [(kind, ", ".join(registry)) for kind, registry in registries.items()])
    for kind, places in origins.items():
        for name, place in places.items():
            print(f"{kind} {name}: from {place}")


def entry_lines(entries: Sequence[Entry]) -> None:
    """Print components, a line each; on a terminal, no longer than it is wide."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    width = max((len(entry.type) for entry in entries), default=0)
    for entry in entries:
        line = f"{entry.type:<{width}}  {entry.doc.splitlines()[0]}{f'  (from {entry.origin})' if entry.origin else ''}"
        print(line if room is None or len(line) <= room else f"{line[: room - 1].rstrip()}…")


def entries(entries: Sequence[Entry]) -> None:
    """Print components or sections: documentation, fields, and an example to paste."""
    several = len({entry.kind for entry in entries}) > 1
    for entry in entries:
        named = f"{entry.type} ({entry.kind})" if several else entry.type
        print(f"{named}  {entry.doc.splitlines()[0]}{f'  (from {entry.origin})' if entry.origin else ''}")
        if entry.fields:
            rows = [("  " * (row.depth + 1) + row.name, row.type, row.default, row.description) for row in entry.fields]
            print_table(("  field", "type", "default", ""), rows)
        print(textwrap.indent(f"\n{entry.example}\n", "  "))


def ranking(outcome: Outcome, best: Sequence[RankedTrial]) -> None:
    """Print a sweep's best trials, the importance of its parameters, and its progress."""
    if best:
        keys = dict.fromkeys(key for row in best for key in row.point)
        spread = ["spread"] if any(row.spread is not None for row in best) else []
        hosts = {row.host for row in best}
        host = ["host"] if len(hosts) > 1 or (outcome.best and outcome.best.host) else []
        columns = ["trial", "state", outcome.metric or "value", *spread, *keys, "epochs", "seconds", *host]
        cells = [{**row.cells, columns[2]: row.value} for row in best]
        ranks = {
            "trial": 0,
            columns[2]: 1,
            "state": 2,
            **dict.fromkeys(keys, 3),
            "spread": 4,
            "seconds": 5,
            "epochs": 6,
            "host": 2,
        }
        print_rows(columns, [[row.get(column) for column in columns] for row in cells], ranks=ranks)
        print()
    if outcome.importances:
        print("importance " + "  ".join(f"{name} {share:.2f}" for name, share in outcome.importances.items()))
    if outcome.importances_note:
        print(
            f"importance {outcome.importances_note if outcome.importances else f'unknown: {outcome.importances_note}'}"
        )
    parts = [
        f"{getattr(outcome, state)} {state}" for state in ("completed", "pruned", "failed", "running", "interrupted")
    ]
    of = f" of {outcome.planned} trials" if outcome.planned else ""
    begun = ", ".join(part for part in parts if not part.startswith("0 "))
    print(f"{outcome.status}: {begun or 'none started'}{of}")
    if outcome.status != "completed":
        _jobs(outcome.jobs)
    if outcome.best:
        _winner(outcome.best)
    if outcome.join and outcome.status != "completed":
        there = "" if "--storage" in outcome.join else ", with DEEPCLI_STORAGE set there"
        print(f"another machine can work on it{there}:\n  {outcome.join}")


def _jobs(jobs: Sequence[JobState]) -> None:
    """Print a line for each state that jobs are in, with their ids and machines."""
    jobs = [job for job in jobs if job.state != "ended"]
    for state in dict.fromkeys((job.engine, job.state) for job in jobs):
        named = [job.id + f" on {job.node}" * bool(job.node) for job in jobs if (job.engine, job.state) == state]
        more = f" and {len(named) - MOST_JOBS} more" * (len(named) > MOST_JOBS)
        print(f"{state[0]} jobs {state[1]}: {', '.join(named[:MOST_JOBS])}{more}")


def _winner(best: Winner) -> None:
    spread = best.test_spread or {}
    test = "  ".join(
        f"test {name} {_figure(value)}" + (f" ± {spread[name]:.4f}" if name in spread else "")
        for name, value in best.test.items()
    )
    where = f"{best.host}:{best.runs[0]}" if best.host else best.runs[0]
    print(f"best: trial {best.trial}  " + (test or "not yet evaluated on the test split") + f"  {where}")
    if best.host and not best.test:
        sweep = PurePath(best.runs[0]).parents[1 if len(best.runs) == 1 else 2]
        print(f"{best.host} evaluates it, while this runs there: deepcli sweep worker {shlex.quote(str(sweep))}")


def comparison(found: Comparison, markdown: bool, wide: bool) -> None:
    """Print runs side by side, one column each, then how each compares with the first."""
    from deepcli.evaluation.paired import ALPHA

    names = [run.name for run in found.runs]
    facts = {**found.changed, **found.figures}
    if facts:
        _beside(names, [[key, *values] for key, values in facts.items()], markdown, wide)
    for run, pair in zip(found.runs[1:], found.pairs, strict=True):
        print()
        if isinstance(pair, str | Exception):
            print(f"{run.name} against {names[0]}: not comparable: {pair}")
        else:
            _pair(f"{run.name} against {names[0]}", pair)
    for one in found.over_seeds:
        _over_seeds(one)
    tested = [pair for pair in found.pairs if not isinstance(pair, str | Exception)]
    if tested:
        several = len(tested) > 1
        correction = f", corrected for {len(tested)} comparisons (Holm)" if several else ""
        print(f"\nbetter, worse: p < {ALPHA:g} for {tested[0].measure}{correction}")
        print(f"brackets: 95 % intervals{' of each pair alone' if several else ''}, over test examples")


def _beside(names: Sequence[str], rows: Sequence[Sequence[object]], markdown: bool, wide: bool) -> None:
    """Print a column for each run; where their names do not fit beside each other, numbers stand for them."""
    columns = ["", *names]
    ranks = {name: place for place, name in enumerate(columns)}
    if not (markdown or wide or fits(columns, rows)):
        for place, name in enumerate(names, 1):
            print(f"[{place}] {name}")
        columns = ["", *(f"[{place}]" for place in range(1, len(names) + 1))]
        ranks = {name: place for place, name in enumerate(columns)}
    print_rows(columns, rows, markdown=markdown, ranks=ranks, wide=wide)


def _pair(title: str, pair: PairedBase) -> None:
    print(f"{title}, on {pair.examples:,} test examples: {verdict(pair.verdict, sys.stdout)}")
    *lines, last = pair.lines()
    for line in lines:
        print(f"  {line}")
    print(f"  {last}; p = {_p(pair.p_value, pair.p_adjusted)}")


def _p(value: float, adjusted: float) -> str:
    return f"{value:.3g}" + ("" if adjusted == value else f", corrected {adjusted:.3g}")


def _over_seeds(one: OverSeeds) -> None:
    print(
        f"\n{one.runs[0]} … against {one.against[0]} …, over {len(one.seeds)} seeds: {verdict(one.verdict, sys.stdout)}"
    )
    p = _p(one.p_value, one.p_adjusted)
    points = one.measure == "accuracy"
    shown = [f"{100 * value:+.2f}" if points else f"{value:+.4f}" for value in (one.difference, *one.differences)]
    print(f"  {one.measure} {shown[0]}{' points' * points} on average; sign-flip test over seeds: p = {p}")
    print(f"  by seed  {'  '.join(shown[1:])}")


def layers(summary: Summary) -> None:
    """Print a model's layers with output shapes and parameter counts."""
    rows = []
    for row in summary.layers:
        shape = " x ".join("?" if size is None else str(size) for size in row.shape[1:])
        rows.append((row.name, row.kind, shape, f"{row.parameters:,}"))
    print_table(("layer", "type", "output shape", "parameters"), rows, numbers=("parameters",))
    print(f"{summary.total:,} parameters, {summary.trainable:,} trainable")
