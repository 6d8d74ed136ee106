"""Each command as its user meets it: what it prints, where, and with which exit code."""

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from deepcli.catalog.components import KINDS
from deepcli.cli import render
from deepcli.data import DATASETS, Dataset
from deepcli.evaluation.scores import SCORES
from deepcli.models import MODELS
from deepcli.result import Result
from tests import own_files

QUICK = ["data.limit=40", "training.epochs=2"]
SCORED = [name for name in SCORES if "classification" in SCORES[name].tasks]


def test_help_lists_every_command(cli):
    done = cli("--help")
    assert done.code == 0
    for command in ("train", "evaluate", "validate", "list", "init", "show", "schema"):
        assert f" {command} " in done.out
        assert cli(command, "--help").code == 0
    assert "Plugins do: files given with --plugin" in done.out
    assert cli("--version").out.startswith("deepcli 0.")


def test_train_prints_results_on_stdout_and_one_plain_line_an_epoch_on_stderr(cli, spec):
    done = cli("train", spec(name="tiny.yaml"), *QUICK, "--output", "my run")
    assert done.code == 0
    lines = done.err.splitlines()
    assert lines[0].startswith("tiny: mlp on digits, 40 examples in 1 step")
    assert lines[1].startswith("device: cpu (TensorFlow found no GPU)")
    assert lines[2].startswith("jit_compile: false (") and "steps_per_execution: 1 (" in lines[2]
    assert [line.split("  ")[0] for line in lines[3:5]] == ["epoch 1/2", "epoch 2/2"]
    assert all(name in lines[3] for name in ("loss ", "accuracy ", "val_loss ", "lr 1.00e-03", "s"))
    assert "\x1b" not in done.err + done.out
    assert "test accuracy" in done.out
    assert done.out.splitlines()[-1].endswith("my run")


def test_train_with_json_prints_exactly_one_object(cli, spec):
    done = cli("train", spec(), *QUICK, "--output", "a", "--json", "--quiet")
    result = json.loads(done.out)
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert (result["command"], result["status"], result["run"], result["epochs"]) == ("train", "completed", "a", 2)
    done = cli("evaluate", "a", "--json", "--quiet")
    again = json.loads(done.out)
    assert (done.err, again["command"], again["run"]) == ("", "evaluate", "a")
    own = result["metrics"]["test"]
    assert list(again["metrics"]) == ["test"]
    assert list(again["metrics"]["test"]) == [*own, *(name for name in SCORED if name not in own)]
    assert own.items() <= again["metrics"]["test"].items()
    assert again["intervals"]["test"].keys() == again["interval_notes"]["test"].keys() == set(SCORED)


def test_evaluate_prints_a_line_a_figure_and_a_class_and_the_confusion_matrix(cli, spec):
    assert cli("train", spec(), "training.epochs=3", "data.limit=200", "-o", "a", "-q").code == 0
    for split in ("test", "validation", "train"):
        result = json.loads(cli("evaluate", "a", "--split", split, "--json", "-q").out)
        done = cli("evaluate", "a", "--split", split, "-q")
        assert (done.code, done.err, "\x1b" in done.out) == (0, "", False)
        figures, methods, classes, matrix, (last,) = (block.splitlines() for block in done.out.split("\n\n"))
        for line, (name, value) in zip(figures, result["metrics"][split].items(), strict=True):
            interval = result["intervals"][split].get(name)
            trivial = result["baselines"]["trivial"].get(name)
            shown = f"{value:.4f}" + (f"  [{interval[0]:.4f}, {interval[1]:.4f}]" if interval else "")
            shown += f"  (trivial {trivial:.4f})" if trivial is not None else ""
            assert re.fullmatch(rf"{split} {name} +{re.escape(shown)}", line)
        assert methods[:2] == [
            f"95 % intervals, over {split} examples (not over training runs):",
            "  accuracy, recall_weighted: exact (Clopper-Pearson)",
        ]
        assert max(map(len, methods)) <= 80 and set(SCORED) <= set(re.findall(r"\w+", " ".join(methods)))
        assert classes[0].split() == ["precision", "recall", "f1", "support"]
        for line, row in zip(classes[1:], result["classes"][split], strict=True):
            figures = [f"{row[name]:.4f}" for name in ("precision", "recall", "f1")]
            assert line.split() == [split, "class", str(row["class"]), *figures, str(row["support"])]
        assert matrix[0].split() == ["predicted", *map(str, range(10))]
        for number, (line, counts) in enumerate(zip(matrix[1:], result["confusion_matrix"][split], strict=True)):
            assert line.split() == [split, "label", str(number), *map(str, counts)]
        assert last.endswith("  a")


def test_a_large_confusion_matrix_is_for_json_only(capsys):
    def shown(classes):
        counts = [[0] * classes for _ in range(classes)]
        figures = {"precision": None, "recall": None, "f1": None, "support": 0}
        rows = [{"class": number, **figures} for number in range(classes)]
        matrix = {"classes": {"test": rows}, "confusion_matrix": {"test": counts}}
        result = Result.model_validate({"schema": 1, "command": "evaluate", "status": "completed", **matrix})
        render.result(result, json=False)
        out = capsys.readouterr().out
        assert json.loads(result.to_json())["confusion_matrix"] == {"test": counts}
        assert re.search(r"^test class 3 +nan +nan +nan +0$", out, re.MULTILINE)
        return "predicted" in out

    assert shown(20)
    assert not shown(21)


def test_a_new_run_directory_is_named_after_the_spec(cli, spec):
    assert cli("train", spec(name="my model.yaml"), *QUICK, "-q").code == 0
    assert [path.name.startswith("my model-20") for path in Path("runs").iterdir()] == [True]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_a_spec_may_come_through_a_pipe(cli, tmp_path):
    """As from `deepcli validate <(generate)`."""
    os.mkfifo(tmp_path / "pipe.yaml")
    writer = threading.Thread(target=(tmp_path / "pipe.yaml").write_text, args=["data: digits\nmodel: mlp\n"])
    writer.start()
    assert cli("validate", tmp_path / "pipe.yaml").code == 0
    writer.join()


def test_skip_and_resume_of_a_finished_run_and_overwrite(cli, spec):
    path = spec()
    first = cli("train", path, *QUICK, "-o", "a", "--json")
    before = Path("a/metrics.json").stat().st_mtime_ns
    for choice in ("skip", "resume"):
        done = cli("train", path, *QUICK, "-o", "a", "--json", "--if-exists", choice)
        assert (done.code, json.loads(done.out)) == (0, json.loads(first.out))
        assert "has finished; nothing was trained" in done.err
    assert Path("a/metrics.json").stat().st_mtime_ns == before
    assert cli("train", path, *QUICK, "-o", "a", "-q", "--if-exists", "overwrite", "seed=3").code == 0
    assert "seed: 3" in Path("a/config.yaml").read_text()


def test_a_failed_run_exits_with_1_and_is_not_skipped(cli, spec):
    words = ["train", spec(), *QUICK, "optimizer={type: sgd, learning_rate: 1e30}", "-o", "a", "--json"]
    done = cli(*words)
    assert (done.code, json.loads(done.out)["status"]) == (1, "failed")
    assert "error: the run diverged" in done.err
    before = Path("a/metrics.json").read_bytes()
    done = cli(*words, "--if-exists", "skip")
    assert done.code == 2 and "the run a exists and failed (the run diverged" in done.err
    assert "use --if-exists resume to continue it, or --if-exists overwrite to replace it" in done.err
    assert Path("a/metrics.json").read_bytes() == before


def test_validate_takes_each_file_by_itself(cli, spec):
    good, bad = spec(name="good.yaml"), spec("data: digits\n", "bad.yaml")
    done = cli("validate", good, good)
    assert (done.code, done.out, done.err) == (0, f"{good}: valid\n" * 2, "")
    done = cli("validate", good, bad)
    assert (done.code, done.out) == (2, f"{good}: valid\n")
    assert f"error: {bad}:1:1: model: is missing" in done.err
    assert cli("validate", good, "training.epochs=3", "-q").out == ""


def test_validate_checks_own_data_as_train_takes_them(cli):
    own_files.text_pairs(Path("pairs.tsv"))
    done = cli("validate", "pairs.tsv", "task=sequence_to_sequence")
    assert (done.code, done.out) == (0, "pairs.tsv: valid\n")
    done = cli("validate", "pairs.tsv", "nothing.csv", "task=sequence_to_sequence", "model=cnn")
    assert (done.code, done.out) == (2, "")
    assert "model.type: `cnn` takes images, tokens and series; these data are pairs of texts" in done.err
    assert "nothing.csv: no such file" in done.err


def test_changing_a_type_is_noticed_on_stderr(cli, spec):
    path = spec("data: digits\nmodel: {type: lstm, units: 8}\n")
    for command in ("show", "validate"):
        done = cli(command, path, "model=cnn")
        assert done.err == "notice: model: lstm -> cnn drops model.units\n"


def test_show_prints_a_spec_that_is_the_same_spec(cli, spec):
    done = cli("show", spec(), "model.hidden_units=[7]")
    again = spec(done.out, "again.yaml")
    assert cli("show", again).out == done.out
    assert "hidden_units: [7]" in done.out
    assert "format: 1" in done.out


def test_show_model_prints_layers_with_shapes_and_parameters(cli, spec):
    done = cli("show", spec("data: digits\nmodel: {type: cnn, filters: [4]}\n"), "--model")
    assert done.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines()[1:] if line.strip()}
    assert rows["conv_1"] == ["Conv2D", "8", "x", "8", "x", "4", "40"]
    assert rows["output"][-1] == "650"
    assert "690 parameters, 690 trainable" in done.out


def test_show_samples_draws_images_before_and_after_augmentation(cli, spec):
    import numpy as np
    import tensorflow as tf

    path = spec("data: {type: digits, augmentation: {rotation: 0.1}}\nmodel: mlp\nseed: 3\n")
    done = cli("show", path, "--samples", "a b.png")
    assert (done.code, done.out, done.err) == (0, "wrote a b.png\n", "")
    picture = tf.io.decode_png(Path("a b.png").read_bytes()).numpy()
    side, gap = 88, 4
    assert picture.shape == (4 * (side + gap) + gap + 8, 8 * (side + gap) + gap, 1)
    tops = [gap, gap + (side + gap) + 8, gap + 2 * (side + gap) + 8, gap + 3 * (side + gap) + 8]
    rows = [picture[top : top + side] for top in tops]
    assert all(not np.array_equal(a, b) for i, a in enumerate(rows) for b in rows[:i])
    assert (rows[0][:: side // 8, gap + side : gap + side + gap] == 255).all()
    cli("show", path, "--samples", "again.png")
    assert Path("again.png").read_bytes() == Path("a b.png").read_bytes()


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("data: imdb\nmodel: mlp\n", ["--samples", "a.png"], "--samples: needs images; imdb contains texts"),
        ("data: digits\nmodel: mlp\n", ["--samples", "a.jpg"], "--samples: a.jpg should end in .png"),
        ("data: digits\nmodel: mlp\n", ["--samples", "no/a.png"], "--samples: the directory no does not exist"),
        ("data: digits\nmodel: mlp\n", ["--samples", "a.png", "--model"], "--model, --samples and --cost: choose one"),
    ],
)
def test_show_samples_says_what_it_cannot_do(cli, spec, text, words, message):
    done = cli("show", spec(text), *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_show_samples_without_augmentation_shows_the_images_alone_and_says_so(cli, spec):
    done = cli("show", spec(), "--samples", "a.png")
    assert (done.code, done.out) == (0, "wrote a.png\n")
    assert "data.augmentation is null" in done.err


def test_list_shows_the_fields_of_a_section_that_is_null_by_default(cli):
    done = cli("list", "data", "digits").out
    assert re.search(r"augmentation +section or null +null", done)
    assert re.search(r"rotation +number >= 0, <= 1 +0\.0", done)


def test_list_shows_every_kind_every_name_and_every_field(cli):
    kinds = cli("list").out
    for kind in (
        "data",
        "models",
        "layers",
        "activations",
        "initializers",
        "losses",
        "metrics",
        "optimizers",
        "schedules",
        "scores",
    ):
        assert kind in kinds
        assert cli("list", kind).code == 0
    one = cli("list", "models", "cnn").out
    assert "kernel_size" in one
    assert "Side of each kernel." in one
    assert "lstm" not in one


def test_list_ends_each_entry_with_an_example_to_paste(cli, spec):
    assert cli("list", "schedules", "cosine").out.rstrip().endswith("  schedule: {type: cosine, alpha: 0.0}")
    assert cli("list", "metrics", "f1").out.rstrip().endswith("  metrics: [f1]")
    example = cli("list", "models", "cnn").out.partition("\n\n")[2]
    assert cli("validate", spec("data: digits\n" + textwrap.dedent(example))).code == 0


def test_list_ends_each_score_with_the_command_that_measures_it(cli, spec):
    assert cli("train", spec(), *QUICK, "-o", "a", "-q").code == 0
    command = cli("list", "scores", "ece").out.splitlines()[-2].strip()
    assert command == "deepcli evaluate RUN --json"
    done = cli(*command.replace("RUN", "a").split()[1:])
    assert set(SCORED) <= set(json.loads(done.out)["metrics"]["test"])


def test_list_prints_json_for_scripts(cli):
    assert json.loads(cli("list", "--json").out)["kinds"] == {kind: list(registry) for kind, registry in KINDS.items()}
    models = json.loads(cli("list", "models", "--json").out)
    assert (models["kind"], [entry["type"] for entry in models["entries"]]) == ("models", list(MODELS))
    (cosine,) = json.loads(cli("list", "schedules", "cosine", "--json").out)["entries"]
    assert cosine["doc"].startswith("Cosine decay from the peak")
    assert cosine["example"] == "schedule: {type: cosine, alpha: 0.0}"
    assert cosine["fields"][0] == {
        "name": "alpha",
        "type": "number >= 0, <= 1",
        "default": "0.0",
        "description": "Fraction of the peak that is left at the end.",
        "depth": 0,
        "absent": False,
    }


TEXTBOOK = [name for name in DATASETS if issubclass(DATASETS[name], Dataset)]
OF_IMAGES = {"application": ["cifar10"], "linear": [], "autoencoder": ["digits", "mnist", "fashion_mnist", "cifar10"]}
FITTING = [(data, model) for data in TEXTBOOK for model in MODELS if data in OF_IMAGES.get(model, TEXTBOOK)]


@pytest.mark.parametrize(
    ("data", "model", "why"),
    [
        ("digits", "application", "needs images of at least 32x32"),
        ("imdb", "application", "takes images; these data are"),
        ("digits", "linear", "takes series; these data are images"),
    ],
)
def test_init_refuses_a_family_that_does_not_take_the_data(cli, data, model, why):
    done = cli("init", data, model)
    assert (done.code, done.out) == (2, "")
    assert f"error: {model} does not fit {data}: " in done.err
    assert why in done.err
    assert not Path(f"{data}-{model}.yaml").exists()


@pytest.mark.parametrize(("data", "model"), FITTING)
def test_init_writes_a_commented_spec_that_is_valid_and_stays_so_uncommented(cli, data, model):
    done = cli("init", data, model)
    path = Path(f"{data}-{model}.yaml")
    assert (done.code, done.out) == (0, f"wrote {path}; next: deepcli train {path}\n")
    assert cli("validate", path).code == 0
    lines = path.read_text().splitlines()
    assert sum("#" in line for line in lines) > 20
    uncommented = [line.replace("# ", "", 1) if line.startswith("  # ") else line for line in lines]
    everything = Path("everything.yaml")
    everything.write_text("\n".join(uncommented))
    assert cli("validate", everything).err == ""
    before, after = (cli("show", file).out.splitlines()[1:] for file in (path, everything))
    assert before == after


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("deepcli tr", "train"),
        ("deepcli init mn", "mnist"),
        ("deepcli init mnist tr", "transformer"),
        ("deepcli list opt", "optimizers"),
        ("deepcli list models gr", "gru"),
        ("deepcli train --if", "--if-exists"),
        ("deepcli evaluate runs/a --split val", "validation"),
        ("deepcli sch", "schema"),
    ],
)
def test_bash_completion_knows_commands_and_names(words, expected):
    environment = {
        **os.environ,
        "_DEEPCLI_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    script = Path(sys.executable).with_name("deepcli")
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert expected in done.stdout.split()


def test_a_checkpoint_of_a_plugin_names_it_and_never_imports_it_by_itself(cli, spec, tmp_path):
    plugin = tmp_path / "mine.py"
    source = (Path(__file__).parent.parent / "plugins" / "wide.py").read_text()
    plugin.write_text(source.replace('"wide"', '"mine"').replace("class Wide", "class Mine"))
    assert cli("train", spec(), "model=mine", *QUICK, "-o", "a", "-q", "--plugin", plugin).code == 0
    script = Path(sys.executable).with_name("deepcli")
    plugin.write_text(plugin.read_text() + "\nopen('imported', 'w').close()\n")
    done = subprocess.run([script, "evaluate", "a"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"the run was trained with --plugin {plugin}, so add that to the command" in done.stderr
    assert not Path("imported").exists()
    done = subprocess.run([script, "evaluate", "a", "--plugin", plugin], capture_output=True, text=True, check=False)
    assert (done.returncode, Path("imported").exists()) == (0, True)
