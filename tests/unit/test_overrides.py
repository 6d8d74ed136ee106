"""Overrides of elements, appending, removing, lists without brackets, and words that a shell split."""

import re
from typing import Any

import pytest

import deepcli
from deepcli.errors import SpecError
from deepcli.experiment.load import gather, load
from deepcli.experiment.split_words import open_brackets

STACK = """\
data: digits
model:
  type: sequential
  layers:
    - {type: conv2d, filters: 8, kernel_size: 3}
    - max_pooling2d
    - flatten
    - {type: dense, units: bad}
metrics: [accuracy, top_k_accuracy]
schedule: {type: cosine, warmup: 0.1}
"""


def loaded(path, *overrides) -> Any:
    return load([path], overrides).experiment


def refused(path, *overrides) -> str:
    with pytest.raises(SpecError) as error:
        load([path], overrides)
    return str(error.value)


@pytest.fixture
def stack(spec):
    return spec(STACK.replace("bad", "32"))


def test_an_element_of_a_list_is_changed_and_the_others_stay(stack):
    layers = loaded(stack, "model.layers.0.filters=16", "model.layers.1.pool_size=4").model.layers
    assert [layer.type for layer in layers] == ["conv2d", "max_pooling2d", "flatten", "dense"]
    assert (layers[0].filters, layers[0].kernel_size, layers[1].pool_size, layers[3].units) == (16, (3,), (4,), 32)


def test_an_element_of_another_type_loses_what_that_type_lacks_and_a_notice_says_so(stack):
    result = load([stack], ["model.layers.3=dropout"])
    model: Any = result.experiment.model
    assert model.layers[3].type == "dropout"
    assert result.notices == ("model.layers.3: dense -> dropout drops model.layers.3.units",)


def test_an_element_of_a_list_that_is_not_written_is_one_of_the_default(spec):
    assert loaded(spec("data: digits\nmodel: cnn\n"), "model.filters.1=7").model.filters == (32, 7)
    assert loaded(spec("data: digits\nmodel: {type: cnn, filters: 9}\n"), "model.filters.0=7").model.filters == (7,)


def test_integer_keys_of_a_mapping_are_still_keys(spec):
    assert loaded(spec(), "training.class_weight.3=2.0").training.class_weight == {3: 2.0}
    both = spec("data: digits\nmodel: mlp\ntraining: {class_weight: {0: 1.5}}\n")
    assert loaded(both, "training.class_weight.3=2.0").training.class_weight == {0: 1.5, 3: 2.0}


def test_values_are_appended_to_a_list_and_a_list_of_values_too(stack):
    names = [metric.type for metric in loaded(stack, "metrics+=f1").metrics]
    assert names == ["accuracy", "top_k_accuracy", "f1"]
    for both in ("metrics+=[f1, auc]", "metrics+=f1,auc"):
        assert [metric.type for metric in loaded(stack, both).metrics] == [
            "accuracy",
            "top_k_accuracy",
            "f1",
            "auc",
        ], both
    layers = loaded(stack, "model.layers+={type: dense, units: 5}").model.layers
    assert (len(layers), layers[4].units) == (5, 5)


def test_appending_begins_with_the_default_where_nothing_is_written(spec):
    assert [metric.type for metric in loaded(spec(), "metrics+=f1").metrics] == ["accuracy", "f1"]
    assert loaded(spec("data: digits\nmodel: cnn\n"), "model.filters+=8").model.filters == (32, 64, 8)
    assert [one.type for one in loaded(spec(), "training.trackers+=tensorboard").training.trackers] == ["tensorboard"]


def test_a_removed_section_has_its_default_again(stack):
    assert loaded(stack, "~schedule").schedule == deepcli.load(data="digits", model="mlp").schedule
    assert loaded(stack, "~schedule.warmup").schedule.warmup == 0
    assert [metric.type for metric in loaded(stack, "~metrics.0").metrics] == ["top_k_accuracy"]


def test_overrides_are_applied_in_their_order(stack):
    assert loaded(stack, "~schedule", "schedule.warmup=0.2").schedule.type == "constant"
    assert loaded(stack, "metrics+=f1", "metrics=[accuracy]").metrics[-1].type == "accuracy"
    assert loaded(stack, "metrics=[accuracy]", "metrics+=f1").metrics[-1].type == "f1"
    layers = loaded(stack, "~model.layers.0", "model.layers.0.pool_size=4").model.layers
    assert (layers[0].type, layers[0].pool_size) == ("max_pooling2d", (4,))
    plain = loaded(stack, "optimizer.momentum=0.9", "~schedule", "optimizer=sgd").optimizer
    assert (plain.type, plain.momentum) == ("sgd", 0.9)


def test_what_stays_in_a_list_keeps_its_place_in_the_file(spec):
    path = spec(STACK)
    assert refused(path).startswith(f"{path}:8:28: model.layers.3.units")
    assert refused(path, "model.layers.0.filters=16").startswith(f"{path}:8:28: model.layers.3.units")
    assert refused(path, "~model.layers.1").startswith(f"{path}:8:28: model.layers.2.units")
    assert refused(path, "~model.layers.2").startswith(f"{path}:8:28: model.layers.2.units")
    assert refused(path, "model.layers+=dropout").startswith(f"{path}:8:28: model.layers.3.units")
    assert "command line: model.layers.0.filters: should be" in refused(path, "model.layers.0.filters=x")
    assert "command line: model.layers.4: unknown type 'denze'" in refused(path, "model.layers+=denze")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "model.layers.4.units=3",
            "there is no element 4: model.layers has the elements 0 to 3; to append, write model",
        ),
        ("model.layers.-1.units=3", "there is no element -1: model.layers has the elements 0 to 3; count from 0"),
        ("training.trackers.0=wandb", "there is no element 0: training.trackers is empty; to append, write"),
        ("training.epochs.0=3", "training.epochs is 10, not a list; write training.epochs=VALUE"),
        (
            "training.epochs+=3",
            "training.epochs is 10, not a list, so nothing can be appended; write training.epochs=VAL",
        ),
        ("optimizer+=sgd", "not a list, so nothing can be appended; write optimizer=VALUE"),
        ("model.layers.3.units+=8", "model.layers.3.units is 32, not a list"),
        ("~optimizer", "the spec does not set optimizer, so there is nothing to remove; it has its default; leave"),
        ("~scedule", "the spec does not set scedule, so there is nothing to remove; did you mean 'schedule'?"),
        ("~nonsense", "the spec does not set nonsense, so there is nothing to remove; `deepcli show` lists all"),
        ("~metrics.2", "there is no element 2 to remove: metrics has the elements 0 to 1"),
        ("~metrics.-1", "there is no element -1 to remove: metrics has the elements 0 to 1"),
        ("~schedule.warmup.x", "the spec does not set schedule.warmup.x"),
        ("~name", "a run always has a name; write name=NEW"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_override_and_a_remedy(stack, override, message):
    text = refused(stack, override)
    assert text.startswith(f"command line: {override}: ")
    assert message in text


def test_a_required_section_that_is_removed_is_missed_at_the_command_line(stack):
    assert refused(stack, "~model") == "command line: model: is missing"


def test_an_unknown_list_is_an_unknown_field(stack):
    assert "metrcs: unknown section; did you mean 'metrics'?" in refused(stack, "metrcs+=auc")


def test_commas_make_a_list_where_a_field_can_only_be_one(spec):
    path = spec("data: digits\nmodel: cnn\n")
    assert loaded(path, "model.filters=8,16").model.filters == (8, 16)
    assert [metric.type for metric in loaded(path, "metrics=accuracy,f1").metrics] == ["accuracy", "f1"]
    assert [metric.type for metric in loaded(path, "metrics=f1,").metrics] == ["f1"]
    assert "model.filters.1: should be an integer, not 'x'" in refused(path, "model.filters=8,x")


def test_commas_are_text_where_a_field_can_be_a_string_or_a_single_number(spec, tmp_path):
    assert loaded(spec(), "name=a+b").name == "a+b"
    assert "should be a number, not '0,1' (a string)" in refused(spec(), "optimizer.learning_rate=0,1")
    assert "not '8,16'" in refused(spec("data: digits\nmodel: cnn\n"), "model.filters='8,16'")
    table = tmp_path / "t.csv"
    table.write_text("x," + '"a,b"\n' + "".join(f"{k * k % 397}.5,{k * 2}.25\n" for k in range(400)))
    data: Any = deepcli.load(table, "data.target=a,b").data
    assert data.target == ("a,b",)


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        (["model.filters=[16,", "16]"], "'model.filters=[16, 16]'"),
        (["model={type:", "cnn,", "filters:", "[8]}", "seed=1"], "'model={type: cnn, filters: [8]}'"),
        (["model.filters=[16,"], "'model.filters=[16, …]'"),
        (["model.filters=[16,", "seed=1"], "'model.filters=[16, …]'"),
        (["16]"], "'KEY=[16, 16]'"),
    ],
)
def test_a_word_that_the_shell_split_is_shown_in_quotes(spec, words, quoted):
    with pytest.raises(SpecError, match=f"{re.escape(words[0])}: .*so quote the whole: {re.escape(quoted)}"):
        deepcli.load(spec(), *words)


def test_an_option_that_the_shell_split_is_shown_in_quotes(spec, cli):
    done = cli("validate", spec(), "--set", "model.hidden_units=[16,", "16]")
    assert done.code == 2
    assert "so quote the whole: 'model.hidden_units=[16, 16]'" in done.err


def test_brackets_in_quotes_are_text():
    assert [open_brackets(text) for text in ("a=[b", "a='['", 'a=["]"', "a]", "{[]}")] == [1, 0, 1, -1, 0]


def test_a_sweep_varies_elements_and_takes_numbers_and_names_with_commas(spec, cli):
    path = spec("data: digits\nmodel: cnn\nsweep: {parameters: {model.filters.0: [4, 8]}}\n")
    done = cli("sweep", "run", path, "optimizer=adam,sgd", "optimizer.learning_rate=0.1,0.01", "~name", "--dry-run")
    assert done.code == 2
    done = cli("sweep", "run", path, "optimizer=adam,sgd", "metrics+=f1", "--dry-run")
    assert done.code == 0, done.err
    assert [line for line in done.out.splitlines() if line.startswith("trial")] == [
        "trial 0: model.filters.0=4 optimizer=adam",
        "trial 1: model.filters.0=4 optimizer=sgd",
        "trial 2: model.filters.0=8 optimizer=adam",
        "trial 3: model.filters.0=8 optimizer=sgd",
    ]
    done = cli("sweep", "run", path, "~sweep.parameters", "optimizer.learning_rate=0.1,0.01", "--dry-run")
    assert [line for line in done.out.splitlines() if line.startswith("trial")] == [
        "trial 0: optimizer.learning_rate=0.1",
        "trial 1: optimizer.learning_rate=0.01",
    ]


def test_a_sweep_point_keeps_the_place_of_a_bad_candidate(spec, cli):
    path = spec("data: digits\nmodel: cnn\nsweep:\n  parameters:\n    model.filters.1: [4, -8]\n")
    done = cli("validate", path)
    assert done.code == 2
    assert f"{path}:5:26: model.filters.1=-8: should be greater than 0" in done.err


def test_words_for_other_data_may_remove(spec):
    from deepcli.experiment.other_data import other_data

    experiment = loaded(spec("data: {type: digits, limit: 50}\nmodel: mlp\n"))
    assert other_data(experiment, ["~data.limit"])[0].limit is None


def test_keys_that_begin_with_x_are_a_place_for_anchors(spec):
    path = spec("x-base: &base {epochs: 3}\nx-other: [1]\ndata: digits\nmodel: mlp\ntraining: {<<: *base}\n")
    assert loaded(path).training.epochs == 3
    assert set(gather([path])[0].tree) == {"name", "data", "model", "training"}
    deeper = spec("data: digits\nmodel: mlp\ntraining: {x-base: 3}\n")
    assert "training.x-base: unknown field" in refused(deeper)
