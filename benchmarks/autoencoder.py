"""Train the autoencoder of configs/autoencoder/mnist.yaml and Keras's tutorial in turn, and compare loss and time.

Times are those of training with its validation, and not of importing libraries and reading the file: the sum of the
epochs' seconds of ours, and the time of `fit` of theirs.

Usage: python benchmarks/autoencoder.py FOLDER_OF_MNIST_NPZ [--times N] [--epochs N] [CONFIG]
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CONFIG = HERE.parent / "configs" / "autoencoder" / "mnist.yaml"


def plain(data: Path, seed: int, epochs: int) -> tuple[float, float]:
    """Train the tutorial's model; return the test loss and the seconds of `fit`."""
    words = [
        sys.executable,
        str(HERE / "plain" / "mnist_autoencoder.py"),
        str(data),
        f"--seed={seed}",
        f"--epochs={epochs}",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return found["test_loss"], found["fit_seconds"]


def ours(data: Path, seed: int, config: Path) -> tuple[float, float]:
    """Train a config; return the binary cross-entropy on the test split and the seconds of all epochs."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        path = f"data.path={json.dumps(str(data))}"
        words = [
            sys.executable,
            "-m",
            "deepcli",
            "train",
            str(config),
            path,
            f"seed={seed}",
            "-o",
            str(run),
            "--json",
            "-q",
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        metrics = json.loads(done.stdout)["metrics"]["test"]
        with (run / "history.csv").open() as file:
            seconds = sum(float(row["seconds"]) for row in csv.DictReader(file))
    return metrics["binary_crossentropy"], seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of mnist.npz")
    parser.add_argument("config", type=Path, nargs="?", default=CONFIG)
    parser.add_argument("--times", type=int, default=3, help="seeds of each side")
    parser.add_argument("--epochs", type=int, default=50, help="epochs of the tutorial")
    options = parser.parse_args()
    data, ratios = options.folder / "mnist.npz", []
    for seed in range(options.times):
        sides = [lambda s=seed: plain(data, s, options.epochs), lambda s=seed: ours(data, s, options.config)]
        order = [1, 0] if seed % 2 else [0, 1]  # every other round runs backwards
        found = {side: sides[side]() for side in order}
        (their_loss, their_seconds), (our_loss, our_seconds) = found[0], found[1]
        ratios.append(our_seconds / their_seconds)
        print(
            f"seed {seed}: tutorial {their_loss:.4f} in {their_seconds:.1f} s; ours {our_loss:.4f} in {our_seconds:.1f} s; "
            f"ratio {ratios[-1]:.3f}",
            flush=True,
        )
    print(f"ratio of times: {statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]")


if __name__ == "__main__":
    main()
