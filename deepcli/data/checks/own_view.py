"""Own data as checks see them: read once, divided, and described for models if they can be learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepcli.data.base import SPLITS
from deepcli.data.checks.view import DataView
from deepcli.data.own import OwnDataset
from deepcli.data.schema import Kind, Schema, Target
from deepcli.data.sources.assignment import unpacked
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.splitting import divide_examples
from deepcli.errors import DataError


def own_view(dataset: OwnDataset, trained: Schema | None = None) -> DataView:
    """Read own data.

    Args:
        dataset: The data section.
        trained: The schema of a run that was trained on the data; its splits are used if they are still the same.

    Raises:
        DataError: The data cannot be read at all.
    """
    if dataset.kinds == ("series",):
        raise DataError(
            f"{dataset.path}: holds time series, which have no examples to look at; `deepcli init` with task=forecasting says "
            "what was found in them"
        )
    if dataset.kinds == ("pairs",):
        raise DataError(
            f"{dataset.path}: holds pairs of texts, which have no classes or columns to look at; `deepcli init` with "
            "task=sequence_to_sequence says what was found in it"
        )
    gathered = dataset.gather(None)
    findings = list(gathered.findings)
    same = trained is not None and trained.fingerprint == gathered.fingerprint
    if trained is not None and not same:
        text = "the data have changed since the run was trained; its splits and predictions do not belong to them"
        findings.append(Finding("changed-data", "warning", gathered.source, text))
    schema, splits = (
        (trained, unpacked(trained.assignment, len(gathered.values)))
        if trained and same
        else _divided(dataset, gathered, findings)
    )
    target, values = _target(gathered, trained)
    content = gathered.content
    table = content if hasattr(content, "chosen") else None
    return DataView(
        source=gathered.source,
        type=dataset.type,
        kind=_kind(gathered),
        shape=schema.shape if schema else (),
        target=target,
        values=values,
        splits=splits,
        division=_division(dataset, gathered),
        keys=gathered.divisible.keys,
        where=gathered.where,
        findings=tuple(findings),
        schema=schema,
        layout=gathered.layout,
        tokens=getattr(dataset, "tokens", None),
        together=not (any(gathered.divisible.given) or gathered.divisible.groups or gathered.divisible.times),
        time=dataset.split.time,
        picture=gathered.picture,
        table=table,
        **_inputs(gathered),
    )


def _target(gathered: Gathered, trained: Schema | None) -> tuple[Target, Sequence[Any]]:
    """Return targets as checks see them; where inputs are predicted, the classes besides, if all examples have one."""
    target, values = gathered.target, gathered.values
    if target.kind != "inputs":
        return target, values
    if trained is None and target.names and min(values) >= 0:
        return target.model_copy(update={"kind": "classes"}), values
    return Target(kind="inputs", reason=target.reason), [0] * len(values)


def _divided(dataset: OwnDataset, gathered: Gathered, findings: list[Finding]) -> tuple[Schema | None, list[str]]:
    """Divide and describe the data; what is in the way is a finding, and the rest is still looked at."""
    try:
        schema = dataset.schema_of(gathered)
        return schema, unpacked(schema.assignment, len(gathered.values))
    except DataError as error:
        findings.append(Finding("not-trainable", "error", gathered.source, str(error)))
    try:
        return None, divide_examples(gathered.divisible, dataset.split)
    except DataError:
        return None, [split or "train" for split in gathered.divisible.given] or ["train"] * len(gathered.values)


def _kind(gathered: Gathered) -> Kind:
    content = gathered.content
    if hasattr(content, "chosen"):
        kind: Kind = content.chosen.kind
        return kind
    if hasattr(content, "inputs"):
        found: Kind = content.file.kind
        return found
    return "image" if gathered.picture is not None or getattr(content, "ndim", 0) == 4 else "tokens"


def _inputs(gathered: Gathered) -> dict[str, Any]:
    """Return the inputs under the name that a view has for their kind."""
    content, kind = gathered.content, _kind(gathered)
    if hasattr(content, "chosen"):
        texts = [text or "" for text in content.values[0]] if kind == "tokens" else None
        return {"texts": texts, "images": content.images}
    if hasattr(content, "inputs"):
        return {{"image": "images", "tokens": "ids", "features": "rows"}[kind]: content.inputs}
    return {"images" if kind == "image" else "texts": content}


def _division(dataset: OwnDataset, gathered: Gathered) -> str:
    divisible, section = gathered.divisible, dataset.split
    given = {split for split in divisible.given if split is not None}
    how = "by time" if divisible.times else "by the values of a column" if divisible.groups else "by content"
    if not given:
        return f"drawn {how}"
    by = f"column {section.column!r}" if section.column else "files or folders"
    drawn = [name for name in SPLITS[1:] if name not in given and getattr(section, name)]
    rest = f"; {' and '.join(drawn)} drawn from training {how}" if drawn else ""
    return f"given by {by}{rest}"
