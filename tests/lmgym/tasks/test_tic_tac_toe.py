"""Tic-Tac-Toe against fixed opponents."""

from __future__ import annotations

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.games.players import Player
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.match import GameReference
from lmgym.tasks.tic_tac_toe import TicTacToe


def make_problem(position: str, value: int) -> Problem:
    return Problem(f"{position} x>", GameReference(value, position), "train", 0)


def finish(task: TicTacToe, problem: Problem, moves: list[str]) -> Transcript:
    state, turns = task.start(problem), list[Turn]()
    for move in moves:
        response = task.respond(state, Turn("agent", move))
        state = response.state
        turns.append(Turn("agent", move))
        if response.is_over:
            return Transcript(problem, tuple(turns), terminated=True)
        turns.append(Turn("environment", response.reply or ""))
    return Transcript(problem, tuple(turns))


def test_the_opponent_answers_and_the_reply_shows_the_board() -> None:
    task = TicTacToe()
    response = task.respond(task.start(make_problem("xx.oo.xo.", 1)), Turn("agent", "9"))
    # x has not closed its row, and o takes the place that wins.
    assert response.is_over and response.reply is None and response.state.position == "xx.oooxox"
    response = task.respond(task.start(make_problem(".........", 0)), Turn("agent", "1"))
    assert response.reply == "\nx...o.... x>"


def test_a_draw_is_success_only_where_perfect_play_draws() -> None:
    task = TicTacToe()
    # One square is left, and nothing is won by it.
    for value, verdict in ((0, ("correct", "", 1.0)), (1, ("wrong", "drawn", 0.5))):
        found = task.verify(finish(task, make_problem("xoxxoxo.o", value), ["8"]))
        assert (found.status, found.reason, found.score) == verdict


@pytest.mark.parametrize(
    ("moves", "reason", "answer"),
    [(["9"], "lost", "9"), (["1"], "illegal", None), (["99"], "illegal", None), ([" 3"], "illegal", None)],
)
def test_lost_games_score_nothing(moves: list[str], reason: str, answer: str | None) -> None:
    task = TicTacToe()
    found = task.verify(finish(task, make_problem("xx.oo.xo.", 1), moves))
    assert found == ("wrong", reason, answer, 0.0)


def test_a_win_is_a_win() -> None:
    task = TicTacToe()
    assert task.verify(finish(task, make_problem("xx.oo.xo.", 1), ["3"])).status == "correct"
    assert task.verify(Transcript(make_problem("xx.oo.xo.", 1), ())).reason == "unfinished"


def test_values_of_partial_games_are_chances() -> None:
    problem = make_problem(".........", 0)
    for opponent, lowest, highest in (("optimal", 0.0, 0.0), ("random", 0.5, 1.0)):
        task = TicTacToe(opponent=opponent)  # type: ignore[arg-type]
        state, turns = task.start(problem), list[Turn]()
        for move in ("1", "2", "3", "4", "6", "7", "8", "9"):  # not the centre, so against 5 it gets hard
            if move not in task.rules.legal_moves(state.position):
                continue
            assert task.optimal_value(problem, tuple(turns), "") is not None
            response = task.respond(state, Turn("agent", move))
            turns.append(Turn("agent", move))
            if response.is_over:
                break
            state = response.state
        assert task.optimal_value(problem, (), "") == 1.0
        assert task.optimal_value(problem, (), "5") == 1.0
        assert task.optimal_value(problem, (), "0") == task.optimal_value(problem, (), "55") == 0.0
        drawn = make_problem("x...o....", 0)._replace(prompt="")
        assert task.optimal_value(drawn, (), "2") == 1.0
        lost = make_problem("x.o......", 1)
        assert (
            task.optimal_value(lost, (), "2") == pytest.approx(task._match._chance.to_wait("xxo......", 1))
            and lowest <= (task.optimal_value(lost, (), "2") or 0.0) <= highest
        )


def test_a_random_opponent_is_the_same_each_time_and_varies_over_problems() -> None:
    task, again = TicTacToe(opponent="random"), TicTacToe(opponent="random")
    replies = []
    for index in range(40):
        problem = make_problem(".........", 0)._replace(index=index)
        first = task.respond(task.start(problem), Turn("agent", "5")).reply
        assert first == again.respond(again.start(problem), Turn("agent", "5")).reply
        replies.append(first)
    assert len(set(replies)) == 8


def test_uniform_random_play_has_the_known_chances() -> None:
    """From the empty board x wins 58.5 % of uniformly random games, o 28.8 %, and 12.7 % are drawn."""
    task, player = TicTacToe(opponent="random"), Player(TicTacToe().rules, 1.0)
    counts = dict.fromkeys((1, 0, -1), 0)
    for index in range(2000):
        state = task.start(make_problem(".........", 0)._replace(index=index))
        while state.result is None:
            move = player.draw(state.position, "other", index)
            state = task.respond(state, Turn("agent", move)).state
        counts[state.result] += 1
    shares = [count / 2000 for count in counts.values()]
    np.testing.assert_allclose(shares, [0.585, 0.127, 0.288], atol=0.035)


def test_a_function_may_be_the_opponent_and_its_illegal_move_loses() -> None:
    asked: list[str] = []

    def first_free(text: str) -> str:
        asked.append(text)
        return str(text.index(".") + 1)

    task = TicTacToe(opponent=first_free)
    transcript = finish(task, make_problem(".........", 0), ["5", "3", "7"])
    assert task.verify(transcript).status == "correct"  # 5, 3 and 7: a diagonal
    assert asked == ["....x.... o>", "o.x.x.... o>"]  # once for each position
    assert task.optimal_value(transcript.problem, (), "") is None
    assert "first_free" in task.fingerprint
    rude = TicTacToe(opponent=lambda text: "\x00")
    assert rude.verify(finish(rude, make_problem(".........", 1), ["5"])).status == "correct"


def test_every_opening_can_be_saved_and_symmetric_ones_share_a_split() -> None:
    for level in (1, 2, 3):
        task, owner = TicTacToe(level=level), dict[str, str]()
        for split in task.splits:
            for problem in task.problems(split, range(200)):
                value, position = problem.reference
                assert value == task.rules.value(position) >= 0
                assert owner.setdefault(task.rules.canonical(position), split) == split


def test_demonstrations_err_as_often_as_they_should() -> None:
    rng = np.random.default_rng(0)
    task = TicTacToe(demonstration_quality=0.0, opponent="random")
    problems = task.problems("train", range(300))
    won = [task.verify(finish(task, p, list(task.demonstrations(p, rng)))).status for p in problems]
    assert 0.3 < won.count("correct") / 300 < 0.8


def test_bad_options_are_typed_errors() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'optimal'"):
        TicTacToe(opponent="optimum")  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="mixed"):
        TicTacToe(mistakes=0.5)
    with pytest.raises(InvalidValueError, match="level"):
        TicTacToe(level=4)
