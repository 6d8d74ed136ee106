"""`deepcli sweep manifest`: a sweep's workers as a file for Kubernetes."""

from __future__ import annotations

from typing import Annotated

import typer

from deepcli import __version__
from deepcli.cli.options import Plugins, Quiet, Storage, reporter
from deepcli.cli.sweep.status import Folder

IMAGE = f"deepcli:{__version__}"


def manifest(
    path: Folder,
    kubernetes: Annotated[bool, typer.Option("--kubernetes", help="Print an Indexed Job of Kubernetes.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Number of pods, each with one worker.")] = 1,
    image: Annotated[
        str, typer.Option(metavar="NAME", help="The image of the pods, as deploy/Dockerfile makes it.")
    ] = IMAGE,
    cpus: Annotated[str, typer.Option(metavar="QUANTITY", help="CPUs of each pod.")] = "1",
    memory: Annotated[str, typer.Option(metavar="QUANTITY", help="Memory of each pod.")] = "2Gi",
    gpus: Annotated[int, typer.Option(min=0, help="GPUs of each pod.")] = 0,
    gpu_resource: Annotated[
        str, typer.Option(metavar="NAME", help="The name of a GPU in the cluster.")
    ] = "nvidia.com/gpu",
    namespace: Annotated[str | None, typer.Option(metavar="NAME", help="The namespace of the objects.")] = None,
    claim: Annotated[
        str | None, typer.Option(metavar="NAME", help="An existing claim on a volume; default: one is made if needed.")
    ] = None,
    size: Annotated[str, typer.Option(metavar="QUANTITY", help="The size of the volume that is made.")] = "10Gi",
    secret: Annotated[
        str, typer.Option(metavar="NAME", help="The Secret that has the URL of the database, under the key url.")
    ] = "deepcli-storage",
    data_dir: Annotated[
        str | None, typer.Option(metavar="PATH", help="A directory with data files in the container.")
    ] = None,
    storage: Storage = None,
    plugins: Plugins = None,
    quiet: Quiet = False,
) -> None:
    """Print a sweep's workers as objects of Kubernetes, for `kubectl create -f -`.

    Pods share the sweep's directory on a volume, or nothing but its PostgreSQL
    database. `sweep run --on none` starts a sweep without workers.

    Example:
    deepcli sweep manifest sweeps/digits-mlp --kubernetes --workers 8
    """
    from deepcli.api.sweep_manifest import kubernetes_manifest
    from deepcli.errors import UsageError
    from deepcli.sweeps.manifest import Pods

    if not kubernetes:
        raise UsageError("which manifest? Give --kubernetes")
    pods = Pods(workers, image, cpus, memory, gpus, gpu_resource, namespace, claim, size, secret, data_dir)
    print(kubernetes_manifest(path, pods, storage, plugins or (), reporter(quiet).note), end="")
