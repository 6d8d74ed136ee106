"""Checkpoint files from outside: which zip members they have, and the spec inside. Nothing in them is executed.

Of the members our spec, our state, our lexicon (where the data are words) and the weights are read. Keras's own
`config.json`, which can name any function of any module, is only for users who load the file with Keras.
"""

from __future__ import annotations

import contextlib
import shlex
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from deepcli.data import lexicon
from deepcli.data.lexicon import Lexicon
from deepcli.errors import CheckpointError, DataError, RunError, SpecError, TrainingError, UsageError
from deepcli.experiment.load import parse, validate
from deepcli.experiment.other_data import laid_over
from deepcli.experiment.schema import FORMAT, Experiment, Training
from deepcli.run.checkpoint import state, weights, zips
from deepcli.run.directory import RunDir
from deepcli.spec import yaml12

SPEC, STATE, WEIGHTS = "deepcli/config.yaml", "deepcli/state.npz", "model.weights.h5"
LEXICON = "deepcli/lexicon.txt"
MEMBERS = {SPEC, STATE, WEIGHTS, "config.json", "metadata.json"}
MAX_ENTRIES, MAX_DIRECTORY_BYTES = 64, 16 << 10
CHUNK = 1 << 20


@dataclass(frozen=True)
class CheckpointFile:
    """A checkpoint whose spec has been read; weights and state stay in the file until they are asked for.

    Attributes:
        path: The file.
        experiment: The spec.
        data: The fingerprint of the data that it was trained on; empty in older ones.
    """

    path: Path
    experiment: Experiment
    data: Mapping[str, str | None] = field(default_factory=dict)

    def read(self, member: str) -> bytes:
        """Read one member whole, its checksum compared.

        Raises:
            CheckpointError: The file is damaged.
        """
        return _read(self.path, member)

    def size(self, member: str) -> int:
        """Return the bytes of one member.

        Raises:
            CheckpointError: The file is damaged.
        """
        with _opened(self.path) as (_, _, members):
            return members[member].file_size

    def lexicon(self) -> Lexicon | None:
        """Read the words of token ids; None where the checkpoint has none.

        Raises:
            CheckpointError: The file is damaged.
        """
        with _opened(self.path) as (_, _, members):
            if LEXICON not in members:
                return None
        try:
            return Lexicon.from_bytes(self.read(LEXICON))
        except ValueError as error:
            raise CheckpointError(f"{self.path}: its lexicon is damaged: {error}") from None

    def unpack(self, member: str, target: Path) -> None:
        """Copy one member into a file, its checksum compared.

        Raises:
            CheckpointError: The checkpoint is damaged.
            TrainingError: The file cannot be written; the disk is full, for one.
        """
        with _opened(self.path) as (_, archive, _), archive.open(member) as stream:
            try:
                with target.open("wb") as file:
                    while content := _reading(self.path, stream):
                        file.write(content)
            except OSError as error:
                raise TrainingError(
                    f"cannot unpack {self.path} into {target.parent}: {error.strerror or error}; "
                    "TMPDIR may name a folder with more room"
                ) from None


def find(path: Path) -> tuple[Path, RunDir | None]:
    """Tell which checkpoint file a path means: a run's best, or the file itself.

    Raises:
        RunError: The directory is no run, or a run without a checkpoint.
        CheckpointError: There is nothing, or a link where a run has a file.
    """
    if not path.is_dir():
        if not path.is_file():
            raise CheckpointError(f"{path} does not exist; it should be a run directory or a checkpoint file")
        if path.absolute().parent.name != "checkpoints" or path.is_symlink():
            return path, None
        # As it was given where that names the run, too; else from inside its folder of checkpoints.
        run = RunDir(path.parent.parent if path.parent.name == "checkpoints" else path.absolute().parent.parent)
        return path, run if run.config.is_file() else None
    run = RunDir.open(path)
    for file in (run.config, run.best):
        if file.is_symlink():
            raise CheckpointError(f"{file} is a symbolic link, which no run has; name the file that it points to")
    if not run.best.is_file():
        raise RunError(f"the run {path} has no checkpoint yet ({run.best} is missing)")
    return run.best, run


def is_best(file: Path, run: RunDir) -> bool:
    """Tell whether a checkpoint file is a run's best one."""
    return file.absolute() == run.best.absolute()


def open_checkpoint(path: Path, other_data: Sequence[str] = ()) -> CheckpointFile:
    """Open a checkpoint, validate the spec in it, and look through its state and weights without TensorFlow.

    Args:
        path: The file.
        other_data: Words like `data.path=NEW`, for a spec that cannot be read without the files of its own data.

    Raises:
        CheckpointError: No checkpoint of ours, damaged, of a newer format, or of a plugin that is not loaded.
        DataError: A component of the spec reads a file, which cannot be read.
    """
    text = _read(path, SPEC)
    try:
        document = parse(text.decode("utf-8"), f"{path}!{SPEC}")
        version = document.tree.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise CheckpointError(f"{path}: has format {version}, from a newer deepcli; this one reads up to {FORMAT}")
        try:
            experiment = validate(document)
        except DataError as error:
            if not other_data:
                raise DataError(f"{path}: its data set needs a file to describe itself: {error}") from error.__cause__
            experiment = validate(laid_over(document, other_data))
    except UnicodeDecodeError:
        raise CheckpointError(f"{path}: is damaged: {SPEC} is no text") from None
    except SpecError as error:
        raise CheckpointError(f"{path}: its spec cannot be used{_plugin_hint(path)}:\n{_printable(error)}") from None
    plain = _state(path)
    _check_weights(path)
    return CheckpointFile(path, experiment, plain["data"])


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


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """Open the zip file, as one of ours; whatever goes wrong inside it names the file."""
    with _blaming(path), path.open("rb") as stream:
        size = stream.seek(0, 2)
        zips.check_end(stream, size, MAX_ENTRIES, MAX_DIRECTORY_BYTES)
        with zipfile.ZipFile(stream) as archive:
            _check_names(path, archive.namelist())
            for info in archive.infolist():
                zips.check_member(info, size, stored=info.filename not in (SPEC, STATE, LEXICON))
            yield stream, archive, {info.filename: info for info in archive.infolist()}


@contextlib.contextmanager
def _blaming(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise CheckpointError(f"{path}: is damaged or no checkpoint: {_printable(error)}") from None


_DAMAGE = (
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, OverflowError, struct.error, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip


def _read(path: Path, member: str) -> bytes:
    with _opened(path) as (_, archive, members):
        limits = {SPEC: yaml12.MAX_BYTES, STATE: state.MAX_BYTES, LEXICON: lexicon.MAX_BYTES}
        return zips.read_member(archive, members[member], limits.get(member, members[member].compress_size))


def _reading(path: Path, stream: IO[bytes]) -> bytes:
    """Read on, so that what cannot be read is not taken for what cannot be written."""
    with _blaming(path):
        return stream.read(CHUNK)


def _check_names(path: Path, names: list[str]) -> None:
    if SPEC not in names:
        raise CheckpointError(f"{path}: is no checkpoint of deepcli's: it has no {SPEC} inside")
    wanted = MEMBERS | (set(names) & {LEXICON})
    if set(names) != wanted or len(names) != len(wanted):
        odd = sorted(map(_printable, set(names) ^ wanted)) or ["a name that stands twice"]
        raise CheckpointError(f"{path}: is no checkpoint of deepcli's: unexpected or missing: {', '.join(odd)}")


def _check_weights(path: Path) -> None:
    with _opened(path) as (stream, archive, members):
        info = members[WEIGHTS]
        part = weights.FileSection(stream, zips.stored_at(archive, stream, info), info.file_size)
        try:
            weights.check(part, info.file_size)
        except ValueError as error:
            raise CheckpointError(f"{path}: its weights are none that Keras wrote: {_printable(error)}") from None


def _state(path: Path) -> dict[str, Any]:
    """Look through the state; returns what is plain in it."""
    content = _read(path, STATE)
    try:
        return state.read(content)[0]
    except ValueError as error:
        raise CheckpointError(f"{path}: its state is damaged: {_printable(error)}") from None


def _plugin_hint(path: Path) -> str:
    """Name the plugins that the run was trained with, for the user to give again."""
    plugins = _state(path)["plugins"]
    words = " ".join(f"--plugin {shlex.quote(plugin)}" for plugin in plugins)
    return f"; the run was trained with {words}, which is imported only if you give it again" if plugins else ""


def _printable(message: object) -> str:
    """Write what a stranger's file says in a way that no terminal obeys."""
    return "".join(sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in str(message))
