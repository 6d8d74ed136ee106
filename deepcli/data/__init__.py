"""Data sets: what a spec says of them (light) and how they are read (NumPy, inside functions)."""

from deepcli.data import cifar10, digits, fashion_mnist, imdb, mnist, reuters
from deepcli.data.base import DATASETS, Dataset, ImageDataset, Preparation, Signature

__all__ = [
    "DATASETS",
    "Dataset",
    "ImageDataset",
    "Preparation",
    "Signature",
    "cifar10",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]
