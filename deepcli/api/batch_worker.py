"""The process that tries batch sizes for `find batch_size`: if memory runs out in spite of all care, only it is ended."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import load_parts
from deepcli.api.worker_serving import LineReporter, decoded, serve
from deepcli.system.peak_memory import be_first_to_end

if TYPE_CHECKING:
    from deepcli.doctor.finding.batch_report import SizeTried


@dataclass(frozen=True)
class SendingWatcher:
    """Sends what happens as lines of JSON.

    Attributes:
        reporter: Writes them.
    """

    reporter: LineReporter

    def begins(self, settings: str) -> None:
        """Send on what sizes are tried."""
        self.reporter.send(settings=settings)

    def trying(self, batch_size: int) -> None:
        """Send which size is tried next."""
        self.reporter.send(doing=f"training with batches of {batch_size:,}")

    def tried(self, size: SizeTried) -> None:
        """Send what a size takes."""
        self.reporter.send(size=asdict(size))

    def downloading(self, name: str, done: int, total: int | None) -> None:
        """Send how far a download is."""
        self.reporter.send(doing=f"downloading {name}: {done / 1e6:.1f} MB")


def _try(request: dict[str, Any], reporter: LineReporter) -> dict[str, Any]:
    be_first_to_end()
    watcher = SendingWatcher(reporter)
    loaded = load_parts(decoded(request["spec"]), plugins=request["plugins"])
    sources = data_sources(request["data_dir"], request["offline"], watcher.downloading)
    splits = loaded.experiment.data.load(sources)
    from deepcli.system.backend_startup import import_backend

    import_backend(loaded.experiment.training.backend)
    from deepcli.doctor.finding.batch_sizes import try_sizes

    return asdict(try_sizes(loaded.experiment, splits, sources, request["first"], request["last"], watcher))


if __name__ == "__main__":
    sys.exit(serve(_try))
