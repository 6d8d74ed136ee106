"""Model families: each a spec that builds a Keras model for any data set."""

from deepcli.models import cnn, mlp, recurrent, transformer
from deepcli.models.base import MODELS, Head, Model

__all__ = ["MODELS", "Head", "Model", "cnn", "mlp", "recurrent", "transformer"]
