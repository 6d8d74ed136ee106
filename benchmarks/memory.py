"""Peak memory of the MNIST conv net against the same model in plain Keras on float32 arrays.

Usage: DEEPCLI_DATA_DIR=... python benchmarks/memory.py [TIMES]
"""

import os
import sys
import tempfile
from pathlib import Path

from measure import DEEPCLI, in_turn, spread

HERE = Path(__file__).parent


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    data = Path(os.environ.get("DEEPCLI_DATA_DIR", Path.home() / ".keras" / "datasets")) / "mnist.npz"
    if not data.is_file():
        raise SystemExit(f"{data} is not there; set DEEPCLI_DATA_DIR")
    plain = [sys.executable, str(HERE / "keras_mnist_cnn.py"), str(data)]
    with tempfile.TemporaryDirectory() as folder:
        config = str(HERE.parent / "configs" / "mnist" / "cnn.yaml")
        output = ["--output", f"{folder}/run", "--if-exists", "overwrite"]
        for precision in ("auto", "float32"):
            words = [f"data.path={data}", "training.epochs=1", f"training.precision={precision}"]
            ours, theirs = in_turn([DEEPCLI, "train", config, *words, *output], plain, times)
            ratios = [a.memory / b.memory for a, b in zip(ours, theirs, strict=True)]
            mib = f"{max(used.memory for used in ours):.0f} against {max(used.memory for used in theirs):.0f} MiB"
            print(f"precision {precision:<8} peak memory, deepcli / plain Keras: {spread(ratios)}  ({mib})")


if __name__ == "__main__":
    main()
