"""Classes of time series: `.ts` files of the UCR and UEA archives, of one or several columns and of any length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.data.base import DATASETS
from deepcli.data.own import OwnDataset
from deepcli.data.schema import Column, Kind, Schema, Target
from deepcli.data.sources.class_numbers import class_kind, class_numbers, known_numbers
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.splitting import Divisible
from deepcli.data.text_folder import stat_of
from deepcli.errors import DataError

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Inputs


@DATASETS.register
class SeriesClassesDataset(OwnDataset):
    """Series with a class each: a `.ts` file of the UCR or UEA archive, or one for each split, such as `Vowels_*.ts`.

    Series may have several columns and different lengths: what is behind the end of one is masked in every model. Columns are
    standardized by training. For `task: reconstruction`, series need no classes.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("series",)

    type: Literal["series_classes"] = "series_classes"

    def stamp(self) -> object:
        from deepcli.data.sources.series_files import series_files

        return [[str(path), split, *stat_of(path)] for path, split in series_files(self.place)]

    def gather(self, known: Schema | None) -> Gathered:
        from deepcli.data.sources.series_files import read_series_files, series_files

        read = read_series_files(series_files(self.place))
        labels = [one.label for one in read.series]
        if self._reads == "inputs":
            names = read.classes if known is None else known.target.names
            numbers = known_numbers(labels, names)
        elif not read.classes:
            raise DataError(
                f"{self.path}: its series have no classes (@classLabel); task=reconstruction learns to give them back"
            )
        else:
            names, numbers = class_numbers(labels, read.classes, known, self.path)
        return Gathered(
            self.path,
            Divisible([one.key for one in read.series], numbers, [one.split for one in read.series]),
            Target(kind=class_kind(self._reads, self.type), names=names, reason="classes behind series"),
            numbers,
            read.series,
            where=lambda place: read.series[place].where,
        )

    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        from deepcli.data.arrays.padded_series import column_statistics

        series = gathered.content
        means, scales = column_statistics([series[place] for place in train])
        columns = tuple(
            Column(name=f"column_{number}", type="number", mean=mean, scale=scale)
            for number, (mean, scale) in enumerate(zip(means, scales, strict=True), 1)
        )
        return {"kind": "series", "shape": (max(map(len, series)), len(columns)), "columns": columns}

    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        from deepcli.data.arrays.padded_series import padded

        steps, columns = schema.shape
        return padded(gathered.content, steps or 1, columns or 1)
