"""JAX's coordination service in a process of its own: `python -m deepcli.system.coordination_service ADDRESS COUNT`.

JAX runs it inside process 0. If that dies, JAX ends every other process within milliseconds, with a stack trace and before it
could say what happened. Here, the service outlives process 0 by a while.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

SECONDS_AFTER = 40.0
"""How long the service stays after the process that started it has ended."""


@contextlib.contextmanager
def serving(address: str, count: int) -> Iterator[None]:
    """Run the service while the block runs; if it fails, or this process is killed, a little longer.

    Args:
        address: Where to listen.
        count: The number of processes.

    Raises:
        RuntimeError: It does not start.
    """
    words = [sys.executable, "-m", __name__, address, str(count)]
    # Not with the stderr of this process: whoever reads that would wait for the service, too.
    with tempfile.TemporaryFile() as said:
        service = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True
        )
        assert service.stdout is not None
        if service.stdout.readline().strip() != b"ready":
            service.communicate()
            said.seek(0)
            last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise RuntimeError(f"JAX's coordination service does not start at {address}" + f": {last}" * bool(last))
    yield
    # After an error, JAX would end this process with a stack trace as soon as the service were gone.
    service.kill()
    service.communicate()


def main() -> None:
    """Serve until standard input is closed, and a while after that."""
    from jax._src.lib import _jax

    address, count = sys.argv[1], int(sys.argv[2])
    service = _jax.get_distributed_runtime_service(address, count, heartbeat_timeout=300, shutdown_timeout=60)
    print("ready", flush=True)
    sys.stdin.read()
    time.sleep(SECONDS_AFTER)
    del service


if __name__ == "__main__":
    main()
