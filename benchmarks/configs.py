"""Train configs as whole processes, with one seed or several, and write the results into their headers.

Usage: DEEPCLI_DATA_DIR=... python benchmarks/configs.py [--seeds N] [--write] CONFIG ... [KEY=VALUE ...]

Overrides say where own data are, such as data.path=photos.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lessons import decimals, spread, with_outcome
from machine import in_words
from measure import DEEPCLI, Used, measure


@dataclass(frozen=True)
class Trained:
    """What a config reached once: the result, what the process used, and the main score by split, accuracy in %."""

    result: dict[str, Any]
    used: Used
    scores: dict[str, float]


def train(path: Path, seed: int, overrides: Sequence[str]) -> Trained:
    """Train once, with data from the usual places."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(path), *overrides, f"seed={seed}", "--output", f"{folder}/run", "--json", "--quiet"]
        used = measure([DEEPCLI, "train", *words])
        result = json.loads(used.out.splitlines()[-1])
        scores = {split: _score(result, f"{folder}/run", split) for split in ("test", "validation")}
    return Trained(result, used, scores)


def _score(result: dict[str, Any], run: str, split: str) -> float:
    if "accuracy" in result["metrics"][split]:
        return 100 * float(result["metrics"][split]["accuracy"])
    scored = json.loads(measure([DEEPCLI, "evaluate", run, "--split", split, "--json", "--quiet"]).out)
    return float(scored["metrics"][split][result["headline"]])


def outcome(path: Path, seeds: Sequence[int], overrides: Sequence[str] = ()) -> str:
    """Return the results of a config as one line."""
    trained = [train(path, seed, overrides) for seed in seeds]
    result = trained[0].result
    is_accuracy = "accuracy" in result["metrics"]["test"]
    name, unit = ("accuracy", " %") if is_accuracy else (result["headline"], "")
    told = {split: _told([one.scores[split] for one in trained], is_accuracy) for split in ("test", "validation")}
    epochs = ", ".join(sorted({f"{one.result['best_epoch']} of {one.result['epochs']}" for one in trained}))
    seconds = statistics.mean(one.used.wall for one in trained)
    many = f"{len(seeds)} seeds" if len(seeds) > 1 else f"one run, seed {seeds[0]}"
    return (
        f"Test {name} {told['test']}{unit} (validation {told['validation']}{unit}, best epoch {epochs}) in {seconds:.0f} s "
        f"on {in_words()}, {result['precision']}; {many}."
    )


def _told(values: list[float], is_accuracy: bool) -> str:
    """Write a score: accuracies with the digits that their number of seeds allows, other scores with four digits."""
    if is_accuracy:
        return spread(values, 2) if len(values) > 1 else f"{values[0]:.1f}"
    digits = decimals(values[0])
    return spread(values, digits) if len(values) > 1 else f"{values[0]:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="+", metavar="CONFIG|KEY=VALUE")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the results into each file's header")
    options = parser.parse_args()
    overrides = [word for word in options.words if "=" in word]
    for path in (Path(word) for word in options.words if word not in overrides):
        line = outcome(path, range(options.seeds), overrides)
        print(f"{path.parent.name}/{path.stem}: {line}", flush=True)
        if options.write:
            path.write_text(with_outcome(path.read_text(encoding="utf-8"), line), encoding="utf-8")


if __name__ == "__main__":
    main()
