"""The Python API: what `import deepcli` gives is what the commands do, with answers instead of lines."""

import csv
import json
import os
import re
import signal
import sys
import threading
import time
import types
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import deepcli
from deepcli.data.files import Sources
from deepcli.evaluation.predictions import by_class

SPEC: dict[str, Any] = {
    "data": {"type": "digits", "limit": 300, "batch_size": 20},
    "model": {"type": "mlp", "hidden_units": [16]},
    "optimizer": {"type": "adam", "learning_rate": 2e-2},
    "training": {"epochs": 3},
}
TEXT = (
    "data: {type: digits, limit: 300, batch_size: 20}\nmodel: {type: mlp, hidden_units: [16]}\n"
    "optimizer: {type: adam, learning_rate: 2e-2}\ntraining: {epochs: 3}\n"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run, trained from Python."""
    return deepcli.train(SPEC, output=tmp_path_factory.mktemp("api") / "a run", progress=False)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return deepcli.train(SPEC, "seed=1", output=tmp_path_factory.mktemp("api") / "another", progress=False)


@pytest.fixture(scope="module")
def images(run):
    return run.spec.data.load(Sources()).test.x


# Loading


def test_a_dict_keywords_and_a_file_give_equal_specs(spec):
    named = deepcli.load(spec(TEXT), "name=same")
    assert deepcli.load(SPEC, "name=same") == named
    assert deepcli.load(**SPEC, name="same") == named
    assert deepcli.load(SPEC, {"name": "same"}, model={"hidden_units": (16,)}) == named
    assert deepcli.load(named) is named
    assert deepcli.load(named, "training.epochs=9").training.epochs == 9


def test_later_parts_are_merged_over_earlier_ones_and_overrides_last(spec):
    more = spec("training: {epochs: 4}\nseed: 3\n", "more.yaml")
    loaded = deepcli.load("training.epochs=7", spec(TEXT), more, {"seed": 4}, optimizer={"learning_rate": 0.5})
    assert (loaded.training.epochs, loaded.seed, loaded.optimizer.learning_rate) == (7, 4, 0.5)
    assert loaded.optimizer.type == "adam"


def test_a_spec_without_a_file_is_named_after_data_and_model():
    assert deepcli.load(data="digits", model="mlp").name == "digits-mlp"
    assert deepcli.load(data={"type": "digits"}, model={"type": "cnn"}).name == "digits-cnn"


def test_what_python_programs_hold_becomes_plain_values(tiny_mnist):
    loaded = deepcli.load(
        data={"type": "mnist", "path": tiny_mnist, "limit": np.int64(48)},
        model={"type": "mlp", "hidden_units": (np.int32(8), 4)},
        optimizer={"type": "sgd", "learning_rate": np.float64(0.1)},
    )
    assert (loaded.data.path, loaded.data.limit) == (str(tiny_mnist), 48)
    assert loaded.model.model_dump()["hidden_units"] == (8, 4)
    assert type(loaded.optimizer.learning_rate) is float


@pytest.mark.parametrize(
    "words",
    [
        ["spec.yaml"],
        ["spec.yaml", "model.filters=3", "training.epoch=2"],
        ["spec.yaml", "more.yaml", "data=digit"],
        ["missing.yaml"],
        ["training.epochs=3"],
        ["broken.yaml"],
        ["."],
    ],
    ids=" ".join,
)
def test_errors_are_exceptions_with_the_texts_of_the_command_line(cli, words):
    Path("spec.yaml").write_text("data: digits\nmodel: {type: cnn, filter: [4], activation: rely}\nseed: -1\n")
    Path("more.yaml").write_text("training: {epochs: 0}\n")
    Path("broken.yaml").write_text("data: [digits\n")
    done = cli("train", *words)
    with pytest.raises(deepcli.DeepcliError) as raised:
        deepcli.load(*words)
    assert f"error: {raised.value}\n" == done.err
    assert raised.value.exit_code == done.code == 2


def test_problems_of_a_dict_are_named_by_their_path():
    with pytest.raises(deepcli.SpecError) as raised:
        deepcli.load({"data": "digits", "model": {"type": "cnn", "filter": [4]}, "training": {"epochs": 0}})
    problems = {problem.path: (problem.where, problem.message) for problem in raised.value.problems}
    assert problems.keys() == {"model.filter", "training.epochs"}
    assert {where for where, _ in problems.values()} == {""}
    assert "did you mean 'filters'?" in problems["model.filter"][1]
    assert str(raised.value).startswith("model.filter: unknown field")


def test_a_problem_in_a_dict_is_not_blamed_on_the_file_below_it(spec):
    path = spec(TEXT.replace("batch_size: 20", "batch_size: 0"))
    with pytest.raises(deepcli.SpecError) as raised:
        deepcli.load(path, training={"epochs": 0})
    where = {problem.path: problem.where for problem in raised.value.problems}
    assert where == {"data.batch_size": f"{path}:1:46", "training.epochs": ""}


def test_a_dict_that_holds_itself_is_an_error():
    endless: dict = {"data": "digits", "model": "mlp"}
    endless["training"] = endless
    with pytest.raises(deepcli.SpecError, match="nested deeper than"):
        deepcli.load(endless)


def test_notices_are_warnings_at_the_line_that_asked(spec):
    path = spec(TEXT + "sweep: {parameters: {seed: [1, 2]}}\n")
    with pytest.warns(deepcli.Notice, match="deepcli sweep") as caught:
        deepcli.load(path)
    assert [Path(one.filename).name for one in caught] == ["test_api.py"]


def test_every_public_name_is_there():
    for name in deepcli.__all__:
        assert getattr(deepcli, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = deepcli.trian


# Training


def test_a_run_from_python_is_that_of_the_command_to_the_bit(cli, spec, run, tmp_path):
    assert cli("train", spec(TEXT), "-o", tmp_path / "b", "-q").code == 0
    theirs = deepcli.Run(tmp_path / "b")
    assert theirs.metrics == run.metrics
    for column, values in theirs.history.items():
        assert column == "seconds" or list(values) == list(run.history[column])
    assert np.array_equal(vars(theirs.predictions())["probabilities"], vars(run.predictions())["probabilities"])
    files = [{str(path.relative_to(one.path)) for path in one.path.rglob("*")} for one in (theirs, run)]
    assert files[0] == files[1] - {"report.html"}


def test_a_run_without_output_is_named_after_the_spec():
    made = deepcli.train(SPEC, "training.epochs=1", progress=False)
    assert made.path.parent == Path("runs")
    assert made.path.name.startswith("digits-mlp-20")


def test_keras_callbacks_are_called_after_ours(tmp_path):
    seen: list[Any] = []

    class Seen(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(("begin", self.params["epochs"], self.model.count_params() > 0))

        def on_train_batch_end(self, batch, logs=None):
            seen.append("batch")

        def on_epoch_end(self, epoch, logs=None):
            rows = list(csv.DictReader((tmp_path / "a" / "history.csv").read_text().splitlines()))
            seen.append((epoch, len(rows), sorted(logs)))

    deepcli.train(
        SPEC,
        output=tmp_path / "a",
        progress=False,
        callbacks=[Seen(), keras.callbacks.LambdaCallback(on_train_end=lambda logs: seen.append("end"))],
    )
    names = ["accuracy", "learning_rate", "loss", "val_accuracy", "val_loss"]
    assert seen[0] == ("begin", 3, True)
    assert [one for one in seen if isinstance(one, tuple)][1:] == [(k, k + 1, names) for k in range(3)]
    assert seen.count("batch") >= 3
    assert seen[-1] == "end"


def test_a_callback_can_stop_training(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    stopped = deepcli.train(SPEC, "training.epochs=9", output=tmp_path / "a", progress=False, callbacks=[Stop()])
    assert (stopped.result.status, stopped.result.epochs) == ("completed", 2)


def test_progress_is_shown_on_stderr_as_the_command_shows_it(capfd, tmp_path):
    deepcli.train(SPEC, output=tmp_path / "a")
    out, err = capfd.readouterr()
    assert out == ""
    assert [line.split()[1] for line in err.splitlines() if line.startswith("epoch")] == ["1/3", "2/3", "3/3"]
    deepcli.train(SPEC, output=tmp_path / "b", progress=False)
    assert capfd.readouterr() == ("", "")


def test_an_existing_run_is_an_error_skipped_resumed_or_overwritten(tmp_path):
    path = tmp_path / "a"
    first = deepcli.train(SPEC, output=path, progress=False)
    before = (path / "metrics.json").stat().st_mtime_ns
    with pytest.raises(deepcli.RunError, match="exists"):
        deepcli.train(SPEC, output=path, progress=False)
    assert deepcli.train(SPEC, output=path, if_exists="skip", progress=False).metrics == first.metrics
    with pytest.raises(deepcli.RunError, match=r"seed: 0 in the run, 5 now"):
        deepcli.train(SPEC, "seed=5", output=path, if_exists="skip", progress=False)
    assert (path / "metrics.json").stat().st_mtime_ns == before
    longer = deepcli.train("training.epochs=5", resume=first, progress=False)
    assert (longer.path, longer.result.epochs) == (path, 5)
    assert deepcli.train(SPEC, output=path, if_exists="overwrite", progress=False).result.epochs == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"if_exists": "skip"}, "without output"),
        ({"if_exists": "skip", "resume": "a"}, "with resume"),
        ({"resume": "a", "output": "b"}, "omit --output"),
        ({"data_dir": "nowhere"}, "nowhere is not a directory"),
        ({"plugins": ["nowhere.py"]}, "nowhere.py"),
    ],
)
def test_arguments_that_do_not_fit_together(arguments, says):
    with pytest.raises(deepcli.UsageError, match=says):
        deepcli.train(SPEC, progress=False, **arguments)
    assert not Path("runs").exists()


def test_a_run_that_diverges_raises_and_leaves_its_result(tmp_path):
    with pytest.raises(deepcli.TrainingError, match="diverged") as raised:
        deepcli.train(SPEC, optimizer_of("sgd", 1e30), output=tmp_path / "a", progress=False)
    failed = deepcli.Run(raised.value.run)
    assert failed.result.status == "failed"
    assert "failed" in repr(failed)


def optimizer_of(name, rate):
    return {"optimizer": {"type": name, "learning_rate": rate}}


def test_a_plugin_is_a_file_whose_components_the_spec_names(tmp_path):
    plugin = Path(__file__).parent.parent / "plugins" / "sign_sgd.py"
    made = deepcli.train(
        {**SPEC, "optimizer": "sign_sgd"}, "training.epochs=1", output=tmp_path / "a", plugins=plugin, progress=False
    )
    assert made.spec.optimizer.type == "sign_sgd"


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to this process")
def test_an_interrupt_stops_after_the_step_with_a_checkpoint_and_says_how_to_continue(tmp_path):
    path = tmp_path / "it's here"
    quiet = deepcli.train(SPEC, "training.epochs=6", output=tmp_path / "whole", progress=False)

    class Interrupting(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(deepcli.Interrupted) as raised:
        deepcli.train(SPEC, "training.epochs=6", output=path, progress=False, callbacks=[Interrupting()])
    assert signal.getsignal(signal.SIGINT) is before
    assert raised.value.run == str(path)
    where, _, how = str(raised.value).partition("; continue with: ")
    assert how == f"deepcli.train(resume={str(path)!r})"
    assert re.fullmatch(
        r"interrupted (after epoch 2|in epoch 3) of 6; best so far: epoch [12], val_loss \d\.\d{4}", where
    )
    assert (path / "checkpoints" / "last.keras").is_file()
    assert deepcli.Run(path).result is None
    assert "unfinished" in repr(deepcli.Run(path))
    said = str(raised.value).partition("continue with: ")[2]
    resumed = eval(said.replace(")", ", progress=False)"))
    assert resumed.metrics == quiet.metrics


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to this process")
def test_a_second_interrupt_raises_at_once_and_leaves_the_process_alive(tmp_path):
    """In the shell it would end the process, and in a notebook that is the kernel with all its variables."""

    class Impatient(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(3)  # longer than deepcli waits in the shell

    with pytest.raises(KeyboardInterrupt):
        deepcli.train(SPEC, output=tmp_path / "a", progress=False, callbacks=[Impatient()])
    assert deepcli.Run(tmp_path / "a").result is None


def test_training_works_in_a_thread_which_gets_no_signals(tmp_path):
    made = []
    thread = threading.Thread(target=lambda: made.append(deepcli.train(SPEC, output=tmp_path / "a", progress=False)))
    thread.start()
    thread.join()
    assert made[0].result.status == "completed"


# A run


def test_a_run_shows_spec_result_metrics_and_history(run):
    assert run.spec == deepcli.load(SPEC)
    assert run.result.status == "completed"
    assert run.metrics["test"].keys() == {"loss", "accuracy"}
    assert list(run.history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert list(run.history["epoch"]) == [1, 2, 3]
    assert min(run.history["val_loss"]) == run.metrics["validation"]["loss"]
    assert repr(run) == (
        f"<Run {run.path}: completed, best epoch {run.result.best_epoch} of 3, "
        f"test loss {run.metrics['test']['loss']:.4f}, test accuracy {run.metrics['test']['accuracy']:.4f}>"
    )


def test_the_history_is_a_data_frame_where_pandas_is_installed(run, monkeypatch):
    made = []
    pandas: Any = types.ModuleType("pandas")
    pandas.DataFrame = lambda columns: made.append(columns) or "frame"
    pandas.__spec__ = types.SimpleNamespace(name="pandas")
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    assert run.history == "frame"
    assert made[0]["epoch"] == [1, 2, 3]


def test_predictions_are_those_that_training_saved(run):
    found = run.predictions("test")
    accuracy = (found.answers == found.labels).mean()
    assert accuracy == pytest.approx(run.metrics["test"]["accuracy"])
    with pytest.raises(deepcli.RunError, match="evaluate"):
        run.predictions("train")
    with pytest.raises(deepcli.UsageError, match="did you mean 'test'"):
        run.predictions("tset")


def test_the_model_is_a_keras_model_with_the_best_weights(run, images):
    model = run.model()
    assert isinstance(model, keras.Model)
    found = run.predictions("test")
    np.testing.assert_allclose(model.predict(images, verbose=0), found.probabilities, atol=1e-6)
    assert run.model() is model


def test_the_model_has_averaged_weights_where_those_were_validated(tmp_path):
    averaged = deepcli.train(SPEC, "optimizer.use_ema=true", output=tmp_path / "a", progress=False)
    x = averaged.spec.data.load(Sources()).test.x
    expected = vars(averaged.predictions("test"))["probabilities"]
    np.testing.assert_allclose(averaged.model().predict(x, verbose=0), expected, atol=1e-6)


def test_predict_takes_one_or_many_arrays_images_and_paths(run, images, tmp_path):
    expected = vars(run.predictions("test"))["probabilities"]
    best = expected.argmax(axis=1)[:4].tolist()
    pictures = [Image.fromarray((image[..., 0].astype(float) * 255 / 16).astype(np.uint8)) for image in images[:4]]
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / f"{number}.png")
    np.save(tmp_path / "x.npy", images[:4])
    ways = [
        images[:4],
        list(images[:4]),
        [images[:2], images[2:4]],
        images[:4, ..., 0],
        tmp_path / "x.npy",
        [tmp_path / "x.npy"],
        (image for image in images[:4]),
    ]
    for inputs in ways:
        answers = run.predict(inputs)
        assert [answer.label for answer in answers] == best
        np.testing.assert_allclose([one.probability for one in answers], expected[:4].max(axis=1), atol=1e-6)
    by_path = run.predict([str(tmp_path / f"{number}.png") for number in range(4)])
    in_memory = run.predict(pictures)
    assert [one.label for one in by_path] == [one.label for one in in_memory]
    assert [one.input for one in by_path] == [str(tmp_path / f"{number}.png") for number in range(4)]
    assert [one.input for one in in_memory] == [f"inputs[{number}]" for number in range(4)]
    assert [one.input for one in run.predict(images[:2])] == ["inputs[0]", "inputs[1]"]
    single = run.predict(images[0])
    assert [one.label for one in single] == best[:1]


def test_an_answer_has_class_name_probability_and_the_likeliest_classes(run, images):
    (answer,) = run.predict(images[0], top_k=3)
    row = vars(run.predictions("test"))["probabilities"][0]
    order = np.argsort(-row)[:3].tolist()
    assert (answer.label, answer.name) == (order[0], str(order[0]))
    assert [one.label for one in answer.top] == order
    np.testing.assert_allclose([one.probability for one in answer.top], row[order], atol=1e-6)
    assert answer.probability == answer.top[0].probability
    assert len(run.predict(images[0], top_k=99)[0].top) == 10
    assert f"{answer.probability:.4f}" in repr(answer)


def test_predict_agrees_with_the_command(cli, run, images, tmp_path):
    np.save(tmp_path / "x.npy", images)
    rows = [json.loads(line) for line in cli("predict", run.path, tmp_path / "x.npy", "--json").out.splitlines()]
    answers = run.predict(tmp_path / "x.npy")
    assert [(row["input"], row["class"], row["name"]) for row in rows] == [
        (one.input, one.label, one.name) for one in answers
    ]
    assert [row["probability"] for row in rows] == [round(one.probability, 6) for one in answers]


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ("nowhere.png", "nowhere.png: no such file"),
        (Path("nowhere.png"), "nowhere.png: no such file"),
        (np.zeros((3, 3)), "the model takes 8x8x1"),
        (None, "of the type NoneType"),
        ([object()], "of the type object"),
        (np.float32(3), "not a path, an image or an array"),
        (np.full((8, 8), np.nan), "NaN"),
    ],
)
def test_an_input_that_cannot_be_read_is_an_error(run, inputs, says):
    with pytest.raises(deepcli.DataError, match=says):
        run.predict(inputs)


def test_unreadable_inputs_may_be_skipped_with_a_warning(run, images):
    with pytest.warns(deepcli.Notice, match="no such file"):
        answers = run.predict(["nowhere.png", images[0], "elsewhere.png"], skip=True)
    assert [one.label for one in answers] == [run.predict(images[0])[0].label]
    assert run.predict([]) == []


def test_what_was_done_to_an_image_is_a_warning(run, images):
    bright = 255 - (images[0, ..., 0].astype(float) * 255 / 16).astype(np.uint8)
    with pytest.warns(deepcli.Notice, match="inverted"):
        run.predict(Image.fromarray(bright), fit="none")


def test_a_text_model_takes_texts_files_columns_and_ids(reviews, tmp_path):
    trained = deepcli.Run(reviews)
    assert [one.label for one in trained.predict(["great great great", "don't don't"])] == [1, 0]
    (one,) = trained.predict("great great great")
    assert (one.label, one.input) == (1, "great great great")
    (tmp_path / "a.txt").write_text("don't don't don't")
    assert trained.predict(tmp_path / "a.txt")[0].label == 0
    assert [one.label for one in trained.predict(np.array(["great great", "don't don't"]))] == [1, 0]
    great = trained.predict("great great great")[0].probability
    ids = trained.spec.data.load(Sources()).test.x
    first = ids.sequence(0)
    kept = by_class(vars(trained.predictions("test"))["probabilities"])[0]
    for inputs in (first, first.tolist(), [first], np.array([first.tolist()])):
        (answer,) = trained.predict(inputs)
        assert answer.probability == pytest.approx(kept.max(), abs=1e-6)
    rows = trained.predict([first.tolist(), ids.sequence(1).tolist()])
    assert [one.input for one in rows] == ["inputs[0]", "inputs[1]"]
    assert great > 0.5
    with pytest.raises(deepcli.DataError, match="should be a text, or token ids"):
        trained.predict([{"text": "great"}])
    with pytest.raises(deepcli.UsageError, match="--invert"):
        trained.predict("great", invert=True)


def test_evaluate_gives_the_result_of_the_command_and_keeps_predictions(cli, run):
    done = cli("evaluate", run.path, "--split", "validation", "--json", "-q")
    theirs = json.loads(done.out)
    ours = json.loads(run.evaluate("validation").to_json())
    assert theirs.pop("seconds") > 0 and ours.pop("seconds") > 0
    assert ours == theirs
    assert len(run.predictions("validation").labels) > 0
    with pytest.raises(deepcli.UsageError, match="unknown split"):
        run.evaluate("tests")


def test_a_run_is_evaluated_on_other_data(tmp_path, tiny_mnist):
    spec = {"data": {"type": "mnist", "path": tiny_mnist, "limit": 100}, "model": "mlp", "training": {"epochs": 1}}
    trained = deepcli.train(spec, output=tmp_path / "a", progress=False)
    kept = (trained.path / "predictions-test.npz").read_bytes()
    with pytest.warns(deepcli.Notice) as caught:
        result = trained.evaluate(limit=40, output=tmp_path / "out")
    assert sum(map(sum, result.confusion_matrix["test"])) == 40
    assert any("trained on" in str(one.message) for one in caught)
    assert (tmp_path / "out" / "result.json").is_file()
    assert (trained.path / "predictions-test.npz").read_bytes() == kept


def test_a_checkpoint_can_be_evaluated_and_predicted_with(run, images, tmp_path):
    alone = tmp_path / "copy.keras"
    alone.write_bytes((run.path / "checkpoints" / "best.keras").read_bytes())
    checkpoint = deepcli.Run(alone)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", deepcli.Notice)
        result = checkpoint.evaluate()
    assert run.metrics["test"].items() <= result.metrics["test"].items()
    assert result.run is None
    assert [one.label for one in checkpoint.predict(images[:3])] == [one.label for one in run.predict(images[:3])]
    assert checkpoint.spec.model == run.spec.model
    assert "a checkpoint" in repr(checkpoint)
    assert "a checkpoint" in checkpoint._repr_html_()
    for ask in (lambda: checkpoint.history, lambda: checkpoint.metrics, checkpoint.predictions, checkpoint.report):
        with pytest.raises(deepcli.RunError, match="not in a run"):
            ask()
    inside = deepcli.Run(run.path / "checkpoints" / "last.keras")
    assert inside.metrics == run.metrics


def test_what_is_not_a_run_is_an_error(tmp_path):
    with pytest.raises(deepcli.RunError, match="not a run"):
        deepcli.Run(tmp_path)
    with pytest.raises(deepcli.CheckpointError, match="does not exist"):
        deepcli.Run(tmp_path / "nothing")


def test_a_model_is_loaded_again_when_its_file_changes(tmp_path):
    trained = deepcli.train(SPEC, "training.epochs=1", output=tmp_path / "a", progress=False)
    before = trained.model()
    deepcli.train(SPEC, "training.epochs=4", output=tmp_path / "a", if_exists="resume", progress=False)
    assert trained.result.epochs == 4
    assert trained.model() is not before


def test_report_plots_and_export_write_files(run, tmp_path):
    page = run.report(tmp_path / "page.html")
    assert "<svg" in page.read_text()
    assert "The command was" not in page.read_text()
    assert run.report() == run.path / "report.html"
    plots = run.plot(tmp_path / "plots", "svg")
    assert [path.name for path in plots] == ["curves.svg", "confusion.svg", "calibration.svg"]
    exported = run.export("onnx", tmp_path / "onnx", verify=True)
    assert exported.file.is_file() and exported.verdict.difference < 1e-4
    assert run.export("keras").folder == run.path / "export" / "keras"
    with pytest.raises(deepcli.TrainingError, match="more than -1"):
        run.export("keras", tmp_path / "keras", verify=True, tolerance=-1)
    with pytest.raises(deepcli.UsageError, match="did you mean 'onnx'"):
        run.export("onx")


# Several runs


def test_compare_gives_the_verdicts_of_the_command(cli, run, other):
    theirs = json.loads(cli("compare", run.path, other.path, "--json").out)
    found = deepcli.compare(run, other)
    assert found.verdicts == {pair["run"]: pair["verdict"] for pair in theirs["pairs"]}
    plain = json.loads(json.dumps(found.to_dict()))
    assert [theirs["pairs"][0][key] for key in plain["pairs"][0]] == list(plain["pairs"][0].values())
    del plain["pairs"]
    assert {key: theirs[key] for key in plain} == plain
    assert found.table["seed"] == [0, 1]
    assert found.table["test_accuracy"] == [one.metrics["test"]["accuracy"] for one in (run, other)]
    assert repr(found) == f"{other.path} against {run.path}: {found.verdicts[str(other.path)]}"
    assert deepcli.compare(run.path, str(other.path)).verdicts == found.verdicts
    with pytest.raises(deepcli.UsageError, match="at least two"):
        deepcli.compare(run)


def test_runs_without_predictions_are_compared_by_their_metrics(run, tmp_path):
    bare = deepcli.train(SPEC, output=tmp_path / "bare", progress=False)
    (bare.path / "predictions-test.npz").unlink()
    found = deepcli.compare(run, bare)
    assert found.verdicts[str(bare.path)].startswith("not comparable: ")
    assert isinstance(found.problem, deepcli.RunError)
    assert "not comparable" in found._repr_html_()


def test_curves_of_several_runs_are_plotted(run, other, tmp_path):
    found = deepcli.compare(run, other)
    assert found.plot(tmp_path / "curves.svg").stat().st_size > 1000
    with pytest.raises(deepcli.UsageError, match="did you mean 'accuracy'"):
        found.plot(tmp_path / "curves.svg", "acuracy")


def test_runs_lists_what_the_command_lists(cli, tmp_path):
    for seed in (0, 1):
        deepcli.train(SPEC, f"seed={seed}", output=tmp_path / "all" / f"{seed}", progress=False)
    theirs = json.loads(cli("runs", tmp_path / "all", "--json").out)["runs"]
    found = deepcli.runs(tmp_path / "all")
    assert [str(one.path) for one in found] == [one["run"] for one in theirs]
    assert found[0].metrics["test"]["accuracy"] == theirs[0]["metrics"]["test_accuracy"]
    assert found.table["seed"] == [0, 1]
    assert [one.path.name for one in deepcli.runs(tmp_path / "all", sort="-seed", limit=1)] == ["1"]
    assert [one.path.name for one in deepcli.runs(tmp_path / "all", filters=["seed=0"])] == ["0"]
    assert "<td>completed</td>" in found._repr_html_()
    with pytest.raises(deepcli.RunError, match="not a directory"):
        deepcli.runs("nowhere")
    Path("runs").mkdir()
    assert deepcli.runs() == []


# In a notebook


def test_what_a_notebook_shows_is_escaped(run, tmp_path):
    hostile = tmp_path / "<img src=x onerror=alert(1)>"
    shown = deepcli.train(SPEC, output=hostile / "<b>", progress=False)
    pages = [
        shown._repr_html_(),
        deepcli.compare(shown, run)._repr_html_(),
        deepcli.compare(run, shown)._repr_html_(),
        deepcli.runs(hostile)._repr_html_(),
    ]
    (shown.path / "history.csv").write_text("not a table")
    pages.append(deepcli.Run(shown.path)._repr_html_())
    for page in pages:
        assert "onerror" in page
        assert "<img" not in page
        assert "<b>:" not in page and "/<b>" not in page
        assert "<script" not in page


def test_a_run_shows_its_metrics_and_curves(run):
    page = run._repr_html_()
    assert page.count("<svg") == 3
    assert f"{100 * run.metrics['test']['accuracy']:.2f} %" in page
    assert "completed" in page


def test_progress_in_a_notebook_is_one_output_with_a_bar(monkeypatch, tmp_path):
    """Without ipywidgets: HTML that IPython replaces."""
    shown = []

    def display(data, raw, display_id):
        assert raw and display_id
        shown.append(data)
        return types.SimpleNamespace(update=lambda data, raw: shown.append(data))

    shell = types.SimpleNamespace(kernel=object())
    modules = {
        "IPython": types.SimpleNamespace(get_ipython=lambda: shell),
        "IPython.display": types.SimpleNamespace(display=display),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("deepcli.api.notebook.SECONDS_BETWEEN", 0.0)
    deepcli.train(SPEC, output=tmp_path / "<b>", progress=True)
    assert any('<progress value="' in one["text/html"] for one in shown)
    last = shown[-1]["text/html"]
    assert "<progress" not in last and "<b>" not in last
    assert [f"epoch {k}/3" in last for k in (1, 2, 3)] == [True] * 3
    assert shown[-1]["text/plain"].splitlines()[-1].startswith("best epoch")
