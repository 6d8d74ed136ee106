"""Whole runs of models of pairs: cut and resumed to the bit, compared, and swept."""

import json

import pytest

from deepcli.errors import Interrupted
from tests import own_files
from tests.torture.runs import Cut, begin, fingerprint, go_on

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
