"""Wordle-v0: colours by hand, the solver against slow references, texts and rewards as published."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401  (registers the environments)
from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.wordle.solver import Rule, feedback, make_solver
from lmgym.tasks.wordle.task import LEVELS, Wordle, WordleReference
from lmgym.tasks.wordle.word_lists import LENGTHS, all_words, some_words

TINY = ("bat", "cat", "eat", "fat", "hat", "tab", "tea", "ten")


def pose(secret: str) -> Problem:
    return Problem("", WordleReference(secret, ()), "train", 0, 1.0, secret)


def play(task: Wordle, secret: str, texts: list[str]) -> tuple[Transcript, list[str | None]]:
    problem = pose(secret)
    state, turns, replies = task.start(problem), list[Turn](), list[str | None]()
    for text in texts:
        turns.append(Turn("agent", text))
        state, reply, is_over = task.respond(state, turns[-1])
        replies.append(reply)
        if is_over:
            return Transcript(problem, tuple(turns), terminated=True), replies
        turns.append(Turn("environment", reply or ""))
    return Transcript(problem, tuple(turns)), replies


@pytest.mark.parametrize(
    ("guess", "secret", "counted", "each"),
    [
        ("crane", "crane", "ggggg", "ggggg"),
        ("sound", "crane", "bbbgb", "bbbgb"),
        ("eerie", "crane", "bbybg", "yyybg"),  # one e, in its place: the others are not elsewhere
        ("eager", "eerie", "gbbyy", "gbbyy"),
        ("geese", "eerie", "bgybg", "bgybg"),
        ("speed", "eerie", "bbyyb", "bbyyb"),
        ("allow", "label", "yyybb", "yyybb"),  # label holds two l, both at other places
        ("level", "hello", "ygbby", "ygbyy"),  # the e in its place is the only one
        ("aabb", "bbaa", "yyyy", "yyyy"),
        ("aaab", "abba", "gyby", "gyyy"),  # three a, but two in the secret: the last is one too many
    ],
)
def test_colours_by_hand(guess: str, secret: str, counted: str, each: str) -> None:
    assert feedback(guess, secret) == counted
    assert feedback(guess, secret, "each") == each


def slow_feedback(guess: str, secret: str) -> str:
    """The rules as they are told: first the right places, then, from the left, letters not yet used up."""
    colours = ["b"] * len(guess)
    is_used = [False] * len(secret)
    for place, letter in enumerate(guess):
        if secret[place] == letter:
            colours[place], is_used[place] = "g", True
    for place, letter in enumerate(guess):
        if colours[place] == "b":
            for other, its_letter in enumerate(secret):
                if its_letter == letter and not is_used[other]:
                    colours[place], is_used[other] = "y", True
                    break
    return "".join(colours)


def knowledge_feedback(guess: str, secret: str) -> str:
    """LMRL-Gym's way: what is known of each letter after the guess, read off place by place."""
    here: dict[str, set[int]] = {letter: set() for letter in guess}
    for place, letter in enumerate(guess):
        if secret[place] == letter:
            here[letter].add(place)
    return "".join(
        "g" if place in here[letter] else "b" if letter not in secret else "y"
        for place, letter in enumerate(guess)
    )


def test_colours_agree_with_slow_references() -> None:
    words = (*some_words(5, 60), "eerie", "geese", "level", "hello", "label")
    for guess in words:
        for secret in words:
            assert feedback(guess, secret) == slow_feedback(guess, secret)
            assert feedback(guess, secret, "each") == knowledge_feedback(guess, secret)


@pytest.mark.parametrize("rule", ["counted", "each"])
def test_the_solver_parts_words_by_their_colours(rule: Rule) -> None:
    words = tuple(sorted({*some_words(5, 50), "eerie", "geese", "level", "hello", "label", "allow"}))
    solver = make_solver(words, rule)
    everything = np.arange(len(words))
    for place, guess in enumerate(words):
        parts = {frozenset(words[i] for i in part) for part in solver.classes(place, everything)}
        by_colours: dict[str, set[str]] = {}
        for secret in words:
            by_colours.setdefault(feedback(guess, secret, rule), set()).add(secret)
        assert parts == {frozenset(part) for part in by_colours.values()}


def test_the_solver_asks_for_the_most_information() -> None:
    words = some_words(4, 40)
    solver = make_solver(words, "counted")

    def entropy(guess: str, secrets: tuple[str, ...]) -> float:
        colours = [feedback(guess, secret) for secret in secrets]
        shares = np.array([colours.count(one) for one in set(colours)]) / len(secrets)
        return float(-(shares * np.log(shares)).sum())

    for candidates in (np.arange(40), np.arange(3, 30, 3), np.array([1, 5, 9])):
        secrets = tuple(words[place] for place in candidates)
        best = max(entropy(guess, secrets) for guess in words)
        assert entropy(words[solver.best_guess(candidates)], secrets) == pytest.approx(best)


@cache
def slow_rate(secrets: tuple[str, ...], num_guesses: int) -> float:
    """The best chance over all strategies, by trying every guess at every point of the game."""
    if num_guesses == 0 or not secrets:
        return 0.0
    rates = []
    for guess in TINY:
        found = float(guess in secrets)
        for colours in {feedback(guess, secret) for secret in secrets} - {"ggg"}:
            part = tuple(secret for secret in secrets if feedback(guess, secret) == colours)
            found += len(part) * slow_rate(part, num_guesses - 1)
        rates.append(found / len(secrets))
    return max(rates)


def test_rates_are_those_of_the_best_strategy() -> None:
    solver = make_solver(TINY, "counted")
    known = 0
    for bits in range(1, 2 ** len(TINY)):
        candidates = np.array([place for place in range(len(TINY)) if bits >> place & 1])
        secrets = tuple(TINY[place] for place in candidates)
        for num_guesses in range(5):
            rate = solver.rate(candidates, num_guesses)
            if rate is not None:
                known += 1
                assert rate == pytest.approx(slow_rate(secrets, num_guesses))
    assert known > 0.9 * 255 * 5


def test_optimal_values_of_a_turn_that_has_begun() -> None:
    task = Wordle(vocabulary=TINY, num_guesses=2)
    secrets = tuple(word for word in TINY if word in task._secrets("train", ()))
    assert task.optimal_value(pose(secrets[0]), (), "") == pytest.approx(slow_rate(secrets, 2))

    def after(guess: str) -> float:
        total = 0.0
        for secret in secrets:
            part = tuple(word for word in secrets if feedback(guess, word) == feedback(guess, secret))
            total += 1.0 if guess == secret else 1 / len(part)
        return total / len(secrets)

    for partial in ("t", "te", "c", "cat", "catt", "x", " "):
        expected = max([1 / len(secrets), *(after(guess) for guess in TINY if guess.startswith(partial))])
        assert task.optimal_value(pose(secrets[0]), (), partial) == pytest.approx(expected)


def test_the_solver_never_needs_more_than_the_guesses_there_are() -> None:
    for level in LEVELS:
        task = Wordle(level=level)
        for words in task._words.values():
            for rule in ("counted", "each"):
                assert make_solver(words, rule).finds_all(np.arange(len(words)), 6)


def test_the_rules_by_hand() -> None:
    task = Wordle(level=8, num_guesses=3)
    transcript, replies = play(task, "label", ["hello", "xxxxx", "label"])
    assert replies == ["\nbyyyb>", "\n?>", None]
    assert task.verify(transcript)[:2] == ("correct", "")
    for texts, reason, score in (
        (["label!"], "illegal", 0.0),
        (["Label"], "illegal", 0.0),
        (["lunar", "hobby", "label "], "illegal", 0.2),  # one place right in each word
        (["lunar", "hobby", "level"], "wrong", 0.6),
        (["lunar"], "unfinished", 0.2),
    ):
        verdict = task.verify(play(task, "label", texts)[0])
        assert (verdict.status, verdict.reason, verdict.score) == ("wrong", reason, score)


def test_the_published_texts() -> None:
    task = Wordle(level=8, wording="words", double_letters="each")
    assert task.problem("train", 0).prompt == "Wordle:\n"
    assert task.demonstrations(pose("crane"), np.random.default_rng(0))[-1] == "c r a n e"
    transcript, replies = play(task, "crane", ["e r r o r\n", "eight", "z z z z z", "c r a n e\n"])
    assert replies == ["\ny g y b y\n", "\ny b b b b\n", "\n\n", None]
    assert task.verify(transcript).status == "correct"


def test_returns_are_those_of_the_published_environment() -> None:
    options = {"granularity": "response", "reward": "lmrl_wordle", "level": 8}
    env = gym.make("lmgym/Wordle-v0", **options)
    env.reset(seed=0)
    assert sum(float(env.step("zzzzz")[1]) for _ in range(6)) == -6.0
    _, info = env.reset(seed=1)
    task = Wordle(level=8)
    texts = task.demonstrations(task.problem("train", info["problem_index"]), np.random.default_rng(0))
    assert sum(float(env.step(text)[1]) for text in texts) == 1 - len(texts)


def test_the_lists_are_clean() -> None:
    for length in LENGTHS:
        words = all_words(length)
        assert len(set(words)) == len(words) > 150 and list(words) == sorted(words)
        assert all(
            len(word) == length and word.isascii() and word.islower() and word.isalpha() for word in words
        )
    assert set(some_words(5, 100)) < set(some_words(5, 200)) < set(some_words(5, 10**6)) == set(all_words(5))
    for level, (letters, count, _) in LEVELS.items():
        words = Wordle(level=level).words
        assert len(words) == count and {len(word) for word in words} == {letters}


def test_splits_part_the_words() -> None:
    for level in LEVELS:
        task = Wordle(level=level, num_given=0)
        drawn = {
            split: {p.reference.value for p in task.problems(split, range(64 * 32))} for split in task.splits
        }
        assert sum(len(drawn[split]) for split in HASHED_SPLITS) >= 0.9 * len(task.words)
        assert set.union(*(drawn[split] for split in HASHED_SPLITS)) <= set(task.words)
        assert min(map(len, drawn.values())) >= 4
        assert {len(word) for word in drawn["ood_length"]} == {len(task.words[0]) + 1}


def test_a_game_may_have_begun() -> None:
    task = Wordle(level=2, num_given=2)
    for problem in task.problems("test", range(50)):
        secret, given = problem.reference
        told = "".join(f"{word}\n{feedback(word, secret)}>" for word in given)
        assert problem.prompt == f"3 letters>{told}" and len({secret, *given}) == 3
        assert len(problem.prompt) <= task.max_prompt_chars
    secrets = {
        split: {p.reference.value for p in task.problems(split, range(999))} for split in HASHED_SPLITS
    }
    assert len(secrets["test"] & secrets["train"]) > 90
    worded = Wordle(level=2, wording="words", num_given=1).problem("train", 0)
    (secret, (given,)) = worded.reference
    assert worded.prompt == f"Wordle:\n{' '.join(given)}\n{' '.join(feedback(given, secret))}\n"
    with pytest.raises(InvalidValueError, match="leaves no secret"):
        Wordle(vocabulary=("bat", "cat"), num_given=2)


def test_optimal_values_know_the_given_guess() -> None:
    task = Wordle(vocabulary=TINY, num_given=1, num_guesses=1)
    for problem in task.problems("train", range(30)):
        secret, given = problem.reference
        still_open = [
            word
            for word in TINY
            if word not in given
            and feedback(given[0], word) == feedback(given[0], secret)
            and split_of(f"{word} {given[0]}") == "train"
        ]
        assert task.optimal_value(problem, (), "") == pytest.approx(1 / len(still_open))


def test_a_vocabulary_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(reversed(TINY)) + "\n\n")
    task = Wordle(vocabulary=str(path))
    assert task.words == TINY and task.splits == ("train", "validation", "test") and task.max_level == 1
    assert task.fingerprint == Wordle(vocabulary=TINY).fingerprint != Wordle(vocabulary=TINY[:-1]).fingerprint
    empty = next(split for split in HASHED_SPLITS if split not in (split_of("bat"), split_of("cat")))
    with pytest.raises(EmptyProblemSetError, match="holds no problem"):
        Wordle(vocabulary=("bat", "cat")).problem(empty, 0)
    for words in (
        ("bat",),
        ("bat", "bat"),
        ("bat", "bats"),
        ("Bat", "cat"),
        ("b4t", "cat"),
        ("é" * 3, "cat"),
    ):
        with pytest.raises(InvalidValueError, match=r"vocabulary"):
            Wordle(vocabulary=words)
    with pytest.raises(InvalidValueError, match="got 'bat' twice"):
        Wordle(vocabulary=("bat", "cat", "bat"))
    path.write_text("\n".join(TINY), "utf-8-sig")
    assert Wordle(vocabulary=path).fingerprint == Wordle(vocabulary=TINY).fingerprint
    with pytest.raises(InvalidValueError, match="a word a line"):
        Wordle(vocabulary=tmp_path / "none.txt")
    with pytest.raises(InvalidValueError, match="level"):
        Wordle(vocabulary=TINY, level=2)


def test_demonstrations_of_low_quality_are_often_wrong() -> None:
    task, rng = Wordle(level=8, demonstration_quality=0.0), np.random.default_rng(0)
    ends = [task.demonstrations(p, rng)[-1] == p.reference.value for p in task.problems("train", range(100))]
    assert sum(ends) < 10  # 6 guesses of 761: 0.8 in the mean
