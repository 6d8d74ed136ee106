"""deepcli in a kernel: the notebook of the documentation runs, shows what it says, and an interrupt stops training."""

import asyncio
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent.parent / "docs" / "tutorial" / "notebook.ipynb"


@pytest.fixture(autouse=True)
def kernels(monkeypatch, tmp_path):
    """Use the kernel of this Python, whatever else is installed."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    if sys.platform == "win32":
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())


def execute(notebook, folder):
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell, kind):
    """Everything of one kind that a cell shows."""
    return [one.data[kind] for one in cell.outputs if kind in one.get("data", {})]


def printed(cell):
    return "".join(one.text for one in cell.outputs if one.output_type == "stream" and one.name == "stdout")


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(NOTEBOOK, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("DEEPCLI_CACHE_DIR", str(folder / "cache"))
        return execute(nbformat.read(folder / NOTEBOOK.name, 4), folder), folder


def test_the_notebook_holds_no_outputs():
    notebook = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 6
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert {cell.execution_count for cell in code} == {None}


def test_the_notebook_trains_plots_predicts_and_compares(executed):
    (load, train, run, plot, predict, compare, verdicts, runs), folder = executed
    assert "Adam" in shown(load, "text/plain")[0]
    (progress,) = shown(train, "text/html")  # one output, replaced again and again
    assert re.findall(r"^epoch +(\d+)/12 ", progress, re.MULTILINE) == [str(k) for k in range(1, 13)]
    assert "<progress" not in progress
    assert printed(train) == ""
    (page,) = shown(run, "text/html")
    assert page.count("<svg") == 3 and "test accuracy" in page
    assert shown(run, "text/plain")[0].startswith("<Run runs/small: completed")
    assert len(shown(plot, "image/png")) == 1
    answers = [line.split() for line in printed(predict).splitlines()]
    assert [line[0] for line in answers] == ["0", "1", "2"]
    assert all(0.1 < float(line[1]) <= 1 for line in answers)
    (table,) = shown(compare, "text/html")
    assert "model.hidden_units" in table and "runs/wide" in table
    assert re.search(r"better|worse|no difference|not significant|noise", shown(verdicts, "text/plain")[0])
    (listed,) = shown(runs, "text/html")
    assert listed.count("<td>completed</td>") == 2
    assert {path.name for path in (folder / "runs").iterdir()} == {"small", "wide"}


INTERRUPTED = """
import deepcli
try:
    deepcli.train(data_spec, output="runs/it", callbacks=[])
except deepcli.Interrupted as error:
    print("STOPPED", error)
"""
SPEC = """
data_spec = {"data": {"type": "digits", "limit": 300}, "model": "mlp", "training": {"epochs": 100000}}
"""
AFTER = """
resumed = deepcli.Run("runs/it")
print(resumed, len(resumed.history["epoch"]) > 0, data_spec["model"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a kernel there is interrupted by other means")
@pytest.mark.long
def test_an_interrupt_to_the_kernel_stops_training_with_a_checkpoint(tmp_path):
    cells = [nbformat.v4.new_code_cell(source) for source in (SPEC, INTERRUPTED, AFTER)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )

    async def run():
        async with client.async_setup_kernel():
            await client.async_execute_cell(cells[0], 0)
            training = asyncio.create_task(client.async_execute_cell(cells[1], 1))
            history, deadline = tmp_path / "runs" / "it" / "history.csv", time.monotonic() + 120
            while not (history.is_file() and history.read_text().count("\n") > 3) and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            manager: Any = client.km
            await manager.interrupt_kernel()
            await asyncio.wait_for(training, 60)
            await client.async_execute_cell(cells[2], 2)

    asyncio.run(run())
    assert re.fullmatch(
        r"STOPPED interrupted (in|after) epoch \d+ of 100000; best so far: epoch \d+, val_loss \d\.\d{4}; "
        r"continue with: deepcli\.train\(resume='runs/it'\)\n",
        printed(cells[1]),
    )
    assert "stopping after this step with a checkpoint" in shown(cells[1], "text/html")[0]
    assert (tmp_path / "runs" / "it" / "checkpoints" / "last.keras").is_file()
    assert printed(cells[2]) == "<Run runs/it: unfinished> True mlp\n"


SWEPT = """
import deepcli
import matplotlib.pyplot as plt
early = plt.figure()
plt.plot([2, 1])
spec = {"data": {"type": "digits", "limit": 100}, "model": "mlp", "training": {"epochs": 1}}
swept = deepcli.sweep(spec, {"optimizer.learning_rate": [1e-3, 1e-2]}, workers=1, output="s")
print(plt.gcf() is early)
swept
"""
DRAWN = """
plt.plot([1, 2])
plt.show()
"""


@pytest.mark.long
def test_a_sweep_in_a_kernel_shows_itself_and_leaves_the_users_figures(tmp_path):
    cells = [nbformat.v4.new_code_cell(source) for source in (SWEPT, DRAWN)]
    swept, drawn = execute(nbformat.v4.new_notebook(cells=cells), tmp_path)
    assert printed(swept) == "True\n"
    (page,) = [one.data["text/html"] for one in swept.outputs if one.output_type == "execute_result"]
    assert page.count("<td>completed</td>") == 2 and page.count('<img alt="') == 3
    assert len(shown(swept, "image/png")) == len(shown(drawn, "image/png")) == 1
