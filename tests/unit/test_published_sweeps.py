"""What a study says about its sweep, and the machines that would train something else under its name."""

import dataclasses

import pytest

from deepcli.data.arrays.splits import Provenance
from deepcli.errors import DataError, RunError, UsageError
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.plan import Plan
from deepcli.sweeps.published import Published
from tests.conftest import ROOT

SPEC = "data: {type: digits, limit: 120}\nmodel: mlp\n"
RATES = "optimizer.learning_rate=[1e-3, 1e-2]"
DATA = Provenance("digits.csv", True, "a" * 64, "b" * 64)


@pytest.fixture
def plan(spec):
    return load_sweep([str(spec(SPEC)), RATES])


def test_all_that_a_machine_needs_comes_back(plan):
    published = Published.from_json(Published.of(plan, DATA).to_json())
    assert published == Published.of(plan, DATA)
    again = Plan.from_json(published.plan)
    assert again.experiment({}) == plan.experiment({}) and again.sweep == plan.sweep
    published.demand_same("digits-1", again, DATA)
    assert list(published.notices()) == []


def test_another_version_is_refused_with_the_remedy(plan):
    published = dataclasses.replace(Published.of(plan, DATA), version="0.0.7")
    with pytest.raises(RunError, match=r"deepcli 0\.0\.7, and this is .*install deepcli 0\.0\.7 here"):
        published.demand_same("digits-1", plan, DATA)


def test_a_default_that_differs_is_refused(plan):
    published = dataclasses.replace(Published.of(plan, DATA), spec="0" * 12)
    with pytest.raises(RunError, match="means something else on this machine"):
        published.demand_same("digits-1", plan, DATA)


def test_other_data_are_refused_by_both_names(plan):
    other = dataclasses.replace(DATA, source="/mnt/digits.csv", content="c" * 64)
    with pytest.raises(
        DataError, match=r"(?s)of the sweep  SHA-256 bbbb.*digits\.csv.*read here     SHA-256 cccc.*/mnt"
    ):
        Published.of(plan, DATA).demand_same("digits-1", plan, other)


def test_plugins_have_to_be_given_and_to_be_the_same_file(spec, tmp_path):
    mine = tmp_path / "mine" / "spirals.py"
    mine.parent.mkdir()
    mine.write_text((ROOT / "tests" / "plugins" / "spirals.py").read_text())
    plan = load_sweep([str(spec("data: {type: spirals, limit: 40}\nmodel: mlp\n")), RATES], (), (str(mine),))
    published = Published.of(plan, DATA)
    with pytest.raises(UsageError, match=r"uses --plugin spirals\.py; give it with its path on this machine"):
        published.demand_plugins("spirals-1", ())
    theirs = tmp_path / "theirs" / "spirals.py"
    theirs.parent.mkdir()
    theirs.write_text(mine.read_text())
    there = dataclasses.replace(plan, plugins=(str(theirs),))
    published.demand_plugins("spirals-1", there.plugins)
    published.demand_same("spirals-1", there, DATA)
    theirs.write_text(mine.read_text() + "# changed\n")
    with pytest.raises(RunError, match=r"(?s)theirs.spirals\.py is not the file of the sweep.*copy the sweep's file"):
        published.demand_same("spirals-1", there, DATA)


def test_a_library_of_another_version_is_worth_a_notice(plan):
    published = Published.of(plan, DATA)
    published = dataclasses.replace(published, libraries={**published.libraries, "keras": "3.99"})
    (notice,) = published.notices()
    assert "keras is" in notice and "3.99 where the sweep was started" in notice


@pytest.mark.parametrize("stored", [None, 3, {}, {"format": 1}, {"format": 1, "plan": 3}])
def test_damage_is_named(stored):
    with pytest.raises(RunError, match="is damaged; run the `deepcli sweep run` command again"):
        Published.from_json(stored)


def test_a_newer_format_is_named():
    with pytest.raises(RunError, match=r"newer version of deepcli \(9\.0\)"):
        Published.from_json({"format": 2, "version": "9.0"})
