"""What signals ask of a command: to end at once or after the step at hand, or to write a checkpoint and go on.

A KeyboardInterrupt can be lost: Python drops one that is raised in a weak reference's callback (each import has some) or
a `__del__`, and a library may catch it. So a command remembers each SIGINT, whatever becomes of the exception, and looks
again before training and after each batch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

PATIENCE = 2.0
"""Seconds that Python has to end by itself after a second SIGINT; it cannot while a step computes."""


_interrupts: list[int] = []
"""The SIGINTs that have raised a KeyboardInterrupt in this process since it began to listen."""


def listen() -> None:
    """Remember each SIGINT from now on, also where a shell that began this process in the background ignores them."""
    signal.signal(signal.SIGINT, _interrupt)


def interrupted() -> bool:
    """Return whether a SIGINT has raised a KeyboardInterrupt, even if something has swallowed that."""
    return bool(_interrupts)


def heed() -> None:
    """Raise the KeyboardInterrupt again that something has swallowed."""
    if _interrupts:
        raise KeyboardInterrupt


def _interrupt(number: int, frame: object) -> None:
    _interrupts.append(number)
    raise KeyboardInterrupt


class Stopped(Exception):
    """Whatever was going on gave way to a signal."""


class Signals:
    """What signals have asked for.

    Args:
        kill: Whether a second SIGINT ends the process if Python cannot within `PATIENCE`; a program that only calls
            deepcli, such as a notebook's kernel, waits for the current step instead.

    Attributes:
        stop: The signal that asked the run to end; None while none has.
        checkpoint: Whether SIGUSR1 has asked for a checkpoint that is not written yet.
    """

    def __init__(self, kill: bool = True) -> None:
        self._kill = kill
        self.stop: int | None = None
        self.checkpoint = False

    def check(self) -> None:
        """Give way where something long can be left unfinished.

        Raises:
            Stopped: The run was asked to end.
        """
        if self.stop is not None:
            raise Stopped

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Note SIGUSR1, which would end the process otherwise, before there is anything to write."""
        with _handled({getattr(signal, "SIGUSR1", None): self._ask_checkpoint}):
            yield

    @contextlib.contextmanager
    def deferred(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Turn the first SIGINT or SIGTERM into a request; a second SIGINT ends the process.

        A SIGINT whose KeyboardInterrupt was swallowed before is the first.

        Args:
            tell: Is told of the first at once, from another thread.
        """
        handlers: dict[int | None, Callable[[int, object], None]] = {
            signal.SIGINT: self._ask_stop,
            signal.SIGTERM: self._ask_stop,
            getattr(signal, "SIGUSR1", None): self._ask_checkpoint,
        }
        with _handled(handlers), _watched(tell, self._kill):
            # Only now: one that comes later finds the handlers.
            if self.stop is None and interrupted():
                self.stop = signal.SIGINT
            yield

    def _ask_stop(self, number: int, frame: object) -> None:
        if self.stop is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.stop = number

    def _ask_checkpoint(self, number: int, frame: object) -> None:
        self.checkpoint = True


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def _handled(handlers: dict[int | None, Callable[[int, object], None]]) -> Iterator[None]:
    """Handle signals for a while; None stands for one that this system does not have."""
    before = {}
    if _on_main_thread():
        before = {number: signal.signal(number, handler) for number, handler in handlers.items() if number is not None}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold a SIGINT back to the end of something short that might swallow it, as imports of large packages do."""
    held: list[int] = []

    def hold(number: int, frame: object) -> None:
        held.append(number)
        if len(held) > 1:
            raise KeyboardInterrupt

    try:
        with _handled({signal.SIGINT: hold}):
            yield
    finally:
        if held:
            signal.raise_signal(signal.SIGINT)  # for whoever handles it outside


@contextlib.contextmanager
def _watched(tell: Callable[[str], None], kill: bool) -> Iterator[None]:
    """Answer signals from a thread of their own: Python's handlers wait until a step in C++ is done."""
    if not _on_main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    done = threading.Event()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, done, tell, kill), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        done.set()
        writer.close()


def _watch(reader: socket.socket, done: threading.Event, tell: Callable[[str], None], kill: bool) -> None:
    interrupts, told = 0, False
    with reader:
        while numbers := reader.recv(64):
            interrupts += numbers.count(signal.SIGINT)
            if kill and interrupts > 1 and not done.wait(PATIENCE):
                os._exit(128 + signal.SIGINT)
            if not told and {signal.SIGINT, signal.SIGTERM} & set(numbers):
                told = True
                tell("ending after this step with a checkpoint; Ctrl-C once more ends at once")
