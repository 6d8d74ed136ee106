"""Checks in environments of their own: each Python, the lowest versions of dependencies, style, coverage, documentation.

`nox --list` names the sessions; words after `--` go to pytest: `nox -s tests-3.13 -- tests/unit`.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["lint", "tests"]

EVERYTHING = ".[dev,jax,postgresql,slurm,dashboard,onnx,litert,tensorboard,mlflow,wandb,bpe,translation,grain]"
SHORT = ("-n", "2", "--dist", "loadgroup", "-m", "not long")


def pinned(session: nox.Session) -> None:
    """Install deepcli as it stands here, with every dependency as `constraints.txt` pins it."""
    session.install("--constraint", "constraints.txt", "--editable", EVERYTHING)


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the tests with the pinned versions."""
    pinned(session)
    session.run("pytest", *(session.posargs or SHORT))


@nox.session(python="3.11", venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest versions that `pyproject.toml` allows.

    What these need in turn is of today, and deprecates some of what they call: that is not a failure of deepcli's.
    """
    session.install("--resolution", "lowest-direct", "--editable", EVERYTHING)
    session.run("pytest", "-W", "ignore::DeprecationWarning", *(session.posargs or SHORT))


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Check style, types and declared dependencies, as `make check` does."""
    pinned(session)
    session.run("make", "lint", f"BIN={session.bin}", external=True)


@nox.session(python="3.11")
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches the tests run, also in the processes that they start."""
    pinned(session)
    # Tests change the current directory, and the processes that they fork write there by themselves.
    session.env["COVERAGE_FILE"] = str(Path(".coverage").absolute())
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *(session.posargs or SHORT))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Check that generated pages and schemas are up to date, and build the site."""
    pinned(session)
    session.install("--constraint", "constraints.txt", "--editable", ".[docs]")
    session.run("pytest", "tests/contracts/test_reference.py", "tests/contracts/test_schema.py", *session.posargs)
    session.run("mkdocs", "build", "--strict")
