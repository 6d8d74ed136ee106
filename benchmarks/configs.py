"""Train configs as whole processes, with one seed or several, and write the results into their headers.

Usage: DEEPCLI_DATA_DIR=... python benchmarks/configs.py [--seeds N] [--write] CONFIG ...
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lessons import spread, with_outcome
from machine import in_words
from measure import DEEPCLI, Used, measure


def train(path: Path, seed: int) -> tuple[dict[str, Any], Used]:
    """Train once, with data from the usual places."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(path), f"seed={seed}", "--output", f"{folder}/run", "--json", "--quiet"]
        used = measure([DEEPCLI, "train", *words])
    return json.loads(used.out.splitlines()[-1]), used


def outcome(path: Path, seeds: Sequence[int]) -> str:
    """Return the results of a config as one line."""
    results, runs = zip(*(train(path, seed) for seed in seeds), strict=True)
    test, validation = (
        [100 * result["metrics"][split]["accuracy"] for result in results] for split in ("test", "validation")
    )
    epochs = ", ".join(sorted({f"{result['best_epoch']} of {result['epochs']}" for result in results}))
    seconds = statistics.mean(run.wall for run in runs)
    precision = results[0]["precision"]
    if len(seeds) == 1:
        return (
            f"Test accuracy {test[0]:.1f} % (validation {validation[0]:.1f} %, best epoch {epochs}) in {seconds:.0f} s "
            f"on {in_words()}, {precision}; one run, seed {seeds[0]}."
        )
    return (
        f"Test accuracy {spread(test, 2)} % (validation {spread(validation, 2)} %, best epoch {epochs}) in "
        f"{seconds:.0f} s on {in_words()}, {precision}; {len(seeds)} seeds."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the results into each file's header")
    options = parser.parse_args()
    for path in options.configs:
        line = outcome(path, range(options.seeds))
        print(f"{path.parent.name}/{path.stem}: {line}", flush=True)
        if options.write:
            path.write_text(with_outcome(path.read_text(encoding="utf-8"), line), encoding="utf-8")


if __name__ == "__main__":
    main()
