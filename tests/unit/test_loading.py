"""From files and overrides to an experiment: merging, shorthand, and errors with place, value and remedy."""

import re
from typing import Any

import pytest

from deepcli.errors import SpecError, UsageError
from deepcli.experiment import load as loading
from deepcli.experiment.load import is_override, load, parse, validate


def problems(path, *overrides):
    with pytest.raises(SpecError) as error:
        load([path], overrides)
    return [str(problem) for problem in error.value.problems]


def test_a_spec_needs_only_data_and_model(spec):
    experiment = load([spec(name="my first.yaml")]).experiment
    assert experiment.name == "my first"
    assert (experiment.seed, experiment.optimizer.type, experiment.training.epochs) == (0, "adam", 10)


def test_a_bare_name_is_shorthand_for_a_type(spec):
    short = load([spec("data: digits\nmodel: {type: mlp, activation: tanh}\noptimizer: sgd\n", "a.yaml")]).experiment
    long = load(
        [
            spec(
                "data: {type: digits}\nmodel: {type: mlp, activation: {type: tanh}}\noptimizer: {type: sgd}\nname: a\n",
                "b.yaml",
            )
        ]
    ).experiment
    assert short == long


def test_all_errors_are_reported_at_once_each_with_its_place(spec):
    path = spec(
        "data: {type: digits, batch_size: 0}\n"
        "model:\n  type: cnn\n  filter: [8]\n  activation: rellu\n"
        "training: {epochs: ten, precision: float16}\n"
    )
    found = problems(path, "optimizer.learning_rat=1")
    places = [line.partition(": ")[0].replace(str(path), "f") for line in found]
    assert sorted(places) == sorted(["command line", "f:1:34", "f:4:3", "f:5:15", "f:6:20", "f:6:36"])
    text = "\n".join(found)
    assert "model.filter: unknown field; did you mean 'filters'?" in text
    assert "unknown type 'rellu'; did you mean 'relu'?" in text
    assert "training.epochs: should be an integer, not 'ten'" in text
    assert "did you mean 'mixed_float16'" in text
    assert "did you mean 'learning_rate'" in text


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs=0", "training.epochs: should be greater than 0, not 0"),
        ("training.epochs=2.5", "training.epochs: should be an integer"),
        ("training.epochs=true", "training.epochs: should be an integer, not true"),
        ("optimizer.learning_rate=-1", "optimizer.learning_rate: should be greater than 0, not -1"),
        ("optimizer.learning_rate=.inf", "optimizer.learning_rate: should be a finite number"),
        ("optimizer.learning_rate=no", "optimizer.learning_rate: should be a number, not 'no' (a string)"),
        ("optimizer={type: sgd, nesterov: true}", "optimizer.nesterov: needs a momentum above 0"),
        ("optimizer={clipnorm: 1, clipvalue: 1}", "only one of clipnorm, clipvalue and global_clipnorm"),
        (
            "model={type: cnn, padding: valid, kernel_size: 9}",
            "model.kernel_size: a kernel of 9 is larger than the 8x8",
        ),
        ("model={type: cnn, kernel_size: 9}", "model.kernel_size: a kernel of 9 is larger than the 8x8 image"),
        ("model={type: cnn, strides: 9, pooling: none}", "model.strides: a stride of 9 is larger than the 8x8 image"),
        (
            "data={type: imdb, maxlen: 20} model={type: cnn, kernel_size: 21, pool_size: 22}",
            "model.kernel_size: a kernel of 21 is larger than the longest text (data.maxlen 20)",
        ),
        (
            "data={type: imdb, maxlen: 20} model={type: cnn, padding: valid, pool_size: 22, strides: 23}",
            "model.pool_size: a window of 22 is larger than the longest text (data.maxlen 20)",
        ),
        (
            "data={type: imdb, maxlen: 20} model={type: cnn, filters: 8, pool_size: 22, strides: 23}",
            "model.strides: a stride of 23 is larger than the longest text (data.maxlen 20)",
        ),
        ("model={type: cnn, pool_size: 3}", "model.pool_size: a window of 3 is larger than block 2's 2x2 maps"),
        (
            "model={type: cnn, pooling: stochastic, activation: tanh}",
            "model.pooling: stochastic pooling uses activations as probabilities, but tanh can be negative; use",
        ),
        ("data.augmentation.word_dropout=0.1", "data.augmentation.word_dropout: unknown field; known: rotation,"),
        ("data={type: imdb, augmentation: {zoom: 0.1}}", "data.augmentation.zoom: unknown field; known: word_dropout"),
        ("data.augmentation.zom=0.1", "data.augmentation.zom: unknown field; did you mean 'zoom'?"),
        ("data.augmentation.flip=sideways", "data.augmentation.flip: should be 'none', 'horizontal'"),
        ("data.augmentation.rotation=-0.1", "data.augmentation.rotation: should be at least 0, not -0.1"),
        ("model={type: transformer, num_heads: 3}", "model.num_heads: 3 heads do not divide hidden_dim 128"),
        ("model={type: transformer, patch_size: 3}", "model.patch_size: patches of 3 do not divide the 8x8 image"),
        ("model={type: lstm, merge_mode: sum}", "model.merge_mode: needs `bidirectional: true`"),
        ("model={type: cnn, embedding_dim: 8}", "model.embedding_dim: is for tokens"),
        ("model={type: mlp, regularization: {spatial_dropout: 0.5}}", "model.regularization.spatial_dropout"),
        (
            "model={type: cnn, separable: true, regularization: {dropconnect: 0.5}}",
            "model.regularization.dropconnect: DropConnect is not defined for separable convolutions",
        ),
        (
            "model={type: gru, regularization: {dropconnect: 0.5}}",
            "model.regularization.dropconnect: recurrent layers run as one fused operation",
        ),
        ("model.regularization.dropout=1.0", "model.regularization.dropout: should be less than 1"),
        ("loss=binary_crossentropy", "loss: is for two classes; these data have 10"),
        ("loss.label_smoothing=1.5", "loss.label_smoothing: should be less than 1"),
        ("metrics=[accuracy, accuracy]", "metrics.1: duplicate metric 'accuracy'"),
        ("metrics=[acuracy]", "did you mean 'accuracy'?"),
        ("metrics=accuracy", "metrics: "),
        ("training.early_stopping.monitor=val_acc", "training.early_stopping.monitor: unknown metric 'val_acc'"),
        ("training.class_weight={11: 2.0}", "training.class_weight.11: class 11 does not exist"),
        ("training.device=tpu", "training.device: should be auto, cpu, gpu or gpu:N, not 'tpu'"),
        ("schedule.warmup=100000", "schedule.warmup: a warm-up of 100000 steps takes the whole run of"),
        (
            "optimizer.gradient_accumulation_steps=9999",
            "optimizer.gradient_accumulation_steps: 9999 batches per update",
        ),
        (
            "optimizer={type: schedule_free_adamw, warmup_steps: 99999}",
            "optimizer.warmup_steps: a warm-up of 99999 updates",
        ),
        ("schedule=cosin", "unknown type 'cosin'; did you mean 'cosine'?"),
        ("data=minst", "unknown type 'minst'; did you mean 'mnist'?"),
        ("data.validation_split=1", "data.validation_split: should be less than 1"),
        ("model=null", "model: should be a name or a mapping with `type`, not null"),
        ("trainin.epochs=1", "trainin: unknown section; did you mean 'training'?"),
        ("name=a/b", "name: should be a short name without slashes, not 'a/b'"),
        ("format=2", "format: should be 1"),
        ("seed=-1", "seed: should be at least 0"),
    ],
)
def test_a_wrong_value_is_named_with_its_reason(spec, override, message):
    text = "\n".join(problems(spec(), *re.split(r" (?=model=)", override)))
    assert message in text
    assert "command line" in text


def test_augmentation_of_the_wrong_kind_is_refused_where_it_stands(spec):
    path = spec("data:\n  type: digits\n  augmentation:\n    zoom: 0.1\n    word_dropout: 0.1\nmodel: mlp\n")
    assert problems(path)[0].startswith(f"{path}:5:5: data.augmentation.word_dropout: unknown field")
    path = spec("data: {type: digits, augmentation: {zoom: 0.1}}\nmodel: mlp\ntraining: {jit_compile: true}\n")
    assert f"{path}:3:25: training.jit_compile: XLA cannot compile data.augmentation's" in problems(path)[0]


def test_monitoring_validation_needs_validation(spec):
    path = spec("data: {type: digits, validation_split: 0}\nmodel: mlp\ntraining: {early_stopping: {patience: 2}}\n")
    assert "there is no validation split" in problems(path)[0]


def test_group_normalization_on_tokens_is_refused_for_what_it_would_do(spec):
    for family in ("cnn", "lstm"):
        path = spec(f"data: imdb\nmodel: {{type: {family}, regularization: {{normalization: group}}}}\n")
        assert "mix padding into a sequence" in problems(path)[0]


def test_later_files_and_overrides_win(spec):
    a = spec("data: digits\nmodel: {type: cnn, filters: [8], kernel_size: 5}\n", "a.yaml")
    b = spec("model: {kernel_size: 3}\noptimizer: {learning_rate: 1e-2}\n", "b.yaml")
    experiment: Any = load([a, b], ["model.filters=[4, 4]", "training.epochs=2", "training.epochs=3"]).experiment
    assert (experiment.name, experiment.model.filters, experiment.model.kernel_size) == ("a", (4, 4), 3)
    assert (experiment.optimizer.learning_rate, experiment.training.epochs) == (1e-2, 3)


def test_an_error_in_merged_files_names_the_file_it_came_from(spec):
    a = spec("data: digits\nmodel: {type: cnn, kernel_size: 5}\n", "a.yaml")
    b = spec("model:\n  kernel_size: five\n", "b.yaml")
    with pytest.raises(SpecError, match=r"b\.yaml:2:16: model\.kernel_size"):
        load([a, b])


def test_changing_a_type_drops_what_the_new_type_lacks_and_says_so(spec):
    path = spec(
        "data: digits\n"
        "model: {type: lstm, units: 32, regularization: {l2: 1e-4, recurrent_dropout: 0.2}}\n"
        "optimizer: {type: adam, beta_1: 0.8, learning_rate: 1e-2}\n"
    )
    loaded = load([path], ["model=cnn", "optimizer.type=sgd", "optimizer.momentum=0.9"])
    experiment: Any = loaded.experiment
    assert experiment.model.regularization.l2 == 1e-4
    assert (experiment.optimizer.learning_rate, experiment.optimizer.momentum) == (1e-2, 0.9)
    assert loaded.notices == (
        "model: lstm -> cnn drops model.units, model.regularization.recurrent_dropout",
        "optimizer: adam -> sgd drops optimizer.beta_1",
    )


def test_changing_a_type_never_hides_a_typo(spec):
    path = spec("data: digits\nmodel: {type: lstm, unit: 32}\n")
    assert "model.unit: unknown field" in problems(path, "model=cnn")[0]
    assert "model.bogus: unknown field" in problems(spec(), "model=cnn", "model.bogus=1")[0]


def test_the_resolved_spec_loads_to_an_equal_experiment(spec):
    path = spec(
        "data: {type: imdb, maxlen: null}\nmodel: {type: gru, units: [8, 8], activation: {type: leaky_relu}}\n"
        "training: {class_weight: {0: 1.0, 1: 2.5}, early_stopping: {}}\nschedule: {type: step, warmup: 0.1}\n"
    )
    experiment = load([path]).experiment
    text = loading.dump(experiment)
    assert "format: 1" in text
    assert validate(parse(text, "x")) == experiment


def test_specs_are_frozen(spec):
    experiment = load([spec()]).experiment
    with pytest.raises(ValueError, match="frozen"):
        setattr(experiment.training, "epochs", 3)  # noqa: B010
    assert hash(experiment.model)


@pytest.mark.parametrize(
    ("word", "override"),
    [
        ("model.filters=[1]", True),
        ("seed=1", True),
        ("training.class_weight.0=2.0", True),
        ("runs/lr=3.yaml", False),
        ("./lr=3.yaml", False),
        ("configs/a.yaml", False),
        ("a b=3", False),
    ],
)
def test_overrides_and_files_are_told_apart(word, override):
    assert is_override(word) is override


def test_a_plugin_is_imported_before_the_spec_is_read_and_its_failure_is_told(spec, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n")
    with pytest.raises(UsageError, match=r"broken\.py: ZeroDivisionError"):
        load([spec()], plugins=[str(broken)])
    with pytest.raises(UsageError, match="No module named 'no_such_module'"):
        load([spec()], plugins=["no_such_module"])


def test_what_no_run_could_read_back_is_refused_before_it_begins(spec):
    text = "data: digits\nmodel: {{type: sequential, layers: [flatten{}]}}\n"
    fine = load([spec(text.format(", {type: dense, units: 8}" * 250))]).experiment
    assert validate(parse(loading.dump(fine), "again")) == fine
    assert problems(spec(text.format(", {type: dense, units: 8}" * 1000)))[0].endswith(
        "is too long with every default written out, as a run stores it: 194 KiB, the limit is 64 KiB"
    )
    assert (
        "too long with every default"
        in problems(spec(), "model={type: sequential, layers: [" + "flatten, " * 4000 + "flatten]}")[0]
    )


def test_nothing_is_left_for_the_end_of_a_process_that_imports_no_plugin():
    import atexit

    from deepcli.spec.plugins import import_plugins

    before = atexit._ncallbacks()
    import_plugins(())
    assert atexit._ncallbacks() == before
