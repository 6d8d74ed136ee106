"""Data sets: their sections in a spec, and the code that reads them (it imports NumPy only when it is called)."""

from deepcli.data import (
    array_file,
    cifar10,
    digits,
    fashion_mnist,
    image_folder,
    imdb,
    mnist,
    pairs,
    reuters,
    running_text,
    series,
    series_classes,
    shards,
    table,
    text_folder,
)
from deepcli.data.base import DATASETS, BaseDataset, Dataset, ImageDataset, Preparation
from deepcli.data.signature import Signature

__all__ = [
    "DATASETS",
    "BaseDataset",
    "Dataset",
    "ImageDataset",
    "Preparation",
    "Signature",
    "array_file",
    "cifar10",
    "digits",
    "fashion_mnist",
    "image_folder",
    "imdb",
    "mnist",
    "pairs",
    "reuters",
    "running_text",
    "series",
    "series_classes",
    "shards",
    "table",
    "text_folder",
]
