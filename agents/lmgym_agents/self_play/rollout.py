"""Plays many two-player games at once, and keeps what both sides read and said as token rows.

In: rules, first positions, who sits where. Out: results, and a row of tokens for each side of each game, laid
out as the environment of the game lays out an episode, so that what is learned here holds there. Left out:
advantages, losses.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.games.rules import Rules
from lmgym.seeding import make_key
from lmgym.tokenization import TextTokenizer
from lmgym_agents.rollout import Rollout
from lmgym_agents.self_play.opponents import Choice, Request, Seat


@dataclass(frozen=True, kw_only=True)
class Games:
    """G finished games; side 0 is the one that moved first."""

    results: NDArray[np.int64]
    """int64[G], 1, 0 or -1 for side 0."""
    num_moves: NDArray[np.int64]
    """int64[G], legal moves of both sides."""
    is_illegal: NDArray[np.bool_]
    """bool[G, 2], True for the side that lost by a turn that was no legal move."""
    rows: list[_Row]
    """2 G rows: game g, side s is row 2 g + s."""
    seconds: float

    def result_of(self, side: int) -> NDArray[np.int64]:
        """Returns the results as ``side`` sees them, int64[G]."""
        return self.results if side == 0 else -self.results


class _Row:
    """What one side of a game has read and said."""

    def __init__(self, prefix: Sequence[int]) -> None:
        self.tokens = list(prefix)
        self.is_action = [False] * len(self.tokens)
        self.logps = [0.0] * len(self.tokens)
        self.num_turns = 0

    def read(self, tokens: Sequence[int]) -> None:
        self._add(tokens, False, [0.0] * len(tokens))

    def say(self, choice: Choice) -> None:
        self._add(choice.tokens, True, choice.logps)
        self.num_turns += bool(choice.tokens)

    def _add(self, tokens: Sequence[int], is_action: bool, logps: Sequence[float]) -> None:
        self.tokens += tokens
        self.is_action += [is_action] * len(tokens)
        self.logps += logps


class _Board:
    """One game under way."""

    def __init__(self, position: Any, prefix: Sequence[int]) -> None:
        self.position = position
        self.rows = (_Row(prefix), _Row(prefix))
        self.num_moves = 0
        self.result: int | None = None
        self.is_illegal = [False, False]

    @property
    def side(self) -> int:
        return self.num_moves % 2

    def finish(self, result_of_mover: int) -> None:
        self.result = result_of_mover if self.side == 0 else -result_of_mover

    def move(self, rules: Rules, text: str | None) -> None:
        if text not in rules.legal_moves(self.position):
            self.is_illegal[self.side] = True
            self.finish(-1)
            return
        self.position = rules.apply(self.position, text)
        self.num_moves += 1
        result = rules.result(self.position)
        if result is not None:
            self.finish(result)


def play_games(
    rules: Rules,
    starts: Sequence[Any],
    seats: Sequence[Seat],
    seating: NDArray[np.int64],
    tokenizer: TextTokenizer,
    *,
    seed: int,
) -> Games:
    """Plays one game from each first position to its end.

    A turn that is no legal move, or did not end within its budget, loses the game.

    Args:
        rules: the game.
        starts: G positions in which the game goes on.
        seats: who can play.
        seating: int64[G, 2], which seat moves first and which second in each game.
        tokenizer: of the models among the seats.
        seed: of everything that seats draw.

    Raises:
        InvalidValueError: a game that is over at the start, or a seating of another shape.
    """
    begun = time.perf_counter()
    if seating.shape != (len(starts), 2):
        raise InvalidValueError(f"seating must be [{len(starts)}, 2], got {list(seating.shape)}.")
    if any(rules.result(start) is not None for start in starts):
        raise InvalidValueError("a game can't begin in a position in which it is over.")
    boards = [_Board(start, tokenizer.prefix_ids) for start in starts]
    going = list(range(len(boards)))
    while going:
        for number, seat in enumerate(seats):
            asked = [
                game for game in going
                if boards[game].result is None and seating[game, boards[game].side] == number
            ]  # fmt: skip
            if asked:
                _ask(rules, boards, asked, seat, tokenizer, make_key(seed, "seat", number))
        going = [game for game in going if boards[game].result is None]
    return Games(
        results=np.array([board.result for board in boards], np.int64),
        num_moves=np.array([board.num_moves for board in boards], np.int64),
        is_illegal=np.array([board.is_illegal for board in boards], np.bool_).reshape(-1, 2),
        rows=[row for board in boards for row in board.rows],
        seconds=time.perf_counter() - begun,
    )


def _ask(
    rules: Rules, boards: list[_Board], games: list[int], seat: Seat, tokenizer: TextTokenizer, seed: int
) -> None:
    """Lets a seat make one move in each of ``games``, in all of which it is the one to move."""
    texts = [rules.describe(boards[game].position) for game in games]
    requests = []
    for game, text in zip(games, texts, strict=True):
        board = boards[game]
        row = board.rows[board.side]
        row.read(tokenizer.encode(f"\n{text}" if row.num_turns else text))
        requests.append(Request(game, board.num_moves, board.position, row.tokens))
    for game, choice in zip(games, seat.choose(requests, seed), strict=True):
        board = boards[game]
        board.rows[board.side].say(choice)
        board.move(rules, choice.text)


def make_rollout(
    games: Games, chosen: NDArray[np.bool_], *, pad_id: int, illegal_penalty: float = 0.0
) -> tuple[Rollout, NDArray[np.int64]]:
    """Returns the rows of some sides as a rollout, each paid its game's result at its last action.

    Args:
        games: what was played.
        chosen: bool[G, 2], the sides to learn from; those that said nothing are left out.
        pad_id: fills rows on the right.
        illegal_penalty: taken from a side that lost by an illegal move, beside the loss itself.

    Returns:
        The rollout, whose ``problem_index`` is the number of the game, and the side of each row, int64[B].

    Raises:
        InvalidValueError: no side said anything.
    """
    picked = [place for place in np.flatnonzero(chosen.reshape(-1)).tolist() if games.rows[place].num_turns]
    if not picked:
        raise InvalidValueError("no side that was chosen has said anything.")
    rows = [games.rows[place] for place in picked]
    count, width = len(rows), max(len(row.tokens) for row in rows)
    lost_turn = games.is_illegal.reshape(-1)[picked]
    ids = np.full((count, width), pad_id, np.int64)
    is_action = np.zeros((count, width), np.bool_)
    logps, rewards = np.zeros((2, count, width), np.float32)
    results = np.array([games.result_of(place % 2)[place // 2] for place in picked], np.float32)
    for number, row in enumerate(rows):
        length = len(row.tokens)
        ids[number, :length] = row.tokens
        is_action[number, :length] = row.is_action
        logps[number, :length] = row.logps
        paid = results[number] - illegal_penalty * lost_turn[number]
        rewards[number, int(np.flatnonzero(is_action[number])[-1])] = paid
    game = np.array(picked, np.int64) // 2
    never, every = np.zeros(count, np.bool_), np.ones(count, np.bool_)
    rollout = Rollout(
        input_ids=torch.from_numpy(ids),
        lengths=torch.tensor([len(row.tokens) for row in rows]),
        is_action=torch.from_numpy(is_action),
        logp_behaviour=torch.from_numpy(logps),
        rewards=torch.from_numpy(rewards),
        terminated=torch.from_numpy(every),
        truncated=torch.from_numpy(never),
        failed=torch.from_numpy(never.copy()),
        success=torch.from_numpy(results > 0),
        score=torch.from_numpy((results + 1) / 2),
        terms={},
        problem_index=torch.from_numpy(game),
        group=torch.from_numpy(game),
        is_again=torch.from_numpy(never.copy()),
        stopped=torch.from_numpy(~lost_turn),
        num_turns=torch.tensor([row.num_turns for row in rows]),
        generation_s=games.seconds,
    )
    return rollout, np.array(picked, np.int64) % 2
