"""Fashion-MNIST as Keras stores it: four gzip files in the IDX format, in their own folder."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.base import DATASETS, ImageDataset
from deepcli.data.files import DataFile, Sources, find
from deepcli.data.signature import Signature
from deepcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Raw

FOLDER = "fashion-mnist"
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
MAX_BYTES = 256 << 20


def _file(name: str) -> DataFile:
    # Keras publishes no hashes of these files, so a download is checked by HTTPS, its length and gzip's checksum only.
    return DataFile(f"{FOLDER}/{name}", URL + name, None, check=lambda path: _read_idx(path))


FILES = {
    split: (_file(f"{prefix}-images-idx3-ubyte.gz"), _file(f"{prefix}-labels-idx1-ubyte.gz"))
    for split, prefix in (("train", "train"), ("test", "t10k"))
}


@DATASETS.register
class FashionMnist(ImageDataset):
    """60,000 + 10,000 images of clothing, 28x28 grey pixels (Xiao, Rasul & Vollgraf 2017), from Keras's cache.

    Keras publishes no hashes of the four files, so they are checked for damage and layout but never count as verified.
    """

    bright_on_dark: ClassVar[bool | None] = True
    class_names: ClassVar[tuple[str, ...]] = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    files: ClassVar[tuple[DataFile, ...]] = tuple(file for split in FILES.values() for file in split)

    type: Literal["fashion_mnist"] = "fashion_mnist"

    @property
    def signature(self) -> Signature:
        return Signature("image", (28, 28, 1), classes=10, examples=60_000, augmentation=self.augmentation)

    def read(self, sources: Sources) -> Raw:
        from deepcli.data.arrays.splits import Provenance, Raw, fingerprint

        if self.path is not None and Path(self.path).expanduser().is_file():
            raise DataError(f"data.path: {self.path} is a file; name the folder with the four files of fashion_mnist")
        x_train, y_train, folder = self._split("train", sources)
        x_test, y_test, _ = self._split("test", sources)
        digest = fingerprint(x_train, y_train, x_test, y_test)
        return Raw((x_train, y_train), (x_test, y_test), Provenance(str(folder), False, digest, digest))

    def _split(self, split: str, sources: Sources) -> tuple[np.ndarray, np.ndarray, Path]:
        """Read a split: images (n, 28, 28, 1) uint8, labels (n,) int32, and the folder they are in."""
        from deepcli.data.image_checks import check_images

        images, labels = (find(file, self.path, sources) for file in FILES[split])
        x, y = _read_idx(images), _read_idx(labels)
        check_images((str(images), x), (str(labels), y), (28, 28), classes=10)
        return x[..., None], y.astype("int32"), images.parent


def _read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes: two zeros, 8 for uint8, the rank, the sizes as big-endian words, the content."""
    import numpy as np

    from deepcli.data.arrays.archive import read_gzip

    content = read_gzip(path, MAX_BYTES)
    rank = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    start = 4 + 4 * rank
    if not 1 <= rank <= 3 or len(content) < start:
        raise DataError(f"{path}: is not an IDX file of bytes")
    shape = struct.unpack(f">{rank}I", content[4:start])
    values = np.frombuffer(content, np.uint8, offset=start)
    # In Python's integers, because false sizes can overflow NumPy's.
    if math.prod(shape) != len(values):
        raise DataError(f"{path}: should contain {list(shape)} bytes, but contains {len(values)}")
    return values.reshape(shape)
