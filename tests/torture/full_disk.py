"""Inside a mount namespace of its own: python -m tests.torture.full_disk SPEC FOLDER COUNT; prints what it saw as JSON."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from deepcli.data.files import Sources
from deepcli.errors import DeepcliError
from deepcli.experiment.load import load
from deepcli.run.checkpoint.file import STATE, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from deepcli.run.resuming import resume
from deepcli.training.context import TrainOptions
from deepcli.training.state import State
from deepcli.training.train import train
from tests.torture.runs import begin, fingerprint

PAGE = 4096


def longer(output: Path) -> None:
    """Train two more epochs."""
    run = RunDir.open(output)
    epochs = load([run.config]).experiment.training.epochs
    experiment = load([run.config], [f"training.epochs={epochs + 2}"]).experiment
    with run.owned():
        request = TrainOptions(output, resumption=resume(run, experiment))
        train(experiment, experiment.data.load(Sources()), request, NullReporter())


def attempt(output: Path) -> dict[str, object]:
    """Train longer, and tell how that failed and what is left."""
    error = None
    try:
        longer(output)
    except DeepcliError as raised:
        error = {"type": type(raised).__name__, "code": raised.exit_code, "text": str(raised)}
    except Exception as raised:
        error = {"type": type(raised).__name__, "code": None, "text": repr(raised)}
    run = RunDir(output)
    loaded: dict[str, int | str] = {}
    for name in ("last", "best"):
        try:
            loaded[name] = State.from_bytes(open_checkpoint(getattr(run, name)).read(STATE)).position.total
        except DeepcliError as raised:
            loaded[name] = str(raised)
    left = [path.name for path in output.rglob(".*") if path.name != ".lock"]
    return {"error": error, "loaded": loaded, "left": left}


def main(spec: Path, folder: Path, count: int) -> None:
    begin(spec, [], folder / "base")
    size = sum(path.stat().st_size for path in (folder / "base").rglob("*") if path.is_file())
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={4 * size}", "tmpfs", str(disk)], check=True)
    seen: list[dict[str, Any]] = []
    # From no space at all to what two epochs more take: the old and the new of each file exist side by side.
    for number in range(count):
        free = number * 2 * size // max(count - 1, 1) // PAGE * PAGE
        run = Path(shutil.copytree(folder / "base", disk / "run", dirs_exist_ok=True))
        room = os.statvfs(disk).f_bavail * PAGE - free
        (disk / "ballast").write_bytes(bytes(max(room, 0)))
        seen.append({"free": free, **attempt(run)})
        (disk / "ballast").unlink()
        if (seen[-1]["error"] or {}).get("code") == 1:
            longer(run)  # with room again it goes on
            fingerprint(run)
        shutil.rmtree(run)
    run = Path(shutil.copytree(folder / "base", disk / "run"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    seen.append({"free": "read-only", **attempt(run)})
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
