"""What each named term of a reward gave at each token that was paid.

In: a finished rollout and its environment. Out: for each row its terms as sparse lists of payments. Left
out: how much was paid in all, which the rollout knows.

An environment tells the terms of a whole episode. Where rewards are paid by the turn or by the step the
payments are scored once more, one by one, and kept if they come to what was paid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lmgym.envs.vector import TokenVectorEnv
from lmgym.records import Problem, Transcript, Turn
from lmgym.rewards import Normalized, Reward, bind, score
from lmgym.rewards.compose import walk
from lmgym_agents.rollout import Rollout

Payments = dict[str, list[tuple[int, float]]]
"""By name of the term: (position in the row, amount) of each payment, in their order."""


class _Payment(NamedTuple):
    position: int
    turns: tuple[Turn, ...]
    is_last: bool


def reward_payments(env: TokenVectorEnv, rollout: Rollout, problems: Sequence[Problem]) -> list[Payments]:
    """Returns the payments of each row.

    Args:
        env: that the rollout was collected in.
        rollout: B finished rows.
        problems: the problem of each row.
    """
    reward = env.setup.reward
    can_score = reward.pay != "episode" and not any(isinstance(part, Normalized) for part in walk(reward))
    bound = bind(reward, env.task) if can_score else None
    found = []
    for row, problem in enumerate(problems):
        payments = None
        if bound is not None and not bool(rollout.failed[row]):
            payments = _score_again(env, bound, rollout, row, problem)
        found.append(_at_the_end(rollout, row) if payments is None else payments)
    return found


def _at_the_end(rollout: Rollout, row: int) -> Payments:
    places = rollout.is_action[row].nonzero()[:, 0].tolist()
    last = places[-1] if places else 0
    return {name: [(last, float(term[row]))] for name, term in rollout.terms.items()}


def _score_again(
    env: TokenVectorEnv, reward: Reward, rollout: Rollout, row: int, problem: Problem
) -> Payments | None:
    """Returns the terms payment by payment; None if they don't come to what the environment paid."""
    payments = list(_list_payments(env, rollout, row))
    terminated, truncated = bool(rollout.terminated[row]), bool(rollout.truncated[row])
    transcripts = []
    for payment in payments:
        ends = (terminated, truncated) if payment.is_last else (False, False)
        unjudged = Transcript(problem, payment.turns, *ends)
        transcripts.append(unjudged._replace(verdict=env.task.verify(unjudged)))
    if not transcripts:
        return None
    scores = score(reward, transcripts)
    paid = rollout.rewards[row].double().numpy()
    again = np.zeros_like(paid)
    again[[payment.position for payment in payments]] = scores.values
    if scores.failed.any() or not np.allclose(again, paid, atol=1e-5):
        return None
    return {
        name: [(payment.position, float(term[place])) for place, payment in enumerate(payments)]
        for name, term in scores.terms.items()
    }


def _list_payments(env: TokenVectorEnv, rollout: Rollout, row: int) -> Iterator[_Payment]:
    """Yields what the reward was shown at each payment of a row: the turns up to there."""
    tokenizer, ids = env.tokenizer, rollout.input_ids[row].numpy()
    said: tuple[Turn, ...] = ()
    spans = list(_spans(rollout, row, tokenizer.end_ids))
    for place, (is_agent, start, stop) in enumerate(spans):
        text = tokenizer.decode(ids[start:stop])
        if not is_agent:
            said += (Turn("environment", text),)
            continue
        if env.setup.reward.pay == "step":
            for position in range(start, stop - 1):
                if "\n" in tokenizer.decode(ids[position : position + 1]):
                    partial = tokenizer.decode(ids[start : position + 1])
                    yield _Payment(position, (*said, Turn("agent", partial, False)), False)
        said += (Turn("agent", text, int(ids[stop - 1]) in tokenizer.end_ids),)
        yield _Payment(stop - 1, said, place == len(spans) - 1)


def _spans(rollout: Rollout, row: int, end_ids: Sequence[int]) -> Iterator[tuple[bool, int, int]]:
    """Yields (is the agent's, start, stop) of each turn behind the prompt."""
    length, acts = int(rollout.lengths[row]), rollout.is_action[row].tolist()
    ids = rollout.input_ids[row].tolist()
    start = next((place for place in range(length) if acts[place]), length)
    for place in range(start, length):
        is_end = place + 1 == length or acts[place + 1] != acts[place]
        if is_end or (acts[place] and ids[place] in end_ids):
            yield acts[place], start, place + 1
            start = place + 1
