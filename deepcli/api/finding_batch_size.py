"""`deepcli.find_batch_size`: how fast a spec trains with each batch size, and which fit into memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli import errors
from deepcli.api.loading import load_parts, plugin_names
from deepcli.api.slow_work import reach_of
from deepcli.api.warned import WarningReporter
from deepcli.errors import DeepcliError, TrainingError, UsageError
from deepcli.system.reach import reaching
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles, Source
    from deepcli.doctor.finding.batch_report import BatchSizeReport, SizeTried
    from deepcli.run.reporter import Reporter

WORKER = ("-m", "deepcli.api.batch_worker")
KILLED = 128 + 9
"""What a process is said to end with that the system ended, as it does where memory runs out."""

Show = Callable[[str], object]


@dataclass(frozen=True)
class BatchSizeRequest:
    """For what to try batch sizes.

    Attributes:
        spec: The parts of the spec, as `load` takes them.
        first: The smallest size; None for a small one.
        last: The largest size that may be tried; None for the training split.
        plugins: Python files or modules to import first.
        data_dir: A folder with data files.
        offline: Whether downloads are forbidden; None: as the environment says.
    """

    spec: tuple[Source, ...]
    first: int | None = None
    last: int | None = None
    plugins: tuple[str, ...] = ()
    data_dir: Path | None = None
    offline: bool | None = None

    def __post_init__(self) -> None:
        for option, size in (("--from", self.first), ("--to", self.last)):
            if size is not None and size < 1:
                raise UsageError(f"{option}: a batch has at least one example, not {size}")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise UsageError(f"--from: {self.first} is more than --to, which is {self.last}")


def find_batch_size(
    *spec: Source,
    smallest: int | None = None,
    largest: int | None = None,
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> BatchSizeReport:
    """Measure real training steps with rising batch sizes: examples a second, and the memory at the peak.

    ```python
    found = deepcli.find_batch_size("config.yaml")
    found.fastest
    deepcli.train("config.yaml", found.override)
    ```

    The steps are taken in another process, of which nothing is kept. Each size is twice the one before it, and on a CPU none is tried
    that would need more memory than is free.

    Args:
        spec: A file, a dict, or a spec that was loaded; and overrides such as `data.limit=1000`.
        smallest: The size to begin with.
        largest: The largest size that may be tried; default: the training split.
        plugins: Python files or modules to import first.
        data_dir: A folder with files of textbook data sets.
        offline: Whether downloads are forbidden.

    Returns:
        The sizes with their figures; `fastest` is the smallest one that is as fast as any, `largest` the largest that fits.

    Raises:
        SpecError: The spec is not valid.
        UsageError: There is no spec, or the sizes do not fit together.
        DataError: The data cannot be read.
        TrainingError: Not even the smallest size fits in memory.
    """
    folder = None if data_dir is None else Path(data_dir)
    request = BatchSizeRequest(spec, smallest, largest, plugin_names(plugins), folder, offline)
    with reaching(reach_of(offline, progress=False)):
        return run_find_batch_size(request, WarningReporter())


def run_find_batch_size(
    request: BatchSizeRequest, reporter: Reporter, show: Show = lambda line: None
) -> BatchSizeReport:
    """Load a spec, and try batch sizes in another process; see `find_batch_size`.

    Args:
        request: For what.
        reporter: Shows notices, and what is done now.
        show: Called with each line of the table as soon as it is known.
    """
    from deepcli.api.seed_processes import SeedTask, run_seeds
    from deepcli.api.worker_serving import request_of
    from deepcli.doctor.finding.batch_report import BatchSizeReport

    began = time.monotonic()
    loaded = load_parts(list(request.spec), plugins=request.plugins)
    experiment = loaded.experiment
    for notice in loaded.notices:
        reporter.note(f"notice: {notice}")
    reporter.doing("starting")
    values = request_of(
        request.spec, request.plugins, request.data_dir, request.offline, first=request.first, last=request.last
    )
    heard = _Heard(experiment.data.batch_size, reporter, show)
    task = SeedTask(experiment.seed, values, WORKER)
    try:
        last = run_seeds([task], [{}], Signals(), heard.told)[experiment.seed]
    finally:
        reporter.end()
    end = heard.end(last)
    seconds = time.monotonic() - began
    return BatchSizeReport(
        experiment.name,
        heard.settings,
        experiment.data.batch_size,
        tuple(heard.sizes),
        end["limit"],
        end["reason"],
        seconds,
    )


@dataclass
class _Heard:
    """What the process has sent so far.

    Attributes:
        current: The spec's own batch size.
        reporter: Shows what is done now.
        show: Called with each line of the table.
        settings: On what sizes are tried, in words.
        sizes: The sizes that were tried.
        doing: What it did last.
    """

    current: int
    reporter: Reporter
    show: Show
    settings: str = ""
    sizes: list[SizeTried] = field(default_factory=list)
    doing: str = ""

    def told(self, number: int, message: Mapping[str, Any]) -> None:
        """Show a message of the process."""
        from deepcli.doctor.finding.batch_report import HEADER, SizeTried, table_row

        if "doing" in message:
            self.doing = message["doing"]
            self.reporter.doing(self.doing)
        if "settings" in message:
            self.settings = message["settings"]
            self.show(self.settings)
            self.show(HEADER)
        if "size" in message:
            self.sizes.append(SizeTried(**message["size"]))
            self.show(table_row(self.sizes[-1], self.current))

    def end(self, last: dict[str, Any]) -> dict[str, Any]:
        """Return why no larger size was tried.

        Raises:
            DeepcliError: What the process failed with.
        """
        if "result" in last:
            return dict(last["result"])
        if last["code"] == KILLED and self.sizes:
            return {"limit": "memory", "reason": f"memory: the system ended the process while it was {self.doing}"}
        raise _error(last)


def _error(last: dict[str, Any]) -> DeepcliError:
    """Return what a process failed with, as an error of this one."""
    text = str(last["error"])
    kind = getattr(errors, str(last.get("kind")), TrainingError)
    if kind is errors.SpecError:
        return errors.SpecError([errors.Problem("", "", text)])
    return kind(text)
