"""A pool of prover processes, for any number of threads.

Comes in: scripts. Goes out: goals or refusals. Processes start when they are first needed, are restarted when
they die, and end with this process, however it ends. A script goes to the idle process that already holds
most of it. Left out: what the sentences mean.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from lmgym.errors import LmgymError
from lmgym.logic.rocq.goals import Refusal
from lmgym.logic.rocq.programs import Limits, find_programs
from lmgym.logic.rocq.session import (
    MAX_SENTENCES,
    Outcome,
    Script,
    SentenceTooDear,
    Session,
    SessionDied,
    StatementRefused,
)

ACQUIRE_TIMEOUT_S: Final = 300.0
_OWN_DEATHS: Final = tuple(
    -getattr(signal, name)
    for name in ("SIGABRT", "SIGSEGV", "SIGBUS", "SIGXCPU", "SIGXFSZ")
    if hasattr(signal, name)
)
"""Exit codes of a process that a sentence brought down; those above 0 are, too."""


class ProverError(LmgymError, RuntimeError):
    """The prover refuses a statement, could not be started, or died twice: nothing is known of the answer."""


class Statistics(NamedTuple):
    """What a pool has done."""

    requests: int = 0
    starts: int = 0
    """processes started"""
    deaths: int = 0
    """processes that ended by themselves, or from outside"""
    kills: int = 0
    """processes ended because a sentence took too long or wrote too much"""


class Pool:
    """Prover processes, their queue and their replacement."""

    def __init__(self, size: int | None = None, limits: Limits | None = None) -> None:
        """Starts nothing yet.

        Args:
            size: most processes at once; None: ``min(4, number of CPUs)``.
            limits: what a process may use; None: the defaults of ``Limits``.
        """
        self.size = size or min(4, os.cpu_count() or 1)
        self._limits = limits or Limits()
        self._changed = threading.Condition()
        self._idle: list[Session] = []
        self._sessions: set[Session] = set()
        self._num_out = 0
        self._counts = dict.fromkeys(Statistics._fields, 0)
        self._starter: _Starter | None = None
        self._is_closed = False

    def statistics(self) -> Statistics:
        """Returns what has been counted so far."""
        with self._changed:
            return Statistics(**self._counts)

    def pids(self) -> tuple[int, ...]:
        """Returns the process ids of all processes."""
        with self._changed:
            return tuple(session.pid for session in self._sessions)

    def run(self, script: Script) -> Outcome:
        """Returns the goals before the tactics of ``script`` and after each, up to the first refusal.

        A process that dies is replaced, and the script tried once more on a fresh one. A tactic that brings
        both down is refused for it; the same from outside is an error.

        Raises:
            ProverError: processes could not be started or died, or the statement is refused.
            MissingDependencyError: the prover is not installed.
        """
        self._count("requests")
        death = self._try(script, is_fresh=False)
        if isinstance(death, SessionDied):
            death = self._try(script, is_fresh=True)
        if not isinstance(death, SessionDied):
            return death
        if death.place is not None and _is_own(death.exit_code):
            return Outcome(
                [], Refusal("limit", "The tactic used up the prover's memory or time.", death.place)
            )
        raise ProverError(f"the prover died twice: {death}")

    def _try(self, script: Script, *, is_fresh: bool) -> Outcome | SessionDied:
        try:
            session = self._acquire(script, is_fresh)
        except SessionDied as death:
            return death
        is_whole = False
        try:
            found = session.run(script)
            is_whole = session.num_sentences < MAX_SENTENCES
            return found
        except StatementRefused as refused:
            raise ProverError(f"the prover refuses the statement: {refused}") from None
        except SentenceTooDear as cost:
            self._count("kills")
            message = "Timeout!" if cost.reason == "timeout" else "The prover's answer is too long."
            return Outcome([], Refusal(cost.reason, message, cost.place))
        except SessionDied as death:
            self._count("deaths")
            return death
        finally:  # an interrupt by the user comes by here too
            self._release(session, is_whole)

    def close(self) -> None:
        """Ends all processes."""
        with self._changed:
            self._is_closed = True
            sessions = tuple(self._sessions)
            self._sessions.clear()
            self._idle.clear()
            starter, self._starter = self._starter, None
            self._changed.notify_all()
        for session in sessions:
            session.close()
        if starter is not None:
            starter.close()

    def forget(self) -> None:
        """Lets go of all processes without touching them: for a fork of this process."""
        for session in self._sessions:
            session.forget()

    def _acquire(self, script: Script, is_fresh: bool) -> Session:
        with self._changed:
            if not self._changed.wait_for(self._can_give, ACQUIRE_TIMEOUT_S) or self._is_closed:
                raise ProverError("no prover process became free.")
            self._num_out += 1
            if self._idle and not is_fresh:
                session = self._choose(script)
                if session is not None:
                    self._idle.remove(session)
                    return session
            elif is_fresh and self._num_out + len(self._idle) > self.size and self._idle:
                stale = self._idle.pop(0)
                self._sessions.discard(stale)
                stale.close()
        return self._start()

    def _can_give(self) -> bool:
        return self._is_closed or self._num_out < self.size

    def _choose(self, script: Script) -> Session | None:
        """Returns the idle process that shares most; None: a new one is better and allowed."""
        best = max(self._idle, key=lambda session: session.num_shared(script))
        has_context = best.num_shared(script) >= len(script.context)
        if not has_context and len(self._sessions) < self.size:
            return None
        return best

    def _start(self) -> Session:
        self._count("starts")
        try:
            programs = find_programs()
            with self._changed:
                starter = self._starter = self._starter or _Starter()
            session = starter.start(lambda: Session(programs, self._limits))
        except BaseException:
            self._give_back(None)
            raise
        with self._changed:
            self._sessions.add(session)
        try:
            session.open()
        except (SessionDied, SentenceTooDear) as error:
            self._release(session, False)
            raise SessionDied(f"a process did not start: {error}") from None
        return session

    def _release(self, session: Session, is_whole: bool) -> None:
        with self._changed:
            is_kept = is_whole and session in self._sessions
            if not is_kept:
                self._sessions.discard(session)
        if not is_kept:
            session.close()
        self._give_back(session if is_kept else None)

    def _give_back(self, session: Session | None) -> None:
        with self._changed:
            self._num_out -= 1
            if session is not None:
                self._idle.append(session)
            self._changed.notify()

    def _count(self, name: str) -> None:
        with self._changed:
            self._counts[name] += 1


class _Starter:
    """The one thread that starts processes: they end with the thread that started them."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Session], queue.SimpleQueue[object]] | None]
        self._jobs = queue.SimpleQueue()
        threading.Thread(target=self._work, name="lmgym-rocq-starter", daemon=True).start()

    def start(self, make: Callable[[], Session]) -> Session:
        """Returns what ``make`` makes in the thread; raises SessionDied as it does."""
        made: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._jobs.put((make, made))
        found = made.get()
        if isinstance(found, SessionDied):
            raise found
        assert isinstance(found, Session), found
        return found

    def close(self) -> None:
        """Ends the thread, and with it what it started."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            make, made = job
            try:
                made.put(make())
            except SessionDied as death:
                made.put(death)


def _is_own(exit_code: int | None) -> bool:
    return exit_code is not None and (exit_code > 0 or exit_code in _OWN_DEATHS)
