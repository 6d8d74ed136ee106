"""The JSON schema of a spec file, for editors."""

from __future__ import annotations

from typing import Any

from deepcli.sweeps.spec_file import SpecFile


def json_schema() -> dict[str, Any]:
    """Describe a spec file as a JSON schema (draft 2020-12), with every component that is registered.

    It knows names, fields, types and bounds; what crosses sections only the classes themselves can check.
    """
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SpecFile.model_json_schema()}
