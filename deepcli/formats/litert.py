"""LiteRT, formerly TensorFlow Lite."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.errors import DeepcliError, TrainingError
from deepcli.formats.base import FORMATS, OUTPUT, Exportable, Format, Runner
from deepcli.formats.savedmodel import write_saved_model

if TYPE_CHECKING:
    import numpy as np


@FORMATS.register
class Litert(Format):
    """A LiteRT (TensorFlow Lite) file for phones and small devices: one example at a time, texts padded to a fixed length."""

    type: Literal["litert"] = "litert"
    file: ClassVar[str] = "model.tflite"
    packages: ClassVar[tuple[str, ...]] = ("ai_edge_litert",)
    extra: ClassVar[str] = "litert"
    fixed: ClassVar[bool] = True
    runtime: ClassVar[str] = "ai-edge-litert"
    loading: ClassVar[str] = """\
from ai_edge_litert.interpreter import Interpreter

runner = Interpreter(str(FOLDER / "model.tflite")).get_signature_runner("serving_default")


def run(x):
    return np.concatenate([runner(**{INPUT: row[None]})["outputs"] for row in x])
"""

    def write(self, model: Exportable, path: Path) -> None:
        import tempfile

        import tensorflow as tf

        with tempfile.TemporaryDirectory(prefix="deepcli-") as folder, _blaming(self.type):
            write_saved_model(model, Path(folder), fixed=True)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            path.write_bytes(converter.convert())

    def open(self, path: Path, name: str) -> Runner:
        from ai_edge_litert.interpreter import Interpreter

        from deepcli.inputs.example import joined_outputs

        interpreter = Interpreter(str(path))
        runner = interpreter.get_signature_runner("serving_default")

        def run(x: np.ndarray) -> np.ndarray:
            return joined_outputs([runner(**{name: row[None]})[OUTPUT] for row in x])

        run.kept = interpreter  # type: ignore[attr-defined]
        return run


@contextlib.contextmanager
def _blaming(name: str) -> Iterator[None]:
    """Replace a converter's long error with one that names the operations that the format lacks."""
    import re

    try:
        yield
    except (OSError, MemoryError, DeepcliError):
        raise
    except Exception as error:
        lacking = sorted(set(re.findall(r"\btf\.([A-Z]\w+)", str(error))))
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        why = f"it lacks {', '.join(lacking)}" if lacking else first
        raise TrainingError(f"--format {name}: does not support this model: {why}") from None
