from __future__ import annotations

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.rewards import Correct, from_trl, make_reward, score, to_trl, trl_dataset_rows
from lmgym.tasks.base import SingleTurnTask, check_split


class Double(SingleTurnTask):
    """Asks for twice the index; the answer "?" breaks the verifier."""

    splits = ("train", "test")
    fingerprint = "Double()"

    def problems(self, split, indices):
        check_split(self, split)
        return [Problem(f"2*{i}=", 2 * i, split, i) for i in indices]

    def verify(self, transcript):
        turn = transcript.turns[-1]
        if turn.text == "?":
            return Verdict("error", "timeout")
        if turn.is_complete and turn.text == str(transcript.problem.reference):
            return Verdict("correct", "", turn.text, 1.0)
        return Verdict("wrong", "wrong")

    def demonstrations(self, problem, rng: np.random.Generator):
        return (str(problem.reference),)


class TwoTurns(Double):
    max_turns = 2


def test_a_function_written_for_trl_works_unchanged(transcript):
    # Written as TRL's documentation shows it, with a data set column and the rest in kwargs.
    seen = {}

    def accuracy(prompts, completions, reference, **kwargs):
        seen.update(kwargs, prompts=prompts, completions=completions)
        return [1.0 if text == truth else None for text, truth in zip(completions, reference, strict=True)]

    rows = [transcript("2", index=5), transcript("3", index=6)]
    scores = score(make_reward(accuracy), rows)
    assert scores.values.tolist() == [1.0, 0.0]
    assert scores.failed.tolist() == [False, True]
    assert list(scores.terms) == ["accuracy"]
    assert seen == {
        "prompts": ["1+1=", "1+1="],
        "completions": ["2", "3"],
        "problem_index": [5, 6],
        "split": ["train", "train"],
        "difficulty": [3.0, 3.0],
    }


def test_a_function_without_kwargs_gets_what_it_names(transcript):
    def lengths(completions, problem_index):
        return [float(len(text) + index) for text, index in zip(completions, problem_index, strict=True)]

    assert score(make_reward(lengths), [transcript("222", index=4)]).values.tolist() == [7.0]


def test_completion_ids_are_made_by_the_tokenizer(transcript):
    def count(completion_ids, **kwargs):
        return [float(len(ids)) for ids in completion_ids]

    assert score(make_reward(count), [transcript("22+2"), transcript("")]).values.tolist() == [4.0, 0.0]


def test_conversational_format_and_several_turns(transcript):
    seen = {}

    def chat(prompts, completions):
        seen.update(prompts=prompts, completions=completions)
        return [float(len(completions[0]))]

    assert score(from_trl(chat, conversational=True), [transcript("a", "b")]).values.tolist() == [3.0]
    assert seen["prompts"] == [[{"role": "user", "content": "1+1="}]]
    assert [message["role"] for message in seen["completions"][0]] == ["assistant", "user", "assistant"]

    def text(completions):
        return [float(completions == ["aok\nb"])]

    assert score(make_reward(text), [transcript("a", "b")]).values.tolist() == [1.0]


def test_a_column_that_there_is_not_can_be_added(transcript):
    def judge(completions, ground_truth):
        return [float(text == truth) for text, truth in zip(completions, ground_truth, strict=True)]

    with pytest.raises(
        InvalidValueError, match=r"judge needs the column 'ground_truth'; there are reference"
    ):
        make_reward(judge)
    reward = from_trl(judge, columns={"ground_truth": lambda row: row.problem.reference}, pay="turn")
    assert reward.pay == "turn"
    assert score(reward, [transcript("2"), transcript("3")]).values.tolist() == [1.0, 0.0]


def test_a_reward_handed_to_trl_finds_its_problems_again():
    task = Double()
    function = to_trl(Correct(wrong=-1.0), task)
    rows = trl_dataset_rows(task, "train", 3, start=4) + trl_dataset_rows(task, "test", 1)
    assert rows[0] == {"prompt": "2*4=", "problem_index": 4, "split": "train"}
    rows = [rows[0], rows[0], rows[3], rows[2]]  # TRL repeats rows, and mixes them
    columns = {name: [row[name] for row in rows] for name in ("problem_index", "split")}
    given = function(
        prompts=[row["prompt"] for row in rows],
        completions=["8", "?", "0", "11"],
        trainer_state=None,
        **columns,
    )
    assert given == [1.0, None, 1.0, -1.0]
    assert function.__name__ == "correct"


def test_completions_that_lack_the_end_token_count_as_cut():
    function = to_trl(Correct(), Double(), end_ids=(1,))
    columns = {"problem_index": [3, 3, 3], "split": ["train"] * 3}
    ids = [[9, 1], [9, 9], []]
    given = function(prompts=[""] * 3, completions=["6", "6", "6"], completion_ids=ids, **columns)
    assert given == [1.0, 0.0, 0.0]


def test_conversational_completions_of_trl_are_read():
    function = to_trl(Correct(), Double())
    completion = [{"role": "assistant", "content": "6"}]
    assert function(prompts=[""], completions=[completion], problem_index=[3], split=["train"]) == [1.0]


def test_there_and_back_again_is_the_same_reward():
    task = Double()
    problems = task.problems("train", range(6))
    transcripts = []
    for problem, text in zip(problems, ["0", "x", "4", "", "8", "10\n"], strict=True):
        row = Transcript(problem, (Turn("agent", text),), True)
        transcripts.append(row._replace(verdict=task.verify(row)))
    back = from_trl(to_trl(Correct(), task))
    assert score(back, transcripts).values.tolist() == score(Correct(), transcripts).values.tolist()


def test_mistakes_on_the_way_to_trl():
    with pytest.raises(InvalidValueError, match="TwoTurns has up to 2 turns"):
        to_trl(Correct(), TwoTurns())
    with pytest.raises(InvalidValueError, match=r"no columns `problem_index` and `split`.*trl_dataset_rows"):
        to_trl(Correct(), Double())(prompts=[""], completions=[""])
    with pytest.raises(UnknownNameError, match="Did you mean 'train'"):
        trl_dataset_rows(Double(), "trian", 3)
    with pytest.raises(InvalidValueError, match="n must be at least 1, got 0"):
        trl_dataset_rows(Double(), "train", 0)
