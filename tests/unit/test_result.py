"""The JSON that scripts rely on."""

import json
from importlib import resources

import jsonschema
import pytest

from deepcli.result import Result

DESIGN = {
    "schema": 1, "command": "train", "status": "completed", "name": "mnist-cnn", "run": "runs/a",
    "checkpoint": "runs/a/checkpoints/best.keras", "epochs": 10, "best_epoch": 8, "seconds": 31.2, "device": "cpu",
    "precision": "mixed_bfloat16",
    "metrics": {"train": {"loss": 0.1}, "validation": {"loss": 0.1}, "test": {"loss": 0.05, "accuracy": 0.9881}},
    "error": None,
}  # fmt: skip


def schema():
    return json.loads(resources.files("deepcli").joinpath("result.schema.json").read_text(encoding="utf-8"))


def test_the_shape_is_the_one_that_was_promised():
    assert json.loads(Result.model_validate(DESIGN).to_json()) == DESIGN
    jsonschema.validate(DESIGN, schema())


def test_the_packaged_schema_is_that_of_the_class():
    assert schema() == Result.model_json_schema(by_alias=True)


def test_not_a_number_is_null():
    result = Result.model_validate({**DESIGN, "metrics": {"test": {"loss": float("nan"), "auc": float("inf")}}})
    assert json.loads(result.to_json())["metrics"] == {"test": {"loss": None, "auc": None}}


@pytest.mark.parametrize("change", [{"schema": 2}, {"status": "great"}, {"extra": 1}, {"metrics": {"test": 1}}])
def test_the_schema_refuses_other_shapes(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**DESIGN, **change}, schema())
