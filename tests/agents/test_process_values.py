from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.records import Verdict
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.base import SingleTurnTask
from lmgym.tasks.probes import Delayed
from lmgym.tokenization import CharTokenizer
from lmgym_agents.engine import Engine, Generation
from lmgym_agents.models import make_tiny_model
from lmgym_agents.process.first_error import locate_error, scan_first_error, search_first_error
from lmgym_agents.process.values import Prefix, RolloutValues, StepValue, cut_prefixes
from lmgym_agents.sampling import SamplingParams

TOKENIZER = CharTokenizer()
TASK = Math(level=2, style="worked")
PROBLEM = TASK.problem("train", 3)  # 94+63


def make_engine(rows=64):
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=160, seed=0,
        config={"initializer_range": 0.3},
    )  # fmt: skip
    return Engine(model, max_rows=rows)


class Finisher:
    """An engine that ends every right beginning rightly in three of four roll-outs, others never."""

    def __init__(self, right):
        self._right, self.asked = right, []

    def generate(self, prompts, params, *, seed, max_new_tokens, request_ids):
        texts = []
        for number, prompt in enumerate(prompts):
            said = TOKENIZER.decode(np.asarray(prompt))[len(PROBLEM.prompt) :]
            self.asked.append(said)
            hopeful = self._right.startswith(said) and number % 4
            texts.append(self._right[len(said) :] if hopeful else "no")
        ids = [[*TOKENIZER.encode(text), TOKENIZER.end_id] for text in texts]
        width = max(map(len, ids))
        return Generation(
            tokens=torch.tensor([row + [0] * (width - len(row)) for row in ids]),
            lengths=torch.tensor([len(row) for row in ids]),
            logps=torch.zeros(len(ids), width),
            stopped=torch.ones(len(ids), dtype=torch.bool),
        )


RIGHT = "\n90+60=150\n4+3=7\n150+7=157\n157"


def test_values_of_steps_by_hand():
    rollouts = RolloutValues(Finisher(RIGHT), TASK, TOKENIZER, num_rollouts=4)
    values = rollouts.measure_steps(PROBLEM, "\n90+60=150\n4+3=8\n150+8=158\n158")
    assert values == [StepValue(3, 4)] * 3 + [StepValue(0, 4)] * 3
    assert [value.rate for value in values] == [0.75] * 3 + [0.0] * 3
    assert [value.is_hopeful for value in values] == [True] * 3 + [False] * 3
    assert rollouts.num_sampled == 5 * 4  # the whole response is verified as it is
    interval = values[0].interval()
    assert interval.low < 0.75 < interval.high
    assert rollouts.measure_steps(PROBLEM, RIGHT)[-1] == StepValue(4, 4)


def test_prefixes_end_where_lines_do():
    texts = [prefix.text for prefix in cut_prefixes(PROBLEM, "\na\nb")]
    assert texts == ["", "\n", "\na\n", "\na\nb"]
    assert [p.is_complete for p in cut_prefixes(PROBLEM, "\na\n")] == [False, False, True]
    assert cut_prefixes(PROBLEM, "") == [Prefix(PROBLEM, "", True)]


class Parity(SingleTurnTask):
    """Right is what has an even sum of code points: a coin that shows whether two roll-outs are the same."""

    fingerprint = "Parity"
    default_max_new_tokens = 12
    problems = TASK.problems
    demonstrations = TASK.demonstrations

    def verify(self, transcript):
        if transcript.response.startswith("no"):
            return Verdict("error", "down")
        return Verdict("wrong" if sum(map(ord, transcript.response)) % 2 else "correct")


def test_a_value_depends_on_seed_problem_and_prefix_alone():
    others = [Prefix(problem, "") for problem in TASK.problems("train", range(9, 12))]
    prefixes = [*(Prefix(PROBLEM, "9" * n) for n in range(6)), *others]
    whole = RolloutValues(make_engine(), Parity(), TOKENIZER, num_rollouts=30).measure(prefixes)
    alone = RolloutValues(make_engine(3), Parity(), TOKENIZER, num_rollouts=30)
    assert [alone.measure([prefix])[0] for prefix in reversed(prefixes)] == whole[::-1]
    assert len(set(whole)) > 3
    assert all(5 < value.num_right < 25 for value in whole)
    assert (
        RolloutValues(make_engine(), Parity(), TOKENIZER, num_rollouts=30, seed=1).measure(prefixes) != whole
    )


def test_a_spent_budget_is_verified_as_it_is():
    params = SamplingParams(max_new_tokens=3)
    rollouts = RolloutValues(Finisher(RIGHT), TASK, TOKENIZER, params, num_rollouts=2)
    assert rollouts.measure([Prefix(PROBLEM, "157"), Prefix(PROBLEM, "157", True)]) == [
        StepValue(0, 2), StepValue(2, 2),
    ]  # fmt: skip
    assert rollouts.num_sampled == 0


def test_rows_that_the_verifier_failed_on_do_not_count():
    rollouts = RolloutValues(Finisher("noon"), Parity(), TOKENIZER, num_rollouts=4)
    with pytest.raises(InvalidValueError, match="verifier failed on all roll-outs"):
        rollouts.measure([Prefix(PROBLEM, "no", True)])
    mixed = RolloutValues(Finisher("\0"), Parity(), TOKENIZER, num_rollouts=4)  # three of four end as "\0"
    assert mixed.measure([Prefix(PROBLEM, "")])[0].num_valid == 3


def test_mistakes_are_named():
    with pytest.raises(InvalidValueError, match="up to 3 turns"):
        RolloutValues(Finisher(""), Delayed(num_turns=3), TOKENIZER)
    with pytest.raises(InvalidValueError, match="temperature above 0"):
        RolloutValues(Finisher(""), TASK, TOKENIZER, SamplingParams(max_new_tokens=9, temperature=0))


@pytest.mark.parametrize("num_steps", [1, 2, 3, 7, 8, 33])
def test_the_search_finds_what_the_scan_finds_with_fewer_measurements(num_steps):
    for first in range(num_steps):
        asked = []

        def measure(place, first=first, asked=asked):
            asked.append(place)
            return StepValue(3 if place <= first else 0, 4)

        found = search_first_error(measure, num_steps)
        assert found.step == first == scan_first_error(measure, num_steps).step
        assert sorted(found.values) == sorted(set(asked[: len(found.values)]))
        assert len(found.values) <= 2 + math.ceil(math.log2(num_steps))
        assert found.num_saved == num_steps + 1 - len(found.values)


def test_right_and_hopeless_responses_have_no_first_error():
    right = search_first_error(lambda place: StepValue(1, 4), 5)
    assert (right.step, sorted(right.values), right.num_saved) == (None, [5], 5)
    hopeless = search_first_error(lambda place: StepValue(0, 4), 5)
    assert (hopeless.step, sorted(hopeless.values)) == (None, [0, 5])
    assert scan_first_error(lambda place: StepValue(0, 4), 5).step is None
    assert search_first_error(lambda place: StepValue(0, 4), 0).step is None


def test_the_first_error_of_a_response():
    rollouts = RolloutValues(Finisher(RIGHT), TASK, TOKENIZER, num_rollouts=4)
    found = locate_error(rollouts, PROBLEM, "\n90+60=150\n4+3=8\n150+8=158\n158")
    assert found.step == 2
    assert sorted(found.values) == [0, 2, 3, 5] and found.num_saved == 2
