"""Proposed problems: what is read, what is refused, and that nothing held out can be posed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.errors import InvalidValueError
from lmgym.records import Transcript, Turn
from lmgym.tasks.proposals import CountdownProposals, ProposalForm, SumProposals

FORMS: list[ProposalForm] = [
    SumProposals(), SumProposals(max_digits=4), CountdownProposals(), CountdownProposals(level=5),
]  # fmt: skip
every_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.task.fingerprint[:28])


@every_form
def test_the_tasks_own_prompts_are_read_back(form: ProposalForm) -> None:
    for problem in form.task.problems("train", range(100)):
        proposal = form.read(problem.prompt)
        assert proposal.reason == "" and proposal.problem is not None
        assert proposal.problem[0] == problem.prompt and proposal.problem.key == problem.key
        assert proposal.problem.reference[0] == problem.reference[0]
        assert len(problem.prompt) <= form.max_chars


@every_form
def test_nothing_held_out_is_posed(form: ProposalForm) -> None:
    for split in ("validation", "test"):
        for problem in form.task.problems(split, range(100)):
            assert form.read(problem.prompt) == (None, "held_out")


@every_form
def test_the_reference_answers_its_problem(form: ProposalForm) -> None:
    rng, posed = np.random.default_rng(0), 0
    for _ in range(300):
        text = form.example(rng)
        assert len(text) <= form.max_chars
        problem, reason = form.read(text)
        assert reason in ("", "held_out", "unsolvable")
        if problem is not None:
            posed += 1
            (answer,) = form.task.demonstrations(problem, rng)
            transcript = Transcript(problem, (Turn("agent", answer),), terminated=True)
            assert form.task.verify(transcript).status == "correct"
    assert posed >= 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "unparsed"), ("=", "unparsed"), ("+=", "unparsed"), ("1+=", "unparsed"), ("1+2", "unparsed"),
        ("1+2==", "unparsed"), ("01+2=", "unparsed"), ("1+2+3=", "unparsed"), ("1-2=", "unparsed"),
        ("１+2=", "unparsed"), ("²+2=", "unparsed"), (" 1+2=", "unparsed"), ("1+2=\n", "unparsed"),
        ("+1+2=", "unparsed"), ("100+2=", "limits"), ("9" * 50 + "+1=", "limits"),
        ("9" * 100000 + "+1=", "unparsed"), ("__import__('os')+1=", "unparsed"),
    ],
)  # fmt: skip
def test_sums_that_are_none(text: str, reason: str) -> None:
    assert SumProposals().read(text) == (None, reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "unparsed"), ("8 from 3 5", "unparsed"), ("8 from 3  5:", "unparsed"), ("8 from :", "unparsed"),
        ("8from 3 5:", "unparsed"), ("-8 from 3 5:", "unparsed"), ("8 from 3 5:\n", "unparsed"),
        ("8 from 3 5 1:", "limits"), ("8 from 3:", "limits"), ("8 from 0 8:", "limits"),
        ("61 from 30 31:", "limits"), ("8 from 3 99:", "limits"), ("5 from 3 5:", "unsolvable"),
        ("60 from 1 2:", "unsolvable"), ("1 from " + "2 " * 9999 + "2:", "unparsed"),
    ],
)  # fmt: skip
def test_number_games_that_are_none(text: str, reason: str) -> None:
    assert CountdownProposals().read(text) == (None, reason)


@given(text=st.text() | st.from_regex(r"[0-9]{0,70}[+ from]{0,9}[0-9 ]{0,70}[=:]?"), place=st.integers(0, 3))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_is_read_or_refused(text: str, place: int) -> None:
    problem, reason = FORMS[place].read(text)
    assert (problem is None) == bool(reason)
    if problem is not None:
        assert problem.prompt == text and problem.split == "train"


def test_bad_options_are_typed_errors() -> None:
    with pytest.raises(InvalidValueError, match="max_digits"):
        SumProposals(max_digits=7)
    with pytest.raises(InvalidValueError, match="level"):
        CountdownProposals(level=6)
