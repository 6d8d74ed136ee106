"""`deepcli predict`."""

from __future__ import annotations

import contextlib
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepcli.cli.answers import answers, out
from deepcli.cli.options import (
    DataDir,
    DeviceName,
    Offline,
    Plugins,
    Quiet,
    RunOrCheckpoint,
    Verbose,
    reporter,
    set_verbose,
    sources,
)
from deepcli.errors import DataError, UsageError

if TYPE_CHECKING:
    from deepcli.cli.predict_output import Writer
    from deepcli.data.base import BaseDataset
    from deepcli.inputs.example import Example, Unreadable
    from deepcli.run.checkpoint.file import CheckpointFile
    from deepcli.run.reporter import Reporter

SHOWN = 5
"""How many notices of one kind are printed; further ones are only counted."""


class Notices:
    """Prints notices and errors about inputs to stderr, and counts them.

    Args:
        quiet: Print errors only.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._kinds: Counter[str] = Counter()
        self.more = self.bad = 0
        self.first = ""

    def tell(self, line: str) -> None:
        """Print a notice about an input, or only count it if there were several like it."""
        kind = re.sub(r"\d+", "", line.rpartition(": ")[2])
        self._kinds[kind] += 1
        if self._kinds[kind] > SHOWN:
            self.more += 1
        elif not self._quiet:
            print(f"notice: {line}", file=sys.stderr)

    def complain(self, line: str) -> None:
        """Print the error of an input that cannot be read."""
        self.bad += 1
        self.first = self.first or line
        print(f"error: {line}", file=sys.stderr)

    def end(self) -> None:
        """Print the number of notices that were only counted."""
        if not self._quiet and self.more:
            print(f"notice: {self.more} more notices like these", file=sys.stderr)


class Unread(DataError):
    """Some or all inputs cannot be read; each was reported on stderr, and this error may repeat the first."""

    def __init__(self, bad: int, predicted: int, first: str) -> None:
        count = (
            f"{bad} input{'s' * (bad > 1)} cannot be read, {predicted} predicted"
            if predicted
            else "none of the inputs can be read"
        )
        super().__init__(f"{count}: {first}" if first else count)
        self.exit_code = 1 if predicted else 2


@answers("deepcli.cli.json_objects:Prediction")
def predict(
    path: RunOrCheckpoint,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]...",
            help="Images, .npy or .npz files, texts, text files, tables, JSON Lines, directories, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, metavar="K", help="Show the K most likely classes.")] = 1,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Show all classes, in order of class number.")
    ] = False,
    encode: Annotated[
        bool, typer.Option("--encode", help="Give the code of each input instead; for autoencoders.")
    ] = False,
    quantile: Annotated[
        float | None,
        typer.Option(
            metavar="Q",
            help="Call errors of an autoencoder unusual above this quantile of validation; default: 0.99.",
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The table column or JSON field that contains the texts.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Treat each line of a text file as a separate text.")] = False,
    key: Annotated[str | None, typer.Option(metavar="NAME", help="The name of the array in an .npz file.")] = None,
    invert: Annotated[
        bool | None,
        typer.Option("--invert/--no-invert", help="Invert images or not; default: detect from the background."),
    ] = None,
    limits: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="LOW:HIGH",
            help="The values of black and white; default: inferred from each file, if unambiguous.",
        ),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(
            metavar="auto|none", help="Crop, scale and center drawings like those of the data set; default: auto."
        ),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(min=1, metavar="STEPS", help="Steps to forecast behind the end of a series; default: all."),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(min=1, metavar="STEPS", help="Steps from one window of a series to the next; for autoencoders."),
    ] = None,
    save_inputs: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Save each image as the model saw it, as a PNG file in a new directory."),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Targets kept in a search for a translation; default: as in the spec."),
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(min=0.0, metavar="X", help="Favor long translations; 0: the likeliest. Default: as in the spec."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line; if inputs fail, a final object reports it.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to a .jsonl or .csv file, codes also to .npy."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", help="Examples per batch.")] = 256,
    plugins: Plugins = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Predict with a run's best weights, or any checkpoint, on images, texts or arrays; one line per input.

    Each row of a table or array is a separate input. Exit code 1 if some inputs cannot be read, 2 if none can.

    Example:
    deepcli predict runs/first photo.png --top-k 3
    """
    set_verbose(verbose)
    _check_options(json, csv, fit, probabilities, top_k)
    from deepcli.api.predicting import AnswerOptions, interpreter_of, make_reader, open_model, searching
    from deepcli.cli.predict_output import format_of
    from deepcli.inputs.reading import STDIN, ReadOptions
    from deepcli.inputs.unused_options import demand_effect

    format_ = format_of(output, json, csv, encode)
    wanted = AnswerOptions(None if probabilities else top_k, encode, quantile)
    words = inputs or ([] if sys.stdin is None or sys.stdin.isatty() else [STDIN])
    if not words:
        raise UsageError("no input: give files, texts, or - for standard input")
    checkpoint, notices = open_model(path, device or "auto", plugins or ()), Notices(quiet)
    checkpoint = searching(checkpoint, beam, length_penalty, top_k > 1 or probabilities)
    options = ReadOptions(invert, key, column, lines, _limits(limits), fit, horizon, stride)
    at = partial(sources, data_dir, offline, quiet)
    reader = make_reader(checkpoint, words, options, at, notices.tell, notices.complain)
    keep = _keeper(save_inputs, checkpoint.experiment.data)
    demand_effect(options, words)
    writer = format_(interpreter_of(checkpoint.experiment, wanted), reader.has_times)
    if 0 < (classes := checkpoint.experiment.signature.classes) < top_k:
        notices.tell(f"--top-k: the model has only {classes} classes; all are shown")
    predicted = _answer(checkpoint, reader.read(words), batch_size, writer, output, keep, reporter(quiet))
    notices.end()
    if not predicted and not notices.bad:
        raise DataError("the input is empty")
    if notices.bad:
        raise Unread(notices.bad, predicted, notices.first if json else "")


def _check_options(json: bool, csv: bool, fit: str | None, probabilities: bool, top_k: int) -> None:
    """Check that options do not exclude each other.

    Raises:
        UsageError: Two do, or one has an unknown value.
    """
    if json and csv:
        raise UsageError("--json and --csv: choose one")
    if fit not in (None, "auto", "none"):
        raise UsageError(f"--fit: should be auto or none, not {fit!r}")
    if probabilities and top_k > 1:
        raise UsageError("--probabilities and --top-k: choose one")


def _answer(
    checkpoint: CheckpointFile,
    inputs: Iterator[Example | Unreadable],
    batch_size: int,
    writer: Writer,
    output: Path | None,
    keep: Callable[[Example], None],
    shown: Reporter,
) -> int:
    """Predict and write batch by batch; return the number of predictions."""
    from deepcli.api.predicting import answered, head_of
    from deepcli.inputs.example import Example

    head, predicted = head_of(inputs), 0
    if not head or not isinstance(head[-1], Example):
        if output is None:
            writer.write_errors(out(), head)
        return 0
    with contextlib.ExitStack() as after, _opened(output, writer):
        after.callback(shown.end)
        shown.doing("loading the model")
        for batch, outputs in answered(checkpoint, head, inputs, batch_size, writer.answers):
            shown.end()
            for one in batch:
                if isinstance(one, Example):
                    keep(one)
            writer.write(batch, outputs)
            predicted += len(outputs)
    return predicted


def _limits(text: str | None) -> tuple[float, float] | None:
    """Parse LOW:HIGH.

    Raises:
        UsageError: The text has another form.
    """
    if text is None:
        return None
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        low = high = 0.0
    if not -math.inf < low < high < math.inf:
        raise UsageError(f"--range: should be LOW:HIGH, the values of black and white, such as 0:1, not {text!r}")
    return low, high


def _keeper(folder: Path | None, data: BaseDataset) -> Callable[[Example], None]:
    """Return a function that saves images as the model sees them; it does nothing if there is no folder.

    Raises:
        UsageError: The folder cannot be used, or the model's inputs are not images.
    """
    if folder is None:
        return lambda example: None
    if data.signature.kind != "image":
        raise UsageError(f"--save-inputs: has no effect; a model of {data.type} reads texts, not images")
    from deepcli.inputs.saved_images import InputFolder

    return InputFolder(folder).save


@contextlib.contextmanager
def _opened(output: Path | None, writer: Writer) -> Iterator[Writer]:
    from deepcli.system.atomic import replacing

    if output is None:
        writer.begin(out())
        yield writer
        return
    how: dict[str, str] = {} if "b" in writer.MODE else {"encoding": "utf-8", "newline": ""}
    with replacing(output) as temporary, temporary.open(writer.MODE, **how) as file:  # type: ignore[call-overload]
        writer.begin(file)
        yield writer
        writer.end()
