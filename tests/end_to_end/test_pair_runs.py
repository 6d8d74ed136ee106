"""Whole runs of models of pairs: cut and resumed to the bit, compared, and swept."""

import json
import subprocess
import sys

import pytest

from deepcli.api.run import Run
from deepcli.errors import Interrupted
from tests import own_files
from tests.torture.runs import Cut, begin, fingerprint, go_on

from .test_export import INSTALLED, usage

MODELS = {
    "gru": "{type: gru, units: [6], regularization: {dropout: 0.2, recurrent_dropout: 0.2}}",
    "transformer": "{type: transformer, num_layers: 1, num_heads: 2, hidden_dim: 8, tie_embeddings: true, "
    "regularization: {dropout: 0.2}}",
}
SPEC = """
task: sequence_to_sequence
data: {path: PAIRS, batch_size: 16}
model: MODEL
metrics: [perplexity, accuracy]
schedule: {type: inverse_square_root, warmup: 3}
training: {epochs: 3, steps_per_execution: 1}
"""


@pytest.fixture
def written(tmp_path, spec):
    pairs = own_files.text_pairs(tmp_path / "pairs.tsv", 80)
    return lambda model: spec(SPEC.replace("PAIRS", str(pairs)).replace("MODEL", MODELS[model]))


@pytest.mark.long
@pytest.mark.parametrize("model", ["gru", "transformer"])
def test_a_run_that_was_cut_comes_to_the_same_bits(written, tmp_path, model):
    path = written(model)
    whole = Cut()
    begin(path, [], tmp_path / "whole", whole)
    for place in (3, whole.looked // 2):
        with pytest.raises(Interrupted):
            begin(path, [], tmp_path / f"cut-{place}", Cut(place))
        go_on(tmp_path / f"cut-{place}")
        assert fingerprint(tmp_path / f"cut-{place}") == fingerprint(tmp_path / "whole")


@pytest.mark.long
def test_runs_are_compared_pair_by_pair_and_checked(written, tmp_path, cli):
    path = written("gru")
    begin(path, [], tmp_path / "a")
    begin(path, ["training.epochs=1"], tmp_path / "b")
    (row,) = json.loads(cli("compare", tmp_path / "a", tmp_path / "b", "--json").out)["pairs"]
    assert row["examples"] > 5
    checks = json.loads(cli("sanity", path, "--json").out)["checks"]
    assert {check["check"]: check["text"] for check in checks if check["status"] == "failed"} == {}
    assert json.loads(cli("show", path, "--cost", "--json").out)["parameters"] > 100


@pytest.mark.filterwarnings("ignore")  # of the converters, about themselves
@pytest.mark.parametrize(
    ("model", "tokens", "format_"),
    [
        pytest.param(model, tokens, format_, marks=pytest.mark.long)
        for model, tokens in [("transformer", "bpe"), ("gru", "words"), ("gru", "characters")]
        for format_ in INSTALLED
    ],
)
def test_the_script_beside_an_export_writes_what_predict_writes(written, tmp_path, model, tokens, format_):
    """By the same search, without what was computed before; also in formats that take one length only."""
    if tokens == "bpe":
        pytest.importorskip("tokenizers")
    begin(written(model), [f"data.tokens={tokens}", "optimizer.learning_rate=0.02"], tmp_path / "run")
    run = Run(tmp_path / "run")
    exported = run.export(format_, verify=True, output=tmp_path / "an export")
    assert exported.verdict.difference < 1e-4 and exported.verdict.examples > 5
    words = ["one two three", "four", "two five one"]
    predicted = [[one.name, word] for one, word in zip(run.predict(words), words, strict=True)]
    assert usage(exported.folder, *words) == predicted
    facts = json.loads((exported.folder / "export.json").read_text(encoding="utf-8"))
    assert facts["data"]["tokens"] == tokens and facts["input"]["name"] == "pairs"
    done = subprocess.run(
        [sys.executable, exported.folder / "usage.py", " ", "one " * 50, "one"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 1
    assert "is empty; there is nothing to write for it" in done.stderr and "more than the" in done.stderr
