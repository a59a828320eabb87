from __future__ import annotations

import numpy as np
import pytest
import torch

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.probes import Delayed
from lmgym.tokenization import CharTokenizer
from lmgym_agents.process.step_labels import (
    FixedSteps,
    LabelledResponse,
    TaskSteps,
    label_by_checker,
    label_by_values,
    make_step_rows,
    step_ends,
)
from lmgym_agents.process.values import StepValue
from lmgym_agents.ranking import auc

TOKENIZER = CharTokenizer()
TASK = Math(level=2, style="worked")
PROBLEM = TASK.problem("train", 3)  # 94+63


def test_labels_of_the_checker_are_those_of_the_state():
    text = "\n90+60=150\n1+1=2\n4+3=8\n150+7=157\n157"
    assert label_by_checker(TASK, PROBLEM, text).labels == (1, 1, 1, 0, 0, 0)
    assert label_by_checker(TASK, PROBLEM, "157\n").labels == (1,)
    undecided = label_by_checker(TASK, PROBLEM, "1+1=2\n" * 201)
    assert undecided.labels[199:] == (1, None)
    with pytest.raises(InvalidValueError, match="can't check steps"):
        label_by_checker(Math(level=2), PROBLEM, "157")


def test_labels_of_roll_outs():
    values = [StepValue(3, 4), StepValue(1, 4), StepValue(0, 3)]
    assert label_by_values(PROBLEM, "a\nb", values).labels == (0.25, 0.0)
    assert label_by_values(PROBLEM, "a\nb", values, kind="hard").labels == (1.0, 0.0)


def test_rows_by_hand():
    items = [LabelledResponse("7=", "a\nbc", (0.75, 0.25)), LabelledResponse("=", "\nd\n", (None, 1.0))]
    rows = make_step_rows(items, TOKENIZER)
    end = TOKENIZER.end_id
    assert rows.input_ids[0].tolist() == [*TOKENIZER.encode("7=a\nbc"), end]
    assert rows.input_ids[1].tolist()[:5] == [*TOKENIZER.encode("=\nd\n"), end]
    assert rows.lengths.tolist() == [7, 5]
    # "a\n" ends with its newline, "bc" with the end token; the second response ends behind a newline
    assert rows.is_step_end.nonzero().tolist() == [[0, 3], [0, 6], [1, 3]]
    assert rows.labels[rows.is_step_end].tolist() == [0.75, 0.25, 1.0]
    assert rows.is_good.nonzero().tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]


def test_labels_that_do_not_fit_are_named():
    for labels in ((1.0,), (1.0, 2.0), (1.0, float("nan"))):
        with pytest.raises(InvalidValueError, match="labels must be 2 numbers"):
            make_step_rows([LabelledResponse("=", "a\nb", labels)], TOKENIZER)


def test_a_token_of_several_newlines_ends_several_steps():
    class Pairs:
        def decode(self, ids):
            return {1: "a", 2: "\n\n", 3: "b"}[ids[0]]

    assert step_ends([9, 1, 2, 3, 3], 1, Pairs(), num_steps=3) == [2, 2, 4]


def test_demonstrations_depend_on_seed_and_step_alone():
    task = Math(level=2, style="worked", demonstration_quality=0.5)
    one, again, other = (TaskSteps(task, TOKENIZER, seed=seed).rows(2, 32) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one.labels, other.labels)
    assert 0 < float(one.labels[one.is_step_end].mean()) < 1
    held_out = TaskSteps(task, TOKENIZER, split="validation").responses(0, 64)
    trained = {task.problem("train", i).prompt for i in range(64)}
    assert not trained & {item.prompt for item in held_out}


def test_tasks_of_several_turns_are_refused():
    with pytest.raises(InvalidValueError, match="up to 3 turns"):
        TaskSteps(Delayed(num_turns=3), TOKENIZER)


def test_fixed_responses_come_once_an_epoch():
    items = [LabelledResponse(f"{i}=", "a", (1.0,)) for i in range(5)]
    data = FixedSteps(items, TOKENIZER, seed=1)
    seen = [
        int(TOKENIZER.decode(row[:1].numpy())) for step in range(5) for row in data.rows(step, 2).input_ids
    ]
    assert sorted(seen[:5]) == sorted(seen[5:]) == list(range(5))
    with pytest.raises(EmptyProblemSetError):
        FixedSteps([], TOKENIZER)


def test_the_auc_by_hand_and_against_all_pairs():
    assert auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == 0.75
    assert auc([1, 1, 1], [True, False, True]) == 0.5
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 6, 40), rng.random(40) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert auc(scores, positive) == pytest.approx(np.mean(pairs), abs=1e-12)
    with pytest.raises(InvalidValueError, match="both classes"):
        auc([1.0], [True])
