"""Checkpoint files from outside: which zip members they have, and the spec inside. Nothing in them is executed."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from deepcli import yaml12
from deepcli.errors import CheckpointError, RunError, SpecError, UsageError
from deepcli.experiment import FORMAT, Experiment, Training
from deepcli.loading import parse, validate
from deepcli.run import RunDir

SPEC, STATE, WEIGHTS = "deepcli/config.yaml", "deepcli/state.npz", "model.weights.h5"
MEMBERS = {SPEC, STATE, WEIGHTS, "config.json", "metadata.json"}
MAX_BYTES = 8 << 30


@dataclass(frozen=True)
class CheckpointFile:
    """A checkpoint whose spec has been read; weights and state stay in the file until they are asked for."""

    path: Path
    experiment: Experiment

    def read(self, member: str) -> bytes:
        """Read one member whole, its checksum compared.

        Raises:
            CheckpointError: The file is damaged.
        """
        return _read(self.path, member)


def find(path: Path) -> tuple[Path, RunDir | None]:
    """Tell which checkpoint file a path means: a run's best, or the file itself.

    Raises:
        RunError: The directory is no run, or a run without a checkpoint.
        CheckpointError: There is nothing.
    """
    if not path.is_dir():
        if not path.is_file():
            raise CheckpointError(f"{path} does not exist; it should be a run directory or a checkpoint file")
        inside = path.resolve().parent
        run = RunDir(path.parent.parent) if inside.name == "checkpoints" else None
        return path, run if run and run.config.is_file() else None
    run = RunDir.open(path)
    if not run.best.is_file():
        raise RunError(f"the run {path} has no checkpoint yet ({run.best} is missing)")
    return run.best, run


def open_checkpoint(path: Path) -> CheckpointFile:
    """Open a checkpoint and validate the spec in it.

    Raises:
        CheckpointError: No checkpoint of ours, damaged, of a newer format, or of a plugin that is not loaded.
    """
    text = _read(path, SPEC)
    try:
        document = parse(text.decode("utf-8"), f"{path}!{SPEC}")
        version = document.tree.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise CheckpointError(f"{path}: has format {version}, from a newer deepcli; this one reads up to {FORMAT}")
        return CheckpointFile(path, validate(document))
    except UnicodeDecodeError:
        raise CheckpointError(f"{path}: is damaged: {SPEC} is no text") from None
    except SpecError as error:
        raise CheckpointError(f"{path}: its spec cannot be used{_plugin_hint(path)}:\n{error}") from None


def with_device(checkpoint: CheckpointFile, device: str) -> CheckpointFile:
    """Choose where a checkpoint is evaluated; the device it was trained on does not matter.

    Raises:
        UsageError: There is no device of such a name.
    """
    experiment = checkpoint.experiment
    try:
        training = Training.model_validate({**experiment.training.model_dump(), "device": device})
    except ValidationError:
        raise UsageError(f"--device: should be auto, cpu, gpu or gpu:N, not {device!r}") from None
    return replace(checkpoint, experiment=experiment.model_copy(update={"training": training}))


def _read(path: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            return archive.read(member)
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path}: is damaged or no checkpoint: {error}") from None


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    if SPEC not in names:
        raise CheckpointError(f"{path}: is no checkpoint of deepcli's: it has no {SPEC} inside")
    if set(names) != MEMBERS or len(names) != len(MEMBERS):
        odd = sorted(set(names) ^ MEMBERS) or ["a name that stands twice"]
        raise CheckpointError(f"{path}: is no checkpoint of deepcli's: unexpected or missing: {', '.join(odd)}")
    limits = {SPEC: yaml12.MAX_BYTES}
    for info in archive.infolist():
        if info.file_size > limits.get(info.filename, MAX_BYTES):
            raise CheckpointError(f"{path}: {info.filename} claims {info.file_size} bytes, more than any of ours has")


def _plugin_hint(path: Path) -> str:
    """Name the plugins that the run was trained with, for the user to give again."""
    from deepcli.engine.state import plugins_of

    plugins = plugins_of(_read(path, STATE))
    words = " ".join(f"--plugin {plugin}" for plugin in plugins)
    return f"; the run was trained with {words}, which is imported only if you give it again" if plugins else ""
