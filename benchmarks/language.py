"""Language models: loss and time in nanoGPT's setting for a CPU, and memory beyond the text.

`shakespeare` trains `configs/language/shakespeare.yaml`: 4 layers, 4 heads, 128 wide, windows of 64 characters, 2,000
steps of 12. nanoGPT's README has a validation loss of 1.88 after about 3 minutes with these sizes; the loss here is that
of the same last tenth of the text, of which the config makes validation and test. `memory` trains a small GRU for an epoch
on texts of 4 MB and of 100 MB; the difference of the peaks, less that of the texts, is what a text costs beyond itself.

Usage: python benchmarks/language.py [shakespeare] [memory] [--text FILE] [--seeds 3] [--steps N] [--json FILE]
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import describe
from measure import measure

CONFIG = Path(__file__).parent.parent / "configs" / "language" / "shakespeare.yaml"
DEEPCLI = [sys.executable, "-m", "deepcli"]
SMALL, LARGE = 4_000_000, 100_000_000
"""Characters of the two texts; a character is a byte in memory. N-grams, the baseline, count the same number of both."""
HELD = 100_000
"""Characters for validation and as many for test, the same of both texts: their predictions are not what is measured."""
TRAINING = ("model=gru", "model.units=8", "data.window=128", "data.batch_size=512", "training.epochs=1")


def shakespeare(text: Path, seeds: int, steps: int | None, folder: Path) -> dict[str, Any]:
    """Train with each seed; return the losses on the last tenth in nats, and wall seconds of whole runs."""
    losses, seconds = [], []
    for seed in range(seeds):
        run = folder / f"seed {seed}"
        words = [f"data.path={text}", f"seed={seed}", *([f"training.max_steps={steps}"] if steps else [])]
        done = measure([*DEEPCLI, "train", str(CONFIG), *words, "--output", str(run)])
        metrics = json.loads((run / "metrics.json").read_text())["metrics"]
        losses.append(statistics.mean(metrics[split]["loss"] for split in ("validation", "test")))
        seconds.append(done.wall)
    return {"losses": losses, "seconds": seconds}


def memory(steps: int | None, folder: Path) -> dict[str, Any]:
    """Train on the small and the large text; return the peaks in MiB, and what is beyond the text."""
    peaks = {}
    for size in (SMALL, LARGE):
        text = folder / f"{size}.txt"
        write_text(text, size)
        words = [f"data.split.{split}={HELD / size}" for split in ("validation", "test")]
        words += [f"training.max_steps={steps}"] if steps else []
        output = ["--output", str(folder / f"run {size}")]
        peaks[size] = measure([*DEEPCLI, "train", str(text), "task=language_model", *TRAINING, *words, *output]).memory
        text.unlink()
    beyond = peaks[LARGE] - peaks[SMALL] - (LARGE - SMALL) / (1 << 20)
    return {"steps": steps, "peaks": {str(size): peak for size, peak in peaks.items()}, "beyond": beyond}


def write_text(path: Path, size: int) -> None:
    """Write sentences of words that are drawn by the usual law, the same at each size as far as it reaches."""
    draw = random.Random(0)
    words = ["".join(draw.choice("etaoinshrdlu") for _ in range(draw.randint(1, 9))) for _ in range(5_000)]
    shares = [1 / (rank + 3) for rank in range(len(words))]
    left = size
    with path.open("w", encoding="ascii") as file:
        while left > 0:
            line = " ".join(draw.choices(words, shares, k=10_000)) + ".\n"
            file.write(line[:left])
            left -= len(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=["shakespeare", "memory", []], default=["shakespeare", "memory"])
    parser.add_argument("--text", type=Path, default=Path("data/shakespeare.txt"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--steps", type=int, help="steps in place of 2,000 and of an epoch, to see that everything runs"
    )
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    found: dict[str, Any] = describe()
    with tempfile.TemporaryDirectory() as folder:
        if "shakespeare" in words.parts:
            found["shakespeare"] = told = shakespeare(words.text.absolute(), words.seeds, words.steps, Path(folder))
            spread = f" ± {statistics.stdev(told['losses']):.3f}" if words.seeds > 1 else ""
            print(f"shakespeare  loss {statistics.mean(told['losses']):.3f}{spread} nats", end="; ")
            print(f"{statistics.median(told['seconds']):.0f} s a run; seeds: {words.seeds}")
        if "memory" in words.parts:
            found["memory"] = kept = memory(words.steps, Path(folder))
            peaks = " and ".join(f"{peak:,.0f} MiB at {int(size):,}" for size, peak in kept["peaks"].items())
            print(f"memory       {kept['beyond']:,.0f} MiB beyond the text; peaks {peaks} characters")
    if words.json:
        words.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
