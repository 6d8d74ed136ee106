"""Reports: pages that need nothing but themselves, and show what happened."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest

from deepcli.evaluation.examples import WORDS
from deepcli.evaluation.mistakes import Mistakes

from .conftest import trained

SPEC = (
    "data: {type: digits, limit: 200, batch_size: 20}\nmodel: {type: mlp, hidden_units: [16]}\ntraining: {epochs: 3}\n"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_data(self, data):
        self.text += data

    def all(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [str(attributes[name]) for _, attributes in self.tags if name in attributes]


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reported")
    (folder / "spec.yaml").write_text(SPEC)
    return trained(folder / "a run", folder / "spec.yaml", "optimizer.learning_rate=2e-2")


@pytest.fixture
def run(trained_run, tmp_path):
    """Give a copy of a run."""
    return shutil.copytree(trained_run, tmp_path / "a run")


def reported(cli, run) -> Page:
    done = cli("report", run)
    assert (done.code, done.out) == (0, f"{run / 'report.html'}\n"), done.err
    return Page((run / "report.html").read_text(encoding="utf-8"))


def test_a_report_tells_what_was_trained_and_how_well(cli, run):
    page = reported(cli, run)
    metrics = json.loads((run / "metrics.json").read_text())["metrics"]
    for split in ("train", "validation", "test"):
        assert f"{metrics[split]['loss']:.4f}" in page.text
    assert re.search(r"optimizer\.learning_rate\s*0\.02\s*0\.001", page.text)
    kept = np.load(run / "predictions-test.npz")
    wrong = int((kept["probabilities"].argmax(axis=1) != kept["labels"]).sum())
    images = [value for value in page.all("src") if value.startswith("data:image/png;base64,")]
    classes = len(set(kept["labels"][kept["probabilities"].argmax(axis=1) != kept["labels"]].tolist()))
    assert min(wrong, 24) + classes <= len(images) <= min(wrong, 24) + 3 * classes
    assert wrong > 0 and len(page.all("alt")) == len(images)
    for heading in ("Learning curves", "Metrics", "Confusion", "Calibration", "Worst mistakes", "How to reproduce"):
        assert heading in page.text
    assert f"deepcli train '{run}/config.yaml'" in page.text
    low, high = (100 * float(end) for end in re.search(r"accuracy.*?\[(0\.\d+), (0\.\d+)\]", page.text).groups())
    assert low < 100 * metrics["test"]["accuracy"] < high and f"[{low:.2f}, {high:.2f}]" in page.text


def test_a_report_asks_for_nothing(cli, run):
    page = reported(cli, run)
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "embed", "base")]
    for name in ("src", "href", "xlink:href"):
        assert all(value.startswith(("data:", "#")) for value in page.all(name)), name
    ids = page.all("id")
    assert len(ids) == len(set(ids)) > 0
    assert {value[1:] for value in page.all("xlink:href")} <= set(ids)
    assert "default-src 'none'" in "".join(page.all("content"))


def test_what_a_run_says_of_itself_is_shown_and_never_obeyed(cli, run):
    environment = json.loads((run / "environment.json").read_text())
    environment["command"] = ["train", "<script>alert(1)</script>"]
    environment["versions"]["<img src=x>"] = "1"
    (run / "environment.json").write_text(json.dumps(environment))
    page = reported(cli, run)
    assert "<script>alert(1)</script>" in page.text and "<img src=x>" in page.text
    assert "script" not in {tag for tag, _ in page.tags} and "x" not in page.all("src")


def test_a_run_of_words_shows_what_it_misread(cli, spec, tiny_imdb):
    words = [f"data.path={tiny_imdb}", "data.num_words=250", "training.epochs=1", "optimizer.learning_rate=1e-7"]
    (tiny_imdb.parent / "imdb_word_index.json").write_text(json.dumps({f"<word{k}>": k for k in range(1, 300)}))
    for expected in (r"<word\d+>", r"#\d+"):
        run = spec().parent / expected[0]
        assert cli("train", spec("data: imdb\nmodel: ngram\n"), *words, "--output", run, "--quiet").code == 0
        texts = Mistakes.load(run / "mistakes-test.npz").texts
        assert len(texts) == 24 and all(0 < len(text.split()) <= WORDS for text in texts)
        assert re.search(expected, texts[0])
        page = reported(cli, run)
        assert texts[0] in page.text and "data:image/png" not in "".join(page.all("src"))
        (tiny_imdb.parent / "imdb_word_index.json").unlink(missing_ok=True)


def test_mistakes_are_the_wrong_answers_that_the_model_was_surest_of(run):
    found, kept = Mistakes.load(run / "mistakes-test.npz"), np.load(run / "predictions-test.npz")
    sure, answers = kept["probabilities"].max(axis=1), kept["probabilities"].argmax(axis=1)
    wrong = answers != kept["labels"]
    assert found.outputs.tolist()[:24] == sorted(sure[wrong].tolist(), reverse=True)[:24]
    assert found.outputs.tolist() == sorted(found.outputs.tolist(), reverse=True)
    for label in set(kept["labels"][wrong].tolist()):
        own = sorted(sure[wrong & (kept["labels"] == label)].tolist(), reverse=True)
        assert found.outputs[found.labels == label].tolist()[:3] == own[:3]
    place = {example: index for index, example in enumerate(kept["ids"].tolist())}
    assert all(answers[place[example]] == answer for example, answer in zip(found.ids, found.answers, strict=True))


def test_a_run_without_predictions_says_what_adds_them(cli, run):
    for name in ("predictions-test.npz", "mistakes-test.npz"):
        (run / name).unlink()
    page = reported(cli, run)
    assert f"run: deepcli evaluate '{run}'" in page.text and "Confusion" not in page.text
    assert "Learning curves" in page.text


def test_a_run_that_has_not_begun_an_epoch_has_a_report(cli, run):
    for name in ("predictions-test.npz", "mistakes-test.npz", "metrics.json", "history.csv"):
        (run / name).unlink()
    page = reported(cli, run)
    assert "unfinished" in page.text and "Learning curves" not in page.text


def test_several_runs_have_a_page_over_them(cli, run, spec):
    assert cli("train", spec(SPEC), "--output", run.parent / "b #2", "--quiet").code == 0
    done = cli("report", run.parent)
    assert done.code == 0, done.err
    page = Page((run.parent / "report.html").read_text(encoding="utf-8"))
    links = [unquote(value) for value in page.all("href")]
    assert sorted(links) == ["a run/report.html", "b #2/report.html"]
    assert all((run.parent / link).is_file() for link in links)
    assert sorted(done.out.splitlines()) == sorted(str(run.parent / name) for name in [*links, "report.html"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("report", "nothing"), "nothing"),
        (("report", "."), "no run"),
        (("report", "RUN", "-o", "no/dir/x.html"), "x.html"),
    ],
)
def test_bad_words(cli, run, words, says):
    done = cli(*(str(run) if word == "RUN" else word for word in words))
    assert done.code == (1 if "-o" in words else 2) and says in done.err


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04", None])
def test_damaged_mistakes_are_named(cli, run, content):
    if content is None:
        np.savez(run / "mistakes-test.npz", ids=np.zeros(3))
    else:
        (run / "mistakes-test.npz").write_bytes(content)
    done = cli("report", run)
    assert done.code == 2 and "mistakes-test.npz" in done.err


def test_a_report_needs_no_tensorflow(run):
    script = (
        "import sys; sys.argv[0] = 'deepcli'\nfrom deepcli.cli import main\n"
        "try: main()\nexcept SystemExit as ended: assert ended.code == 0, ended.code\n"
        "assert not {'tensorflow', 'keras', 'jax'} & set(sys.modules)"
    )
    words = [sys.executable, "-c", script, "report", str(run)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (run / "report.html").stat().st_size < 3 << 20


def browsed(page, folder, width) -> tuple[list[str], int]:
    """Show a page in Chromium; returns what is in its console, and how many requests it makes."""
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    flags += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
    ]
    flags += [
        f"--log-net-log={folder / 'net.json'}",
        f"--window-size={width},900",
        f"--screenshot={folder / 'page.png'}",
    ]
    words = [str(CHROMIUM), *flags, page.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    # Of a page in a file the origin is "null"; of Chromium's own errands it is "not an origin".
    return re.findall(r"CONSOLE.*", done.stderr), (folder / "net.json").read_text().count('"initiator":"null"')


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_a_complaint_or_a_request(cli, run, tmp_path, width):
    bad = tmp_path / "bad.html"
    bad.write_text('<img src="http://127.0.0.1:9/x.png"><script>console.error("boo")</script>')
    complaints, requests = browsed(bad, tmp_path, width)
    assert "boo" in complaints[0] and requests == 1
    reported(cli, run)
    assert browsed(run / "report.html", tmp_path, width) == ([], 0)
    assert len((tmp_path / "page.png").read_bytes()) > 20_000
