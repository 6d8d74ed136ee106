"""`deepcli list` of a section, of a section in a section, and of a component by its name alone."""

import json
import textwrap

import pytest

from deepcli.catalog.components import KINDS
from deepcli.catalog.sections import sections
from deepcli.experiment.schema import EarlyStopping, Training
from deepcli.models import MODELS


def test_a_section_is_listed_with_its_fields_and_an_example_that_is_valid(cli, spec):
    out = cli("list", "training").out
    assert out.startswith("training  Length of training, hardware, precision and checkpoints.\n")
    for name, field in Training.model_fields.items():
        line = next(line for line in out.splitlines() if line.startswith(f"  {name} "))
        assert field.description in line
    example = textwrap.dedent(out.partition("\n\n")[2])
    assert cli("validate", spec(f"data: digits\nmodel: mlp\n{example}")).code == 0


@pytest.mark.parametrize("word", ["early_stopping", "training.early_stopping"])
def test_a_section_in_a_section_is_found_by_its_name_and_by_its_path(cli, word):
    out = cli("list", word).out
    assert out.startswith("training.early_stopping  Stop when a metric no longer improves.\n")
    assert all(f"  {name} " in out for name in EarlyStopping.model_fields)
    assert "  training:\n    early_stopping:\n      monitor: val_loss\n" in out


def test_a_section_that_depends_on_the_component_is_listed_for_each(cli):
    heads = [line for line in cli("list", "regularization").out.splitlines() if line.startswith("model.")]
    assert [head.partition("  ")[0] for head in heads] == [
        "model.regularization (application)", "model.regularization (autoencoder)",
        "model.regularization (gru)", "model.regularization (ngram)",
    ]  # fmt: skip
    known = {"training", "training.checkpoint", "sweep", "data.split (arrays)", "data.split (series)"}
    assert set(sections()) >= {*known, "data.augmentation (imdb)"}


def test_a_component_is_found_by_its_name_alone(cli):
    assert cli("list", "cnn").out == cli("list", "models", "cnn").out
    heads = [line for line in cli("list", "lstm").out.splitlines() if line.startswith("lstm")]
    assert [head.partition("  ")[0] for head in heads] == ["lstm (models)", "lstm (layers)"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_a_line_for_each_component(cli, kind):
    lines = cli("list", kind).out.splitlines()
    assert [line.split()[0] for line in lines] == list(KINDS[kind])


@pytest.mark.parametrize(("field", "kind"), [("model", "models"), ("optimizer", "optimizers"), ("task", "tasks")])
def test_a_section_that_names_a_component_lists_those_of_its_kind(cli, field, kind):
    assert cli("list", field).out == cli("list", kind).out


def test_the_objects_for_scripts_say_the_kind_of_each_entry(cli):
    def found(word):
        return json.loads(cli("list", word, "--json").out)

    assert (found("training")["kind"], found("training")["entries"][0]["type"]) == ("sections", "training")
    assert found("cnn")["kind"] == "models"
    both = found("lstm")
    assert (both["kind"], [entry["kind"] for entry in both["entries"]]) == (None, ["models", "layers"])
    assert len(found("model")["entries"]) == len(MODELS)


def test_an_unknown_word_is_an_error_with_the_nearest_one(cli):
    done = cli("list", "early_stoping")
    assert (done.code, done.out) == (2, "")
    assert "unknown kind, section or component 'early_stoping'; did you mean 'early_stopping'?" in done.err


def test_init_shows_the_fields_of_sections_that_are_null(cli, spec):
    from pathlib import Path

    assert cli("init", "digits", "cnn", "a.yaml").code == 0
    text = Path("a.yaml").read_text()
    assert "  # early_stopping: null" in text
    for name in EarlyStopping.model_fields:
        assert f"  #   # {name}: " in text
    used = text.replace("# early_stopping: null ", "early_stopping:       ").replace(
        "  #   # patience: 5", "    patience: 2"
    )
    Path("a.yaml").write_text(used)
    assert "patience: 2" in cli("show", "a.yaml").out
