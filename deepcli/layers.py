"""Every layer, metric and schedule that deepcli adds to Keras: import this, and Keras itself loads any checkpoint."""

from deepcli import activity, parametric
from deepcli.models import (
    augmentation,
    batch_normalization,
    compacting,
    dropconnect,
    layers,
    ngram_bag,
    one_hot,
    recurrent_layers,
    stochastic_pooling,
)
from deepcli.optim import learning_rate, scores, targets

__all__ = [
    "activity",
    "augmentation",
    "batch_normalization",
    "compacting",
    "dropconnect",
    "layers",
    "learning_rate",
    "ngram_bag",
    "one_hot",
    "parametric",
    "recurrent_layers",
    "scores",
    "stochastic_pooling",
    "targets",
]
