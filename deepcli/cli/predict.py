"""`deepcli predict`."""

from __future__ import annotations

import contextlib
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepcli.cli.answers import answers, out
from deepcli.cli.options import DataDir, DeviceName, Offline, Plugins, Quiet, Verbose, set_verbose, sources
from deepcli.errors import DataError, UsageError

if TYPE_CHECKING:
    from deepcli.cli.predict_output import Writer
    from deepcli.data.base import Dataset
    from deepcli.data.files import Sources
    from deepcli.data.lexicon import Lexicon
    from deepcli.inputs.example import Example, Unreadable
    from deepcli.run.checkpoint.file import CheckpointFile

SHOWN = 5
"""Notices of one kind that are printed; of more there is a count at the end."""


class Notices:
    """Tells of inputs on stderr, and counts.

    Args:
        quiet: Tell of what cannot be read only.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._kinds: Counter[str] = Counter()
        self.more = self.bad = 0
        self.first = ""

    def tell(self, line: str) -> None:
        """Tell what was done to an input."""
        kind = re.sub(r"\d+", "", line.rpartition(": ")[2])
        self._kinds[kind] += 1
        if self._kinds[kind] > SHOWN:
            self.more += 1
        elif not self._quiet:
            print(f"notice: {line}", file=sys.stderr)

    def complain(self, line: str) -> None:
        """Tell that an input cannot be read."""
        self.bad += 1
        self.first = self.first or line
        print(f"error: {line}", file=sys.stderr)

    def end(self) -> None:
        """Tell how much more there was than could be told."""
        if not self._quiet and self.more:
            print(f"notice: {self.more} more notices like these", file=sys.stderr)


class Unread(DataError):
    """Some inputs cannot be read, or none; each was named on stderr, and the first is for who reads only this."""

    def __init__(self, bad: int, predicted: int, first: str) -> None:
        count = (
            f"{bad} input{'s' * (bad > 1)} cannot be read, {predicted} predicted"
            if predicted
            else "no input can be read"
        )
        super().__init__(f"{count}: {first}" if first else count)
        self.exit_code = 1 if predicted else 2


@answers("deepcli.cli.json_objects:Prediction")
def predict(
    path: Annotated[Path, typer.Argument(metavar="RUN|CHECKPOINT", help="A run directory, or a checkpoint file.")],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]...",
            help="Pictures, .npy or .npz files, texts, text files, tables, JSON lines, folders, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, metavar="K", help="Show the K likeliest classes.")] = 1,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Show every class, in order.")] = False,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column of a table, or field of JSON, that holds the texts.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of a text file is a text of its own.")] = False,
    key: Annotated[str | None, typer.Option(metavar="NAME", help="The array of an .npz file.")] = None,
    invert: Annotated[
        bool | None,
        typer.Option("--invert/--no-invert", help="Turn bright into dark or not; default: by the picture's ground."),
    ] = None,
    limits: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="LOW:HIGH",
            help="Values of black and white; default: judged by each file, if it is clear.",
        ),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(
            metavar="auto|none", help="Cut drawings out and fit them as those of the data set were; default: auto."
        ),
    ] = None,
    save_inputs: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each image as the model saw it, a PNG each, to a new folder."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line; where inputs fail, a last one says so.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file: .jsonl or .csv.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", help="Examples at once.")] = 256,
    plugins: Plugins = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Ask a run's best weights, or any checkpoint, about pictures, texts or arrays; a line for each, as it comes.

    Each row of a table or array is an input of its own. Exit code 1 if some inputs cannot be read, 2 if none can.
    """
    set_verbose(verbose)
    if json and csv:
        raise UsageError("--json and --csv: choose one")
    if fit not in (None, "auto", "none"):
        raise UsageError(f"--fit: should be auto or none, not {fit!r}")
    if probabilities and top_k > 1:
        raise UsageError("--probabilities and --top-k: choose one")
    from deepcli.cli.predict_output import format_of
    from deepcli.inputs.example import Example
    from deepcli.inputs.reading import STDIN, ReadOptions, reader_for
    from deepcli.inputs.unused_options import demand_effect
    from deepcli.run.checkpoint import file as checkpoints
    from deepcli.spec.plugins import import_plugins

    format_ = format_of(output, json, csv)
    words = inputs or ([] if sys.stdin is None or sys.stdin.isatty() else [STDIN])
    if not words:
        raise UsageError("nothing to predict: name files, or texts, or - for standard input")
    import_plugins(plugins or [])
    file, _ = checkpoints.find(path)
    checkpoint = checkpoints.with_device(checkpoints.open_checkpoint(file), device or "auto")
    experiment, notices = checkpoint.experiment, Notices(quiet)
    lexicon = _lexicon(checkpoint, words, sources(data_dir, offline, quiet), notices)
    options = ReadOptions(invert, key, column, lines, _limits(limits), fit)
    reader = reader_for(experiment.data, lexicon, options, notices.tell, notices.complain)
    keep = _keeper(save_inputs, experiment.data)
    demand_effect(options, words)
    if top_k > experiment.signature.classes:
        notices.tell(f"--top-k: the model has {experiment.signature.classes} classes, and all are shown")
    inputs_read, writer = reader.read(words), format_(experiment, None if probabilities else top_k)
    head = _head(inputs_read)  # before TensorFlow is imported: what cannot be read at all is told of at once
    predicted = 0
    if head and isinstance(head[-1], Example):
        from itertools import chain

        from deepcli.training.evaluate import load_model
        from deepcli.training.predict import predict

        with _opened(output, writer):
            for batch, outputs in predict(load_model(checkpoint), chain(head, inputs_read), batch_size):
                for one in batch:
                    if isinstance(one, Example):
                        keep(one)
                writer.write(batch, outputs)
                predicted += len(outputs)
    elif output is None:
        writer.write_errors(out(), head)
    notices.end()
    if not predicted and not notices.bad:
        raise DataError("there is nothing in the input")
    if notices.bad:
        raise Unread(notices.bad, predicted, notices.first if json else "")


def _head(inputs: Iterator[Example | Unreadable]) -> list[Example | Unreadable]:
    """Read up to the first example."""
    from deepcli.inputs.example import Example

    head: list[Example | Unreadable] = []
    while not (head and isinstance(head[-1], Example)) and (one := next(inputs, None)) is not None:
        head.append(one)
    return head


def _limits(text: str | None) -> tuple[float, float] | None:
    """Read LOW:HIGH.

    Raises:
        UsageError: It is something else.
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


def _keeper(folder: Path | None, data: Dataset) -> Callable[[Example], None]:
    """Give what keeps an image as the model sees it, or does nothing.

    Raises:
        UsageError: The folder cannot be used, or the model does not see images.
    """
    if folder is None:
        return lambda example: None
    if data.signature.kind != "image":
        raise UsageError(f"--save-inputs: means nothing to a model of {data.type}")
    from deepcli.inputs.saved_images import InputFolder

    return InputFolder(folder).save


def _lexicon(checkpoint: CheckpointFile, words: list[str], sources: Sources, notices: Notices) -> Lexicon | None:
    """Find the words that a text model knows: in the checkpoint, or where its data set's are.

    Raises:
        DataError: They are nowhere to be had, and there are more inputs than arrays of ids.
    """
    from deepcli.inputs.arrays import SUFFIXES

    data = checkpoint.experiment.data
    if data.signature.kind != "tokens" or all(word.lower().endswith(SUFFIXES) for word in words):
        return None
    if (own := checkpoint.lexicon()) is not None:
        return own
    found = data.lexicon(sources)
    if found is not None:
        notices.tell(f"{checkpoint.path} holds no words; those of the data set {data.type} on this machine are taken")
    return found


@contextlib.contextmanager
def _opened(output: Path | None, writer: Writer) -> Iterator[Writer]:
    from deepcli.system.atomic import replacing

    if output is None:
        writer.begin(out())
        yield writer
        return
    with replacing(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer.begin(file)
        yield writer
