"""A cache of compiled models: a process that trains several runs traces the same graph only once."""

from __future__ import annotations

import json
from collections.abc import Callable

import keras

from deepcli.experiment.schema import Experiment
from deepcli.nn.inner_optimizer import inner_optimizer
from deepcli.nn.learning_rate import MOST_TABULATED
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
        for field in ("epochs", "max_steps", "max_time", "early_stopping", "checkpoint", "on_divergence", "threads")
    ),
    ("training", "initial_weights"),
)
"""Fields of a spec that do not change a step's graph: they set values of variables, or act between steps."""


class CompiledModels:
    """The most recently used models whose training step has been traced.

    A model is reused only if everything that its graph depends on is the same. All its variables are then set to those
    of a model newly built for the run, so the run computes the same as with the new model.
    """

    def __init__(self) -> None:
        self._models: dict[str, keras.Model] = {}

    def __len__(self) -> int:
        return len(self._models)

    def ready(self, experiment: Experiment, settings: RunSettings, build: Callable[[bool], keras.Model]) -> keras.Model:
        """Return a compiled model that has taken no step yet.

        A plugin's component may hold state outside its variables, so models with plugins are not reused; nor are those whose
        optimizer changes from stage to stage, or whose rates are part of the graph because the run is very long.

        Args:
            experiment: The spec.
            settings: The settings that depend on the device.
            build: Builds a model; with True, it first clears Keras's session, which discards all traced steps.
        """
        long = experiment.total_steps(settings.order.steps) > MOST_TABULATED
        if long or not is_own(experiment) or len(experiment.model.stages) > 1:
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
    # Statistics and categories of the columns are constants of the graph, and the same path may hold other data by now.
    return json.dumps([spec, decided, repr(experiment.signature)], sort_keys=True)


def _become(model: keras.Model, fresh: keras.Model) -> None:
    before, now = ([*one.variables, *one.optimizer.variables] for one in (model, fresh))
    for variable, value in zip(before, now, strict=True):
        variable.assign(value)
    inner_optimizer(model)._learning_rate.become(inner_optimizer(fresh)._learning_rate)
    model.reset_metrics()
