"""A model that does not fit into memory is refused before its weights are made, with its size; others stay what they were."""

import math
import zipfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from deepcli.errors import CheckpointError, TrainingError
from deepcli.experiment.schema import Experiment
from deepcli.export.portable import load_portable
from deepcli.models import MODELS, Model
from deepcli.run.checkpoint.file import SPEC, open_checkpoint
from deepcli.system import memory
from deepcli.training import memory_check, model_size
from deepcli.training.build import build_model, forget_models, sketch_model
from deepcli.training.evaluate import load_model

GOLDEN = Path(__file__).parent.parent / "golden" / "mlp.keras"
TERA = "{type: mlp, hidden_units: [1000000, 1000000]}"
DATA, SMALL = {"type": "digits"}, {"type": "mlp", "hidden_units": [16]}
PARAMETERS = 64 * 16 + 16 + 16 * 10 + 10


def experiment(model=None, **sections):
    return Experiment.model_validate({"data": DATA, "model": model or SMALL, **sections})


@pytest.fixture
def strict(monkeypatch):
    """Count every model, as if it were large, and give it so much memory."""

    def give(memory):
        monkeypatch.setattr(model_size, "FEW", 100)
        monkeypatch.setattr(memory_check, "memory_limit", lambda: memory)

    return give


def test_training_that_does_not_fit_says_what_is_too_large_and_leaves_nothing(cli, spec):
    done = cli("train", spec(f"data: digits\nmodel: {TERA}\n"), "-o", "a", "-q")
    assert done.code == 1
    # 64 x 10^6 + 10^6 in the first layer, 10^12 + 10^6 in the second, 10^7 + 10 in the last.
    assert (
        "the model has 1,000,076,000,010 parameters, most of them in the layer dense_2 (1,000,001,000,000)" in done.err
    )
    assert "with gradients and the state of adam, it needs 14.6 TiB of memory, but only " in done.err
    assert "make the model smaller" in done.err
    assert not Path("a").exists()


def test_a_model_of_any_size_can_be_looked_at(cli, spec):
    done = cli("show", spec(f"data: digits\nmodel: {TERA}\n"), "--model")
    assert done.code == 0, done.err
    assert "1,000,076,000,010 parameters, 1,000,076,000,010 trainable" in done.out


FOR_OTHERS = ("application", "autoencoder", "linear")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("cifar10", "application"),
        *((data, name) for data in ("digits", "imdb") for name in MODELS if name not in FOR_OTHERS),
        ("digits", "autoencoder"),
    ],
)
def test_every_family_is_counted_without_values_as_it_is_built(name, data):
    section = {"type": name, **MODELS[name].starter("tokens" if data == "imdb" else "image")}
    task = "reconstruction" if name == "autoencoder" else "auto"
    whole = experiment({**section, **({"buckets": 64} if name == "ngram" else {})}, data={"type": data}, task=task)
    forget_models()
    built, sketched = build_model(whole, "float32"), sketch_model(whole, "float32")
    counts = [(layer.name, layer.count_params()) for layer in built.layers]
    assert [(layer.name, layer.count_params()) for layer in sketched.layers] == counts
    assert all(variable._value is None for variable in sketched.variables)


def test_the_optimizer_decides_how_much_fits(strict):
    for optimizer, values in ({"type": "sgd"}, 2), ({"type": "sgd", "momentum": 0.9}, 3), ({"type": "adam"}, 4):
        whole = experiment(optimizer=optimizer)
        strict(PARAMETERS * 4 * values)
        build_model(whole, "float32", partial(memory_check.to_train, whole))
        strict(PARAMETERS * 4 * values - 1)
        with pytest.raises(TrainingError, match=f"has {PARAMETERS:,} parameters"):
            build_model(whole, "float32", partial(memory_check.to_train, whole))


@pytest.mark.parametrize(
    ("optimizer", "kept"),
    [({"type": "adam"}, 2), ({"type": "adam", "amsgrad": True}, 3), ({"type": "sgd"}, 0),
     ({"type": "sgd", "momentum": 0.9, "use_ema": True}, 2), ({"type": "sgd", "gradient_accumulation_steps": 2}, 1)],
    ids=str,
)  # fmt: skip
def test_what_an_optimizer_keeps_is_counted(optimizer, kept):
    assert memory_check.kept_by_optimizer(experiment(optimizer=optimizer)) == kept


def test_a_model_that_was_counted_has_the_same_weights_and_names(strict):
    whole = experiment({"type": "transformer", "num_layers": 1, "regularization": {"dropout": 0.1}})
    forget_models()
    before = build_model(whole, "float32")
    forget_models()
    strict(1 << 30)
    after = build_model(whole, "float32")
    assert [layer.name for layer in after.layers] == [layer.name for layer in before.layers]
    for was, now in zip(before.variables, after.variables, strict=True):
        np.testing.assert_array_equal(was.numpy(), now.numpy())


def test_nothing_is_counted_where_nothing_is_known_of_the_memory(strict):
    strict(1)
    assert build_model(experiment(), "float32", lambda: None).count_params() == PARAMETERS


class Pinned(Model):
    """Sets weights while it is built, which needs their values."""

    type: str = "pinned"

    def build(self, signature, head):
        inputs = keras.Input(signature.shape, dtype="uint8")
        hidden = keras.layers.Dense(16)
        x = hidden(keras.layers.Flatten()(inputs))
        hidden.set_weights([np.ones((64, 16)), np.zeros(16)])
        keras.Variable(np.ones(3))
        return keras.Model(inputs, self.dense_output(x, head))


def test_a_model_that_needs_values_to_be_built_is_counted_while_it_is_built(strict):
    whole = experiment().model_copy(update={"model": Pinned()})
    strict(PARAMETERS * 4)
    model = build_model(whole, "float32")
    assert model.layers[2].get_weights()[0].sum() == 64 * 16
    strict(PARAMETERS * 4 - 1)
    with pytest.raises(TrainingError, match=r"the model has more than 1,2\d\d parameters|the model has 1,2"):
        build_model(whole, "float32")
    assert keras.layers.Layer.add_weight.__name__ == "add_weight"
    assert keras.layers.Layer.add_weight.__module__.startswith("keras.")


def swollen(path):
    """Write the golden checkpoint with a spec of wider layers."""
    with zipfile.ZipFile(GOLDEN) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == SPEC:
                assert b"hidden_units: [8]" in content
                content = content.replace(b"hidden_units: [8]", b"hidden_units: [20000, 20000]")
            new.writestr(name, content)
    return path


@pytest.mark.parametrize("command", ["evaluate", "predict", "export"])
def test_a_checkpoint_that_describes_more_than_it_holds_is_refused(cli, tmp_path, command):
    path = swollen(tmp_path / "big.keras")
    np.save("x.npy", np.zeros((1, 8, 8), "uint8"))
    words = {"predict": ["x.npy"], "export": ["--format", "keras", "--output", "out"]}.get(command, [])
    done = cli(command, path, *words)
    assert done.code == 2
    assert "big.keras: by its spec, the model has 401,520,010 parameters, most of them in the layer dense_2" in done.err
    assert "but its weights have only " in done.err


@pytest.mark.parametrize(("precision", "itemsize"), [("float32", 4), ("mixed_bfloat16", 2)])
def test_a_batch_that_does_not_fit_names_the_layer(strict, precision, itemsize):
    model = build_model(experiment({"type": "cnn", "filters": [32], "kernel_size": 1}), precision)
    needed = 8 * 8 * 32 * 10 * itemsize
    strict(needed)
    memory_check.demand_batch(model, 10)
    strict(needed - 1)
    with pytest.raises(
        TrainingError, match=r"a batch of 10 needs .* KiB of memory in the layer conv_1.* alone, but only"
    ):
        memory_check.demand_batch(model, 10)


def test_training_on_batches_that_do_not_fit_is_refused_before_it_begins(cli, spec, monkeypatch):
    monkeypatch.setattr(memory_check, "memory_limit", lambda: 1000)
    done = cli("train", spec("data: {type: digits, batch_size: 5000}\nmodel: mlp\n"), "-o", "a", "-q")
    assert (done.code, Path("a").exists()) == (1, False)
    assert "a batch of 1293 needs " in done.err


def test_a_large_model_is_noticed(strict):
    whole = experiment(optimizer={"type": "adam"})
    model = build_model(whole, "float32")
    model.compile(optimizer=whole.optimizer.build(1e-3))
    model.optimizer.build(model.trainable_variables)
    needed = PARAMETERS * 4 * 4
    strict(needed * 11)
    assert memory_check.notice(model, whole) is None
    strict(needed * 9)
    said = memory_check.notice(model, whole)
    assert said.startswith(f"the model has {PARAMETERS:,} parameters, most of them in the layer dense_1 (1,040); ")
    assert f"the training split has {1437 * 64:,} values" in said
    assert "training takes 18.9 KiB of 170.2 KiB of memory" in said


def test_a_model_that_is_large_for_its_data_is_noticed(monkeypatch):
    whole = experiment()
    model = build_model(whole, "float32")
    model.compile(optimizer=whole.optimizer.build(1e-3))
    for ratio, noticed in ((PARAMETERS / (1437 * 64), True), ((PARAMETERS + 1) / (1437 * 64), False)):
        monkeypatch.setattr(memory_check, "NOTABLE_RATIO", ratio)
        assert (memory_check.notice(model, whole) is not None) == noticed


GROUPS = {
    "none": ("", {}, math.inf),
    "v2": ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "5000", "memory.max": "9000"}, 5000),
    "v2 in a container": ("0::/../outside\n", {"memory.max": "7000"}, 7000),
    "v1": ("5:cpu,cpuacct:/x\n4:memory:/x\n", {"memory/x/memory.limit_in_bytes": "6000"}, 6000),
    "v1 in a container": ("4:memory:/docker/abc\n0::/\n", {"memory/memory.limit_in_bytes": "4000"}, 4000),
    "v1 without a limit": ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, math.inf),
}


@pytest.mark.parametrize(("lines", "files", "limit"), GROUPS.values(), ids=GROUPS)
def test_a_control_group_s_limit_is_respected(tmp_path, lines, files, limit):
    import psutil

    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(lines)
    for name, content in files.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    assert memory.memory_limit(tmp_path) == min(limit, psutil.virtual_memory().total)


def test_systems_without_control_groups_have_their_memory(tmp_path):
    import psutil

    assert memory.memory_limit(tmp_path) == psutil.virtual_memory().total


def test_the_golden_checkpoint_still_loads():
    checkpoint = open_checkpoint(GOLDEN)
    assert load_model(checkpoint).model.count_params() == load_portable(checkpoint, None).model.count_params()
    with pytest.raises(CheckpointError):
        raise memory_check.to_load(checkpoint).error(model_size.Size(1, "dense", 1))
