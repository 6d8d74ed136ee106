"""Try the mutants: `python -m tests.mutants [WORD ...]` runs those with one of the words in their name, or all.

Each is put into a copy of the working tree, and the tests that should notice are run there until one fails. A mutant
whose tests all pass lives; 95 % must die.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent.parent
SHARE = 0.95
LONGEST = 1200
"""Seconds for the tests of one mutant; one that makes a test hang is noticed too."""


def copy(folder: Path) -> None:
    """Copy what git tracks, as it is in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def dies(mutant: Mutant, folder: Path) -> str | None:
    """Run a mutant's tests in a copy of the tree; returns the test that fails, None where none does."""
    file = folder / "deepcli" / mutant.file
    before = file.read_text(encoding="utf-8")
    file.write_text(mutant.apply(before), encoding="utf-8")
    words = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not long", *mutant.tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return "(a test hangs)"
    finally:
        file.write_text(before, encoding="utf-8")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode == 0:
        return None
    return failed[0].split(" ")[1] if failed else f"(pytest ended with {done.returncode})"


def main(words: list[str]) -> int:
    """Try mutants, print a line for each, and return 1 if too many live."""
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    alive = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        copy(Path(name))
        for mutant in chosen:
            began = time.monotonic()
            killer = dies(mutant, Path(name))
            alive += killer is None
            print(
                f"{'LIVES' if killer is None else 'dies '}  {mutant.name}  [{time.monotonic() - began:.0f} s]  {killer or ''}",
                flush=True,
            )
    print(f"{len(chosen) - alive} of {len(chosen)} died")
    return int(len(chosen) - alive < SHARE * len(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
