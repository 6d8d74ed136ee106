"""Asking a model about pictures, arrays and texts: what comes out, and what is said of what cannot be read."""

import csv
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from deepcli.data.encoding import split_words
from deepcli.data.lexicon import Lexicon
from deepcli.errors import DataError
from deepcli.inputs.arrays import opened, read_rows
from deepcli.inputs.images import survey
from deepcli.inputs.picture import Wanted
from deepcli.run.checkpoint.file import LEXICON, open_checkpoint


@pytest.fixture
def images(digits):
    """Test images with what the run says of them."""
    from deepcli.data.digits import Digits
    from deepcli.data.files import Sources

    test = Digits(limit=600).load(Sources()).test
    kept = np.load(digits / "predictions-test.npz")
    assert np.array_equal(kept["ids"], test.ids)
    return test.x, kept["probabilities"]


def lines(done):
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_arrays_get_the_probabilities_that_evaluate_gave(cli, digits, images, tmp_path):
    x, expected = images
    np.save(tmp_path / "x.npy", x)
    for batch_size in ("256", "7"):
        words = [digits, tmp_path / "x.npy", "--json", "--probabilities", "--batch-size", batch_size]
        rows = lines(cli("predict", *words))
        assert [row["input"] for row in rows] == [f"{tmp_path}/x.npy[{k}]" for k in range(len(x))]
        said = np.array([[one["probability"] for one in row["classes"]] for row in rows])
        np.testing.assert_allclose(said, expected, atol=2e-6)
        assert [row["class"] for row in rows] == expected.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[..., 0],
        lambda x: x.astype(np.int64),
        lambda x: x / 255,
        np.asfortranarray,
        lambda x: x.astype(">u2"),
    ],
    ids=["no channel", "int64", "fractions", "fortran", "other end first"],
)
@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_arrays_come_in_many_ways(cli, digits, images, tmp_path, change, name):
    x, expected = images
    if name == "x.npz":
        np.savez_compressed(tmp_path / name, x=change(x), y=np.zeros(3))
    else:
        np.save(tmp_path / name, change(x))
    rows = lines(cli("predict", digits, tmp_path / name, "--json"))
    assert [row["class"] for row in rows] == expected.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("change", "range", "says"),
    [
        (lambda x: x / 255 * 16, "0:16", "range from 0 to 16, which fits neither"),
        (lambda x: np.round(x / 255 * 16).astype(np.uint8), "0:16", "range from 0 to 16, which is nearly black"),
        (lambda x: x / 127.5 - 1, "-1:1", "range from -1 to 1, so it is unclear which value is black"),
        (lambda x: x.astype(np.uint16) * 16, "0:4080", "range from 0 to 4080"),
        (lambda x: (x > 127).astype(np.uint8), "0:1", "range from 0 to 1, which is nearly black"),
    ],
    ids=["0..16", "0..16 in bytes", "-1..1", "12 bits", "0/1 in bytes"],
)
def test_a_doubtful_range_is_refused_and_can_be_given(cli, digits, images, tmp_path, change, range, says):
    x, expected = images
    np.save(tmp_path / "x.npy", change(x))
    done = cli("predict", digits, tmp_path / "x.npy", "--json")
    assert (
        (done.code, json.loads(done.out)["status"]) == (2, "failed")
        and says in done.err
        and "--range LOW:HIGH" in done.err
    )
    rows = lines(cli("predict", digits, tmp_path / "x.npy", "--json", "--range", range))
    assert np.mean([row["class"] for row in rows] == expected.argmax(axis=1)) > (0.85 if range == "0:1" else 0.99)


@pytest.mark.parametrize("as_pictures", [True, False])
def test_bright_grounds_are_turned_in_pictures_and_in_arrays(cli, digits, images, tmp_path, as_pictures):
    x, expected = images
    if as_pictures:
        for k, image in enumerate(x[:20]):
            Image.fromarray(255 - image[..., 0]).save(tmp_path / f"{k:02d}.png")
    else:
        np.save(tmp_path / "x.npy", 255 - x[:20])
    done = cli("predict", digits, tmp_path if as_pictures else tmp_path / "x.npy", "--json")
    assert [row["class"] for row in lines(done)] == expected[:20].argmax(axis=1).tolist()
    assert "dark on a bright background" in done.err
    if not as_pictures:
        kept = cli("predict", digits, tmp_path / "x.npy", "--json", "--no-invert")
        assert "inverted" not in kept.err and kept.out != done.out
        turned = cli("predict", digits, tmp_path / "x.npy", "--json", "--invert")
        assert turned.out == done.out and "its images were inverted" in turned.err


def test_a_common_notice_does_not_hide_a_rare_one(cli, digits, images, tmp_path):
    x, _ = images
    for k in range(8):
        Image.fromarray(255 - x[k, ..., 0]).save(tmp_path / f"{k}.png")
    np.save(tmp_path / "x.npy", x[:2] / 255)
    done = cli("predict", digits, tmp_path, tmp_path / "x.npy")
    assert done.err.count("dark on a bright background") == 5 and "3 more notices like these" in done.err
    assert "x.npy: values read as 0 (black) to 1 (white)" in done.err


def test_what_the_model_saw_can_be_kept(cli, digits, images, tmp_path):
    x, _ = images
    np.save(tmp_path / "x.npy", x[:2])
    Image.fromarray(255 - x[0, ..., 0]).save(tmp_path / "a b.png")
    folder = tmp_path / "what it saw" / "now"
    words = [digits, tmp_path / "x.npy", tmp_path / "a b.png", "--save-inputs", folder]
    done = cli("predict", *words)
    assert done.code == 0, done.err
    seen = sorted(folder.iterdir())
    assert [path.name for path in seen] == ["00001-x.npy-0.png", "00002-x.npy-1.png", "00003-a-b.png"]
    for path, expected in zip(seen, [x[0], x[1], x[0]], strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), expected[..., 0])
    again = cli("predict", *words)
    assert again.code == 2 and "is not empty" in again.err


def test_one_image_may_be_an_array_alone(cli, digits, images, tmp_path):
    np.save(tmp_path / "one.npy", images[0][0, ..., 0])
    assert len(lines(cli("predict", digits, tmp_path / "one.npy", "--json"))) == 1


def upright(x, mode):
    image = Image.fromarray(x[..., 0])
    if mode == "RGBA":
        shown = np.zeros((*x.shape[:2], 4), np.uint8)
        shown[..., 3] = x[..., 0]
        shown[..., :3] = 255
        return Image.fromarray(shown)
    if mode == "I;16":
        return Image.fromarray(x[..., 0].astype(np.uint16) * 257)
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA", "I;16", "LA"])
def test_pictures_of_any_colour_are_what_the_arrays_were(cli, digits, images, tmp_path, mode):
    x, expected = images
    for k in range(4):
        upright(x[k], mode).save(tmp_path / f"{k}.png")
    rows = lines(cli("predict", digits, tmp_path, "--json", "--probabilities"))
    assert [row["input"] for row in rows] == [str(tmp_path / f"{k}.png") for k in range(4)]
    said = np.array([[one["probability"] for one in row["classes"]] for row in rows])
    np.testing.assert_allclose(said, expected[:4], atol=2e-6)


@pytest.mark.long
def test_large_dark_drawings_are_made_to_fit_and_it_says_so(cli, digits, images, tmp_path):
    x, expected = images
    right = 0
    for k in range(20):
        image = Image.fromarray(255 - x[k, ..., 0]).resize((80, 80), Image.Resampling.BICUBIC)
        wide = Image.new("RGB", (160, 80), "white")
        wide.paste(image, (40, 0))
        wide.save(tmp_path / f"{k:02d}.jpg")
        done = cli("predict", digits, tmp_path / f"{k:02d}.jpg", "--json")
        assert "read as dark on a bright background, cropped (" in done.err and " of 160x80) and fitted" in done.err
        done = cli("predict", digits, tmp_path / f"{k:02d}.jpg", "--json", "--fit", "none")
        assert "inverted because it is dark on a bright background, resized from 160x80 to 8x8" in done.err
        done = cli("predict", digits, tmp_path / f"{k:02d}.jpg", "--no-invert", "--fit", "none")
        assert "inverted" not in done.err
    tall = [Image.open(tmp_path / f"{k:02d}.jpg").crop((40, 0, 120, 80)) for k in range(20)]
    for k, image in enumerate(tall):
        image.save(tmp_path / f"{k:02d}.jpg")
    done = cli("predict", digits, tmp_path, "--json", "--fit", "none")
    assert "notice: 15 more notices like these" in done.err
    right = sum(row["class"] == answer for row, answer in zip(lines(done), expected.argmax(axis=1), strict=False))
    assert right >= 17
    assert cli("predict", digits, tmp_path, "--json", "--quiet").err == ""


def test_a_line_for_a_person_a_table_and_a_file(cli, digits, images, tmp_path):
    x, expected = images
    np.save(tmp_path / "x.npy", x[:3])
    done = cli("predict", digits, tmp_path / "x.npy", "--top-k", "2")
    best = np.argsort(-expected[0])[:2]
    first = "  ".join(f"{k} {expected[0, k]:.4f}" for k in best)
    assert done.out.splitlines()[0] == f"{first}  {tmp_path}/x.npy[0]"
    done = cli("predict", digits, tmp_path / "x.npy", "--csv", "--top-k", "2")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert list(rows[0]) == ["input", "class", "name", "probability", "class_2", "probability_2"]
    assert [int(rows[0]["class"]), int(rows[0]["class_2"])] == best.tolist()
    done = cli("predict", digits, tmp_path / "x.npy", "--probabilities", "--output", tmp_path / "out.csv")
    assert (done.code, done.out) == (0, "")
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(rows[2][f"probability_{k}"]) for k in range(10)] == pytest.approx(expected[2].tolist(), abs=2e-6)


def test_a_picture_and_an_array_through_a_pipe(digits, images, tmp_path):
    x, expected = images
    png, npy = io.BytesIO(), io.BytesIO()
    Image.fromarray(x[0, ..., 0]).save(png, "png")
    np.save(npy, x[:5])
    for content, words, count in ((png, [], 1), (npy, ["-"], 5)):
        command = [sys.executable, "-m", "deepcli", "predict", str(digits), *words, "--json"]
        done = subprocess.run(command, input=content.getvalue(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        said = [json.loads(line)["class"] for line in done.stdout.splitlines()]
        assert said == expected[:count].argmax(axis=1).tolist()


def test_a_checkpoint_carries_the_words_that_it_reads(reviews):
    lexicon = open_checkpoint(reviews / "checkpoints" / "best.keras").lexicon()
    assert lexicon.words[:10] == ("", "<start>", "<left out>", "", "word1", "word2", "word3", "word4", "don't", "great")
    assert len(lexicon.words) == 150


def test_raw_text_is_read_as_the_data_were(cli, reviews, tiny_imdb, tmp_path):
    """The test texts, spelled out and read again, get what they got as ids."""
    with np.load(tiny_imdb, allow_pickle=True) as file:
        ranks = file["x_test"]
    kept = np.load(reviews / "predictions-test.npz")
    expected = np.array([kept["probabilities"][kept["ids"].tolist().index(k), 0] for k in range(len(ranks))])
    known = {5: "DON'T", 6: "Great"}
    texts = [", ".join(known.get(rank, f"Word{rank}") for rank in text) + "!" for text in ranks]
    (tmp_path / "lines.txt").write_text("\n\n".join(texts))
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *([k, f"{text}\n"] for k, text in enumerate(texts))])
    for words in ([tmp_path / "lines.txt", "--lines"], [tmp_path / "table.csv", "--column", "text"]):
        rows = lines(cli("predict", reviews, *words, "--json", "--probabilities"))
        said = [row["classes"][1]["probability"] for row in rows]
        assert said == pytest.approx(expected.tolist(), abs=3e-6)
    assert [row["input"] for row in rows[:2]] == [f"{tmp_path}/table.csv:1", f"{tmp_path}/table.csv:2"]
    assert rows[0]["name"] == ("negative", "positive")[rows[0]["class"]]


def test_texts_as_words_and_as_files(cli, reviews, tmp_path):
    (tmp_path / "a.txt").write_text("word9 great\ngreat")
    (tmp_path / "b.txt").write_text("don't")
    done = cli("predict", reviews, "great, really", "don't", tmp_path)
    told = [line.split() for line in done.out.splitlines()]
    assert [line[0] for line in told] == ["positive", "negative", "positive", "negative"]
    assert done.out.splitlines()[0].endswith("  great, really")
    done = cli("predict", reviews, "nothing known")
    assert done.code == 0 and "none of its words" in done.err


def test_each_row_of_a_table_has_its_own_answer(cli, reviews, tmp_path):
    """In order, and exit code 1; in JSON the row that cannot be read has a line too."""
    path = tmp_path / "a table.csv"
    path.write_text("id,text\n1,great\n2\n3,don't\n4,\"torn\n5,“Great”—great…\n")
    done = cli("predict", reviews, path, "--column", "text", "--json")
    *told, end = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 1 and (end["status"], end.get("input")) == ("failed", None)
    assert [row["input"] for row in told] == [f"{path}:{number}" for number in range(1, 6)]
    assert [row.get("name") for row in told] == ["positive", None, "negative", None, "positive"]
    assert told[1]["error"] == f"{path}:2: has only 1 of 2 columns"
    assert [line.removeprefix("error: ") for line in done.err.splitlines()][:2] == [told[1]["error"], told[3]["error"]]
    plain = cli("predict", reviews, path, "--column", "text", "--csv", "--batch-size", "1")
    assert plain.code == 1 and [line.split(",")[2] for line in plain.out.splitlines()[1:]] == [
        "positive", "negative", "positive",
    ]  # fmt: skip
    path.write_text("id,text\n1\n2\n")
    none = cli("predict", reviews, path, "--column", "text", "--json")
    assert none.code == 2 and [json.loads(line)["input"] for line in none.out.splitlines()[:-1]] == [
        f"{path}:1",
        f"{path}:2",
    ]
    assert cli("predict", reviews, path, "--column", "text", "--csv").out == ""


def test_typography_changes_no_prediction(cli, reviews):
    words = ["great", "“great”", "‘Great’", "great…", "—great–", "don't", "don’t", "‘don’t’"]  # noqa: RUF001
    rows = lines(cli("predict", reviews, *words, "--json"))
    assert [(row["class"], row["probability"]) for row in rows] == [
        (rows[one]["class"], rows[one]["probability"]) for one in (0, 0, 0, 0, 0, 5, 5, 5)
    ]


def test_more_classes_than_there_are(cli, reviews):
    done = cli("predict", reviews, "great", "--top-k", "5")
    assert done.code == 0 and "--top-k: the model has only 2 classes; all are shown" in done.err


def test_lines_through_a_pipe(reviews):
    words = [sys.executable, "-m", "deepcli", "predict", str(reviews), "--json"]
    done = subprocess.run(words, input="great\n\ndon't\n", capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["input"], row["name"]) for row in rows] == [("-:1", "positive"), ("-:3", "negative")]


@pytest.mark.parametrize("rows", [np.zeros(4 * 4 * 3, np.uint8), np.zeros((2, 4, 4), np.uint8), np.zeros((2, 4, 4, 1))])
def test_arrays_of_a_colour_model_have_its_channels(rows):
    wanted = Wanted((4, 4, 3))
    with pytest.raises(DataError, match="the model takes 4x4x3"):
        survey([rows], wanted, None, None, "x.npy", print)
    good = np.zeros((2, 4, 4, 3))
    assert survey([good], wanted, None, None, "x.npy", print).take(good, "x.npy").shape == (2, 4, 4, 3)


def test_answers_come_before_the_input_ends(reviews):
    words = [sys.executable, "-m", "deepcli", "predict", str(reviews), "-", "--batch-size", "1", "--quiet"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        for text, name in (("great", "positive"), ("don't", "negative")):
            process.stdin.write(f"{text}\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(name)
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize("name", ["huge.npy", "huge.npz"])
def test_a_file_larger_than_memory_is_read_in_pieces(tmp_path, name):
    header = io.BytesIO()
    shape = (1 << 30, 8, 8)
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    if name.endswith("npy"):
        with (tmp_path / name).open("wb") as file:
            file.write(header.getvalue())
            file.truncate(len(header.getvalue()) + (64 << 30))  # a hole: it takes no room
    else:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", header.getvalue() + bytes(64 << 20))  # cut short, which shows at its end only
    tracemalloc.start()
    with opened(tmp_path / name, None) as stream:
        pieces = read_rows(stream, name)
        assert sum(len(next(pieces)) for _ in range(5)) == 5 * (8 << 20) // 64
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


def test_arrays_of_ids(cli, reviews, tmp_path):
    np.save(tmp_path / "ids.npy", np.array([[1, 9, 9, 0, 0], [1, 8, 20, 8, 8]]))
    rows = lines(cli("predict", reviews, tmp_path / "ids.npy", "--json"))
    assert [row["name"] for row in rows] == ["positive", "negative"]


def test_a_checkpoint_without_words_finds_them_where_the_data_are(cli, reviews, tmp_path):
    bare = tmp_path / "bare.keras"
    with zipfile.ZipFile(reviews / "checkpoints" / "best.keras") as old, zipfile.ZipFile(bare, "w") as new:
        for info in old.infolist():
            if info.filename != LEXICON:
                new.writestr(info, old.read(info))
    assert cli("predict", bare, "great").out.startswith("positive")
    words = reviews.parent / "imdb_word_index.json"
    hidden = words.rename(words.with_suffix(".hidden"))
    try:
        done = cli("predict", bare, "great")
        assert done.code == 2 and "imdb_word_index.json" in done.err
    finally:
        hidden.rename(words)


@pytest.fixture
def bad(tmp_path, images):
    """Files that no image model can read."""
    (tmp_path / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    whole = io.BytesIO()
    Image.fromarray(np.random.RandomState(0).randint(0, 255, (64, 64), np.uint8)).save(whole, "png")
    (tmp_path / "torn.png").write_bytes(whole.getvalue()[:500])
    (tmp_path / "note.txt").write_text("seven")
    (tmp_path / "empty.png").touch()
    np.save(tmp_path / "sizes.npy", np.zeros((2, 9, 9), np.uint8))
    np.save(tmp_path / "range.npy", np.full((2, 8, 8), 300))
    np.save(tmp_path / "objects.npy", np.array([{}, []], object), allow_pickle=True)
    np.save(tmp_path / "torn.npy", np.zeros((9, 8, 8), np.uint8))
    (tmp_path / "torn.npy").write_bytes((tmp_path / "torn.npy").read_bytes()[:200])
    np.savez(tmp_path / "two.npz", a=images[0], b=images[0])
    Image.fromarray(images[0][0, ..., 0]).save(tmp_path / "good.png")
    return tmp_path


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("corrupt.png", "as an image"), ("torn.png", "damaged"), ("note.txt", "as an image"), ("empty.png", "as an image"),
        ("missing.png", "no such file"), ("sizes.npy", "rows are 9x9; the model takes 8x8x1"), ("range.npy", "300"),
        ("objects.npy", "not an array of numbers"), ("torn.npy", "ends too early"), ("two.npz", "--key"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_and_the_rest_is_predicted(cli, digits, bad, word, says):
    alone = cli("predict", digits, bad / word)
    assert (alone.code, alone.out) == (2, "") and says in alone.err and word in alone.err
    among = cli("predict", digits, bad / "good.png", bad / word, bad / "good.png", "--json")
    assert among.code == 1 and says in among.err
    *predicted, failure = map(json.loads, among.out.splitlines())
    assert [line["input"] for line in predicted] == [str(bad / "good.png")] * 2
    assert failure["status"] == "failed" and says in failure["error"]
    assert failure["error"].startswith("1 input cannot be read, 2 predicted: ")


@pytest.mark.parametrize(
    ("model", "words", "says"),
    [
        ("digits", ["great movie"], "takes pictures"),
        ("digits", ["x.npy", "--column", "text"], "--column"),
        ("digits", ["x.npz", "--key", "z"], "x.npz"),
        ("digits", ["."], "has no files"),
        ("digits", ["x.npy", "--json", "--csv"], "choose one"),
        ("reviews", ["folder"], "folder/latin.txt: is not UTF-8 text"),
        ("digits", ["x.npy", "-o", "out.txt"], ".jsonl or .csv"),
        ("digits", ["x.npy", "--range", "1:0"], "LOW:HIGH"),
        ("digits", ["x.npy", "--range", "dark"], "LOW:HIGH"),
        ("digits", ["x.npy", "--range", "0:inf"], "LOW:HIGH"),
        ("digits", ["x.npy", "--fit", "tight"], "auto or none"),
        ("digits", ["x.npy", "--save-inputs", "."], "is not empty"),
        ("reviews", ["text", "--invert"], "--invert"),
        ("reviews", ["text", "--range", "0:1"], "--range: does not apply"),
        ("reviews", ["text", "--fit", "none"], "--fit: does not apply"),
        ("reviews", ["text", "--save-inputs", "seen"], "--save-inputs: has no effect"),
        ("reviews", ["table.csv", "--column", "txt"], "no column 'txt'; its columns: id, text"),
        ("reviews", ["table.csv"], "choose the text column with --column"),
        ("reviews", ["empty.csv", "--column", "text"], "is empty"),
        ("reviews", ["missing.txt"], "no such file"),
        ("reviews", ["latin.txt"], "UTF-8"),
        ("reviews", ["ids.npy"], "below 150"),
        ("nothing", ["text"], "does not exist"),
    ],
)
def test_bad_words(cli, request, model, words, says):
    from pathlib import Path

    Path("table.csv").write_text("id,text\n1,great\n")
    Path("empty.csv").touch()
    Path("latin.txt").write_bytes("schön".encode("latin-1"))
    Path("folder").mkdir()
    Path("folder/latin.txt").write_bytes("schön".encode("latin-1"))
    np.save("ids.npy", np.array([[1, 150]]))
    path = model if model == "nothing" else request.getfixturevalue(model)
    done = cli("predict", path, *words)
    assert done.code == 2 and says in done.err and bool(done.out) == ("--json" in words)


def test_empty_standard_input(digits, reviews):
    for run in (digits, reviews):
        words = [sys.executable, "-m", "deepcli", "predict", str(run)]
        done = subprocess.run(words, input="", capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "standard input is empty" in done.stderr


def test_words_are_split_as_keras_split_them():
    keras_would = ["don't", "do", "it", "br", "br", "1999's", "café", "a", "b"]
    assert split_words("Don't -- do it!<br /><br />1999's café (a_b)\t") == keras_would


def test_a_lexicon_comes_back_as_it_was():
    lexicon = Lexicon(("", "<start>", "é", "", "x"))
    assert Lexicon.from_bytes(lexicon.to_bytes()) == lexicon
    assert lexicon.spell([1, 2, 3, 9]) == "<start> é #3 #9" and lexicon.ids == {"<start>": 1, "é": 2, "x": 4}
