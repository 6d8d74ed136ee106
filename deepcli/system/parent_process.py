"""Noticing that the process that started this one has ended."""

from __future__ import annotations

import os
import threading


def watch_input(ended: threading.Event) -> None:
    """Set an event when standard input closes, as it does when the parent process ends."""
    while os.read(0, 64):
        pass
    ended.set()
