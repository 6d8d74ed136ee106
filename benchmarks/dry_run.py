"""Compare what `deepcli train --dry-run` predicts with what a run then takes: seconds of an epoch, and bytes of a checkpoint.

Each config is predicted and trained in turn, twice, in a process of its own; the table has predicted divided by measured.
An epoch is measured from the end of one to the end of the next, with its validation and checkpoints.

Usage: python benchmarks/dry_run.py [CONFIG]... [--epochs 8] [--json FILE]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIGS = sorted((Path(__file__).parent.parent / "configs" / "digits").glob("*.yaml"))
TIMES, TARGET = 2, 0.2


def one(config: Path, epochs: int) -> dict[str, list[float]]:
    """Predict and train a config, `TIMES` times each."""
    import keras

    import deepcli

    class Ends(keras.callbacks.Callback):  # type: ignore[misc]
        """Notes when each epoch ends."""

        def on_train_begin(self, logs: object = None) -> None:
            self.times: list[float] = []

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.times.append(time.monotonic())

    found: dict[str, list[float]] = {"epoch": [], "checkpoint": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(TIMES):
            predicted = deepcli.cost(config, progress=False)
            ends = Ends()
            words = [f"training.epochs={epochs}", "schedule.warmup=0"]
            run = deepcli.train(config, *words, output=f"{folder}/{number}", callbacks=[ends], progress=False)
            # The mean: some epochs write one checkpoint and some two, and that is what is predicted.
            measured = (ends.times[-1] - ends.times[0]) / (epochs - 1)
            size = (Path(run.path) / "checkpoints" / "last.keras").stat().st_size
            found["epoch"].append(predicted.seconds.epoch / measured)
            found["checkpoint"].append(predicted.disk.checkpoint / size)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configs", nargs="*", type=Path, default=CONFIGS)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.configs[0], options.epochs)))
        return
    ratios = {}
    print(f"{'predicted / measured':<24}{'an epoch':<20}{'a checkpoint':<16}within {TARGET:.0%}")
    for config in options.configs:
        words = [sys.executable, __file__, str(config), "--one", "--epochs", str(options.epochs)]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=quiet)
        ratios[str(config)] = found = json.loads(done.stdout.splitlines()[-1])
        medians = [statistics.median(found[name]) for name in ("epoch", "checkpoint")]
        verdict = "yes" if all(abs(median - 1) <= TARGET for median in medians) else "no"
        spread = f"{medians[0]:.2f} [{min(found['epoch']):.2f}, {max(found['epoch']):.2f}]"
        print(f"{config.parent.name + '/' + config.stem:<24}{spread:<20}{medians[1]:<16.3f}{verdict}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
