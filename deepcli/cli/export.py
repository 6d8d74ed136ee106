"""`deepcli export`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import (
    DataDir,
    Json,
    Offline,
    Plugins,
    Quiet,
    RunOrCheckpoint,
    Verbose,
    reporter,
    set_verbose,
    sources,
)
from deepcli.cli.unused_options import refuse

if TYPE_CHECKING:
    from deepcli.api.converting import ExportedModel


def _formats(incomplete: str) -> list[str]:
    from deepcli.formats import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


@answers("deepcli.cli.json_objects:Exported")
def export(
    context: typer.Context,
    path: RunOrCheckpoint,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[data.KEY=VALUE]...",
            help="Verify or calibrate on other data, such as data.path=NEW.",
            show_default=False,
        ),
    ] = None,
    *,
    format: Annotated[
        str, typer.Option("--format", help="keras, savedmodel, onnx or litert.", autocompletion=_formats)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="The directory to write; default: export/FORMAT in the run."
        ),
    ] = None,
    length: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Length of each text in token ids, for formats that fix it.")
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Fit a temperature on validation and put it into the model.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Run the export on test examples and compare.")] = False,
    tolerance: Annotated[
        float, typer.Option(min=0, help="The largest difference in outputs that --verify accepts.")
    ] = 1e-4,
    plugins: Plugins = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Export a run's best weights for other programs: a float32 model with its preprocessing, and a usage.py.

    Example:
    deepcli export runs/first --format keras --verify
    """
    set_verbose(verbose)
    if not verify:
        refuse(context, "without --verify", "--tolerance")
    from deepcli.api.converting import ExportRequest, run_export

    request = ExportRequest(path, format, output, length, verify, tolerance, tuple(words or ()), calibrate)
    exported = run_export(request, partial(sources, data_dir, offline, quiet), reporter(quiet), plugins or ())
    wrong = exported.problem
    if json:
        from deepcli.cli.json_objects import Exported

        end = {"status": "failed", "error": str(wrong)} if wrong else {"status": "completed"}
        emit(Exported.model_validate({"command": "export", **_object(exported), **end}))
    else:
        _print(_object(exported), quiet)
    if wrong:
        raise wrong


def _object(exported: ExportedModel) -> dict[str, Any]:
    """Return the JSON object of an export, without its status."""
    told: dict[str, Any] = {"format": exported.format, "export": str(exported.folder), "file": str(exported.file)}
    if fit := exported.calibration:
        told["calibrated"] = {
            "temperature": fit.temperature, "interval": fit.interval, "validation_examples": fit.examples,
            "caveat": fit.caveat,
        }  # fmt: skip
    if exported.verdict is None:
        return told
    figures = {name: value for name, value in vars(exported.verdict).items() if value not in (None, "")}
    return {**told, "verified": {**figures, "ok": exported.problem is None}}


def _print(told: dict[str, Any], quiet: bool) -> None:
    if fit := told.get("calibrated"):
        from deepcli.cli.decision_lines import temperature_lines

        for line in temperature_lines(fit["temperature"], fit["interval"], fit["validation_examples"], fit["caveat"]):
            print(line)
    if verified := told.get("verified"):
        unit = f" {verified['unit']}" if "unit" in verified else ""
        accuracy = ""
        if "accuracy" in verified:
            accuracy = (
                f", accuracy {verified['accuracy']:.4f} ({verified['accuracy_change']:+.4f} against the model itself)"
            )
        print(
            f"on {verified['examples']} test examples: largest difference {verified['difference']:.2g}{unit}{accuracy}"
        )
    print(told["file"])
    if not quiet:
        print(f"notice: {told['export']}/usage.py shows how to use it", file=sys.stderr)
