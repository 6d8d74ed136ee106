"""CIFAR-10 as Keras stores it: an archive of pickled batches, or the folder that Keras unpacks it into."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.base import DATASETS, ImageDataset
from deepcli.data.files import DataFile, Sources, find, is_published
from deepcli.data.signature import Signature
from deepcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Raw

INNER = "cifar-10-batches-py"
# MD5 of each batch in the published archive, as in torchvision; it detects damage, but not a deliberate change.
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
*TRAIN, TEST = MD5
MAX_BYTES = 512 << 20
FILE = DataFile(
    # Keras 3's name for the archive, so that it finds deepcli's download; it unpacks it into a folder of that name.
    "cifar-10-batches-py-target_archive",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    # Archives come before folders, because only an archive can be verified by its SHA-256.
    also=("cifar-10-python.tar.gz", f"cifar-10-batches-py-target/{INNER}/{TEST}", f"{INNER}/{TEST}"),
    limit=256 << 20,
)


@DATASETS.register
class Cifar10(ImageDataset):
    """50,000 + 10,000 colour images in ten classes, 32x32 pixels (Krizhevsky 2009), from Keras's cache.

    The archive is verified by its published SHA-256. The batches in an unpacked folder are only checked for damage by
    their MD5, so they never count as verified.
    """

    class_names: ClassVar[tuple[str, ...]] = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip
    files: ClassVar[tuple[DataFile, ...]] = (FILE,)

    type: Literal["cifar10"] = "cifar10"

    @property
    def signature(self) -> Signature:
        return Signature("image", (32, 32, 3), classes=10, examples=50_000, augmentation=self.augmentation)

    def read(self, sources: Sources) -> Raw:
        import numpy as np

        from deepcli.data.arrays.splits import Provenance, Raw, fingerprint

        path = find(FILE, self.path, sources)
        unpacked = path.name == TEST
        verified = not unpacked and is_published(FILE, path)
        # A file named in the spec may be the user's own data in the same layout; a file in a shared cache may not.
        if not (verified or unpacked) and self.path is None:
            raise DataError(
                f"{path}: is not the published CIFAR-10 (its SHA-256 differs); delete it to download it again, or set "
                "data.path to it if it is your own data"
            )
        source = path.parent if unpacked else path
        batches = _read_folder(source) if unpacked else _read_archive(source)
        wrong = [name for name, content in batches.items() if unpacked and _md5(content) != MD5[name]]
        if wrong and self.path is None:
            raise DataError(
                f"{source / wrong[0]}: is not the published batch of CIFAR-10 (its MD5 differs); delete the folder to "
                "download it again, or set data.path to it if it is your own data"
            )
        parts = {name: _decode(content, f"{source}: {name}") for name, content in batches.items()}
        x_train, y_train = (np.concatenate([parts[name][index] for name in TRAIN]) for index in (0, 1))
        x_test, y_test = parts[TEST]
        digest = fingerprint(x_train, y_train, x_test, y_test)
        return Raw((x_train, y_train), (x_test, y_test), Provenance(str(source), verified, digest, digest))


def _read_archive(path: Path) -> dict[str, bytes]:
    from deepcli.data.arrays.archive import read_tar

    members = {f"{INNER}/{name}": name for name in (*TRAIN, TEST)}
    contents = read_tar(path, tuple(members), MAX_BYTES)
    return {name: contents[member] for member, name in members.items()}


def _read_folder(folder: Path) -> dict[str, bytes]:
    contents = {}
    for name in (*TRAIN, TEST):
        try:
            if (folder / name).stat().st_size > MAX_BYTES:
                raise DataError(f"{folder / name}: is larger than {MAX_BYTES >> 20} MiB")
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            raise DataError(f"{folder / name}: cannot be read: {error.strerror}") from None
    return contents


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _decode(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Convert a batch, which has red, green and blue planes, to images (n, 32, 32, 3) and labels (n,)."""
    import numpy as np

    from deepcli.data.arrays.archive import read_pickle
    from deepcli.data.image_checks import check_images

    batch = read_pickle(content, name)
    data, labels = (batch.get(key) if isinstance(batch, dict) else None for key in (b"data", b"labels"))
    # An array larger than its file is only declared, not present.
    if not isinstance(data, np.ndarray) or data.nbytes > len(content):
        raise DataError(f"{name}: is not a CIFAR-10 batch (a dictionary with data and labels)")
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 10 for label in labels):
        labels = []
    y = np.array(labels, np.int32)
    check_images((f"{name}: data", data), (f"{name}: labels", y), (3072,), classes=10)
    return np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), y
