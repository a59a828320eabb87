"""``Lean``: proofs of statements tactic by tactic, and their final check; answers are remembered.

Comes in: statements and any texts as tactics. Goes out: goals or refusals, and verdicts. Left out: tasks.

A proof is begun with ``theorem … := by sorry``, whose hole is the first state. That a list of goals is empty
does not prove anything: the final check assembles the theorem anew from the statement and the tactics, in a
process of its own, states it a second time as the pinned proposition, and reads the axioms that it rests on.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

from lmgym.logic.lean.answers import Answer, read_answer
from lmgym.logic.lean.guard import Refusal, read_tactic
from lmgym.logic.lean.repl import LeanError, LeanTimeout, Repl, find_command, start
from lmgym.logic.lean.statements import LeanStatement

AXIOMS: Final = ("propext", "Classical.choice", "Quot.sound")
"""Lean's three standard axioms, on which a proof may rest."""
CONTEXT_TIMEOUT_S: Final = 120.0
MAX_REQUESTS: Final = 5_000
"""Requests after which a process is replaced: the REPL keeps every state for ever."""
MAX_MESSAGE_CHARS: Final = 300
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


class Check(NamedTuple):
    """What the final check says."""

    is_proved: bool
    reason: str = ""
    """"" if it is proved; "refused" (Lean does), "assumptions"; "prover" if nothing is known."""
    message: str = ""


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
        self._num_requests = 0
        self._states: dict[tuple[str, str, tuple[str, ...]], _State | Refusal] = {}

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
            try:
                found = self._walk(statement, tuple(read))
            except LeanTimeout:
                self._stop()
                raise
            except LeanError:
                self._stop()
                found = self._walk(statement, tuple(read))
        return found if isinstance(found, Refusal) else found.goals

    def _walk(self, statement: LeanStatement, tactics: tuple[str, ...]) -> _State | Refusal:
        if self._num_requests >= MAX_REQUESTS:
            self._stop()
        state: _State | Refusal = self._begin(statement)
        for place in range(len(tactics)):
            key = (statement.context, statement.statement, tactics[: place + 1])
            known = self._states.get(key)
            if known is None:
                assert isinstance(state, _State)
                known = self._step(state, tactics[place], place)
                if not (isinstance(known, Refusal) and known.reason == "timeout"):
                    self._states[key] = known
            state = known
            if isinstance(state, Refusal):
                return state
        return state

    def _begin(self, statement: LeanStatement) -> _State:
        key = (statement.context, statement.statement, ())
        known = self._states.get(key)
        if isinstance(known, _State):
            return known
        repl = self._open()
        env = _context(repl, statement)
        self._num_requests += 2
        answer = _command(repl, f"theorem lmgym_goal : {statement.statement} := by sorry", env)
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
        if self._repl is not None:
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
        try:
            repl = start(self._command)
            try:
                return _check(repl, statement, lines, axioms, timeout_s)
            finally:
                repl.close()
        except LeanError as error:
            return Check(False, "prover", str(error)[:MAX_MESSAGE_CHARS])


def _context(repl: Repl, statement: LeanStatement) -> int:
    """Returns the environment that holds the context.

    Raises:
        LeanError: Lean does not accept it.
    """
    answer = read_answer(
        repl.ask({"cmd": statement.context or "example : True := True.intro"}, CONTEXT_TIMEOUT_S)
    )
    if answer.errors or answer.holes or answer.env is None:
        raise LeanError(f"Lean refuses the context of {statement.name}: {'; '.join(answer.errors)[:300]}")
    return answer.env


def _command(repl: Repl, command: str, env: int, timeout_s: float = CONTEXT_TIMEOUT_S) -> Answer:
    return read_answer(repl.ask({"cmd": command, "env": env}, timeout_s))


def _check(
    repl: Repl, statement: LeanStatement, lines: Sequence[str], axioms: Sequence[str], timeout_s: float
) -> Check:
    nonce = secrets.token_hex(8)
    goal, name, again = (f"lmgym_{word}_{nonce}" for word in ("goal", "theorem", "again"))
    pin = _command(repl, f"def {goal} : Prop := {statement.statement}", _context(repl, statement))
    if pin.errors or pin.holes or pin.env is None:
        return Check(False, "prover", f"Lean does not read the statement: {'; '.join(pin.errors)[:200]}")
    body = "\n".join(f"  {line}" for line in lines)
    env = pin.env
    for command in (
        f"theorem {name} : {statement.statement} := by\n{body}",
        f"theorem {again} : {goal} := {name}",
    ):
        answer = _command(repl, command, env, timeout_s)
        problems = [*answer.errors, *(m.text for m in answer.messages if "sorry" in m.text)]
        if problems or answer.holes or answer.env is None:
            return Check(False, "refused", "; ".join(problems)[:MAX_MESSAGE_CHARS] or "Lean leaves a hole")
        env = answer.env
    return _judge_axioms(_command(repl, f"#print axioms {again}", env, timeout_s), again, axioms)


def _judge_axioms(answer: Answer, name: str, axioms: Sequence[str]) -> Check:
    """Reads the one line that ``#print axioms`` prints; any other answer is no proof."""
    texts = [" ".join(message.text.split()) for message in answer.messages]
    if answer.errors or answer.holes or len(texts) != 1:
        return Check(False, "refused", "Lean did not list the axioms")
    if texts[0] == f"'{name}' does not depend on any axioms":
        return Check(True)
    start = f"'{name}' depends on axioms: ["
    if not texts[0].startswith(start) or not texts[0].endswith("]"):
        return Check(False, "refused", "Lean did not list the axioms")
    extra = [axiom for axiom in texts[0][len(start) : -1].split(", ") if axiom not in axioms]
    return Check(False, "assumptions", f"rests on {', '.join(extra)}"[:300]) if extra else Check(True)
