"""What a sweep is: its words, its points, its plan, and everything wrong with it before anything is trained."""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from deepcli.cli.sweep.plan import plan as plan_command
from deepcli.errors import SpecError, UsageError
from deepcli.experiment import load
from deepcli.experiment.load import is_override
from deepcli.sweeps.load import Plan, identity, load_sweep, trials, validate_file
from deepcli.sweeps.one_backend import demand_one_backend
from deepcli.sweeps.space import Seeded, draw, ends, exists, grid
from deepcli.sweeps.spec import Sweep

BASE = "data: digits\nmodel: mlp\n"
RATE = "optimizer.learning_rate"
FAMILIES = {
    "model.type": ["lstm", "cnn"],
    "model.units": {"values": [8, 16], "when": {"model.type": "lstm"}},
    "model.filters": {"values": [[4], [4, 8]], "when": {"model.type": "cnn"}},
}


def sweep_of(parameters, **fields):
    return Sweep.model_validate({"parameters": parameters, **fields})


def problems(*words, **options):
    with pytest.raises(SpecError) as error:
        load_sweep([str(word) for word in words], options=options)
    return [str(problem) for problem in error.value.problems]


def swept(spec, section, base=BASE):
    """Write a spec with a section; a list of what is wrong with it."""
    return problems(spec(f"{base}sweep: {section}\n"))


# The points of a grid


def test_the_first_parameter_of_a_grid_is_the_slowest():
    points = list(grid(sweep_of({"a": [1, 2], "b": ["x", "y"]})))
    assert points == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]


def test_a_parameter_exists_only_where_its_condition_is_met():
    points = list(grid(sweep_of(FAMILIES)))
    assert points == [
        {"model.type": "lstm", "model.units": 8},
        {"model.type": "lstm", "model.units": 16},
        {"model.type": "cnn", "model.filters": [4]},
        {"model.type": "cnn", "model.filters": [4, 8]},
    ]


def test_a_condition_may_stand_before_what_it_names_and_behind_another_condition():
    sweep = sweep_of(
        {
            "c": {"values": [5, 6], "when": {"b": [1, 2]}},
            "b": {"values": [0, 1], "when": {"a": True}},
            "a": [True, False],
        }
    )
    assert list(grid(sweep)) == [
        {"a": True, "b": 0},
        {"a": True, "b": 1, "c": 5},
        {"a": True, "b": 1, "c": 6},
        {"a": False},
    ]


def test_integers_and_steps_can_be_listed():
    points = list(grid(sweep_of({"a": {"min": 1, "max": 6, "step": 2}, "b": {"min": 0.1, "max": 0.3, "step": 0.1}})))
    assert [tuple(point.values()) for point in points[:4]] == [(1, 0.1), (1, 0.2), (1, 0.3), (3, 0.1)]
    with pytest.raises(ValueError, match="a grid cannot list all values of a"):
        list(grid(sweep_of({"a": {"min": 0.0, "max": 1}})))


def test_model_and_its_type_are_one_choice():
    sweep = sweep_of({"model": ["lstm", "cnn"], "model.units": {"values": [8], "when": {"model.type": "lstm"}}})
    assert list(grid(sweep)) == [{"model": "lstm", "model.units": 8}, {"model": "cnn"}]


def test_true_is_not_one():
    sweep = sweep_of({"a": [True, 1], "b": {"values": [3], "when": {"a": 1}}})
    assert list(grid(sweep)) == [{"a": True}, {"a": 1, "b": 3}]


# Drawing points


class Recorder(Seeded):
    """Draws like a seed, and notes what it was asked for."""

    def __init__(self, number):
        super().__init__(0, number)
        self.asked = {}

    def suggest_categorical(self, name, choices):
        assert all(choice is None or isinstance(choice, str | int | float) for choice in choices)
        self.asked[name] = choices
        return super().suggest_categorical(name, choices)

    def suggest_float(self, name, low, high, **options):
        self.asked[name] = (low, high, options)
        return super().suggest_float(name, low, high, **options)

    def suggest_int(self, name, low, high, **options):
        self.asked[name] = (low, high, options)
        return super().suggest_int(name, low, high, **options)


@pytest.fixture
def base(spec):
    return load.load([spec()]).experiment


def test_lists_are_drawn_as_texts_and_come_back_as_lists(base):
    values = [[1], [2, 3], {"type": "step"}, None]
    found = []
    for number in range(40):
        recorder = Recorder(number)
        found.append(draw(sweep_of({"a": values}), recorder, base)["a"])
        assert recorder.asked["a"][0] == "[1]"
    assert all(value in found for value in values)
    assert all(value in values for value in found)


def test_scalars_are_drawn_as_they_are_but_true_beside_one_is_not(base):
    for values, asked in ([["a", None, 0.5], ["a", None, 0.5]], [[True, 1], ["true", "1"]]):
        recorder = Recorder(0)
        draw(sweep_of({"a": values}), recorder, base)
        assert recorder.asked["a"] == asked
    drawn = [draw(sweep_of({"a": [True, 1]}), Seeded(0, number), base)["a"] for number in range(20)]
    assert {type(value) for value in drawn} == {bool, int}


def test_what_is_not_there_is_not_asked_for(base):
    for number in range(20):
        recorder = Recorder(number)
        point = draw(sweep_of(FAMILIES), recorder, base)
        assert list(recorder.asked) == list(point)
        assert ("model.units" in point) == (point["model.type"] == "lstm")


def test_ranges_are_asked_for_as_a_study_asks(base):
    recorder = Recorder(0)
    ranges = {
        "a": {"min": 1, "max": 9, "step": 2},
        "b": {"min": 16, "max": 256, "distribution": "int_log"},
        "c": {"min": 0, "max": 0.5},
        "d": {"min": 1e-4, "max": 1, "distribution": "log_uniform"},
    }
    draw(sweep_of(ranges), recorder, base)
    assert recorder.asked == {
        "a": (1, 9, {"step": 2, "log": False}),
        "b": (16, 256, {"step": 1, "log": True}),
        "c": (0.0, 0.5, {"step": None, "log": False}),
        "d": (1e-4, 1.0, {"step": None, "log": True}),
    }


def test_a_study_of_optunas_draws_points(base):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    sweep = sweep_of({**FAMILIES, RATE: {"min": 1e-4, "max": 0.1, "distribution": "log_uniform"}})
    found = [draw(sweep, study.ask(), base) for _ in range(12)]
    assert {tuple(point.get("model.filters", ())) for point in found} == {(), (4,), (4, 8)}
    assert all(1e-4 <= point[RATE] <= 0.1 for point in found)


@pytest.mark.parametrize(
    ("bounds", "allowed"),
    [
        ({"min": 1, "max": 4}, {1, 2, 3, 4}),
        ({"min": 1, "max": 6, "step": 2}, {1, 3, 5}),
        ({"min": 1, "max": 3, "distribution": "int_log"}, {1, 2, 3}),
        ({"min": 0.1, "max": 0.35, "step": 0.1}, {0.1, 0.2, 0.3}),
    ],
)
def test_seeded_draws_reach_every_value_and_no_other(base, bounds, allowed):
    sweep = sweep_of({"a": bounds})
    assert {draw(sweep, Seeded(0, number), base)["a"] for number in range(200)} == allowed


def test_a_logarithmic_draw_is_as_often_in_each_power_of_ten(base):
    sweep = sweep_of({"a": {"min": 1e-4, "max": 1e-1, "distribution": "log_uniform"}})
    values = [draw(sweep, Seeded(3, number), base)["a"] for number in range(600)]
    assert all(1e-4 <= value <= 1e-1 for value in values)
    shares = [sum(low <= value < 10 * low for value in values) for low in (1e-4, 1e-3, 1e-2)]
    assert all(150 < share < 250 for share in shares)


def test_draws_are_the_same_on_every_machine(base):
    sweep = sweep_of({"a": {"min": 1e-4, "max": 1e-1, "distribution": "log_uniform"}, "b": {"min": 1, "max": 99}})
    assert [draw(sweep, Seeded(0, number), base) for number in range(2)] == FIRST_DRAWS


FIRST_DRAWS = [{"a": 0.00106673, "b": 89}, {"a": 0.0185085, "b": 57}]


def test_the_edges_have_every_end_of_every_parameter(base):
    sweep = sweep_of({**FAMILIES, "a": {"min": 0.0, "max": 1}})
    points = list(ends(sweep))
    edges: dict[str, list] = {
        "model.type": ["lstm", "cnn"],
        "model.units": [8, 16],
        "model.filters": [[4], [4, 8]],
        "a": [0, 1],
    }
    for key, values in edges.items():
        assert all(any(point.get(key) == value for point in points) for value in values)
    assert all(exists(sweep.parameters[key], point) for point in points for key in point)


# Words


def test_words_say_what_varies(spec):
    words = [f"{RATE}=log:1e-4:1e-1", "model.hidden_units=[[64],[128]]", "training.epochs=int:1:4", "training.max_steps=7",
             "model.regularization.dropout=uniform:0:0.5:0.1", "data.batch_size=int_log:16:256"]  # fmt: skip
    plan = load_sweep([str(spec()), *words])
    assert {key: getattr(one, "kind", "values") for key, one in plan.sweep.parameters.items()} == {
        RATE: "log_uniform",
        "model.hidden_units": "values",
        "training.epochs": "int",
        "model.regularization.dropout": "uniform",
        "data.batch_size": "int_log",
    }
    assert plan.sweep.parameters["model.hidden_units"].values == ([64], [128])
    assert plan.sweep.parameters["model.regularization.dropout"].step == 0.1
    assert plan.experiment({}).training.max_steps == 7
    assert (plan.method, plan.max_trials, plan.max_failures, plan.seeds) == ("bayes", 20, 3, (0,))


def test_a_list_after_set_is_a_value(spec):
    plan = load_sweep([str(spec()), f"{RATE}=[0.1]"], overrides=["model.hidden_units=[8, 8]"])
    assert list(plan.sweep.parameters) == [RATE]
    experiment: Any = plan.experiment({RATE: 0.1})
    assert experiment.model.hidden_units == (8, 8)


@pytest.mark.parametrize("word", ["seed=log:1", "seed=int:1:b", "seed=uniform:1:2:3:4", "seed=log:", "seed=int:true:3"])
def test_a_range_that_is_none_is_refused(spec, word):
    assert problems(spec(), word) == [
        f"command line: {word}: is not a valid range; write log:1e-4:1e-1, uniform:0:0.5, int:1:4 or int_log:16:256; "
        "a third number is the step"
    ]


def test_the_command_line_wins_over_the_section(spec):
    path = spec(
        f"{BASE}sweep:\n  max_trials: 5\n  parameters:\n    {RATE}: [1, 2]\n    model.type: [mlp]\n    seed: [1, 2]\n"
    )
    plan = load_sweep(
        [str(path), f"{RATE}=uniform:0.1:0.2", "seed=3", "model=[mlp, cnn]"], options={"max_trials": 7, "seeds": None}
    )
    assert plan.sweep.parameters.keys() == {RATE, "model"}
    assert (plan.sweep.parameters[RATE].min, plan.max_trials, plan.experiment({}).seed) == (0.1, 7, 3)
    assert plan.notices == ("seed: does not vary, as the command line sets a single value",)
    plan = load_sweep([str(path), "sweep.max_trials=2", "sweep.seeds=[0, 4]"])
    assert (plan.max_trials, plan.seeds, plan.overrides) == (2, (0, 4), ())


def test_a_later_file_replaces_a_parameter_whole(spec):
    a = spec(f"{BASE}sweep: {{parameters: {{{RATE}: {{min: 1, max: 2}}, seed: [1]}}}}\n", "a.yaml")
    b = spec(f"sweep: {{parameters: {{{RATE}: {{values: [0.1]}}}}}}\n", "b.yaml")
    parameters = load_sweep([str(a), str(b)]).sweep.parameters
    assert (parameters[RATE].values, parameters["seed"].values) == ((0.1,), (1,))


# What is decided


def test_defaults_follow_the_spec_and_the_parameters(spec):
    grid_plan = load_sweep([str(spec()), f"{RATE}=[0.1, 0.2]", "model.hidden_units=[8,16]"])
    assert (grid_plan.method, grid_plan.max_trials) == ("grid", 4)
    assert (grid_plan.metric.name, grid_plan.metric.goal) == ("val_loss", "minimize")
    stopping = "training.early_stopping={monitor: val_accuracy}"
    plan = load_sweep([str(spec()), f"{RATE}=log:0.01:0.1", stopping], options={"max_trials": 60, "seeds": 3})
    assert (plan.method, plan.max_trials, plan.max_failures, plan.seeds) == ("bayes", 60, 6, (0, 1, 2))
    assert (plan.metric.name, plan.metric.goal) == ("val_accuracy", "maximize")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1.5d", 129600)]
)
def test_durations(text, seconds):
    assert Sweep.model_validate({"max_time": float(text) if text.isdigit() else text}).max_time == seconds


def test_conditions_on_the_spec_are_decided_at_once(spec):
    section = (
        "sweep: {parameters: {model.units: {values: [8], when: {model.type: [lstm, gru]}}, "
        "model.filters: {values: [4], when: {model: cnn}}, model.kernel_size: {values: [3], when: {model.filters: 4}}}}\n"
    )
    path = spec(f"data: digits\nmodel: lstm\n{section}")
    plan = load_sweep([str(path)])
    assert list(grid(plan.sweep)) == [{"model.units": 8}]
    assert len([notice for notice in plan.notices if "its condition is not met" in notice]) == 2
    assert list(grid(load_sweep([str(path), "model=cnn"]).sweep)) == [{"model.filters": 4, "model.kernel_size": 3}]
    unsettled = sweep_of({"a": {"values": [1], "when": {"model.type": "mlp"}}})
    with pytest.raises(ValueError, match="needs the spec"):
        list(grid(unsettled))
    assert list(grid(unsettled, load.load([spec()]).experiment)) == [{"a": 1}]


def test_a_metric_that_the_parameter_changes_is_noticed(spec):
    words = [str(spec()), "model.regularization.l2=[0.1, 0.2]"]
    assert (
        "val_loss is not comparable between points; consider val_accuracy as sweep.metric"
        in load_sweep(words).notices[0]
    )
    assert load_sweep(words, options={"metric": "val_accuracy"}).notices == ()


# What is wrong


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{parameters: {seed: []}}", "3:28: sweep.parameters.seed: is empty; a parameter needs"),
        ("{parameters: {seed: {values: []}}}", "3:37: sweep.parameters.seed.values: is empty"),
        ("{parameters: {seed: {min: 2, max: 2}}}", "3:34: sweep.parameters.seed.min: 2 is not less than max, 2"),
        ("{parameters: {a: {min: 0, max: 1, distribution: log_uniform}}}", "should be greater than 0 for log_uniform, not 0"),
        ("{parameters: {a: {min: 1, max: 2.5, distribution: int}}}", "a.max: should be an integer for int, not 2.5"),
        ("{parameters: {a: {min: 1, max: 2, distribution: int_log, step: 1}}}", "step: is not allowed for int_log; remove it"),
        ("{parameters: {a: {min: 1, max: 2, step: 3}}}", "a.step: 3 is larger than the distance from min to max"),
        ("{parameters: {a: {min: 1, max: 2, step: 0}}}", "a.step: should be greater than 0, not 0"),
        ("{parameters: {a: {min: .nan, max: 2}}}", "a.min: should be an integer, not nan; or should be a finite number"),
        ("{parameters: {a: {min: 1}}}", "sweep.parameters.a.max: is missing"),
        ("{parameters: {a: [1, 2, 1.0]}}", "3:32: sweep.parameters.a.2: duplicate candidate 1.0"),
        ("{parameters: {a: [[1], [1]]}}", "a.1: duplicate candidate [1]"),
        ("{parameters: {a: {valus: [1]}}}", "a.valus: unknown field; did you mean 'values'?"),
        ("{parameters: {a: {values: [1], max: 3}}}", "a.max: a parameter has either `values` or bounds"),
        ("{parameters: {model: {filters: [1]}}}", "under a dotted key"),
        ("{parameters: {a: 3}}", "should be a list of candidates or fields such as min and max, not 3"),
        ("{parameters: {a b: [1]}}", "should be a dotted key"),
        ("{parameters: {name: [a, b]}}", "name: cannot vary in a sweep"),
        ("{parameters: {model: [cnn], model.type: [mlp]}}", "model.type: sets the same field as model"),
        ("{parameters: [1]}", "sweep.parameters: should be a mapping"),
        ("{parameters: {}}", "is empty, so nothing varies"),
        ("{method: gird}", "sweep.method: should be 'grid', 'random' or 'bayes', not 'gird'"),
        ("{maxtrials: 3}", "sweep.maxtrials: unknown field; did you mean 'max_trials'?"),
        ("{max_time: 2 weeks}", "should be seconds, or a string like 90s, 30m, 2h or 1h30m, not '2 weeks'"),
        ("{seeds: [1, 1]}", "sweep.seeds.1: duplicate candidate 1"),
        ("{early_terminate: {type: median, warmup: 3}}", "sweep.early_terminate.warmup: unknown field"),
        ("{early_terminate: {type: successive_halving, bootstrap_count: 2}}", "needs min_resource as a number of epochs"),
        ("{early_terminate: {type: hyperband, min_resource: 9, max_resource: 3}}", "is less than min_resource, 9"),
        ("5", "sweep: should be fields such as {seeds: 1}, not 5"),
        # conditions
        ("{parameters: {a: {values: [1], when: {modle.type: mlp}}}}", "is neither a parameter nor a field of the spec; did you mean 'model.type'?"),
        ("{parameters: {a: {values: [1], when: {seed: 9}}, seed: [1, 2]}}", "is never met: the parameter seed is never 9"),
        ("{parameters: {a: {values: [1], when: {a: 1}}}}", "a parameter cannot depend on itself"),
        ("{parameters: {a: {values: [1], when: {b: 1}}, b: {values: [1], when: {a: 1}}}}", "these parameters depend on each other: a and b"),
        ("{parameters: {a: {values: [1], when: {model.units: 1}}, model: [lstm]}}", "is a field of the parameter model, which replaces it"),
        # metrics
        ("{metric: val_acuracy, parameters: {seed: [1]}}", "no run reports 'val_acuracy'; did you mean 'val_accuracy'? known metrics: val_loss, val_accuracy"),
        ("{metric: {name: test_accuracy}, parameters: {seed: [1]}}", "is a metric of the test split, which must not be used to choose; did you mean 'val_accuracy'?"),
        ("{metric: accuracy, parameters: {seed: [1]}}", "'accuracy' is a metric of the training split; did you mean 'val_accuracy'?"),
        ("{parameters: {data.validation_split: [0.1, 0]}}", "a sweep needs a validation split"),
        # points
        ("{parameters: {optimizer.learning_rat: [1]}}", "3:47: optimizer.learning_rat=1: unknown field; did you mean 'learning_rate'?"),
        ("{parameters: {optimizr.learning_rate: [1]}}", "unknown section; did you mean 'optimizer'?"),
        ("{parameters: {optimizer.learning_rate: [0.1, 0]}}", "3:53: optimizer.learning_rate=0: should be greater than 0, not 0"),
        ("{method: random, parameters: {optimizer.learning_rate: [0.1, 0]}}", "optimizer.learning_rate=0: should be greater than 0"),
        ("{parameters: {optimizer.learning_rate: {min: 0.0, max: 1}}}", "optimizer.learning_rate=0.0: should be greater than 0"),
        ("{parameters: {data.validation_split: {min: 0.1, max: 1.0}}}", "data.validation_split=1.0: should be less than 1"),
        ("{parameters: {model.units: {values: [8]}, model.type: [lstm, mlp]}}", "3:45: model.type=mlp: model.units: unknown field"),
        ("{method: grid, parameters: {optimizer.learning_rate: {min: 0.1, max: 1}}}", "a grid cannot list all values from 0.1 to 1"),
        ("{method: grid, parameters: {seed: {min: 1, max: 150}, training.epochs: {min: 1, max: 150}}}", "the grid has more than 10,000 points"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_anything_starts(spec, section, message):
    assert any(message in problem for problem in swept(spec, section)), swept(spec, section)


def test_a_parameter_that_is_wrong_in_every_point_is_told_once(spec):
    found = problems(spec(), f"{RATE}=[0.1, 0]", "model.hidden_units=[8, 16, 32]")
    assert found == [f"command line: {RATE}=0: should be greater than 0, not 0"]


def test_a_list_where_the_spec_wants_one_is_explained(spec):
    (found,) = problems(spec(), "metrics=[accuracy]")
    assert "metrics=accuracy: should be a list" in found
    assert "write a candidate that is a list as [[...]]" in found


def test_errors_of_the_spec_and_of_the_section_come_together(spec):
    found = swept(spec, "{method: gird}", "data: digits\nmodel: {type: mlp, hidden_unit: 3}\n")
    assert len(found) == 2


def test_an_option_is_to_blame_by_its_name(spec):
    assert problems(spec(), f"{RATE}=[0.1]", max_trials=0) == [
        "--max-trials: sweep.max_trials: should be greater than 0, not 0"
    ]


def test_a_file_is_needed():
    with pytest.raises(UsageError, match="no spec file"):
        load_sweep([f"{RATE}=[0.1]"])


# The plan


def test_every_trial_is_trained_with_every_seed_counted_from_the_specs_own(spec):
    plan = load_sweep([str(spec()), f"{RATE}=[0.1, 0.2]", "seed=7"], options={"seeds": 2})
    found = list(trials(plan))
    assert [(one.number, one.point[RATE], one.seed, one.experiment.seed) for one in found] == [
        (0, 0.1, 0, 7), (1, 0.1, 1, 8), (2, 0.2, 0, 7), (3, 0.2, 1, 8)
    ]  # fmt: skip
    assert len({one.identity for one in found}) == 4
    assert list(trials(plan)) == found


def test_draws_without_a_study_are_different_points_in_an_order_of_their_own(spec):
    words = [str(spec()), f"{RATE}=log:1e-4:1e-1", "model.hidden_units=[8, 16]"]
    plan = load_sweep(words, options={"method": "random", "max_trials": 8})
    points = [one.point for one in trials(plan)]
    assert len(points) == 8
    longer = load_sweep(words, options={"method": "random", "max_trials": 9})
    assert [one.point for one in trials(longer)][:8] == points
    other = load_sweep(words, options={"method": "random", "max_trials": 8, "seed": 1})
    assert [one.point for one in trials(other)] != points
    few = load_sweep([str(spec()), "training.epochs=int:1:3"], options={"method": "random", "max_trials": 9})
    assert sorted(one.point["training.epochs"] for one in trials(few)) == [1, 2, 3]


def test_a_study_cannot_be_planned(spec):
    with pytest.raises(UsageError, match="--method random"):
        list(trials(load_sweep([str(spec()), f"{RATE}=log:1e-4:1e-1"])))


def test_two_points_of_one_spec_are_one_trial(spec):
    plan = load_sweep([str(spec()), "optimizer=[adam, {type: adam}]"])
    assert len(list(grid(plan.sweep))) == 2
    assert len(list(trials(plan))) == 1


def test_max_trials_cuts_a_grid(spec):
    plan = load_sweep([str(spec()), "seed=[1, 2, 3]"], options={"max_trials": 2})
    assert [one.point["seed"] for one in trials(plan)] == [1, 2]
    assert load_sweep([str(spec()), "seed=[1, 2, 3]"], options={"max_trials": 9}).max_trials == 3


def test_an_identity_is_of_all_that_is_trained_and_not_of_the_name(spec):
    first = load.load([spec(name="a.yaml")]).experiment
    assert identity(first) == identity(load.load([spec(name="b.yaml")]).experiment)
    assert identity(first) == identity(load.load([spec(f"{BASE}optimizer: {{learning_rate: 1e-3}}\n")]).experiment)
    assert re.fullmatch("[0-9a-f]{12}", identity(first))
    others = [load.load([spec()], [word]).experiment for word in ("seed=1", "training.epochs=11", "data.limit=5")]
    assert len({identity(one) for one in [first, *others]}) == 4


def test_a_plan_goes_through_json_and_pickle(spec):
    base = f"{BASE}training: {{class_weight: {{0: 1.0, 1: 2.5}}}}\n"
    words = [str(spec(base)), "training.class_weight=[balanced, {0: 2.0, 3: 1.0}]", f"{RATE}=[1e-3, 0.1]", "seed=4"]
    plan = load_sweep(words, options={"seeds": [0, 5], "early_terminate": "median", "max_time": "1h"})
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert list(trials(again)) == list(trials(plan))
    assert len(list(trials(again))) == 8


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"base": "["}, {"sweep": "method: 3"}, {"overrides": "seed=1"}, {"plugins": None}]
)
def test_a_damaged_plan_is_an_error(spec, change):
    stored = load_sweep([str(spec()), "seed=[1]"]).to_json()
    with pytest.raises(SpecError):
        Plan.from_json({**stored, **change})


def test_the_experiment_of_a_wrong_point_names_the_point(spec):
    plan = Plan.from_json(load_sweep([str(spec()), f"{RATE}=[0.1]", "training.epochs=[1]"]).to_json())
    with pytest.raises(SpecError, match=rf"^{RATE}=0: should be greater than 0, not 0$"):
        plan.experiment({RATE: 0})
    with pytest.raises(SpecError, match=rf"^{RATE}=0 training.epochs=1: {RATE}: should be"):
        plan.experiment({RATE: 0, "training.epochs": 1})


PLANS = [
    [f"{RATE}=[1e-5, 0.1]", "model.hidden_units=[[64], [8, 8]]", "training.epochs=3"],
    ["model=[lstm, {type: cnn, filters: [4]}, mlp]", "model.regularization={l2: 0.1}", "model={activation: tanh}"],
    ["optimizer={weight_decay: 0.01}", "optimizer.type=[sgd, adamw]", "optimizer.weight_decay=[null, 0.1]"],
    ["model.activation=[relu, {type: leaky_relu, negative_slope: 0.1}]", "data.augmentation=[null, {zoom: 0.1}]"],
    [f"{RATE}=log:1e-6:1e-1", "training.class_weight=[balanced, {0: 2.0}]", "schedule=[cosine, constant]"],
]


@pytest.mark.parametrize("words", PLANS)
def test_the_overrides_of_a_plan_train_exactly_its_spec(spec, words):
    path = spec(f"{BASE}optimizer: {{type: adam, beta_1: 0.8}}\nsweep: {{method: random, max_trials: 6, seeds: 2}}\n")
    app = typer.Typer()
    app.command()(plan_command)
    done = CliRunner().invoke(app, [str(path), *words, "--seeds", "2", "--seed", "3"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) >= 6  # of one spec there is only one
    assert [line["number"] for line in lines] == list(range(len(lines)))
    for line in lines:
        assert all(is_override(word) for word in line["overrides"])
        experiment = load.load([Path(path)], line["overrides"]).experiment
        assert (identity(experiment), experiment.seed) == (line["trial"], line["seed"])


def test_a_mapping_without_a_type_leaves_a_type_to_vary(spec):
    plan = load_sweep([str(spec()), "model=[mlp, cnn]", "model={activation: tanh}"])
    assert [plan.experiment(point).model.type for point in grid(plan.sweep)] == ["mlp", "cnn"]
    cnn: Any = plan.experiment({"model": "cnn"})
    assert cnn.model.activation.type == "tanh"
    with pytest.raises(SpecError, match="nothing varies"):
        load_sweep([str(spec()), "model=[mlp, cnn]", "model={type: mlp}"])


# Other commands


SWEPT = f"{BASE}sweep: {{parameters: {{{RATE}: [0.1, 0]}}}}\n"


def test_other_commands_leave_the_section_out_and_say_so(cli, spec):
    path = spec(SWEPT)
    loaded = load.load([path])
    assert loaded.notices == ("sweep: only `deepcli sweep` uses this section; it is ignored here",)
    assert loaded.experiment == load.load([spec()]).experiment
    done = cli("show", spec(SWEPT))
    assert (done.code, "sweep" in done.out, "notice: sweep: only `deepcli sweep`" in done.err) == (0, False, True)
    done = cli("train", spec(SWEPT), "data.limit=40", "training.epochs=1", "-o", "a")
    assert (done.code, "notice: sweep: only `deepcli sweep`" in done.err) == (0, True)
    assert "sweep" not in Path("a/config.yaml").read_text(encoding="utf-8")


def test_validate_looks_at_the_section(cli, spec):
    done = cli("validate", spec(SWEPT))
    assert done.code == 2
    assert f"{RATE}=0: should be greater than 0" in done.err
    done = cli("validate", spec(SWEPT.replace(", 0]", "]")), "metrics=[accuracy]")
    assert (done.code, done.err) == (0, "")
    assert cli("validate", spec(f"{BASE}sweep: {{method: random}}\n")).code == 0
    assert cli("validate", "seed=1").code == 2
    assert validate_file([spec()]).notices == ()


# Where a sweep's files are


def test_a_sweep_means_the_same_files_for_workers_in_every_folder(spec, tmp_path, monkeypatch):
    """What varies, what is laid over and what the file says: all of it is relative to where the sweep was begun."""
    file = spec("data: {type: mnist, path: a/mnist.npz}\nmodel: mlp\ntraining: {initial_weights: old}\n")
    plan = load_sweep([str(file), "data.path=[b.npz, c.npz]"])
    inside = load_sweep([str(file), "seed=[1, 2]"], overrides=["data.path=d.npz"], plugins=[])
    here = Path.cwd()
    stored = [Plan.from_json(json.loads(json.dumps(one.to_json()))) for one in (plan, inside)]
    monkeypatch.chdir(tmp_path)
    assert [trial.experiment.data.path for trial in trials(stored[0])] == [str(here / "b.npz"), str(here / "c.npz")]
    assert [trial.identity for trial in trials(stored[0])] == [trial.identity for trial in trials(plan)]
    assert stored[1].experiment({}).data.path == str(here / "d.npz")
    assert stored[1].experiment({}).training.initial_weights == str(here / "old")


def test_a_sweep_that_was_stored_without_its_folder_is_read_as_before(spec):
    plan = load_sweep([str(spec("data: {type: mnist, path: m.npz}\nmodel: mlp\n")), "seed=[1, 2]"]).to_json()
    del plan["folder"]
    assert Plan.from_json(plan).experiment({}).data.path == str(Path("m.npz").absolute())


def test_two_that_begin_one_sweep_at_once_work_on_the_same(spec):
    from concurrent.futures import ThreadPoolExecutor

    from deepcli.sweeps.start import start_sweep

    plan = load_sweep([str(spec()), "seed=[1, 2]"])
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda _: start_sweep(Path("sweeps/my_exp"), plan, None), range(8)))
    assert sorted(known for _, known in begun) == [False] + 7 * [True]
    assert len({folder.read_plan()["study"] for folder, _ in begun}) == 1
    assert [path.name for path in Path("sweeps").iterdir()] == ["my_exp"]


def test_a_trial_that_has_run_is_not_taken_for_one_of_another_spec(spec):
    from deepcli.errors import RunError
    from deepcli.result import Result
    from deepcli.run.directory import RunDir
    from deepcli.sweeps.planned import PlannedRun, line
    from deepcli.system.atomic import write_text

    plan = load_sweep([str(spec()), "seed=[1, 2]"])
    planned, experiment = PlannedRun.read(line(plan, next(trials(plan))))
    assert planned.finished(Path("out"), experiment) is None
    run = RunDir.create(planned.run(Path("out")).path, load.dump(experiment), {})
    write_text(run.metrics, Result(schema=1, command="train", status="completed").to_json())
    assert planned.finished(Path("out"), experiment).status == "completed"
    other = plan.experiment({"optimizer.learning_rate": 0.5})
    write_text(run.config, load.dump(other))
    with pytest.raises(
        RunError, match=r"cannot be skipped: .*\n(.*\n)?  optimizer\.learning_rate: 0\.5 in the run, 0\.001 now"
    ):
        planned.finished(Path("out"), experiment)


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (
            ["training.backend=[tensorflow, jax]"],
            "training.backend=[tensorflow, jax]: the workers of a sweep have one backend",
        ),
        (
            ["training=[{backend: jax}, {epochs: 2}]"],
            "that of the spec (auto), so a trial cannot have jax; set it for the whole",
        ),
        (
            ["training.backend=[jax]", "seed=[1, 2]"],
            "set it for the whole sweep (training.backend=jax, not a parameter)",
        ),
        (["training.backend=jax", "seed=[1, 2]"], None),
        (["training=[{epochs: 1}, {epochs: 2}]"], None),
    ],
)
def test_the_workers_of_a_sweep_have_one_backend(spec, words, refused):
    planned = load_sweep([str(spec(BASE)), *words])
    if refused is None:
        demand_one_backend(planned)
        return
    with pytest.raises(SpecError, match=re.escape(refused)):
        demand_one_backend(planned)
