"""What a callback of a spec is: a component that builds a callback of Keras's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from deepcli.spec.registry import Component, Registry

if TYPE_CHECKING:
    import keras


class Callback(Component):
    """Something that watches or steers training.

    The callback that it builds sees what Keras's callbacks see: `model`, and the logs of each batch and epoch. One that has
    `state_dict()` and `load_state_dict(state)`, of plain values that JSON can hold, is resumed with its state.
    """

    def watched(self) -> Mapping[str, str]:
        """Map each field that names a metric to that metric; one that is not measured is an error of the spec."""
        return {}

    @abstractmethod
    def build(self) -> keras.callbacks.Callback:
        """Build it, for one run."""


CALLBACKS: Registry[Callback] = Registry("callbacks")
