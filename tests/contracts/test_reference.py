"""The generated reference is complete, and up to date in every commit."""

import subprocess
import sys
from pathlib import Path

from deepcli.catalog.components import KINDS
from deepcli.sweeps.spec_file import SpecFile

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference.md"


def fresh() -> str:
    """Write it in a process of its own: other tests here register plugins."""
    words = [sys.executable, "-X", "utf8", "-m", "deepcli.catalog.reference"]
    return subprocess.run(words, capture_output=True, encoding="utf-8", check=True).stdout


def test_the_reference_is_up_to_date():
    # Not compared with `==`: of two long texts pytest would show far too much.
    is_fresh = PAGE.read_text(encoding="utf-8") == fresh()
    assert is_fresh, "docs/reference.md is stale; run `make docs`"


def test_the_reference_names_every_section_and_every_component():
    page = PAGE.read_text(encoding="utf-8")
    for kind, registry in KINDS.items():
        for name in registry:
            if registry[name].__module__.startswith("deepcli."):
                assert f'<a id="{kind}-{name}"></a>{name}\n' in page
    for field in SpecFile.model_fields:
        assert f"| `{field}` |" in page
    for section in (
        "training",
        "training.checkpoint",
        "training.early_stopping",
        "sweep",
        "sweep.metric",
        "sweep.parameters: range",
    ):
        assert f"### {section}\n" in page
