"""Whole runs of language models: cut and resumed to the bit, of words and of bytes."""

import io
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import deepcli
from deepcli import Run
from deepcli.data.sources.text_vocabulary import pieces_of
from deepcli.errors import Interrupted
from tests import own_files
from tests.torture.runs import Cut, begin, fingerprint, go_on

MODELS = {
    "gru": "{type: gru, units: [6], regularization: {dropout: 0.2, recurrent_dropout: 0.2}}",
    "transformer": "{type: transformer, num_layers: 1, num_heads: 2, hidden_dim: 8, positions: rotary, tie_embeddings: true, "
    "regularization: {dropout: 0.2}}",
}
SPEC = """
task: language_model
data: {path: BOOK, window: 8, stride: 4, batch_size: 64, tokens: TOKENS}
model: MODEL
metrics: [perplexity, accuracy]
schedule: {type: cosine, warmup: 0.2}
training: {epochs: 3, steps_per_execution: 1}
"""


@pytest.fixture
def written(tmp_path, spec):
    book = own_files.running_text(tmp_path / "book.txt", 40)

    def write(model, tokens="characters"):
        return spec(SPEC.replace("BOOK", str(book)).replace("TOKENS", tokens).replace("MODEL", MODELS[model]))

    return write


@pytest.mark.parametrize("model", ["gru", pytest.param("transformer", marks=pytest.mark.long)])
def test_a_run_that_was_cut_comes_to_the_same_bits(written, tmp_path, model):
    path = written(model)
    whole = Cut()
    begin(path, [], tmp_path / "whole", whole)
    for place in (3, whole.looked // 2):
        with pytest.raises(Interrupted):
            begin(path, [], tmp_path / f"cut-{place}", Cut(place))
        go_on(tmp_path / f"cut-{place}")
        assert fingerprint(tmp_path / f"cut-{place}") == fingerprint(tmp_path / "whole")
        assert (tmp_path / f"cut-{place}" / "samples.txt").read_text() == (
            tmp_path / "whole" / "samples.txt"
        ).read_text()


@pytest.mark.parametrize("tokens", ["words", pytest.param("bytes", marks=pytest.mark.long)])
def test_words_and_bytes_are_learned_scored_and_written(written, tmp_path, cli, tokens, monkeypatch):
    begin(written("gru", tokens), ["data.window=4"], tmp_path / "run")
    told = json.loads(cli("evaluate", tmp_path / "run", "--json").out)["metrics"]["test"]
    perplexity, bits = told["perplexity"], told["bits_per_character"]
    text = (tmp_path / "book.txt").read_text()
    per_token = len(text) / len(pieces_of(text, tokens))
    assert bits == pytest.approx(math.log2(perplexity) / per_token, rel=0.1 if tokens == "words" else 1e-6)
    (one,) = Run(tmp_path / "run").generate("The cat", length=12)
    assert one.tokens == 12 and "<unknown>" not in one.text
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert cli("predict", tmp_path / "run", "The cat", "--top-k", 2).out.count(" 0.") == 2


@pytest.mark.long
def test_compare_counts_tokens_and_runs_lists_perplexity(written, tmp_path, cli):
    for seed in (0, 1):
        begin(written("gru"), [f"seed={seed}", "training.epochs=1"], tmp_path / "runs" / str(seed))
    told = cli("compare", tmp_path / "runs/0", tmp_path / "runs/1").out
    assert "test_perplexity" in told and "ngram_perplexity" in told and "too few tokens to decide" in told
    assert "perplexity" in cli("runs", tmp_path / "runs").out


@pytest.mark.parametrize(
    "tokens", ["bpe", *(pytest.param(one, marks=pytest.mark.long) for one in ("characters", "words", "bytes"))]
)
def test_the_script_beside_an_export_writes_what_generate_writes(tokens, tmp_path, monkeypatch):
    """Until the window is full; then a recurrent model of deepcli remembers more than the script shows it."""
    if tokens == "bpe":
        pytest.importorskip("tokenizers")
    monkeypatch.chdir(tmp_path)
    own_files.running_text(Path("book.txt"), 100)
    words = [f"data.tokens={tokens}", "data.window=24", "model=gru", "model.units=12", "training.epochs=1"]
    sized = ["data.vocabulary_size=280"] if tokens == "bpe" else []
    deepcli.train("book.txt", "task=language_model", *words, *sized, output="run", progress=False)
    run = Run("run")
    exported = run.export("keras", verify=True)
    assert exported.verdict.difference < 1e-5
    Path("book.txt").unlink()
    script = exported.folder / "usage.py"
    text = (
        script.read_text("utf-8").replace("TEMPERATURE = 0.8", "TEMPERATURE = 0").replace("LENGTH = 300", "LENGTH = 15")
    )
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, "The cat"], capture_output=True, check=False, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "The cat" + run.generate("The cat", length=15, temperature=0)[0].text + "\n"
    if tokens == "characters":
        done = subprocess.run([sys.executable, script, "~"], capture_output=True, check=False, text=True)
        assert done.returncode == 1 and "has characters that training lacks: '~'" in done.stderr
