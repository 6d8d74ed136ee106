"""Text from the user arrives on a page as text: escaped once, wherever it stands, and never as elements."""

from html.parser import HTMLParser

import numpy as np
import pytest

from deepcli.api.display import ProgressBar, html_lines, html_progress, html_table
from deepcli.data.digits import Digits
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.other_mistakes import worst_labels, worst_numbers
from deepcli.optim.metrics import METRICS, Accuracy
from deepcli.reports.html import fragment, write_report
from deepcli.reports.kind_sections import sections, worst_section
from tests.made_runs import digit_predictions, epochs, made_run

HOSTILE = """<script>alert(1)<b>"><img src=x onerror=alert(2)>{{7*7}}{% x %}&amp; & ' $\\frac{ é"""
ELEMENTS = {"script", "b", "link", "iframe", "object", "base", "form", "a"}


class Shown(HTMLParser):
    """What a browser makes of a page: its text and attributes, and the elements that a page should not have."""

    def __init__(self, page):
        super().__init__()
        self.text, self.odd, self.attributes = "", [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.attributes += [str(value) for name, value in attrs if name in ("alt", "title", "href")]
        sources = [value for name, value in attrs if name == "src"]
        if tag in ELEMENTS - {"b"} or any(name.startswith("on") for name, _ in attrs):
            self.odd.append(tag)
        self.odd += [value for value in sources if not value.startswith("data:image/")]

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.text += data


def check(page, *places):
    """Check that the hostile text is in a page at each place, behind the place's name, as it is."""
    shown = Shown(page)
    assert shown.odd == []
    for place in places:
        assert f"{place}{HOSTILE}" in shown.text or any(f"{place}{HOSTILE}" in one for one in shown.attributes), place
    for twice in ("&amp;lt;", "&amp;amp;amp;", "&amp;#34;", "&amp;#39;", "&lt;p"):
        assert twice not in page
    assert "<img src=x" not in page


@pytest.fixture
def hostile_run(monkeypatch):
    monkeypatch.setattr(Digits, "class_names", tuple(f"class {k}{HOSTILE}" for k in range(10)))
    monkeypatch.setattr(Accuracy, "__doc__", f"Documented {HOSTILE}")
    name = f"metric{HOSTILE}"
    monkeypatch.setitem(METRICS._classes, name, Accuracy)
    predictions = digit_predictions([0, 0, 1, 2, 3], [1, 1, 1, 3, 3])
    return made_run(
        f"run{HOSTILE}",
        rows=epochs(**{"loss": [2.0, 1.0], "val_loss": [2.0, float("nan")], name: [0.1, 0.2], "learning_rate": [1, 1]}),
        result={
            "status": "completed",
            "ended": "callback",
            "epochs": 2,
            "best_epoch": 1,
            "seconds": 1.0,
            "device": f"device{HOSTILE}",
            "metrics": {f"split{HOSTILE}": {name: 0.5}, "test": {"loss": 1.0, name: 0.5}},
            "baselines": {f"baseline{HOSTILE}": {"accuracy": 0.5}},
        },
        environment={
            "command": ["train", f"command{HOSTILE}"],
            "git_commit": f"commit{HOSTILE}",
            "started": f"started{HOSTILE}",
            "versions": {f"package{HOSTILE}": f"version{HOSTILE}"},
            "device": {"value": f"chosen{HOSTILE}", "why": f"why{HOSTILE}"},
            "threads": f"threads{HOSTILE}",
            "data": {"source": f"source{HOSTILE}", "sha256": f"sum{HOSTILE}"},
            "resumed": [{"started": f"again{HOSTILE}", "step": f"step{HOSTILE}"}],
            "parameters": f"parameters{HOSTILE}",
        },
        log=[f"stopped by log{HOSTILE}"],
        predictions=predictions,
        x=np.zeros((5, 8, 8, 1), np.uint8),
    )


def test_a_run_cannot_put_elements_on_its_page(hostile_run, tmp_path):
    write_report(hostile_run, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    check(
        page,
        *("run", "device", "metric", "baseline", "commit", "started", "package", "version", "chosen", "why", "threads"),
        *("source", "sum", "again", "step", "stopped by log", "class 0", "class 1", "label class 0", "Documented "),
    )
    text = Shown(page).text
    assert "command<script>" in text and "train 'command" in text  # quoted for a shell, so not as it is


def test_a_run_cannot_put_elements_into_a_notebook(hostile_run):
    check(fragment(hostile_run), "run", "metric", "baseline", "stopped by log", "Documented ")


def test_an_error_and_its_remedy_are_text(tmp_path):
    failed = made_run("a", result={"status": "failed", "error": f"error{HOSTILE}", "epochs": 0})
    unfinished = made_run(f"run{HOSTILE}", environment={"plugins": [f"plugin{HOSTILE}"]})
    check(fragment(failed), "error")
    text = Shown(fragment(unfinished)).text
    check(fragment(unfinished), "run")
    assert "--plugin=plugin<script>" in text and "deepcli train --resume 'run<script>" in text


def kinds():
    x = np.zeros((40, 2), np.float32)
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1, (40, 2))
    names = tuple(f"target {k}{HOSTILE}" for k in range(2))
    values = (truth + 1).astype(np.float32)
    numbers = NumberPredictions(np.arange(40), truth, values, names)
    labels = LabelPredictions(
        np.arange(40), rng.integers(0, 2, (40, 2)).astype(np.uint8), rng.random((40, 2), np.float32)
    )
    outputs = np.tile(np.array([[0.3, 0.7]], np.float32), (40, 1))
    levels = LevelPredictions(np.arange(40), np.arange(40, dtype=np.int32) % 2, outputs)
    yield numbers, worst_numbers(numbers, x, None)
    yield labels, worst_labels(labels, x, None)
    yield levels, levels.worst(x, None)


@pytest.mark.parametrize("kind", range(3))
def test_no_kind_of_predictions_takes_a_name_or_a_text_for_html(kind):
    predictions, found = list(kinds())[kind]
    found.texts[...] = "short"
    found = type(found)(**{**vars(found), "texts": np.array([f"text{HOSTILE}"] * len(found.ids))})
    names = [f"target {k}{HOSTILE}" for k in range(2)]
    page = "".join([*sections(predictions, names), *worst_section(found, names, predictions)])
    check(page, "target 0", "target 1", "text")


def test_tables_lines_and_bars_of_a_notebook_are_text():
    page = html_table([f"head{HOSTILE}"], [[f"cell{HOSTILE}"]], f"below{HOSTILE}", [f"item{HOSTILE}"])
    check(page, "head", "cell", "below", "item")
    check(html_lines("a", f"line{HOSTILE}"), "line")
    check(html_progress(f"said{HOSTILE}", ProgressBar(f"bar{HOSTILE}", 1, 2)), "said", "bar")
