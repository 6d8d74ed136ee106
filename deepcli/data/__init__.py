"""Data sets: what a spec says of them (light) and how they are read (NumPy, inside functions)."""

from deepcli.data import digits, imdb, mnist
from deepcli.data.base import DATASETS, Dataset, Signature

__all__ = ["DATASETS", "Dataset", "Signature", "digits", "imdb", "mnist"]
