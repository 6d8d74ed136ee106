"""Where a sweep's workers run: what the options say, and what SLURM's own words become."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deepcli.errors import TrainingError, UsageError
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.engines import job_states, slurm_queue
from deepcli.sweeps.engines.engine import WorkerJob
from deepcli.sweeps.engines.engine_settings import EngineSettings, RaySettings, SlurmSettings, engine_settings
from deepcli.sweeps.engines.job_file import LEASE, read_jobs, write_jobs
from tests import fake_slurm


def test_workers_run_here_unless_an_option_says_otherwise():
    assert engine_settings() == EngineSettings("local")
    assert engine_settings("none").name == "none"
    assert engine_settings("ray://head.example:10001/") == EngineSettings("ray", "ray://head.example:10001")
    assert engine_settings("ray://[::1]:10001").address == "ray://[::1]:10001"


def test_what_each_worker_on_ray_needs():
    words = ["cpus=2", "gpus=0.5", "memory=1.5GB", "resource.TPU=4", "label.zone=a b", "label.ray.io/node-group=x=y"]
    assert engine_settings("ray", words).ray == RaySettings(
        2.0, 0.5, 3 << 29, {"TPU": 4.0}, {"zone": "a b", "ray.io/node-group": "x=y"}
    )


def test_how_jobs_are_submitted():
    words = ["mem=8G", "cpus_per_task=2", "--exclusive", "setup=module load cuda", "setup=. venv/bin/activate"]
    settings = engine_settings("slurm", (), words, "90m", "gpu", True).slurm
    options: dict[str, Any] = {"mem": "8G", "cpus-per-task": "2", "exclusive": True}
    assert settings == SlurmSettings(5400, "gpu", options, ("module load cuda", ". venv/bin/activate"), True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("rya",), "--on: did you mean 'ray'? should be local, ray, slurm, none or ray://HOST:PORT, not 'rya'"),
        (("ray://head",), "--on: 'ray://head' is not an address of Ray; it should be like ray://HOST:10001"),
        (("ray://me:pass@head:1",), "is not an address of Ray"),
        (("local", ["cpus=1"]), "--ray: has no effect without --on ray"),
        (("ray", (), ["mem=1G"]), "--slurm: has no effect without --on slurm"),
        (("local", (), (), "1h"), "--time: has no effect without --on slurm"),
        (("ray", (), (), None, None, True), "--detach: has no effect without --on slurm"),
        (("ray", ["cpu=1"]), "--ray cpu: did you mean 'cpus'?"),
        (("ray", ["gpus=-1"]), "--ray gpus: should be a whole number, or one between 0 and 1, not '-1'"),
        (("ray", ["gpus=1.5"]), "--ray gpus: should be a whole number"),
        (("ray", ["gpus=nan"]), "--ray gpus: should be a whole number"),
        (("ray", ["cpus"]), "--ray cpus: should be a whole number"),
        (("ray", ["memory=lots"]), "--ray memory: should be a size like 4GB or 500MB, not 'lots'"),
        (("ray", ["label.zone="]), "--ray label.zone: needs a value"),
        (("ray", ["=1"]), "--ray: should be KEY=VALUE, not '=1'"),
        (("slurm", (), ["Mem=1"]), "--slurm Mem: is not an option of sbatch"),
        (("slurm", (), ["array=0-9"]), "--slurm array: cannot be set here: --workers sets it"),
        (("slurm", (), ["time=5"]), "--slurm time: cannot be set here: use --time"),
        (("slurm", (), ["mem=1\n#SBATCH"]), "--slurm: should be KEY=VALUE"),
        (("slurm", (), (), "soon"), "--time: should be seconds above 0"),
    ],
)
def test_what_is_refused(arguments, says):
    with pytest.raises(UsageError) as error:
        engine_settings(*arguments)
    assert str(error.value).startswith(says) or says in str(error.value)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    state = fake_slurm.install(tmp_path / "slurm programs")
    monkeypatch.setenv("PATH", f"{state.parent}:/usr/bin:/bin")
    return state


def begun(state, *jobs):
    for job, code in jobs:
        (state / f"{job}.pid").write_text("1")
        (state / f"{job}.code").write_text(code)


def states(*jobs):
    return [(job.id, job.state, job.node) for job in slurm_queue.job_states(jobs)]


def test_jobs_are_in_the_queue_in_the_accounts_or_ended(slurm):
    begun(slurm, ("7_0", ""), ("7_1", "0"), ("7_2", "1"))
    asked = [WorkerJob(f"7_{n}", "pending") for n in range(3)]
    assert states(*asked) == [("7_0", "running", "node-a"), ("7_1", "ended", None), ("7_2", "ended", None)]
    (slurm / "accounts").touch()
    assert states(*asked)[1:] == [("7_1", "completed", "node-a"), ("7_2", "failed", "node-a")]


def test_what_is_over_is_not_asked_again(slurm):
    (slurm / "down").touch()
    assert states(WorkerJob("7_0", "completed", "a")) == [("7_0", "completed", "a")]
    with pytest.raises(slurm_queue.SlurmUnreachable, match="Unable to contact slurm controller"):
        states(WorkerJob("7_0", "pending"))


def test_states_are_read_as_slurm_writes_them():
    printed = "12_0|CANCELLED by 1000|node-1\n12_1|RUNNING|None assigned\n\n12.batch|COMPLETED|\nnonsense\n"
    read = slurm_queue._read(printed)
    assert read["12_0"] == WorkerJob("12_0", "cancelled", "node-1")
    assert read["12_1"] == WorkerJob("12_1", "running", None)
    assert "nonsense" not in read


def test_a_job_that_slurm_has_forgotten_has_ended(monkeypatch):
    def forgotten(words, **_):
        said = "slurm_load_jobs error: Invalid job id specified"
        return subprocess.CompletedProcess(words, 1, "", said)

    monkeypatch.setattr(subprocess, "run", forgotten)
    assert states(WorkerJob("9", "running", "x")) == [("9", "ended", "x")]


@pytest.fixture
def folder(tmp_path):
    made = SweepDir(tmp_path / "a sweep")
    made.leases.mkdir(parents=True)
    job_states._kept.clear()
    return made


def test_the_jobs_of_a_sweep_are_in_its_directory(folder):
    jobs = (WorkerJob("1_0", "running", "a"), WorkerJob("1_1", "pending"))
    write_jobs(folder, "slurm", jobs)
    found = read_jobs(folder)
    assert found.engine == "slurm" and found.jobs == jobs


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"engine": "slurm", "jobs": [{}]}', '{"engine": 1, "jobs": 3}'])
def test_a_damaged_file_is_no_reason_to_fail(folder, text):
    (folder.path / "jobs.json").write_text(text)
    assert read_jobs(folder) is None and job_states.present_jobs(folder) is None


def test_the_actors_of_a_process_that_was_killed_have_ended(folder):
    write_jobs(folder, "ray", [WorkerJob("actor-0", "running", "a")])
    lease = folder.lease(LEASE)
    assert [job.state for job in job_states.present_jobs(folder).jobs] == ["running"]
    lease.release()
    job_states._kept.clear()
    assert [job.state for job in job_states.present_jobs(folder).jobs] == ["ended"]


def test_where_slurm_does_not_answer_the_last_state_is_shown_as_such(folder, slurm):
    (slurm / "down").touch()
    write_jobs(folder, "slurm", [WorkerJob("5_0", "running", "a"), WorkerJob("5_1", "failed", "a")])
    found = [job.state for job in job_states.present_jobs(folder).jobs]
    assert found == ["running, when SLURM last answered", "failed"]


def launched(folder, workers=2, options=(), environment=None):
    from deepcli.sweeps.engines.engine import Launch

    folder.logs.mkdir(exist_ok=True)
    (folder.logs / "slurm").mkdir(exist_ok=True)
    return Launch(folder, workers, options, environment or {})


def test_the_script_has_the_options_and_no_password(folder):
    from deepcli.sweeps.engines.slurm_submission import submission_script

    settings = engine_settings("slurm", (), ["mem=8G", "cpus-per-task=2", "setup=module load x"], "90s", "a b").slurm
    text = submission_script(launched(folder, environment={"DEEPCLI_STORAGE": "postgresql://me:secret@db"}), settings)
    lines = text.splitlines()
    assert lines[0] == "#!/bin/bash" and "secret" not in text
    for line in ("--array=0-1%2", "--cpus-per-task=2", "--mem=8G", "--partition='a b'", "--requeue", "--signal=USR1@90",
                 "--time=2", "--job-name='deepcli-a sweep'"):  # fmt: skip
        assert f"#SBATCH {line}" in lines
    assert not any("wckey" in line for line in lines)
    assert lines.index("export SUBMITIT_PREEMPT_SIGNAL=USR1") < lines.index("module load x")
    assert " --cpus-per-task=2 " in lines[-1] and lines[-1].endswith(f"submitit.core._submit '{folder.logs}/slurm'")
    alone = submission_script(launched(folder, 1), engine_settings("slurm", (), ["no-requeue"]).slurm)
    assert "--array" not in alone and "#SBATCH --requeue" not in alone and "#SBATCH --time=60" in alone


def test_a_directory_whose_name_slurm_would_change_is_refused(tmp_path):
    from deepcli.sweeps.engines.slurm_submission import submission_script

    made = SweepDir(tmp_path / "50%j")
    made.path.mkdir()
    with pytest.raises(UsageError, match="SLURM replaces % in the names of logs"):
        submission_script(launched(made), SlurmSettings())


def test_without_slurm_on_the_path_the_error_says_where_to_be(folder, monkeypatch):
    from deepcli.sweeps.engines.slurm_submission import submit

    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="--on slurm: srun is not on the PATH; run the command on a login node"):
        submit(launched(folder), SlurmSettings())


def test_a_refusal_has_slurms_own_words(folder, slurm, capfd):
    from deepcli.sweeps.engines.slurm_submission import submit

    with pytest.raises(TrainingError) as error:
        submit(launched(folder), engine_settings("slurm", (), (), None, "nosuch").slurm)
    assert str(error.value).startswith("SLURM refused the jobs: sbatch: error: invalid partition specified: nosuch")
    assert error.value.exit_code == 1 and capfd.readouterr().err == ""


def test_jobs_that_end_before_the_sweep_are_an_error_with_their_last_words(folder, slurm, monkeypatch):
    from deepcli.sweeps.engines import slurm as engine

    monkeypatch.setattr(engine, "SECONDS_BETWEEN_LOOKS", 0.0)
    begun(slurm, ("8_0", "1"), ("8_1", ""))
    write_jobs(folder, "slurm", [WorkerJob("8_0", "running"), WorkerJob("8_1", "running")])
    launch = launched(folder)
    notes: list[str] = []
    workers = engine.SlurmWorkers(launch, SlurmSettings(), notes.append)
    assert notes == ["jobs of this sweep are still in the queue, so none are submitted: 8_0 (ended), 8_1 (running)"]
    assert workers.at_work()
    begun(slurm, ("8_1", "1"))
    folder.log("workers-8_1").write_text("one\nerror: no such data\n")
    with pytest.raises(TrainingError, match=r"8_0 and 8_1 \(ended\); last lines of .*\n  one\n  error: no such data"):
        workers.at_work()
    (folder.logs / "slurm" / "8_1.finished").touch()
    assert not workers.at_work()
    assert json.loads((folder.path / "jobs.json").read_text())["jobs"][1]["state"] == "ended"


def test_the_programs_are_those_of_slurm(slurm):
    assert {path.name for path in Path(slurm.parent).iterdir()} == {*fake_slurm.NAMES, "state"}
