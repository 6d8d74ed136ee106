"""Weights for networks of `keras.applications`: ImageNet's, from Keras's cache, and those of a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.data.files import Sources
from deepcli.errors import DataError

if TYPE_CHECKING:
    import keras

ENDINGS = (".h5", ".hdf5")
HDF5 = b"\x89HDF\r\n\x1a\n"


def load_imagenet(network: keras.Model, function: str, sources: Sources) -> None:
    """Set a network's weights to those that Keras publishes for ImageNet.

    Args:
        network: The network, without its top.
        function: Its name in `keras.applications`.
        sources: Where to look for the file, and whether Keras may download it.

    Raises:
        DataError: The file is not in Keras's cache and cannot be downloaded.
    """
    import warnings

    import keras

    with _looking_up(function, sources), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras tells that the weights are for images of 224x224
        published = getattr(keras.applications, function)(include_top=False, weights="imagenet")
    network.set_weights(published.get_weights())


@contextlib.contextmanager
def _looking_up(function: str, sources: Sources) -> Iterator[None]:
    """Let Keras look for its file in the data folder too, and explain what is missing if it cannot have it."""
    from keras.src.utils import file_utils

    original = file_utils.get_file

    def get_file(fname: str, origin: str, cache_subdir: str = "models", **arguments: Any) -> Any:
        given = None if sources.data_dir is None else sources.data_dir / fname
        if given is not None and given.is_file():
            return str(given)
        cached = Path(file_utils.config.keras_home(), cache_subdir, fname)
        if sources.offline and not cached.is_file():
            raise DataError(
                f"{_remedy(function, fname, 'was not found and --offline forbids a download', origin, cached)}"
            )
        try:
            return original(fname, origin, cache_subdir=cache_subdir, **arguments)
        except Exception as error:  # `urllib` and Keras raise several kinds
            reason = str(error).strip().splitlines() or [type(error).__name__]
            why = f"was not found and cannot be downloaded: {reason[-1][:300]}"
            raise DataError(_remedy(function, fname, why, origin, cached)) from None

    file_utils.get_file = get_file
    try:
        yield
    finally:
        file_utils.get_file = original


def _remedy(function: str, name: str, why: str, url: str, cached: Path) -> str:
    return (
        f"model.weights: {name}, ImageNet's weights of {function}, {why}\n"
        f"download {url} on another machine and put it into {cached.parent}, or name it with model.weights=FILE"
    )


def load_file(network: keras.Model, architecture: str, name: str) -> None:
    """Set a network's weights to those of a file that `save_weights` wrote.

    Raises:
        DataError: The file is missing, is not a file of weights, or is of another network.
    """
    import warnings

    path = Path(name).expanduser()
    _demand_weights(path)
    with warnings.catch_warnings():
        # Keras only warns if a file lacks a layer's weights, and leaves the layer as it is.
        warnings.simplefilter("error", UserWarning)
        try:
            network.load_weights(path)
        except (UserWarning, ValueError, KeyError, OSError, TypeError, RuntimeError, IndexError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise DataError(
                f"model.weights: {path} does not fit {architecture}: {first}\n"
                "it should be written by `save_weights` of the same network without its top (include_top=False)"
            ) from None


def _demand_weights(path: Path) -> None:
    """Check that a path is an HDF5 file with an ending that Keras knows."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(HDF5))
    except OSError as error:
        raise DataError(
            f"model.weights: {path}: {error.strerror or error}; give a file of weights, `imagenet` or null"
        ) from None
    if begins != HDF5 or path.suffix not in ENDINGS:
        raise DataError(
            f"model.weights: {path} is not a file of weights (HDF5, with the ending .weights.h5 or .h5); "
            "write one with `save_weights`"
        )
