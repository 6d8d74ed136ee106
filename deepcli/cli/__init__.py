"""The command line's entry point; the only place that turns exceptions into messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from typing import Any, NoReturn

from deepcli.api.slow_work import reach_of
from deepcli.cli import answers
from deepcli.cli.stdout import OutputError, discard, guarded
from deepcli.errors import DeepcliError
from deepcli.spec.variables import allowing
from deepcli.system import signals
from deepcli.system.reach import Reach, reaching


def script() -> NoReturn:
    """Run deepcli as a whole process: record every SIGINT, run the command line, and exit normally.

    `os._exit` would be a fifth of a second faster, but would lose what plugins and profilers write at exit.
    """
    signals.listen()
    code: Any = 130
    # A KeyboardInterrupt that leaves `main` is a second one, raised while the first was being reported.
    with contextlib.suppress(KeyboardInterrupt):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    sys.exit(_flushed() or code)


def _flushed() -> int:
    """Flush stdout; return 1 if it cannot be written, else 0."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)  # the reader closed the pipe on purpose
    except OSError as error:
        discard(sys.stdout)
        print(f"error: stdout: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # By default, printing fails on characters that the terminal's encoding lacks.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    answers.begin()
    with guarded(), answers.terminable(sys.argv[1:]):
        try:
            code = _run()
            sys.stdout.flush()
        except OutputError as error:
            code = _give_up(error)
        except answers.Terminated:  # raised after the JSON object was printed
            code = 143
        with contextlib.suppress(AttributeError, OSError, ValueError):
            sys.stderr.flush()
    sys.exit(code)


def _run() -> int:
    """Run the command; return its exit code.

    Raises:
        OutputError: Standard output cannot be written.
    """
    try:
        words = _without_plugins(sys.argv[1:])
        from deepcli.cli.app import command
        from deepcli.cli.completion import OPTIONS, VARIABLE, for_named_shell
        from deepcli.cli.misuse import demand_values

        if words and words[0].partition("=")[0] in OPTIONS and for_named_shell(words):
            return 0
        if not words and VARIABLE not in os.environ:
            from deepcli.cli.overview import overview

            print(overview(command()), end="")
            return 2
        demand_values(command(), words)
        with answers.alone(sys.argv[1:]), reaching(_reach(words)), allowing(()):
            code = command()(words, prog_name="deepcli", standalone_mode=False)
        return _fail("interrupted", 130) if code == 130 else code or 0  # Typer's code for a KeyboardInterrupt
    except DeepcliError as error:
        if "--verbose" in sys.argv and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        return _fail(str(error), error.exit_code, error.run)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except answers.Terminated:
        return _fail("terminated", 143)
    except SystemExit as ended:
        if "--json" not in sys.argv or answers.is_printed():
            raise
        cause = ended.__context__  # Typer exits if a pipe is broken
        reason = cause if isinstance(cause, OSError) else f"the process was ended by sys.exit({ended.code!r})"
        return _fail(str(reason), ended.code if isinstance(ended.code, int) and ended.code else 1)
    except OutputError:
        raise
    except Exception as error:
        cause = error.__cause__  # Typer replaces an EOFError with an Abort that has no message
        return _unexpected(cause if isinstance(cause, EOFError) else error)


def _without_plugins(words: list[str]) -> list[str]:
    """Leave installed plugins out where the option says so, wherever it stands; return the words without it."""
    end = words.index("--") if "--" in words else len(words)
    if "--no-plugins" not in words[:end]:
        return words
    from deepcli.spec.installed import OFF

    os.environ[OFF] = "1"
    return [word for number, word in enumerate(words) if word != "--no-plugins" or number > end]


def _reach(words: list[str]) -> Reach:
    """Return what looking at own data may do, which happens while specs are validated, before a command asks for data."""
    options = {*words[: words.index("--") if "--" in words else None]}
    return reach_of("--offline" in options or None, progress=not {"-q", "--quiet"} & options)


def _unexpected(error: Exception) -> int:
    """Report an error other than a `DeepcliError`: a wrong command line or an unexpected exception."""
    if signals.interrupted():  # a library may have replaced it with an error of its own
        return _fail("interrupted", 130)
    if hasattr(error, "format_message"):
        return _misused(error)
    if isinstance(error, MemoryError):
        return _fail("out of memory", 1)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return _fail(f"{_shortened(error.filename)}: the name is too long for the file system", 2)
    if "--verbose" in sys.argv or os.environ.get("DEEPCLI_VERBOSE"):
        traceback.print_exception(error)
        return _fail(f"unexpected {type(error).__name__}: {error}", 1)
    from deepcli.cli.surprises import worded

    return _fail(worded(error), 1)


def _misused(error: Any) -> int:
    from typer import rich_utils

    from deepcli.cli.misuse import explained

    text, hint = explained(error, sys.argv[1:])
    error.format_message = lambda: text
    with contextlib.suppress(OSError, ValueError):
        rich_utils.rich_format_error(error)
        if hint:  # on a line of its own, from which it can be copied whole
            print(f"hint: {hint}", file=sys.stderr)
    answers.fail(sys.argv[1:], "failed", f"{text}; {hint}" if hint else text)
    return int(error.exit_code)


def _shortened(path: object) -> str:
    text = str(path)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def _fail(message: str, code: int, run: str | None = None) -> int:
    """Print an error to stderr, and as JSON to stdout if `--json` was given; return the exit code."""
    with contextlib.suppress(OSError, ValueError):
        print(_error_line(message), file=sys.stderr)
    answers.fail(sys.argv[1:], "interrupted" if code >= 128 else "failed", message, run)
    return code


def _give_up(error: OutputError) -> int:
    """Report that stdout cannot be written, or nothing if its reader closed the pipe; return the exit code."""
    discard(sys.stdout)
    if error.reader_gone:
        return 141
    with contextlib.suppress(OSError, ValueError):
        print(_error_line(str(error)), file=sys.stderr)
    return 1


def _error_line(message: str) -> str:
    """Return what stderr shows of an error, the first word in colour on a terminal."""
    from deepcli.system.terminal_colours import line

    return line(f"error: {message}", sys.stderr)
