"""Keras's own format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.formats.base import FORMATS, Exportable, Format, Runner

if TYPE_CHECKING:
    pass


@FORMATS.register
class Keras(Format):
    """A `.keras` file as written by `keras.saving.save_model`; loading it requires deepcli, for its own layers."""

    type: Literal["keras"] = "keras"
    file: ClassVar[str] = "model.keras"
    runtime: ClassVar[str] = "deepcli"
    loading: ClassVar[str] = """\
import deepcli.layers  # registers the layers that Keras itself does not have
import keras

model = keras.saving.load_model(FOLDER / "model.keras")


def run(x):
    return np.asarray(model(x, training=False))
"""

    def write(self, model: Exportable, path: Path) -> None:
        import keras

        keras.saving.save_model(model.model, path)

    def open(self, path: Path, name: str) -> Runner:
        import keras
        import numpy as np

        import deepcli.layers  # noqa: F401

        loaded = keras.saving.load_model(path)
        return lambda x: np.asarray(loaded(x, training=False))
