"""Classes that add a mixin to an optimizer's class, and are saved by the name of that class."""

from __future__ import annotations

import functools
from typing import Any

import keras


@functools.cache
def mixed(mixin: type[Any], cls: type[Any]) -> type[Any]:
    """Return a class with a mixin in front of an optimizer's class; Keras saves it by the name of the latter."""
    # Keras saves an optimizer by module and name, so the new class has those of the class that Keras knows.
    module = "keras.optimizers" if cls.__module__.startswith("keras.") else cls.__module__
    found = type(cls.__name__, (mixin, cls), {"__module__": module, "__doc__": cls.__doc__})
    name = keras.saving.get_registered_name(cls)
    package, _, short = name.rpartition(">")
    if package:
        known = keras.saving.get_registered_object(name) or cls
        for one in (found, known):  # both are saved by this name, and loading it gives the latter
            keras.saving.register_keras_serializable(package, short)(one)
    return found
