"""What a format is: it writes a model, and opens what it has written in its own runtime."""

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
"""What a model's output is called in every format; the inputs are `image` or `tokens`."""


class Exportable(Protocol):
    """A model to export.

    Attributes:
        model: Not compiled, in float32.
    """

    @property
    def model(self) -> keras.Model:
        """The model."""

    def signature(self, fixed: bool = False) -> tf.TensorSpec:
        """Describe the input: any number of examples of any length, or one of a fixed length."""

    def named(self, x: Any) -> dict[str, Any]:
        """Compute the outputs, under their name, in operations that every format has."""


class Format(Component):
    """A format; nobody names it in a spec, so it has no fields.

    Attributes:
        file: The name of what is written.
        packages: What must be installed to write and to run it, by the names to import.
        extra: The extra of deepcli that has them.
        runtime: What `pip` installs to run it.
        loading: Lines of Python that define `run(x)`, with the file beside them in `FOLDER`.
        fixed: Whether the model takes one example at a time, of a fixed length.
    """

    file: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    runtime: ClassVar[str]
    loading: ClassVar[str]
    fixed: ClassVar[bool] = False

    def demand(self) -> None:
        """Check that what it needs is installed.

        Raises:
            UsageError: It is not.
        """
        extras.demand(f"--format {self.type}:", self.packages, self.extra)

    @abstractmethod
    def write(self, model: Exportable, path: Path) -> None:
        """Write a model to a file or folder.

        Raises:
            TrainingError: The format cannot say what the model does.
        """

    @abstractmethod
    def open(self, path: Path, name: str) -> Runner:
        """Load what was written into the format's own runtime; `name` is the input's.

        Returns:
            A function from inputs to outputs, float32 (examples, units).
        """


FORMATS: Registry[Format] = Registry("formats")
