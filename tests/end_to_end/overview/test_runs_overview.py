"""The page over several runs: what differs, who is best by validation, and nothing ranked that cannot be."""

import base64
import hashlib
import json
import re
import statistics
import subprocess
from html import unescape
from urllib.parse import unquote

import pytest

import deepcli
from deepcli.api.reporting import ReportRequest, write_reports
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from tests.end_to_end.overview.parsing import Overview
from tests.end_to_end.test_report import CHROMIUM, browsed

RATE = "optimizer.learning_rate"


@pytest.fixture
def overview(cli, tmp_path):
    """Report on the folder of runs; returns its page and what the command printed."""

    def reported(*words):
        done = cli("report", tmp_path / "runs", *words)
        assert done.code == 0, done.err
        return Overview(tmp_path / "runs" / "report.html"), done

    return reported


def test_the_columns_are_what_differs_and_the_best_by_validation_comes_first(overview, make_run, quick_pages):
    make_run("a", {RATE: 0.01}, val=0.5, test=0.9)
    make_run("b", {RATE: 0.003}, val=0.9, test=0.5)
    make_run("c", {RATE: 0.001}, val=0.7, test=0.7)
    page, _ = overview()
    assert [name.split()[0] for name in page.texts("run")] == ["b", "c", "a"]
    assert page.texts("run")[0] == "b best" and page.texts("run")[1:] == ["c", "a"]
    assert page.texts("val_accuracy") == ["0.9000", "0.7000", "0.5000"]
    assert [float(cell["data-value"]) for cell in page.column("test_accuracy")] == [0.5, 0.7, 0.9]
    assert page.texts(RATE) == ["0.003", "0.001", "0.01"]
    assert not {"model.type", "data.type", "seed"} & set(page.heads())
    assert "all 3 runs: digits, mlp, adam, constant, 3 epochs, seed 0" in page.text
    sorted_by = [cell for cell in page.tables[-1][0] if "aria-sort" in cell]
    assert [(cell["text"], cell["aria-sort"]) for cell in sorted_by] == [("val_accuracy ↑", "descending")]
    assert page.tables[-1][0][1]["title"].endswith("Higher is better.") and "What these figures mean" in page.text
    compare = re.search(r"deepcli compare (\S+) (\S+)\n", page.text)
    assert [name.rpartition("/")[2] for name in compare.groups()] == ["c", "b"]
    assert page.heads()[1:3] == ["val_accuracy ↑", "test_accuracy ↑"], "what matters stays on a narrow screen"


def test_runs_on_other_examples_are_not_ranked_against_each_other(overview, make_run, quick_pages):
    make_run("a", val=0.5)
    make_run("b", val=0.6)
    make_run("half", {"data.limit": 100}, val=0.99)
    make_run("other data", data={"sha256": "0" * 64, "content": "0" * 64}, val=0.98)
    page, _ = overview()
    assert [[name.split()[0] for name in page.texts("run", place)] for place in range(3)] == [
        ["b", "a"],
        ["half"],
        ["other"],
    ]
    assert "These runs are of 3 kinds" in page.text
    assert [name for place in range(3) for name in page.texts("run", place) if "best" in name] == ["b best"]
    assert "data.limit 100" in page.text and "data.limit 200" in page.text


def test_without_validation_nothing_is_ranked(overview, make_run, quick_pages):
    for name, value in (("r10", 0.1), ("r2", 0.2), ("r1", 0.9)):
        path = make_run(name, {"data.validation_split": 0.0}, test=value)
        result = json.loads((path / "metrics.json").read_text())
        del result["metrics"]["validation"]
        (path / "metrics.json").write_text(json.dumps(result))
    page, _ = overview()
    assert page.texts("run") == ["r1", "r2", "r10"]
    assert "not ranked" in page.text and "must not choose" in page.text
    assert not [cell for cell in page.tables[-1][0] if "aria-sort" in cell]


def test_the_figures_of_a_run_that_has_not_ended_are_those_of_its_best_epoch(overview, make_run, quick_pages):
    path = make_run("a", ended=False)
    rows = [{"epoch": 1, "val_loss": 3, "val_accuracy": 0.1}, {"epoch": 2, "val_loss": 1, "val_accuracy": 0.6}]
    rows.append({"epoch": 3, "val_loss": 2, "val_accuracy": 0.8})
    RunDir(path).write_history(rows)
    page, _ = overview()
    assert (page.texts("val_accuracy"), page.texts("val_loss"), page.texts("best_epoch")) == (
        ["0.6000"],
        ["1.0000"],
        ["2"],
    )


@pytest.mark.parametrize(("better", "says"), [([0.8, 0.81, 0.82], "is better than"), ([0.5, 0.9, 0.7], "within noise")])
def test_seeds_of_a_spec_are_one_row_with_their_spread(overview, make_run, quick_pages, better, says):
    worse = [0.6, 0.62, 0.61]
    for name, rate, values in (("low", 0.001, worse), ("high", 0.01, better)):
        for seed, value in enumerate(values):
            make_run(f"{name}/seed-{seed}", {RATE: rate, "seed": seed}, val=value, test=value / 2)
    page, _ = overview()
    assert page.texts("spec", 0) == ["high best", "low"] and page.texts("seeds", 0) == ["3", "3"]
    shown = [f"{statistics.fmean(one):.4f} ± {statistics.stdev(one):.4f}" for one in (better, worse)]
    assert page.texts("val_accuracy", 0) == shown and page.texts(RATE, 0) == ["0.01", "0.001"]
    sentence = next(line for line in page.text.splitlines() if "95 % interval over seeds" in line)
    assert says in sentence and f"{statistics.fmean(better) - statistics.fmean(worse):.4g} apart" in sentence
    assert not any("best" in name for name in page.texts("run", 1)), "the luckiest seed is not the best spec"


def test_a_run_that_has_not_ended_says_how_far_why_and_how_to_go_on(overview, make_run, quick_pages):
    make_run("done", val=0.5)
    stopped = make_run("it's", {"training.epochs": 30}, val=0.9, ended=False, plugins=["p.py"])
    with (stopped / "train.log").open("a") as log:
        log.write("2026-01-31 12:00:00 interrupted in epoch 4 of 30; best so far: epoch 3; continue with: x\n")
    killed = make_run("killed", {"training.epochs": 30}, val=0.8, ended=False)
    running = make_run("running", {"training.epochs": 30}, val=0.7, ended=False)
    with RunDir(running).owned():
        page, _ = overview()
    assert [name.split()[0] for name in page.texts("run")] == ["done", "it's", "killed", "running"]
    assert not any("best" in name for name in page.texts("run")), "one completed run is no choice"
    assert page.texts("epochs") == ["3", "3 of 30", "3 of 30", "3 of 30"]
    assert page.texts("status") == ["completed", "interrupted", "unfinished", "running"]
    assert (
        "interrupted, epoch 3 of 30: stopped in epoch 4 by Ctrl-C or another signal; best so far: epoch 3, val_loss"
        in page.text
    )
    assert "deepcli train --resume " + f"'{stopped}'".replace("it's", "it'\"'\"'s") + " --plugin=p.py" in page.text
    assert f"deepcli train --resume {killed}\n" in page.text and f"--resume {running}" not in page.text
    assert "running, epoch 3 of 30: a process is training it now" in page.text
    assert "unfinished, epoch 3 of 30: its process ended without a result" in page.text


def test_damaged_runs_are_listed_with_the_file(overview, make_run, quick_pages, tmp_path):
    make_run("fine")
    for name, file in (("h", "history.csv"), ("c", "config.yaml"), ("m", "metrics.json"), ("e", "environment.json")):
        (make_run(name) / file).write_text("{what")
    page, done = overview()
    for file in ("h/history.csv", "c/config.yaml", "m/metrics.json", "e/environment.json"):
        assert re.search(rf"^.*runs/{file}.*$", page.text, re.MULTILINE), file
        assert re.search(rf"^notice: .*runs/{file}", done.err, re.MULTILINE), file
    assert "5 runs, 4 of them not completed, or damaged" in page.text
    assert {str(tmp_path / "runs" / "fine" / "report.html"), str(tmp_path / "runs" / "report.html")} <= set(
        done.out.split("\n")
    )


def test_a_failed_run_says_why(overview, make_run, quick_pages):
    path = make_run("diverged")
    result = json.loads((path / "metrics.json").read_text())
    failed = {
        **result,
        "status": "failed",
        "error": "the run diverged: <loss> became nan",
        "metrics": {},
        "ended": "failed",
    }
    (path / "metrics.json").write_text(json.dumps(failed))
    page, _ = overview()
    assert "failed, epoch 3 of 3: the run diverged: <loss> became nan" in page.text


def test_the_one_script_is_the_one_that_the_policy_allows(overview, make_run, quick_pages):
    make_run("a"), make_run("b")
    page, _ = overview()
    assert [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "embed", "base")] == ["script"]
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    policy = next(attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'") and policy.endswith(f"script-src 'sha256-{digest}'")
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_names_and_values_are_shown_and_never_obeyed(overview, make_run, quick_pages, tmp_path):
    name = "<img src=x onerror=1> #1 \"q\" & 's' 50%"
    make_run(name, {RATE: 0.5}, val=0.9)
    make_run("b", {"data.batch_size": 10}, val=0.5)
    broken = make_run("c")
    (broken / "config.yaml").write_text("model: {type: '<script>alert(1)</script>'}")
    page, _ = overview()
    assert {tag for tag, _ in page.tags if tag in ("img", "script")} == {"script"} and "alert(1)</script>" in page.text
    assert page.texts("run")[0] == f"{name} best"
    links = [unquote(str(attributes["href"])) for tag, attributes in page.tags if tag == "a"]
    assert f"{name}/report.html" in links and all((tmp_path / "runs" / link).is_file() for link in links)


def test_beyond_twelve_runs_the_best_have_colours_and_the_page_says_so(overview, make_run, quick_pages):
    for place in range(14):
        make_run(f"r{place}", {RATE: 0.001 * (place + 1)}, val=0.5 + place / 100)
    page, _ = overview()
    assert [name.split()[0] for name in page.texts("run")] == [f"r{place}" for place in reversed(range(14))]
    swatches = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("class") == "swatch"]
    assert len(swatches) == 2 * 12, "in the table and in the legend"
    assert "The first 12 runs have colours; the next 2 are grey" in page.text and "not drawn" not in page.text
    assert len([tag for tag, _ in page.tags if tag == "figure"]) == 2, "accuracy and loss"


def test_a_picture_of_very_many_runs_says_which_it_leaves_out(overview, make_run, quick_pages, monkeypatch):
    monkeypatch.setattr("deepcli.reports.overview_section.MOST_DRAWN", 2)
    for place in range(3):
        make_run(f"r{place}", {RATE: 0.001 * (place + 1)}, val=0.5 + place / 100)
    page, _ = overview()
    assert "The last 1 are not drawn." in page.text and len(page.texts("run")) == 3


def test_pages_that_are_up_to_date_are_not_written_again(overview, make_run, quick_pages, tmp_path, monkeypatch):
    make_run("a"), make_run("b"), make_run("c", ended=False)
    _, done = overview()
    assert quick_pages == ["a", "b", "c"] and "up to date" not in done.err
    quick_pages.clear()
    page, done = overview()
    assert quick_pages == ["c"], "an unfinished run may have been continued"
    assert "2 of 3 reports were up to date; --force writes them again" in done.err
    assert done.out.splitlines() == [str(tmp_path / "runs" / name) for name in ("c/report.html", "report.html")]
    assert len(page.texts("run")) == 3
    quick_pages.clear()
    (tmp_path / "runs" / "a" / "predictions-test.npz").unlink()
    overview()
    assert quick_pages == ["a", "c"]
    quick_pages.clear()
    with (tmp_path / "runs" / "b" / "metrics.json").open("a") as file:
        file.write("\n")
    overview()
    assert quick_pages == ["b", "c"]
    quick_pages.clear()
    (tmp_path / "runs" / "b" / "report.html").write_text("cut off")
    overview()
    assert quick_pages == ["b", "c"]
    quick_pages.clear()
    monkeypatch.setattr(deepcli, "__version__", "0.0.1")
    overview()
    assert quick_pages == ["a", "b", "c"]
    quick_pages.clear()
    overview("--force")
    assert quick_pages == ["a", "b", "c"]


class Shown(NullReporter):
    """Lists what is shown as being done, and when nothing is."""

    def __init__(self):
        self.lines = []

    def doing(self, what):
        self.lines.append(what)

    def end(self):
        self.lines.append("")


def test_a_terminal_shows_how_far_the_reports_are(make_run, quick_pages, tmp_path):
    make_run("a"), make_run("b")
    shown = Shown()
    for _ in write_reports(ReportRequest(tmp_path / "runs", reporter=shown)):
        assert shown.lines[-1] == "", "a page is printed where nothing is shown"
    told = [line for line in shown.lines if line]
    assert told == ["reading runs", "report 1 of 2: a", "report 2 of 2: b", "writing the overview"]
    assert shown.lines[-1] == ""


def test_python_has_the_same(make_run, quick_pages, tmp_path):
    make_run("a"), make_run("b")
    pages = deepcli.report(tmp_path / "runs", tmp_path / "all.html")
    assert pages == [
        tmp_path / "runs" / "a" / "report.html",
        tmp_path / "runs" / "b" / "report.html",
        tmp_path / "all.html",
    ]
    links = [attributes["href"] for tag, attributes in Overview(tmp_path / "all.html").tags if tag == "a"]
    assert links == ["runs/a/report.html", "runs/b/report.html"]
    assert deepcli.report(tmp_path / "runs" / "a") == [tmp_path / "runs" / "a" / "report.html"]
    with pytest.raises(deepcli.RunError, match="contains no runs"):
        (tmp_path / "empty").mkdir()
        deepcli.report(tmp_path / "empty")


STEPS = [
    ("", ["r3", "r2", "r1", "r10"]),
    ("val_accuracy", ["r1", "r2", "r3", "r10"]),  # what is missing comes last, both ways
    ("val_accuracy", ["r3", "r2", "r1", "r10"]),
    ("run", ["r1", "r2", "r3", "r10"]),
    ("learning_rate", ["r10", "r3", "r2", "r1"]),
]
SORTED = """
const rows = () => Array.from(document.querySelectorAll("tbody tr"), (row) => row.querySelector("a").textContent);
const heads = () => Array.from(document.querySelectorAll("thead button"));
const seen = STEPS.map((name) => {
  if (name) heads().find((button) => button.textContent.includes(name)).click();
  return [rows(), Array.from(document.querySelectorAll("[aria-sort]"), (head) => head.textContent)];
});
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
document.title = JSON.stringify([seen, wide]);
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_click_on_a_heading_sorts_and_the_page_does_not_scroll_to_the_side(overview, make_run, quick_pages, tmp_path):
    make_run("r1", {RATE: 0.1}, val=0.5)
    make_run("r2", {RATE: 0.02}, val=0.75)
    make_run("r3", {RATE: 0.003}, val=0.9)
    nothing = make_run("r10", {RATE: 1e-5}, ended=False)
    (nothing / "history.csv").unlink()
    overview()
    page = tmp_path / "runs" / "report.html"
    assert browsed(page, tmp_path, 390) == ([], 0), "the policy allows its script, and it asks for nothing"
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    script = SORTED.replace("STEPS", json.dumps([name for name, _ in STEPS]))
    changed = tmp_path / "changed.html"
    changed.write_text(html.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=390,900"]
    words = [str(CHROMIUM), *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", changed.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    seen, wide = json.loads(unescape(re.search(r"<title>(.*?)</title>", done.stdout)[1]))
    assert [order for order, _ in seen] == [order for _, order in STEPS]
    assert all(len(heads) == 1 and name in heads[0] for (name, _), (_, heads) in zip(STEPS, seen, strict=True))
    assert wide == 0
