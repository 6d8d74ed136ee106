from typing import Literal

from deepcli.optim import OPTIMIZERS, Optimizer


@OPTIMIZERS.register
class SignSgd(Optimizer):
    """Steps of one size along the signs of the gradient (Bernstein et al. 2018)."""

    type: Literal["sign_sgd"] = "sign_sgd"

    def build(self, learning_rate):
        import keras
        from keras import ops

        @keras.saving.register_keras_serializable("sign_sgd")
        class SignSGD(keras.optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(ops.sign(gradient), variable, learning_rate)

        return SignSGD(learning_rate, **self.model_dump(exclude={"type", "learning_rate"}))
