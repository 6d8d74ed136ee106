"""A sweep's workers as objects of Kubernetes: an Indexed Job, and the volume that its pods share if they need one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from deepcli.errors import UsageError

MOUNT = "/sweeps"
"""Where the shared volume is in a container, or the directory for runs that stay in a pod."""

SECRET_KEY = "url"
USER = 10001
"""The user of `deploy/Dockerfile`, which is not root."""

SECONDS_TO_END = 120
"""Time for the last step and its checkpoint after SIGTERM."""

QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
MOST_LETTERS = 52
"""Letters of a Job's name, so that the names of its pods are within 63."""


@dataclass(frozen=True)
class Pods:
    """The pods that have the workers, one each.

    Attributes:
        workers: Number of pods.
        image: Their image.
        cpus: CPUs of each, as Kubernetes writes quantities.
        memory: Memory of each, likewise.
        gpus: GPUs of each.
        gpu_resource: The name of a GPU in the cluster.
        namespace: Their namespace; None: that of the command that creates them.
        claim: An existing claim on a volume; None: one is made, if the sweep needs it. With a database, each pod keeps its
            runs on it; without a claim they are lost with the pod.
        size: The size of the volume that is made.
        secret: The Secret that has the URL of the database, under the key `url`.
        data_dir: A directory with data files in the container.
    """

    workers: int
    image: str
    cpus: str = "1"
    memory: str = "2Gi"
    gpus: int = 0
    gpu_resource: str = "nvidia.com/gpu"
    namespace: str | None = None
    claim: str | None = None
    size: str = "10Gi"
    secret: str = "deepcli-storage"
    data_dir: str | None = None

    def check(self) -> None:
        """Check what Kubernetes would refuse.

        Raises:
            UsageError: A name or a quantity is not valid.
        """
        for option, quantity in (("--cpus", self.cpus), ("--memory", self.memory), ("--size", self.size)):
            if not QUANTITY.fullmatch(quantity):
                raise UsageError(
                    f"{option}: should be a quantity of Kubernetes, such as 500m, 2 or 4Gi, not {quantity!r}"
                )
        names = {"--namespace": self.namespace, "--claim": self.claim, "--secret": self.secret}
        for option, name in names.items():
            if name is not None and not (NAME.fullmatch(name) and len(name) <= 63):
                raise UsageError(f"{option}: should be lower-case letters, digits and dashes, not {name!r}")
        if not self.image or any(letter.isspace() for letter in self.image):
            raise UsageError(f"--image: should be a name like registry.example/deepcli:1.0, not {self.image!r}")


def manifest(name: str, study: str | None, plugins: tuple[str, ...], pods: Pods) -> str:
    """Return YAML documents for `kubectl create -f -`.

    Args:
        name: The name of the sweep's directory.
        study: The name of its study in PostgreSQL; None: all pods share the sweep's directory.
        plugins: Plugins of the sweep, with their paths in the container.
        pods: The pods.

    Raises:
        UsageError: A value is not valid in Kubernetes.
    """
    pods.check()
    documents = [] if study or pods.claim else [_claim(name, pods)]
    documents.append(_job(name, study, plugins, pods))
    return "---\n".join(yaml.safe_dump(document, sort_keys=False, width=120) for document in documents)


def object_name(name: str) -> str:
    """Turn the name of a sweep into one that Kubernetes accepts."""
    text = re.sub(r"[^a-z0-9]+", "-", f"deepcli-{name}".lower())[:MOST_LETTERS]
    return text.strip("-")


def _claim(name: str, pods: Pods) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(name, pods),
        "spec": {
            "accessModes": ["ReadWriteMany"],  # pods on several nodes write, and lock files
            "resources": {"requests": {"storage": pods.size}},
        },
    }


def _job(name: str, study: str | None, plugins: tuple[str, ...], pods: Pods) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(name, pods),
        "spec": {
            "completionMode": "Indexed",
            "completions": pods.workers,
            "parallelism": pods.workers,
            "backoffLimitPerIndex": 6,
            # A pod that was evicted is replaced, and costs no try; a wrong spec or missing data fails at once.
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {"action": "FailJob", "onExitCodes": {"containerName": "worker", "operator": "In", "values": [2]}},
                ]
            },
            "template": {"metadata": {"labels": _labels(name)}, "spec": _pod(name, study, plugins, pods)},
        },
    }


def _metadata(name: str, pods: Pods) -> dict[str, Any]:
    placed = {"namespace": pods.namespace} if pods.namespace else {}
    return {"name": object_name(name), **placed, "labels": _labels(name)}


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": "deepcli", "app.kubernetes.io/instance": object_name(name)}


def _pod(name: str, study: str | None, plugins: tuple[str, ...], pods: Pods) -> dict[str, Any]:
    kept = {"persistentVolumeClaim": {"claimName": pods.claim or object_name(name)}}
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": SECONDS_TO_END,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(name, study, plugins, pods)],
        "volumes": [
            {"name": "sweeps", **(kept if pods.claim or not study else {"emptyDir": {}})},
            {"name": "home", "emptyDir": {}},
        ],
    }


def _container(name: str, study: str | None, plugins: tuple[str, ...], pods: Pods) -> dict[str, Any]:
    home = "/home/deepcli"
    storage = {"name": "DEEPCLI_STORAGE", "valueFrom": {"secretKeyRef": {"name": pods.secret, "key": SECRET_KEY}}}
    return {
        "name": "worker",
        "image": pods.image,
        "args": _words(name, study, plugins, pods),
        "workingDir": MOUNT,
        "env": [*([storage] if study else []), {"name": "HOME", "value": home}, {"name": "TMPDIR", "value": home}],
        "resources": _resources(pods),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "sweeps", "mountPath": MOUNT}, {"name": "home", "mountPath": home}],
    }


def _words(name: str, study: str | None, plugins: tuple[str, ...], pods: Pods) -> list[str]:
    """Return the words after `deepcli`, which is the entry point of the image."""
    own = ["--output", f"{MOUNT}/{study}-$(JOB_COMPLETION_INDEX)"] if pods.claim else []
    which = ["--study", study, *own] if study else [f"{MOUNT}/{name}"]
    data = ["--data-dir", pods.data_dir] if pods.data_dir else []
    named = [word for plugin in plugins for word in ("--plugin", plugin)]
    return ["sweep", "worker", *which, "--workers", "1", *data, *named]


def _resources(pods: Pods) -> Mapping[str, Mapping[str, str | int]]:
    gpus = {pods.gpu_resource: pods.gpus} if pods.gpus else {}
    # No limit on CPUs: a limit would only hold back a worker while others are idle.
    return {"requests": {"cpu": pods.cpus, "memory": pods.memory, **gpus}, "limits": {"memory": pods.memory, **gpus}}
