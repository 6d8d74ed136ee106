"""`deepcli why`: where a value of a run's spec came from."""

import json
from pathlib import Path

import pytest

from deepcli.api.loading import load_parts
from deepcli.experiment.load import dump
from deepcli.run.directory import RunDir
from deepcli.run.value_origins import value_origins


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Make a run without training it, as `deepcli train` would."""
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("data: digits\nmodel: {type: mlp, hidden_units: [8]}\n", encoding="utf-8")
    loaded = load_parts(["a.yaml", "optimizer.learning_rate=0.5"])
    precision = {"value": "float32", "why": "bfloat16 is slower here"}
    about = {
        "origins": dict(loaded.origins),
        "precision": precision,
        "jit_compile": {"value": False, "why": "on a CPU"},
    }
    RunDir.create(Path("run"), dump(loaded.experiment), about)
    return "run"


def found(done):
    assert done.code == 0, done.err
    return [line.split() for line in done.out.splitlines()]


def test_without_a_key_all_values_that_were_set_are_shown(cli, run):
    assert found(cli("why", run)) == [
        ["field", "value", "from"],
        ["data.type", "digits", "a.yaml:1:7"],
        ["model.type", "mlp", "a.yaml:2:15"],
        ["model.hidden_units", "[8]", "a.yaml:2:34"],
        ["optimizer.learning_rate", "0.5", "command", "line"],
    ]


def test_a_section_is_shown_with_its_defaults(cli, run):
    rows = {row[0]: row[1:] for row in found(cli("why", run, "optimizer"))[1:]}
    assert rows["optimizer.learning_rate"] == ["0.5", "command", "line"]
    assert rows["optimizer.type"] == ["adam", "default"] and rows["optimizer.clipnorm"] == ["null", "default"]


def test_what_the_run_decided_is_shown_with_its_reason(cli, run):
    out = cli("why", run, "training.precision").out
    assert "training.precision: auto became float32 (bfloat16 is slower here)" in out
    (one,) = value_origins(Path(run), "training.jit_compile")
    assert one.decided == "false (on a CPU)"


def test_the_same_as_json(cli, run):
    done = json.loads(cli("why", run, "seed", "--json").out)
    assert done["values"] == [{"key": "seed", "value": 0, "origin": "default", "decided": None}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "optimizer.learnin_rate"], "did you mean 'optimizer.learning_rate'?"),
        (["run", "optimzer"], "did you mean 'optimizer'?"),
        (["nowhere"], "nowhere is not a run"),
    ],
)
def test_what_cannot_be_explained(cli, run, words, message):
    done = cli("why", *words)
    assert done.code == 2 and message in done.err


def test_a_run_that_did_not_record_it_says_so(cli, run):
    RunDir(Path(run)).environment.write_text("{}", encoding="utf-8")
    assert found(cli("why", run, "seed"))[1] == ["seed", "0", "unknown"]
    done = cli("why", run)
    assert done.code == 2 and "did not record where its values came from" in done.err
