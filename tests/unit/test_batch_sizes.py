"""Which batch sizes are tried, which is called the fastest, and what keeps a step from exhausting the machine."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from deepcli.api.finding_batch_size import KILLED, BatchSizeRequest, _Heard
from deepcli.api.loading import load
from deepcli.data.arrays.splits import Tokens
from deepcli.data.files import OFFLINE
from deepcli.doctor.finding import batch_sizes, batch_trial
from deepcli.doctor.finding.batch_report import BatchSizeReport, SizeTried, within_noise
from deepcli.doctor.finding.batch_sizes import Forecast, sizes_to_try, try_sizes
from deepcli.errors import DataError, SpecError, TrainingError, UsageError
from deepcli.run.reporter import NullReporter
from deepcli.system import memory, peak_memory
from deepcli.training.backend import make_backend
from deepcli.training.device import choose
from deepcli.training.order import Order


def size(batch_size, speed, spread=0.01, examples=1000, memory=1 << 20):
    epochs = [examples / (speed * (1 + share)) for share in (-spread, 0.0, spread)]
    return SizeTried.of(batch_size, examples, -(-examples // batch_size), epochs, memory)


def report(*sizes, current=32):
    return BatchSizeReport("a", "mlp on digits", current, sizes, "training split", "the training split of 1,000", 1.0)


def test_each_size_is_twice_the_one_before_it_and_the_spec_s_own_is_among_them():
    assert list(sizes_to_try(1293, 32, None, None)) == [8, 16, 32, 64, 128, 256, 512, 1024]
    assert list(sizes_to_try(1293, 100, None, 128)) == [8, 16, 32, 64, 100, 128]
    assert list(sizes_to_try(64, 64, 5, None)) == [5, 10, 20, 40, 64]
    assert list(sizes_to_try(5, 32, None, None)) == [5]
    assert list(sizes_to_try(100, 3, 1, 4, replicas=2)) == [2, 3, 4]


@pytest.mark.parametrize(("first", "last", "why"), [(200, None, "100 examples"), (16, 8, "--to is 8")])
def test_sizes_that_cannot_be_tried(first, last, why):
    with pytest.raises(UsageError, match=why):
        list(sizes_to_try(100, 32, first, last))


@pytest.mark.parametrize(("first", "last"), [(0, None), (None, 0), (64, 32)])
def test_a_range_without_sizes_is_an_error_before_anything_is_read(first, last):
    with pytest.raises(UsageError, match=r"--from|--to"):
        BatchSizeRequest(("no such file",), first, last)


def test_the_figures_of_a_size():
    found = SizeTried.of(8, 100, 13, [2.0, 1.0], 5)
    speeds = [50.0, 100.0]
    assert found.examples_per_second == np.mean(speeds) and found.steps_per_second == 75 * 13 / 100
    assert found.standard_error == pytest.approx(np.std(speeds, ddof=1) / math.sqrt(2))
    assert found.epoch_seconds == pytest.approx(100 / 75) and found.blocks == 2


def test_the_smallest_size_within_noise_is_the_fastest():
    found = report(size(8, 100), size(16, 960), size(32, 980), size(64, 1000))
    assert (found.fastest, found.largest, found.peak.batch_size) == (16, 64, 64)
    assert found.override == "data.batch_size=16"
    told = " ".join(" ".join(found.summary("s.yaml")).split())
    assert "fastest: 16" in told and "within noise" in told and "deepcli find lr s.yaml data.batch_size=16" in told
    assert "an epoch has 63 updates" in told
    assert all(len(line) <= 80 for line in repr(found).splitlines())


def test_two_standard_errors_are_noise():
    slower, faster = size(8, 900, spread=0.1), size(16, 1000, spread=0.1)
    error = math.hypot(slower.standard_error, faster.standard_error)
    assert within_noise(slower, faster) is (faster.examples_per_second - slower.examples_per_second <= 2 * error)
    assert within_noise(slower, faster) and not within_noise(size(8, 800, 0.1), faster)


def test_a_spec_that_has_the_fastest_size_is_left_as_it_is():
    told = " ".join(report(size(32, 1000), size(64, 500)).summary())
    assert "the spec has it already" in told and "find lr" not in told


def test_memory_is_forecast_before_a_size_is_tried():
    forecast = Forecast(each=1000)
    assert forecast.growth(8) == 3 * 8 * 1000
    forecast.learn(size(8, 100, memory=5_000_000), before=1_000_000)
    assert forecast.growth(16) == 4_000_000 + 3 * 8 * 1000
    forecast.learn(size(16, 100, memory=7_000_000), before=1_000_000)
    # Eight more examples took 2,000,000 bytes more, so that sixteen more may take half as much again as 4,000,000.
    assert forecast.growth(32) == 6_000_000 + 1.5 * 4_000_000
    assert forecast.forbids(32, 15_000_001) is None and forecast.forbids(32, None) is None
    assert forecast.forbids(32, 14_999_999).limit == "memory"


def test_a_step_that_would_take_too_long_is_not_tried():
    forecast = Forecast(each=1)
    forecast.learn(size(100, 20), before=0)  # a step takes 5 seconds
    assert forecast.forbids(110, None) is None
    ended = forecast.forbids(400, None)
    assert ended.limit == "time" and "20 s" in ended.reason


class Recorder:
    def __init__(self):
        self.sizes, self.tries = [], []

    def begins(self, settings):
        self.settings = settings

    def trying(self, batch_size):
        self.tries.append(batch_size)

    def tried(self, size):
        self.sizes.append(size.batch_size)


@pytest.fixture
def small():
    experiment = load(
        {"data": {"type": "digits", "limit": 60, "batch_size": 16}, "model": {"type": "mlp", "hidden_units": [4]}}
    )
    return experiment, experiment.data.load(OFFLINE)


@pytest.fixture
def measured(monkeypatch):
    """Make measuring quick: with figures of its own, and without memory for sizes above `most`."""

    def up_to(most):
        def measure(self, batch_size):
            if batch_size > most:
                raise MemoryError
            return size(batch_size, 1000.0), 0

        monkeypatch.setattr(batch_trial.BatchTrial, "measure", measure)

    return up_to


def test_a_size_is_measured_with_real_steps(small, monkeypatch):
    monkeypatch.setattr(batch_trial, "SECONDS", 0.001)
    experiment, splits = small
    device = choose(experiment.training)
    trial = batch_trial.BatchTrial(experiment, splits, device, make_backend(device), OFFLINE)
    found, before = trial.measure(32)
    assert found.steps == -(-len(splits.train) // 32) and found.blocks >= 2
    assert found.memory > 0.9 * before > 50 << 20  # the system counts pages of many threads only roughly
    assert found.examples_per_second == pytest.approx(found.steps_per_second * len(splits.train) / found.steps)


def test_sizes_are_tried_up_to_the_training_split(small, measured):
    seen, examples = Recorder(), len(small[1].train)
    measured(1000)
    ended = try_sizes(small[0], small[1], OFFLINE, None, None, seen)
    assert 32 <= examples < 64 and seen.sizes == [8, 16, 32] and ended.limit == "training split"
    assert f"{examples} training examples; cpu" in seen.settings
    assert try_sizes(small[0], small[1], OFFLINE, 2, 5, Recorder()).limit == "option"


def test_a_size_that_needs_more_memory_than_is_free_is_never_tried(small, measured, monkeypatch):
    seen = Recorder()
    measured(1000)
    monkeypatch.setattr(batch_sizes, "memory_left", lambda device: 0 if seen.sizes[-1:] == [16] else 1 << 40)
    assert try_sizes(small[0], small[1], OFFLINE, None, None, seen).limit == "memory"
    assert seen.tries == seen.sizes == [8, 16]
    monkeypatch.setattr(batch_sizes, "memory_left", lambda device: 0)
    with pytest.raises(TrainingError, match="not even a batch of 8"):
        try_sizes(small[0], small[1], OFFLINE, None, None, Recorder())


def test_a_step_for_which_memory_runs_out_ends_the_search(small, measured):
    seen = Recorder()
    measured(8)
    ended = try_sizes(small[0], small[1], OFFLINE, None, None, seen)
    assert (ended.limit, ended.reason, seen.sizes) == ("memory", "memory: 16 did not fit", [8])
    measured(4)
    with pytest.raises(TrainingError, match="out of memory"):
        try_sizes(small[0], small[1], OFFLINE, None, None, Recorder())


def heard():
    known = _Heard(32, NullReporter(), lambda line: None)
    known.told(0, {"doing": "training with batches of 64"})
    return known


def test_a_process_that_the_system_ended_has_reached_the_limit_of_memory():
    known = heard()
    known.told(0, {"size": vars(size(32, 100))})
    end = known.end({"error": "its process ended with exit code -9", "code": KILLED})
    assert end["limit"] == "memory" and "batches of 64" in end["reason"]
    with pytest.raises(TrainingError, match="exit code"):
        heard().end({"error": "its process ended with exit code -9", "code": KILLED})


@pytest.mark.parametrize("kind", [DataError, SpecError, TrainingError])
def test_an_error_of_the_process_is_an_error_of_the_command(kind):
    with pytest.raises(kind, match="what is wrong"):
        heard().end({"error": "what is wrong", "code": kind.exit_code, "kind": kind.__name__})


def test_the_share_of_an_epoch_is_that_of_its_tokens_with_padding():
    order = Order(5, 2, 0, np.array([1, 1, 4, 2, 3], np.int32))
    batches: Any = SimpleNamespace(order=order)
    lengths = order.lengths[order.epoch(0)]
    work = [len(part) * part.max() for part in (lengths[:2], lengths[2:4], lengths[4:])]
    assert batch_trial._share(batches, 1) == pytest.approx(work[0] / sum(work))
    assert batch_trial._share(batches, 3) == 1.0
    start, stop = batch_trial._longest(batches)
    assert stop == start + 1 and 4 in lengths[2 * start : 2 * stop]


GROUPS = {
    "none": ("", {}, math.inf),
    "v2": ("0::/a\n", {"a/memory.max": "9000", "a/memory.current": "6000", "a/memory.stat": "anon 5\ninactive_file 1000"}, 4000),
    "v2 without figures": ("0::/a\n", {"a/memory.max": "9000"}, 9000),
    "v2 that is full": ("0::/a\n", {"a/memory.max": "9000", "a/memory.current": "9500", "a/memory.stat": "inactive_file 0"}, 0),
    "v1": (
        "4:memory:/x\n",
        {
            "memory/x/memory.limit_in_bytes": "9000", "memory/x/memory.usage_in_bytes": "5000",
            "memory/x/memory.stat": "inactive_file 7\ntotal_inactive_file 500",
        },
        4500,
    ),
    "v1 without a limit": (
        "4:memory:/\n",
        {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "9000", "memory/memory.stat": "total_inactive_file 0"},
        math.inf,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "files", "left"), GROUPS.values(), ids=GROUPS)
def test_the_memory_that_a_control_group_has_left(tmp_path, monkeypatch, lines, files, left):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(lines)
    for name, content in files.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    free = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert memory.available_memory(tmp_path) == min(left, free.available)


def test_the_peak_is_what_the_system_says(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text("Name:\tpython\nVmHWM:\t    1234 kB\nVmRSS:\t 99 kB\n")
    peak_memory.reset_peak(tmp_path)
    assert (tmp_path / "proc/self/clear_refs").read_text() == "5"
    assert peak_memory.peak_memory(tmp_path) == 1234 * 1024


def test_the_peak_includes_what_was_freed():
    peak_memory.reset_peak()
    before = peak_memory.peak_memory()
    values = np.ones(64 << 20, np.uint8)
    del values
    assert peak_memory.peak_memory() - before > 50 << 20


def test_texts_are_padded_to_the_longest():
    from deepcli.data.arrays.splits import Split
    from deepcli.training.measuring_cost import one_example

    tokens = Tokens(np.ones(7, np.int32), np.array([0, 2, 7]))
    assert one_example(Split(tokens, np.zeros(2), np.arange(2)), np.max).shape == (1, 5)
