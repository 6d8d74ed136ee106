"""Environment variables in spec files: only those that are allowed by name."""

import pytest

import deepcli
from deepcli.errors import SpecError, UsageError
from deepcli.experiment.load import load

SPEC = "data:\n  type: digits\n  batch_size: ${DEEP_BATCH:-16}\nmodel: mlp\nname: run-${DEEP_NAME}\n"


def refused(*parts, **options) -> str:
    with pytest.raises(SpecError) as error:
        deepcli.load(*parts, **options)
    return str(error.value)


def test_an_allowed_variable_is_read_as_yaml(spec, monkeypatch):
    path = spec(SPEC)
    monkeypatch.setenv("DEEP_NAME", "first")
    both = ("DEEP_BATCH", "DEEP_NAME")
    assert (deepcli.load(path, env=both).data.batch_size, deepcli.load(path, env=both).name) == (16, "run-first")
    monkeypatch.setenv("DEEP_BATCH", "48")
    assert deepcli.load(path, env=both).data.batch_size == 48
    monkeypatch.setenv("DEEP_BATCH", "")
    assert deepcli.load(path, env=both).data.batch_size == 16


def test_a_variable_that_is_not_allowed_is_an_error_that_names_the_option(spec, monkeypatch):
    monkeypatch.setenv("DEEP_BATCH", "48")
    path = spec(SPEC)
    for env in ((), "DEEP_NAME"):
        text = refused(path, env=env)
        assert text.startswith(
            f"{path}:3:15: ${{DEEP_BATCH:-16}} is an environment variable; allow it with --env DEEP_B"
        )
        assert "48" not in text


def test_an_earlier_call_allows_nothing_in_a_later_one(spec):
    path = spec("data: digits\nmodel: mlp\nseed: ${DEEP_SEED:-3}\n")
    assert deepcli.load(path, env="DEEP_SEED").seed == 3
    with pytest.raises(SpecError, match="--env DEEP_SEED"):
        load([path])
    assert "--env DEEP_SEED" in refused(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("${DEEP_UNSET}", "the environment variable DEEP_UNSET is not set; set it, or write ${DEEP_UNSET:-default}"),
        ("${1A}", "${1A} is not an environment variable; write ${NAME} or ${NAME:-default}"),
        ("${}", "${} is not an environment variable"),
        ("a${DEEP", "${DEEP is not an environment variable"),
        ("${DEEP_UNSET-x}", "${DEEP_UNSET-x} is not an environment variable"),
    ],
)
def test_a_variable_without_a_value_is_refused_where_it_stands(spec, value, message):
    path = spec(f"data: digits\nmodel: mlp\nname: {value}\n")
    text = refused(path, env="DEEP_UNSET")
    assert text.startswith(f"{path}:3:7: ")
    assert message in text


def test_quotes_keep_a_string_and_two_dollars_keep_the_text(spec, monkeypatch):
    monkeypatch.setenv("DEEP_NAME", "7")
    quoted = spec('data: digits\nmodel: mlp\nname: "${DEEP_NAME}"\n')
    assert deepcli.load(quoted, env="DEEP_NAME").name == "7"
    bare = spec("data: digits\nmodel: mlp\nname: ${DEEP_NAME}\n")
    assert "name: should be a string, not 7" in refused(bare, env="DEEP_NAME")
    text = spec("data: digits\nmodel: mlp\ntraining: {initial_weights: 'a $${B} $C'}\n")
    assert deepcli.load(text).training.initial_weights == "a ${B} $C"


def test_what_a_variable_holds_is_a_value_and_nothing_else(spec, monkeypatch):
    monkeypatch.setenv("DEEP_NAME", "{type: cnn}")
    assert "unknown type '{type: cnn}'" in refused(spec("data: digits\nmodel: ${DEEP_NAME}\n"), env="DEEP_NAME")
    monkeypatch.setenv("DEEP_NAME", "${HOME}")
    assert "not '${HOME}'" in refused(spec("data: digits\nmodel: mlp\nname: ${DEEP_NAME}\n"), env="DEEP_NAME")


def test_variables_cannot_fill_the_memory(spec, monkeypatch):
    monkeypatch.setenv("DEEP_NAME", "x" * 60_000)
    path = spec("data: digits\nmodel: mlp\nname: ${DEEP_NAME}\nx-a: ${DEEP_NAME}\n")
    assert f"{path}:4:6: more than 64 KiB from variables" in refused(path, env="DEEP_NAME")


def test_the_name_of_a_variable_is_checked(spec):
    with pytest.raises(UsageError, match="--env A-B: should be the name of an environment variable"):
        deepcli.load(spec(), env="A-B")


def test_the_option_of_commands_allows_variables_for_one_command(spec, cli, monkeypatch):
    monkeypatch.setenv("DEEP_BATCH", "48")
    path = spec("data:\n  type: digits\n  batch_size: ${DEEP_BATCH}\nmodel: mlp\n")
    assert "batch_size: 48" in cli("show", path, "--env", "DEEP_BATCH").out
    done = cli("show", path)
    assert (done.code, done.out) == (2, "")
    assert "allow it with --env DEEP_BATCH" in done.err
    rates = "optimizer.learning_rate=0.1,0.01"
    for words in (["validate", path], ["data", path], ["sweep", "plan", path, rates]):
        assert cli(*words, "--env", "DEEP_BATCH").code == 0, words
        assert cli(*words).code == 2, words


def test_a_sweep_plan_holds_the_values_and_not_the_variables(spec, cli, monkeypatch):
    monkeypatch.setenv("DEEP_BATCH", "48")
    path = spec("data:\n  type: digits\n  batch_size: ${DEEP_BATCH}\nmodel: mlp\n")
    done = cli("sweep", "plan", path, "optimizer.learning_rate=0.1,0.01", "--env", "DEEP_BATCH")
    assert "DEEP_BATCH" not in done.out
    assert done.out.count("batch_size: 48") == 2
