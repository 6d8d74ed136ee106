"""A complete spec file: an experiment and its section `sweep`."""

from __future__ import annotations

from pydantic import Field

from deepcli.experiment.schema import Experiment
from deepcli.sweeps.spec import Sweep


class SpecFile(Experiment):
    """One training run, and in the section `sweep` the parameters that a sweep varies."""

    sweep: Sweep | None = Field(None, description="The parameters of `deepcli sweep`; other commands ignore it.")
