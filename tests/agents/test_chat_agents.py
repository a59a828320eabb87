"""Agents on chats: whatever asks a model asks it with the ids that its environment has."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lmgym.chat_template import make_chat_tokenizer
from lmgym.conversation import MARKS, has_marks, readable
from lmgym.envs.vector import TokenVectorEnv
from lmgym.tokenization import CharTokenizer, train_tokenizer
from lmgym_agents.agent import AgentEngine, LMAgent
from lmgym_agents.demonstrations import FileDemonstrations, TaskDemonstrations
from lmgym_agents.evaluation import evaluate
from lmgym_agents.rlhf.episodes import action_row
from lmgym_agents.rollout import collect
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.best_of_n import BestOfN
from lmgym_agents.search.results import SearchBudget
from lmgym_agents.search.states import Transitions
from tests.agents.expert_setup import make_policy
from tests.lmgym.chat_tokenizers import TEXTS, make_hf_tokenizer
from tests.lmgym.envs.chat_task import EchoChat

TASK = EchoChat()
TOKENIZERS = {"char": CharTokenizer(), "bpe": train_tokenizer(TEXTS, 300), "chatml": make_hf_tokenizer()}
INDICES = np.arange(4)
PROBLEMS = TASK.problems("train", range(4))
every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


class Spy:
    """An engine that writes down what it is asked."""

    def __init__(self, engine):
        self.engine, self.prompts, self.stop_ids = engine, [], []

    def generate(self, prompts, params, **options):
        self.prompts += [np.asarray(prompt).tolist() for prompt in prompts]
        self.stop_ids.append(set(params.stop_ids))
        return self.engine.generate(prompts, params, **options)

    def __getattr__(self, name):
        return getattr(self.engine, name)


class Parrot:
    """Says what it is told to say, and remembers what it read."""

    granularity = "response"

    def __init__(self, text):
        self.text, self.read = text, []

    def act(self, observations):
        self.read += observations
        return [self.text] * len(observations)


def make_env(tokenizer):
    env = TokenVectorEnv(TASK, num_envs=4, autoreset_mode="DISABLED", tokenizer=tokenizer)
    env.reset(options={"problem_index": INDICES})
    return env


def rows_of(env):
    return [ids[:length].tolist() for ids, length in zip(env.input_ids, env.lengths, strict=True)]


def make_spied_agent(tokenizer):
    agent = LMAgent(make_policy(tokenizer, context=1000), tokenizer, SamplingParams(max_new_tokens=5))
    agent.engine = Spy(agent.engine)
    return agent


@every_tokenizer
def test_a_language_model_asked_by_text_reads_the_environments_rows(tokenizer):
    agent = make_spied_agent(tokenizer)
    texts = agent.respond([problem.prompt for problem in PROBLEMS])
    assert agent.engine.prompts == rows_of(make_env(tokenizer))
    assert make_chat_tokenizer(tokenizer).end_id in agent.engine.stop_ids[0]
    assert not any(map(has_marks, texts))


@every_tokenizer
def test_evaluation_and_rollouts_read_the_environments_rows(tokenizer):
    agent = make_spied_agent(tokenizer)
    result = evaluate(agent, TASK, split="train", num_problems=4, num_transcripts=4)
    first = agent.engine.prompts[:4]
    assert first == rows_of(make_env(tokenizer))
    rollout = collect(make_env(tokenizer), agent.engine, agent.params, seed=0, problem_index=INDICES)
    assert agent.engine.prompts[-12:-8] == first
    for row, prompt in enumerate(first):
        assert rollout.input_ids[row, : len(prompt)].tolist() == prompt
        assert not rollout.is_action[row, : len(prompt)].any()
    shown = result.transcripts[0]
    assert shown.prompt == readable(PROBLEMS[shown.problem_index].prompt)
    assert shown.continuation.count("User: You said") == 2 and not has_marks(shown.continuation)


@every_tokenizer
def test_searches_go_through_the_environments_rows(tokenizer):
    transitions = Transitions(TASK, tokenizer)
    env = make_env(tokenizer)
    states = [transitions.start(problem) for problem in PROBLEMS]
    assert [list(state.tokens) for state in states] == rows_of(env)
    for text in ("yes", "a9" * 20, "no"):  # the second is cut: the environment ends the turn
        said = [*env.tokenizer.encode(text), env.tokenizer.end_id][: env.max_new_tokens]
        env.step_responses(np.array([said] * 4), np.array([len(said)] * 4))
        states = [transitions.apply(state, tuple(said)) for state in states]
        assert [list(state.tokens) for state in states] == rows_of(env)
    assert all(state.is_over for state in states)


@every_tokenizer
def test_what_the_agent_chose_is_told_from_what_it_read(tokenizer):
    transitions, env = Transitions(TASK, tokenizer), make_env(tokenizer)
    states = [transitions.start(problem) for problem in PROBLEMS]
    for text in ("a9" * 20, "yes", "a9" * 20):
        said = [*env.tokenizer.encode(text), env.tokenizer.end_id][: env.max_new_tokens]
        env.step_responses(np.array([said] * 4), np.array([len(said)] * 4))
        states = [transitions.apply(state, tuple(said)) for state in states]
    for row, state in enumerate(states):
        assert action_row(state, transitions)[1] == env.is_action[row, : env.lengths[row]].tolist()


def test_best_of_n_asks_with_the_environments_rows():
    tokenizer = TOKENIZERS["chatml"]
    agent = make_spied_agent(tokenizer)
    search = BestOfN(agent.engine, Transitions(TASK, tokenizer), SearchBudget(max_nodes=2), n=2)
    search.search(PROBLEMS, seed=0)
    rows = rows_of(make_env(tokenizer))
    assert all(row in agent.engine.prompts for row in rows)


@every_tokenizer
def test_demonstrations_are_the_environments_rows(tokenizer):
    rows = TaskDemonstrations(TASK, tokenizer=tokenizer).rows(0, 4)
    env = make_env(tokenizer)
    said = [*env.tokenizer.encode("yes"), env.tokenizer.end_id]
    for _ in range(3):
        env.step_responses(np.array([said] * 4), np.array([len(said)] * 4))
    found = [ids[:length].tolist() for ids, length in zip(rows.input_ids, rows.lengths, strict=True)]
    assert found == rows_of(env)
    for ids, target in zip(rows.input_ids, rows.is_target, strict=True):
        assert ids[target].tolist() == said * 3


@every_tokenizer
def test_files_of_demonstrations_hold_what_users_say(tokenizer, tmp_path):
    chat = make_chat_tokenizer(tokenizer)
    lines = [{"prompt": "Hello", "response": "Hi" + MARKS}, {"prompt": PROBLEMS[1].prompt, "response": "yes"}]
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    rows = FileDemonstrations(path, chat).rows(0, 2)
    found = {
        (chat.read(ids[~target][: int((~target[:length]).sum())]), chat.decode(ids[target]))
        for ids, target, length in zip(rows.input_ids, rows.is_target, rows.lengths, strict=True)
    }
    hello = "\ufdd1Hello\ufdd3\ufdd2"
    unknown = "\N{REPLACEMENT CHARACTER}" * 4
    prompt = chat.read(chat.encode(PROBLEMS[1].prompt))
    assert found == {(hello, "Hi" + unknown), (prompt, "yes")}


@every_tokenizer
def test_agents_of_text_read_what_people_read_and_can_not_forge_turns(tokenizer):
    env, parrot = make_env(tokenizer), Parrot("a" + MARKS)
    collect(
        env,
        AgentEngine(parrot, env.tokenizer),
        SamplingParams(max_new_tokens=1),
        seed=0,
        problem_index=INDICES,
    )
    prompts = [readable(problem.prompt) for problem in PROBLEMS]
    shown = [prompt.replace("é", "\N{REPLACEMENT CHARACTER}") for prompt in prompts]
    assert parrot.read[:4] == (shown if isinstance(tokenizer, CharTokenizer) else prompts)
    assert not any(map(has_marks, parrot.read))
    for ids, actions in zip(env.input_ids, env.is_action, strict=True):
        said = ids[actions].tolist()
        assert said.count(env.tokenizer.end_id) <= 3 and len(said) <= 3 * env.max_new_tokens
