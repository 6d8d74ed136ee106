"""When a trial that does badly is ended early; the fields are those of Optuna's pruners, counted in epochs."""

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
    """A rule by which trials are ended before their last epoch."""

    def build(self) -> BasePruner:
        """Make Optuna's."""
        raise NotImplementedError


PRUNERS: Registry[Pruner] = Registry("pruners")


@PRUNERS.register
class Median(Pruner):
    """End a trial whose best so far is worse than the median of earlier trials at the same epoch."""

    type: Literal["median"] = "median"
    n_startup_trials: Count = Field(5, description="Trials that run to their end before any is ended early.")
    n_warmup_steps: Count = Field(0, description="Epochs of every trial before it can be ended.")
    interval_steps: Positive = Field(1, description="Epochs from one look to the next.")
    n_min_trials: Positive = Field(1, description="Trials that must have reported an epoch before it is compared.")

    def build(self) -> BasePruner:
        from optuna.pruners import MedianPruner

        fields = self.model_dump(exclude={"type"})
        # Optuna counts from 0 here, epochs are counted from 1.
        return MedianPruner(**{**fields, "n_warmup_steps": self.n_warmup_steps + 1})


@PRUNERS.register
class SuccessiveHalving(Pruner):
    """Let the best part of the trials go on at each rung, each rung longer than the last (Li et al. 2020)."""

    type: Literal["successive_halving"] = "successive_halving"
    min_resource: Auto | Positive = Field("auto", description="Epochs of the first rung; auto looks at earlier trials.")
    reduction_factor: Factor = Field(4, description="One in so many goes on; each rung is longer by it.")
    min_early_stopping_rate: Count = Field(0, description="Rungs left out at the beginning.")
    bootstrap_count: Count = Field(0, description="Trials that a rung waits for before it lets any go on.")

    @model_validator(mode="after")
    def _waits_at_a_known_rung(self) -> SuccessiveHalving:
        return validate(self, _bootstrap)

    def build(self) -> BasePruner:
        from optuna.pruners import SuccessiveHalvingPruner

        return SuccessiveHalvingPruner(**self.model_dump(exclude={"type"}))


@PRUNERS.register
class Hyperband(Pruner):
    """Successive halving with several first rungs at once, for when it is not known which is right (Li et al. 2018)."""

    type: Literal["hyperband"] = "hyperband"
    min_resource: Positive = Field(1, description="Epochs of the shortest first rung.")
    max_resource: Auto | Positive = Field("auto", description="Epochs of a whole trial; auto looks at the first one.")
    reduction_factor: Factor = Field(3, description="One in so many goes on; each rung is longer by it.")
    bootstrap_count: Count = Field(0, description="Trials that a rung waits for before it lets any go on.")

    @model_validator(mode="after")
    def _has_room(self) -> Hyperband:
        return validate(self, _resources)

    def build(self) -> BasePruner:
        from optuna.pruners import HyperbandPruner

        return HyperbandPruner(**self.model_dump(exclude={"type"}))


def _bootstrap(pruner: Any) -> Iterator[Issue]:
    if pruner.bootstrap_count and pruner.min_resource == "auto":
        yield ("bootstrap_count",), "needs a min_resource in epochs, not auto"


def _resources(pruner: Any) -> Iterator[Issue]:
    if pruner.max_resource != "auto" and pruner.max_resource < pruner.min_resource:
        yield ("max_resource",), f"is less than min_resource, {pruner.min_resource}"
