import math

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator
from lmgym_agents.search.mcts import MCTS
from lmgym_agents.search.mcts_config import MCTSConfig
from lmgym_agents.search.mcts_targets import policy_targets
from lmgym_agents.search.mcts_tree import GrowingTree
from lmgym_agents.search.puct import make_prior, puct_scores
from lmgym_agents.search.results import SearchBudget
from tests.agents.search.scripted_tree import ScriptedGame, Spell, statistics
from tests.reference.mcts import SlowMCTS

ANY = {"accept": "any"}


def search(game, count=1, *, values=True, budget=None, seed=0, **options):
    config = MCTSConfig(**{**ANY, **options})
    method = MCTS(game.transitions, game, game if values else None, config, budget=budget)
    return method.search(Spell().problems("train", range(count)), seed=seed)


def assert_same(result, slow):
    visits, totals = statistics(result.root)
    assert visits == slow.visits
    assert totals == pytest.approx(slow.totals, abs=1e-12)


def test_puct_by_hand():
    # N(s) = 4, c1 = 1, c2 = 10: log(15/10); sqrt(4) = 2. q scaled between 0.2 (the parent) and 1.
    scores = puct_scores(
        np.array([0.5, 0.3, 0.2]), np.array([2, 1, 0]), np.array([0.6, 1.0, 0.2]),
        node_visits=4, node_value=0.2, c1=1.0, c2=10.0,
    )  # fmt: skip
    weight = 2 * (1 + math.log(1.5))
    expected = [0.5 + 0.5 * weight / 3, 1 + 0.3 * weight / 2, 0.2 * weight]
    assert scores.tolist() == pytest.approx(expected, abs=1e-12)


def test_first_simulations_by_hand():
    """Priors 0.6 and 0.4; the first walk takes the likelier action, whose low value sends the next away."""
    game = ScriptedGame(width=2, depth=1)
    game.actions = lambda path: [] if path else [math.log(0.6), math.log(0.4)]
    game.value = {(): 0.5, (0,): 0.1, (1,): 0.9}.__getitem__
    found = []
    for n in (1, 2, 3):
        result = search(game, max_simulations=n)[0]
        found.append([child.visits for child in result.root.children])
    # After one walk: V = 0.3; q = (0.1, unvisited 0.3) scales to (0, 1): the second action wins clearly.
    # After two: V = 0.5, q scales to (0, 1), √3 · 1.25 / 2 · 0.6 = 0.65 < 1 + 0.43.
    assert found == [[1, 0], [1, 1], [1, 2]]
    assert result.answer.tokens[-1] == game.ids[1]
    assert result.candidates[0].score == 0.9


@pytest.mark.parametrize("unvisited", ["q", "parent", "lowest"])
@pytest.mark.parametrize("seed", range(4))
def test_puct_is_the_slow_one(seed, unvisited):
    game = ScriptedGame(width=4, depth=3, seed=seed, has_q=True, dead=[(0, 1), (2,)])
    result = search(game, max_simulations=60, unvisited=unvisited)[0]
    slow = SlowMCTS(game, root="puct", n=60, unvisited=unvisited)
    assert_same(result, slow)
    assert result.counts["empty_expansions"] >= 1


@pytest.mark.parametrize("scale", [0.0, 1.0])
@pytest.mark.parametrize(("n", "m", "rescale"), [(2, 2, True), (17, 4, True), (50, 5, False)])
def test_gumbel_is_the_slow_one(n, m, rescale, scale):
    game = ScriptedGame(width=5, depth=3, seed=n)
    options = {"max_simulations": n, "num_considered": m, "rescale_values": rescale, "gumbel_scale": scale}
    result = search(game, root="gumbel", commit_every=1, budget=SearchBudget(max_nodes=1000), **options)[0]
    noise = make_generator(0, "gumbel", "train", 0, 0).gumbel(size=5) * scale
    slow = SlowMCTS(game, root="gumbel", n=n, m=m, noise=noise, rescale=rescale)
    one = search(game, root="gumbel", **options)[0]
    assert_same(one, slow)
    # The first action of the committed episode is the one that the halving leaves.
    assert game.path(result.answer)[0] == slow.decide()


@pytest.mark.parametrize("seed", range(3))
def test_a_decision_reuses_the_tree(seed):
    """After the first action its subtree's statistics stay, and N more walks begin there."""
    game = ScriptedGame(width=3, depth=3, seed=seed)
    result = search(game, commit_every=1, max_simulations=20)[0]
    slow = SlowMCTS(game, root="puct", n=20)
    first = slow.decide()
    node = result.root.children[first]
    assert result.root.visits == 1 + 20 + (node.visits - slow.visits[(first,)])
    assert node.visits == slow.visits[(first,)] + 20 + 20
    assert result.stop == "solved"
    assert game.path(result.answer)[0] == first
    assert result.candidates[0].node.path[1] is node


def test_a_halving_goes_by_the_visits_of_its_own_decision():
    """Nine visits of an earlier decision neither count in the schedule nor choose the action."""
    game = ScriptedGame(width=3, depth=2)
    config = MCTSConfig(root="gumbel", gumbel_scale=0.0, num_considered=2, max_simulations=4, **ANY)
    tree = GrowingTree(game.transitions.start(Spell().problems("train", [0])[0]), config)
    logits = np.log([0.1, 0.5, 0.4])
    tree.top.open_up(tuple((token,) for token in game.ids), logits, logits, None)
    tree.top.visits[0], tree.top.totals[0] = 9, 0.0
    tree.begin_decision(make_generator(0))
    tried = []
    for number in range(4):
        leaf = tree.descend(number, game.transitions)
        if leaf.status == "open":
            leaf.status, leaf.raw_value = "dead", 0.5
        tried.append(leaf.place)
        tree.back_up(leaf, leaf.raw_value)
    assert tried == [1, 2, 1, 2]
    assert tree.decide() == 1


def test_several_actions_a_decision():
    game = ScriptedGame(width=3, depth=4, seed=1)
    result = search(game, commit_every=2, max_simulations=30)[0]
    assert len(game.path(result.answer)) == 4
    assert result.root.visits == 1 + 2 * 30  # two decisions of 30 walks


def test_more_simulations_find_the_best_action():
    """Values are exact (one end pays): the share of right first actions rises to all."""

    class OneEnd(ScriptedGame):
        def value(self, path):
            return float(self.end[: len(path)] == path)

    games = [OneEnd(width=4, depth=3, seed=seed) for seed in range(12)]
    for number, game in enumerate(games):
        game.end = (number % 4, number // 3, 3 - number % 4)

    def rate(**options):
        found = [search(game, **options)[0].root.children for game in games]
        chosen = [max(range(4), key=lambda place, nodes=nodes: nodes[place].visits) for nodes in found]
        return np.mean([place == game.end[0] for place, game in zip(chosen, games, strict=True)])

    assert rate(max_simulations=1) < 0.5
    assert rate(max_simulations=60) == 1.0


def test_a_walk_never_goes_to_finished_branches_again():
    game = ScriptedGame(width=3, depth=3)
    result = search(game, skip_finished=True, max_simulations=10_000)[0]
    assert result.stop == "exhausted"
    assert result.num_nodes == 1 + 3 + 9
    assert len(result.candidates) == 27
    scores = [candidate.score for candidate in result.candidates]
    assert scores == sorted(scores, reverse=True)
    assert result.root.visits == 1 + 3 + 9 + 27


def test_the_verifier_ends_the_search():
    game = ScriptedGame(width=3, depth=3, good=["cab"])
    found = search(game, values=False, accept="verifier", skip_finished=True, max_simulations=10_000)[0]
    assert found.stop == "solved"
    assert game.path(found.answer) == (2, 0, 1)
    assert found.candidates[0].score == 1.0
    assert found.candidates[0].node.status == "goal"
    assert len(found.candidates) == 1
    assert sum(node.status == "dead" for node in found.root.walk()) > 0
    more = search(
        game, values=False, accept="verifier", stop_at_first=False, skip_finished=True, max_simulations=9999
    )
    assert more[0].stop == "exhausted"
    assert len(more[0].candidates) == 1
    assert sum(node.status == "dead" for node in more[0].root.walk()) == 26


@pytest.mark.parametrize(
    ("limit", "stop", "nodes", "tokens"),
    [
        ({"max_tokens": 9}, "tokens", 3, 9),  # 1 for the expansion and 2 for the values of each state
        ({"max_tokens": 10}, "tokens", 4, 12),
        ({"max_nodes": 5}, "nodes", 5, 15),
        ({"max_seconds": 1e-9}, "seconds", 1, 3),
    ],
)
def test_budgets(limit, stop, nodes, tokens):
    game = ScriptedGame(width=4, depth=4)
    result = search(game, budget=SearchBudget(**limit), max_simulations=99)[0]
    assert (result.stop, result.num_nodes, result.num_tokens) == (stop, nodes, tokens)


def test_simulations_are_a_budget_too():
    result = search(ScriptedGame(), max_simulations=5)[0]
    assert result.stop == "simulations"
    assert result.root.visits == 6


@pytest.mark.parametrize("options", [{}, {"root": "gumbel"}, {"commit_every": 1}])
def test_problems_side_by_side_do_not_touch(options):
    alone = search(ScriptedGame(width=4, has_q=True), 1, max_simulations=20, **options)[0]
    game = ScriptedGame(width=4, has_q=True)
    beside = search(game, 5, max_simulations=20, **options)
    assert statistics(beside[0].root) == statistics(alone.root)
    assert alone.num_tokens == beside[0].num_tokens
    assert max(game.calls) == 5


def test_another_seed_is_another_search_and_the_same_the_same():
    one, two, again = (
        statistics(search(ScriptedGame(width=8), root="gumbel", num_considered=3, seed=seed)[0].root)
        for seed in (1, 2, 1)
    )
    assert one == again != two


def test_nan_is_counted_and_replaced_by_the_parents_value():
    game = ScriptedGame(width=2, depth=2)
    honest = game.value
    game.value = lambda path: math.nan if path == (0,) else honest(path)
    result = search(game, max_simulations=12)[0]
    assert result.counts["nan_values"] == 1
    assert result.root.children[0].value == honest(())
    assert all(math.isfinite(node.total) for node in result.root.walk())


def test_nan_of_a_q_function_and_of_priors():
    game = ScriptedGame(width=3, depth=2, has_q=True)
    game.q = lambda path: [math.nan, 0.2, 0.4]
    game.actions = lambda path: [] if len(path) == 2 else [-math.inf] * 3
    result = search(game, values=False, max_simulations=12)[0]
    assert result.counts["nan_values"] == result.num_nodes
    assert result.counts["nan_priors"] == result.num_nodes
    assert result.root.value == 0.4  # the largest finite Q
    assert [child.prior for child in result.root.children] == pytest.approx([1 / 3] * 3)


def test_without_any_idea_of_values():
    game = ScriptedGame()
    game.value = lambda path: None
    with pytest.raises(InvalidValueError, match="accept='any' needs to know"):
        search(game, values=False)
    found = search(game, values=False, accept="verifier", max_simulations=5)[0]
    assert found.root.total == 0.0


def test_a_root_without_actions():
    result = search(ScriptedGame(dead=[()]))[0]
    assert (result.stop, result.answer, result.counts) == ("exhausted", None, {"empty_expansions": 1})


def test_no_problems():
    assert search(ScriptedGame(), 0) == []


def test_priors():
    logps, lengths = np.array([-2.0, -6.0]), np.array([1, 3])
    assert np.exp(make_prior(logps)).tolist() == pytest.approx(
        [1 / (1 + math.exp(-4)), 1 / (1 + math.exp(4))]
    )
    assert np.exp(make_prior(logps, lengths)).tolist() == pytest.approx([0.5, 0.5])
    assert np.exp(make_prior(logps, temperature=2.0))[0] == pytest.approx(1 / (1 + math.exp(-2)))
    assert np.exp(make_prior(np.array([-1.0, -math.inf]))).tolist() == [1.0, 0.0]
    assert make_prior(np.array([math.nan, -math.inf])) is None


def test_targets_of_visits_and_values():
    game = ScriptedGame(width=3, depth=2)
    result = search(game, max_simulations=30)[0]
    slow = SlowMCTS(game, root="puct", n=30)
    found = policy_targets(result.root, min_visits=5)
    assert found[0].tokens == result.root.state.tokens
    counts = [slow.n_of((place,)) for place in range(3)]
    assert found[0].probabilities.tolist() == pytest.approx([count / 30 for count in counts])
    assert found[0].value == pytest.approx(slow.mean(()))
    assert found[0].actions == tuple((token,) for token in game.ids)
    assert len(found) == 1 + sum(count - 1 >= 5 for count in counts)
    sharp = policy_targets(result.root, temperature=0.5)[0].probabilities
    assert sharp.tolist() == pytest.approx([count**2 / sum(c**2 for c in counts) for count in counts])


def test_improved_targets_are_the_slow_ones():
    game = ScriptedGame(width=4, depth=2, seed=3)
    result = search(game, max_simulations=12, root="gumbel", gumbel_scale=0.0, num_considered=2)[0]
    slow = SlowMCTS(game, root="gumbel", n=12, m=2, noise=[0.0] * 4)
    found = policy_targets(result.root, target="improved")[0].probabilities
    assert found.tolist() == pytest.approx(slow.improved(()), abs=1e-12)


@pytest.mark.parametrize(
    "options",
    [{"max_simulations": 0}, {"commit_every": -1}, {"c2": 0.0}, {"prior_temperature": math.inf}, {"c1": -1.0},
     {"skip_finished": True, "root": "gumbel"}, {"skip_finished": True, "commit_every": 1}],
)  # fmt: skip
def test_bad_settings(options):
    with pytest.raises(InvalidValueError, match="MCTSConfig"):
        MCTSConfig(**options)


def test_bad_targets():
    root = search(ScriptedGame(), max_simulations=2)[0].root
    with pytest.raises(InvalidValueError, match="min_visits=0"):
        policy_targets(root, min_visits=0)
