"""The JSON schema of a spec file, for editors."""

from __future__ import annotations

from typing import Any

from deepcli.experiment.load import IGNORED
from deepcli.sweeps.spec_file import SpecFile


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of spec files (draft 2020-12), with all registered components.

    The schema covers names, fields, types and bounds; rules across sections are checked only by the classes.
    """
    anchors = {f"^{IGNORED}": {"description": "A place for YAML anchors; ignored."}}
    schema = SpecFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "patternProperties": anchors}
