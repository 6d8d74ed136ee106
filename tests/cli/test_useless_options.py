"""An option that would have no effect is an error before anything is done."""

import importlib.util
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent.parent / "golden"
RATES = "optimizer.learning_rate=[0.1, 0.01]"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "SPEC", "--if-exists", "skip"], "--if-exists: has no effect without --output"),
        (["train", "SPEC", "--if-exists", "error"], "--if-exists: has no effect without --output"),
        (["train", "--resume", "r", "--if-exists", "overwrite"], "--if-exists: has no effect with --resume"),
        (["export", "r", "--format", "keras", "--tolerance", "0.1"], "--tolerance: has no effect without --verify"),
        (["export", "mlp", "--format", "keras", "--length", "9", "-o", "e"], "reads images, not texts"),
        (
            ["export", "gru", "--format", "keras", "--length", "9", "-o", "e"],
            "the format keras accepts texts of any length",
        ),
        (["compare", "a", "b", "--metric", "val_loss"], "--metric: has no effect without --output"),
        (["plot", "a", "--terminal", "--format", "png"], "--format: has no effect with --terminal"),
        (["plot", "a", "--terminal", "-o", "x"], "--output: has no effect with --terminal"),
        (["plot", "a", "--terminal", "--split", "test"], "--split: has no effect with --terminal"),
        (["plot", "a", "--split", "tset"], "--split: unknown split 'tset'; did you mean 'test'?"),
        (["evaluate", "a", "--split", "tset"], "--split: unknown split 'tset'; did you mean 'test'?"),
        (["sweep", "run", "SPEC", RATES, "--seed", "1", "--dry-run"], "--seed: has no effect on a grid"),
        (["sweep", "plan", "SPEC", RATES, "--seed", "1"], "--seed: has no effect on a grid"),
        (["predict", "mlp", "x.npy", "--key", "x"], "--key: has no effect"),
        (["predict", "mlp", "x.npy", "--column", "x"], "--column: does not apply to a model of digits"),
        (["predict", "gru", "x.npy", "--column", "x"], "--column: has no effect"),
        (["predict", "gru", "x.npy", "--lines"], "--lines: has no effect"),
        (["predict", "gru", "x.npy", "--no-invert"], "--invert: does not apply to a model of imdb"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_without_effect_is_refused(cli, spec, words, says):
    known = {"SPEC": spec(), "mlp": GOLDEN / "mlp.keras", "gru": GOLDEN / "gru.keras"}
    done = cli(*(known.get(word, word) for word in words))
    assert done.code == 2 and says in done.err and ("--json" in words or not done.out)
    assert not list(Path().iterdir())


def test_an_option_with_an_effect_is_taken(cli, spec):
    for words in (
        ["sweep", "run", spec(), RATES, "--dry-run"],
        ["sweep", "run", spec(), RATES, "--method", "random", "--seed", "1", "--dry-run"],
        ["sweep", "plan", spec(), RATES, "--method", "random", "--max-trials", "2", "--seed", "1"],
    ):
        assert cli(*words).code == 0


@pytest.mark.skipif(importlib.util.find_spec("ai_edge_litert") is None, reason="LiteRT is not installed")
def test_texts_are_not_fixed_to_more_than_the_model_reads(cli):
    done = cli("export", GOLDEN / "gru.keras", "--format", "litert", "--length", "13", "-o", "e")
    assert done.code == 2 and "--length: should be at most 12, the model's longest text" in done.err
