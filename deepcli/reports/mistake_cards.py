"""Examples that a model is wrong about, as they are shown on a page: a picture or a text, with what was said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from deepcli.reports.markup import image


@dataclass(frozen=True)
class MistakeCard:
    """An example.

    Attributes:
        caption: What is true, and what was predicted.
        text: The example, if it is a text; empty for a picture.
        picture: The example, if it is a picture; None for a text.
    """

    caption: str
    text: str = ""
    picture: Markup | None = None


def cards(images: np.ndarray, texts: np.ndarray, captions: Sequence[str]) -> list[MistakeCard]:
    """Return examples with their captions; either images or texts are empty."""
    if len(images):
        pairs = zip(images, captions, strict=True)
        return [MistakeCard(caption, picture=image(pixels, caption)) for pixels, caption in pairs]
    return [MistakeCard(caption, text) for caption, text in zip(captions, texts.tolist(), strict=True)]
