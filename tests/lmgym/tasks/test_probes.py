from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from lmgym.errors import EmptyProblemSetError, InvalidValueError, LmgymError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import Task, split_of
from lmgym.tasks.probes import Count, Delayed, Echo, Guess, Reverse, Shortcut


def play(
    task: Task, problem: Problem, texts: tuple[str, ...], complete: bool = True
) -> tuple[list[Turn], Verdict]:
    """Plays turns until the task ends, which must be at the last text."""
    state, turns = task.start(problem), list[Turn]()
    for place, text in enumerate(texts):
        turn = Turn("agent", text, complete)
        response = task.respond(state, turn)
        turns.append(turn)
        state = response.state
        assert response.is_over == (place == len(texts) - 1)
        if response.reply is not None:
            turns.append(Turn("environment", response.reply))
    return turns, task.verify(Transcript(problem, tuple(turns), True))


def by_key(task: Task, key: str) -> Problem:
    return next(p for p in task.problems(split_of(key), range(5000)) if p.key == key)


@pytest.mark.parametrize(
    ("task", "key", "prompt", "answer"),
    [
        (Echo(), "cf", "cf>", "cf"),
        (Reverse(), "cfa", "cfa<", "afc"),
        (Count(), "abacba", "a in abacba=", "3"),
        (Count(length=3, alphabet="xy"), "yyy", "x in yyy=", "0"),
        (Shortcut(), "cf", "cf?", "fc"),
    ],
)
def test_one_turn_probes_by_hand(task: Any, key: str, prompt: str, answer: str) -> None:
    problem = by_key(task, key)
    assert (problem.prompt, problem.reference) == (prompt, answer)
    assert play(task, problem, (answer,))[1] == Verdict("correct", "", answer, 1.0)
    assert play(task, problem, (answer,), complete=False)[1] == Verdict("wrong", "overlong")
    for wrong in ("", answer + " ", " " + answer, answer * 2, answer[:-1], "q" + answer[1:]):
        assert play(task, problem, (wrong,))[1].status == "wrong"


def test_credit_is_the_share_of_right_places() -> None:
    task = Echo(length=4)
    problem = task.problem("train", 0)
    a, b, c, d = problem.reference
    scores = [
        play(task, problem, (text,))[1].score
        for text in (a + b, a + b + c + "z", a + b + c + d + "zzzz", "z")
    ]
    assert scores == [2 / 4, 3 / 4, 4 / 8, 0]


def test_a_cut_response_counts_where_no_stop_is_needed() -> None:
    for task in (Echo(needs_stop=False), Count(needs_stop=False), Shortcut(needs_stop=False)):
        problem = task.problem("train", 0)
        assert task.default_max_new_tokens == len(problem.reference)
        assert play(task, problem, (problem.reference,), complete=False)[1].status == "correct"
    assert Echo().default_max_new_tokens == 3


@pytest.mark.parametrize(
    "task", [Echo(length=2, alphabet="abc"), Reverse(length=2), Shortcut(), Delayed(num_turns=1)]
)
def test_chance_level_by_trying_every_word(task: Any) -> None:
    alphabet = task.alphabet.replace("z", "")
    problem = task.problem("train", 3)
    words = ["".join(letters) for letters in itertools.product(alphabet, repeat=2)]
    successes = [play(task, problem, (word,))[1].status == "correct" for word in words]
    assert np.mean(successes) == pytest.approx(task.random_return)
    assert task.optimal_return == 1.0


def test_counts_are_even_so_that_no_constant_answer_beats_chance() -> None:
    task = Count(length=6, alphabet="abc")
    answers = [int(p.reference) for p in task.problems("train", range(7000))]
    counts = np.bincount(answers, minlength=7)
    assert len(counts) == 7 and counts.max() / 7000 < 0.25
    assert task.random_return == 1 / 7


def test_optimal_value_of_words_is_one_on_the_beginnings_of_the_answer() -> None:
    task = Reverse(length=3, alphabet="abc")
    problem = task.problem("train", 0)
    for size in range(5):
        for letters in itertools.product("abc", repeat=size):
            partial = "".join(letters)
            completions = [
                play(task, problem, (partial + "".join(rest),))[1].status == "correct"
                for more in range(4)
                for rest in itertools.product("abc", repeat=more)
            ]
            assert task.optimal_value(problem, (), partial) == float(any(completions))


def test_the_shortcut_pays_a_little_on_every_problem() -> None:
    task = Shortcut(shortcut_score=0.3)
    for problem in task.problems("train", range(50)):
        assert play(task, problem, ("z",))[1] == Verdict("wrong", "shortcut", "z", 0.3)
        for other in ("zz", problem.reference[0], problem.reference[0] + "z", ""):
            assert play(task, problem, (other,))[1].score == 0
        assert task.optimal_value(problem, (), "z") == 0


def test_the_word_is_wanted_after_the_wait() -> None:
    task = Delayed(num_turns=3)
    problem = by_key(task, "ca")
    assert problem.prompt == "ca. wait>"
    turns, verdict = play(task, problem, ("", "xx", "ca"))
    assert [turn.text for turn in turns] == ["", ". wait>", "xx", ". say>", "ca"]
    assert verdict == Verdict("correct", "", "ca", 1.0)
    assert play(task, problem, ("ca", "ca", "cb"))[1] == Verdict("wrong", "wrong", "cb", 0.5)
    assert play(task, problem, ("", "", "ca"), complete=False)[1].reason == "overlong"


def test_the_word_is_wanted_before_the_wait() -> None:
    task = Delayed(num_turns=3, act_on="first")
    problem = by_key(task, "ca")
    assert problem.prompt == "ca. say>"
    turns, verdict = play(task, problem, ("ca", "", "zz"))
    assert [turn.text for turn in turns] == ["ca", ". wait>", "", ". wait>", "zz"]
    assert verdict.status == "correct"
    assert play(task, problem, ("ac", "ca", "ca"))[1].status == "wrong"
    unfinished = task.verify(Transcript(problem, (Turn("agent", "ca"),)))
    assert unfinished == Verdict("wrong", "unfinished")


def test_values_of_delayed() -> None:
    last, first = Delayed(num_turns=2), Delayed(num_turns=2, act_on="first")
    problem = by_key(last, "ca")
    said, cut = Turn("agent", "ca"), Turn("agent", "ca", False)
    reply = Turn("environment", ". say>")
    assert [last.optimal_value(problem, (), partial) for partial in ("", "q")] == [1, 1]
    assert [last.optimal_value(problem, (said, reply), partial) for partial in ("c", "a")] == [1, 0]
    assert last.optimal_value(problem, (cut, reply), "ca") == 0
    assert [first.optimal_value(problem, (), partial) for partial in ("c", "a")] == [1, 0]
    assert first.optimal_value(problem, (said, reply), "q") == 1
    assert first.optimal_value(problem, (Turn("agent", "cb"), reply), "") == 0


def test_guessing_by_hand() -> None:
    task = Guess(high=31)
    problem = by_key(task, "20 of 31")
    assert problem.prompt == "1 to 31>"
    turns, verdict = play(task, problem, ("16", "24", "20"))
    assert [turn.text for turn in turns] == ["16", ". higher>", "24", ". lower>", "20"]
    assert verdict == Verdict("correct", "", "20", 1.0)
    turns, verdict = play(task, problem, ("x", "032", "32", "0", "19"))
    assert [turn.text for turn in turns][1::2] == [". 1 to 31>"] * 4
    assert verdict == Verdict("wrong", "wrong", "19")
    assert play(task, problem, ("1", "1", "1", "1", "2０"))[1] == Verdict("wrong", "unparsed")
    assert play(task, problem, ("20",) * 5, complete=False)[1] == Verdict("wrong", "overlong")


@pytest.mark.parametrize(("high", "num_guesses"), [(2, None), (7, None), (20, None), (31, 5), (100, None)])
def test_bisection_finds_every_secret(high: int, num_guesses: int | None) -> None:
    task = Guess(high=high, num_guesses=num_guesses)
    assert task.optimal_return == 1.0
    for problem in task.problems("train", range(200)):
        assert (
            play(task, problem, task.demonstrations(problem, np.random.default_rng(0)))[1].status == "correct"
        )


def best_by_search(numbers: tuple[int, ...], left: int, high: int) -> float:
    """Expected number of secrets found by the best play, by trying every guess."""
    if not left or not numbers:
        return 0.0
    return max(
        (guess in numbers)
        + best_by_search(tuple(n for n in numbers if n < guess), left - 1, high)
        + best_by_search(tuple(n for n in numbers if n > guess), left - 1, high)
        for guess in range(1, high + 1)
    )


@pytest.mark.parametrize("num_guesses", [1, 2, 3])
def test_values_of_guessing_agree_with_a_search_over_all_plays(num_guesses: int) -> None:
    high = 12
    task = Guess(high=high, num_guesses=num_guesses)
    problems = {p.reference: p for p in task.problems("train", range(640))}
    secrets = tuple(sorted(problems))
    best = best_by_search(secrets, num_guesses, high) / len(secrets)
    assert task.optimal_value(next(iter(problems.values())), (), "") == pytest.approx(best)
    for partial in ("1", "7", "12", "x"):
        guesses = [g for g in range(1, high + 1) if str(g).startswith(partial)]
        found = [best_by_search(secrets, num_guesses - 1, high)]
        for g in guesses:
            low, up = tuple(n for n in secrets if n < g), tuple(n for n in secrets if n > g)
            found.append(
                (g in secrets)
                + best_by_search(low, num_guesses - 1, high)
                + best_by_search(up, num_guesses - 1, high)
            )
        value = task.optimal_value(problems[secrets[0]], (), partial)
        assert value == pytest.approx(max(found) / len(secrets)), partial
    if num_guesses == 3:
        after = (Turn("agent", "6"), Turn("environment", ". higher>"))
        above = tuple(n for n in secrets if n > 6)
        value = task.optimal_value(problems[above[0]], after, "")
        assert value == pytest.approx(best_by_search(above, 2, high) / len(above))
        assert task.optimal_value(problems[6] if 6 in problems else problems[above[0]], after, "") in (
            1.0,
            value,
        )


def test_random_return_of_guessing() -> None:
    task = Guess(high=7, num_guesses=2)
    plays = itertools.product(range(1, 8), repeat=2)
    assert task.random_return == pytest.approx(np.mean([4 in guesses for guesses in plays]))
    assert task.optimal_return == 3 / 7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Echo(length=0), "length"),
        (lambda: Echo(alphabet="a"), "alphabet"),
        (lambda: Echo(alphabet="aa"), "alphabet"),
        (lambda: Echo(alphabet="a b"), "alphabet"),
        (lambda: Echo(alphabet=None), "alphabet"),  # type: ignore[arg-type]
        (lambda: Echo(needs_stop=1), "needs_stop"),  # type: ignore[arg-type]
        (lambda: Shortcut(shortcut="a"), "shortcut"),
        (lambda: Shortcut(shortcut="zz"), "shortcut"),
        (lambda: Shortcut(shortcut_score=1.0), "shortcut_score"),
        (lambda: Shortcut(shortcut_score=-0.1), "shortcut_score"),
        (lambda: Delayed(num_turns=0), "num_turns"),
        (lambda: Delayed(act_on="lst"), "Did you mean 'last'"),  # type: ignore[arg-type]
        (lambda: Guess(high=1), "high"),
        (lambda: Guess(num_guesses=0), "num_guesses"),
        (lambda: Echo().problems("tset", [0]), "Did you mean 'test'"),
        (lambda: Delayed().problems("tset", [0]), "Did you mean 'test'"),
        (lambda: Guess().problems("tset", [0]), "Did you mean 'test'"),
    ],
)
def test_bad_options_say_what_is_allowed(make: Any, message: str) -> None:
    with pytest.raises(LmgymError, match=message):
        make()


def test_a_configuration_too_small_for_a_split_says_so() -> None:
    with pytest.raises(EmptyProblemSetError, match="'test' holds no problem"):
        Echo(length=1, alphabet="ab").problem("test", 0)


def test_probes_have_one_level() -> None:
    task = Echo()
    assert task.at_level(1) is task
    with pytest.raises(InvalidValueError, match="only level 1"):
        task.at_level(2)
