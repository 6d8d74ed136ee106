"""Checks what a data set's `read` returns against its signature."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from deepcli.data.arrays.contract_inputs import Place, array_of, pixels, tokens, what
from deepcli.data.arrays.splits import Inputs, Provenance, Raw
from deepcli.data.signature import Signature

SHOWN = 3
"""Number of labels quoted in an error."""


def check(raw: object, signature: Signature, name: str) -> Raw:
    """Return the official splits in the form that models take: uint8 pixels or int32 ids, and int32 labels.

    Only lossless conversions are made, such as from integers of another width; anything that needs a guess is an error.

    Args:
        raw: What the data set's `read` returned.
        signature: The data set's signature.
        name: The data set's name.

    Raises:
        DataError: The splits do not match; the message names the split, what was found and what to return.
    """
    whole = Place(name, None)
    if not isinstance(raw, Raw):
        whole.fail(f"read() returned {what(raw)}", "return Raw(train=(x, y), test=(x, y), provenance=Provenance(...))")
    provenance = raw.provenance
    if not isinstance(provenance, Provenance):
        whole.fail(f"its provenance is {what(provenance)}", "return Provenance(source, verified, sha256)")
    for field, kind in (("source", str), ("verified", bool), ("sha256", str)):
        if type(value := getattr(provenance, field)) is not kind:
            whole.fail(f"its provenance.{field} is {what(value)}", f"set it to a {kind.__name__}")
    train, test = (_split(getattr(raw, split), signature, Place(name, split)) for split in ("train", "test"))
    return Raw(train, test, provenance)


def _split(part: object, signature: Signature, place: Place) -> tuple[Inputs, np.ndarray]:
    if not isinstance(part, tuple | list) or len(part) != 2:
        place.fail(f"it is {what(part)}", "return inputs and labels, (x, y)")
    x = tokens(part[0], signature, place) if signature.kind == "tokens" else pixels(part[0], signature, place)
    y = array_of(part[1], "its labels", place)
    if len(x) != len(y):
        place.fail(f"it has {len(x):,} examples and {len(y):,} labels", "return one label for each example")
    return x, _labels(y, signature.classes, place)


def _labels(y: np.ndarray, classes: int, place: Place) -> np.ndarray:
    if y.ndim != 1:
        _refuse_shape(y, classes, place)
    if y.dtype.kind not in "iu":
        _refuse_dtype(y, classes, place)
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= classes:
        _refuse_range(y, low, high, classes, place)
    return y.astype(np.int32, copy=False)


def _refuse_shape(y: np.ndarray, classes: int, place: Place) -> NoReturn:
    found = f"its labels have the shape {y.shape}"
    if y.shape[1:] == (1,):
        place.fail(found, "return one dimension, y[:, 0]")
    if y.shape[1:] == (classes,):
        place.fail(f"{found}, as one-hot labels do", "return class numbers, y.argmax(axis=1).astype('int32')")
    place.fail(found, f"return one class number, 0 to {classes - 1}, for each example, of shape (n,)")


def _refuse_dtype(y: np.ndarray, classes: int, place: Place) -> NoReturn:
    wanted = f"return class numbers from 0 to {classes - 1}"
    if y.dtype.kind == "b":
        place.fail("its labels are bool", f"{wanted}, y.astype('int32')")
    if y.dtype.kind == "f":
        whole = np.isfinite(y) & (y == np.trunc(y))
        if whole.all():
            place.fail(f"its labels are {y.dtype}", f"{wanted} as integers, y.astype('int32')")
        first = int(np.flatnonzero(~whole)[0])
        place.fail(f"its labels are {y.dtype}, such as {y[first]:g} (example {first})", f"{wanted} as integers")
    if y.dtype.kind == "O":
        missing = [index for index, label in enumerate(y) if label is None]
        if missing:
            place.fail(
                f"{len(missing):,} labels are None, the first at example {missing[0]}",
                f"leave such examples out and {wanted}",
            )
    if y.dtype.kind in "UST" or all(isinstance(label, str) for label in y):
        quoted = ", ".join(repr(str(label)[:20]) for label in list(dict.fromkeys(y.tolist()))[:SHOWN])
        place.fail(
            f"its labels are strings ({quoted}, …)",
            f"{wanted} and name the classes in class_names; np.unique(y, return_inverse=True) gives both",
        )
    place.fail(f"its labels are {str(y.dtype)[:40]}, such as {y[0]!r:.40}", f"{wanted} as integers")


def _refuse_range(y: np.ndarray, low: int, high: int, classes: int, place: Place) -> NoReturn:
    wanted = f"{classes} classes have the numbers 0 to {classes - 1}"
    if (low, high) == (1, classes):
        place.fail(f"its labels run from 1 to {classes}", f"{wanted}: return y - 1")
    if classes == 2 and (low, high) == (-1, 1) and not (y == 0).any():
        place.fail("its labels are -1 and 1", f"{wanted}: return (y + 1) // 2")
    wrong = (y < 0) | (y >= classes)
    first = int(np.flatnonzero(wrong)[0])
    place.fail(
        f"{int(wrong.sum()):,} of its {len(y):,} labels are out of range, such as {y[first]} (example {first})",
        f"{wanted}; leave out examples without a label, or correct `classes` in the signature",
    )
