"""No two modules and no two classes of one name mean different things."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "deepcli"
ONE_THING = {
    "base": "the base class and the registry of the room",
    "predict": "a command, and what it does",
    "evaluate": "a command, and what it does",
    "train": "a command, and what it does",
    "plan": "a command, and what it makes",
    "validate": "a command, and what it checks",
    "schema": "a command, and what it prints the schema of",
    "load": "how a spec is loaded, and how a sweep is",
    "directory": "the directory of a run, and that of a sweep",
    "plots": "of runs, and of sweeps",
    "state": "the state of a run, and its file",
    "run": "a run as programs see it, and the command that runs a sweep",
    "training": "the call that trains, and the doctor's check of it",
    "regularization": "what keeps a model from overfitting: a section, and layers",
    "unused_options": "options without effect: of any command, and of reading inputs",
    "metrics": "as a spec names them, and as Keras classes",
    "losses": "as a spec names them, and as Keras classes",
    "augmentation": "as a spec names it, and as Keras layers",
    "activations": "as a spec names them, and as Keras layers",
    "recurrent": "families and layers as a spec names them, and as Keras layers",
}
"""Names that several rooms have for one thing seen from several sides, and what it is."""
ONE_CLASS = {
    "Accuracy": "a metric while training, and a score at evaluation",
    "BatchNormalization": "as a spec names it, and the Keras layer",
    "Constant": "Keras calls an initializer and a schedule so",
    "Exponential": "Keras calls an activation and a schedule so",
    "Lstm": "a family, and a layer of a stack",
    "Gru": "a family, and a layer of a stack",
    "Recurrent": "the base of these families, and that of these layers",
    "Sweep": "the section of a spec, and a sweep as programs see it",
    "ListedRun": "a run in a list, and the JSON of it",
}


def test_no_module_name_has_two_meanings():
    places = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        if path.stem != "__init__":
            places[path.stem].append(str(path.relative_to(PACKAGE)))
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in ONE_THING} == {}
    assert {name for name in ONE_THING if len(places[name]) < 2} == set()


def test_no_class_name_has_two_meanings():
    places = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(PACKAGE)))
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in ONE_CLASS} == {}
    assert {name for name in ONE_CLASS if len(places[name]) < 2} == set()
