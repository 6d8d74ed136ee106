"""Model families: each a spec that builds a Keras model for any data set."""

from deepcli.models import application, autoencoder, cnn, linear, mlp, ngram, recurrent, sequential, transformer
from deepcli.models.base import MODELS, Model
from deepcli.models.heads import Head
from deepcli.models.stack import LAYERS, Layer

__all__ = [
    "LAYERS",
    "MODELS",
    "Head",
    "Layer",
    "Model",
    "application",
    "autoencoder",
    "cnn",
    "linear",
    "mlp",
    "ngram",
    "recurrent",
    "sequential",
    "transformer",
]
