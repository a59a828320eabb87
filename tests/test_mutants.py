"""The mutants still fit the code; ``make mutants`` runs them."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tests.mutants.mutant import KINDS, ROOT
from tests.mutants.table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_fits_its_file_and_names_tests_that_exist(mutant):
    assert mutant.count() == 1
    assert mutant.new != mutant.old
    text = (ROOT / mutant.file).read_text("utf-8")
    if mutant.file.endswith(".py"):
        ast.parse(text.replace(mutant.old, mutant.new))  # the bug is one of meaning, not of grammar
    assert mutant.kind in KINDS
    assert mutant.tests
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists(), path
        assert not name or f"def {name.split('[')[0].split('::')[-1]}(" in (ROOT / path).read_text("utf-8"), (
            test
        )


def test_names_are_unique():
    assert max(Counter(mutant.name for mutant in MUTANTS).values()) == 1


def test_every_kind_of_bug_is_planted():
    assert {mutant.kind for mutant in MUTANTS} == set(KINDS) == set(range(1, 47))
