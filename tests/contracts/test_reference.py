"""The generated pages of the reference are complete, and up to date in every commit."""

import subprocess
import sys
from pathlib import Path

import pytest

from deepcli.catalog.components import KINDS
from deepcli.catalog.reference import MARK
from deepcli.cli.schemas import commands
from deepcli.sweeps.spec_file import SpecFile

FOLDER = Path(__file__).parent.parent.parent / "docs" / "reference"


def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> dict[str, str]:
    """Write them in a process of its own: other tests here register plugins."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, "-m", "deepcli.cli.command_pages", folder], check=True)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_reference_is_up_to_date(fresh):
    # Not compared with `==`: of two long texts pytest would show far too much.
    stale = sorted(name for name, written in fresh.items() if not (FOLDER / name).is_file() or text(name) != written)
    assert stale == [], "run `make docs`"


def test_no_page_is_left_of_what_is_not_generated_any_more(fresh):
    marked = {path.name for path in FOLDER.glob("*.md") if path.read_text(encoding="utf-8").startswith(MARK)}
    assert marked == set(fresh)


def test_the_reference_names_every_section_and_every_component():
    for kind, registry in KINDS.items():
        for name in registry:
            if registry[name].__module__.startswith("deepcli."):
                assert f"\n## {name}\n" in text(f"{kind}.md")
    for field in SpecFile.model_fields:
        assert f"| `{field}` |" in text("spec.md")
    for section in (
        "training",
        "training.checkpoint",
        "training.early_stopping",
        "sweep",
        "sweep.metric",
        "sweep.parameters: range",
    ):
        assert f"## {section}\n" in text("spec.md")


def test_the_reference_names_every_command_and_every_option():
    parts = text("commands.md").split("\n## deepcli ")
    shown = {part.partition("\n")[0]: part for part in parts[1:]}
    assert set(shown) == {name for name, _ in commands()}
    for name, node in commands():
        for option in (one for one in node.params if one.param_type_name == "option" and not one.hidden):
            assert all(f"<code>{word}</code>" in shown[name] for word in option.opts)


def test_the_reference_says_what_follows_an_option():
    page = text("commands.md")
    assert (
        "<code>--if-exists</code> | <code>error&#124;<wbr>resume&#124;<wbr>skip&#124;<wbr>overwrite</code> | <code>error</code>"
        in page
    )
    assert "<code>--data-dir</code> | <code>PATH</code> |" in page
    assert "Environment: `DEEPCLI_DATA_DIR`." in page
