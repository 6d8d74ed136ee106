"""Processes that train one run together: what they agree on, and whether all of them are alive.

Each has a connection to process 0, apart from the connections over which a backend sums gradients: those wait without an end
when a process has died, and they cannot say which.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from deepcli.errors import ProcessError
from deepcli.system.atomic import replacing
from deepcli.system.frames import Link

ROUND, PART, MISSING, BEAT, LEFT, LOST = b"R", b"P", b"M", b"B", b"L", b"D"
"""Kinds of messages: a value, part of a file, a missing file, a sign of life, an end, and a loss."""

SECONDS_BETWEEN_BEATS = 2.0
SILENT_SECONDS = 25.0
"""A process that has sent nothing for this time counts as lost."""
SECONDS_TO_END = 15.0
"""After a death, a process whose main thread still waits for the dead one after this time is ended."""
SECONDS_TO_LEARN = 2.0
"""How long a failed operation waits for the news that a process is lost."""
PART_BYTES = 1 << 20


@dataclass(frozen=True)
class GroupMember:
    """One of the processes of a run."""

    index: int
    count: int
    host: str
    pid: int

    def __str__(self) -> str:
        return f"process {self.index} of {self.count} ({self.host}, pid {self.pid})"


class ProcessGroup:
    """The processes of a run; this class is a process that trains alone.

    Attributes:
        index: The number of this process, counted from 0.
        count: The number of processes.
    """

    index, count = 0, 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run; the others only compute."""
        return self.index == 0

    def exchange(self, topic: str, value: Any) -> list[Any]:
        """Return the values that all processes give, by their number; each process must call this at the same point.

        Args:
            topic: What is exchanged, to find processes that are at different points.
            value: JSON values.

        Raises:
            ProcessError: A process is lost.
        """
        return [value]

    def agree(self, topic: str, *values: float) -> tuple[float, ...]:
        """Return the largest of each value over all processes."""
        return tuple(max(column) for column in zip(*self.exchange(topic, values), strict=True))

    def shared(self, topic: str, value: Any) -> Any:
        """Return the value of process 0."""
        return self.exchange(topic, value if self.is_first else None)[0]

    def bring(self, file: Path) -> bool:
        """Give every process a file of process 0, at its own path; return whether there is one."""
        return file.is_file()

    def on_loss(self, remark: Callable[[], str]) -> None:
        """Set what is added to the error when a process is lost; it is called from another thread."""

    def explain(self, error: BaseException) -> BaseException:
        """Return why an operation over several processes failed: that one was lost, if one was, else the error."""
        return error

    def leave(self, error: str = "", code: int = 0) -> None:
        """Tell the others that this process ends, and why if that is not the end of the run."""


ALONE = ProcessGroup()


class ConnectedGroup(ProcessGroup):
    """Processes that are connected to process 0, which passes messages on.

    Args:
        me: This process.
        links: The connections by the number of the process: process 0 has all others, the others have process 0.
        names: All processes by their number.
        note: Called with the error for the user if this process is ended because another was lost.
    """

    def __init__(
        self,
        me: GroupMember,
        links: Mapping[int, Link],
        names: Mapping[int, GroupMember],
        note: Callable[[str], object],
    ) -> None:
        self.index, self.count = me.index, me.count
        self.lost: ProcessError | None = None
        self._links, self._names, self._note = dict(links), names, note
        self._inboxes: dict[int, queue.SimpleQueue[tuple[bytes, bytes] | None]] = {
            index: queue.SimpleQueue() for index in links
        }
        self._heard = dict.fromkeys(links, time.monotonic())
        self._left: set[int] = set()
        self._remark: Callable[[], str] = str
        self._closed, self._losing = threading.Event(), threading.Lock()
        for index, link in links.items():
            threading.Thread(target=self._listen, args=(index, link), daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def exchange(self, topic: str, value: Any) -> list[Any]:
        own = json.dumps([topic, value]).encode()
        if not self.is_first:
            self._send(0, ROUND, own)
            found: list[Any] = json.loads(self._take(0))
            return found
        answers = {0: [topic, value], **{index: json.loads(self._take(index)) for index in self._links}}
        for index, (their_topic, _) in answers.items():
            if their_topic != topic:
                raise AssertionError(f"{self._names[index]} is at {their_topic!r}, process 0 at {topic!r}")
        values = [answers[index][1] for index in sorted(answers)]
        for index in self._links:
            self._send(index, ROUND, json.dumps(values).encode())
        return values

    def bring(self, file: Path) -> bool:
        if not self.is_first:
            return self._fetch(file)
        if not file.is_file():
            for index in self._links:
                self._send(index, MISSING)
            return False
        with file.open("rb") as stream:
            while True:
                part = stream.read(PART_BYTES)
                for index in self._links:
                    self._send(index, PART, part)
                if not part:
                    return True

    def _fetch(self, file: Path) -> bool:
        part = self._take(0, missing=MISSING)
        if part is None:
            file.unlink(missing_ok=True)
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary, temporary.open("wb") as stream:
            while part:
                stream.write(part)
                part = self._take(0)
        return True

    def on_loss(self, remark: Callable[[], str]) -> None:
        self._remark = remark

    def explain(self, error: BaseException) -> BaseException:
        deadline = time.monotonic() + SECONDS_TO_LEARN
        while self.lost is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return error if self.lost is None else self.lost

    def leave(self, error: str = "", code: int = 0) -> None:
        self._closed.set()
        for link in self._links.values():
            with contextlib.suppress(OSError):
                link.send(LEFT, json.dumps([error, code]).encode())
            link.close()

    def _send(self, index: int, kind: bytes, payload: bytes = b"") -> None:
        try:
            self._links[index].send(kind, payload)
        except OSError:
            self._lose(index, "died")
            self._raise_lost()

    def _take(self, index: int, missing: bytes | None = None) -> Any:
        """Wait for the next message of a process; return its bytes, or None for one of the kind `missing`."""
        message = self._inboxes[index].get() if self.lost is None else None
        if message is None:
            self._raise_lost()
        return None if message[0] == missing else message[1]

    def _raise_lost(self) -> NoReturn:
        raise self.lost or ProcessError("a process of the run is lost")

    def _listen(self, index: int, link: Link) -> None:
        """Receive what another process sends, until it ends."""
        try:
            while True:
                kind, payload = link.receive()
                self._heard[index] = time.monotonic()
                if kind == LEFT:
                    self._left.add(index)
                    error, code = json.loads(payload)
                    if error:
                        self._lose(index, f"ended: {error}", code)
                    return
                if kind == LOST:
                    text, code = json.loads(payload)
                    self._set_lost(text, code)
                elif kind != BEAT:
                    self._inboxes[index].put((kind, payload))
        except (OSError, ValueError):
            if not self._closed.is_set():
                self._lose(index, "died")

    def _watch(self) -> None:
        """Send signs of life, and look for those of the others."""
        while not self._closed.wait(SECONDS_BETWEEN_BEATS):
            for index, link in self._links.items():
                if index in self._left:
                    continue
                with contextlib.suppress(OSError):  # the thread that listens finds out
                    link.send(BEAT)
                if time.monotonic() - self._heard[index] > SILENT_SECONDS:
                    self._lose(index, f"has not answered for {SILENT_SECONDS:.0f} seconds", patience=0.0)

    def _lose(self, index: int, how: str, code: int = 1, patience: float = SECONDS_TO_END) -> None:
        self._set_lost(f"{self._names[index]} {how}", code, patience)

    def _set_lost(self, text: str, code: int, patience: float = SECONDS_TO_END) -> None:
        """Record that a process is lost, pass it on, and end this process if it cannot end by itself."""
        with self._losing:
            if self.lost is not None:
                return
            remark = self._remark()
            self.lost = ProcessError(f"{text}; {remark}" if remark else text, code)
        for index, link in self._links.items():
            if self.is_first and index not in self._left:
                with contextlib.suppress(OSError):
                    link.send(LOST, json.dumps([text, code]).encode())
        for inbox in self._inboxes.values():
            inbox.put(None)
        threading.Thread(target=self._end, args=(self.lost, patience), daemon=True).start()

    def _end(self, lost: ProcessError, patience: float) -> None:
        if not self._closed.wait(max(patience, SECONDS_TO_LEARN)):
            self._note(str(lost))
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(lost.exit_code)
