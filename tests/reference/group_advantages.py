"""Slow loops over rows and tokens for the advantages of GRPO's family, in plain Python floats."""

import math


def slow_advantages(rewards, is_action, group, kind, eps=1e-6):
    """Returns a list of lists: the advantage of each action, 0 elsewhere."""
    returns = [sum(row) for row in rewards]
    table = [[0.0] * len(row) for row in rewards]
    for b, row in enumerate(rewards):
        others = [returns[c] for c in range(len(rewards)) if group[c] == group[b] and c != b]
        members = [*others, returns[b]]
        mean = math.fsum(members) / len(members)
        spread = math.fsum((x - mean) ** 2 for x in members) / max(1, len(members) - 1)
        is_uniform = max(members) == min(members)
        for t in range(len(row)):
            if not is_action[b][t]:
                continue
            if kind == "reinforce++":
                table[b][t] = math.fsum(row[t:])
            elif kind == "reinforce":
                table[b][t] = returns[b] - math.fsum(returns) / len(returns)
            elif is_uniform:
                table[b][t] = 0.0
            elif kind == "rloo":
                table[b][t] = returns[b] - math.fsum(others) / len(others)
            elif kind == "grpo":
                table[b][t] = (returns[b] - mean) / (math.sqrt(spread) + eps)
            else:
                table[b][t] = returns[b] - mean
    if kind.startswith("reinforce++"):
        _whiten(table, is_action)
    return table


def _whiten(table, is_action):
    cells = [(b, t) for b, row in enumerate(is_action) for t, acts in enumerate(row) if acts]
    values = [table[b][t] for b, t in cells]
    mean = math.fsum(values) / len(values)
    std = math.sqrt(math.fsum((x - mean) ** 2 for x in values) / len(values))
    for b, t in cells:
        table[b][t] = (table[b][t] - mean) / (std + 1e-8)
