"""Handwritten digits that come with scikit-learn: the default data set, so that the first run needs no download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.base import DATASETS, ImageDataset, Preparation
from deepcli.data.files import Sources
from deepcli.data.signature import Signature
from deepcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Raw

EXAMPLES = 1797
TEST_EXAMPLES = 360
TEST_SEED = 1_797
MAX_BYTES = 4 << 20


@DATASETS.register
class Digits(ImageDataset):
    """1,797 handwritten digits, 8x8 pixels in 17 grey levels, from scikit-learn (Alpaydin & Kaynak 1998).

    The data set has no official test split; deepcli uses 360 stratified examples, the same for every spec.
    """

    bright_on_dark: ClassVar[bool | None] = True
    # "Normalized bitmaps" of 32x32 by NIST's programs, "divided into nonoverlapping blocks of 4x4 and the number of on
    # pixels ... counted" (UCI, optdigits). In all of them the digit has the full height, and zeros have one width, 20.
    preparation: ClassVar[Preparation | None] = Preparation((32, 32), (32, 20), stretched=True, by_mass=False)

    type: Literal["digits"] = "digits"

    @property
    def signature(self) -> Signature:
        examples = EXAMPLES - TEST_EXAMPLES
        return Signature("image", (8, 8, 1), classes=10, examples=examples, augmentation=self.augmentation)

    def read(self, sources: Sources) -> Raw:
        import hashlib

        import numpy as np

        from deepcli.data.arrays.splits import Provenance, Raw, generator, stratified

        if self.path is not None:
            raise DataError(
                "data.path: the digits come with scikit-learn and cannot be read from a file; leave data.path out"
            )
        pixels, labels = _load_digits()
        # 16 is the brightest level of the original; 255 is what Rescaling(1/255) expects.
        x = np.round(pixels.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
        y = labels.astype(np.int32)
        test = stratified(y, TEST_EXAMPLES, generator(TEST_SEED))
        train = np.setdiff1d(np.arange(len(y)), test)
        digest = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
        return Raw((x[train], y[train]), (x[test], y[test]), Provenance("scikit-learn", True, digest, digest))


def _load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return pixels (1797, 64) from 0 to 16, and labels.

    `sklearn.datasets.load_digits` does the same, but importing it takes a second, so its file is read directly.
    """
    from importlib.util import find_spec

    import numpy as np

    package = find_spec("sklearn")
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz" if package and package.origin else None
    if file is None or not file.is_file():
        from sklearn.datasets import load_digits

        return load_digits(return_X_y=True)  # type: ignore[no-any-return]
    from deepcli.data.arrays.archive import read_gzip

    lines = read_gzip(file, MAX_BYTES).splitlines()
    try:
        table = np.loadtxt(lines if len(lines) == EXAMPLES else ["0"], delimiter=",")
    except ValueError:
        table = np.zeros(0)
    if table.shape != (EXAMPLES, 65):
        raise DataError(f"{file}: is not scikit-learn's table of {EXAMPLES} digits; reinstall scikit-learn")
    return table[:, :-1], table[:, -1].astype(np.int64)
