"""Divides examples into training, validation and test splits by their content.

Whether an example is held out depends on a hash of its content, ranked among the examples of its class, and whether a
held-out one is for test or validation on the hash alone. So equal inputs stay on one side, classes keep their shares, and
an example that is removed moves at most one other.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from deepcli.errors import DataError
from deepcli.spec.registry import Spec

TRAIN, VALIDATION, TEST = "train", "validation", "test"
WIDTH = 8
"""Bytes of each of the two numbers that a content's hash gives."""


class SplitSection(Spec):
    """How examples are divided, where files or folders do not divide them already."""

    test: Annotated[float, Field(ge=0, lt=1)] = Field(0.15, description="Share of all examples for the test split.")
    validation: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="Share of all examples for the validation split."
    )
    by: str | None = Field(
        None, description="Column of a table whose equal values stay in one split, such as a patient or an author."
    )
    column: str | None = Field(None, description="Column of a table that names each row's split.")
    time: str | None = Field(None, description="Column of a table to divide by time: the latest rows are for test.")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of the division; separate from the spec's `seed`, so that all seeds share one division."
    )


@dataclass(frozen=True)
class Divisible:
    """What examples are divided by; every sequence has one entry for each example.

    Attributes:
        keys: Content; equal inputs have equal keys.
        strata: Class, or another value whose shares the splits keep; None for no such value.
        given: The split that files, folders or a column say; None entries are divided.
        groups: Values that stay in one split; None: equal inputs only.
        times: Values that order examples; None: by content.
    """

    keys: Sequence[bytes]
    strata: Sequence[Hashable] | None = None
    given: Sequence[str | None] = field(default=())
    groups: Sequence[str] | None = None
    times: Sequence[float] | None = None

    def __len__(self) -> int:
        return len(self.keys)


def divide_examples(examples: Divisible, section: SplitSection) -> list[str]:
    """Return the split of each example.

    A split that files or folders give is taken as it is, and only what is missing is taken out of the training examples.

    Raises:
        DataError: A split would have no examples.
    """
    splits: list[str | None] = list(examples.given) or [None] * len(examples)
    known = {split for split in splits if split is not None}
    pool = [place for place, split in enumerate(splits) if split in (None, TRAIN)]
    shares = {name: 0.0 if name in known else getattr(section, name) for name in (TEST, VALIDATION)}
    if sum(shares.values()) >= 1:
        raise DataError(
            f"data.split: test {section.test} and validation {section.validation} leave nothing to train on"
        )
    chosen = _by_time(examples, pool, shares) if examples.times else _by_content(examples, pool, shares, section.seed)
    result = [split or TRAIN for split in splits]
    for place in pool:
        result[place] = chosen.get(place, TRAIN)
    _demand_filled(result, shares, known, len(set(examples.keys)))
    return result


def _demand_filled(splits: Sequence[str], shares: Mapping[str, float], known: set[str], distinct: int) -> None:
    counts = Counter(splits)
    told = f"{len(splits)} examples" + (
        f", of which {distinct} have different inputs," if distinct < len(splits) else ""
    )
    for name in (TRAIN, *(name for name, share in shares.items() if share)):
        if not counts[name]:
            why = f"{told} are too few: none is left for {name}"
            raise DataError(
                f"data.split: {why}; give more data, or set data.split.{name} to 0" if name != TRAIN else why
            )
    if not counts[TEST]:
        raise DataError(
            "data.split.test: 0 leaves no examples to test on; set a share, such as 0.15, or add test files"
        )


def _by_time(examples: Divisible, pool: Sequence[int], shares: Mapping[str, float]) -> dict[int, str]:
    """Give the latest examples to test and those before them to validation; equal times stay in one split."""
    times = examples.times
    assert times is not None
    order = sorted(pool, key=lambda place: times[place])
    borders = [len(order) - round(len(order) * sum(shares.values())), len(order) - round(len(order) * shares[TEST])]
    starts = [_first_of_equal(times, order, border) for border in borders]
    return {
        **dict.fromkeys(order[starts[0] : starts[1]], VALIDATION),
        **dict.fromkeys(order[starts[1] :], TEST),
    }


def _first_of_equal(times: Sequence[float], order: Sequence[int], border: int) -> int:
    """Move a border to the nearest place after it where the time changes."""
    while 0 < border < len(order) and times[order[border]] == times[order[border - 1]]:
        border += 1
    return border


@dataclass(frozen=True)
class _Unit:
    """Examples that stay together: their places, their stratum, and the two numbers of their hash."""

    places: tuple[int, ...]
    stratum: Hashable
    rank: int
    side: int


def _by_content(examples: Divisible, pool: Sequence[int], shares: Mapping[str, float], seed: int) -> dict[int, str]:
    held_share = sum(shares.values())
    if not held_share:
        return {}
    border = int(shares[TEST] / held_share * 256**WIDTH)
    strata: defaultdict[Hashable, list[_Unit]] = defaultdict(list)
    for unit in _units(examples, pool, seed):
        strata[unit.stratum].append(unit)
    result: dict[int, str] = {}
    for units in strata.values():
        held = _held_out(units, held_share)
        names = [TEST if unit.side < border else VALIDATION for unit in held]
        if len(held) > 1 and len(set(names)) == 1 and 0 < shares[TEST] < held_share:
            # One of each: the one that is nearest to the border changes sides.
            nearest = min(range(len(held)), key=lambda k: abs(held[k].side - border))
            names[nearest] = VALIDATION if names[nearest] == TEST else TEST
        for unit, name in zip(held, names, strict=True):
            result |= dict.fromkeys(unit.places, name)
    return result


def _held_out(units: list[_Unit], share: float) -> list[_Unit]:
    """Choose the units of one stratum that are held out: their examples come as near to the share as possible."""
    total = sum(len(unit.places) for unit in units)
    wanted, taken, held = round(total * share), 0, []
    ordered = sorted(units, key=lambda unit: (unit.rank, unit.places))
    for unit in ordered[:-1]:  # one stays to train on
        if taken + len(unit.places) / 2 > wanted:
            break
        taken += len(unit.places)
        held.append(unit)
    return held


def _units(examples: Divisible, pool: Sequence[int], seed: int) -> list[_Unit]:
    """Join the examples of one group, or of one content, into units; a unit belongs to its most frequent stratum."""
    together: defaultdict[bytes, list[int]] = defaultdict(list)
    groups, strata = examples.groups, examples.strata
    for place in pool:
        together[examples.keys[place] if groups is None else groups[place].encode()].append(place)
    units = []
    for key, places in together.items():
        digest = hashlib.blake2b(key, digest_size=2 * WIDTH, salt=seed.to_bytes(8, "little")).digest()
        stratum = _stratum_of(places, strata)
        rank, side = (int.from_bytes(part, "big") for part in (digest[:WIDTH], digest[WIDTH:]))
        units.append(_Unit(tuple(places), stratum, rank, side))
    return units


def _stratum_of(places: Sequence[int], strata: Sequence[Hashable] | None) -> Hashable:
    """Return the most frequent stratum of some examples; the last by name of equally frequent ones."""
    if not strata or len(places) == 1:  # nearly all units are single examples, and counting them takes most of the time
        return strata[places[0]] if strata else None
    counts = Counter(strata[place] for place in places)
    return max(counts.items(), key=lambda item: (item[1], str(item[0])))[0]


def label_strata(labels: Sequence[Sequence[Any]]) -> list[Any]:
    """Return a stratum for each set of labels: its rarest label, so that rare labels reach every split."""
    counts = Counter(label for row in labels for label in row)
    return [min(row, key=lambda label: (counts[label], str(label)), default=None) for row in labels]
