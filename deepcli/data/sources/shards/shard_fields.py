"""Which fields of records are the picture and the target, and what their values are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepcli.data.sources.shards.shard_files import SPLIT_WORDS
from deepcli.data.sources.shards.shard_records import Record
from deepcli.errors import DataError
from deepcli.spec.spelling import did_you_mean

IMAGES = ("image", "image/encoded", "image_raw", "img", "picture", "jpg", "jpeg", "png", "x")
LABELS = ("label", "labels", "class", "target", "y", "image/class/label", "image/label", "fine_label", "category")
HEIGHTS = ("height", "image/height", "rows")
WIDTHS = ("width", "image/width", "cols")
CHANNELS = ("depth", "channels", "image/channels", "image/depth")
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"BM", b"GIF8", b"II*\x00", b"MM\x00*")
"""What encoded pictures begin with."""
Label = int | float | str | list[Any]


@dataclass(frozen=True)
class ShardFields:
    """The fields of records that are used.

    Attributes:
        image: The field of the picture.
        label: The field of the target; None where inputs are predicted and there is none.
        split: The field that names the split; None if none does.
    """

    image: str
    label: str | None
    split: str | None = None

    def picture(self, record: Record, place: str) -> bytes:
        """Return the picture of a record.

        Raises:
            DataError: The record has none.
        """
        values = _of(record, self.image, place)
        if len(values) != 1 or not isinstance(values[0], bytes):
            raise DataError(f"{place}: its field {self.image!r} is not one picture, but {told(values)}")
        content: bytes = values[0]
        return content

    def target(self, record: Record, place: str) -> Label:
        """Return the target of a record: a number or a text, or a list of them.

        Raises:
            DataError: The record has none, or one that cannot be read.
        """
        if self.label is None:
            return ""
        if self.label not in record:
            _of(record, self.label, place)
        values = [_text(value, self.label, place) for value in record[self.label]]
        return values[0] if len(values) == 1 else values

    def split_of(self, record: Record, place: str) -> str | None:
        """Return the split of a record; None if no field names it.

        Raises:
            DataError: It names another one than training, validation and test.
        """
        if self.split is None:
            return None
        values = [_text(value, self.split, place) for value in _of(record, self.split, place)]
        if len(values) != 1 or (found := SPLIT_WORDS.get(str(values[0]).lower())) is None:
            raise DataError(f"{place}: its split is {told(values)}; expected train, validation or test")
        return found


def find_fields(record: Record, place: str, named: Mapping[str, str | None], labelled: bool) -> ShardFields:
    """Find the fields of picture and target in the first record.

    Args:
        record: The record.
        place: Where it is.
        named: The names that a spec gives, by `image`, `label` and `split`; None has them found.
        labelled: Whether a target is needed.

    Raises:
        DataError: A field is missing, or several may be meant.
    """
    for role, name in named.items():
        if name is not None and name not in record:
            raise DataError(
                f"{place}: has no field {name!r} for {role}; {did_you_mean(name, [*record])}{listed(record)}"
            )
    pictures = [name for name, values in record.items() if len(values) == 1 and is_picture(values[0])]
    image = named["image"] or _one(record, pictures or _bytes_of(record), IMAGES, place, "image")
    others = [name for name in record if name not in (image, named["split"])]
    label, usual = named["label"], [name for name in others if name in LABELS]
    if label is None and (labelled or len(usual) == 1):
        label = _one(record, usual, LABELS, place, "label")
    return ShardFields(image, label, named["split"])


def is_picture(value: object) -> bool:
    """Return whether a value begins as an encoded picture does."""
    return isinstance(value, bytes) and value.startswith(MAGIC)


def raw_shape(
    record: Record, size: tuple[int, int] | None, channels: int | None, count: int
) -> tuple[int, int, int] | None:
    """Return the (height, width, channels) of pixels that are stored as they are; None if nothing says it.

    Args:
        record: A record, which may have fields for them.
        size: The (height, width) that a spec gives.
        channels: The channels that a spec gives.
        count: Number of bytes.
    """
    height, width, depth = (_number(record, names) for names in (HEIGHTS, WIDTHS, CHANNELS))
    if height is None or width is None:
        height, width = size or (None, None)
    if not height or not width:
        return None
    depth = depth or channels or count // (height * width)
    return (height, width, depth) if depth in (1, 3) and height * width * depth == count else None


def listed(record: Record) -> str:
    """List the fields of a record with what they hold."""
    return "it has " + ", ".join(f"{name} ({told(values)})" for name, values in sorted(record.items()))


def told(values: Sequence[Any]) -> str:
    """Describe the values of a field."""
    kinds = {"bytes": "bytes", "int": "integer", "float": "number", "str": "text"}
    kind = kinds.get(type(values[0]).__name__, type(values[0]).__name__) if values else ""
    if not values:
        return "nothing"
    return (f"{len(values)} of {kind}" if len(values) > 1 else kind) if kind != "bytes" else f"{len(values[0]):,} bytes"


def _one(record: Record, found: Sequence[str], usual: Sequence[str], place: str, role: str) -> str:
    chosen = [name for name in usual if name in found][:1] if role == "image" else found
    chosen = chosen or found
    if len(chosen) == 1:
        return chosen[0]
    what = "no field has a usual name for" if not chosen else f"several fields may be {role}: {', '.join(chosen)}; for"
    raise DataError(f"{place}: {what} {role}; {listed(record)}; choose with data.{role}=NAME")


def _bytes_of(record: Record) -> list[str]:
    return [
        name for name, values in record.items() if len(values) == 1 and isinstance(values[0], bytes) and name in IMAGES
    ]


def _number(record: Record, names: Sequence[str]) -> int | None:
    found = next((record[name] for name in names if name in record), [])
    return found[0] if len(found) == 1 and isinstance(found[0], int) else None


def _of(record: Record, name: str, place: str) -> Sequence[Any]:
    if not (values := record.get(name)):
        what = "is empty" if name in record else "is missing"
        raise DataError(f"{place}: its field {name!r} {what}; {listed(record)}; all records need the same fields")
    return values


def _text(value: Any, name: str, place: str) -> int | float | str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise DataError(f"{place}: its field {name!r} is not UTF-8 text, but {len(value):,} bytes") from None
    if isinstance(value, bool | int | float | str):
        return int(value) if isinstance(value, bool) else value
    raise DataError(f"{place}: its field {name!r} is of type {type(value).__name__}; expected numbers or texts")
