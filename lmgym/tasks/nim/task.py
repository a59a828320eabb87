"""``lmgym/Nim-v0``: take the last object, against a fixed opponent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Self, final

import numpy as np

from lmgym.games.nim import LETTERS
from lmgym.games.nim import Nim as NimRules
from lmgym.games.rules import Rules
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split
from lmgym.tasks.match import GameReference, GameState, Match, Named, Opponent
from lmgym.tasks.options import check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

LEVELS: Mapping[int, tuple[int, int]] = {
    1: (2, 8),
    2: (2, 12),
    3: (3, 5),
    4: (3, 7),
    5: (3, 9),
    6: (4, 9),
}
"""Heaps, objects of the largest heap; by level."""
_OOD = "ood_heaps"


@final
class Nim(Task):
    """Heaps of objects; a turn takes any number from one heap, and whoever takes the last object wins.

    The agent always begins in a position that perfect play wins, so success is a win. The hash of the sorted
    heap sizes decides the split; "ood_heaps" has a heap larger than any of the level.
    """

    splits = (*HASHED_SPLITS, _OOD)

    def __init__(
        self,
        *,
        level: int = 1,
        num_heaps: int | None = None,
        max_heap: int | None = None,
        opponent: Named | Opponent = "optimal",
        mistakes: float | None = None,
        demonstration_quality: float = 1.0,
    ) -> None:
        """Configures the task; ``num_heaps`` and ``max_heap`` take the place of the level's.

        Args:
            level: 1 (two heaps of at most 8) to 6 (four heaps of at most 9).
            num_heaps: 2 to 5.
            max_heap: objects of the largest heap, 3 to 20.
            opponent: "optimal", "mixed", "random", or a function from the text of a position to a move.
            mistakes: probability in [0, 1] that "mixed" plays a random move; 0.3 if not given.
            demonstration_quality: probability in [0, 1] that a demonstrated move is one of the best; the
                others are any legal moves.

        Raises:
            UnknownNameError: an opponent of another name.
            InvalidValueError: a value out of its range, or ``mistakes`` for an opponent other than "mixed".
        """
        self._options: dict[str, object] = dict(
            num_heaps=num_heaps, max_heap=max_heap, opponent=opponent, mistakes=mistakes,
            demonstration_quality=demonstration_quality,
        )  # fmt: skip
        self._level = check_int("level", level, 1, max(LEVELS))
        heaps, largest = LEVELS[self._level]
        self._num_heaps = check_int("num_heaps", heaps if num_heaps is None else num_heaps, 2, 5)
        self._max_heap = check_int("max_heap", largest if max_heap is None else max_heap, 3, 20)
        self._match = Match(NimRules(), opponent, mistakes, demonstration_quality, self._max_turn_chars)
        self._shape = f"Nim(heaps={self._num_heaps}x{self._max_heap}"
        self._stream = ProblemStream(self._shape, self._draw_block)

    @property
    def rules(self) -> Rules:
        """The game's rules, for playing both sides."""
        return self._match.rules

    @property
    def num_heaps(self) -> int:
        """Heaps at the start."""
        return self._num_heaps

    @property
    def max_heap(self) -> int:
        """Objects of the largest heap of the hashed splits."""
        return self._max_heap

    @property
    def fingerprint(self) -> str:
        return f"{self._shape},opponent={self._match.name})"

    @property
    def alphabet(self) -> str:
        return LETTERS[: self._num_heaps] + "0123456789"

    @property
    def max_prompt_chars(self) -> int:
        return self._num_heaps * (len(str(self._ood_max_heap)) + 1)

    @property
    def max_reply_chars(self) -> int:
        return 1 + self.max_prompt_chars

    @property
    def max_turns(self) -> int:
        return (self._num_heaps * self._ood_max_heap + 1) // 2

    @property
    def default_max_new_tokens(self) -> int:
        return self._max_turn_chars + 1

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    @property
    def _ood_max_heap(self) -> int:
        return self._max_heap + 1 + self._max_heap // 3

    @property
    def _max_turn_chars(self) -> int:
        return 1 + len(str(self._ood_max_heap))

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        draw = partial(self._draw, split == _OOD)
        return [draw_until_split(draw, split, words) for _ in range(count)]

    def _draw(self, is_ood: bool, words: Words) -> Draft | None:
        rules, largest = self._match.rules, self._ood_max_heap if is_ood else self._max_heap
        heaps = tuple(1 + words.below(largest) for _ in range(self._num_heaps))
        if rules.value(heaps) < 1 or (is_ood and max(heaps) <= self._max_heap):
            return None
        key = ",".join(map(str, rules.canonical(heaps)))
        return Draft(rules.describe(heaps), GameReference(1, heaps), key, float(self._level))

    def start(self, problem: Problem) -> GameState:
        return self._match.start(problem)

    def respond(self, state: GameState, turn: Turn) -> Response:
        return self._match.respond(state, turn)

    def verify(self, transcript: Transcript) -> Verdict:
        return self._match.verify(transcript)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        return self._match.demonstrations(problem, rng)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        return self._match.optimal_value(problem, turns, partial)
