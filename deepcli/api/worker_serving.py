"""What the other process of a `WorkerProcess` does: it gets a request as JSON, works, and sends progress as JSON lines."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import plain
from deepcli.api.train_request import TrainRequest
from deepcli.errors import DeepcliError
from deepcli.run.reporter import Course, NullReporter, Progress
from deepcli.spec.variables import allowed, allowing
from deepcli.system import signals
from deepcli.system.reach import Reach, reaching

if TYPE_CHECKING:
    from deepcli.api.loading import Source
    from deepcli.data.files import Sources

SECONDS_BETWEEN = 0.25


class LineReporter(NullReporter):
    """Sends what a run reports as lines of JSON.

    Args:
        out: Where they are written.
    """

    def __init__(self, out: TextIO) -> None:
        self._out, self._sent_at = out, 0.0

    def send(self, **message: Any) -> None:
        """Write one line; a parent process that is gone does not matter."""
        try:
            print(json.dumps(message), file=self._out, flush=True)
        except OSError:
            self._out = sys.stderr

    def note(self, text: str) -> None:
        """Send a line for the user."""
        self.send(note=text)

    def begin(self, course: Course) -> None:
        """Send the length of the run."""
        self.send(epochs=course.epochs, steps=course.steps)

    def due(self) -> bool:
        """Return True a few times a second."""
        return time.monotonic() - self._sent_at >= SECONDS_BETWEEN

    def progress(self, progress: Progress) -> None:
        """Send how far the run is."""
        self._sent_at = time.monotonic()
        self.send(epoch=progress.epoch - 1, step=progress.step)

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Send the figures of an epoch."""
        self.send(epoch=int(row["epoch"]), step=0, row=dict(row))


def encoded(parts: Sequence[Source]) -> list[Any]:
    """Return the parts of a spec as JSON values."""
    return [
        part if isinstance(part, str) else {"path": os.fspath(part)} if isinstance(part, os.PathLike) else _tree(part)
        for part in parts
    ]


def _tree(part: Any) -> dict[str, Any]:
    return {"tree": plain(part if isinstance(part, Mapping) else part.model_dump(mode="json"), ())}


def request_of(
    spec: Sequence[Source], plugins: Sequence[str], data_dir: Path | None, offline: bool | None, **more: Any
) -> dict[str, Any]:
    """Return what a process needs to load a spec as this one does, as JSON values, with what else it is to do."""
    return {
        "spec": encoded(spec),
        "plugins": list(plugins),
        "data_dir": None if data_dir is None else str(data_dir),
        "offline": offline,
        "variables": sorted(allowed()),
        **more,
    }


def decoded(parts: Sequence[Any]) -> tuple[Source, ...]:
    """Return the parts of a spec from what `encoded` made of them."""
    return tuple(
        part if isinstance(part, str) else Path(part["path"]) if "path" in part else part["tree"] for part in parts
    )


def ask_to_stop() -> None:
    """Ask this process to stop with a checkpoint."""
    os.kill(os.getpid(), signal.SIGTERM)


def serve(
    work: Callable[[dict[str, Any], Any], Any],
    make: Callable[[TextIO], LineReporter] = LineReporter,
    orphaned: Callable[[], None] = ask_to_stop,
) -> int:
    """Read a request from standard input, do what it says, and send the result or the error; return the exit code.

    Args:
        work: Called with the request and what `make` made; returns the result as JSON values.
        make: Makes what sends messages to a stream.
        orphaned: Called from another thread when the parent process has ended.
    """
    signals.listen()
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, args=(orphaned,), daemon=True).start()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what plugins and libraries print is not a message
    reporter = make(out)
    try:
        _set_threads(request.get("threads"), request.get("backend", "auto"))
        with reaching(Reach(request["offline"])), allowing(request["variables"]):
            result = work(request, reporter)
    except DeepcliError as error:
        reporter.send(error=str(error), code=error.exit_code, kind=type(error).__name__)
        return error.exit_code
    except Exception as error:
        traceback.print_exc()
        reporter.send(error=f"unexpected {type(error).__name__}: {error}".rstrip(": "), code=1)
        return 1
    reporter.send(result=result)
    return 0


def asked_in(request: dict[str, Any]) -> tuple[TrainRequest, Callable[[], Sources]]:
    """Return what a request asks to train, and where data are looked for."""
    asked = TrainRequest(
        decoded(request["spec"]),
        tuple(request["overrides"]),
        Path(request["output"]),
        request["if_exists"],
        plugins=tuple(request["plugins"]),
        command=tuple(request["command"]),
        started=time.monotonic(),
    )
    return asked, partial(data_sources, request["data_dir"], request["offline"])


def _set_threads(threads: int | None, backend: str) -> None:
    if threads is not None:
        from deepcli.system.backend_startup import limit_threads

        limit_threads(threads, backend)


def _end_with_parent(orphaned: Callable[[], None]) -> None:
    """Wait until standard input closes, as it does when the parent process ends."""
    while os.read(0, 64):
        pass
    orphaned()
