"""The embedded default: handwritten digits that come with scikit-learn, so the first run needs no download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from deepcli.data.base import DATASETS, ImageDataset, Signature
from deepcli.data.files import Sources
from deepcli.errors import DataError

if TYPE_CHECKING:
    from deepcli.data.splits import Raw

EXAMPLES = 1797
TEST_EXAMPLES = 360
TEST_SEED = 1_797


@DATASETS.register
class Digits(ImageDataset):
    """1,797 handwritten digits, 8x8 pixels in 17 grey levels, inside scikit-learn (Alpaydin & Kaynak 1998).

    It has no official test split; ours is 360 examples, stratified, the same for every spec.
    """

    type: Literal["digits"] = "digits"

    @property
    def signature(self) -> Signature:
        examples = EXAMPLES - TEST_EXAMPLES
        return Signature("image", (8, 8, 1), classes=10, examples=examples, augmentation=self.augmentation)

    def read(self, sources: Sources) -> Raw:
        import hashlib

        import numpy as np
        from sklearn.datasets import load_digits

        from deepcli.data.splits import Provenance, Raw, generator, stratified

        if self.path is not None:
            raise DataError("data.path: digits are inside scikit-learn and cannot be read from elsewhere")
        pixels, labels = load_digits(return_X_y=True)
        # 16 is the brightest level of the original; 255 is what Rescaling(1/255) expects.
        x = np.round(pixels.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
        y = labels.astype(np.int32)
        test = stratified(y, TEST_EXAMPLES, generator(TEST_SEED))
        train = np.setdiff1d(np.arange(len(y)), test)
        digest = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
        return Raw((x[train], y[train]), (x[test], y[test]), Provenance("scikit-learn", True, digest))
