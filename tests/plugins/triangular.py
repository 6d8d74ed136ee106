from typing import Literal

from pydantic import Field

from deepcli.optim import SCHEDULES, Schedule


@SCHEDULES.register
class Triangular(Schedule):
    """Rise and fall along straight lines, over and over (Smith 2017)."""

    type: Literal["triangular"] = "triangular"
    cycles: int = Field(4, gt=0, description="Triangles from the start to the end of training.")
    base: float = Field(0.25, ge=0, lt=1, description="Share of the peak at the foot of each.")

    def build(self, peak, steps):
        import keras
        from keras import ops

        @keras.saving.register_keras_serializable("triangular")
        class Triangles(keras.optimizers.schedules.LearningRateSchedule):
            def __init__(self, peak, base, period):
                self.peak, self.base, self.period = peak, base, period

            def __call__(self, step):
                place = ops.cast(step, "float32") % self.period / self.period
                return self.peak * (self.base + (1 - self.base) * (1 - ops.abs(2 * place - 1)))

            def get_config(self):
                return {"peak": self.peak, "base": self.base, "period": self.period}

        return Triangles(peak, self.base, max(steps / self.cycles, 1))
