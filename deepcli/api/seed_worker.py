"""The process that trains one seed for `train --seeds`.

It calls what `deepcli train` calls, so that the run has the same bits as one that is trained alone.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from deepcli.api.training import run_training
from deepcli.api.worker_serving import LineReporter, asked_in, serve


def _train(request: dict[str, Any], reporter: LineReporter) -> Any:
    return json.loads(run_training(*asked_in(request), reporter).to_json())


if __name__ == "__main__":
    sys.exit(serve(_train))
