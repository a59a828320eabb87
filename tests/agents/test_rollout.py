from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.records import Scores
from lmgym.tasks.probes import Delayed, Echo
from lmgym_agents.agent import AgentEngine
from lmgym_agents.errors import TooManyFailuresError
from lmgym_agents.rollout import collect
from lmgym_agents.sampling import SamplingParams

SAMPLED = SamplingParams(max_new_tokens=1)


class Script:
    """Answers with the word of the prompt, or what ``answer`` makes of it."""

    granularity = "response"

    def __init__(self, answer=lambda word: word):
        self._answer = answer

    def act(self, observations):
        return [self._answer(text.partition(".")[0].rstrip(">")) for text in observations]


class FailsOnSome:
    """Pays 1, and can't say anything of rows whose response begins with one of some letters."""

    pay = "episode"

    def __init__(self, letters):
        self._letters = letters

    def __call__(self, transcripts):
        failed = np.array([text.response[:1] in self._letters for text in transcripts])
        values = np.where(failed, 0.0, 1.0)
        return Scores(values, {"one": values}, failed, tuple("down" if bad else "" for bad in failed))


def make_env(task=None, num_envs=8, **options):
    return TokenVectorEnv(task or Echo(), num_envs=num_envs, autoreset_mode="DISABLED", **options)


def play(env, agent=None, **options):
    engine = AgentEngine(agent or Script(), env.tokenizer)
    return collect(env, engine, SAMPLED, seed=0, **{"env_seed": 3, **options})


def test_an_episode_of_one_turn_worked_by_hand():
    env = make_env(Echo(alphabet="ab"), num_envs=1)
    rollout = play(env, Script(lambda word: "aa"), problem_index=np.array([0]))
    prompt = env.task.problem("train", 0).prompt
    row = [*env.tokenizer.encode(prompt), *env.tokenizer.encode("aa"), env.tokenizer.end_id]
    assert rollout.input_ids.tolist() == [row]
    assert rollout.lengths.tolist() == [6]
    assert rollout.is_action.tolist() == [[False, False, False, True, True, True]]
    is_right = prompt == "aa>"
    # The reward stands at the last token that was said, the end token, and nowhere else.
    assert rollout.rewards.tolist() == [[0, 0, 0, 0, 0, float(is_right)]]
    assert rollout.success.tolist() == [is_right]
    assert rollout.terminated.tolist() == [True] and rollout.truncated.tolist() == [False]


def test_several_turns_keep_replies_apart_from_actions():
    env = make_env(Delayed(num_turns=3))
    rollout = play(env)
    assert rollout.num_turns.tolist() == [3] * 8
    assert rollout.success.all() and rollout.returns.tolist() == [1.0] * 8
    for row in range(8):
        said = rollout.input_ids[row][rollout.is_action[row]]
        word = env.task.problem("train", int(rollout.problem_index[row])).reference
        # Each turn repeats the word and ends by the end token; replies hold no end token.
        assert env.tokenizer.decode(said.numpy()) == word * 3
        assert int((said == env.tokenizer.end_id).sum()) == 3
        assert int(rollout.is_action[row].sum()) == len(said) == 9
        last = int(rollout.lengths[row]) - 1
        assert float(rollout.rewards[row, last]) == 1.0


def test_rows_that_end_earlier_wait_for_the_others():
    env = gym.make_vec("lmgym/Guess-v0", num_envs=16, autoreset_mode="DISABLED", high=7)

    class Bisector:
        granularity = "response"

        def act(self, observations):
            return [self._guess(text) for text in observations]

        @staticmethod
        def _guess(text):
            low, high = 1, 7
            said = text.partition(">")[2]
            for part in said.split(">")[:-1]:
                guess, _, verdict = part.partition(". ")
                low, high = (int(guess) + 1, high) if verdict == "higher" else (low, int(guess) - 1)
            return str((low + high) // 2)

    rollout = play(env, Bisector())
    assert rollout.success.all()
    assert len(set(rollout.num_turns.tolist())) > 1
    assert rollout.returns.tolist() == [1.0] * 16


def test_truncation_is_kept_apart_from_termination():
    env = make_env(Delayed(num_turns=3), max_episode_tokens=16)
    rollout = play(env)
    assert rollout.truncated.all() and not rollout.terminated.any() and not rollout.success.any()


def test_a_group_answers_one_problem_and_the_ledger_skips_and_repeats_nothing():
    env, single = make_env(num_envs=6), make_env(num_envs=6)
    asked = []
    for turn in range(4):
        rollout = play(env, group_size=3, env_seed=5 if turn == 0 else None)
        index = rollout.problem_index.reshape(2, 3)
        assert (index == index[:, :1]).all()
        assert rollout.group.tolist() == [0, 0, 0, 1, 1, 1]
        asked.append(index[:, 0].tolist())
    # The leading rows 0 and 3 ask what they would ask without groups, in the same order.
    expected = []
    for turn in range(4):
        index = play(single, env_seed=5 if turn == 0 else None).problem_index
        expected.append(index[[0, 3]].tolist())
    assert asked == expected
    flat = [index for pair in asked for index in pair]
    assert len(set(flat)) == len(flat)


def test_failed_rows_are_flagged_and_never_paid():
    env = make_env(reward=FailsOnSome("ab"), num_envs=32)
    rollout = play(env)
    words = [env.task.problem("train", index).reference for index in rollout.problem_index.tolist()]
    assert rollout.failed.tolist() == [word[0] in "ab" for word in words]
    assert 0 < int(rollout.failed.sum()) < 16
    assert not rollout.returns[rollout.failed].any()
    valid = rollout.select(~rollout.failed)
    assert len(valid.lengths) == 32 - int(rollout.failed.sum())
    assert valid.terms["one"].tolist() == valid.returns.tolist() == [1.0] * len(valid.lengths)


def test_too_many_failures_stop_the_run():
    with pytest.raises(TooManyFailuresError, match=r"8 of 8 episodes \(allowed: 50%\).*mend the reward"):
        play(make_env(reward=FailsOnSome("abcdefgh")))


def test_selecting_rows_selects_in_every_array():
    rollout = play(make_env())
    order = torch.tensor([5, 0, 5])
    picked = rollout.select(order)
    assert picked.problem_index.tolist() == rollout.problem_index[order].tolist()
    assert torch.equal(picked.input_ids, rollout.input_ids[order])
    assert all(torch.equal(picked.terms[name], term[order]) for name, term in rollout.terms.items())


@pytest.mark.parametrize(
    ("env", "options", "match"),
    [
        (lambda: TokenVectorEnv(Echo(), num_envs=2), {}, "autoreset_mode='DISABLED'"),
        (lambda: make_env(num_envs=4), {"group_size": 3}, "group_size must divide"),
        (
            lambda: gym.make_vec("lmgym/Echo-v0", num_envs=2, granularity="response"),
            {},
            "need a TokenVectorEnv",
        ),
    ],
)
def test_environments_that_can_not_be_rolled_out(env, options, match):
    made = env()
    with pytest.raises(InvalidValueError, match=match):
        collect(made, None, SAMPLED, seed=0, **options)
