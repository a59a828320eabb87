from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator
from lmgym_agents.search.best_first import BestFirst
from lmgym_agents.search.best_first_config import BestFirstConfig
from lmgym_agents.search.priorities import aggregate
from lmgym_agents.search.results import SearchBudget
from lmgym_agents.search.token_expander import TokenExpander
from tests.agents.search.scripted_model import TOKENIZER, RandomTree, ScriptedModel, said_in, transitions_of
from tests.reference.exhaustive_search import expansions, least_cost, leaves, step_cost

NUM_TREES = 100
PLENTY = SearchBudget(max_nodes=10_000)
COSTS = ["steps", "nlogp"]


@cache
def random_tree(seed, depth):
    return RandomTree(seed, depth=depth)


def some_trees(count=NUM_TREES, depth=4):
    return [random_tree(seed, depth) for seed in range(count)]


@cache
def to_go(tree, cost, said):
    return least_cost(tree.children, tree.is_goal, cost, said)


@cache
def doubt(seed, said):
    """A number in [0, 1) for a node."""
    return float(make_generator(seed, "doubt", *map(ord, said)).random())


def q_of(tree, said, letter, logp, cost, heuristic, quality):
    """Q of an edge: its true cost to go times ``quality(child)``, as a Q function would say it."""
    child = said + letter
    left = to_go(tree, cost, child)
    h = quality(child) * (7.0 if math.isinf(left) else left)
    return -(step_cost(logp, cost) + h) if heuristic == "negative_q" else math.exp(-h)


def make_script(trees, cost, heuristic, quality):
    cache = {}

    def script(index, said):
        if (index, said) not in cache:
            tree = trees[index]
            cache[index, said] = {
                letter: (logp, q_of(tree, said, letter, logp, cost, heuristic, lambda s: quality(index, s)))
                for letter, logp in tree.children(said).items()
            }
        return cache[index, said], 0.0

    return script


def run(trees, script, budget=PLENTY, *, key=None, **config):
    transitions, problems = transitions_of(trees)
    expander = TokenExpander(ScriptedModel(script), transitions)
    method = BestFirst(expander, transitions, budget, BestFirstConfig(**config), key=key)
    return method.search(problems)


def optimum(tree, cost):
    return to_go(tree, cost, "")


# Guarantees -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heuristic", ["zero", "negative_q", "log_q"])
@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("pops", [1, 3])
def test_a_star_is_optimal_if_the_heuristic_never_says_too_much(cost, heuristic, pops):
    trees = some_trees()
    script = make_script(trees, cost, heuristic, doubt)
    for tree, result in zip(
        trees, run(trees, script, cost=cost, heuristic=heuristic, pops=pops), strict=True
    ):
        best = optimum(tree, cost)
        assert result.stop == "solved" and tree.is_goal(said_in(result.answer))
        assert result.candidates[0].node.cost == pytest.approx(best, abs=1e-9)
        assert result.upper_bound == pytest.approx(best, abs=1e-9) == -result.candidates[0].score
        assert result.lower_bound == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("kind", ["max_nodes", "max_tokens"])
def test_ends_that_the_last_expansion_has_scored_need_no_budget(kind):
    trees = some_trees()
    script = make_script(trees, "steps", "negative_q", lambda i, s: 1.0)
    for index, tree in enumerate(trees):
        best = int(optimum(tree, "steps"))
        for room in (best - 1, best):
            if room:
                options = {"heuristic": "negative_q", "order": "a_star"}
                budget = SearchBudget(**{kind: room})
                result = run([tree], lambda i, said, at=index: script(at, said), budget, **options)[0]
                assert result.num_nodes == room
                assert result.stop == ("solved" if room == best else kind.removeprefix("max_"))
                assert bool(result.candidates) == (room == best)


def test_a_perfect_heuristic_expands_the_solution_alone():
    trees = some_trees()
    results = run(trees, make_script(trees, "steps", "negative_q", lambda i, s: 1.0), heuristic="negative_q")
    for tree, result in zip(trees, results, strict=True):
        assert result.num_nodes == optimum(tree, "steps")


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("weight", [1.5, 4.0])
def test_weighted_a_star_is_at_most_so_many_times_too_dear(cost, weight):
    trees = some_trees(100)
    script = make_script(trees, cost, "negative_q", doubt)
    dearer = 0
    plain = run(trees, script, cost=cost, heuristic="negative_q")
    results = run(trees, script, cost=cost, heuristic="negative_q", weight=weight)
    for tree, result in zip(trees, results, strict=True):
        best = optimum(tree, cost)
        assert best - 1e-9 <= result.upper_bound <= weight * best + 1e-9
        assert result.lower_bound <= best + 1e-9
        assert result.upper_bound <= weight * result.lower_bound + 1e-9
        dearer += result.upper_bound > best + 1e-9
    assert dearer > 0 or cost == "steps"
    assert sum(r.num_nodes for r in results) < sum(r.num_nodes for r in plain)


@pytest.mark.parametrize("cost", COSTS)
def test_anytime_search_ends_with_a_proven_optimum(cost):
    trees = some_trees(100)
    script = make_script(trees, cost, "negative_q", doubt)
    results = run(trees, script, cost=cost, heuristic="negative_q", weight=5.0, anytime=True)
    for tree, result in zip(trees, results, strict=True):
        assert result.stop == "solved"
        assert result.lower_bound == pytest.approx(optimum(tree, cost), abs=1e-9)
        assert result.upper_bound == pytest.approx(optimum(tree, cost), abs=1e-9)
        costs = [candidate.node.cost for candidate in result.candidates]
        assert costs == sorted(costs)
    assert max(len(result.candidates) for result in results) > 1


@pytest.mark.parametrize("weight", [1.0, 3.0])
@pytest.mark.parametrize("pops", [1, 2])
def test_bounds_bracket_the_truth_at_every_budget(weight, pops):
    trees = some_trees(30)
    script = make_script(trees, "nlogp", "negative_q", doubt)
    options = {"cost": "nlogp", "heuristic": "negative_q", "weight": weight, "anytime": True, "pops": pops}
    before = [(0.0, math.inf)] * len(trees)
    for most in (1, 2, 3, 5, 8, 13, 21, 34, 89):
        results = run(trees, script, SearchBudget(max_nodes=most), **options)
        for place, (tree, result) in enumerate(zip(trees, results, strict=True)):
            best = optimum(tree, "nlogp")
            upper = math.inf if result.upper_bound is None else result.upper_bound
            assert result.lower_bound - 1e-9 <= best <= upper + 1e-9
            assert result.num_nodes <= most
            if pops == 1:
                assert upper <= before[place][1] + 1e-9
                assert weight > 1 or result.lower_bound >= before[place][0] - 1e-9
            before[place] = result.lower_bound, upper
    assert all(low == pytest.approx(high) for low, high in before)


def test_a_heuristic_that_says_too_much_can_miss_the_optimum():
    trees = some_trees(100)
    script = make_script(trees, "steps", "negative_q", lambda i, s: 6 * doubt(i, s))
    results = run(trees, script, heuristic="negative_q")
    assert any(r.upper_bound > optimum(tree, "steps") for tree, r in zip(trees, results, strict=True))


def test_without_a_solution_nothing_is_left_and_the_lower_bound_is_infinite():
    tree = RandomTree(0, depth=3)
    tree.goals = frozenset()
    result = run([tree], make_script([tree], "steps", "log_q", doubt))[0]
    assert (result.stop, result.candidates, result.lower_bound) == ("exhausted", (), math.inf)
    assert result.num_nodes == 1 + 3 + 9 and result.upper_bound is None


# States that are reached in several ways -----------------------------------------------------------------


class Heap(RandomTree):
    """What counts is which letters were said, not in which order; costs too depend on that alone."""

    def logps(self, said):
        return super().logps("".join(sorted(said)))


def bag(state):
    return "".join(sorted(said_in(state)))


def quality_of_bag(index, said):
    return doubt(index, "".join(sorted(said)))


def make_bags(count):
    trees = [Heap(seed, depth=4) for seed in range(count)]
    for tree in trees:
        bags = {"".join(sorted(goal)) for goal in tree.goals}
        words = {said for said, _ in leaves(tree.children, "steps")}
        tree.goals = frozenset(w.rstrip("$") for w in words if "".join(sorted(w.rstrip("$"))) in bags)
    return trees


@pytest.mark.parametrize("quality", [0.0, 0.5, 1.0])
def test_equal_states_are_expanded_once_under_a_consistent_heuristic(quality):
    trees = make_bags(NUM_TREES)
    script = make_script(trees, "nlogp", "negative_q", lambda i, s: quality)
    options = {"cost": "nlogp", "heuristic": "negative_q"}
    merged = run(trees, script, key=bag, **options)
    apart = run(trees, script, **options)
    for tree, one, other in zip(trees, merged, apart, strict=True):
        assert one.upper_bound == pytest.approx(optimum(tree, "nlogp"), abs=1e-9)
        assert "reopened" not in one.counts
        assert one.num_nodes <= min(other.num_nodes, 1 + 3 + 6 + 10)  # so many bags of 0 to 3 letters
    assert quality == 1.0 or sum(r.num_nodes for r in merged) < sum(r.num_nodes for r in apart)


def test_an_inconsistent_heuristic_opens_states_again_and_stays_optimal():
    trees = make_bags(100)
    script = make_script(trees, "nlogp", "negative_q", lambda i, s: float(quality_of_bag(i, s) > 0.5))
    results = run(trees, script, key=bag, cost="nlogp", heuristic="negative_q")
    for tree, result in zip(trees, results, strict=True):
        assert result.upper_bound == pytest.approx(optimum(tree, "nlogp"), abs=1e-9)
    assert sum(result.counts.get("reopened", 0) for result in results) > 0


# Orders -----------------------------------------------------------------------------------------------------


def slow_f(tree, order, quality, weight=1.0):
    """The formulas once more, one edge at a time."""

    def f(said, letter):
        path, logp = said + letter, tree.children(said)[letter]
        chance = q_of(tree, said, letter, logp, "steps", "log_q", quality)
        h, d = -math.log(chance), len(path)
        log_pi = sum(tree.children(path[:i])[path[i]] for i in range(d))
        if order == "a_star":
            return len(said) + weight * (1 + h)
        if order == "best_first":
            return -chance
        if order == "levin":
            return math.log(d / math.exp(log_pi))
        if order == "phs":
            return math.log((d + h) / math.exp(log_pi))
        return math.log((d + h) / math.exp(log_pi) ** (1 + h / d))

    return f


@pytest.mark.parametrize("order", ["a_star", "best_first", "levin", "phs", "phs_star"])
def test_orders_are_those_of_a_slow_search(order):
    trees = some_trees(40)
    results = run(trees, make_script(trees, "steps", "log_q", doubt), order=order, keep_tree=True)
    for index, (tree, result) in enumerate(zip(trees, results, strict=True)):
        f = slow_f(tree, order, lambda said, index=index: doubt(index, said))
        expected, goal = expansions(tree.children, tree.is_goal, f)
        expanded = {node.order: said_in(node.state) for node in result.root.walk() if node.order >= 0}
        assert [expanded[i] for i in range(len(expanded))] == expected
        assert said_in(result.answer) == goal
        assert result.num_nodes == result.num_tokens == len(expected)


def test_levin_search_keeps_its_promise():
    trees = some_trees(100)
    results = run(trees, make_script(trees, "steps", "log_q", doubt), order="levin", heuristic="zero")
    tight = 0
    for tree, result in zip(trees, results, strict=True):
        goals = [(leaf, -spent) for leaf, spent in leaves(tree.children, "nlogp") if tree.is_goal(leaf)]
        promise = min(len(leaf) / math.exp(logp) for leaf, logp in goals)
        assert result.num_nodes <= promise * (1 + 1e-9) and result.stop == "solved"
        tight += result.num_nodes > promise / 4
    assert tight > 5


class Judge:
    """Scripted process rewards."""

    num_tokens = 0

    def __call__(self, states, *, seed):
        self.last_num_tokens = np.full(len(states), 3)
        return np.array([reward_of(state.problem.index, said_in(state)) for state in states])


def reward_of(index, said):
    return doubt(1000 + index, said)


def slow_q_star(tree, index, kind, weight):
    """The published form over a plain list: the largest Agg + weight · max Q, of equals the deeper."""
    kinds = {"min": min, "max": max, "sum": sum, "last": lambda rewards: rewards[-1]}

    def q(said, letter):
        logp = tree.children(said)[letter]
        return q_of(tree, said, letter, logp, "steps", "log_q", lambda child: doubt(index, child))

    def worth(said):
        rewards = [reward_of(index, said[:i]) for i in range(1, len(said) + 1)]
        g = kinds[kind](rewards) if rewards else 0.0
        chances = [q(said, letter) for letter in tree.children(said)] or [q(said[:-1], said[-1])]
        return g + weight * max(chances)

    states, order = [""], []
    while states:
        best = max(states, key=lambda said: (worth(said), len(said)))
        states.remove(best)
        if not tree.children(best):
            return order, best
        order.append(best)
        states += [best + letter for letter in sorted(tree.children(best), key=lambda x: -q(best, x))]
    raise AssertionError


@pytest.mark.parametrize("kind", ["min", "max", "sum", "last"])
def test_q_star_is_the_published_form(kind):
    trees = some_trees(40)
    transitions, problems = transitions_of(trees)
    expander = TokenExpander(ScriptedModel(make_script(trees, "steps", "log_q", doubt)), transitions)
    config = BestFirstConfig(order="q_star", aggregate=kind, weight=0.7, accept="any", keep_tree=True)
    results = BestFirst(expander, transitions, PLENTY, config, rewards=Judge()).search(problems)
    for index, (tree, result) in enumerate(zip(trees, results, strict=True)):
        order, best = slow_q_star(tree, index, kind, 0.7)
        made = [node.state for node in result.root.walk() if node.state is not None]
        opened = {said_in(node.parent.state) for node in result.root.walk() if node.parent and node.state}
        assert opened == set(order)
        assert said_in(result.answer) == best
        assert result.num_tokens == result.num_nodes + 3 * len(made)


def test_aggregates_by_hand():
    rewards = [0.5, 0.25, 0.75]
    for kind, expected in (("min", 0.25), ("max", 0.75), ("sum", 1.5), ("last", 0.75)):
        found = None
        for reward in rewards:
            found = aggregate(kind, found, reward)
        assert found == expected


def test_any_end_is_an_answer_that_q_ranks():
    """With accept="any" the doubt that Q leaves of an end is part of its cost."""
    trees = some_trees(40, depth=3)
    script = make_script(trees, "nlogp", "log_q", doubt)
    for index, result in enumerate(run(trees, script, cost="nlogp", accept="any")):
        totals = {}
        for leaf, spent in leaves(trees[index].children, "nlogp"):
            totals[leaf] = spent - math.log(script(index, leaf[:-1])[0][leaf[-1]][1])
        assert result.stop == "solved" and result.lower_bound is None
        cost = -result.candidates[0].score
        assert cost == pytest.approx(totals[said_in(result.answer)], abs=1e-6)


# Many problems at once ------------------------------------------------------------------------------------


def summary(result):
    return (
        result.stop, result.num_nodes, result.num_tokens, result.lower_bound, result.upper_bound,
        result.counts, [(said_in(c.state), c.score, c.path_logp) for c in result.candidates],
    )  # fmt: skip


@pytest.mark.parametrize("order", ["a_star", "best_first", "q_star", "levin", "phs_star"])
@pytest.mark.parametrize("pops", [1, 4])
def test_problems_side_by_side_are_problems_alone(order, pops):
    trees = some_trees(25)
    script = make_script(trees, "steps", "log_q", doubt)
    transitions, problems = transitions_of(trees)
    model = ScriptedModel(script)
    config = BestFirstConfig(order=order, pops=pops, anytime=True)
    method = BestFirst(TokenExpander(model, transitions), transitions, SearchBudget(max_nodes=4), config)
    together = method.search(problems)
    assert max(model.calls) >= len(trees) and len(model.calls) <= 5
    alone = [method.search([problem])[0] for problem in problems]
    assert [summary(r) for r in together] == [summary(r) for r in alone]
    assert any(r.stop == "nodes" for r in together)


def test_progress_counts_problems_and_tokens():
    trees, seen = some_trees(10), []
    transitions, problems = transitions_of(trees)
    expander = TokenExpander(ScriptedModel(make_script(trees, "steps", "log_q", doubt)), transitions)
    results = BestFirst(expander, transitions, PLENTY).search(problems, on_progress=lambda *n: seen.append(n))
    assert seen[-1] == (10, sum(result.num_tokens for result in results))
    assert seen == sorted(seen) and BestFirst(expander, transitions, PLENTY).search([]) == []


def test_the_tree_shows_what_was_never_expanded():
    trees = some_trees(5)
    results = run(trees, make_script(trees, "steps", "log_q", doubt), keep_tree=True)
    for tree, result in zip(trees, results, strict=True):
        for node in result.root.walk():
            if node.order >= 0:
                assert {said_in_action(child) for child in node.children} == set(
                    tree.children(said_in(node.state))
                )
            if node.status == "open":
                assert node.state is None and not node.children
        assert result.candidates[0].node.path[0] is result.root


def said_in_action(node):
    return "$" if node.action[0] == TOKENIZER.end_id else TOKENIZER.decode(node.action)


# Bad configurations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        {"order": "b_star"}, {"cost": "tokens"}, {"heuristic": "q"}, {"min_q": 0.0}, {"weight": -1.0},
        {"weight": math.nan}, {"pops": 0}, {"key": "text"}, {"accept": "all"}, {"aggregate": "mean"},
        {"order": "levin", "cost": "nlogp"},
    ],
    ids=str,
)  # fmt: skip
def test_bad_options_are_named(bad):
    with pytest.raises(InvalidValueError, match=f"BestFirstConfig.{list(bad)[-1]}"):
        BestFirstConfig(**bad)


def test_rewards_belong_to_q_star():
    transitions, _ = transitions_of([RandomTree(0)])
    expander = TokenExpander(ScriptedModel(lambda i, s: ({}, 0.0)), transitions)
    with pytest.raises(InvalidValueError, match="q_star"):
        BestFirst(expander, transitions, PLENTY, rewards=Judge())
