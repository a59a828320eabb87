from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lmgym  # noqa: F401
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError, RewardError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.rewards import (
    Clipped,
    Correct,
    Length,
    Normalized,
    PartialCredit,
    Shaped,
    StepCorrect,
    at_end,
    at_step,
    at_turn,
    bind,
    make_reward,
    score,
)
from lmgym.rewards.payments import payments_since, state_before, state_of
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.probes import Delayed
from lmgym.tokenization import CharTokenizer

PROBLEM = Problem("ab", "b", "train", 0)
VERDICT = Verdict("wrong", "wrong")


def potential(states):
    """Any function of the state."""
    return [sum(map(ord, "".join(turn.text for turn in state.turns))) % 7 / 7 + 0.5 for state in states]


# A small decision process: three lines, each "a" or "b"; the state is what was written so far.

DEPTH, GAMMA = 3, 0.9
STATES = [s for n in range(DEPTH + 1) for s in map("".join, itertools.product("ab", repeat=n))]


def payment(state):
    """What a reward is shown when the last line of ``state`` has been written."""
    text = "".join(f"{letter}\n" for letter in state)
    if len(state) < DEPTH:
        return Transcript(PROBLEM, (Turn("agent", text, False),), verdict=VERDICT)
    return Transcript(PROBLEM, (Turn("agent", text[:-1]),), terminated=True, verdict=VERDICT)


def tricky(transcripts):
    """Pays early for what is worse in the end."""
    pays = {"a": 0.2, "ab": 0.1, "aba": 0.3, "bba": 0.9, "bab": 0.9, "aa": 0.1}
    return [pays.get(t.response.replace("\n", ""), 0.0) for t in transcripts]


def solve(reward):
    """Exact value iteration: the optimal actions of every state, and its optimal value."""
    paid = dict(zip(STATES[1:], score(reward, [payment(s) for s in STATES[1:]]).values, strict=True))
    values, best = {s: 0.0 for s in STATES if len(s) == DEPTH}, {}
    for state in sorted((s for s in STATES if len(s) < DEPTH), key=len, reverse=True):
        q = {a: paid[state + a] + GAMMA * values[state + a] for a in "ab"}
        values[state] = max(q.values())
        best[state] = {a for a in q if q[a] > values[state] - 1e-9}
    return best, values


def test_shaping_keeps_the_optimal_policy_exactly_and_shifts_values_by_the_potential():
    plain = make_reward(tricky, pay="step")
    best, values = solve(plain)
    shaped_best, shaped_values = solve(Shaped(plain, potential, GAMMA))
    assert shaped_best == best
    assert best[""] == {"b"} and best["b"] == {"a", "b"}  # a tie stays a tie
    for state in best:
        (phi,) = potential([state_of(payment(state))]) if state else potential([Transcript(PROBLEM, ())])
        assert shaped_values[state] == pytest.approx(values[state] - phi, abs=1e-12)
    bonus = make_reward(
        lambda ts: [t + 3 * p for t, p in zip(tricky(ts), potential(ts), strict=True)], pay="step"
    )
    assert solve(bonus)[0] != best  # paying the potential itself does not keep it


@given(st.text(alphabet="ab\n", max_size=14), st.floats(0, 1, allow_subnormal=False))
@settings(max_examples=100, deadline=None)
def test_the_discounted_sum_of_shaping_is_minus_the_first_potential(text, gamma):
    reward = Shaped(make_reward(lambda ts: [0.0] * len(ts), pay="step"), potential, gamma)
    env = gym.make("lmgym/Echo-v0", reward=reward, granularity="step", max_new_tokens=20)
    env.reset(seed=0)
    paid = [env.step(line)[1] for line in [*text.splitlines(keepends=True)]]
    if not text or text.endswith("\n"):
        paid.append(env.step("")[1])
    (first,) = potential([Transcript(PROBLEM, ())])
    assert sum(gamma**i * pay for i, pay in enumerate(paid)) == pytest.approx(-first, abs=1e-12)


@pytest.mark.parametrize("pay", ["turn", "step", "episode"])
def test_shaping_telescopes_over_turns_with_replies_and_tokens(pay):
    reward = Shaped(make_reward(lambda ts: [0.0] * len(ts), pay=pay), potential)
    env = TokenVectorEnv(Delayed(num_turns=3), num_envs=8, reward=reward, autoreset_mode="DISABLED")
    env.reset(seed=3)
    rng = np.random.default_rng(0)
    tokenizer = CharTokenizer()
    letters = np.array([*tokenizer.encode("a\nb"), tokenizer.end_id])
    total, active = np.zeros(8), np.ones(8, np.bool_)
    terminated = np.zeros(8, np.bool_)
    while active.any():
        _, rewards, done, truncated, _ = env.step(rng.choice(letters, 8))
        total += np.where(active, rewards, 0)
        terminated |= active & done
        active &= ~(done | truncated)
        if active.any() and not active.all():
            break  # finished rows may not be stepped without autoreset
    (first,) = potential([Transcript(PROBLEM, ())])
    assert terminated.any()
    np.testing.assert_allclose(total[terminated], -first, atol=1e-12)


def test_a_truncated_episode_keeps_its_last_potential():
    reward = Shaped(
        make_reward(lambda ts: [0.0] * len(ts)), lambda states: [float(len(s.response)) for s in states]
    )
    turns = (Turn("agent", "abc", False),)
    cut = Transcript(PROBLEM, turns, truncated=True, verdict=VERDICT)
    over = Transcript(PROBLEM, turns, terminated=True, verdict=VERDICT)
    assert score(reward, [cut, over]).values.tolist() == [3.0, 0.0]


def test_shaping_leaves_failed_rows_alone_and_names_bad_potentials(transcript):
    reward = Shaped(make_reward(lambda ts: [None if t.response == "x" else 1.0 for t in ts]), potential)
    scores = score(reward, [transcript("x"), transcript("y")])
    assert scores.failed.tolist() == [True, False]
    assert scores.values[0] == 0.0 and set(scores.terms) == {"function", "shaping"}
    for bad in (lambda states: [float("nan")] * len(states), lambda states: [0.0]):
        with pytest.raises(RewardError, match="'Shaped': the potential"):
            score(Shaped(Correct(), bad), [transcript("x"), transcript("y")])
    with pytest.raises(InvalidValueError, match=r"Shaped\.gamma"):
        Shaped(Correct(), potential, 1.5)


def test_states_before_a_payment_by_hand():
    turns = (Turn("agent", "p"), Turn("environment", "ok"), Turn("agent", "a\nb"))
    t = Transcript(PROBLEM, turns, True, False, VERDICT)
    assert state_before(t, "episode").turns == ()
    assert state_before(t, "turn").turns == turns[:1]
    middle = (*turns[:2], Turn("agent", "a\n", False))
    assert state_before(t, "step").turns == middle
    assert state_before(t._replace(turns=middle), "step").turns == turns[:1]
    ended = t._replace(turns=(Turn("agent", "a\n"),))
    assert state_before(ended, "step").turns == (Turn("agent", "a\n", False),)
    assert [s.turns for s in payments_since(t, "step", "episode")] == [turns[:1], middle, turns]
    assert [s.turns for s in payments_since(t, "step", "turn")] == [middle, turns]
    assert [s.turns for s in payments_since(t, "turn", "episode")] == [turns[:1], turns]


def test_clipping_by_hand(transcript):
    reward = Clipped(2 * Correct(wrong=-1.0), -0.5, 1.0)
    scores = score(reward, [transcript("a"), transcript("b", status="wrong")])
    assert scores.values.tolist() == [1.0, -0.5]
    assert {name: term.tolist() for name, term in scores.terms.items()} == {
        "correct": [2.0, -2.0], "clipped": [-1.0, 1.5],
    }  # fmt: skip
    with pytest.raises(InvalidValueError, match="low < high"):
        Clipped(Correct(), 1.0, 1.0)


def numbers():
    """A reward that gives the number in the response, nothing for "x"."""
    return make_reward(lambda ts: [None if t.response == "x" else float(t.response) for t in ts])


def test_normalising_by_hand(transcript):
    reward = Normalized(numbers())
    rows = [transcript(text) for text in ("2", "x", "4", "9")]
    scores = score(reward, rows)
    std = np.std([2, 4, 9], ddof=1)
    np.testing.assert_allclose(scores.values, [2 / std, 0, 4 / std, 9 / std])
    assert scores.failed.tolist() == [False, True, False, False]
    later = score(reward, [transcript("1"), transcript("x")])
    np.testing.assert_allclose(later.values, [1 / np.std([2, 4, 9, 1], ddof=1), 0])
    assert score(reward, [transcript("x")]).values.tolist() == [0.0]
    assert reward.get_state()["count"] == 4
    centred = score(Normalized(numbers(), center=True, clip=1.0), rows)
    np.testing.assert_allclose(centred.values, [max(-1, -3 / std), 0, -1 / std, 1.0])
    assert centred.terms["mean"].tolist()[1] == 0.0
    equal = score(Normalized(numbers()), [transcript("3"), transcript("3")])
    assert equal.values.tolist() == [3.0, 3.0]  # no spread: as it is


def test_the_running_state_is_restored_exactly(transcript):
    texts = [[str(i * j % 7) for i in range(5)] for j in range(4)]
    one, two = Normalized(numbers()), Normalized(numbers())
    for batch in texts[:2]:
        score(one, [transcript(text) for text in batch])
    two.set_state(one.get_state())
    for batch in texts[2:]:
        rows = [transcript(text) for text in batch]
        assert score(one, rows).values.tolist() == score(two, rows).values.tolist()


def test_an_environment_saves_the_running_state_and_keeps_it_to_itself():
    reward = Normalized(PartialCredit())
    one, two = (
        TokenVectorEnv(Math(level=1), num_envs=4, reward=reward, autoreset_mode="DISABLED") for _ in "ab"
    )
    tokenizer = CharTokenizer()
    tokens = np.array([[*tokenizer.encode(text), tokenizer.end_id] for text in ("12", "13", "04", "99")])
    paid = []
    for env in (one, two):
        env.reset(seed=1)
    for _ in range(2):
        one.step_responses(tokens, np.full(4, 3), np.ones(4, np.bool_))
        one.reset()
    assert reward.get_state()["count"] == 0  # the environment's copy has moved on, not the caller's
    two.set_state(one.get_state())
    for env in (one, two):
        paid.append(env.step_responses(tokens, np.full(4, 3), np.ones(4, np.bool_)).rewards.tolist())
    assert paid[0] == paid[1]


def test_retiming_sums_or_delays_the_same_amounts():
    task = Math(level=2, style="worked")
    texts = ["\n90+60=150\n4+3=7\n150+7=157\n157", "\n90+60=150\n4+3=8\n150+8=158\n158\n", "157", ""]
    by_step = {text: [] for text in texts}
    for retime, granularity in ((None, "step"), (at_end, "step"), (at_turn, "step"), (at_end, "response")):
        reward = StepCorrect() if retime is None else retime(StepCorrect())
        env = gym.make("lmgym/Math-v0", level=2, style="worked", reward=reward, granularity=granularity)
        for text in texts:
            env.reset(options={"problem_index": 3})
            lines = [text] if granularity == "response" else text.splitlines(keepends=True)
            if granularity == "step" and (not text or text.endswith("\n")):
                lines.append("")
            paid = [env.step(line)[1] for line in lines]
            if retime is None:
                by_step[text] = paid
            else:
                assert paid[:-1] == [0.0] * (len(paid) - 1)
                assert paid[-1] == pytest.approx(sum(by_step[text]), abs=1e-12)
    assert sum(by_step[texts[1]]) == pytest.approx(0.1)
    assert bind(at_end(StepCorrect()), task).reward.task is task


def test_a_reward_of_the_whole_episode_waits_for_its_step(transcript):
    reward = at_step(Length())
    assert reward.pay == "step"
    over = transcript("a\nb")
    middle = over._replace(turns=(Turn("agent", "a\n", False),), terminated=False)
    assert score(reward, [middle, over]).values.tolist() == [0.0, 3.0]
    assert score(Length().paid("step"), [middle, over]).values.tolist() == [
        2.0,
        1.0,
    ]  # which is another thing
    by_turn = at_step(Length(pay="turn"))
    assert score(by_turn, [middle, over._replace(terminated=False)]).values.tolist() == [0.0, 3.0]
    failing = at_step(make_reward(lambda ts: [None] * len(ts)))
    assert score(failing, [middle, over]).failed.tolist() == [False, True]


def test_a_sum_fails_where_a_payment_does(transcript):
    fragile = make_reward(lambda ts: [None if t.response.endswith("b\n") else 1.0 for t in ts], pay="step")
    reward = bind(at_end(fragile), Math(level=1))
    problem = Math(level=1).problem("train", 0)
    rows = [
        Transcript(problem, (Turn("agent", text),), True, False, VERDICT) for text in ("a\nc\nd", "a\nb\nd")
    ]
    scores = score(reward, rows)
    assert scores.values.tolist() == [3.0, 0.0]
    assert scores.failed.tolist() == [False, True]
    assert scores.reasons == ("", "not applicable")
    with pytest.raises(RewardError, match="summed up needs the task"):
        score(at_end(fragile), rows)
