"""Likely wrong labels among the held-out examples of a run, from the predictions that it keeps."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deepcli.data.checks.data_report import Suspect, SuspectLabels
from deepcli.data.checks.textbook_view import published_place
from deepcli.data.checks.view import DataView
from deepcli.data.own import OwnDataset
from deepcli.errors import DataError, RunError

if TYPE_CHECKING:
    from deepcli.evaluation.predictions import Predictions
    from deepcli.run.loaded import LoadedRun

HELD_OUT = ("validation", "test")
MOST = 20
ADVICE = (
    "The model is confident of another class. How many would be found if all labels were right is not known, so look at "
    "each before changing it."
)


def suspect_labels(run: LoadedRun, view: DataView) -> SuspectLabels:
    """Find labels that are likely wrong, of validation and test examples only: the model has not been trained on them.

    Args:
        run: The run.
        view: Its data, as they are now.
    """
    from deepcli.evaluation.predictions import Predictions

    if view.target.kind != "classes":
        return _none("Wrong labels are found for classes only.")
    kept: dict[str, Predictions] = {}
    for split in HELD_OUT:
        try:
            predictions = run.predictions(split)
        except RunError:
            continue
        except DataError as error:
            return _none(f"The predictions of {split} cannot be used: {error}")
        if not isinstance(predictions, Predictions):
            return _none(f"The run has {predictions.CALLED}; wrong labels are found for classes only.")
        kept[split] = predictions
    command = f"deepcli evaluate {shlex.quote(str(run.run.path))} --split "
    if not kept:
        return _none(f"The run has no predictions; create them with: {command}test")
    for split, predictions in kept.items():
        if why := _misfit(run, view, split, predictions):
            return _none(why)
    lacking = [split for split in HELD_OUT if split not in kept and split in view.places]
    more = f" To look at {lacking[0]} too, run: {command}{lacking[0]}" if lacking else ""
    return _found(run, view, kept, more)


def _none(note: str) -> SuspectLabels:
    return SuspectLabels((), 0, 0, (), note)


def _misfit(run: LoadedRun, view: DataView, split: str, predictions: Predictions) -> str:
    """Return why predictions say nothing about the labels; an empty string if they do."""
    if predictions.distribution is None:
        return "The outputs of the model are not probabilities, which wrong labels are found by."
    if predictions.classes < len(view.target.names):
        return "The predictions have fewer classes than the data."
    if isinstance(run.experiment.data, OwnDataset):
        ids, labels = predictions.ids.tolist(), predictions.labels.tolist()
        inside = all(0 <= place < len(view) for place in ids)
        if not inside or any(
            view.splits[place] != split or view.values[place] != label for place, label in zip(ids, labels, strict=True)
        ):
            return "The data have changed since the predictions were made, so they do not belong together."
    return ""


def _found(run: LoadedRun, view: DataView, kept: dict[str, Predictions], more: str) -> SuspectLabels:
    import numpy as np

    from deepcli.evaluation.wrong_labels import wrong_labels

    splits = [split for split, predictions in kept.items() for _ in predictions.labels]
    ids = np.concatenate([predictions.ids for predictions in kept.values()]).tolist()
    labels = np.concatenate([predictions.labels for predictions in kept.values()])
    distributions = [predictions.distribution for predictions in kept.values()]
    found = wrong_labels(labels, np.concatenate([one for one in distributions if one is not None]))
    own = isinstance(run.experiment.data, OwnDataset)
    suspects = tuple(
        Suspect(
            view.where(ids[one.row]) if own else published_place(splits[one.row], ids[one.row]),
            splits[one.row],
            view.name_of(one.label),
            view.name_of(one.suggested),
            one.probability,
            one.margin,
        )
        for one in found[:MOST]
    )
    note = f"{ADVICE if found else 'None was found.'}{more}"
    return SuspectLabels(tuple(kept), len(labels), len(found), suspects, note)
