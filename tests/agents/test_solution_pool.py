from __future__ import annotations

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator
from lmgym_agents.solution_draw import Draw
from lmgym_agents.solution_pool import (
    MAX_CHARS,
    AddedCounts,
    Attempt,
    SolutionPool,
    canonical_text,
    merge_counts,
)


def attempt(text, *, status="correct", length=None):
    """An attempt whose row is one prompt token and ``length`` of the agent's."""
    size = len(text) if length is None else length
    return Attempt(
        text, (0, *(ord(c) % 50 for c in text.ljust(size, "x")[:size])), (False, *[True] * size), status
    )


def texts(pool, prompt):
    return [len(response.tokens) - 1 for response in pool.records[prompt].right]


def test_equal_responses_are_kept_once_and_the_shortest_first():
    pool = SolutionPool(max_per_problem=2)
    counts = pool.add(
        "p", [attempt("1 + 2"), attempt("1  +  2 \n"), attempt("3"), attempt("long answer")], round=1
    )
    assert counts == AddedCounts(
        attempts=4, right=4, duplicates=1, new_solutions=3, problems=1, solved=1, newly_solved=1
    )
    assert texts(pool, "p") == [1, 5]  # the two shortest
    again = pool.add("p", [attempt("3"), attempt("ab")], round=2)
    assert (again.duplicates, again.new_solutions, again.newly_solved, again.solved) == (1, 1, 0, 1)
    assert texts(pool, "p") == [1, 2]


def test_a_shorter_row_of_the_same_response_takes_its_place_and_keeps_its_round():
    pool = SolutionPool()
    pool.add("p", [attempt("7", length=5)], round=1)
    pool.add("p", [attempt("7", length=2)], round=2)
    assert [(len(r.tokens), r.round) for r in pool.records["p"].right] == [(3, 1)]


def test_wrong_failed_and_huge_responses_never_enter():
    pool = SolutionPool()
    found = [
        attempt("a", status="wrong"),
        attempt("b", status="error"),
        attempt("c" * (MAX_CHARS + 1), length=3),
    ]
    counts = pool.add("p", found, round=1)
    assert pool.num_solutions == 0 and pool.num_solved == 0
    assert (counts.errors, counts.too_long, counts.right, counts.solved) == (1, 1, 0, 0)
    # The rate is over what could be judged: one attempt, a wrong one.
    assert pool.records["p"].num_valid == 1 and pool.records["p"].rate == 0
    assert not len(Draw(pool, round=1)) and Draw(pool, round=1).draw(make_generator(0), 4) == []


@pytest.mark.parametrize(
    "text", ["\ud800", "\x00\x1b[31m", "‮abc", "é" * 1000, "\n" * 1000, "\u2028 \u2029", ""]
)
def test_any_text_is_taken(text):
    pool = SolutionPool(max_wrong=1)
    pool.add("p", [attempt(text, length=2), attempt(text, status="wrong", length=2)], round=1)
    other = SolutionPool(max_wrong=1)
    other.restore(pool.state())
    assert other.records == pool.records


def test_what_counts_as_the_same():
    assert canonical_text(" 1+1 \n\n =  2\t\n") == canonical_text("1+1\n= 2")
    assert canonical_text("1+1") != canonical_text("1 + 1")


def test_every_problem_counts_alike_however_many_solutions_it_has():
    pool = SolutionPool()
    pool.add("many", [attempt("1"), attempt("22"), attempt("333"), attempt("4444")], round=1)
    pool.add("one", [attempt("5")], round=1)
    draw = Draw(pool, round=1)
    assert draw.weights.tolist() == [0.25, 0.25, 0.25, 0.25, 1.0]
    places = draw.places(make_generator(0, "test"), 4000)
    assert abs(np.mean(places == 4) - 0.5) < 0.03
    assert abs(np.mean(places == 0) - 0.125) < 0.03


def test_the_band_leaves_out_what_is_always_or_hardly_ever_solved():
    pool = SolutionPool()
    for prompt, rights in (("never", 0), ("seldom", 1), ("half", 2), ("always", 4)):
        found = [attempt(prompt)] * rights + [attempt("no", status="wrong")] * (4 - rights)
        pool.add(prompt, found, round=1)
    rate = {prompt: record.rate for prompt, record in pool.records.items()}
    assert rate == {"never": 0, "seldom": 0.25, "half": 0.5, "always": 1}
    assert Draw(pool, round=1, balance="band", band=(0.3, 0.8)).weights.tolist() == [0, 1, 0]
    # 1 - p̂ + 1/4: what is always solved is not forgotten.
    assert Draw(pool, round=1, balance="hard").weights.tolist() == [1.0, 0.75, 0.25]
    # Of an earlier round's rate nothing follows for today's policy.
    assert Draw(pool, round=2, balance="band").weights.tolist() == [1, 1, 1]


def make_rounds():
    """Found in round 1: a and b; in round 2: c, and d, which had been failed in round 1."""
    pool = SolutionPool()
    for prompt, number, status in (
        ("a", 1, "correct"), ("b", 1, "correct"), ("d", 1, "wrong"), ("c", 2, "correct"), ("d", 2, "correct"),
    ):  # fmt: skip
        pool.add(prompt, [attempt(prompt * 3, status=status)], round=number)
    return pool


def test_a_share_of_the_rows_is_old_or_was_failed_first():
    draw = Draw(make_rounds(), round=2, replay_share=0.25)
    assert len(draw) == 4
    # In the order in which problems were first posed: a, b, d, c.
    assert draw.new.tolist() == [0, 0, 1, 1]
    assert draw.old.tolist() == [1, 1, 1, 0]
    places = draw.places(make_generator(1, "test"), 400)
    assert set(places[:300].tolist()) == {2, 3} and set(places[300:].tolist()) == {0, 1, 2}


def test_a_model_that_begins_anew_gets_old_solutions_in_proportion():
    pool = make_rounds()
    pool.add("e", [attempt("eee")], round=3)
    draw = Draw(pool, round=3, replay_share=0.2, in_proportion=True)
    places = draw.places(make_generator(1, "test"), 100)
    assert (places == 4).sum() == 20 and set(places[20:].tolist()) == {0, 1, 2, 3}  # one of five is new
    assert (
        Draw(pool, round=3, replay_share=0.9, in_proportion=True).places(make_generator(1), 10) == 4
    ).sum() == 1
    assert (Draw(pool, round=3, replay_share=0.2).places(make_generator(1), 10) == 4).sum() == 8


def test_without_new_solutions_all_rows_are_old_and_without_old_ones_all_are_new():
    pool = make_rounds()
    assert set(Draw(pool, round=3, replay_share=0.2).places(make_generator(2), 200).tolist()) == {0, 1, 2, 3}
    first = SolutionPool()
    first.add("a", [attempt("1")], round=1)
    assert len(Draw(first, round=1, replay_share=1.0).draw(make_generator(2), 7)) == 7


def test_a_hint_is_learned_from_but_does_not_solve():
    pool = SolutionPool()
    wrong = [attempt("no", status="wrong")]
    counts = pool.add("p", wrong, round=1, hint=attempt("yes"))
    assert (counts.hints, counts.newly_solved, counts.solved) == (1, 0, 0)
    assert pool.num_solutions == 1 and pool.unsolved(1) == [0] and pool.records["p"].was_failed
    assert pool.add("q", wrong, round=1, hint=attempt("bad", status="wrong")).hints == 0
    assert pool.add("q", wrong, round=1, hint=attempt("bad", status="error")).hints == 0
    later = pool.add("p", [attempt("yes")], round=2, hint=None)
    assert later.newly_solved == 1 and pool.unsolved(1) == [0]  # q's index is 0, too
    assert pool.records["p"].was_failed


def test_pairs_join_a_right_and_a_wrong_response_of_one_problem():
    pool = SolutionPool(max_wrong=2)
    pool.add("p", [attempt("p" * 3), *(attempt("p" * n, status="wrong") for n in (4, 5, 6))], round=1)
    pool.add("q", [attempt("q" * 3), attempt("q" * 4, status="wrong")], round=1)
    pool.add("only right", [attempt("x")], round=1)
    pairs = Draw(pool, round=1, with_wrong=True).pairs(make_generator(3), 200)
    letter = ord("p") % 50
    assert {(right.tokens[1] == letter, len(wrong.tokens)) for right, wrong in pairs} == {
        (True, 6), (True, 7), (False, 5)
    }  # fmt: skip
    assert all(right.tokens[1] == wrong.tokens[1] for right, wrong in pairs)


def test_the_same_attempts_give_the_same_draws_and_a_restored_pool_too():
    one, two = make_rounds(), make_rounds()
    three = SolutionPool()
    three.restore(one.state())
    draws = [Draw(pool, round=2).draw(make_generator(5, "x"), 50) for pool in (one, two, three)]
    assert draws[0] == draws[1] == draws[2]
    assert three.records == one.records and list(three.records) == list(one.records)
    empty = SolutionPool()
    empty.restore(SolutionPool().state())
    assert not empty.records


def test_what_is_not_allowed_is_named():
    with pytest.raises(InvalidValueError, match="max_per_problem >= 1"):
        SolutionPool(max_per_problem=0)
    with pytest.raises(InvalidValueError, match="replay_share"):
        Draw(SolutionPool(), round=1, replay_share=1.5)
    with pytest.raises(InvalidValueError, match="band"):
        Draw(SolutionPool(), round=1, band=(0.8, 0.3))


def test_counts_add_up():
    assert merge_counts([AddedCounts(right=1, problems=1), AddedCounts(right=2, errors=3)]) == AddedCounts(
        right=3, problems=1, errors=3
    )
    assert merge_counts([]) == AddedCounts()
