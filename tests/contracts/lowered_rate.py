"""Run by test_tracked_rate.py in a process of its own: takes steps at a rate, and at a lower one, on Keras's backend."""

import json

import keras
import numpy as np

from deepcli.experiment.schema import Experiment
from deepcli.training.build import build_model, compile_model

SPEC = {
    "data": {"type": "digits", "limit": 48, "batch_size": 16},
    "model": {"type": "mlp", "hidden_units": [4]},
    "schedule": {"type": "cosine", "warmup": 0},
    "training": {"epochs": 4},
}
OPTIMIZERS = {
    "sgd": {"type": "sgd", "learning_rate": 0.01},
    "adam": {"type": "adam", "use_ema": True},
    "grouped": {"type": "sgd", "learning_rate": 0.01, "gradient_accumulation_steps": 2},
    "scaled": {"type": "sgd", "learning_rate": 0.01},
}


def moved(model: keras.Model, x: np.ndarray, y: np.ndarray, steps: int = 4) -> float:
    """Return how far some steps move the weights."""
    before = [np.asarray(keras.ops.convert_to_numpy(weight)) for weight in model.trainable_variables]
    for _ in range(steps):
        model.train_on_batch(x, y)
    after = [np.asarray(keras.ops.convert_to_numpy(weight)) for weight in model.trainable_variables]
    return float(sum(np.abs(now - then).sum() for now, then in zip(after, before, strict=True)))


def main() -> None:
    """Print, for each optimizer, how far the weights moved at the rate, at a millionth of it, and at the rate again."""
    rng = np.random.RandomState(0)
    x, y = rng.randint(0, 255, (16, 8, 8, 1)).astype(np.uint8), rng.randint(0, 10, 16).astype(np.int32)
    for name, optimizer in OPTIMIZERS.items():
        experiment = Experiment.model_validate({**SPEC, "optimizer": optimizer})
        model = build_model(experiment, "mixed_float16" if name == "scaled" else "float32")
        compile_model(model, experiment, 100, jit=keras.backend.backend() == "jax", steps_per_execution=1)
        scale = getattr(model.optimizer, "inner_optimizer", model.optimizer)._learning_rate.scale
        distances = [moved(model, x, y)]
        for factor in (1e-6, 1.0):
            scale.assign(factor)
            distances.append(moved(model, x, y))
        print(json.dumps({"optimizer": name, "moved": distances}))


if __name__ == "__main__":
    main()
