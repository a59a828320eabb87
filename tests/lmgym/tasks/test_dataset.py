"""Dataset-v0: files of every format, columns, splits, and the real data sets that people train on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401  # registers the environments
from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.records import Transcript, Turn
from lmgym.tasks.base import split_of
from lmgym.tasks.dataset.task import Dataset
from tests.real_data import real_file

ROWS = [{"question": f"What is {n} + {n}?", "answer": 2 * n, "hint": "double"} for n in range(40)]


def judge(task: Dataset, problem: Any, text: str) -> Any:
    return task.verify(Transcript(problem, (Turn("agent", text),), terminated=True))


def all_problems(task: Dataset, split: str) -> list[Any]:
    return task.problems(split, range(task.num_problems[split]))


def write_csv(path: Path, delimiter: str = ",") -> None:
    lines = [delimiter.join(ROWS[0])] + [delimiter.join(f'"{cell}"' for cell in row.values()) for row in ROWS]
    path.write_text("\n".join(lines) + "\n")


def write(path: Path) -> None:
    if path.name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif path.name.endswith(".jsonl.gz"):
        path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode()))
    elif path.name.endswith(".json"):
        path.write_text(json.dumps(ROWS))
    elif path.name.endswith(".parquet"):
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed; extra `data`")
        import pyarrow

        parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    else:
        write_csv(path, "\t" if path.suffix == ".tsv" else ",")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.csv", "a.tsv", "a.parquet"])
def test_every_format_gives_the_same_problems(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    task, same = Dataset(path=tmp_path / name), Dataset(rows=ROWS)
    assert sum(task.num_problems.values()) == 40
    for split in task.splits:
        found, expected = all_problems(task, split), all_problems(same, split)
        assert [(p.prompt, p.reference.answer, p.key) for p in found] == [
            (p.prompt, p.reference.answer, p.key) for p in expected
        ]
        assert all(split_of(problem.key) == split for problem in found)
    assert task.fingerprint == same.fingerprint


def test_a_data_set_of_the_datasets_library_is_taken_as_it_is() -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed; extra `data`")
    whole = datasets.Dataset.from_list(ROWS)
    assert Dataset(rows=whole).fingerprint == Dataset(rows=ROWS).fingerprint
    halves = datasets.DatasetDict({"train": whole.select(range(20)), "test": whole.select(range(20, 40))})
    counts = Dataset(rows=halves).num_problems
    assert counts["test"] == 20 and counts["train"] + counts["validation"] == 20 and counts["validation"]


def test_splits_that_come_as_files_share_no_question(tmp_path: Path) -> None:
    train = [*ROWS[:20], {"question": "what is  25 + 25?", "answer": 50, "hint": ""}, ROWS[3]]
    task = Dataset(rows={"train": train, "validation": ROWS[18:25], "test": ROWS[24:]})
    keys = {split: [problem.key for problem in all_problems(task, split)] for split in task.splits}
    assert [len(keys[split]) for split in ("train", "validation", "test")] == [18, 6, 16]
    assert len({key for some in keys.values() for key in some}) == 40


def test_problems_follow_the_file_and_begin_again_at_its_end() -> None:
    task = Dataset(rows={"test": ROWS})
    problems = task.problems("test", [0, 39, 40, 2**63 - 1])
    assert [problem.prompt for problem in problems] == [
        f"What is {n} + {n}?\n" for n in (0, 39, 0, (2**63 - 1) % 40)
    ]
    assert [problem.index for problem in problems] == [0, 39, 40, 2**63 - 1]
    with pytest.raises(EmptyProblemSetError, match=r"'train'.*holds no row"):
        task.problem("train", 0)


def test_train_goes_through_all_rows_in_another_order_in_each_epoch() -> None:
    task, same = (
        Dataset(rows={"train": ROWS, "validation": ROWS[:1]}),
        Dataset(rows={"train": ROWS, "validation": ROWS[:1]}),
    )
    epochs = [[p.key for p in task.problems("train", range(39 * e, 39 * (e + 1)))] for e in range(3)]
    assert all(len(set(epoch)) == 39 for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] and epochs[0] != sorted(epochs[0])
    assert same.problem("train", 39 * 2 + 5).key == epochs[2][5]


def test_the_prompt_is_a_template_and_does_not_move_the_splits() -> None:
    plain = Dataset(rows=ROWS)
    other = Dataset(rows=ROWS, prompt="Be quick. {question}\nA: ")
    assert other.problem("test", 0).prompt == f"Be quick. {plain.problem('test', 0).prompt}A: "
    assert other.problem("test", 0).key == plain.problem("test", 0).key
    assert other.fingerprint != plain.fingerprint


def test_choices_are_lettered_and_answers_may_be_letters_places_or_texts() -> None:
    rows = [
        {"question": f"Pick {given!r}", "choices": ["red", "green", "blue"], "answer": given}
        for given in ("B", "b", 1, "green")
    ]
    task = Dataset(preset="choice", rows={"test": rows})
    for problem in all_problems(task, "test"):
        assert "\nA) red\nB) green\nC) blue\n" in problem.prompt
        assert problem.reference.answer == "B"
        assert judge(task, problem, "The answer is (B).").status == "correct"
        assert judge(task, problem, "A").status == judge(task, problem, "A or B").status == "wrong"
    with pytest.raises(InvalidValueError, match=r"row 0.*'D' is no letter of ABC"):
        Dataset(preset="choice", rows=[{**rows[0], "answer": "D"}])


def test_levels_are_cumulative() -> None:
    rows = [{"question": f"{n}?", "answer": n, "hard": 1 + n % 3} for n in range(60)]
    task = Dataset(rows={"test": rows}, levels="hard")
    assert (task.level, task.max_level) == (3, 3)
    assert [task.at_level(level).num_problems["test"] for level in (1, 2, 3)] == [20, 40, 60]
    assert {problem.difficulty for problem in all_problems(task.at_level(2), "test")} == {1.0, 2.0}
    assert task.at_level(3).fingerprint == task.fingerprint != task.at_level(1).fingerprint


@pytest.mark.parametrize(
    "options, message",
    [
        ({"path": "nowhere.jsonl"}, "there is no file 'nowhere.jsonl'"),
        ({"path": "a.txt"}, r"must end with one of \.jsonl"),
        ({"path": "a.jsonl", "rows": ROWS}, "give the data once: got path, rows"),
        ({"rows": ROWS, "answer": "label"}, "row 0 .*has no column 'label'; it has 'question', 'answer'"),
        ({"rows": [{"question": "a", "answer": ""}]}, "row 0 .*empty prompt or answer"),
        ({"rows": [{"question": "a", "answer": None}]}, "row 0 .*nothing in column 'answer'"),
        ({"rows": [{"question": "a", "answer": float("nan")}]}, "row 0 .*nothing in column 'answer'"),
        ({"preset": "gsm8k"}, "preset='gsm8k' only names columns; give the data"),
        ({"rows": ROWS, "levels": "hint"}, "column 'hint' must hold a number"),
        ({"rows": [{"question": "a", "answer": "(" * 500}]}, "the data set's answer to 'a.*is of no use"),
        ({"rows": ["a"]}, "row 0 .*must be a mapping"),
        ({"rows": {"dev": ROWS}}, "splits .'dev'.; allowed are train"),
        ({"rows": ROWS, "level": 2}, r"level must be an integer in \[1, 1\]"),
    ],
)
def test_mistakes_are_told_when_the_task_is_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        Dataset(**options)


def test_unknown_names_get_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'gsm8k'"):
        Dataset(preset="gsm8", rows=ROWS)
    with pytest.raises(UnknownNameError, match="boxed"):
        Dataset(policy="boxd", rows=ROWS)
    with pytest.raises(EmptyProblemSetError):
        Dataset(rows=[])


def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,answer\r\n1+1?,2\r\n", "utf-8-sig")
    assert sum(Dataset(path=path).num_problems.values()) == 1


def test_a_row_that_can_t_be_used_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,label\n1+1?,2\n")
    with pytest.raises(InvalidValueError, match=r"a\.csv: row 0 .*no column 'answer'"):
        Dataset(test_path=path)


def test_a_level_below_all_rows_is_an_empty_split() -> None:
    task = Dataset(rows={"test": [{"question": "a", "answer": 1, "hard": 7}]}, levels="hard", level=3)
    assert task.default_max_new_tokens == 1
    with pytest.raises(EmptyProblemSetError, match="no row of level 3 or less"):
        task.problem("test", 0)


def test_broken_files_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "a", "answer": 1}\n{"question": \n')
    with pytest.raises(InvalidValueError, match=r"a\.jsonl, line 2 is not JSON"):
        Dataset(path=path)
    for text in ("[" * 10**5, '{"question": "a", "answer": ' + "9" * 5000 + "}"):
        path.write_text(text)
        with pytest.raises(InvalidValueError, match="line 1 is not JSON"):
            Dataset(path=path)
    (tmp_path / "b.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(InvalidValueError, match=r"not a readable \.jsonl file"):
        Dataset(path=tmp_path / "b.jsonl.gz")
    (tmp_path / "c.csv").write_text("question,answer\na\n")
    with pytest.raises(InvalidValueError, match="row 1: not as many cells"):
        Dataset(path=tmp_path / "c.csv")


REAL = {
    "gsm8k": ({"train_path": "gsm8k/train.jsonl", "test_path": "gsm8k/test.jsonl"}, 1319),
    "svamp": ({"path": "svamp/SVAMP.json"}, None),
    "math500": ({"test_path": "math500/test500.jsonl"}, 500),
}


@pytest.mark.parametrize("preset", REAL)
@pytest.mark.parametrize("style", ["answer", "worked"])
def test_real_data_sets_are_read_and_their_demonstrations_are_right(preset: str, style: str) -> None:
    files, num_test = REAL[preset]
    task = Dataset(preset=preset, style=style, **{name: real_file(file) for name, file in files.items()})  # type: ignore[arg-type]
    problems = all_problems(task, "test")
    assert num_test is None or len(problems) == num_test
    texts = [task.demonstrations(problem, np.random.default_rng(0))[0] for problem in problems]
    transcripts = [
        Transcript(problem, (Turn("agent", text),), terminated=True)
        for problem, text in zip(problems, texts, strict=True)
    ]
    verdicts = task.verify_batch(transcripts)
    bad = [(p.reference.answer, v) for p, v in zip(problems, verdicts, strict=True) if v.status != "correct"]
    assert not bad, bad[:5]
    for transcript in transcripts[:50]:
        wrong = transcript._replace(turns=(Turn("agent", "\\boxed{123456789}\n#### 123456789"),))
        assert task.verify(wrong).status == "wrong"
        assert judge(task, transcript.problem, transcript.problem.prompt).status == "wrong"


def test_an_environment_over_real_data_can_be_played() -> None:
    path = str(real_file("svamp/SVAMP.json"))
    env = gym.make(
        "lmgym/Dataset-v0", preset="svamp", path=path, granularity="response", split="test", max_new_tokens=64
    )
    env.reset(options={"problem_index": 0})
    problem = Dataset(preset="svamp", path=path).problem("test", 0)
    _, reward, terminated, _, info = env.step(f"So the answer is {problem.reference.answer}.")
    assert (reward, terminated, info["success"]) == (1.0, True, True)
