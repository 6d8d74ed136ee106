"""What every registry entry owes its users: a name, documentation, defaults, and a spec that survives a round trip."""

import importlib
import pkgutil
import re
import sys

import pytest
from pydantic import ValidationError, create_model

import deepcli
from deepcli.catalog.components import COMMANDS, KINDS, example, fields, summary
from deepcli.data.own import OwnDataset
from deepcli.errors import DataError
from deepcli.spec import yaml12
from deepcli.spec.registry import Component, Registry, Spec
from deepcli.sweeps.spec import Candidates, Objective, Range, Sweep
from deepcli.sweeps.spec_file import SpecFile
from tests import own_files

ENTRIES = [(kind, name) for kind, registry in KINDS.items() for name in registry]
SECTIONS: list[type] = [
    *(SpecFile, Sweep, Objective, Candidates, Range),
    *(type(field.default) for field in SpecFile.model_fields.values()),
]


def subclasses(cls):
    for inner in cls.__subclasses__():
        yield inner
        yield from subclasses(inner)


def test_there_are_entries_of_every_kind():
    assert len(ENTRIES) > 30
    assert all(len(registry) for registry in KINDS.values())


def test_every_component_with_a_name_is_registered():
    for module in pkgutil.walk_packages(deepcli.__path__, "deepcli."):
        if not module.name.startswith(("deepcli.training", "deepcli.__main__")):
            importlib.import_module(module.name)
    named = {
        cls
        for cls in subclasses(Component)
        if cls.__module__.startswith("deepcli.")
        and cls.__module__ in sys.modules  # one of the tests poses as deepcli's own
        and not cls.model_fields["type"].is_required()
    }
    registered = {registry[name] for registry in KINDS.values() for name in registry}
    assert named == registered


@pytest.fixture(scope="module")
def own_data(tmp_path_factory):
    """Data whose targets are numbers, whose targets are labels, whose next tokens are predicted, series, and pairs."""
    folder = tmp_path_factory.mktemp("own")
    numbers = own_files.table(folder / "price.csv", "price")
    labels = own_files.labelled(folder / "topics.tsv")
    text = own_files.running_text(folder / "book.txt")
    pairs = own_files.text_pairs(folder / "pairs.tsv")
    return [
        {"type": "table", "path": str(numbers), "target": "price"},
        {"type": "table", "path": str(labels), "target": "topics"},
        {"type": "text", "path": str(text), "window": 8},
        {"type": "series", "path": str(own_files.series(folder / "load.csv")), "window": 8, "horizon": 2},
        {"type": "pairs", "path": str(pairs)},
    ]


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
class TestEveryEntry:
    def test_is_named_in_snake_case(self, kind, name):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert KINDS[kind][name].example().type == name

    def test_is_documented_field_by_field(self, kind, name):
        cls = KINDS[kind][name]
        assert re.match(r"[A-Z0-9].*\.$", summary(cls)), summary(cls)
        for row in fields(cls):
            assert row.description, f"{name}.{row.name} has no description"
            assert "typing" not in row.type, f"{name}.{row.name} has an unreadable type: {row.type}"

    def test_survives_a_round_trip_through_yaml(self, kind, name):
        component = KINDS[kind][name].example()
        again = yaml12.parse(yaml12.dump(component.model_dump()), "x").tree
        assert KINDS[kind].select(again) == component

    def test_has_an_example_that_is_valid(self, kind, name, own_data):
        """On one of several data sets: some losses are for two classes or for numbers, some networks for larger images."""
        if kind in COMMANDS:
            assert example(kind, name) == COMMANDS[kind].format(name=name)
            return
        section = yaml12.parse(example(kind, name), "x").tree
        if kind == "layers":  # a stack of this one alone seldom fits
            assert KINDS[kind].select(section["model"]["layers"][0]).type == name
            return
        if kind == "data" and issubclass(KINDS[kind][name], OwnDataset):
            with pytest.raises(DataError, match="path/to/data"):
                SpecFile.model_validate({"model": "mlp", **section})
            return
        reasons, specs = [], [{"task": "reconstruction", "data": "digits", "model": "autoencoder"}]
        others = ("digits", "imdb", "cifar10", *own_data)
        specs += [
            {"data": data, "model": "gru" if "window" in data or "pairs" in str(data) else "mlp"} for data in others
        ]
        for spec in specs:
            try:
                task = {"task": {"type": "forecasting", "quantiles": [0.1, 0.9]}} if name == "quantile" else {}
                SpecFile.model_validate({**spec, **task, **section})
            except (ValidationError, DataError) as error:
                reasons.append(str(error))
        assert len(reasons) < len(specs), reasons

    def test_refuses_unknown_fields(self, kind, name):
        with pytest.raises(ValidationError, match="no_such_field"):
            KINDS[kind].select({"type": name, "no_such_field": 1})

    def test_is_frozen_and_hashable(self, kind, name):
        component = KINDS[kind][name].example()
        assert hash(component) == hash(KINDS[kind][name].example())
        with pytest.raises(ValidationError, match="frozen"):
            component.type = "other"


@pytest.mark.parametrize("cls", [cls for cls in SECTIONS if issubclass(cls, Spec)])
def test_every_section_is_documented(cls):
    for row in fields(cls):
        assert row.description, f"{cls.__name__}.{row.name} has no description"


def test_a_score_is_refused_among_the_metrics():
    for name in KINDS["scores"]:
        if name not in KINDS["metrics"]:
            with pytest.raises(ValidationError, match="deepcli evaluate RUN"):
                SpecFile.model_validate({"data": "digits", "model": "mlp", "metrics": [name]})


def test_a_name_is_taken_once_and_needs_documentation():
    registry: Registry = Registry("things")

    class First(Component):
        """First."""

        type: str = "thing"

    class Second(Component):
        """Second."""

        type: str = "thing"

    class Third(Component):
        type: str = "third"

    registry.register(First)
    with pytest.raises(ValueError, match="already registered"):
        registry.register(Second)
    with pytest.raises(ValueError, match="docstring"):
        registry.register(Third)


def places_for_components():
    """Every field that a registry fills, at its top or in a list: the class and the field's name."""
    for cls in subclasses(Spec):
        if cls.__module__.startswith("deepcli."):
            for name, field in cls.model_fields.items():
                if any(isinstance(part, Registry) for part in (*field.metadata, *_inner(field.annotation))):
                    yield cls, name


def _inner(annotation):
    for part in getattr(annotation, "__args__", ()):
        yield from getattr(part, "__metadata__", ())
        yield from _inner(part)


class Stranger(Component):
    """Registered nowhere, under a name that every kind of component may have."""

    type: str = "stranger"


def test_there_are_places_for_components():
    assert {("Experiment", "optimizer"), ("Training", "trackers"), ("Bidirectional", "layer")} <= {
        (cls.__name__, name) for cls, name in places_for_components()
    }


@pytest.mark.parametrize(
    ("cls", "field"), list(places_for_components()), ids=lambda value: getattr(value, "__name__", value)
)
def test_no_field_takes_a_component_of_another_registry(cls, field):
    """Given alone, in a list, or as a field's default."""
    stranger = Stranger()
    for value in (stranger, (stranger,)):
        with pytest.raises(ValidationError) as caught:
            cls.model_validate({field: value})
        assert (field,) in {error["loc"][:1] for error in caught.value.errors()}
    annotation = cls.model_fields[field].rebuild_annotation()
    careless = create_model("Careless", __base__=Spec, place=(annotation, stranger))
    with pytest.raises(ValidationError, match="place"):
        careless()


def test_the_error_says_which_registry_is_wanted():
    mlp, lstm = KINDS["models"]["mlp"](), KINDS["layers"]["lstm"]()
    with pytest.raises(
        ValidationError, match=r"should be one of the optimizers, not Mlp of deepcli.models.mlp; known optim"
    ):
        SpecFile(data=KINDS["data"]["digits"](), model=mlp, optimizer=mlp)
    # Of the same name, but another kind.
    with pytest.raises(ValidationError, match=r"one of the models, not Lstm of deepcli.models.stack.recurrent"):
        SpecFile(data=KINDS["data"]["digits"](), model=lstm)
