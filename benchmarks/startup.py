"""Time the commands that do not import TensorFlow, in seconds and compared with importing their libraries alone.

Usage: python benchmarks/startup.py [TIMES]
"""

import sys
from pathlib import Path

from measure import DEEPCLI, in_turn, spread

CONFIG = str(Path(__file__).parent.parent / "configs" / "mnist" / "cnn.yaml")
LIBRARIES = [sys.executable, "-c", "import pydantic, typer, yaml, rich.table"]
COMMANDS = {
    "--help": ["--help"],
    "validate": ["validate", CONFIG],
    "list": ["list"],
    "list models": ["list", "models"],
    "show": ["show", CONFIG],
}


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"median [smallest, largest] of {times} whole processes; the target is at most 0.3 s")
    print(f"{'command':<16}{'seconds':<24}{'ratio to its libraries alone':<28}")
    for name, words in COMMANDS.items():
        ours, libraries = in_turn([DEEPCLI, *words], LIBRARIES, times)
        ratios = [a.wall / b.wall for a, b in zip(ours, libraries, strict=True)]
        print(f"{name:<16}{spread([used.wall for used in ours]):<24}{spread(ratios):<28}")


if __name__ == "__main__":
    main()
