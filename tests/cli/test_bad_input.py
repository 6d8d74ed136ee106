"""What bad input gets: an error that teaches, exit code 2, nothing written, no traceback."""

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

ALIASES = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
)
MNIST = "data: mnist\nmodel: cnn\n"


@pytest.fixture
def refused(cli):
    """Run a command that must be refused, and return what it says."""

    def run(*words, writes_nothing=True):
        before = sorted(Path().rglob("*"))
        done = cli(*words)
        assert done.code == 2, done
        assert done.out == ""
        assert "Traceback" not in done.err
        assert "error: " in done.err or "Usage: " in done.err
        if writes_nothing:
            assert sorted(Path().rglob("*")) == before
        return done.err

    return run


@pytest.mark.parametrize("command", ["train", "validate", "show"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b"data: digits\nmodel: {type: cnn, filter: 3}\n",
            ":2:20: model.filter: unknown field; did you mean 'filters'?",
        ),
        (b"data: digits\nmodel: {type: cnn, filters: many}\n", "model.filters: should be a"),
        (b"data: digits\ndata: mnist\nmodel: cnn\n", ":2:1: duplicate key 'data'"),
        (ALIASES.encode(), "more than 5000 values when aliases are expanded"),
        (b"# " + b"x" * 10_000_000, "is larger than 64 KiB"),
        (b"", "is empty; `deepcli init digits cnn` writes a spec"),
        (b"# only a comment\n", "is empty"),
        (bytes(range(256)), "is not a text file"),
        (b"a\x00b: 1\n", "not valid YAML"),
        (b"- data\n- model\n", "should be a mapping with the sections `data` and `model`"),
        (b"model: cnn\n", "data: is missing"),
        (
            b"data: digits\nmodel: cnn\ntraining: {epochs: 0}\n",
            ":3:20: training.epochs: should be greater than 0, not 0",
        ),
        (b"data: digits\nmodel: cnn\noptimizer: {learning_rate: -1e-3}\n", "should be greater than 0, not -0.001"),
        (
            b"data: digits\nmodel: {type: cnn, kernel_size: 9, padding: valid}\n",
            "a kernel of 9 is larger than the 8x8 image",
        ),
        (b"data: digits\nmodel: {type: transformer, num_heads: 5}\n", "5 heads do not divide hidden_dim 128"),
        (
            b"data: digits\nmodel: cnn\ntraining: {early_stopping: {monitor: val_acc}}\n",
            "unknown metric 'val_acc'; did you mean 'val_accuracy'?",
        ),
        (
            b"data: digits\nmodel: cnn\nmetrics: [accuracy, mcc]\n",
            ":3:21: metrics.1: 'mcc' is a score, which `deepcli evaluate RUN` computes for every run; "
            "metrics during training: accuracy, auc, average_precision, binary_accuracy, binary_crossentropy, f1",
        ),
        (
            b"data: digits\nmodel: cnn\nmetrics: [{type: ece, bins: 3}]\n",
            ":3:18: metrics.0.type: 'ece' is a score",
        ),
        (
            b"data: digits\nmodel: cnn\nmetrics: [{type: [mcc]}]\n",
            "metrics.0.type: unknown type ['mcc']; known metrics: ",
        ),
        (b"data: digits\nmodel: cnn\nmetrics: [acuracy]\n", "unknown type 'acuracy'; did you mean 'accuracy'?"),
        (b"data: !!python/object/apply:os.system [id]\nmodel: cnn\n", "is not allowed; use plain values only"),
    ],
)
def test_a_bad_spec(refused, tmp_path, command, text, message):
    path = tmp_path / "bad.yaml"
    path.write_bytes(text)
    error = refused(command, path)
    assert message in error
    assert str(path) in error


@pytest.mark.parametrize("command", ["train", "validate", "show"])
def test_a_spec_that_is_a_directory_or_not_there(refused, tmp_path, command):
    assert "has no pictures" in refused(command, tmp_path)  # a folder may be own data
    assert "cannot be read: No such file or directory" in refused(command, tmp_path / "nowhere.yaml")
    assert "no spec file given" in refused(command, "training.epochs=3")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
@pytest.mark.parametrize("command", ["train", "validate", "show"])
def test_a_spec_that_is_no_file(refused, tmp_path, command):
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "gone.yaml")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    for path in ("/dev/null", "/dev/zero"):
        assert f"{path}: is a device, not a file" in refused(command, path)
    assert "dangling.yaml: cannot be read: No such file or directory" in refused(command, tmp_path / "dangling.yaml")
    assert "loop.yaml: cannot be read: " in refused(command, tmp_path / "loop.yaml")
    assert "cannot be read: File name too long" in refused(command, "x" * 5000)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_spec_that_may_not_be_read(refused, spec):
    path = spec()
    path.chmod(0)
    assert "cannot be read: Permission denied" in refused("validate", path)


def test_very_many_errors_are_counted(refused, spec):
    error = refused("validate", spec("data: digits\nmodel: mlp\n" + "".join(f"k{index}: 1\n" for index in range(300))))
    assert error.count("unknown section") == 100
    assert "spec.yaml:102:1: k99: unknown section" in error
    assert error.endswith("error: and at 200 more places\n")


def test_several_errors_come_at_once(refused, spec):
    path = spec("data: {type: digits, limt: 3}\nmodel: {type: cnn, filters: [0]}\nfoo: 1\n")
    error = refused("validate", path, "training.epochs=x")
    assert error.count("\n") == 4
    assert all(f"error: {place}" in error for place in (f"{path}:1:22", f"{path}:2:30", f"{path}:3:1", "command line"))


def test_a_bad_override_or_option(refused, spec):
    assert "training.epochs=[1: the bracket is not closed" in refused("train", spec(), "training.epochs=[1")
    assert "should look like section.key=value" in refused("train", spec(), "--set", "epochs")
    assert "training.device: should be auto, cpu, gpu or gpu:N, not 'tpu'" in refused(
        "train", spec(), "--device", "tpu"
    )
    assert "No such option" in refused("train", spec(), "--outptu", "x")
    assert "nowhere is not a directory" in refused("train", spec(MNIST), "--data-dir", "nowhere")


def test_an_override_without_end(refused, spec):
    for word in ("a." + "1" * 5000 + "=1", ".".join("a" * 3000) + "=1", "model=" + "x" * 70_000):
        assert "is too long for an override" in refused("validate", spec(), word)
    for count, message in ((50, "nested deeper than 32 levels"), (60_000, "more than 5000 brackets")):
        error = refused("validate", spec(), "model=" + "[" * count)
        assert message in error
        assert len(error) < 200


def test_an_unknown_name_in_list_and_init(refused):
    assert "unknown kind, section or component 'modells'; did you mean 'models'?" in refused("list", "modells")
    assert "did you mean 'cnn'?" in refused("list", "models", "cnnn")
    assert "unknown type 'minst'; did you mean 'mnist'?" in refused("init", "minst", "cnn")


def test_init_never_overwrites(cli, refused):
    assert cli("init", "digits", "mlp", "a.yaml").code == 0
    before = Path("a.yaml").read_text()
    assert "a.yaml already exists; nothing was written" in refused("init", "mnist", "cnn", "a.yaml")
    assert "does not exist" in refused("init", "mnist", "cnn", "no/such/a.yaml")
    assert Path("a.yaml").read_text() == before


def test_a_run_directory_that_exists(refused, spec):
    Path("a/checkpoints").mkdir(parents=True)
    Path("a/config.yaml").write_text("data: digits\nmodel: mlp\n")
    Path("a/.lock").touch()
    assert "the run a exists; choose another --output, or use --if-exists" in refused("train", spec(), "--output", "a")
    assert "has not finished, so it cannot be skipped; use --if-exists resume to continue it" in refused(
        "train", spec(), "--output", "a", "--if-exists", "skip"
    )
    assert "name: config in the run, spec now" in refused("train", spec(), "--output", "a", "--if-exists", "resume")


def test_a_folder_that_is_no_run_is_never_touched(refused, spec):
    Path("thesis").mkdir()
    Path("thesis/chapter.tex").write_text("x")
    error = refused("train", spec(), "--output", "thesis", "--if-exists", "overwrite")
    assert "thesis exists and is not a run; nothing was changed" in error
    assert "thesis is not a run: no config.yaml in it" in refused("evaluate", "thesis")


def test_an_output_folder_that_cannot_be_written(refused, spec):
    Path("file").write_text("x")
    error = refused("train", spec(), "--output", "file/run", "data.limit=20", "training.epochs=1")
    assert "cannot write the run directory file/run: " in error


def test_no_data_and_no_network(refused, spec):
    error = refused("train", spec(MNIST))
    assert "mnist.npz was not found and --offline forbids a download" in error
    assert "--data-dir or DEEPCLI_DATA_DIR; download it from https://" in error
    assert "does not exist; it should be mnist.npz or a folder that contains it" in refused(
        "train", spec(MNIST), "data.path=nowhere"
    )


@pytest.mark.parametrize("place", [100, 5000, -3000, -30])
def test_a_data_file_with_flipped_bytes(refused, spec, tiny_mnist, tmp_path, place):
    content = bytearray(tiny_mnist.read_bytes())
    content[place] ^= 0xFF
    (tmp_path / "mnist.npz").write_bytes(content)
    error = refused("train", spec(MNIST), f"data.path={tmp_path}")
    assert "mnist.npz: " in error


def test_a_data_file_that_is_not_the_published_one(refused, spec, tiny_mnist):
    error = refused("train", spec(MNIST), "--data-dir", tiny_mnist.parent)
    assert "is not the published MNIST" in error
    assert "set data.path to it if it is your own data" in error


@pytest.fixture(scope="module")
def good_checkpoint(tmp_path_factory):
    from deepcli.data.files import Sources
    from deepcli.experiment.load import load
    from deepcli.run.reporter import NullReporter
    from deepcli.training.context import TrainOptions
    from deepcli.training.train import train

    folder = tmp_path_factory.mktemp("run")
    (folder / "s.yaml").write_text("data: {type: digits, limit: 40}\nmodel: mlp\ntraining: {epochs: 1}\n")
    experiment = load([folder / "s.yaml"]).experiment
    train(experiment, experiment.data.load(Sources()), TrainOptions(folder / "run"), NullReporter())
    return folder / "run" / "checkpoints" / "best.keras"


def rewritten(source, target, change):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        members = {info.filename: old.read(info) for info in old.infolist()}
        change(members)
        for name, content in members.items():
            new.writestr(name, content)
    return target


class TestACheckpoint:
    def test_that_is_not_there(self, refused):
        assert "a.keras does not exist" in refused("evaluate", "a.keras")

    def test_that_is_no_zip(self, refused, tmp_path):
        (tmp_path / "a.keras").write_bytes(b"not a zip at all")
        assert "is damaged or not a checkpoint" in refused("evaluate", tmp_path / "a.keras")

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
    def test_that_is_truncated(self, refused, tmp_path, good_checkpoint, share):
        content = good_checkpoint.read_bytes()
        (tmp_path / "a.keras").write_bytes(content[: int(len(content) * share)])
        assert "is damaged or not a checkpoint" in refused("evaluate", tmp_path / "a.keras")

    def test_that_is_another_zip(self, refused, tmp_path):
        with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
            archive.writestr("config.json", "{}")
        assert "is not a deepcli checkpoint (no deepcli/config.yaml in it)" in refused("evaluate", tmp_path / "a.keras")

    def test_of_a_newer_format(self, refused, tmp_path, good_checkpoint):
        def newer(members):
            members["deepcli/config.yaml"] = members["deepcli/config.yaml"].replace(b"format: 1", b"format: 2\nnew: 1")

        path = rewritten(good_checkpoint, tmp_path / "a.keras", newer)
        assert "has format 2, from a newer deepcli" in refused("evaluate", path)

    def test_whose_weights_are_of_another_model(self, refused, tmp_path, good_checkpoint):
        def wider(members):
            spec = members["deepcli/config.yaml"]
            members["deepcli/config.yaml"] = spec.replace(b"hidden_units: [128]", b"hidden_units: [64]")

        path = rewritten(good_checkpoint, tmp_path / "a.keras", wider)
        assert "its weights do not fit the model" in refused("evaluate", path)

    @pytest.mark.parametrize("member", ["model.weights.h5", "deepcli/state.npz"])
    def test_with_a_damaged_part(self, refused, tmp_path, good_checkpoint, member):
        def damage(members):
            members[member] = members[member][:200]

        assert "error: " in refused("evaluate", rewritten(good_checkpoint, tmp_path / "a.keras", damage))

    def test_with_something_more_in_it(self, refused, tmp_path, good_checkpoint):
        path = rewritten(good_checkpoint, tmp_path / "a.keras", lambda members: members.update({"../x": b"1"}))
        assert "unexpected or missing: ../x" in refused("evaluate", path)

    def test_with_a_flipped_bit_in_its_weights(self, refused, tmp_path, good_checkpoint):
        content = bytearray(good_checkpoint.read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "a.keras").write_bytes(content)
        assert "is damaged" in refused("evaluate", tmp_path / "a.keras")

    def test_on_an_unknown_split_or_device(self, refused, good_checkpoint):
        assert "unknown split 'tests'; did you mean 'test'?" in refused("evaluate", good_checkpoint, "--split", "tests")
        assert "should be auto, cpu, gpu or gpu:N" in refused("evaluate", good_checkpoint, "--device", "tpu")

    def test_on_a_gpu_that_is_not_there(self, refused, good_checkpoint):
        error = refused("evaluate", good_checkpoint, "--device", "gpu")
        assert "TensorFlow found no GPU, only CPU:0" in error
        assert "tensorflow[and-cuda]" in error

    def test_anywhere_on_disk_without_its_run(self, cli, tmp_path, good_checkpoint):
        folder = tmp_path / "a folder with spaces é"
        folder.mkdir()
        shutil.copy(good_checkpoint, folder / "renamed")
        done = cli("evaluate", folder / "renamed", "--json", "-q")
        result = json.loads(done.out)
        assert (done.code, result["run"], result["status"]) == (0, None, "completed")


def test_with_json_an_error_is_one_object_too(cli, spec):
    done = cli("train", spec(), "training.epochs=0", "--json")
    result = json.loads(done.out)
    assert (done.code, result["status"], result["schema"]) == (2, "failed", 1)
    assert "training.epochs" in result["error"]
    assert done.err.startswith("error: ")
