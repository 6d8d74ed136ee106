"""The formats that a model can be written in, each with the runtime that reads it."""

from __future__ import annotations

import contextlib
import importlib.util
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.errors import TrainingError, UsageError
from deepcli.registry import Component, Registry

if TYPE_CHECKING:
    import numpy as np

    from deepcli.export.portable import Portable

Runner = Callable[["np.ndarray"], "np.ndarray"]
OUTPUT = "outputs"
"""What a model's output is called in every format; the inputs are `image` or `tokens`."""
OPSET = 18


class Format(Component):
    """A format; nobody names it in a spec, so it has no fields.

    Attributes:
        file: The name of what is written.
        packages: What must be installed to write and to run it, by the names to import.
        extra: The extra of deepcli that has them.
        loading: Lines of Python that define `run(x)`, with the file beside them in `FOLDER`.
        fixed: Whether the model takes one example at a time, of a fixed length.
    """

    file: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    loading: ClassVar[str]
    fixed: ClassVar[bool] = False

    def demand(self) -> None:
        """Check that what it needs is installed.

        Raises:
            UsageError: It is not.
        """
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            raise UsageError(
                f"--format {self.type}: needs {', '.join(missing)}, not installed; pip install 'deepcli[{self.extra}]'"
            )

    @abstractmethod
    def write(self, model: Portable, path: Path) -> None:
        """Write a model to a file or folder.

        Raises:
            TrainingError: The format cannot say what the model does.
        """

    @abstractmethod
    def open(self, path: Path, name: str) -> Runner:
        """Load what was written into the format's own runtime; `name` is the input's.

        Returns:
            A function from inputs to outputs, float32 (examples, units).
        """


FORMATS: Registry[Format] = Registry("formats")


@FORMATS.register
class Keras(Format):
    """A `.keras` file, as `keras.saving.save_model` writes it; deepcli's own layers must be there to load it."""

    type: Literal["keras"] = "keras"
    file: ClassVar[str] = "model.keras"
    loading: ClassVar[str] = """\
import deepcli.layers  # registers the layers that Keras itself has not
import keras

model = keras.saving.load_model(FOLDER / "model.keras")


def run(x):
    return np.asarray(model(x, training=False))
"""

    def write(self, model: Portable, path: Path) -> None:
        import keras

        keras.saving.save_model(model.model, path)

    def open(self, path: Path, name: str) -> Runner:
        import keras
        import numpy as np

        import deepcli.layers  # noqa: F401

        loaded = keras.saving.load_model(path)
        return lambda x: np.asarray(loaded(x, training=False))


@FORMATS.register
class SavedModel(Format):
    """A TensorFlow SavedModel with the signature `serving_default`, for TensorFlow Serving and any TensorFlow."""

    type: Literal["savedmodel"] = "savedmodel"
    file: ClassVar[str] = "model"
    loading: ClassVar[str] = """\
import tensorflow as tf

loaded = tf.saved_model.load(str(FOLDER / "model"))
serve = loaded.signatures["serving_default"]


def run(x):
    return serve(**{INPUT: tf.constant(x)})["outputs"].numpy()
"""

    def write(self, model: Portable, path: Path) -> None:
        import keras

        archive = keras.export.ExportArchive()
        archive.track(model.model)
        archive.add_endpoint("serving_default", model.named, input_signature=[model.signature()])
        archive.write_out(str(path), verbose=False)

    def open(self, path: Path, name: str) -> Runner:
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        serve = loaded.signatures["serving_default"]

        def run(x: np.ndarray) -> Any:
            return serve(**{name: tf.constant(x)})[OUTPUT].numpy()

        run.kept = loaded  # type: ignore[attr-defined] # its variables live as long as it does
        return run


@FORMATS.register
class Onnx(Format):
    """An ONNX file, for ONNX Runtime and whatever else reads the standard."""

    type: Literal["onnx"] = "onnx"
    file: ClassVar[str] = "model.onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "tf2onnx", "onnxruntime")
    extra: ClassVar[str] = "onnx"
    loading: ClassVar[str] = """\
import onnxruntime

session = onnxruntime.InferenceSession(FOLDER / "model.onnx", providers=["CPUExecutionProvider"])


def run(x):
    return session.run(["outputs"], {INPUT: x})[0]
"""

    def write(self, model: Portable, path: Path) -> None:
        from deepcli.export.onnx_graph import convert

        convert(model, path, OPSET)

    def open(self, path: Path, name: str) -> Runner:
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda x: session.run([OUTPUT], {name: x})[0]


@FORMATS.register
class Litert(Format):
    """A LiteRT (TensorFlow Lite) file for phones and small devices: one example at a time, texts padded to a length."""

    type: Literal["litert"] = "litert"
    file: ClassVar[str] = "model.tflite"
    packages: ClassVar[tuple[str, ...]] = ("ai_edge_litert",)
    extra: ClassVar[str] = "litert"
    fixed: ClassVar[bool] = True
    loading: ClassVar[str] = """\
from ai_edge_litert.interpreter import Interpreter

runner = Interpreter(str(FOLDER / "model.tflite")).get_signature_runner("serving_default")


def run(x):
    return np.concatenate([runner(**{INPUT: row[None]})["outputs"] for row in x])
"""

    def write(self, model: Portable, path: Path) -> None:
        import tempfile

        import keras
        import tensorflow as tf

        signature = model.signature(fixed=True)
        with tempfile.TemporaryDirectory(prefix="deepcli-") as folder, _blaming(self.type):
            archive = keras.export.ExportArchive()
            archive.track(model.model)
            archive.add_endpoint("serving_default", model.named, input_signature=[signature])
            archive.write_out(folder, verbose=False)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            path.write_bytes(converter.convert())

    def open(self, path: Path, name: str) -> Runner:
        import numpy as np
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path))
        runner = interpreter.get_signature_runner("serving_default")

        def run(x: np.ndarray) -> np.ndarray:
            return np.concatenate([runner(**{name: row[None]})[OUTPUT] for row in x])

        run.kept = interpreter  # type: ignore[attr-defined]
        return run


@contextlib.contextmanager
def _blaming(name: str) -> Iterator[None]:
    """Name the operations that a format lacks, from a converter's page of words."""
    import re

    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        lacking = sorted(set(re.findall(r"\btf\.([A-Z]\w+)", str(error))))
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        why = f"it lacks {', '.join(lacking)}" if lacking else first
        raise TrainingError(f"--format {name}: cannot say what this model does: {why}") from None
