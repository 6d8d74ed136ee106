"""A whole spec file: an experiment, and beside it what a sweep would vary."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from deepcli.experiment import Experiment
from deepcli.sweeps.spec import Sweep


class SpecFile(Experiment):
    """One training run from its data to its last checkpoint, and what a sweep of it varies."""

    sweep: Sweep | None = Field(None, description="What `deepcli sweep` varies; other commands leave it out.")


def json_schema() -> dict[str, Any]:
    """Describe a spec file as a JSON schema (draft 2020-12), with every component that is registered.

    It knows names, fields, types and bounds; what crosses sections only the classes themselves can check.
    """
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SpecFile.model_json_schema()}
