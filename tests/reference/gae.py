"""Slow truths of advantages: plain Python over one row at a time, in float64."""

from __future__ import annotations

import numpy as np


def compact_gae(rewards, values, bootstrap, gamma, lam):
    """Advantages of a sequence that holds actions alone; ``bootstrap`` is V after the last one."""
    n = len(rewards)
    advantages = [0.0] * n
    for t in range(n):
        for k in range(t, n):  # A_t = sum_k (gamma lam)^(k-t) delta_k, by its definition
            next_value = values[k + 1] if k + 1 < n else bootstrap
            delta = rewards[k] + gamma * next_value - values[k]
            advantages[t] += (gamma * lam) ** (k - t) * delta
    return advantages


def row_gae(rewards, values, is_action, length, terminated, bootstrap, gamma, lam):
    """Advantages of one padded row with environment tokens, by cutting its actions out first."""
    actions = [t for t in range(length) if is_action[t]]
    paid = []
    for n, t in enumerate(actions):
        stop = actions[n + 1] if n + 1 < len(actions) else length
        paid.append(sum(float(r) for r in rewards[t:stop]))
    end = 0.0 if terminated else float(bootstrap)
    compact = compact_gae(paid, [float(values[t]) for t in actions], end, gamma, lam)
    advantages = np.zeros(len(rewards))
    for t, a in zip(actions, compact, strict=True):
        advantages[t] = a
    return advantages
