"""Compiled models that one process keeps from run to run, so that a step is not traced again for the same graph."""

from __future__ import annotations

import json
from collections.abc import Callable

import keras

from deepcli.experiment.schema import Experiment
from deepcli.nn.inner_optimizer import inner_optimizer
from deepcli.training.build import is_own
from deepcli.training.settings import RunSettings

MOST = 4

FREE = (
    ("name",),
    ("seed",),
    ("schedule",),
    ("optimizer", "learning_rate"),
    *(
        ("training", field)
        for field in ("epochs", "max_steps", "early_stopping", "checkpoint", "on_divergence", "threads")
    ),
    ("training", "initial_weights"),
)
"""Fields of a spec that are no part of a step's graph: they decide what variables hold, or what happens around steps."""


class CompiledModels:
    """Models whose steps have been traced, the last few that were used.

    A model is only used again where everything that its graph depends on is the same. All its variables then become those
    of a model built for the run at hand, which therefore goes as if it had that model itself.
    """

    def __init__(self) -> None:
        self._models: dict[str, keras.Model] = {}

    def __len__(self) -> int:
        return len(self._models)

    def ready(self, experiment: Experiment, settings: RunSettings, build: Callable[[bool], keras.Model]) -> keras.Model:
        """Return a compiled model before its first step.

        What a plugin's component draws or keeps beside variables is not known, so its models are not used again.

        Args:
            experiment: The spec.
            settings: How it is trained.
            build: Builds one, after forgetting those before or not; forgetting takes the traced steps of all with it.
        """
        if not is_own(experiment):
            return build(True)
        key = _key(experiment, settings)
        model = self._models.pop(key, None)
        if model is None:
            model = build(True)
        else:
            _become(model, build(False))
        self._models[key] = model
        if len(self._models) > MOST:
            del self._models[next(iter(self._models))]
        return model


def _key(experiment: Experiment, settings: RunSettings) -> str:
    spec = experiment.model_dump(mode="json")
    for *path, last in FREE:
        section = spec
        for name in path:
            section = section[name]
        section.pop(last, None)
    steps = settings.order.steps
    decided = (
        settings.precision.value,
        settings.jit.value,
        settings.steps_per_execution.value,
        steps,
        experiment.total_steps(steps),
    )
    return json.dumps([spec, decided], sort_keys=True)


def _become(model: keras.Model, fresh: keras.Model) -> None:
    before, now = ([*one.variables, *one.optimizer.variables] for one in (model, fresh))
    for variable, value in zip(before, now, strict=True):
        variable.assign(value)
    inner_optimizer(model)._learning_rate.become(inner_optimizer(fresh)._learning_rate)
    model.reset_metrics()
