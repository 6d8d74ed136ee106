"""Looks at a running text: its length, its tokens, what training lacks, and passages that held-out text repeats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepcli.data.base import SPLITS
from deepcli.data.checks.data_report import DataReport, ShownExample, by_severity
from deepcli.data.running_text import TextDataset
from deepcli.data.schema import Schema
from deepcli.data.sources.findings import Finding

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Splits
    from deepcli.data.files import Sources

PASSAGE = {True: 16, False: 64}
"""Tokens of a passage, a power of two: of words and byte pairs, and of characters and bytes."""
AT_ONCE = 1 << 20
FREQUENT = 10
MUCH_REPEATED = 0.05
"""Share of repeated passages from which it is a warning."""
MULTIPLIER = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class RunningFigures:
    """Length and tokens of a running text.

    Attributes:
        characters: Characters of the text.
        lines: Its lines.
        tokens: Tokens of each split.
        characters_per_token: Characters of the training text for each token.
        vocabulary: Different tokens that a model knows.
        frequent: The most frequent tokens of training, with their shares.
        unknown: Share of tokens that the vocabulary lacks, by held-out split.
        passage: Tokens of a passage that is looked for in training.
        repeated: Share of passages that training has, too, by held-out split.
    """

    characters: int
    lines: int
    tokens: dict[str, int]
    characters_per_token: float
    vocabulary: int
    frequent: tuple[tuple[str, float], ...]
    unknown: dict[str, float]
    passage: int
    repeated: dict[str, float]


def inspect_running_text(dataset: TextDataset, sources: Sources, trained: Schema | None = None) -> DataReport:
    """Read, measure and check a running text.

    Args:
        dataset: The data section.
        sources: Not needed; as for other data.
        trained: The schema of a run that was trained on the text.

    Raises:
        DataError: The text cannot be read, or a split is shorter than a window.
    """
    gathered, splits, schema = dataset.gather(None), dataset.load(sources), dataset.data_schema
    text = gathered.content
    lines = sum(piece.count("\n") for split in text.counts for piece in text.pieces(split))
    figures = running_figures(dataset, splits, lines)
    problems = [*splits.findings, *_repetitions(figures, dataset.path)]
    if trained is not None and trained.fingerprint != schema.fingerprint:
        changed = "the text has changed since the run was trained; its figures do not belong to it"
        problems.append(Finding("changed-data", "warning", gathered.source, changed))
    return DataReport(
        gathered.source,
        dataset.type,
        "text",
        schema.shape,
        {"tokens": dataset.tokens, "files": schema.layout["files"]},
        "tokens",
        (),
        gathered.target.reason,
        {name: count for name, count in schema.counts.items() if count},
        str(schema.layout["division"]),
        examples=tuple(_examples(dataset, splits)),
        problems=by_severity(problems),
        running=figures,
    )


def running_figures(dataset: TextDataset, splits: Splits, lines: int) -> RunningFigures:
    """Measure a text that was encoded.

    Args:
        dataset: The data section.
        splits: Its windows.
        lines: Lines of the text.
    """
    import numpy as np

    schema, names = dataset.data_schema, dataset.names_of(len(dataset.data_schema.vocabulary))
    counts = {name: int(schema.layout[f"{name}_tokens"]) for name in SPLITS}
    train = splits.train.text
    assert train is not None
    ends = np.cumsum([0, *counts.values()]).tolist()
    parts = {name: train.tokens[begin:end] for name, begin, end in zip(SPLITS, ends, ends[1:], strict=False)}
    times = np.zeros(len(names), np.int64)
    for begin in range(0, counts["train"], AT_ONCE):
        times += np.bincount(parts["train"][begin : begin + AT_ONCE], minlength=len(names))
    most = np.argsort(-times, kind="stable")[:FREQUENT].tolist()
    held = {name: part for name, part in parts.items() if name != "train" and len(part)}
    has_unknown = dataset.tokens in ("characters", "words")
    passage = PASSAGE[dataset.tokens in ("words", "bpe")]
    return RunningFigures(
        int(schema.layout["characters"]),
        lines,
        counts,
        train.characters,
        len(names) - has_unknown,
        tuple((names[token], float(times[token] / max(counts["train"], 1))) for token in most if times[token]),
        {name: float(np.mean(part == 0)) for name, part in held.items()} if has_unknown else {},
        passage,
        {name: repeated_share(parts["train"], part, passage) for name, part in held.items() if len(part) >= passage},
    )


def repeated_share(train: np.ndarray, held: np.ndarray, passage: int) -> float:
    """Return the share of the passages of a held-out text, one after another, that occur in training at any place.

    Args:
        train: Tokens of training.
        held: Tokens of the held-out text, at least a passage.
        passage: Tokens of a passage, a power of two.
    """
    import numpy as np

    step = max(AT_ONCE // passage, 1) * passage
    apart = [
        _hashes(held[begin : begin + step + passage - 1], passage)[::passage]
        for begin in range(0, len(held) - passage + 1, step)
    ]
    wanted, numbers = np.unique(np.concatenate(apart), return_counts=True)
    seen = np.zeros(len(wanted), bool)
    for begin in range(0, max(len(train) - passage + 1, 0), AT_ONCE):
        found = np.unique(_hashes(train[begin : begin + AT_ONCE + passage - 1], passage))
        seen |= np.isin(wanted, found, assume_unique=True)
    return float(numbers[seen].sum() / numbers.sum())


def _hashes(tokens: np.ndarray, passage: int) -> np.ndarray:
    """Hash the passage that begins at each token, from the hashes of its halves."""
    import numpy as np

    found, factor, size = tokens.astype(np.uint64) + np.uint64(1), MULTIPLIER, 1
    while size < passage:
        found = found[:-size] * np.uint64(factor) + found[size:]
        found ^= found >> np.uint64(31)
        factor, size = factor * factor % 2**64, 2 * size
    return found


def _repetitions(figures: RunningFigures, where: str) -> Iterator[Finding]:
    for split, share in figures.repeated.items():
        if share > MUCH_REPEATED:
            text = (
                f"{share:.1%} of the passages of {figures.passage} tokens in {split} are in training, too, and their scores say "
                "little; look for copies in the text, or set data.lines: true if its lines repeat"
            )
            yield Finding("repeated-passages", "warning", where, text)


def _examples(dataset: TextDataset, splits: Splits) -> Iterator[ShownExample]:
    from deepcli.data.arrays.encoded_running_text import decoder

    decode = decoder(dataset.data_schema.vocabulary, dataset.tokens)
    for name in SPLITS:
        split = getattr(splits, name)
        if split is not None and len(split):
            text, after = ("".join(decode(ids.tolist())) for ids in (split.x[0], split.y[0][-1:]))
            yield ShownExample(name, name, repr(after), text)
