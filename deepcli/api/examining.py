"""Facts about this machine, and whether it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepcli.data.files import Sources


def examine(sources: Sources, check: bool = True) -> dict[str, Any]:
    """Collect versions, hardware and data, and train a small network.

    Args:
        sources: Where data are looked for.
        check: Whether to train.

    Returns:
        Plain values: `versions`, `extras`, `machine`, `data`, `tensorflow`, and if that can be imported `device`,
        `precision` and `check`.
    """
    from deepcli.doctor import machine

    found: dict[str, Any] = {
        "versions": machine.versions(),
        "extras": machine.extras(),
        "machine": machine.machine(),
        "data": machine.data_sets(sources),
    }
    try:
        from deepcli.system.tensorflow_startup import import_tensorflow

        import_tensorflow()
        from deepcli.doctor import training
    except Exception as error:  # a broken installation can raise anything
        return {**found, "tensorflow": {"ok": False, "error": f"{type(error).__name__}: {error}"}}
    found |= {"tensorflow": {"ok": True}, "device": training.devices(), "precision": training.precision()}
    return {**found, "check": training.training_check()} if check else found


def broken(found: Mapping[str, Any]) -> str | None:
    """Describe what is broken; None if nothing is."""
    if not found["tensorflow"]["ok"]:
        return f"TensorFlow cannot be imported: {found['tensorflow']['error']}"
    check = found.get("check", {"ok": True})
    return None if check["ok"] else f"the training check failed: {check['error']}"
