"""Models of own data for other programs: the script beside them reads own files and says what `predict` says."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from .conftest import trained
from .test_export import INSTALLED, each_format, usage


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    """A run on numbers with missing ones, a category and a date."""
    folder = tmp_path_factory.mktemp("table")
    rng = np.random.RandomState(0)
    with (folder / "people.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["age", "income", "town", "day", "buys"])
        for number in range(160):
            age = rng.randint(18, 90)
            income = "" if number % 7 == 0 else round(rng.lognormal(10), 2)
            town = rng.choice(["Bonn", "Köln, Süd", 'the "Hague"'])
            rows.writerow([age, income, town, f"2020-01-{number % 28 + 1:02}", "yes" if age > 50 else "no"])
    text = f"data: {{path: '{folder / 'people.csv'}', target: buys}}\nmodel: {{type: mlp, hidden_units: [8]}}\n"
    (folder / "spec.yaml").write_text(text + "training: {epochs: 4}\n")
    return trained(folder / "run", folder / "spec.yaml")


@pytest.mark.filterwarnings("ignore")  # of the converters, about themselves
@each_format
def test_the_script_of_a_table_says_of_rows_what_predict_says(cli, table_run, tmp_path, name):
    done = cli("export", table_run, "--format", name, "--output", tmp_path / "export", "--verify", "--json")
    assert done.code == 0, done.err
    verified = json.loads(done.out)["verified"]
    assert verified["difference"] < 1e-5 and verified["accuracy_change"] == 0 and verified["unit"] == ""
    facts = json.loads((tmp_path / "export" / "export.json").read_text())
    assert facts["task"] == "classification" and facts["classes"] == ["no", "yes"]
    assert facts["data"]["columns"] == ["age", "income", "town", "day"] and facts["data"]["type"] == "table"
    described = json.loads((tmp_path / "export" / facts["data"]["file"]).read_text())["columns"]
    assert described[2] == {"name": "town", "type": "category", "categories": ["Bonn", "Köln, Süd", 'the "Hague"']}
    lines = ["town,age,day,income", "Bonn,20,2020-01-03,", '"Köln, Süd",80,2020-01-09,20000', "Rome,51,NA,1e4"]
    (tmp_path / "new rows.csv").write_text("\n".join(lines) + "\n")
    row = json.dumps({"age": 33, "income": None, "town": 'the "Hague"', "day": "2020-01-01"})
    words = [tmp_path / "new rows.csv", row]
    predicted = [line.split(None, 2) for line in cli("predict", table_run, *words, "--quiet").out.splitlines()]
    said = [[*answer.split(), place] for answer, place in usage(tmp_path / "export", *words)]
    assert [[line[0], line[2]] for line in said] == [[line[0], line[2]] for line in predicted] and len(said) == 4
    shares = [[float(line[1]) for line in lines] for lines in (said, predicted)]
    assert shares[0] == pytest.approx(shares[1], abs=2e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["pictures", "texts"])
def test_the_script_of_a_folder_says_what_predict_says(cli, tmp_path, kind):
    rng = np.random.RandomState(0)
    for number in range(60):
        folder = tmp_path / "data" / ("dark" if number % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "pictures":
            pixels = rng.randint(0, 100, (14 + number % 3, 18, 3)) + (0 if number % 2 else 150)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
        else:
            (folder / f"{number}.txt").write_text(f"{'night' if number % 2 else 'Sun!!'} don’t {number}")  # noqa: RUF001
    model = "{type: cnn, filters: [4]}" if kind == "pictures" else "{type: mlp, hidden_units: [4]}"
    (tmp_path / "spec.yaml").write_text(f"data: '{tmp_path / 'data'}'\nmodel: {model}\ntraining: {{epochs: 6}}\n")
    run = trained(tmp_path / "run", tmp_path / "spec.yaml")
    name = "onnx" if "onnx" in INSTALLED else "savedmodel"
    done = cli("export", run, "--format", name, "--verify")
    assert done.code == 0 and "(+0.0000 against the model itself)" in done.out, done.err
    words = sorted((tmp_path / "data" / "dark").iterdir())[:3]
    words = words if kind == "pictures" else ["Sun!! again", "night, don’t"]  # noqa: RUF001
    predicted = [line.split() for line in cli("predict", run, *words, "--quiet").out.splitlines()]
    said = [line[0].split() for line in usage(run / "export" / name, *words)]
    assert [line[0] for line in said] == [line[0] for line in predicted] and len(said) == len(words)
    shares = [[float(line[1]) for line in lines] for lines in (said, predicted)]
    assert shares[0] == pytest.approx(shares[1], abs=5e-3)  # `predict` computes in bfloat16 where the CPU can
