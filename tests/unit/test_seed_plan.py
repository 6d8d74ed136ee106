"""Which seeds `train --seeds` trains, and how many at a time."""

import pytest

from deepcli.api.seed_plan import places, seeds_of
from deepcli.errors import UsageError
from deepcli.experiment.schema import Training


@pytest.mark.parametrize(
    ("words", "first", "seeds"),
    [
        ("3", 0, [0, 1, 2]),
        ("2", 40, [40, 41]),
        ("1", 7, [7]),
        ("0,3,7", 40, [0, 3, 7]),
        ("9, 2", 0, [9, 2]),
        ("7,", 0, [7]),
    ],
)
def test_a_number_counts_from_the_specs_seed_and_a_list_names_the_seeds(words, first, seeds):
    assert seeds_of(words, first) == seeds


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("0", "should be from 1 to 1000 seeds, not 0"),
        ("2000", "should be from 1 to 1000"),
        ("1,1", "named twice"),
        ("a", "should be a number of seeds such as 5, or a list of seeds such as 0,3,7, not 'a'"),
        ("-1", "not '-1'"),
        ("", "not ''"),
        (",", "not ','"),
        ("1,,2", "not '1,,2'"),
        ("4294967296,1", "4294967296 is not below"),
    ],
)
def test_what_names_no_seeds_is_an_error(words, message):
    with pytest.raises(UsageError, match="--seeds: ") as raised:
        seeds_of(words, 0)
    assert message in str(raised.value)


@pytest.fixture
def machine(monkeypatch):
    """Pretend that the machine has a number of cores, and room for a number of processes."""

    def of(cores, room, gpus=()):
        monkeypatch.setattr("deepcli.system.cores.cores", lambda: cores)
        monkeypatch.setattr("deepcli.system.process_count.fitting_processes", lambda: room)
        monkeypatch.setattr("deepcli.system.process_count.visible_gpus", lambda: list(gpus))

    return of


@pytest.mark.parametrize(
    ("cores", "room", "training", "count", "at_once", "threads"),
    [
        (8, 8, {}, 5, 5, 1),
        (16, 16, {}, 5, 5, 3),
        (8, 3, {}, 5, 3, 2),  # as memory allows
        (8, 1, {}, 5, 1, None),  # alone, with all threads, as `train`
        (8, 8, {}, 1, 1, None),
        (8, 8, {"threads": 4}, 5, 2, None),
        (8, 8, {"threads": 16}, 5, 1, None),
    ],
)
def test_processes_share_the_cores(machine, cores, room, training, count, at_once, threads):
    machine(cores, room)
    assert places(Training(**training), count) == ([{}] * at_once, threads)


def test_each_gpu_has_a_process(machine):
    machine(16, 16, gpus=["0", "3"])
    assert places(Training(), 5)[0] == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "3"}]
    assert len(places(Training(), 1)[0]) == 1
    assert places(Training(device="gpu:1"), 5) == ([{}], None)
    assert places(Training(device="cpu"), 5) == ([{}] * 5, 3)
    machine(16, 16, gpus=["0"])
    assert places(Training(), 5) == ([{}], None)
