"""Rules, exact values and players of the games, against exhaustive search and numbers known by hand."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache
from typing import Any

import pytest

from lmgym.games.nim import Nim, grundy
from lmgym.games.optimal import SuccessChance, minimax
from lmgym.games.players import Player
from lmgym.games.rules import Rules, best_moves
from lmgym.games.tic_tac_toe import EMPTY, TicTacToe

NIM, BOARD = Nim(), TicTacToe()


def positions(rules: Rules, start: Any) -> set[Any]:
    """Every position that can be reached."""
    found, todo = {start}, [start]
    while todo:
        position = todo.pop()
        for move in rules.legal_moves(position):
            after = rules.apply(position, move)
            if after not in found:
                found.add(after)
                todo.append(after)
    return found


def test_the_theory_of_nim_agrees_with_exhaustive_search() -> None:
    value = cache(lambda position: minimax(NIM, position, value))
    for heaps in itertools.product(range(6), repeat=3):
        assert NIM.value(heaps) == value(heaps)


def test_grundy_numbers_are_least_excluded_values() -> None:
    for heaps in itertools.product(range(5), repeat=2):
        after = {grundy(NIM.apply(heaps, move)) for move in NIM.legal_moves(heaps)}
        assert grundy(heaps) == next(n for n in itertools.count() if n not in after)


def test_tic_tac_toe_is_the_game_that_is_known() -> None:
    reached = positions(BOARD, EMPTY)
    results = Counter(BOARD.result(position) for position in reached)
    # 5478 positions; 958 are over: 626 won by x, 316 by o, 16 drawn.
    assert len(reached) == 5478 and results == {None: 4520, -1: 942, 0: 16}
    assert len({BOARD.canonical(position) for position in reached}) == 765
    assert BOARD.value(EMPTY) == 0
    for position in reached:
        assert BOARD.value(position) == BOARD.value(BOARD.canonical(position))
        assert (BOARD.result(position) is None) == bool(BOARD.legal_moves(position))


@pytest.mark.parametrize(
    ("position", "moves"),
    [("xx.oo....", "3"), ("x...o....", "2346789"), ("x........", "5"), ("xo.......", "457")],
)
def test_best_moves_are_those_of_the_textbook(position: str, moves: str) -> None:
    assert "".join(best_moves(BOARD, position)) == moves


def test_the_best_move_in_nim_leaves_a_sum_of_zero() -> None:
    assert best_moves(NIM, (3, 4, 5)) == ("a2",)
    assert best_moves(NIM, (1, 2, 3)) == NIM.legal_moves((1, 2, 3))  # lost, so all are as good


def test_results_are_those_of_the_side_to_move() -> None:
    assert NIM.result((0, 0)) == -1 and NIM.result((0, 1)) is None
    assert BOARD.result("xxxoo....") == -1 and BOARD.result("xoxxoxoxo") == 0 and BOARD.result(EMPTY) is None


def test_chances_against_a_random_player_by_hand() -> None:
    chance = SuccessChance(NIM, Player(NIM, 1.0).chances)
    # (1, 1): one is forced to take one, the other takes the last.
    assert chance.to_move((1, 1), 1) == 0.0 and chance.to_wait((1, 1), 1) == 1.0
    # (2, 2), the opponent wins only by answering right. After a1 (1, 2): 1 of its 3 moves (b1) wins; after a2
    # (0, 2): b2, 1 of 2, wins. So a1 is best.
    assert chance.to_move((2, 2), 1) == pytest.approx(2 / 3)


def test_chances_against_a_perfect_player_are_the_exact_values() -> None:
    chance = SuccessChance(BOARD, Player(BOARD).chances)
    for position in positions(BOARD, EMPTY):
        if BOARD.result(position) is None:
            for target in (0, 1):
                assert chance.to_move(position, target) == float(BOARD.value(position) >= target)
                assert chance.to_wait(position, target) == float(-BOARD.value(position) >= target)


def test_chances_agree_with_a_plain_recursion() -> None:
    player = Player(BOARD, 0.5)

    def plain(is_own: bool, position: str) -> float:
        result = BOARD.result(position)
        if result is not None:
            return float((result if is_own else -result) >= 1)
        if is_own:
            return max(plain(False, BOARD.apply(position, move)) for move in BOARD.legal_moves(position))
        moves = player.chances(position).items()
        return sum(p * plain(True, BOARD.apply(position, move)) for move, p in moves)

    chance = SuccessChance(BOARD, player.chances)
    for position in ("xo.......", "x...o....", "xox......"):
        if BOARD.value(position) < 1:
            assert chance.to_move(position, 1) == pytest.approx(plain(True, position))


@pytest.mark.parametrize("mistakes", [0.0, 0.4, 1.0])
def test_players_draw_as_they_say(mistakes: float) -> None:
    player, position = Player(BOARD, mistakes), "x........"
    drawn = Counter(player.draw(position, "test", n) for n in range(4000))
    chances = player.chances(position)
    assert sum(chances.values()) == pytest.approx(1) and set(drawn) <= set(chances)
    for move, chance in chances.items():
        assert drawn[move] / 4000 == pytest.approx(chance, abs=0.03)
    assert player.draw(position, "test", 7) == Player(BOARD, mistakes).draw(position, "test", 7)
