"""Environment variables in spec files, `${NAME}` and `${NAME:-default}`: only those that the user allows by name."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.spec.yaml12 import Mark

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
FORMS = "write ${NAME} or ${NAME:-default}, or $${ for the text itself"

_ALLOWED: ContextVar[frozenset[str]] = ContextVar("variables", default=frozenset())


@contextlib.contextmanager
def allowing(names: Iterable[str]) -> Iterator[None]:
    """Let spec files that are read inside use environment variables.

    Raises:
        UsageError: One of them cannot be the name of a variable.
    """
    before = _ALLOWED.set(_ALLOWED.get())
    try:
        allow(names)
        yield
    finally:
        _ALLOWED.reset(before)


def allowed() -> frozenset[str]:
    """Return the environment variables that spec files may use now."""
    return _ALLOWED.get()


def allow(names: Iterable[str]) -> None:
    """Let spec files that are read from here on use environment variables, up to the end of `allowing` around it.

    Raises:
        UsageError: One of them cannot be the name of a variable.
    """
    names = frozenset(names)
    for name in names:
        if not NAME.fullmatch(name):
            raise UsageError(f"--env {name}: should be the name of an environment variable, such as DATA")
    _ALLOWED.set(names)


def expand(text: str, mark: Mark) -> str:
    """Replace the variables in a string.

    Args:
        text: The string.
        mark: Where it is written.

    Raises:
        YamlError: A variable is not allowed or not set, or its name is malformed.
    """
    return REFERENCE.sub(lambda found: _value(found, mark), text)


def _value(found: re.Match[str], mark: Mark) -> str:
    from deepcli.spec.yaml12 import YamlError

    if found[0] == "$${":
        return "${"
    name, colon, default = found[1].partition(":-")
    if not found[2] or not NAME.fullmatch(name):
        raise YamlError(mark, f"{found[0]} is not an environment variable; {FORMS}")
    if name not in _ALLOWED.get():
        raise YamlError(
            mark, f"{found[0]} is an environment variable; allow it with --env {name} (from Python: env={name!r})"
        )
    value = os.environ.get(name)
    if value is None and not colon:
        raise YamlError(mark, f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
    return value or default if colon else value or ""
