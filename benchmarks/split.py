"""Write which examples a spec trains on and which it holds out, as positions in the official split (`.npz`).

Usage: python benchmarks/split.py SPEC OUT [OVERRIDE ...]
"""

import sys
from pathlib import Path

import numpy as np

from deepcli.data.files import Sources
from deepcli.experiment.load import load


def main() -> None:
    spec, out, *overrides = sys.argv[1:]
    splits = load([Path(spec)], overrides).experiment.data.load(Sources(offline=True))
    np.savez(out, train=splits.train.ids, validation=splits["validation"].ids)


if __name__ == "__main__":
    main()
