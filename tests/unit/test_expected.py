"""Every way in which pydantic refuses a value of a spec has a sentence of ours."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from deepcli.catalog.components import KINDS
from deepcli.experiment.expected import EXPECTED, example
from deepcli.experiment.schema import EarlyStopping, Experiment, Training
from deepcli.spec.registry import Component, Spec
from deepcli.sweeps.spec import Candidates, Objective, Range, Sweep
from deepcli.sweeps.spec_file import SpecFile

WRONG = [
    *(
        None,
        True,
        "x",
        "",
        "\ud800",
        b"x",
        1,
        -1,
        0,
        2**40,
        10**30,
        1.5,
        -0.5,
        math.inf,
        math.nan,
        [],
        [1],
        ["x"],
        [[]],
        [None],
        [{}],
    ),
    *({}, {"a": 1}, {1: "x"}, {"type": "x"}, {"x": {}}, object(), [1, 2, 3], [True, "x"], {0: -1.0}, {0: 0.0}),
]
WORDED = {*EXPECTED, "misfit", "missing", "too_short", "too_long", "extra_forbidden"}
CLASSES: set[Any] = {
    *(registry[name] for registry in KINDS.values() for name in registry),
    *(type(field.default) for cls in (SpecFile, Training) for field in cls.model_fields.values()),
    *(SpecFile, Sweep, Objective, Candidates, Range, EarlyStopping),
}
SPECS: list[Any] = sorted((cls for cls in CLASSES if issubclass(cls, Spec)), key=lambda cls: cls.__qualname__)


def refusals(cls):
    """Yield each field with each wrong value that is refused, and the types of the errors."""
    whole = cls.example().model_dump() if issubclass(cls, Component) else {}
    for name in cls.model_fields:
        for value in WRONG:
            try:
                cls.model_validate({**whole, name: value})
            except ValidationError as error:
                yield name, value, {item["type"] for item in error.errors()}
            except OSError:  # a data set that looks at its file
                pass


@pytest.mark.parametrize("cls", SPECS, ids=lambda cls: cls.__qualname__)
def test_every_type_of_error_has_a_sentence(cls):
    for name, value, types in refusals(cls):
        assert types <= WORDED, f"{name}: {value!r}"


def test_the_table_has_nothing_that_no_spec_can_raise():
    assert len(SPECS) > 100
    raised = {kind for cls in (*SPECS, Experiment) for _, _, types in refusals(cls) for kind in types}
    assert set(EXPECTED) - raised == set()


def test_a_section_is_shown_by_a_field_of_it(cli, spec):
    assert example(EarlyStopping) == "{patience: 5}"
    done = cli("validate", spec(), "training.early_stopping=ten")
    assert "training.early_stopping: should be fields such as {patience: 5}, not 'ten' (a string)" in done.err


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("training.epochs=ten", "should be an integer, not 'ten' (a string)"),
        ("training.epochs=0", "should be greater than 0, not 0"),
        ("data.validation_split=1.5", "should be less than 1, not 1.5"),
        ("optimizer.learning_rate=.inf", "should be a finite number, not inf"),
        ("training.deterministic=1", "should be a boolean, not 1"),
        ("training.device=3", "should be a string, not 3"),
        ('training.precision="\\ud800"', "should be valid Unicode text, not '\\ud800' (a string)"),
        ("training.precision=mixed_float", "'mixed_bfloat16' or 'mixed_float16', not 'mixed_float'; did you mean 'mixed_float16'?"),
        ("format=100000000000000000000", "format: should be a smaller number, not 100000000000000000000"),
        ("data.augmentation={1: 2}", "data.augmentation.1: the key should be a string, not 1"),
        ("training.class_weight={a: 1}", "training.class_weight.a: the key should be an integer, not 'a' (a string)"),
    ],
)  # fmt: skip
def test_what_a_value_should_be(cli, spec, word, says):
    assert says in cli("validate", spec(), word).err
