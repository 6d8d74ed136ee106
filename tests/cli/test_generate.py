"""`deepcli generate`: texts that continue, the same for the same seed, and errors that name what a model cannot read."""

import importlib.util
import io
import json
import math
import sys
from pathlib import Path

import pytest

from deepcli import Run
from deepcli.api.generating import GeneratedText, GenerateRequest, TextStream
from deepcli.data.sources.byte_pairs import BytePairs
from tests import own_files

pytestmark = pytest.mark.xdist_group("run of a text")  # one process trains it
PROMPT = "The cat "


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A run of a small language model."""
    import contextlib

    from deepcli.cli.app import app

    folder = tmp_path_factory.mktemp("story")
    own_files.running_text(folder / "book.txt", 100)
    words = [
        "train",
        "book.txt",
        "task=language_model",
        "model=gru",
        "model.units=8",
        "data.window=16",
        "training.epochs=1",
        "-o",
        "run",
        "-q",
    ]
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        app(words, standalone_mode=False)
    return folder / "run"


def test_a_text_goes_on_from_its_prompt_and_depends_on_the_seed_alone(cli, story):
    first, again, other = (cli("generate", story, PROMPT, "--length", 30, "--seed", seed).out for seed in (3, 3, 4))
    assert first.startswith(PROMPT) and len(first) == len(PROMPT) + 30 + 1
    assert first == again != other


def test_several_texts_are_divided_by_a_line_and_are_those_of_python(cli, story):
    out = cli("generate", story, PROMPT, "--length", 20, "--number", 2).out
    texts = Run(story).generate(PROMPT, length=20, number=2)
    assert out == "---\n".join(f"{PROMPT}{one.text}\n" for one in texts)
    assert texts[0].text != texts[1].text
    assert texts[0] == Run(story).generate(PROMPT, length=20)[0]


def test_a_prompt_may_come_from_standard_input(cli, story, monkeypatch):
    given = cli("generate", story, PROMPT, "--length", 9).out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{PROMPT}\n".encode())))
    assert cli("generate", story, "-", "--length", 9).out == given


def test_the_object_of_json_holds_what_follows_the_prompt(cli, story):
    told = json.loads(cli("generate", story, PROMPT, "--length", 200, "--stop", "e", "--json").out)
    (text,) = told["texts"]
    assert text["stopped"] and "e" not in text["text"] and text["tokens"] == len(text["text"]) + 1
    assert (told["prompt"], told["seed"]) == (PROMPT, 0)


def test_what_training_lacks_is_named_or_left_out(cli, story):
    done = cli("generate", story, "Thé cat 5")
    assert (done.code, done.out) == (2, "")
    assert "the prompt has characters that training lacks: 'é', '5'; --unknown skip leaves them out" in done.err
    skipped = cli("generate", story, "Thé cat 5", "--unknown", "skip", "--length", 5).out
    assert skipped.removeprefix("Thé cat 5") == cli("generate", story, "Th cat ", "--length", 5).out.removeprefix(
        "Th cat "
    )
    assert "no characters that training has" in cli("generate", story, "ééé", "--unknown", "skip").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--top-p", "1.5"], "--top-p: should be above 0 and at most 1, not 1.5"),
        (["--temperature", "-1"], "--temperature: should be at least 0, not -1.0"),
        (["--temperature", "nan"], "--temperature: should be at least 0, not nan"),
        (["--unknown", "maybe"], "--unknown: should be error or skip, not 'maybe'"),
        (["--stop", ""], "--stop: should be a text that is not empty, not ''"),
        (["--seed", "-1"], "--seed: should be from 0"),
    ],
)
def test_a_value_without_a_meaning_is_refused(cli, story, words, said):
    done = cli("generate", story, *words)
    assert (done.code, done.out) == (2, "") and said in done.err


def test_models_of_other_tasks_do_not_continue_texts(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text("data: {type: digits, limit: 40}\nmodel: mlp\ntraining: {epochs: 1}\n")
    assert cli("train", "s.yaml", "-o", "run", "-q").code == 0
    done = cli("generate", "run", "The")
    assert done.code == 2 and "texts are continued by language models; this model is for classification" in done.err


def stream(pieces, **fields):
    return TextStream(iter(range(len(pieces))), GenerateRequest(**fields), lambda ids: (pieces[k] for k in ids))


def test_a_stop_that_comes_in_pieces_ends_a_text_and_what_only_begins_like_it_does_not():
    assert stream(list("one. two# three"), stop=("# ",)).whole() == GeneratedText("one. two", 10, True)
    assert stream(list("one.# two"), stop=("##", "zz")).whole() == GeneratedText("one.# two", 9, False)
    assert stream(["ab", "cd", "ef"], stop=("de", "bc")).whole() == GeneratedText("a", 2, True)
    assert stream(list("abc"), length=2).whole() == GeneratedText("ab", 2, False)
    assert list(stream(list("ab#c"), stop=("##",))) == [
        "a",
        "b",
        "",
        "#c",
        "",
    ]  # nothing is held back longer than needed


def test_samples_are_in_the_run_and_its_report(cli, story):
    texts = (story / "samples.txt").read_text().removesuffix("\n").split("\n---\n")
    assert len(texts) == 3 and all(len(text) == 300 for text in texts)
    assert texts[0] == Run(story).generate(length=300, temperature=0.8)[0].text
    assert cli("report", story).code == 0
    page = (story / "report.html").read_text()
    assert (
        "<h2>Samples</h2>" in page and "<h2>Hardest passages</h2>" in page and "<h2>Tokens that cost most</h2>" in page
    )


@pytest.mark.skipif(importlib.util.find_spec("tokenizers") is None, reason="the extra `bpe` is not installed")
def test_a_model_of_byte_pairs_keeps_its_tokens_and_counts_characters(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = own_files.running_text(Path("book.txt"), 120).read_text("utf-8").replace("sea", "s\u00e9a")
    Path("book.txt").write_text(text, encoding="utf-8")
    words = ["data.tokens=bpe", "data.vocabulary_size=290", "data.window=16", "model=gru", "model.units=8"]
    assert cli("train", "book.txt", "task=language_model", *words, "training.epochs=1", "-o", "run", "-q").code == 0
    schema = json.loads(Path("run/schema.json").read_text("utf-8"))
    pairs = BytePairs(tuple(schema["vocabulary"]))
    held = pairs.encode(text)[-schema["layout"]["test_tokens"] :]
    metrics = json.loads(cli("evaluate", "run", "--json").out)["metrics"]["test"]
    bits = metrics["loss"] / math.log(2) * len(held) / len(pairs.decode(held))
    assert metrics["bits_per_character"] == pytest.approx(bits)
    Path("book.txt").unlink()  # a run needs no file beside it
    done = cli("generate", "run", "The \u00fc\u65e5 s\u00e9", "--length", 12)
    assert done.code == 0 and done.out.startswith("The \u00fc\u65e5 s\u00e9")
