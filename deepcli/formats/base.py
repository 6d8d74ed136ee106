"""Base class of export formats: a format writes a model, and opens the result in its own runtime."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from deepcli.spec.registry import Component, Registry
from deepcli.system import extras

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

Runner = Callable[["np.ndarray"], "np.ndarray"]
OUTPUT = "outputs"
"""Name of a model's output in every format; the input is called `image` or `tokens`."""


class Exportable(Protocol):
    """A model to export.

    Attributes:
        model: The Keras model, in float32 and not compiled.
    """

    @property
    def model(self) -> keras.Model:
        """The model."""

    def signature(self, fixed: bool = False) -> tf.TensorSpec:
        """Describe the input: any number of examples of any length, or one of a fixed length."""

    def named(self, x: Any) -> dict[str, Any]:
        """Compute the outputs, as a mapping with their name, with operations that every format supports."""


class Format(Component):
    """An export format. It has no fields, because specs do not configure formats.

    Attributes:
        file: Name of the file or folder that is written.
        packages: Import names of the packages that are needed to write and run it.
        extra: The extra of deepcli that installs them.
        runtime: The package that `pip` installs to run it.
        loading: Lines of Python that define `run(x)`; the file is in `FOLDER`.
        fixed: Whether the model takes one example at a time, of a fixed length.
    """

    file: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    runtime: ClassVar[str]
    loading: ClassVar[str]
    fixed: ClassVar[bool] = False

    def demand(self) -> None:
        """Check that the packages that the format needs are installed.

        Raises:
            UsageError: One of them is missing.
        """
        extras.demand(f"--format {self.type}:", self.packages, self.extra)

    @abstractmethod
    def write(self, model: Exportable, path: Path) -> None:
        """Write a model to a file or folder.

        Raises:
            TrainingError: The format does not support the model.
        """

    @abstractmethod
    def open(self, path: Path, name: str) -> Runner:
        """Load the exported model into the format's own runtime; `name` is the name of its input.

        Returns:
            A function from inputs to outputs, float32 (examples, units).
        """


FORMATS: Registry[Format] = Registry("formats")
