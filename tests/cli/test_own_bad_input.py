"""What bad data of the user's own get: an error with place and remedy, or a notice; no traceback, and nothing lost.

All by `deepcli validate`, which looks at own data and imports no TensorFlow.
"""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

AGES = [5, *((k * 37) % 83 + 10 for k in range(39))]
ROWS = "age,town,y\n" + "".join(
    f"{age},{'Bonn' if k % 3 else 'Rome'},{'yes' if k % 2 else 'no'}\n" for k, age in enumerate(AGES)
)


@pytest.fixture
def checked(cli, tmp_path):
    """Validate a spec on own data; give the exit code and what was said, and see that the data stayed as they were."""

    def run(path, *words, model="{type: mlp, hidden_units: [4]}", data=""):
        spec = tmp_path / "spec.yaml"
        section = json.dumps({"path": str(path)})[:-1] + data + "}"
        spec.write_text(f"data: {section}\nmodel: {model}\n", encoding="utf-8")
        before = contents(Path(path))
        done = cli("validate", spec, *words)
        assert "Traceback" not in done.err and "unexpected" not in done.err, done.err
        assert done.code in (0, 2), done
        assert contents(Path(path)) == before
        return done

    return run


@pytest.fixture
def refused(checked):
    def run(path, *words, **more):
        done = checked(path, *words, **more)
        assert done.code == 2, done
        return done.err

    return run


def contents(path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}


def picture(path, seed=0, size=(12, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.RandomState(seed).randint(0, 255, (*size, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pictures(tmp_path):
    for number in range(24):
        picture(tmp_path / "pictures" / ("cat" if number % 2 else "dog") / f"{number}.png", number)
    return tmp_path / "pictures"


def table(folder, text, name="rows.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.csv", None, "no such file"),
        ("rows.csv", b"", "rows.csv: is empty"),
        ("rows.csv", b"\n\n \n", "rows.csv: is empty"),
        ("rows.csv", bytes(random.Random(0).randbytes(5000)), "rows.csv: is not text"),
        ("rows.csv", b"age,town,y\n", "has a header and no rows"),
        ("rows.csv.gz", b"\x1f\x8b\x08\x00 damaged", "rows.csv.gz: "),
        ("rows.parquet", b"PAR1 damaged PAR1", "rows.parquet: "),
        ("rows.xlsx", b"PK\3\4 damaged", "rows.xlsx: "),
        ("rows.jsonl", b'{"a": 1\n', "rows.jsonl"),
        ("rows.json", b"[" * 100_000, "rows.json: is nested too deeply"),
        ("x.npz", b"PK\3\4 damaged", "x.npz: "),
        ("x.npy", b"\x93NUMPY\1\0 damaged", "x.npy: "),
        ("x.h5", b"\x89HDF damaged", "x.h5: "),
        ("photos.zip", b"PK\3\4 damaged", "photos.zip: "),
    ],
)
def test_files_that_are_missing_empty_or_damaged(refused, tmp_path, name, content, says):
    path = tmp_path / "own" / name
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    error = refused(path)
    assert says in error or (content is None and "does not exist" in error)


def test_a_truncated_archive_of_arrays_or_rows(refused, tmp_path):
    whole = io.BytesIO()
    np.savez_compressed(whole, x=np.random.RandomState(0).rand(50, 4), y=np.arange(50) % 2)
    (tmp_path / "x.npz").write_bytes(whole.getvalue()[:-100])
    assert "x.npz: " in refused(tmp_path / "x.npz")
    import gzip

    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(ROWS.encode() * 50)[:-20])
    assert "rows.csv.gz: " in refused(tmp_path / "rows.csv.gz", data=', "target": "y"')


def test_arrays_of_python_objects_are_never_opened(refused, tmp_path):
    class Touch:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    objects = np.empty(20, object)
    objects[:] = [Touch() for _ in range(20)]
    np.savez(tmp_path / "x.npz", x=objects, y=np.arange(20) % 2)
    assert "x.npz: " in refused(tmp_path / "x.npz")
    assert not (tmp_path / "ran").exists()


class TestATarget:
    @pytest.mark.parametrize(
        ("text", "target", "says"),
        [
            (ROWS, "buys", "no column 'buys'"),
            (ROWS.replace("yes", "no"), "y", "'no'"),
            (ROWS, "town2", "did you mean 'town'?"),
        ],
    )
    def test_that_is_not_there_or_has_one_value(self, refused, tmp_path, text, target, says):
        error = refused(table(tmp_path, text), data=f', "target": "{target}"')
        assert says in error and "rows.csv" in error

    def test_that_could_be_several_columns_is_never_guessed(self, refused, tmp_path):
        error = refused(table(tmp_path, ROWS))
        assert "name one with data.target=NAME" in error and "town" in error and "y" in error

    def test_with_text_where_numbers_are_wanted(self, refused, tmp_path):
        error = refused(table(tmp_path, ROWS), "task=regression", data=', "target": "y"')
        assert "rows.csv" in error and ("yes" in error or "'no'" in error)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("age,town", "age,age", 1), "column named twice: 'age'"),
        (lambda text: text.replace("age,town", "age,", 1), None),
        (lambda text: text.replace("\n5,", "\ninf,", 1), None),
        (lambda text: text.replace("\n5,", "\n1e400,", 1), None),
        (lambda text: text.replace("\n5,", "\nNaN,", 1), None),
        (lambda text: text.replace("\n5,", "\nsix,", 1), None),
        (lambda text: text.replace("\n5,", "\n5,5,5,5,", 1), None),
        (lambda text: text.replace("Bonn", '=HYPERLINK("http://x","y")'.replace('"', "'")), None),
        (lambda text: text.replace("Rome", "@SUM(1+1)|cmd"), None),
        (lambda text: text.replace("Rome", '"two\nlines, 😀 and ""quotes"""'), None),
        (lambda text: text.replace("Rome", "R\0me"), "rows.csv"),
    ],
)
def test_odd_rows_are_an_error_with_their_line_or_are_read(checked, tmp_path, change, says):
    done = checked(table(tmp_path, change(ROWS)), data=', "target": "y"')
    if says is None:
        assert done.code == 0 or "rows.csv:" in done.err or "of which 2 have different inputs" in done.err, done
    else:
        assert done.code == 2 and says in done.err


def test_infinite_numbers_and_dates_that_are_none_name_their_line(refused, tmp_path):
    columns = ', "target": "y", "columns": {"age": "number"}'
    error = refused(table(tmp_path, ROWS.replace("\n5,", "\ninf,", 1)), data=columns)
    assert "rows.csv:2: column 'age': 'inf'" in error and "leave the cell empty" in error
    dated = "day,y\n" + "".join(f"2020-02-{k % 28 + 1:02},{k % 2}\n" for k in range(40))
    dates = ', "target": "y", "columns": {"day": "date"}'
    error = refused(table(tmp_path, dated.replace("2020-02-05", "2020-02-30", 1)), data=dates)
    assert "'2020-02-30'" in error and "rows.csv" in error


def test_many_columns(checked, refused, tmp_path):
    def wide(count):
        lines = [",".join([*(f"c{k}" for k in range(count)), "y"])]
        lines += [",".join([*(str(k * row % 7) for k in range(count)), str(row % 2)]) for row in range(12)]
        return "\n".join(lines) + "\n"

    assert checked(table(tmp_path, wide(10_000)), data=', "target": "y"').code == 0
    assert "at most 20,000 are read" in refused(table(tmp_path, wide(20_001)), data=', "target": "y"')


class TestAFolderOfPictures:
    def test_that_is_empty_or_has_one_class(self, refused, tmp_path, pictures):
        (tmp_path / "none").mkdir()
        assert "none" in refused(tmp_path / "none", data=', "type": "image_folder"')
        for file in (pictures / "dog").iterdir():
            file.unlink()
        (pictures / "dog").rmdir()
        error = refused(pictures)
        assert "pictures" in error and "cat" in error

    def test_with_a_class_without_pictures(self, checked, pictures):
        (pictures / "bird").mkdir()
        done = checked(pictures)
        assert done.code == 0 or "bird" in done.err

    def test_with_files_that_are_none(self, checked, refused, pictures):
        (pictures / "cat" / "notes.txt").write_text("no picture")
        (pictures / "cat" / "broken.jpg").write_bytes(b"\xff\xd8\xff damaged")
        (pictures / "dog" / "half.png").write_bytes((pictures / "dog" / "0.png").read_bytes()[:60])
        assert checked(pictures).code == 0
        for file in pictures.rglob("*.png"):
            file.write_bytes(b"not a picture")
        assert "of the pictures can be read" in refused(pictures)

    def test_with_odd_names(self, checked, pictures):
        for old, new in (("cat", 'ca"t\n😀'), ("dog", "it's $(touch x); =1+1")):
            (pictures / old).rename(pictures / new)
        picture(pictures / 'ca"t\n😀' / "a\tb\n.png", 99)
        done = checked(pictures)
        assert done.code == 0 and not Path("x").exists()

    def test_with_names_that_are_no_unicode(self, checked, pictures):
        name = os.fsdecode(b"caf\xe9")
        try:
            (pictures / "cat").rename(pictures / name)
        except OSError:
            pytest.skip("this system has only names in Unicode")
        done = checked(pictures)
        assert done.code == 0, done.err

    def test_with_links_out_of_it(self, checked, pictures, tmp_path):
        secret = picture(tmp_path / "secret" / "a.png", 7)
        try:
            (pictures / "cat" / "link.png").symlink_to(secret)
            (pictures / "away").symlink_to(secret.parent, target_is_directory=True)
            (pictures / "dog" / "round").symlink_to(pictures, target_is_directory=True)
            (pictures / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
        except OSError:
            pytest.skip("no links here")
        from deepcli.data import DATASETS

        assert checked(pictures).code == 0
        schema = DATASETS.select({"type": "image_folder", "path": str(pictures)}).data_schema
        assert sum(schema.counts.values()) == 24 and schema.target.names == ("cat", "dog")

    @pytest.mark.parametrize(
        "name", ["../evil/a.png", "/tmp/deepcli-evil/a.png", "cat/../../evil/a.png", "..\\evil\\a.png"]
    )
    def test_in_an_archive_with_a_member_outside(self, checked, pictures, tmp_path, name):
        with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
            for file in sorted(pictures.rglob("*.png")):
                archive.write(file, file.relative_to(pictures))
            archive.writestr(name, next(pictures.rglob("*.png")).read_bytes())
        done = checked(tmp_path / "photos.zip")
        assert done.code == 2 or not done.err.count("evil") > 3
        assert not list(tmp_path.rglob("evil")) and not Path("/tmp/deepcli-evil").exists()

    def test_in_an_archive_that_is_a_bomb(self, refused, tmp_path):
        with zipfile.ZipFile(tmp_path / "photos.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for k in range(3):
                archive.writestr(f"c{k % 2}/{k}.png", bytes(100 << 20))
        assert "photos.zip" in refused(tmp_path / "photos.zip")


def test_labels_of_test_that_training_lacks(checked, tmp_path):
    text = ROWS.replace(",y\n", ",y,fold\n", 1)
    lines = text.strip().split("\n")
    rows = [lines[0], *(f"{line},{'test' if k % 5 == 0 else 'train'}" for k, line in enumerate(lines[1:]))]
    rows += ["50,Bonn,maybe,test"]
    done = checked(table(tmp_path, "\n".join(rows) + "\n"), data=', "target": "y", "split": {"column": "fold"}')
    assert done.code == 0 or "maybe" in done.err


class TestTheCache:
    def entries(self):
        return sorted((Path(os.environ["DEEPCLI_CACHE_DIR"]) / "pictures").glob("*.pictures"))

    def schemas(self):
        return sorted((Path(os.environ["DEEPCLI_CACHE_DIR"]) / "schemas").glob("*.json"))

    def test_that_was_damaged_is_made_again(self, checked, pictures):
        from deepcli.data.sources import known_schemas

        assert checked(pictures).code == 0
        [entry], [schema] = self.entries(), self.schemas()
        whole, told = entry.read_bytes(), schema.read_bytes()
        for damage in (b"", whole[:5000], whole[:100] + b"\xff" * 20 + whole[120:], whole[:-3]):
            for bad in (b"", b"{}", told[: len(told) // 2], told.replace(b'"shape":[', b'"shape":[9,')):
                entry.write_bytes(damage)
                schema.write_bytes(bad)
                known_schemas._memory().clear()
                assert checked(pictures).code == 0
                assert entry.read_bytes() == whole and schema.read_bytes() == told

    def test_that_cannot_be_written_on_a_full_disk(self, refused, checked, pictures, monkeypatch):
        import errno

        from deepcli.data.arrays import picture_entry

        def full(self, images):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(picture_entry.EntryWriter, "add", full)
            error = refused(pictures)
        assert "No space left on device" in error and "DEEPCLI_CACHE_DIR" in error
        assert self.entries() == [] and not list((Path(os.environ["DEEPCLI_CACHE_DIR"]) / "pictures").iterdir())
        assert checked(pictures).code == 0

    def test_that_two_processes_build_at_once(self, pictures, tmp_path):
        for number in range(200):
            picture(pictures / ("cat" if number % 2 else "dog") / f"more-{number}.png", 100 + number, (90, 80))
        (tmp_path / "spec.yaml").write_text(f"data: '{pictures}'\nmodel: {{type: mlp}}\n")
        words = [sys.executable, "-m", "deepcli", "validate", str(tmp_path / "spec.yaml")]
        both = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        for process in both:
            out, err = process.communicate(timeout=300)
            assert process.returncode == 0 and "valid" in out, err
        assert len(self.entries()) == len(self.schemas()) == 1


def test_a_file_that_changes_while_it_is_read_is_an_error(pictures, cli, monkeypatch):
    """Between listing and decoding, one picture is replaced by another of another size."""
    from deepcli.data.arrays import picture_cache

    whole = picture_cache.decoded

    def changed(folder, pictures_, *rest, **more):
        picture(Path(folder) / pictures_[3].name, 1234, (30, 20))
        return whole(folder, pictures_, *rest, **more)

    monkeypatch.setattr(picture_cache, "decoded", changed)
    spec = pictures.parent / "spec.yaml"
    spec.write_text(f"data: '{pictures}'\nmodel: {{type: mlp}}\n")
    done = cli("validate", spec)
    assert done.code == 2 and "Traceback" not in done.err and "changed since the folder was listed" in done.err, done
