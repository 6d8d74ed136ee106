"""The JSON objects of commands that neither train nor sweep; their keys are a stable interface for scripts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepcli.result import Answer

Status = Literal["completed", "failed", "interrupted"]


class Nested(BaseModel):
    """A part of a JSON object; keys may be added to it without a new schema version."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_serialization_defaults_required=True)


class Pair(Nested):
    """How a run compares with the first run on the test split."""

    run: str = Field(description="The run's name.")
    error: str | None = Field(None, description="Why the two runs cannot be compared; null if they can.")
    verdict: str | None = Field(
        None, description="The verdict on this run, such as `better`; null if the runs cannot be compared."
    )


class SeedComparison(Nested):
    """How a spec compares with the first run's spec, seed by seed."""

    against: list[str] = Field(description="The runs of the first spec.")
    runs: list[str] = Field(description="The runs of the other spec.")
    seeds: list[int] = Field(description="The seeds that both were trained with.")
    verdict: str = Field(description="The verdict on the other spec, such as `better`.")


class GroupFigures(Nested):
    """A figure of a group of runs: over seeds, and of each seed."""

    mean: float | None = Field(description="Mean over the seeds; null if a run lacks the figure.")
    standard_deviation: float | None = Field(description="Standard deviation over the seeds; null for a single seed.")
    by_seed: dict[str, float] = Field(description="The figure of each seed.")


class SeedGroup(Nested):
    """Runs of one spec with several seeds."""

    name: str = Field(description="The group, as named on the command line.")
    runs: list[str] = Field(description="The runs, in the order of their seeds.")
    seeds: list[int] = Field(description="Their seeds.")
    test: GroupFigures = Field(description="The score on the test split.")
    validation: GroupFigures = Field(description="`validation_figure` on the validation split.")


class GroupsCompared(Nested):
    """How a second spec compares with a first one, each trained with several seeds."""

    score: str = Field(description="The score that names the result of the task, such as accuracy.")
    validation_figure: str = Field(description="What `validation` holds: that score, or loss if it was not measured.")
    first: SeedGroup = Field(description="The runs of the first spec.")
    second: SeedGroup = Field(description="The runs of the second spec, from --with.")
    pairing: Literal["paired", "welch"] = Field(description="Whether runs of equal seeds are compared in pairs.")
    seeds: list[int] = Field(description="The seeds that are paired; empty if none are.")
    better: Literal["max", "min"] = Field(description="Whether more or less of the score is better.")
    difference: float = Field(description="Difference between the mean scores: second minus first.")
    interval: tuple[float, float] | None = Field(
        description="Its 95 % interval over seeds (t); null if the seeds cannot give one."
    )
    p_value: float | None = Field(description="P-value of the t test over seeds; null if there is no interval.")
    verdict: str = Field(description="better, worse, within noise, or why the seeds cannot decide.")
    seeds_needed: int | None = Field(
        description="Seeds of each spec that would show a difference of this size with 80 % power at the 5 % level; null for "
        "more than 1000, or if there is no interval."
    )
    few: bool = Field(description="Whether there are fewer than 5 seeds, so that spread and seeds_needed are rough.")
    examples: int = Field(description="Number of test examples.")
    examples_interval: tuple[float, float] | None = Field(
        description="95 % bootstrap interval of the difference over test examples, for these trained models."
    )


class Compared(Answer):
    """Runs compared with the first of them."""

    model_config = ConfigDict(title="deepcli compare")

    command: Literal["compare"] = Field(description="The command that ran.")
    status: Status = Field(description="How the command ended.")
    runs: list[str] = Field([], description="The runs' names, in the order given.")
    changed: dict[str, list[Any]] = Field(
        {}, description="By dotted key, the fields in which the specs differ: one value per run."
    )
    metrics: dict[str, list[float | None]] = Field(
        {}, description="By name: one value per run; null for a run without it."
    )
    against: str | None = Field(None, description="The run that the others are compared with.")
    alpha: float | None = Field(
        None, description="The significance level for p-values, which are adjusted for all comparisons."
    )
    pairs: list[Pair] = Field([], description="How each run except the first compares with the first.")
    over_seeds: list[SeedComparison] = Field([], description="How specs that were trained with the same seeds compare.")
    groups: GroupsCompared | None = Field(
        None, description="The comparison of two groups of runs; null without --with."
    )


class Verified(Nested):
    """The result of running an exported model on test examples."""

    examples: int = Field(description="Number of examples.")
    difference: float = Field(description="Largest difference between the outputs of the export and of the model.")
    ok: bool = Field(description="Whether the difference is within --tolerance.")
    accuracy: float | None = Field(None, description="Accuracy of the export; null for tasks without one.")
    accuracy_change: float | None = Field(None, description="That accuracy minus that of the model.")
    unit: str = Field(
        "", description="What the difference is in, such as standard deviations; empty for outputs as they are."
    )


class Calibrated(Nested):
    """The temperature that is in an exported model."""

    temperature: float = Field(description="What logits are divided by; above 1 if the model was too confident.")
    interval: tuple[float, float] | None = Field(description="Its 95 % interval over validation examples.")
    validation_examples: int = Field(description="Validation examples that it was fitted on.")
    caveat: str | None = Field(description="Why it is not to be relied on; null if nothing is known.")


class Exported(Answer):
    """A model exported for other programs."""

    model_config = ConfigDict(title="deepcli export")

    command: Literal["export"] = Field(description="The command that ran.")
    status: Status = Field(description="How the command ended.")
    format: str | None = Field(None, description="The export format.")
    export: str | None = Field(None, description="The directory that was written.")
    file: str | None = Field(None, description="The model file in that directory.")
    calibrated: Calibrated | None = Field(None, description="The temperature of --calibrate; null without it.")
    verified: Verified | None = Field(None, description="The result of --verify; null without it.")


class ListedRun(Nested):
    """One run."""

    run: str = Field(description="The run directory.")
    status: str = Field(description="completed, failed, running, unfinished or damaged.")
    epochs: int | None = Field(description="Epochs trained so far.")
    best_epoch: int | None = Field(description="The epoch of the best weights, counted from 1.")
    seconds: float | None = Field(description="Wall time of the command that finished it, in seconds.")
    started: str | None = Field(description="When it began, as in 2026-01-31T08:15:00+00:00.")
    planned: int | None = Field(None, description="Epochs that it is to have.")
    seconds_left: float | None = Field(
        None,
        description="Estimated time to its end at the pace of its epochs; null if it does not train or is too new.",
    )
    metrics: dict[str, float | None] = Field(description="By name, such as val_loss or test_accuracy.")
    changed: dict[str, Any] = Field(description="By dotted key: the fields in which the listed runs differ.")


class Runs(Answer):
    """The runs in some directories."""

    model_config = ConfigDict(title="deepcli runs")

    command: Literal["runs"] = Field(description="The command that ran.")
    status: Literal["completed", "running", "failed", "interrupted"] = Field(
        description="How the command ended; running: with --watch, one of its objects, and more may follow."
    )
    event: Literal["running", "began", "resumed", "epoch", "ended", "removed"] | None = Field(
        None, description="With --watch: what happened to the run in `runs`; running: it was already training."
    )
    runs: list[ListedRun] = Field([], description="The runs, in the requested order.")


class SpecValue(Nested):
    """A value of a run's spec."""

    key: str = Field(description="Its dotted key.")
    value: Any = Field(description="The value; a list as JSON.")
    origin: str = Field(description="Where it was written, such as config.yaml:3:5, command line or default.")
    decided: str | None = Field(description="What the run made of auto, and why; null for other values.")


class Origins(Answer):
    """Where values of a run's spec came from."""

    model_config = ConfigDict(title="deepcli why")

    command: Literal["why"] = Field(description="The command that ran.")
    status: Status = Field(description="How the command ended.")
    values: list[SpecValue] = Field([], description="The values, in the order of the spec.")


class DifferingBits(Nested):
    """A part of two runs that differs."""

    part: str = Field(description="What differs, such as `last weights` or `history`.")
    name: str = Field(description="What in it: a column, a metric, or the first array.")
    first: Any = Field(description="The value in the first run; null for arrays.")
    second: Any = Field(description="The value in the second run; null for arrays.")
    epoch: int | None = Field(
        description="The first epoch that differs, counted from 1; null if it is not of an epoch."
    )
    largest: float | None = Field(description="The largest difference between numbers of arrays; null otherwise.")
    arrays: tuple[int, int] | None = Field(description="How many arrays differ, and of how many; null otherwise.")


class ChangedEnvironment(Nested):
    """Something on which bits depend, and which differs."""

    name: str = Field(description="What it is, such as `threads` or `tensorflow`.")
    then: str = Field(description="What it was when the run was trained.")
    now: str = Field(description="What it is now.")
    known: bool = Field(description="Whether it is known to differ; false if the run did not record it.")


class SpreadFound(Nested):
    """Whether a difference is one that is to be expected."""

    method: Literal["seeds", "examples"] = Field(
        description="seeds: runs of the spec with other seeds beside the run; examples: a paired test of the predictions."
    )
    score: str = Field(description="The score that names the result of the task, such as accuracy.")
    then: float = Field(description="Its value on the test split when the run was trained.")
    now: float = Field(description="Its value now.")
    interval: tuple[float, float] | None = Field(
        description="With seeds, the 95 % prediction interval of one more run; null for examples."
    )
    seeds: int = Field(description="Number of seeds, that of the run included; 0 for examples.")
    within: bool = Field(description="Whether the difference is within it.")
    text: str = Field(description="The same in words.")


class Reproduced(Answer):
    """A run trained anew, compared with itself."""

    model_config = ConfigDict(title="deepcli reproduce")

    command: Literal["reproduce"] = Field(description="The command that ran.")
    status: Status = Field(
        description="completed if the run is reproduced, to the bit or within the spread; else failed."
    )
    run: str | None = Field(None, description="The run.")
    reproduction: str | None = Field(None, description="The directory of the new run; null if it was removed.")
    epochs: int | None = Field(None, description="How many epochs were trained and compared; null for all.")
    equal: bool | None = Field(None, description="Whether everything that was compared is the same to the bit.")
    verdict: Literal["equal", "within spread", "beyond spread", "unknown spread", "unexplained"] | None = Field(
        None, description="What it means; unexplained: nothing that was recorded differs, but results do."
    )
    compared: list[str] = Field([], description="The parts that were compared.")
    not_compared: list[str] = Field([], description="Parts that one of the runs does not have.")
    differences: list[DifferingBits] = Field([], description="The parts that differ.")
    environment: list[ChangedEnvironment] = Field([], description="What else differs, on which bits depend.")
    spread: SpreadFound | None = Field(None, description="Whether the difference is expected; null if it is not known.")
    seconds: float | None = Field(None, description="Wall time of the command, in seconds.")


class KilledAt(Nested):
    """A place where a run was killed, and from where it was resumed."""

    kind: Literal["step", "validation", "saving"] = Field(
        description="After a step, in validation, or while a checkpoint was written."
    )
    epoch: int = Field(description="The epoch, counted from 1.")
    step: int = Field(description="Steps of this epoch.")
    nth: int = Field(description="Which of the moments of this kind from there on, counted from 1.")
    file: str = Field(description="The checkpoint that was written; empty for other kinds.")
    text: str = Field(description="All of it in words.")
    resumed_epoch: int | None = Field(description="Epoch of the checkpoint that it was resumed from; null for none.")
    resumed_step: int | None = Field(description="Steps of this epoch in that checkpoint; null for none.")


class ResumeVerified(Answer):
    """A run that was killed and resumed, compared with one that was not."""

    model_config = ConfigDict(title="deepcli verify-resume")

    command: Literal["verify-resume"] = Field(description="The command that ran.")
    status: Status = Field(description="completed if the run was resumed and is the same to the bit; else failed.")
    name: str | None = Field(None, description="The experiment's name.")
    seed: int | None = Field(None, description="The seed of the places.")
    verdict: Literal["equal", "differs", "not repeatable", "not resumed", "failed"] | None = Field(
        None, description="What was found; not repeatable: two runs without kills differ, too."
    )
    kills: list[KilledAt] = Field([], description="The kills, in order.")
    compared: list[str] = Field([], description="The parts that were compared.")
    differences: list[DifferingBits] = Field([], description="The parts that differ; `first` is without kills.")
    repeatable: bool | None = Field(None, description="Whether two runs without kills are equal; null if not tried.")
    folder: str | None = Field(None, description="Where the runs are; null if they were removed.")
    seconds: float | None = Field(None, description="Wall time of the command, in seconds.")


class ListedComponent(Nested):
    """A component that a spec can name, a section of a spec, or a score."""

    type: str = Field(description="The component's name, or the section's path.")
    kind: str = Field(description="Its kind, such as models; `sections` for a section.")
    doc: str = Field(description="Its documentation.")
    example: str = Field(description="A section of a spec, or a command, to copy.")
    fields: list[dict[str, Any]] = Field(description="Its fields: name, type, default, description, depth and absent.")


class Listing(Answer):
    """The components that a spec can name: every kind with its names, or the entries of one kind."""

    model_config = ConfigDict(title="deepcli list")

    command: Literal["list"] = Field(description="The command that ran.")
    status: Status = Field(description="How the command ended.")
    kinds: dict[str, list[str]] | None = Field(None, description="By kind: the names; null if one kind was requested.")
    origins: dict[str, dict[str, str]] = Field(
        {}, description="By kind and name: the package or file of each component that comes from a plugin."
    )
    kind: str | None = Field(None, description="The kind of all entries; null if there are none, or of several kinds.")
    entries: list[ListedComponent] | None = Field(
        None, description="All entries of a kind, or those of the requested name."
    )


class CheckedFile(Nested):
    """The problems and notices of one spec file."""

    file: str = Field(description="The file, as given.")
    valid: bool = Field(description="Whether the file is valid.")
    problems: list[dict[str, str]] = Field(description="Each with `where` (file:line:column), `path` and `message`.")
    notices: list[str] = Field(description="Notices, which do not make the file invalid.")


class Validated(Answer):
    """Spec files, each checked on its own."""

    model_config = ConfigDict(title="deepcli validate")

    command: Literal["validate"] = Field(description="The command that ran.")
    status: Status = Field(description="completed if every file is valid, else failed.")
    files: list[CheckedFile] = Field([], description="The files, in the order given.")


class Examined(Answer):
    """The state of this machine, and whether training works on it."""

    model_config = ConfigDict(title="deepcli doctor")

    command: Literal["doctor"] = Field(description="The command that ran.")
    status: Status = Field(description="failed if something is broken.")
    versions: dict[str, str | None] = Field({}, description="By package: its version; null if it is missing.")
    extras: dict[str, str | None] = Field({}, description="By extra: its version; null if it is not installed.")
    machine: dict[str, Any] = Field({}, description="System, processor, memory and free disk.")
    data: dict[str, dict[str, Any]] = Field({}, description="By data set: whether it is on this machine, and where.")
    backend: dict[str, Any] | None = Field(
        None, description="The backend that is used (`value`; null if there is none), and why (`why`)."
    )
    backends: dict[str, dict[str, Any]] = Field(
        {},
        description="By backend that is installed: whether it can be used (`ok`; null if that was not tried), the `error` if not, "
        "and of those that are not used what training a small network gave.",
    )
    tensorflow: dict[str, Any] | None = Field(
        None, description="What `backends` has of TensorFlow; null if it is not installed."
    )
    device: dict[str, Any] | None = Field(None, description="The device that is used, and why.")
    precision: dict[str, Any] | None = Field(None, description="Which precisions are fast, and why.")
    check: dict[str, Any] | None = Field(
        None, description="Whether training a small network works (`ok`); null with --no-check."
    )


class Likely(Nested):
    """A class with the model's output for it."""

    label: int = Field(alias="class", description="The class number.")
    name: str = Field(description="The class's name.")
    probability: float | None = Field(None, description="Its probability.")
    output: float | None = Field(None, description="The model's output, if it is not a probability.")


class ForecastStep(Nested):
    """A step of a forecast."""

    time: str = Field(description="Its time, or its number where times are not known.")
    values: dict[str, float] = Field(description="Each target by name; with quantiles as `name_0.9`.")


class Prediction(Nested):
    """A line of `predict`: one input and its answer: a class, a level, labels, numbers, a forecast, a text, an error or a code."""

    model_config = ConfigDict(title="deepcli predict")

    input: str = Field(description="The file and the position in it, or the beginning of a text.")
    first: str | None = Field(None, description="The first time of a window of a series; for reconstruction.")
    last: str | None = Field(None, description="The last time of that window.")
    label: int | None = Field(None, alias="class", description="The number of the class or level.")
    name: str | None = Field(None, description="The name of the class or level.")
    probability: float | None = Field(None, description="Its probability.")
    output: float | None = Field(None, description="The model's output, if it is not a probability.")
    labels: list[str] | None = Field(None, description="The labels that are given; for multilabel.")
    probabilities: dict[str, float] | None = Field(None, description="The probability of each label; for multilabel.")
    values: dict[str, float] | None = Field(None, description="Each number by name; for regression.")
    forecast: list[ForecastStep] | None = Field(None, description="Each step after the end of a series.")
    error: float | None = Field(None, description="The mean squared error of its reconstruction.")
    threshold: float | None = Field(None, description="The error from which it is unusual; null without validation.")
    unusual: bool | None = Field(None, description="Whether the error is above the threshold.")
    code: list[float] | None = Field(None, description="The code, with --encode.")
    translation: str | None = Field(None, description="What the model wrote; for sequence_to_sequence.")
    log_probability: float | None = Field(None, description="The natural logarithm of its probability.")
    classes: list[Likely] = Field([], description="Most likely first with --top-k; in order with --probabilities.")


class DataProblem(Nested):
    """Something found in data."""

    code: str = Field(description="A short name of the kind of problem, such as `overlap`.")
    severity: Literal["error", "warning", "note"] = Field(
        description="error: data that cannot be used; warning: results become doubtful; note: worth knowing."
    )
    where: str = Field(description="The file or folder, with line or column if there is one.")
    text: str = Field(description="What was found, and what to do about it.")
    places: list[str] = Field([], description="Each place, at most 1,000; equal examples are joined by ` = `.")


class Baselines(Answer):
    """Models that learn in seconds, scored on the test split."""

    model_config = ConfigDict(title="deepcli baseline")

    command: Literal["baseline"] = Field(description="The command that ran.")
    status: Status = Field(description="How the command ended.")
    name: str | None = Field(None, description="The spec's name.")
    run: str | None = Field(None, description="The run directory; null for a spec or data.")
    headline: str | None = Field(None, description="The score that names the result of the task.")
    baselines: dict[str, dict[str, float | None]] = Field(
        {}, description="By baseline, then by score; NaN is null. Those that need no inputs come first."
    )
    seconds: dict[str, float] = Field({}, description="By baseline, how long it learned.")
    notes: dict[str, list[str]] = Field({}, description="By baseline, what is worth knowing.")
    verdicts: dict[str, str] = Field(
        {}, description="By baseline, how the run's network compares with it, such as `better`; empty without a run."
    )


class TextWritten(Nested):
    """A text that a language model wrote."""

    text: str = Field(description="What follows the prompt.")
    tokens: int = Field(description="Tokens that were drawn.")
    stopped: bool = Field(description="Whether it ended before a text of --stop.")


class Generated(Answer):
    """Texts that a language model wrote."""

    model_config = ConfigDict(title="deepcli generate")

    command: Literal["generate"] = Field(description="The command that ran.")
    status: Status = Field(description="How the command ended.")
    checkpoint: str | None = Field(None, description="The checkpoint.")
    prompt: str | None = Field(None, description="The text that is continued.")
    seed: int | None = Field(None, description="The seed.")
    texts: list[TextWritten] = Field([], description="The texts, in order.")
    seconds: float | None = Field(None, description="Wall time of the whole command, in seconds.")


class MemoryNeeded(Nested):
    """Bytes of memory that training takes."""

    weights: int = Field(description="Parameters.")
    gradients: int = Field(description="Gradients of the trained parameters.")
    optimizer: int = Field(description="What the optimizer keeps.")
    activations: int = Field(description="The outputs of all layers for a batch; of texts, of the longest.")
    data: int = Field(description="The three splits.")
    process: int = Field(description="The whole process after a few steps, measured.")
    available: int = Field(description="What the process may use.")


class TimeNeeded(Nested):
    """Seconds that training takes on this machine, from a few measured steps."""

    step: float = Field(description="A training step.")
    epoch: float = Field(description="An epoch, with validation and checkpoints.")
    starting: float = Field(description="From the beginning to the first epoch, with compiling.")
    evaluation: float = Field(description="The final evaluation.")
    run: float = Field(description="The whole run, if nothing stops it early.")


class DiskNeeded(Nested):
    """Bytes on disk."""

    checkpoint: int = Field(description="One checkpoint.")
    checkpoints: int = Field(description="Number of checkpoints in the finished run.")
    cache: int = Field(description="What these data have in deepcli's cache.")


class Costed(Answer):
    """What a run would cost: `train --dry-run` and `show --cost`."""

    model_config = ConfigDict(title="deepcli cost")

    command: Literal["train", "show"] = Field(description="The command that ran.")
    status: Status = Field(description="How the command ended.")
    name: str | None = Field(None, description="The spec's name.")
    device: str | None = Field(None, description="The device that was measured: cpu, gpu or gpu:N.")
    precision: str | None = Field(None, description="Keras's dtype policy.")
    parameters: int | None = Field(None, description="All parameters.")
    trainable: int | None = Field(None, description="The parameters that train.")
    batch_size: int | None = Field(None, description="Examples of a step.")
    steps_per_epoch: int | None = Field(None, description="Steps of an epoch.")
    epochs: int | None = Field(None, description="Epochs of the run; with --budget, those that fit.")
    flops_example: int | None = Field(
        None, description="Floating-point operations of one prediction: matrix products and convolutions."
    )
    flops_step: int | None = Field(None, description="Those of a training step: three passes of a batch.")
    memory: MemoryNeeded | None = Field(None, description="Bytes of memory.")
    seconds: TimeNeeded | None = Field(None, description="Seconds.")
    disk: DiskNeeded | None = Field(None, description="Bytes on disk.")


class SanityCheck(Nested):
    """What a check of a spec found."""

    check: str = Field(description="The check's name, such as `initial loss`.")
    status: Literal["ok", "failed", "skipped"] = Field(description="How it ended.")
    text: str = Field(description="The figure, in words.")
    advice: str = Field("", description="What to do if it failed; empty if it did not.")
    figures: dict[str, Any] = Field({}, description="The figures by name, which depend on the check.")


class SanityChecked(Answer):
    """Whether a spec can learn, by checks on a few of its examples."""

    model_config = ConfigDict(title="deepcli sanity")

    command: Literal["sanity"] = Field(description="The command that ran.")
    status: Status = Field(description="failed if a check failed.")
    name: str | None = Field(None, description="The spec's name.")
    settings: str | None = Field(None, description="Model, data, examples, device and precision, in words.")
    checks: list[SanityCheck] = Field([], description="Each check, in order.")
    seconds: float | None = Field(None, description="How long the checks took.")


class RateCurve(Nested):
    """The range test of a seed."""

    seed: int = Field(description="The seed.")
    losses: list[float | None] = Field(
        description="The loss after the update with each rate, until training diverged; null if not finite."
    )
    proposal: float | None = Field(description="The rate that this seed alone proposes; null if there is none.")


class RateFound(Answer):
    """The learning rate that a range test proposes."""

    model_config = ConfigDict(title="deepcli find_lr")

    command: Literal["find lr"] = Field(description="The command that ran.")
    status: Status = Field(description="failed if there is no clear proposal.")
    name: str | None = Field(None, description="The spec's name.")
    settings: str | None = Field(
        None, description="Model, data, batch size, optimizer, device and precision, in words."
    )
    key: str | None = Field(None, description="The field of the spec that holds the rate.")
    current: float | None = Field(None, description="The spec's own rate.")
    proposal: float | None = Field(None, description="The rate that is proposed; null if there is no clear one.")
    override: str | None = Field(None, description="What to write behind a spec to use it.")
    unclear: str | None = Field(None, description="Why there is no clear proposal; empty if there is one.")
    steepest: float | None = Field(None, description="The rate at which the loss falls most steeply.")
    lowest: float | None = Field(None, description="The rate at which it is lowest; above it, it grows.")
    rates: list[float] = Field([], description="The rates, rising.")
    losses: list[float] = Field([], description="The mean loss of the seeds at each rate, cut off after divergence.")
    smoothed: list[float] = Field([], description="The same, smoothed.")
    curves: list[RateCurve] = Field([], description="The curve of each seed.")
    output: str | None = Field(None, description="The file of the picture; null without --output.")
    seconds: float | None = Field(None, description="How long it took.")


class BatchSizeMeasured(Nested):
    """A batch size that was trained with."""

    batch_size: int = Field(description="Examples of a step.")
    steps: int = Field(description="Steps of an epoch.")
    steps_per_second: float = Field(description="Training steps a second.")
    examples_per_second: float = Field(description="Examples a second.")
    standard_error: float = Field(description="Standard error of `examples_per_second`, over blocks of steps.")
    epoch_seconds: float = Field(description="Seconds of an epoch's steps, without validation and checkpoints.")
    memory: int = Field(description="Bytes at the peak: of the whole process, or on a GPU of the GPU's memory.")
    blocks: int = Field(description="Blocks of steps that were measured.")


class BatchSizeFound(Answer):
    """The fastest batch size, and the largest that fits into memory."""

    model_config = ConfigDict(title="deepcli find_batch_size")

    command: Literal["find batch_size"] = Field(description="The command that ran.")
    status: Status = Field(description="How the command ended.")
    name: str | None = Field(None, description="The spec's name.")
    settings: str | None = Field(None, description="Model, data, device and precision, in words.")
    batch_size: int | None = Field(None, description="The spec's own batch size.")
    sizes: list[BatchSizeMeasured] = Field([], description="The sizes that fit, rising.")
    fastest: int | None = Field(None, description="The smallest size that is as fast as any, within noise.")
    largest: int | None = Field(None, description="The largest size that was tried and fits.")
    limit: Literal["training split", "memory", "time", "option"] | None = Field(
        None, description="Why no larger size was tried; `time` if a step would take too long, `option` for --to."
    )
    reason: str | None = Field(None, description="The same in words.")
    override: str | None = Field(None, description="What to write behind a spec to use the fastest size.")
    seconds: float | None = Field(None, description="How long it took.")


class LookedAt(Answer):
    """Data, as they were found: what they hold, and their problems."""

    model_config = ConfigDict(title="deepcli data")

    command: Literal["data"] = Field(description="The command that ran.")
    status: Status = Field(description="failed with --strict and any error or warning.")
    source: str | None = Field(None, description="Where the data are.")
    type: str | None = Field(None, description="The type of the data set, such as `table`.")
    kind: Literal["image", "tokens", "features", "text"] | None = Field(None, description="What inputs are.")
    shape: list[int | None] = Field(
        [],
        description="Shape of an input as models take it; null for any size. Empty if the data cannot be trained on.",
    )
    layout: dict[str, Any] = Field({}, description="How files were read: delimiter, encoding, header and others.")
    target_kind: Literal["classes", "labels", "numbers", "levels", "tokens", "inputs"] | None = Field(
        None, description="What is predicted."
    )
    target: list[str] = Field([], description="The columns that hold the target; empty for folders and arrays.")
    target_reason: str | None = Field(None, description="Why the target is of this kind.")
    counts: dict[str, int] = Field({}, description="Number of examples by split.")
    division: str | None = Field(None, description="How examples are divided into splits.")
    classes: list[dict[str, Any]] = Field([], description="Each class, level or label: `name`, `counts`, `total`.")
    numbers: list[dict[str, Any]] = Field(
        [], description="Each predicted number: `name`, `low`, `high`, `mean`, `median`, `spread`."
    )
    simplest: dict[str, Any] | None = Field(
        None, description="Always the most frequent class, or the mean: `answer`, `measure`, and `scores` by split."
    )
    pictures: dict[str, Any] | None = Field(None, description="Sizes and modes of the files of pictures.")
    texts: dict[str, Any] | None = Field(None, description="Lengths in tokens, maxlen, and unknown words by split.")
    columns: list[dict[str, Any]] = Field(
        [], description="Each column: name, type, part, reason, missing, different, low, high, frequent."
    )
    examples: list[dict[str, str]] = Field([], description="A few examples: `where`, `split`, `target`, `input`.")
    problems: list[DataProblem] = Field([], description="Errors, then warnings, then notes.")
    labels: dict[str, Any] | None = Field(
        None, description="Likely wrong labels among held-out examples; null if no run was looked at."
    )
    running: dict[str, Any] | None = Field(
        None, description="Length, tokens, frequent tokens, and unknown and repeated shares of a running text."
    )
    samples: str | None = Field(None, description="The PNG file of --samples; null without it.")
