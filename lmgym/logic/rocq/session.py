"""One process of the prover, and the document that it holds.

Comes in: a list of sentences to stand at the end of. Goes out: what each of them left to prove. The document
is a single path: what it shares with the last request is kept, the rest is taken back and said anew, which
costs less than a millisecond a sentence. Left out: which sentences may be said (see ``guard``), and sharing
between threads (see ``pool``).
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar
from xml.etree.ElementTree import Element

from lmgym.logic.rocq.goals import Goals, Refusal
from lmgym.logic.rocq.programs import Limits, Programs, kill_group, start
from lmgym.logic.rocq.protocol import (
    END,
    GOAL,
    INIT,
    Failure,
    ProtocolError,
    add_call,
    edit_at_call,
    read_goals,
    read_state,
    read_value,
)

MAX_REPLY_BYTES: Final = 4 << 20
GRACE_S: Final = 2.0
"""Beyond its time limit, which the prover itself keeps, a sentence gets so long before its process ends."""
SCRIPT_TIMEOUTS: Final = 4
CONTEXT_TIMEOUT_S: Final = 120.0
MAX_SENTENCES: Final = 50_000
"""After so many a process gives way to a fresh one."""
_CACHES: Final = (".lia.cache", ".nia.cache", ".nra.cache", ".csdp.cache")
"""Files that arithmetic tactics would keep between calls, and fail where no file may grow. A folder in place
of each has them do without."""

_Read = TypeVar("_Read")


class SessionDied(Exception):
    """The process has ended, or says what is no reply."""

    place: int | None = None
    """The tactic that it was at, None if at none."""
    exit_code: int | None = None


class StatementRefused(Exception):
    """The prover refuses a statement or its context: nothing can be proved. The process is of no more use."""


class SentenceTooDear(Exception):
    """A sentence took too long or wrote too much; the process is of no more use."""

    place = 0

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Script(NamedTuple):
    """What a request asks for: trusted sentences, the opening of the proof, tactics."""

    context: tuple[str, ...]
    opening: tuple[str, ...]
    tactics: tuple[str, ...]
    timeout_s: int
    """for one tactic; all that a request has to say anew may take ``SCRIPT_TIMEOUTS`` times as long"""


class Outcome(NamedTuple):
    """What became of a script."""

    goals: list[Goals]
    """before the tactics, and after each that was accepted"""
    refusal: Refusal | None = None
    """of the first tactic that was not"""


class _Entry(NamedTuple):
    sentence: str
    state: int
    goals: Goals | None


class Session:
    """A running process. Used by one thread at a time."""

    def __init__(self, programs: Programs, limits: Limits) -> None:
        """Starts the process.

        Raises:
            SessionDied: it does not start.
        """
        self._folder = tempfile.mkdtemp(prefix="lmgym-rocq-")
        for name in _CACHES:
            os.mkdir(os.path.join(self._folder, name))
        command = [programs.session, "-q", "-main-channel", "stdfds", "-async-proofs", "off"]
        try:
            self._process = start(
                command, self._folder, limits, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise SessionDied(str(error)) from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._output.fileno(), select.POLLIN)
        self._buffer = b""
        self._document = list[_Entry]()
        self._first_state = 0
        self.num_sentences = 0

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def open(self) -> None:
        """Waits until the process is ready; raises as ``run`` does."""
        value = self._ask(INIT, CONTEXT_TIMEOUT_S)
        if isinstance(value, Failure):
            raise SessionDied(value.message)
        self._first_state = self._read(read_state, value)

    def num_shared(self, script: Script) -> int:
        """Returns how many sentences of ``script`` the document already holds."""
        wanted = (*script.context, *script.opening, *script.tactics)
        shared = 0
        for entry, sentence in zip(self._document, wanted, strict=False):
            if entry.sentence != sentence:
                break
            shared += 1
        return shared

    def run(self, script: Script) -> Outcome:
        """Returns the goals before the tactics and after each of them, up to the first that is refused.

        When nothing is left after the last tactic, the proof is ended on trial, and ``is_closed`` says
        that it holds.

        Raises:
            StatementRefused: the prover refuses what stands before the tactics.
            SessionDied: the process ended by itself.
            SentenceTooDear: it was ended because of the last sentence.
        """
        self._go_back(self.num_shared(script))
        opening = (*script.context, *script.opening)
        for sentence in opening[len(self._document) :]:
            refusal = self._say(sentence, CONTEXT_TIMEOUT_S, wants_goals=sentence in script.opening)
            if refusal is not None:
                raise StatementRefused(f"at {sentence[:80]!r}: {refusal.message}")
        done = len(self._document) - len(opening)
        until = time.monotonic() + SCRIPT_TIMEOUTS * script.timeout_s
        for place in range(done, len(script.tactics)):
            if time.monotonic() > until:
                refusal = Refusal("timeout", "The tactics together took too long.", place)
                return Outcome(self._goals(len(opening)), refusal)
            refusal = self._say_tactic(script, place)
            if refusal is not None:
                return Outcome(self._goals(len(opening)), refusal._replace(place=place))
        goals = self._goals(len(opening))
        if len(goals) != len(script.tactics) + 1:
            raise SessionDied("the proof has ended before its end")
        if goals[-1].is_empty:
            return self._end(goals, len(script.context), script)
        return Outcome(goals)

    def close(self) -> None:
        """Ends the process."""
        kill_group(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def forget(self) -> None:
        """Lets go of the process without touching it: for a fork of this process, which does not own it."""
        self._input.close()
        self._output.close()
        self._process.returncode = 0

    def _say_tactic(self, script: Script, place: int) -> Refusal | None:
        try:
            return self._say(script.tactics[place], script.timeout_s + GRACE_S, wants_goals=True)
        except SessionDied as death:
            death.place = place
            raise
        except SentenceTooDear as cost:
            cost.place = place
            raise

    def _death(self, message: str) -> SessionDied:
        death = SessionDied(message)
        death.exit_code = self._exit_code()
        return death

    def _exit_code(self) -> int | None:
        try:
            return self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return None

    def _goals(self, start_of_proof: int) -> list[Goals]:
        found = (entry.goals for entry in self._document[start_of_proof - 1 :])
        return [goals for goals in found if goals is not None]

    def _end(self, goals: list[Goals], start_of_proof: int, script: Script) -> Outcome:
        refusal = self._say("Qed.", script.timeout_s + GRACE_S, wants_goals=True)
        self._go_back(start_of_proof)
        if refusal is not None and goals[-1].num_open_focuses:
            return Outcome(goals)  # a brace is open
        if refusal is not None:
            reason = "guard" if refusal.reason == "error" else refusal.reason
            place = max(0, len(script.tactics) - 1)
            return Outcome(goals[:-1], Refusal(reason, refusal.message, place))
        return Outcome([*goals[:-1], goals[-1]._replace(is_closed=True)])

    def _go_back(self, length: int) -> None:
        if length == len(self._document):
            return
        state = self._document[length - 1].state if length else self._first_state
        value = self._ask(edit_at_call(state), CONTEXT_TIMEOUT_S)
        if isinstance(value, Failure):
            raise SessionDied(value.message)
        del self._document[length:]

    def _say(self, sentence: str, timeout_s: float, *, wants_goals: bool) -> Refusal | None:
        """Adds a sentence to the document, unless the prover refuses it."""
        before = self._document[-1].state if self._document else self._first_state
        self.num_sentences += 1
        until = time.monotonic() + timeout_s
        self._send(
            add_call(sentence, before) + (GOAL if wants_goals else b"")
        )  # both at once: half the waiting
        added = self._receive(until)
        value = self._receive(until) if wants_goals else None
        if isinstance(added, Failure):
            return Refusal("error", added.message)
        state = self._read(read_state, added)
        if value is None:
            self._document.append(_Entry(sentence, state, None))
            return None
        if isinstance(value, Failure):
            is_back = not isinstance(self._ask(edit_at_call(before), CONTEXT_TIMEOUT_S), Failure)
            if not is_back and self._document[-1].goals is not None:
                raise SessionDied("the prover does not go back")
            return _refusal(value.message)
        self._document.append(_Entry(sentence, state, self._read(read_goals, value)))
        return None

    def _read(self, reader: Callable[[Element], _Read], value: Element) -> _Read:
        try:
            return reader(value)
        except ProtocolError as error:
            raise SessionDied(str(error)) from None

    def _ask(self, call: bytes, timeout_s: float) -> Element | Failure:
        self._send(call)
        return self._receive(time.monotonic() + timeout_s)

    def _send(self, calls: bytes) -> None:
        try:
            while calls:
                calls = calls[self._input.write(calls) or 0 :]
        except OSError as error:
            raise self._death(str(error)) from None

    def _receive(self, until: float) -> Element | Failure:
        try:
            return read_value(self._read_reply(until))
        except ProtocolError as error:
            raise SessionDied(str(error)) from None

    def _read_reply(self, until: float) -> bytes:
        descriptor = self._output.fileno()
        pieces, size, tail = [self._buffer], len(self._buffer), b""
        while True:
            tail = tail[-len(END) :] + pieces[-1]
            if END in tail:
                break
            if size > MAX_REPLY_BYTES:
                raise SentenceTooDear("limit")
            left_s = until - time.monotonic()
            if left_s <= 0 or not self._poll.poll(left_s * 1000):
                raise SentenceTooDear("timeout")
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                raise self._death("the process has ended")
            pieces.append(piece)
            size += len(piece)
        reply, _, self._buffer = b"".join(pieces).partition(END)
        return reply + END


def _refusal(message: str) -> Refusal:
    if message.startswith("Timeout"):
        return Refusal("timeout", "Timeout!")
    if message.startswith(("Stack overflow", "Out of memory")):
        return Refusal("limit", message)
    return Refusal("error", message)
