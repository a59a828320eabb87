from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym.records import Scores
from lmgym.tasks.probes import Delayed, Echo
from lmgym_agents.agent import AgentEngine, LMAgent, check_agent
from lmgym_agents.evaluation import distinct_problems, evaluate
from lmgym_agents.intervals import bootstrap_interval, pass_at_k, success_interval, wilson_interval
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy
from lmgym_agents.sampling import SamplingParams


class EchoUnless:
    """Repeats the word, but for words that begin with one letter."""

    granularity = "response"

    def __init__(self, letter="-"):
        self._letter = letter

    def act(self, observations):
        words = [text.partition(".")[0].rstrip(">") for text in observations]
        return ["wrong" if word.startswith(self._letter) else word for word in words]


class EchoByToken:
    """Repeats the word, one token at a time, from the observation alone."""

    granularity = "token"

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def act(self, observations):
        lengths = observations["attention_mask"].sum(axis=1)
        actions = []
        for ids, length in zip(observations["input_ids"], lengths, strict=True):
            said = length - 3
            actions.append(ids[said] if said < 2 else self.tokenizer.end_id)
        return np.array(actions)


def make_lm_agent(task, **params):
    from lmgym.tokenization import CharTokenizer

    tokenizer = CharTokenizer()
    model = make_tiny_model(tokenizer.vocab_size, hidden_size=16, layers=1, heads=2, context=64)
    return LMAgent(Policy(model), tokenizer, SamplingParams(max_new_tokens=4, **params))


def test_rates_are_counted_over_different_problems():
    task = Echo()
    result = evaluate(EchoUnless("a"), task, split="train", num_problems=1000, max_rows=16)
    words = {problem.reference for problem in distinct_problems(task, "train", 1000)}
    wrong = sum(word.startswith("a") for word in words)
    assert result.num_problems == result.num_episodes == len(words) < 64
    assert result.success.mean == pytest.approx(1 - wrong / len(words))
    assert result.reward.mean == pytest.approx(result.success.mean)
    # "wrong" is longer than the budget of three tokens, so it is cut; the others end themselves.
    assert result.stop_rate == pytest.approx(1 - wrong / len(words))
    assert result.mean_actions == 3.0
    assert {t.success for t in result.transcripts} == {True, False}
    assert all(t.success == (not t.prompt.startswith("a")) for t in result.transcripts)
    assert json.loads(json.dumps(result.to_dict()))["success"]["mean"] == result.success.mean


def test_agents_of_tokens_and_of_text_get_the_same_episodes():
    from lmgym.tokenization import CharTokenizer

    by_text = evaluate(EchoUnless(), Echo(), split="train", num_problems=20)
    by_token = evaluate(EchoByToken(CharTokenizer()), Echo(), split="train", num_problems=20)
    assert by_text.success.mean == by_token.success.mean == 1.0
    assert by_text.transcripts == by_token.transcripts


def test_episodes_of_several_turns_and_an_id_of_an_environment():
    assert evaluate(EchoUnless(), Delayed(), num_problems=8).success.mean == 1.0
    result = evaluate(EchoUnless(), "lmgym/Echo-v0", num_problems=4, env_options={"length": 3})
    assert result.env_id == "lmgym/Echo-v0" and result.success.mean == 1.0


def test_a_language_model_is_sampled_by_its_own_params():
    greedy = make_lm_agent(Echo(), temperature=0.0)
    one, two = (evaluate(greedy, Echo(), num_problems=6, seed=seed) for seed in (1, 2))
    assert one.transcripts == two.transcripts
    sampled = make_lm_agent(Echo(), temperature=1.0)
    result = evaluate(sampled, Echo(), num_problems=6, samples_per_problem=4, seed=1)
    assert result.num_episodes == 4 * result.num_problems
    assert set(result.pass_at) == {1, 2, 4}
    with pytest.raises(InvalidValueError, match="would all be equal"):
        evaluate(greedy, Echo(), samples_per_problem=2)


def test_act_and_respond_agree_with_the_rows_they_are_given():
    agent = make_lm_agent(Echo(), temperature=0.0)
    ids = np.zeros((2, 10), np.int32)
    ids[0, :3], ids[1, :5] = agent.tokenizer.encode("ab>"), agent.tokenizer.encode("abcd>")
    mask = (np.arange(10) < [[3], [5]]).astype(np.int8)
    tokens = agent.act({"input_ids": ids, "attention_mask": mask})
    texts = agent.respond(["ab>", "abcd>"], max_new_tokens=1)
    assert [agent.tokenizer.decode([token]) for token in tokens] == texts


def test_failed_rows_are_counted_and_enter_nothing_else():
    class FailsOnA:
        pay = "episode"

        def __call__(self, transcripts):
            failed = np.array([t.response.startswith("a") for t in transcripts])
            return Scores(np.where(failed, 0.0, 1.0), {}, failed, tuple("down" if f else "" for f in failed))

    words = {problem.reference for problem in distinct_problems(Echo(), "train", 100)}
    result = evaluate(
        EchoUnless(), Echo(), split="train", num_problems=100, env_options={"reward": FailsOnA()}
    )
    assert result.num_failed == sum(word.startswith("a") for word in words) > 0
    assert result.success.mean == result.reward.mean == 1.0


def test_pass_at_k_equals_the_average_over_all_draws():
    from itertools import combinations

    for total, right in ((5, 2), (6, 0), (4, 4), (7, 1)):
        marks = [1] * right + [0] * (total - right)
        for k in range(1, total + 1):
            draws = list(combinations(marks, k))
            assert pass_at_k(total, right, k) == pytest.approx(sum(map(max, draws)) / len(draws))
    with pytest.raises(InvalidValueError, match=r"k must be in \[1, 3\]"):
        pass_at_k(3, 1, 4)


def test_wilson_interval_against_published_and_limiting_values():
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    assert wilson_interval(81, 263)[1:] == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20)[1:] == pytest.approx((0.0, 0.1611), abs=5e-5)
    mean, low, high = wilson_interval(20, 20)
    assert mean == high == 1.0 and low == pytest.approx(1 - 0.1611, abs=5e-5)


def test_bootstrap_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        values = (rng.random((40, 3)) < 0.4).astype(float)
        _, low, high = bootstrap_interval(values, np.ones(values.shape, bool), 0.9, trial)
        covered += low <= 0.4 <= high
    assert 0.9 * 200 - 4 * math.sqrt(18) <= covered <= 0.9 * 200 + 4 * math.sqrt(18)


def test_problems_weigh_the_same_whatever_has_failed():
    values = np.array([[1.0, 1.0], [0.0, 0.0]])
    valid = np.array([[True, False], [True, True]])
    assert success_interval(values.astype(bool), valid, 0.95, 0).mean == 0.5


def test_agents_that_answer_nonsense_are_told_so():
    class Silent:
        granularity = "response"

        def act(self, observations):
            return "one text for all"

    with pytest.raises(InvalidValueError, match="must return 3 texts"):
        evaluate(Silent(), Echo(), split="train", num_problems=3)

    class Counter(Silent):
        def act(self, observations):
            return list(range(len(observations)))

    with pytest.raises(InvalidValueError, match="got list of 3, of which one is of type int"):
        evaluate(Counter(), Echo(), split="train", num_problems=3)
    Silent.granularity = "word"
    with pytest.raises(InvalidValueError, match="granularity='word'"):
        check_agent(Silent())
    Silent.granularity = "token"
    with pytest.raises(InvalidValueError, match=r"integers of shape \[3\]"):
        evaluate(Silent(), Echo(), split="train", num_problems=3)


def test_the_text_of_an_agent_holds_no_end_token_of_its_own():
    from lmgym.tokenization import CharTokenizer

    class Typist:
        granularity = "response"

        def act(self, observations):
            return ["<|end|>"] * len(observations)

    tokenizer = CharTokenizer()
    out = AgentEngine(Typist(), tokenizer).generate(
        [[5], [6]], SamplingParams(max_new_tokens=1), seed=0, max_new_tokens=[20, 3]
    )
    assert out.lengths.tolist() == [8, 3]
    assert out.tokens[0, 7] == tokenizer.end_id and not (out.tokens[0, :7] == tokenizer.end_id).any()
    assert out.stopped.tolist() == [True, False]
