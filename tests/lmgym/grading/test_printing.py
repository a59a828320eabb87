from __future__ import annotations


from fractions import Fraction


import pytest
from hypothesis import given, settings

from lmgym.grading.parser import parse
from lmgym.grading.printing import to_latex, to_text
from lmgym.grading.tree import Node, number


from tests.lmgym.grading.trees import ANSWERS, EXPRESSIONS

X, Y = Node("variable", (), "x"), Node("variable", (), "y")


@pytest.mark.parametrize("write", [to_text, to_latex])
@settings(max_examples=300, deadline=None)
@given(tree=ANSWERS)
def test_what_is_written_is_read_back(write, tree):
    assert parse(write(tree)) == tree, write(tree)


@pytest.mark.parametrize("write", [to_text, to_latex])
@settings(max_examples=300, deadline=None)
@given(tree=EXPRESSIONS)
def test_expressions_written_are_read_back(write, tree):
    assert parse(write(tree)) == tree, write(tree)
