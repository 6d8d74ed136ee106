"""`deepcli why`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import Json, run_named


@answers("deepcli.cli.json_objects:Origins")
def why(
    path: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory.", show_default=False, callback=run_named)
    ],
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="[KEY]",
            help="A field or a section, such as optimizer.learning_rate; default: all values that were set.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show where a value of a run's spec came from: a file and its line, the command line, a sweep, or a default.

    What a run decided itself, such as the precision, is shown with the reason.

    Example:
    deepcli why runs/first optimizer.learning_rate
    """
    from deepcli.cli.fitting_tables import LONGEST, print_rows, shortened
    from deepcli.run.value_origins import value_origins

    found = value_origins(path, key)
    if json:
        from deepcli.cli.json_objects import Origins

        emit(
            Origins.model_validate({"command": "why", "status": "completed", "values": [asdict(one) for one in found]})
        )
        return
    values = ["null" if one.value is None else str(one.value) for one in found]
    rows = [[one.key, shortened(value, LONGEST), one.origin] for one, value in zip(found, values, strict=True)]
    print_rows(["field", "value", "from"], rows)
    for one in found:
        if one.decided:
            print(f"{one.key}: {one.value} became {one.decided}")
