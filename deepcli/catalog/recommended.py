"""The spec that suits own data: what `deepcli train PATH` trains, and `deepcli init PATH` writes.

Chosen on validation splits of small and middle-sized data of each kind, for training within a minute or two on two cores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepcli.data import BaseDataset
from deepcli.data.input_layout import InputLayout
from deepcli.data.signature import Signature
from deepcli.errors import SpecError
from deepcli.experiment import load
from deepcli.experiment.edits import key_of
from deepcli.experiment.merge import Merger
from deepcli.experiment.messages import problems
from deepcli.experiment.task_metrics import DataAndTask
from deepcli.models import MODELS
from deepcli.spec.yaml12 import Document

FEW, MANY = 1_000, 50_000
"""Training examples up to which epochs are many, and from which they are few."""
LARGE = 64
"""Pixels of the shorter side from which pictures are large."""
SMALLEST_VARIED = 24
"""Pixels of the shorter side from which pictures are varied."""
SMALLEST_LARGE = 40
"""Pixels of the shorter side from which autoencoders have convolutions: a dense layer would have too many weights."""


def recommend(data: Mapping[str, Any], overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return a whole spec for own data, as plain values.

    Args:
        data: The data section.
        overrides: Overrides such as `data.target=price` or `task=ordinal`. Those of data and task count here, and whether
            there is one of the model, which then needs another learning rate.

    Raises:
        SpecError: The data section is not valid.
        DataError: The data cannot be used.
    """
    section, tree = data_section(data, overrides)
    signature = section.signature
    other_model = any(key_of(word) in ("model", "model.type") for word in overrides)
    words = getattr(section, "tokens", None) == "words" and signature.kind == "tokens"
    bag = words and signature.predicted.kind == "classes" and not other_model
    training = _bag(signature) if bag else _training(signature, other_model)
    return {"data": {"type": section.type, **tree_of(tree["data"]), **_data(signature)}, **training}


def data_section(data: Mapping[str, Any], overrides: Sequence[str] = ()) -> tuple[BaseDataset, dict[str, Any]]:
    """Return a data section that overrides are applied to, and the same as plain values; no data are read.

    Args:
        data: The section.
        overrides: As in `recommend`.

    Raises:
        SpecError: The section is not valid.
    """
    own = [word for word in overrides if key_of(word).partition(".")[0] in ("data", "task")]
    document = load.apply(Merger(), Document({"data": dict(data)}), own)
    tree = {key: value for key, value in document.tree.items() if key in ("data", "task")}
    try:
        chosen = DataAndTask.model_validate(tree)
    except ValidationError as error:
        raise SpecError(problems(error, document, DataAndTask)) from None
    return chosen.data.bound(chosen.task.reads), tree


def tree_of(section: Any) -> dict[str, Any]:
    """Return a data section as a mapping."""
    return dict(section) if isinstance(section, Mapping) else {"path": section}


def name_of(path: str) -> str:
    """Name a run after its data."""
    name = Path(path.rstrip("/\\")).name.split(".")[0]
    return re.sub(r"[^\w+=@ -]+", "-", name).strip("_- ")[:100] or "data"


def _data(signature: Signature) -> dict[str, Any]:
    batch = 32 if signature.examples < 5_000 else 64 if signature.examples < MANY else 256
    if signature.kind == "text":
        return {}
    if signature.kind == "series":
        return {"batch_size": 32}
    if signature.kind == "pairs":
        return {"batch_size": 32 if signature.examples < FEW else 64}
    if signature.kind == "features" and batch > 32:
        return {"batch_size": 256}
    if (
        signature.kind == "image"
        and signature.predicted.kind != "inputs"
        and min(size or 0 for size in signature.shape[:2]) >= SMALLEST_VARIED
    ):
        return {"batch_size": batch, "augmentation": {"rotation": 0.03, "translation": 0.08, "zoom": 0.1}}
    return {"batch_size": batch}


def _bag(signature: Signature) -> dict[str, Any]:
    """Return the training of classes of texts: from so few texts, no network learned more than words and pairs of them."""
    return {
        "model": {
            "type": "ngram", "ngrams": min(2, signature.shape[0] or 2), "smoothing": 3.0,
            "kernel_initializer": {"type": "constant", "value": 0.25},
        },
        "optimizer": {"type": "adam", "learning_rate": 0.05},
        "schedule": {"type": "cosine", "warmup": 0.05},
        "training": {"epochs": 4 if signature.examples < MANY else 2},
    }  # fmt: skip


def _language(signature: Signature, other_model: bool) -> dict[str, Any]:
    """Return the training of a language model: some 2,000 steps, or 40 passes over a short text."""
    epochs = min(max(2_000 * 64 // max(signature.examples, 1), 1), 40)
    model = {"type": "transformer", "num_layers": 4, "num_heads": 4, "hidden_dim": 128}
    return {
        "model": model,
        "optimizer": {"type": "adamw", "learning_rate": 1e-3 if other_model else 2e-3, "weight_decay": 0.1},
        "schedule": {"type": "cosine", "warmup": 0.05},
        "training": {"epochs": epochs, "early_stopping": {"patience": max(epochs // 4, 3)}},
    }


def _forecast(signature: Signature) -> dict[str, Any]:
    """Return the training of a forecast: a linear layer, which is hard to beat on one series (Zeng et al. 2023)."""
    epochs = min(max(10_000 * 32 // max(signature.examples, 1), 10), 200)
    return {
        "model": {"type": "linear", "revin": True},
        "optimizer": {"type": "adam", "learning_rate": 1e-3},
        "schedule": {"type": "cosine"},
        "training": {"epochs": epochs, "early_stopping": {"patience": max(epochs // 5, 3)}},
    }


def _reconstruction(signature: Signature, other_model: bool) -> dict[str, Any]:
    """Return the training of an autoencoder, without labels and without regularization."""
    epochs = 100 if signature.examples < FEW else 40 if signature.examples < MANY else 15
    model: dict[str, Any] = {"type": "autoencoder", "hidden_units": [128, 64], "latent": _latent(signature)}
    if signature.kind == "image":
        shorter = min(size or 1 for size in signature.shape[:2])
        model = {"type": "autoencoder", "hidden_units": [512, 256], "latent": 32}
        if shorter >= SMALLEST_LARGE:
            model = {"type": "autoencoder", "filters": [32, 64, 128], "hidden_units": [256], "latent": 64}
    return {
        "model": model,
        "optimizer": {"type": "adamw", "learning_rate": 1e-3 if other_model else 2e-3, "weight_decay": 1e-4},
        "schedule": {"type": "cosine", "warmup": 0.05},
        "training": {"epochs": epochs, "early_stopping": {"patience": max(epochs // 4, 5)}},
    }


def _latent(signature: Signature) -> int:
    """Return how many numbers the code of a row or a series has: half of those that describe it, at most 16."""
    return max(1, min(16, InputLayout.of(signature).width // 2))


def _pairs(signature: Signature, other_model: bool) -> dict[str, Any]:
    """Return the training of a model of pairs: some 10,000 steps, or 60 passes over few pairs."""
    batch = _data(signature)["batch_size"]
    epochs = min(max(10_000 * batch // max(signature.examples, 1), 5), 60)
    model = {
        "type": "transformer", "num_layers": 3, "num_heads": 4, "hidden_dim": 128, "positions": "sinusoidal",
        "tie_embeddings": True, "regularization": {"dropout": 0.1},
    }  # fmt: skip
    return {
        "model": model,
        "loss": {"type": "categorical_crossentropy", "label_smoothing": 0.1},
        "optimizer": {"type": "adam", "learning_rate": 1e-3 if other_model else 2e-3, "beta_2": 0.98},
        "schedule": {"type": "cosine", "warmup": 0.1},
        "training": {"epochs": epochs, "early_stopping": {"patience": max(epochs // 4, 3)}},
    }


def _training(signature: Signature, other_model: bool = False) -> dict[str, Any]:
    """Return the training of a network, at a rate that suits most if another model than the one here is trained."""
    if signature.kind == "text":
        return _language(signature, other_model)
    if signature.predicted.kind == "inputs":
        return _reconstruction(signature, other_model)
    if signature.series is not None:
        return _forecast(signature)
    if signature.kind == "pairs":
        return _pairs(signature, other_model)
    epochs = 40 if signature.examples < FEW else 20 if signature.examples < MANY else 10
    rate, decay = 1e-3, 0.01
    if signature.kind == "features":
        epochs, rate, decay = 60 if signature.examples < MANY else 20, 2e-3, 1e-3
    training: dict[str, Any] = {"epochs": epochs, "early_stopping": {"patience": max(epochs // 4, 5)}}
    if signature.kind == "image":
        # Varied pictures are learned best at the end of the schedule, after a noisy middle that would stop a run early.
        rate, training = rate if other_model else 3e-3, {"epochs": epochs}
    return {
        "model": _model(signature),
        "optimizer": {"type": "adamw", "learning_rate": rate, "weight_decay": decay},
        "schedule": {"type": "cosine", "warmup": 0.05},
        "training": training,
    }


def _model(signature: Signature) -> dict[str, Any]:
    if signature.kind == "features":
        return {"type": "mlp", **MODELS["mlp"].starter("features")}
    if signature.kind == "tokens":
        return {
            "type": "cnn", "filters": [128], "kernel_size": 3, "global_pooling": "max",
            "regularization": {"dropout": 0.5},
        }  # fmt: skip
    if signature.kind == "series":
        return {
            "type": "cnn", "filters": [64, 64, 64], "kernel_size": 5, "pooling": "none", "global_pooling": "average",
            "regularization": {"normalization": "batch", "dropout": 0.3},
        }  # fmt: skip
    height, width = (size or 1 for size in signature.shape[:2])
    shorter = min(height, width)
    blocks = 2 if shorter < 24 else 3 if shorter < LARGE else 4
    first = 16 if shorter >= LARGE else 32  # maps of large pictures take most of the time
    filters = [first * 2**block for block in range(blocks)]
    return {
        "type": "cnn", "filters": filters, "global_pooling": "average",
        "regularization": {"normalization": "batch", "dropout": 0.3},
    }  # fmt: skip
