"""`deepcli sweep worker`: which sweep is meant, and what is refused before anything is written."""

import pytest

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
