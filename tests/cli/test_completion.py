"""What shells offer after TAB, and the script of each shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SEQUENTIAL = "data: digits\nmodel: {type: sequential, layers: [flatten]}\n"


@pytest.fixture
def offered(cli, monkeypatch, spec):
    """Return what fish offers for a command line after `deepcli`; SPEC is a spec file."""

    def run(line: str, shell: str = "fish", text: str = "data: digits\nmodel: cnn\n") -> list[str]:
        monkeypatch.setenv("_DEEPCLI_COMPLETE", f"complete_{shell}")
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"deepcli {line}".replace("SPEC", str(spec(text))))
        done = cli()
        assert done.err == ""
        return done.out.split()

    return run


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train SPEC optimizer=adam", ["optimizer=adam", "optimizer=adamax", "optimizer=adamw"]),
        ("train SPEC training.epo", ["training.epochs=", "training.epochs=10"]),
        ("train SPEC model.filt", ["model.filters=", "model.filters=32,64"]),
        ("train SPEC model.regularization.normalization=g", ["model.regularization.normalization=group"]),
        ("train SPEC optimizer=sgd optimizer.nest", [
            "optimizer.nesterov=", "optimizer.nesterov=true", "optimizer.nesterov=false"]),
        ("validate SPEC training.early_stopping.monitor=val_au", ["training.early_stopping.monitor=val_auc"]),
        ("show SPEC training.jit_compile=", [
            "training.jit_compile=auto", "training.jit_compile=true", "training.jit_compile=false"]),
        ("sweep run SPEC schedule=one", ["schedule=one_cycle"]),
        ("train SPEC training.device=g", ["training.device=gpu", "training.device=gpu:0", "training.device=gpu:1"]),
        ("train SPEC nonsense.", []),
        ("train SPEC nonsense=", []),
        ("train trai", []),
        ("train SPEC --device c", ["cpu"]),
        ("runs --sort val_acc", ["val_accuracy"]),
        ("runs --sort test_acc", ["test_accuracy"]),
        ("runs --sort optimizer.learn", ["optimizer.learning_rate"]),
        ("compare a b --metric val_lo", ["val_loss"]),
        ("sweep plan SPEC --metric val_f1", ["val_f1", "val_f1_score"]),
        ("list early", ["early_stopping"]),
        ("lessons schedule-st", ["schedule-step"]),
    ],
)  # fmt: skip
def test_keys_values_devices_and_metrics_are_completed(offered, line, expected):
    assert offered(line) == expected


def test_keys_are_those_of_the_components_that_the_spec_names(offered):
    assert offered("train SPEC model.filt", text=SEQUENTIAL) == []
    assert "model.layers=" in offered("train SPEC model.", text=SEQUENTIAL)
    assert offered("train SPEC training.epo", text="data: [") == ["training.epochs=", "training.epochs=10"]


def test_zsh_gets_its_own_form(offered):
    assert offered("train SPEC optimizer=adamw", "zsh") == ["_arguments", "'*:", ':(("optimizer=adamw"))\'']
    assert offered("train conf", "zsh") == ["_files"]


@pytest.mark.parametrize(("words", "expected"), [("optimizer\n=\nadamw", ["adamw"]), ("schedule\n=", "constant")])
def test_bash_gets_the_value_alone_as_it_splits_words_at_equals_signs(cli, monkeypatch, spec, words, expected):
    monkeypatch.setenv("_DEEPCLI_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"deepcli\ntrain\n{spec()}\n{words}")
    monkeypatch.setenv("COMP_CWORD", str(2 + len(words.split())))
    found = cli().out.split()
    assert found == expected if isinstance(expected, list) else expected in found


@pytest.mark.parametrize(
    ("shell", "has"),
    [
        ("zsh", "#compdef deepcli"),
        ("fish", "complete --command deepcli"),
        ("bash", "complete -o default -F"),
        ("pwsh", "Register-ArgumentCompleter"),
    ],
)
def test_the_script_is_that_of_the_shell_that_is_named(cli, shell, has):
    for words in (["--show-completion", shell], [f"--show-completion={shell}"]):
        done = cli(*words)
        assert (done.code, done.err) == (0, "")
        assert has in done.out
        assert f"_DEEPCLI_COMPLETE=complete_{shell}" in done.out or shell == "pwsh"


def test_an_unknown_shell_is_an_error(cli):
    done = cli("--show-completion", "zhs")
    assert (done.code, done.out) == (2, "")
    assert "--show-completion: unknown shell 'zhs'; did you mean 'zsh'?" in done.err


def test_completion_is_installed_where_the_named_shell_looks_for_it(cli):
    done = cli("--install-completion", "fish")
    path = Path(os.environ["HOME"]) / ".config" / "fish" / "completions" / "deepcli.fish"
    assert (done.code, done.out) == (0, f"installed completion for fish in {path}; open a new terminal to use it\n")
    assert "complete --command deepcli" in path.read_text()
    assert cli("--install-completion", "zsh").code == 0
    assert "#compdef deepcli" in (Path(os.environ["HOME"]) / ".zfunc" / "_deepcli").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="has no bash")
def test_bash_itself_completes_an_override(tmp_path, cli, spec):
    script = tmp_path / "complete.sh"
    script.write_text(cli("--show-completion", "bash").out)
    (tmp_path / "deepcli").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m deepcli "$@"\n')
    (tmp_path / "deepcli").chmod(0o755)
    lines = f"""
    source {script}
    COMP_WORDS=(deepcli train {spec()} optimizer = adamw); COMP_CWORD=5
    _deepcli_completion deepcli; echo "${{COMPREPLY[@]}}"
    """
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", lines], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "adamw\n"
