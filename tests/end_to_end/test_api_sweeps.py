"""Sweeps from Python: `deepcli.sweep` trains what the command trains, and `deepcli.Sweep` reads what is there."""

import base64
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepcli
from deepcli.api.loading import plain
from deepcli.api.sweeping import SweepRequest, load_plan
from deepcli.run.reporter import NullReporter
from deepcli.sweeps.directory import PLOTS
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.ranking import RankedTrial
from deepcli.sweeps.start import open_study, start_sweep
from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("a sweep from Python")  # one process runs what many look at
RATE = "optimizer.learning_rate"
SPEC: dict[str, Any] = {
    "name": "small",
    "data": {"type": "digits", "limit": 100, "batch_size": 20},
    "model": {"type": "mlp", "hidden_units": [8]},
    "training": {"epochs": 2},
}
TEXT = json.dumps(SPEC)
GRID = {RATE: [1e-3, 1e-2, 3e-2]}
WORDS = f"{RATE}=[1e-3, 1e-2, 3e-2]"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep from Python, over a grid."""
    folder = tmp_path_factory.mktemp("sweeps") / "a sweep"
    return deepcli.sweep(SPEC, GRID, workers=2, output=folder, progress=False)


def table(folder):
    """The rows of `trials.csv` without their times."""
    with (Path(folder) / "trials.csv").open(encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def without_times(outcome):
    return {key: value for key, value in outcome.items() if key not in ("seconds", "sweep")}


# The call


def test_a_sweep_from_python_is_that_of_the_command(cli, spec, swept, tmp_path):
    done = cli("sweep", "run", spec(TEXT), WORDS, "--workers", "1", "-o", tmp_path / "s", "--json")
    assert done.code == 0, done.err
    theirs = json.loads(done.out)
    ours = json.loads(swept.outcome.to_json())
    runs = [Path(outcome["best"].pop("runs")[0]) for outcome in (ours, theirs)]
    assert without_times(ours) == without_times(theirs)
    assert [run.name for run in runs] == [f"{ours['best']['trial']:04d}"] * 2
    assert table(swept.path) == table(tmp_path / "s")
    assert json.loads((swept.path / "outcome.json").read_text())["best"]["test"] == theirs["best"]["test"]
    names = [{path.name for path in folder.iterdir()} for folder in (swept.path, tmp_path / "s")]
    assert names[0] == names[1]
    assert swept.best.metrics == deepcli.Run(runs[1]).metrics


def test_a_call_continues_what_a_command_started_and_a_command_what_a_call_started(cli, spec, swept, capfd):
    again = cli("sweep", "run", spec(TEXT), WORDS, "-o", swept.path, "--workers", "1")
    assert again.code == 0, again.err
    assert f"continuing {swept.path}: 3 trials, grid, minimizing val_loss" in again.err
    deepcli.sweep(SPEC, GRID, workers=1, output=swept.path)
    shown = capfd.readouterr()
    assert shown.out == "" and shown.err == f"continuing {swept.path}: 3 trials, grid, minimizing val_loss\n"


@pytest.mark.long
def test_points_are_sampled_as_the_command_samples_them(cli, spec, tmp_path):
    parameters = {RATE: "log:1e-4:1e-1", "model.regularization.dropout": {"min": 0.0, "max": 0.5}}
    words = [f"{RATE}=log:1e-4:1e-1", "model.regularization.dropout=uniform:0.0:0.5"]
    options = ["--method", "random", "--max-trials", "2", "--seeds", "2", "--seed", "5"]
    lines = [json.loads(line) for line in cli("sweep", "plan", spec(TEXT), *words, *options).out.splitlines()]
    swept = deepcli.sweep(
        deepcli.load(spec(TEXT)),
        parameters,
        method="random",
        metric="val_accuracy",
        max_trials=2,
        seeds=2,
        seed=5,
        workers=1,
        output=tmp_path / "s",
        progress=False,
    )
    rows = sorted(swept.trials, key=lambda row: row["trial"])
    keys = list(parameters)
    assert [[row[key] for key in keys] for row in rows] == [[one["point"][key] for key in keys] for one in lines[::2]]
    assert list(rows[0]) == ["trial", "state", "value", "spread", *keys, "epochs", "seconds", "error"]
    assert [(row["state"], row["epochs"], row["error"]) for row in rows] == [("completed", 2, None)] * 2
    assert swept.outcome.goal == "maximize"
    assert swept.best.path == swept.path / "trials" / f"{swept.trials[0]['trial']:04d}" / "seed-0"
    assert swept.trials[0]["value"] == max(row["value"] for row in rows) == swept.outcome.best.value


def planned(spec, parameters, **options):
    from deepcli.api.sweeping import _sorted

    words, varied = _sorted(parameters)
    return load_plan(SweepRequest((spec, *words), varied, options=plain(options, ())), NullReporter())


def test_parameters_are_what_python_programs_hold():
    plan = planned(
        SPEC,
        {
            RATE: np.logspace(-3, -1, 3),
            "seed": range(2),
            "model.hidden_units": [(8,), (16, 8)],
            "optimizer.type": "sgd",
            "sweep.keep": "3",
        },
        seeds=(np.int64(0), 4),
        max_time="90",
    )
    assert [type(value) for value in plan.sweep.parameters[RATE].values] == [float] * 3
    assert plan.sweep.parameters[RATE].values == pytest.approx((1e-3, 1e-2, 1e-1))
    assert plan.sweep.parameters["seed"].values == (0, 1)
    assert plan.sweep.parameters["model.hidden_units"].values == ([8], [16, 8])
    assert (plan.method, plan.max_trials, plan.sweep.keep, plan.seeds) == ("grid", 12, 3, (0, 4))
    assert plan.sweep.max_time == 90
    assert plan.experiment({}).optimizer.type == "sgd"


def test_the_section_of_a_file_or_dict_counts_and_parameters_are_merged_into_it(spec):
    section = {"parameters": {RATE: [1e-3, 1e-2], "seed": [0, 1]}, "max_trials": 3, "metric": "val_accuracy"}
    for source in ({**SPEC, "sweep": section}, spec(json.dumps({**SPEC, "sweep": section}))):
        plan = planned(source, {RATE: [1e-1], "seed": "7"})
        assert {key: one.values for key, one in plan.sweep.parameters.items()} == {RATE: (0.1,)}
        assert (plan.metric.name, plan.max_trials, plan.experiment({}).seed) == ("val_accuracy", 1, 7)


@pytest.mark.parametrize(
    ("words", "parameters", "options"),
    [
        (["optimizer.learning_rat=[1, 2]"], {"optimizer.learning_rat": [1, 2]}, {}),
        ([f"{RATE}=[]"], {RATE: []}, {}),
        ([f"{RATE}=log:1e-1:1e-4"], {RATE: "log:1e-1:1e-4"}, {}),
        ([f"{RATE}=log:1"], {RATE: "log:1"}, {}),
        ([f"{RATE}=[1e-3, -1]"], {RATE: [1e-3, -1]}, {}),
        ([f"{RATE}=sgd"], {RATE: "sgd"}, {}),
        ([WORDS], GRID, {"metric": "val_acuracy"}),
        ([WORDS], GRID, {"method": "gird"}),
        ([WORDS], GRID, {"max_trials": 0}),
        ([WORDS], GRID, {"max_time": "soon"}),
        ([WORDS], GRID, {"seed": 1}),
        ([], {}, {}),
    ],
    ids=str,
)
def test_errors_are_those_of_the_command(cli, spec, words, parameters, options, tmp_path):
    given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    done = cli("sweep", "run", spec(TEXT), *words, *given, "-o", tmp_path / "s")
    assert done.code == 2
    with pytest.raises(deepcli.DeepcliError) as raised:
        deepcli.sweep(spec(TEXT), parameters, output=tmp_path / "s", progress=False, **options)
    if options.get("method") == "gird":  # the command line refuses the word itself
        assert "sweep.method" in str(raised.value) and "grid" in str(raised.value)
    else:
        assert done.err == "".join(f"error: {line}\n" for line in str(raised.value).splitlines())
    assert not (tmp_path / "s").exists()


def test_arguments_that_are_wrong_only_in_python(swept):
    with pytest.raises(deepcli.UsageError, match="workers: should be at least 1, not 0"):
        deepcli.sweep(SPEC, GRID, workers=0)
    mixed: Any = {3: [1, 2]}
    with pytest.raises(deepcli.UsageError, match="should be a dotted key"):
        deepcli.sweep(SPEC, mixed)
    with pytest.raises(deepcli.SpecError, match="should be a list of candidates or fields such as min and max"):
        deepcli.sweep(SPEC, {RATE: 0.1})
    with pytest.raises(deepcli.SpecError, match="was started with another plan"):
        deepcli.sweep(SPEC, {RATE: [1e-3, 1e-2]}, output=swept.path)
    with pytest.raises(deepcli.RunError, match="is a run, not a sweep"):
        deepcli.sweep(SPEC, GRID, output=swept.best.path)


@pytest.mark.long
def test_a_sweep_without_a_completed_trial_raises_and_leaves_its_outcome(tmp_path):
    rates = {RATE: [1e18, 2e18, 3e18], "optimizer.type": "sgd"}
    with pytest.raises(deepcli.TrainingError, match="2 trials failed; the limit is 1"):
        deepcli.sweep(SPEC, rates, max_failures=1, workers=1, output=tmp_path / "s", progress=False)
    failed = deepcli.Sweep(tmp_path / "s")
    assert failed.outcome.status == "failed"
    assert ["diverged" in row["error"] for row in failed.trials] == [True, True]
    for name in ("best", "best_spec"):
        with pytest.raises(deepcli.RunError, match="no trial is completed"):
            getattr(failed, name)
    assert repr(failed) == f"<Sweep {tmp_path / 's'}: 2 failed of 3 trials>"


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to this process")
@pytest.mark.long
def test_an_interrupt_stops_the_workers_with_checkpoints_and_says_how_to_continue(tmp_path):
    folder, spec = tmp_path / "s", {**SPEC, "training": {"epochs": 150}}

    def interrupt():
        end = time.monotonic() + 60
        while not list(folder.glob("trials/*/history.csv")) and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    threading.Thread(target=interrupt).start()
    with pytest.raises(deepcli.Interrupted) as raised:
        deepcli.sweep(spec, GRID, workers=1, output=folder, progress=False)
    assert signal.getsignal(signal.SIGINT) is before
    assert str(raised.value) == f"interrupted; call deepcli.sweep again with the same arguments to continue {folder}"
    assert raised.value.exit_code == 130
    assert (folder / "trials" / "0000" / "checkpoints" / "last.keras").exists()
    assert json.loads((folder / "outcome.json").read_text())["status"] == "interrupted"
    assert deepcli.Sweep(folder).outcome.status == "unfinished"
    done = deepcli.sweep(spec, GRID, workers=1, output=folder, progress=False)
    assert done.outcome.completed == 3
    assert "resuming" in (folder / "trials" / "0000" / "train.log").read_text()


SCRIPT = f"""
import deepcli
print("the script runs")
swept = deepcli.sweep({SPEC!r}, {GRID!r}, workers=2, progress=False)
print(swept.path, len(swept.trials), swept.best.result.status)
"""


@pytest.mark.long
def test_a_script_needs_no_guard_because_workers_do_not_import_it(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the script runs", f"{Path('sweeps', 'small')} 3 completed"]


def test_what_the_environment_forbids_a_call_may_allow_and_the_other_way_round(tmp_path):
    from deepcli.api.sweep_engine import launch_of
    from deepcli.data.files import Sources
    from deepcli.sweeps.directory import SweepDir

    request = SweepRequest((SPEC,), plugins=("a.py",), workers=2, storage="sqlite:///secret")
    online = launch_of(request, SweepDir(tmp_path), Sources())
    assert online.environment == {"DEEPCLI_STORAGE": "sqlite:///secret", "DEEPCLI_OFFLINE": "0"}
    offline = launch_of(request, SweepDir(tmp_path), Sources(Path("data"), offline=True))
    assert (offline.workers, offline.options) == (2, ("--plugin", "a.py", "--data-dir", "data", "--offline"))


# A sweep that exists


def test_a_sweep_is_opened_again(cli, swept):
    opened = deepcli.Sweep(swept.path)
    best = opened.trials[0]
    assert opened.trials == swept.trials
    assert [row["value"] for row in opened.trials] == sorted(row["value"] for row in opened.trials)
    assert (opened.best.path, opened.best_spec) == (swept.best.path, swept.best_spec)
    assert opened.best_spec == deepcli.load(swept.path / "best.yaml")
    assert opened.best_spec.optimizer.learning_rate == best[RATE]
    assert opened.best.metrics["test"] == swept.outcome.best.test
    status = json.loads(cli("sweep", "status", swept.path, "--json").out)
    assert without_times(json.loads(opened.outcome.to_json())) == without_times(status)
    assert repr(opened) == (
        f"<Sweep {swept.path}: 3 completed of 3 trials; best trial {best['trial']}: val_loss {best['value']:.4f}>"
    )
    page = opened._repr_html_()
    assert page.count("<td>completed</td>") == 3 and RATE in page


def test_a_notebook_shows_the_plots_that_are_there(swept, tmp_path):
    pages = [deepcli.Sweep(swept.path)._repr_html_()]
    copy = tmp_path / "s"
    shutil.copytree(swept.path, copy)
    (copy / "slices.png").write_bytes(b"<script>not a picture")
    (copy / "history.png").unlink()
    pages.append(deepcli.Sweep(copy)._repr_html_())
    assert [re.findall('<img alt="([^"]*)"', page) for page in pages] == [list(PLOTS), ["parallel-coordinates"]]
    found = re.findall('src="data:image/png;base64,([^"]*)"', pages[0])
    assert [base64.b64decode(one) for one in found] == [(swept.path / f"{name}.png").read_bytes() for name in PLOTS]


def test_importances_are_those_of_the_outcome_or_empty_with_a_reason(swept):
    assert swept.importances == deepcli.Sweep(swept.path).importances == {}
    assert swept.outcome.importances_note == "3 different completed trials, 30 needed"
    shares = {RATE: 0.75, "seed": 0.25}
    known = deepcli.Sweep(swept.path, outcome=swept.outcome.model_copy(update={"importances": shares}))
    assert list(known.importances.items()) == list(shares.items())


def test_one_plugin_may_be_given_without_a_list(swept, tmp_path):
    plugin = tmp_path / "one.py"
    plugin.write_text("import os\nos.environ['ONE_PLUGIN'] = 'imported'\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONE_PLUGIN", "")
        deepcli.Sweep(swept.path, plugins=plugin)
        assert os.environ["ONE_PLUGIN"] == "imported"


def test_what_is_not_a_sweep_is_an_error(cli, swept, tmp_path):
    for path in (tmp_path, swept.best.path):
        with pytest.raises(deepcli.RunError) as raised:
            deepcli.Sweep(path)
        assert cli("sweep", "status", path).err == f"error: {raised.value}\n"


def test_trials_are_a_data_frame_where_pandas_is_installed(swept, monkeypatch):
    made = []
    pandas: Any = types.ModuleType("pandas")
    pandas.DataFrame = lambda rows: made.append(rows) or "frame"
    pandas.__spec__ = types.SimpleNamespace(name="pandas")
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    assert swept.trials == "frame"
    assert [row["state"] for row in made[0]] == ["completed"] * 3


# In a notebook


def test_what_a_notebook_shows_is_escaped(spec, tmp_path):
    path, _ = start_sweep(tmp_path / "<img src=x onerror=alert(1)>", load_sweep([str(spec(TEXT)), WORDS]), None)
    study = open_study(path)
    study.fail(study.claim(), "<script>bang</script>")
    study.close()
    shown = deepcli.Sweep(path.path)
    pages = [shown._repr_html_()]
    (path.path / "sweep.json").write_text("{}")
    pages.append(shown._repr_html_())
    assert "bang" in pages[0] and "is damaged" in pages[1]
    for page in pages:
        assert "onerror" in page and "<img" not in page and "<script" not in page


def test_a_sweep_in_a_notebook_is_one_output_with_a_bar(monkeypatch):
    from deepcli.api.sweep_progress import NotebookSweepView, make_view

    shown = []

    def display(data, raw, display_id):
        shown.append(data["text/html"])
        return types.SimpleNamespace(update=lambda data, raw: shown.append(data["text/html"]))

    shell = types.SimpleNamespace(kernel=object())
    modules = {
        "IPython": types.SimpleNamespace(get_ipython=lambda: shell),
        "IPython.display": types.SimpleNamespace(display=display),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    view = make_view(planned(SPEC, GRID), 3, quiet=False)
    assert isinstance(view, NotebookSweepView)
    running = RankedTrial(1, "running", None)
    view.show([running])
    view.show([RankedTrial(0, "completed", 0.25, point={"model": "<b>"}), running])
    assert '<progress value="1" max="3"></progress>' in shown[-1] and "1 of 3 trials, 1 running" in shown[-1]
    view.end()
    assert "<progress" not in shown[-1] and "<b>" not in shown[-1]
    assert "trial 0   completed  val_loss 0.2500" in shown[-1]
