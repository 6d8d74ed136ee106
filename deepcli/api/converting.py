"""Export of a checkpoint's model to a format of other programs: what `deepcli export` and `Run.export` have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.trained_data import read_data
from deepcli.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from deepcli.data.files import Sources
    from deepcli.data.lexicon import Lexicon
    from deepcli.evaluation.calibration import TemperatureFit
    from deepcli.experiment.schema import Experiment
    from deepcli.export.exporting import Verdict
    from deepcli.formats import Format
    from deepcli.run.checkpoint.file import CheckpointFile
    from deepcli.run.reporter import Reporter


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and how.

    Attributes:
        path: A run directory, or a checkpoint file.
        format: A format, as `deepcli list formats` names it.
        output: The directory to write; None: `export/FORMAT` in the run.
        length: Token ids of a text, where the format fixes it.
        verify: Whether to run the export on real examples and compare.
        tolerance: The largest difference that counts as equal.
        words: Other data to verify or calibrate with than the model was trained on, like `data.path=NEW`.
        calibrate: Whether to fit a temperature on the validation split and put it into the model.
    """

    path: Path
    format: str
    output: Path | None = None
    length: int | None = None
    verify: bool = False
    tolerance: float = 1e-4
    words: tuple[str, ...] = ()
    calibrate: bool = False


@dataclass(frozen=True)
class ExportedModel:
    """A model that was written for other programs.

    Attributes:
        format: Its format.
        folder: The directory that was written.
        file: The model in it.
        verdict: How it compares with the original on real examples; None if it was not verified.
        tolerance: The largest difference that counts as equal.
        calibration: The temperature in the model, with its interval; None if it was not calibrated.
    """

    format: str
    folder: Path
    file: Path
    verdict: Verdict | None = None
    tolerance: float = 1e-4
    calibration: TemperatureFit | None = None

    @property
    def problem(self) -> TrainingError | None:
        """The error to raise if the export differs from the original; None if it does not, or was not verified."""
        if self.verdict is None or self.verdict.difference <= self.tolerance:
            return None
        unit = f" {self.verdict.unit}" if self.verdict.unit else ""
        return TrainingError(
            f"the export's outputs differ by {self.verdict.difference:.2g}{unit}, more than {self.tolerance:g} (--tolerance)"
        )


def run_export(
    request: ExportRequest, at: Callable[[], Sources], reporter: Reporter, plugins: Sequence[str] = ()
) -> ExportedModel:
    """Write the model in float32, with its preprocessing and a `usage.py`.

    Raises:
        DeepcliError: The format is not known or not installed, or something cannot be read or written; see `Run.export`.
    """
    try:
        return _exported(request, at, reporter, plugins)
    finally:
        reporter.end()


def _exported(
    request: ExportRequest, at: Callable[[], Sources], reporter: Reporter, plugins: Sequence[str]
) -> ExportedModel:
    from deepcli.experiment.other_data import demand_data_words
    from deepcli.run.checkpoint import file as checkpoints
    from deepcli.spec.plugins import import_plugins
    from deepcli.tasks.choices import Choices

    chosen = _format(request.format)
    chosen.demand()
    import_plugins(plugins)
    demand_data_words(request.words)
    choices = Choices(calibrate=request.calibrate)
    if request.words and not (request.verify or request.calibrate):
        raise UsageError(f"{request.words[0]}: has no effect without --verify or --calibrate")
    file, run = checkpoints.find(request.path)
    checkpoint = checkpoints.with_device(checkpoints.open_checkpoint(file, request.words), "cpu")
    choices.check(checkpoint.experiment.resolved_task, checkpoint.experiment.signature)
    if request.length is not None:
        _check_length(request.length, checkpoint.experiment, chosen)
    if request.output is None and run is None:
        raise UsageError("--output: required for a checkpoint that is not in a run")
    folder = request.output or run.path / "export" / request.format  # type: ignore[union-attr]
    reads = request.verify or request.calibrate
    if reads:
        reporter.doing("reading the data")
    splits = read_data(checkpoint, run, request.words, at(), reporter)[0] if reads else None
    validation = choices.validation(splits) if splits is not None else None

    _import_tensorflow(reporter)
    from deepcli.export import exporting
    from deepcli.export.portable import load_portable
    from deepcli.training.backend import make_backend
    from deepcli.training.device import choose

    backend = make_backend(choose(checkpoint.experiment.training.model_copy(update={"backend": "auto"})))
    reporter.doing(f"writing the model for {request.format}")
    model = load_portable(checkpoint, request.length)
    if validation is not None:
        model = exporting.calibrate(checkpoint.experiment, model, backend, validation)
    exporting.write_export(checkpoint, model, chosen, _lexicon(checkpoint), folder)
    verdict = None
    if splits is not None and request.verify:
        reporter.doing("comparing the exported model with the original")
        verdict = exporting.verify(checkpoint.experiment, model, chosen, folder, backend, splits.test)
    return ExportedModel(request.format, folder, folder / chosen.file, verdict, request.tolerance, model.calibration)


def _lexicon(checkpoint: CheckpointFile) -> Lexicon | None:
    """Return the words of a model's token ids: of own texts those in its schema, as for `predict`; None if unknown."""
    from deepcli.data.files import OFFLINE
    from deepcli.data.own import OwnDataset

    data = checkpoint.experiment.data
    if not isinstance(data, OwnDataset):
        return checkpoint.lexicon()
    if data.kinds == ("text",):
        return None  # its tokens have a file of their own, as a newline may be one
    words = data.lexicon(OFFLINE)
    return words if words is not None and any(words.words) else None


def _format(name: str) -> Format:
    """Find a format by name.

    Raises:
        UsageError: The format does not exist.
    """
    from deepcli.formats import FORMATS
    from deepcli.spec.spelling import did_you_mean

    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"--format: unknown format {name!r}; {did_you_mean(name, FORMATS)}known: {known}")
    return FORMATS.select(name)


def _check_length(length: int, experiment: Experiment, format_: Format) -> None:
    """Check that a format fixes the length of texts, and that the model accepts texts of this length.

    Raises:
        UsageError: The length has no effect, or is too large.
    """
    if experiment.signature.kind != "tokens":
        read = {"image": "images", "features": "rows of numbers", "series": "series", "pairs": "pairs"}.get(
            experiment.signature.kind, "windows"
        )
        raise UsageError(f"--length: has no effect; a model of {experiment.data.type} reads {read}, not texts")
    if not format_.fixed:
        raise UsageError(f"--length: has no effect; the format {format_.type} accepts texts of any length")
    longest = experiment.signature.shape[0]
    if longest is not None and length > longest:
        raise UsageError(f"--length: should be at most {longest}, the model's longest text (data.maxlen)")


def _import_tensorflow(reporter: Reporter) -> None:
    """Import Keras on TensorFlow, which writes every format, whatever the model was trained on.

    Raises:
        UsageError: The environment or this process has Keras on another backend.
        DeviceError: TensorFlow is not installed.
    """
    from deepcli.system.backend_startup import import_backend

    named = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if named != "tensorflow":
        raise UsageError(f"deepcli export: writes models through TensorFlow, but KERAS_BACKEND is {named}; unset it")
    if (found := import_backend("tensorflow", doing=reporter.doing)) != "tensorflow":
        raise UsageError(
            f"deepcli export: writes models through TensorFlow, but this process has Keras on {found}; use a new process"
        )
