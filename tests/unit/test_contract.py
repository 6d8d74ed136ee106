"""What a data set returns is either what its signature promises, or an error that says what to return."""

from typing import Any, Literal, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from deepcli.data.arrays.splits import Provenance, Raw, Splits, Tokens
from deepcli.data.base import Dataset
from deepcli.data.files import Sources
from deepcli.data.signature import Signature
from deepcli.errors import DataError

IMAGES = Signature("image", (4, 4, 1), classes=3, examples=30)
TEXTS = Signature("tokens", (5,), classes=3, examples=30, vocabulary=10)
HERE = Provenance("here", True, "0" * 64)


class Made(Dataset):
    """Returns what it is given."""

    type: Literal["made"] = "made"
    returned: Any = None
    promised: Any = IMAGES

    @property
    def signature(self):
        return self.promised

    def read(self, sources):
        return self.returned


def load(returned, promised=IMAGES, **fields):
    return Made(returned=returned, promised=promised, **fields).load(Sources(offline=True))


def labels(count=30):
    return np.arange(count, dtype=np.int32) % 3


def images(count=30):
    return np.random.RandomState(0).randint(0, 256, (count, 4, 4, 1)).astype(np.uint8)


def texts(count=30):
    lengths = np.arange(count) % 5 + 1
    values = np.random.RandomState(0).randint(1, 10, lengths.sum()).astype(np.int32)
    return Tokens(values, np.concatenate([[0], np.cumsum(lengths)]))


def raw(x=None, y=None, test=None):
    x = images() if x is None else x
    y = labels() if y is None else y
    return Raw((x, y), (images(6), labels(6)) if test is None else test, HERE)


def refusal(returned, promised=IMAGES, **fields):
    with pytest.raises(DataError) as caught:
        load(returned, promised, **fields)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_house_s_form_is_taken_as_it_is():
    x, y = images(), labels()
    splits = load(raw(x, y), validation_split=0.0)
    assert splits.train.x is x
    assert splits.train.y is y


@pytest.mark.parametrize("dtype", ["int16", "int64", "uint16", ">u4"])
def test_integers_of_another_width_are_converted(dtype):
    splits = load(raw(images().astype(dtype), labels().astype(dtype)), validation_split=0.0)
    assert (splits.train.x.dtype, splits.train.y.dtype) == ("uint8", "int32")
    assert (splits.train.x == images()).all()
    assert (splits.train.y == labels()).all()


ONE, NAN = images() / 255, images().astype("float32")
NAN[3] = np.nan
PIXELS = {
    "0..1": (ONE, "float64 from 0 to 1; return uint8 from 0 (black) to 255 (white): np.round(x * 255)"),
    "-1..1": (2 * ONE - 1, "float64 from -1 to 1; return uint8 from 0 (black) to 255 (white): np.round((x + 1) * 127.5)"),
    "0..255": (images().astype("float32"), "float32 from 0 to 255; return uint8 from 0 (black) to 255 (white): np.round(x)"),
    "-3..3": (6 * ONE - 3, "float64 from -3 to 3; return uint8 from 0 (black) to 255 (white)"),
    "NaN": (NAN, "16 of its 480 pixel values are NaN or infinite"),
    "bool": (images() > 99, "its pixels are bool; return uint8, x.astype('uint8') * 255"),
    "0 and 1": ((images() > 99).astype("uint8"), "its brightest pixel is 1; white is 255"),
    "0..16": (images() // 16 + 1, "its brightest pixel is 16; white is 255"),
    "16 bits": (images().astype("uint16") * 257, "uint16 from 0 to 65535; scale them to 0 (black) to 255 (white)"),
    "negative": (images().astype("int16") - 1, "int16 from -1 to 254"),
    "complex": (images() + 1j, "its pixels are complex128; return uint8"),
    "strings": (images().astype(str), "its pixels are <U3; return uint8"),
    "no channels": (images()[..., 0], "the signature promises (n, 4, 4, 1): return x[..., None]"),
    "channels first": (np.moveaxis(images(), 3, 1), "(n, 4, 4, 1): return np.moveaxis(x, 1, -1)"),
    "flat": (images().reshape(30, 16), "(n, 4, 4, 1): return x.reshape(-1, 4, 4, 1)"),
    "smaller": (images()[:, :3], "an array of uint8 with the shape (30, 3, 4, 1); the signature promises (n, 4, 4, 1)"),
    "a list": (images().tolist(), "its images are a list of 30; return a plain NumPy array"),
    "None": (..., "its images are None; return a plain NumPy array"),
    "masked": (np.ma.masked_array(images(), images() > 9), "its images are a masked array; return a plain NumPy array"),
    "one": (np.array(3), "its images are a single value"),
}  # fmt: skip


@pytest.mark.parametrize(("x", "why"), PIXELS.values(), ids=PIXELS)
def test_pixels_that_are_none_are_refused_in_either_split(x, why):
    x = None if x is ... else x
    assert refusal(Raw((x, labels()), (images(), labels()), HERE)).startswith("data set 'made', train split: ")
    message = refusal(Raw((images(), labels()), (x, labels()), HERE))
    assert message.startswith("data set 'made', test split: ")
    assert why in message


HALF = labels().astype(float)
HALF[4] = 0.5
LABELS = {
    "from 1": (labels() + 1, "its labels run from 1 to 3; 3 classes have the numbers 0 to 2: return y - 1"),
    "-1": (labels() - 1, "10 of its 30 labels are out of range, such as -1 (example 0)"),
    "too many classes": (np.where(np.arange(30) == 7, 3, labels()), "such as 3 (example 7); 3 classes have the numbers"),
    "floats": (labels().astype("float32"), "its labels are float32; return class numbers from 0 to 2 as integers"),
    "halves": (HALF, "its labels are float64, such as 0.5 (example 4)"),
    "NaN": (np.where(np.arange(30) == 5, np.nan, labels()), "its labels are float64, such as nan (example 5)"),
    "(n, 1)": (labels()[:, None], "its labels have the shape (30, 1); return one dimension, y[:, 0]"),
    "one-hot": (np.eye(3)[labels()], "(30, 3), as one-hot labels do; return class numbers, y.argmax(axis=1)"),
    "a matrix": (np.zeros((30, 2), int), "its labels have the shape (30, 2); return one class number, 0 to 2, for each"),
    "strings": (np.array(["cat", "dog", "emu"])[labels()], "its labels are strings ('cat', 'dog', 'emu', …)"),
    "objects": (np.array(["cat", "dog", "emu"], object)[labels()], "strings ('cat', 'dog', 'emu', …); return class numbers"),
    "None inside": (np.array([0, None, 2], object)[labels()], "10 labels are None, the first at example 1"),
    "tuples": (np.array([{}, {}, {}], object)[labels()], "its labels are object, such as {}"),
    "bool": (labels() > 0, "its labels are bool"),
    "None": (..., "its labels are None"),
    "a list": (labels().tolist(), "its labels are a list of 30"),
    "too few": (labels(20), "it has 30 examples and 20 labels; return one label for each example"),
    "dates": (labels().astype("datetime64[D]"), "its labels are datetime64[D]"),
}  # fmt: skip


@pytest.mark.parametrize(("y", "why"), LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_that_are_no_class_numbers_are_refused(split, y, why):
    good, bad = (images(), labels()), (images(), None if y is ... else y)
    message = refusal(Raw(bad, good, HERE) if split == "train" else Raw(good, bad, HERE))
    assert message.startswith(f"data set 'made', {split} split: ")
    assert why in message


def test_labels_of_minus_and_plus_one_get_their_own_words():
    two = Signature("image", (4, 4, 1), classes=2, examples=30)
    y = labels() % 2
    assert "its labels are -1 and 1; 2 classes have the numbers 0 to 1: return (y + 1) // 2" in refusal(
        raw(y=2 * y - 1), two
    )


ROWS = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0], [5, 6, 7, 8, 9]] * 10)
WORDS = {
    "left padding": (ROWS[:, ::-1], "example 0 has padding (0) before a token; pad on the right"),
    "floats": (ROWS.astype(float), "an array of float64 with the shape (30, 5); return integer ids"),
    "lists": (ROWS.tolist(), "its sequences are a list of 30; return Tokens(values, offsets)"),
    "objects": (np.array([[1], [2, 3], [4]] * 10, object), "an array of object with the shape (30,)"),
    "empty text": (ROWS * (np.arange(30) != 7)[:, None], "example 7 has no token; leave it out"),
    "too long": (Tokens(np.full(60, 1), np.array([0, 20, *range(31, 60), 60])), "20 ids (example 0); the signature"),
    "negative": (np.where(ROWS == 4, -4, ROWS), "id -4 (example 1) is negative; return ids from 1 to 9"),
    "vocabulary": (np.where(ROWS == 9, 10, ROWS), "id 10 (example 2) is not below the vocabulary size, 10"),
    "zero": (Tokens(np.arange(30), np.arange(31)), "id 0 (example 0) is padding and cannot be a token"),
    "offsets": (Tokens(np.ones(30, int), np.arange(1, 32)), "its Tokens.offsets run from 1 to 31 over 30 ids"),
    "falling": (Tokens(np.ones(30, int), np.array([0, 2, 1, *range(3, 31)], "uint8")), "they should begin with 0, never decrease"),
    "float values": (Tokens(np.ones(30), np.arange(31)), "its Tokens.values are an array of float64"),
    "None": (Tokens(None, None), "its Tokens.values are None"),
    "no texts": (Tokens(np.ones(0, int), np.zeros(1, int)), "it is empty"),
}  # fmt: skip


@pytest.mark.parametrize(("x", "why"), WORDS.values(), ids=WORDS)
def test_token_ids_that_fit_no_model_are_refused(x, why):
    assert why in refusal(raw(x, labels(), (texts(), labels())), TEXTS)
    assert why in refusal(raw(texts(), labels(), (x, labels())), TEXTS)


def test_ids_padded_on_the_right_become_sequences():
    train = load(raw(ROWS, labels(), (texts(), labels())), TEXTS, validation_split=0.0).train
    assert [train.x.sequence(i).tolist() for i in range(3)] == [[1, 2, 3], [4], [5, 6, 7, 8, 9]]
    assert train.x.values.dtype == "int32"


WHOLES = {
    "None": (None, "read() returned None; return Raw(train=(x, y), test=(x, y), provenance="),
    "arrays": ((images(), labels()), "read() returned a tuple of 2"),
    "three": (Raw(cast(Any, (images(), labels(), 1)), (images(), labels()), HERE), "train split: it is a tuple of 3; return inputs"),
    "no test": (Raw((images(), labels()), None, HERE), "test split: it is None; return inputs and labels"),
    "empty test": (raw(test=(images(0), labels(0))), "test split: it is empty; return at least one example"),
    "empty train": (raw(images(0), labels(0)), "train split: it is empty; return at least one example"),
    "no provenance": (Raw((images(), labels()), (images(), labels()), None), "its provenance is None"),
    "odd provenance": (Raw((images(), labels()), (images(), labels()), Provenance("a", None, "b")), "provenance.verified is None"),
}  # fmt: skip


@pytest.mark.parametrize(("returned", "why"), WHOLES.values(), ids=WHOLES)
def test_what_is_no_pair_of_splits_is_refused(returned, why):
    assert why in refusal(returned)


def test_a_validation_split_that_leaves_nothing_to_train_on_is_refused():
    assert "leaves none for training" in refusal(raw(images(10), labels(10)), validation_split=0.99)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"shape": (8, 8)}, "shape is (8, 8); it should be (height, width, channels)"),
        ({"shape": [8, 8, 1]}, "shape is [8, 8, 1]"),
        ({"shape": (8, None, 1)}, "shape is (8, None, 1)"),
        ({"kind": "tokens", "shape": (8,)}, "vocabulary is null"),
        ({"kind": "sound"}, "kind is 'sound'; it should be 'image', 'tokens', 'features', 'text', 'series' or 'pairs'"),
        ({"classes": 1}, "classes is 1; it should be an integer of at least 2"),
        ({"examples": 0.5}, "examples is 0.5"),
    ],
)
def test_a_signature_that_contradicts_itself_is_refused(fields, why):
    with pytest.raises(DataError) as caught:
        Signature(**{"kind": "image", "shape": (8, 8, 1), "classes": 2, "examples": 9, **fields})
    assert why in str(caught.value)


any_array = arrays.arrays(
    arrays.scalar_dtypes() | st.just(np.dtype(object)) | st.sampled_from(["uint8", "int32", "float32", "int64"]).map(np.dtype),
    arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4) | st.sampled_from([(3, 4, 4, 1), (3,), (3, 5)]),
    elements=None,
    fill=None,
)  # fmt: skip
plain = st.none() | st.integers() | st.floats() | st.text(max_size=3)
small = arrays.arrays("int64", st.integers(0, 6), elements=st.integers(-1, 12))
part = any_array | plain | st.lists(plain, max_size=3) | st.builds(Tokens, small | any_array, small | any_array)
good_labels = arrays.arrays("int64", (3,), elements=st.integers(0, 2))
odd_labels = arrays.arrays("int64", (3,), elements=st.integers(-1, 3))
good_images = arrays.arrays("uint8", (3, 4, 4, 1), elements=st.integers(100, 255))
good_texts = st.lists(st.integers(1, 5), min_size=3, max_size=3).map(
    lambda lengths: np.array([[7] * length + [0] * (5 - length) for length in lengths])
)
odd_texts = arrays.arrays("int64", (3, 5), elements=st.integers(0, 9))
good = {signature.kind: st.tuples(x, good_labels) for signature, x in ((IMAGES, good_images), (TEXTS, good_texts))}
half = good["image"] | good["tokens"] | st.tuples(part | good_images | odd_texts, part | odd_labels) | part
provenance = st.just(HERE) | st.builds(Provenance, plain, plain, plain) | plain


@st.composite
def promises(draw):
    """Draw a signature and what is returned for it: as promised, nearly so, or anything."""
    promised = draw(st.sampled_from([IMAGES, TEXTS]))
    own = good[promised.kind]
    return draw(st.builds(Raw, own, own, st.just(HERE)) | st.builds(Raw, own | half, half, provenance) | half), promised


@given(promises())
def test_whatever_is_returned_is_fit_to_train_on_or_a_data_error(case):
    returned, promised = case
    try:
        splits = load(returned, promised, validation_split=0.0)
    except DataError as error:
        assert str(error).startswith("data set 'made'")
        assert "; " in str(error)
        return
    assert isinstance(splits, Splits)
    for split in (splits.train, splits.test):
        assert len(split.x) == len(split.y) == len(split.ids) > 0
        assert split.y.dtype == "int32"
        assert set(split.y.tolist()) <= {0, 1, 2}
        if promised is IMAGES:
            assert split.x.dtype == "uint8"
            assert split.x.shape[1:] == (4, 4, 1)
        else:
            assert split.x.values.dtype == "int32"
            assert split.x.values.min() > 0
            assert split.x.values.max() < 10
            assert 0 < split.x.lengths.min() <= split.x.lengths.max() <= 5
