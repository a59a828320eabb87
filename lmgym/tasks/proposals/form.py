"""What a form of proposals is: it reads a text as the prompt of a problem, and a task judges the answers.

What is proposed is written by a model and so hostile: a form never raises on any text, takes bounded time,
and makes a problem only of what it can solve itself. A proposal that belongs to a held-out split is refused,
so nothing that is measured can be trained on.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from lmgym.records import Problem
from lmgym.seeding import word_to_int
from lmgym.tasks.base import Task, split_of
from lmgym.tasks.stream import Draft


class Proposal(NamedTuple):
    """What a text is worth as a problem."""

    problem: Problem | None
    """None if it is none."""
    reason: str = ""
    """One word: "" if it is a problem, else "unparsed", "limits" (well-formed, but outside what is posed),
    "unsolvable" or "held_out"."""


class ProposalForm(Protocol):
    """One kind of problems that can be proposed."""

    @property
    def task(self) -> Task:
        """Judges the answers, and has the held-out problems of the same kind."""
        ...

    @property
    def max_chars(self) -> int:
        """The longest text that can be a problem."""
        ...

    def read(self, text: str) -> Proposal:
        """Returns the problem that ``text`` poses, or why it poses none."""
        ...

    def example(self, rng: np.random.Generator) -> str:
        """Returns a random text of the right form: what a proposer is shown before it knows anything."""
        ...


def make_proposal(draft: Draft) -> Proposal:
    """Returns the draft as a problem of the training split, refused if another split owns it."""
    if split_of(draft.key) != "train":
        return Proposal(None, "held_out")
    prompt, reference, key, difficulty = draft
    return Proposal(Problem(prompt, reference, "train", word_to_int(key), difficulty, key))


def read_number(text: str, max_digits: int) -> int | None:
    """Returns a natural number written plainly: ASCII digits, no sign, no leading zero; else None."""
    if not 0 < len(text) <= max_digits or not (text.isascii() and text.isdigit()):
        return None
    return None if text[0] == "0" and len(text) > 1 else int(text)
