"""`sweep run --on` and `sweep manifest`: what is refused before anything is started, and what is printed."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import yaml

from deepcli.sweeps.manifest import USER, Pods, manifest, object_name
from tests import fake_slurm
from tests.conftest import ROOT

RATES = "optimizer.learning_rate=[1e-3, 1e-2]"


@pytest.fixture
def refused(cli, spec):
    def run(*words):
        done = cli("sweep", "run", spec(), RATES, "-o", "s", *words)
        assert (done.code, done.out) == (2, "") and not Path("s").exists(), done
        return done.err

    return run


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("ray://127.0.0.1:1", "ray"), ("slurm", "submitit")])
def test_without_its_package_an_engine_is_refused_with_the_command_that_installs_it(
    refused, monkeypatch, engine, package
):
    monkeypatch.setitem(sys.modules, package, None)
    name = engine.partition(":")[0]
    assert refused("--on", engine, "--workers", 1) == (
        f"error: --on {name} needs {package}; install with: pip install 'deepcli[{name}]'\n"
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--on", "slrum"], "--on: did you mean 'slurm'? should be local, ray, slurm, none or ray://HOST:PORT, not 'slrum'"),
        (["--on", "slurm"], "--on slurm: needs --workers N, the number of jobs, each with one worker"),
        (["--slurm", "mem=1G"], "--slurm: has no effect without --on slurm"),
        (["--on", "slurm", "--workers", "1", "--ray", "gpus=1"], "--ray: has no effect without --on ray"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together(refused, words, says):
    assert refused(*words) == f"error: {says}\n"


def test_a_dry_run_on_slurm_prints_the_script_and_nothing_else(cli, spec, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")  # as on a laptop
    words = ["sweep", "run", spec(), RATES, "-o", "a sweep", "--on", "slurm", "--workers", 2, "--dry-run"]
    done = cli(*words, "--slurm", "mem=8G")
    assert done.code == 0 and done.out.startswith("#!/bin/bash\n") and "#SBATCH --mem=8G\n" in done.out
    assert not Path("a sweep").exists()
    told = json.loads(cli(*words, "--slurm", "mem=8G", "--json").out)
    assert told["script"] == done.out and told["status"] == "planned" and len(told["points"]) == 2


def test_a_refused_submission_is_a_failure_in_slurms_own_words(cli, spec, monkeypatch, tmp_path):
    state = fake_slurm.install(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{state.parent}:/usr/bin:/bin")
    done = cli("sweep", "run", spec(), RATES, "-o", "s", "--on", "slurm", "--workers", 2, "--partition", "nosuch", "-q")
    assert done.code == 1 and done.out == ""
    assert done.err == (
        "error: SLURM refused the jobs: sbatch: error: invalid partition specified: nosuch\n"
        "sbatch: error: Batch job submission failed\n"
    )


@pytest.fixture
def sweep(cli, spec):
    done = cli("sweep", "run", spec(), RATES, "-o", "My sweep_1", "--on", "none", "--json")
    assert done.code == 0 and json.loads(done.out)["status"] == "unfinished"
    assert "deepcli sweep worker 'My sweep_1'" in done.err
    return Path("My sweep_1")


def test_a_sweep_without_workers_is_there_for_workers_elsewhere(cli, sweep):
    assert (sweep / "sweep.json").is_file() and not list((sweep / "trials").iterdir())
    done = cli("sweep", "status", sweep)
    assert done.code == 0 and "unfinished: none started of 2 trials" in done.out and "jobs" not in done.out


def objects(text):
    return list(yaml.safe_load_all(text))


def valid(document):
    """Check an object against the schema that Kubernetes publishes, in several versions."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    for version in ("1.29", "1.33", "1.37"):
        kubernetes_validate.validate(document, version, strict=True)


def test_workers_on_a_shared_volume(cli, sweep):
    words = ["--workers", 4, "--gpus", 2, "--memory", "6Gi", "--namespace", "ml", "--image", "r.example/deepcli:1"]
    done = cli("sweep", "manifest", sweep, "--kubernetes", *words)
    assert done.code == 0 and "need this directory as /sweeps/My sweep_1 on the volume" in done.err
    claim, job = objects(done.out)
    for document in (claim, job):
        valid(document)
        assert document["metadata"]["name"] == "deepcli-my-sweep-1" and document["metadata"]["namespace"] == "ml"
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 4, 4)
    (container,) = pod["containers"]
    assert container["args"] == ["sweep", "worker", "/sweeps/My sweep_1", "--workers", "1"]
    assert container["resources"]["limits"] == {"memory": "6Gi", "nvidia.com/gpu": 2}
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert all(variable["name"] != "DEEPCLI_STORAGE" for variable in container["env"])


def test_workers_on_a_volume_that_exists(cli, sweep):
    done = cli("sweep", "manifest", sweep, "--kubernetes", "--claim", "shared", "--data-dir", "/sweeps/data", "-q")
    (job,) = objects(done.out)
    valid(job)
    pod = job["spec"]["template"]["spec"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == "shared" and done.err == ""
    assert pod["containers"][0]["args"][-2:] == ["--data-dir", "/sweeps/data"]


@pytest.mark.parametrize(
    ("claim", "kept"), [(None, {"emptyDir": {}}), ("r", {"persistentVolumeClaim": {"claimName": "r"}})]
)
def test_workers_on_a_database_share_nothing_else(claim, kept):
    (job,) = objects(manifest("a", "digits-mlp-1a2b", ("/plugins/x.py",), Pods(2, "deepcli:1", claim=claim)))
    valid(job)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    own = ["--output", "/sweeps/digits-mlp-1a2b-$(JOB_COMPLETION_INDEX)"] if claim else []
    words = ["sweep", "worker", "--study", "digits-mlp-1a2b", *own, "--workers", "1", "--plugin", "/plugins/x.py"]
    assert container["args"] == words
    secret = {"secretKeyRef": {"name": "deepcli-storage", "key": "url"}}
    assert {"name": "DEEPCLI_STORAGE", "valueFrom": secret} in container["env"]
    assert pod["volumes"][0] == {"name": "sweeps", **kept}


def test_pods_may_do_little():
    (_, job) = objects(manifest("a", None, (), Pods(1, "deepcli:1")))
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--memory", "lots"], "--memory: should be a quantity of Kubernetes, such as 500m, 2 or 4Gi, not 'lots'"),
        (["--namespace", "A b"], "--namespace: should be lower-case letters, digits and dashes, not 'A b'"),
        (["--image", "a b"], "--image: should be a name like registry.example/deepcli:1.0, not 'a b'"),
        (["--storage", "sqlite:///x.db"], "--storage: the sweep My sweep_1 is stored in a journal file"),
    ],
)
def test_what_kubernetes_would_refuse(cli, sweep, words, says):
    done = cli("sweep", "manifest", sweep, "--kubernetes", *words)
    assert done.code == 2 and done.out == "" and says in done.err


def test_a_manifest_of_something_else(cli, sweep):
    done = cli("sweep", "manifest", sweep)
    assert done.code == 2 and done.err == "error: which manifest? Give --kubernetes\n"
    done = cli("sweep", "manifest", "nowhere", "--kubernetes")
    assert done.code == 2 and "nowhere is not a sweep" in done.err


def test_a_database_that_pods_cannot_share_is_refused(cli, spec, tmp_path):
    url = f"sqlite:///{tmp_path}/o.db"
    assert cli("sweep", "run", spec(), RATES, "-o", "s", "--on", "none", "--storage", url).code == 0
    done = cli("sweep", "manifest", "s", "--kubernetes")
    assert done.code == 2 and "which pods cannot share; start it in PostgreSQL" in done.err


@pytest.mark.parametrize("name", ["ä ö", "x" * 80, "A.b_C-", "-"])
def test_a_name_becomes_one_of_kubernetes(name):
    import re

    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", object_name(name))


def test_the_image_is_that_of_the_manifest_and_of_this_version():
    import tomllib

    from deepcli import __version__

    text = (ROOT / "deploy" / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = text.splitlines()
    (base,) = [line for line in lines if line.startswith("FROM ")]
    assert base.startswith("FROM python:3.12.") and base.count(".") == 2, "the base has a version of three numbers"
    assert f"USER {USER}:{USER}" in lines and f"deepcli:{__version__}" in text
    extras = [word for line in lines if "EXTRAS=" in line for word in line.split("EXTRAS=")[1].split()[0].split(",")]
    assert extras and set(extras) <= set(project["optional-dependencies"])
    for line in lines:
        if line.startswith("COPY "):
            ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists() and f"!{name}" in ignored
    assert "--constraint /source/constraints.txt" in text and 'ENTRYPOINT ["deepcli"]' in lines


def test_engines_that_are_not_installed_are_not_imported(cli):
    code = (
        "import sys, deepcli.api.sweeping, deepcli.sweeps.engines.choose; print({'ray', 'submitit'} & set(sys.modules))"
    )
    import subprocess

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
    assert importlib.util.find_spec("deepcli.sweeps.engines.slurm_task")
