"""Commands on a run of a model of pairs: what they print, write and refuse."""

import contextlib
import io
import json
from typing import Any

import numpy as np
import pytest

from deepcli import Run
from tests import own_files

pytestmark = pytest.mark.xdist_group("run of pairs")  # one process trains it
WORDS = ["one", "two", "three", "four", "five", "six"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A run of a small model of pairs."""
    from deepcli.cli.app import app

    folder = tmp_path_factory.mktemp("pairs")
    own_files.text_pairs(folder / "pairs.tsv", 200)
    words = "train pairs.tsv task=sequence_to_sequence model=gru model.units=32 data.batch_size=16 training.epochs=6 -o run -q"
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        app([*words.split(), "optimizer.learning_rate=0.01"], standalone_mode=False)
    return folder / "run"


def refused(cli, *words):
    done = cli(*words)
    assert done.code == 2, done
    return done.err


def test_texts_files_of_lines_columns_and_pipes_are_translated(cli, pairs, tmp_path, monkeypatch):
    (tmp_path / "new.en").write_text("one two\n\nsix\n", encoding="utf-8")
    (tmp_path / "new.csv").write_text("id,text\n1,one two\n", encoding="utf-8")
    word = json.loads(cli("predict", pairs, "one two", "--json").out)
    lines = [json.loads(line) for line in cli("predict", pairs, tmp_path / "new.en", "--json").out.splitlines()]
    column = json.loads(cli("predict", pairs, tmp_path / "new.csv", "--column", "text", "--json").out)
    assert [one["input"].rpartition("/")[2] for one in lines] == ["new.en:1", "new.en:3"]
    assert word["translation"] == lines[0]["translation"] == column["translation"]
    assert word["log_probability"] < 0
    plain = cli("predict", pairs, "one two").out
    assert plain == f"{word['translation']}  one two\n"
    assert set(word["translation"].split()) <= {one.upper() for one in WORDS}
    table = cli("predict", pairs, "one two", "--csv").out.splitlines()
    assert table[0] == "input,translation,log_probability"


def test_a_wider_beam_finds_no_less_likely_target(cli, pairs):
    found = [
        json.loads(cli("predict", pairs, "one two three", "--json", "--beam", beam, "--length-penalty", "0").out)
        for beam in ("1", "6")
    ]
    assert found[0]["log_probability"] <= found[1]["log_probability"] + 1e-6
    (one,) = Run(pairs).predict("one two three", beam=6, length_penalty=0.0)
    assert one.name == found[1]["translation"]


def test_options_that_have_no_effect_are_refused(cli, pairs):
    message = refused(cli, "predict", pairs, "one two", "--top-k", "2")
    assert "--top-k and --probabilities: are for classes; a model of pairs writes one target" in message
    assert "--beam" in refused(cli, "predict", pairs, "one", "--beam", "0")
    assert "a model of pairs reads pairs, not texts" in refused(
        cli, "export", pairs, "--format", "litert", "--length", "9"
    )
    assert "holds pairs of texts" in refused(cli, "data", pairs.parent / "pairs.tsv", "task=sequence_to_sequence")


def test_inputs_that_a_model_cannot_read_are_said(cli, pairs):
    assert "one of its 2 words" in cli("predict", pairs, "one zebra").err.replace("1 of", "one of")
    long = " ".join(["one"] * 9)
    assert "has 9 words, more than the 4 of the model" in refused(cli, "predict", pairs, long)
    assert "is empty" in refused(cli, "predict", pairs, " ")


def test_an_evaluation_writes_targets_and_a_report_shows_them(cli, pairs):
    result = json.loads(cli("evaluate", pairs, "--json").out)
    scores = result["metrics"]["test"]
    assert {"loss", "perplexity", "accuracy", "exact_match", "bleu", "chrf"} <= set(scores)
    assert 0 <= scores["exact_match"] <= 1
    assert scores["perplexity"] == pytest.approx(np.exp(scores["loss"]), rel=1e-5)
    assert "exact_match" not in result["baselines"]["trivial"]
    predictions: Any = Run(pairs).predictions()
    assert len(predictions.written) == len(predictions.ids)
    again = Run(pairs).predict(predictions.inputs[:5])
    assert [one.name for one in again] == predictions.written[:5]
    cli("report", pairs)
    page = (pairs / "report.html").read_text(encoding="utf-8")
    for title in ("Worst pairs", "Best pairs", "Attention", "Targets by the length of inputs"):
        assert title in page


def test_a_translation_memory_is_the_baseline(cli, pairs):
    found = json.loads(cli("baseline", pairs, "--json").out)
    assert set(found["baselines"]) == {"token shares", "nearest"}
    assert found["baselines"]["nearest"]["exact_match"] is not None
    assert set(found["verdicts"]) == set(found["baselines"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss=hinge"], "hinge is not a loss for sequence_to_sequence"),
        (["metrics=[auc]"], "auc is not a metric for sequence_to_sequence"),
        (["model=mlp"], "`mlp` takes"),
        (["training.class_weight=balanced"], "weighs classes, which sequence_to_sequence does not have"),
        (["training.jit_compile=true"], "XLA needs fixed lengths"),
        (["loss.label_smoothing=0.1"], "needs `type: categorical_crossentropy`"),
        (["data.input=nope", "data.target=words"], "no column 'nope'"),
        (["data.maxlen=2"], "more than 2"),
    ],
)
def test_what_does_not_fit_pairs_is_refused_by_validate(cli, pairs, words, message):
    data = pairs.parent / "pairs.tsv"
    spec = pairs.parent / "x.yaml"
    spec.write_text(
        f"task: sequence_to_sequence\ndata: {{path: {json.dumps(str(data))}}}\nmodel: gru\n", encoding="utf-8"
    )
    assert message in refused(cli, "validate", spec, *words)
