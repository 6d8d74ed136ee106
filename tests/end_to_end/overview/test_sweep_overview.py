"""The page of a sweep: its facts, the best trial and how to get it, pictures, and the trials that did not end well."""

import json
import shutil

import pytest

import deepcli
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.ranking import write
from deepcli.sweeps.start import open_study, start_sweep
from tests.end_to_end.overview.conftest import SPEC
from tests.end_to_end.overview.parsing import Overview

RATE = "optimizer.learning_rate"


@pytest.fixture
def study(spec, tmp_path):
    """A sweep of four points, of which nothing is trained yet."""
    plan = load_sweep([str(spec(SPEC)), f"{RATE}=[0.1, 0.02, 0.003, 0.0004]"], (), (), {"method": "grid"})
    opened = open_study(start_sweep(tmp_path / "a <sweep>", plan, None)[0])
    yield opened
    opened.close()


@pytest.fixture
def end(study, trained_run):
    """Let a trial of the sweep end with a value, an error, or neither; its run is like the trained one."""

    def ended(value=None, error=None):
        claim = study.claim()
        run = study.folder.run(claim.number)
        shutil.copytree(trained_run, run)
        config = (
            (run / "config.yaml").read_text().replace("learning_rate: 0.001", f"learning_rate: {claim.point[RATE]}")
        )
        (run / "config.yaml").write_text(config)
        result = json.loads((run / "metrics.json").read_text())
        if value is not None:
            result["metrics"]["validation"]["loss"] = value
            study.complete(claim, [value])
        elif error is not None:
            result |= {"status": "failed", "error": error, "metrics": {}}
            study.fail(claim, error)
        else:
            study.give_back(claim)
        (run / "metrics.json").write_text(json.dumps(result))
        if value is None and error is None:
            (run / "metrics.json").unlink()

    return ended


def test_the_page_of_a_sweep_has_its_facts_its_best_trial_and_its_pictures(cli, study, end, quick_pages):
    for value in (0.5, 0.2, 0.3, 0.4):
        end(value)
    write(study)
    sweep = study.folder.path
    assert cli("report", sweep).code == 0
    page = Overview(sweep / "report.html")
    facts = "".join(page.text.split())
    for fact in (
        "trials4completed",
        "planned4",
        "metricval_loss,minimized",
        "samplergrid",
        "prunernone",
        f"parameters{RATE}",
    ):
        assert fact in facts, fact
    assert "Best trial: 1" in page.text and f"{RATE}=0.02\n" in page.text + "\n" and "val_loss 0.2" in page.text
    assert f"deepcli train '{sweep}/best.yaml'" in page.text
    assert f"deepcli predict '{sweep}/trials/0001' INPUT" in page.text
    # The sweep's own metric ranks its runs, not the headline of the task.
    assert [name.split()[0] for name in page.texts("run")] == ["0001", "0002", "0003", "0000"]
    assert page.texts("run")[0] == "0001 best" and page.texts("val_loss") == ["0.2000", "0.3000", "0.4000", "0.5000"]
    assert page.texts(RATE) == ["0.02", "0.003", "0.0004", "0.1"]
    pictures = [tag for tag, _ in page.tags if tag == "figure"]
    assert len(pictures) == 3 + 1, "three of the sweep's, and the curves of the loss"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0


def test_trials_that_failed_or_were_interrupted_say_why_and_how_the_sweep_goes_on(study, end, quick_pages):
    end(0.5)
    end(error="the run <diverged>")
    end()
    sweep = study.folder.path
    assert deepcli.Sweep(sweep).report() == sweep / "report.html"
    page = Overview(sweep / "report.html")
    assert "planned4, 1 not started" in page.text.replace("\n", "")
    assert "1 completed, 1 interrupted, 1 failed" in page.text
    assert "trial 1: failed\nthe run <diverged>" in page.text and f"{RATE}=0.02" in page.text
    assert "trial 2: interrupted\nafter 0 epochs" in page.text
    assert page.text.count(f"deepcli sweep worker '{sweep}'") == 1 and "train --resume" not in page.text
    assert "Pictures need 2 completed trials; 1 so far." in page.text


def test_a_sweep_that_has_not_begun_has_a_page(cli, study, quick_pages):
    assert cli("report", study.folder.path).code == 0
    page = Overview(study.folder.path / "report.html")
    assert "none started" in page.text and "0 runs" in page.text


def test_a_sweep_that_cannot_be_read_still_has_its_runs(cli, study, end, quick_pages):
    end(0.5)
    (study.folder.plan).write_text("{}")
    done = cli("report", study.folder.path)
    assert done.code == 0 and "notice: only the runs of the sweep are reported" in done.err and "sweep.json" in done.err
    page = Overview(study.folder.path / "report.html")
    assert [name.split()[0] for name in page.texts("run")] == ["0000"] and "Best trial" not in page.text
