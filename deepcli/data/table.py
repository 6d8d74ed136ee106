"""Own tables: rows with a target, read from CSV, TSV, JSON lines, Parquet or Excel files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from deepcli.data.augmentation import ImageAugmentation, TokenAugmentation
from deepcli.data.base import DATASETS
from deepcli.data.own_pictures import OwnPictures
from deepcli.data.own_texts import OwnTexts, same_text
from deepcli.data.schema import Column, ColumnType, Kind, Schema, TargetKind
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.splitting import Divisible, label_strata
from deepcli.data.text_folder import stat_of
from deepcli.errors import DataError
from deepcli.spec.fields import as_tuple

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Inputs
    from deepcli.data.sources.tables.input_columns import InputColumns
    from deepcli.data.sources.tables.split_files import JoinedTable
    from deepcli.data.sources.tables.table_options import TableOptions
    from deepcli.data.sources.tables.target_reading import ReadTarget


def _names(value: Any) -> Any:
    return (value,) if isinstance(value, str) else as_tuple(value)


Names = Annotated[tuple[str, ...] | None, BeforeValidator(_names, json_schema_input_type=str | tuple[str, ...] | None)]
"""Names of columns; a single one is a list of one."""


@DATASETS.register
class TableDataset(OwnTexts, OwnPictures):
    """Own rows with a target: CSV, TSV, JSON lines, Parquet or Excel, also compressed.

    Inputs are all numbers, categories and dates; or one column of texts, or of paths of pictures. Files named after
    their splits, such as `sst2_*.tsv`, are one table.
    """

    of_one_column: ClassVar[tuple[Kind, ...]] = ("image", "tokens")

    type: Literal["table"] = "table"
    target: Names = Field(
        None,
        description="Columns to predict; may be left out if only one column can be meant. For task: reconstruction, a column "
        "of classes that is not an input and colours pictures; null: none.",
    )
    input: Names = Field(None, description="Columns to predict from; null: all that can be used.")
    columns: dict[str, ColumnType] | None = Field(
        None, description="Types of columns, where they are not as found: number, category, text, date or image."
    )
    encoding: str = Field("auto", description="Encoding of the text, such as utf-8 or cp1252.")
    delimiter: str = Field("auto", description="What separates values: a character, or tab, comma, semicolon, pipe.")
    header: Literal["auto"] | bool = Field("auto", description="Whether the first row holds the names of the columns.")
    quoting: Literal["auto", "minimal", "escaped", "none"] = Field(
        "auto",
        description="minimal: quotes enclose values, doubled inside them; escaped: behind a backslash; none: part of values.",
    )
    sheet: str | int | None = Field(None, description="Name or number of an Excel file's sheet; null: the first.")
    augmentation: ImageAugmentation | TokenAugmentation | None = Field(
        None, description="How images or texts are varied during training."
    )

    def stamp(self) -> object:
        from deepcli.data.sources.tables.split_files import table_files

        files = table_files(self.place)
        return [[str(path), split, *stat_of(path)] for path, split in files]

    def gather(self, known: Schema | None) -> Gathered:
        from deepcli.data.sources.tables.column_types import find_columns
        from deepcli.data.sources.tables.reading_again import read_again
        from deepcli.data.sources.tables.split_files import only_rows, read_files, table_files

        files, options = table_files(self.place), self.reading_options
        if known is None:
            table = read_files(files, options)
        else:
            table = read_again(files, options, known, [column.name for column in known.columns])
        columns = find_columns(table, self.columns) if known is None else known.columns
        read = self._target(table, columns, known)
        chosen = self._inputs(table, columns, read, known)
        table = only_rows(table, read.rows)
        return self._gathered(table, chosen, read, known, columns)

    @property
    def reading_options(self) -> TableOptions:
        from deepcli.data.sources.tables.table_options import TableOptions

        return TableOptions(self.encoding, self.delimiter, self.header, self.quoting, self.sheet)

    def _target(self, table: JoinedTable, columns: Sequence[Column], known: Schema | None) -> ReadTarget:
        from deepcli.data.sources.tables.row_labels import labels_of_rows
        from deepcli.data.sources.tables.target_candidates import target_candidates
        from deepcli.data.sources.tables.target_kinds import find_target
        from deepcli.data.sources.tables.target_reading import read_target

        if self._reads == "inputs":
            return labels_of_rows(table, self.target or () if known is None else known.target, self.columns)
        if known is not None:
            return read_target(table, known.target, partly=True)
        names = self.target
        if names is None:
            candidates = [one for one in target_candidates(table, columns) if one[0] not in self._dividing()]
            if len(candidates) != 1:
                told = "\n".join(f"  {name}: {why}" for name, why in candidates)
                what = "several columns may be the target" if candidates else "no column looks like a target"
                raise DataError(f"{self.path}: {what}; name one with data.target=NAME" + (f"\n{told}" if told else ""))
            names = (candidates[0][0],)
        return find_target(table, names, self._reads, self.columns)

    def _dividing(self) -> list[str]:
        return [name for name in (self.split.by, self.split.column, self.split.time) if name is not None]

    def _inputs(
        self, table: JoinedTable, columns: Sequence[Column], read: ReadTarget, known: Schema | None
    ) -> InputColumns:
        from deepcli.data.sources.tables.input_columns import InputColumns, input_columns

        if known is not None:
            return InputColumns(known.kind, known.columns, ())
        return input_columns(table, columns, self.input, {*read.columns, *self._dividing()})

    def _gathered(
        self,
        table: JoinedTable,
        chosen: InputColumns,
        read: ReadTarget,
        known: Schema | None,
        columns: Sequence[Column],
    ) -> Gathered:
        from deepcli.data.sources.tables.column_findings import column_findings
        from deepcli.data.sources.tables.row_splits import row_groups, row_splits, row_times
        from deepcli.data.sources.tables.split_files import only_rows, other_splits

        findings = [*other_splits(self.place), *table.findings, *read.findings, *chosen.findings]
        findings += column_findings(table, chosen.columns) if known is None else []
        y, content, keys = read.y, *self._content(table, chosen, columns)
        if chosen.kind == "image":
            kept, images, keys, more = self._pictures(table, chosen.columns[0].name, known)
            table, y = only_rows(table, kept), [y[row] for row in kept]
            content = replace(self._content(table, chosen, columns)[0], images=images)
            findings += more
        split = self.split
        return Gathered(
            self.path,
            Divisible(
                keys,
                _strata(read.kind, y),
                row_splits(table, split.column),
                row_groups(table, split.by),
                row_times(table, split.time),
            ),
            known.target if known else read.target,
            y,
            content,
            tuple(findings),
            table.layout,
            table.where,
            content.picture if chosen.kind == "image" else None,
        )

    def _content(
        self, table: JoinedTable, chosen: InputColumns, columns: Sequence[Column]
    ) -> tuple[RowContent, list[bytes]]:
        values = [table.column(column.name) for column in chosen.columns]
        if chosen.kind == "tokens":
            keys = [same_text(text or "") for text in values[0]]
        else:
            keys = [
                "\x1f".join(value or "" for value in row).encode("utf-8", "surrogatepass")
                for row in zip(*values, strict=True)
            ]
        return RowContent(table, chosen, values, tuple(columns)), keys

    def _pictures(
        self, table: JoinedTable, name: str, known: Schema | None
    ) -> tuple[list[int], np.ndarray, list[bytes], list[Finding]]:
        """Decode the pictures that a column names, relative to the table's folder."""
        from deepcli.data.sources.tables.row_splits import named_picture

        folder = table.path.parent
        pictures = [named_picture(folder, path or "", table.where(row)) for row, path in enumerate(table.column(name))]
        decoded = self.decoded(folder, pictures, known)
        return decoded.indices.tolist(), decoded.images, decoded.digests, decoded.findings(pictures)

    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        content: RowContent = gathered.content
        kind, columns = content.chosen.kind, content.chosen.columns
        if kind == "tokens":
            texts = [text or "" for text in content.values[0]]
            return {**self.describe_texts(texts, train), "columns": columns}
        if kind == "image":
            assert content.images is not None
            return {"kind": kind, "shape": tuple(content.images.shape[1:]), "columns": columns}
        from deepcli.data.arrays.encoded_tables import fitted

        where = content.table.where
        columns = tuple(
            fitted(column, [values[row] for row in train], lambda place: where(train[place]))
            for column, values in zip(columns, content.values, strict=True)
        )
        return {"kind": kind, "shape": (len(columns),), "columns": columns}

    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        content: RowContent = gathered.content
        if schema.kind == "tokens":
            return self.encode_texts([text or "" for text in content.values[0]], schema)
        if schema.kind == "image":
            assert content.images is not None
            return content.images
        from deepcli.data.arrays.encoded_tables import encode_features

        return encode_features(schema.columns, content.values, content.table.where)


@dataclass(frozen=True)
class RowContent:
    """The inputs of the rows of a table.

    Attributes:
        table: The rows.
        chosen: The columns that are inputs.
        values: The values of each of them, as written.
        columns: All columns of the table, inputs or not; for a model that is known, its inputs.
        images: uint8 (rows, height, width, channels) if the column names pictures.
    """

    table: JoinedTable
    chosen: InputColumns
    values: Sequence[Sequence[str | None]]
    columns: tuple[Column, ...] = ()
    images: np.ndarray | None = None

    def picture(self, row: int) -> Path:
        """Return the file of the picture that a row names."""
        return self.table.path.parent / (self.values[0][row] or "")


def _strata(kind: TargetKind, y: Sequence[Any]) -> Sequence[Any] | None:
    if kind == "numbers":
        return None
    return label_strata(y) if kind == "labels" else y
