"""A connection to Ray: one that is started on this machine, or a cluster."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from deepcli.errors import DeepcliError, TrainingError, UsageError
from deepcli.system.cores import cores
from deepcli.system.process_count import default_workers, visible_gpus

LOOPBACK = "127.0.0.1"
SECONDS_TO_ANSWER = 15.0
OBJECT_STORE = 80 << 20
"""Bytes of shared memory that Ray takes here: the least that it allows, as workers exchange nothing by it."""

BACKEND = "DEEPCLI_RAY_BACKEND"
"""The environment variable with the backend that processes of a Ray of this machine import."""

UNUSED = ("start_monitor", "start_api_server", "start_log_monitor")
"""Methods of Ray's class `Node`."""
HAS_SESSIONS = hasattr(os, "getsid")
"""Whether the system knows which processes a process has started, directly or not."""

AMOUNTS = {"cpus": "CPU", "gpus": "GPU"}


@contextlib.contextmanager
def connected(
    address: str | None, workers: int | None, needs: dict[str, Any], backend: str = "auto"
) -> Iterator[tuple[Any, int]]:
    """Connect to Ray inside the block.

    A Ray of this machine is left running, for `RayWorkers` to end: Ray itself takes two seconds to do so.

    Args:
        address: The address of a cluster; None: that in `RAY_ADDRESS`, else a Ray of this machine, on loopback only.
        workers: Number of workers; None: as many as fit.
        needs: What each needs, by the fields of `RaySettings`; missing amounts are filled in.
        backend: The backend of the sweep.

    Yields:
        The module `ray`, and the number of workers.

    Raises:
        UsageError: Nothing answers at the address, or this machine lacks what a worker needs.
        TrainingError: Ray does not start, or the connection is lost.
    """
    import ray

    address = address or os.environ.get("RAY_ADDRESS") or None
    count = workers if address else workers or default_workers()
    if address is None:
        fill_in(needs, count or 1)
        # Its processes import what actors need as soon as they are there, before it is ready itself.
        os.environ |= {"RAY_preload_python_modules": "deepcli.sweeps.engines.ray_preload", BACKEND: backend}
    try:
        _connect(ray, address, math.ceil((count or 1) * needs["cpus"]))
        if address is None:
            _check_this_machine(ray.cluster_resources(), needs)
        yield ray, count or _fitting(ray.cluster_resources(), needs)
    except DeepcliError:
        raise
    except Exception as error:
        if not isinstance(error, ConnectionError | RuntimeError | ray.exceptions.RayError) and not _is_grpc(error):
            raise
        raise TrainingError(_lost(address, error)) from None
    finally:
        if address is not None or not HAS_SESSIONS:
            with contextlib.suppress(Exception):
                ray.shutdown()


def _is_grpc(error: Exception) -> bool:
    """Return whether an error is of the protocol of Ray Client, which lets it through when a cluster's head is lost."""
    return type(error).__module__.partition(".")[0] == "grpc"


def _lost(address: str | None, error: Exception) -> str:
    """Return what to say of a connection that failed."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    said = lines[0] if len(lines) == 1 or not lines[0].endswith(":") else f"{lines[0]} {lines[-1]}"
    details = next((line for line in lines if line.startswith("details = ")), None)  # of a gRPC error
    said = details.removeprefix("details = ").strip('"') if details else said
    if address is None:
        return f"the Ray of this machine failed: {said}; run the same command again to continue"
    token = "; a cluster that asks for a token needs RAY_AUTH_MODE=token" * ("RAY_AUTH_MODE" not in os.environ)
    return f"the connection to Ray at {address} failed: {said}{token}; run the same command again to continue"


def fill_in(needs: dict[str, Any], count: int) -> None:
    """Give each worker of this machine a GPU, or its share of one, unless the options say otherwise."""
    if needs["gpus"] is None:
        gpus = len(visible_gpus())
        needs["gpus"] = min(1.0, math.floor(1000 * gpus / count) / 1000)


def _connect(ray: Any, address: str | None, cpus: int) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is not None:
        _check_address(address)
        ray.init(address=address, **quiet)
        return
    _leave_out(ray)
    # With this address, every process of Ray listens on loopback only; they would listen on all interfaces otherwise.
    ray.init(
        address="local",
        num_cpus=max(cpus, cores()),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE,
        _node_ip_address=LOOPBACK,
        **quiet,
    )


def _leave_out(ray: Any) -> None:
    """Let a Ray of this machine start without processes that have nothing to do in it, which take seconds to start.

    They add nodes, report the use of Ray, and send what is logged to the driver. Ray has no option for it; a version
    with other names starts them as ever.
    """
    node = getattr(getattr(ray._private, "node", None), "Node", None)
    for name in UNUSED:
        if hasattr(node, name):
            setattr(node, name, lambda self, **options: None)


def _check_address(address: str) -> None:
    """Check that something listens, as Ray itself would try for half a minute."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.hostname is None or place.port is None:  # such as `auto`
        return
    try:
        socket.create_connection((place.hostname, place.port), SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise UsageError(
            f"--on {address}: cannot connect: {error.strerror or error}; is it the port of Ray Client?"
        ) from None


def _check_this_machine(there: Mapping[str, float], needs: dict[str, Any]) -> None:
    if needs["labels"]:
        raise UsageError(f"--ray label.{next(iter(needs['labels']))}: only the nodes of a cluster have labels")
    wanted = {"gpus": ("GPU", needs["gpus"])} | {
        f"resource.{name}": (name, n) for name, n in needs["resources"].items()
    }
    for key, (name, amount) in wanted.items():
        if amount > there.get(name, 0):
            raise UsageError(f"--ray {key}: a worker needs {amount:g}, and this machine has {there.get(name, 0):g}")
    if needs["memory"] and needs["memory"] > there.get("memory", 0):
        raise UsageError(
            f"--ray memory: a worker needs more than this machine has, {there.get('memory', 0) / 2**30:.1f}GB"
        )


def _fitting(there: Mapping[str, float], needs: Mapping[str, Any]) -> int:
    """Return how many workers a cluster has room for."""
    wanted = {AMOUNTS[key]: needs[key] for key in AMOUNTS} | needs["resources"]
    return max(int(min((there.get(name, 0) // amount for name, amount in wanted.items() if amount), default=1)), 1)
