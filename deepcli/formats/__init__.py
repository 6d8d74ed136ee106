"""Export formats, each with the runtime that reads it."""

from deepcli.formats.base import FORMATS, OUTPUT, Exportable, Format, Runner
from deepcli.formats.keras import Keras
from deepcli.formats.litert import Litert
from deepcli.formats.onnx import Onnx
from deepcli.formats.savedmodel import SavedModel

__all__ = ["FORMATS", "OUTPUT", "Exportable", "Format", "Keras", "Litert", "Onnx", "Runner", "SavedModel"]
