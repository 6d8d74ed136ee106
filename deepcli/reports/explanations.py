"""What the figures on a page mean, in a sentence: that of the component's own documentation."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from deepcli.evaluation.scores import SCORES
from deepcli.optim.metrics import METRICS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from deepcli.experiment.schema import Experiment
    from deepcli.spec.registry import Component

SENTENCE = re.compile(r".+?[.!?](?=\s+[A-Z]|$)", re.DOTALL)
DIRECTIONS = {"max": "Higher is better.", "min": "Lower is better."}


def explain(name: str, experiment: Experiment) -> str:
    """Explain a metric or score in a sentence, with the direction that is better; empty for a name that is not known.

    Args:
        name: Its name in `metrics.json`.
        experiment: The spec, whose own metrics come before scores of the same name.
    """
    if name == "loss":
        loss = first_sentence(type(experiment.resolved_loss))
        return f"What training minimizes. {experiment.resolved_loss.type}: {loss} {DIRECTIONS['min']}"
    own = METRICS.get(name) if name in experiment.measured else None
    figure = own or SCORES.get(name) or METRICS.get(name)
    return f"{first_sentence(figure)} {DIRECTIONS[figure.better]}" if figure is not None else ""


def first_sentence(component: type[Component]) -> str:
    """Return the first sentence of a component's documentation."""
    text = inspect.cleandoc(component.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("`", "")
    found = SENTENCE.match(text)
    return found[0] if found else text


def described(figures: type[BaseModel], field: str) -> str:
    """Return what the result's schema says of a figure in the tables of `evaluate`."""
    return figures.model_fields[field].description or ""
