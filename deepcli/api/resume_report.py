"""What `deepcli.verify_resume` found: whether a run that is killed and resumed has the bits of one that is not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from deepcli.api.kill_plan import KillPlace
from deepcli.run.bit_comparison import BitComparison
from deepcli.run.difference_lines import difference_lines

ResumeVerdict = Literal["equal", "differs", "not repeatable", "not resumed", "failed"]
ANEW = "no checkpoint yet, so training starts anew"


@dataclass(frozen=True)
class Kill:
    """A kill, and from where the run was resumed.

    Attributes:
        place: Where the process was killed.
        epoch: Epoch of the checkpoint that it is resumed from, counted from 1; None if there was none.
        step: Steps of this epoch in that checkpoint.
    """

    place: KillPlace
    epoch: int | None
    step: int | None

    @property
    def text(self) -> str:
        """The same in words."""
        if self.epoch is None:
            return f"killed at {self.place.text}; {ANEW}"
        return f"killed at {self.place.text}; resumed from epoch {self.epoch}, step {self.step}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {**asdict(self.place), "text": self.text, "resumed_epoch": self.epoch, "resumed_step": self.step}


@dataclass(frozen=True)
class ResumeReport:
    """A run that was killed and resumed, compared with one that was not.

    Attributes:
        name: The name of the spec.
        seed: The seed of the places.
        kills: The kills.
        comparison: What is the same to the bit, and what differs; None if the run could not be resumed.
        repeatable: Whether a second run without kills has the bits of the first; None if that was not tried.
        problem: Why the run could not be resumed; None if it could.
        folder: Where the runs are; None if they were removed.
        seconds: Wall time.
    """

    name: str
    seed: int
    kills: tuple[Kill, ...]
    comparison: BitComparison | None
    repeatable: bool | None
    problem: str | None
    folder: Path | None
    seconds: float

    @property
    def verdict(self) -> ResumeVerdict:
        """What it means; `not repeatable` is a difference that two runs without kills have, too."""
        if self.comparison is None:
            return "failed"
        if not self.comparison.equal:
            return "not repeatable" if self.repeatable is False else "differs"
        return "equal" if any(kill.epoch is not None for kill in self.kills) else "not resumed"

    @property
    def ok(self) -> bool:
        """Whether the run was resumed, and is the same to the bit."""
        return self.verdict == "equal"

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        count = f"{len(self.kills)} kill{'s' * (len(self.kills) != 1)}"
        compared = ", ".join(self.comparison.compared) if self.comparison else ""
        return {
            "equal": f"equal to the bit after {count}: {compared}",
            "differs": f"differs after {count}, and two runs without kills do not: something has a state that no checkpoint "
            "holds, such as a callback without state_dict and load_state_dict, or a layer with plain attributes",
            "not repeatable": f"differs after {count}, but so do two runs without kills: something is random without a seed, "
            "or depends on the time (on a GPU, set training.deterministic=true)",
            "not resumed": f"nothing was resumed: after each of {count}, training started anew; raise --kills or "
            "training.epochs, or set training.checkpoint.every_steps",
            "failed": f"cannot be resumed after {count}: {self.problem}",
        }[self.verdict]

    @property
    def lines(self) -> list[str]:
        """What differs, a line for each."""
        return [] if self.comparison is None else difference_lines(self.comparison, ("without kills", "with kills"))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as `--json` prints it."""
        found = self.comparison
        return {
            "name": self.name,
            "seed": self.seed,
            "verdict": self.verdict,
            "kills": [kill.to_dict() for kill in self.kills],
            "compared": list(found.compared) if found else [],
            "differences": [asdict(one) for one in found.differences] if found else [],
            "repeatable": self.repeatable,
            "folder": None if self.folder is None else str(self.folder),
            "seconds": self.seconds,
        }

    def __repr__(self) -> str:
        """Show the verdict."""
        return f"<ResumeReport of {self.name}: {self.headline}>"
