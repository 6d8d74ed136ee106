"""The part of the script beside an exported model of pairs: it writes the target of a text by beam search."""

from __future__ import annotations

import json
from string import Template

from deepcli.data.pairs import PairsDataset
from deepcli.data.schema import PAIR_RESERVED
from deepcli.data.sources.byte_pairs import BytePairs
from deepcli.data.sources.pair_vocabulary import END, START, UNKNOWN
from deepcli.data.sources.text_vocabulary import WORD
from deepcli.export.reading_code import ReadingCode, each_argument, without_known
from deepcli.export.sources import joined

CODE = Template('''\
START, UNKNOWN, END = $start, $unknown, $end  # 0 is padding
LONGEST, LONGEST_TARGET = $longest, $longest_target  # tokens, with the end
WIDTH = $width  # tokens of both sides, if the model takes one length only
$constants


def ids_of(text):
    """Return the tokens of a text."""
$read


def text_of(ids):
    """Return the text of tokens."""
    return $written.strip()


def read(text):
    """Return the row of an input, which the end token ends."""
    text = " ".join(text.split())
    if not text:
        raise ValueError("is empty; there is nothing to write for it")
    ids = ids_of(text)
    if len(ids) >= LONGEST:
        $longer
    if UNKNOWN in ids:
        print(f"{text}: {ids.count(UNKNOWN)} of its {len(ids)} tokens are not in the vocabulary", file=sys.stderr)
    return [*ids[: LONGEST - 1], END]


def logits_after(row):
    """Return the logits of the next token of a row that ends with a target's tokens so far."""
    padded = np.array([row + [0] * ((WIDTH or len(row)) - len(row))], np.int32)
    return run(padded)[0, len(row) - row.index(START) - 1]


def step(tokens, order, length, rows):
    """Return what may follow each unfinished target, and the rows with their latest tokens.

    The model computes all tokens of a target again at each step; `deepcli predict` keeps what it computed before.
    """
    rows = [[*rows[place], token] for place, token in zip(order.tolist(), tokens.tolist())]
    values, ids = zip(*(say(logits_after(row)) for row in rows))
    return np.array(values), np.array(ids), rows


$search''')

END_OF_SCRIPT = "settings = BeamSettings(BEAM, LENGTH_PENALTY, LONGEST_TARGET, START, END)\n" + each_argument(
    "row",
    "written = text_of(beam_search(1, step, [row], settings)[0].tokens)",
    """print(f"{written or '(nothing)'}  {argument}")""",
)

TOO_LONG = {
    "error": 'raise ValueError(f"has {len(ids)} tokens, more than the {LONGEST - 1} of the model; divide it")',
    "cut": 'print(f"{text}: has {len(ids)} tokens; only the first {LONGEST - 1} are read", file=sys.stderr)',
}
"""What is done with an input that is too long."""
SIDES = ("source", "target")
SPLIT = {
    "characters": ("import json\n", "", "text"),
    "words": ("import json\nimport re\n", f"WORD = re.compile({WORD.pattern!r})\n", 'WORD.findall(f" {text}")'),
}
"""Imports, constants and the pieces of a text, by kind of token."""


def pairs_reading(data: PairsDataset, width: int | None) -> ReadingCode:
    """Return how a script reads the inputs of a model of pairs, and what it does with them.

    Args:
        data: The data that the model was trained on.
        width: Number of tokens of both sides together that the model takes; None for any.
    """
    longest, longest_target = data.signature.shape
    imports, constants, read, written, files = _tokens(data)
    searched, search = joined(("beam_search",), "deepcli.evaluation")
    code = CODE.substitute(
        start=START, unknown=UNKNOWN, end=END, longest=longest, longest_target=longest_target, width=width,
        constants=constants, read=read, written=written, longer=TOO_LONG[data.longer], search=search,
    )  # fmt: skip
    packages = ("tokenizers",) if data.tokens == "bpe" else ()
    facts = {"tokens": data.tokens, "longest": longest, "longest_target": longest_target, "files": list(files)}
    return ReadingCode("texts", "TEXT", code, imports + without_known(searched), packages, END_OF_SCRIPT, files, facts)


def _tokens(data: PairsDataset) -> tuple[str, str, str, str, dict[str, str]]:
    """Return imports, constants, the lines of `ids_of`, the value of `text_of`, and the files of the tokens of both sides."""
    sides = dict(zip(SIDES, (data.data_schema.vocabulary, data.target_vocabulary), strict=True))
    if data.tokens == "bpe":
        shift = len(PAIR_RESERVED)
        loaded = "\n".join(
            f'{side.upper()} = Tokenizer.from_file(str(FOLDER / "{side}_tokenizer.json"))' for side in sides
        )
        return (
            "from tokenizers import Tokenizer\n",
            loaded,
            f'    return [number + {shift} for number in SOURCE.encode(f" {{text}}").ids]',
            f"TARGET.decode([number - {shift} for number in ids])",
            {f"{side}_tokenizer.json": BytePairs(words[shift:]).to_json() for side, words in sides.items()},
        )
    imports, constants, pieces = SPLIT[data.tokens]
    loaded = "\n".join(
        f'{side.upper()} = json.loads((FOLDER / "{side}_vocabulary.json").read_text(encoding="utf-8"))'
        for side in sides
    )
    ids = f"IDS = {{token: number for number, token in enumerate(SOURCE) if number >= {len(PAIR_RESERVED)}}}"
    return (
        imports,
        f"{constants}{loaded}\n{ids}",
        f"    return [IDS.get(piece, UNKNOWN) for piece in {pieces}]",
        '"".join(TARGET[number] for number in ids)',
        {f"{side}_vocabulary.json": json.dumps(words, ensure_ascii=True) + "\n" for side, words in sides.items()},
    )
