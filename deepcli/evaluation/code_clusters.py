"""Codes in groups and in the plane: k-means against known classes, and principal components."""

from __future__ import annotations

import numpy as np

MOST = 10_000
"""Examples whose codes are grouped; if there are more, this number is drawn at random."""
STARTS = 4
"""Random starts of k-means, of which the best counts."""


def rand_index(codes: np.ndarray, labels: np.ndarray) -> float:
    """Return the adjusted Rand index of k-means on codes against classes: 1 for equal groups, about 0 for chance.

    There are as many groups as classes. Examples without a class are left out.

    Source: Hubert & Arabie (1985), "Comparing partitions".

    Args:
        codes: float (examples, latent).
        labels: Classes, int (examples,); -1 for none.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score
    from threadpoolctl import threadpool_limits

    known = np.flatnonzero(labels >= 0)
    known = known if len(known) <= MOST else np.sort(np.random.default_rng(0).permutation(known)[:MOST])
    codes, labels = codes[known].astype(np.float64), labels[known]
    groups = min(len(np.unique(labels)), len(np.unique(codes, axis=0)))
    with threadpool_limits(1):  # threads would add up distances in another order, and change the last digits
        found = KMeans(groups, n_init=STARTS, random_state=0).fit_predict(codes)
    return float(adjusted_rand_score(labels, found))


def in_plane(codes: np.ndarray) -> tuple[np.ndarray, float]:
    """Return codes in two dimensions, by principal components, and the share of their variance that these show.

    Args:
        codes: float (examples, latent); two numbers are returned as they are, one gets a second that is 0.
    """
    codes = codes.astype(np.float64)
    if codes.shape[1] <= 2:
        return np.pad(codes, [(0, 0), (0, 2 - codes.shape[1])]), 1.0
    centred = codes - codes.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    chosen = vectors[:, ::-1][:, :2]
    chosen = chosen * np.where(chosen[np.abs(chosen).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)  # a sign of its own
    total = float(values.sum())
    return centred @ chosen, float(values[-2:].sum()) / total if total > 0 else 1.0
