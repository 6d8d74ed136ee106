"""`deepcli doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import DataDir, Json, Verbose, set_verbose, sources


@answers("deepcli.cli.json_objects:Examined")
def doctor(
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Also train a small network for a few seconds.")
    ] = True,
    data_dir: DataDir = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Check that training works on this machine, and show versions, hardware and data, to paste into a bug report.

    Exit code 1 if something is broken.

    Example:
    deepcli doctor --no-check
    """
    set_verbose(verbose)
    from deepcli.api.examining import broken, examine

    found = examine(sources(data_dir, True, True), check)
    wrong = broken(found)
    if json:
        from deepcli.cli.json_objects import Examined

        end = {"status": "failed" if wrong else "completed", "error": wrong}
        emit(Examined.model_validate({"command": "doctor", **found, **end}))
    else:
        print("\n".join(_lines(found)))
    if wrong:
        raise typer.Exit(1)


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Format the report for a person, one fact per line."""
    from deepcli.api.examining import broken
    from deepcli.system.backend_startup import BACKENDS

    versions, machine = told["versions"], told["machine"]
    shown = {name: version for name, version in versions.items() if version or name not in BACKENDS}
    yield _line("versions", ", ".join(f"{name} {version or 'MISSING'}" for name, version in shown.items()))
    extras = told["extras"]
    yield _line("extras", ", ".join(f"{name} {version}" for name, version in extras.items() if version) or "none")
    yield _line("not installed", ", ".join(name for name, version in extras.items() if not version) or "none")
    yield _line("system", machine["system"])
    yield _line("python", machine["python"])
    yield _line("cpu", f"{machine['cpu']}, {machine['cores']} cores")
    yield _line("memory", f"{machine['memory_free_gib']} GiB free of {machine['memory_gib']}")
    free = {name: room for name, room in machine["disk_free_gib"].items() if room is not None}
    yield _line("free disk", ", ".join(f"{name} {room} GiB" for name, room in free.items()))
    for name, data in told["data"].items():
        yield _line(
            f"data {name}", data["where"] or f"not on this machine; downloaded on first use from {data['from']}"
        )
    if "device" in told:
        yield _line("backend", f"{told['backend']['value']}: {told['backend']['why']}")
        yield _line("device", f"{told['device']['used']}: {told['device']['why']}")
        fast = [name for name in ("bfloat16", "float16") if told["precision"][name]]
        yield _line("fast precisions", f"float32{''.join(f', {name}' for name in fast)}: {told['precision']['why']}")
    else:
        yield _line("backend", f"BROKEN: {broken(told)}")
    if (check := told.get("check")) is not None:
        yield _line("training check", _outcome(check))
    yield from _others(told)


def _others(told: Mapping[str, Any]) -> Iterator[str]:
    """Format what was found of the backends that are installed and not used."""
    for name, one in told["backends"].items():
        if name == told["backend"]["value"]:
            continue
        if one["ok"] is None:
            yield _line(name, "installed, and not checked")
        else:
            yield _line(f"{name} check", _outcome(one) if "seconds" in one else f"BROKEN: {one['error']}")


def _outcome(check: Mapping[str, Any]) -> str:
    if not check["ok"]:
        return f"FAILED after {check['seconds']} s: {check['error']}"
    trained = f"{100 * check['accuracy']:.1f} % test accuracy on digits in {check['seconds']} s"
    return f"OK: {trained}, on {check['device']} in {check['precision']}"


def _line(name: str, value: str) -> str:
    return f"{name:<19} {value}"
