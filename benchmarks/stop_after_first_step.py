"""A plugin whose schedule ends the process when anyone asks for the rate after the first step: the second step does."""

import os
from typing import Literal

from deepcli.optim import SCHEDULES, Schedule


@SCHEDULES.register
class StopAfterFirstStep(Schedule):
    """A constant rate, once."""

    type: Literal["stop_after_first_step"] = "stop_after_first_step"

    def build(self, peak, steps):
        import numpy as np
        import tensorflow as tf

        def once(step):
            if step >= 1:
                os._exit(0)
            return np.float32(peak)

        def rate(step):
            return tf.ensure_shape(tf.numpy_function(once, [step], tf.float32), [])

        return rate
