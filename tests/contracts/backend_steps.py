"""What each backend does with the cases of a folder; for JAX it runs as a process: `backend_steps FOLDER`.

A case is a spec in a file NAME.json. The first backend that runs leaves `NAME.start.keras`, from which all others start too,
and each leaves `NAME.BACKEND.keras`, its checkpoint after some steps, and `NAME.BACKEND.npz`, its weights and outputs. JAX takes
the steps again on all its devices together, as `parallel`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepcli.data.arrays.encoded_pairs import PairRows
from deepcli.data.arrays.splits import Provenance, Splits, Tokens
from deepcli.experiment.schema import Experiment
from deepcli.inputs.example import collate
from deepcli.nn.inner_optimizer import inner_optimizer
from deepcli.run.checkpoint.file import open_checkpoint
from deepcli.system.process_group import ALONE, ConnectedGroup, GroupMember, ProcessGroup
from deepcli.training.averaging import averaged_weights
from deepcli.training.backend import Backend, make_backend
from deepcli.training.build import build_compiled_metrics
from deepcli.training.context import class_weights
from deepcli.training.device import choose
from deepcli.training.evaluate import Evaluator, load_model
from deepcli.training.ready import ready_model
from deepcli.training.saving import load_training, save
from deepcli.training.settings import make_settings
from deepcli.training.state import Position, State, read_variables, write_variables
from deepcli.training.translating import TargetWriter

from .conftest import tiny_split
from .tiny_table import registered

LOWERED_AFTER, LOWERED_TO = 3, 0.25
"""The step after which the rate is lowered, as a plateau and a rollback do, and the scale."""


def splits_of(experiment: Experiment) -> Splits:
    """Return 24 examples in each split."""
    train, validation, test = (tiny_split(experiment.signature) for _ in range(3))
    return Splits(train, validation, test, Provenance("nowhere", True, "0" * 64, "0" * 64))


class Case:
    """One case on the backend of this process; with a group, on all devices that JAX has."""

    def __init__(self, path: Path, group: ProcessGroup = ALONE) -> None:
        self.path, self.name = path, keras.backend.backend() if group is ALONE else "parallel"
        self.experiment = Experiment.model_validate(json.loads(path.read_text()))
        self.splits, device = splits_of(self.experiment), choose(self.experiment.training)
        self.settings = make_settings(self.experiment, self.splits, device)
        self.backend: Backend = make_backend(device, group, self.experiment)
        self.model = ready_model(self.experiment, self.splits, self.settings, self.backend)
        with self.backend.scope():
            build_compiled_metrics(self.model, self.experiment)
        start = self.file("start.keras")
        if start.exists():
            state = load_training(self.model, open_checkpoint(start))
            write_variables(self.model, self.backend, state.variables)
        else:
            self.save(start, 0)
        weights = class_weights(self.experiment, self.splits.train.y)
        self.batches = self.backend.batches(self.splits.train, self.settings.order, weights)

    def file(self, end: str) -> Path:
        return self.path.with_name(f"{self.path.stem}.{end}")

    def save(self, path: Path, steps: int) -> None:
        epoch, step = divmod(steps, self.settings.order.steps)
        variables = read_variables(self.model, self.backend)
        precision = self.settings.precision.value
        save(
            path,
            self.model,
            self.experiment,
            State(Position(epoch, step, steps), precision, 1, variables=variables, weights="raw"),
        )

    def values(self) -> list[np.ndarray]:
        variables = [*self.model.variables, *self.model.optimizer.variables, *self.model.metrics_variables]
        return [self.backend.read(variable) for variable in variables]

    def put_back(self, values: list[np.ndarray]) -> None:
        variables = [*self.model.variables, *self.model.optimizer.variables, *self.model.metrics_variables]
        for variable, value in zip(variables, values, strict=True):
            self.backend.write(variable, value)

    def take(self, start: int, stop: int) -> list[float]:
        """Take steps, counted from the first of the run; return the loss after each call."""
        losses, steps = [], self.settings.order.steps
        while start < stop:
            epoch, step = divmod(start, steps)
            last = min(steps, step + stop - start)
            iterator = self.batches.epoch(epoch, step, last)
            for done in range(step, last, self.model.steps_per_execution):
                losses.append(float(self.backend.take_steps(self.model, iterator)["loss"]))
                start += min(self.model.steps_per_execution, last - done)
            if last == steps:
                self.backend.complete_update(self.model)
        return losses

    def run(self, steps: int) -> dict[str, Any]:
        losses = self.take(0, LOWERED_AFTER)
        scale = inner_optimizer(self.model)._learning_rate.scale
        scale.assign(LOWERED_TO)
        middle = self.values()
        losses += self.take(LOWERED_AFTER, steps)
        found = self.values()
        self.put_back(middle)
        self.take(LOWERED_AFTER, steps)
        again = self.values()
        before = [float(np.abs(value).sum()) for value in middle if value.dtype.kind == "f"]
        self.save(self.file(f"{self.name}.keras"), steps)
        with averaged_weights(self.model) as averaged:
            measured = Evaluator(self.experiment, self.backend, 10)(self.model, self.splits.validation)
            outputs = outputs_of(self.backend, self.experiment, self.model, self.splits)
            weights = [self.backend.read(weight) for weight in self.model.weights if weight.dtype == "float32"]
        arrays = {f"weight_{place:03d}": weight for place, weight in enumerate(weights)}
        np.savez(self.file(f"{self.name}.npz"), **outputs, **arrays)  # type: ignore[arg-type]
        gradients = self.backend.gradients(self.model, next(iter(self.batches.epoch(0, 0, 1))))
        return {
            "case": self.path.stem,
            "losses": losses,
            "metrics": dict(measured.metrics),
            "finite": all(np.isfinite(value).all() for value in found if value.dtype.kind == "f"),
            "equal": sum(map(np.array_equal, found, again)),
            "arrays": len(found),
            "moved": sum(float(np.abs(value).sum()) for value in found if value.dtype.kind == "f") != sum(before),
            "averaged": averaged,
            "gradients": sum(float(np.abs(one).sum()) for one in gradients),
        }


def outputs_of(backend: Backend, experiment: Experiment, model: keras.Model, splits: Splits) -> dict[str, np.ndarray]:
    """Predict in each way that a backend has; padding, of which backends have more or less, is left out."""
    x, kind = splits.test.x, experiment.signature.kind
    found = {"outputs": backend.predict(model, x, 10)}
    if isinstance(x, PairRows):
        found["outputs"] = x.without_rest(found["outputs"])[:, : x.target_lengths.max()]
        rows = [np.array([*range(4, 4 + size), 3], np.int32) for size in (1, 3, 6)]
        written = TargetWriter(model, experiment, backend).write(rows)
        found["written"] = np.array([one.log_probability for one in written])
    else:
        few = collate([x.sequence(place) for place in range(3)]) if isinstance(x, Tokens) else x[:3]
        found["few"] = backend.function(model)(few.astype(model.inputs[0].dtype))  # tokens of a text take a byte each
        # Forecasts are in the units of the data, so differences count by their size.
        size = max(float(np.abs(found["outputs"]).max()), 1.0)
        np.testing.assert_allclose(found["few"] / size, found["outputs"][:3] / size, atol=1e-5)
    if kind == "text" and isinstance(x, np.ndarray):
        take = backend.stepping(experiment.model.stepper(model, experiment.signature))
        tokens = x[:1].astype(np.int32)
        first, state = take(tokens[:, :5], 0, None)
        second, _ = take(tokens[:, 5:6], 5, state)
        found["stepped"] = np.stack([first, second])
        np.testing.assert_allclose(found["stepped"], found["outputs"][0, 4:6], atol=1e-4)
    return found


def of_another(path: Path, name: str) -> dict[str, Any]:
    """Predict by the checkpoint of another backend, and resume from it; return the largest difference of outputs."""
    file = path.with_name(f"{path.stem}.{name}.keras")
    loaded = load_model(open_checkpoint(file))
    with np.load(path.with_name(f"{path.stem}.{name}.npz")) as arrays:
        expected = {key: arrays[key] for key in arrays.files if not key.startswith("weight_")}
    found = outputs_of(loaded.backend, loaded.experiment, loaded.model, splits_of(loaded.experiment))
    assert set(found) == set(expected)
    sizes = {key: max(float(np.abs(value).max()), 1.0) for key, value in expected.items()}
    difference = max(float(np.abs(found[key] - expected[key]).max()) / sizes[key] for key in found)
    return {"case": path.stem, "difference": difference}


def main(folder: Path, steps: int) -> None:
    others = {"tensorflow", "jax"} - {keras.backend.backend()}
    for path in sorted(folder.glob("*.json")):
        print(json.dumps(Case(path).run(steps)), flush=True)
        if keras.backend.backend() == "jax":
            row = Case(path, ConnectedGroup(GroupMember(0, 1, "here", 0), {}, {}, print)).run(steps)
            print(json.dumps({**row, "on": "devices"}), flush=True)
        for name in others:
            if path.with_name(f"{path.stem}.{name}.keras").exists():
                print(json.dumps({"of": name, **of_another(path, name)}), flush=True)


if __name__ == "__main__":
    with registered():
        main(Path(sys.argv[1]), int(sys.argv[2]))
