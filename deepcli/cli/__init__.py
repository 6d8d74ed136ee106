"""The command line, and its error boundary: the one place that turns exceptions into messages and exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

from deepcli.errors import DeepcliError

RESULTS, OUTCOMES = ("train", "evaluate"), ("sweep run", "sweep status", "sweep collect")
"""The commands whose `--json` prints one object, and which."""


def script() -> NoReturn:
    """Be the whole process: run the command line, and end without taking TensorFlow down piece by piece.

    That takes it most of a second, for what the end of the process does at once; every file is closed by then.
    """
    try:
        main()
    except SystemExit as ended:
        if "tensorflow" not in sys.modules:
            raise
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 1)
    raise AssertionError("main always exits")


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # Python's own text layer would fail on names that the terminal's encoding lacks.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        from deepcli.cli.app import command

        command()(prog_name="deepcli")
        code = 0
    except DeepcliError as error:
        code = _fail(str(error), error.exit_code, error.run)
    except KeyboardInterrupt:
        code = _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output has gone; give Python a place to flush the rest to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except Exception as error:
        if "--verbose" in sys.argv:
            raise
        code = _fail(f"unexpected {type(error).__name__}: {error}\n  --verbose shows where; please report it", 1)
    sys.exit(code)


def _fail(message: str, code: int, run: str | None = None) -> int:
    """Say what went wrong on stderr, and to a script on stdout too."""
    print(f"error: {message}", file=sys.stderr)
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if "--json" not in sys.argv or not words:
        return code
    told = {"schema": 1, "status": "interrupted" if code >= 128 else "failed", "error": message}
    if words[0] in RESULTS:
        from deepcli.result import Result

        print(Result.model_validate({**told, "command": words[0], "run": run}).to_json())
    elif " ".join(words[:2]) in OUTCOMES:
        from deepcli.sweeps.outcome import Outcome

        print(Outcome.model_validate({**told, "command": " ".join(words[:2])}).to_json())
    return code
