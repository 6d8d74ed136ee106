"""MNIST as Keras stores it."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.base import DATASETS, ImageDataset, Preparation
from deepcli.data.files import DataFile, Sources, find
from deepcli.data.signature import Signature
from deepcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Raw

FILE = DataFile(
    "mnist.npz",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)
# SHA-256 of the four files that LeCun, Cortes and Burges published, uncompressed.
CONTENT = {
    "x_train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "y_train": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "x_test": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "y_test": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


@DATASETS.register
class Mnist(ImageDataset):
    """60,000 + 10,000 handwritten digits, 28x28 grey pixels (LeCun, Cortes & Burges 1998), from Keras's cache."""

    bright_on_dark: ClassVar[bool | None] = True
    # "Size normalized to fit in a 20x20 pixel box while preserving their aspect ratio ... with an anti-aliasing technique
    # ... centered in a 28x28 image by computing the center of mass" (yann.lecun.com/exdb/mnist).
    preparation: ClassVar[Preparation | None] = Preparation((28, 28), (20, 20), stretched=False, by_mass=True)
    files: ClassVar[tuple[DataFile, ...]] = (FILE,)

    type: Literal["mnist"] = "mnist"

    @property
    def signature(self) -> Signature:
        return Signature("image", (28, 28, 1), classes=10, examples=60_000, augmentation=self.augmentation)

    def read(self, sources: Sources) -> Raw:
        import numpy as np

        from deepcli.data.arrays.archive import read_npz
        from deepcli.data.arrays.splits import Provenance, Raw
        from deepcli.data.image_checks import check_images

        path = find(FILE, self.path, sources)
        arrays = read_npz(path, tuple(CONTENT))
        for split in ("train", "test"):
            images, labels = ((f"{path}: {key}", arrays[key]) for key in (f"x_{split}", f"y_{split}"))
            check_images(images, labels, (28, 28), classes=10)
        digests = {key: _idx_sha256(array) for key, array in arrays.items()}
        wrong = [key for key, digest in digests.items() if digest != CONTENT[key]]
        # A file named in the spec may be the user's own data in the same layout; a file in a shared cache may not.
        if wrong and self.path is None:
            raise DataError(
                f"{path}: {wrong[0]} is not the published MNIST (its content's SHA-256 differs); delete the file to "
                "download it again, or set data.path to it if it is your own data"
            )
        fingerprint = hashlib.sha256("".join(digests.values()).encode()).hexdigest()
        x_train, y_train, x_test, y_test = (arrays[key] for key in CONTENT)
        return Raw(
            (x_train[..., None], y_train.astype(np.int32)),
            (x_test[..., None], y_test.astype(np.int32)),
            Provenance(str(path), not wrong, fingerprint, fingerprint),
        )


def _idx_sha256(array: np.ndarray) -> str:
    """Return the SHA-256 of an array of bytes in the published IDX format: its rank, its sizes, its content."""
    digest = hashlib.sha256(struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape))
    digest.update(array.ravel().data)
    return digest.hexdigest()
