"""Own arrays: inputs and targets in a `.npz`, `.npy` or HDF5 file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from deepcli.data.augmentation import ImageAugmentation, TokenAugmentation
from deepcli.data.base import DATASETS, TakesIds
from deepcli.data.own import OwnDataset
from deepcli.data.schema import Schema
from deepcli.data.sources.gathered import Gathered
from deepcli.data.text_folder import stat_of

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Inputs


@DATASETS.register
class ArraysDataset(TakesIds, OwnDataset):
    """Own arrays `x` and `y`, or `x_train`, `y_train` and so on: pictures, rows of numbers, or token ids."""

    type: Literal["arrays"] = "arrays"
    x: str | None = Field(None, description="Name of the array of inputs; null finds it by the usual names.")
    y: str | None = Field(
        None, description="Name of the array of targets, or of a .npy file beside the inputs; null finds it."
    )
    kind: Literal["auto", "image", "features", "tokens"] = Field(
        "auto", description="What the inputs are; auto finds images and features. Token ids must be said."
    )
    augmentation: ImageAugmentation | TokenAugmentation | None = Field(
        None, description="How images or texts are varied during training."
    )

    def stamp(self) -> object:
        path = Path(self.place).expanduser()
        beside = path.parent / self.y if self.y and self.y.lower().endswith(".npy") else None
        return [[str(one), *stat_of(one)] for one in (path, beside) if one is not None]

    def gather(self, known: Schema | None) -> Gathered:
        from deepcli.data.arrays.array_rows import gather_arrays

        return gather_arrays(self, self._reads, known)

    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        from deepcli.data.arrays.array_rows import describe_arrays

        return describe_arrays(gathered, train)

    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        inputs: Inputs = gathered.content.inputs
        return inputs
