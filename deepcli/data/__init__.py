"""Data sets: what a spec says of them (light) and how they are read (NumPy, inside functions)."""

from deepcli.data import cifar10, digits, fashion_mnist, imdb, mnist, reuters
from deepcli.data.base import DATASETS, Dataset, Signature

__all__ = [
    "DATASETS",
    "Dataset",
    "Signature",
    "cifar10",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]
