"""`deepcli export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import DataDir, Json, Offline, Plugins, Quiet, Verbose, reporter, set_verbose, sources
from deepcli.cli.trained_data import read_data
from deepcli.cli.unused_options import refuse
from deepcli.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from deepcli.experiment.schema import Experiment
    from deepcli.formats import Format


def _formats(incomplete: str) -> list[str]:
    from deepcli.formats import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


@answers("deepcli.cli.json_objects:Exported")
def export(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="RUN|CHECKPOINT", help="A run directory, or a checkpoint file.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[data.KEY=VALUE]...",
            help="Verify on other data, such as data.path=NEW; needs --verify.",
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
    """Export a run's best weights for other programs: a float32 model with its preprocessing, and a usage.py."""
    set_verbose(verbose)
    if not verify:
        refuse(context, "without --verify", "--tolerance")
    from deepcli.experiment.other_data import demand_data_words
    from deepcli.formats import FORMATS
    from deepcli.run.checkpoint import file as checkpoints
    from deepcli.spec.plugins import import_plugins
    from deepcli.spec.registry import did_you_mean

    if format not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"--format: unknown format {format!r}; {did_you_mean(format, FORMATS)}known: {known}")
    chosen = FORMATS.select(format)
    chosen.demand()
    import_plugins(plugins or [])
    demand_data_words(words or [])
    if words and not verify:
        raise UsageError(f"{words[0]}: has no effect without --verify")
    file, run = checkpoints.find(path)
    checkpoint = checkpoints.with_device(checkpoints.open_checkpoint(file, words or []), "cpu")
    experiment = checkpoint.experiment
    if length is not None:
        _check_length(length, experiment, chosen)
    if output is None and run is None:
        raise UsageError("--output: required for a checkpoint that is not in a run")
    folder = output or run.path / "export" / format  # type: ignore[union-attr]
    at = sources(data_dir, offline, quiet)
    examples = read_data(checkpoint, run, words or [], at, reporter(quiet))[0].test if verify else None

    from deepcli.system.tensorflow_startup import import_tensorflow

    import_tensorflow()
    from deepcli.export import exporting
    from deepcli.export.portable import load_portable
    from deepcli.training.backend import make_backend
    from deepcli.training.device import choose

    backend = make_backend(choose(experiment.training))
    model = load_portable(checkpoint, length)
    exporting.write_export(checkpoint, model, chosen, checkpoint.lexicon(), folder)
    told: dict[str, Any] = {"format": format, "export": str(folder), "file": str(folder / chosen.file)}
    if examples is not None:
        verdict = exporting.verify(model, chosen, folder, backend, examples)
        told["verified"] = {**vars(verdict), "ok": verdict.difference <= tolerance}
    wrong = None
    if examples is not None and not told["verified"]["ok"]:
        wrong = TrainingError(
            f"the export's outputs differ by {verdict.difference:.2g}, more than {tolerance:g} (--tolerance)"
        )
    if json:
        from deepcli.cli.json_objects import Exported

        end = {"status": "failed", "error": str(wrong)} if wrong else {"status": "completed"}
        emit(Exported.model_validate({"command": "export", **told, **end}))
    else:
        _print(told, quiet)
    if wrong:
        raise wrong


def _check_length(length: int, experiment: Experiment, format_: Format) -> None:
    """Check that a format fixes the length of texts, and that the model accepts texts of this length.

    Raises:
        UsageError: The length has no effect, or is too large.
    """
    if experiment.signature.kind != "tokens":
        raise UsageError(f"--length: has no effect; a model of {experiment.data.type} reads images, not texts")
    if not format_.fixed:
        raise UsageError(f"--length: has no effect; the format {format_.type} accepts texts of any length")
    longest = experiment.signature.shape[0]
    if longest is not None and length > longest:
        raise UsageError(f"--length: should be at most {longest}, the model's longest text (data.maxlen)")


def _print(told: dict[str, Any], quiet: bool) -> None:
    if verified := told.get("verified"):
        print(
            f"on {verified['examples']} test examples: largest difference {verified['difference']:.2g}, "
            f"accuracy {verified['accuracy']:.4f} ({verified['accuracy_change']:+.4f} against the model itself)"
        )
    print(told["file"])
    if not quiet:
        print(f"notice: {told['export']}/usage.py shows how to use it", file=sys.stderr)
