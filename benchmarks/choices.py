"""Time a training step with each setting that `precision`, `jit_compile` and `steps_per_execution: auto` choose from.

For every family's config on MNIST and IMDB it times steps after the first ones have traced and compiled, each config in
a process of its own, all settings in turn. `--json FILE` stores the figures with a description of the machine.

Usage: DEEPCLI_DATA_DIR=... python benchmarks/choices.py [--times N] [--json FILE] [CONFIG ...]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from machine import describe

CONFIGS = Path(__file__).parent.parent / "configs"
SETTINGS = {
    "float32": [],
    "mixed_bfloat16": ["training.precision=mixed_bfloat16"],
    "jit_compile": ["training.jit_compile=true"],
    "1 step a call": ["training.steps_per_execution=1"],
    "32 steps a call": ["training.steps_per_execution=32"],
}
STEPS, WARM_UP_CALLS = 64, 3


def settings_for(config: Path) -> dict[str, list[str]]:
    """Return the settings to time: no XLA for tokens, which it would compile for each length, nor invalid specs."""
    return {
        name: words
        for name, words in SETTINGS.items()
        if name != "jit_compile" or (config.parent.name != "imdb" and accepted(config, words))
    }


def accepted(config: Path, words: list[str]) -> bool:
    """Return whether a spec is valid with these overrides."""
    from deepcli.errors import SpecError
    from deepcli.experiment import load

    try:
        load.load([config], words)
    except SpecError:
        return False
    return True


def milliseconds(config: Path) -> dict[str, float]:
    """Time a step with each setting, in this process."""
    from deepcli.data.files import Sources
    from deepcli.experiment import load
    from deepcli.system.tensorflow_startup import import_tensorflow

    import_tensorflow()
    from deepcli.training.device import choose

    experiment = load.load([config], []).experiment
    splits = experiment.data.load(Sources(Path(os.environ["DEEPCLI_DATA_DIR"]), offline=True))
    device = choose(experiment.training)
    return {name: step(config, words, splits, device) for name, words in settings_for(config).items()}


def step(config: Path, words: list[str], splits: Any, device: Any) -> float:
    """Time a step with one setting, after the first ones have traced and compiled."""
    from deepcli.experiment import load
    from deepcli.training.backend import make_backend
    from deepcli.training.ready import ready_model
    from deepcli.training.settings import make_settings

    experiment = load.load([config], ["training.precision=float32", *words]).experiment
    plan = make_settings(experiment, splits, device)
    per_call = int(plan.steps_per_execution.value)
    backend = make_backend(device)
    model = ready_model(experiment, splits, plan, backend)
    calls = max(STEPS // per_call, 1)
    batches = backend.batches(splits.train, plan.order, None)
    warming = batches.epoch(0, 0, per_call * WARM_UP_CALLS)
    for _ in range(WARM_UP_CALLS):
        backend.take_steps(model, warming)
    steps = batches.epoch(1, 0, per_call * calls)  # the same ones for each setting: texts differ in length
    began = time.perf_counter()
    for _ in range(calls):
        backend.take_steps(model, steps)
    return 1000 * (time.perf_counter() - began) / (calls * per_call)


def measure(config: Path) -> dict[str, float]:
    """Time a step with each setting, in a new process."""
    done = subprocess.run([sys.executable, __file__, "--one", str(config)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{config}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", type=Path)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(milliseconds(options.configs[0])))
        return

    if "DEEPCLI_DATA_DIR" not in os.environ:
        raise SystemExit("set DEEPCLI_DATA_DIR to a folder with mnist.npz and imdb.npz")
    configs = options.configs or sorted(path for kind in ("mnist", "imdb") for path in (CONFIGS / kind).glob("*.yaml"))
    results = {}
    print(f"median milliseconds per step, {options.times} processes")
    for config in configs:
        runs = [measure(config) for _ in range(options.times)]
        name = f"{config.parent.name}/{config.stem}"
        results[name] = {setting: [run[setting] for run in runs] for setting in runs[0]}
        figures = (f"{setting} {statistics.median(values):.1f}" for setting, values in results[name].items())
        print(f"{name:<20} {'  '.join(figures)}", flush=True)
    if options.json:
        kept = {**describe(), "milliseconds_a_step": results}
        options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
