"""A user's own data set, model, optimizer, schedule, callback and score, through every command that meets them."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepcli.catalog.components import KINDS

FOLDER = Path(__file__).parent.parent / "plugins"
QUICK = ["data.limit=40", "data.batch_size=8", "training.epochs=2"]
# By the plugin's file: the kind of what it registers under its own name, and the words that choose it.
CASES = {
    "wide": ("models", ["model=wide", "model.units=8"]),
    "spirals": ("data", ["data=spirals", "data.examples=60"]),
    "sign_sgd": ("optimizers", ["optimizer=sign_sgd", "optimizer.clipnorm=1.0"]),
    "triangular": ("schedules", ["schedule=triangular", "schedule.cycles=2"]),
    "count_epochs": ("callbacks", ["training.callbacks=[count_epochs]"]),
}
SCORE = "kappa"
"""A score of a plugin's: no spec names it, so that it is measured wherever the plugin is given."""
each = pytest.mark.parametrize(("name", "kind", "words"), [(name, *case) for name, case in CASES.items()], ids=CASES)


def test_every_plugin_here_is_tested():
    elsewhere = {"counts"}  # a task, which needs data of numbers: test_own_files.py
    assert {path.stem for path in FOLDER.glob("*.py")} == {*CASES, SCORE} | elsewhere


def fresh(*words):
    script = Path(sys.executable).with_name("deepcli")
    return subprocess.run([script, *map(str, words)], capture_output=True, text=True, check=False)


@each
def test_it_trains_and_is_evaluated_with_the_plugin_only(cli, spec, name, kind, words):
    plugin = FOLDER / f"{name}.py"
    done = cli("train", spec(), *words, *QUICK, "-o", "a", "-q", "--json", "--plugin", plugin)
    assert done.code == 0, done.err
    again = cli("evaluate", "a", "-q", "--json", "--plugin", plugin)
    own = json.loads(done.out)["metrics"]["test"]
    assert own.items() <= json.loads(again.out)["metrics"]["test"].items()
    without = fresh("evaluate", "a")
    assert without.returncode == 2
    assert f"--plugin {shlex.quote(str(plugin))}, so add that to the command" in without.stderr
    assert f"unknown type {name!r}" in without.stderr


@each
def test_it_is_listed_validated_shown_and_in_the_schema(cli, spec, name, kind, words):
    plugin = ["--plugin", FOLDER / f"{name}.py"]
    assert name not in KINDS[kind]
    assert name in json.loads(cli("list", "--json", *plugin).out)["kinds"][kind]
    example = cli("list", kind, name, *plugin).out.partition("\n\n")[2].strip()
    assert name in example
    assert cli("validate", spec(), *words, *plugin).code == 0
    assert f"type: {name}\n" in cli("show", spec(), *words, *plugin).out
    assert f'"const": "{name}"' in cli("schema", *plugin).out


@pytest.mark.parametrize("name", [*CASES, SCORE])
def test_listing_it_imports_nothing_heavy(name):
    code = (
        "import sys; from deepcli.spec.plugins import import_plugins; from deepcli.catalog.components import KINDS\n"
        f"import_plugins([{str(FOLDER / name) + '.py'!r}]); print({{'keras', 'numpy', 'tensorflow'}} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_a_score_is_measured_of_any_run_with_the_plugin_only(cli, spec):
    assert cli("train", spec(), *QUICK, "-o", "a", "-q").code == 0
    plugin = ["--plugin", FOLDER / f"{SCORE}.py"]
    for split in ("test", "validation"):
        before = json.loads(cli("evaluate", "a", "-q", "--json", "--split", split).out)
        after = json.loads(cli("evaluate", "a", "-q", "--json", "--split", split, *plugin).out)
        assert set(after["metrics"][split]) - set(before["metrics"][split]) == {SCORE}
        assert before["metrics"][split].items() <= after["metrics"][split].items()
        counts = np.array(after["confusion_matrix"][split])
        total, agreed = counts.sum(), np.trace(counts) / counts.sum()
        by_chance = counts.sum(0) @ counts.sum(1) / total**2
        assert after["metrics"][split][SCORE] == pytest.approx((agreed - by_chance) / (1 - by_chance))
        assert f"{split} {SCORE} " in cli("evaluate", "a", "-q", "--split", split, *plugin).out
        KINDS["scores"]._classes.pop(SCORE)
        sys.modules.pop(next(name for name in sys.modules if name.startswith("deepcli_plugin_")))


def test_a_score_is_listed_and_refused_among_the_metrics(cli, spec):
    plugin = ["--plugin", FOLDER / f"{SCORE}.py"]
    path = spec("data: digits\nmodel: mlp\nmetrics: [kappa]\n")
    assert "unknown type 'kappa'" in cli("validate", path).err
    assert "'kappa' is a score, which `deepcli evaluate RUN` computes" in cli("validate", path, *plugin).err
    assert "Agreement beyond chance" in cli("list", "scores", SCORE, *plugin).out


ORDINAL = """
from typing import Literal
from deepcli.models import Head
from deepcli.optim import LOSSES, Loss

@LOSSES.register
class Ordinal(Loss):
    \"\"\"Regress on the class number.\"\"\"
    type: Literal["ordinal"] = "ordinal"
    def head(self, signature):
        return Head(1, "linear")
    def build(self, signature):
        import keras
        from deepcli.nn.losses import Column
        return Column(keras.losses.MeanSquaredError())
"""


def test_a_model_without_a_classifier_s_output_layer_has_no_scores_and_says_so(cli, spec, tmp_path):
    plugin = tmp_path / "ordinal.py"
    plugin.write_text(ORDINAL)
    words = ["loss=ordinal", "metrics=[]", *QUICK, "-o", "a", "--json", "--plugin", plugin]
    own = json.loads(cli("train", spec(), *words).out)["metrics"]["test"]
    done = cli("evaluate", "a", "--json", "--plugin", plugin)
    result = json.loads(done.out)
    assert "no scores: labels are from 0 to 9, but outputs have 1 unit\n" in done.err
    assert result["metrics"] == {"test": own}
    assert (result["intervals"], result["classes"], result["confusion_matrix"]) == (
        {"test": {}},
        {"test": []},
        {"test": []},
    )
    assert cli("evaluate", "a", "-q", "--plugin", plugin).out.splitlines()[0].startswith("test loss ")


def rates(run):
    header, *rows = Path(run, "history.csv").read_text().splitlines()
    return [float(row.split(",")[header.split(",").index("learning_rate")]) for row in rows]


def test_the_rate_follows_a_plugin_s_schedule(cli, spec):
    words = ["schedule={type: triangular, cycles: 1, base: 0.5}", "data.limit=40", "training.epochs=5"]
    done = cli("train", spec(), *words, "-o", "a", "-q", "--plugin", FOLDER / "triangular.py")
    assert done.code == 0, done.err
    # One step an epoch; each row has the rate of the step to come.
    assert rates("a") == pytest.approx([0.7e-3, 0.9e-3, 0.9e-3, 0.7e-3, 0.5e-3])


NEWCOMER = """
from typing import Literal
from deepcli.optim import SCHEDULES, Schedule

@SCHEDULES.register
class Halving(Schedule):
    \"\"\"Half the rate by the end.\"\"\"
    type: Literal["halving"] = "halving"
    def build(self, peak, steps):
        return lambda step: peak * 0.5 ** (step / steps)
"""
WITHOUT_CONFIG = """
        import keras
        class Steady(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                return peak
        return Steady()
"""


def test_a_newcomer_adds_a_schedule_by_one_class_in_one_file(cli, spec, tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(NEWCOMER)
    assert "Half the rate" in cli("list", "schedules", "halving", "--plugin", plugin).out
    done = cli("train", spec(), "schedule=halving", "data.limit=40", "training.epochs=2", "-o", "a", "--plugin", plugin)
    assert done.code == 0, done.err
    assert "Warning" not in done.err
    assert rates("a") == pytest.approx([1e-3 * 0.5**0.5, 0.5e-3])
    assert cli("evaluate", "a", "--plugin", plugin).code == 0


def test_a_plugin_s_keras_schedule_needs_no_config(cli, spec, tmp_path):
    plugin = tmp_path / "steady.py"
    source = NEWCOMER.replace("Halving", "Steady").replace("halving", "steady")
    plugin.write_text(source[: source.index("        return")] + WITHOUT_CONFIG)
    done = cli("train", spec(), "schedule=steady", *QUICK, "-o", "a", "-q", "--plugin", plugin)
    assert done.code == 0, done.err
    assert rates("a") == pytest.approx([1e-3, 1e-3])


def test_a_callback_that_watches_what_is_not_measured_is_an_error_at_its_place(cli, spec):
    path = spec("data: digits\nmodel: mlp\ntraining:\n  callbacks:\n    - type: stop_at\n      monitor: val_acuracy\n")
    done = cli("validate", path)
    assert done.code == 2
    assert (
        f"{path}:6:16: training.callbacks.0.monitor: unknown metric 'val_acuracy'; did you mean 'val_accuracy'? "
        in (done.err)
    )


def test_training_stops_at_a_value(cli, spec):
    words = ["training.callbacks=[{type: stop_at, monitor: val_accuracy, value: 0.0}]", "training.epochs=3"]
    assert cli("train", spec(), "data.limit=40", *words, "-o", "a", "-q").code == 0
    assert len(rates("a")) == 1
    words[0] = "training.callbacks=[{type: stop_at, monitor: val_loss, value: 0.0}]"
    assert cli("train", spec(), "data.limit=40", *words, "-o", "b", "-q").code == 0
    assert len(rates("b")) == 3


def test_a_plugin_s_callback_is_resumed_with_its_state(cli, spec):
    plugin = ["--plugin", FOLDER / "count_epochs.py"]
    words = ["training.callbacks=[count_epochs]", "data.limit=40", "-q", *plugin]
    assert cli("train", spec(), *words, "training.epochs=2", "-o", "a").code == 0
    assert Path("epochs.txt").read_text(encoding="utf-8") == "2"
    done = cli("train", "--resume", "a", "training.epochs=5", "-q", *plugin)
    assert done.code == 0, done.err
    assert Path("epochs.txt").read_text(encoding="utf-8") == "5"


@pytest.mark.parametrize(
    ("state", "why"), [("{'a': object()}", "not JSON serializable"), ("{'a': [0] * 2_000_000}", "1,000,000 values")]
)
def test_a_state_that_no_checkpoint_can_hold_ends_the_run_with_the_callback_s_name(cli, spec, tmp_path, state, why):
    plugin = tmp_path / "odd.py"
    source = (FOLDER / "count_epochs.py").read_text(encoding="utf-8")
    plugin.write_text(source.replace('{"epochs": self.epochs}', state), encoding="utf-8")
    words = ["training.callbacks=[count_epochs]", *QUICK, "-o", "a", "-q", "--plugin", plugin]
    done = cli("train", spec(), *words)
    assert done.code == 1
    assert "callback callbacks.0.count_epochs: its state cannot be saved: " in done.err and why in done.err
