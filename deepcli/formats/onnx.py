"""The ONNX format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.formats.base import FORMATS, OUTPUT, Exportable, Format, Runner

if TYPE_CHECKING:
    pass


OPSET = 18


@FORMATS.register
class Onnx(Format):
    """An ONNX file, for ONNX Runtime and other programs that read the standard."""

    type: Literal["onnx"] = "onnx"
    file: ClassVar[str] = "model.onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "tf2onnx", "onnxruntime")
    extra: ClassVar[str] = "onnx"
    runtime: ClassVar[str] = "onnxruntime"
    loading: ClassVar[str] = """\
import onnxruntime

session = onnxruntime.InferenceSession(FOLDER / "model.onnx", providers=["CPUExecutionProvider"])


def run(x):
    return session.run(["outputs"], {INPUT: x})[0]
"""

    def write(self, model: Exportable, path: Path) -> None:
        from deepcli.formats.onnx_graph import convert

        convert(model, path, OPSET)

    def open(self, path: Path, name: str) -> Runner:
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda x: session.run([OUTPUT], {name: x})[0]
