"""What is compared: programs that do the same work, and which of them are set against each other."""

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
    """Where the data files are, where scratch files may go, and whether everything shall be as short as possible."""

    data: Path
    scratch: Path
    quick: bool

    def epochs(self, wanted: int) -> int:
        """Shorten a run where it shall be quick."""
        return min(wanted, QUICK_EPOCHS) if self.quick else wanted

    @property
    def imdb_split(self) -> Path:
        """The examples that deepcli trains on and holds out, for the script beside it."""
        return self.scratch / "imdb-split.npz"


Command = Callable[[Setting, int], list[str]]


@dataclass(frozen=True)
class Side:
    """A program whose runs are measured as whole processes; the last line that it prints is JSON.

    Attributes:
        name: What tables call it.
        file: The data file that it reads.
        seconds: What a run takes on two cores, about; only for telling the user beforehand.
        command: Makes its command line for a seed.
        accuracy: Where its JSON has the accuracy that must agree with the other side's.
        timed_inside: Whether its JSON has the times that count, instead of those of the whole process.
        package: What must be importable for it.
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
        figures: Of `wall`, `cpu` and `memory`.
        percent: Whether ratios are written minus one, in percent.
        epochs: How many of its epochs are the other side's time; None for its whole process.
        at_least: The mean accuracy to be reached, where it need not be the other side's.
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
        """What tables call the other side's time."""
        return self.theirs.name if self.epochs is None else f"{self.epochs:g} epochs of {self.theirs.name}"


def train(config: Path, file: str, epochs: int | None, *words: str) -> Command:
    """Make the command lines of `deepcli train`, for so many epochs or the config's own."""

    def command(setting: Setting, seed: int) -> list[str]:
        wanted = QUICK_EPOCHS if setting.quick else epochs
        length = [] if wanted is None else [f"training.epochs={setting.epochs(wanted)}"]
        overrides = [*spec_words(setting, file), *length, f"seed={seed}", *words]
        output = tempfile.mkdtemp(dir=setting.scratch)
        return [DEEPCLI, "train", str(config), *overrides, "--output", output, "--json", "--quiet"]

    return command


def spec_words(setting: Setting, file: str) -> list[str]:
    """Name the data to a spec."""
    limit = [f"data.limit={QUICK_LIMIT}"] if setting.quick else []
    return [f"data.path={json.dumps(str(setting.data / file))}", *limit]


def script(program: str, file: str, epochs: int, *words: str) -> Command:
    """Make the command lines of a script beside this file."""

    def command(setting: Setting, seed: int) -> list[str]:
        limit = ["--limit", str(QUICK_LIMIT)] if setting.quick else []
        numbers = ["--epochs", str(setting.epochs(epochs)), "--seed", str(seed)]
        return [sys.executable, str(HERE / program), str(setting.data / file), *numbers, *limit, *words]

    return command


def plain_lstm(setting: Setting, seed: int) -> list[str]:
    """Make the command lines of the plain LSTM, which trains on the examples that deepcli trains on."""
    return [*script("plain/imdb_lstm.py", IMDB, LSTM_EPOCHS)(setting, seed), "--split", str(setting.imdb_split)]


def split_command(setting: Setting) -> list[str]:
    """Make the command line that writes those examples."""
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
