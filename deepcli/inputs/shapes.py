"""Finds the connected shapes in a black and white picture.

The text of this file is also part of `usage.py` beside exported models, so it imports only NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Shape:
    """Connected pixels; diagonal neighbours are connected too.

    Attributes:
        area: Number of pixels.
        top, left, bottom, right: The box around them; bottom and right are just outside.
    """

    area: int
    top: int
    left: int
    bottom: int
    right: int


def find_shapes(mask: np.ndarray) -> tuple[np.ndarray, list[Shape]]:
    """Find the shapes in a mask (height, width).

    Returns:
        The number of each pixel's shape, int (height, width), -1 outside all shapes; and the shapes.
    """
    height, width = mask.shape
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, begins = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    parents = _join(rows.tolist(), begins.tolist(), ends.tolist())
    roots, numbers = np.unique(parents, return_inverse=True)
    labels = np.full(mask.shape, -1)
    labels[mask] = np.repeat(numbers, ends - begins)
    count = len(roots)
    areas, tops, bottoms = np.zeros(count, int), np.full(count, height), np.zeros(count, int)
    lefts, rights = np.full(count, width), np.zeros(count, int)
    np.add.at(areas, numbers, ends - begins)
    for array, function, values in (
        (tops, np.minimum, rows), (bottoms, np.maximum, rows + 1), (lefts, np.minimum, begins), (rights, np.maximum, ends),
    ):  # fmt: skip
        function.at(array, numbers, values)
    found = np.stack([areas, tops, lefts, bottoms, rights], axis=1).tolist()
    return labels, [Shape(*numbers) for numbers in found]


def _join(rows: list[int], begins: list[int], ends: list[int]) -> list[int]:
    """Return for each run of pixels in a row the number of one run that represents its whole shape."""
    parents = list(range(len(rows)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    above = 0
    for run, row in enumerate(rows):
        while rows[above] < row - 1 or (rows[above] == row - 1 and ends[above] < begins[run]):
            above += 1
        other = above
        while rows[other] == row - 1 and begins[other] <= ends[run]:
            parents[root(other)] = root(run)
            other += 1
    return [root(run) for run in range(len(rows))]
