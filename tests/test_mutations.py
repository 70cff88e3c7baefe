"""The faults of `mutations.py` still fit the source; whether tests see them is found by running it."""

import pytest
from mutations import MUTATIONS, ROOT


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_a_mutation_changes_is_there_once(mutation):
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.before) == 1
    assert all((ROOT / test.split("::")[0]).exists() for test in mutation.tests.split() if test.startswith("tests/"))
