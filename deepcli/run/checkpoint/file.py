"""Read checkpoint files from untrusted sources: check their zip members and read their spec; nothing is executed.

Only deepcli's own members (spec, state, and a lexicon if the data are words) and the weights are read. Keras's
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
from deepcli.data import schema as data_schema
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Schema
from deepcli.data.sources.known_schemas import carrying
from deepcli.errors import CheckpointError, DataError, RunError, SpecError, TrainingError, UsageError
from deepcli.experiment.load import parse, validate
from deepcli.experiment.other_data import laid_over
from deepcli.experiment.schema import FORMAT, Experiment, Training
from deepcli.run.checkpoint import state, weights, zips
from deepcli.run.checkpoint.schema_member import contradiction, is_of_own_data, schema_of
from deepcli.run.directory import RunDir
from deepcli.run.near_runs import SPECS, run_hint
from deepcli.spec import yaml12

SPEC, STATE, WEIGHTS = "deepcli/config.yaml", "deepcli/state.npz", "model.weights.h5"
LEXICON, SCHEMA = "deepcli/lexicon.txt", "deepcli/schema.json"
OPTIONAL_MEMBERS = {LEXICON, SCHEMA}
MEMBERS = {SPEC, STATE, WEIGHTS, "config.json", "metadata.json"}
MAX_ENTRIES, MAX_DIRECTORY_BYTES = 64, 16 << 10
CHUNK = 1 << 20


@dataclass(frozen=True)
class CheckpointFile:
    """A checkpoint whose spec has been read; weights and state are read from the file when needed.

    Attributes:
        path: The file.
        experiment: The spec.
        data: The fingerprint of the training data; empty in older checkpoints.
    """

    path: Path
    experiment: Experiment
    data: Mapping[str, str | None] = field(default_factory=dict)

    def read(self, member: str) -> bytes:
        """Read one zip member completely and verify its checksum.

        Raises:
            CheckpointError: The file is damaged.
        """
        return _read(self.path, member)

    def size(self, member: str) -> int:
        """Return the size of one member in bytes.

        Raises:
            CheckpointError: The file is damaged.
        """
        with _opened(self.path) as (_, _, members):
            return members[member].file_size

    def lexicon(self) -> Lexicon | None:
        """Read the lexicon, which maps token ids to words; None if the checkpoint has none.

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
        """Copy one member to a file and verify its checksum.

        Raises:
            CheckpointError: The checkpoint is damaged.
            TrainingError: The file cannot be written, for example because the disk is full.
        """
        with _opened(self.path) as (_, archive, _), archive.open(member) as stream:
            try:
                with target.open("wb") as file:
                    while content := _reading(self.path, stream):
                        file.write(content)
            except OSError as error:
                raise TrainingError(
                    f"cannot unpack {self.path} into {target.parent}: {error.strerror or error}; "
                    "set TMPDIR to a folder with more space"
                ) from None


def find(path: Path) -> tuple[Path, RunDir | None]:
    """Find the checkpoint file for a path: a run's best checkpoint, or the file itself; and its run.

    Raises:
        RunError: The directory is not a run, or a run without a checkpoint.
        CheckpointError: The path does not exist, or a file of the run is a symbolic link.
    """
    if not path.is_dir():
        if not path.is_file():
            why = run_hint(path) or "; it should be a run directory or a checkpoint file"
            raise CheckpointError(f"{path} does not exist{why}")
        if path.suffix.lower() in SPECS:
            raise CheckpointError(f"{path} is neither a run nor a checkpoint{run_hint(path)}")
        if path.absolute().parent.name != "checkpoints" or path.is_symlink():
            return path, None
        # Relative if the given path includes the run directory; absolute if it was given from inside the folder.
        run = RunDir(path.parent.parent if path.parent.name == "checkpoints" else path.absolute().parent.parent)
        return path, run if run.config.is_file() else None
    run = RunDir.open(path)
    for file in (run.config, run.best):
        if file.is_symlink():
            raise CheckpointError(f"{file} is a symbolic link, unlike a run's own files; name the file it points to")
    if not run.best.is_file():
        raise RunError(f"the run {path} has no checkpoint yet ({run.best} is missing)")
    return run.best, run


def is_best(file: Path, run: RunDir) -> bool:
    """Return whether a checkpoint file is a run's best checkpoint."""
    return file.absolute() == run.best.absolute()


def open_checkpoint(path: Path, other_data: Sequence[str] = ()) -> CheckpointFile:
    """Open a checkpoint, validate its spec, and check its state and weights without TensorFlow.

    Args:
        path: The file.
        other_data: Overrides like `data.path=NEW`, for a spec that needs a data file to be validated.

    Raises:
        CheckpointError: The file is not a deepcli checkpoint, is damaged, has a newer format, or needs a plugin that is
            not loaded.
        DataError: A component of the spec needs a file that cannot be read.
    """
    text = _read(path, SPEC)
    try:
        document = parse(text.decode("utf-8"), f"{path}!{SPEC}")
        version = document.tree.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise CheckpointError(
                f"{path}: has format {version}, from a newer deepcli; this version reads formats up to {FORMAT}"
            )
        schema = _schema(path)
        if schema is None and is_of_own_data(document):
            raise CheckpointError(f"{path}: is damaged: a model of own data needs {SCHEMA}, which is missing")
        with carrying(schema):
            try:
                experiment = validate(document)
            except DataError as error:
                if schema is not None and is_of_own_data(document):
                    raise CheckpointError(f"{path}: is damaged or manipulated: {_printable(error)}") from None
                if not other_data:
                    raise DataError(f"{path}: its data set needs a file to be described: {error}") from error.__cause__
                experiment = validate(laid_over(document, other_data))
    except UnicodeDecodeError:
        raise CheckpointError(f"{path}: is damaged: {SPEC} is not UTF-8 text") from None
    except SpecError as error:
        raise CheckpointError(f"{path}: its spec cannot be used{_plugin_hint(path)}:\n{_printable(error)}") from None
    if schema is not None and (why := contradiction(experiment, schema)):
        raise CheckpointError(f"{path}: is damaged or manipulated: {_printable(why)}")
    plain = _state(path)
    _check_weights(path)
    return CheckpointFile(path, experiment, plain["data"])


def with_device(checkpoint: CheckpointFile, device: str) -> CheckpointFile:
    """Set the device to evaluate a checkpoint on; the device it was trained on does not matter.

    Raises:
        UsageError: The name of the device is invalid.
    """
    experiment = checkpoint.experiment
    try:
        training = Training.model_validate({**experiment.training.model_dump(), "device": device})
    except ValidationError:
        raise UsageError(f"--device: should be auto, cpu, gpu or gpu:N, not {device!r}") from None
    return replace(checkpoint, experiment=experiment.model_copy(update={"training": training}))


def with_search(checkpoint: CheckpointFile, beam: int | None, length_penalty: float | None) -> CheckpointFile:
    """Set how a model of pairs searches for the targets that it writes; None for what its spec says.

    Raises:
        UsageError: The model writes no targets, or a value has no meaning.
    """
    said = {"beam": beam, "length_penalty": length_penalty}
    chosen = {name: value for name, value in said.items() if value is not None}
    experiment = checkpoint.experiment
    for name in chosen:
        option = f"--{name.replace('_', '-')}"
        if name not in type(experiment.resolved_task).model_fields:
            raise UsageError(
                f"{option}: is for models of pairs of texts; this model is for {experiment.resolved_task.type}"
            )
        try:
            task = type(experiment.resolved_task).model_validate({**experiment.resolved_task.model_dump(), **chosen})
        except ValidationError:
            wanted = "at least 1" if name == "beam" else "at least 0"
            raise UsageError(f"{option}: should be {wanted}, not {chosen[name]}") from None
        experiment = experiment.model_copy(update={"task": task})
    return replace(checkpoint, experiment=experiment)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """Open the zip file and check its members; errors inside the block become CheckpointErrors that name the file."""
    with _blaming(path), path.open("rb") as stream:
        size = stream.seek(0, 2)
        zips.check_end(stream, size, MAX_ENTRIES, MAX_DIRECTORY_BYTES)
        with zipfile.ZipFile(stream) as archive:
            _check_names(path, archive.namelist())
            for info in archive.infolist():
                zips.check_member(info, size, stored=info.filename not in (SPEC, STATE, LEXICON, SCHEMA))
            yield stream, archive, {info.filename: info for info in archive.infolist()}


@contextlib.contextmanager
def _blaming(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise CheckpointError(f"{path}: is damaged or not a checkpoint ({_printable(error)})") from None


_DAMAGE = (
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, OverflowError, struct.error, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip


def _read(path: Path, member: str) -> bytes:
    with _opened(path) as (_, archive, members):
        limits = {
            SPEC: yaml12.MAX_BYTES,
            STATE: state.MAX_BYTES,
            LEXICON: lexicon.MAX_BYTES,
            SCHEMA: data_schema.MAX_BYTES,
        }
        return zips.read_member(archive, members[member], limits.get(member, members[member].compress_size))


def _reading(path: Path, stream: IO[bytes]) -> bytes:
    """Read the next chunk; a read error becomes a CheckpointError, so that it is not taken for a write error."""
    with _blaming(path):
        return stream.read(CHUNK)


def _check_names(path: Path, names: list[str]) -> None:
    if SPEC not in names:
        raise CheckpointError(f"{path}: is not a deepcli checkpoint (no {SPEC} in it)")
    wanted = MEMBERS | (set(names) & OPTIONAL_MEMBERS)
    if set(names) != wanted or len(names) != len(wanted):
        odd = sorted(map(_printable, set(names) ^ wanted)) or ["a duplicate name"]
        raise CheckpointError(f"{path}: is not a deepcli checkpoint (unexpected or missing: {', '.join(odd)})")


def _check_weights(path: Path) -> None:
    with _opened(path) as (stream, archive, members):
        info = members[WEIGHTS]
        part = weights.FileSection(stream, zips.stored_at(archive, stream, info), info.file_size)
        try:
            weights.check(part, info.file_size)
        except ValueError as error:
            raise CheckpointError(f"{path}: its weights were not written by Keras: {_printable(error)}") from None


def _schema(path: Path) -> Schema | None:
    """Read what the data hold; None if the checkpoint is older than schemas."""
    with _opened(path) as (_, _, members):
        if SCHEMA not in members:
            return None
    try:
        return schema_of(_read(path, SCHEMA))
    except ValueError as error:
        raise CheckpointError(f"{path}: its schema is damaged: {_printable(error)}") from None


def _state(path: Path) -> dict[str, Any]:
    """Check the state; return its JSON values."""
    content = _read(path, STATE)
    try:
        return state.read(content)[0]
    except ValueError as error:
        raise CheckpointError(f"{path}: its state is damaged: {_printable(error)}") from None


def _plugin_hint(path: Path) -> str:
    """Return a hint that names the run's plugins, so that the user can give them again."""
    plugins = _state(path)["plugins"]
    words = " ".join(f"--plugin {shlex.quote(plugin)}" for plugin in plugins)
    return f"; the run was trained with {words}, so add that to the command" if plugins else ""


def _printable(message: object) -> str:
    """Escape control characters in text from an untrusted file, so that a terminal does not interpret them."""
    return "".join(sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in str(message))
