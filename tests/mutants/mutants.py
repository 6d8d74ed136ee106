"""The faults: a file, what stands there, what is put in its place, and the tests that are asked first."""

from __future__ import annotations

from dataclasses import dataclass

TRAINING = "tests/end_to_end/test_training.py"
RESUMING = "tests/end_to_end/test_resuming.py"
OPTIM = "tests/contracts/test_optim.py"
MODELS = "tests/contracts/test_models.py"


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        name: What is wrong with it, for a report.
        file: Below `deepcli/`.
        old: Stands there exactly once.
        new: Takes its place.
        tests: Files or folders of tests that should notice.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, text: str) -> str:
        """Put the fault into the text of its file.

        Raises:
            ValueError: The place is not there, or not the only one.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} holds {self.old!r} {text.count(self.old)} times, not once")
        return text.replace(self.old, self.new)


MUTANTS = (
    # Reported: these lived once.
    Mutant("class weights are all those of class 0", "training/pipeline.py",
           "tf.gather(self._weights, labels)", "tf.gather(self._weights, tf.zeros_like(labels))", ("tests/unit/test_batches.py", TRAINING)),
    Mutant("clipnorm never reaches Keras", "optim/optimizers.py",
           'exclude={"type", "learning_rate"}', 'exclude={"type", "learning_rate", "clipnorm"}', (f"{OPTIM}::test_an_optimizer_clips_gradients_as_it_is_told",)),
    Mutant("weight_decay never reaches Keras", "optim/optimizers.py",
           'exclude={"type", "learning_rate"}', 'exclude={"type", "learning_rate", "weight_decay"}', (f"{OPTIM}::test_an_optimizer_decays_weights_apart_from_gradients",)),
    Mutant("ema_momentum never reaches Keras", "optim/optimizers.py",
           'exclude={"type", "learning_rate"}', 'exclude={"type", "learning_rate", "ema_momentum"}', ("tests/unit/test_averaging.py",)),
    Mutant("auto loses label smoothing for two classes", "optim/losses.py",
           "return BinaryCrossentropy(label_smoothing=self.label_smoothing)", "return BinaryCrossentropy()",
           (f"{OPTIM}::test_label_smoothing_reaches_every_loss_that_has_it",)),
    Mutant("a plateau has no cooldown", "training/callbacks.py",
           "self._wait, self._cooldown = 0, self._spec.cooldown", "self._wait, self._cooldown = 0, 0", ("tests/unit/test_callbacks.py", TRAINING)),
    Mutant("the best epoch ignores the monitor", "experiment/schema.py",
           "return self.training.early_stopping.monitor", 'return "val_loss"', ("tests/unit/test_callbacks.py", TRAINING)),
    Mutant("every val_ monitor is minimised", "experiment/schema.py",
           'better.get(monitor.removeprefix("val_"), "min")', 'better.get(monitor, "min")',
           ("tests/unit/test_callbacks.py", TRAINING)),
    Mutant("early stopping ignores min_delta", "training/callbacks.py",
           "spec.monitor, spec.min_delta, spec.patience", "spec.monitor, 0.0, spec.patience", ("tests/unit/test_callbacks.py", TRAINING)),
    Mutant("a plateau ignores min_delta", "training/callbacks.py",
           "self._best + self._spec.min_delta", "self._best", ("tests/unit/test_callbacks.py", TRAINING)),
    Mutant("max_steps is ignored", "experiment/schema.py",
           "return min(steps, self.training.max_steps or steps)", "return steps", ("tests/unit/test_experiment.py", TRAINING)),
    Mutant("a file is not flushed before it is renamed", "system/atomic.py",
           "        flush(temporary)\n", "", ("tests/unit/test_run.py",)),
    Mutant("NaN can be best", "training/callbacks.py",
           "        if not math.isfinite(value):\n            return False\n        return self.epoch",
           "        return self.epoch", ("tests/unit/test_callbacks.py", TRAINING)),
    Mutant("predict runs in training mode", "training/tensorflow_backend.py",
           "lambda x: model(x, training=False)", "lambda x: model(x, training=True)",
           ("tests/unit/test_batches.py",)),
    Mutant("pairs are made in the wrong order", "evaluation/paired.py",
           "back[orders[0]] = orders[1]", "back[orders[1]] = orders[0]", ("tests/end_to_end/test_results.py::test_pairs_are_of_the_same_example_in_whatever_order_either_comes",)),
    # Further ones, all over the package.
    Mutant("a stratified split rounds the wrong way", "data/arrays/splits.py",
           "np.argsort(take - exact", "np.argsort(exact - take", ("tests/unit/test_splits.py",)),
    Mutant("split_seed is ignored", "data/arrays/splits.py",
           "generator(split_seed, 0)", "generator(0, 0)", ("tests/unit/test_splits.py",)),
    Mutant("every epoch has the same order", "training/order.py",
           "generator(self.seed, 0x0DE7, epoch)", "generator(self.seed, 0x0DE7)", ("tests/unit/test_splits.py", "tests/unit/test_batches.py")),
    Mutant("skip_top is ignored", "data/words.py",
           "    values[values < skip_top] = UNKNOWN\n", "", ("tests/unit/test_files.py", "tests/unit/test_more_data.py")),
    Mutant("the first word beyond num_words is kept", "data/words.py",
           "values[values >= num_words]", "values[values > num_words]",
           ("tests/unit/test_files.py", "tests/unit/test_more_data.py")),
    Mutant("a cache entry is not compared with its checksum", "data/arrays/cache.py",
           'if fingerprint(*arrays) != header["sha256"]:', "if False:", ("tests/unit/test_cache.py",)),
    Mutant("half a download is taken for the whole", "data/download.py",
           "if length not in (-1, done):", "if False:", ("tests/unit/test_files.py", "tests/torture/test_downloads.py")),
    Mutant("1e-3 is a string", "spec/yaml12.py",
           "[0-9]+(?:\\.[0-9]*)?)(?:[eE]", "[0-9]+\\.[0-9]*)(?:[eE]", ("tests/unit/test_yaml12.py",)),
    Mutant("the last of two equal keys wins", "spec/yaml12.py",
           "if key in own or (merges", "if False or (merges", ("tests/unit/test_yaml12.py",)),
    Mutant("changing a type drops fields without a notice", "experiment/merge.py",
           "            if dropped:\n", "            if False:\n", ("tests/unit/test_loading.py", "tests/cli")),
    Mutant("an existing run is overwritten in silence", "run/directory.py",
           "elif replace and RunDir(path).config.is_file():", "elif RunDir(path).config.is_file():",
           ("tests/unit/test_run.py", TRAINING)),
    Mutant("a run is resumed with another spec", "run/resuming.py",
           "    if changes.keys() - allowed:\n", "    if False:\n", (RESUMING,)),
    Mutant("a run of another spec is skipped", "run/resuming.py",
           "    if changes:\n", "    if False:\n", ("tests/unit/test_resuming.py",)),
    Mutant("early stopping forgets on resuming", "training/callbacks.py",
           "        self._state = state\n", "        pass\n", (RESUMING, "tests/torture/test_resume_exactness.py")),
    Mutant("random generators are left out of checkpoints", "training/state.py",
           'variables = {f"random/{index}": variable for index, variable in enumerate(random_variables(model))}',
           "variables = {}", (RESUMING, "tests/torture/test_resume_exactness.py")),
    Mutant("the last weights are tested, not the best", "training/session.py",
           "        load_weights(self.model, open_checkpoint(self.context.run.best))\n        evaluator", "        evaluator",
           (TRAINING,)),
    Mutant("balanced weights do not average 1", "training/context.py",
           "(len(labels) / (classes * np.maximum", "(len(labels) / (np.maximum", (TRAINING,)),
    Mutant("weights that are no numbers are saved", "training/divergence.py",
           "    if names := _broken_layers(model, [(weight, weight) for weight in model.weights]):\n",
           "    if names := []:\n", (RESUMING, "tests/torture/test_kills.py")),
    Mutant("the scale of the learning rate is ignored", "nn/learning_rate.py",
           'return rate * ops.cast(self.scale, "float32")', "return rate", (OPTIM,)),
    Mutant("warm-up is a step late", "nn/learning_rate.py",
           "share = (step + 1.0) / self.warmup", "share = step / self.warmup", (OPTIM,)),
    Mutant("the last group of an epoch is dropped", "training/tensorflow_backend.py",
           "        complete_group(model.optimizer)\n", "        return\n", (f"{TRAINING}::test_accumulation_trains_as_larger_batches_do",)),
    Mutant("a schedule counts updates, not steps", "training/build.py",
           "experiment.stage_steps(steps_per_epoch)[stage])", "experiment.total_updates(steps_per_epoch))", (f"{TRAINING}::test_accumulation_leaves_the_rates_at_the_ends_of_epochs_alone",)),
    Mutant("gamma never reaches the focal loss", "optim/losses.py",
           'keras.losses.BinaryFocalCrossentropy(**self.model_dump(exclude={"type"}))',
           'keras.losses.BinaryFocalCrossentropy(**self.model_dump(exclude={"type", "gamma"}))', (OPTIM,)),
    Mutant("macro scores are those of the first class", "nn/metrics.py",
           "else ops.mean(scores)", "else scores[0]", (OPTIM,)),
    Mutant("bias_l2 is ignored", "models/regularization.py",
           '"bias_regularizer": penalty(0.0, self.bias_l2)', '"bias_regularizer": None', ("tests/unit/test_penalties.py",)),
    Mutant("the mask lets one step of padding in", "nn/sequences.py",
           "return ops.less(ops.arange(ops.shape(x)[1])", "return ops.less_equal(ops.arange(ops.shape(x)[1])", ("tests/unit/test_sequence_layers.py",)),
    Mutant("the backward direction does not reverse", "nn/sequences.py",
           "ops.where(steps < lengths, lengths - 1 - steps, steps)", "ops.where(steps < lengths, steps, steps)",
           ("tests/unit/test_sequence_layers.py",)),
    Mutant("weights are dropped at inference", "nn/dropconnect.py",
           "self._thinning = bool(training and self.rate)", "self._thinning = bool(self.rate)",
           ("tests/unit/test_dropconnect.py",)),
    Mutant("batch statistics are averaged the wrong way round", "nn/batch_normalization.py",
           "kept * self.momentum + new * (1 - self.momentum)", "new * self.momentum + kept * (1 - self.momentum)",
           ("tests/unit/test_batch_normalization.py",)),
    Mutant("every image is erased", "nn/augmentation.py",
           "self.uniform((batch, 1, 1), 0, 1) < self.rate", "self.uniform((batch, 1, 1), 0, 1) < 1.0",
           ("tests/unit/test_augmentation.py",)),
    Mutant("naive Bayes ratios are not smoothed", "nn/ngram_bag.py",
           "p = smoothing + counts[label]", "p = 1e-9 + counts[label]", ("tests/unit/test_ngram.py",)),
    Mutant("runs are never sorted downwards", "run/selecting.py",
           "reverse=descending", "reverse=False", ("tests/cli/test_runs.py",)),
    Mutant("the least sure mistakes come first", "evaluation/mistakes.py",
           "np.argsort(-outputs[wrong]", "np.argsort(outputs[wrong]",
           ("tests/end_to_end/test_report.py", "tests/end_to_end/test_results.py")),
    Mutant("the page over several runs ranks the worst first", "reports/comparable_runs.py",
           'name, sign = self.ranked_by, -1 if self.better == "max" else 1', "name, sign = self.ranked_by, 1",
           ("tests/end_to_end/overview/test_runs_overview.py",)),
    Mutant("runs on other data are ranked together", "reports/comparable_runs.py",
           "return marks[0] == marks[1] and", "return", ("tests/end_to_end/overview/test_runs_overview.py",)),
    Mutant("a page is up to date whatever has changed", "reports/page_stamp.py",
           "facts.append(f\"{file.name} {found.st_size} {found.st_mtime_ns}\")", "pass",
           ("tests/end_to_end/overview/test_runs_overview.py",)),
    Mutant("a sweep ranks the worst first", "sweeps/ranking.py",
           'sign = -1 if goal == "maximize" else 1', 'sign = 1 if goal == "maximize" else 1',
           ("tests/unit/test_sweeps.py", "tests/end_to_end/test_sweeps.py")),
    Mutant("a logarithmic range is drawn evenly", "sweeps/space.py",
           "return math.exp(math.log(low) + share * math.log(high / low)) if log else",
           "return", ("tests/unit/test_sweeps.py",)),
    Mutant("hostile weights are not looked at", "run/checkpoint/file.py",
           "            weights.check(part, info.file_size)\n", "            pass\n",
           ("tests/torture/test_hostile_checkpoints.py",)),
    Mutant("sanity does not shuffle targets", "doctor/sanity/shuffled_labels.py",
           "given = targets[first][subject.random(4).permutation(len(first))]", "given = targets[first]",
           ("tests/end_to_end/test_sanity.py",)),
    Mutant("sanity learns by heart with dropout", "doctor/sanity/layer_calls.py",
           '**{**kwargs, "training": False}', "**kwargs", ("tests/end_to_end/test_sanity.py",)),
    Mutant("sanity accepts a loss of the wrong sign", "doctor/sanity/initial_loss.py",
           "if not certainty:", "if False:", ("tests/end_to_end/test_sanity.py",)),
    Mutant("reproduce compares no weights", "run/bit_comparison.py",
           "        found += _of_checkpoints(name, *pair)\n", "", ("tests/end_to_end/test_verify_resume.py",)),
    Mutant("a reproduction is trained beyond the end of its run", "training/context.py",
           "if self.options.end is not None:", "if False:", ("tests/cli/test_reproduce.py",)),
    Mutant("a difference without a cause is accepted", "api/reproduction.py",
           "if not any(change.known for change in self.environment):", "if False:", ("tests/unit/test_reproducing.py",)),
    Mutant("a run that is killed starts anew", "api/resume_trial.py",
           'if_exists="resume",', 'if_exists="overwrite",', ("tests/end_to_end/test_verify_resume.py",)),
    Mutant("find lr takes a rate a step too late", "doctor/finding/rate_search.py",
           "after = [one[1:] for one in losses.values()]", "after = [one[:-1] for one in losses.values()]",
           ("tests/unit/test_rate_curve.py",)),
    Mutant("find lr believes seeds that differ", "doctor/finding/rate_search.py",
           "max(known) > APART * min(known)", "False", ("tests/unit/test_rate_curve.py",)),
    Mutant("find batch_size tries what does not fit", "doctor/finding/batch_sizes.py",
           "(needed := self.growth(size)) > MARGIN * left", "(needed := self.growth(size)) < 0",
           ("tests/unit/test_batch_sizes.py",)),
)  # fmt: skip
