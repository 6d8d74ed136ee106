"""Compare `deepcli sweep run` with a loop of `deepcli train`, and Bayesian search with random search.

Usage: python benchmarks/sweep.py [--json FILE] [--times N] [--seeds N]

The first comparison takes about ten minutes on two cores, the second three.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from itertools import product
from pathlib import Path

from machine import describe
from measure import DEEPCLI, spread

CONFIG = Path(__file__).parent.parent / "configs" / "digits" / "cnn.yaml"
EPOCHS = "training.epochs=10"
RATES, DROPOUTS, SEEDS = ["5e-4", "1e-3", "2e-3", "4e-3"], ["0.1", "0.2", "0.3"], ["0", "1"]

SPACE_SPEC = """
data: {type: digits, batch_size: 32, validation_split: 0.5}
model: {type: mlp, hidden_units: [32], activation: relu}
optimizer: {type: adam, learning_rate: 1e-3}
training: {epochs: 5}
"""
SPACE = [
    "optimizer.learning_rate=log:1e-5:1",
    "model.hidden_units=[[4], [8], [16], [32], [64]]",
    "model.regularization.dropout=uniform:0:0.8",
]
TRIALS = 40


def call(*words: object) -> str:
    """Run deepcli and return its output."""
    done = subprocess.run([DEEPCLI, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"deepcli {' '.join(map(str, words))}\n{done.stderr[-2000:]}")
    return done.stdout


def loop(folder: Path) -> float:
    """Train the 24 points one after another, as in a shell loop; returns the seconds."""
    began = time.monotonic()
    for rate, dropout, seed in product(RATES, DROPOUTS, SEEDS):
        point = [f"optimizer.learning_rate={rate}", f"model.regularization.dropout={dropout}", f"seed={seed}"]
        call("train", CONFIG, EPOCHS, *point, "--output", folder / f"{rate}-{dropout}-{seed}", "--quiet")
    return time.monotonic() - began


def sweep(folder: Path) -> float:
    """Train the same points with two workers; returns the seconds."""
    began = time.monotonic()
    points = zip(
        ("optimizer.learning_rate", "model.regularization.dropout", "seed"), (RATES, DROPOUTS, SEEDS), strict=True
    )
    varied = [f"{key}=[{', '.join(values)}]" for key, values in points]
    call("sweep", "run", CONFIG, EPOCHS, *varied, "--workers", 2, "--output", folder, "--quiet")
    return time.monotonic() - began


def best(folder: Path, spec: Path, method: str, trials: int, seed: int) -> float:
    """Run a search and return the best validation accuracy."""
    options = ["--method", method, "--max-trials", trials, "--seed", seed, "--metric", "val_accuracy"]
    out = call("sweep", "run", spec, *SPACE, *options, "--workers", 2, "--output", folder, "--quiet", "--json")
    return float(json.loads(out)["best"]["value"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    results: dict[str, object] = {"machine": describe()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = [(sweep(folder / f"sweep{index}"), loop(folder / f"loop{index}")) for index in range(options.times)]
        ratios = [ours / theirs for ours, theirs in pairs]
        print("24 trials of digits/cnn.yaml, 10 epochs: `sweep run --workers 2` compared with a loop of `train`")
        print(f"  seconds {spread([ours for ours, _ in pairs])} against {spread([theirs for _, theirs in pairs])}")
        print(f"  ratio {spread(ratios)}; the target is at most 0.25", flush=True)
        results["loop"] = {"pairs": pairs, "ratios": ratios}
        spec = folder / "space.yaml"
        spec.write_text(SPACE_SPEC)
        found = {
            method: [best(folder / f"{method}{seed}", spec, method, trials, seed) for seed in range(options.seeds)]
            for method, trials in (("bayes", TRIALS // 2), ("random", TRIALS))
        }
        print(
            f"best validation accuracy over {options.seeds} seeds: bayes with {TRIALS // 2} trials, random with {TRIALS}"
        )
        for method, values in found.items():
            deviation = statistics.stdev(values) if len(values) > 1 else 0.0
            print(f"  {method:<7}{100 * statistics.fmean(values):.2f} ± {100 * deviation:.2f} %")
        results["search"] = found
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
