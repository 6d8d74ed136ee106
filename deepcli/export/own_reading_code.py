"""The part of the script beside an exported model that reads inputs, for models of own data."""

from __future__ import annotations

import inspect
import json
from string import Template
from typing import TYPE_CHECKING, Any

from deepcli.data import tokenizing
from deepcli.data.encoding import encode_row
from deepcli.data.pairs import PairsDataset
from deepcli.data.running_text import TextDataset
from deepcli.data.schema import RESERVED, Column
from deepcli.data.sources.naming import printable
from deepcli.export.pairs_code import pairs_reading
from deepcli.export.reading_code import TOKENS, ReadingCode, without_known
from deepcli.export.rows_code import ROWS, ROWS_END
from deepcli.export.running_text_code import running_text_reading
from deepcli.export.sources import joined
from deepcli.inputs.own_reading import PECULIAR

if TYPE_CHECKING:
    from deepcli.data.own import OwnDataset

DECODING = ("lean_jpeg", "fitting", "decoding")
"""The modules of `deepcli.data.arrays` that decode a picture, each after those that it imports."""
CELLS = ("missing_values", "numerals", "calendar_dates", "cell_numbers")
"""The modules of `deepcli.data.sources.tables` that read a cell."""
ROW_FILE = "schema.json"

PICTURE = Template('''\
# Pictures are read exactly as those that the model was trained on.
SIZE, CHANNELS, RESIZE = $size, $channels, $resize  # (height, width); 1 is grey; crop, pad or stretch
NOTES = $notes


def read(path):
    """Decode a picture of any size and colour, or read pixels of the model's own size from a .npy file."""
    if path.endswith(".npy"):
        return pixels_of(np.load(path, allow_pickle=False))
    notes = []
    pixels = decode(Path(path), SIZE, CHANNELS, RESIZE, notes)
    for note in notes:
        print(f"{path}: {NOTES[note]}", file=sys.stderr)
    return pixels


$pixels


$source''')
PIXELS = '''\
def pixels_of(array):
    """Check that an array is what the model takes."""
    shape = (*SIZE, CHANNELS)
    pixels = array.reshape(shape) if array.shape in ((1, *shape), SIZE + (CHANNELS,) * (CHANNELS > 1)) else array
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise ValueError(f"holds {array.dtype} of shape {array.shape}; the model takes uint8 of shape {shape}")
    return pixels'''
ONLY_PIXELS = Template('''\
SIZE, CHANNELS = $size, $channels  # (height, width)


def read(path):
    """Read pixels of the model's own size from a .npy file."""
    return pixels_of(np.load(path, allow_pickle=False))


$pixels''')

SERIES = Template('''\
STEPS, COLUMNS = $steps, $names  # known columns are those of a horizon later
SHORTER = $shorter  # whether a series may be shorter; it is followed by NaN


def read(path):
    """Read a series from a .npy file: the steps of its columns, in the units of the training data."""
    values = np.load(path, allow_pickle=False).astype(np.float32)
    if values.ndim != 2 or values.shape[1] != len(COLUMNS) or (len(values) > STEPS if SHORTER else len(values) != STEPS):
        sys.exit(f"{path}: has the shape {values.shape}; the model takes {(STEPS, len(COLUMNS))}")
    series = np.full((STEPS, len(COLUMNS)), np.nan, np.float32)
    series[: len(values)] = values
    return series[None]''')

OWN_TEXT = Template('''
TOKENS = $tokens
WORDS = (FOLDER / "lexicon.txt").read_bytes().decode("utf-8").split("\\n")  # the number of a line is the id of its token
IDS = {word: number for number, word in enumerate(WORDS) if number >= $reserved and word}


def read(text):
    """Turn a text into token ids like the model's training data, or read a row of ids from a .npy file."""
    if text.endswith(".npy"):
        return padded(encode_row(np.load(text, allow_pickle=False), SIZE, UNKNOWN, SKIP_TOP, MAXLEN))
    return padded(encode_own_text(text, IDS, TOKENS, MAXLEN))''')
OWN_ROW = '''
def read(path):
    """Read a row of ids from a .npy file; zeros before or after them are padding."""
    return padded(encode_row(np.load(path, allow_pickle=False), SIZE, UNKNOWN, SKIP_TOP, MAXLEN))'''

FEATURES = Template('''\
def read(path):
    """Read one example, $columns numbers, from a .npy file; NaN is a missing one."""
    row = np.load(path, allow_pickle=False)
    if row.shape not in (($columns,), (1, $columns)) or row.dtype.kind not in "iuf":
        raise ValueError(f"holds {row.dtype} of shape {row.shape}; the model takes $columns numbers")
    return row.reshape($columns).astype(np.float32)''')


def own_reading(data: OwnDataset, length: int | None, lexicon: bool) -> ReadingCode:
    """Return how a script reads inputs of a model of own data.

    Args:
        data: The data set.
        length: Number of token ids that the model takes; None for any.
        lexicon: Whether `lexicon.txt` is beside the script.
    """
    kind = data.signature.kind
    if isinstance(data, TextDataset):
        return running_text_reading(data)
    if isinstance(data, PairsDataset):
        return pairs_reading(data, length)
    if kind == "image":
        return _pictures(data)
    if kind == "tokens":
        return _texts(data, length, lexicon)
    if kind == "series":
        return _series(data)
    return _rows(data)


def _series(data: OwnDataset) -> ReadingCode:
    steps, columns = (size or 1 for size in data.signature.shape)
    names = [printable(column.name) for column in data.signature.columns]
    facts: dict[str, Any] = {"steps": steps, "columns": names}
    if data.signature.series is not None and data.signature.series.horizon:
        facts |= {"horizon": data.signature.series.horizon, "known": list(data.signature.series.known)}
    shorter = data.signature.series is None
    code = SERIES.substitute(steps=steps, columns=columns, names=repr(names), shorter=shorter)
    return ReadingCode("series", "FILE.npy", code, facts=facts)


def _pictures(data: OwnDataset) -> ReadingCode:
    height, width, channels = (size or 1 for size in data.signature.shape)
    fields = {"size": (height, width), "channels": channels, "pixels": PIXELS}
    resize = getattr(data, "resize", "stretch")
    facts = {"size": [height, width], "channels": channels, "resize": resize}
    if channels not in (1, 3):
        return ReadingCode("pixels", "FILE.npy", ONLY_PIXELS.substitute(fields), facts=facts)
    imports, source = joined(DECODING, "deepcli.data.arrays")
    code = PICTURE.substitute(fields, resize=repr(resize), notes=PECULIAR, source=source)
    return ReadingCode("pictures", "PICTURE", code, without_known(imports), ("pillow",), facts=facts)


def _texts(data: OwnDataset, length: int | None, lexicon: bool) -> ReadingCode:
    (longest,), tokens = data.signature.shape, getattr(data, "tokens", None)
    words = lexicon and tokens is not None
    sources = [inspect.getsource(encode_row)]
    if words:
        sources.insert(0, inspect.getsource(tokenizing).partition("annotations\n")[2])
    code = TOKENS.substitute(
        encoding="\n\n".join(source.strip() + "\n" for source in sources).strip(),
        size=data.signature.vocabulary,
        start=tokenizing.OWN_START,
        unknown=tokenizing.OWN_UNKNOWN,
        skip_top=0,
        maxlen=longest,
        length=length,
    )
    facts = {"vocabulary": data.signature.vocabulary, "maxlen": longest}
    if not words:
        return ReadingCode("rows of token ids", "FILE.npy", f"{code}\n\n{OWN_ROW}", facts=facts)
    text = OWN_TEXT.substitute(tokens=repr(tokens), reserved=len(RESERVED))
    return ReadingCode("texts", "TEXT", f"{code}\n\n{text}", facts={"tokens": tokens, **facts})


def _rows(data: OwnDataset) -> ReadingCode:
    """Return how rows of a table are read; rows of an array have no names and are given as arrays."""
    schema, columns = data.data_schema, data.signature.columns
    if not schema.layout:
        return ReadingCode(code=FEATURES.substitute(columns=len(columns)), facts={"columns": len(columns)})
    layout = schema.layout
    imports, cells = joined(CELLS, "deepcli.data.sources.tables")
    code = ROWS.substitute(
        delimiter=repr(str(layout.get("delimiter", ","))[:1] or ","),
        encoding=repr(str(layout.get("encoding", "utf-8")).partition(":")[0]),
        quoting="csv.QUOTE_NONE" if layout.get("quoting") == "none" else "csv.QUOTE_MINIMAL",
        header=layout.get("header") is not False,
        cells=cells,
    )
    needed = without_known("\n".join(sorted(["import csv", "import io", "import json", *imports.splitlines()])))
    described = {"columns": [_described(column) for column in columns]}
    text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    facts = {"columns": [column.name for column in columns], "file": ROW_FILE}
    return ReadingCode("rows", "FILE.csv|ROW", code, needed, end=ROWS_END, files={ROW_FILE: text}, facts=facts)


def _described(column: Column) -> dict[str, object]:
    """Return what the script needs to know of a column."""
    told: dict[str, object] = {"name": column.name, "type": column.type}
    if column.written:
        told["written"] = column.written
    if column.type == "category":
        told["categories"] = column.categories
    return told
