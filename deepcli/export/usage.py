"""The script beside an exported model that shows how to use it; it runs without deepcli (except in Keras's format)."""

from __future__ import annotations

import inspect
from string import Template
from typing import TYPE_CHECKING

from deepcli.data import encoding
from deepcli.data.base import ImageDataset, TokenDataset
from deepcli.data.words import START, UNKNOWN, WordDataset
from deepcli.export.sources import PICTURES, joined
from deepcli.inputs.wanted import wanted_by

if TYPE_CHECKING:
    from deepcli.data.base import BaseDataset
    from deepcli.export.portable import Portable
    from deepcli.formats import Format

SCRIPT = Template('''"""Predicts the classes of $what with the exported model: python usage.py $argument...

Needs: pip install $packages
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
$imports
FOLDER = Path(__file__).resolve().parent
INPUT = "$input"  # $shape
CLASSES = $classes

$loading

$read


failed = False
for argument in sys.argv[1:]:
    try:
        example = read(argument)
    except Exception as error:
        print(f"{argument}: {error}", file=sys.stderr)
        failed = True
        continue
    output = run(example[None])[0]
    share = output if len(output) > 1 else np.array([1 - output[0], output[0]])
    print(f"{CLASSES[share.argmax()]} {share.max():.4f}  {argument}")
sys.exit(failed)
''')

IMAGE = Template('''\
# Pictures are read as by `deepcli predict`.
INVERT = None  # True inverts pictures, False does not; None detects it from the background of each picture
RANGE = None  # the values of (black, white); None detects them from each picture


def read(path):
    """Convert a picture of any size and colour to the input of the model."""
    wanted = Wanted(
        shape=$shape,
        bright_on_dark=$bright_on_dark,
        preparation=$preparation,
    )
    try:
        pixels, done = read_picture(path, wanted, INVERT, RANGE)
    except UnknownRange as error:
        raise ValueError(f"{error}; set RANGE in this file to its values of black and white") from None
    with Image.open(path) as image:
        if image.format in ("TIFF", "GIF", "WEBP", "PNG") and getattr(image, "n_frames", 1) > 1:
            done.append(f"only the first of its {image.n_frames} pages")
    if done:
        print(f"{path}: {', '.join(done)}", file=sys.stderr)
    return pixels


$source''')

TOKENS = Template('''\
$encoding

SIZE, START, UNKNOWN, SKIP_TOP = $size, $start, $unknown, $skip_top
MAXLEN, LENGTH = $maxlen, $length


def padded(ids):
    """Pad ids with zeros, or keep the last ones, if the model takes one length only."""
    ids = ids[-LENGTH:] if LENGTH else ids
    return np.array([*ids, *[0] * ((LENGTH or len(ids)) - len(ids))], np.int32)''')
TEXT = '''
WORDS = (FOLDER / "lexicon.txt").read_text(encoding="utf-8").split("\\n")  # the number of a line is the id of its word
IDS = {word: number for number, word in enumerate(WORDS) if word}


def read(text):
    """Turn a text into token ids like the model's training data, or read a row of ids from a .npy file."""
    if text.endswith(".npy"):
        return padded(encode_row(np.load(text), SIZE, UNKNOWN, SKIP_TOP, MAXLEN))
    return padded(encode_text(text, IDS, SIZE, START, UNKNOWN, SKIP_TOP, MAXLEN))'''
ROW = '''
def read(path):
    """Read a row of ids from a .npy file; zeros before or after them are padding."""
    return padded(encode_row(np.load(path), SIZE, UNKNOWN, SKIP_TOP, MAXLEN))'''

ARRAY = '''\
def read(path):
    """Read one example from a .npy file."""
    return np.load(path)'''


def usage(format_: Format, model: Portable, data: BaseDataset, lexicon: bool) -> str:
    """Return the text of the script.

    Args:
        format_: The format of the export.
        model: The model.
        data: The data set that it was trained on.
        lexicon: Whether `lexicon.txt` is beside the script.
    """
    signature = data.signature
    what, argument, imports, read = "arrays", "FILE.npy", "", ARRAY
    if isinstance(data, ImageDataset):
        what, argument = "pictures", "PICTURE"
        imports, read = _image(data)
    elif isinstance(data, TokenDataset):
        tokens = _tokens(data, model.length if format_.fixed else None)
        if isinstance(data, WordDataset) and lexicon:
            what, argument, read = "texts", "TEXT", f"{tokens}\n\n{TEXT}"
        else:
            what, argument, read = "rows of token ids", "FILE.npy", f"{tokens}\n\n{ROW}"
    sizes = ", ".join(str(size or "length") for size in model.signature(format_.fixed).shape[1:])
    kind = (
        "uint8, 0 to 255; scaling is inside the model"
        if signature.kind == "image"
        else "int32 ids, 0 for padding before or after"
    )
    return SCRIPT.substitute(
        what=what,
        argument=argument,
        packages=f"numpy {format_.runtime}" + " pillow" * (what == "pictures"),
        imports=imports,
        input=model.input_name,
        shape=f"({'1' if format_.fixed else 'examples'}, {sizes}), {kind}",
        classes=data.names_of(signature.classes),
        loading=format_.loading.strip(),
        read=read,
    )


def _image(data: ImageDataset) -> tuple[str, str]:
    """Return the imports and the code that read pictures: the text of the modules that `predict` uses."""
    imports, source = joined(PICTURES)
    known = ("import numpy as np", "from pathlib import Path")
    lines = [f"{line}\n" for line in imports.splitlines() if line not in known]
    return "".join(lines), IMAGE.substitute(vars(wanted_by(data)), source=source)


def _tokens(data: TokenDataset, length: int | None) -> str:
    """Return the code that turns texts and rows of ids into the model's inputs: the text that `predict` uses."""
    (longest,) = data.signature.shape
    return TOKENS.substitute(
        encoding=inspect.getsource(encoding).partition("annotations\n")[2].strip(),
        size=data.signature.vocabulary,
        start=START,
        unknown=UNKNOWN,
        skip_top=data.skip_top if isinstance(data, WordDataset) else 0,
        maxlen=longest,
        length=length,
    )
