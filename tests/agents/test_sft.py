from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

from lmgym.errors import EmptyProblemSetError, InvalidValueError, PromptTooLongError
from lmgym.seeding import make_generator
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.probes import Delayed, Echo
from lmgym.tokenization import CharTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.demonstrations import FileDemonstrations, TaskDemonstrations
from lmgym_agents.evaluation import evaluate
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy

TOKENIZER = CharTokenizer()


def make_policy(seed=0, hidden=32, context=64):
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=hidden, layers=1, heads=2, context=context, seed=seed
    )
    return Policy(model)


def write_lines(path, pairs):
    lines = [json.dumps({"prompt": prompt, "response": response}) for prompt, response in pairs]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_rows_of_a_task_are_prompt_response_and_end_worked_by_hand():
    task = Echo()
    rows = TaskDemonstrations(task).rows(2, 3)
    for place, index in enumerate((6, 7, 8)):
        problem = task.problem("train", index)
        expected = [*TOKENIZER.encode(problem.prompt + problem.reference), TOKENIZER.end_id]
        assert rows.input_ids[place, : int(rows.lengths[place])].tolist() == expected
        start = len(problem.prompt)
        assert rows.is_target[place].nonzero()[:, 0].tolist() == [start, start + 1, start + 2]


def test_rows_of_several_turns_hold_the_replies_and_mark_only_the_agent():
    task = Delayed(num_turns=3, act_on="last")
    rows = TaskDemonstrations(task).rows(0, 4)
    for row in range(4):
        word = task.problem("train", row).reference
        said = rows.input_ids[row][rows.is_target[row]]
        assert TOKENIZER.decode(said.numpy()) == word
        assert int((said == TOKENIZER.end_id).sum()) == 3
        assert int(rows.lengths[row]) > int(rows.is_target[row].sum()) + len(word)


def test_imperfect_demonstrations_depend_on_seed_and_step_alone():
    task = Math(level=1, demonstration_quality=0.5)
    one, again, other = (TaskDemonstrations(task, seed=seed).rows(1, 32) for seed in (3, 3, 4))
    assert torch.equal(one.input_ids, again.input_ids)
    assert not torch.equal(one.input_ids, other.input_ids)


def test_rows_of_a_file_go_through_epochs(tmp_path):
    path = write_lines(tmp_path / "data.jsonl", [(f"{i}?", str(i) * (i % 3)) for i in range(10)])
    data = FileDemonstrations(path, TOKENIZER, seed=1)
    assert len(data) == 10
    seen = []
    for step in range(5):
        rows = data.rows(step, 4)
        for ids, length, is_target in zip(*rows, strict=True):
            text = TOKENIZER.decode(ids[: int(length)].numpy())
            number = int(text[0])
            seen.append(number)
            assert text == f"{number}?" + str(number) * (number % 3)
            assert is_target.nonzero()[:, 0].tolist() == list(range(2, int(length)))
            assert int(ids[int(length) - 1]) == TOKENIZER.end_id
    # Two epochs, each with every line once, in its own order.
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] == make_generator(1, "epoch", 0).permutation(10).tolist() != seen[10:]


@pytest.mark.parametrize(
    ("content", "error", "match"),
    [
        (None, InvalidValueError, "can't be read"),
        ("", EmptyProblemSetError, "holds no demonstration"),
        ("{not json\n", InvalidValueError, "line 1 is not JSON"),
        ('{"prompt": "a"}\n', InvalidValueError, "line 1 must be an object"),
        ('{"prompt": "", "response": "b"}\n', InvalidValueError, "prompt is empty"),
        ('{"prompt": "aaaa", "response": "bbbb"}\n', PromptTooLongError, "line 1 has 9 tokens"),
        ("[" * 100_000, InvalidValueError, "line 1 is not JSON"),
    ],
)
def test_bad_files(tmp_path, content, error, match):
    path = tmp_path / "data.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=match):
        FileDemonstrations(path, TOKENIZER, max_tokens=8)


def test_only_the_response_is_learned():
    policy = make_policy()
    rows = TaskDemonstrations(Echo()).rows(0, 16)
    sft = SFT(policy, TaskDemonstrations(Echo()), SFTConfig(batch_rows=16))
    loss = float(sft._make_loss(rows)(torch.arange(16)).loss.detach())
    total, count = 0.0, 0
    with torch.no_grad():
        for ids, length, is_target in zip(*rows, strict=True):
            logits = policy.model(ids[None, : int(length)]).logits[0].double().log_softmax(-1)
            for t in is_target.nonzero()[:, 0].tolist():
                total -= float(logits[t - 1, ids[t]])
                count += 1
    assert loss == pytest.approx(total / count, rel=1e-5)


def test_a_restored_run_goes_on_bit_for_bit():
    def make(seed):
        config = SFTConfig(
            iterations=8, batch_rows=16, until_accuracy=0.99, evaluate_every=3, validation_problems=4
        )
        return SFT(make_policy(seed), TaskDemonstrations(Echo()), config, task=Echo(), tokenizer=TOKENIZER)

    unbroken = make(0)
    updates = [unbroken.iterate() for _ in range(4)]
    saved = copy.deepcopy(unbroken.state_dict())
    updates += list(unbroken.iterations())
    resumed = make(5)
    resumed.load_state_dict(saved)
    assert [u.metrics for u in resumed.iterations()] == [u.metrics for u in updates[4:]]
    for name, tensor in unbroken.policy.state_dict().items():
        assert torch.equal(tensor, resumed.policy.state_dict()[name])


def test_training_ends_when_the_model_knows_the_file_by_heart(tmp_path):
    rng = np.random.default_rng(0)
    pairs = [(f"{i:02d}:", "".join(rng.choice(list("abc"), 3))) for i in range(20)]
    data = FileDemonstrations(write_lines(tmp_path / "data.jsonl", pairs), TOKENIZER)
    policy = make_policy()
    config = SFTConfig(
        iterations=150, batch_rows=20, learning_rate=1e-2, optimizer="muon", warmup_iterations=5
    )
    losses = [update.metrics["loss"] for update in SFT(policy, data, config).iterations()]
    assert losses[0] > 3 and losses[-1] < 0.1
    agent = LMAgent(policy, TOKENIZER)
    assert agent.respond([prompt for prompt, _ in pairs], max_new_tokens=8) == [text for _, text in pairs]


def test_until_accuracy_stops_at_the_first_evaluation_that_reaches_it():
    policy = make_policy()
    task = Echo(length=2)
    config = SFTConfig(
        iterations=300, batch_rows=64, learning_rate=1e-2, optimizer="muon", warmup_iterations=5,
        until_accuracy=0.5, evaluate_every=5,
    )  # fmt: skip
    sft = SFT(policy, TaskDemonstrations(task), config, task=task, tokenizer=TOKENIZER)
    found = [u.metrics["validation_success"] for u in sft.iterations() if "validation_success" in u.metrics]
    assert sft.is_done and sft.iteration < 300
    assert found[-1] >= 0.5 > max(found[:-1], default=0.0)
    assert evaluate(LMAgent(policy, TOKENIZER), task, split="validation").success.mean == found[-1]


def test_bad_options_name_the_field():
    with pytest.raises(InvalidValueError, match=r"SFTConfig\.batch_rows is 0"):
        SFTConfig(batch_rows=0)
    with pytest.raises(InvalidValueError, match=r"SFTConfig.until_accuracy is 1\.5"):
        SFTConfig(until_accuracy=1.5)
    with pytest.raises(InvalidValueError, match="needs a task"):
        SFT(make_policy(), TaskDemonstrations(Echo()), SFTConfig(until_accuracy=0.5))
