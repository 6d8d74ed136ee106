"""The schema in a checkpoint: read as input from a stranger, and compared with the checkpoint's spec."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from deepcli.data import DATASETS
from deepcli.data.own import OwnDataset
from deepcli.data.own_texts import OwnTexts
from deepcli.data.schema import Schema
from deepcli.data.schema_reading import read_schema
from deepcli.data.sources.kinds import looks_like_path
from deepcli.experiment.schema import Experiment
from deepcli.spec.yaml12 import Document


def schema_of(content: bytes) -> Schema:
    """Read the JSON of a schema.

    Raises:
        ValueError: It is damaged; the message has only its first problem, as there may be a million.
    """
    try:
        return read_schema(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))[:200]}: {first['msg']}"[:500]) from None


def is_of_own_data(document: Document) -> bool:
    """Return whether a spec's data are the user's own; without a schema, they would be looked for on this machine."""
    section = document.tree.get("data")
    name = section.get("type") if isinstance(section, Mapping) else section
    if not isinstance(name, str):
        return True
    kind = DATASETS.get(name)
    return looks_like_path(name) if kind is None else issubclass(kind, OwnDataset)


def contradiction(experiment: Experiment, schema: Schema) -> str | None:
    """Return why a schema is not that of a spec's data; None if it may be."""
    data = experiment.data
    if data.type != schema.source:
        return f"its schema is of data of type {schema.source[:100]}, its spec of {data.type}"
    if isinstance(data, OwnDataset):
        if schema.kind not in data.kinds:
            return f"data of type {data.type} hold no {schema.kind}"
        if schema.kind in data.of_one_column and len(schema.columns) != 1:
            return f"{schema.kind} of a table are read from one column, not {len(schema.columns)}"
        if schema.kind == "tokens" and isinstance(data, OwnTexts) and not any(schema.vocabulary):
            return "its schema has no vocabulary"
    elif (schema.kind, schema.shape) != (data.signature.kind, data.signature.shape):
        return f"its schema and its spec differ in the inputs of {data.type}"
    return None
