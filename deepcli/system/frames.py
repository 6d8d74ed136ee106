"""Messages between the processes of a run: a kind, a length and as many bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

HEADER = struct.Struct("!cI")
LARGEST = 64 << 20
"""Bytes of a message at most: what is larger did not come from deepcli."""


class Link:
    """A connection to another process; messages may be sent from any thread.

    Args:
        stream: The connected socket.
    """

    def __init__(self, stream: socket.socket) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream, self._sending = stream, threading.Lock()

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a message.

        Raises:
            OSError: The other process is gone.
        """
        with self._sending:
            self._stream.sendall(HEADER.pack(kind, len(payload)) + payload)

    def receive(self, seconds: float | None = None) -> tuple[bytes, bytes]:
        """Wait for the next message; return its kind and its bytes.

        Args:
            seconds: How long to wait for each part of it; None for any time.

        Raises:
            OSError: The other process is gone, has not answered in time, or does not speak this language.
        """
        self._stream.settimeout(seconds)
        kind, length = HEADER.unpack(self._exactly(HEADER.size))
        if length > LARGEST:
            raise OSError("not a message of deepcli")
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._stream.recv(min(count - len(parts), 1 << 20))
            if not part:
                raise ConnectionResetError("the connection was closed")
            parts += part
        return bytes(parts)

    def close(self) -> None:
        """Close the connection; the other process receives what was sent before."""
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_WR)
        self._stream.close()
