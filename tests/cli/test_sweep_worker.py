"""`deepcli sweep worker`: which sweep is meant, and what is refused before anything is written."""

import pytest

from deepcli.cli import render
from deepcli.sweeps.outcome import Outcome
from deepcli.sweeps.ranking import RankedTrial

NAME = ("--study", "digits-1a2b3c4d")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Give its directory, or its database and study: --storage URL --study NAME"),
        (NAME, "--study needs the sweep's database: give --storage URL, or set DEEPCLI_STORAGE"),
        (("somewhere", *NAME), "give the sweep's directory (somewhere) or --study, not both"),
        (("somewhere", "-o", "there"), "--output is for --study"),
        ((*NAME, "--storage", "sqlite:///mine.db"), "only workers of a PostgreSQL database need no common directory"),
        ((*NAME, "--storage", "nonsense"), "only workers of a PostgreSQL database"),
        (("somewhere",), "somewhere is not a sweep"),
    ],
)
def test_what_does_not_say_which_sweep(cli, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    done = cli("sweep", "worker", *words)
    assert (done.code, done.out) == (2, "") and says in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_named_without_the_password(cli, tmp_path, monkeypatch):
    pytest.importorskip("psycopg", reason="the extra `postgresql` is not installed")
    monkeypatch.chdir(tmp_path)
    done = cli("sweep", "worker", *NAME, "--storage", "postgresql://me:hush@127.0.0.1:9/none")
    assert done.code == 2 and "postgresql://me:***@127.0.0.1:9/none cannot be used" in done.err
    assert "refused" in done.err and "hush" not in done.err and list(tmp_path.iterdir()) == []


def outcome(**changes):
    best = {"trial": 1, "value": 0.5, "point": {"model.activation": "relu"}, "runs": ["/home/b/s/trials/0001"]}
    facts = {"schema": 1, "command": "sweep status", "status": "completed", "metric": "val_loss", "goal": "minimize"}
    return Outcome.model_validate(
        {**facts, "planned": 2, "completed": 2, "best": {**best, "host": "b.example"}, **changes}
    )


ROWS = [RankedTrial(1, "completed", 0.5, host="b.example"), RankedTrial(0, "completed", 0.6, host="a.example")]


def test_a_table_of_several_machines_says_where_runs_are_and_who_can_evaluate_the_best(capsys):
    render.ranking(outcome(join="deepcli sweep worker --study s-1"), ROWS)
    out = capsys.readouterr().out
    assert [line.split()[-1] for line in out.splitlines()[:3]] == ["host", "b.example", "a.example"]
    assert "not yet evaluated on the test split  b.example:/home/b/s/trials/0001" in out
    assert "b.example evaluates it, while this runs there: deepcli sweep worker /home/b/s\n" in out
    assert "another machine" not in out, "nothing is left to do"


def test_a_table_of_one_machine_has_no_column_for_it(capsys):
    best = {**outcome().best.model_dump(), "host": None}
    render.ranking(outcome(best=best), [RankedTrial(1, "completed", 0.5, host="a.example")])
    assert "host" not in capsys.readouterr().out


@pytest.mark.parametrize("storage", ["", "--storage postgresql://db/sweeps "])
def test_a_sweep_that_is_not_completed_shows_how_others_can_work_on_it(capsys, storage):
    command = f"deepcli sweep worker {storage}--study s-1"
    render.ranking(outcome(status="unfinished", join=command, best=None), ROWS)
    there = ":" if storage else ", with DEEPCLI_STORAGE set there:"
    assert capsys.readouterr().out.endswith(f"another machine can work on it{there}\n  {command}\n")
