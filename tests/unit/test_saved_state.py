"""The JSON of a checkpoint's state: ours is checked to the field, that of a plugin's callback is any plain values."""

import pytest

from deepcli.run.checkpoint.saved_state import MAX_DEPTH, MAX_NAMES, MAX_VALUES, check

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


def nested(depth):
    """Return a mapping with `depth` levels."""
    inner: object = 0
    for _ in range(depth - 1):
        inner = [inner]
    return {"a": inner}


def callback(state):
    return {**PLAIN, "callbacks": {"callbacks.0.mine": state}}


def test_what_a_run_writes_is_taken():
    check(PLAIN)


@pytest.mark.parametrize("state", [{}, {"a": [1, 2.5, "x", None, True, {"b": [[]]}]}, nested(MAX_DEPTH - 1)])
def test_a_plugin_s_callback_may_keep_any_plain_values(state):
    check(callback(state))


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        (callback([1]), "callbacks.callbacks.0.mine: should be a mapping, not [1]"),
        (callback({"a": [float("inf")]}), "callbacks.callbacks.0.mine: should have finite numbers only"),
        (callback({"a": [10**400]}), "callbacks.callbacks.0.mine: should have finite numbers only"),
        (callback(nested(MAX_DEPTH)), "callbacks.callbacks.0.mine: should have at most 100 levels"),
        (callback({"a": [0] * MAX_VALUES}), "should have at most 1,000,000 values"),
        ({**PLAIN, "callbacks": {str(number): {} for number in range(MAX_NAMES + 1)}}, "callbacks: should have at most 1000"),
        ({**PLAIN, "position": {"epoch": 1.5, "step": 0, "total": 0}}, "position.epoch: should be an integer, not 1.5"),
        ({**PLAIN, "best": {"epoch": 0}}, "best.epoch: should be greater than 0, not 0"),
        ({**PLAIN, "best": {"value": 10**400}}, "best.value: should be a number, not 1000"),
        ({**PLAIN, "best": {"value": float("nan")}}, "best.value: should be a finite number, not nan"),
        ({**PLAIN, "callbacks": {"plateau": {"best": 10**400, "wait": 0, "cooldown": 0}}}, "callbacks.plateau.best: should be a num"),
        ({**PLAIN, "callbacks": {"history": None}}, "callbacks.history: should be a mapping, not null"),
        ({**PLAIN, "callbacks": {"history": {"rows": 3}}}, "callbacks.history.rows: should be a list, not 3"),
        ({**PLAIN, "callbacks": {"history": {"rows": [{"a": True}]}}}, "callbacks.history.rows.0.a: should be a number, not true"),
        ({**PLAIN, "callbacks": {"plateau": {"best": 0, "wait": 0}}}, "callbacks.plateau.cooldown: is missing"),
        ({**PLAIN, "plugins": [""]}, "plugins.0: should not be empty, not ''"),
        ({**PLAIN, "plugins": ["x" * 5000]}, "plugins.0: is too long, not 'xxx"),
        ({**PLAIN, "plugins": ["a\n"]}, "plugins.0: should be printable text, not 'a\\n'"),
        ({**PLAIN, "data": {"more": "x"}}, "data.more: is not part of a fingerprint"),
        ({**PLAIN, "hook": 1}, "hook: is an unknown field"),
        ([1], "the state: should be a mapping, not [1]"),
    ],
    ids=["list", "infinity", "huge", "deep", "many values", "many callbacks", "half", "zero", "huge best", "nan", "huge plateau",
         "null", "no rows", "bool", "missing", "empty", "long", "unprintable", "fingerprint", "own field", "no mapping"],
)  # fmt: skip
def test_anything_else_is_refused_with_its_place(plain, why):
    with pytest.raises(ValueError) as error:
        check(plain)
    assert str(error.value).startswith(why) or why in str(error.value)


def test_a_million_faults_cost_one():
    rows = [{"loss": "x"}] * 1_000_000
    with pytest.raises(ValueError, match=r"callbacks\.history\.rows\.0\.loss"):
        check({**PLAIN, "callbacks": {"history": {"rows": rows}}})
