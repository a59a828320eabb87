"""Laws of every task: what an environment, a verifier and a diagnosis may rely on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmgym.conversation import read_conversation
from lmgym.errors import InvalidValueError, MissingDependencyError, UnknownNameError
from lmgym.logic.rocq.programs import find_programs
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.algebra.task import Algebra
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.base import HASHED_SPLITS, Task, split_of
from lmgym.tasks.chat.task import Chat
from lmgym.tasks.countdown.task import Countdown
from lmgym.tasks.dataset.task import Dataset
from lmgym.tasks.entailment.task import Entailment
from lmgym.tasks.equation.task import Equation
from lmgym.tasks.maze.task import Maze
from lmgym.tasks.metamath.task import Metamath
from lmgym.tasks.nim.task import Nim
from lmgym.tasks.order.task import Order
from lmgym.tasks.probes import Count, Delayed, Echo, Guess, Reverse, Shortcut
from lmgym.tasks.proof.task import Proof
from lmgym.tasks.rewrite.task import Rewrite
from lmgym.tasks.rocq.task import Rocq
from lmgym.tasks.sentiment.task import Sentiment
from lmgym.tasks.sliding_puzzle.task import SlidingPuzzle
from lmgym.tasks.style.task import Style
from lmgym.tasks.tic_tac_toe.task import TicTacToe
from lmgym.tasks.word_problem.task import WordProblem
from lmgym.tasks.wordle.task import Wordle

CONFIGS: list[tuple[type[Task], dict[str, Any]]] = [
    *((Math, {"level": level}) for level in range(1, 11)),
    *((Math, {"level": level, "style": "worked"}) for level in (2, 5, 10)),
    (Math, {"level": 2, "prompt_style": "question"}),
    (Math, {"level": 3, "prompt_style": "instruct", "answer_on": "last_line"}),
    (Math, {"level": 4, "num_digits": 25, "operators": "×", "prompt_style": "words"}),
    (Math, {"level": 9, "numbers": "decimal", "num_operands": 2, "prompt_template": "{expression}?"}),
    (Math, {"level": 9, "numbers": ("fraction",), "num_operands": 3}),
    (Dataset, {}),
    (Dataset, {"style": "worked", "level": 2}),
    *((Countdown, {"level": level}) for level in (1, 5)),
    (Countdown, {"level": 8, "fractions": False}),
    (Countdown, {"preset": "game24"}),
    (Countdown, {"level": 4, "style": "worked", "prompt_style": "instruct", "use_all": True}),
    *((Order, {"level": level}) for level in (1, 5)),
    (Order, {"level": 4, "style": "worked", "wording": ("taller", "left"), "prompt_style": "instruct"}),
    *((Order, {"level": level, "style": "proof"}) for level in (1, 6)),
    (Order, {"level": 5, "style": "proof", "wording": ("symbols", "left"), "prompt_style": "instruct"}),
    (Echo, {}),
    (Echo, {"length": 5, "alphabet": "xyz", "needs_stop": False}),
    (Reverse, {}),
    (Count, {}),
    (Count, {"length": 12}),
    (Shortcut, {}),
    (Delayed, {}),
    (Delayed, {"num_turns": 6, "act_on": "first", "length": 3}),
    (Delayed, {"num_turns": 1}),
    (Guess, {}),
    (Guess, {"high": 100}),
    *((SlidingPuzzle, {"level": level}) for level in (1, 5)),
    (SlidingPuzzle, {"level": 2, "height": 3, "width": 2, "max_distance": 12, "max_moves": 40}),
    *((Maze, {"level": level}) for level in (1, 2, 5)),
    (Maze, {"level": 2, "observation": "partial", "wording": "words"}),
    (Maze, {"level": 3, "wording": "words", "loops": 1.0, "max_steps": 30}),
    *((Wordle, {"level": level}) for level in (1, 4, 8)),
    (Wordle, {"level": 7, "wording": "words", "double_letters": "each"}),
    *((WordProblem, {"level": level}) for level in (1, 3)),
    (WordProblem, {"level": 2, "wording": "story", "style": "worked"}),
    (WordProblem, {"level": 6, "style": "worked"}),
    *((Algebra, {"level": level}) for level in (1, 4, 8)),
    (Algebra, {"level": 3, "style": "worked"}),
    (Algebra, {"level": 5, "family": "linear,quadratic", "prompt_style": "instruct"}),
    *((Rewrite, {"level": level}) for level in (1, 8)),
    (Rewrite, {"level": 6, "max_step": 2, "spare_turns": 0}),
    (Rewrite, {"level": 5, "max_step": None, "style": "answer"}),
    *((Entailment, {"level": level}) for level in (1, 3, 8)),
    (Entailment, {"level": 6, "style": "worked", "wording": ("each", "plural")}),
    (Entailment, {"level": 3, "ontology": "true", "style": "worked"}),
    (Entailment, {"level": 7, "ontology": "false", "quantified": True, "unknown": False}),
    (Proof, {"level": 1}),
    (Proof, {"level": 1, "turn": "line", "notation": "unicode", "spare_lines": 1}),
    (Proof, {"level": 11, "turn": "line", "feedback": "state", "prompt_style": "instruct", "spare_lines": 0}),
    (Proof, {"level": 13, "notation": "unicode", "demonstration_style": "natural"}),
    (Equation, {"level": 1}),
    (Equation, {"level": 2, "turn": "line", "spare_lines": 0}),
    (Equation, {"level": 10, "turn": "line", "feedback": "state", "prompt_style": "instruct"}),
    *((Nim, {"level": level}) for level in (1, 6)),
    (Nim, {"level": 4, "opponent": "random", "max_heap": 12}),
    *((TicTacToe, {"level": level}) for level in (1, 2, 3)),
    (TicTacToe, {"level": 1, "opponent": "mixed", "mistakes": 0.5}),
    *((Metamath, {"level": level}) for level in (1, 6)),
    (Metamath, {"level": 2, "turn": "label"}),
    (Metamath, {"level": 3, "proof_format": "essential", "num_distractors": None}),
    (Metamath, {"turn": "label", "proof_format": "essential", "feedback": "short"}),
    *((Chat, {"level": level, "demonstration_quality": 1.0}) for level in (1, 2, 3, 6)),
    *((Sentiment, {"level": level, "demonstration_quality": 1.0}) for level in (1, 4)),
    (Sentiment, {"level": 2, "target": "asked", "demonstration_quality": 1.0}),
    (Sentiment, {"target": "neutral", "demonstration_quality": 1.0, "extra_words": ("tasty",)}),
    *((Style, {"level": level, "demonstration_quality": 1.0}) for level in (1, 3, 5)),
]
with contextlib.suppress(MissingDependencyError):
    find_programs()
    small = Path(__file__).parents[1] / "lmgym" / "tasks" / "rocq_small.v"
    CONFIGS.append((Rocq, {"statements": small, "level": None}))
    CONFIGS.append((Rocq, {"statements": small, "level": None, "turn": "proof"}))
NAMES = [f"{make.__name__}({','.join(f'{k}={v}' for k, v in options.items())})" for make, options in CONFIGS]
TASKS = [make(**options) for make, options in CONFIGS]  # type: ignore[call-arg]

every_task = pytest.mark.parametrize("task", TASKS, ids=NAMES)


def play(
    task: Task, problem: Problem, texts: tuple[str, ...] | list[str], complete: bool = True
) -> Transcript:
    """Plays the texts, the last one again and again until the task is over."""
    state, turns = task.start(problem), list[Turn]()
    for place in range(1000):
        turn = Turn("agent", texts[min(place, len(texts) - 1)], complete)
        response = task.respond(state, turn)
        state = response.state
        turns.append(turn)
        if response.is_over:
            return Transcript(problem, tuple(turns), terminated=True)
        if response.reply is not None:
            turns.append(Turn("environment", response.reply))
    raise AssertionError("a task without an end")


@every_task
def test_the_oracle_succeeds(task: Task) -> None:
    rng = np.random.default_rng(0)
    for split in task.splits:
        for problem in task.problems(split, range(40)):
            transcript = play(task, problem, task.demonstrations(problem, rng))
            assert len([turn for turn in transcript.turns if turn.role == "agent"]) <= task.max_turns
            verdict = task.verify(transcript)
            assert (verdict.status, verdict.reason, verdict.score) == ("correct", "", 1.0)


@every_task
def test_an_empty_response_scores_nothing(task: Task) -> None:
    for problem in task.problems("train", range(40)):
        for text in ("", " ", "\n"):
            verdict = task.verify(play(task, problem, [text]))
            assert verdict.status == "wrong" and verdict.reason and verdict.score == 0


@every_task
def test_a_shotgun_of_answers_is_not_paid(task: Task) -> None:
    rng = np.random.default_rng(0)
    problems = task.problems("train", range(30))
    answers = [max(task.demonstrations(problem, rng)).splitlines()[-1] for problem in problems]
    for problem, own in zip(problems, answers, strict=True):
        shots = [answer for answer in dict.fromkeys(answers) if answer != own][:12]
        for join in (" ", ",", "", " or ", "="):
            for order in ([own, *shots], [*shots, own]):
                verdict = task.verify(play(task, problem, [join.join(order)]))
                assert verdict.status == "wrong" and verdict.score < 1


@every_task
def test_the_prompt_is_not_its_own_answer(task: Task) -> None:
    for problem in task.problems("train", range(40)):
        assert task.verify(play(task, problem, [problem.prompt])).status == "wrong"


@every_task
def test_overlong_and_truncated_responses_are_wrong(task: Task) -> None:
    rng = np.random.default_rng(0)
    for problem in task.problems("train", range(20)):
        texts = task.demonstrations(problem, rng)
        whole = play(task, problem, texts)
        assert task.verify(whole._replace(terminated=False, truncated=True))[:2] == ("wrong", "truncated")
        if "needs_stop=False" not in task.fingerprint:
            assert task.verify(play(task, problem, texts, complete=False))[:2] == ("wrong", "overlong")


@every_task
def test_access_in_any_order_gives_the_same_problems(task: Task) -> None:
    indices = [int(index) for index in np.random.default_rng(0).permutation(120)[:30]]
    indices.append(2**63 - 1)
    make, options = CONFIGS[TASKS.index(task)]
    fresh = make(**options)  # type: ignore[call-arg]
    for split in task.splits:
        batch = task.problems(split, range(120))
        assert [fresh.problem(split, index) for index in indices[:-1]] == [
            batch[index] for index in indices[:-1]
        ]
        assert fresh.problem(split, indices[-1]) == task.problem(split, indices[-1])
        assert [(problem.split, problem.index) for problem in batch] == [(split, i) for i in range(120)]


def num_drawn(task: Task) -> int:
    """Problems that would show a key again; those of high levels are dear to draw."""
    return 300 if task.level > 5 else 1000


@every_task
def test_no_key_is_in_two_splits(task: Task) -> None:
    count = num_drawn(task)
    keys = {split: {p.key for p in task.problems(split, range(count))} for split in task.splits}
    for split in HASHED_SPLITS:
        assert all(split_of(key) == split for key in keys[split])
    splits = list(task.splits)
    for place, split in enumerate(splits):
        assert keys[split] and "" not in keys[split]
        for other in splits[place + 1 :]:
            assert not keys[split] & keys[other], (split, other)


@every_task
def test_one_key_has_one_answer(task: Task) -> None:
    def truth(problem: Problem) -> Any:
        return getattr(problem.reference, "value", problem.reference)

    answers: dict[str, Any] = {}
    for split in task.splits:
        for problem in task.problems(split, range(num_drawn(task) // 2)):
            assert answers.setdefault(problem.key, truth(problem)) == truth(problem)


@every_task
def test_sizes_and_alphabet_are_bounds(task: Task) -> None:
    rng = np.random.default_rng(0)
    for split in task.splits:
        for problem in task.problems(split, range(100)):
            assert 0 < len(problem.prompt) <= task.max_prompt_chars
            assert not task.is_chat or len(read_conversation(problem.prompt)) <= task.max_prompt_messages
            texts = task.demonstrations(problem, rng)
            for turn in play(task, problem, texts).turns:
                if turn.role == "environment":
                    assert len(turn.text) <= task.max_reply_chars
            for text in texts:
                stop = 0 if "needs_stop=False" in task.fingerprint else 1
                assert len(text) + stop <= task.default_max_new_tokens
                assert task.alphabet is None or set(text) <= set(task.alphabet)


@every_task
def test_states_are_immutable_values(task: Task) -> None:
    problem = task.problem("train", 5)
    state = task.start(problem)
    before = hash(state), repr(state)
    one = task.respond(state, Turn("agent", "1"))
    other = task.respond(state, Turn("agent", "1"))
    assert one == other and hash(one.state) == hash(other.state)
    assert (hash(state), repr(state)) == before
    assert state == task.start(task.problem("train", 5))


@every_task
def test_the_batch_verifier_agrees_with_the_single_one(task: Task) -> None:
    rng = np.random.default_rng(0)
    problems = task.problems("train", range(20))
    texts = [task.demonstrations(problem, rng)[-1] for problem in problems]
    transcripts = [play(task, problem, [text]) for problem in problems for text in ("", *texts[:5])]
    transcripts += [t._replace(truncated=True) for t in transcripts[:5]]
    assert task.verify_batch(transcripts) == [task.verify(transcript) for transcript in transcripts]
    assert task.verify_batch([]) == []


@every_task
def test_optimal_values_follow_the_demonstration(task: Task) -> None:
    rng = np.random.default_rng(0)
    for problem in task.problems("train", range(15)):
        turns: tuple[Turn, ...] = ()
        if task.optimal_value(problem, turns, "") is None:
            continue  # a task may not know it, but then for no part of the problem
        state = task.start(problem)
        for text in task.demonstrations(problem, rng):
            for stop in range(len(text) + 1):
                assert task.optimal_value(problem, turns, text[:stop]) == 1.0
            response = task.respond(state, Turn("agent", text))
            state, turns = response.state, (*turns, Turn("agent", text))
            if response.reply is not None:
                turns = (*turns, Turn("environment", response.reply))
        assert task.optimal_value(problem, turns, "") == 1.0
        for text in ("", "\x00", "q"):
            lost = play(task, problem, [text]).turns
            assert task.optimal_value(problem, lost, "") == 0.0


@every_task
def test_bad_addresses_are_typed_errors(task: Task) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'train'"):
        task.problems("trian", [0])
    for index in (-1, 2**63):
        with pytest.raises(InvalidValueError, match="index"):
            task.problems("train", [index])


def test_fingerprints_tell_configurations_apart() -> None:
    fingerprints = [task.fingerprint for task in TASKS]
    styles = [(make, {k: v for k, v in options.items() if k != "style"}) for make, options in CONFIGS]
    assert len(set(fingerprints)) >= len({repr(style) for style in styles})


HOSTILE = [
    "\x00" * 50,
    "9" * 10**5,
    "(" * 1000 + "1" + ")" * 1000,
    "\ud800\udfff",
    "\u202e12",
    "1\u200b2",
    "7**7**7**7",
    "1e999999999",
    "0/0",
    "\\boxed{46}",
    "__import__('os').system('id')",
    "１２",
    "²³",
    "\x1b[31m1",
    "NaN",
    "-" * 5000,
    "1/" * 5000,
    " " * 10**6,
    "a" * 10**6,
    "1\n" * 10**5,
]


@every_task
def test_hostile_text_is_wrong_and_never_raises(task: Task) -> None:
    problem = task.problem("train", 7)
    for text in HOSTILE:
        transcript = play(task, problem, [text])
        verdict = task.verify(transcript)
        assert verdict.status == "wrong" and verdict.reason and 0 <= verdict.score < 1
        value = task.optimal_value(problem, (), text)
        assert value is None or 0 <= value <= 1


@given(
    place=st.integers(0, len(TASKS) - 1),
    index=st.integers(0, 2**63 - 1),
    text=st.text(),
    complete=st.booleans(),
)
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_gets_a_verdict(place: int, index: int, text: str, complete: bool) -> None:
    task = TASKS[place]
    problem = task.problem("train", index)
    verdict = task.verify(play(task, problem, [text], complete))
    assert verdict.status in ("correct", "wrong")
    assert (verdict.score == 1.0) == (verdict.status == "correct") == (verdict.reason == "")
    assert 0 <= verdict.score <= 1
    value = task.optimal_value(problem, (), text)
    assert value is None or 0 <= value <= 1
    if verdict.status == "correct" and task.max_turns == 1:
        assert value in (1.0, None)  # what is right can be completed to something right


def digest() -> str:
    """Returns a hash of problems and demonstrations of every task, for comparison between processes."""
    parts = []
    for task in TASKS:
        for split in task.splits:
            for problem in (*task.problems(split, range(30)), task.problem(split, 2**62 + 1)):
                rng = np.random.default_rng(problem.index)
                parts.append((task.fingerprint, *problem, task.demonstrations(problem, rng)))
    return hashlib.blake2b(json.dumps(parts, default=repr).encode()).hexdigest()


def test_a_new_process_with_another_hash_seed_poses_the_same_problems() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, env=environment, check=True, timeout=120
    )
    assert done.stdout.strip() == digest()


if __name__ == "__main__":
    print(digest())
