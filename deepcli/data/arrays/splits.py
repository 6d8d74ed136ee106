"""Training, validation and test splits: stratified, seeded, and the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from deepcli.data.arrays.series_windows import SeriesWindows
from deepcli.data.arrays.stored_rows import StoredInputs, StoredRows, stored_if_large
from deepcli.data.arrays.text_windows import TextWindows
from deepcli.data.arrays.token_sequences import StoredTokens, stored_tokens
from deepcli.data.arrays.token_sequences import Tokens as Tokens
from deepcli.data.fingerprint import KEYS, is_mark
from deepcli.data.lexicon import Lexicon
from deepcli.data.sources.findings import Finding
from deepcli.errors import DataError

TEST_LIMIT_SEED = 20_240_101


Inputs = np.ndarray | StoredRows | Tokens
"""Arrays and token ids are in memory or mapped into it; what is stored is read when a batch needs it."""


@dataclass(frozen=True)
class Provenance:
    """Where data were read from, and their fingerprints.

    Attributes:
        source: The file or folder, or a description if the data are not in a file.
        verified: Whether the content is known to be the published one.
        sha256: The data set's own SHA-256 of the content.
        content: SHA-256 of everything that was read, used to compare data; None lets deepcli compute it.
    """

    source: str
    verified: bool
    sha256: str
    content: str | None = None

    @property
    def fingerprint(self) -> dict[str, str | None]:
        """The fingerprints that a run and its checkpoints store, as plain values."""
        return {key: mark if is_mark(mark := getattr(self, key)) else None for key in KEYS}


@dataclass(frozen=True)
class Raw:
    """The official splits of a data set, inputs and labels, in the order of the file."""

    train: tuple[Inputs, np.ndarray]
    test: tuple[Inputs, np.ndarray]
    provenance: Provenance


@dataclass(frozen=True)
class PairTexts:
    """Both sides of pairs of texts, as they are written."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """Examples with labels; `ids` are their positions in the official split they come from.

    `text` has the tokens of which `x` and `y` are views if the examples are windows of a running text. Backends gather
    batches from it: arrays of all windows would take many times the memory of the text. `series` has the rows of windows of
    time series in the same way, `pairs` both sides of pairs of texts as they are written.

    Where inputs are predicted, `y` is `x` itself, which is in memory once, and `labels` are the classes that examples have
    besides, if they have any.
    """

    x: Inputs
    y: np.ndarray
    ids: np.ndarray
    text: TextWindows | None = None
    series: SeriesWindows | None = None
    labels: np.ndarray | None = None
    pairs: PairTexts | None = None

    @classmethod
    def of_series(cls, series: SeriesWindows) -> Split:
        """Return the windows of time series as examples; their places are the rows that they predict first."""
        x = series.inputs
        # Rows that are stored are indexed like an array, and read as a whole where an array is made of them.
        y = cast(np.ndarray, series.outputs if series.horizon else x)
        return cls(x, y, series.origins, series=series)

    @classmethod
    def of_text(cls, text: TextWindows) -> Split:
        """Return the windows of a running text as examples."""
        return cls(text.inputs, text.targets, np.arange(len(text)), text)

    def of_inputs(self, labelled: bool) -> Split:
        """Return the same examples with their inputs as targets.

        Args:
            labelled: Whether the former targets are classes, to be kept as labels.
        """
        return replace(self, y=cast(np.ndarray, self.x), labels=self.y if labelled else None)

    @property
    def predicts_inputs(self) -> bool:
        """Whether the targets are the inputs."""
        return self.y is self.x

    @property
    def stored(self) -> StoredInputs | None:
        """What of the inputs stays in files; None if they are in memory."""
        windows = self.series if self.text is None else self.text
        x = self.x if windows is None else windows
        return x.stored if isinstance(x, StoredRows | StoredTokens | TextWindows | SeriesWindows) else None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Splits:
    """The three splits of a run; `validation` is None if the spec holds out no examples.

    `findings` say what was left out of own data, and what is doubtful about them.

    `lexicon` returns the words of token ids; it looks for them when it is called.
    """

    train: Split
    validation: Split | None
    test: Split
    provenance: Provenance
    lexicon: Callable[[], Lexicon | None] = field(default=lambda: None, compare=False, repr=False)
    findings: tuple[Finding, ...] = ()

    def __getitem__(self, name: str) -> Split:
        split: Split | None = getattr(self, name)
        if split is None:
            raise DataError("this run has no validation split (data.validation_split is 0)")
        return split

    def of_inputs(self, labelled: bool) -> Splits:
        """Return the same splits with inputs as targets; see `Split.of_inputs`."""
        held = self.validation
        return replace(
            self,
            train=self.train.of_inputs(labelled),
            validation=None if held is None else held.of_inputs(labelled),
            test=self.test.of_inputs(labelled),
        )


def fingerprint(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of the joined content of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.ravel().data)
    return digest.hexdigest()


def content_of(raw: Raw) -> str:
    """Return the SHA-256 of everything that a data set has read: shapes, dtypes and values."""
    digest = hashlib.sha256()
    for x, y in (raw.train, raw.test):
        for array in (*((x.values, x.offsets) if isinstance(x, Tokens) else (x,)), y):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).ravel().data)
    return digest.hexdigest()


def generator(*seeds: int) -> np.random.RandomState:
    """Return a random generator seeded with integers. NumPy has frozen its stream, so a split never changes."""
    return np.random.RandomState(list(seeds))


def stratified(y: np.ndarray, size: int, rng: np.random.RandomState) -> np.ndarray:
    """Choose `size` positions with every class in proportion (largest remainder method); sorted.

    scikit-learn has this too, but importing it would cost every training run most of a second.
    """
    classes, counts = np.unique(y, return_counts=True)
    exact = counts * (size / len(y))
    take = np.floor(exact).astype(int)
    for index in np.argsort(take - exact, kind="stable")[: size - take.sum()]:
        take[index] += 1
    chosen = [rng.permutation(np.flatnonzero(y == c))[:n] for c, n in zip(classes, take, strict=True)]
    positions: np.ndarray = np.sort(np.concatenate(chosen))
    return positions


def divide(raw: Raw, validation_split: float, split_seed: int, limit: int | None) -> Splits:
    """Hold a validation split out of the training split, then limit each split.

    Raises:
        DataError: The training or validation split would have no examples.
    """
    x, y = stored(raw.train[0], raw.test[0]), raw.train[1]
    held = stratified(strata_of(y), round(len(y) * validation_split), generator(split_seed, 0))
    rest = np.delete(np.arange(len(y)), held)
    if validation_split and not len(held):
        raise DataError(f"data.validation_split: {validation_split} of {len(y)} examples leaves none for validation")
    if not len(rest):
        raise DataError(f"data.validation_split: {validation_split} of {len(y)} examples leaves none for training")
    train = select(x, y, limited(y, rest, limit, generator(split_seed, 1)))
    validation = select(x, y, limited(y, held, limit, generator(split_seed, 2))) if len(held) else None
    x, y = stored(raw.test[0], raw.train[0]), raw.test[1]
    test = select(x, y, limited(y, np.arange(len(y)), limit, generator(TEST_LIMIT_SEED)))
    return Splits(train, validation, test, raw.provenance)


def limited(y: np.ndarray, ids: np.ndarray, limit: int | None, rng: np.random.RandomState) -> np.ndarray:
    """Return at most `limit` of the positions, every class in proportion."""
    if limit is None or limit >= len(ids):
        return ids
    chosen: np.ndarray = ids[stratified(strata_of(y[ids]), limit, rng)]
    return chosen


def strata_of(y: np.ndarray) -> np.ndarray:
    """Return what keeps its shares when examples are drawn, (examples,): the class; one stratum for other targets."""
    return y if y.ndim == 1 and y.dtype.kind in "iu" else np.zeros(len(y), np.int32)


def select(x: Inputs, y: np.ndarray, ids: np.ndarray) -> Split:
    """Return the examples at some positions as a split; rows that are stored stay in their files."""
    if len(ids) == len(y):
        return Split(x, y, ids)
    chosen = x.part(ids) if isinstance(x, StoredRows | StoredTokens) else x[ids]
    return Split(chosen, cast(np.ndarray, chosen) if y is x else y[ids], ids)


def stored(x: Inputs, *besides: Inputs) -> Inputs:
    """Return inputs that are mapped into memory as inputs that stay in their files, if all together are too large to be held.

    Args:
        x: The inputs.
        besides: Inputs that are needed at the same time.
    """
    if isinstance(x, Tokens):
        return stored_tokens(x, [one for one in besides if isinstance(one, Tokens)])
    arrays = [one for one in (x, *besides) if isinstance(one, np.ndarray)]
    if not isinstance(x, np.ndarray) or (found := stored_if_large(arrays)) is None:
        return x
    return StoredRows([x], free=found.free)


def in_memory(x: Inputs) -> np.ndarray | Tokens:
    """Return inputs, read from their files if they stay there."""
    if isinstance(x, StoredTokens):
        return x.in_memory()
    return np.asarray(x) if isinstance(x, StoredRows) else x
