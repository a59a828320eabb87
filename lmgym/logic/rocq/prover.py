"""``Rocq``: proofs of statements step by step, and their final check; answers are remembered.

Comes in: statements and any texts as tactics. Goes out: goals or refusals, and verdicts. Left out: tasks.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Final, Generic, TypeVar

from lmgym.logic.rocq import shared
from lmgym.logic.rocq.final import Check, compile_proof
from lmgym.logic.rocq.goals import Goals, Refusal
from lmgym.logic.rocq.guard import read_step
from lmgym.logic.rocq.pool import Pool
from lmgym.logic.rocq.programs import find_programs
from lmgym.logic.rocq.session import Outcome, Script
from lmgym.logic.rocq.statements import Statement
from lmgym.logic.rocq.vfiles import read_sentences

PRINTING_WIDTH: Final = 110
MAX_GOALS_KEPT: Final = 20_000
MAX_CHECKS_KEPT: Final = 10_000
_Value = TypeVar("_Value")


class _Memory(Generic[_Value]):
    """The answers last used, at most so many; for any number of threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()

    def renew_lock(self) -> None:
        """Has a fork of this process not wait for a thread that it does not have."""
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> _Value | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Hashable, value: _Value) -> None:
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._size:
                self._values.popitem(last=False)


_ANSWERS = _Memory[Goals | Refusal](MAX_GOALS_KEPT)
_CHECKS = _Memory[Check](MAX_CHECKS_KEPT)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ANSWERS.renew_lock)
    os.register_at_fork(after_in_child=_CHECKS.renew_lock)


class Rocq:
    """Proofs of statements; for any number of threads. What is asked twice is answered from memory."""

    def __init__(self, *, timeout_s: int = 5, pool: Pool | None = None) -> None:
        """Finds the prover; starts no process yet.

        Args:
            timeout_s: seconds that a sentence may take.
            pool: its processes; None: those that this process shares, with what they have answered before.

        Raises:
            MissingDependencyError: the prover is not installed.
        """
        find_programs()
        self.timeout_s = timeout_s
        self._own_pool = pool
        self._answers = _ANSWERS if pool is None else _Memory[Goals | Refusal](MAX_GOALS_KEPT)
        self._checks = _CHECKS if pool is None else _Memory[Check](MAX_CHECKS_KEPT)

    @property
    def pool(self) -> Pool:
        """The processes that answer."""
        return self._own_pool or shared.pool()

    def run(self, statement: Statement, tactics: Sequence[str] = ()) -> Goals | Refusal:
        """Returns the goals of ``statement`` after ``tactics``, or the first refusal of one of them.

        Each tactic is one step (see ``lmgym.logic.rocq.guard``), any text whatever. ``Refusal.place`` says
        which tactic was refused.

        Raises:
            ProverError: the prover could not be started, died twice, or refuses the statement or its context.
        """
        asked = tuple(tactics)
        answer = self._answers.get((self.timeout_s, statement.context, statement.statement, asked))
        return self._ask(statement, asked) if answer is None else answer

    def final_check(
        self,
        statement: Statement,
        tactics: Sequence[str],
        *,
        axioms: Sequence[str] = (),
        timeout_s: float = 60.0,
        recheck: bool = False,
    ) -> Check:
        """Returns whether ``tactics`` prove ``statement``: compiled afresh, assumptions listed.

        Args:
            statement: what is to be proved; never taken from a session.
            tactics: steps, any texts.
            axioms: fully qualified names of the axioms that the proof may rest on.
            timeout_s: seconds for the compiler; "prover" is the reason if they do not suffice.
            recheck: have ``coqchk`` check the compiled file, too, where it is installed.
        """
        sentences = list[str]()
        for tactic in tactics:
            step = read_step(tactic)
            if isinstance(step, Refusal):
                return Check(False, step.reason, step.message)
            sentences.extend(step.sentences)
        key = (pin(statement), _digest(*sentences), tuple(axioms), recheck)
        check = self._checks.get(key)
        if check is None:
            check = compile_proof(statement, sentences, axioms=axioms, timeout_s=timeout_s, recheck=recheck)
            if check.reason != "prover":
                self._checks.put(key, check)
        return check

    def _ask(self, statement: Statement, tactics: tuple[str, ...]) -> Goals | Refusal:
        sentences, owners = list[str](), list[int]()
        for place, tactic in enumerate(tactics):
            step = read_step(tactic)
            if isinstance(step, Refusal):
                return step._replace(place=place)
            sentences.extend(step.sentences)
            owners.extend([place] * len(step.sentences))
        outcome = self.pool.run(self._script(statement, tuple(sentences)))
        return self._remember(statement, tactics, owners, outcome)

    def _remember(
        self, statement: Statement, tactics: tuple[str, ...], owners: Sequence[int], outcome: Outcome
    ) -> Goals | Refusal:
        """Returns the answer for ``tactics``, and keeps those for all that they begin with.

        Args:
            statement: what was to be proved.
            tactics: the steps.
            owners: for each sentence the step that it is of.
            outcome: what the prover said.
        """
        about = (self.timeout_s, statement.context, statement.statement)
        for said, goals in enumerate(outcome.goals):  # after so many sentences
            num_steps = owners[said - 1] + 1 if said else 0
            is_whole = said == len(owners)
            if goals.is_empty and not is_whole:
                continue  # whether the proof could have ended here was not asked
            if is_whole or not said or owners[said] != owners[said - 1]:
                self._answers.put((*about, tactics[:num_steps]), goals)
        if outcome.refusal is None:
            return outcome.goals[-1]
        place = owners[outcome.refusal.place] if owners else 0
        refusal = outcome.refusal._replace(place=place)
        self._answers.put((*about, tactics[: place + 1]), refusal)
        self._answers.put((*about, tactics), refusal)
        return refusal

    def _script(self, statement: Statement, sentences: tuple[str, ...]) -> Script:
        opening = (
            f"Set Printing Width {PRINTING_WIDTH}.",
            f"Set Default Timeout {self.timeout_s}.",
            f"Theorem lmgym_goal : {statement.statement}.",
        )
        return Script(_context(statement.context), opening, sentences, self.timeout_s)


def pin(statement: Statement) -> str:
    """Returns the hash of a statement with its context: what a proof of it is a proof of."""
    return _digest(statement.context, statement.statement)


def _digest(*texts: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


@lru_cache(maxsize=4096)
def _context(text: str) -> tuple[str, ...]:
    return tuple(sentence.text for sentence in read_sentences(text))
