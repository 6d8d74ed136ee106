"""The script beside an exported model that shows how to use it; it runs without deepcli (except in Keras's format)."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from deepcli.data.own import OwnDataset
from deepcli.export.own_reading_code import own_reading
from deepcli.export.reading_code import ReadingCode, textbook_reading

if TYPE_CHECKING:
    from deepcli.data.base import BaseDataset
    from deepcli.export.portable import Portable
    from deepcli.formats import Format
    from deepcli.tasks.usage_code import UsageCode

SCRIPT = Template('''"""Predicts $answers of $what with the exported model: python usage.py $argument...

Needs: pip install $packages
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
$imports
FOLDER = Path(__file__).resolve().parent
INPUT = "$input"  # $shape
$constants

$loading

$saying


$read


$end''')

KINDS = {
    "image": "uint8, 0 to 255; scaling is inside the model",
    "tokens": "int32 ids, 0 for padding before or after",
    "text": "int32 ids",
    "pairs": "int32 ids of an input, its end, the start token and the target so far; 0 for padding behind",
    "features": "float32, NaN for a missing number; scaling is inside the model",
    "series": "float32, NaN behind the end of a shorter series; scaling is inside the model",
}
"""What the values of inputs are, by their kind."""


def reading_code(data: BaseDataset, length: int | None, lexicon: bool) -> ReadingCode:
    """Return how the script reads inputs.

    Args:
        data: The data set that the model was trained on.
        length: Number of token ids that the model takes; None for any.
        lexicon: Whether `lexicon.txt` is beside the script.
    """
    if isinstance(data, OwnDataset):
        return own_reading(data, length, lexicon)
    return textbook_reading(data, length, lexicon)


def usage(format_: Format, model: Portable, data: BaseDataset, reading: ReadingCode, answer: UsageCode) -> str:
    """Return the text of the script.

    Args:
        format_: The format of the export.
        model: The model.
        data: The data set that it was trained on.
        reading: How inputs are read.
        answer: How outputs are said.
    """
    sizes = ", ".join(str(size or "length") for size in model.signature(format_.fixed).shape[1:])
    return SCRIPT.substitute(
        answers=answer.answers,
        what=reading.what,
        argument=reading.argument,
        packages=" ".join(("numpy", format_.runtime, *reading.packages)),
        imports=reading.imports,
        input=model.input_name,
        shape=f"({'1' if format_.fixed else 'examples'}, {sizes}), {KINDS[data.signature.kind]}",
        constants=answer.constants,
        loading=format_.loading.strip(),
        saying=answer.saying,
        read=reading.code,
        end=reading.end,
    )
