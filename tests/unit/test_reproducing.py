"""What two runs are compared by, what else differs between them, and by how much they may differ."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from deepcli.api.reproduction import Reproduction
from deepcli.errors import RunError
from deepcli.evaluation.expected_spread import spread_over_examples, spread_over_seeds
from deepcli.evaluation.predictions import Predictions
from deepcli.experiment.load import load
from deepcli.run.bit_comparison import BitComparison, BitDifference, _of_figures, compare_histories
from deepcli.run.difference_lines import difference_lines
from deepcli.run.environment_changes import EnvironmentChange, environment_changes
from deepcli.run.recorded_files import described_files
from deepcli.run.reproducible import _as_trained, _numbers
from deepcli.run.run_bits import same_bits
from deepcli.system import processor

ABOUT: dict[str, Any] = {
    "versions": {"tensorflow": "2.21.0", "python": "3.12.1"},
    "threads": 4,
    "processor": {"name": "A", "cores": 4, "instructions": ["avx2", "fma"]},
    "variables": {},
    "device": {"value": "cpu", "why": "TensorFlow found no GPU"},
    "precision": {"value": "float32", "why": "x"},
    "jit_compile": {"value": False, "why": "y"},
}


def test_bits_are_compared_not_values():
    nan = np.array([math.nan, 0.0])
    assert same_bits(nan, nan.copy())
    assert not same_bits(np.array([0.0]), np.array([-0.0]))
    assert not same_bits(np.array([1.0]), np.array([1.0], np.float32))
    assert not same_bits(np.zeros((2, 1)), np.zeros((1, 2)))


def test_the_first_epoch_of_each_column_that_differs():
    first = [{"epoch": "1", "loss": "0.5", "val_loss": "0.4"}, {"epoch": "2", "loss": "0.3", "val_loss": "0.2"}]
    second = [{"epoch": "1", "loss": "0.5", "val_loss": "0.41"}, {"epoch": "2", "loss": "0.31", "val_loss": "0.2"}]
    assert list(compare_histories(first, [dict(row) for row in first])) == []
    found = {one.name: (one.epoch, one.first, one.second) for one in compare_histories(first, second)}
    assert found == {"loss": (2, "0.3", "0.31"), "val_loss": (1, "0.4", "0.41")}
    (shorter,) = compare_histories(first, first[:1])
    assert (shorter.name, shorter.epoch, shorter.first, shorter.second) == ("epochs", 2, 2, 1)


def test_a_part_has_few_lines():
    found = [BitDifference("history", f"m{n}", "1", "2", n + 1) for n in range(5)]
    lines = difference_lines(BitComparison(("history",), tuple(found)), ("then", "now"))
    assert lines[0] == "history: m0 from epoch 1 on: 1 then, 2 now"
    assert len(lines) == 4 and lines[-1] == "history: and 2 more"


def changed(**now):
    return {one.name: (one.then, one.now, one.known) for one in environment_changes(ABOUT, {**ABOUT, **now}, False)}


def test_what_bits_depend_on_is_compared():
    assert changed(started="later", folder="/elsewhere", git_commit="1") == {}
    assert changed(threads=2) == {"threads": ("4", "2", True)}
    assert changed(versions={**ABOUT["versions"], "tensorflow": "2.22"}) == {"tensorflow": ("2.21.0", "2.22", True)}
    assert changed(processor={"name": "A", "cores": 9, "instructions": ["avx2"]}) == {
        "instructions": ("avx2 fma", "avx2", True)
    }
    assert changed(variables={"XLA_FLAGS": "a"}) == {"$XLA_FLAGS": ("not recorded", "a", False)}
    gpu = changed(device={"value": "gpu", "why": "H100"})
    assert gpu["device"] == ("cpu", "gpu (H100)", True) and "training.deterministic" in gpu
    on_gpu = {**ABOUT, "device": {"value": "gpu", "why": "H100"}}
    assert environment_changes(on_gpu, on_gpu, True) == []
    assert [one.name for one in environment_changes(on_gpu, on_gpu, False)] == ["training.deterministic"]
    assert [one.name for one in environment_changes({**on_gpu, "threads": 1}, on_gpu, True)] == []


def changed_plugins(before):
    found = environment_changes({**before, "plugins": ["mine.py"]}, {**ABOUT, "plugins": ["mine.py"]}, False)
    return [(one.name, one.known) for one in found if one.name == "plugins"]


def test_what_an_older_run_did_not_record_is_no_cause():
    older = {key: value for key, value in ABOUT.items() if key not in ("processor", "variables")}
    found = environment_changes(older, ABOUT, False)
    assert {one.name for one in found} == {"processor", "instructions"} and not any(one.known for one in found)
    assert changed_plugins(older) == [("plugins", False)] and changed_plugins({**ABOUT, "files": {}}) == []
    differing = BitComparison(("history",), (BitDifference("history", "loss", "1", "2", 1),))
    told = Reproduction("a", None, None, differing, tuple(found), None, 1.0)
    assert told.verdict == "unexplained" and "(the run did not record processor, instructions)" in told.headline


def test_an_older_run_that_does_not_say_why_it_ended_is_not_another():
    figures = {"status": "completed", "ended": None, "test loss": 0.5}
    assert list(_of_figures(figures, {**figures, "ended": "completed"})) == []
    assert [one.name for one in _of_figures({**figures, "ended": "callback"}, {**figures, "ended": "completed"})] == [
        "ended"
    ]
    assert [one.name for one in _of_figures({**figures, "test loss": None}, figures)] == ["test loss"]


def test_what_differed_when_a_run_was_resumed_is_a_cause():
    again = {"step": 40, "threads": 2, "versions": ABOUT["versions"], "device": ABOUT["device"]}
    (one,) = environment_changes({**ABOUT, "resumed": [again]}, ABOUT, False)
    assert (one.name, one.then, one.now) == ("threads", "4, from step 40 on 2", "4")
    assert environment_changes({**ABOUT, "resumed": [{**again, "threads": 4}]}, ABOUT, False) == []


def test_the_interval_of_one_more_seed_is_a_prediction_interval():
    by_seed = {0: 0.90, 1: 0.92, 2: 0.93, 3: 0.91}
    values = np.array(list(by_seed.values()))
    reach = stats.t.ppf(0.975, 3) * values.std(ddof=1) * math.sqrt(1 + 1 / 4)
    found = spread_over_seeds("accuracy", 0.90, 0.94, by_seed)
    assert found.interval == pytest.approx((values.mean() - reach, values.mean() + reach))
    assert found.within and found.seeds == 4 and found.method == "seeds"
    assert not spread_over_seeds("accuracy", 0.90, values.mean() + reach + 1e-6, by_seed).within
    assert not spread_over_seeds("accuracy", 0.90, values.mean() - reach - 1e-6, by_seed).within
    assert spread_over_seeds("accuracy", 0.9, 0.9, {0: 0.9, 1: 0.8}) is None
    assert spread_over_seeds("accuracy", 0.9, 0.9, {0: 0.9, 1: 0.9, 2: 0.9}) is None


def test_without_seeds_the_examples_decide():
    labels = np.arange(200) % 2
    outputs = np.eye(2, dtype=np.float32)[labels]
    wrong = [outputs.copy() for _ in range(2)]
    for one, count in zip(wrong, (3, 60), strict=True):
        one[:count] = one[:count, ::-1]
    first, little, much = (Predictions(np.arange(200), labels, one) for one in (outputs, *wrong))
    assert spread_over_examples("accuracy", 1.0, 0.985, first, little).within
    found = spread_over_examples("accuracy", 1.0, 0.7, first, much)
    assert not found.within and "worse, beyond noise" in found.text and found.interval is None


@pytest.mark.parametrize(
    ("environment", "within", "verdict"),
    [
        ((), None, "unexplained"),
        ((EnvironmentChange("threads", "1", "2"),), None, "unknown spread"),
        ((EnvironmentChange("threads", "1", "2"),), False, "beyond spread"),
        ((EnvironmentChange("threads", "1", "2"),), True, "within spread"),
        ((), True, "unexplained"),
    ],
)
def test_only_a_small_difference_with_a_cause_is_accepted(environment, within, verdict):
    differing = BitComparison(("history",), (BitDifference("history", "loss", "1", "2", 1),))
    by_seed = {0: 0.5, 1: 0.6, 2: 0.7}
    spread = None if within is None else spread_over_seeds("accuracy", 0.5, 0.6 if within else 9.0, by_seed)
    found = Reproduction("a", Path("b"), None, differing, environment, spread, 1.0)
    assert found.verdict == verdict and found.ok == (verdict == "within spread")
    assert "threads" in found.headline or not environment
    assert Reproduction("a", None, None, BitComparison(("history",)), environment, None, 1.0).ok


def test_a_run_is_trained_with_what_it_decided(spec):
    experiment = load([spec()], ["training.max_time=1h", "training.trackers=[tensorboard]"]).experiment
    about = {**ABOUT, "threads": 99, "steps_per_execution": {"value": 8, "why": "z"}}
    training = _as_trained(experiment, about, None, None).training
    assert (training.device, training.threads, training.precision) == ("cpu", 99, "float32")
    assert (training.jit_compile, training.steps_per_execution) == (False, 8)
    assert training.max_time is None and training.trackers == ()
    assert _as_trained(experiment, about, (2, 12, "time"), None).training.steps_per_execution == 4
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert _as_trained(experiment, {**about, "threads": there}, None, None).training.threads == "auto"
    on_gpu = {**about, "device": {"value": "gpu", "why": "H100"}}
    assert _as_trained(experiment, on_gpu, None, None).training.device == "auto"
    asked = load([spec()], ["training.precision=mixed_bfloat16", "training.threads=3"]).experiment
    assert _as_trained(asked, about, None, None).training.precision == "mixed_bfloat16"
    assert _as_trained(asked, about, None, None).training.threads == 3


def test_a_damaged_record_is_an_error_or_nothing(spec):
    experiment = load([spec()]).experiment
    with pytest.raises(RunError, match=r"environment\.json of the run is damaged: precision"):
        _as_trained(experiment, {**ABOUT, "precision": {"value": "float1", "why": ""}}, None, None)
    damaged = dict.fromkeys((*ABOUT, "resumed", "plugins"), 7)
    assert _as_trained(experiment, damaged, None, None).training.threads in (7, "auto")
    assert environment_changes(damaged, {**ABOUT, "files": {}}, False)
    assert environment_changes({**ABOUT, "processor": {"instructions": 3}, "resumed": [1, {}]}, ABOUT, False)


def test_versions_are_compared_as_numbers():
    assert _numbers("0.10.0") > _numbers("0.9.3") and _numbers("0.2.0") == _numbers("0.2.0.dev1")


def test_files_are_recorded_by_their_content(spec, tmp_path):
    import hashlib

    plugin = spec("x = 1\n", "mine.py")
    experiment = load([spec()]).experiment
    assert described_files(experiment, (str(plugin),)) == {
        str(plugin): {"path": str(plugin), "sha256": hashlib.sha256(b"x = 1\n").hexdigest()}
    }
    assert described_files(experiment, ("json", str(tmp_path / "gone.py"))).keys() == {"json"}


def test_only_variables_that_change_results_are_recorded(monkeypatch):
    for name in [name for name in os.environ if name.startswith(processor.VARIABLES)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setenv("TF_CLI_TOKEN", "secret")
    assert processor.variables_of_results() == {"TF_ENABLE_ONEDNN_OPTS": "0"}
    assert processor.described_processor()["cores"] >= 1
