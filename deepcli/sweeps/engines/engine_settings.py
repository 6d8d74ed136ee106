"""Where the workers of a sweep run, as the options of a command say it: `--on`, `--ray`, `--slurm`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from deepcli.errors import UsageError
from deepcli.spec.durations import option_seconds
from deepcli.spec.spelling import did_you_mean, listed

NAMES = ("local", "ray", "slurm", "none")
RAY_ADDRESS = "ray://"
RAY_AMOUNTS = ("cpus", "gpus", "memory")
RAY_GROUPS = ("resource", "label")
DEFAULT_TIME = 3600.0
"""Time limit of a SLURM job in seconds; a job that reaches it is queued again."""

SLURM_WORDS = re.compile(r"[a-z][a-z0-9_-]*")
SLURM_TAKEN = {
    "array": "--workers sets it",
    "chdir": "the jobs run where the command runs",
    "error": "logs go to the sweep's directory",
    "nodes": "a job has one worker; use --workers",
    "ntasks": "a job has one worker; use --workers",
    "ntasks-per-node": "a job has one worker; use --workers",
    "open-mode": "logs go to the sweep's directory",
    "output": "logs go to the sweep's directory",
    "partition": "use --partition",
    "signal": "deepcli stops its workers by it",
    "time": "use --time",
}
"""Options of sbatch that `--slurm` cannot set."""

GB = 1 << 30


@dataclass(frozen=True)
class RaySettings:
    """What each worker on Ray needs.

    Attributes:
        cpus: CPUs that Ray reserves.
        gpus: GPUs; None: one where this machine has GPUs, and with a cluster none.
        memory: Bytes that Ray reserves; None: none.
        resources: Amounts of further resources by name.
        labels: Labels of the nodes by name.
    """

    cpus: float = 1.0
    gpus: float | None = None
    memory: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SlurmSettings:
    """How the jobs are submitted.

    Attributes:
        time: Time limit of a job, in seconds.
        partition: The partition; None: the default one.
        options: Further options of sbatch: texts, or True for those without a value.
        setup: Lines of shell to run before a worker.
        detach: Whether to leave the jobs to themselves once they are submitted.
    """

    time: float = DEFAULT_TIME
    partition: str | None = None
    options: Mapping[str, str | Literal[True]] = field(default_factory=dict)
    setup: tuple[str, ...] = ()
    detach: bool = False


@dataclass(frozen=True)
class EngineSettings:
    """Where the workers of a sweep run.

    Attributes:
        name: `local`, `ray`, `slurm`, or `none`: no worker is started.
        address: The address of a Ray cluster; None: Ray is started on this machine.
        ray: What each worker on Ray needs.
        slurm: How jobs are submitted to SLURM.
    """

    name: Literal["local", "ray", "slurm", "none"] = "local"
    address: str | None = None
    ray: RaySettings = RaySettings()
    slurm: SlurmSettings = SlurmSettings()


def engine_settings(
    on: str = "local",
    ray: Sequence[str] = (),
    slurm: Sequence[str] = (),
    time: float | str | None = None,
    partition: str | None = None,
    detach: bool = False,
) -> EngineSettings:
    """Read the options that say where workers run.

    Args:
        on: `local`, `ray`, `ray://HOST:PORT`, `slurm` or `none`.
        ray: Strings `KEY=VALUE`: what each worker on Ray needs.
        slurm: Strings `KEY=VALUE` or `KEY`: options of sbatch.
        time: Time limit of a SLURM job.
        partition: The partition of SLURM.
        detach: Whether to leave jobs to themselves once they are submitted.

    Raises:
        UsageError: A value is wrong, or an option has no effect.
    """
    name, address = _engine(on)
    given = {"--ray": ray, "--slurm": slurm, "--time": time, "--partition": partition, "--detach": detach}
    for option, value in given.items():
        needs = "ray" if option == "--ray" else "slurm"
        if value and needs != name:
            raise UsageError(f"{option}: has no effect without --on {needs}")
    if name == "ray":
        return EngineSettings("ray", address, _ray(ray))
    if name == "slurm":
        limit = option_seconds("--time", time) or DEFAULT_TIME
        return EngineSettings("slurm", slurm=_slurm(slurm, limit, partition, detach))
    return EngineSettings("none" if name == "none" else "local")


def _engine(on: str) -> tuple[str, str | None]:
    """Return the name of an engine, and the address of a Ray cluster."""
    if on.startswith(RAY_ADDRESS):
        if not re.fullmatch(r"ray://(\[[0-9A-Fa-f:.]+\]|[^\s/:@\[\]]+):\d{1,5}/?", on):
            raise UsageError(f"--on: {on!r} is not an address of Ray; it should be like ray://HOST:10001")
        return "ray", on.rstrip("/")
    if on not in NAMES:
        known = listed([*NAMES, "ray://HOST:PORT"], "or")
        raise UsageError(f"--on: {did_you_mean(on, NAMES)}should be {known}, not {on!r}")
    return on, None


def _pairs(option: str, words: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield each key with its value; None for a key without one."""
    for word in words:
        key, equals, value = (part.strip() for part in word.partition("="))
        if not key or "\n" in word:
            raise UsageError(f"{option}: should be KEY=VALUE, not {word!r}")
        yield key, value if equals else None


def _ray(words: Sequence[str]) -> RaySettings:
    amounts: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {name: {} for name in RAY_GROUPS}
    for key, value in _pairs("--ray", words):
        group, _, name = key.partition(".")
        if key in RAY_AMOUNTS:
            amounts[key] = _memory(key, value) if key == "memory" else _amount(key, value)
        elif group in RAY_GROUPS and name:
            if not value:
                raise UsageError(f"--ray {key}: needs a value, like {key}={'1' if group == 'resource' else 'a'}")
            groups[group][name] = value if group == "label" else _amount(key, value)
        else:
            known = [*RAY_AMOUNTS, "resource.NAME", "label.NAME"]
            raise UsageError(f"--ray {key}: {did_you_mean(key, known)}should be {listed(known, 'or')}")
    return RaySettings(**amounts, resources=groups["resource"], labels=groups["label"])


def _amount(key: str, value: str | None) -> float:
    try:
        number = float(value or "")
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf or (number > 1 and number % 1):
        raise UsageError(f"--ray {key}: should be a whole number, or one between 0 and 1, not {value!r}")
    return number


def _memory(key: str, value: str | None) -> int:
    """Read a size in bytes, or like `4GB`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(GB|G|MB|M)?", value or "", re.IGNORECASE)
    if not found:
        raise UsageError(f"--ray {key}: should be a size like 4GB or 500MB, not {value!r}")
    unit = (found[2] or "").upper()
    return int(float(found[1]) * (GB if unit.startswith("G") else GB >> 10 if unit.startswith("M") else 1))


def _slurm(words: Sequence[str], limit: float, partition: str | None, detach: bool) -> SlurmSettings:
    options: dict[str, str | Literal[True]] = {}
    setup: list[str] = []
    for key, value in _pairs("--slurm", words):
        name = key.removeprefix("--").replace("_", "-")
        if name == "setup":
            setup.append(value or "")
        elif not SLURM_WORDS.fullmatch(name):
            raise UsageError(f"--slurm {key}: is not an option of sbatch; write it as in sbatch --help, like mem=8G")
        elif name in SLURM_TAKEN:
            raise UsageError(f"--slurm {key}: cannot be set here: {SLURM_TAKEN[name]}")
        else:
            options[name] = True if value is None else value
    return SlurmSettings(limit, partition, options, tuple(setup), detach)
