"""Own data are divided by content: equal inputs stay together, classes keep their shares, little moves when data change."""

from collections import Counter

import pytest

from deepcli.data.sources.splitting import Divisible, SplitSection, divide_examples, label_strata
from deepcli.errors import DataError

KEYS = [f"picture {number}".encode() for number in range(600)]
CLASSES = [number % 3 for number in range(600)]


def divided(keys=KEYS, strata=CLASSES, section=None, **more):
    return divide_examples(Divisible(keys, strata, **more), section or SplitSection())


def test_every_class_keeps_its_share():
    counts = Counter(zip(CLASSES, divided(), strict=True))
    for label in range(3):
        assert counts[label, "test"] + counts[label, "validation"] == 50  # a quarter of 200
        assert 20 <= counts[label, "test"] <= 40  # three fifths of them, by the hash of each


def test_the_order_of_the_examples_does_not_matter():
    turned = divided(KEYS[::-1], CLASSES[::-1])
    assert turned[::-1] == divided()
    assert divided(section=SplitSection(seed=1)) != divided()


def test_a_removed_example_moves_at_most_one_other():
    before = dict(zip(KEYS, divided(), strict=True))
    moved = []
    for place in range(600):
        keys, classes = KEYS[:place] + KEYS[place + 1 :], CLASSES[:place] + CLASSES[place + 1 :]
        after = dict(zip(keys, divided(keys, classes), strict=True))
        moved.append(sum(before[key] != split for key, split in after.items()))
    assert max(moved) == 1 and min(moved) == 0


def test_equal_inputs_stay_on_one_side_even_with_other_labels():
    keys = [f"text {number % 200}".encode() for number in range(600)]
    labels = [number // 300 for number in range(600)]
    splits = divided(keys, labels)
    sides = {key: {split for k, split in zip(keys, splits, strict=True) if k == key} for key in set(keys)}
    assert {len(found) for found in sides.values()} == {1}
    assert {"train", "validation", "test"} == set(splits)


def test_groups_stay_together():
    groups = [f"patient {number // 20}" for number in range(600)]
    splits = divided(groups=groups, strata=None)
    assert all(
        len({split for g, split in zip(groups, splits, strict=True) if g == group}) == 1 for group in set(groups)
    )
    assert 100 <= sum(split != "train" for split in splits) <= 200


def test_by_time_the_latest_are_for_test_and_equal_times_stay_together():
    times = [float(number // 4) for number in range(600)][::-1]
    splits = divided(times=times, section=SplitSection(test=0.1, validation=0.2))
    by_split = {name: [t for t, split in zip(times, splits, strict=True) if split == name] for name in set(splits)}
    assert max(by_split["train"]) < min(by_split["validation"]) <= max(by_split["validation"]) < min(by_split["test"])
    assert (len(by_split["test"]), len(by_split["validation"])) == (60, 120)
    assert max(by_split["test"]) == 149.0


def test_splits_that_are_given_are_kept_and_only_the_others_are_drawn():
    given = ["train"] * 500 + ["test"] * 100
    splits = divided(given=given)
    assert splits[500:] == ["test"] * 100
    assert Counter(splits[:500])["validation"] == pytest.approx(50, abs=3)
    assert "test" not in splits[:500]
    whole = ["train"] * 400 + ["validation"] * 100 + ["test"] * 100
    assert divided(given=whole) == whole


def test_a_class_of_few_examples_reaches_every_split_if_two_are_held_out():
    keys = [f"{number}".encode() for number in range(80)]
    labels = [number // 8 for number in range(80)]
    found = Counter(zip(labels, divided(keys, labels), strict=True))
    assert all(found[label, "test"] == found[label, "validation"] == 1 for label in range(10))


def test_what_is_too_little_is_an_error_that_says_so():
    with pytest.raises(DataError, match=r"3 examples are too few: none is left for (test|validation)"):
        divided(KEYS[:3], CLASSES[:3])
    with pytest.raises(DataError, match="leave nothing to train on"):
        divided(section=SplitSection(test=0.6, validation=0.5))
    with pytest.raises(DataError, match=r"split\.test: 0 leaves no examples"):
        divided(section=SplitSection(test=0))


def test_rare_labels_decide_the_stratum():
    assert label_strata([("a", "b"), ("a",), ("a", "b"), (), ("a", "c")]) == ["b", "a", "b", None, "c"]
