"""The layers of `sequential`, as a spec names them."""

from deepcli.models.stack import convolution, pooling, recurrent, regularization
from deepcli.models.stack.base import LAYERS, Layer

__all__ = ["LAYERS", "Layer", "convolution", "pooling", "recurrent", "regularization"]
