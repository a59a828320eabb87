"""The searches that expert iteration can be given by name.

In: what a search is made from. Out: the search. Left out: when it is run. Any other search goes in as a
function of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from lmgym_agents.algorithms.expert_iteration import MakeSearch, SearchSetting
from lmgym_agents.algorithms.expert_iteration_config import SearchName
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.best_first import BestFirst
from lmgym_agents.search.best_first_config import BestFirstConfig
from lmgym_agents.search.best_of_n import BestOfN
from lmgym_agents.search.leaf_values import ModelValues
from lmgym_agents.search.mcts import MCTS
from lmgym_agents.search.mcts_config import MCTSConfig
from lmgym_agents.search.results import SearchBudget, SearchMethod
from lmgym_agents.search.token_expander import TokenExpander
from lmgym_agents.state_model import PolicyStates

TOP_K: Final = 8
"""Next tokens that a tree considers in each state."""


def make_best_of_n(setting: SearchSetting) -> SearchMethod:
    """Returns plain sampling: ``samples`` responses to each problem, right and wrong ones."""
    params = SamplingParams(max_new_tokens=1, temperature=setting.temperature)
    return BestOfN(
        setting.engine, setting.transitions, SearchBudget(max_nodes=setting.samples), n=setting.samples,
        select="first", params=params,
    )  # fmt: skip


def make_mcts(setting: SearchSetting) -> SearchMethod:
    """Returns a tree over tokens that goes on after its first solution, as its visits are learned.

    Leaves are worth what the value head says, finished episodes what the verifier says.

    Raises:
        InvalidValueError: the policy's value head is not "shared", or the temperature is 0.
    """
    model = PolicyStates(setting.policy, has_values=True)
    transitions = setting.transitions
    config = MCTSConfig(
        max_simulations=setting.samples, stop_at_first=False, prior_temperature=setting.temperature
    )
    return MCTS(
        transitions,
        TokenExpander(model, transitions, top_k=TOP_K),
        ModelValues(model, transitions, terminal="verifier", value_range=(0.0, 1.0)),
        config,
    )


def make_levin(setting: SearchSetting) -> SearchMethod:
    """Returns LevinTS over tokens: each problem's likeliest responses in turn, until one is right.

    ``samples`` are the states that are expanded; ``temperature`` plays no part.
    """
    expander = TokenExpander(PolicyStates(setting.policy), setting.transitions, top_k=TOP_K)
    budget = SearchBudget(max_nodes=setting.samples)
    return BestFirst(expander, setting.transitions, budget, BestFirstConfig(order="levin"))


SEARCHES: Final[Mapping[SearchName, Callable[[SearchSetting], SearchMethod]]] = MappingProxyType(
    {"best_of_n": make_best_of_n, "mcts": make_mcts, "levin": make_levin}
)


def search_named(name: SearchName) -> MakeSearch:
    """Returns what makes the search of this name."""
    return SEARCHES[name]
