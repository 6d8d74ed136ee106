"""Model families: each a spec that builds a Keras model for any data set."""

from deepcli.models import cnn, mlp, ngram, recurrent, sequential, transformer
from deepcli.models.base import MODELS, Head, Model
from deepcli.models.stack import LAYERS, Layer

__all__ = [
    "LAYERS",
    "MODELS",
    "Head",
    "Layer",
    "Model",
    "cnn",
    "mlp",
    "ngram",
    "recurrent",
    "sequential",
    "transformer",
]
