"""All layers, metrics and schedules that deepcli adds to Keras; after importing this, Keras can load any checkpoint."""

from deepcli.nn import (
    activations,
    augmentation,
    batch_normalization,
    compacting,
    dropconnect,
    learning_rate,
    losses,
    metrics,
    ngram_bag,
    one_hot,
    recurrent,
    regularizers,
    sequences,
    stochastic_pooling,
)

__all__ = [
    "activations",
    "augmentation",
    "batch_normalization",
    "compacting",
    "dropconnect",
    "learning_rate",
    "losses",
    "metrics",
    "ngram_bag",
    "one_hot",
    "recurrent",
    "regularizers",
    "sequences",
    "stochastic_pooling",
]
