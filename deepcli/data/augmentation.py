"""Augmentation: how training examples are varied, a spec section beside the data they belong to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepcli.spec.fields import Rate
from deepcli.spec.registry import Spec

# As Keras encodes texts: 0 is padding, 1 starts one, 2 is a word left out, 3 is unused, words follow.
UNKNOWN_WORD, FIRST_WORD = 2, 4

Factor = Annotated[float, Field(ge=0, le=1)]
Flip = Literal["none", "horizontal", "vertical", "horizontal_and_vertical"]


class ImageAugmentation(Spec):
    """Vary each image anew in every training step; what comes in from outside the image is black."""

    rotation: Factor = Field(0.0, description="Turn either way by up to this share of a full circle.")
    translation: Factor = Field(0.0, description="Shift each way by up to this share of height and width.")
    zoom: Rate = Field(0.0, description="Shrink or enlarge by up to this share; the aspect stays.")
    erasing: Factor = Field(
        0.0, description="Probability of blackening a rectangle of 2 to 33 % of the image (Zhong et al. 2017)."
    )
    flip: Flip = Field("none", description="Mirror with probability one half, each way that is named.")

    @property
    def moves(self) -> bool:
        """Whether pixels change their places."""
        return bool(self.rotation or self.translation or self.zoom or self.flip != "none")


class TokenAugmentation(Spec):
    """Vary each text anew in every training step."""

    word_dropout: Rate = Field(
        0.0, description="Probability of replacing a word by the unknown word (Iyyer et al. 2015 drop it)."
    )


Augmentation = ImageAugmentation | TokenAugmentation
