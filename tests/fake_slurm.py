"""Programs that stand in for SLURM's: `sbatch` runs an array's tasks as processes, the others read what it wrote.

`install(folder)` writes them to a folder that a test puts on its PATH; they keep their state in files beside them.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = '''"""sbatch, srun, squeue, sacct, scancel and scontrol in one file, told by its name."""
import os, re, signal, subprocess, sys, time
from pathlib import Path

STATE = Path(__file__).resolve().parent
NAME, WORDS = sys.argv[1], sys.argv[2:]


def options(name):
    return [word.partition("=")[2] for word in WORDS if word.startswith(f"--{name}=")]


def sbatch():
    script = Path(WORDS[-1]).read_text()
    if "--partition=nosuch" in script:
        sys.exit("sbatch: error: invalid partition specified: nosuch\\nsbatch: error: Batch job submission failed")
    number = 100 + len(list(STATE.glob("*.sh")))
    (STATE / f"{number}.sh").write_text(script)
    array = re.search(r"--array=0-(\\d+)", script)
    for task in range(int(array[1]) + 1) if array else [None]:
        start(number, task)
    print(f"Submitted batch job {number}")


def start(number, task):
    """Start a task in a session of its own: a shell that notes how the script ended."""
    job = str(number) if task is None else f"{number}_{task}"
    environment = {**os.environ, "SLURM_JOB_ID": str(number)}
    if task is not None:
        environment |= {"SLURM_ARRAY_JOB_ID": str(number), "SLURM_ARRAY_TASK_ID": str(task)}
    line = f'bash "$0" > "$1.out" 2>&1; echo $? > "$1.code"'
    (STATE / f"{job}.code").unlink(missing_ok=True)
    process = subprocess.Popen(
        ["bash", "-c", line, STATE / f"{number}.sh", STATE / job],
        env=environment, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (STATE / f"{job}.pid").write_text(str(process.pid))


def srun():
    words = list(WORDS)
    while words[0].startswith("-"):
        words = words[2:] if words[0] in ("--output", "--error") else words[1:]
    os.execvp(words[0], words)


def jobs():
    """Yield each job with its state, or its exit code."""
    for pid in sorted(STATE.glob("*.pid")):
        code = pid.with_suffix(".code")
        yield pid.stem, "" if not code.exists() or not code.read_text().strip() else code.read_text().strip()


def squeue():
    if (STATE / "down").exists():
        sys.exit("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    wanted = options("jobs")[0].split(",")
    for job, code in jobs():
        if job.split("_")[0] in wanted and not code:
            print(f"{job}|RUNNING|node-a")


def sacct():
    if not (STATE / "accounts").exists():
        sys.exit("Slurm accounting storage is disabled")
    for job, code in jobs():
        if code:
            print(f"{job}|{'COMPLETED' if code == '0' else 'FAILED'}|node-a")


def send(job, number):
    """Send a signal to the processes of a job; the shells of its script stay, as SLURM waits for what they started."""
    import psutil

    for pid in STATE.glob(f"{job}*.pid"):
        try:
            below = psutil.Process(int(pid.read_text())).children(recursive=True)
        except psutil.Error:
            continue
        for process in below:
            if "bash" not in process.name():
                process.send_signal(number)


def scancel():
    for job in WORDS:
        send(job, signal.SIGTERM)


def scontrol():
    _, job = WORDS
    with (STATE / "requeued").open("a") as file:
        file.write(job + "\\n")


globals()[NAME]()
'''
NAMES = ("sbatch", "srun", "squeue", "sacct", "scancel", "scontrol")


def install(folder: Path) -> Path:
    """Write the programs to a folder; return the one with their state."""
    (folder / "state").mkdir(parents=True)
    program = folder / "state" / "program"
    program.write_text(PROGRAM)
    for name in NAMES:
        path = folder / name
        # Behind `#!`, a path may have no space.
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program.resolve()}" {name} "$@"\n')
        path.chmod(0o755)
    return folder / "state"
