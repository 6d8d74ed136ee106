"""Keras callbacks of a trial: what it reports to the study, and whether this process may still train it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras

from deepcli.errors import Interrupted
from deepcli.sweeps.leases import Lease, LeaseLost, Leases
from deepcli.sweeps.study.claim import Claim
from deepcli.sweeps.study.connection import StorageGone
from deepcli.system.signals import Stopped


class Reports(keras.callbacks.Callback):
    """Reports each epoch of a trial to the study, and stops a trial that the pruner rejects.

    Where the study is on a server that does not answer, training continues and the epochs are reported later.

    Args:
        claim: The trial.
        leases: Those of the sweep.
        metric: The metric that the sweep optimizes.
        epochs: The trial's full length.
    """

    def __init__(self, claim: Claim, leases: Leases, metric: str, epochs: int) -> None:
        super().__init__()
        self._claim, self._leases, self._metric, self._epochs = claim, leases, metric, epochs
        self._unreported: dict[int, float] = {}
        self.pruned = False
        self.ended, self.why_stopped = "pruned", ""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        number = epoch + 1
        value = (logs or {})[self._metric]
        if number not in self._claim.reported and math.isfinite(value):
            self._unreported[number] = value
        self._leases.at_once(lambda: self._report(number))
        if self._claim.ends is not None and number >= self._claim.ends:
            self.pruned = self.model.stop_training = True
            self.why_stopped = f"pruned by the sweep, whose other trials are better in {self._metric}"

    def _report(self, number: int) -> None:
        trial = self._claim.trial
        for earlier, value in list(self._unreported.items()):
            trial.report(value, earlier)
            del self._unreported[earlier]
        if self._claim.ends is None and number < self._epochs and trial.should_prune():
            trial.set_user_attr("ends", number)
            self._claim.ends = number


class Holding(keras.callbacks.Callback):
    """Ends the training of a trial that another worker has taken, before its result is written.

    Args:
        lease: The lease on the trial.

    Attributes:
        gone: Why training was stopped with a checkpoint instead of a result, if the server did not answer at its end.
    """

    def __init__(self, lease: Lease) -> None:
        super().__init__()
        self._lease = lease
        self.gone: StorageGone | None = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._lease.lost:
            raise LeaseLost("another worker has taken the trial, as its lease was not renewed in time")

    def on_train_end(self, logs: Any = None) -> None:
        try:
            self._lease.confirm()
        except StorageGone as error:
            self.gone = error
            raise Stopped from error
        except Interrupted as error:
            raise Stopped from error
