"""`deepcli.compare` and `deepcli.runs`: several runs beside each other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.api.display import html_table
from deepcli.api.loading import plugin_names
from deepcli.api.run import Run
from deepcli.api.warned import warn
from deepcli.errors import DeepcliError, UsageError

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles
    from deepcli.evaluation.paired import PairedBase
    from deepcli.evaluation.seeds import OverSeeds
    from deepcli.reports.comparison import Comparison
    from deepcli.run.listing import ListedRun


@dataclass(frozen=True)
class ComparedRuns:
    """Runs beside the first of them: in what their specs differ, their metrics, and which differences are noise.

    Attributes:
        comparison: Everything that was found.
        notices: What is worth knowing about the comparison.
    """

    comparison: Comparison
    notices: tuple[str, ...] = field(default=())

    @property
    def names(self) -> list[str]:
        """The runs' paths, as given."""
        return [run.name for run in self.comparison.runs]

    @property
    def table(self) -> dict[str, list[Any]]:
        """Fields of the specs that differ, and metrics, by name: a value for each run, None where it has none."""
        facts = {**self.comparison.changed, **self.comparison.figures}
        return {name: list(values) for name, values in facts.items()}

    @property
    def pairs(self) -> list[PairedBase | str | DeepcliError]:
        """How each run but the first compares with the first on the test split, or why they are not comparable."""
        return list(self.comparison.pairs)

    @property
    def over_seeds(self) -> list[OverSeeds]:
        """How specs compare that were trained with the same seeds."""
        return list(self.comparison.over_seeds)

    @property
    def verdicts(self) -> dict[str, str]:
        """For each run but the first, by its path: better, worse or no difference, or why they are not comparable."""
        pairs = zip(self.names[1:], self.pairs, strict=True)
        return {name: _verdict(pair) for name, pair in pairs}

    @property
    def problem(self) -> DeepcliError | None:
        """The first error that kept a pair from being compared; None if there was none."""
        return next((pair for pair in self.comparison.pairs if isinstance(pair, DeepcliError)), None)

    def plot(self, output: str | os.PathLike[str], metric: str | None = None) -> Path:
        """Plot the learning curves of all runs to one PNG or SVG file.

        Args:
            output: The file.
            metric: The metric to plot; default: the one that decides the best epoch.

        Raises:
            UsageError: No run has that metric, or the file has another ending.
        """
        from deepcli.reports import plots
        from deepcli.spec.spelling import did_you_mean

        loaded = self.comparison.runs
        name = metric or loaded[0].experiment.monitor
        known = dict.fromkeys(column for run in loaded for column in run.curves)
        if name not in known:
            raise UsageError(f"--metric: no run has {name!r}; {did_you_mean(name, known)}known: {', '.join(known)}")
        plots.save(plots.overlaid(loaded, name), plots.checked(Path(output)))
        return Path(output)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as `deepcli compare --json` prints it."""
        return self.comparison.to_json()

    def __repr__(self) -> str:
        """Show the verdicts."""
        lines = [f"{name} against {self.names[0]}: {verdict}" for name, verdict in self.verdicts.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Show the table and the verdicts in a notebook."""
        rows = [[name, *values] for name, values in self.table.items()]
        verdicts = [f"{name}: {verdict}" for name, verdict in self.verdicts.items()]
        return html_table(["", *self.names], rows, f"Against {self.names[0]}:", verdicts)


class RunList(list[Run]):
    """Runs found below some folders, as a list that a notebook shows as a table.

    Args:
        runs: The runs.
        listed: What was read of each.
    """

    def __init__(self, runs: Iterable[Run], listed: Sequence[ListedRun]) -> None:
        super().__init__(runs)
        self._listed = tuple(listed)

    @property
    def table(self) -> dict[str, list[Any]]:
        """Status, epochs, metrics and the fields of the specs that differ, by name: a value for each run."""
        names = columns_of(self._listed)
        return {name: [run.values.get(name) for run in self._listed] for name in names}

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        table = self.table
        return html_table(list(table), zip(*table.values(), strict=True))


def compare(*runs: Run | str | os.PathLike[str], plugins: PluginFiles = ()) -> ComparedRuns:
    """Compare runs with the first of them: specs, metrics, and whether the difference on the test split is noise.

    The verdicts are those of `deepcli compare`. A pair that is not comparable has the reason instead of a verdict.

    Args:
        runs: Two or more runs, or their paths.
        plugins: Python files or modules that register components of the specs.

    Raises:
        UsageError: There are fewer than two runs, or a plugin cannot be imported.
        RunError: A path is not a run.
    """
    found = compare_paths([run.path if isinstance(run, Run) else Path(run) for run in runs], plugin_names(plugins))
    for notice in found.notices:
        warn(notice)
    return found


def compare_paths(paths: Sequence[Path], plugins: Sequence[str] = ()) -> ComparedRuns:
    """Compare the runs at some paths.

    Raises:
        UsageError: There are fewer than two, or a plugin cannot be imported.
        RunError: A path is not a run.
    """
    if len(paths) < 2:
        raise UsageError("compare needs at least two runs")
    from deepcli.reports.comparison import compare, untold
    from deepcli.run.loaded import LoadedRun
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins)
    loaded = [LoadedRun.read(path) for path in paths]
    return ComparedRuns(compare(loaded), tuple(untold(loaded)))


def runs(
    *folders: str | os.PathLike[str],
    sort: str | None = None,
    filters: Sequence[str] = (),
    since: float | str | None = None,
    limit: int | None = None,
    plugins: PluginFiles = (),
) -> RunList:
    """List the runs below some folders, by name.

    Args:
        folders: Default: `runs`.
        sort: A column or a dotted key to sort by; `-KEY` for the largest first.
        filters: Conditions like `val_accuracy>0.98` or `model.type=cnn`; all must hold.
        since: Leave out runs that began earlier: seconds before now, or a string like `90m`, `2h` or `1d`.
        limit: The most runs to list.
        plugins: Python files or modules that register components of the specs.

    Raises:
        RunError: A folder does not exist.
        UsageError: No run has what is sorted or filtered by, or the time cannot be read.
    """
    found = list_runs([Path(folder) for folder in folders], Selection(sort, tuple(filters), since, limit)).runs
    names = plugin_names(plugins)
    return RunList((Run(one.path, plugins=names) for one in found), found)


@dataclass(frozen=True)
class Selection:
    """Which runs are listed, and in what order; the fields are the arguments of `runs`."""

    sort: str | None = None
    filters: tuple[str, ...] = ()
    since: float | str | None = None
    limit: int | None = None

    @property
    def asked(self) -> list[str]:
        """The names of the values that runs are sorted and filtered by."""
        from deepcli.run.selecting import CONDITION

        matches = [CONDITION.match(text) for text in self.filters]
        sorted_by = [self.sort.removeprefix("-")] if self.sort else []
        return [*sorted_by, *(match[1] for match in matches if match)]


@dataclass(frozen=True)
class SelectedRuns:
    """Runs that were found and kept.

    Attributes:
        runs: Those that are kept, in order.
        found: How many there are.
        searched: The folders that were searched.
    """

    runs: list[ListedRun]
    found: int
    searched: tuple[Path, ...]

    @property
    def why_empty(self) -> str | None:
        """Why there are no runs to show; None if there are some."""
        if self.runs:
            return None
        if not self.found:
            return f"no runs in {', '.join(map(str, self.searched))}"
        return f"none of the {self.found:,} runs meets the conditions"


def list_runs(folders: Sequence[Path], selection: Selection) -> SelectedRuns:
    """Find runs, keep those that meet every condition, and sort them.

    Raises:
        RunError: A folder does not exist.
        UsageError: No run has what is sorted or filtered by, or the time cannot be read.
    """
    from deepcli.run import listing
    from deepcli.run.near_runs import RUNS

    searched = tuple(folders) or (RUNS,)
    return select_runs(listing.find(searched), selection, searched)


def select_runs(every: Sequence[ListedRun], selection: Selection, searched: tuple[Path, ...]) -> SelectedRuns:
    """Keep the runs that meet every condition, and sort them.

    Args:
        every: All runs.
        selection: The conditions and the order.
        searched: The folders that the runs were found in.

    Raises:
        UsageError: No run has what is sorted or filtered by, or the time cannot be read.
    """
    from deepcli.run import selecting
    from deepcli.spec.durations import option_seconds

    kept = selecting.keep(every, selection.filters)
    since = option_seconds("--since", selection.since)
    if since is not None:
        kept = selecting.keep_since(kept, since)
    if selection.sort is not None:
        kept = selecting.order(kept, selection.sort.removeprefix("-"), selection.sort.startswith("-"))
    return SelectedRuns(kept[: selection.limit], len(every), searched)


def columns_of(found: Sequence[ListedRun]) -> list[str]:
    """Name the columns of a table of runs."""
    from deepcli.run.columns import table_columns

    return list(table_columns(found))


def _verdict(pair: PairedBase | str | DeepcliError) -> str:
    return f"not comparable: {pair}" if isinstance(pair, str | Exception) else pair.verdict
