"""The part of the script beside an exported model that reads rows of tables."""

from __future__ import annotations

from string import Template

ROWS = Template('''\
# Rows are read as those that the model was trained on; what differs in other files may be changed here.
DELIMITER = $delimiter
ENCODING = $encoding  # of files that are not UTF-8
QUOTING = $quoting
HEADER = $header  # whether the first row holds the names of the columns
COLUMNS = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))["columns"]
NAMES = [column["name"] for column in COLUMNS]
CODES = [{value: code for code, value in enumerate(column.get("categories", ()), 1)} for column in COLUMNS]
csv.field_size_limit(1 << 26)


def read(row):
    """Convert a row to the input of the model.

    Args:
        row: A dict of texts by column, None for a missing value; an array of numbers; or why there is none.
    """
    if isinstance(row, ValueError):
        raise row
    if isinstance(row, np.ndarray):
        return row.astype(np.float32)
    lacking = [name for name in NAMES if name not in row]
    if lacking:
        raise ValueError(f"lacks {', '.join(map(repr, lacking[:5]))}; write null for an unknown value")
    x = np.empty(len(COLUMNS), np.float32)
    for k, column in enumerate(COLUMNS):
        value = row[column["name"]]
        if column["type"] == "category":
            x[k] = CODES[k].get(value, 0)
            if x[k] == 0 and value is not None and value not in missing_of("category"):
                print(f"{column['name']!r}: not seen in training, taken as missing: {value!r}", file=sys.stderr)
            continue
        try:
            x[k] = cell_number(value, column["type"], column.get("written", ""))
        except ValueError as error:
            raise ValueError(f"column {column['name']!r}: {error}") from None
    return x


def rows(argument):
    """Yield the rows of an argument with their names: a CSV, JSON or .npy file, or one row as JSON."""
    ending = Path(argument).suffix.lower() if not argument.lstrip().startswith("{") else "{"
    if ending == "{":
        yield "row", plain(json_rows(argument))
    elif ending == ".npy":
        found = np.load(argument, allow_pickle=False)
        found = found[None] if found.ndim == 1 else found
        if found.ndim != 2 or found.shape[1] != len(COLUMNS) or found.dtype.kind not in "iuf":
            raise ValueError(f"holds {found.dtype} of shape {found.shape}; the model takes {len(COLUMNS)} columns")
        for number, row in enumerate(found):
            yield f"{argument}[{number}]", row
    elif ending == ".json":
        found = json_rows(text_of(argument))
        for number, row in enumerate(found if isinstance(found, list) else [found], 1):
            yield f"{argument}:{number}", plain(row)
    elif ending in (".jsonl", ".ndjson"):
        for number, line in enumerate(text_of(argument).split("\\n"), 1):
            if line.strip():
                yield f"{argument}:{number}", plain(json_rows(line))
    else:
        yield from csv_rows(argument)


def csv_rows(path):
    """Yield the rows of a delimited file; without a header, columns are called column_1 and so on."""
    text = text_of(path)
    first = io.StringIO(text, newline=None).readline()
    if first.strip().strip('"').startswith("sep="):  # Excel writes it above a table
        text = text[len(first) :]
        first = io.StringIO(text, newline=None).readline()
    delimiter = min((DELIMITER, ",", ";", "\\t", "|"), key=lambda sign: len(lacks(cells(first, sign))))
    header = HEADER or not lacks(cells(first, delimiter))
    found = csv.reader(io.StringIO(text, newline=""), **dialect(delimiter))
    names, line = None, 1
    for values in found:
        start, line = line, found.line_num + 1
        if not "".join(values).strip():
            continue
        values = [value.strip() for value in values]
        if names is None:
            names = values if header else [f"column_{k}" for k in range(1, len(values) + 1)]
            names = [names[0] or "column_1", *names[1:]]
            if lacks(names):
                raise ValueError(f"lacks the columns {', '.join(map(repr, lacks(names)[:5]))}; its columns are {names[:12]}")
            if header:
                continue
        if len(values) != len(names):
            yield f"{path}:{start}", ValueError(f"has {len(values)} values instead of {len(names)}")
        else:
            yield f"{path}:{start}", dict(zip(names, values))


def cells(line, delimiter):
    """Split a line that may hold the names of columns."""
    found = [value.strip() for value in next(csv.reader([line.rstrip("\\r\\n")], **dialect(delimiter)), [])]
    return [found[0] or "column_1", *found[1:]] if found else []


def dialect(delimiter):
    """Return how rows are written."""
    return {"delimiter": delimiter, "quoting": QUOTING, "skipinitialspace": delimiter != " "}


def lacks(names):
    """Return the columns that are not among some names."""
    known = set(names)
    return [name for name in NAMES if name not in known]


def text_of(path):
    """Return the text of a file."""
    content = Path(path).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode(ENCODING)


def json_rows(text):
    """Read JSON, in which numbers stay as they are written."""
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def plain(row):
    """Return a JSON object as a dict of texts."""
    if not isinstance(row, dict):
        raise ValueError("is not a JSON object with a value for each column")
    return {name.strip(): plain_text(value) for name, value in row.items()}


def plain_text(value):
    """Return a JSON value as text; None for null."""
    if value is None or isinstance(value, str):
        return value if value is None else value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    raise ValueError("holds a list or an object; a row has one value for each column")


$cells''')

ROWS_END = '''\
failed = False


def complain(name, error):
    """Say what cannot be read, and continue with the rest."""
    global failed
    failed = True
    print(f"{name}: {error}", file=sys.stderr)


for argument in sys.argv[1:]:
    try:
        for name, row in rows(argument):
            try:
                example = read(row)
            except ValueError as error:
                complain(name, error)
            else:
                output = run(example[None])[0]
                print(f"{say(output)}  {name}")
    except Exception as error:
        complain(argument, error)
sys.exit(failed)
'''
