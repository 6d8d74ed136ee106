"""TensorBoard: event files in the run's directory."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.spec.yaml12 import dump
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
        import tensorflow as tf

        self._tf = tf
        self._folder: Path = run.folder / "tensorboard"
        self._writers: dict[str, Any] = {}
        if run.earlier is None:
            with self._writer("train").as_default():
                tf.summary.text("spec", "\n".join(f"    {line}" for line in dump(dict(run.spec)).splitlines()), 0)

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
        with self._writer(split).as_default():
            self._tf.summary.scalar(name, value, step)

    def _writer(self, split: str) -> Any:
        if split not in self._writers:
            self._writers[split] = self._tf.summary.create_file_writer(str(self._folder / split))
        return self._writers[split]
