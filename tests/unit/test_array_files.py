"""Own arrays: what is found in a file, what it becomes, and what is refused."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from deepcli.data.arrays import array_inputs, stored_arrays
from deepcli.data.arrays.array_files import open_arrays
from deepcli.data.arrays.splits import Tokens
from deepcli.errors import DataError

RNG = np.random.RandomState(0)
IMAGES = RNG.randint(0, 256, (6, 5, 4, 3), dtype=np.uint8)
COLUMNS = RNG.randn(6, 3)
CLASSES = np.array([3, 7, 3, 7, 7, 3])
IDS = np.array([[1, 5, 2], [1, 0, 0], [0, 1, 9], [1, 1, 0], [1, 3, 3], [2, 0, 0]])


def save(folder, arrays, kind="npz"):
    """Write arrays in a kind of file; of `.npy` files, the first is returned."""
    path = folder / f"d.{kind}"
    if kind == "h5":
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array.astype(object) if array.dtype.kind == "U" else array
    elif kind == "packed":
        path = folder / "d.npz"
        np.savez_compressed(path, **arrays)
    else:
        np.savez(path, **arrays)
    return path


def rows(found):
    """Return the inputs of training, which are not token ids."""
    inputs = found.inputs["train"]
    assert isinstance(inputs, np.ndarray)
    return inputs


def codes(found):
    return [finding.code for finding in found.findings]


@pytest.fixture(params=[False, True], ids=["read", "mapped"])
def mapped(request, monkeypatch):
    """Run a test with files read and with files mapped into memory."""
    if request.param:
        monkeypatch.setattr(stored_arrays, "MAPPED_BYTES", 1)
    return request.param


@pytest.fixture(params=[1, 1 << 20], ids=["in pieces", "whole"])
def pieces(request, monkeypatch):
    monkeypatch.setattr(array_inputs, "PIECE_BYTES", request.param)


@pytest.mark.parametrize("kind", ["npz", "packed", "h5"])
@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("X", "labels"), ("data", "target"), ("images", "Targets")])
def test_inputs_and_targets_are_found_by_their_usual_names(tmp_path, kind, x, y, mapped):
    found = open_arrays(save(tmp_path, {x: IMAGES, y: CLASSES, "note": np.arange(2)}, kind))
    assert found.names == {"train": (x, y)}
    assert (found.kind, found.shape, found.vocabulary) == ("image", (5, 4, 3), None)
    assert np.array_equal(rows(found), IMAGES)
    assert isinstance(rows(found), np.memmap) == (mapped and kind != "packed")
    assert (found.targets.kind, found.targets.names) == ("classes", ("3", "7"))
    assert found.targets.splits["train"].tolist() == [0, 1, 0, 1, 1, 0]
    assert found.targets.splits["train"].dtype == np.int32
    assert found.findings == ()


@pytest.mark.parametrize("order", ["C", "F"])
def test_two_npy_files(tmp_path, order, mapped):
    np.save(tmp_path / "pictures.npy", np.asarray(IMAGES, order=order))
    np.save(tmp_path / "l.npy", CLASSES)
    found = open_arrays(tmp_path / "pictures.npy", y="l.npy")
    assert found.names == {"train": ("pictures", "l")}
    assert np.array_equal(rows(found), IMAGES)
    for y in (None, "labels"):
        with pytest.raises(DataError, match=r"name the file of the targets, such as y: labels\.npy"):
            open_arrays(tmp_path / "pictures.npy", y=y)
    with pytest.raises(DataError, match=r"no\.npy: no such file"):
        open_arrays(tmp_path / "pictures.npy", y="no.npy")


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")),
        (("train_images", "train_labels"), ("val_images", "val_labels"), ("test_images", "test_labels")),
        (("Xtrain", "ytrain"), ("Xvalid", "yvalid"), ("Xtest", "ytest")),
        (("trainX", "trainY"), ("devX", "devY"), ("testX", "testY")),
        (("train_set_x", "train_set_y"), ("valid_set_x", "valid_set_y"), ("test_set_x", "test_set_y")),
    ],
)
def test_pairs_of_names_are_splits(tmp_path, train, validation, test):
    arrays: dict[str, np.ndarray] = {}
    for place, (x, y) in enumerate([test, train, validation]):
        arrays |= {x: COLUMNS[place : place + 2], y: CLASSES[place : place + 2]}
    found = open_arrays(save(tmp_path, arrays))
    assert found.names == {"train": train, "validation": validation, "test": test}
    assert list(found.names) == ["train", "validation", "test"]
    assert np.array_equal(rows(found), COLUMNS[1:3].astype(np.float32))
    assert found.targets.splits["test"].tolist() == [0, 1]
    assert found.targets.splits["train"].tolist() == [1, 0]


def test_groups_of_hdf5_are_splits(tmp_path):
    arrays = {
        "train/x": COLUMNS,
        "train/y": CLASSES,
        "test/x": COLUMNS[:2],
        "test/y": CLASSES[:2],
        "deep/er/x": COLUMNS,
    }
    found = open_arrays(save(tmp_path, arrays, "h5"))
    assert found.names == {"train": ("train/x", "train/y"), "test": ("test/x", "test/y")}


def test_inputs_without_targets_are_left_out_and_named(tmp_path):
    found = open_arrays(save(tmp_path, {"x_train": COLUMNS, "y_train": CLASSES, "x_test": COLUMNS}))
    assert list(found.names) == ["train"]
    assert [(one.code, one.where.rpartition(": ")[2]) for one in found.findings] == [("no-targets", "x_test")]


@pytest.mark.parametrize(
    ("names", "words", "why"),
    [
        ("x images y", {}, "several arrays may be x: x, images; choose with x: NAME"),
        ("x y labels", {}, "several arrays may be y: y, labels; choose with y: NAME"),
        ("x", {}, r"no array has a usual name for y; it has x float64 \(6, 3\); choose with y: NAME"),
        ("a b", {}, r"no array has a usual name for x; it has a float64 \(6, 3\), b float64 \(6, 3\)"),
        ("x y", {"x": "z"}, r"has no array 'z'; it has x"),
        ("x y", {"y": "z"}, r"has no array 'z'; it has x"),
        ("x y x_test y_test", {}, "several arrays may be the inputs: x, x_test; choose"),
        ("x_train y_test x_test", {}, "has x_train but no targets for it"),
        ("x_train y_train y_test", {}, "has y_test but no inputs for it"),
        ("x_train X_train y_train", {}, "several arrays may be of the train split: x_train, X_train"),
        ("x_test y_test", {}, "no array has a usual name for x"),
    ],
)
def test_names_are_never_guessed(tmp_path, names, words, why):
    with pytest.raises(DataError, match=why):
        open_arrays(save(tmp_path, dict.fromkeys(names.split(), COLUMNS)), **words)


def test_names_may_be_chosen(tmp_path):
    path = save(tmp_path, {"x": COLUMNS, "other": COLUMNS + 1, "y": CLASSES, "x_train": COLUMNS})
    found = open_arrays(path, x="other", y="y")
    assert np.array_equal(rows(found), (COLUMNS + 1).astype(np.float32))
    assert open_arrays(path, x="other").names == {"train": ("other", "y")}


LEVELS = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)


@pytest.mark.parametrize(
    "x",
    [
        LEVELS, LEVELS[..., None], LEVELS.astype(np.int64), LEVELS.astype(np.float32),
        LEVELS / 255, LEVELS / np.float32(255), LEVELS.astype(np.float32) * np.float32(1 / 255), (LEVELS / 255).astype(">f8"),
        (LEVELS / 255).astype(np.float16),
    ],
)  # fmt: skip
def test_pixels_become_bytes_where_that_is_exact(tmp_path, x, pieces):
    found = open_arrays(save(tmp_path, {"x": x, "y": CLASSES[:4]}))
    assert (found.kind, found.shape) == ("image", (8, 8, 1))
    assert rows(found).dtype == np.uint8
    assert np.array_equal(rows(found)[..., 0], LEVELS)


def test_black_and_white_become_0_and_255(tmp_path):
    x = np.array([[[True, False]], [[False, False]]])
    assert rows(open_arrays(save(tmp_path, {"x": x, "y": CLASSES[:2]}))).ravel().tolist() == [255, 0, 0, 0]
    found = open_arrays(save(tmp_path, {"x": x.astype(float), "y": CLASSES[:2]}))
    assert rows(found).ravel().tolist() == [255, 0, 0, 0]


@pytest.mark.parametrize(
    ("x", "why"),
    [
        (RNG.rand(6, 4, 4), r"between the 256 levels of uint8; round them, np\.round\(x \* 255\)"),
        (RNG.rand(6, 4, 4) * 2 - 1, r"not uint8; save np\.round\(\(x \+ 1\) \* 127\.5\)"),
        (RNG.rand(6, 4, 4) * 200, r"not uint8; save np\.round\(x\)\.astype"),
        (RNG.randint(300, 60_000, (6, 4, 4)), r"if 65535 is white, save np\.round\(x / 257\)"),
        (IMAGES.astype(int) - 300, "scale them to 0"),
        (np.where(RNG.rand(6, 4, 4) < 0.1, np.nan, 0.0), "pixels that are NaN or infinite; repair"),
        (np.full((6, 4, 4), np.inf), "pixels that are NaN or infinite"),
        (IMAGES[:, :, :, 0] % 17, r"its brightest pixel is 16; .* save np\.round\(x \* \(255 / 16\)\)"),
        (np.zeros((6, 4, 4), np.uint8), "its brightest pixel is 0"),
        (np.moveaxis(np.repeat(IMAGES, 2, 2), 3, 1), r"save np\.moveaxis\(x, 1, -1\)"),
        (RNG.rand(6, 9, 9, 9), r"images are \(n, height, width\[, channels up to 4\]\)"),
        (RNG.rand(6, 2, 2, 2, 2), r"x\.reshape\(len\(x\), -1\)"),
        (COLUMNS.astype(complex), "it is complex128 with the shape .* save real numbers"),
        (np.array(["a"] * 6), "it holds strings; texts are read from a table"),
        (np.zeros((0, 3)), "without examples"),
        (np.zeros((6, 0)), "at least one value for each example"),
        (np.array(1.0), "it is a single value; save one row"),
        (COLUMNS[:5], "it has 5 examples; 'y' has 6; save one target"),
    ],
)
def test_inputs_that_cannot_be_kept_whole_are_refused_with_a_remedy(tmp_path, x, why, pieces):
    with pytest.raises(DataError, match=rf"d\.npz: array 'x': .*{why}|d\.npz: array 'x': {why}"):
        open_arrays(save(tmp_path, {"x": x, "y": CLASSES}))


def test_columns_may_have_missing_values_but_not_infinite_ones(tmp_path, pieces, mapped):
    x = COLUMNS.astype(np.float32)
    x[4, 1] = np.nan
    found = open_arrays(save(tmp_path, {"x": x, "y": CLASSES}))
    assert (found.kind, found.shape) == ("features", (3,))
    assert np.array_equal(rows(found), x, equal_nan=True)
    x[3, 2] = -np.inf
    with pytest.raises(DataError, match="row 3, column 2 is -inf; replace it"):
        open_arrays(save(tmp_path, {"x": x, "y": CLASSES}))
    large = COLUMNS.copy()
    large[5, 0] = 1e300
    with pytest.raises(DataError, match=r"row 5, column 0 is 1e\+300, too large for float32"):
        open_arrays(save(tmp_path, {"x": large, "y": CLASSES}))


def test_one_column_may_have_one_dimension(tmp_path):
    found = open_arrays(save(tmp_path, {"x": COLUMNS[:, 0], "y": CLASSES}))
    assert found.shape == (1,)
    assert np.array_equal(rows(found)[:, 0], COLUMNS[:, 0].astype(np.float32))


def test_what_may_be_meant_otherwise_is_reported(tmp_path):
    assert codes(open_arrays(save(tmp_path, {"x": IDS, "y": CLASSES}))) == ["maybe-tokens"]
    ids = np.array([[16_777_217]] * 6)
    assert codes(open_arrays(save(tmp_path, {"x": ids, "y": CLASSES}), kind="features")) == ["rounded"]
    assert codes(open_arrays(save(tmp_path, {"x": ids - 1, "y": CLASSES}), kind="features")) == []


def test_token_ids_only_where_that_is_said(tmp_path):
    path = save(tmp_path, {"x": IDS, "y": CLASSES})
    assert open_arrays(path).kind == "features"
    found = open_arrays(path, kind="tokens")
    tokens = found.inputs["train"]
    assert isinstance(tokens, Tokens)
    assert (found.kind, found.shape, found.vocabulary) == ("tokens", (3,), 10)
    assert tokens.values.tolist() == [1, 5, 2, 1, 1, 9, 1, 1, 1, 3, 3, 2]
    assert tokens.offsets.tolist() == [0, 3, 4, 6, 8, 11, 12]
    assert (tokens.values.dtype, tokens.offsets.dtype) == (np.int32, np.int64)


@pytest.mark.parametrize(
    ("x", "why"),
    [
        ([[1, 0, 2]] * 6, "row 0 has a 0 between ids"),
        ([[1, 2]] * 5 + [[0, 0]], "row 5 has no token"),
        ([[1, -2]] * 6, "it has the id -2"),
        ([[1, 2**31]] * 6, "it has the id 2147483648"),
        ([[1.0, 2.0]] * 6, r"it is float64 with the shape \(6, 2\); token ids are integers"),
        ([1] * 6, r"token ids are integers, \(n, steps\)"),
    ],
)
def test_bad_token_ids(tmp_path, x, why):
    with pytest.raises(DataError, match=why):
        open_arrays(save(tmp_path, {"x": np.array(x), "y": CLASSES}), kind="tokens")


def test_splits_have_inputs_of_one_shape(tmp_path):
    arrays = {"x_train": COLUMNS, "y_train": CLASSES, "x_test": COLUMNS[:, :2], "y_test": CLASSES}
    with pytest.raises(
        DataError, match=r"array 'x_test': the shape of an example is \(2,\); that of 'x_train' is \(3,\)"
    ):
        open_arrays(save(tmp_path, arrays))


@pytest.mark.parametrize(
    ("y", "kind", "names", "values"),
    [
        ([-1, 1, 1], "classes", ("-1", "1"), [0, 1, 1]),
        ([10, 9, 2], "classes", ("2", "9", "10"), [2, 1, 0]),
        ([True, False, True], "classes", ("False", "True"), [1, 0, 1]),
        (["b", "a", "ü"], "classes", ("a", "b", "ü"), [1, 0, 2]),
        ([b"b", b"a", "ü".encode()], "classes", ("a", "b", "ü"), [1, 0, 2]),
        ([[3], [5], [3]], "classes", ("3", "5"), [0, 1, 0]),
        ([0.0, 1.0, 1.0], "classes", ("0", "1"), [0, 1, 1]),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], "classes", ("0", "1", "2"), [1, 0, 2]),
        ([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], "classes", ("0", "1"), [1, 0, 1]),
        ([[0, 1, 1], [1, 0, 0], [0, 0, 0]], "labels", ("0", "1", "2"), [[0, 1, 1], [1, 0, 0], [0, 0, 0]]),
        ([0.5, 1.5, 2.5], "numbers", ("y",), [[0.5], [1.5], [2.5]]),
        ([[0.5, 1], [1.5, 2], [2.5, 0]], "numbers", ("y_0", "y_1"), [[0.5, 1], [1.5, 2], [2.5, 0]]),
    ],
)
def test_what_targets_are_is_found_by_their_values(tmp_path, y, kind, names, values):
    found = open_arrays(save(tmp_path, {"x": COLUMNS[:3], "y": np.array(y)})).targets
    assert (found.kind, found.names) == (kind, names)
    assert found.splits["train"].tolist() == values
    assert found.splits["train"].dtype == {"classes": np.int32, "labels": np.uint8, "numbers": np.float32}[kind]
    assert found.findings == ()


def test_strings_in_hdf5(tmp_path):
    found = open_arrays(save(tmp_path, {"x": COLUMNS[:2], "y": np.array(["ü", "a"])}, "h5"))
    assert found.targets.names == ("a", "ü")


@pytest.mark.parametrize(
    ("y", "target", "kind", "values"),
    [
        ([1, 2, 3], "numbers", "numbers", [[1], [2], [3]]),
        ([3, 1, 9], "levels", "levels", [1, 0, 2]),
        ([1.0, 2.0, 4.0], "classes", "classes", [0, 1, 2]),
        ([[0, 1], [1, 0], [1, 0]], "labels", "labels", [[0, 1], [1, 0], [1, 0]]),
        ([[0, 1], [1, 1], [1, 0]], "numbers", "numbers", [[0, 1], [1, 1], [1, 0]]),
    ],
)
def test_the_kind_of_targets_may_be_chosen(tmp_path, y, target, kind, values):
    found = open_arrays(save(tmp_path, {"x": COLUMNS[:3], "y": np.array(y)}), target=target).targets
    assert (found.kind, found.splits["train"].tolist()) == (kind, values)


@pytest.mark.parametrize(
    ("y", "target", "why"),
    [
        ([1, 1, 1], None, "all its values are 1; there is nothing to learn"),
        (["a", "a", "a"], None, "all its values are a"),
        ([2.5, 2.5, 2.5], None, "all values of target 0 are 2.5"),
        ([[1.5, 2], [1.5, 3], [1.5, 4]], None, "all values of target 0 are 1.5"),
        ([[0, 1], [0, 1], [0, 1]], None, "all its rows have the 1 in the same column"),
        ([0.5, np.nan, 1], None, "1 of its 3 values are NaN or infinite, the first in row 1"),
        ([[0.5, 1], [1, 2], [np.inf, 1]], None, "the first in row 2"),
        ([0.5, 1e300, 1], None, "too large for float32"),
        (["a", "", "b"], None, "the target of example 1 is an empty string"),
        (["a", "c", "b"], "numbers", "it holds strings; numbers are wanted"),
        ([["a", "c"]] * 3, None, r"it has strings with the shape \(3, 2\)"),
        ([b"a", b"\xff", b"b"], None, "its strings are not UTF-8"),
        ([0, 1, 1], "labels", r"labels are \(n, labels\) of 0 and 1"),
        ([[0, 2], [1, 1], [0, 0]], "labels", "values other than 0 and 1"),
        ([[0, 1], [1, 1], [0, 0]], "classes", "its rows are not one-hot"),
        ([[0, 1], [1, 1], [0, 0]], "levels", "save one level for each example"),
        ([[[0]], [[1]], [[0]]], None, r"its shape is \(3, 1, 1\)"),
        ([1j, 2j, 3j], None, "it is complex128"),
    ],
)
def test_targets_from_which_nothing_can_be_learned_are_refused(tmp_path, y, target, why):
    with pytest.raises(DataError, match=rf"array 'y': .*{why}|array 'y': {why}"):
        open_arrays(save(tmp_path, {"x": COLUMNS[:3], "y": np.array(y)}), target=target)


def test_many_different_integers_are_neither_classes_nor_numbers_in_silence(tmp_path):
    path = save(tmp_path, {"x": np.zeros((60, 1)), "y": np.arange(60) // 2})
    with pytest.raises(DataError, match=r"has 30 different integers for 60 examples, .* set task: regression"):
        open_arrays(path)
    assert len(open_arrays(path, target="classes").targets.names) == 30
    assert open_arrays(path, target="numbers").targets.kind == "numbers"
    few = save(tmp_path, {"x": np.zeros((90, 1)), "y": np.arange(90) // 3})
    assert len(open_arrays(few).targets.names) == 30


def test_whole_numbers_stored_as_floats_may_be_classes(tmp_path):
    found = open_arrays(save(tmp_path, {"x": COLUMNS, "y": np.array([0.0, 1, 2, 0, 1, 2])}))
    assert found.targets.kind == "numbers"
    assert codes(found) == ["maybe-classes"]


def test_classes_that_training_lacks_are_reported(tmp_path):
    arrays = {"x_train": COLUMNS, "y_train": CLASSES, "x_test": COLUMNS[:2], "y_test": np.array([7, 9])}
    found = open_arrays(save(tmp_path, arrays))
    assert found.targets.names == ("3", "7", "9")
    assert found.targets.splits["test"].tolist() == [1, 2]
    assert [(one.code, one.text) for one in found.findings] == [
        ("class-not-trained", "has classes that training lacks: 9")
    ]


class Trap:
    """An object whose unpickling would be noticed."""

    def __reduce__(self):
        return (pytest.fail, ("code in a data file was run",))


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_objects_are_refused_and_never_unpickled(tmp_path, kind):
    trap = np.array([Trap()] * 6, object)
    stream = io.BytesIO()
    np.lib.format.write_array(stream, trap, allow_pickle=True)
    np.save(tmp_path / "y.npy", CLASSES)
    path = tmp_path / f"x.{kind}"
    if kind == "npy":
        path.write_bytes(stream.getvalue())
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", stream.getvalue())
            archive.write(tmp_path / "y.npy", "y.npy")
    with pytest.raises(DataError, match="holds Python objects, which could run code"):
        open_arrays(path, y="y.npy" if kind == "npy" else None)


def test_structured_arrays_are_refused(tmp_path):
    x = np.zeros(6, [("a", "f4"), ("b", "i4")])
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", CLASSES)
    with pytest.raises(DataError, match="use a table"):
        open_arrays(tmp_path / "x.npy", y="y.npy")
    with pytest.raises(DataError, match="save real numbers"):
        open_arrays(save(tmp_path, {"x": x, "y": CLASSES}))


@pytest.mark.parametrize("kind", ["npz", "packed", "h5", "npy"])
@pytest.mark.parametrize("damage", ["empty", "half", "noise", "text"])
def test_damaged_files_are_errors(tmp_path, kind, damage):
    path = save(tmp_path, {"x": IMAGES, "y": CLASSES}, "npz" if kind == "npy" else kind)
    if kind == "npy":
        path = tmp_path / "x.npy"
        np.save(path, IMAGES)
        np.save(tmp_path / "y.npy", CLASSES)
    content = path.read_bytes()
    noise = bytearray(content)
    noise[:64] = bytes(64)
    path.write_bytes(
        {"empty": b"", "half": content[: len(content) // 2], "noise": bytes(noise), "text": b"a,b\n"}[damage]
    )
    if kind in ("npz", "packed") and damage == "noise":
        pytest.skip("a zip file is read from its end")
    with pytest.raises(DataError, match=rf"{path.name}: "):
        open_arrays(path, y="y.npy" if kind == "npy" else None)


def test_a_header_that_declares_more_than_the_file_holds_is_damage(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 1 << 10)})
    (tmp_path / "x.npy").write_bytes(stream.getvalue() + b"abcd")
    np.save(tmp_path / "y.npy", CLASSES)
    with pytest.raises(DataError, match="more than it holds"):
        open_arrays(tmp_path / "x.npy", y="y.npy")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", stream.getvalue() + b"abcd")
        archive.write(tmp_path / "y.npy", "y.npy")
    with pytest.raises(DataError, match="does not match its content"):
        open_arrays(tmp_path / "x.npz")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n")
    with pytest.raises(DataError, match=r"a\.csv: is not a file of arrays; supported are \.npz, \.npy"):
        open_arrays(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"a\.npz: no such file"):
        open_arrays(tmp_path / "a.npz")


def test_hdf5_files_do_not_lead_to_other_files(tmp_path):
    other = save(tmp_path, {"x": COLUMNS, "y": CLASSES}, "h5").rename(tmp_path / "other.h5")
    raw = tmp_path / "raw"
    raw.write_bytes(COLUMNS.tobytes())

    def written(name, make):
        with h5py.File(tmp_path / name, "w") as file:
            file["y"] = CLASSES
            make(file)
        return tmp_path / name

    def virtual(file):
        layout = h5py.VirtualLayout((6, 3), "f8")
        layout[:] = h5py.VirtualSource(other, "x", (6, 3))
        file.create_virtual_dataset("x", layout)

    def through(file):
        file["a/b/c/other"] = h5py.ExternalLink(other, "/")  # too deep to be looked at
        file["x"] = h5py.SoftLink("/a/b/c/other/x")

    makers = {
        "link": lambda file: file.__setitem__("x", h5py.ExternalLink(other, "x")),
        "soft": through,
        "virtual": virtual,
        "storage": lambda file: file.create_dataset("x", (6, 3), "f8", external=[(raw, 0, raw.stat().st_size)]),
    }
    for name, make in makers.items():
        with pytest.raises(DataError, match=rf"{name}\.h5: .*(link to another file|is in another file)"):
            open_arrays(written(f"{name}.h5", make))


def test_soft_links_inside_hdf5_are_fine(tmp_path):
    path = save(tmp_path, {"group/data": COLUMNS, "y": CLASSES}, "h5")
    with h5py.File(path, "a") as file:
        file["x"] = h5py.SoftLink("/group/data")
        file["gone"] = h5py.SoftLink("/nowhere")
    assert np.array_equal(rows(open_arrays(path)), COLUMNS.astype(np.float32))


def test_hdf5_that_unpacks_to_too_much_is_refused(tmp_path):
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("x", (1 << 20, 1 << 14), "f4", chunks=(1, 1 << 14), compression="gzip")
        file["y"] = CLASSES
    assert (tmp_path / "bomb.h5").stat().st_size < 1 << 20
    with pytest.raises(DataError, match="x unpacks to more than 2 GiB"):
        open_arrays(tmp_path / "bomb.h5")
