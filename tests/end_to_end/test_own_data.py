"""A run is read with the data that it was trained on, from wherever that is done, or with others on purpose."""

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepcli.evaluation.predictions import Predictions
from deepcli.run.checkpoint import file as checkpoints
from deepcli.run.checkpoint import state as state_file
from tests.end_to_end.conftest import trained

SPEC = """
data: {type: mnist, path: mnist.npz, batch_size: 60}
model: {type: mlp, hidden_units: [16]}
training: {epochs: 4, checkpoint: {keep: 2}}
"""
PLUGIN = '''
from typing import Literal

from deepcli.data import DATASETS, Dataset, Signature


@DATASETS.register
class Points(Dataset):
    """Images of a file, under a fingerprint that says nothing."""

    type: Literal["points"] = "points"
    looks: bool = False

    @property
    def signature(self):
        if self.looks:
            open(self.path, "rb").close()
        return Signature("image", (28, 28, 1), classes=10, examples=400)

    def read(self, sources):
        import numpy as np
        from deepcli.data.arrays.splits import Provenance, Raw

        with open(self.path, "rb") as file:
            found = np.load(file)
            train, test = ((found[f"x_{s}"][..., None], found[f"y_{s}"].astype(np.int32)) for s in ("train", "test"))
        return Raw(train, test, Provenance(self.path, False, "0" * 64))
'''


@pytest.fixture(scope="module")
def places(tmp_path_factory, tiny_mnist):
    """Two folders with a file of the same name; in the other one half of the classes look like their neighbours."""
    folder = tmp_path_factory.mktemp("places")
    for name in ("one place", "another"):
        (folder / name).mkdir()
    shutil.copy(tiny_mnist, folder / "one place" / "mnist.npz")
    arrays = dict(np.load(tiny_mnist))
    for split in ("train", "test"):
        odd = arrays[f"y_{split}"] % 2 == 1
        arrays[f"x_{split}"][odd] = np.roll(arrays[f"x_{split}"][odd], 2, axis=1)
    np.savez(folder / "another" / "mnist.npz", **arrays)
    (folder / "one place" / "spec.yaml").write_text(SPEC)
    (folder / "one place" / "points.py").write_text(PLUGIN)
    return folder


@pytest.fixture(scope="module")
def once(places):
    """Train a run whose spec names its data relative to the folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(places / "one place")
        trained(Path("run"), "spec.yaml")
    return places / "one place" / "run"


@pytest.fixture
def run(once, tmp_path):
    """Copy that run, which a test may change."""
    shutil.copytree(once, tmp_path / "a run")
    return tmp_path / "a run"


@pytest.fixture
def swapped(places):
    """Put other data under the same name, for a while."""
    path = places / "one place" / "mnist.npz"
    before = path.read_bytes()
    shutil.copy(places / "another" / "mnist.npz", path)
    yield path
    path.write_bytes(before)


def content(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def forget(path):
    """Take the fingerprint out of a checkpoint, as older ones have none."""
    with zipfile.ZipFile(path) as archive:
        members = {info: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for info, body in members.items():
            if info.filename == checkpoints.STATE:
                from deepcli.training.state import State

                state = State.from_bytes(body)
                assert state.data["content"]
                object.__setattr__(state, "data", {})
                body = state.to_bytes()
            archive.writestr(info, body)


def test_a_run_keeps_absolute_paths_and_the_spec_stays_as_it_was_written(once, places):
    data = str(places / "one place" / "mnist.npz")
    assert f"path: {data}\n" in once.joinpath("config.yaml").read_text()
    described = json.loads((once / "environment.json").read_text())
    assert described["data"]["source"] == data
    assert described["folder"] == str(places / "one place")
    assert (places / "one place" / "spec.yaml").read_text() == SPEC
    for name in ("best", "last"):
        checkpoint = checkpoints.open_checkpoint(once / "checkpoints" / f"{name}.keras")
        assert checkpoint.experiment.data.path == data
        assert checkpoint.data["content"] == described["data"]["content"]


def test_a_run_means_the_same_data_in_every_folder(cli, run, places, monkeypatch):
    before, own = content(run), json.loads((run / "metrics.json").read_text())["metrics"]["test"]
    monkeypatch.chdir(places / "another")
    result = json.loads(cli("evaluate", run, "--json").out)
    assert result["metrics"]["test"]["accuracy"] == own["accuracy"]
    assert result["data"] == {
        "source": str(places / "one place" / "mnist.npz"),
        "sha256": checkpoints.open_checkpoint(run / "checkpoints" / "best.keras").data["content"],
        "as_trained": True,
    }
    assert content(run) == before


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "RUN"),
        ("evaluate", "RUN", "--split", "validation"),
        ("evaluate", "RUN/checkpoints/last.keras"),
        ("evaluate", "ALONE"),
        ("export", "RUN", "--format", "keras", "--verify"),
        ("train", "--resume", "RUN", "training.epochs=6"),
    ],
    ids=" ".join,
)
def test_other_data_under_the_same_name_are_refused_with_both_fingerprints(cli, run, swapped, words, tmp_path):
    shutil.copy(run / "checkpoints" / "best.keras", tmp_path / "alone.keras")
    before = content(run)
    words = [word.replace("RUN", str(run)).replace("ALONE", str(tmp_path / "alone.keras")) for word in words]
    done = cli(*words)
    assert done.code == 2
    known = checkpoints.open_checkpoint(run / "checkpoints" / "best.keras").data["content"]
    named = tmp_path / "alone.keras" if "alone" in words[1] else run
    assert f"error: the data differ from those that {named} was trained on\n" in done.err
    assert f"  trained on  SHA-256 {known[:16]}...  {swapped}\n" in done.err
    assert re.search(rf"\n  read now    SHA-256 (?!{known[:16]})\w{{16}}\.\.\.  {re.escape(str(swapped))}\n", done.err)
    assert "data.path=" in done.err
    assert content(run) == before


def test_the_winner_of_a_sweep_is_measured_on_its_own_data_alone(run, swapped):
    from deepcli.data.files import Sources
    from deepcli.errors import DataError
    from deepcli.run.directory import RunDir
    from deepcli.sweeps.workers.trial_run import measure

    before = content(run)
    with pytest.raises(DataError, match="the data differ from those that"):
        measure(RunDir(run), lambda experiment: experiment.data.load(Sources()))
    assert content(run) == before


def test_other_data_are_evaluated_where_they_are_named_and_never_kept_in_the_run(cli, run, places, tmp_path):
    before, other = content(run), places / "another" / "mnist.npz"
    done = cli("evaluate", run, f"data.path={other}", "--json", "--output", tmp_path / "on others")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["data"]["as_trained"] is False and result["data"]["source"] == str(other)
    assert result["metrics"]["test"]["accuracy"] <= 0.6
    assert f"{other}: not the data that {run} was trained on" in done.err
    assert json.loads((tmp_path / "on others" / "result.json").read_text()) == result
    kept = Predictions.load(tmp_path / "on others" / "predictions-test.npz")
    assert (kept.answers == kept.labels).mean() == pytest.approx(result["metrics"]["test"]["accuracy"])
    assert content(run) == before
    done = cli("evaluate", run, f"data.path={other}")
    assert done.code == 0 and "nothing is saved; to save the predictions and the result, add --output" in done.err
    assert content(run) == before


def test_the_own_data_in_another_place_are_known_again(cli, run, places, tmp_path):
    shutil.copy(places / "one place" / "mnist.npz", tmp_path / "moved.npz")
    before = content(run)
    done = cli("evaluate", run, f"data.path={tmp_path / 'moved.npz'}", "data.limit=50", "--json")
    assert json.loads(done.out)["data"]["as_trained"] is True
    assert content(run) == before  # fewer examples than its own
    done = cli("evaluate", run, "data.split_seed=1", "--split", "validation")
    assert "was trained on part of it" in done.err
    assert content(run) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["model.hidden_units=[3]"], "only the data can be changed here"),
        (["mnist.npz"], "unexpected argument 'mnist.npz'; to use other data, write for example data.path=NEW"),
        (["data.pth=x"], "command line: data.pth: unknown field; did you mean 'path'?"),
        (["data=digits"], "the model takes images of 28x28x1 in 10 classes, but these data are images of 8x8x1"),
        (["data.path=nowhere.npz"], "nowhere.npz does not exist"),
        (["--output", "RUN"], "belongs to the run"),
        (["--output", "RUN/predictions-test.npz"], "belongs to the run"),
    ],
)
def test_what_cannot_be_other_data_or_an_output(cli, run, words, says):
    before = content(run)
    done = cli("evaluate", run, *(word.replace("RUN", str(run)) for word in words))
    assert done.code == 2 and says in done.err, done.err
    assert content(run) == before


@pytest.mark.parametrize("name", ["last.keras", "step-00000024.keras", "link"])
def test_the_predictions_of_other_checkpoints_are_not_kept(cli, run, name, tmp_path):
    file = run / "checkpoints" / name
    if name == "link":
        file = tmp_path / "link.keras"
        file.symlink_to(run / "checkpoints" / "last.keras")
    before = content(run)
    for split in ("test", "validation"):
        assert cli("evaluate", file, "--split", split).code == 0
    assert content(run) == before


def test_the_best_is_known_from_inside_its_folder(cli, run, monkeypatch):
    monkeypatch.chdir(run / "checkpoints")
    assert cli("evaluate", "best.keras", "--split", "validation").code == 0
    assert (run / "predictions-validation.npz").is_file()


def test_the_predictions_of_a_run_that_is_being_trained_are_not_kept(cli, run):
    from deepcli.run.directory import RunDir

    before = content(run)
    with RunDir(run).owned():
        done = cli("evaluate", run, "--split", "validation")
    assert done.code == 0 and "being trained" in done.err
    assert content(run) == before


def test_old_runs_and_checkpoints_that_say_nothing_of_their_data_are_read_with_a_notice(cli, run, places, tmp_path):
    for file in run.rglob("*.keras"):
        forget(file)
    assert json.loads(cli("evaluate", run, "--json").out)["data"]["as_trained"] is True  # the run itself says so
    shutil.copy(run / "checkpoints" / "best.keras", tmp_path / "alone.keras")
    done = cli("evaluate", tmp_path / "alone.keras", "--json")
    assert done.code == 0 and json.loads(done.out)["data"]["as_trained"] is None
    assert f"notice: {tmp_path / 'alone.keras'} does not record its training data" in done.err
    (run / "environment.json").write_text("{}")
    before = content(run)
    done = cli("evaluate", run, "--split", "train")
    assert done.code == 0 and "predictions are not saved in the run" in done.err
    assert content(run) == before
    shutil.copy(places / "one place" / "mnist.npz", tmp_path / "moved.npz")
    done = cli("train", "--resume", run, "training.epochs=5", f"data.path={tmp_path / 'moved.npz'}")
    assert done.code == 2 and "a run cannot be resumed with data from another place" in done.err
    assert content(run) == before


def test_a_checkpoint_among_those_of_another_run_writes_no_predictions_there(cli, run, places, tmp_path):
    described = json.loads((run / "environment.json").read_text())
    described["data"]["content"] = "f" * 64
    (run / "environment.json").write_text(json.dumps(described))
    before = content(run)
    assert cli("evaluate", run).code == 2
    assert content(run) == before


def test_a_run_goes_on_with_its_data_in_another_place(cli, run, places, tmp_path, monkeypatch):
    shutil.copy(places / "one place" / "mnist.npz", tmp_path / "moved.npz")
    monkeypatch.chdir(tmp_path)
    for other in (places / "another" / "mnist.npz", tmp_path / "moved.npz"):
        done = cli("train", "--resume", run, "training.epochs=5", f"data.path={other}")
        assert done.code == (0 if other.name == "moved.npz" else 2), done.err
    assert f"path: {tmp_path / 'moved.npz'}\n" in (run / "config.yaml").read_text()
    assert json.loads(cli("evaluate", run, "--json").out)["data"]["as_trained"] is True
    done = cli("train", "--resume", run, f"data.path={places / 'one place' / 'mnist.npz'}", "training.epochs=5")
    assert done.code == 2 and f"data.path: {tmp_path / 'moved.npz'} in the run" in done.err  # it has finished


def test_a_plugins_data_are_told_apart_by_what_they_hold(cli, spec, places, tmp_path, monkeypatch):
    plugin = ["--plugin", places / "one place" / "points.py"]
    monkeypatch.chdir(places / "one place")
    shutil.copy("mnist.npz", "points.npz")
    path = spec(
        "data: {type: points, path: points.npz}\nmodel: {type: mlp, hidden_units: [4]}\ntraining: {epochs: 1}\n"
    )
    assert cli("train", path, "--output", tmp_path / "p", "--plugin", "points.py", "-q").code == 0
    monkeypatch.chdir(tmp_path)
    assert cli("evaluate", "p", *plugin, "-q").code == 0
    described = json.loads(Path("p/environment.json").read_text())
    assert described["plugins"] == [str(places / "one place" / "points.py")]
    assert f"--plugin '{places / 'one place' / 'points.py'}'" in checkpoints._plugin_hint(
        Path("p/checkpoints/best.keras")
    )
    shutil.copy(places / "another" / "mnist.npz", places / "one place" / "points.npz")
    done = cli("evaluate", "p", *plugin)
    assert done.code == 2 and "the data differ from those that p was trained on" in done.err


@pytest.mark.parametrize("looks", ["false", "true"])
def test_a_plugins_file_that_has_moved_is_named_wherever_it_is_missed(cli, spec, places, tmp_path, monkeypatch, looks):
    plugin = ["--plugin", places / "one place" / "points.py"]
    monkeypatch.chdir(tmp_path)
    shutil.copy(places / "one place" / "mnist.npz", "points.npz")
    text = f"data: {{type: points, path: points.npz, looks: {looks}}}\nmodel: {{type: mlp, hidden_units: [4]}}\n"
    path = spec(text + "training: {epochs: 1}\n")
    assert cli("train", path, "--output", "p", *plugin, "-q").code == 0
    Path("points.npz").rename("moved.npz")
    commands = [("evaluate", "p"), ("train", "--resume", "p", "training.epochs=2"), ("train", path),
                ("export", "p", "--format", "keras", "--verify"), ("sweep", "run", path, "seed=[0, 1]")]  # fmt: skip
    if looks == "true":
        commands += [("validate", path), ("report", "p"), ("compare", "p", "p"), ("predict", "p", "moved.npz")]
    for words in commands:
        done = cli(*words, *plugin)
        assert done.code == 2, (words, done)
        assert (
            "points.npz: No such file or directory; put it back, or give its new path with data.path=PATH" in done.err
        )
        assert "unexpected" not in done.err and "report it" not in done.err
    before = content(tmp_path / "p")
    done = cli("evaluate", "p", "data.path=moved.npz", *plugin, "--json")
    assert done.code == 0 and json.loads(done.out)["data"]["as_trained"] is True
    assert content(tmp_path / "p") == before


def test_data_that_are_found_in_a_folder_are_compared_as_well(cli, spec, tiny_imdb, tmp_path):
    """Not the spec says where they are, but --data-dir or DEEPCLI_DATA_DIR."""
    arrays = dict(np.load(tiny_imdb, allow_pickle=True))
    arrays["y_test"] = 1 - arrays["y_test"]
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    shutil.copy(tiny_imdb, tmp_path / "own" / "imdb.npz")
    np.savez(tmp_path / "other" / "imdb.npz", **arrays)
    path = spec("data: {type: imdb, num_words: 150}\nmodel: ngram\ntraining: {epochs: 2}\n")
    assert cli("train", path, "--output", "r", "--data-dir", tmp_path / "own", "-q").code == 0
    before = content(Path("r"))
    done = cli("evaluate", "r", "--data-dir", tmp_path / "other")
    assert done.code == 2 and f"{tmp_path / 'own' / 'imdb.npz'}\n" in done.err and content(Path("r")) == before
    done = cli("evaluate", "r", "--data-dir", tmp_path / "own", "--json")
    assert json.loads(done.out)["data"]["as_trained"] is True
    # Fewer words of the same file are the same data; more than the model has ids for cannot be read.
    for words, code in (
        ("data.num_words=50", 0),
        ("data.maxlen=20", 0),
        ("data.num_words=200", 2),
        ("data.maxlen=300", 2),
    ):
        done = cli("evaluate", "r", words, "--data-dir", tmp_path / "own", "--json")
        assert done.code == code
        if code == 0:
            assert json.loads(done.out)["data"]["as_trained"] is True
        else:
            assert "the model takes texts of at most 200 ids below 150, in 2 classes" in done.err
    assert content(Path("r")) == before


def test_the_state_of_a_checkpoint_has_a_sound_fingerprint_or_is_refused():
    from deepcli.training.state import Position, State

    fingerprint = {"sha256": None, "content": "a" * 64}
    assert State.from_bytes(State(Position(), "float32", 1, data=fingerprint).to_bytes()).data == fingerprint
    broken: tuple[Any, ...] = ([], {"content": 3}, {"more": "x"}, {"sha256": "a\x1b[2J"}, {"sha256": "a" * 5000})
    for data in broken:
        content = State(Position(), "float32", 1)
        object.__setattr__(content, "data", data)
        if isinstance(data, dict):
            with pytest.raises(ValueError, match="fingerprint"):
                state_file.read(content.to_bytes())
