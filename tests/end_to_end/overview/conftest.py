"""Runs of all kinds for tests of overview pages, made from one that was trained."""

import csv
import io
import json
import shutil

import pytest

import deepcli
from deepcli.spec import yaml12

SPEC = (
    "data: {type: digits, limit: 200, batch_size: 20}\nmodel: {type: mlp, hidden_units: [16]}\ntraining: {epochs: 3}\n"
)


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory):
    """A run of three epochs."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "spec.yaml").write_text(SPEC)
    deepcli.train(folder / "spec.yaml", output=folder / "run", progress=False)
    return folder / "run"


@pytest.fixture
def quick_pages(monkeypatch):
    """Write pages of runs without their pictures, and list them."""
    written = []

    def write(run, page):
        page.write_text("<html></html>\n")
        written.append(run.run.path.name)

    monkeypatch.setattr("deepcli.reports.html.write_report", write)
    return written


@pytest.fixture
def make_run(trained_run, tmp_path):
    """Make a run in the folder `runs`, like the trained one but for some fields and figures."""

    def made(name, fields=(), val=None, test=None, *, ended=True, **environment):
        path = tmp_path / "runs" / name
        shutil.copytree(trained_run, path)
        spec = yaml12.quick((path / "config.yaml").read_text())
        about = json.loads((path / "environment.json").read_text())
        for key, value in dict(fields).items():
            section, _, leaf = key.rpartition(".")
            (spec[section] if section else spec)[leaf] = value
            about["origins"][key] = "command line"
        (path / "config.yaml").write_text(json.dumps(spec))
        (path / "environment.json").write_text(json.dumps({**about, **environment}))
        result = json.loads((path / "metrics.json").read_text())
        for split, value in (("validation", val), ("test", test)):
            if value is not None:
                result["metrics"][split]["accuracy"] = value
        (path / "metrics.json").write_text(json.dumps(result))
        if val is not None:
            rewrite_history(path, val)
        if not ended:
            for file in [path / "metrics.json", *path.glob("*-test.npz")]:
                file.unlink()
        return path

    return made


def rewrite_history(path, val):
    """Let the best epoch, which is the last, have this accuracy on validation."""
    rows = list(csv.DictReader(io.StringIO((path / "history.csv").read_text())))
    rows[-1]["val_accuracy"] = str(val)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (path / "history.csv").write_text(text.getvalue())
