"""Pruners: rules to stop bad trials early, with the fields of Optuna's pruners, counted in epochs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from deepcli.spec.fields import Auto, Positive
from deepcli.spec.registry import Component, Issue, Registry, validate

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

Count = Annotated[int, Field(ge=0)]
Factor = Annotated[int, Field(ge=2)]


class Pruner(Component):
    """A rule to stop trials before their last epoch."""

    def build(self) -> BasePruner:
        """Build the Optuna pruner."""
        raise NotImplementedError


PRUNERS: Registry[Pruner] = Registry("pruners")


@PRUNERS.register
class Median(Pruner):
    """Stop a trial whose best value so far is worse than the median of earlier trials at the same epoch."""

    type: Literal["median"] = "median"
    n_startup_trials: Count = Field(5, description="Number of trials to complete before any is stopped early.")
    n_warmup_steps: Count = Field(0, description="Epochs before a trial can be stopped.")
    interval_steps: Positive = Field(1, description="Epochs between two checks.")
    n_min_trials: Positive = Field(1, description="Minimum number of trials with a value at an epoch to compare with.")

    def build(self) -> BasePruner:
        from optuna.pruners import MedianPruner

        fields = self.model_dump(exclude={"type"})
        # Optuna counts steps from 0, deepcli counts epochs from 1.
        return MedianPruner(**{**fields, "n_warmup_steps": self.n_warmup_steps + 1})


@PRUNERS.register
class SuccessiveHalving(Pruner):
    """Continue only the best trials at each rung, each rung longer than the one before (Li et al. 2020)."""

    type: Literal["successive_halving"] = "successive_halving"
    min_resource: Auto | Positive = Field("auto", description="Epochs of the first rung; auto: from earlier trials.")
    reduction_factor: Factor = Field(
        4, description="At each rung, 1 trial in N continues, and the next rung is N times as long."
    )
    min_early_stopping_rate: Count = Field(0, description="Number of rungs to skip at the start.")
    bootstrap_count: Count = Field(0, description="Minimum number of trials at a rung before any continues.")

    @model_validator(mode="after")
    def _waits_at_a_known_rung(self) -> SuccessiveHalving:
        return validate(self, _bootstrap)

    def build(self) -> BasePruner:
        from optuna.pruners import SuccessiveHalvingPruner

        return SuccessiveHalvingPruner(**self.model_dump(exclude={"type"}))


@PRUNERS.register
class Hyperband(Pruner):
    """Successive halving with several lengths of the first rung at once (Li et al. 2018)."""

    type: Literal["hyperband"] = "hyperband"
    min_resource: Positive = Field(1, description="Epochs of the shortest first rung.")
    max_resource: Auto | Positive = Field("auto", description="Epochs of a complete trial; auto: from the first trial.")
    reduction_factor: Factor = Field(
        3, description="At each rung, 1 trial in N continues, and the next rung is N times as long."
    )
    bootstrap_count: Count = Field(0, description="Minimum number of trials at a rung before any continues.")

    @model_validator(mode="after")
    def _has_room(self) -> Hyperband:
        return validate(self, _resources)

    def build(self) -> BasePruner:
        from optuna.pruners import HyperbandPruner

        return HyperbandPruner(**self.model_dump(exclude={"type"}))


def _bootstrap(pruner: Any) -> Iterator[Issue]:
    if pruner.bootstrap_count and pruner.min_resource == "auto":
        yield ("bootstrap_count",), "needs min_resource as a number of epochs, not auto"


def _resources(pruner: Any) -> Iterator[Issue]:
    if pruner.max_resource != "auto" and pruner.max_resource < pruner.min_resource:
        yield ("max_resource",), f"is less than min_resource, {pruner.min_resource}"
