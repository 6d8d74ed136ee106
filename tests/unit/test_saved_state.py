"""The JSON of a checkpoint's state: ours is checked to the field, that of a plugin's callback is any plain values."""

import pytest

from deepcli.run.checkpoint.saved_state import MAX_NAMES, MAX_VALUES, check

PLAIN = {
    "position": {"epoch": 1, "step": 0, "total": 2},
    "precision": "float32",
    "threads": 1,
    "plugins": [],
    "best": {"epoch": 1, "value": 0.5, "monitor": "val_loss", "row": {"loss": 0.5, "val_loss": None}},
    "callbacks": {
        "history": {"rows": [{"epoch": 1, "loss": 0.5}]},
        "plateau": {"best": None, "wait": 0, "cooldown": 1},
    },
}


def callback(state):
    return {**PLAIN, "callbacks": {"callbacks.0.mine": state}}


def test_what_a_run_writes_is_taken():
    check(PLAIN)


@pytest.mark.parametrize("state", [{}, {"a": [1, 2.5, "x", None, True, {"b": [[]]}]}])
def test_a_plugin_s_callback_may_keep_any_plain_values(state):
    check(callback(state))


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        (callback([1]), "callbacks.callbacks.0.mine should be a mapping, not [1]"),
        (callback({"a": [float("inf")]}), "callbacks.callbacks.0.mine should have finite numbers only"),
        (callback({"a": [0] * MAX_VALUES}), "should have at most 1,000,000 values"),
        ({**PLAIN, "callbacks": {str(number): {} for number in range(MAX_NAMES + 1)}}, "callbacks should have at most 1000"),
        ({**PLAIN, "position": {"epoch": 1.5, "step": 0, "total": 0}}, "position.epoch should be an integer, not 1.5"),
        ({**PLAIN, "best": {"epoch": 0}}, "best.epoch should be greater than 0, not 0"),
        ({**PLAIN, "hook": 1}, "hook extra inputs are not permitted"),
        ([1], "the state should be a mapping, not [1]"),
    ],
    ids=["list", "infinity", "many values", "many callbacks", "half", "zero", "own field", "no mapping"],
)  # fmt: skip
def test_anything_else_is_refused_with_its_place(plain, why):
    with pytest.raises(ValueError) as error:
        check(plain)
    assert str(error.value).startswith(why) or why in str(error.value)


def test_a_million_faults_cost_one():
    rows = [{"loss": "x"}] * 1_000_000
    with pytest.raises(ValueError, match=r"callbacks\.history\.rows\.0\.loss"):
        check({**PLAIN, "callbacks": {"history": {"rows": rows}}})
