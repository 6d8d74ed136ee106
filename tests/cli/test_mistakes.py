"""The mistakes that people make who come from other tools: each is answered with what to write instead."""

import re
import shlex
from pathlib import Path

import pytest

CNN = "data: digits\nmodel: cnn\n"
MLP = "data: digits\nmodel: mlp\n"

MISTAKES = [
    # A field's name without its section, as in scripts and notebooks; names of PyTorch, Lightning, Keras, Hugging Face.
    ("validate spec.yaml epochs=3", "write training.epochs=3"),
    ("validate spec.yaml lr=0.1", "write optimizer.learning_rate=0.1"),
    ("validate spec.yaml learning_rate=0.1", "write optimizer.learning_rate=0.1"),
    ("validate spec.yaml batch_size=32", "write data.batch_size=32"),
    ("validate spec.yaml dropout=0.3", "write model.regularization.dropout=0.3"),
    ("validate spec.yaml patience=3", "write training.early_stopping.patience=3"),
    ("validate spec.yaml early_stopping=true", "write training.early_stopping.patience=5"),
    ("validate spec.yaml device=gpu", "write training.device=gpu"),
    ("validate spec.yaml max_epochs=3", "write training.epochs=3"),
    ("validate spec.yaml num_train_epochs=3", "write training.epochs=3"),
    ("validate spec.yaml per_device_train_batch_size=8", "write data.batch_size=8"),
    ("validate spec.yaml weight_decay=0.1", "write optimizer.weight_decay=0.1"),
    ("validate spec.yaml gradient_clip_val=1.0", "write optimizer.global_clipnorm=1.0"),
    ("validate spec.yaml fp16=true", "write training.precision=mixed_float16"),
    ("validate spec.yaml seed_everything=3", "write seed=3"),
    ("validate spec.yaml random_state=3", "write seed=3"),
    ("validate spec.yaml hidden_layer_sizes=100", "write model.hidden_units=100"),
    ("validate spec.yaml criterion=CrossEntropyLoss", "write loss=auto"),
    ("validate spec.yaml scheduler=cosine", "write schedule=cosine"),
    ("validate spec.yaml lr_scheduler=StepLR", "write schedule=step"),
    ("validate spec.yaml dataset=digits", "write data=digits"),
    ("validate spec.yaml lerning_rate=0.1", "did you mean optimizer.learning_rate=0.1?"),
    # A field in a section where it is not.
    ("validate spec.yaml model.dropout=0.3", "write model.regularization.dropout=0.3"),
    ("validate spec.yaml model.l2=1e-4", "write model.regularization.l2=0.0001"),
    ("validate spec.yaml model.batch_norm=true", "write model.regularization.normalization=batch"),
    ("validate spec.yaml training.patience=3", "write training.early_stopping.patience=3"),
    ("validate spec.yaml training.batch_size=32", "write data.batch_size=32"),
    ("validate spec.yaml training.optimizer=sgd", "write optimizer=sgd"),
    ("validate spec.yaml optimizer.lr=0.1", "write optimizer.learning_rate=0.1"),
    ("validate spec.yaml optimizer.name=sgd", "write optimizer.type=sgd"),
    ("validate spec.yaml optimizer.betas=0.9", "write optimizer.beta_1=0.9"),
    (
        "validate spec.yaml optimizer.momentum=0.9",
        "momentum is a field of the optimizers muon, rmsprop and sgd, not of adam",
    ),
    ("validate spec.yaml model.units=64", "write model.hidden_units=64"),
    ("validate spec.yaml data.val_split=0.2", "write data.validation_split=0.2"),
    ("validate spec.yaml data.flip=horizontal", "write data.augmentation.flip=horizontal"),
    ("validate spec.yaml model.num_classes=10", "the number of classes follows from the data"),
    ("validate spec.yaml output=runs/x", "use the option --output of `deepcli train`"),
    # A name of another library, or a misspelled one; exchanged letters are one edit.
    ("validate spec.yaml optimizer=adma", "did you mean 'adam'?"),
    ("validate spec.yaml optimizer=Adam", "did you mean 'adam'?"),
    ("validate spec.yaml optimizer=sgd_momentum", "did you mean 'sgd'?"),
    ("validate spec.yaml metrics=[acc]", "did you mean 'accuracy'?"),
    ("validate spec.yaml model.activation=swish", "did you mean 'silu'?"),
    (
        "validate spec.yaml loss=cross_entropy",
        "did you mean 'auto', 'sparse_categorical_crossentropy' or 'binary_crossentropy'?",
    ),
    ("validate spec.yaml loss=mse", "did you mean 'mean_squared_error'?"),
    ("validate spec.yaml schedule=CosineAnnealingLR", "did you mean 'cosine'?"),
    ("validate spec.yaml model.kernel_initializer=xavier", "did you mean 'glorot_uniform'?"),
    ("validate spec.yaml model=resnet50", "did you mean 'application'?"),
    ("validate spec.yaml data=MNIST", "did you mean 'mnist'?"),
    ("validate spec.yaml data=FashionMNIST", "did you mean 'fashion_mnist'?"),
    ("validate spec.yaml training.precision=bf16", "did you mean 'mixed_bfloat16'?"),
    ("validate spec.yaml training.early_stopping.monitor=val_acc", "did you mean 'val_accuracy'?"),
    # A value in another form.
    ("validate spec.yaml training.epochs=3.0", "write training.epochs=3"),
    ("validate spec.yaml metrics=acc,auc", "did you mean 'accuracy'?"),
    ("validate spec.yaml model.kernel_size=[3,3]", "write model.kernel_size=3"),
    ("validate spec.yaml metrics=acc", 'write "metrics=[accuracy]"'),
    ("validate spec.yaml optimizer.learning_rate=0,01", "write optimizer.learning_rate=0.01"),
    ("validate spec.yaml data.validation_split=20%", "write data.validation_split=0.2"),
    ("validate spec.yaml training.deterministic=yes", "write training.deterministic=true"),
    ("validate spec.yaml training.max_steps=None", "write training.max_steps=null"),
    ("validate spec.yaml training.early_stopping=5", "write training.early_stopping.patience=5"),
    ("validate spec.yaml training.device=cuda", "write training.device=gpu"),
    # The same in a file, where what is meant is YAML.
    ("validate top.yaml", "did you mean data.batch_size? Write data: {type: digits, batch_size: 3}"),
    (
        "validate inside.yaml",
        "did you mean training.early_stopping.patience? Write training: {..., early_stopping: {patience: 3}}",
    ),
    (
        "validate inside.yaml",
        "did you mean model.regularization.dropout? Write model: {..., regularization: {dropout: 0.3}}",
    ),
    ("validate value.yaml", "should be an integer, not 3.0; did you mean 3?"),
    # An option for a field, or one of another tool.
    ("train spec.yaml --epochs 3", "write training.epochs=3"),
    ("train spec.yaml --lr=0.1", "write optimizer.learning_rate=0.1"),
    ("train spec.yaml --batch-size 32", "write data.batch_size=32"),
    ("train spec.yaml --optimizer SGD", "write optimizer=sgd"),
    ("train spec.yaml --seed 1", "write seed=1"),
    ("train spec.yaml --output-dir x", "did you mean --output?"),
    ("train spec.yaml --outptu x", "did you mean --output?"),
    ("train spec.yaml --gpu 0", "did you mean --device?"),
    ("train --config spec.yaml", "write the spec without an option: deepcli train spec.yaml"),
    ("train spec.yaml --output=", "--output: is empty; name a path, or leave the option out"),
    ("train spec.yaml --output ''", "--output: is empty; name a path, or leave the option out"),
    ("sweep run spec.yaml --trials 3", "did you mean --max-trials?"),
    ("evaluate runs/first --limit 100", "write data.limit=100"),
    ("export runs/first", "write one of --format keras, --format litert, --format onnx, --format savedmodel"),
    ("export runs/first onnx", "write --format onnx"),
    # A word in the place of another.
    ("validate configs/digits/cn.yaml", "did you mean configs/digits/cnn.yaml?"),
    ("validate config/digits/cnn", "did you mean configs/digits/cnn.yaml?"),
    ("train spec.yml", "did you mean spec.yaml?"),
    ("train digits cnn", "digits is a data set, not a spec: `deepcli init digits cnn` writes a spec"),
    ("train digit mpl", "`deepcli init digits mlp` writes a spec"),
    ("train spec.yaml epochs 3", "write training.epochs=3"),
    ("train spec.yaml learning_rate = 0.1", "write optimizer.learning_rate=0.1"),
    ("evaluate spec.yaml", "train it first with `deepcli train spec.yaml`, or name a run of it, such as runs/spec-1"),
    ("predict spec.yaml picture.png", "train it first with `deepcli train spec.yaml`"),
    ("report spec.yaml", "train it first with `deepcli train spec.yaml`"),
    ("show runs/first", "is a run, not a spec; its spec is runs/first/config.yaml"),
    ("train runs/first", "to continue the run: `deepcli train --resume runs/first`"),
    ("evaluate runs/frist", "did you mean runs/first?"),
    ("evaluate first", "did you mean runs/first?"),
    ("train --resume runs/frist", "did you mean runs/first?"),
    ("runs run", "did you mean runs?"),
    ("train house.csv", "houses.csv?"),
    ("fit spec.yaml", "did you mean deepcli train?"),
    ("trian spec.yaml", "did you mean deepcli train?"),
    ("test runs/first", "did you mean deepcli evaluate?"),
    ("spec.yaml", "did you mean deepcli train spec.yaml?"),
    ("sweep spec.yaml", "did you mean deepcli sweep run spec.yaml?"),
    ("resume runs/first", "write deepcli train --resume RUN"),
    # Two mistakes at once do not hide each other.
    ("validate spec.yaml optimizer=adma lr=0.1", "write optimizer.learning_rate=0.1"),
    ("validate spec.yaml model=tranformer hidden_size=64", "write model.hidden_dim=64"),
    ("validate spec.yaml model=unheard_of batch_size=3", "write data.batch_size=3"),
    ("sweep plan spec.yaml lr=[0.1,0.2]", "did you mean optimizer.learning_rate?"),
]


@pytest.fixture
def folder():
    """What a user has: specs, runs, and a table."""
    for name, text in {
        "spec.yaml": CNN,
        "top.yaml": CNN + "batch_size: 3\n",
        "inside.yaml": "data: digits\nmodel: {type: mlp, dropout: 0.3}\ntraining: {epochs: 2, patience: 3}\n",
        "value.yaml": CNN + "training: {epochs: 3.0}\n",
        "houses.csv": "rooms,price\n1,2\n",
        "configs/digits/cnn.yaml": CNN,
        "configs/digits/mlp.yaml": MLP,
        "runs/first/config.yaml": MLP,
        "runs/first/environment.json": "{}",
        "runs/spec-1/config.yaml": CNN,
        "runs/spec-1/environment.json": "{}",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("words", "pointer"), MISTAKES, ids=[f"{words} -> {pointer}" for words, pointer in MISTAKES])
def test_a_mistake_gets_the_right_pointer(cli, folder, words, pointer):
    before = sorted(Path().rglob("*"))
    done = cli(*shlex.split(words))
    assert done.code == 2, done
    assert done.out == "" and "Traceback" not in done.err
    assert re.search(re.escape(pointer) + r"(?![\w.=-])", done.err), done.err
    assert sorted(Path().rglob("*")) == before
    if done.err.count("\n") > 1 and "hint: " in done.err:
        assert any(line.endswith(pointer) for line in done.err.splitlines() if line.startswith("hint: "))


ONE_MISTAKE = [pointer for words, pointer in MISTAKES if len(shlex.split(words)) <= 3 or " --" in words]
PASTED = sorted({pointer.removeprefix("write ") for pointer in ONE_MISTAKE if re.match(r'write "?[\w.]+=', pointer)})


@pytest.mark.parametrize("override", PASTED)
def test_an_override_that_is_proposed_is_valid_when_it_is_pasted(cli, folder, override):
    done = cli("validate", "spec.yaml", *shlex.split(override))
    assert done.code == 0, done.err


def test_there_are_many_mistakes():
    assert len(MISTAKES) >= 100 and len(PASTED) >= 30


def test_the_json_of_a_wrong_option_has_the_pointer(cli, folder):
    import json

    done = cli("train", "spec.yaml", "--lr", "0.1", "--json")
    assert json.loads(done.out)["error"] == "No such option: --lr; write optimizer.learning_rate=0.1"


def test_fields_of_the_chosen_types_are_meant_first(cli, folder):
    """The same word is another field of another model, and the file's types count, not the defaults."""
    for model, field in (("mlp", "hidden_units"), ("lstm", "units"), ("transformer", "hidden_dim")):
        Path("spec.yaml").write_text(f"data: digits\nmodel: {model}\n")
        assert f"write model.{field}=8\n" in cli("validate", "spec.yaml", "hidden_size=8").err
        assert f"hint: write model.{field}=8\n" in cli("train", "spec.yaml", "--hidden-size", "8").err
    Path("spec.yaml").write_text("data: digits\nmodel: mlp\nschedule: reduce_on_plateau\n")
    err = cli("validate", "spec.yaml", "patience=8").err
    assert "write schedule.patience=8 or training.early_stopping.patience=8" in err


def test_a_mistake_of_every_point_of_a_sweep_is_said_once(cli, folder):
    err = cli("sweep", "plan", "spec.yaml", "lr=log:1e-4:1e-1").err
    assert err.count("unknown section") == 1 and err.endswith("did you mean optimizer.learning_rate?\n")


@pytest.mark.parametrize("words", ["frobnicate", "train spec.yaml --frobnicate", "validate spec.yaml frobnicate=3"])
def test_nothing_is_proposed_where_nothing_is_alike(cli, folder, words):
    done = cli(*shlex.split(words))
    assert done.code == 2
    assert "did you mean" not in done.err and "write" not in done.err and "hint" not in done.err


def test_what_is_proposed_is_never_done(cli, folder):
    """A synonym is a pointer in an error; a spec means only what it says."""
    assert "learning_rate" not in cli("validate", "spec.yaml", "optimizer.lr=7").out
    assert "learning_rate: 0.001" in cli("show", "spec.yaml").out
