"""The page of ``lmgym/Chat-v0`` against the task."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from lmgym.conversation import read_conversation
from lmgym.records import Transcript, Turn
from lmgym.seeding import make_generator
from lmgym.tasks.chat import Chat, Constraint, Fact, Request, judge
from lmgym.tasks.chat.answers import tone_words
from lmgym.tasks.chat.goals import EXTRA_FOLLOW_UPS, LEVELS

PAGE = (Path(__file__).parents[3] / "docs" / "environments" / "chat.md").read_text("utf-8")
BY_HAND = PAGE.split("<!-- facts")[0]  # the rest is written from the task
ROWS = [
    [cell.strip() for cell in line.split("|")[1:-1]] for line in BY_HAND.splitlines() if line.startswith("|")
]


@pytest.mark.parametrize("level", LEVELS)
def test_the_levels_are_true(level: int) -> None:
    rows = [row for row in ROWS if row[0] == str(level)]
    shape, task = LEVELS[level], Chat(level=level)
    table = next(row for row in rows if len(row) == 7)
    extra = EXTRA_FOLLOW_UPS if "ood_turns" in task.splits else 0
    assert [int(cell.split(":")[0]) for cell in (table[1], *table[3:])] == [
        shape.num_facts, shape.num_constraints, shape.num_follow_ups, shape.patience, task.max_turns - extra,
    ]  # fmt: skip
    assert (table[2] == "two to nine, in words") == shape.is_easy
    system, user = read_conversation(task.problem("train", 1).prompt)
    assert [str(level), system.content, user.content] in rows


def test_the_splits_are_true() -> None:
    task = Chat(level=3)
    rows = {row[0]: row[2] for row in ROWS if len(row) == 3}
    for split in task.splits:
        system, user = read_conversation(task.problem(split, 0).prompt)
        assert rows[f"`{split}`"] == f"{system.content} {user.content}"


def test_the_answers_worked_by_hand_are_true() -> None:
    request = Request("ask", Fact("bus", "bus 4", "9:15"), "polite", (Constraint("max_words", "5"),))
    rows = [row for row in ROWS if len(row) == 7 and row[0].startswith("`")]
    assert len(rows) == 7
    for text, *numbers in rows:
        found = judge(Turn("agent", text.strip("`")), request)
        told = [float(number.replace("−", "-")) for number in numbers]
        assert [*found[:5], found.utility] == pytest.approx(told)


def test_the_word_lists_are_true() -> None:
    text = " ".join(PAGE.split())
    polite, warm, rude = re.search(
        r"polite: one of \*(.*?)\*; warm: one of \*(.*?)\*; .*?Rude: \*(.*?)\*", text
    ).groups()  # type: ignore[union-attr]
    for tone, listed in (("polite", polite), ("warm", warm), ("rude", rude)):
        assert set(listed.split(", ")) == tone_words()[tone]


def mean_utility(level: int, quality: float) -> float:
    task = Chat(level=level, demonstration_quality=quality)
    found = []
    for problem in task.problems("test", range(600)):
        texts = task.demonstrations(problem, make_generator(0, "page", problem.index))
        turns = tuple(Turn("agent", text) for text in texts)
        found.append(task.utility(Transcript(problem, turns, True)))
    return float(np.mean(found))


@pytest.mark.parametrize("level", [1, 6])
def test_the_utilities_of_demonstrations_are_true(level: int) -> None:
    row = next(row for row in ROWS if row[0] == str(level) and len(row) == 4)
    assert row[1:] == [f"{mean_utility(level, quality):.2f}" for quality in (0.0, 0.5, 1.0)]


def test_the_conversation_is_true() -> None:
    lines = PAGE.split("```")[3].strip().splitlines()
    task = Chat(level=4)
    problem = task.problem("train", 1)
    system, user = read_conversation(problem.prompt)
    said = [line.partition(": ")[2].partition("    ")[0] for line in lines]
    assert said[:2] == [system.content, user.content]
    state, turns = task.start(problem), list[Turn]()
    for place in range(2, len(said), 2):
        turns.append(Turn("agent", said[place]))
        state, reply, is_over = task.respond(state, turns[-1])
        heard = [message.content for message in read_conversation(reply or "")]
        assert heard == said[place + 1 : place + 2] and is_over == (not heard)
    transcript = Transcript(problem, tuple(turns), True)
    assert task.verify(transcript).status == "correct"
    assert task.utility(transcript) == pytest.approx(0.9)
