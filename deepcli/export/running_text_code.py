"""The part of the script beside an exported language model: it continues texts, token by token."""

from __future__ import annotations

import json
from string import Template

from deepcli.data.running_text import TextDataset
from deepcli.data.sources.byte_pairs import BytePairs
from deepcli.data.sources.text_vocabulary import WORD, first_token
from deepcli.export.reading_code import ReadingCode, each_argument

VOCABULARY_FILE, TOKENIZER_FILE = "vocabulary.json", "tokenizer.json"

CODE = Template('''\
LENGTH = 300  # tokens to write
WINDOW = $window  # tokens that the model sees
FIRST = $first  # the token that a text without a prompt begins after
$constants


def read(text):
    """Return the tokens of a text."""
    text = text.replace("\\r\\n", "\\n").replace("\\r", "\\n")
$read


def written(ids):
    """Return the text of tokens."""
    return $written


def next_token(ids):
    """Draw the token after a text; what is behind the latest window in the input has no influence on it."""
    seen = ids[-WINDOW:]
    x = np.zeros((1, WINDOW), np.int32)
    x[0, : len(seen)] = seen
    return say(run(x)[0, len(seen) - 1])''')

END = each_argument(
    "ids",
    "known = ids or [FIRST]",
    "for _ in range(LENGTH):",
    "    known.append(next_token(known))",
    "print(argument + written(known[-LENGTH:]))",
    arguments='sys.argv[1:] or [""]',
)

LOADED = f'VOCABULARY = json.loads((FOLDER / "{VOCABULARY_FILE}").read_text(encoding="utf-8"))'
IDS = f"{LOADED}\nIDS = {{token: number for number, token in enumerate(VOCABULARY) if number}}"
SIGNS = """\
    lacking = sorted(set(text) - IDS.keys())
    if lacking:
        raise ValueError(f"has characters that training lacks: {', '.join(map(repr, lacking))}")
    return [IDS[sign] for sign in text]"""
PARTS: dict[str, tuple[str, str, str, str]] = {
    "characters": ("import json\n", IDS, SIGNS, '"".join(VOCABULARY[number] for number in ids)'),
    "words": (
        "import json\nimport re\n",
        f"{IDS}\nWORD = re.compile({WORD.pattern!r})",
        "    return [IDS.get(word, 0) for word in WORD.findall(text)]",
        '"".join(VOCABULARY[number] for number in ids)',
    ),
    "bytes": ("", "", '    return list(text.encode("utf-8"))', 'bytes(ids).decode("utf-8", "replace")'),
    "bpe": (
        "from tokenizers import Tokenizer\n",
        f'TOKENIZER = Tokenizer.from_file(str(FOLDER / "{TOKENIZER_FILE}"))',
        "    return TOKENIZER.encode(text).ids",
        "TOKENIZER.decode(ids)",
    ),
}
"""Imports, constants, the lines of `read` and the value of `written`, by kind of token."""


def running_text_reading(data: TextDataset) -> ReadingCode:
    """Return how a script reads prompts of a language model, and what it does with them.

    Args:
        data: The data that the model was trained on.
    """
    vocabulary, (window,) = data.data_schema.vocabulary, data.signature.shape
    imports, constants, read, written = PARTS[data.tokens]
    code = CODE.substitute(
        window=window, first=first_token(vocabulary), constants=constants, read=read, written=written
    )
    files = {}
    if data.tokens == "bpe":
        files[TOKENIZER_FILE] = BytePairs(vocabulary).to_json()
    elif data.tokens != "bytes":
        files[VOCABULARY_FILE] = json.dumps(vocabulary, ensure_ascii=True) + "\n"
    packages = ("tokenizers",) if data.tokens == "bpe" else ()
    facts = {"tokens": data.tokens, "window": window, "vocabulary": len(vocabulary), "file": next(iter(files), None)}
    return ReadingCode("texts", "TEXT", code.replace("\n\n\n\n", "\n\n\n"), imports, packages, END, files, facts)
