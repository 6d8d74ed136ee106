"""Facts about this machine, and whether it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepcli.data.files import Sources


def examine(sources: Sources, check: bool = True) -> dict[str, Any]:
    """Collect versions, hardware and data, and train a small network on each backend that is installed.

    Args:
        sources: Where data are looked for.
        check: Whether to train.

    Returns:
        Plain values: `versions`, `extras`, `machine`, `data`, `backend` (which one is used, and why), `backends` (for each
        that is installed, whether it can be used, `ok`, null if that was not tried, and the `error` if not), `tensorflow`
        if that is installed, and if the backend that is used can be imported `device`, `precision` and `check`.
    """
    from deepcli.doctor import machine
    from deepcli.errors import DeepcliError
    from deepcli.system.backend_startup import BACKENDS, backend_name, import_backend, is_installed

    found: dict[str, Any] = {
        "versions": machine.versions(),
        "extras": machine.extras(),
        "machine": machine.machine(),
        "data": machine.data_sets(sources),
        "backends": {name: {"ok": None} for name in BACKENDS if is_installed(name)},
    }
    used = None
    try:
        used = backend_name()
        import_backend()
        from deepcli.doctor import training

        found |= {"backend": training.backend(), "device": training.devices(), "precision": training.precision()}
        found["backends"][used] = {"ok": True}
    except Exception as error:  # a broken installation can raise anything
        text = str(error) if isinstance(error, DeepcliError) else f"{type(error).__name__}: {error}"
        found["backend"] = {"value": used, "why": text}
        if used is not None:
            found["backends"][used] = {"ok": False, "error": text}
    if check:
        from deepcli.doctor.other_backend import check_elsewhere

        if "device" in found:
            found["check"] = training.training_check()
        found["backends"] |= {name: check_elsewhere(name) for name in found["backends"] if name != used}
    if "tensorflow" in found["backends"]:
        found["tensorflow"] = found["backends"]["tensorflow"]
    return found


def broken(found: Mapping[str, Any]) -> str | None:
    """Describe what is broken of the backend that is used; None if nothing is."""
    from deepcli.system.backend_startup import TITLES

    used = found["backend"]["value"]
    if used is None:
        return str(found["backend"]["why"])
    if not found["backends"][used]["ok"]:
        return f"{TITLES[used]} cannot be imported: {found['backends'][used]['error']}"
    check = found.get("check", {"ok": True})
    return None if check["ok"] else f"the training check failed: {check['error']}"
