"""Disks that are full, read-only or gone, at any write: the last good checkpoint loads, and the error names the file."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import pytest

from deepcli.errors import TrainingError
from deepcli.run.checkpoint.file import open_checkpoint
from deepcli.run.reporter import NullReporter
from tests.conftest import ROOT
from tests.torture import count
from tests.torture.runs import begin

SPEC = (
    "data: {type: digits, limit: 120, batch_size: 16}\nmodel: {type: mlp, hidden_units: [32]}\n"
    "training: {epochs: 1, checkpoint: {keep: 2}}\n"
)
NAMED = re.compile(
    r"cannot write (?:the run directory )?\S*(train\.log|history\.csv|metrics\.json|config\.yaml|environment\.json|predictions-test\.npz|\.keras|run)"
)


def test_a_disk_that_fills_up_at_each_write_in_turn(spec, tmp_path, counted):
    """On a file system in memory, with room for a little more each time; and on one that becomes read-only."""
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system makes no mount namespaces")
    attempts = count(6, 60)
    words = [sys.executable, "-m", "tests.torture.full_disk", str(spec(SPEC)), str(tmp_path), str(attempts)]
    done = subprocess.run(
        [*namespace, *words], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    files: Counter[str] = Counter()
    for case in seen:
        assert isinstance(case["loaded"]["last"], int), case
        assert isinstance(case["loaded"]["best"], int), case
        assert not case["left"], case
        if case["error"]:
            assert case["error"]["code"] in (1, 2), case
            named = NAMED.search(case["error"]["text"])
            assert named, case
            files[named[1]] += 1
    assert seen[0]["error"]
    assert seen[-1]["error"]
    assert not seen[-2]["error"], "there was never room enough"
    counted(
        f"{attempts} fillings of a disk and one read-only: {sum(files.values())} failed at "
        f"{', '.join(f'{name} ({number})' for name, number in files.most_common())}; the last good checkpoint always loaded, "
        "nothing was left behind"
    )


def test_a_folder_that_vanishes_is_a_clear_error(spec, tmp_path):
    class Vanishing(NullReporter):
        def epoch(self, row, best):
            shutil.rmtree(tmp_path / "run")

    with pytest.raises(TrainingError, match=r"cannot write .*run.*No such file or directory"):
        begin(spec(SPEC.replace("epochs: 1", "epochs: 3")), [], tmp_path / "run", reporter=Vanishing())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "tempfile.mkstemp", "keras.saving.save_model"])
def test_each_write_of_a_run_failing_in_turn(call, spec, tmp_path, monkeypatch, counted):
    """Wherever in a write the system says no, the checkpoint before it is whole."""
    begin(spec(SPEC), [], tmp_path / "whole")
    module, _, name = call.rpartition(".")
    owner = __import__(module.split(".")[0])
    for part in module.split(".")[1:]:
        owner = getattr(owner, part)
    original, calls = getattr(owner, name), 0

    def failing(*words, **named):
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(28, "No space left on device")
        return original(*words, **named)

    failed = 0
    for at in count((5, 9), tuple(range(1, 40))):
        calls, output = 0, tmp_path / f"run{at}"
        monkeypatch.setattr(owner, name, failing)
        try:
            begin(spec(SPEC.replace("epochs: 1", "epochs: 3")), [], output)
        except Exception as error:
            failed += 1
            assert type(error).__name__ in ("TrainingError", "RunError"), error
            assert "No space left" in str(error)
        finally:
            monkeypatch.setattr(owner, name, original)
        if not calls >= at:
            break
        for checkpoint in output.glob("checkpoints/*"):
            open_checkpoint(checkpoint)
        assert [path.name for path in tmp_path.rglob(".*") if path.name != ".lock"] == []
    counted(f"{failed} writes failing at {call}: a typed error each time, whole checkpoints, nothing left behind")
    assert failed
