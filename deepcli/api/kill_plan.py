"""Where `deepcli verify-resume` kills a run: at random over the whole training, also in validation and while saving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Literal

Kind = Literal["step", "validation", "saving"]
KINDS: tuple[Kind, ...] = ("step", "saving", "validation")
"""Where a process is killed, in this order in turn."""


@dataclass(frozen=True)
class KillPlace:
    """A place in a run: the n-th moment of a kind at or after a step.

    Attributes:
        kind: After a call into the backend; between batches of validation; or while a checkpoint is written.
        epoch: The epoch, counted from 1.
        step: Steps of this epoch.
        nth: Which of the moments of the kind, counted from 1.
        file: The checkpoint that is written there; empty for any.
    """

    kind: Kind
    epoch: int
    step: int
    nth: int = 1
    file: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    @property
    def text(self) -> str:
        """The place in words."""
        where = f"epoch {self.epoch}, step {self.step}"
        return {
            "step": where,
            "validation": f"{where}, in validation",
            "saving": f"{where}, while {self.file or 'a checkpoint'} was written",
        }[self.kind]


@dataclass(frozen=True)
class RunPlaces:
    """The places of a whole run, as its process counted them.

    Attributes:
        steps: Steps of an epoch.
        end: The epoch and the step at which training ended.
        validation: Moments of one validation.
        saving: Moments of one save.
        saved: Epoch and step of the first `last.keras`; None if there was none.
    """

    steps: int
    end: tuple[int, int]
    validation: int
    saving: int
    saved: tuple[int, int] | None

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> RunPlaces:
        """Read what a process counted."""
        saved = message["saved"]
        names = ("steps", "validation", "saving")
        counted = {name: int(message[name]) for name in names}
        return cls(end=tuple(message["end"]), saved=None if saved is None else tuple(saved), **counted)

    @property
    def total(self) -> int:
        """Steps of the run."""
        return (self.end[0] - 1) * self.steps + self.end[1]

    @property
    def first_saved(self) -> int:
        """Steps before the first checkpoint that training can be resumed from."""
        return self.total if self.saved is None else (self.saved[0] - 1) * self.steps + self.saved[1]


def planned_kills(places: RunPlaces, kills: int, seed: int) -> list[KillPlace]:
    """Choose where to kill a run, in the order of the run.

    At least one place is between the first checkpoint and the end, so that something is resumed; the others are anywhere.

    Args:
        places: The places of the run.
        kills: How many.
        seed: Seed of the choice.
    """
    rng = Random(seed)
    kinds = [kind for kind in KINDS if kind == "step" or getattr(places, kind)]
    chosen = []
    for number in range(kills):
        first = places.first_saved + 1 if number == 0 else 1
        step = rng.randint(min(first, places.total), places.total)
        kind: Kind = kinds[number % len(kinds)] if number else "step"
        chosen.append(_place(places, kind, step, rng))
    return sorted(chosen, key=lambda place: (place.epoch, place.step))


def _place(places: RunPlaces, kind: Kind, step: int, rng: Random) -> KillPlace:
    epoch, done = divmod(step - 1, places.steps)
    nth = 1 if kind == "step" else rng.randint(1, getattr(places, kind))
    file = rng.choice(("last.keras", "")) if kind == "saving" else ""
    return KillPlace(kind, epoch + 1, done + 1, nth, file)
