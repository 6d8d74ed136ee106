"""TensorFlow's SavedModel format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.formats.base import FORMATS, OUTPUT, Exportable, Format, Runner

if TYPE_CHECKING:
    import numpy as np


@FORMATS.register
class SavedModel(Format):
    """A TensorFlow SavedModel with the signature `serving_default`, for TensorFlow Serving and TensorFlow itself."""

    type: Literal["savedmodel"] = "savedmodel"
    file: ClassVar[str] = "model"
    runtime: ClassVar[str] = "tensorflow"
    loading: ClassVar[str] = """\
import tensorflow as tf

loaded = tf.saved_model.load(str(FOLDER / "model"))
serve = loaded.signatures["serving_default"]


def run(x):
    return serve(**{INPUT: tf.constant(x)})["outputs"].numpy()
"""

    def write(self, model: Exportable, path: Path) -> None:
        write_saved_model(model, path)

    def open(self, path: Path, name: str) -> Runner:
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        serve = loaded.signatures["serving_default"]

        def run(x: np.ndarray) -> Any:
            return serve(**{name: tf.constant(x)})[OUTPUT].numpy()

        run.kept = loaded  # type: ignore[attr-defined] # its variables live as long as it does
        return run


def write_saved_model(model: Exportable, path: Path, fixed: bool = False) -> None:
    """Write a model with the signature `serving_default`; `fixed` for one example at a time, of a fixed length."""
    import keras

    archive = keras.export.ExportArchive()
    archive.track(model.model)
    archive.add_endpoint("serving_default", model.named, input_signature=[model.signature(fixed)])
    archive.write_out(str(path), verbose=False)
