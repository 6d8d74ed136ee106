"""Train every lesson with several seeds and report its accuracy, or what else its task measures: mean and standard deviation over the seeds.

Usage: python benchmarks/lessons.py [--write] [LESSON ...]; `--write` writes the results into each file's header.
"""

import json
import math
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from machine import in_words

from deepcli.api.teaching import copy_lessons
from deepcli.data.files import Sources
from deepcli.errors import TrainingError
from deepcli.experiment.load import load
from deepcli.run.reporter import NullReporter
from deepcli.system.tensorflow_startup import import_tensorflow

LESSONS = Path(__file__).parent.parent / "deepcli" / "lessons"
SEEDS = range(5)


def outcome(path: Path) -> str:
    """Train a lesson with every seed and return the results as one line."""
    import_tensorflow()
    from deepcli.training.context import TrainOptions
    from deepcli.training.train import train

    train_scores, test_scores, seconds, diverged, name = [], [], [], 0, "accuracy"
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            experiment = load([copy_lessons([path.stem], Path(folder))[0]], [f"seed={seed}"]).experiment
            began = time.monotonic()
            try:
                result = train(
                    experiment, experiment.data.load(Sources()), TrainOptions(Path(folder) / "run"), NullReporter()
                )
            except TrainingError:
                diverged += 1
                continue
        seconds.append(time.monotonic() - began)
        name = next(one for one in result.metrics["test"] if one != "loss")
        factor = 100 if name == "accuracy" else 1
        train_scores.append(factor * (result.metrics["train"][name] or 0))
        test_scores.append(factor * (result.metrics["test"][name] or 0))
    if len(test_scores) < 2:
        return f"Test accuracy none: {diverged} of {len(SEEDS)} seeds diverged."
    failed = f"; {diverged} more diverged" if diverged else ""
    digits, unit = (1, " %") if name == "accuracy" else (decimals(statistics.mean(test_scores)), "")
    return (
        f"Test {name} {spread(test_scores, digits)}{unit}, training {spread(train_scores, digits)}{unit}, over "
        f"{len(test_scores)} seeds{failed}, in {max(statistics.mean(seconds), 1):.0f} s on {in_words()} after start-up."
    )


def spread(values: list[float], digits: int = 1) -> str:
    """Format mean and standard deviation."""
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def decimals(value: float) -> int:
    """Return how many decimals write a value with four digits."""
    return max(0, 3 - math.floor(math.log10(abs(value) or 1)))


def with_outcome(spec: str, line: str) -> str:
    """Put a line of results into a spec's header, in place of the previous one."""
    lines = [text for text in spec.splitlines() if not re.match(r"# Test [a-z0-9_]+ ", text)]
    first = next(index for index, text in enumerate(lines) if not text.startswith("#"))
    return "\n".join([*lines[:first], f"# {line}", *lines[first:]]) + "\n"


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    files = [Path(word) for word in words] or sorted(LESSONS.glob("*.yaml"))
    for path in files:
        line = outcome(path)
        print(json.dumps({path.stem: line}, ensure_ascii=False), flush=True)
        if "--write" in sys.argv:
            path.write_text(with_outcome(path.read_text(encoding="utf-8"), line), encoding="utf-8")


if __name__ == "__main__":
    main()
