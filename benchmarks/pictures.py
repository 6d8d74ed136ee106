"""Draw the README's pictures from real runs on MNIST: a report in Chromium, and a terminal.

Usage: DEEPCLI_DATA_DIR=... python benchmarks/pictures.py (requires Chromium; takes a few minutes)
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
DEEPCLI = str(Path(sys.executable).with_name("deepcli"))
WIDTH, HEIGHT, COLORS = 1100, 1500, 64
# Rich's picture names fonts of another host; the reader's own monospaced font will do.
WITHOUT_FONTS = re.sub(r"\s*@font-face \{\{.*?\}\}\n", "\n", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def deepcli(*words: str) -> str:
    environment = {**os.environ, "COLUMNS": "92"}
    return subprocess.run([DEEPCLI, *words], capture_output=True, text=True, check=True, env=environment).stdout


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("Chromium is not installed")
    config = str(ROOT / "configs" / "mnist" / "cnn.yaml")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, rate in (("runs/a", "1e-3"), ("runs/b", "2e-3")):
            deepcli("train", config, f"optimizer.learning_rate={rate}", "--output", name, "--quiet")
        deepcli("report", "runs/a")
        page = Path("runs/a/report.html").resolve().as_uri()
        flags = ["--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"]
        subprocess.run(
            [browser, *flags, f"--user-data-dir={folder}/profile", "--screenshot=page.png", page], check=True
        )
        with Image.open("page.png") as image:
            image.convert("RGB").quantize(COLORS).save(ROOT / "docs" / "report.png", optimize=True)
        console = Console(record=True, width=92, file=io.StringIO())
        for words in (["compare", "runs/a", "runs/b"], ["plot", "runs/a", "--terminal"]):
            console.print(Text(f"$ deepcli {' '.join(words)}", style="bold"))
            lines = deepcli(*words).splitlines()
            console.print(Text.from_ansi("\n".join(lines[: lines.index("") if words[0] == "plot" else None])))
        console.save_svg(str(ROOT / "docs" / "terminal.svg"), title="deepcli", code_format=WITHOUT_FONTS)


if __name__ == "__main__":
    main()
