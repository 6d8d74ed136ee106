"""A run that was interrupted comes to the same bits as one that was not."""

import itertools
import random

import pytest

from deepcli.errors import Interrupted
from tests.torture import FULL, count
from tests.torture.runs import ALWAYS, FAMILIES, Cut, begin, features, fingerprint, go_on

CUTS = count(3, 20)
CASES = [
    pytest.param(
        family,
        wanted,
        id=f"{family}-{'+'.join(wanted)}",
        marks=[pytest.mark.long] if family != "cnn" else [],
    )
    for family in FAMILIES
    for wanted in ([[name] for name in features(family)] if FULL else []) + [list(features(family))]
]


@pytest.mark.parametrize(("family", "wanted"), CASES)
def test_a_run_cut_again_and_again_comes_to_the_same_bits(
    family, wanted, spec, tiny_mnist, tiny_imdb, tmp_path, counted
):
    """At random among all the places where a run can stop: between steps, in validation, and at an epoch's end."""
    path = spec(FAMILIES[family].replace("PATH", str(tiny_mnist if family == "cnn" else tiny_imdb)))
    overrides = [*ALWAYS, *itertools.chain.from_iterable(features(family)[name] for name in wanted)]
    whole = Cut()
    begin(path, overrides, tmp_path / "whole", whole)
    expected = fingerprint(tmp_path / "whole")

    rng = random.Random(f"{family}{wanted}")
    # A run that was cut at the end of an epoch is one place further on when it goes on, and there are four ends.
    places = sorted(rng.sample(range(1, whole.looked - 4), CUTS))
    cuts = 0
    for before, place in zip([0, *places], places, strict=False):
        signals = Cut(place - before + (before > 0))  # where a run was cut it looks once more when it goes on
        try:
            if before:
                go_on(tmp_path / "cut", signals)
            else:
                begin(path, overrides, tmp_path / "cut", signals)
        except Interrupted:
            cuts += 1
    assert cuts == CUTS
    go_on(tmp_path / "cut")
    found = fingerprint(tmp_path / "cut")
    assert {name: (value, found.get(name)) for name, value in expected.items() if found.get(name) != value} == {}
    assert found.keys() == expected.keys()
    counted(f"{family} with {', '.join(wanted)}: bit-identical after {cuts} cuts at random")
