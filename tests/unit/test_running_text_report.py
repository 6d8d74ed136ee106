"""What `deepcli data` finds in a running text: figures computed by hand, and passages that are in two splits."""

import json
import random
from collections import Counter

import numpy as np
import pytest

from deepcli.api.looking import look
from deepcli.data.checks import running_text_report
from deepcli.data.checks.running_text_report import repeated_share
from deepcli.errors import UsageError

rng = random.Random(1)
TRAIN = "".join(rng.choice("abcde \n") for _ in range(3000))
VALIDATION = TRAIN[500:1012] + "".join(rng.choice("abcde") for _ in range(512))
TEST = "".join(rng.choice("abcdz") for _ in range(1000))


@pytest.fixture
def wiki(tmp_path):
    for name, text in (("train", TRAIN), ("valid", VALIDATION), ("test", TEST)):
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_figures_are_those_of_the_text(wiki):
    report = look(wiki, "task=language_model", "data.window=16")
    found = report.running
    assert found.tokens == {"train": len(TRAIN), "validation": len(VALIDATION), "test": len(TEST)}
    assert found.lines == (TRAIN + VALIDATION + TEST).count("\n") and found.characters == 3000 + 1024 + 1000
    most = sorted(Counter(TRAIN).items(), key=lambda pair: (-pair[1], pair[0]))
    assert list(found.frequent) == [(sign, count / 3000) for sign, count in most]
    assert (found.vocabulary, found.characters_per_token) == (7, 1)
    assert found.unknown == {"validation": 0, "test": TEST.count("z") / 1000}
    assert found.repeated == {"validation": 0.5, "test": 0}
    assert [problem.code for problem in report.problems] == ["unknown-tokens", "repeated-passages"]
    assert "50.0% of the passages of 64 tokens in validation are in training, too" in report.problems[1].text
    assert report.counts == {"train": (3000 - 1) // 16, "validation": 1023 // 16, "test": 999 // 16}
    lines = repr(report).splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("frequent"))
    assert lines[begin].endswith("%,") and lines[begin].startswith(
        f"frequent  {most[0][0]!r} {most[0][1] / 3000:.1%}, "
    )
    assert "given by files" in repr(report) and max(map(len, repr(report).splitlines())) <= 80


@pytest.mark.parametrize("at_once", [1, 7, 100])
def test_passages_are_found_at_any_place_of_training(at_once, monkeypatch):
    monkeypatch.setattr(running_text_report, "AT_ONCE", at_once)
    numbers = np.random.RandomState(0)
    train, held = numbers.randint(0, 2, 60).astype(np.uint8), numbers.randint(0, 2, 203).astype(np.uint8)
    inside, passages = bytes(train), [bytes(held[begin : begin + 4]) for begin in range(0, 200, 4)]
    expected = sum(passage in inside for passage in passages) / len(passages)
    assert 0.5 < expected <= 1
    assert repeated_share(train, held, 4) == expected
    assert repeated_share(train[:3], held, 4) == 0


def test_the_command_prints_the_figures_also_as_json(wiki, cli):
    done = cli("data", wiki, "task=language_model", "data.window=16", "data.tokens=bytes", "--json")
    told = json.loads(done.out)
    assert told["status"] == "completed" and told["kind"] == "text" and told["target_kind"] == "tokens"
    assert told["running"]["unknown"] == {} and told["running"]["vocabulary"] == 256
    assert cli("data", wiki, "task=language_model", "data.window=16", "--strict").code == 1


def test_pictures_of_a_text_are_refused(wiki):
    from deepcli.api.looking import inspect_data
    from deepcli.data.files import OFFLINE

    with pytest.raises(UsageError, match="--samples: needs pictures; these data are a running text"):
        inspect_data([str(wiki), "task=language_model", "data.window=16"], OFFLINE, samples=wiki / "a.png")
