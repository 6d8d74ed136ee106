"""Time `deepcli train` from the command to the end of its first step, compared with `import tensorflow` alone.

The first run of each does not count, so that the caches of the operating system and of deepcli are warm.

Usage: DEEPCLI_DATA_DIR=... python benchmarks/first_step.py [TIMES]
"""

import os
import sys
import tempfile
from pathlib import Path

from measure import DEEPCLI, in_turn, spread

HERE = Path(__file__).parent
IMPORT = [sys.executable, "-c", "import tensorflow"]
CONFIGS = {"digits/cnn": None, "mnist/cnn": "mnist.npz", "imdb/lstm": "imdb.npz"}


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    data = Path(os.environ.get("DEEPCLI_DATA_DIR", Path.home() / ".keras" / "datasets"))
    print(
        f"median [smallest, largest] of {times} whole processes in turn; the target is at most 2 s more than the import"
    )
    print(f"{'config':<12}{'':<6}{'to the end of step 1':<24}{'import tensorflow':<24}{'difference'}")
    for config, file in CONFIGS.items():
        if file and not (data / file).is_file():
            print(f"{config:<12}skipped: no such file: {data / file}; set DEEPCLI_DATA_DIR")
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DEEPCLI_CACHE_DIR"] = f"{folder}/cache"
            spec = [str(HERE.parent / "configs" / f"{config}.yaml"), "loss=stop_after_first_step"]
            plugin = ["--plugin", str(HERE / "stop_after_first_step.py")]
            output = ["--output", f"{folder}/run", "--if-exists", "overwrite"]
            ours, imports = in_turn([DEEPCLI, "train", *spec, *plugin, *output], IMPORT, times)
        for what in ("wall", "cpu"):
            first, alone = ([getattr(used, what) for used in side] for side in (ours, imports))
            beyond = [a - b for a, b in zip(first, alone, strict=True)]
            print(f"{config:<12}{what:<6}{spread(first):<24}{spread(alone):<24}{spread(beyond)}", flush=True)


if __name__ == "__main__":
    main()
