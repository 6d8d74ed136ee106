"""What `reproduce` and `verify-resume` print: lines that fit the terminal, and what is different now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepcli.api.reproduction import Reproduction
    from deepcli.api.resume_report import ResumeReport


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, broken between words where they are longer than the terminal is wide."""
    from deepcli.api.progress import wrapped
    from deepcli.cli.fitting_tables import width

    for line in lines:
        print("\n".join(wrapped(line, width())), flush=True)


def print_reproduction(found: Reproduction, quiet: bool) -> None:
    """Print the verdict, and unless `quiet`, what it is based on."""
    print_lines([found.headline])
    if quiet:
        return
    print_lines(found.lines)
    if found.comparison.missing:
        print_lines([f"not compared: {', '.join(found.comparison.missing)}"])
    if found.environment:
        from deepcli.cli.fitting_tables import LONGEST, print_rows, shortened

        rows = [[one.name, shortened(one.then, LONGEST), shortened(one.now, LONGEST)] for one in found.environment]
        print_rows(["differs", "then", "now"], rows)
    if found.spread is not None:
        of_what = "over seeds" if found.spread.method == "seeds" else "over test examples"
        print_lines([f"expected spread {of_what}: {found.spread.text}"])
    print_lines([f"the new run: {found.path}" if found.path else "the new run was removed; --keep keeps it"])


def print_resume_report(report: ResumeReport, quiet: bool) -> None:
    """Print the verdict, and unless `quiet`, what differs and where the runs are."""
    print_lines([report.headline])
    if not quiet:
        print_lines(report.lines)
    if report.folder is not None:
        print_lines([f"the runs: {report.folder}"])
