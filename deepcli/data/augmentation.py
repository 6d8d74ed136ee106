"""Augmentation of training examples: the `augmentation` section of a data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepcli.spec.fields import Rate
from deepcli.spec.registry import Spec

# Token ids as in Keras: 0 is padding, 1 starts a text, 2 is the unknown word, 3 is unused, words begin at 4.
UNKNOWN_WORD, FIRST_WORD = 2, 4

Factor = Annotated[float, Field(ge=0, le=1)]
Flip = Literal["none", "horizontal", "vertical", "horizontal_and_vertical"]


class ImageAugmentation(Spec):
    """Vary every image at random in each training step; areas from outside the image are black."""

    rotation: Factor = Field(0.0, description="Rotate either way by up to this fraction of a full circle.")
    translation: Factor = Field(0.0, description="Shift either way by up to this fraction of height and width.")
    zoom: Rate = Field(0.0, description="Zoom in or out by up to this fraction; keeps the aspect ratio.")
    erasing: Factor = Field(
        0.0, description="Probability of erasing a rectangle of 2 to 33 % of the image to black (Zhong et al. 2017)."
    )
    flip: Flip = Field("none", description="Mirror with probability 0.5 in each of these directions.")

    @property
    def moves(self) -> bool:
        """Whether pixels change their positions."""
        return bool(self.rotation or self.translation or self.zoom or self.flip != "none")


class TokenAugmentation(Spec):
    """Vary every text at random in each training step."""

    word_dropout: Rate = Field(
        0.0, description="Probability of replacing a word with the unknown word (Iyyer et al. 2015 drop it)."
    )


Augmentation = ImageAugmentation | TokenAugmentation
