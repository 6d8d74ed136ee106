"""Is the rate worth something that `deepcli find lr` proposes? Train at it, at a tenth of it, and at ten times it.

For each config and optimizer the table has the proposal, then the best validation loss of short runs at the three rates: the
mean over seeds with its standard error. The proposal is good if its loss is the best, or within two standard errors of the
best. Validation losses only; the test split is not looked at.

Usage: python benchmarks/find_lr.py [CONFIG]... [--optimizers sgd adam] [--epochs 8] [--seeds 2] [--json FILE]
"""

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path

CONFIGS = [
    Path(__file__).parent.parent / "configs" / "digits" / f"{name}.yaml"
    for name in ("mlp", "cnn", "lstm", "transformer")
]
FACTORS = (0.1, 1.0, 10.0)
FLOOR = 0.01
"""Loss below which two runs count as equally good: nearly every validation example is right, and sure."""


def trained(config: Path, words: list[str], seeds: int, epochs: int) -> list[float]:
    """Return the best validation loss of a run with each seed; a run that diverges has an infinite one."""
    import deepcli

    losses = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            try:
                more = [f"seed={seed}", f"training.epochs={epochs}", "training.early_stopping=null"]
                run = deepcli.train(config, *words, *more, output=f"{folder}/run", progress=False)
                losses.append(min((loss for loss in run.history["val_loss"] if math.isfinite(loss)), default=math.inf))
            except deepcli.TrainingError:
                losses.append(math.inf)
    return losses


def verdict(found: dict[float, list[float]]) -> str:
    """Say whether the loss at the proposal is the best, within noise of the best, or which rate is better."""
    means = {factor: statistics.mean(losses) for factor, losses in found.items()}
    best = min(means, key=lambda factor: means[factor])
    if best == 1.0:
        return "best"
    error = math.hypot(*(_error(found[factor]) for factor in (1.0, best)))
    if means[1.0] - means[best] <= max(2 * error, FLOOR):
        return "within noise"
    return f"{best:g} times is better"


def _error(losses: list[float]) -> float:
    return (
        statistics.stdev(losses) / math.sqrt(len(losses))
        if len(losses) > 1 and all(map(math.isfinite, losses))
        else 0.0
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", type=Path, default=CONFIGS)
    parser.add_argument("--optimizers", nargs="+", default=["sgd", "adam"])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    import deepcli

    rows = []
    print(f"{'validation loss':<22}{'proposal':>9}{'a tenth':>16}{'the proposal':>16}{'ten times':>16}  verdict")
    for config in options.configs:
        for optimizer in options.optimizers:
            found = deepcli.find_learning_rate(config, f"optimizer={optimizer}")
            row = {"config": str(config), "optimizer": optimizer, "proposal": found.proposal, "unclear": found.unclear}
            name = f"{config.parent.name}/{config.stem} {optimizer}"
            if found.proposal is None:
                print(f"{name:<22}{'none':>9}  {found.unclear}", flush=True)
                rows.append(row)
                continue
            losses = {
                factor: trained(
                    config,
                    [f"optimizer={optimizer}", f"optimizer.learning_rate={factor * found.proposal}"],
                    options.seeds,
                    options.epochs,
                )
                for factor in FACTORS
            }
            shown = "".join(f"{f'{statistics.mean(one):.3f} ± {_error(one):.3f}':>16}" for one in losses.values())
            print(f"{name:<22}{found.proposal:>9.2g}{shown}  {verdict(losses)}", flush=True)
            rows.append(
                {**row, "losses": {str(factor): one for factor, one in losses.items()}, "verdict": verdict(losses)}
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
