"""Slow truths of the losses: one token at a time in Python floats."""

from __future__ import annotations

import math


def ppo(logp, old, advantage, is_action, clip_low, clip_high, dual_clip=None, weights=None):
    """Returns the per-token losses of the actions as {(row, t): loss}."""
    found = {}
    for b, row in enumerate(is_action):
        for t, act in enumerate(row):
            if not act:
                continue
            ratio = math.exp(max(-20.0, min(20.0, logp[b][t] - old[b][t])))
            a = advantage[b][t]
            objective = min(ratio * a, max(1 - clip_low, min(1 + clip_high, ratio)) * a)
            if dual_clip is not None and a < 0:
                objective = max(objective, dual_clip * a)
            found[b, t] = -objective * (1.0 if weights is None else weights[b][t])
    return found


def mean(per_token, aggregation, max_tokens=None):
    """Returns the mean of {(row, t): x} in one of the three ways."""
    rows = sorted({b for b, _ in per_token})
    if aggregation == "token":
        return sum(per_token.values()) / len(per_token)
    by_row = [[x for (b, _), x in per_token.items() if b == row] for row in rows]
    if aggregation == "sequence":
        return sum(sum(xs) / len(xs) for xs in by_row) / len(rows)
    return sum(sum(xs) for xs in by_row) / (len(rows) * max_tokens)


def value(values, old, returns, is_action, clip=None):
    """Returns the per-token value losses as {(row, t): loss}."""
    found = {}
    for b, row in enumerate(is_action):
        for t, act in enumerate(row):
            if not act:
                continue
            errors = [(values[b][t] - returns[b][t]) ** 2]
            if clip is not None:
                moved = max(-clip, min(clip, values[b][t] - old[b][t]))
                errors.append((old[b][t] + moved - returns[b][t]) ** 2)
            found[b, t] = 0.5 * max(errors)
    return found


def central_differences(function, point, step=1e-6):
    """Returns the gradient of ``function(tensor) -> scalar`` by central differences, in float64."""
    gradient = point.new_zeros(point.shape)
    flat, out = point.reshape(-1), gradient.view(-1)
    for i in range(flat.numel()):
        plus, minus = flat.clone(), flat.clone()
        plus[i] += step
        minus[i] -= step
        difference = function(plus.reshape(point.shape)) - function(minus.reshape(point.shape))
        out[i] = difference / (2 * step)
    return gradient
