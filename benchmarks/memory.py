"""Compare the peak memory of the MNIST conv net with that of the same model in plain Keras (comparison `memory`).

Usage: DEEPCLI_DATA_DIR=... python benchmarks/memory.py [TIMES]
"""

import sys

from compare import main

if __name__ == "__main__":
    sys.exit(main(["memory", *(["--times", sys.argv[1]] if len(sys.argv) > 1 else [])]))
