"""Data sets: their sections in a spec, and the code that reads them (it imports NumPy only when it is called)."""

from deepcli.data import cifar10, digits, fashion_mnist, imdb, mnist, reuters
from deepcli.data.base import DATASETS, BaseDataset, Dataset, ImageDataset, Preparation
from deepcli.data.signature import Signature

__all__ = [
    "DATASETS",
    "BaseDataset",
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
