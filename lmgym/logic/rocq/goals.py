"""What a proof still has to show, and how it is written; and why a sentence was refused."""

from __future__ import annotations

from typing import NamedTuple

CUT_MARK = " ..."
"""Stands where a text was cut."""


class Goal(NamedTuple):
    """One goal as the prover prints it."""

    hypotheses: tuple[str, ...]
    conclusion: str


class Goals(NamedTuple):
    """The goals of an open proof."""

    goals: tuple[Goal, ...]
    """those that the next tactic sees, the first one first"""
    num_behind: int = 0
    """goals that a bullet or brace hides"""
    num_shelved: int = 0
    """goals put aside or given up: the proof can't end while there are any"""
    num_open_focuses: int = 0
    """bullets and braces that are open"""
    is_closed: bool = False
    """True: nothing is left and the prover has accepted the proof as a whole"""

    @property
    def is_empty(self) -> bool:
        """True if no goal of any kind is left; braces that are open must still be closed."""
        return not (self.goals or self.num_behind or self.num_shelved)

    def write(self) -> str:
        """Returns the goals as text: hypotheses and conclusion of the first, conclusions of the others."""
        if self.is_closed:
            return "no goals"
        if not self.goals:
            return self._write_rest().lstrip("\n")
        first, *others = self.goals
        lines = [*map(_one_line, first.hypotheses), f"|- {_one_line(first.conclusion)}"]
        lines += [f"({place}) |- {_one_line(goal.conclusion)}" for place, goal in enumerate(others, 2)]
        return "\n".join(lines) + self._write_rest()

    def _write_rest(self) -> str:
        parts = []
        if self.num_behind:
            parts.append(f"\n({self.num_behind} behind the bullet or brace)")
        elif self.num_open_focuses and not self.goals:
            parts.append("\n(close the brace with })")
        if self.num_shelved:
            parts.append(f"\n({self.num_shelved} put aside)")
        return "".join(parts)


class Refusal(NamedTuple):
    """Why a sentence was not accepted."""

    reason: str
    """One word: "error" (the prover's), "timeout", "limit", "guard" (Qed refuses the whole); or one
    of ``lmgym.logic.rocq.guard``."""
    message: str
    place: int = 0
    """Which of the sentences it was, from 0."""


def cut(text: str, max_chars: int) -> str:
    """Returns ``text``, cut and marked where it is longer than ``max_chars``."""
    return text if len(text) <= max_chars else text[: max_chars - len(CUT_MARK)] + CUT_MARK


def _one_line(text: str) -> str:
    return " ".join(text.split())
