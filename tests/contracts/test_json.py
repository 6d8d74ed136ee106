"""Whatever happens to a command with `--json`, a script gets one object, and its shape is in the package."""

import json
import os
import shlex
import signal
import sys
import time
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from deepcli.cli import answers
from deepcli.cli.schemas import PACKAGE, commands, file_of, schemas, with_json
from deepcli.result import Answer, Failure
from tests import own_files
from tests.in_process import InProcess

NODES = dict(commands())
SHAPES = with_json()


def options_of(node, kind="option"):
    return [one for one in node.params if one.param_type_name == kind]


def filled(name):
    """Call a command with a word that means nothing for all that it must have."""
    words = name.split()
    for option in options_of(NODES[name]):
        words += [option.opts[0], "nowhere"] if option.required else []
    return [*words, *("nowhere" for _ in options_of(NODES[name], "argument"))]


@cache
def checker(shape):
    """Return what checks an object against the schema of its class."""
    return jsonschema.Draft202012Validator(schemas()[file_of(shape)])


def object_of(done, name):
    """Return the one object on stdout, which has to be what its schemas promise of a failure."""
    assert done.out.count("\n") == 1, done
    told = json.loads(done.out)
    checker(Failure).validate(told)
    if name in SHAPES and issubclass(SHAPES[name], Answer):
        checker(SHAPES[name]).validate(told)
    assert told["command"] == name
    assert "Traceback" not in done.err
    assert (told["status"] == "interrupted") == (done.code >= 128)
    return told


def test_the_tree_is_walked():
    assert {"train", "predict", "sweep run", "sweep trial", "validate"} <= set(SHAPES) < set(NODES)


@pytest.mark.parametrize("name", SHAPES)
def test_a_command_that_fails_prints_one_object(cli, name):
    many = ["nowhere"] * 3  # `doctor` takes none
    words = filled(name) if options_of(NODES[name], "argument") else [*name.split(), *many]
    done = cli(*words, "--json")
    assert (done.code, bool(done.err)) == (2, True)
    assert object_of(done, name)["error"]


@pytest.mark.parametrize("name", SHAPES)
def test_so_does_one_whose_words_are_wrong(cli, name):
    valued = next((one.opts[0] for one in options_of(NODES[name]) if not one.is_flag), "--no-such-option")
    flag = next(one.opts[0] for one in options_of(NODES[name]) if one.is_flag and one.opts[0].startswith("--"))
    for wrong, says in (
        (["--json", "--no-such-option"], "--no-such-option"),
        (["--no-such-option", "--json"], "--no-such-option"),
        (["--no-such-option=3", "--json"], "--no-such-option"),
        ([f"{flag}=3", "--json"], flag),
        (["--json", valued], valued),
        (["--json=yes"], "--json"),
    ):
        done = cli(*filled(name), *wrong)
        assert done.code == 2 and done.err
        assert says in object_of(done, name)["error"]


@pytest.mark.parametrize("name", [name for name in SHAPES if any(one.required for one in NODES[name].params)])
def test_so_does_one_that_lacks_a_word(cli, name):
    done = cli(*name.split(), "--json")
    assert done.code == 2 and "Missing " in object_of(done, name)["error"]


def test_so_does_one_with_a_bad_value(cli):
    for line, says in (
        ("evaluate nowhere --batch-size many --json", "--batch-size"),
        ("evaluate nowhere --batch-size 0 --json", "--batch-size"),
        ("train --if-exists perhaps --json nowhere", "--if-exists"),
        ("sweep run nowhere --method magic --json", "--method"),
    ):
        name = line.split(" nowhere")[0] if "nowhere --" in line else "train"
        assert says in object_of(cli(*line.split()), name)["error"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("trian nowhere --json", None), ("--json", None), ("--json trian", None), ("--no-such-option --json", None),
        ("sweep rnu --json", "sweep"), ("sweep --json", "sweep"), ("--json train nowhere", "train"),
        ("sweep --json run nowhere", "sweep run"),
    ],
)  # fmt: skip
def test_so_does_a_command_that_there_is_not(cli, line, name):
    done = cli(*line.split())
    assert done.code == 2 and done.err and object_of(done, name)


@pytest.mark.parametrize(
    "line", ["train nowhere", "train --output --json nowhere", "train -o --json nowhere", "train -qo --json nowhere",
             "train -- nowhere --json", "plot nowhere --json", "init nowhere --json x", "train --json --help"]
)  # fmt: skip
def test_nobody_else_gets_one(cli, line):
    done = cli(*line.split())
    assert '"schema"' not in done.out and done.code == (0 if "--help" in line else 2)
    assert bool(done.out) == ("--help" in line)


def kill(number):
    os.kill(os.getpid(), number)
    time.sleep(60)


ENDS = {
    "a surprise": (lambda: 1 / 0, 1, "unexpected ZeroDivisionError: division by zero"),
    "no memory": (lambda: (_ for _ in ()).throw(MemoryError), 1, "out of memory"),
    "too deep": (lambda: (_ for _ in ()).throw(RecursionError("deep")), 1, "unexpected RecursionError: deep"),
    "an error without words": (lambda: (_ for _ in ()).throw(EOFError), 1, "unexpected EOFError"),
    "Ctrl-C": (lambda: kill(signal.SIGINT), 130, "interrupted"),
    "SIGTERM": (lambda: kill(signal.SIGTERM), 143, "terminated"),
    "sys.exit": (lambda: sys.exit(7), 7, "ended by sys.exit(7)"),
    "sys.exit as if all were well": (lambda: sys.exit(), 1, "ended by sys.exit(None)"),
    "sys.exit with words": (lambda: sys.exit("sorry"), 1, "ended by sys.exit('sorry')"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", SHAPES)
def test_whatever_ends_a_command_there_is_an_object(cli, monkeypatch, name, end):
    act, code, says = ENDS[end]

    def ended(**_):
        act()

    vars(ended)["shape"] = NODES[name].callback.shape
    monkeypatch.setattr(NODES[name], "callback", ended)
    done = cli(*filled(name), "--json")
    assert done.code == code
    assert says in object_of(done, name)["error"]


def test_with_verbose_a_surprise_shows_where_and_the_object_is_there_too(cli, monkeypatch):
    monkeypatch.setattr("deepcli.cli.options.load_spec", None)
    monkeypatch.setattr("deepcli.api.training.load_parts", None)
    done = cli("train", "nowhere", "--json", "--verbose")
    assert done.code == 1 and "Traceback" in done.err and "TypeError" in json.loads(done.out)["error"]


def test_a_plugin_that_ends_the_process_is_an_error(cli, spec):
    plugin = spec("import sys\nsys.exit(0)\n", "plugin.py")
    for words in (["list", "--plugin", plugin], ["list", "--plugin", plugin, "--json"]):
        done = cli(*words)
        assert done.code == 2 and "plugin.py: SystemExit: 0" in done.err
    assert object_of(done, "list")


def test_what_a_plugin_prints_is_not_among_the_objects(cli, spec, trained, monkeypatch):
    monkeypatch.chdir(trained)
    plugin = spec("print('hello')\n", "loud.py")
    for line, name in (("list", "list"), ("predict runs/a x.npy", "predict"), ("runs nowhere", None)):
        done = cli(*line.split(), *(["--plugin", plugin] if name else []), "--json")
        assert all(json.loads(one) for one in done.out.splitlines()) and done.out
        assert ("hello" in done.err) == (name is not None)
        for loaded in [module for module in sys.modules if module.startswith("deepcli_plugin_")]:
            del sys.modules[loaded]
    assert "hello" in cli("list", "--plugin", plugin).out


def test_a_broken_installation_still_prints_an_object(monkeypatch):
    monkeypatch.setattr(answers, "shape_of", lambda shape: 1 / 0)
    told = json.loads(
        answers.failure(vars(answers)["Asked"]("runs", True, "deepcli.cli.json_objects:Runs"), "failed", "x")
    )
    assert told == {"schema": 1, "command": "runs", "status": "failed", "error": "x"}


def test_an_object_is_printed_once(cli, monkeypatch):
    """Also where something fails after it."""
    from deepcli.cli import runs

    emit = vars(runs)["emit"]
    monkeypatch.setattr(runs, "emit", lambda answer: (emit(answer), 1 / 0))
    Path("runs").mkdir()
    done = cli("runs", "--json")
    assert done.code == 1 and done.out.count("\n") == 1 and json.loads(done.out)["status"] == "completed"


def test_the_packaged_schemas_are_those_of_the_classes():
    on_disk = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.schema.json")}
    assert on_disk == set(schemas()), "python -m deepcli.cli.schemas writes them; delete what has no class any more"
    for name, schema in schemas().items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert json.loads((PACKAGE / name).read_text(encoding="utf-8")) == schema, "python -m deepcli.cli.schemas"


def test_the_schemas_demand_the_keys_that_are_promised():
    for name, schema in schemas().items():
        if not name.endswith(("predict.schema.json", "result.schema.json", "outcome.schema.json")):
            assert set(schema["properties"]) == set(schema["required"]), name
            assert {"schema", "command", "status", "error"} <= set(schema["required"]), name


def test_the_packaged_schemas_are_in_the_wheel():
    """Each file is matched by a pattern of `package-data`."""
    import tomllib
    from fnmatch import fnmatch

    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["deepcli"]
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in schemas())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs, a picture and a plan of two trials, one of which is trained."""
    import contextlib
    import io

    from deepcli.cli.app import app

    folder = tmp_path_factory.mktemp("json")

    def call(line):
        out = io.StringIO()
        with contextlib.chdir(folder), contextlib.redirect_stdout(out):
            app(shlex.split(line), standalone_mode=False)
        return out.getvalue()

    (folder / "s.yaml").write_text("data: {type: digits, limit: 40}\nmodel: mlp\ntraining: {epochs: 1}\n")
    for name in ("a", "b"):
        call(f"train s.yaml -o runs/{name} -q seed={len(name + name.strip('a'))}")
    own_files.running_text(folder / "book.txt")
    call("train book.txt task=language_model model=gru model.units=4 data.window=8 training.epochs=1 -o runs/lm -q")
    line = call("sweep plan s.yaml 'seed=[1]' -q")
    (folder / "line").write_text(line)
    call(f"sweep trial {shlex.quote(line.strip())} -o trials -q")
    import numpy as np

    np.save(folder / "x.npy", np.full((2, 8, 8), 99, np.uint8))
    return folder


def swept(folder):
    """Begin a sweep, and train nothing."""
    from deepcli.sweeps.load import load_sweep
    from deepcli.sweeps.start import start_sweep

    if not (folder / "swept").exists():
        start_sweep(folder / "swept", load_sweep([str(folder / "s.yaml"), "seed=[1, 2]"], [], [], {}), None)


SUCCESSES = {
    "train": ["train s.yaml -o runs/a -q seed=1 --if-exists skip"],
    "evaluate": ["evaluate runs/a", "evaluate runs/a --calibrate"],
    "predict": ["predict runs/a x.npy", "predict runs/a x.npy --top-k 3", "predict runs/a x.npy --probabilities"],
    "generate": ["generate runs/lm 'The cat' --length 5", "generate runs/lm --number 2 --length 9 --stop e"],
    "runs": ["runs", "runs runs/a --sort val_loss"],
    "compare": ["compare runs/a runs/b", "compare runs/a runs/a -o c.png", "compare runs/a --with runs/b"],
    "export": ["export runs/a --format keras", "export runs/a --format keras --verify"],
    "sweep run": ["sweep run s.yaml 'seed=[1, 2]' --dry-run", "sweep run s.yaml data.limit=int:20:40 --dry-run"],
    "sweep status": ["sweep status swept"],
    "sweep trial": ["sweep trial LINE -o trials"],
    "sweep collect": ["sweep collect trials"],
    "baseline": ["baseline s.yaml data.limit=60", "baseline runs/a"],
    "data": ["data s.yaml", "data digits --samples d.png", "data runs/a"],
    "show": ["show s.yaml --cost"],
    "validate": ["validate s.yaml s.yaml"],
    "list": ["list", "list scores", "list models cnn"],
    "doctor": ["doctor --no-check"],
    "sanity": ["sanity s.yaml"],
    "reproduce": ["reproduce runs/b"],
    "verify-resume": ["verify-resume s.yaml training.epochs=2 --kills 1 -q"],
    "find lr": ["find lr s.yaml data.limit=null --steps 60 --seeds 1 -o lr.png"],
    "find batch_size": ["find batch_size s.yaml --from 16 --to 16"],
    "why": ["why runs/a", "why runs/a training"],
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_a_command_prints_is_what_its_schema_says(cli, trained, monkeypatch, name):
    monkeypatch.chdir(trained)
    swept(trained)
    monkeypatch.setattr("deepcli.api.killed_runs.WorkerProcess", InProcess)
    for line in SUCCESSES[name]:
        words = [word.replace("LINE", Path("line").read_text().strip()) for word in shlex.split(line)]
        done = cli(*words, "--json")
        assert done.code == 0, done.err
        told = [json.loads(one) for one in done.out.splitlines()]
        assert len(told) == (2 if name == "predict" else 1)
        for one in told:
            checker(SHAPES[name]).validate(one)
            if name != "predict":
                assert (one["schema"], one["command"], one["error"]) == (1, name, None)
                assert one["status"] in ("completed", "planned", "unfinished")


def test_an_object_can_say_both_what_was_found_and_what_is_wrong(cli, trained, monkeypatch, spec):
    from deepcli.export.exporting import Verdict

    monkeypatch.chdir(trained)
    verdict = Verdict(examples=3, difference=0.5, accuracy=0.9, accuracy_change=-0.1)
    monkeypatch.setattr("deepcli.export.exporting.verify", lambda *_: verdict)
    done = cli("export", "runs/a", "--format", "keras", "-o", "other", "--verify", "--json", "-q")
    told = object_of(done, "export")
    assert done.code == 1 and told["file"] == "other/model.keras" and "differ by 0.5" in told["error"]
    assert told["verified"] == {**vars(verdict), "ok": False}
    bad = spec("data: digits\nmodel: {type: cnn, filter: 3}\n", "bad.yaml")
    done = cli("validate", "s.yaml", bad, "--json")
    good, wrong = object_of(done, "validate")["files"]
    assert done.code == 2 and good["valid"] and not wrong["valid"] and good["problems"] == []
    (problem,) = wrong["problems"]
    assert (problem["where"], problem["path"]) == (f"{bad}:2:20", "model.filter")
    assert problem["message"].startswith("unknown field")
    monkeypatch.setattr(
        "deepcli.doctor.training.training_check", lambda: {"ok": False, "error": "slow", "seconds": 1.0}
    )
    monkeypatch.setattr("deepcli.doctor.other_backend.check_elsewhere", lambda name: {"ok": True})
    assert "slow" in object_of(cli("doctor", "--json"), "doctor")["error"]


def test_what_the_points_of_a_dry_run_are(cli, spec):
    told = json.loads(cli("sweep", "run", spec(), "seed=[3, 5]", "training.epochs=[1, 2]", "--dry-run", "--json").out)
    assert told["planned"] == 4
    assert told["points"] == [{"seed": s, "training.epochs": e} for s in (3, 5) for e in (1, 2)]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", None])
def test_names_come_back_whatever_the_encoding(encoding):
    for name in ("runs/é", "runs/\U0001f600", os.fsdecode(b"runs/\xff")):
        text = answers.fit(json.dumps({"run": name}, ensure_ascii=False), encoding)
        assert json.loads(text.encode(encoding or "utf-8")) == {"run": name}
    assert "é" in answers.fit('"é"', "UTF-8")
