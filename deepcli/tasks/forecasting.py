"""Forecasting: the steps of time series after a window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from deepcli.data.schema import TargetKind
from deepcli.data.signature import Signature
from deepcli.models.heads import ForecastHead, Head
from deepcli.optim.losses import LOSSES, Loss
from deepcli.spec.fields import as_tuple
from deepcli.spec.registry import Issue
from deepcli.tasks.base import TASKS, Task
from deepcli.tasks.forecast_answers import ForecastInterpreter, forecast_names
from deepcli.tasks.interpreting import Interpreter
from deepcli.tasks.usage_code import FORECAST, UsageCode, written

if TYPE_CHECKING:
    import keras
    import numpy as np

    from deepcli.data.arrays.splits import Split
    from deepcli.evaluation.assumed_outputs import Assumption
    from deepcli.evaluation.forecast_predictions import ForecastPredictions

Level = Annotated[float, Field(gt=0, lt=1)]
QUANTILE = "quantile"


@TASKS.register
class Forecasting(Task):
    """The steps of time series after a window, such as the load of the next day.

    The loss compares standardized numbers; predictions are in the units of the data, and so are scores of one target. Those of
    several are in standard deviations of training, as in the literature.
    """

    type: Literal["forecasting"] = "forecasting"
    quantiles: Annotated[tuple[Level, ...], BeforeValidator(as_tuple)] = Field(
        (),
        description="Quantiles to forecast instead of one number, such as [0.1, 0.5, 0.9]; the loss is `quantile` then.",
    )

    takes: ClassVar[tuple[TargetKind, ...]] = ("series",)
    source: ClassVar[str] = "series"
    losses: ClassVar[tuple[str, ...]] = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh", QUANTILE)
    metrics: ClassVar[tuple[str, ...]] = ("mean_absolute_error", "root_mean_squared_error")
    headline: ClassVar[str] = "mae"
    difference_unit: ClassVar[str] = "standard deviations of the target"
    free_when_right: ClassVar[bool] = False

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        if any(after <= before for before, after in zip(self.quantiles, self.quantiles[1:], strict=False)):
            yield (
                ("quantiles",),
                f"should rise from one to the next, such as [0.1, 0.5, 0.9], not {list(self.quantiles)}",
            )

    def check_loss(self, loss: Loss, signature: Signature) -> Iterator[Issue]:
        yield from super().check_loss(loss, signature)
        if loss.type == "auto" and getattr(loss, "label_smoothing", None):
            yield ("label_smoothing",), "numbers have no classes to smooth; leave it out"
        if loss.type == QUANTILE and not self.quantiles:
            yield (), "needs quantiles, such as `task: {type: forecasting, quantiles: [0.1, 0.5, 0.9]}`"
        if self.quantiles and loss.type not in ("auto", QUANTILE):
            yield (
                (),
                f"{loss.type} forecasts one number, and task.quantiles names several; use `quantile`, or leave it out",
            )

    def choose_loss(self, loss: Loss, signature: Signature) -> Loss:
        return (
            LOSSES.select(QUANTILE) if self.quantiles and loss.type == "auto" else super().choose_loss(loss, signature)
        )

    def target_form(self, signature: Signature) -> tuple[tuple[int, ...], str]:
        horizon = signature.series.horizon if signature.series else 1
        return (horizon, len(signature.predicted.names)), "float32"

    def head(self, loss: Loss, signature: Signature) -> Head:
        target = signature.predicted
        horizon = signature.series.horizon if signature.series else 1
        units = horizon * len(target.names) * max(len(self.quantiles), 1)
        return ForecastHead(units, "linear", horizon, self.quantiles, target.means, target.scales)

    def build_loss(self, loss: Loss, signature: Signature) -> keras.losses.Loss:
        target = signature.predicted
        if loss.type == QUANTILE:
            from deepcli.nn.forecast_losses import PinballLoss

            return PinballLoss(self.quantiles, target.scales)
        from deepcli.nn.losses import Standardized

        return Standardized(loss.plain(), target.means, target.scales)

    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> ForecastPredictions:
        import numpy as np

        from deepcli.evaluation.forecast_predictions import ForecastPredictions

        target, count = signature.predicted, len(ids)
        levels = self.quantiles if outputs.ndim == 4 else ()
        return ForecastPredictions(
            ids,
            np.asarray(targets),
            outputs if outputs.ndim == 4 else outputs[..., None],
            np.asarray(levels, np.float64),
            np.asarray(target.scales, np.float64),
            np.zeros((count, len(target.names))),
            np.asarray(ids, np.float64),
            target.names,
            signature.series.written if signature.series else "number",
        )

    def predicted(
        self, signature: Signature, split: Split, outputs: np.ndarray, model: keras.Model | None
    ) -> ForecastPredictions:
        from dataclasses import replace

        found = self.predictions(signature, split.ids, split.y, outputs, model)
        series = split.series
        if series is None:
            return found
        return replace(found, seasonal=series.seasonal[series.origins], times=series.times[series.origins])

    def trivial(self, signature: Signature, train: np.ndarray, split: Split) -> dict[str, np.ndarray]:
        from deepcli.evaluation.naive_forecasts import naive_forecasts

        return naive_forecasts(signature, split)

    def assumed(self, signature: Signature, head: Head, targets: np.ndarray, assumption: Assumption) -> np.ndarray:
        import numpy as np

        from deepcli.evaluation.assumed_outputs import assumed_numbers

        flat = targets.reshape(-1, targets.shape[-1])
        if assumption.noise is not None:
            from dataclasses import replace

            noise = assumption.noise[:, : targets[0].size].reshape(flat.shape)
            assumption = replace(assumption, noise=noise)
        target = signature.predicted
        found = assumed_numbers(flat, target.means, target.scales, assumption).reshape(targets.shape)
        return np.repeat(found[..., None], len(self.quantiles), axis=-1) if self.quantiles else found

    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        return ForecastInterpreter(names, self.quantiles)

    def usage_code(self, names: list[str], model: keras.Model) -> UsageCode:
        shown = forecast_names(names, self.quantiles)
        facts = {"forecast": {"numbers": shown, "quantiles": list(self.quantiles)}}
        return UsageCode("the next steps", f"NUMBERS = {written(shown)}", FORECAST, facts)

    def difference(self, signature: Signature, outputs: np.ndarray, expected: np.ndarray) -> float:
        import numpy as np

        scales = np.asarray(signature.predicted.scales or 1.0)
        scales = scales[:, None] if outputs.ndim == 4 else scales
        return super().difference(signature, outputs / scales, expected / scales)
