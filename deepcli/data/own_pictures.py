"""What data sets of own pictures have in common: sizes, colours, and decoding into the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from deepcli.data.files import cache_folder
from deepcli.data.own import OwnDataset
from deepcli.data.schema import Schema
from deepcli.data.sources.picture_folders import Picture
from deepcli.errors import DataError
from deepcli.spec.fields import Positive
from deepcli.system.reach import reach

if TYPE_CHECKING:
    from deepcli.data.arrays.picture_cache import DecodedPictures


def _both(value: Any) -> Any:
    return (value, value) if isinstance(value, int) and not isinstance(value, bool) else value


Size = Annotated[
    tuple[Positive, Positive] | None,
    BeforeValidator(_both, json_schema_input_type=Positive | tuple[Positive, Positive] | None),
]
"""(height, width); a single number is both."""


class OwnPictures(OwnDataset):
    """Own pictures."""

    size: Size = Field(
        None, description="(height, width) of images; null: the size of most pictures or their median, at most 224."
    )
    resize: Literal["stretch", "crop", "pad"] = Field(
        "stretch",
        description="How pictures are brought to that size: stretch, crop what is too long, or pad with black.",
    )
    color_mode: Literal["auto", "rgb", "grayscale"] = Field(
        "auto", description="Colours of images; auto is grayscale if no picture has colours."
    )

    def decoded(self, folder: Path, pictures: Sequence[Picture], known: Schema | None) -> DecodedPictures:
        """Decode pictures, or open what was decoded before.

        Args:
            folder: Where they are.
            pictures: The pictures.
            known: The schema of a model, whose size is used; None: as the fields say, or as found.

        Raises:
            DataError: None can be read, or the cache cannot be written.
        """
        from deepcli.data.arrays.picture_cache import decoded
        from deepcli.data.arrays.picture_sizes import found_channels, found_size, measure

        progress = reach().decoding
        if known is not None:
            height, width, channels = (size or 1 for size in known.shape)
            return decoded(folder, pictures, (height, width), channels, self.resize, cache_folder(), progress)
        chosen = {"rgb": 3, "grayscale": 1}.get(self.color_mode)
        sizes = [] if self.size and chosen else measure([folder / one.name for one in pictures])
        try:
            size = self.size or found_size(sizes)
        except ValueError as error:
            raise DataError(f"{folder}: {error}") from None
        channels = chosen or found_channels(sizes)
        return decoded(folder, pictures, size, channels, self.resize, cache_folder(), progress)
