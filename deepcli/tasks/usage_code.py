"""How the script beside an exported model says what its outputs mean: lines of Python that a task gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deepcli.data.sources.naming import printable


@dataclass(frozen=True)
class UsageCode:
    """What a task adds to the script beside an exported model, and to its `export.json`.

    Attributes:
        answers: What the script predicts, as in "Predicts the classes of pictures".
        constants: Lines that define the names of the outputs and other constants.
        saying: Lines that define `say(output)`, which returns the answer for one example as text; `output` is float32
            (outputs,), and NumPy is imported as `np`.
        facts: What a program that reads `export.json` must know of the outputs.
    """

    answers: str
    constants: str
    saying: str
    facts: dict[str, Any] = field(default_factory=dict)

    def with_temperature(self, temperature: float, examples: int) -> UsageCode:
        """Say that the probabilities of the model are calibrated; the division itself is inside the model.

        Args:
            temperature: What logits are divided by.
            examples: Validation examples that it was fitted on.
        """
        line = f"# Probabilities are calibrated: temperature {temperature:.6g}, fitted on {examples:,} examples, is in the model."
        facts = {**self.facts, "calibration": {"temperature": temperature, "validation_examples": examples}}
        return replace(self, constants=f"{self.constants}\n{line}", facts=facts)


def written(names: Sequence[str]) -> str:
    """Return names as a Python list that a script may print: what a terminal would obey is escaped."""
    return repr([printable(name) for name in names])


CLASSES = '''\
def say(output):
    """Name the likeliest class, and its probability."""
    share = output if len(output) > 1 else np.array([1 - output[0], output[0]])
    return f"{CLASSES[share.argmax()]} {share.max():.4f}"'''

LEVELS = '''\
def say(output):
    """Name the median level, which is the fewest steps from the true one on average, and its probability."""
    median = (output.astype(np.float64).cumsum() >= 0.5 - 1e-6).argmax()
    return f"{LEVELS[median]} {output[median]:.4f}"'''

LABELS = '''\
def say(output):
    """Name the labels whose probability reaches their threshold, the likeliest first."""
    given = [k for k in np.argsort(-output, kind="stable") if output[k] >= np.float32(THRESHOLDS[k])]
    return ", ".join(f"{LABELS[k]} {output[k]:.4f}" for k in given) or "none"'''

INPUTS = '''\
def say(output):
    """Say which values the reconstruction has: pixels from 0 to 1, or the standardized values of a table or of series."""
    return f"{output.size} values from {output.min():.4f} to {output.max():.4f}"'''

NUMBERS = '''\
def say(output):
    """Name the numbers, which are in the units of the training data."""
    return "  ".join(f"{name} {value:.7g}" for name, value in zip(NUMBERS, output.tolist()))'''


FORECAST = '''\
def say(output):
    """Name the numbers of each step after the window, in the units of the training data."""
    steps = enumerate(output.reshape(len(output), -1).tolist(), 1)
    named = ((step, zip(NUMBERS, values)) for step, values in steps)
    return "\\n".join(f"step {step}  " + "  ".join(f"{name} {value:.7g}" for name, value in pairs) for step, pairs in named)'''


TOKENS = '''\
def say(logits):
    """Draw the next token."""
    logits = logits.astype(np.float64)
    logits[UNKNOWN] = -np.inf
    if TEMPERATURE == 0:
        return int(logits.argmax())
    shares = np.exp((logits - logits.max()) / TEMPERATURE)
    return int(RANDOM.choice(len(shares), p=shares / shares.sum()))'''


WRITTEN = '''\
def say(logits):
    """Return the log-probabilities and the ids of the likeliest next tokens of a target."""
    logits = logits.astype(np.float64)
    logits[FORBIDDEN] = -np.inf
    logs = logits - logits.max()
    logs -= np.log(np.exp(logs).sum())
    likeliest = np.argsort(-logs, kind="stable")[: 2 * BEAM]
    return logs[likeliest], likeliest'''
