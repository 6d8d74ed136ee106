"""The actors of a sweep on Ray: starting them, replacing those that die, and stopping them."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import Any

import deepcli
from deepcli.errors import RunError, TrainingError
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.engines.engine import WorkerJob
from deepcli.sweeps.engines.job_file import write_jobs
from deepcli.sweeps.engines.ray_actor import ActorEnd, actor_class
from deepcli.sweeps.study.connection import StorageGone
from deepcli.sweeps.workers.pool import GONE, MOST_FAILURES, RENEW, SECONDS_TO_END, WorkerConfig
from deepcli.system.signals import Signals

NAME = "ray"
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_BETWEEN_CHECKS = 5.0


@dataclass
class _Slot:
    """An actor, and what it was asked."""

    actor: Any
    place: Any
    work: Any
    began: float
    node: str | None = None


class ActorPool:
    """Runs one actor a worker, each in a process of its own on any node, and makes another for one that dies.

    Args:
        ray: The module, which is connected.
        count: Number of workers.
        config: The settings of each.
        needs: What each needs, by the fields of `RaySettings`.
        until: Time of `time.monotonic()` at which to stop starting trials; None for no limit.
    """

    def __init__(self, ray: Any, count: int, config: WorkerConfig, needs: dict[str, Any], until: float | None) -> None:
        self._ray, self._config, self._until = ray, config, until
        self._class = actor_class(ray, needs)
        self._study = str(SweepDir(config.folder).read_plan()["study"])
        self._written: list[WorkerJob] = []
        self._states = ["pending"] * count
        self._slots: dict[int, _Slot] = {}
        self._failures, self._checked = 0, time.monotonic()

    def work(self, signals: Signals, ended: threading.Event) -> None:
        """Run the actors until no trials are left.

        Args:
            signals: May request to stop; each actor then leaves its trial ready to resume.
            ended: Set when nobody waits for the result any more.

        Raises:
            RunError: An actor cannot work where it is, or the sweep's files or its storage cannot be used.
            StorageGone: The server of the sweep's database has not answered for too long.
            TrainingError: Several actors in succession failed soon after their start.
        """
        for number in range(len(self._states)):
            self._begin(number)
        try:
            while self._slots and signals.stop is None and not ended.is_set():
                self._look()
        finally:
            self._end()

    def _begin(self, number: int) -> None:
        actor = self._class.remote(self._config, number, self._study, deepcli.__version__)
        seconds = None if self._until is None else max(self._until - time.monotonic(), 0.0)
        self._slots[number] = _Slot(actor, actor.place.remote(), actor.work.remote(seconds), time.monotonic())
        self._set(number, "pending")

    def _look(self) -> None:
        """Wait for news of the actors, and follow them."""
        waiting = {slot.work: number for number, slot in self._slots.items()}
        waiting |= {slot.place: number for number, slot in self._slots.items() if slot.node is None}
        ready, _ = self._ray.wait(list(waiting), num_returns=1, timeout=SECONDS_BETWEEN_LOOKS)
        for answer in ready:
            number = waiting[answer]
            slot = self._slots[number]
            if answer == slot.work:
                self._follow(number, slot)
            else:
                slot.node = self._node(slot)
                self._set(number, "running")
        if any(slot.node is None for slot in self._slots.values()):
            self._check_nodes()

    def _check_nodes(self) -> None:
        """Check that there is a node left for actors that wait for one; a cluster may add nodes, but needs its head."""
        if time.monotonic() - self._checked < SECONDS_BETWEEN_CHECKS:
            return
        self._checked = time.monotonic()
        if not any(node["Alive"] for node in self._ray.nodes()):
            raise TrainingError("Ray has lost all its nodes; run the same command again to continue")

    def _node(self, slot: _Slot) -> str:
        try:
            return str(self._ray.get(slot.place))
        except self._ray.exceptions.RayError:
            return ""  # its work ends with the same error

    def _follow(self, number: int, slot: _Slot) -> None:
        """Replace an actor that has ended, unless no trials are left or actors keep failing."""
        died, ended = self._result(slot)
        if ended.code == 0:
            del self._slots[number]
            self._set(number, "ended")
            self._leave_out_waiting()
            return
        if ended.code == 2:
            raise RunError(f"{ended.last}; see {ended.log}" if ended.log else ended.last)
        if ended.code == GONE:
            raise StorageGone(ended.last.rpartition("] error: ")[2])
        quick = time.monotonic() - slot.began < SECONDS_TO_END
        self._failures = self._failures + 1 if ended.code == 1 and quick else 0
        if self._failures >= MOST_FAILURES:
            raise TrainingError(f"workers on Ray keep failing: {ended.last}" + f"; see {ended.log}" * bool(ended.log))
        if not died:
            self._ray.kill(slot.actor)
        self._begin(number)

    def _result(self, slot: _Slot) -> tuple[bool, ActorEnd]:
        """Return whether an actor has died, and how its work ended."""
        errors = self._ray.exceptions
        try:
            return False, self._ray.get(slot.work)
        except errors.RayActorError as error:
            # A death of its own, such as that of its node, says nothing about the next one; a bad start does.
            return True, ActorEnd(RENEW if slot.node else 1, "", _cause(error))
        except errors.RayTaskError as error:
            return False, ActorEnd(1, "", _cause(error))

    def _leave_out_waiting(self) -> None:
        """End actors that Ray has not placed yet, once a worker has found no trial left."""
        for number in [number for number, slot in self._slots.items() if slot.node is None]:
            self._ray.kill(self._slots.pop(number).actor)
            self._set(number, "ended")

    def _set(self, number: int, state: str) -> None:
        """Change the state of an actor in the sweep's directory."""
        self._states[number] = state
        nodes = {number: slot.node or None for number, slot in self._slots.items()}
        jobs = [WorkerJob(f"actor-{n}", state, nodes.get(n)) for n, state in enumerate(self._states)]
        if jobs != self._written:
            write_jobs(SweepDir(self._config.folder), NAME, jobs)
            self._written = jobs

    def _end(self) -> None:
        """Stop the actors that are left: each leaves its trial ready to resume."""
        with contextlib.suppress(Exception):  # an error is on its way already, or Ray is not there any more
            for slot in self._slots.values():
                slot.actor.stop.remote()
            left = [slot.work for slot in self._slots.values() if slot.node]
            if left:
                self._ray.wait(left, num_returns=len(left), timeout=SECONDS_TO_END)
            for slot in self._slots.values():
                self._ray.kill(slot.actor)
        for number in range(len(self._states)):
            self._set(number, "ended")


def _cause(error: Exception) -> str:
    """Return the last line of a traceback, which has the error, or the first line of another text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if "Traceback" in str(error) else lines[0]
