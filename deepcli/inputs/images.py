"""Reads the images of an array file; their value range and background are detected from all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from deepcli.errors import DataError
from deepcli.inputs.colours import Limits
from deepcli.inputs.example import Notify
from deepcli.inputs.levels import DARK, PixelError, UnknownRange, Values, judge, to_bytes
from deepcli.inputs.picture import GROUNDS, Wanted, on_border
from deepcli.inputs.pictures import WAY_OUT

MIXED = 0.1
"""If a larger fraction of images has another background than the rest, the user must choose."""


@dataclass(frozen=True)
class Images:
    """Converts the rows of one array file to an image model's inputs.

    Attributes:
        wanted: The format that the model takes.
        limits: The values of black and white.
        inverted: Whether the images are inverted.
    """

    wanted: Wanted
    limits: Limits
    inverted: bool

    def take(self, rows: np.ndarray, name: str) -> np.ndarray:
        """Convert some rows of the file to uint8 (rows, height, width, channels).

        Raises:
            DataError: Values are outside the range.
        """
        try:
            images = to_bytes(_shaped(rows, self.wanted, name), self.limits)
        except PixelError as error:
            raise DataError(f"{name}: {error}") from None
        return 255 - images if self.inverted else images


def shapes_of(wanted: Wanted) -> set[tuple[int, ...]]:
    """Return the shapes that one image may have; a single channel may be left out."""
    return {wanted.shape, wanted.shape[:2]} if wanted.shape[2] == 1 else {wanted.shape}


def survey(
    pieces: Iterable[np.ndarray], wanted: Wanted, invert: bool | None, limits: Limits | None, name: str, notify: Notify
) -> Images:
    """Read all rows of a file to detect their value range and background.

    Args:
        pieces: (rows, height, width, channels) each, or (rows, height, width) if there is one channel.
        wanted: The format that the model takes.
        invert: Whether to invert the images; None detects it from their background.
        limits: The values of black and white; None detects them from the values.
        name: The file's name in messages.
        notify: Receives notices about what was detected.

    Raises:
        DataError: The images have another shape, or their values of black and white or their background are unclear.
    """
    values, grounds = None, []
    for rows in pieces:
        images = _shaped(rows, wanted, name)
        if not len(images):
            continue
        more = Values.of(images)
        values = more if values is None else values.joined(more)
        if invert is None and wanted.bright_on_dark is not None:
            grounds.append(on_border(images).mean(axis=-1))
    if values is None:
        return Images(wanted, (0, 255), False)
    found = limits or _judged(values, name)
    if limits is None and values.dtype != np.uint8:
        notify(f"{name}: values read as {found[0]:g} (black) to {found[1]:g} (white)")
    elif limits is not None and values.high < found[0] + DARK * (found[1] - found[0]):
        notify(f"{name}: nearly black in the given range; its highest value is {values.high:g}")
    if invert is None and grounds:
        shares = (np.concatenate(grounds) - found[0]) / (found[1] - found[0])
        inverted = _is_other_ground(shares if wanted.bright_on_dark else 1 - shares, name)
    else:
        inverted = bool(invert)
    if inverted:
        why = "" if invert else f" because they are {GROUNDS[bool(wanted.bright_on_dark)]}"
        notify(f"{name}: its images were inverted{why}")
    return Images(wanted, found, inverted)


def _shaped(rows: np.ndarray, wanted: Wanted, name: str) -> np.ndarray:
    if rows.shape[1:] not in shapes_of(wanted):
        raise DataError(
            f"{name}: its rows are {'x'.join(map(str, rows.shape[1:])) or 'numbers'}; "
            f"the model takes {'x'.join(map(str, wanted.shape))}"
        )
    return rows.reshape(-1, *wanted.shape)


def _judged(values: Values, name: str) -> Limits:
    try:
        return judge(values)
    except UnknownRange as error:
        raise DataError(f"{name}: {error}; {WAY_OUT}") from None
    except PixelError as error:
        raise DataError(f"{name}: {error}") from None


def _is_other_ground(shares: np.ndarray, name: str) -> bool:
    """Return whether most images have the opposite background; shares: 0 as in the model's data, 1 the opposite."""
    for clearly in (shares > 2 / 3, shares < 1 / 3):
        if clearly.mean() < MIXED:
            return bool(np.mean(shares > 0.5) > 0.5)
    raise DataError(
        f"{name}: {np.mean(shares > 2 / 3):.0%} of its images have a bright background and {np.mean(shares < 1 / 3):.0%} a "
        "dark one; split the file, or choose for all images with --invert or --no-invert"
    )
