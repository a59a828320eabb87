"""``Lean``: proofs of statements tactic by tactic, and their final check; answers are remembered.

Comes in: statements and any texts as tactics. Goes out: goals or refusals, and verdicts. Left out: tasks.

A proof is begun with ``theorem … := by sorry``, whose hole is the first state. That a list of goals is empty
does not prove anything; see ``lmgym.logic.lean.final``.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from lmgym.logic.lean.answers import read_answer
from lmgym.logic.lean.final import AXIOMS, MAX_MESSAGE_CHARS, Check, check_proof, open_context, run_command
from lmgym.logic.lean.guard import Refusal, read_tactic
from lmgym.logic.lean.repl import LeanError, LeanTimeout, Repl, find_command, start
from lmgym.logic.lean.statements import LeanStatement

MAX_REQUESTS: Final = 5_000
"""Requests after which a process is replaced: the REPL keeps every state for ever."""
MAX_KEPT: Final = 10_000
"""Checks, and tactics that were late, that are remembered."""
MAX_GOAL_CHARS: Final = 4_000


class Goals(NamedTuple):
    """What is left to show."""

    goals: tuple[str, ...]
    """as Lean prints them, each with its hypotheses"""

    @property
    def is_closed(self) -> bool:
        """True: no goal is left; only the final check says whether the proof holds."""
        return not self.goals

    def write(self) -> str:
        """Returns the first goal in full and the conclusions of the others."""
        if not self.goals:
            return "no goals"
        first, *others = self.goals
        lines = [first[:MAX_GOAL_CHARS]]
        lines += [f"({n}) {goal[goal.rfind('⊢') :][:200]}" for n, goal in enumerate(others[:20], 2)]
        return "\n".join(lines)


_Key = tuple[str, str, tuple[str, ...]]
"""Context, statement, tactics."""


class _State(NamedTuple):
    number: int
    goals: Goals


class Lean:
    """Proofs of statements, in one process; for any number of threads, one at a time."""

    def __init__(self, repl: str | Sequence[str] | None = None, *, timeout_s: float = 10.0) -> None:
        """Finds the REPL; starts no process yet.

        Args:
            repl: the command that starts it; None: what ``LMGYM_LEAN_REPL`` says, or lean-interact.
            timeout_s: seconds that a tactic may take.

        Raises:
            MissingDependencyError: there is no REPL.
        """
        self._command = find_command(repl)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._repl: Repl | None = None
        self._owner = os.getpid()
        self._num_requests = 0
        self._states: dict[_Key, _State | Refusal] = {}
        self._late: OrderedDict[_Key, Refusal] = OrderedDict()
        self._checks: OrderedDict[tuple[_Key, tuple[str, ...]], Check] = OrderedDict()

    def run(self, statement: LeanStatement, tactics: Sequence[str] = ()) -> Goals | Refusal:
        """Returns the goals of ``statement`` after ``tactics``, or the first refusal of one of them.

        Raises:
            LeanError: the process could not be started, or died twice.
        """
        read = list[str]()
        for place, text in enumerate(tactics):
            tactic = read_tactic(text)
            if isinstance(tactic, Refusal):
                return tactic._replace(place=place)
            read.append(tactic)
        with self._lock:
            found = self._try_twice(statement, tuple(read))
        return found if isinstance(found, Refusal) else found.goals

    def _try_twice(self, statement: LeanStatement, tactics: tuple[str, ...]) -> _State | Refusal:
        if self._owner != os.getpid():  # after a fork the process belongs to the parent
            self._owner, self._repl, self._num_requests = os.getpid(), None, 0
            self._states.clear()
        try:
            return self._walk(statement, tactics)
        except LeanError as error:
            self._stop()
            if isinstance(error, LeanTimeout):
                raise
        try:
            return self._walk(statement, tactics)
        except LeanError:
            self._stop()
            raise

    def _walk(self, statement: LeanStatement, tactics: tuple[str, ...]) -> _State | Refusal:
        if self._num_requests >= MAX_REQUESTS:
            self._stop()
        state: _State | Refusal = self._begin(statement)
        for place in range(len(tactics)):
            key = (statement.context, statement.statement, tactics[: place + 1])
            known = self._states.get(key) or self._late.get(key)
            if known is None:
                assert isinstance(state, _State)
                known = self._step(state, tactics[place], place)
                self._remember(key, known)
            state = known
            if isinstance(state, Refusal):
                return state
        return state

    def _remember(self, key: _Key, known: _State | Refusal) -> None:
        """Keeps an answer; that a tactic is late outlives the process that was ended for it."""
        if isinstance(known, Refusal) and known.reason == "timeout":
            self._late[key] = known
            if len(self._late) > MAX_KEPT:
                self._late.popitem(last=False)
        else:
            self._states[key] = known

    def _begin(self, statement: LeanStatement) -> _State:
        key = (statement.context, statement.statement, ())
        known = self._states.get(key)
        if isinstance(known, _State):
            return known
        repl = self._open()
        env = open_context(repl, statement)
        self._num_requests += 2
        answer = run_command(repl, f"theorem lmgym_goal : {statement.statement} := by sorry", env)
        if answer.errors or len(answer.holes) != 1 or answer.holes[0].proof_state < 0:
            raise LeanError(f"Lean does not begin {statement.name}: {'; '.join(answer.errors)[:300]}")
        state = _State(answer.holes[0].proof_state, Goals((answer.holes[0].goal,)))
        self._states[key] = state
        return state

    def _step(self, state: _State, tactic: str, place: int) -> _State | Refusal:
        if state.goals.is_closed:
            return Refusal("error", "no goals are left", place)
        self._num_requests += 1
        try:
            given = self._open().ask({"tactic": tactic, "proofState": state.number}, self._timeout_s)
        except LeanTimeout:
            self._stop()
            return Refusal("timeout", f"the tactic takes more than {self._timeout_s:g} s", place)
        answer = read_answer(given)
        problems = [*answer.errors, *(["it leaves a hole"] if answer.holes else [])]
        if answer.status.startswith("Error"):
            problems.append(answer.status)
        if problems:
            return Refusal("error", "; ".join(problems)[:MAX_MESSAGE_CHARS], place)
        if answer.proof_state is None:
            raise LeanError("Lean's answer to a tactic names no state")
        return _State(answer.proof_state, Goals(answer.goals))

    def _open(self) -> Repl:
        if self._repl is None:
            self._repl = start(self._command)
        return self._repl

    def _stop(self) -> None:
        if self._repl is not None and self._owner == os.getpid():
            self._repl.close()
        self._repl = None
        self._num_requests = 0
        self._states.clear()

    def close(self) -> None:
        """Ends the process; the next question starts another."""
        with self._lock:
            self._stop()

    def final_check(
        self,
        statement: LeanStatement,
        tactics: Sequence[str],
        *,
        axioms: Sequence[str] = AXIOMS,
        timeout_s: float = 60.0,
    ) -> Check:
        """Returns whether ``tactics`` prove ``statement``, decided in a process that has seen nothing else.

        Args:
            statement: what is to be proved; never taken from a session.
            tactics: any texts, each one tactic.
            axioms: names of the axioms that the proof may rest on.
            timeout_s: seconds for the theorem; "prover" is the reason if they do not suffice.
        """
        lines = list[str]()
        for place, text in enumerate(tactics):
            tactic = read_tactic(text)
            if isinstance(tactic, Refusal):
                return Check(False, tactic.reason, f"tactic {place + 1}: {tactic.message}")
            lines.append(tactic)
        if not lines:
            return Check(False, "refused", "there is no tactic")
        key = ((statement.context, statement.statement, tuple(lines)), tuple(axioms))
        check = self._checks.get(key)
        if check is None:
            check = self._check_afresh(statement, lines, axioms, timeout_s)
            if check.reason != "prover":
                self._checks[key] = check
                if len(self._checks) > MAX_KEPT:
                    self._checks.popitem(last=False)
        return check

    def _check_afresh(
        self, statement: LeanStatement, lines: Sequence[str], axioms: Sequence[str], timeout_s: float
    ) -> Check:
        try:
            repl = start(self._command)
            try:
                return check_proof(repl, statement, lines, axioms, timeout_s)
            finally:
                repl.close()
        except LeanError as error:
            return Check(False, "prover", str(error)[:MAX_MESSAGE_CHARS])
