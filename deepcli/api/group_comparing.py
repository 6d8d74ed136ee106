"""`deepcli.compare_groups`: two specs, each trained with several seeds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deepcli.api.display import html_table
from deepcli.api.loading import plugin_names
from deepcli.api.run import Run
from deepcli.api.warned import warn

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles
    from deepcli.reports.group_comparison import GroupComparison

    Runs = str | os.PathLike[str] | Run | Sequence[str | os.PathLike[str] | Run]
    """A group of runs: a folder of runs, a pattern such as `runs/a/*`, or a list of runs."""


@dataclass(frozen=True)
class ComparedGroups:
    """Two groups of runs: the figures of each, and whether the second spec is better than the first.

    Attributes:
        comparison: Everything that was found.
        notices: What is worth knowing about the comparison.
    """

    comparison: GroupComparison
    notices: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """The verdict on the second group over seeds: `better`, `worse`, `within noise`, or why there is none."""
        return self.comparison.seeds.verdict

    @property
    def difference(self) -> float:
        """The difference between the mean scores, second minus first."""
        return self.comparison.seeds.difference

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the difference over seeds; None if the seeds cannot give one."""
        return self.comparison.seeds.interval

    @property
    def table(self) -> dict[str, list[Any]]:
        """Number of seeds, mean and standard deviation of the score on the test split, by name: a value for each group."""
        groups = [group.to_json() for group in self.comparison.groups]
        score = f"test_{self.comparison.score}"
        return {
            "runs": [group["name"] for group in groups],
            "seeds": [len(group["seeds"]) for group in groups],
            score: [group["test"]["mean"] for group in groups],
            "standard_deviation": [group["test"]["standard_deviation"] for group in groups],
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as `deepcli compare --with --json` prints it."""
        return self.comparison.to_json()

    def __repr__(self) -> str:
        """Show the verdict."""
        first, second = self.comparison.groups
        return f"{second.name} against {first.name}, on test {self.comparison.score}: {self.verdict}"

    def _repr_html_(self) -> str:
        """Show the figures and the verdict in a notebook."""
        table = self.table
        return html_table(list(table), zip(*table.values(), strict=True), repr(self))


def compare_groups(first: Runs, second: Runs, plugins: PluginFiles = ()) -> ComparedGroups:
    """Compare two specs, each trained with several seeds: is the second better, and do the seeds suffice to say so?

    This is `deepcli compare FIRST --with SECOND`. The runs of a group are of one spec and differ in their seeds.

    Args:
        first: A folder of runs, a pattern such as `runs/a/*`, or a list of runs.
        second: The group that is compared with it.
        plugins: Python files or modules that register components of the specs.

    Raises:
        UsageError: A group has no runs or is not of one spec, the groups were tested on different examples, or a plugin
            cannot be imported.
        RunError: A path is not a run, or a run has not finished.
        DataError: The predictions of a run are damaged.
    """
    found = compare_words(_words(first), _words(second), plugin_names(plugins))
    for notice in found.notices:
        warn(notice)
    return found


def compare_words(first: Sequence[str], second: Sequence[str], plugins: Sequence[str] = ()) -> ComparedGroups:
    """Compare the groups at some paths, patterns and folders.

    Raises:
        DeepcliError: As `compare_groups` says.
    """
    from deepcli.reports.comparison import untold
    from deepcli.reports.group_comparison import compare_groups
    from deepcli.run.run_groups import RunGroup
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins)
    groups = [RunGroup.read(words) for words in (first, second)]
    notices = untold([run for group in groups for run in group.runs.values()])
    return ComparedGroups(compare_groups(*groups), tuple(notices))


def _words(runs: Runs) -> list[str]:
    several = [runs] if isinstance(runs, str | os.PathLike | Run) else runs
    return [str(one.path) if isinstance(one, Run) else os.fspath(one) for one in several]
