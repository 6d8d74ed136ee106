"""Images as a model saw them, kept as picture files."""

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
    """Keeps every image that a model is asked about: `00001-seven.png` for the first line of the answers, and so on.

    Args:
        path: The folder; it is made, and must be empty if it is there.

    Raises:
        UsageError: It holds something, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise UsageError(f"--save-inputs: {path} is not empty; name a new folder")
        except OSError as error:
            raise UsageError(f"--save-inputs: {path}: {error.strerror or error}") from None
        self._path, self._count = path, 0

    def save(self, example: Example) -> None:
        """Write one image.

        Raises:
            TrainingError: It cannot be written.
        """
        self._count += 1
        name = Path(example.name)
        plain = name.stem if name.suffix.lower() in SUFFIXES else name.name.replace("[", "-").rstrip("]")
        base = re.sub(r"[^\w.-]+", "-", plain).strip("-.") or "input"
        pixels = example.x[..., 0] if example.x.shape[-1] == 1 else example.x
        with replacing(self._path / f"{self._count:05d}-{base[:LONGEST]}.png") as temporary:
            Image.fromarray(pixels).save(temporary)
