"""Which examples a model was trained on, as its schema says it: by their places, and by hashes of their content."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Sequence

from deepcli.data.schema import Schema
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.splitting import TEST, TRAIN, VALIDATION
from deepcli.errors import DataError

MOST_HASHES = 1_000_000
"""Hashes that a schema keeps."""
SHORT = 4
"""Bytes of a hash by which training inputs are recognized in other data."""
SPLITS = (TRAIN, VALIDATION, TEST)


def packed(splits: Sequence[str]) -> str:
    """Write the split of each example as text: a byte each, compressed."""
    return base64.b64encode(zlib.compress(bytes(SPLITS.index(split) for split in splits), 9)).decode()


def unpacked(text: str, examples: int) -> list[str]:
    """Read what `packed` wrote.

    Args:
        text: What it wrote.
        examples: Number of examples; no more are unpacked, as a few bytes may stand for gigabytes.

    Raises:
        DataError: It is damaged, or for another number of examples.
    """
    try:
        content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), examples + 1)
        if len(content) != examples:
            raise ValueError
        return [SPLITS[number] for number in content]
    except (ValueError, zlib.error, IndexError):
        raise DataError("the schema's assignment to splits is damaged; evaluate the data in another place") from None


def hashed(keys: Iterable[bytes]) -> str:
    """Write a short hash of each content as text: 4 bytes each, sorted, so that their order says nothing.

    The smallest are kept if there are more than `MOST_HASHES`.
    """
    return base64.b64encode(b"".join(sorted({_short(key) for key in keys})[:MOST_HASHES])).decode()


def _short(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=SHORT).digest()


def seen_in_training(gathered: Gathered, schema: Schema) -> tuple[Finding, ...]:
    """Report how many examples of other data a model was trained on; one in millions is a coincidence.

    Args:
        gathered: The other data.
        schema: The model's.
    """
    try:
        joined = base64.b64decode(schema.trained_on, validate=True)
    except ValueError:
        return ()
    known = {joined[start : start + SHORT] for start in range(0, len(joined), SHORT)}
    seen = sum(_short(key) in known for key in gathered.divisible.keys)
    if seen <= len(gathered.values) * len(known) / 256**SHORT * 10:
        return ()
    least = "at least " if len(known) >= MOST_HASHES else ""
    text = (
        f"{least}{seen:,} of {len(gathered.values):,} examples were in the training split of this model; scores on them are not "
        "evidence: leave them out"
    )
    return (Finding("seen-in-training", "warning", gathered.source, text),)
