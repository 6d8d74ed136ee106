"""Time the commands that show and use runs: report, plot, compare, and predict (against Keras's `predict` alone).

Usage: DEEPCLI_DATA_DIR=... python benchmarks/looking.py [--times N] [--json FILE]
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from machine import describe
from measure import DEEPCLI, in_turn, measure, spread
from PIL import Image

HERE = Path(__file__).parent
CONFIG = HERE.parent / "configs" / "mnist" / "cnn.yaml"
IMPORT = [sys.executable, "-c", "import tensorflow"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = Path(os.environ.get("DEEPCLI_DATA_DIR", Path.home() / ".keras" / "datasets"))
    if not (data / "mnist.npz").is_file():
        raise SystemExit(f"no such file: {data / 'mnist.npz'}; set DEEPCLI_DATA_DIR")
    with tempfile.TemporaryDirectory() as folder:
        found = look(Path(folder), data, options.times)
    if options.json:
        kept = {"format": 1, **describe(), "looking": found}
        options.json.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def look(folder: Path, data: Path, times: int) -> dict[str, list[float]]:
    """Train two runs, then time each of the commands; returns wall seconds of whole processes, and ratios."""
    one, two = folder / "one", folder / "two"
    for run, rate in ((one, "1e-3"), (two, "2e-3")):
        measure([DEEPCLI, "train", str(CONFIG), f"optimizer.learning_rate={rate}", "--output", str(run), "--quiet"])
    with np.load(data / "mnist.npz") as file:
        np.save(folder / "x.npy", file["x_test"])
        Image.fromarray(file["x_test"][0]).save(folder / "one.png")
    measure([DEEPCLI, "export", str(one), "--format", "keras", "--quiet"])
    found: dict[str, list[float]] = {}

    def keep(name: str, values: list[float], what: str) -> None:
        found[name] = values
        print(f"{name:<44} {spread(values)} {what}", flush=True)

    for name, words in {
        "report": ["report", str(one)],
        "plot": ["plot", str(one)],
        "compare": ["compare", str(one), str(two), "--output", str(folder / "curves.png")],
    }.items():
        measure([DEEPCLI, *words])
        keep(name, [measure([DEEPCLI, *words]).wall for _ in range(times)], "s")
    print(f"{'the page of a report':<44} {(one / 'report.html').stat().st_size / 2**20:.2f} MiB")
    bare = [sys.executable, str(HERE / "plain" / "mnist_predict.py"), str(one / "export/keras/model.keras")]
    ours, theirs = in_turn(
        [DEEPCLI, "predict", str(one), str(folder / "x.npy"), "--output", str(folder / "ours.csv"), "--quiet"],
        [*bare, str(folder / "x.npy"), str(folder / "theirs.csv")],
        times,
    )
    pairs = list(zip(ours, theirs, strict=True))
    keep("predict 10,000 images / bare predict", [a.wall / b.wall for a, b in pairs], "of the wall time")
    keep("  the same in CPU time", [a.cpu / b.cpu for a, b in pairs], "of the CPU time")
    single, imports = in_turn([DEEPCLI, "predict", str(one), str(folder / "one.png")], IMPORT, times)
    beyond = [a.wall - b.wall for a, b in zip(single, imports, strict=True)]
    keep("predict one image, beyond import tensorflow", beyond, "s")
    keep("  import tensorflow", [used.wall for used in imports], "s")
    return found


if __name__ == "__main__":
    main()
