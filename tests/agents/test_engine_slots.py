"""Direct use of the cache slots: prefill, fork, extend, release."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lmgym_agents.engine import Engine
from lmgym_agents.errors import ContextLengthError, SlotError
from lmgym_agents.sampling import SamplingParams
from tests.agents.tiny_models import CONTEXT, NAMES, VOCAB_SIZE, make_model

RNG = np.random.default_rng(0)
PROMPTS = [RNG.integers(0, VOCAB_SIZE, size) for size in (6, 2, 9)]


def make_engine(name: str = "llama") -> Engine:
    return Engine(make_model(name), max_rows=8, max_length=CONTEXT)


def assert_logits(engine: Engine, logits: torch.Tensor, rows: list[list[int]]) -> None:
    assert not logits.is_inference()
    for row_logits, row in zip(logits, rows, strict=True):
        with torch.no_grad():
            wanted = engine.model(input_ids=torch.tensor([row])).logits[0, -1]
        torch.testing.assert_close(row_logits, wanted, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_fork_equals_a_fresh_prefill_and_leaves_its_origin_alone(name):
    engine = make_engine(name)
    slots, logits = engine.prefill(PROMPTS)
    rows = [prompt.tolist() for prompt in PROMPTS]
    assert_logits(engine, logits, rows)
    copies = engine.fork(int(slots[0]), 3)
    tokens = [5, 6, 7]
    assert_logits(engine, engine.decode(copies, tokens), [[*rows[0], token] for token in tokens])
    # The origin and the other rows go on as if nothing had been forked.
    assert_logits(engine, engine.decode(slots[[2, 0]], [1, 2]), [[*rows[2], 1], [*rows[0], 2]])
    # A fork of a fork, with extensions of different lengths.
    grandchild = engine.fork(int(copies[1]), 1)
    logits = engine.extend([*grandchild, slots[1]], [[8, 9, 10], [11]])
    assert_logits(engine, logits, [[*rows[0], 6, 8, 9, 10], [*rows[1], 11]])
    assert_logits(engine, engine.decode([copies[1]], [12]), [[*rows[0], 6, 12]])


def test_released_slots_are_used_again_and_hold_nothing_of_what_they_held():
    engine = make_engine()
    slots, _ = engine.prefill([RNG.integers(0, VOCAB_SIZE, 30) for _ in range(8)])
    engine.release(slots[2:4])
    again, logits = engine.prefill(PROMPTS[:2])
    assert sorted(again) == [2, 3]
    assert_logits(engine, logits, [prompt.tolist() for prompt in PROMPTS[:2]])
    assert_logits(engine, engine.decode(again, [1, 2]), [[*PROMPTS[0], 1], [*PROMPTS[1], 2]])
    engine.release()
    assert len(engine.prefill(PROMPTS)[0]) == 3


def test_generating_in_between_disturbs_no_slot():
    engine = make_engine()
    slots, _ = engine.prefill(PROMPTS)
    engine.generate(PROMPTS * 4, SamplingParams(max_new_tokens=20), seed=0)
    assert_logits(engine, engine.decode(slots, [1, 2, 3]), [[*PROMPTS[i], i + 1] for i in range(3)])


def test_slots_that_are_not_there_are_named():
    engine = make_engine()
    slots, _ = engine.prefill(PROMPTS)
    with pytest.raises(SlotError, match=r"6 slots asked for, 5 of 8 are free"):
        engine.fork(int(slots[0]), 6)
    with pytest.raises(SlotError, match=r"slot 7 isn't held; held are \[0, 1, 2\]"):
        engine.decode([7], [1])
    with pytest.raises(SlotError, match="isn't held"):
        engine.release([5])
    with pytest.raises(SlotError, match="each needs its own"):
        engine.decode([0, 0], [1, 2])
    with pytest.raises(SlotError, match=r"2 slots .* for 1 rows"):
        engine.decode([0, 1], [1])
    with pytest.raises(ContextLengthError, match=r"70 tokens; allowed are 64"):
        engine.extend([0], [[1] * 64])
    # None of these changed anything.
    assert_logits(engine, engine.decode(slots, [1, 2, 3]), [[*PROMPTS[i], i + 1] for i in range(3)])
