"""Every figure on a page has a sentence that explains it, from the component's own documentation."""

import re

import pytest

from deepcli.evaluation.scores import SCORES
from deepcli.experiment.load import load, words
from deepcli.optim.losses import LOSSES
from deepcli.optim.metrics import METRICS
from deepcli.reports.explanations import explain, first_sentence
from deepcli.reports.html import fragment
from tests.made_runs import epochs, made_run
from tests.unit.test_hostile_texts import Shown


@pytest.fixture
def spec():
    return load([words(["data=digits", "model=mlp"])]).experiment


@pytest.mark.parametrize("name", [*SCORES, *METRICS])
def test_every_score_and_metric_is_one_sentence_with_the_better_direction(spec, name):
    known = SCORES.get(name) or METRICS[name]
    text = explain(name, spec)
    sentence, direction = text[: text.rindex(". ") + 1], text[text.rindex(". ") + 2 :]
    assert direction == ("Higher is better." if known.better == "max" else "Lower is better.")
    assert 20 < len(sentence) < 140 and "`" not in text
    assert sentence.rstrip(".") in re.sub(
        r"\s+", " ", (METRICS.get(name) if name in spec.measured else known).__doc__.replace("`", "")
    )


@pytest.mark.parametrize("name", [*SCORES])
def test_every_score_says_what_is_good(name):
    sentence = first_sentence(SCORES[name])
    assert re.search(r"\b0 to 1\b|\b1 (?:is|orders|if)\b|\b0 is\b", sentence), sentence


def test_the_loss_is_explained_by_the_loss_of_the_spec(spec):
    assert spec.resolved_loss.type == "sparse_categorical_crossentropy"
    assert explain("loss", spec) == (
        "What training minimizes. sparse_categorical_crossentropy: Cross-entropy over all classes, computed directly "
        "from class numbers. Lower is better."
    )
    assert all(first_sentence(loss).endswith(".") for loss in map(LOSSES.__getitem__, LOSSES))


def test_a_name_that_is_not_known_has_no_explanation(spec):
    assert explain("a_plugins_own", spec) == ""


def test_the_explanation_is_on_the_page_twice_on_hover_and_below():
    result = {"status": "completed", "epochs": 1, "best_epoch": 1, "metrics": {"test": {"loss": 1.0, "accuracy": 0.5}}}
    run = made_run("a", rows=epochs(loss=[1.0], val_loss=[1.0]), result=result)
    page = Shown(fragment(run))
    text = explain("accuracy", run.experiment)
    assert text in page.attributes and text in page.text and "What these figures mean" in page.text
