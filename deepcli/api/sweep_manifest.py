"""A sweep's workers for Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from deepcli.errors import UsageError
from deepcli.sweeps.manifest import MOUNT, Pods, manifest


def kubernetes_manifest(
    path: Path, pods: Pods, storage: str | None, plugins: Sequence[str], note: Callable[[str], None]
) -> str:
    """Return the objects of Kubernetes that run workers of a sweep, as YAML.

    Args:
        path: The sweep's directory.
        pods: The pods of the workers.
        storage: The URL of its Optuna storage; None: that of the sweep.
        plugins: Plugins, with their paths in the container; none: those of the sweep.
        note: Called with a line for the user.

    Raises:
        RunError: The path is not a sweep, or its files are damaged.
        UsageError: A value is not valid in Kubernetes, or pods cannot reach the sweep's storage.
    """
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.start import study_place
    from deepcli.sweeps.study.storage import has_leases, is_loopback, without_password

    folder = SweepDir.open(path)
    stored = folder.read_plan()
    study, url = study_place(folder, storage) if storage else (stored["study"], stored["storage"])
    if url is not None and not has_leases(url):
        raise UsageError(
            f"the sweep {path} is stored in {without_password(url)}, which pods cannot share; start it in PostgreSQL "
            "(--storage), or without --storage on a volume that all pods share"
        )
    named = tuple(plugins) or tuple(stored["plan"].get("plugins", ()))
    for plugin in named:
        note(f"notice: the image needs the plugin {plugin}; name another place with --plugin")
    if url is None:
        note(f"notice: the pods need this directory as {MOUNT}/{path.resolve().name} on the volume: {path}")
    else:
        there = "; in the cluster, the URL needs the name of the server's machine" if is_loopback(url) else ""
        note(f"notice: the Secret {pods.secret} needs the URL of the database under the key url{there}")
    return manifest(path.resolve().name, study if url else None, named, pods)
