"""What a misspelled name or path means: edits are counted right, and what is far away is not proposed."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcli.catalog.components import KINDS
from deepcli.experiment.schema import Experiment
from deepcli.run.near_runs import run_hint
from deepcli.spec.near_paths import near_path
from deepcli.spec.spelling import did_you_mean, edits, misspelled, nearest
from deepcli.spec.synonyms import OPTIONS, SYNONYMS, UNNEEDED, meanings, plain

WORDS = st.text("abc", max_size=5)


def one_edit(word, letters="abc"):
    """List every word that one edit makes of a word."""
    parts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    yield from (start + letter + end for start, end in parts for letter in letters)
    yield from (start + end[1:] for start, end in parts if end)
    yield from (start + letter + end[1:] for start, end in parts if end for letter in letters)
    yield from (start + end[1] + end[0] + end[2:] for start, end in parts if len(end) > 1)


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("adma", "adam", 1),
        ("adma", "adamax", 2),
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("ca", "abc", 3),
        ("ab", "ab", 0),
    ],
)
def test_edits_of_known_words(one, other, count):
    """`ca` and `abc` have the distance 3 in the restricted form, and 2 in the unrestricted one."""
    assert edits(one, other) == edits(other, one) == count


@given(WORDS, WORDS)
def test_words_at_one_edit_are_those_that_one_edit_makes(one, other):
    assert (edits(one, other) <= 1) == (other == one or other in set(one_edit(one)))
    assert abs(len(one) - len(other)) <= edits(one, other) == edits(other, one) <= max(len(one), len(other))


@given(WORDS)
def test_two_edits_at_most_are_counted_for_two(word):
    for nearby in itertools.islice(one_edit(word), 20):
        assert all(edits(word, further) <= 3 for further in itertools.islice(one_edit(nearby), 20))


def test_the_fewest_edits_win_and_a_synonym_goes_before():
    assert misspelled("adma", ["adamax", "adam", "adamw"]) == ["adam"]
    assert nearest("acc", ["auc", "accuracy"]) == ["accuracy"]
    assert nearest("swish", ["mish", "silu"]) == ["silu"]
    assert nearest("LearningRate", ["learning_rate"]) == ["learning_rate"]
    assert nearest("optimizer.lr", ["optimizer.learning_rate", "schedule.warmup"]) == ["optimizer.learning_rate"]
    assert nearest("val_acc", ["val_auc", "val_accuracy"]) == ["val_accuracy"]
    assert nearest("clip", ["clipnorm", "clipvalue", "epsilon"]) == ["clipnorm", "clipvalue"]
    assert nearest("shuffle", ["schedule", "name"]) == nearest("xy", ["l1", "ab"]) == []
    known = ["hinge", "binary_crossentropy", "auto"]
    assert did_you_mean("cross_entropy", known) == "did you mean 'auto' or 'binary_crossentropy'? "
    assert did_you_mean("nothing", known) == did_you_mean(None, []) == ""


def _fields(cls):
    for name, field in cls.model_fields.items():
        yield name
        yield from (part for part in _strings(field.annotation))


def _strings(annotation):
    for part in getattr(annotation, "__args__", ()):
        if isinstance(part, str):
            yield part
        elif hasattr(part, "model_fields"):
            yield from _fields(part)
        else:
            yield from _strings(part)
    if hasattr(annotation, "model_fields"):
        yield from _fields(annotation)


def test_every_meaning_in_the_table_exists():
    """A name that was renamed or removed would be proposed for ever."""
    from deepcli.cli.app import command
    from deepcli.sweeps.spec import Sweep

    root = command()
    known = {*_fields(Experiment), *_fields(Sweep), *root.commands, "gpu"}
    known |= {
        option[2:].replace("-", "_") for one in root.commands.values() for part in one.params for option in part.opts
    }
    for registry in KINDS.values():
        known |= {*registry, *(name for cls in map(registry.__getitem__, registry) for name in _fields(cls))}
    assert sorted(set(SYNONYMS) - known) == []
    options = {option for part in root.commands["train"].params for option in part.opts}
    assert {f"--{name.replace('_', '-')}" for name in OPTIONS} <= options
    assert len(SYNONYMS) > 100


def test_no_word_of_the_table_stands_twice_for_a_name_or_for_itself():
    for name, words in SYNONYMS.items():
        spelled = [plain(word) for word in words.split()]
        assert plain(name) not in spelled, name
        assert len(spelled) == len(set(spelled)), name
    assert meanings("Learning-Rate-Init") == ("learning_rate",)
    assert not {word for words in UNNEEDED.values() for word in words.split()} & {*Experiment.model_fields}


def touch(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def test_a_path_is_found_part_by_part():
    touch("configs/digits/cnn.yaml", "configs/digits/mlp.yaml", "runs/digits-1/x", "Data.CSV")
    for wrong in ("configs/digits/cn.yaml", "config/digits/cnn.yaml", "configs/digist/cnn", "configs/digits/cnn.yml"):
        assert near_path(Path(wrong)) == Path("configs/digits/cnn.yaml")
    assert near_path(Path("configs/digits/cn.yaml").absolute()) == Path("configs/digits/cnn.yaml").absolute()
    assert near_path(Path("data.csv")) == Path("Data.CSV")
    assert near_path(Path("configs/../config/digits/mpl")) == Path("configs/../configs/digits/mlp.yaml")
    for nothing in ("configs/digits/cnn.yaml", "elsewhere/cnn.yaml", "configs/digits/cnn.yaml/x", "x" * 5000, "a\0b"):
        assert near_path(Path(nothing)) is None
    assert near_path(Path("runs/digits-2")) is None, "another run is not a misspelled one"


def test_a_run_is_found_by_its_name_its_spec_or_its_folder():
    touch(
        "spec.yaml",
        *(f"runs/{run}/{file}" for run in ("first", "spec-1") for file in ("config.yaml", "environment.json")),
    )
    assert run_hint(Path("first")) == run_hint(Path("runs/fisrt")) == "; did you mean runs/first?"
    assert "train it first with `deepcli train spec.yaml`, or name a run of it, such as runs/spec-1" in run_hint(
        Path("spec.yaml")
    )
    assert run_hint(Path("runs/first/config.yaml")) == "; it is the spec of the run runs/first: name that"
    assert run_hint(Path("runs")).startswith("; it has runs in it: name one, such as runs/")
    assert run_hint(Path("nothing")) == run_hint(Path("runs/first")) == ""
