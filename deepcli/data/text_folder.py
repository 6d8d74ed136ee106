"""Own texts: a folder for each class, or folders of splits above them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.augmentation import TokenAugmentation
from deepcli.data.base import DATASETS
from deepcli.data.own_texts import OwnTexts, same_text
from deepcli.data.schema import Kind, Schema, Target
from deepcli.data.sources.class_numbers import class_kind, class_numbers
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.naming import printable
from deepcli.data.sources.splitting import Divisible

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Inputs


@DATASETS.register
class TextFolderDataset(OwnTexts):
    """Own texts: a folder of .txt files for each class; or `train`, `validation` and `test` with such folders in them."""

    kinds: ClassVar[tuple[Kind, ...]] = ("tokens",)

    type: Literal["text_folder"] = "text_folder"
    augmentation: TokenAugmentation | None = Field(None, description="How texts are varied during training.")

    def stamp(self) -> object:
        from deepcli.data.sources.text_files import list_texts

        folder = Path(self.place).expanduser()
        return [[one.path, *stat_of(folder / one.path)] for one in list_texts(folder).layout.files]

    def gather(self, known: Schema | None) -> Gathered:
        from deepcli.data.sources.text_files import list_texts, read_text_files

        folder = list_texts(Path(self.place).expanduser())
        read, findings = read_text_files(folder.folder, [one.path for one in folder.layout.files])
        kept = [place for place, text in enumerate(read) if text is not None]
        files, texts = [folder.layout.files[place] for place in kept], [read[place] or "" for place in kept]
        names, numbers = class_numbers([one.label for one in files], folder.layout.classes, known, self.path)
        return Gathered(
            self.path,
            Divisible([same_text(text) for text in texts], numbers, [one.split for one in files]),
            Target(kind=class_kind(self._reads, self.type), names=names, reason="folders"),
            numbers,
            texts,
            (*folder.findings, *findings),
            where=lambda place: printable(str(folder.folder / files[place].path)),
        )

    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        return self.describe_texts(gathered.content, train)

    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        return self.encode_texts(gathered.content, schema)


def stat_of(path: Path) -> tuple[int, int]:
    """Return size and modification time of a file; zeros if it does not exist."""
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns
