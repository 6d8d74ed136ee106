"""The list of mutants follows the code: each can be put where it says. `make mutants` tries them."""

from pathlib import Path

import pytest

from tests.mutants.mutants import MUTANTS

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_put_into_its_file(mutant):
    text = (ROOT / "deepcli" / mutant.file).read_text(encoding="utf-8")
    compile(mutant.apply(text), mutant.file, "exec")
    assert mutant.tests
    assert all((ROOT / name.partition("::")[0]).exists() for name in mutant.tests)
