"""Q models act, rank and come back from a folder as they were; damaged folders are refused by name."""

import json

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError, ModelError, UnknownNameError
from lmgym.tokenization import make_tokenizer
from lmgym_agents.agent import AgentEngine
from lmgym_agents.evaluation import evaluate
from lmgym_agents.models import add_lora, make_tiny_model
from lmgym_agents.policy import Policy
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.engine import ActingRule, Support, make_q_engine, sampling_params
from lmgym_agents.q.files import Q_HEADS_FILE, Q_MODEL_FILE, is_q_model, load_q_model, save_q_model
from lmgym_agents.q.model import QModel, QStates
from lmgym_agents.sampling import SamplingParams
from tests.agents.tiny_models import VOCAB_SIZE, make_model

PROMPTS = [[3, 5, 7], [8], [2, 2, 4, 6]]


def make_q_model(kind, *, architecture="llama", lora=False, num_heads=2):
    policy = Policy(make_model(architecture))
    if lora:
        add_lora(policy, rank=2)
    model = QModel(policy, kind=kind, beta=0.3, num_heads=num_heads)
    torch.manual_seed(1)
    with torch.no_grad():
        changed = policy.model.parameters() if model.heads is None else model.heads.parameters()
        for parameter in changed:
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("kind", ["heads", "logits"])
@pytest.mark.parametrize("lora", [False, True])
def test_a_saved_model_says_the_same_again(kind, lora, tmp_path):
    model = make_q_model(kind, lora=lora)
    save_q_model(model, tmp_path)
    assert is_q_model(tmp_path) and not is_q_model(tmp_path / "nowhere")
    loaded = load_q_model(tmp_path)
    assert (loaded.kind, loaded.beta) == (kind, 0.3)
    before, after = QStates(model).evaluate(PROMPTS), QStates(loaded).evaluate(PROMPTS)
    for one, two in zip(before, after, strict=True):
        assert np.allclose(one, two, atol=1e-5 if lora else 0)
    assert np.abs(before.q).max() > 0.01


def damage(folder, what):
    path = folder / Q_MODEL_FILE
    heads = folder / Q_HEADS_FILE
    if what == "missing":
        path.unlink()
    elif what == "not JSON":
        path.write_text("{")
    elif what == "another key":
        path.write_text(json.dumps({"kind": "heads", "beta": 1.0, "num_heads": 2, "extra": 1}))
    elif what in ("kind", "beta", "num_heads"):
        bad = {"kind": "table", "beta": -1.0, "num_heads": 10**9}[what]
        path.write_text(json.dumps({"kind": "heads", "beta": 1.0, "num_heads": 2} | {what: bad}))
    elif what == "more heads than stored":
        path.write_text(json.dumps({"kind": "heads", "beta": 1.0, "num_heads": 3}))
    elif what == "no heads":
        heads.unlink()
    elif what == "cut heads":
        heads.write_bytes(heads.read_bytes()[:1000])
    elif what == "foreign heads":
        heads.write_bytes(b"\x80\x04pickle")
    elif what == "logits without a reference":
        path.write_text(json.dumps({"kind": "logits", "beta": 1.0, "num_heads": 1}))


@pytest.mark.parametrize(
    "what",
    ["missing", "not JSON", "another key", "kind", "beta", "num_heads", "more heads than stored", "no heads",
     "cut heads", "foreign heads", "logits without a reference"],
)  # fmt: skip
def test_a_damaged_folder_is_refused(what, tmp_path):
    save_q_model(make_q_model("heads"), tmp_path)
    damage(tmp_path, what)
    with pytest.raises(ModelError):
        load_q_model(tmp_path)


def test_heads_that_are_not_finite_are_refused(tmp_path):
    model = make_q_model("heads")
    with torch.no_grad():
        model.heads.value_head[0].bias[3] = torch.nan
    save_q_model(model, tmp_path)
    with pytest.raises(ModelError, match="NaN"):
        load_q_model(tmp_path)


# Acting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gpt_neox"])
@pytest.mark.parametrize("kind", ["heads", "logits"])
def test_the_engine_takes_the_best_action_token_by_token(kind, architecture):
    model = make_q_model(kind, architecture=architecture)
    rule = ActingRule(acting="greedy")
    engine = make_q_engine(model, rule, max_rows=2)
    out = engine.generate(PROMPTS, sampling_params(rule, max_new_tokens=4, stop_ids=()), seed=0)
    for prompt, tokens in zip(PROMPTS, out.tokens.tolist(), strict=True):
        for t, token in enumerate(tokens):
            said = QStates(model).evaluate([prompt + tokens[:t]])
            scores = said.q if kind == "heads" else said.logps
            assert scores[0, token] >= scores[0].max() - 1e-4


def test_sampling_draws_from_what_the_rule_says_and_reports_its_logps():
    model = make_q_model("heads")
    said = QStates(model).evaluate([PROMPTS[0]])
    best = set(np.argsort(said.logps[0])[-6:].tolist())
    rule = ActingRule(acting="prior", temperature=0.7, epsilon=0.1, support=Support(top_k=6))
    engine = make_q_engine(model, rule, max_rows=512)
    out = engine.generate([PROMPTS[0]] * 2000, SamplingParams(max_new_tokens=1), seed=0)
    scores = np.where(np.isin(np.arange(VOCAB_SIZE), list(best)), said.logps[0] + said.q[0] / 0.7, -np.inf)
    chances = np.exp(scores - scores.max())
    chances = 0.9 * chances / chances.sum() + 0.1 * np.isin(np.arange(VOCAB_SIZE), list(best)) / 6
    share = np.bincount(out.tokens[:, 0].numpy(), minlength=VOCAB_SIZE) / 2000
    assert np.abs(share - chances).max() < 0.045  # 4 standard deviations
    for token, logp in zip(out.tokens[:, 0].tolist(), out.logps[:, 0].tolist(), strict=True):
        assert np.exp(logp) == pytest.approx(chances[token], rel=1e-3)


def test_a_step_of_the_optimiser_is_seen_by_the_next_call():
    model = make_q_model("heads")
    rule = ActingRule()
    engine, params = make_q_engine(model, rule), sampling_params(rule, max_new_tokens=1, stop_ids=())
    assert engine.generate(PROMPTS, params, seed=0).tokens.tolist() != [[11]] * 3
    with torch.no_grad():
        for head in model.heads.q_heads:
            head[2].bias[11] += 100.0
    assert engine.generate(PROMPTS, params, seed=0).tokens.tolist() == [[11]] * 3


def test_logits_as_q_are_sampled_like_the_plain_model():
    model = make_q_model("logits")
    assert make_q_engine(model, ActingRule(acting="prior")).model is model.policy.model


def test_the_support_is_checked_and_excludes():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    assert Support().excluded(logits) is None
    assert Support(top_k=2).excluded(logits).tolist() == [[False, False, True, True]]
    assert Support(top_p=0.9).excluded(logits).tolist() == [[False, False, False, True]]
    assert Support(allowed_ids=(1, 3)).excluded(logits).tolist() == [[True, False, True, False]]
    with pytest.raises(InvalidValueError, match="allowed_ids"):
        Support(allowed_ids=(9,)).excluded(logits)
    for options in ({"top_k": -1}, {"top_p": 0.0}, {"allowed_ids": ()}):
        with pytest.raises(InvalidValueError, match="Support"):
            Support(**options)
    with pytest.raises(UnknownNameError, match="greedy"):
        ActingRule(acting="gredy")
    with pytest.raises(InvalidValueError, match="temperature"):
        ActingRule(temperature=0.0)


def test_greedy_with_epsilon_leaves_the_rest_to_chance():
    q = torch.tensor([[0.0, 1.0, 0.5, 0.2]])
    logps = ActingRule(epsilon=0.2).logps("heads", q, torch.zeros(1, 4))
    assert logps.exp().tolist()[0] == pytest.approx([0.05, 0.85, 0.05, 0.05])


# As an agent --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def agents():
    tokenizer = make_tokenizer("char")
    made = {}
    for kind in ("heads", "logits"):
        policy = Policy(
            make_tiny_model(
                tokenizer.vocab_size, hidden_size=16, layers=1, heads=2, config={"initializer_range": 0.3}
            )
        )
        model = QModel(policy, kind=kind, beta=0.3)
        torch.manual_seed(0)
        with torch.no_grad():
            for parameter in (policy.model if kind == "logits" else model.heads).parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        made[kind] = QAgent(model, tokenizer)
    return made


@pytest.mark.parametrize("kind", ["heads", "logits"])
def test_an_agent_is_evaluated_by_its_engine_as_by_its_single_acts(kind, agents):
    agent = agents[kind]
    by_engine = evaluate(agent, "lmgym/Echo-v0", num_problems=8)
    stepwise = AgentEngine(agent, agent.tokenizer)
    rows = [agent.tokenizer.encode(text) for text in ("abc>", "b>")]
    one = stepwise.generate(rows, agent.params, seed=0, max_new_tokens=[4, 4])
    two = agent.engine.generate(rows, agent.params, seed=0, max_new_tokens=[4, 4])
    assert torch.equal(one.tokens, two.tokens)
    assert by_engine.num_problems == 4  # all that the split has
    assert len(agent.respond(["abc>", "b>"], max_new_tokens=4)) == 2


def test_heads_rank_by_q_of_the_last_action(agents):
    agent = agents["heads"]
    found = agent.rerank("ab>", ["ab", "b", ""])
    for text, score in zip(["ab", "b", ""], found.scores, strict=True):
        row = agent.tokenizer.encode("ab>" + text)
        said = QStates(agent.model).evaluate([[*agent.tokenizer.prefix_ids, *row]])
        assert score == pytest.approx(said.q[0, agent.tokenizer.end_id], abs=1e-5)
    assert found.order == np.argsort(-found.scores, kind="stable").tolist()


def test_logits_rank_by_the_return_that_the_path_implies(agents):
    agent = agents["logits"]
    found = agent.rerank("ab>", ["ab", ""])
    states = QStates(agent.model)
    for text, score in zip(["ab", ""], found.scores, strict=True):
        row = [*agent.tokenizer.prefix_ids, *agent.tokenizer.encode("ab>")]
        total = float(states.evaluate([row]).values[0])
        for token in [*agent.tokenizer.encode(text), agent.tokenizer.end_id]:
            said = states.evaluate([row])
            total += float(said.q[0, token] - said.values[0])  # beta times the log-ratio
            row = [*row, token]
        assert score == pytest.approx(total, abs=1e-4)


def test_reranking_refuses_what_it_cannot_judge(agents):
    with pytest.raises(InvalidValueError, match="at least one"):
        agents["heads"].rerank("ab>", [])
    with pytest.raises(InvalidValueError, match="tokens"):
        agents["heads"].rerank("ab>", ["a" * 500])


def test_an_agent_is_loaded_with_its_tokenizer(agents, tmp_path):
    agent = agents["heads"]
    save_q_model(agent.model, tmp_path, agent.tokenizer)
    loaded = QAgent.load(tmp_path, acting="prior", temperature=0.2, seed=3)
    assert loaded.rule.acting == "prior" and loaded.tokenizer.fingerprint == agent.tokenizer.fingerprint
    assert np.array_equal(loaded.rerank("ab>", ["ab"]).scores, agent.rerank("ab>", ["ab"]).scores)
