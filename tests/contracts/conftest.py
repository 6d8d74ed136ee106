"""Small data with the signatures that models are built for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from deepcli.data.arrays.splits import Split, Tokens
from deepcli.data.signature import Signature

from .tiny_pairs import PAIRS, pair_split
from .tiny_series import SERIES, series_split
from .tiny_table import FEATURES, registered, table_split
from .tiny_text import TEXT, text_split

IMAGES = Signature("image", (8, 8, 1), classes=4, examples=24)
TOKENS = Signature("tokens", (12,), classes=2, examples=24, vocabulary=30)
SIGNATURES = {"images": IMAGES, "tokens": TOKENS, "features": FEATURES, "text": TEXT, "series": SERIES, "pairs": PAIRS}


def tiny_split(signature: Signature, count: int = 24) -> Split:
    if signature.predicted.kind == "inputs" and signature.kind == "series":
        return series_split(count, horizon=0)
    if signature.predicted.kind == "inputs":
        return tiny_split(dataclasses.replace(signature, target=None), count).of_inputs(True)
    if signature.kind == "features":
        return table_split(count)
    if signature.kind == "text":
        return text_split(count)
    if signature.kind == "series":
        return series_split(count)
    if signature.kind == "pairs":
        return pair_split(count)
    rng = np.random.RandomState(0)
    y = (np.arange(count) % signature.classes).astype(np.int32)
    if signature.kind == "image":
        x: np.ndarray | Tokens = rng.randint(0, 255, (count, *signature.shape)).astype(np.uint8)
    else:
        lengths = rng.randint(1, signature.shape[0] + 1, count)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        x = Tokens(rng.randint(1, signature.vocabulary, offsets[-1]).astype(np.int32), offsets)
    return Split(x, y, np.arange(count))


@pytest.fixture
def tiny_table() -> Iterator[None]:
    """Let specs name the table of `tiny_table.py`, the text of `tiny_text.py` and the series of `tiny_series.py`."""
    with registered():
        yield


@pytest.fixture(params=SIGNATURES)
def signature(request: pytest.FixtureRequest) -> Signature:
    return SIGNATURES[request.param]
