"""Time series of the user's own: tables of times and numbers; models forecast the steps after a window, or give it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.base import DATASETS, SPLITS, BaseDataset
from deepcli.data.own import OwnDataset
from deepcli.data.schema import Column, Kind, Schema, SeriesFacts, Target, TargetKind
from deepcli.data.signature import Signature
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.series_splits import Borders, SeriesSplit, find_borders
from deepcli.data.sources.splitting import Divisible
from deepcli.data.table import Names
from deepcli.data.text_folder import stat_of
from deepcli.errors import DataError
from deepcli.spec.fields import Positive
from deepcli.spec.paths import with_absolute_paths
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    from deepcli.data.arrays.encoded_series import EncodedSeries
    from deepcli.data.arrays.splits import Inputs, Splits
    from deepcli.data.files import Sources
    from deepcli.data.sources.series_table import SeriesColumns, SeriesTable, TimeSeries
    from deepcli.data.sources.tables.table_options import TableOptions

AUTO = "auto"
OF_FORECASTS: dict[str, Any] = {"horizon": None, "look_back": False, "known": None, "input": None, "season": None}
"""Fields that only forecasts have, with their values where windows are given back."""
WHY_NOT = {
    "horizon": "steps after a window are for forecasting; reconstruction gives the window itself back; leave it out",
    "look_back": "windows that are given back lie inside one split; leave it out",
    "known": "columns that are known ahead are for forecasting; name them in data.target to have them given back",
    "input": "all columns of a window are given back; name them in data.target",
    "season": "is for scores of forecasts; leave it out",
}


@DATASETS.register
class SeriesDataset(OwnDataset):
    """Time series from a table: CSV, TSV, JSON lines, Parquet or Excel, a row for each time.

    A model forecasts the `horizon` steps after a `window`, or with `task: reconstruction` gives the window back. Each series
    is cut by place into training, validation and test first, and windows are made later: what a window predicts is in one
    split. Numbers are standardized by training alone.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("series",)

    type: Literal["series"] = "series"
    time: str | None = Field(
        AUTO, description="Column of times: dates or numbers. null: rows are in order; auto: the one column of dates."
    )
    target: Names = Field(
        None,
        description="Columns to forecast or to give back, or `all` that hold numbers; may be left out if there is only one.",
    )
    window: Positive = Field(48, description="Steps that a model sees.")
    horizon: Positive | None = Field(
        12, description="Steps after the window that it forecasts; null for task: reconstruction, which forecasts none."
    )
    stride: Positive = Field(
        1,
        description="Steps from one window of training to the next; those of validation and test begin at every step.",
    )
    input: Names = Field(
        None, description="Further columns whose past is an input, or `all`; null: the past of the targets alone."
    )
    known: Names = Field(
        None, description="Columns that are known ahead, such as holidays: their values over the horizon are inputs."
    )
    series: str | None = Field(None, description="Column that says which series a row belongs to; null: one series.")
    season: Positive | None = Field(
        None,
        description="Steps after which values come again, for MASE and the seasonal naive baseline. null: a day of shorter "
        "steps, a week of days, a year of weeks or months, else 1.",
    )
    look_back: bool = Field(
        True,
        description="Whether windows of validation and test may begin in the split before, as usual in the literature; what "
        "they predict never does. false for task: reconstruction.",
    )
    split: SeriesSplit = Field(SeriesSplit(), description="How each series is divided.")  # type: ignore[assignment]
    encoding: str = Field(AUTO, description="Encoding of the text, such as utf-8 or cp1252.")
    delimiter: str = Field(AUTO, description="What separates values: a character, or tab, comma, semicolon, pipe.")
    header: Literal["auto"] | bool = Field("auto", description="Whether the first row holds the names of the columns.")
    sheet: str | int | None = Field(None, description="Name or number of an Excel file's sheet; null: the first.")

    @property
    def gives_back(self) -> bool:
        """Whether models give windows back, and forecast nothing."""
        return self._reads == "inputs"

    @property
    def ahead(self) -> int:
        """Steps after a window that are predicted; 0 where windows are given back."""
        return 0 if self.gives_back else self.horizon or 1

    def bound(self, reads: TargetKind | None) -> OwnDataset:
        copy = super().bound(reads)
        if reads != "inputs":
            return copy
        unset = {name: value for name, value in OF_FORECASTS.items() if name not in self.model_fields_set}
        return copy.model_copy(update=unset)

    def issues(self) -> Iterator[Issue]:
        if not self.gives_back:
            if self.horizon is None:
                yield ("horizon",), "should be a number of steps; null is for task: reconstruction"
            return
        for name, none in OF_FORECASTS.items():
            if getattr(self, name) != none:
                yield (name,), WHY_NOT[name]

    def stamp(self) -> object:
        from deepcli.data.sources.tables.split_files import table_files

        return [[str(path), *stat_of(path)] for path, _ in table_files(self.place)]

    @property
    def reading_options(self) -> TableOptions:
        from deepcli.data.sources.tables.table_options import TableOptions

        return TableOptions(self.encoding, self.delimiter, self.header, "auto", self.sheet)

    def gather(self, known: Schema | None) -> Gathered:
        return self.gather_file(Path(self.place).expanduser(), known)

    def gather_file(self, path: Path, known: Schema | None) -> Gathered:
        """Read the series of a file.

        Args:
            path: The file.
            known: As in `gather`.

        Raises:
            DataError: The file cannot be used.
        """
        from deepcli.data.sources.series_columns import find_series_columns, known_series_columns
        from deepcli.data.sources.series_table import read_series
        from deepcli.data.sources.tables.reading_again import read_again
        from deepcli.data.sources.tables.split_files import read_files

        files: list[tuple[Path, str | None]] = [(path, None)]
        if known is None or known.series is None:
            table = read_files(files, self.reading_options)
            columns, findings = find_series_columns(self, table)
        else:
            columns, findings = known_series_columns(self, known), ()
            needed = [one for one in (*columns.targets, *columns.others, columns.time, columns.series) if one]
            table = read_again(files, self.reading_options, known, needed)
        read = read_series(table, columns)
        target = known.target if known else self._target_of(read, columns)
        noted = (*table.findings, *findings, *read.findings)
        return Gathered(str(path), Divisible([read.digest]), target, [0], read, noted, table.layout)

    def _target_of(self, read: SeriesTable, columns: SeriesColumns) -> Target:
        count = len(columns.targets)
        if self.gives_back:
            return Target(kind="inputs", columns=columns.targets, reason="the windows themselves")
        reason = f"the {self.ahead} steps after each window"
        return Target(
            kind="series", columns=columns.targets, names=columns.targets, reason=reason, written=read.written[:count]
        )

    def described(self, gathered: Gathered) -> Schema:
        from deepcli.data.arrays.encoded_series import seasonal_errors, statistics

        encoded = self._encoded(gathered)
        read: SeriesTable = gathered.content
        season = self.season or read.step.season
        means, scales = statistics(encoded.training())
        names = self._column_names(read)
        columns = tuple(
            Column(name=name, type="number", reason=why, mean=mean, scale=scale, written=written)
            for (name, why), mean, scale, written in zip(names, means, scales, read.written, strict=True)
        )
        count = len(gathered.target.names)
        facts = SeriesFacts(
            horizon=self.ahead,
            known=self.known or (),
            season=season,
            unit=read.step.unit,
            size=read.step.size,
            time=read.time or "",
            written=read.times_written,
            series=tuple(one.name for one in read.series),
            seasonal_errors=seasonal_errors(encoded, season),
        )
        return Schema(
            source=self.type,
            kind="series",
            shape=(self.window, len(columns)),
            target=gathered.target.model_copy(update={"means": means[:count], "scales": scales[:count]}),
            columns=columns,
            counts={name: self._counted(encoded, number, name) for number, name in enumerate(SPLITS)},
            layout={**gathered.layout, "step": read.step.text, "rows": sum(map(len, read.series))},
            fingerprint=gathered.fingerprint,
            series=facts,
        )

    def _column_names(self, read: SeriesTable) -> list[tuple[str, str]]:
        known = set(self.known or ())
        count = len(read.columns) - len(known)
        past = "given back" if self.gives_back else "past steps"
        return [
            (name, f"{self.ahead} steps later: known ahead" if place >= count else past)
            for place, name in enumerate(read.columns)
        ]

    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        return {"kind": "series", "shape": (self.window, len(gathered.content.columns))}

    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        found: Inputs = self._encoded(gathered, whole=True).split(2, 1, True, (), None).x
        return found

    def _encoded(self, gathered: Gathered, whole: bool = False) -> EncodedSeries:
        """Divide the series.

        Args:
            gathered: The data.
            whole: Whether all of them is for test, but for what the first window sees.
        """
        from deepcli.data.arrays.encoded_series import EncodedSeries

        read: SeriesTable = gathered.content
        borders = [Borders(0, 0, len(one)) if whole else self._borders(one, read) for one in read.series]
        known = len(self.known or ())
        return EncodedSeries(read, borders, len(gathered.target.names), known, self.window, self.ahead)

    def _borders(self, series: TimeSeries, read: SeriesTable) -> Borders:
        name = f"series {series.name!r}" if series.name else self.path
        times = series.times[: len(series) - series.ahead]
        return find_borders(times, read.times_written != "number", self.split, name)

    def _counted(self, encoded: EncodedSeries, split: int, name: str) -> int:
        """Return the number of windows of a split.

        Raises:
            DataError: It has no window.
        """
        count = len(encoded.begins(split, self.stride if split == 0 else 1, self.look_back or split == 0))
        steps = max(borders.of(split)[1] - borders.of(split)[0] for borders in encoded.borders)
        if count or (name == "validation" and not steps):
            return count
        if split and steps < self.ahead:
            why = f"{steps:,} steps, fewer than the horizon of {self.horizon}"
            raise DataError(
                f"data.horizon: the {name} split has {why}; set a shorter horizon, or data.split.{name} to more"
            )
        span = self.window + self.ahead if split == 0 or not self.look_back else self.ahead
        what = f"window of {self.window}" + (f" and a horizon of {self.ahead}" if self.ahead else "")
        why = f"{steps:,} steps, in which no {what} fit{'' if self.ahead else 's'}"
        if steps >= span:
            why = f"{steps:,} steps, but gaps leave no {what} whole"
        remedy = "set a shorter window or horizon, or give more data"
        if self.gives_back:
            remedy = "set a shorter window, " + (f"or data.split.{name} to more" if split else "or give more data")
        raise DataError(f"data.window: the {name} split has {why}; {remedy}")

    @property
    def signature(self) -> Signature:
        schema = self.data_schema
        return Signature(
            schema.kind,
            schema.shape,
            0,
            max(schema.counts.get("train", 0), 1),
            target=schema.target,
            columns=schema.columns,
            series=schema.series,
        )

    def same_splits(self, other: BaseDataset) -> bool:
        return isinstance(other, SeriesDataset) and self.split == other.split

    def load(self, sources: Sources) -> Splits:
        from deepcli.data.arrays.splits import Provenance, Splits

        placed = with_absolute_paths(self)
        gathered, schema, same = placed.gather_again()
        placed._demand_same_windows(schema)
        # Other data than the model was trained on: all of them are to be tested.
        encoded = placed._encoded(gathered, whole=not same)
        seasonal = _seasonal(gathered.content, schema)
        train, validation, test = (
            encoded.split(
                number, self.stride if number == 0 else 1, number == 0 or self.look_back, seasonal, self.limit
            )
            for number in range(len(SPLITS))
        )
        if not len(test):
            what = "a window and its horizon take" if self.ahead else "a window takes"
            raise DataError(f"{gathered.source}: has no {self.window + self.ahead} steps in a row, which {what}")
        mark = gathered.fingerprint
        return Splits(
            train,
            validation if len(validation) else None,
            test,
            Provenance(gathered.source, True, mark, mark),
            findings=(*gathered.findings, *_constant(schema, gathered.source)),
        )

    def _demand_same_windows(self, schema: Schema) -> None:
        """Check that a model's series are read as in training.

        Raises:
            DataError: They have another window or horizon.
        """
        if schema.series is None or schema.shape[0] != self.window:
            raise DataError(f"data.window: the model was trained on windows of {schema.shape[0]}, not {self.window}")
        if schema.series.horizon != self.ahead:
            raise DataError(f"data.horizon: the model forecasts {schema.series.horizon} steps, not {self.ahead}")


def _seasonal(read: SeriesTable, schema: Schema) -> list[list[float]]:
    """Return what errors of each series and target are divided by in MASE; 0 for a series that training lacks."""
    facts, count = schema.series, len(schema.target.names)
    known = {} if facts is None else dict(zip(facts.series, facts.seasonal_errors, strict=True))
    return [list(known.get(one.name, (0.0,) * count)) for one in read.series]


def _constant(schema: Schema, source: str) -> list[Finding]:
    """Report targets that training shows no seasonal differences of."""
    if schema.series is None or not schema.series.horizon:
        return []
    errors = schema.series.seasonal_errors
    names = [name for k, name in enumerate(schema.target.names) if not any(one[k] for one in errors)]
    if not names:
        return []
    text = f"{', '.join(map(repr, names[:5]))}: training has no differences a season ({schema.series.season} steps) apart; "
    return [Finding("constant", "warning", source, text + "MASE is undefined")]
