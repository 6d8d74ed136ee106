"""Checks of pictures: their sizes and modes as they are in their files."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepcli.data.checks.limits import FAR_SIZE
from deepcli.data.checks.view import DataView
from deepcli.data.sources.findings import Finding

if TYPE_CHECKING:
    from deepcli.data.arrays.picture_sizes import PictureSize


@dataclass(frozen=True)
class PictureFigures:
    """Sizes and modes of the files of pictures.

    Attributes:
        sizes: Number of pictures by (height, width), most frequent first.
        modes: Number of pictures by Pillow's mode, most frequent first.
        smallest: (height, width) of the picture with the fewest pixels.
        median: Median height and median width.
        largest: (height, width) of the picture with the most pixels.
        far: Pictures whose sides differ by far from the median.
    """

    sizes: dict[tuple[int, int], int]
    modes: dict[str, int]
    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    far: tuple[int, ...]


def picture_figures(view: DataView) -> PictureFigures | None:
    """Read the headers of pictures; None for data without files of pictures."""
    if view.picture is None:
        return None
    from deepcli.data.arrays.picture_sizes import measure

    measured = measure([view.picture(place) for place in range(len(view))])
    known = [(place, size) for place, size in enumerate(measured) if size is not None]
    if not known:
        return None
    sizes = Counter((size.height, size.width) for _, size in known)
    median = (
        int(statistics.median_low(size.height for _, size in known)),
        int(statistics.median_low(size.width for _, size in known)),
    )
    by_area = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return PictureFigures(
        dict(sizes.most_common()),
        dict(Counter(size.mode for _, size in known).most_common()),
        by_area[0],
        median,
        by_area[-1],
        tuple(place for place, size in known if _is_far(size, median)),
    )


def _is_far(size: PictureSize, median: tuple[int, int]) -> bool:
    factors = (size.height / median[0], size.width / median[1])
    return any(factor >= FAR_SIZE or factor <= 1 / FAR_SIZE for factor in factors)


def picture_findings(view: DataView, figures: PictureFigures | None) -> Iterator[Finding]:
    """Check that pictures have similar sizes."""
    if figures is None or not figures.far:
        return
    height, width = figures.median
    text = (
        f"{len(figures.far):,} picture{'s have' if len(figures.far) > 1 else ' has'} a side that is at least {FAR_SIZE:g} "
        f"times longer or shorter than the median ({height}x{width}); look whether they show the same as the others"
    )
    yield view.found("sizes", "warning", text, [[place] for place in figures.far])
