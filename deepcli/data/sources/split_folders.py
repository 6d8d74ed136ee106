"""Recognizes folders of splits above class folders; where a name could mean a split or a class, the user must say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.naming import natural, printable
from deepcli.errors import DataError

NAMES = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""The split that a folder's name means, in lower case."""
WORDS = ("train", "valid", "dev")
"""Names that may well be those of classes: a train is a vehicle, a document is valid."""
EXPECTED = """expected a folder for each class:
    photos/
      cat/  1.jpg  2.jpg
      dog/  3.jpg
  or folders of splits above them:
    photos/
      train/       cat/1.jpg  dog/3.jpg
      validation/  cat/4.jpg  dog/5.jpg   (optional)
      test/        cat/6.jpg  dog/7.jpg"""


def split_folders(shown: str, files: Sequence[tuple[str, ...]], findings: list[Finding]) -> dict[str, str]:
    """Return the split of each top folder that is one; empty if the top folders are classes.

    Args:
        shown: The whole folder's name in messages.
        files: The parts of the paths of all pictures.
        findings: Receives a note if a class has the name of a split.

    Raises:
        DataError: A name could mean a split or a class, two folders mean one split, or there is no training folder.
    """
    tops: dict[str, set[bool]] = defaultdict(set)
    for parts in files:
        if len(parts) > 1:
            tops[parts[0]].add(len(parts) == 2)  # whether pictures are directly in it
    named = {top: NAMES[top.lower()] for top in tops if top.lower() in NAMES}
    others = [top for top in tops if top not in named]
    if not named:
        return {}
    if others and len(named) == 1:
        (top,) = named
        if top.lower() in WORDS and True in tops[top]:
            text = f"{top} is read as a class; to make it a split, put class folders into it"
            findings.append(Finding("class-named-split", "note", shown, text))
            return {}
    if others and ("train" not in named.values() or len(named) == 1):
        _refuse(shown, named, others)
    if "train" not in named.values():
        raise DataError(f"{shown}: has folders of splits but none for training ({_listed(named)}); {EXPECTED}")
    _one_each(shown, named)
    return named


def _refuse(shown: str, named: dict[str, str], others: list[str]) -> None:
    raise DataError(
        f"{shown}: {_listed(named)} could be a split or a class beside {_listed(others)}; if it is a split, put the "
        "classes of the training split into a folder named train; if it is a class, rename it"
    )


def _one_each(shown: str, named: dict[str, str]) -> None:
    seen: dict[str, str] = {}
    for top, split in sorted(named.items()):
        if split in seen:
            raise DataError(f"{shown}: {seen[split]} and {top} are both folders of the {split} split; keep one of them")
        seen[split] = top


def _listed(names: Sequence[str] | dict[str, str]) -> str:
    chosen = sorted(names, key=natural)[:5]
    return ", ".join(map(printable, chosen)) + (", …" if len(names) > 5 else "")
