"""Compare deepcli with plain Keras scripts, and with similar packages that are installed, as whole processes.

Both sides of a comparison run in turn, with the same seeds, and must reach the same accuracy. Figures are ratios, ours
divided by theirs: median [smallest, largest] over the seeds. `overhead` times only training after the first epoch, with
Keras's `fit` and with deepcli's loop, in percent. The exit code is 1 if accuracies differ by more than the seeds' noise.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import machine
from figures import POINTS, Row, Run, table
from measure import Failed, measure
from sides import COMPARISONS, NAMES, PLAIN_LSTM, Comparison, Setting, Side, split_command

from deepcli.data.files import keras_cache

WARM_UP = [sys.executable, "-c", "import sklearn, deepcli.training.train"]


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; default: all")
    parser.add_argument(
        "--times", type=int, metavar="N", help="runs of each side, with seeds from 0; default 3, with --quick 1"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few examples, no check of accuracy, only to see that everything runs"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all runs, the machine and the versions to this file"
    )
    options = parser.parse_args(words)
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"unknown comparison {unknown[0]!r}; choose from {', '.join(NAMES)}")
    if options.times is None:
        options.times = 1 if options.quick else 3
    if options.times < 1:
        parser.error("--times should be at least 1")
    return options


def data_folder() -> Path:
    return Path(os.environ.get("DEEPCLI_DATA_DIR") or keras_cache())


def obstacle(comparison: Comparison, data: Path) -> str | None:
    """Return why a comparison cannot run here; None if it can."""
    sides = (comparison.ours, comparison.theirs)
    for package in filter(None, (side.package for side in sides)):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    for side in sides:
        if not (data / side.file).is_file():
            return f"there is no {side.file} in {data}; set DEEPCLI_DATA_DIR to the folder that contains it"
    return None


def choose(names: Sequence[str], data: Path) -> list[Comparison]:
    """Return the requested comparisons that can run, and print which cannot."""
    wanted = [comparison for comparison in COMPARISONS if comparison.name in (names or NAMES)]
    reasons: dict[str | None, list[Comparison]] = {}
    for comparison in wanted:
        reasons.setdefault(obstacle(comparison, data), []).append(comparison)
    possible = reasons.pop(None, [])
    for reason, comparisons in reasons.items():
        print(f"skipped: {listed(comparisons)}: {reason}", flush=True)
    return possible


def listed(comparisons: Sequence[Comparison]) -> str:
    """Join the names of comparisons, each once."""
    return ", ".join(dict.fromkeys(comparison.name for comparison in comparisons))


def announce(comparisons: Sequence[Comparison], sides: Sequence[Side], times: int, quick: bool) -> None:
    minutes = times * sum(10 if quick else side.seconds for side in sides) / 60
    how = f"{len(sides)} programs in turn, {times} x each"
    print(f"{listed(comparisons)}: {how}; about {math.ceil(minutes)} minutes on two cores", flush=True)


def run(side: Side, setting: Setting, seed: int) -> Run:
    """Run a side once.

    Raises:
        Failed: It failed, or its last line is not valid JSON with the results.
    """
    used = measure(side.command(setting, seed))
    try:
        result = json.loads(used.out.splitlines()[-1])
        accuracy = reduce(getitem, side.accuracy, result)
        wall, cpu = used.wall, used.cpu
        if side.timed_inside:
            wall, cpu = result["training_seconds"], result["training_cpu_seconds"]
    except (ValueError, LookupError, TypeError) as error:
        raise Failed(f"{side.name}: its last line is not valid JSON with the results: {error!r}") from None
    return Run(seed, wall, cpu, used.memory, accuracy, result.get("precision"), result.get("epoch_seconds"))


def collect(sides: Sequence[Side], setting: Setting, times: int) -> dict[Side, list[Run]]:
    """Run every side with every seed, in rounds; every other round runs backwards, so that no side is always first.

    Returns:
        The runs of each side, without those that failed.
    """
    measure(WARM_UP)
    if PLAIN_LSTM in sides:
        measure(split_command(setting))
    runs: dict[Side, list[Run]] = {side: [] for side in sides}
    for seed in range(times):
        for side in [side for side in sides if side in runs][:: -1 if seed % 2 else 1]:
            try:
                done = run(side, setting, seed)
            except Failed as failure:
                print(failure, file=sys.stderr, flush=True)
                del runs[side]
                continue
            runs[side].append(done)
            line = f"seed {seed}  {side.name:<20} {done.wall:6.1f} s  {done.memory:5.0f} MiB"
            print(line, file=sys.stderr, flush=True)
    return runs


def write(path: Path, rows: Sequence[Row], options: argparse.Namespace) -> None:
    content: dict[str, Any] = {
        "format": 1,
        **machine.describe(),
        "settings": {"times": options.times, "quick": options.quick, "accuracy_points": POINTS},
        "comparisons": [row.plain(check=not options.quick) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(words: Sequence[str] | None = None) -> int:
    options = parse(words)
    data = data_folder()
    comparisons = choose(options.names, data)
    if not comparisons:
        print("no comparison can run")
        return 2 if options.names else 0
    sides = list(dict.fromkeys(side for comparison in comparisons for side in (comparison.ours, comparison.theirs)))
    announce(comparisons, sides, options.times, options.quick)
    with tempfile.TemporaryDirectory() as scratch:
        runs = collect(sides, Setting(data, Path(scratch), options.quick), options.times)
    failed = [comparison for comparison in comparisons if not {comparison.ours, comparison.theirs} <= set(runs)]
    rows = [
        Row(comparison, runs[comparison.ours], runs[comparison.theirs])
        for comparison in comparisons
        if comparison not in failed
    ]
    print(table(rows, check=not options.quick))
    print("whole processes and test accuracy; overhead: training after its first epoch, and validation accuracy")
    if options.json:
        write(options.json, rows, options)
    if failed:
        print(f"failed: {listed(failed)}")
    return 1 if failed or not (options.quick or all(row.agrees for row in rows)) else 0


if __name__ == "__main__":
    sys.exit(main())
