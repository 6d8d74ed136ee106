"""A process that trains, or goes on, and says after each step how far it is: python -m tests.torture.runner SPEC RUN."""

import os
import sys
from pathlib import Path

from deepcli.errors import DeepcliError
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from tests.torture.runs import begin, go_on


class Steps(NullReporter):
    """Writes a byte a step to stdout; a pipe keeps what was written by a process that is no more."""

    def due(self):
        os.write(1, b".")
        return False


def main(spec: Path, output: Path) -> int:
    reporter = Steps()
    try:
        if output.exists():
            with RunDir.open(output).owned():
                go_on(output, reporter=reporter)
        else:
            begin(spec, [], output, reporter=reporter)
    except DeepcliError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
