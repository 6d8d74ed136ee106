"""What `precision: auto`, `jit_compile: auto` and `steps_per_execution: auto` rest on: one epoch's step, each way.

For every family's config on MNIST and IMDB it times steps after the first ones have traced and compiled, each setting
in a process of its own, all settings in turn. `--json FILE` keeps the figures with the machine they were taken on;
those behind the present choices are in `benchmarks/results/`.

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


def milliseconds(config: Path, words: list[str]) -> float:
    """Time a step, in this process."""
    from deepcli import loading
    from deepcli.data.files import Sources
    from deepcli.engine.backend import TensorFlowBackend
    from deepcli.engine.build import build_model, compile_model
    from deepcli.engine.device import choose
    from deepcli.engine.plan import make_plan

    experiment = loading.load([config], ["training.precision=float32", *words]).experiment
    splits = experiment.data.load(Sources(Path(os.environ["DEEPCLI_DATA_DIR"]), offline=True))
    device = choose(experiment.training)
    plan = make_plan(experiment, splits, device)
    per_call = plan.steps_per_execution.value
    backend = TensorFlowBackend(device.strategy)
    model = build_model(experiment, plan.precision.value)
    compile_model(model, experiment, plan.order.steps, jit=plan.jit.value, steps_per_execution=per_call)
    calls = max(STEPS // per_call, 1)
    batches = backend.batches(splits.train, plan.order, None).epoch(0, 0, per_call * (calls + WARM_UP_CALLS))
    for _ in range(WARM_UP_CALLS):
        backend.take_steps(model, batches)
    began = time.perf_counter()
    for _ in range(calls):
        backend.take_steps(model, batches)
    return 1000 * (time.perf_counter() - began) / (calls * per_call)


def measure(config: Path, setting: str) -> float:
    """Time a step in a process of its own."""
    command = [sys.executable, __file__, "--one", setting, str(config)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{config}, {setting}: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", type=Path)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", choices=SETTINGS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(milliseconds(options.configs[0], SETTINGS[options.one]))
        return

    if "DEEPCLI_DATA_DIR" not in os.environ:
        raise SystemExit("set DEEPCLI_DATA_DIR to a folder with mnist.npz and imdb.npz")
    configs = options.configs or sorted(path for kind in ("mnist", "imdb") for path in (CONFIGS / kind).glob("*.yaml"))
    results = {}
    print(f"median milliseconds a step of {options.times} processes each")
    for config in configs:
        # Batches of tokens differ in length, and XLA would compile for each.
        settings = [name for name in SETTINGS if name != "jit_compile" or config.parent.name != "imdb"]
        times: dict[str, list[float]] = {name: [] for name in settings}
        for _ in range(options.times):
            for name in settings:
                times[name].append(measure(config, name))
        name = f"{config.parent.name}/{config.stem}"
        results[name] = times
        figures = "  ".join(f"{setting} {statistics.median(values):.1f}" for setting, values in times.items())
        print(f"{name:<20} {figures}", flush=True)
    if options.json:
        kept = {**describe(), "milliseconds_a_step": results}
        options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
