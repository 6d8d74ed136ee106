"""What looking at data finds: each check on small data that are made to have one fault, or to be without it."""

import csv
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deepcli
from deepcli.errors import DataError, SpecError, UsageError


def table(name, header, rows):
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return name


def picture(path, seed, size=(40, 40), **how):
    """Save a picture of large blocks, which no other seed has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.RandomState(seed).randint(0, 256, (5, 5, 3)).astype(np.uint8)
    Image.fromarray(blocks).resize(size[::-1], Image.Resampling.NEAREST).save(path, **how)
    return path


def photos(root, classes=("cat", "dog"), count=12):
    for k, label in enumerate(classes):
        for n in range(count):
            picture(Path(root) / label / f"{n}.png", 100 * k + n)
    return root


def noise(count=400, seed=0):
    """Rows of two numbers, a category and a class; the first number says something about the class."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        a = draw.gauss(0, 1)
        label = "yes" if a + draw.gauss(0, 1) > 0 else "no"
        rows.append([f"{a:.4f}", f"{draw.gauss(5, 2):.4f}", draw.choice("xyz"), label])
    return ["a", "b", "kind", "label"], rows


def codes(report):
    return {problem.code for problem in report.problems}


def only(report, code):
    (problem,) = [problem for problem in report.problems if problem.code == code]
    return problem


def test_data_without_faults_have_no_problems():
    header, rows = noise()
    report = deepcli.look(table("good.csv", header, rows), "data.target=label")
    assert report.problems == ()
    assert report.type == "table" and report.kind == "features" and report.shape == (3,)
    assert sum(report.counts.values()) == 400
    assert {line.name: line.total for line in report.classes} == {
        name: sum(row[3] == name for row in rows) for name in ("no", "yes")
    }


def test_columns_are_described():
    rows = [
        [str(n), "" if n % 4 == 0 else "red" if n % 2 else "blue", f"2020-01-{n % 28 + 1:02d}", n % 2]
        for n in range(60)
    ]
    report = deepcli.look(table("t.csv", ["n", "colour", "day", "y"], rows), "data.target=y")
    n, colour, day, y = report.columns
    assert (n.part, colour.part, day.part, y.part) == ("left out", "input", "input", "target")
    assert (colour.type, colour.missing, colour.different) == ("category", 15, 2)
    assert dict(colour.frequent) == {"red": 30, "blue": 15}
    assert (day.type, day.low, day.high, day.different) == ("date", "2020-01-01", "2020-01-28", 28)
    assert (n.low, n.high) == ("0", "59") and "count 0 to 59" in n.reason
    assert only(report, "identifier").severity == "note"
    assert "colour (25.0%)" in only(report, "missing-values").text


def test_most_values_missing_is_a_warning():
    header, rows = noise()
    for row in rows[:-40]:
        row[1] = ""
    problem = only(deepcli.look(table("t.csv", header, rows), "data.target=label"), "missing-values")
    assert problem.severity == "warning" and "b (90.0%)" in problem.text


def test_a_constant_column_is_told():
    header, rows = noise()
    report = deepcli.look(table("t.csv", [*header, "c"], [[*row, "same"] for row in rows]), "data.target=label")
    assert "'c'" in only(report, "constant").where


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda row, n: row[3].upper(), "gives-target-away"),
        (lambda row, n: {"yes": 10, "no": 5}[row[3]] + n / 1000, "gives-target-away"),
        (lambda row, n: "x" if n % 30 == 0 else row[3], "strong-column"),
        (lambda row, n: "x" if n % 3 == 0 else row[3], None),
        (lambda row, n: f"word{n}", None),
    ],
)
def test_a_column_that_gives_the_class_away(made, code):
    header, rows = noise(600)
    path = table("t.csv", [*header, "leak"], [[*row, made(row, n)] for n, row in enumerate(rows)])
    report = deepcli.look(path, "data.target=label", "data.input=[a, b, leak]")
    assert codes(report) & {"gives-target-away", "strong-column"} == ({code} if code else set())
    if code:
        assert "'leak'" in only(report, code).where


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda price, draw: price * 1.19, "gives-target-away"),
        (lambda price, draw: (price - 50) ** 2, None),
        (lambda price, draw: price + draw.gauss(0, 30), None),
    ],
)
def test_a_column_that_gives_a_number_away(made, code):
    draw = random.Random(1)
    prices = [draw.uniform(0, 100) for _ in range(500)]
    rows = [[f"{draw.gauss(0, 1):.4f}", f"{made(price, draw):.4f}", f"{price:.3f}"] for price in prices]
    report = deepcli.look(table("t.csv", ["a", "b", "price"], rows), "data.target=price")
    assert codes(report) & {"gives-target-away", "strong-column"} == ({code} if code else set())


def test_few_held_out_rows_are_no_evidence():
    header, rows = noise(60)
    report = deepcli.look(table("t.csv", [*header, "leak"], [[*row, row[3]] for row in rows]), "data.target=label")
    assert codes(report) == {"few-held-out"}


def test_the_simplest_prediction_of_classes():
    header, rows = noise()
    for n, row in enumerate(rows):
        row[3] = "rare" if n % 20 == 0 else "usual"
    report = deepcli.look(table("t.csv", header, rows), "data.target=label")
    assert report.simplest.answer == "usual"
    shares = {split: 1 - report.classes[0].counts[split] / count for split, count in report.counts.items()}
    assert report.simplest.scores == pytest.approx(shares)
    assert only(report, "imbalance").text.startswith("the most frequent class is 19 times as frequent as the rarest")


def test_the_simplest_prediction_of_numbers():
    header, rows = noise()
    report = deepcli.look(table("t.csv", header, rows), "data.target=b")
    values = np.array([float(row[1]) for row in rows])
    (line,) = report.numbers
    assert (line.mean, line.median) == pytest.approx((values.mean(), np.median(values)))
    assert (line.low, line.high, line.spread) == pytest.approx((values.min(), values.max(), values.std()))
    assert report.simplest.measure == "rmse"
    total = sum(report.counts[split] * score**2 for split, score in report.simplest.scores.items()) / len(values)
    assert total == pytest.approx(values.var() + (values.mean() - float(report.simplest.answer)) ** 2, rel=1e-4)


def test_classes_with_few_examples_or_nearly_equal_names():
    header, rows = noise()
    for row in rows[:3]:
        row[3] = "maybe"
    for row in rows[3:40]:
        row[3] = "Yes "
    for row in rows[40:80]:
        row[3] = "YES"
    report = deepcli.look(table("t.csv", header, rows), "data.target=label")
    assert "maybe (3)" in only(report, "few-examples").text
    assert "'YES', 'Yes', 'yes'" in only(report, "similar-classes").text
    assert {"few-examples", "similar-classes", "imbalance"} <= codes(report)


def test_a_class_that_a_split_lacks():
    header, rows = noise(300)
    for n, row in enumerate(rows):
        row.append(("train", "train", "test")[n % 3])
        if row[3] == "no" and row[4] == "test":
            row[3] = "yes"
    report = deepcli.look(
        table("t.csv", [*header, "fold"], rows),
        "data.target=label",
        "data.split.column=fold",
        "data.split.validation=0",
    )
    assert only(report, "missing-class").text == "no test examples of 1 class: no"
    assert only(report, "one-target").text.startswith("all 100 test examples have one target")
    assert report.division == "given by column 'fold'"


def test_equal_rows_stay_together_unless_splits_are_given():
    header, rows = noise(200)
    doubled = [row for row in rows for _ in range(2)]
    report = deepcli.look(table("t.csv", header, doubled), "data.target=label")
    problem = only(report, "equal")
    assert problem.text == "200 of 400 rows (50.0%) are equal to another; equal ones are kept in one split"
    assert problem.places[0] == "t.csv:2 = t.csv:3" and len(problem.places) == 200
    assert "overlap" not in codes(report)
    given = [[*row, ("train", "test")[n % 2]] for n, row in enumerate(doubled)]
    path = table("g.csv", [*header, "fold"], given)
    report = deepcli.look(path, "data.target=label", "data.split.column=fold", "data.split.validation=0")
    assert only(report, "overlap").text.startswith("200 of 200 test examples (100.0%) are in training too")
    assert "kept in one split" not in only(report, "equal").text


def test_equal_texts_with_different_classes():
    texts = [f"message number {n} about thing {n % 7}" for n in range(200)]
    rows = [[text, "ab"[n % 2]] for n, text in enumerate(texts)] + [["  MESSAGE number 0 about thing 0", "b"]]
    report = deepcli.look(table("t.csv", ["text", "label"], rows), "data.target=label")
    assert report.kind == "tokens"
    problem = only(report, "conflicting-targets")
    assert problem.severity == "warning" and problem.places == ("t.csv:2 = t.csv:202",)
    assert "more than 99.50% of all" in problem.text


def test_lengths_of_texts_and_unknown_words():
    rows = [
        [" ".join(["good", "day"] * 2 + ["sun"] * (n % 3)) + f" {chr(97 + n % 26)}", "ab"[n % 2]] for n in range(300)
    ]
    given = [[*row, "train"] for row in rows] + [["strange unheard words", "a", "test"], ["good day", "b", "test"]]
    path = table("t.csv", ["text", "label", "fold"], given)
    words = [path, "data.target=label", "data.input=text", "data.split.column=fold", "data.split.validation=0"]
    report = deepcli.look(*words, "data.maxlen=7")
    figures = report.texts
    # Of the training texts, those with two `sun` have start + 4 + 2 + 1 = 8 tokens.
    assert (figures.shortest, figures.longest, figures.maxlen) == (3, 8, 7)
    assert figures.cut == pytest.approx(100 / 300)
    assert figures.unknown == {"test": pytest.approx(3 / 5)}
    assert only(report, "cut-texts").severity == "warning"
    assert "60.0% of the words in test" in only(report, "unknown-words").text
    assert "cut-texts" not in codes(deepcli.look(*words))


def test_times_that_are_unsorted_or_repeated():
    header, rows = noise(100)
    days = [f"2020-{n // 28 + 1:02d}-{n % 28 + 1:02d}" for n in range(100)]
    days[10], days[11], days[50] = days[11], days[10], days[51]
    path = table("t.csv", ["day", *header], [[day, *row] for day, row in zip(days, rows, strict=True)])
    report = deepcli.look(path, "data.target=label", "data.split.time=day")
    assert only(report, "unsorted-times").text.startswith("times are not in order: 1 rows")
    assert only(report, "repeated-times").text == "1 of 100 rows have the time of another row"
    assert report.division == "drawn by time"
    assert "data.split.time=day" in only(deepcli.look(path, "data.target=label"), "no-time-split").text


def test_a_value_that_cannot_be_learned_from_is_told_and_the_rest_is_looked_at():
    header, rows = noise()
    rows[7][0] = "inf"
    report = deepcli.look(table("t.csv", header, rows), "data.target=label")
    assert {"infinite", "not-trainable"} <= {problem.code for problem in report.problems if problem.severity == "error"}
    assert only(report, "infinite").where == "t.csv:9"
    assert sum(report.counts.values()) == 400 and report.columns


def test_too_few_examples_to_divide_are_told():
    report = deepcli.look(
        table("t.csv", ["a", "label"], [["1.5", "x"], ["2.5", "y"], ["3.5", "x"]]), "data.target=label"
    )
    assert only(report, "not-trainable").severity == "error"
    assert report.counts == {"train": 3}


def test_pictures_are_measured_and_all_that_cannot_be_read_are_named():
    photos("photos")
    for name in ("bad one.jpg", "empty.png"):
        (Path("photos/cat") / name).write_bytes(b"no picture" * (name != "empty.png"))
    picture(Path("photos/dog/large.png"), 77, (200, 40))
    picture(Path("photos/dog/grey.png"), 78)
    Image.open("photos/dog/grey.png").convert("L").save("photos/dog/grey.png")
    report = deepcli.look("photos")
    assert {problem.where for problem in report.problems if problem.code == "unreadable"} == {
        "cat/bad one.jpg", "cat/empty.png"
    }  # fmt: skip
    assert report.pictures.modes == {"RGB": 25, "L": 1}
    assert report.pictures.largest == (200, 40) and report.pictures.median == (40, 40)
    assert only(report, "sizes").places == ("photos/dog/large.png",)
    assert sum(report.counts.values()) == 26


def test_equal_and_nearly_equal_pictures():
    photos("photos")
    first = Path("photos/cat/0.png")
    Path("photos/dog/copy.png").write_bytes(first.read_bytes())
    with Image.open("photos/cat/1.png") as image:
        image.save("photos/cat/again.jpg", quality=95, subsampling=0)
    report = deepcli.look("photos")
    assert only(report, "equal").places == ("photos/cat/0.png = photos/dog/copy.png",)
    assert only(report, "conflicting-targets").places == ("photos/cat/0.png = photos/dog/copy.png",)
    assert only(report, "nearly-equal").places == ("photos/cat/1.png ~ photos/cat/again.jpg",)


def test_pictures_in_two_given_splits():
    for split in ("train", "test"):
        for k, label in enumerate(("cat", "dog")):
            for n in range(6):
                picture(Path("photos") / split / label / f"{n}.png", 1000 * (split == "test" and n > 1) + 100 * k + n)
    report = deepcli.look("photos", "data.split.validation=0")
    problem = only(report, "overlap")
    assert problem.text.startswith("4 of 12 test examples (33.3%) are in training too")
    assert "photos/test/cat/0.png = photos/train/cat/0.png" in problem.places


def test_names_are_escaped_in_the_text_and_whole_in_the_values():
    folder = "my photos"
    photos(folder, ("a\nb", "c \U0001f600"))
    report = deepcli.look(folder)
    assert [line.name for line in report.classes] == ["a\nb", "c \U0001f600"]
    lines = repr(report).splitlines()
    assert any(line.startswith("a\\nb ") for line in lines)
    assert all(line.isprintable() and len(line) <= 80 for line in lines)


def test_texts_cannot_draw_on_the_terminal():
    rows = [[f"\x1b[31mred\x1b[0m text {n} with words", "ab"[n % 2]] for n in range(60)]
    report = deepcli.look(table("t.csv", ["text", "label"], rows), "data.target=label")
    assert "\x1b" not in repr(report) and "\\x1b[31mred" in repr(report)


def test_arrays_and_textbook_data():
    draw = np.random.RandomState(0)
    x, y = draw.normal(size=(200, 3)).astype(np.float32), np.arange(200) % 2
    x[5] = x[7]
    x[:, 2] = y
    np.savez("a.npz", x=x, y=y)
    report = deepcli.look("a.npz")
    assert only(report, "equal").places == ("a.npz: x[5] = a.npz: x[7]",)
    assert "'x2'" in only(report, "gives-target-away").where
    assert [column.name for column in report.columns] == ["x0", "x1", "x2"]
    report = deepcli.look("digits")
    assert report.counts == {"train": 1293, "validation": 144, "test": 360}
    assert sum(line.total for line in report.classes) == 1797 and report.problems == ()


def test_looking_twice_gives_the_same_and_uses_the_schema_of_training():
    header, rows = noise()
    path = table("t.csv", header, rows)
    first = deepcli.look(path, "data.target=label")
    assert deepcli.look(path, "data.target=label").to_dict() == first.to_dict()
    spec = Path("s.yaml")
    spec.write_text(f"data: {{path: {path}, target: label}}\nmodel: mlp\n")
    assert deepcli.load(spec).data.data_schema.counts == first.counts
    assert deepcli.look(spec).counts == first.counts


def test_the_report_is_plain_values():
    photos("photos")
    told = deepcli.look("photos").to_dict()
    assert json.loads(json.dumps(told))["pictures"]["sizes"] == [{"height": 40, "width": 40, "pictures": 24}]


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["nowhere"], DataError, "nowhere: no such file or folder"),
        (["digitz"], DataError, "did you mean 'digits'"),
        (["none.csv"], DataError, "none.csv"),
        ([], UsageError, "name a folder"),
        (["digits", "model.units=3"], UsageError, "only data and task"),
        (["t.csv", "data.targt=a"], SpecError, "targt"),
        (["t.csv"], DataError, "name one with data.target=NAME"),
    ],
)
def test_what_cannot_be_looked_at(words, error, says):
    table("t.csv", *noise(30))
    with pytest.raises(error, match=says):
        deepcli.look(*words)


HOOK = """
import sys
class Guard:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise AssertionError(name)
sys.meta_path.insert(0, Guard())
sys.argv = ["deepcli", "data", *{words!r}]
from deepcli.cli import main
main()
"""


def test_tensorflow_is_not_imported():
    photos("photos")
    table("t.csv", *noise())
    for words in (["photos", "--samples", "s.png"], ["t.csv", "data.target=label"], ["digits"]):
        done = subprocess.run(
            [sys.executable, "-c", HOOK.format(words=words)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
