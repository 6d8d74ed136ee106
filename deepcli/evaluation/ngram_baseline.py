"""N-grams with Witten-Bell smoothing: how well a text can be predicted by counting what followed before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepcli.data.arrays.splits import Split
from deepcli.data.arrays.text_windows import TextWindows
from deepcli.data.signature import Signature

MOST_TOKENS = 2_000_000
"""Tokens of training that are counted, the last ones."""
LONGEST = {True: 7, False: 4}
"""The longest n-gram that is tried, for small vocabularies such as characters, and for large ones such as words."""
SMALL = 300
"""Different tokens up to which a vocabulary is small."""
AT_ONCE = 1 << 18
MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Grams:
    """What followed each context of one length in training.

    Attributes:
        grams: Hashes of each context together with what followed, sorted, uint64.
        counts: How often each occurred.
        contexts: Hashes of the contexts, sorted, uint64.
        totals: How often each occurred.
        kinds: How many different tokens followed each.
        likeliest: The token that followed each most often.
    """

    grams: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    kinds: np.ndarray
    likeliest: np.ndarray


class WittenBell:
    """An n-gram model that interpolates each context with the next shorter one.

    P(w | h) = (c(h w) + T(h) P(w | h')) / (c(h) + T(h)), where T(h) is how many different tokens followed h, and h' is h
    without its first token; the shortest is interpolated with 1 / vocabulary.

    Source: Witten & Bell (1991), "The zero-frequency problem"; Chen & Goodman (1999) for the interpolated form.

    Args:
        tokens: The training text, int (tokens,).
        vocabulary: Number of different tokens.
        n: The longest n-gram.
    """

    def __init__(self, tokens: np.ndarray, vocabulary: int, n: int) -> None:
        self.vocabulary, self.n = vocabulary, n
        self._orders = [_counted(tokens, length) for length in range(n)]

    def nats(
        self, tokens: np.ndarray, places: np.ndarray, n: int | None = None, before: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the cross-entropy of some tokens of a text, negative where another token is likelier.

        The likeliest is looked for among those that followed the two longest known contexts most often, so that now and then
        a right answer counts as a wrong one.

        Args:
            tokens: The text, int (tokens,).
            places: Which tokens; the tokens before each are its context.
            n: The longest n-gram to use; None for all.
            before: How many tokens of context each has at most; None: all that are before it.
        """
        orders, before = self._orders[: n or self.n], places if before is None else before
        hashes = [_contexts(tokens, places, length, before) for length in range(len(orders))]
        targets = tokens[places].astype(np.int64)
        chance = self._probability(orders, hashes, targets)
        first = second = np.zeros(len(places), np.int64)
        for order, context in zip(orders, hashes, strict=True):
            at, known = _found(order.contexts, context)
            first, second = np.where(known, order.likeliest[at], first), np.where(known, first, second)
        likelier = self._probability(orders, hashes, first) >= self._probability(orders, hashes, second)
        answer = np.where(likelier, first, second)
        cost = -np.log(chance)
        found: np.ndarray = np.where(answer == targets, cost, -cost).astype(np.float32)
        return found

    def _probability(self, orders: list[Grams], hashes: list[np.ndarray], targets: np.ndarray) -> np.ndarray:
        chance = np.full(len(targets), 1 / self.vocabulary)
        for order, context in zip(orders, hashes, strict=True):
            at, known = _found(order.contexts, context)
            total, kinds = (np.where(known, values[at], 0) for values in (order.totals, order.kinds))
            place, seen = _found(order.grams, _joined(context, targets))
            count = np.where(seen & known, order.counts[place], 0)
            chance = np.where(known, (count + kinds * chance) / np.maximum(total + kinds, 1), chance)
        return chance


def fit_ngrams(signature: Signature, train: Split, validation: Split | None) -> tuple[WittenBell, int, list[str]]:
    """Count the n-grams of the training split, and choose their length on the validation split.

    Returns:
        The model, the length of its n-grams, and what is worth knowing.
    """
    text = running(train.text, MOST_TOKENS)
    longest = LONGEST[signature.classes <= SMALL]
    model = WittenBell(text, signature.classes, longest)
    notes = [f"counted the last {MOST_TOKENS:,} tokens of training"] if len(text) == MOST_TOKENS else []
    if validation is None or validation.text is None:
        return model, longest, [*notes, f"n-grams of up to {longest} tokens"]
    part = validation.text.first(max(AT_ONCE // validation.text.window, 1))
    costs = {
        n: float(np.nanmean(np.abs(signed_windows(model, part, n, signature.unscored)))) for n in range(1, longest + 1)
    }
    best = min(costs, key=costs.__getitem__)
    return model, best, [*notes, f"n-grams of up to {best} tokens, chosen on validation"]


def signed_windows(model: WittenBell, text: TextWindows, n: int, unscored: int | None) -> np.ndarray:
    """Return the cross-entropy of the targets of windows, as in `TokenPredictions`, float32 (windows, window).

    Like a network, n-grams see no token before the window.
    """
    begins, parts = np.asarray(text.begins), []
    rows = max(AT_ONCE // text.window, 1)
    for first in range(0, len(begins), rows):
        places = begins[first : first + rows, None] + 1 + np.arange(text.window)
        before = np.broadcast_to(1 + np.arange(text.window), places.shape)
        found = model.nats(text.tokens, places.ravel(), n, before.ravel())
        if unscored is not None:
            found[text.tokens[places.ravel()] == unscored] = np.nan
        parts.append(found.reshape(places.shape))
    return np.concatenate(parts) if parts else np.zeros((0, text.window), np.float32)


def running(text: TextWindows | None, most: int) -> np.ndarray:
    """Return the tokens that windows cover, at most the last ones."""
    if text is None or not len(text):
        raise ValueError("the split is not of a running text")
    covered: np.ndarray = text.tokens[text.begins[0] : text.begins[-1] + text.window + 1][-most:]
    return covered


def _counted(tokens: np.ndarray, length: int) -> Grams:
    """Count what follows each context of a length."""
    places = np.arange(length, len(tokens))
    context = _contexts(tokens, places, length, places)
    following = tokens[places].astype(np.int64)
    grams, first, counts = np.unique(_joined(context, following), return_index=True, return_counts=True)
    contexts, inverse = np.unique(context[first], return_inverse=True)
    by_count = np.lexsort((counts, inverse))
    last = np.searchsorted(inverse[by_count], np.arange(len(contexts)), side="right") - 1
    likeliest = following[first][by_count][last]
    totals = np.bincount(inverse, counts, minlength=len(contexts))
    return Grams(grams, counts, contexts, totals, np.bincount(inverse, minlength=len(contexts)), likeliest)


def _contexts(tokens: np.ndarray, places: np.ndarray, length: int, before: np.ndarray) -> np.ndarray:
    """Hash the tokens before some places; where fewer than that are known, it is a context that never occurs."""
    found = np.full(len(places), length, np.uint64)
    for back in range(length, 0, -1):
        found = _joined(found, tokens[np.maximum(places - back, 0)].astype(np.int64))
    return np.where(before >= length, found, np.uint64(0))


def _joined(hashes: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Extend hashes by a token; of 10^7 n-grams, two share one of 2^64 hashes with a probability of 10^-6."""
    mixed = (hashes + tokens.astype(np.uint64) + np.uint64(1)) * MIX
    mixed ^= mixed >> np.uint64(29)
    found: np.ndarray = mixed * np.uint64(0xBF58476D1CE4E5B9)
    return found


def _found(known: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of hashes in a sorted array, and whether it has them."""
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return at, known[at] == wanted
