"""The part of the script beside an exported model that reads inputs, for models of textbook data sets."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from string import Template
from typing import Any

from deepcli.data import encoding
from deepcli.data.base import BaseDataset, ImageDataset, TokenDataset
from deepcli.data.words import START, UNKNOWN, WordDataset
from deepcli.export.sources import PICTURES, joined
from deepcli.inputs.wanted import wanted_by

LOOP = Template("""\
failed = False
for argument in $arguments:
    try:
        $value = read(argument)
    except $errors as error:
        print(f"{argument}: {error}", file=sys.stderr)
        failed = True
        continue
    $answer
sys.exit(failed)
""")


def each_argument(value: str, *answer: str, arguments: str = "sys.argv[1:]", errors: str = "ValueError") -> str:
    """Return the end of a script that reads each argument and answers it, and goes past those that cannot be read.

    Args:
        value: What the lines of the answer call the value that `read` returns.
        answer: The lines that compute and print the answer.
        arguments: The arguments.
        errors: What `read` raises.
    """
    return LOOP.substitute(value=value, answer="\n    ".join(answer), arguments=arguments, errors=errors)


EACH = each_argument(
    "example", "output = run(example[None])[0]", 'print(f"{say(output)}  {argument}")', errors="Exception"
)
"""The end of a script in which each argument is an example, which `read` returns."""

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


@dataclass(frozen=True)
class ReadingCode:
    """How a script reads inputs.

    Attributes:
        what: What they are, as in "Predicts the classes of pictures".
        argument: What an argument of the script is, in capitals.
        code: Lines that define `read`.
        imports: Imports that they need besides NumPy, `sys` and `Path`, each with a line end.
        packages: What `pip` must install for them.
        end: The end of the script, which reads, predicts and prints.
        files: Text files that the script reads, by name.
        facts: What a program that reads `export.json` must know of the inputs.
    """

    what: str = "arrays"
    argument: str = "FILE.npy"
    code: str = ARRAY
    imports: str = ""
    packages: tuple[str, ...] = ()
    end: str = EACH
    files: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def textbook_reading(data: BaseDataset, length: int | None, lexicon: bool) -> ReadingCode:
    """Return how a script reads inputs of a textbook data set, or of a plugin's.

    Args:
        data: The data set.
        length: Number of token ids that the model takes; None for any.
        lexicon: Whether `lexicon.txt` is beside the script.
    """
    if isinstance(data, ImageDataset):
        return _image(data)
    if not isinstance(data, TokenDataset):
        return ReadingCode()
    tokens = _tokens(data, length)
    if isinstance(data, WordDataset) and lexicon:
        return ReadingCode("texts", "TEXT", f"{tokens}\n\n{TEXT}")
    return ReadingCode("rows of token ids", "FILE.npy", f"{tokens}\n\n{ROW}")


def without_known(imports: str) -> str:
    """Leave out the imports that every script has, and end each line."""
    known = ("import numpy as np", "import sys", "from pathlib import Path")
    return "".join(f"{line}\n" for line in imports.splitlines() if line not in known)


def _image(data: ImageDataset) -> ReadingCode:
    """Return the text of the modules with which `predict` reads pictures."""
    imports, source = joined(PICTURES)
    code = IMAGE.substitute(vars(wanted_by(data)), source=source)
    return ReadingCode("pictures", "PICTURE", code, without_known(imports), ("pillow",))


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
