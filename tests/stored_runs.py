"""Runs on data that stay on disk, beside the same runs from memory."""

from pathlib import Path

from deepcli.run.bit_comparison import compare_bits
from deepcli.run.directory import RunDir


def demand_equal_runs(memory: str, stored: str) -> None:
    """Check that two runs are equal to the bit, and that the second alone read its data from disk."""
    found = compare_bits(*(RunDir(Path(run)) for run in (memory, stored)))
    assert len(found.compared) > 3
    assert not (found.differences or found.missing)
    told = "are read from disk batch by batch (more than a quarter of the free memory, 0 bytes)"
    assert [told in (Path(run) / "train.log").read_text() for run in (memory, stored)] == [False, True]
