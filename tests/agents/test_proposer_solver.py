"""The proposer–solver loop: what each role earns and learns from, and that a run goes on bit for bit."""

from __future__ import annotations

import json

import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.tasks.proposals import CountdownProposals, SumProposals
from lmgym.tokenization import make_tokenizer
from lmgym_agents.algorithms.policy_gradient import UpdateConfig
from lmgym_agents.algorithms.proposer_config import ProposerConfig, proposer_reward
from lmgym_agents.algorithms.proposer_solver import PROPOSER_PROMPT, ProposerSolver
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.commands.train_proposer import TrainProposer, WarmStart, train_proposer
from lmgym_agents.engine import Engine
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy
from lmgym_agents.prompted_rows import make_rows, sample_answers
from lmgym_agents.run_options import FolderOptions, ModelOptions
from lmgym_agents.runs.state_tree import pack, unpack

TOKENIZER = make_tokenizer("char")


def make_policy(seed=0):
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=32, layers=1, heads=2, context=48, seed=seed,
        config={"initializer_range": 0.1},
    )  # fmt: skip
    return Policy(model)


def warm(policy, steps=40):
    """Teaches the form, so that something is posed and something solved."""
    data = WarmStart(SumProposals(), SumProposals(max_digits=1).task, TOKENIZER, seed=0)
    list(SFT(policy, data, SFTConfig(iterations=steps, batch_rows=64, learning_rate=1e-2)).iterations())
    return policy


@pytest.fixture(scope="module")
def warm_state():
    return warm(make_policy()).state_dict()


def make_loop(warm_state, *, two=False, **options):
    policy = make_policy()
    policy.load_state_dict(warm_state)
    proposer = make_policy() if two else None
    if proposer is not None:
        proposer.load_state_dict(warm_state)
    options = {"iterations": 4, "proposals": 24, "attempts": 4, "evaluate_every": 2,
               "evaluation_problems": 16} | options  # fmt: skip
    return ProposerSolver(policy, SumProposals(), TOKENIZER, ProposerConfig(**options), proposer=proposer)


@pytest.mark.parametrize(
    ("rate", "learnable", "band"),
    [(0.0, 0.0, 0.0), (0.125, 0.875, 0.125), (0.5, 0.5, 0.5), (0.75, 0.25, 0.25), (1.0, 0.0, 0.0)],
)
def test_what_a_problem_earns_by_hand(rate, learnable, band):
    assert proposer_reward(rate, "learnable") == learnable and proposer_reward(rate, "band") == band


def test_each_proposal_is_paid_for_what_it_is(warm_state):
    loop = make_loop(warm_state, unlearnable_reward=-0.25)
    reasons = ["", "unparsed", "repeated", "", "held_out", "overlong", "limits", ""]
    paid = loop._pay(reasons, torch.tensor([0.25, 0.0, 1.0]))
    assert paid.tolist() == [0.75, -1.0, -0.5, -0.25, -1.0, -1.0, -1.0, -0.25]


def test_proposals_are_posed_once_and_forgotten_after_a_while(warm_state):
    loop = make_loop(warm_state, memory=3)
    answers = sample_answers(
        Engine(loop.solver.policy.model), TOKENIZER, ["x"] * 7, temperature=1.0, max_new_tokens=2, seed=0
    )
    texts = ["1+2=", "2+1=", "1+2=", "5+", "13+24=", "10+20=", "7+7="]
    held_out = [text for text in texts if loop.form.read(text).reason == "held_out"]
    stopped = [True] * 6 + [False]
    problems, reasons = loop._accept(answers._replace(texts=texts, stopped=stopped))
    expected = ["", "repeated", "repeated", "unparsed", "", "", "overlong"]  # 1+2 and 2+1 are one problem
    expected = ["held_out" if text in held_out else e for text, e in zip(texts, expected, strict=True)]
    assert reasons == expected and [p.prompt for p in problems] == [
        text for text, reason in zip(texts, reasons, strict=True) if not reason
    ]
    assert len(loop.remembered) <= 3
    more = ["3+3=", "4+4=", "5+5=", "6+6="]
    loop._accept(answers._replace(texts=more, stopped=[True] * 4))
    assert len(loop.remembered) <= 3 and "1+2=" not in loop.remembered
    assert loop._accept(answers._replace(texts=["2+1="], stopped=[True]))[1] == ["held_out" if held_out and
        "1+2=" in held_out else ""]  # fmt: skip


def test_the_solver_is_compared_with_its_mean_on_the_problem(warm_state):
    loop = make_loop(warm_state)
    problems = [p for p in map(loop.form.read, ("1+2=", "3+4=", "71+8=", "2+2=")) if p.problem]
    rates, lesson = loop._solve([p.problem for p in problems])
    assert len(rates) == len(problems) and ((rates * 4) % 1 == 0).all()
    per_row = lesson.advantages.sum(dim=1) / lesson.rollout.num_actions
    assert torch.allclose(per_row.reshape(-1, 4).sum(dim=1), torch.zeros(len(problems)), atol=1e-6)
    assert (lesson.advantages[~lesson.rollout.is_action] == 0).all()
    said = [
        TOKENIZER.decode(row[acts])
        for row, acts in zip(lesson.rollout.input_ids, lesson.rollout.is_action, strict=True)
    ]
    for row, text in enumerate(said):
        right = text == problems[row // 4].problem.reference.answer and lesson.rollout.stopped[row]
        assert float(per_row[row]) == pytest.approx(float(right) - float(rates[row // 4]), abs=1e-6)


@pytest.mark.parametrize("two", [False, True], ids=["one policy", "two policies"])
def test_a_run_that_is_restored_goes_on_bit_for_bit(warm_state, two):
    whole, first = make_loop(warm_state, two=two), make_loop(warm_state, two=two)
    updates = [update.metrics for update in whole.iterations()]
    before = [first.iterate().metrics for _ in range(2)]
    restored = make_loop(warm_state, two=two)
    tensors, structure = pack(first.state_dict())
    restored.load_state_dict(unpack(structure, tensors))
    after = [update.metrics for update in restored.iterations()]
    assert repr(before + after) == repr(updates)
    for one, other in ((whole.solver, restored.solver), (whole.proposer, restored.proposer)):
        for name, weight in one.policy.state_dict().items():
            assert torch.equal(weight, other.policy.state_dict()[name])
    assert "held_out" in updates[3] and 0 < updates[0]["well_formed"] <= 1
    assert (whole.solver.policy is whole.proposer.policy) == (not two)


def test_a_model_that_writes_nonsense_is_paid_and_never_raises():
    options = {"iterations": 2, "proposals": 8, "attempts": 2, "evaluation_problems": 4}
    for form in (SumProposals(), CountdownProposals()):
        loop = ProposerSolver(make_policy(1), form, TOKENIZER, ProposerConfig(**options))
        metrics = [update.metrics for update in loop.iterations()]
        assert metrics[0]["posed"] == 0 and metrics[0]["reward"] == -1.0
        assert metrics[0]["success"] == 0.0


def test_a_proposer_learns_to_write_problems():
    """As whatever else is ill-paid."""
    update = UpdateConfig(minibatches=1, learning_rate=5e-3, warmup_iterations=0, schedule="constant")
    loop = make_loop(
        warm(make_policy(), 20).state_dict(),
        iterations=10,
        proposals=64,
        repeated_reward=0.0,
        proposer=update,
        evaluate_every=100,
    )
    metrics = [update.metrics for update in loop.iterations()]
    shares = [record["well_formed"] for record in metrics]
    assert sum(shares[-3:]) > 1.5 * sum(shares[:3]) > 0


def test_rows_to_imitate_hold_the_response_and_its_end():
    rows = make_rows(TOKENIZER, [("ab", "c"), ("a", "bcd")])
    assert rows.lengths.tolist() == [4, 5]
    assert rows.is_target.tolist() == [[False, False, True, True, False], [False, True, True, True, True]]
    assert int(rows.input_ids[0, 3]) == TOKENIZER.end_id
    assert TOKENIZER.decode(rows.input_ids[1]) == "abcd"


def test_sampled_answers_are_where_they_say(warm_state):
    loop = make_loop(warm_state)
    answers = loop._propose()
    for row, text in enumerate(answers.texts):
        ids, acts = answers.rollout.input_ids[row], answers.rollout.is_action[row]
        assert TOKENIZER.decode(ids[~acts]) == PROPOSER_PROMPT and TOKENIZER.decode(ids[acts]) == text
    found = loop.solver.policy.evaluate(answers.rollout.input_ids, answers.rollout.lengths)
    gap = (found.logps.detach() - answers.rollout.logp_behaviour)[answers.rollout.is_action]
    assert float(gap.abs().max()) < 1e-3


def test_bad_options_are_typed_errors():
    for name, value in (("proposals", 0), ("attempts", 1), ("temperature", 0.0), ("pay", "all")):
        with pytest.raises(InvalidValueError, match=rf"ProposerConfig.{name} is"):
            ProposerConfig(**{name: value})
    with pytest.raises(InvalidValueError, match="max_digits"):
        TrainProposer(size=9).make_form()
    with pytest.raises(InvalidValueError, match="eval_problems"):
        TrainProposer(eval_problems=0)


@pytest.mark.parametrize("form", ["sums", "countdown"])
def test_the_command_leaves_a_model_and_an_evaluation(form, tmp_path):
    config = TrainProposer(
        form=form,
        size=1,
        model=ModelOptions(model="nano", device="cpu", threads=1),
        folder=FolderOptions(out=tmp_path / "run", tensorboard=False),
        loop=ProposerConfig(iterations=2, proposals=8, attempts=2, evaluation_problems=4),
        eval_problems=4,
        sft=SFTConfig(iterations=2, batch_rows=8),
    )
    assert train_proposer(config) == 0
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert {"sft", "proposer"} <= set(found) and 0 <= found["proposer"]["accuracy"] <= 1
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()
