"""Where data may come from: what a call says, else what the environment says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.data.files import Progress, Sources


def data_sources(
    data_dir: str | os.PathLike[str] | None = None, offline: bool | None = None, progress: Progress | None = None
) -> Sources:
    """Decide where data are looked for, and whether they may be downloaded.

    Args:
        data_dir: A folder with data files; None: `DEEPCLI_DATA_DIR`, if that is set.
        offline: Whether downloads are forbidden; None: `DEEPCLI_OFFLINE`, else allowed.
        progress: Called while a download runs.

    Raises:
        UsageError: The folder does not exist.
    """
    from deepcli.data.files import Sources, offline_is_set

    named = os.fspath(data_dir) if data_dir is not None else os.environ.get("DEEPCLI_DATA_DIR") or None
    folder = None if named is None else Path(named)
    if folder is not None and not folder.is_dir():
        raise UsageError(f"--data-dir (or DEEPCLI_DATA_DIR): {folder} is not a directory")
    if offline is None:
        offline = offline_is_set()
    return Sources(folder, offline, progress)
