"""Own pictures: a folder for each class, or folders of splits above them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.augmentation import ImageAugmentation
from deepcli.data.base import DATASETS
from deepcli.data.files import cache_folder
from deepcli.data.own_pictures import OwnPictures
from deepcli.data.schema import Kind, Schema, Target
from deepcli.data.sources.archives import ENDINGS, unpacked
from deepcli.data.sources.class_numbers import class_kind, class_numbers, known_numbers
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.naming import printable
from deepcli.data.sources.picture_folders import PictureFolder, list_pictures
from deepcli.data.sources.splitting import Divisible

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Inputs


@DATASETS.register
class ImageFolderDataset(OwnPictures):
    """Own pictures: a folder for each class; or `train`, `validation` and `test` with such folders in them.

    JPEG, PNG, WebP, BMP, GIF and TIFF, of any size and colours; the folder may be a zip or tar archive. Pictures are
    decoded once, into deepcli's cache.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)

    type: Literal["image_folder"] = "image_folder"
    augmentation: ImageAugmentation | None = Field(None, description="How images are varied during training.")

    def stamp(self) -> object:
        path = Path(self.place).expanduser()
        if path.is_file():
            facts = path.stat()
            return [str(path), facts.st_size, facts.st_mtime_ns]
        return [[one.name, one.size, one.mtime_ns, one.ctime_ns] for one in self._listed().pictures]

    def _listed(self) -> PictureFolder:
        path = Path(self.place).expanduser()
        if path.is_file() and path.name.lower().endswith(ENDINGS):
            path = unpacked(path, cache_folder())
        return list_pictures(path, labelled=self._reads != "inputs")

    def gather(self, known: Schema | None) -> Gathered:
        folder = self._listed()
        kind = class_kind(self._reads, self.type)
        decoded = self.decoded(folder.path, folder.pictures, known)
        pictures = [folder.pictures[place] for place in decoded.indices.tolist()]
        labels = [one.label for one in pictures]
        if self._reads == "inputs":
            names = folder.classes if known is None else known.target.names
            numbers = known_numbers(labels, names)
        else:
            names, numbers = class_numbers(labels, folder.classes, known, self.path)
        return Gathered(
            self.path,
            Divisible(decoded.digests, numbers, [one.split for one in pictures]),
            Target(kind=kind, names=names, reason="folders"),
            numbers,
            decoded.images,
            (*folder.findings, *decoded.findings(folder.pictures)),
            where=lambda place: printable(str(Path(self.place) / pictures[place].name)),
            picture=lambda place: folder.path / pictures[place].name,
        )

    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        return {"kind": "image", "shape": tuple(gathered.content.shape[1:])}

    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        images: Inputs = gathered.content
        return images
