"""`deepcli.find_learning_rate`: a range test, and the rate that it proposes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import load_parts, plugin_names
from deepcli.api.slow_work import reach_of
from deepcli.api.warned import WarningReporter
from deepcli.errors import UsageError
from deepcli.system.reach import reaching

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles, Source
    from deepcli.data.files import Sources
    from deepcli.doctor.finding.rate_report import LearningRateReport
    from deepcli.run.reporter import Reporter

FEWEST_STEPS, MOST_SEEDS = 20, 100


@dataclass(frozen=True)
class RateRequest:
    """For what to find a learning rate.

    Attributes:
        spec: The parts of the spec, as `load` takes them.
        low: The first rate.
        high: The last rate.
        steps: Updates from the first to the last; None for an epoch's, within bounds.
        seeds: How many seeds.
        plugins: Python files or modules to import first.
        output: A file for the picture; None for none.
    """

    spec: tuple[Source, ...]
    low: float = 1e-7
    high: float = 10.0
    steps: int | None = None
    seeds: int = 3
    plugins: tuple[str, ...] = ()
    output: Path | None = None

    def __post_init__(self) -> None:
        for option, rate in (("--from", self.low), ("--to", self.high)):
            if not (math.isfinite(rate) and rate > 0):
                raise UsageError(f"{option}: a learning rate is above 0, not {rate:g}")
        if self.low >= self.high:
            raise UsageError(f"--from: {self.low:g} is not below --to, which is {self.high:g}")
        if self.steps is not None and self.steps < FEWEST_STEPS:
            raise UsageError(f"--steps: {self.steps} are too few to see a curve; at least {FEWEST_STEPS}")
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise UsageError(f"--seeds: should be from 1 to {MOST_SEEDS}, not {self.seeds}")


def find_learning_rate(
    *spec: Source,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int | None = None,
    seeds: int = 3,
    output: str | os.PathLike[str] | None = None,
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> LearningRateReport:
    """Train from fresh weights while the learning rate rises, and propose a rate from how the loss falls (Smith 2017).

    ```python
    found = deepcli.find_learning_rate("config.yaml")
    found.proposal
    deepcli.train("config.yaml", found.override)
    ```

    Optimizer, batch size, loss and augmentation are those of the spec; its schedule is left out. Everything follows from the
    seed of the spec, and no run is made.

    Args:
        spec: A file, a dict, or a spec that was loaded; and overrides such as `data.batch_size=64`.
        low: The first rate.
        high: The last rate; the test ends earlier if the loss diverges.
        steps: Updates from the first to the last; default: those of an epoch, but at least 100 and at most 500.
        seeds: How many times the test is repeated, with seeds counted from the spec's.
        output: A file for the picture, in PNG or SVG.
        plugins: Python files or modules to import first.
        data_dir: A folder with files of textbook data sets.
        offline: Whether downloads are forbidden.

    Returns:
        The curve and what can be read off it; `proposal` is None if there is no clear one, and `unclear` says why.

    Raises:
        SpecError: The spec is not valid.
        UsageError: There is no spec, or the range or the optimizer cannot be tested.
        DataError: The data cannot be read.
        TrainingError: The loss of a fresh model is not finite, or memory ran out.
    """
    picture = None if output is None else Path(output)
    request = RateRequest(spec, low, high, steps, seeds, plugin_names(plugins), picture)
    with reaching(reach_of(offline, progress=False)):
        sources = data_sources(data_dir, offline)
        return run_find_rate(request, lambda: sources, WarningReporter())


def run_find_rate(request: RateRequest, at: Callable[[], Sources], reporter: Reporter) -> LearningRateReport:
    """Load a spec, read its data, and run the test; see `find_learning_rate`.

    Args:
        request: For what.
        at: Returns where data are looked for.
        reporter: Shows notices, and what is done now.
    """
    if request.output is not None:
        _demand_writable(request.output)  # before anything is computed
    try:
        found = _find(request, at, reporter)
    finally:
        reporter.end()
    if request.output is not None:
        _draw(found, request.output)
    return found


def _find(request: RateRequest, at: Callable[[], Sources], reporter: Reporter) -> LearningRateReport:
    loaded = load_parts(list(request.spec), plugins=request.plugins)
    experiment = loaded.experiment
    for notice in [*loaded.notices, *_stages(len(experiment.model.stages))]:
        reporter.note(f"notice: {notice}")
    reporter.doing("reading the data")
    sources = at()
    splits = experiment.data.load(sources)
    from deepcli.system.backend_startup import import_backend

    import_backend(experiment.training.backend, doing=reporter.doing)
    from deepcli.doctor.finding.rate_search import RateRange, find_rate

    asked = RateRange(request.low, request.high, request.steps, request.seeds)
    return find_rate(experiment, splits, sources, asked, reporter)


def _demand_writable(path: Path) -> None:
    """Check that a picture can be written.

    Raises:
        UsageError: The name does not end in .png or .svg, or its directory does not exist.
    """
    from deepcli.reports.plots import checked

    checked(path)
    if not path.parent.is_dir():
        raise UsageError(f"--output: {path.parent} is not a directory")
    if path.is_dir():
        raise UsageError(f"--output: {path} is a directory; name a file")


def _draw(found: LearningRateReport, path: Path) -> None:
    """Write the picture of a range test."""
    from deepcli.reports.plots import save
    from deepcli.reports.rate_plot import rate_plot

    marks = [("proposal", found.proposal), ("the spec's", found.current), ("lowest", found.lowest)]
    curves = [one.losses for one in found.curves]
    title = f"{found.name}: loss as the learning rate rises"
    save(rate_plot(found.rates, curves, found.losses, found.smoothed, marks, title), path)


def _stages(count: int) -> Sequence[str]:
    return [f"model: only the first of its {count} stages is tested"] if count > 1 else []
