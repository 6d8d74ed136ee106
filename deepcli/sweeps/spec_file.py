"""A whole spec file: an experiment, and beside it what a sweep would vary."""

from __future__ import annotations

from pydantic import Field

from deepcli.experiment.schema import Experiment
from deepcli.sweeps.spec import Sweep


class SpecFile(Experiment):
    """One training run from its data to its last checkpoint, and what a sweep of it varies."""

    sweep: Sweep | None = Field(None, description="What `deepcli sweep` varies; other commands leave it out.")
