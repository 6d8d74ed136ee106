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


def test_what_only_evaluate_has_is_left_out_elsewhere_and_comes_back_from_json():
    row = {"class": 0, "precision": 0.5, "recall": float("nan"), "f1": None, "support": 2}
    only = {
        "intervals": {"test": {"accuracy": (0.1, 0.2), "mcc": None}},
        "interval_notes": {"test": {"accuracy": "exact (Clopper-Pearson)", "mcc": "none: 0 wrong answers, 10 needed"}},
        "classes": {"test": [row]},
        "confusion_matrix": {"test": [[2, 0]]},
    }
    text = Result.model_validate({**DESIGN, **only}).to_json()
    written = json.loads(text)
    jsonschema.validate(written, schema())
    assert written["classes"] == {"test": [{**row, "recall": None}]}
    assert written["confusion_matrix"] == {"test": [[2, 0]]}
    assert Result.from_json(text).to_json() == text
    assert not only.keys() & json.loads(Result.model_validate(DESIGN).to_json()).keys()


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"status": "great"},
        {"extra": 1},
        {"metrics": {"test": 1}},
        {"classes": {"test": [{"class": 0}]}},
        {"confusion_matrix": {"test": [0]}},
    ],
)
def test_the_schema_refuses_other_shapes(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**DESIGN, **change}, schema())


def test_baselines_stand_beside_the_run_by_their_headline():
    found = {"trivial": {"f1": 0.2}, "bag of words": {"accuracy": 0.9, "f1": 0.8}, "linear": {"accuracy": None}}
    result = Result.model_validate({**DESIGN, "baselines": found, "headline": "f1"})
    assert result.beside == {"bag_of_words_f1": 0.8, "linear_f1": None}
    assert Result.from_json(result.to_json()) == result
    assert Result.model_validate({**DESIGN, "baselines": found}).beside == {}  # of runs without a headline
