from typing import Literal

from pydantic import Field

from deepcli.data import DATASETS, Dataset, Signature


@DATASETS.register
class Spirals(Dataset):
    """Points of two spirals, drawn as bright pixels; the spiral is the class."""

    type: Literal["spirals"] = "spirals"
    examples: int = Field(200, ge=20, description="Examples to train on; a quarter as many to test on.")

    @property
    def signature(self) -> Signature:
        return Signature("image", (16, 16, 1), classes=2, examples=self.examples)

    def read(self, sources):
        import hashlib

        from deepcli.data.arrays import Provenance, Raw

        train, test = draw(self.examples, seed=0), draw(self.examples // 4, seed=1)
        digest = hashlib.sha256(b"".join(array.tobytes() for array in (*train, *test))).hexdigest()
        return Raw(train, test, Provenance("made by its plugin", True, digest))


def draw(count, seed):
    import numpy as np

    y = np.arange(count, dtype=np.int32) % 2
    turn = np.random.RandomState(seed).uniform(0.5, 3.0, count)
    angle = np.pi * (turn + y)
    row, column = (np.round(7.5 + 2.4 * turn * wave(angle)).astype(int) for wave in (np.sin, np.cos))
    x = np.zeros((count, 16, 16, 1), np.uint8)
    x[np.arange(count), row, column] = 255
    return x, y
