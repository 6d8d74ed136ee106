"""The project's own files agree: versions, interpreters, pinned tools and the lowest versions of dependencies."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import deepcli

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")


def read(name: str):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_the_citation_has_the_version_of_the_package():
    assert read("CITATION.cff")["version"] == deepcli.__version__


def test_every_interpreter_that_is_allowed_is_tested():
    low, high = (int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
    allowed = [f"3.{minor}" for minor in range(low, high)]
    matrix = read(".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == allowed
    assert f"@nox.session(python={allowed})".replace("'", '"') in (ROOT / "noxfile.py").read_text(encoding="utf-8")


def test_the_workflow_calls_sessions_that_exist():
    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE)
    once = read(".github/workflows/tests.yml")["jobs"]["once"]["strategy"]["matrix"]["session"]
    assert once and set(once) <= set(sessions)


def test_workflows_only_read_and_pin_what_they_use():
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert workflows
    for path in workflows:
        text = path.read_text(encoding="utf-8")
        assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
        assert all(re.search(r"@(v\d+\.\d+\.\d+|[0-9a-f]{40})$", used) for used in re.findall(r"uses: (\S+)", text))


def test_ruff_is_the_same_before_a_commit_and_in_the_checks():
    hooks = read(".pre-commit-config.yaml")["repos"][0]["hooks"]
    versions = {need for hook in hooks for need in hook["additional_dependencies"] if need.startswith("ruff")}
    assert versions == {f"ruff=={pins()['ruff']}"}


@pytest.mark.parametrize("need", [*PROJECT["dependencies"], *(need for extra in EXTRAS.values() for need in extra)])
def test_every_dependency_has_a_lowest_version(need):
    """Without one, `nox -s lowest` would install the first release ever."""
    assert re.match(r"[\w.-]+(\[[\w,-]+\])?>=\d", need)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_every_issue_form_asks_for_the_doctor(path):
    fields = {field["id"]: field for field in yaml.safe_load(path.read_text(encoding="utf-8"))["body"] if "id" in field}
    assert "deepcli doctor --json" in fields["doctor"]["attributes"]["description"]


def test_there_are_issue_forms():
    assert len(FORMS) >= 2
