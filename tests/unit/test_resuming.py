"""Which runs are skipped, and which are not those that are asked for."""

from pathlib import Path

import pytest

from deepcli.errors import RunError
from deepcli.experiment import load
from deepcli.experiment.schema import Experiment
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.run.resuming import changes_between, skip
from deepcli.system.atomic import write_text

SPEC = {"data": {"type": "mnist", "path": "d.npz"}, "model": "mlp"}


def experiment(**changes):
    return Experiment.model_validate({**SPEC, **changes})


@pytest.fixture
def ended():
    """Make a run of a spec that has ended in some way."""

    def make(status="completed", error=None, spec=None):
        run = RunDir.create(Path("a"), load.dump(spec or experiment()), {})
        if status:
            result = Result(schema=1, command="train", status=status, error=error)
            write_text(run.metrics, result.to_json())
        return run

    return make


def test_a_finished_run_of_the_same_spec_is_skipped(ended):
    assert skip(ended(), experiment()).status == "completed"


def test_a_run_of_another_spec_is_not_skipped_and_every_difference_is_said(ended):
    with pytest.raises(RunError) as error:
        skip(ended(), experiment(optimizer={"type": "adam", "learning_rate": 0.5}, training={"epochs": 11}))
    assert str(error.value) == (
        "the run a cannot be skipped: it was trained with another spec:\n"
        "  optimizer.learning_rate: 0.001 in the run, 0.5 now\n"
        "  training.epochs: 10 in the run, 11 now\n"
        "choose another --output, or use --if-exists overwrite"
    )


@pytest.mark.parametrize(
    ("status", "says"),
    [(None, "has not finished"), ("interrupted", "has not finished"), ("failed", r"failed \(the loss is nan\)")],
)
def test_a_run_that_did_not_finish_is_not_skipped(ended, status, says):
    run = ended(status, "the loss is nan" if status == "failed" else None)
    with pytest.raises(RunError, match=f"the run a exists and .*{says}.*--if-exists resume to continue it"):
        skip(run, experiment())


def test_a_file_is_the_same_however_it_is_named(ended, monkeypatch):
    there = experiment(data={"type": "mnist", "path": str(Path("d.npz").absolute())})
    assert changes_between(there, experiment()) == {}
    run = RunDir(ended(spec=there).path.absolute())
    assert skip(run, experiment()).status == "completed"
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    with pytest.raises(RunError, match=r"data\.path: .*/d\.npz in the run, .*/elsewhere/d\.npz now"):
        skip(run, experiment())
