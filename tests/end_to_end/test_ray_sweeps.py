"""Sweeps on Ray, in a network namespace of their own: Ray must reach nothing outside, and nothing reaches it.

A machine that runs several tests at once makes one Ray a test, and each has processes of its own.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.start import open_study
from tests.conftest import ROOT

pytest.importorskip("ray", reason="the extra `ray` is not installed")
SPEC = """
data: {type: digits, limit: 100, batch_size: 20}
model: {type: mlp, hidden_units: [8]}
training: {epochs: EPOCHS}
"""
RATES = "optimizer.learning_rate=[1e-3, 1e-2, 3e-2, 1e-1]"
ALONE = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def can_be_alone():
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("ray"),
    pytest.mark.skipif(not can_be_alone(), reason="no network namespace can be made here"),
]


def words(spec, epochs, *more):
    path = spec(SPEC.replace("EPOCHS", str(epochs)))
    return [sys.executable, "-m", "deepcli", "sweep", "run", str(path), RATES, "-o", "a sweep", "--json", "--workers",
            "2", *more]  # fmt: skip


@contextlib.contextmanager
def started(command, **environment):
    with Path("err.txt").open("w") as err, Path("out.txt").open("w") as out:
        process = subprocess.Popen(
            [*ALONE, *command], stdout=out, stderr=err, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}
        )
    try:
        yield process
    finally:
        for one in [*family(process), process]:
            with contextlib.suppress(psutil.Error):
                one.kill()
        process.wait()


def family(process):
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def named(process, text):
    """Find the processes below one whose command has a text."""
    found = []
    for one in family(process):
        with contextlib.suppress(psutil.Error):
            found += [one] if text in " ".join(one.cmdline()) else []
    return found


def wait_for(process, what, seconds=400):
    end = time.monotonic() + seconds
    while not what():
        assert process.poll() is None and time.monotonic() < end, Path("err.txt").read_text()
        time.sleep(0.1)


def trained():
    return len(list(Path("a sweep").glob("trials/*/history.csv")))


def outcome():
    return json.loads(Path("out.txt").read_text())


def check_complete():
    told = outcome()
    assert (told["status"], told["completed"]) == ("completed", 4), Path("err.txt").read_text()
    assert told["best"]["test"]
    study = open_study(SweepDir(Path("a sweep")))
    try:
        assert [trial.state.name for trial in study.trials()] == ["COMPLETE"] * 4
        for trial in study.trials():
            assert (study.runs(trial.number)[0] / "train.log").read_text().count("best epoch: ") == 1
        return [trial.value for trial in study.trials()]
    finally:
        study.close()


def test_actors_that_are_killed_lose_no_trial_and_the_figures_are_those_of_local_workers(spec):
    killed = 0
    with started(words(spec, 60, "--on", "ray")) as process:
        wait_for(process, lambda: trained() >= 2 and named(process, "ray::TrialActor"))
        addresses = listening(process)
        while killed < 3 and process.poll() is None:
            for actor in named(process, "ray::TrialActor")[:1]:
                actor.kill()
                killed += 1
            time.sleep(3)
        assert process.wait(500) == 0, Path("err.txt").read_text()
    assert addresses and addresses <= {LOOPBACK, f"0000000000000000FFFF0000{LOOPBACK}"}
    figures = check_complete()
    shutil.rmtree("a sweep")
    local = subprocess.run(words(spec, 60), capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert local.returncode == 0, local.stderr
    Path("out.txt").write_text(local.stdout)
    assert check_complete() == figures


LOOPBACK = "0100007F"
"""127.0.0.1, as Linux writes it."""


def listening(process):
    """Return the addresses on which anything listens in the namespace of a process."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in open_lines(f"/proc/{process.pid}/net/{name}")]
    return {line[1].partition(":")[0] for line in lines if line[3] == "0A"}


def open_lines(path):
    return Path(path).read_text().splitlines()[1:]


def test_ctrl_c_ends_the_actors_with_checkpoints_and_leaves_no_process(spec):
    with started(words(spec, 3000, "--on", "ray")) as process:
        wait_for(process, lambda: trained() >= 2)
        processes = family(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 130
        _, alive = psutil.wait_procs(processes, timeout=30)
        assert not alive
    told = outcome()
    assert (told["status"], told["interrupted"]) == ("interrupted", 2)
    assert "run the same command again to continue" in told["error"]
    assert len(list(Path("a sweep").glob("trials/*/checkpoints/last.keras"))) == 2


@pytest.mark.parametrize(
    ("what", "says"), [("gcs_server", "head of Ray was lost"), ("raylet/raylet", "lost all its nodes")]
)
def test_the_loss_of_ray_is_a_clean_error(spec, what, says):
    with started(words(spec, 3000, "--on", "ray"), RAY_gcs_rpc_server_reconnect_timeout_s="5") as process:
        wait_for(process, lambda: trained() >= 2)
        for one in named(process, what):
            one.kill()
        assert process.wait(300) == 1
    error = outcome()["error"]
    assert says in error and "run the same command again to continue" in error and "Traceback" not in error


CLUSTER = """
export RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness=0 RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S=300
start() { ray start --disable-usage-stats --node-ip-address 127.0.0.1 --num-cpus 1 --object-store-memory 80000000 "$@" >&2; }
start --head --port 6399 --ray-client-server-port 10011 --include-dashboard false --runtime-env-agent-port 20500 \
    --min-worker-port 20000 --max-worker-port 20099
start --address 127.0.0.1:6399 --labels zone=b --min-worker-port 20100 --max-worker-port 20199
exec "$@"
"""


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes of Ray on this machine, which ask for a token; gives the words that start a command beside them."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    token = Path("token").absolute()
    token.write_text("0123456789abcdef" * 4)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    yield ["sh", "-c", CLUSTER, "sh"]
    for one in psutil.process_iter(["pid"]):  # daemons, which are no children of the test
        with contextlib.suppress(psutil.Error):
            if one.environ().get("RAY_AUTH_TOKEN_PATH") == str(token) and one.pid != os.getpid():
                one.kill()


def in_cluster(text):
    """Find processes of the cluster by their command."""
    found = []
    for one in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            if text in " ".join(one.info["cmdline"] or []) and one.environ().get("RAY_AUTH_TOKEN_PATH"):
                found.append(one)
    return found


def test_a_node_of_a_cluster_that_is_killed_costs_no_trial(spec, cluster):
    with started([*cluster, *words(spec, 200, "--on", "ray://127.0.0.1:10011")]) as process:
        wait_for(process, lambda: trained() >= 2)
        (node,) = in_cluster("--min_worker_port=20100")
        node.kill()
        assert process.wait(500) == 0, Path("err.txt").read_text()
    check_complete()
    assert "1 running, 1 pending" in Path("err.txt").read_text()


def test_workers_go_where_a_label_says_and_the_loss_of_the_head_is_a_clean_error(spec, cluster):
    with started([*cluster, *words(spec, 3000, "--on", "ray://127.0.0.1:10011", "--ray", "label.zone=b")]) as process:
        wait_for(process, lambda: trained() >= 1)
        jobs = json.loads(Path("a sweep/jobs.json").read_text())["jobs"]
        assert sorted(job["state"] for job in jobs) == ["pending", "running"], "one CPU there, for two workers"
        for one in [*in_cluster("gcs_server"), *in_cluster("ray.util.client.server")]:
            one.kill()
        assert process.wait(300) == 1
    error = outcome()["error"]
    assert "the connection to Ray at ray://127.0.0.1:10011 failed" in error and "Traceback" not in error


def test_where_no_cluster_answers_nothing_is_lost(spec):
    with started(words(spec, 1, "--on", "ray://127.0.0.1:9")) as process:
        assert process.wait(300) == 2
    assert "--on ray://127.0.0.1:9: cannot connect: Connection refused" in outcome()["error"]


def test_what_this_machine_lacks_is_refused(spec):
    with started(words(spec, 1, "--on", "ray", "--ray", "resource.TPU=1")) as process:
        assert process.wait(300) == 2
    assert "--ray resource.TPU: a worker needs 1, and this machine has 0" in outcome()["error"]
