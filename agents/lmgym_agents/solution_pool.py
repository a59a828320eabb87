"""The pool of verified solutions that a policy has found, without duplicates.

In: attempts at problems, with the verifier's word on each. Out: for each problem its different solutions, the
shortest first, and wrong responses beside them. Left out: finding solutions (``search``), drawing them for
learning (``solution_draw``).

Everything here is a function of what was added, in its order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.records import Status

MAX_CHARS = 100_000
"""A longer response is counted and left out: it costs more than it can teach."""


class Attempt(NamedTuple):
    """One finished episode."""

    text: str
    """What the agent said; any text."""
    tokens: tuple[int, ...]
    """The whole row."""
    is_action: tuple[bool, ...]
    """True at the agent's tokens."""
    status: Status


class Response(NamedTuple):
    """An attempt that is kept."""

    digest: str
    """Names its canonical form."""
    tokens: tuple[int, ...]
    is_action: tuple[bool, ...]
    round: int
    """In which it was found, from 1."""


@dataclass(kw_only=True)
class ProblemRecord:
    """What has been found for one problem."""

    level: int
    index: int
    """In the split."""
    last_round: int = 0
    """In which it was last posed."""
    num_right: int = 0
    """In its last round."""
    num_valid: int = 0
    """Attempts of its last round that could be judged."""
    was_failed: bool = False
    """It was posed in vain in a round before it was first solved."""
    solved_round: int = 0
    """In which it was first solved, from 1; 0: never, though a hint may have given a solution."""
    right: list[Response] = field(default_factory=list)
    """Different ones, the shortest first."""
    wrong: list[Response] = field(default_factory=list)
    """Different ones, the newest first."""

    @property
    def rate(self) -> float:
        """p̂, share of right attempts in the last round; 0 without any."""
        return self.num_right / self.num_valid if self.num_valid else 0.0


@dataclass(kw_only=True)
class AddedCounts:
    """What became of attempts."""

    attempts: int = 0
    right: int = 0
    errors: int = 0
    """The verifier failed: dropped, neither right nor wrong."""
    duplicates: int = 0
    """Right, but known in their canonical form."""
    too_long: int = 0
    new_solutions: int = 0
    problems: int = 0
    """That were posed."""
    solved: int = 0
    """Problems with a right attempt."""
    newly_solved: int = 0
    """Problems that had never been solved before."""
    hints: int = 0
    """Solutions that were handed in for problems which had none."""


def canonical_text(text: str) -> str:
    """Returns the text without blank lines, spaces at the ends of lines, and runs of spaces.

    >>> canonical_text(" 3 +  4 ")
    '3 + 4'
    """
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


class SolutionPool:
    """Verified solutions by problem; see the module.

    Args:
        max_per_problem: m, solutions of a problem that are kept, the shortest.
        max_wrong: wrong responses of a problem that are kept for pairs, the newest.
        canonical: what counts as the same response.
    """

    def __init__(
        self,
        *,
        max_per_problem: int = 4,
        max_wrong: int = 0,
        canonical: Callable[[str], str] = canonical_text,
    ) -> None:
        if max_per_problem < 1 or max_wrong < 0:
            raise InvalidValueError(
                "SolutionPool needs max_per_problem >= 1 and max_wrong >= 0, got "
                f"{max_per_problem!r} and {max_wrong!r}."
            )
        self._max_right, self._max_wrong, self._canonical = max_per_problem, max_wrong, canonical
        self.records: dict[str, ProblemRecord] = {}
        """By prompt, in the order in which problems were first posed."""

    @property
    def num_solutions(self) -> int:
        """Solutions of all problems."""
        return sum(len(record.right) for record in self.records.values())

    @property
    def num_solved(self) -> int:
        """Problems with a solution."""
        return sum(bool(record.right) for record in self.records.values())

    def add(
        self,
        prompt: str,
        attempts: Iterable[Attempt],
        *,
        round: int,
        level: int = 1,
        index: int = 0,
        hint: Attempt | None = None,
    ) -> AddedCounts:
        """Notes what a round has found for a problem, and returns what became of it.

        Args:
            prompt: names the problem.
            attempts: of the policy. Those that the verifier failed on are dropped.
            round: from 1.
            level: of the task.
            index: of the problem in its split.
            hint: a solution from elsewhere (a demonstration), kept if it is right and there is no other; the
                problem still counts as unsolved.
        """
        record = self.records.setdefault(prompt, ProblemRecord(level=level, index=index))
        counts = AddedCounts(problems=1)
        for attempt in attempts:
            self._add_attempt(record, attempt, round, counts)
        record.last_round = round
        record.num_right, record.num_valid = counts.right, counts.attempts - counts.errors - counts.too_long
        counts.solved = int(counts.right > 0)
        if counts.solved and not record.solved_round:
            record.solved_round, counts.newly_solved = round, 1
        record.was_failed |= not record.solved_round
        if hint is not None and hint.status == "correct" and not record.right:
            self._add_attempt(record, hint, round, AddedCounts())
            counts.hints = len(record.right)
        record.right.sort(key=lambda found: (len(found.tokens), found.round))
        del record.right[self._max_right :], record.wrong[self._max_wrong :]
        return counts

    def _add_attempt(self, record: ProblemRecord, attempt: Attempt, round: int, counts: AddedCounts) -> None:
        counts.attempts += 1
        if attempt.status == "error":
            counts.errors += 1
            return
        if len(attempt.text) > MAX_CHARS:
            counts.too_long += 1
            return
        is_right = attempt.status == "correct"
        counts.right += is_right
        kept = record.right if is_right else record.wrong
        digest = _digest(self._canonical(attempt.text))
        same = next((place for place, known in enumerate(kept) if known.digest == digest), None)
        response = Response(digest, tuple(attempt.tokens), tuple(attempt.is_action), round)
        if not is_right:
            if self._max_wrong and same is None:
                kept.insert(0, response)
            return
        if same is None:
            kept.append(response)
            counts.new_solutions += 1
            return
        counts.duplicates += 1
        if len(response.tokens) < len(kept[same].tokens):
            kept[same] = response._replace(round=kept[same].round)

    def unsolved(self, level: int) -> list[int]:
        """Returns the indices of the problems of a level that have been posed in vain so far."""
        return [r.index for r in self.records.values() if r.level == level and not r.solved_round]

    def state(self) -> dict[str, Any]:
        """Returns the pool as arrays and plain values."""
        records = list(self.records.values())
        responses = [response for r in records for response in (*r.right, *r.wrong)]
        numbers = [
            (r.level, r.index, r.last_round, r.num_right, r.num_valid, r.was_failed, r.solved_round,
             len(r.right), len(r.wrong))
            for r in records
        ]  # fmt: skip
        return {
            "prompts": list(self.records),
            "numbers": np.array(numbers, np.int64).reshape(len(records), 9),
            "digests": [response.digest for response in responses],
            "rounds": np.array([response.round for response in responses], np.int64),
            "lengths": np.array([len(response.tokens) for response in responses], np.int64),
            "tokens": np.array([i for response in responses for i in response.tokens], np.int64),
            "is_action": np.array([i for response in responses for i in response.is_action], np.bool_),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state`` returned."""
        ends = np.cumsum(state["lengths"])
        tokens = np.split(np.asarray(state["tokens"]), ends)[:-1]
        is_action = np.split(np.asarray(state["is_action"]), ends)[:-1]
        responses = [
            Response(digest, tuple(ids.tolist()), tuple(acts.tolist()), int(round))
            for digest, ids, acts, round in zip(
                state["digests"], tokens, is_action, state["rounds"], strict=True
            )
        ]
        self.records, start = {}, 0
        for prompt, row in zip(state["prompts"], np.asarray(state["numbers"]).tolist(), strict=True):
            level, index, last_round, num_right, num_valid, was_failed, solved_round, rights, wrongs = row
            middle, stop = start + rights, start + rights + wrongs
            self.records[prompt] = ProblemRecord(
                level=level, index=index, last_round=last_round, num_right=num_right, num_valid=num_valid,
                was_failed=bool(was_failed), solved_round=solved_round, right=responses[start:middle],
                wrong=responses[middle:stop],
            )  # fmt: skip
            start = stop


def _digest(text: str) -> str:
    # "surrogatepass": a model may write what is no Unicode text.
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def merge_counts(parts: Sequence[AddedCounts]) -> AddedCounts:
    """Returns the sums."""
    total = AddedCounts()
    for part in parts:
        for name, value in vars(part).items():
            setattr(total, name, getattr(total, name) + value)
    return total
