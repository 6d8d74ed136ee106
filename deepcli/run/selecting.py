"""Keep runs by conditions and by age, and sort them."""

from __future__ import annotations

import contextlib
import json
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from deepcli.errors import UsageError
from deepcli.run.listing import FACTS, ListedRun
from deepcli.spec import yaml12
from deepcli.spec.spelling import did_you_mean
from deepcli.spec.trees import Value

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
CONDITION = re.compile(r"^\s*([\w.]+)\s*(<=|>=|==|!=|<|>|=)\s*(.*?)\s*$")


def keep(runs: Sequence[ListedRun], conditions: Sequence[str]) -> list[ListedRun]:
    """Keep the runs for which every condition holds, such as `val_accuracy>0.98` or `model.type=cnn`.

    Raises:
        UsageError: A condition is malformed, or names a value that no run has.
    """
    found = list(runs)
    for text in conditions:
        match = CONDITION.match(text)
        if match is None or not match[3]:
            raise UsageError(f"--filter: should look like val_accuracy>0.98 or model.type=cnn, not {text!r}")
        name, compare, wanted = known(match[1], runs, "--filter"), OPERATORS[match[2]], _scalar(match[3])
        found = [run for run in found if _holds(run.values.get(name), compare, wanted)]
    return found


def keep_since(runs: Sequence[ListedRun], seconds: float) -> list[ListedRun]:
    """Keep the runs that began within some seconds before now."""
    return [run for run in runs if (age := run.age) is not None and age <= seconds]


def order(runs: Sequence[ListedRun], key: str, descending: bool) -> list[ListedRun]:
    """Sort runs by one of their values; runs without it come last.

    Raises:
        UsageError: No run has that value.
    """
    name = known(key, runs, "--sort")
    having = [run for run in runs if run.values.get(name) is not None]

    def place(run: ListedRun) -> tuple[bool, Any]:
        value = run.values[name]
        return (False, value) if isinstance(value, int | float) else (True, str(value))

    without = [run for run in runs if run.values.get(name) is None]
    return sorted(having, key=place, reverse=descending) + without


def known(name: str, runs: Sequence[ListedRun], option: str) -> str:
    """Return a name that at least one run has a value for; with no runs at all, any name.

    Raises:
        UsageError: No run has it.
    """
    names = dict.fromkeys([*FACTS, "age", "left", *(key for run in runs for key in run.values)])
    if runs and name not in names:
        raise UsageError(f"{option}: no run has {name!r}; {did_you_mean(name, names)}".rstrip("; "))
    return name


def _scalar(text: str) -> Value:
    with contextlib.suppress(yaml12.YamlError):
        value = yaml12.parse(text, "").tree
        return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
    return text


def _holds(value: Value, compare: Callable[[Any, Any], bool], wanted: Value) -> bool:
    if value is None and wanted is not None:
        return False
    try:
        return compare(value, wanted)
    except TypeError:  # a number cannot be compared with a string
        return False
