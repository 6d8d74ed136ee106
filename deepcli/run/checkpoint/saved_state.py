"""The JSON inside a checkpoint's state, as a schema: what a run writes there, and nothing else.

It is read as if a stranger had written it. So lists end at their first fault and mappings are counted first: pydantic
would otherwise keep an error for each of millions of values.
"""

from __future__ import annotations

import math
from itertools import chain, islice
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from deepcli.data.fingerprint import is_mark
from deepcli.experiment.expected import expected
from deepcli.spec.registry import show

MAX_NAMES = 1_000
"""Entries of a mapping: the metrics of an epoch, the callbacks of a run."""
MAX_VALUES = 1_000_000
"""Values in the state of a callback that is not deepcli's."""
MAX_DEPTH = 100
"""Levels of lists and mappings in such a state."""
MAX_NUMBER = 1 << 1023
"""JSON may have integers that no float can hold; none is in a state."""
SENTENCES = {
    "extra_forbidden": "is an unknown field",
    "list_type": "should be a list",
    "missing": "is missing",
    "string_too_long": "is too long",
    "string_too_short": "should not be empty",
}
"""What `expected` does not word, as no spec can raise it."""


def _few(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > MAX_NAMES:
        raise PydanticCustomError("too_long", "{why}", {"why": f"should have at most {MAX_NAMES} entries"})
    return value


def _printable(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("misfit", "{why}", {"why": "should be printable text"})
    return text


def _fingerprint(mark: Any) -> Any:
    if not is_mark(mark):
        raise PydanticCustomError("misfit", "{why}", {"why": "should be part of a fingerprint"})
    return mark


def plain_values(state: Any) -> Any:
    """Check the state of a callback that is not deepcli's: finite numbers, not too many values, not too many levels.

    Raises:
        ValueError: It differs. JSON, or what writes it, checks the types.
    """
    level, seen = [state], 0
    for _ in range(MAX_DEPTH):
        seen += len(level)
        if seen > MAX_VALUES:
            raise PydanticCustomError("misfit", "{why}", {"why": f"should have at most {MAX_VALUES:,} values"})
        if any(not _is_finite(value) for value in level):
            raise PydanticCustomError("misfit", "{why}", {"why": "should have finite numbers only"})
        inner = (
            value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list)
        )
        level = list(islice(chain.from_iterable(inner), MAX_VALUES + 1))
    if level:
        raise PydanticCustomError("misfit", "{why}", {"why": f"should have at most {MAX_DEPTH} levels"})
    return state


def _is_finite(value: Any) -> bool:
    return math.isfinite(value) if isinstance(value, float) else not isinstance(value, int) or abs(value) < MAX_NUMBER


Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Figure = float | None
Word = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_printable)]
Row = Annotated[dict[str, Figure], BeforeValidator(_few)]


class _Saved(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: Any) -> Any:
        return _few(value)


class SavedPosition(_Saved):
    """A position in a run."""

    epoch: Count
    step: Count
    total: Count


class SavedBest(_Saved):
    """The best epoch so far, counted from 1; after a rollback it may be missing from the history."""

    epoch: Annotated[Count, Field(gt=0)] | None = None
    value: Figure = None
    monitor: Word | None = None
    row: Row = {}


class SavedHistory(_Saved):
    """One row per epoch."""

    rows: Annotated[list[Row], FailFast()]


class SavedStopping(_Saved):
    """Keras's early stopping."""

    wait: Count
    best: Figure


class SavedPlateau(SavedStopping):
    """The reduction of the learning rate."""

    cooldown: Count


class SavedTime(_Saved):
    """The time of training so far, and the limit that ended it, if one did."""

    seconds: Annotated[float, Field(ge=0)]
    ended_by: Annotated[float, Field(gt=0)] | None = None


class SavedCallbacks(_Saved):
    """The states of callbacks by name: ours by their fields, those of plugins as plain values."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[dict[str, Any], AfterValidator(plain_values)]]

    history: SavedHistory = SavedHistory(rows=[])
    early_stopping: SavedStopping = SavedStopping(wait=0, best=None)
    plateau: SavedPlateau = SavedPlateau(wait=0, best=None, cooldown=0)
    max_time: SavedTime = SavedTime(seconds=0.0)


class SavedRollback(_Saved):
    """A rollback after a divergence."""

    reason: Word
    step: Count
    back_to: Count


class SavedFingerprint(_Saved):
    """The fingerprint of the training data."""

    sha256: Annotated[Any, AfterValidator(_fingerprint)] = None
    content: Annotated[Any, AfterValidator(_fingerprint)] = None


class SavedState(_Saved):
    """Everything in a checkpoint's state but its arrays."""

    position: SavedPosition
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"]
    threads: Count
    plugins: Annotated[list[Word], FailFast()]
    best: SavedBest
    callbacks: SavedCallbacks
    rollbacks: Annotated[list[SavedRollback], FailFast()] = []  # older checkpoints have none of these
    weights: Literal["raw", "averaged"] | None = None
    data: SavedFingerprint = SavedFingerprint()


def check(plain: Any) -> None:
    """Compare the JSON of a state with what a run writes.

    Raises:
        ValueError: It differs; names the first field that does.
    """
    try:
        SavedState.model_validate(plain)
    except ValidationError as error:
        raise ValueError(_message(error.errors(include_url=False)[0])) from None


def _message(item: Any) -> str:
    """Describe an error of pydantic's: the path of the field, then what it should be."""
    kind, place = item["type"], ".".join(str(part)[:60] for part in item["loc"]) or "the state"
    if place.startswith("data.") and kind == "extra_forbidden":
        return f"{place}: is not part of a fingerprint"
    if kind in SENTENCES:
        shown = "" if kind in ("missing", "extra_forbidden") else f", not {show(item['input'])}"
        return f"{place}: {SENTENCES[kind]}{shown}"
    what = str(item["msg"]) if kind in ("misfit", "too_long") else expected(item, None)
    return f"{place}: {what}, not {show(item['input'])}"
