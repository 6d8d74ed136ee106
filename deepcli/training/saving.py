"""Write and read checkpoints: `.keras` files with deepcli's spec and state as additional zip members."""

from __future__ import annotations

import contextlib
import math
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import keras

from deepcli.data.lexicon import Lexicon
from deepcli.errors import CheckpointError, TrainingError
from deepcli.experiment import load
from deepcli.experiment.schema import Experiment
from deepcli.run.checkpoint import weights as weights_file
from deepcli.run.checkpoint.file import LEXICON, SCHEMA, SPEC, STATE, WEIGHTS, CheckpointFile
from deepcli.system.atomic import replacing
from deepcli.training.averaging import averages, build_optimizer, lent_optimizer, without_optimizer
from deepcli.training.state import State, trained_stage

GENERATOR = "seed_generator"
"""Part of the names of random generators' states, which do not count as weights."""
MOST_SHAPES = 3
"""Number of array shapes that an error lists."""


def save(path: Path, model: keras.Model, experiment: Experiment, state: State, lexicon: Lexicon | None = None) -> None:
    """Write a checkpoint atomically: completely or not at all. A lexicon is needed for a model that reads words.

    Raises:
        TrainingError: The disk is full, or the folder is missing or read-only; an older file stays unchanged.
    """
    with replacing(path) as temporary:
        keras.saving.save_model(model, temporary)
        # Deflated, so that the zip directory inside the state is never mistaken for the end of a truncated checkpoint.
        with zipfile.ZipFile(temporary, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(SPEC, load.dump(experiment))
            archive.writestr(STATE, state.to_bytes())
            archive.writestr(SCHEMA, experiment.data.data_schema.model_dump_json(), compresslevel=1)
            if lexicon is not None:
                archive.writestr(LEXICON, lexicon.to_bytes(), compresslevel=1)  # takes a quarter of the time


def load_weights(model: keras.Model, checkpoint: CheckpointFile) -> State:
    """Load a checkpoint's weights for evaluation or prediction into a model built from its spec.

    If the file holds training weights and the optimizer averages them, the optimizer's variables give the averages.

    Raises:
        CheckpointError: The file is damaged, or its weights belong to another model.
        TrainingError: The disk for temporary files is full.
    """
    experiment = checkpoint.experiment
    state = State.from_bytes(checkpoint.read(STATE))
    if _holds_raw(experiment, state):
        optimizer = build_optimizer(experiment, state.precision)
        if averages(optimizer):
            with contextlib.suppress(ValueError):  # weights of another family, which do not load either
                experiment.model.enter(model, trained_stage(experiment, state.position))
            with lent_optimizer(model, optimizer):
                _load(model, checkpoint)
                optimizer.finalize_variable_values(model.trainable_variables)
            return state
    # The model's own optimizer may be that of another stage.
    with without_optimizer(model):
        _load(model, checkpoint)
    return state


def _holds_raw(experiment: Experiment, state: State) -> bool:
    """Return whether a file may hold training weights that must be averaged before use.

    Older files do not record which weights they hold. With use_ema, averaging weights that are averages already changes
    nothing; other averages did not exist in those versions.
    """
    return state.weights == "raw" or (state.weights is None and experiment.optimizer.use_ema)


def load_training(model: keras.Model, checkpoint: CheckpointFile) -> State:
    """Load the weights and the optimizer of a compiled model, to continue training.

    Raises:
        CheckpointError: The file is damaged, belongs to another model, or holds averaged weights.
        TrainingError: The disk for temporary files is full.
    """
    state = State.from_bytes(checkpoint.read(STATE))
    if state.weights == "averaged":
        raise CheckpointError(
            f"{checkpoint.path}: holds averaged weights, and training cannot be resumed from them; "
            "set training.initial_weights to start a new run with them"
        )
    _load(model, checkpoint)
    return state


def _load(model: keras.Model, checkpoint: CheckpointFile) -> None:
    """Load the weights with Keras, and the optimizer's variables if the model has an optimizer."""
    with _unpacked(checkpoint) as weights:
        try:
            weights_file.check(weights, weights.stat().st_size)  # again: the file may have been replaced since
            _fill(model, weights)
        except (ValueError, KeyError, OSError, TypeError, RuntimeError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"{checkpoint.path}: its weights do not fit the model: {first}") from None


def _fill(model: keras.Model, weights: Path) -> None:
    with warnings.catch_warnings():
        # Keras only warns if a file lacks a layer's weights, and leaves the layer unchanged.
        warnings.simplefilter("error", UserWarning)
        try:
            model.load_weights(weights)
        except (UserWarning, ValueError) as error:
            raise ValueError(_misfit(model, weights) or str(error)) from None


def _misfit(model: keras.Model, weights: Path) -> str | None:
    """Describe the array shapes in which file and model differ; None if they agree or the file cannot be read.

    Keras's own error only suggests that the file is from another Keras version.
    """
    import h5py

    stored: Counter[tuple[int, ...]] = Counter()

    def count(name: str, thing: object) -> None:
        if isinstance(thing, h5py.Dataset) and not name.startswith("optimizer/") and GENERATOR not in name:
            stored[thing.shape] += 1

    try:
        with h5py.File(weights, "r") as file:
            file.visititems(count)
    except (OSError, RuntimeError, ValueError):
        return None
    wanted = Counter(tuple(variable.shape) for variable in model.variables if GENERATOR not in variable.path)
    left, lacking = stored - wanted, wanted - stored
    if not lacking:
        return "its layers have other names or other parent layers"
    return f"the file has {_shapes(left)}, the model has {_shapes(lacking)}"


def _shapes(shapes: Counter[tuple[int, ...]]) -> str:
    """List the largest few of some shapes."""
    largest = sorted(shapes.elements(), key=lambda shape: (-math.prod(shape), shape))
    named = ["x".join(map(str, shape)) or "a number" for shape in largest[:MOST_SHAPES]]
    rest = f" and {len(largest) - MOST_SHAPES} more" if len(largest) > MOST_SHAPES else ""
    return (", ".join(named) or "nothing") + rest


@contextlib.contextmanager
def _unpacked(checkpoint: CheckpointFile) -> Iterator[Path]:
    """Copy the weights to a temporary file of their own, as Keras reads only files."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="deepcli-")
    except OSError as error:
        raise TrainingError(f"cannot unpack {checkpoint.path}: {error.strerror or error}") from None
    with folder as name:
        weights = Path(name) / WEIGHTS
        checkpoint.unpack(WEIGHTS, weights)
        yield weights
