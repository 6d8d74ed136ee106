"""Save the images that a model received, after preprocessing, as PNG files."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from deepcli.errors import UsageError
from deepcli.inputs.example import Example
from deepcli.inputs.pictures import SUFFIXES
from deepcli.system.atomic import replacing

LONGEST = 80


class InputFolder:
    """Saves every input image of `predict`: `00001-seven.png` for the first prediction, and so on.

    Args:
        path: The folder; it is created, and must be empty if it exists.

    Raises:
        UsageError: The folder is not empty, or cannot be created.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise UsageError(f"--save-inputs: {path} is not empty; choose a new folder")
        except OSError as error:
            raise UsageError(f"--save-inputs: {path}: {error.strerror or error}") from None
        self._path, self._count = path, 0

    def save(self, example: Example) -> None:
        """Write one image.

        Raises:
            TrainingError: The file cannot be written.
        """
        self._count += 1
        name = Path(example.name)
        plain = name.stem if name.suffix.lower() in SUFFIXES else name.name.replace("[", "-").rstrip("]")
        base = re.sub(r"[^\w.-]+", "-", plain).strip("-.") or "input"
        pixels = example.x[..., 0] if example.x.shape[-1] == 1 else example.x
        with replacing(self._path / f"{self._count:05d}-{base[:LONGEST]}.png") as temporary:
            Image.fromarray(pixels).save(temporary)
