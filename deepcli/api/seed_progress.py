"""How the training of several seeds is shown: a bar for each that runs on a terminal, else a line when one ends."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from deepcli.api.progress import figures_of, in_notebook
from deepcli.run.reporter import Reporter

INTERRUPTED = 128
"""Exit codes from here on are those of signals, of which the command says once how to continue."""


class SeedView:
    """Shows notices, and a line for each seed that ends.

    Args:
        report: Where lines are shown.
        shown: Notices that were shown before; each is shown once.
    """

    def __init__(self, report: Reporter, shown: Sequence[str] = ()) -> None:
        self.note, self._shown = report.note, set(shown)
        self._lengths: dict[int, tuple[int, int]] = {}

    def told(self, seed: int, message: Mapping[str, Any]) -> None:
        """Show a message of the process of a seed."""
        text = message.get("note")
        if text and text.startswith("notice:") and text not in self._shown:
            self._shown.add(text)
            self.note(f"seed {seed}: {text}")
        if "epochs" in message:
            self._lengths[seed] = message["epochs"], message["steps"]
        if "result" in message:
            self.note(f"seed {seed}: {ended_line(message['result'])}")
        elif "error" in message and message.get("code", 1) < INTERRUPTED:
            self.note(f"seed {seed}: {message['error']}")

    def end(self) -> None:
        """Stop showing progress."""


class TerminalSeedView(SeedView):
    """Shows a bar for each seed that is being trained, below the lines of those that have ended."""

    def __init__(self, report: Reporter, shown: Sequence[str] = ()) -> None:
        super().__init__(report, shown)
        from rich import progress
        from rich.console import Console

        console = Console(stderr=True, highlight=False)
        self._bars = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=20),
            progress.TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
        )
        self._tasks: dict[int, Any] = {}
        self.note = lambda text: console.print(text, markup=False, soft_wrap=True)
        self._bars.start()

    def told(self, seed: int, message: Mapping[str, Any]) -> None:
        """Move the bar of a seed, and remove it at its end."""
        super().told(seed, message)
        if seed not in self._tasks:
            self._tasks[seed] = self._bars.add_task(f"seed {seed}", total=None, figures="starting")
        task, (epochs, steps) = self._tasks[seed], self._lengths.get(seed, (0, 0))
        if "epoch" in message and epochs:
            done = message["epoch"] * steps + message["step"]
            figures = {name: value for name, value in message.get("row", {}).items() if name.startswith("val_")}
            shown: Any = {"figures": f"epoch {message['epoch']} of {epochs}  {figures_of(figures)}"} if figures else {}
            self._bars.update(task, completed=done, total=epochs * steps, **shown)
        if message.keys() & {"result", "error"}:
            self._bars.remove_task(self._tasks.pop(seed))

    def end(self) -> None:
        """Remove the bars."""
        self._bars.stop()


def make_seed_view(report: Reporter, quiet: bool, shown: Sequence[str]) -> SeedView:
    """Choose a view: bars on a terminal, else lines; a silent reporter shows none of them."""
    if quiet or in_notebook() or not sys.stderr.isatty():
        return SeedView(report, shown)
    return TerminalSeedView(report, shown)


def ended_line(result: Mapping[str, Any]) -> str:
    """Describe the result of a run in one line."""
    figures = {name: value for name, value in result["metrics"].get("test", {}).items() if value is not None}
    seconds = f"  {result['seconds']:.1f}s" if result.get("seconds") else ""
    best = f"best epoch {result['best_epoch']} of {result['epochs']}"
    return f"{result['status']}  test {figures_of(figures)}  {best}{seconds}"
