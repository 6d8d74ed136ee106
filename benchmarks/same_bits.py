"""Trains each family for a few steps and digests every figure and weight, to show that a change left the bits alone.

`python benchmarks/same_bits.py --output before.json` on one state of the code, `… --against before.json` on another, on
the same machine. Families of token models need imdb.npz in DEEPCLI_DATA_DIR.
"""

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

IMAGES = ["data=digits", "data.limit=600"]
TOKENS = ["data=imdb", "data.limit=600", "data.maxlen=60"]
CASES = {
    **{f"digits {family}": [*IMAGES, f"model={family}"] for family in ("mlp", "cnn", "rnn", "lstm", "gru", "transformer")},
    **{f"imdb {family}": [*TOKENS, f"model={family}"] for family in ("mlp", "cnn", "rnn", "lstm", "gru", "transformer", "ngram")},
    "digits ngram": [*IMAGES, "model=ngram"],
    "digits sequential": [*IMAGES, "model={type: sequential, layers: [{type: conv2d, filters: 8}, max_pooling2d, flatten, {type: dense, units: 10}]}"],
    "dropout and augmentation": [*IMAGES, "model=cnn", "model.regularization.dropout=0.3", "data.augmentation={rotation: 0.05, zoom: 0.1}"],
    "average and accumulation": [*IMAGES, "model=mlp", "optimizer.use_ema=true", "optimizer.gradient_accumulation_steps=2"],
    "plateau and early stopping": [*IMAGES, "model=mlp", "schedule={type: reduce_on_plateau, patience: 1}", "training.early_stopping={patience: 1}"],
    "mixed precision": [*IMAGES, "model=cnn", "training.precision=mixed_bfloat16"],
}  # fmt: skip


def digest(run: Path) -> dict[str, str]:
    """Digest a run: its history without times, its metrics, its predictions, and the arrays of its last checkpoint."""
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]
    result = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    with np.load(run / "predictions-test.npz") as predictions:
        predicted = [(name, predictions[name].tobytes()) for name in sorted(predictions)]
    with zipfile.ZipFile(run / "checkpoints" / "last.keras") as archive:
        weights = archive.read("model.weights.h5")
    texts = {
        "history": repr(rows).encode(),
        "metrics": repr(result["metrics"]).encode(),
        "predictions": repr(predicted).encode(),
        "weights": weights_of(weights),
    }
    return {name: hashlib.sha256(text).hexdigest()[:16] for name, text in texts.items()}


def weights_of(content: bytes) -> bytes:
    """Give every array of an HDF5 file with its name, in order; the file's own bytes hold times."""
    import io

    import h5py

    arrays = []
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(
            lambda name, item: arrays.append((name, item[()].tobytes())) if isinstance(item, h5py.Dataset) else None
        )
    return repr(sorted(arrays)).encode()


def measured(words: list[str], folder: Path) -> dict[str, str]:
    """Train one case in a process of its own and digest it."""
    (folder / "spec.yaml").write_text("data: digits\nmodel: mlp\n", encoding="utf-8")
    shared = ["data.batch_size=50", "training.epochs=3", "training.threads=2", "seed=3"]
    command = [
        sys.executable,
        "-m",
        "deepcli",
        "train",
        str(folder / "spec.yaml"),
        *words,
        *shared,
        "-o",
        str(folder / "run"),
        "--quiet",
    ]
    subprocess.run(command, check=True)
    return digest(folder / "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="write the digests to this file")
    parser.add_argument(
        "--against", type=Path, help="compare with the digests in this file; exit with 1 if any differs"
    )
    wanted = parser.parse_args()
    before = json.loads(wanted.against.read_text(encoding="utf-8")) if wanted.against else {}
    digests, different = {}, 0
    for name, words in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            digests[name] = measured(words, Path(folder))
        changed = [part for part, value in digests[name].items() if before and before[name][part] != value]
        different += bool(changed)
        print(
            f"{name:28} {'differs: ' + ', '.join(changed) if changed else 'the same' if before else 'measured'}",
            flush=True,
        )
    if wanted.output:
        wanted.output.write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(different > 0)


if __name__ == "__main__":
    main()
