"""JAX over several processes: each sees the devices of all."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Any

import jax
from jax._src import distributed
from jax._src.clusters import ClusterEnv

from deepcli.errors import UsageError
from deepcli.system.coordination_service import serving
from deepcli.system.process_group import ProcessGroup
from deepcli.system.rendezvous import PATIENCE, ProcessPlace, free_port, host_and_port

STDOUT = 1


def found_place() -> ProcessPlace:
    """Find the place of this process as JAX does: from SLURM, Open MPI, Kubernetes or the TPU it runs on.

    Raises:
        UsageError: None of them has started this process.
    """
    try:
        address, count, index, devices = ClusterEnv.auto_detect_unset_distributed_params(
            os.environ.get("JAX_COORDINATOR_ADDRESS"), None, None, None, None, int(PATIENCE)
        )
    except Exception as error:  # it asks the services of a cluster, each with errors of its own
        raise UsageError(f"--distributed: the place of this process cannot be found: {error}") from None
    if address is None or count is None or index is None:
        raise UsageError(
            "--distributed: SLURM, Open MPI, Kubernetes or a TPU did not start this process; say its place with "
            "--coordinator HOST:PORT --processes N --process I, or start all processes of this machine with "
            "deepcli launch N -- train …"
        )
    return ProcessPlace(address, count, index, None if devices is None else tuple(devices))


@contextlib.contextmanager
def connected(group: ProcessGroup, place: ProcessPlace) -> Iterator[None]:
    """Let JAX see the devices of all processes inside the block, which must be the first to use JAX."""
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # deepcli handles SIGTERM itself
    with contextlib.ExitStack() as stack:
        host = host_and_port(place.coordinator)[0]
        address = group.shared("address of JAX's service", f"{host}:{free_port(host)}" if group.is_first else None)
        if group.is_first:
            stack.enter_context(serving(address, group.count))
        group.exchange("JAX's service", True)
        stack.enter_context(_without_messages())
        _initialize(address, group, place)
        try:
            yield
        except BaseException:
            _abandon()
            raise
        jax.distributed.shutdown()


class _ElsewhereService:
    """Takes the place of the service in process 0, as it runs in a process of its own."""

    def shutdown(self) -> None:
        """Leave the service alone."""


def _initialize(address: str, group: ProcessGroup, place: ProcessPlace) -> None:
    library: Any = distributed._jax
    own = library.get_distributed_runtime_service
    library.get_distributed_runtime_service = lambda *words, **named: _ElsewhereService()
    try:
        jax.distributed.initialize(
            address,
            group.count,
            group.index,
            local_device_ids=list(place.devices) if place.devices else None,
            cluster_detection_method="deactivate",
            heartbeat_timeout_seconds=300,  # the group finds out sooner who is lost
        )
    finally:
        library.get_distributed_runtime_service = own


def _abandon() -> None:
    """Leave JAX's client as it is: to end it would wait for processes that may be dead."""
    client = distributed.global_state.client
    if client is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))
        distributed.global_state.client = None


@contextlib.contextmanager
def _without_messages() -> Iterator[None]:
    """Drop what JAX's libraries print to standard output, which is for results; what Python prints still gets there."""
    try:
        sys.stdout.flush()
        kept = os.dup(STDOUT)
    except OSError:  # it is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDOUT)
        with contextlib.ExitStack() as stack:
            if _number(sys.stdout) == STDOUT:
                own = stack.enter_context(os.fdopen(os.dup(kept), "w", encoding=sys.stdout.encoding, errors="replace"))
                stack.enter_context(contextlib.redirect_stdout(own))
            yield
    finally:
        os.dup2(kept, STDOUT)
        for one in (kept, nowhere):
            os.close(one)


def _number(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):  # a notebook's
        return None
