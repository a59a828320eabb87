"""Prompts of other sources in ``lmgym/Chat-v0``: files, conversations, preference data."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401
from lmgym.conversation import Message, read_conversation
from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.records import Transcript, Turn
from lmgym.rewards import Correct, Length, bind, make_reward
from lmgym.tasks.base import split_of
from lmgym.tasks.chat import Chat, utility_parts
from lmgym.tasks.chat.sources import read_items
from tests.real_data import real_file


def hh(*turns: str) -> str:
    names = ("Human", "Assistant")
    return "".join(f"\n\n{names[place % 2]}: {text}" for place, text in enumerate(turns))


def test_hh_rows_are_conversations_up_to_the_last_answer() -> None:
    rows = [
        {"chosen": hh("Hi", "Hello!", "Why?\n\nReally?", "Because."), "rejected": hh("Hi", "Hello!", "x")}
    ]
    (item,), left_out = read_items(rows, None)
    assert item.messages == (
        Message("user", "Hi"), Message("assistant", "Hello!"), Message("user", "Why?\n\nReally?"),
    )  # fmt: skip
    assert item.reference == "Because." and left_out == {} and item.key == "hi"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"chosen": hh("Hi", "Hello!", "Bye")}, "unanswered"),
        ({"chosen": hh("Hi", "")}, "empty"),
        ({"chosen": hh("", "Hello!")}, "empty"),
        ({"chosen": "\n\nHuman: Hi\n\nHuman: Hi!\n\nAssistant: Hello"}, "order"),
        ({"chosen": "\n\nHuman: Hi\n\nAssistant: a\n\nAssistant: b"}, "order"),
        ({"chosen": "\n\nAssistant: Hello\n\nHuman: Hi\n\nAssistant: b"}, "order"),
        ({"chosen": "Hello there"}, "form"),
        ({"chosen": "said before\n\nHuman: Hi\n\nAssistant: b"}, "form"),
        ({"chosen": 7}, "form"),
        ({"chosen": []}, "form"),
        ({"prompt": 7}, "form"),
        ({"question": "Hi"}, "form"),
        ({"prompt": "  "}, "empty"),
        ({"prompt": "Hi", "reference": " "}, "empty"),
        ({"prompt": "Hi", "reference": 4}, "form"),
        ({"messages": "Hi"}, "form"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "form"),
        ({"messages": [{"role": "user"}]}, "form"),
        ({"messages": [{"role": "user", "content": None}]}, "form"),
        ({"messages": [["user", "Hi"]]}, "form"),
        ({"messages": [{"role": "system", "content": "Hi"}]}, "order"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, "order"),
        ({"prompt": "x" * 99}, "long"),
        ({"prompt": "Good"}, "repeated"),
    ],
)
def test_odd_rows_are_left_out_and_counted(row: dict[str, Any], reason: str) -> None:
    items, left_out = read_items([{"prompt": "Good"}, row], 50)
    assert [item.messages[0].content for item in items] == ["Good"] and left_out == {reason: 1}


def test_every_form_of_row_is_read() -> None:
    said = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "One?"}]
    answer = {"role": "assistant", "content": "Yes."}
    rows: list[dict[str, Any]] = [
        {"prompt": "Zero?", "reference": "No."},
        {"messages": said},
        {"messages": [*said[:1], {"role": "user", "content": "Two?"}, answer]},
        {"prompt": "Three?", "chosen": "Yes.", "rejected": "No."},
        {"prompt": [{"role": "user", "content": "Four?"}], "chosen": [answer], "rejected": [answer]},
        {"chosen": [{"from": "human", "value": "Five?"}, {"from": "gpt", "value": "Yes."}]},
        {"prompt": "Six \ud800 \ufdd0?"},
    ]
    items, left_out = read_items(rows, None)
    assert left_out == {}
    assert [item.key for item in items] == [
        "zero?", "one?", "two?", "three?", "four?", "five?", "six \ufffd \ufffd?",
    ]  # fmt: skip
    assert [item.reference for item in items] == ["No.", None, "Yes.", "Yes.", "Yes.", "Yes.", None]


def test_a_source_without_a_usable_row_is_refused() -> None:
    for rows in ([], [{"x": 1}]):
        with pytest.raises(EmptyProblemSetError, match="no row of the source"):
            Chat(problems=rows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A gzipped file of preference data: 60 first messages with two conversations each, and two odd rows."""
    rows = [
        {"chosen": hh(f"Question {number}?", "Which one?", f"{kind}, of course", "Fine."), "rejected": "x"}
        for number in range(60)
        for kind in ("this", "THAT")
    ]
    rows += [{"chosen": hh("Question 1?", "")}, {"chosen": hh("a", "b", "c")}]  # type: ignore[list-item]
    file = tmp_path / "pairs.jsonl.gz"
    with gzip.open(file, "wt") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    return file


def test_one_first_message_is_in_one_split(path: Path) -> None:
    task = Chat(problems=path)
    assert task.left_out == {"empty": 1, "unanswered": 1}
    assert sum(task.num_problems.values()) == 120 and task.splits == ("train", "validation", "test")
    for split, count in task.num_problems.items():
        problems = task.problems(split, range(count))
        assert {problem.key for problem in problems} == {
            f"question {n}?" for n in range(60) if split_of(f"question {n}?") == split
        }
        assert len({problem.prompt for problem in problems}) == count
        again = Chat(problems=str(path)).problems(split, range(count))
        assert again == problems
    count = task.num_problems["train"]
    first, second = (task.problems("train", range(n * count, (n + 1) * count)) for n in (0, 1))
    assert sorted(p.prompt for p in first) == sorted(p.prompt for p in second)
    assert [p.prompt for p in first] != [p.prompt for p in second]
    assert task.problem("train", 2**63 - 1).index == 2**63 - 1
    with pytest.raises(InvalidValueError, match="index"):
        task.problem("train", -1)


def test_sizes_are_bounds(path: Path) -> None:
    task = Chat(problems=path)
    for split, count in task.num_problems.items():
        for problem in task.problems(split, range(count)):
            assert len(problem.prompt) <= task.max_prompt_chars
            assert len(read_conversation(problem.prompt)) <= task.max_prompt_messages == 3
            (text,) = task.demonstrations(problem, np.random.default_rng(0))
            assert text == "Fine." and len(text) < task.default_max_new_tokens
    assert (task.level, task.max_level, task.max_turns, task.alphabet) == (1, 1, 1, None)


def test_nobody_can_say_what_is_correct(path: Path) -> None:
    task = Chat(problems=path)
    problem = task.problem("test", 0)
    for text in ("Fine.", "", "x" * 10**6):
        transcript = Transcript(problem, (Turn("agent", text),), True)
        assert task.verify(transcript) == ("wrong", "ungraded", None, 0.0)
        assert task.utility(transcript) is None and task.utility_parts(transcript) is None
    with pytest.raises(InvalidValueError, match="have parts"):
        utility_parts(transcript)
    assert task.hint(problem, ()) is None


@pytest.mark.parametrize(
    "reward", ["utility", "utility_parts", "correct", "partial", 0.5 * Correct() + Length()], ids=range(5)
)
def test_rewards_that_need_ground_truth_are_refused(path: Path, reward: object) -> None:
    with pytest.raises(InvalidValueError, match="Give another reward="):
        bind(make_reward(reward), Chat(problems=path))
    with pytest.raises(InvalidValueError, match="Give another reward="):
        gym.make("lmgym/Chat-v0", problems=path, reward=reward)


def test_other_rewards_are_paid(path: Path) -> None:
    env = gym.make("lmgym/Chat-v0", granularity="response", problems=path, reward="length")
    seen, _ = env.reset(seed=0)
    assert seen.startswith("User: Question ") and seen.endswith("\nAssistant: ")
    _, reward, terminated, _, info = env.step("Four")
    assert (reward, terminated, info["reason"]) == (4.0, True, "ungraded")


def test_rows_without_a_reference_have_no_demonstration() -> None:
    task = Chat(problems=[{"prompt": f"{number}?"} for number in range(20)])
    with pytest.raises(InvalidValueError, match="no reference"):
        task.demonstrations(task.problem("train", 0), np.random.default_rng(0))


def test_a_user_can_go_on_about_a_prompt_of_a_source(path: Path) -> None:
    task = Chat(problems=path, user=lambda messages, goal: f"{len(messages)} messages", num_turns=2)
    problem = task.problem("train", 0)
    state, reply, is_over = task.respond(task.start(problem), Turn("agent", "Fine."))
    assert reply is not None and not is_over
    assert read_conversation(reply) == [Message("user", "4 messages")]
    assert task.respond(state, Turn("agent", "Bye."))[1:] == (None, True)


def test_the_real_preference_data_is_read() -> None:
    file = real_file("hh_rlhf_harmless/test.jsonl.gz")
    with gzip.open(file, "rt") as lines:
        chosen = [json.loads(line)["chosen"] for line in lines]
    items, left_out = read_items(file, None)
    assert len(chosen) == len(items) + sum(left_out.values()) == 2312
    assert left_out == {"empty": 4, "order": 8, "repeated": 2}
    answers = {text.rpartition("\n\nAssistant:")[2].strip() for text in chosen}
    assert all(item.reference in answers for item in items)
    counts = {text.count("\n\nHuman:") + text.count("\n\nAssistant:") for text in chosen}
    assert {len(item.messages) + 1 for item in items} <= counts
