"""Pictures in shards: which files and fields are read, what they become, and what is refused, with its place."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from deepcli.data import DATASETS
from deepcli.data.arrays.splits import Split
from deepcli.data.files import OFFLINE
from deepcli.data.shards import ShardsDataset
from deepcli.data.sources.shards import shard_records
from deepcli.data.sources.shards.shard_files import ShardFile, format_of, shard_files
from deepcli.data.sources.shards.shard_records import count_records, read_records
from deepcli.data.sources.shards.tf_examples import read_example
from deepcli.errors import DataError
from tests import own_shards
from tests.own_shards import CLASSES, encoded, example, examples, pixels

FORMATS = [
    "tfrecord",
    pytest.param("array_record", marks=pytest.mark.skipif(sys.platform == "win32", reason="no wheels")),
]


def section(path: str, reads=None, **fields) -> ShardsDataset:
    found = DATASETS.select({"path": path, "batch_size": 8, **fields}).bound(reads)
    assert isinstance(found, ShardsDataset)
    return found


def whole(split: Split) -> np.ndarray:
    return np.asarray(split.x)


# Files


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.array_record", "array_record"), ("mnist-train.array_record-00000-of-00010", "array_record"),
        ("mnist-test.tfrecord-00001-of-00010", "tfrecord"), ("a.tfrecords", "tfrecord"), ("b.TFRecord.gz", "tfrecord"),
        ("train-00000-of-00002.parquet", "parquet"), ("a.csv", None), ("array_record", None), ("x.array_record*", "array_record"),
    ],
)  # fmt: skip
def test_names_say_the_format(name: str, kind: str | None) -> None:
    assert format_of(name) == kind


def test_files_are_found_by_pattern_and_in_a_folder_in_order_with_their_splits() -> None:
    for name in (
        "b-train.tfrecord-00001-of-00002",
        "b-train.tfrecord-00000-of-00002",
        "b-test.tfrecord-00000-of-00001",
    ):
        Path("some data").mkdir(exist_ok=True)
        Path("some data", name).touch()
    Path("some data", "dataset_info.json").touch()
    found = [(one.path.name, one.split) for one in shard_files("some data")]
    assert found == [
        ("b-test.tfrecord-00000-of-00001", "test"), ("b-train.tfrecord-00000-of-00002", "train"),
        ("b-train.tfrecord-00001-of-00002", "train"),
    ]  # fmt: skip
    assert [one.path.name for one in shard_files("some data/*train*")] == [
        name for name, split in found if split == "train"
    ]
    assert DATASETS.select("some data").type == DATASETS.select("some data/*.tfrecord*").type == "shards"


def test_what_is_wrong_with_files_is_said() -> None:
    for name in ("a-train.tfrecord-00000-of-00003", "a-train.tfrecord-00002-of-00003", "b.tfrecord", "c.array_record"):
        Path(name).touch()
    with pytest.raises(DataError, match=r"gone/\*\.tfrecord: no shards there"):
        shard_files("gone/*.tfrecord")
    with pytest.raises(DataError, match="no such file or folder"):
        shard_files("gone.tfrecord")
    with pytest.raises(DataError, match="several formats, array_record and tfrecord"):
        shard_files("*")
    with pytest.raises(DataError, match="1 of its 3 shards are missing: 00001"):
        shard_files("a-*")
    Path("a-train.tfrecord-00001-of-00003").touch()
    with pytest.raises(DataError, match=r"some files are named after a split, others are not: b\.tfrecord"):
        shard_files("*.tfrecord*")


# Records


@pytest.mark.parametrize("format_", FORMATS)
def test_records_are_those_that_were_written(format_: str) -> None:
    written = [example(text=b"\xff\x00", numbers=[1, -2, 1 << 40], reals=[0.5, -1e30], none=[k]) for k in range(150)]
    own_shards.write(Path("d"), format_, written, shards=1)
    (file,) = shard_files("d")
    assert count_records(file) == 150
    found = [*read_records(file)]
    assert found[7] == {
        "text": [b"\xff\x00"], "numbers": [1, -2, 1 << 40], "reals": [0.5, float(np.float32(-1e30))], "none": [7],
    }  # fmt: skip
    assert [record["none"][0] for record in found] == [*range(150)]


def test_compressed_records_are_read() -> None:
    file = ShardFile(own_shards.write_tfrecord(Path("a.tfrecord.gz"), examples(5), "GZIP"), "tfrecord", None)
    assert count_records(file) == len([*read_records(file)]) == 5


@pytest.mark.parametrize("format_", FORMATS)
def test_a_cut_or_foreign_file_and_a_foreign_record_are_named(format_: str) -> None:
    folder = own_shards.write(Path("d"), format_, examples(20), shards=1)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    for cut in (len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        for use in (count_records, lambda file: [*read_records(file)]):
            with pytest.raises(DataError, match=r"blobs-train.*(the file ends inside a record|was cut|cannot be read)"):
                use(shard_files("d")[0])
    path.write_bytes(b"nothing of the kind" * 1000)
    with pytest.raises(DataError, match=r"is not an? (TFRecord|ArrayRecord) file"):
        count_records(shard_files("d")[0])
    own_shards.write(Path("d"), format_, [*examples(2), b"\x80\x05msgpack"], shards=1)
    with pytest.raises(DataError, match=r"00001\[2\]: is not a tf\.train\.Example"):
        [*read_records(shard_files("d")[0])]


@pytest.mark.parametrize("content", [b"", b"\x00", b"hello", b"\x0a\x00", b"PK\x03\x04" + bytes(90)])
def test_what_is_no_example_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="is not a"):
        read_example(content)


# Fields, targets and splits


@pytest.mark.parametrize("format_", FORMATS)
def test_pictures_classes_and_splits_are_those_that_were_written(format_: str) -> None:
    folder = own_shards.write(Path("d"), format_, examples(30))
    own_shards.write(folder, format_, examples(12, seed=1), "test", shards=1)
    (folder / "label.labels.txt").write_text("\n".join(CLASSES))
    data = section("d")
    splits = data.load(OFFLINE)
    assert data.data_schema.target.names == CLASSES
    assert data.data_schema.shape == (20, 24, 3)
    assert len(splits.test) == 12
    written = [image for image, _ in pixels(12, seed=1)]
    np.testing.assert_array_equal(whole(splits.test), written)
    assert splits.test.y.tolist() == [label for _, label in pixels(12, seed=1)]
    assert len(splits.train) + len(splits.validation) == 30
    again = section("d").load(OFFLINE)
    np.testing.assert_array_equal(whole(again.train), whole(splits.train))
    assert again.provenance == splits.provenance


def test_shards_without_splits_are_divided_by_content_whatever_their_format() -> None:
    pytest.importorskip("array_record")
    own_shards.write(Path("a"), "tfrecord", examples(40), "part", shards=3)
    own_shards.write(Path("b"), "array_record", examples(40), "part", shards=2)
    first, second = (section(name).load(OFFLINE) for name in "ab")
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(whole(first[name]), whole(second[name]))
        assert first[name].y.tolist() == second[name].y.tolist()
    assert first.provenance.content == second.provenance.content


def test_a_field_may_name_the_split() -> None:
    words = [b"train", b"valid", b"TEST"]
    records = [
        example(image=encoded(image), label=label, part=words[number % 9 % 4 % 3])
        for number, (image, label) in enumerate(pixels(36))
    ]
    own_shards.write(Path("d"), "tfrecord", records, "all")
    splits = section("d", split={"column": "part"}).load(OFFLINE)
    assert len(splits.test) == sum(k % 9 % 4 % 3 == 2 for k in range(36))
    own_shards.write(Path("d"), "tfrecord", [*records, example(image=b"", label=1, part=b"other")], "all")
    with pytest.raises(DataError, match=r"\[18\]: its split is text; expected train, validation or test"):
        section("d", split={"column": "part"}).load(OFFLINE)


def test_numbers_and_labels_are_targets_too() -> None:
    def records(values):
        return [
            example(image=encoded(image), y=value)
            for (image, _), value in zip(pixels(len(values)), values, strict=True)
        ]

    own_shards.write(Path("n"), "tfrecord", records([k / 4 for k in range(40)]), "all")
    numbers = section("n").load(OFFLINE)
    assert numbers.train.y.dtype == np.float32
    assert sorted(float(y[0]) for name in ("train", "validation", "test") for y in numbers[name].y) == [
        k / 4 for k in range(40)
    ]
    own_shards.write(Path("m"), "tfrecord", records([[k % 3, 3 + k % 2] for k in range(40)]), "all")
    labels = section("m")
    assert labels.data_schema.target.kind == "labels"
    assert labels.load(OFFLINE).train.y.sum(axis=1).tolist() == [2] * len(labels.load(OFFLINE).train)
    assert section("m", "labels").data_schema.target.names == ("0", "1", "2", "3", "4")
    with pytest.raises(DataError, match=r"\[0\]: its target is \[0, 3\], not one class"):
        section("m", "classes").load(OFFLINE)
    assert section("m", "inputs").load(OFFLINE).train.predicts_inputs


def test_pixels_as_they_are_need_a_size() -> None:
    images = [*pixels(30)]
    own_shards.write(Path("a"), "tfrecord", [example(image=x.tobytes(), label=y) for x, y in images], "all")
    with pytest.raises(DataError, match=r"neither an encoded picture nor pixels of a known size.*data\.size"):
        section("a").load(OFFLINE)
    sized = [example(image=x.tobytes(), label=y, height=20, width=24, depth=3) for x, y in images]
    own_shards.write(Path("b"), "tfrecord", sized, "all")
    png = own_shards.write(Path("c"), "tfrecord", examples(30), "all")
    told, named, decoded = section("a", size=[20, 24]), section("b"), section(str(png))
    for one in (told, named):
        assert one.data_schema.shape == decoded.data_schema.shape
    rows = [sorted(row.tobytes() for row in whole(one.load(OFFLINE).train)) for one in (told, named)]
    assert rows[0] == rows[1]
    assert {*rows[0]} <= {x.tobytes() for x, _ in images}


def test_records_of_other_fields_and_damaged_pictures_are_named() -> None:
    good = examples(30)
    own_shards.write(Path("d"), "tfrecord", [*good, example(picture=b"x", label=1)], "all", shards=1)
    with pytest.raises(
        DataError, match=r"\[30\]: its field 'image' is missing; it has label \(integer\), picture \(1 bytes\)"
    ):
        section("d").load(OFFLINE)
    own_shards.write(Path("d"), "tfrecord", [*good, example(image=encoded(next(pixels(1))[0]))], "all", shards=1)
    with pytest.raises(DataError, match=r"\[30\]: its field 'label' is missing"):
        section("d").load(OFFLINE)
    damaged = example(image=encoded(next(pixels(1))[0])[:90], label=1)
    own_shards.write(Path("d"), "tfrecord", [*good, damaged], "all", shards=1)
    splits = section("d").load(OFFLINE)
    (finding,) = splits.findings
    assert finding.severity == "error"
    assert finding.where.endswith("00001[30]")
    assert "damaged" in finding.text
    own_shards.write(Path("e"), "tfrecord", [example(photo=b"abc", kind=1)], "all", shards=1)
    with pytest.raises(
        DataError,
        match=r"\[0\]: no field has a usual name for image; it has kind \(integer\), photo \(3 bytes\); choose",
    ):
        section("e").load(OFFLINE)
    with pytest.raises(DataError, match=r"\[0\]: has no field 'photos' for image; did you mean 'photo'"):
        section("e", image="photos").load(OFFLINE)


def test_two_fields_that_may_be_the_target_are_named() -> None:
    records = [example(image=encoded(image), label=k, fine_label=k) for image, k in pixels(30)]
    own_shards.write(Path("d"), "tfrecord", records, "all")
    with pytest.raises(DataError, match=r"several fields may be label: .*choose with data\.label=NAME"):
        section("d").load(OFFLINE)
    assert section("d", label="fine_label").data_schema.target.reason == "the field 'fine_label'"


def test_parquet_of_pictures_is_read_with_its_names_of_classes() -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    about = {"info": {"features": {"label": {"names": [*CLASSES], "_type": "ClassLabel"}, "image": {"_type": "Image"}}}}
    for split, count in (("train", 30), ("test", 9)):
        rows = [{"image": {"bytes": encoded(x, "JPEG"), "path": None}, "label": y} for x, y in pixels(count)]
        table = pa.Table.from_pylist(rows).replace_schema_metadata({"huggingface": json.dumps(about)})
        Path("d").mkdir(exist_ok=True)
        pq.write_table(table, f"d/{split}-00000-of-00001.parquet", row_group_size=7)
    data = section("d/*.parquet", type="shards")
    assert data.data_schema.target.names == CLASSES
    assert len(data.load(OFFLINE).test) == 9


def test_nothing_is_read_again_where_it_was_decoded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    own_shards.write(Path("d"), "tfrecord", examples(30), "all")
    sized = {"size": [20, 24], "color_mode": "rgb"}
    first = section("d", **sized).load(OFFLINE)
    read: list[Path] = []
    real = shard_records._tfrecord

    def counted(path: Path, skip: bool = False):
        for content in real(path, skip):
            read.append(path)
            yield content

    monkeypatch.setattr(
        shard_records, "_tfrecord", lambda path, skip=False: counted(path, skip) if not skip else real(path, skip)
    )
    second = section("d", **sized).load(OFFLINE)
    assert len(read) <= 4  # the first record, to find its fields
    np.testing.assert_array_equal(whole(second.train), whole(first.train))


def test_a_model_predicts_the_records_of_shards_by_name_pattern_and_folder() -> None:
    from deepcli.inputs.reading import ReadOptions, reader_for
    from deepcli.inputs.shard_reading import ShardReader

    folder = own_shards.write(Path("my d"), "tfrecord", examples(30), "all")
    data, told = section("my d"), list[str]()
    reader = reader_for(data, None, ReadOptions(), told.append, told.append)
    assert isinstance(reader, ShardReader)
    first = "my d/blobs-all.tfrecord-00000-of-00002"
    for words, count in (([str(folder)], 30), (["my d/*"], 30), ([first], 15)):
        found = [*reader.read(words)]
        assert len(found) == count
        assert found[3].name == f"{first}[3]"
        np.testing.assert_array_equal(found[3].x, [*pixels(30)][3][0])
    Path("one.png").write_bytes(encoded(next(pixels(1))[0]))
    np.testing.assert_array_equal(next(reader.read(["one.png"])).x, next(pixels(1))[0])
    assert not told
    assert [*reader.read(["my d/*gone*"])] == []
    assert "no shards there" in told[0]
    no_labels = [example(image=encoded(image), class_of=k, label=k, labels=k) for image, k in pixels(3)]
    own_shards.write(Path("e"), "tfrecord", no_labels, "all", shards=1)
    assert len([*reader.read(["e"])]) == 3


def test_raw_pixels_are_predicted_as_they_were_trained() -> None:
    from deepcli.inputs.reading import ReadOptions, reader_for

    sized = [example(image=x.tobytes(), label=y, height=20, width=24, depth=3) for x, y in pixels(30)]
    own_shards.write(Path("d"), "tfrecord", sized, "all")
    data, told = section("d", size=10), list[str]()
    splits = data.load(OFFLINE)
    read = [one.x for one in reader_for(data, None, ReadOptions(), told.append, told.append).read(["d"])]
    np.testing.assert_array_equal(np.stack(read)[splits.test.ids], whole(splits.test))


def test_parquet_files_are_parts_of_one_table_or_of_its_splits() -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    from deepcli.data.table import TableDataset

    def write(name: str, first: int, count: int) -> None:
        Path(name).parent.mkdir(exist_ok=True)
        numbers = [*range(first, first + count)]
        pq.write_table(
            pa.table({"a": [k * 7 % 11 / 3 for k in numbers], "kind": ["odd" if k % 2 else "even" for k in numbers]}),
            name,
        )

    for part in range(3):
        write(f"one/part-{part}.parquet", 20 * part, 20)
        write(f"two/train-{part:05d}-of-00003.parquet", 20 * part, 20)
    write("two/test-00000-of-00001.parquet", 60, 11)
    for path, given in (("one", 0), ("two", 11)):
        data = DATASETS.select({"path": path, "target": "kind"})
        assert isinstance(data, TableDataset)
        counts = data.data_schema.counts
        assert sum(counts.values()) == 60 + given
        assert counts["test"] == given or not given
        gathered = data.gather(None)
        assert gathered.where(25) in (f"{path}/part-1.parquet:6", f"{path}/train-00001-of-00003.parquet:6")
    Path("two/train-00001-of-00003.parquet").unlink()
    with pytest.raises(DataError, match="1 of its 3 shards are missing: 00001"):
        DATASETS.select({"path": "two", "target": "kind"}).load(OFFLINE)
    table = pa.Table.from_pylist([{"image": {"bytes": b"x", "path": None}, "kind": "a"}])
    pq.write_table(table, "pictures.parquet")
    with pytest.raises(
        DataError,
        match=r"column 'image': holds an object with the bytes of a picture; read pictures with data\.type=shards",
    ):
        DATASETS.select({"path": "pictures.parquet", "target": "kind"}).load(OFFLINE)
