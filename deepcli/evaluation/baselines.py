"""Models that learn in seconds, on the same splits: what a network has to beat."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepcli.data.arrays.splits import Inputs, Split, Tokens, in_memory
from deepcli.data.arrays.stored_rows import StoredRows
from deepcli.data.schema import Kind
from deepcli.data.signature import Signature
from deepcli.errors import DataError
from deepcli.evaluation.baseline_features import BagOfWords, Pixels, SeriesFeatures, TableFeatures
from deepcli.evaluation.boosting_baseline import BoostingColumns, fit_boosting
from deepcli.evaluation.input_baselines import fit_pca
from deepcli.evaluation.linear_baselines import fit_linear

MOST_EXAMPLES = 50_000
"""The most training examples; if there are more, this number is drawn at random."""
MOST_VALUES = 20_000_000
"""Values or words of all training examples."""
CHOICE_SHARE = 5
"""The strength of a linear model is chosen on at most a fifth of the limits above."""
MANY_VALUES = 1_000_000
"""Values from which several threads are worth it."""
AT_ONCE = 5_000
"""Examples that are predicted at a time."""

PCA = "pca"
Predict = Callable[[Any], np.ndarray]


@dataclass(frozen=True)
class FittedBaseline:
    """A baseline that has learned; calling it with inputs returns outputs as a network's, float32 (examples, units).

    Attributes:
        name: Its name.
        predict: Takes inputs as they are in memory; of a running text, of windows of series, of pairs, or where inputs
            are predicted, a split.
        notes: What is worth knowing: examples that were left out, the strength that was chosen.
        seconds: How long it learned.
    """

    name: str
    predict: Predict
    notes: tuple[str, ...]
    seconds: float

    def outputs(self, split: Split) -> np.ndarray:
        """Return the outputs for the examples of a split; of a running text or of inputs, what is kept of them."""
        whole = takes_splits(split) or split.predicts_inputs
        return self.predict(split) if whole else self(split.x)

    def __call__(self, x: Inputs) -> np.ndarray:
        """Return the outputs for some inputs; two classes have two columns of probabilities."""
        # What is not in memory is read in smaller parts, which are many times as large as features.
        step = min(AT_ONCE, max(1, MANY_VALUES * len(x) // _size(x))) if isinstance(x, StoredRows) else AT_ONCE
        with _threads(x):
            parts = [self.predict(x[np.arange(start, min(start + step, len(x)))]) for start in range(0, len(x), step)]
        return np.concatenate(parts).astype(np.float32)


def _linear(features: Callable[..., Any]) -> Callable[[Signature, Split, Split | None, int], tuple[Predict, list[str]]]:
    """Make a baseline of a linear model of some features."""

    def fit(signature: Signature, train: Split, validation: Split | None, seed: int) -> tuple[Predict, list[str]]:
        made = features(train.x, *([signature.columns] if signature.kind in ("features", "series") else []))
        most = max(len(train) * MOST_VALUES // (CHOICE_SHARE * max(_size(train.x), 1)), 300)
        most = min(most, MOST_EXAMPLES // CHOICE_SHARE)
        kind, units = signature.predicted.kind, _units(signature)
        model, strength = fit_linear(kind, made(train.x), train.y, units, seed, most)
        return lambda x: model(made(x)), [f"penalty {strength:g}, chosen by cross-validation in the training split"]

    return fit


def _boosting(signature: Signature, train: Split, validation: Split | None, seed: int) -> tuple[Predict, list[str]]:
    columns = BoostingColumns(np.asarray(train.x), signature.columns)
    held = None if validation is None else (columns(np.asarray(validation.x)), validation.y)
    kind, units = signature.predicted.kind, _units(signature)
    model = fit_boosting(kind, (columns(np.asarray(train.x)), train.y), held, units, columns.is_category, seed)
    return lambda x: model(columns(x)), []


def _ngrams(signature: Signature, train: Split, validation: Split | None, seed: int) -> tuple[Predict, list[str]]:
    from deepcli.evaluation.ngram_baseline import fit_ngrams, signed_windows

    model, length, notes = fit_ngrams(signature, train, validation)

    def predict(split: Split) -> np.ndarray:
        assert split.text is not None
        return signed_windows(model, split.text, length, signature.unscored)

    return predict, notes


def _window_linear(
    signature: Signature, train: Split, validation: Split | None, seed: int
) -> tuple[Predict, list[str]]:
    if signature.series is not None:
        from deepcli.evaluation.naive_forecasts import fit_window_ridge

        model, notes = fit_window_ridge(signature, train, validation)
        return lambda split: model(split.x), notes
    return _linear(SeriesFeatures)(signature, train, validation, seed)


def _nearest(signature: Signature, train: Split, validation: Split | None, seed: int) -> tuple[Any, list[str]]:
    from deepcli.evaluation.nearest_baseline import fit_nearest

    return fit_nearest(signature, train)


BASELINES: dict[Kind, dict[str, Callable[..., tuple[Predict, list[str]]]]] = {
    "features": {"linear": _linear(TableFeatures), "gradient_boosting": _boosting},
    "tokens": {"bag_of_words": _linear(BagOfWords)},
    "image": {"pixels": _linear(Pixels)},
    "text": {"ngram": _ngrams},
    "series": {"linear": _window_linear},
    "pairs": {"nearest": _nearest},
}
"""The baselines by kind of input, and what fits them."""


def takes_splits(split: Split) -> bool:
    """Return whether baselines for such data take a split whole, and not its inputs alone."""
    return split.text is not None or split.series is not None or split.pairs is not None


def baselines_for(signature: Signature) -> list[str]:
    """Name the baselines for some data: `linear` and `gradient_boosting`, `bag_of_words`, `pixels`, `ngram`, `nearest`, `pca`."""
    return [PCA] if signature.predicted.kind == "inputs" else list(BASELINES[signature.kind])


def fit_baseline(
    name: str,
    signature: Signature,
    train: Split,
    validation: Split | None,
    seed: int = 0,
    components: int | None = None,
) -> FittedBaseline:
    """Fit a baseline on the training split.

    `linear` is ridge or logistic regression of standardized numbers, indicators of missing ones and one-hot categories;
    `gradient_boosting` is scikit-learn's histogram gradient boosting; `bag_of_words` is a linear model of words and pairs
    of words by TF-IDF; `pixels` one of pixels; `ngram` counts n-grams of a running text. Of series, `linear` is ridge regression of
    what follows on the steps of a window, or logistic regression of classes on the steps.
    `nearest` writes the target of the most similar training input; `pca` gives inputs back from their principal components.

    Args:
        name: One of `baselines_for(signature)`.
        signature: The data.
        train: The training split.
        validation: The validation split; it only decides when gradient boosting stops.
        seed: Seed for what is drawn.
        components: Principal components of `pca`; None for a usual number.

    Raises:
        DataError: There is no such baseline for these data.
    """
    if name not in baselines_for(signature):
        raise DataError(f"{name} is not a baseline for these data; known: {', '.join(baselines_for(signature))}")
    began = time.perf_counter()
    # Components are found in all values of all examples at once, of which overlapping windows have many.
    learned, notes = (train, []) if takes_splits(train) and name != PCA else _bounded(train, seed)
    with _threads(learned.x):
        if name == PCA:
            predict, more = fit_pca(signature, learned, components, seed)
        else:
            predict, more = BASELINES[signature.kind][name](signature, learned, validation, seed)
    return FittedBaseline(name, predict, (*notes, *more), time.perf_counter() - began)


def _bounded(train: Split, seed: int) -> tuple[Split, list[str]]:
    """Draw training examples if there are too many to learn from in seconds."""
    fits = len(train) * MOST_VALUES // max(_size(train.x), 1)
    most = max(min(MOST_EXAMPLES, fits), 1_000)
    if len(train) <= most:
        return (train if (x := in_memory(train.x)) is train.x else replace(train, x=x)), []
    chosen = np.sort(np.random.default_rng(seed).permutation(len(train))[:most])
    part = Split(train.x[chosen], train.y[chosen], train.ids[chosen])
    return part, [f"learned from {most:,} of {len(train):,} training examples, drawn at random"]


def _threads(x: Inputs) -> contextlib.AbstractContextManager[Any]:
    """Use one thread for few values: on a busy machine, threads that wait for each other take many times as long.

    With both cores busy, boosting 1,200 rows of 11 columns took 28 s with two threads and 0.5 s with one.
    """
    if _size(x) >= MANY_VALUES:
        return contextlib.nullcontext()
    from threadpoolctl import threadpool_limits

    limits: contextlib.AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def _size(x: Inputs) -> int:
    return int(x.offsets[-1] - x.offsets[0]) if isinstance(x, Tokens) else int(x.size)


def _units(signature: Signature) -> int:
    target = signature.predicted
    return len(target.names) if target.kind == "numbers" else signature.classes
