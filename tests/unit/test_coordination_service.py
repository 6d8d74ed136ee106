"""The service that processes on JAX find each other by stays a while, and nobody else waits for it."""

import subprocess
import sys

import pytest

from deepcli.system.rendezvous import free_port

pytest.importorskip("jax")
ENDS = """
import os, sys
from deepcli.system.coordination_service import serving
with serving(sys.argv[1], 1):
    os._exit(9)
"""


@pytest.mark.long
def test_a_reader_of_a_process_that_died_does_not_wait_for_its_service():
    words = [sys.executable, "-c", ENDS, f"127.0.0.1:{free_port('127.0.0.1')}"]
    done = subprocess.run(words, capture_output=True, timeout=30)  # the service stays for forty seconds
    assert done.returncode == 9, done.stderr


@pytest.mark.long
def test_a_service_that_does_not_start_is_an_error():
    from deepcli.system.coordination_service import serving

    with pytest.raises(RuntimeError, match="does not start at nowhere"), serving("nowhere", 1):
        pass
