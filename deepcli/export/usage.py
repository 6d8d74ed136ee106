"""The script beside an exported model that shows how to use it, and runs without deepcli (but for Keras's format)."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from deepcli.data.base import ImageDataset
from deepcli.data.words import START, UNKNOWN, WordDataset

if TYPE_CHECKING:
    from deepcli.data.base import Dataset
    from deepcli.export.portable import Portable
    from deepcli.formats import Format

SCRIPT = Template('''"""Asks the exported model about $what: python usage.py $argument...

Needs: pip install $packages
"""

import sys
from pathlib import Path

import numpy as np
$imports
FOLDER = Path(__file__).resolve().parent
INPUT = "$input"  # $shape
CLASSES = $classes

$loading

$read


for argument in sys.argv[1:]:
    output = run(read(argument)[None])[0]
    share = output if len(output) > 1 else np.array([1 - output[0], output[0]])
    print(f"{CLASSES[share.argmax()]} {share.max():.4f}  {argument}")
''')

IMAGE = Template('''\
def read(path):
    """Make a picture of any size and colour into what the model takes."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("$mode")
$invert    image = $fit
    return np.asarray(image, np.uint8).reshape($height, $width, $channels)''')
INVERT = """\
    border = np.asarray(image).copy()
    border[1:-1, 1:-1] = border[0, 0]
    if np.median(border) > 127.5:  # the model knows bright on a dark ground
        image = ImageOps.invert(image)
"""

TEXT = Template('''\
WORDS = (FOLDER / "lexicon.txt").read_text(encoding="utf-8").split("\\n")  # the line's number is the word's id
IDS = {word: number for number, word in enumerate(WORDS) if word}
PUNCTUATION = str.maketrans(dict.fromkeys('!"#$$%&()*+,-./:;<=>?@[\\\\]^_`{|}~\\t\\n', " "))
MAXLEN, SKIP_TOP, LENGTH = $maxlen, $skip_top, $length


def read(text):
    """Make a text into token ids, as the model's training data were."""
    ids = [$start, *(IDS.get(word, $unknown) for word in text.lower().translate(PUNCTUATION).split())]
    ids = [number if number >= SKIP_TOP else $unknown for number in ids][-(MAXLEN or len(ids)) :]
    ids = ids[-(LENGTH or len(ids)) :]
    return np.array(ids + [0] * ((LENGTH or len(ids)) - len(ids)), np.int32)''')

ARRAY = '''\
def read(path):
    """Read one example from a .npy file."""
    return np.load(path)'''


def usage(format_: Format, model: Portable, data: Dataset, lexicon: bool) -> str:
    """Write the script.

    Args:
        format_: What the model is written in.
        model: The model.
        data: What it was trained on.
        lexicon: Whether `lexicon.txt` is beside it.
    """
    signature = data.signature
    what, argument, imports, read = "arrays", "FILE.npy", "", ARRAY
    if isinstance(data, ImageDataset):
        what, argument, imports, read = "pictures", "PICTURE", "from PIL import Image, ImageOps\n", _image(data)
    elif isinstance(data, WordDataset) and lexicon:
        what, argument, read = "texts", "TEXT", _text(data, model.length if format_.fixed else None)
    sizes = ", ".join(str(size or "length") for size in model.signature(format_.fixed).shape[1:])
    kind = "uint8, 0 to 255; scaling is inside the model" if signature.kind == "image" else "int32 ids, 0 for padding"
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


def _image(data: ImageDataset) -> str:
    height, width, channels = data.signature.shape
    pad = f"ImageOps.pad(image, ({width}, {height}), Image.Resampling.LANCZOS, color=image.getpixel((0, 0)))"
    fit = f"ImageOps.fit(image, ({width}, {height}), Image.Resampling.LANCZOS)"
    return IMAGE.substitute(
        mode="L" if channels == 1 else "RGB",
        invert=INVERT if data.bright_on_dark else "",
        fit=fit if data.bright_on_dark is None else pad,
        height=height,
        width=width,
        channels=channels,
    )


def _text(data: WordDataset, length: int | None) -> str:
    return TEXT.substitute(maxlen=data.maxlen, skip_top=data.skip_top, length=length, start=START, unknown=UNKNOWN)
