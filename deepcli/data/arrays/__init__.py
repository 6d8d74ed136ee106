"""The arrays of data sets: read from files, checked, divided into splits and kept in a cache."""

from deepcli.data.arrays.splits import Provenance, Raw, Split, Splits, Tokens, fingerprint

__all__ = ["Provenance", "Raw", "Split", "Splits", "Tokens", "fingerprint"]
