"""The programs to compare, and which of them do the same work."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measure import DEEPCLI

HERE = Path(__file__).parent
CONFIGS = HERE.parent / "configs"
CNN_EPOCHS, LSTM_EPOCHS, OVERHEAD_EPOCHS = 3, 2, 4
QUICK_EPOCHS, QUICK_LIMIT = 2, 400


@dataclass(frozen=True)
class Setting:
    """The folder of the data files, a folder for temporary files, and whether all runs should be as short as possible."""

    data: Path
    scratch: Path
    quick: bool

    def epochs(self, wanted: int) -> int:
        """Return the number of epochs of a run, fewer if it should be quick."""
        return min(wanted, QUICK_EPOCHS) if self.quick else wanted

    @property
    def imdb_split(self) -> Path:
        """File with the examples that deepcli trains on and holds out, for the script it is compared with."""
        return self.scratch / "imdb-split.npz"


Command = Callable[[Setting, int], list[str]]


@dataclass(frozen=True)
class Side:
    """A program that is measured as a whole process; the last line that it prints is JSON.

    Attributes:
        name: Its name in tables.
        file: The data file that it reads.
        seconds: Approximate time of a run on two cores, only for the estimate that is printed first.
        command: Returns its command line for a seed.
        accuracy: The path in its JSON of the accuracy that must agree with the other side's.
        timed_inside: Whether the times in its JSON count, instead of those of the whole process.
        package: A package that it needs.
    """

    name: str
    file: str
    seconds: int
    command: Command
    accuracy: tuple[str, ...] = ("test_accuracy",)
    timed_inside: bool = False
    package: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Two sides, and which of their figures are compared.

    Attributes:
        figures: Some of `wall`, `cpu` and `memory`.
        percent: Whether ratios are shown as additional cost in percent.
        epochs: Number of the other side's epochs whose time counts; None for its whole process.
        at_least: The mean accuracy to reach, if it is not the other side's.
    """

    name: str
    ours: Side
    theirs: Side
    figures: tuple[str, ...] = ("wall", "cpu", "memory")
    percent: bool = False
    epochs: float | None = None
    at_least: float | None = None

    @property
    def their_name(self) -> str:
        """Name of the other side's time in tables."""
        return self.theirs.name if self.epochs is None else f"{self.epochs:g} epochs of {self.theirs.name}"


def train(config: Path, file: str, epochs: int | None, *words: str) -> Command:
    """Return a function that makes command lines of `deepcli train`; `epochs` overrides the config's."""

    def command(setting: Setting, seed: int) -> list[str]:
        wanted = QUICK_EPOCHS if setting.quick else epochs
        length = [] if wanted is None else [f"training.epochs={setting.epochs(wanted)}"]
        overrides = [*spec_words(setting, file), *length, f"seed={seed}", *words]
        output = tempfile.mkdtemp(dir=setting.scratch)
        return [DEEPCLI, "train", str(config), *overrides, "--output", output, "--json", "--quiet"]

    return command


def spec_words(setting: Setting, file: str) -> list[str]:
    """Return the overrides that set a spec's data."""
    limit = [f"data.limit={QUICK_LIMIT}"] if setting.quick else []
    return [f"data.path={json.dumps(str(setting.data / file))}", *limit]


def script(program: str, file: str, epochs: int, *words: str) -> Command:
    """Return a function that makes command lines of a script beside this file."""

    def command(setting: Setting, seed: int) -> list[str]:
        limit = ["--limit", str(QUICK_LIMIT)] if setting.quick else []
        numbers = ["--epochs", str(setting.epochs(epochs)), "--seed", str(seed)]
        return [sys.executable, str(HERE / program), str(setting.data / file), *numbers, *limit, *words]

    return command


def plain_lstm(setting: Setting, seed: int) -> list[str]:
    """Return the command line of the plain LSTM, which trains on the same examples as deepcli."""
    return [*script("plain/imdb_lstm.py", IMDB, LSTM_EPOCHS)(setting, seed), "--split", str(setting.imdb_split)]


def split_command(setting: Setting) -> list[str]:
    """Return the command line that writes the positions of those examples."""
    return [
        sys.executable,
        str(HERE / "split.py"),
        str(LSTM_CONFIG),
        str(setting.imdb_split),
        *spec_words(setting, IMDB),
    ]


MNIST, IMDB = "mnist.npz", "imdb.npz"
CNN_CONFIG, LSTM_CONFIG = CONFIGS / "mnist" / "cnn.yaml", CONFIGS / "imdb" / "lstm.yaml"
TEST, VALIDATION = ("metrics", "test", "accuracy"), ("validation_accuracy",)

CNN = Side("deepcli cnn", MNIST, 14, train(CNN_CONFIG, MNIST, CNN_EPOCHS), TEST)
CNN_FLOAT32 = Side(
    "deepcli cnn float32", MNIST, 28, train(CNN_CONFIG, MNIST, CNN_EPOCHS, "training.precision=float32"), TEST
)
PLAIN_CNN = Side("plain cnn", MNIST, 32, script("plain/mnist_cnn.py", MNIST, CNN_EPOCHS))
LSTM = Side("deepcli lstm", IMDB, 62, train(LSTM_CONFIG, IMDB, LSTM_EPOCHS), TEST)
PLAIN_LSTM = Side("plain lstm", IMDB, 90, plain_lstm)
MNIST_FAST = Side("mnist/fast", MNIST, 90, train(CONFIGS / "mnist" / "fast.yaml", MNIST, None), TEST)
IMDB_FAST = Side("imdb/fast", IMDB, 10, train(CONFIGS / "imdb" / "fast.yaml", IMDB, None), TEST)
FIT, LOOP, RUN = (
    Side(name, MNIST, 17, script("overhead.py", MNIST, OVERHEAD_EPOCHS, "--by", way), VALIDATION, timed_inside=True)
    for name, way in (("fit", "fit"), ("deepcli loop", "loop"), ("deepcli run", "run"))
)
LIGHTNING = Side(
    "Lightning cnn", MNIST, 60, script("peers/lightning_mnist_cnn.py", MNIST, CNN_EPOCHS), package="lightning"
)
LUDWIG = Side("Ludwig cnn", MNIST, 120, script("peers/ludwig_mnist_cnn.py", MNIST, CNN_EPOCHS), package="ludwig")

COMPARISONS = (
    Comparison("cnn", CNN, PLAIN_CNN),
    Comparison("cnn-float32", CNN_FLOAT32, PLAIN_CNN),
    Comparison("lstm", LSTM, PLAIN_LSTM),
    Comparison("fast", MNIST_FAST, PLAIN_CNN, ("wall",), epochs=8, at_least=0.994),
    Comparison("fast", IMDB_FAST, PLAIN_LSTM, ("wall",), epochs=1, at_least=0.91),
    Comparison("overhead", LOOP, FIT, ("wall", "cpu"), percent=True),
    Comparison("overhead", RUN, FIT, ("wall", "cpu"), percent=True),
    Comparison("memory", CNN, PLAIN_CNN, ("memory",)),
    Comparison("memory", CNN_FLOAT32, PLAIN_CNN, ("memory",)),
    Comparison("lightning", CNN, LIGHTNING),
    Comparison("ludwig", CNN, LUDWIG),
)
NAMES = tuple(dict.fromkeys(comparison.name for comparison in COMPARISONS))
