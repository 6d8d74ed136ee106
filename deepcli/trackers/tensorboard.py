"""TensorBoard: event files in the run's directory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.spec.yaml12 import dump
from deepcli.system.backend_startup import without_tensorflow
from deepcli.trackers.base import TRACKERS, Log, Tracked, Tracker

if TYPE_CHECKING:
    from pathlib import Path


@TRACKERS.register
class Tensorboard(Tracker):
    """TensorBoard: event files in the run's folder `tensorboard`; `tensorboard --logdir RUN` shows them."""

    package: ClassVar[str] = "tensorboard"
    extra: ClassVar[str] = "tensorboard"

    type: Literal["tensorboard"] = "tensorboard"

    def open(self, run: Tracked) -> Log:
        return _Events(run)


class _Events:
    """Writes a folder for each split, so that TensorBoard overlays their curves."""

    id = "tensorboard"

    def __init__(self, run: Tracked) -> None:
        self._folder: Path = run.folder / "tensorboard"
        self._writers: dict[str, Any] = {}
        if run.earlier is None:
            from tensorboard.plugins.text.summary_v2 import text_pb

            self._add(
                "train", text_pb("spec", "\n".join(f"    {line}" for line in dump(dict(run.spec)).splitlines())), 0
            )

    def epoch(self, epoch: int, row: Mapping[str, float]) -> None:
        for name, value in row.items():
            split = "validation" if name.startswith("val_") else "train"
            self._write(split, name.removeprefix("val_"), value, epoch)
        for writer in self._writers.values():
            writer.flush()

    def end(self, status: str, test: Mapping[str, float]) -> None:
        for name, value in test.items():
            self._write("test", name, value, 0)
        with contextlib.ExitStack() as stack:
            for writer in self._writers.values():
                stack.callback(writer.close)

    def _write(self, split: str, name: str, value: float, step: int) -> None:
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        self._add(split, scalar_pb(name, value), step)

    def _add(self, split: str, summary: Any, step: int) -> None:
        """Write a summary, as TensorFlow's own writer does; TensorBoard's does without TensorFlow."""
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer(split).add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def _writer(self, split: str) -> Any:
        if split not in self._writers:
            with without_tensorflow():
                from tensorboard.summary.writer.event_file_writer import EventFileWriter

                self._writers[split] = EventFileWriter(str(self._folder / split))
        return self._writers[split]
