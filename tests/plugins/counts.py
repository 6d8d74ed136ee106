"""A task of a user's own in one file: counts, such as visitors a day, with the Poisson loss."""

from typing import Literal

from deepcli.models import Head
from deepcli.optim import LOSSES, Loss
from deepcli.tasks import TASKS, Regression


@LOSSES.register
class Poisson(Loss):
    """Negative log-likelihood of counts."""

    type: Literal["poisson"] = "poisson"
    tasks = ("counts",)

    def build(self, signature):
        return self.plain()

    def plain(self):
        import keras

        return keras.losses.Poisson()


@TASKS.register
class Counts(Regression):
    """Numbers that are counted: never negative, and as uncertain as they are large."""

    type: Literal["counts"] = "counts"  # type: ignore[assignment]
    losses = ("poisson",)
    metrics = ("mean_absolute_error", "root_mean_squared_error")
    scores = "regression"

    def head(self, loss, signature):
        return Head(len(signature.predicted.names), "exponential")

    def build_loss(self, loss, signature):
        return loss.plain()
