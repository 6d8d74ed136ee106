"""Reacting to signals: quit immediately, stop after the current step, or write a checkpoint without stopping.

A KeyboardInterrupt can be lost: Python drops one raised in the callback of a weak reference (every import has some) or in
a `__del__`, and a library may catch it. So a command records each SIGINT, whatever happens to the exception, and checks
the record before training and after each batch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

PATIENCE = 2.0
"""Seconds that Python has to exit by itself after a second SIGINT; it cannot exit while a step is computed."""

SECONDS_TO_LEAVE = 0.5
"""Seconds that tidying up a terminal may take before the process ends."""

_interrupts: list[int] = []
"""The SIGINTs that have raised a KeyboardInterrupt in this process since `listen` was called."""


def listen() -> None:
    """Record each SIGINT from now on, even if a shell started this process in the background, ignoring SIGINT."""
    signal.signal(signal.SIGINT, _interrupt)


def interrupted() -> bool:
    """Return whether a SIGINT has raised a KeyboardInterrupt, even if the exception was lost."""
    return bool(_interrupts)


def heed() -> None:
    """Raise KeyboardInterrupt again if an earlier one was lost."""
    if _interrupts:
        raise KeyboardInterrupt


def _interrupt(number: int, frame: object) -> None:
    _interrupts.append(number)
    raise KeyboardInterrupt


class Stopped(Exception):
    """Raised to abandon work because a signal asked the run to stop."""


class Signals:
    """The requests that signals have made.

    Args:
        kill: Whether a second SIGINT ends the process if Python cannot within `PATIENCE`; a program that only calls
            deepcli, such as a notebook's kernel, waits for the current step instead.

    Attributes:
        stop: The signal that asked the run to stop; None if there was none.
        checkpoint: Whether SIGUSR1 asked for a checkpoint that is not written yet.
    """

    def __init__(self, kill: bool = True) -> None:
        self._kill = kill
        self.stop: int | None = None
        self.checkpoint = False

    def check(self) -> None:
        """Raise `Stopped` if the run was asked to stop; called where long work can be abandoned.

        Raises:
            Stopped: The run was asked to stop.
        """
        self.check_here()

    def check_here(self) -> None:
        """Raise `Stopped` if this process was asked to stop; for work that the processes of a run do not do together.

        Raises:
            Stopped: It was asked to stop.
        """
        if self.stop is not None:
            raise Stopped

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Record SIGUSR1 during a block before training; by default this signal would end the process."""
        with _handled({getattr(signal, "SIGUSR1", None): self._ask_checkpoint}):
            yield

    @contextlib.contextmanager
    def deferred(self, tell: Callable[[str], None], leave: Callable[[], None] | None = None) -> Iterator[None]:
        """Turn the first SIGINT or SIGTERM into a request; a second SIGINT ends the process.

        An earlier SIGINT whose KeyboardInterrupt was lost counts as the first. The callback gets a message for the user
        as soon as the first signal arrives; it is called from another thread. So is `leave`, before a second SIGINT ends
        a process that Python cannot end: it tidies up the terminal.
        """
        handlers: dict[int | None, Callable[[int, object], None]] = {
            signal.SIGINT: self._ask_stop,
            signal.SIGTERM: self._ask_stop,
            getattr(signal, "SIGUSR1", None): self._ask_checkpoint,
        }
        with _handled(handlers), _watched(tell, leave, self._kill):
            # Checked after the handlers are set, so that no SIGINT is missed in between.
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
    """Handle signals during a block; the key None stands for a signal that this system lacks."""
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
    """Delay a SIGINT to the end of a short block that might lose it, such as the import of a large package."""
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
            signal.raise_signal(signal.SIGINT)  # for the handler outside the block


@contextlib.contextmanager
def _watched(tell: Callable[[str], None], leave: Callable[[], None] | None, kill: bool) -> Iterator[None]:
    """React to signals in a separate thread, because Python's handlers wait until a step in C++ is done."""
    if not _on_main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    done = threading.Event()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, done, tell, leave, kill), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        done.set()
        writer.close()


def _watch(
    reader: socket.socket,
    done: threading.Event,
    tell: Callable[[str], None],
    leave: Callable[[], None] | None,
    kill: bool,
) -> None:
    interrupts, told = 0, False
    with reader:
        while numbers := reader.recv(64):
            interrupts += numbers.count(signal.SIGINT)
            if kill and interrupts > 1 and not done.wait(PATIENCE):
                if leave is not None:  # in a thread, as nothing may keep the process from ending
                    last = threading.Thread(target=leave, daemon=True)
                    last.start()
                    last.join(SECONDS_TO_LEAVE)
                os._exit(128 + signal.SIGINT)
            if not told and {signal.SIGINT, signal.SIGTERM} & set(numbers):
                told = True
                again = "; press Ctrl-C again to quit immediately" if signal.SIGINT in numbers else ""
                tell(f"stopping after this step with a checkpoint{again}")
