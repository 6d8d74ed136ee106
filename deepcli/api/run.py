"""`deepcli.Run`: a trained run, or a checkpoint, for programs and notebooks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepcli.api.data_sources import data_sources
from deepcli.api.display import data_frame, html_lines, summary
from deepcli.api.loading import plugin_names
from deepcli.api.slow_work import reach_of
from deepcli.api.warned import WarningReporter, warn
from deepcli.errors import DeepcliError, RunError
from deepcli.system.reach import reaching

if TYPE_CHECKING:
    import keras

    from deepcli.api.converting import ExportedModel
    from deepcli.api.generating import GeneratedText
    from deepcli.api.loading import PluginFiles
    from deepcli.api.predicting import Predicted
    from deepcli.evaluation.predictions_base import AnyPredictions
    from deepcli.experiment.schema import Experiment
    from deepcli.result import Result
    from deepcli.run.checkpoint.file import CheckpointFile
    from deepcli.run.directory import RunDir
    from deepcli.run.loaded import LoadedRun
    from deepcli.training.evaluate import LoadedModel


class Run:
    """A run directory, or a checkpoint file, of deepcli.

    Everything is read when it is asked for, so that a run that is being trained shows how far it is.

    Args:
        path: A run directory, or `latest` for the run in `runs` that began last. A checkpoint file can be evaluated, predicted with and exported; if it is in a run, the
            rest is that run's.
        plugins: Python files or modules that register components of the spec. They are imported, which runs their code.
        device: Where to compute: `auto`, `cpu`, `gpu` or `gpu:N`.

    Attributes:
        path: As given.

    Raises:
        RunError: The directory is not a run.
        CheckpointError: The file does not exist.
        UsageError: A plugin cannot be imported.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        plugins: PluginFiles = (),
        device: str = "auto",
    ) -> None:
        from deepcli.run.checkpoint.file import find
        from deepcli.run.directory import RunDir
        from deepcli.run.latest import run_path
        from deepcli.spec.plugins import import_plugins

        self.path = run_path(Path(path))
        self._device = device
        self._model: tuple[tuple[int, int, int], CheckpointFile, LoadedModel] | None = None
        import_plugins(plugin_names(plugins))
        self._run = RunDir.open(self.path) if self.path.is_dir() else find(self.path)[1]

    @property
    def spec(self) -> Experiment:
        """The spec, every default in it."""
        from deepcli.run.checkpoint.file import open_checkpoint

        return open_checkpoint(self.path).experiment if self._run is None else self._loaded().experiment

    @property
    def result(self) -> Result | None:
        """How the run ended, with epochs, time and device; None if it has not ended."""
        return self._own_run().result()

    @property
    def metrics(self) -> dict[str, dict[str, float | None]]:
        """The metrics of the best epoch by split, then by name; empty until the run has ended."""
        result = self.result
        return {split: dict(metrics) for split, metrics in result.metrics.items()} if result else {}

    @property
    def history(self) -> Any:
        """The learning curves: columns by name, with one number an epoch. If pandas is installed, a DataFrame."""
        return data_frame(self._loaded().columns)

    def predictions(self, split: str = "test") -> AnyPredictions:
        """Read what the best weights predicted for a split, beside the labels.

        Raises:
            RunError: The run has no predictions of that split yet; `evaluate` writes them.
            DataError: They are damaged.
        """
        from deepcli.api.evaluating import check_split

        check_split(split)
        return self._loaded().predictions(split)

    def model(self) -> keras.Model:
        """Build the Keras model with the best weights; averaged ones, if those were validated."""
        return self._loaded_model()[1].model

    def predict(
        self,
        inputs: Any,
        *,
        top_k: int = 1,
        encode: bool = False,
        quantile: float | None = None,
        batch_size: int = 256,
        skip: bool = False,
        invert: bool | None = None,
        limits: tuple[float, float] | None = None,
        fit: str | None = None,
        column: str | None = None,
        lines: bool = False,
        key: str | None = None,
        beam: int | None = None,
        length_penalty: float | None = None,
        stride: int | None = None,
    ) -> list[Predicted]:
        """Predict the classes of new images, texts or arrays; or write the targets of new inputs of pairs.

        Args:
            inputs: One or many of: paths of files or folders, texts, images of Pillow's, arrays of one or many
                examples, lists of token ids. They are read as `deepcli predict` reads them.
            top_k: How many classes each answer gives, most likely first.
            encode: Whether to give the codes of an autoencoder, which are in `values`.
            quantile: The share of the validation examples whose reconstruction error is not unusual; default: 0.99.
            batch_size: Examples at once.
            skip: Whether an input that cannot be read is left out with a warning; default: DataError.
            invert: Whether to invert images; default: detect from the background.
            limits: The values of black and white in images; default: detect from each file.
            fit: `none` leaves drawings as they are; default: cut them out and fit them as the data set's were.
            column: The column of a table, or field of JSON, that holds the texts.
            lines: Whether each line of a text file is one text.
            key: The array of an `.npz` file.
            beam: Unfinished targets that a model of pairs keeps of each input; default: as in its spec.
            length_penalty: How much it favours long targets; default: as in its spec.
            stride: Steps from one window of a series to the next, for autoencoders; default: as many as a window has.

        Returns:
            One answer for each example, in order: `label`, `name`, `probability`, `input` and `top`.

        Raises:
            DataError: An input cannot be read.
            UsageError: The model has no use for an argument.
        """
        from dataclasses import replace

        from deepcli.api.predicting import AnswerOptions, make_reader, predict_values, searching
        from deepcli.inputs.in_memory import listed
        from deepcli.inputs.reading import ReadOptions

        checkpoint, loaded = self._loaded_model()
        checkpoint = searching(checkpoint, beam, length_penalty, top_k > 1)
        loaded = replace(loaded, experiment=checkpoint.experiment)
        unreadable: list[str] = []
        options = ReadOptions(invert, key, column, lines, limits, fit, stride=stride)
        values = listed(inputs, loaded.experiment.signature.shape)
        reader = make_reader(checkpoint, list(values.values()), options, data_sources, warn, unreadable.append)
        return predict_values(
            loaded, reader, values, AnswerOptions(top_k, encode, quantile), batch_size, unreadable, skip
        )

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        number: int = 1,
        stop: Sequence[str] = (),
        unknown: Literal["error", "skip"] = "error",
    ) -> list[GeneratedText]:
        """Continue a text with a language model.

        Args:
            prompt: The text to continue; empty begins as after an empty line.
            length: Tokens to write at most.
            temperature: Below 1 is likelier and duller; 0 always takes the likeliest token.
            top_k: Draw among this number of the likeliest tokens; None for all.
            top_p: Draw among the likeliest tokens with this probability together; None for all.
            seed: Equal seeds give equal texts.
            number: Number of texts.
            stop: A text ends before any of these.
            unknown: For characters or words of the prompt that training lacks: `error`, or `skip` them.

        Returns:
            The texts: `text` is what follows the prompt, `tokens` the number of tokens, `stopped` whether a stop ended it.

        Raises:
            UsageError: The model is not a language model, or an argument has no meaning.
            DataError: The prompt has tokens that training lacks.
        """
        from deepcli.api.generating import GenerateRequest, generate

        request = GenerateRequest(prompt, length, temperature, top_k, top_p, seed, number, tuple(stop), unknown)
        request.check()
        return [stream.whole() for stream in generate(self._loaded_model()[1], request)]

    def evaluate(
        self,
        split: str = "test",
        *,
        threshold: float | Literal["best-f1"] | None = None,
        calibrate: bool = False,
        batch_size: int | None = None,
        output: str | os.PathLike[str] | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        offline: bool | None = None,
        **data: Any,
    ) -> Result:
        """Evaluate on one split: every score with its interval, each class, and the confusion matrix.

        Predictions of a run's best weights on its own data are kept in the run, where `predictions` reads them.

        Args:
            split: test, validation or train.
            threshold: The probability from which the second of two classes, or each label, is answered; `best-f1`: that with
                the best F1 on the validation split. `Result.threshold` says which it was.
            calibrate: Whether to fit a temperature on the validation split; `Result.calibration` says what it changes.
            batch_size: Examples at once; it changes memory and time, not the metrics.
            output: Where to write the predictions and the result, too: a file.npz, a file.json or a directory.
            data_dir: A folder with data files; default: `DEEPCLI_DATA_DIR`.
            offline: Whether downloads are forbidden; default: `DEEPCLI_OFFLINE`.
            data: Other data than the model was trained on, like `path="new"`.

        Raises:
            DataError: The data cannot be read, or are not those of the training although none are named.
            UsageError: The split does not exist, or a threshold or temperature makes no sense for the task.
        """
        from deepcli.api.evaluating import EvaluateRequest, run_evaluation

        words, target = data_words(data), None if output is None else Path(output)
        request = EvaluateRequest(
            self.path, split, words, batch_size, target, self._device, time.monotonic(), threshold, calibrate
        )
        with reaching(reach_of(offline, progress=False)):
            return run_evaluation(request, partial(data_sources, data_dir, offline), WarningReporter())[0]

    def plot(
        self,
        output: str | os.PathLike[str] | None = None,
        format: Literal["png", "svg"] = "png",
        split: str = "test",
    ) -> list[Path]:
        """Plot learning curves, confusion matrix and calibration, each to a file.

        Args:
            output: A directory for the files; default: the run.
            format: png or svg.
            split: Whose predictions: test, validation or train.

        Raises:
            RunError: The run has no epochs yet, or no predictions of that split.
        """
        from deepcli.api.plotting import write_plots

        folder = self._own_run().path if output is None else Path(output)
        return list(write_plots(self._loaded(), folder, format, split, warn))

    def report(self, output: str | os.PathLike[str] | None = None) -> Path:
        """Write the run as one HTML page that needs no other file; default: `report.html` in the run.

        Raises:
            RunError: The history is damaged.
            TrainingError: The page cannot be written.
        """
        from deepcli.api.run_pages import PAGE
        from deepcli.reports.html import write_report

        page = self._own_run().path / PAGE if output is None else Path(output)
        write_report(self._loaded(), page)
        return page

    def export(
        self,
        format: str,
        output: str | os.PathLike[str] | None = None,
        *,
        calibrate: bool = False,
        verify: bool = False,
        tolerance: float = 1e-4,
        length: int | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        offline: bool | None = None,
        **data: Any,
    ) -> ExportedModel:
        """Write the model for other programs, in float32, with its preprocessing and a `usage.py`.

        Args:
            format: keras, savedmodel, onnx or litert.
            output: The directory to write; default: `export/FORMAT` in the run.
            calibrate: Whether to fit a temperature on the validation split and put it into the model.
            verify: Whether to run the export on real examples and compare.
            tolerance: The largest difference that counts as equal.
            length: Token ids of a text, where the format fixes it.
            data_dir: A folder with data files; default: `DEEPCLI_DATA_DIR`.
            offline: Whether downloads are forbidden; default: `DEEPCLI_OFFLINE`.
            data: Other data to verify or calibrate with than the model was trained on, like `path="new"`.

        Raises:
            UsageError: The format is not known, what it needs is not installed, or the task has no temperature.
            DataError: The data cannot be read, or determine no temperature.
            TrainingError: It cannot be written, or differs from the original by more than the tolerance.
        """
        from deepcli.api.converting import ExportRequest, run_export

        target = None if output is None else Path(output)
        request = ExportRequest(self.path, format, target, length, verify, tolerance, data_words(data), calibrate)
        with reaching(reach_of(offline, progress=False)):
            exported = run_export(request, partial(data_sources, data_dir, offline), WarningReporter())
        if exported.problem is not None:
            raise exported.problem
        return exported

    def __repr__(self) -> str:
        """Show the path and how the run ended."""
        try:
            return f"<Run {self.path}: {summary(self._run)}>"
        except DeepcliError:
            return f"<Run {self.path}>"

    def _repr_html_(self) -> str:
        """Show metrics and learning curves in a notebook; everything in them is escaped."""
        from deepcli.reports.html import fragment

        try:
            return fragment(self._loaded())
        except DeepcliError as error:
            return html_lines(repr(self), str(error))

    def _own_run(self) -> RunDir:
        """Return the run's directory.

        Raises:
            RunError: This is a checkpoint outside a run.
        """
        if self._run is None:
            raise RunError(
                f"{self.path} is a checkpoint that is not in a run, which alone has results, history and predictions"
            )
        return self._run

    def _loaded(self) -> LoadedRun:
        from deepcli.run.loaded import LoadedRun

        return LoadedRun.read(self._own_run().path)

    def _loaded_model(self) -> tuple[CheckpointFile, LoadedModel]:
        """Load the model, unless the file is still the one that it was loaded from."""
        from deepcli.run.checkpoint.file import find, open_checkpoint, with_device

        file = find(self.path)[0]
        facts = file.stat()
        mark = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        if self._model is None or self._model[0] != mark:
            from deepcli.system.backend_startup import import_backend

            checkpoint = with_device(open_checkpoint(file), self._device)
            import_backend(preferred=checkpoint.experiment.training.backend)
            from deepcli.training.evaluate import load_model

            self._model = mark, checkpoint, load_model(checkpoint)
        return self._model[1:]


def data_words(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Write keyword arguments as the command line names other data, like `data.path="new"`."""
    return tuple(f"data.{name}={json.dumps(value, default=os.fspath)}" for name, value in data.items())
