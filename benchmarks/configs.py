"""Train configs as whole processes, with one seed or several, and write the results into their headers.

Usage: DEEPCLI_DATA_DIR=... python benchmarks/configs.py [--seeds N] [--score NAME] [--write] CONFIG ... [KEY=VALUE ...]
       python benchmarks/configs.py [--score NAME] [--write] CONFIG --runs RUN ...

Overrides say where own data are, such as data.path=photos. With `--runs`, runs of the config that are already there are
described, one a seed.
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
from measure import DEEPCLI, measure


@dataclass(frozen=True)
class Trained:
    """What a config reached once: the result, seconds of wall clock, and a score by split, accuracy in %."""

    result: dict[str, Any]
    seconds: float
    scores: dict[str, float]


def train(path: Path, seed: int, overrides: Sequence[str], score: str | None) -> Trained:
    """Train once, with data from the usual places."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(path), *overrides, f"seed={seed}", "--output", f"{folder}/run", "--json", "--quiet"]
        used = measure([DEEPCLI, "train", *words])
        return scored(json.loads(used.out.splitlines()[-1]), used.wall, f"{folder}/run", score)


def known(run: str, score: str | None) -> Trained:
    """Describe a run that is already there, by the seconds that it took itself."""
    result = json.loads((Path(run) / "metrics.json").read_text(encoding="utf-8"))
    return scored(result, result["seconds"], run, score)


def scored(result: dict[str, Any], seconds: float, run: str, score: str | None) -> Trained:
    """Return what a run reached: the score that is asked for, or the main one of its task."""
    name = score or _name(result)
    return Trained(result, seconds, {split: _score(result, run, split, name) for split in ("test", "validation")})


def _name(result: dict[str, Any]) -> str:
    return "accuracy" if "accuracy" in result["metrics"]["test"] else str(result["headline"])


def _score(result: dict[str, Any], run: str, split: str, name: str) -> float:
    if name == "accuracy":
        return 100 * float(result["metrics"][split]["accuracy"])
    found = json.loads(measure([DEEPCLI, "evaluate", run, "--split", split, "--json", "--quiet"]).out)
    return float(found["metrics"][split][name])


def outcome(trained: Sequence[Trained], score: str | None = None) -> str:
    """Return the results of a config as one line, of a run for each seed."""
    result = trained[0].result
    name = score or _name(result)
    is_accuracy = name == "accuracy"
    unit = " %" if is_accuracy else ""
    told = {split: _told([one.scores[split] for one in trained], is_accuracy) for split in ("test", "validation")}
    epochs = ", ".join(sorted({f"{one.result['best_epoch']} of {one.result['epochs']}" for one in trained}))
    seconds = statistics.mean(one.seconds for one in trained)
    many = f"{len(trained)} seeds" if len(trained) > 1 else "one run"
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
    parser.add_argument("--score", help="a score of `deepcli evaluate`, in place of the task's main one")
    parser.add_argument("--runs", nargs="+", default=[], help="runs of the one config that are already there")
    parser.add_argument("--write", action="store_true", help="write the results into each file's header")
    options = parser.parse_args()
    overrides = [word for word in options.words if "=" in word]
    for path in (Path(word) for word in options.words if word not in overrides):
        trained = [known(run, options.score) for run in options.runs] or [
            train(path, seed, overrides, options.score) for seed in range(options.seeds)
        ]
        line = outcome(trained, options.score)
        print(f"{path.parent.name}/{path.stem}: {line}", flush=True)
        if options.write:
            path.write_text(with_outcome(path.read_text(encoding="utf-8"), line), encoding="utf-8")


if __name__ == "__main__":
    main()
