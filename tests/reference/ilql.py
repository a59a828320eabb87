"""Slow truths of learning from recorded episodes: one token at a time in Python floats."""

from __future__ import annotations

import math


def next_values(is_action, values, end_values, terminated):
    """Returns V(s') of each action as {(row, t): V}.

    Args:
        is_action: rows of booleans, position by position.
        values: V of the state before each position, position by position.
        end_values: V of the state after the whole row.
        terminated: of each row.
    """
    found = {}
    for b, row in enumerate(is_action):
        for t, acts in enumerate(row):
            if not acts:
                continue
            later = [u for u in range(t + 1, len(row)) if row[u]]
            if later:
                found[b, t] = values[b][later[0]]
            else:
                found[b, t] = 0.0 if terminated[b] else end_values[b]
    return found


def returns(is_action, rewards, end_values, terminated, gamma):
    """Returns the discounted return from each action on as {(row, t): G}, each summed from scratch."""
    found = {}
    for b, row in enumerate(is_action):
        actions = [t for t, acts in enumerate(row) if acts]
        for place, t in enumerate(actions):
            later = actions[place:]
            total = sum(gamma**k * rewards[b][u] for k, u in enumerate(later))
            found[b, t] = total if terminated[b] else total + gamma ** len(later) * end_values[b]
    return found


def losses(q, values, logits, actions, targets, target_q, expectile, beta, max_weight):
    """Returns the four sums over the actions: regression, expectile, conservative, imitation.

    Args:
        q: q[i][n][a].
        values: of each state.
        logits: logits[n][a].
        actions: of each state.
        targets: of each action.
        target_q: target_q[i][n] of the slow copies.
        expectile: tau.
        beta: of the weights of imitation.
        max_weight: their bound.
    """
    regression = expectiles = conservative = imitation = 0.0
    for n, action in enumerate(actions):
        smallest = min(head[n] for head in target_q)
        for head in q:
            regression += (head[n][action] - targets[n]) ** 2
            conservative += -math.log(math.exp(head[n][action]) / sum(map(math.exp, head[n])))
        above = smallest - values[n]
        expectiles += (expectile if above >= 0 else 1 - expectile) * above**2
        weight = min(math.exp(beta * above), max_weight)
        imitation += -weight * math.log(math.exp(logits[n][action]) / sum(map(math.exp, logits[n])))
    return regression, expectiles, conservative, imitation
