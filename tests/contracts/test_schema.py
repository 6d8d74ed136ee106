"""The JSON schema that editors read agrees with the classes that judge a spec."""

import json
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from deepcli.catalog.components import COMMANDS, KINDS, example
from deepcli.catalog.json_schema import json_schema
from deepcli.spec import yaml12
from deepcli.sweeps.spec_file import SpecFile
from tests import own_files
from tests.contracts.test_configs import FILES

SCHEMA = json_schema()
CHECK = jsonschema.Draft202012Validator(SCHEMA)
WHOLE = {"data": "digits", "model": "mlp"}
ENTRIES = [(kind, name) for kind, registry in KINDS.items() if kind not in COMMANDS for name in registry]

RIGHT = {
    "a bare name": {"optimizer": "sgd"},
    "no type, where there is a default": {"optimizer": {"learning_rate": 0.1}, "schedule": {"warmup": 3}},
    "an integer for a list": {"model": {"type": "mlp", "hidden_units": 8}},
    "a list": {"model": {"type": "mlp", "hidden_units": [8, 8]}},
    "an empty list": {"model": {"type": "cnn", "hidden_units": []}},
    "a component inside a model": {"model": {"type": "mlp", "activation": {"type": "leaky_relu"}}},
    "integers for keys": {"training": {"class_weight": {0: 1.0, 1: 2}}},
    "null": {"training": {"early_stopping": None}},
    "data at a path": {"data": {"path": "a.csv", "target": "price"}},
    "a text for the data, of a task that reads texts": {"task": "language_model", "data": "a.txt", "model": "lstm"},
    "a text at a path": {"task": "language_model", "data": {"path": "a.txt", "window": 8}, "model": "lstm"},
    "no sweep": {"sweep": None},
    "a sweep of candidates": {
        "sweep": {"parameters": {"model.hidden_units": [[8], [8, 8]]}, "early_terminate": "median"}
    },
    "a sweep of ranges": {
        "sweep": {
            "method": "bayes",
            "metric": "val_accuracy",
            "parameters": {
                "optimizer.learning_rate": {"min": 1e-4, "max": 0.1, "distribution": "log_uniform"},
                "training.epochs": {"min": 1, "max": 4, "when": {"optimizer.type": ["adam", "sgd"]}},
            },
            "early_terminate": {"type": "hyperband", "max_resource": 9},
            "max_time": "2h",
            "seeds": [0, 3],
        }
    },
}
WRONG = {
    "an unknown section": {"optimiser": "sgd"},
    "an unknown field": {"model": {"type": "cnn", "filter": 3}},
    "a field of another type": {"model": {"type": "mlp", "filters": 3}},
    "an unknown name": {"model": "resnet"},
    "an unknown type": {"model": {"type": "resnet"}},
    "no type": {"model": {"hidden_units": 8}},
    "a field of another optimizer, without type": {"optimizer": {"momentum": 0.9}},
    "a text for a number": {"optimizer": {"type": "adam", "learning_rate": "fast"}},
    "a number that is too small": {"training": {"epochs": 0}},
    "an empty stack": {"model": {"type": "mlp", "hidden_units": []}},
    "zero units": {"model": {"type": "mlp", "hidden_units": 0}},
    "a text for a switch": {"training": {"deterministic": "no"}},
    "an unknown field far inside": {"model": {"type": "mlp", "regularization": {"l3": 0.1}}},
    "a bare metric": {"metrics": "accuracy"},
    "a score among the metrics": {"metrics": ["mcc"]},
    "a list for a component": {"loss": ["auto"]},
    "nothing for the data": {"data": None},
    "a word that is neither a data set nor a path": {"data": "photos"},
    "data without type and path": {"data": {"batch_size": 3}},
    "a field that no data at a path have": {"data": {"path": "a.csv", "targets": "price"}},
    "an unknown method of a sweep": {"sweep": {"method": "grd"}},
    "an unknown field of a sweep": {"sweep": {"trials": 3}},
    "one value for a parameter": {"sweep": {"parameters": {"seed": 3}}},
    "bounds and values": {"sweep": {"parameters": {"seed": {"values": [1], "min": 1}}}},
    "an unknown pruner": {"sweep": {"early_terminate": "mean"}},
    "no trials": {"sweep": {"max_trials": 0}},
}


def test_it_is_a_schema_of_its_draft():
    assert SCHEMA["$schema"] == CHECK.META_SCHEMA["$id"]
    CHECK.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_config_is_valid(path):
    CHECK.validate(yaml12.parse(path.read_text(encoding="utf-8"), "x").tree)


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_component_is_described(kind, name):
    CHECK.validate({**WHOLE, **yaml12.parse(example(kind, name), "x").tree})
    component = KINDS[kind][name]
    (described,) = [
        definition
        for definition in SCHEMA["$defs"].values()
        if definition["properties"].get("type") == {"const": name}
        and definition["title"] == f"{KINDS[kind].kind}: {name}"
    ]
    assert set(described["properties"]) == set(component.model_fields)
    assert described["additionalProperties"] is False
    at_a_path = kind == "data" and "path" in described["required"]
    assert ("type" in described["required"]) == (KINDS[kind].default != name and not at_a_path)


@pytest.mark.parametrize("change", RIGHT.values(), ids=RIGHT)
def test_what_the_classes_accept_is_valid(change):
    Path("a.csv").write_text("size,price\n" + "".join(f"{size % 11},{size % 7 + 0.5}\n" for size in range(60)))
    own_files.running_text(Path("a.txt"), 400)
    SpecFile.model_validate({**WHOLE, **change})
    CHECK.validate({**WHOLE, **change})


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_the_classes_refuse_is_not(change):
    with pytest.raises(ValidationError):
        SpecFile.model_validate({**WHOLE, **change})
    with pytest.raises(jsonschema.ValidationError):
        CHECK.validate({**WHOLE, **change})


def test_the_command_prints_it(cli):
    assert json.loads(cli("schema").out) == SCHEMA
