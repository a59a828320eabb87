"""Slow float64 truths for Q targets and soft Bellman residuals, one row and one action at a time."""

from __future__ import annotations

import math


def earned_by(rewards, is_action, length):
    """What each action earned: its own reward and those up to the next action."""
    earned = []
    for t in range(length):
        if is_action[t]:
            earned.append(0.0)
        if earned:
            earned[-1] += float(rewards[t])
    return earned


def lambda_return(earned, values, last_value, gamma, lam, is_greedy=None):
    """``values[j]``: of the state before action j; ``last_value``: after the last (0 if terminated).

    Written as the sum over all n-step returns, not as a recursion.
    """
    n = len(earned)
    states = [*values, last_value]
    targets = []
    for j in range(n):
        # What is to be had by looking k steps ahead, for every k until the row ends or the trace is cut.
        looks, total, k = [], 0.0, 0
        while True:
            total += gamma**k * earned[j + k]
            k += 1
            looks.append(total + gamma**k * states[j + k])
            if j + k == n or (is_greedy is not None and not is_greedy[j + k]):
                break
        weights = [(1 - lam) * lam**i for i in range(len(looks) - 1)] + [lam ** (len(looks) - 1)]
        targets.append(math.fsum(w * look for w, look in zip(weights, looks, strict=True)))
    return targets


def n_step_return(earned, values, last_value, gamma, steps):
    n = len(earned)
    states = [*values, last_value]
    targets = []
    for j in range(n):
        m = min(steps, n - j)
        targets.append(sum(gamma**k * earned[j + k] for k in range(m)) + gamma**m * states[j + m])
    return targets


def soft_residuals(variant, earned, log_ratios, norms, reference_norms, beta, gamma, truncated, baseline=0.0):
    """``norms`` has one entry more than there are actions where the row was truncated."""
    n = len(earned)
    value = [beta * (a - b) for a, b in zip(norms, reference_norms, strict=True)]
    if not truncated:
        value = [*value[:n], 0.0]
    if variant == "one_step":
        return [earned[j] + gamma * value[j + 1] - (value[j] + beta * log_ratios[j]) for j in range(n)]
    path = [
        sum(gamma ** (k - j) * (earned[k] - beta * log_ratios[k]) for k in range(j, n))
        + gamma ** (n - j) * value[n]
        for j in range(n)
    ]
    if variant == "multi_step":
        return [path[j] - value[j] for j in range(n)]
    start = {"trajectory": value[0], "tbrm": beta * norms[0], "path_consistency": baseline}[variant]
    return [path[0] - start] + [0.0] * (n - 1)
