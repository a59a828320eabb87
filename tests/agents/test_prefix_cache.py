"""Hidden states with shared keys and values: they equal recomputed ones, and only new tokens are computed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.errors import ContextLengthError, TokenOutOfVocabularyError, UnsupportedModelError
from lmgym_agents.lora import add_lora
from lmgym_agents.policy import Policy
from lmgym_agents.prefixes.cache import CachedHidden, make_last_hidden
from lmgym_agents.prefixes.groups import group_rows, sort_rows
from lmgym_agents.prefixes.store import PrefixStore
from lmgym_agents.state_model import PolicyStates, RecomputedHidden
from tests.agents.tiny_models import CONTEXT, VOCAB_SIZE, WRITTEN_OUT, make_model

Rows = list[list[int]]


@pytest.fixture
def policy() -> Policy:
    return Policy(make_model("llama"))


def grow_rows(rng: np.random.Generator, known: Rows) -> Rows:
    """Some known rows again, some of their prefixes, some longer by tokens that others have too."""
    rows = []
    for _ in range(rng.integers(1, 16)):
        base = known[rng.integers(len(known))]
        cut = base[: rng.integers(1, len(base) + 1)]
        rows.append([base, cut, cut + rng.integers(0, 3, rng.integers(1, 12)).tolist()][rng.integers(3)][:60])
    known += rows
    return rows


def all_prefixes(rows: Rows) -> set[tuple[int, ...]]:
    return {tuple(row[:end]) for row in rows for end in range(1, len(row) + 1)}


@pytest.mark.parametrize("method", ["rows", "cascade", "packed"])
@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_states_equal_recomputed_ones_in_any_order_of_calls_and_under_any_budget(name, method):
    policy = Policy(make_model(name))
    recomputed = RecomputedHidden(policy)
    for seed, (max_tokens, min_shared) in enumerate([(1000, 1), (1000, 4), (61, 8), (75, 1), (110, 3)]):
        rng = np.random.default_rng(seed)
        store = PrefixStore(policy, max_tokens=max_tokens, min_shared=min_shared, method=method)
        known = rng.integers(0, VOCAB_SIZE, (4, 20)).tolist()
        for _ in range(6):
            rows = grow_rows(rng, known)
            torch.testing.assert_close(store.hidden(rows), recomputed(rows), atol=2e-5, rtol=1e-5)
            assert store.report.held <= max_tokens
        assert (store.report.evicted > 0) == (max_tokens < 1000)


@pytest.mark.parametrize("method", ["rows", "cascade", "packed"])
def test_states_after_any_tokens_of_a_row_can_be_asked_for(policy, method):
    rng = np.random.default_rng(1)
    store = PrefixStore(policy, max_tokens=70, min_shared=2, method=method)
    known = [[3]]
    for _ in range(6):
        rows = grow_rows(rng, known)
        firsts = [int(rng.integers(len(row))) for row in rows]
        with torch.no_grad():
            wanted = [
                policy.hidden_states(torch.tensor([row]))[0, first:]
                for row, first in zip(rows, firsts, strict=True)
            ]
        torch.testing.assert_close(store.hidden(rows, firsts), torch.cat(wanted), atol=2e-5, rtol=1e-5)


def test_each_token_of_the_tree_is_computed_once(policy):
    rng = np.random.default_rng(2)
    hidden = CachedHidden(policy, max_tokens=4000)
    seen: set[tuple[int, ...]] = set()
    asked: set[tuple[int, ...]] = set()
    frontier: Rows = [[1], [2, 3]]
    num_again = 0
    for _ in range(8):
        rows = [row + rng.integers(0, 3, rng.integers(1, 4)).tolist() for row in frontier for _ in range(2)]
        rows += frontier
        # A token within a row asked about before is held, but nobody wanted the state after it.
        num_again += len({tuple(row) for row in rows} & (seen - asked))
        hidden(rows)
        seen |= all_prefixes(rows)
        asked |= {tuple(row) for row in rows}
        assert hidden.num_computed == len(seen) + num_again
        frontier = [rows[place] for place in rng.permutation(len(rows))[:6]]
    assert num_again > 0
    assert hidden.report.held == len(seen)
    assert hidden.report.computed == hidden.num_computed
    assert hidden.report.hit_rate > 0.5
    assert hidden.report.num_bytes == (len(seen) + 1) * (2 * 2 * 16 + 32) * 4


def test_a_state_within_a_known_row_costs_one_token(policy):
    hidden = CachedHidden(policy)
    hidden([[1, 2, 3, 4]])
    hidden([[1, 2], [1, 2, 3, 4]])
    assert hidden.num_computed == 5
    hidden([[1, 2]])
    assert hidden.num_computed == 5


def test_what_was_used_last_is_kept_and_leaves_go_before_their_parents(policy):
    store = PrefixStore(policy, max_tokens=8)
    store.hidden([[1, 2, 3, 4]])
    store.hidden([[5, 6, 7]])
    store.hidden([[1, 2]])  # computes the state after 2 for itself
    assert store.num_computed == 8
    store.hidden([[8, 9]])  # one cell is free; the leaf 4 is older than 5, 6 and 7
    assert (store.num_computed, store.report.evicted) == (10, 1)
    store.hidden([[5, 6, 7], [1, 2]])
    assert store.num_computed == 10
    store.hidden([[1, 2, 3]])  # its keys and values are held, its state never was
    assert (store.num_computed, store.report.evicted) == (11, 1)


def test_rows_longer_than_the_budget_are_recomputed(policy):
    rows = [[1, 2], list(range(20)), [1, 2, 3]]
    hidden = CachedHidden(policy, max_tokens=4)
    torch.testing.assert_close(hidden(rows), RecomputedHidden(policy)(rows), atol=1e-5, rtol=1e-5)
    assert hidden.num_computed == 3 + 20
    torch.testing.assert_close(hidden(rows[1:2]), RecomputedHidden(policy)(rows[1:2]), atol=1e-5, rtol=1e-5)
    with pytest.raises(InvalidValueError, match="20 tokens in a store of max_tokens=4"):
        PrefixStore(policy, max_tokens=4).hidden(rows)


def test_changed_weights_are_noticed_and_nan_does_not_stay(policy):
    rows = [[1, 2, 3], [1, 2, 4]]
    hidden = CachedHidden(policy)
    before = hidden(rows).clone()
    weight = policy.model.model.layers[0].mlp.down_proj.weight
    with torch.no_grad():
        weight.add_(0.1)
        changed = hidden(rows)
        assert not torch.allclose(changed, before)
        torch.testing.assert_close(changed, RecomputedHidden(policy)(rows), atol=1e-5, rtol=1e-5)
        saved = weight.clone()
        weight.fill_(torch.nan)
        assert hidden(rows).isnan().any()
        assert hidden.report.held == 0
        weight.copy_(saved)
    torch.testing.assert_close(hidden(rows), changed, atol=0, rtol=0)
    hidden.weights_changed()
    assert hidden.report[-2:] == (0, 0)


def test_adapters_are_applied(policy):
    add_lora(policy, rank=2)
    with torch.no_grad():
        for name, parameter in policy.model.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.1)
    rows = [[1, 2, 3], [1, 2, 4, 5]]
    torch.testing.assert_close(
        CachedHidden(policy)(rows), RecomputedHidden(policy)(rows), atol=1e-5, rtol=1e-5
    )


def test_other_models_are_recomputed():
    policy = Policy(make_model("gpt_neox"))
    hidden = CachedHidden(policy)
    rows = [[1, 2, 3], [1, 2]]
    torch.testing.assert_close(hidden(rows), RecomputedHidden(policy)(rows), atol=1e-5, rtol=1e-5)
    assert (hidden.store, hidden.num_computed) == (None, 5)
    hidden.weights_changed()
    assert isinstance(make_last_hidden(policy), RecomputedHidden)
    with pytest.raises(UnsupportedModelError, match="GPTNeoX"):
        PrefixStore(policy)


def test_a_state_model_takes_it(policy):
    rows = [[1, 2, 3], [1, 2]]
    states = PolicyStates(policy, hidden=make_last_hidden(policy))
    found = states.evaluate(rows)
    np.testing.assert_allclose(found.logps, PolicyStates(policy).evaluate(rows).logps, atol=1e-5)
    assert states.num_computed == 3


def test_bad_rows_are_refused_and_change_nothing(policy):
    hidden = CachedHidden(policy)
    good = hidden([[1, 2]])
    for rows, error in (
        ([], InvalidValueError),
        ([[1], []], InvalidValueError),
        ([[1, VOCAB_SIZE]], TokenOutOfVocabularyError),
        ([[1, -1]], TokenOutOfVocabularyError),
        ([[1] * (CONTEXT + 1)], ContextLengthError),
    ):
        with pytest.raises(error):
            hidden(rows)
    assert torch.equal(hidden([[1, 2]]), good)
    assert hidden.num_computed == 2
    for options in ({"max_tokens": 0}, {"min_shared": 0}, {"method": "best"}):
        with pytest.raises(InvalidValueError):
            PrefixStore(policy, **options)


def test_an_interrupted_call_leaves_nothing_half_done_behind(policy, monkeypatch):
    store = PrefixStore(policy)
    store.hidden([[1, 2]])

    def fail(tokens, plan):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store._forward, "hidden", fail)
        with pytest.raises(KeyboardInterrupt):
            store.hidden([[1, 2, 3]])
    torch.testing.assert_close(store.hidden([[1, 2, 3]]), RecomputedHidden(policy)([[1, 2, 3]]))


def shared_length(first: list[int], second: list[int]) -> int:
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return sum(1 for _ in same)


def most_saved(overlaps: list[int]) -> int:
    """The best sum of trunk * (rows - 1) over disjoint subtrees, by trying all intervals."""
    n = len(overlaps)
    best = [0] * (n + 1)
    for stop in range(1, n + 1):
        best[stop] = best[stop - 1]
        for first in range(stop - 1):
            trunk = min(overlaps[first + 1 : stop])
            is_subtree = (first == 0 or overlaps[first] < trunk) and (stop == n or overlaps[stop] < trunk)
            if is_subtree:
                best[stop] = max(best[stop], best[first] + trunk * (stop - first - 1))
    return best[n]


@pytest.mark.parametrize("ids", [(0, 1, 2), (0, 127, 128), (255, 256, 70_000)])
def test_rows_are_sorted_and_grouped_where_they_share_most(ids):
    rng = np.random.default_rng(3)
    for _ in range(100):
        rows = [rng.choice(ids, rng.integers(1, 8)).tolist() for _ in range(rng.integers(1, 9))]
        batch = sort_rows(rows, 100_000)
        assert batch.rows == sorted({tuple(row): row for row in rows}.values())
        assert [batch.rows[place] for place in batch.places] == rows
        assert batch.overlaps.tolist() == [
            0, *(shared_length(first, second) for first, second in itertools.pairwise(batch.rows))
        ]  # fmt: skip
        groups = group_rows(batch.overlaps.tolist())
        assert sum(group.trunk * (group.stop - group.first - 1) for group in groups) == most_saved(
            batch.overlaps.tolist()
        )
        trunks = [batch.rows[group.first][: group.trunk] for group in groups]
        number = {place: n for n, group in enumerate(groups) for place in range(group.first, group.stop)}
        for first, second in itertools.combinations(range(len(batch.rows)), 2):
            shared = batch.rows[first][: shared_length(batch.rows[first], batch.rows[second])]
            if shared and number.get(first, first - 100) != number.get(second, second - 100):
                assert any(trunk[: len(shared)] == shared for trunk in trunks)
