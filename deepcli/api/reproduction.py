"""What `deepcli.reproduce` found: whether a run trained anew is the same to the bit, and if not, why, and by how much."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepcli.run.bit_comparison import BitComparison
from deepcli.run.difference_lines import difference_lines

if TYPE_CHECKING:
    from deepcli.evaluation.expected_spread import ExpectedSpread
    from deepcli.run.environment_changes import EnvironmentChange

Verdict = Literal["equal", "within spread", "beyond spread", "unknown spread", "unexplained"]
GOOD = ("equal", "within spread")
EPOCHS = "history of the first {} epochs"


@dataclass(frozen=True)
class Reproduction:
    """A run trained anew, compared with itself.

    Attributes:
        run: The run.
        path: The directory of the new run; None if it was removed.
        epochs: How many epochs were trained and compared; None for all.
        comparison: What is the same to the bit, and what differs.
        environment: What else differs, on which bits depend.
        spread: Whether the difference is one that is to be expected; None if the runs are equal, or if it is not known.
        seconds: Wall time.
    """

    run: str
    path: Path | None
    epochs: int | None
    comparison: BitComparison
    environment: tuple[EnvironmentChange, ...]
    spread: ExpectedSpread | None
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether everything that was compared is the same to the bit."""
        return self.comparison.equal

    @property
    def verdict(self) -> Verdict:
        """What it means.

        `unexplained` is a difference although nothing that the run recorded differs; the others are about the spread that
        is to be expected where something does.
        """
        if self.equal:
            return "equal"
        if not any(change.known for change in self.environment):
            return "unexplained"
        if self.spread is None:
            return "unknown spread"
        return "within spread" if self.spread.within else "beyond spread"

    @property
    def ok(self) -> bool:
        """Whether the run is reproduced: to the bit, or within the spread, with a known cause."""
        return self.verdict in GOOD

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        if self.equal:
            parts = list(self.comparison.compared)
            if self.epochs is not None:
                parts = [EPOCHS.format(self.epochs) if self.epochs > 1 else "history of the first epoch"]
            return f"equal to the bit: {', '.join(parts)}"
        causes = ", ".join(dict.fromkeys(change.name for change in self.environment if change.known))
        unsure = ", ".join(change.name for change in self.environment if not change.known)
        return {
            "within spread": f"differs within the expected spread; what may have caused it: {causes}",
            "beyond spread": f"differs by more than the expected spread, which is not explained by {causes} alone",
            "unknown spread": f"differs, perhaps because of {causes}; what spread is to be expected is not known",
        }.get(
            self.verdict,
            "differs, although nothing that the run recorded is different: something in it is random without a seed, or "
            "depends on the time" + (f" (the run did not record {unsure})" if unsure else ""),
        )

    @property
    def lines(self) -> list[str]:
        """What differs, a line for each."""
        return difference_lines(self.comparison, ("then", "now"))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as `--json` prints it."""
        return {
            "run": self.run,
            "reproduction": None if self.path is None else str(self.path),
            "epochs": self.epochs,
            "equal": self.equal,
            "verdict": self.verdict,
            "compared": list(self.comparison.compared),
            "not_compared": list(self.comparison.missing),
            "differences": [asdict(one) for one in self.comparison.differences],
            "environment": [asdict(one) for one in self.environment],
            "spread": None if self.spread is None else asdict(self.spread),
            "seconds": self.seconds,
        }

    def __repr__(self) -> str:
        """Show the verdict."""
        return f"<Reproduction of {self.run}: {self.headline}>"
