"""From the options of `lmgym search` to a search that is ready to run.

In: ``SearchOptions`` and what a model's folder holds. Out: a ``SearchMethod``. Options that can't work
together are refused before anything runs. Left out: problems, results (``search``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

from lmgym.errors import InvalidValueError
from lmgym_agents.engine import Engine
from lmgym_agents.models import load_policy
from lmgym_agents.policy import Policy
from lmgym_agents.prefixes.cache import make_last_hidden
from lmgym_agents.process.reward import LearnedSteps
from lmgym_agents.q.model import QModel, QStates
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.beam import Beam
from lmgym_agents.search.best_first import BestFirst
from lmgym_agents.search.best_first_config import BestFirstConfig, Order
from lmgym_agents.search.best_of_n import BestOfN, Select
from lmgym_agents.search.expansion import Accept, Expander, LeafValues
from lmgym_agents.search.leaf_values import (
    ModelValues,
    ProcessRewardValues,
    RolloutLeafValues,
    Terminal,
    VerifierValues,
)
from lmgym_agents.search.majority import Majority
from lmgym_agents.search.mcts import MCTS
from lmgym_agents.search.mcts_config import MCTSConfig
from lmgym_agents.search.results import SearchBudget, SearchMethod
from lmgym_agents.search.sampling_expander import ResponseExpander, StepExpander
from lmgym_agents.search.states import Transitions
from lmgym_agents.search.token_expander import TokenExpander
from lmgym_agents.search.valued_expander import ValuedExpander
from lmgym_agents.state_model import PolicyStates, StateModel

Method = Literal[
    "greedy", "best_of_n", "majority", "beam", "a_star", "weighted_a_star", "best_first", "levin", "q_star",
    "mcts", "gumbel",
]  # fmt: skip
ValueSource = Literal["auto", "model", "process_reward", "rollouts", "verifier", "none"]

SAMPLING: Final = ("greedy", "best_of_n", "majority")
"""Methods that sample whole episodes and grow no tree."""
_ORDERS: Final[dict[str, Order]] = {
    "a_star": "a_star", "weighted_a_star": "a_star", "best_first": "best_first", "levin": "levin",
    "q_star": "q_star",
}  # fmt: skip
_NEED_VALUES: Final = ("weighted_a_star", "best_first", "q_star")
_NO_VALUES: Final = ("greedy", "majority", "levin")
_UNTIL_BUDGET: Final = 1_000_000
_SIMULATIONS: Final = 32


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How to search."""

    method: Method = "best_of_n"
    """greedy decoding, sampling (best_of_n, majority), or a tree: by levels (beam), best first (a_star ...
    levin), Monte Carlo (mcts, gumbel)"""
    granularity: Literal["token", "step", "response"] = "token"
    """what an action of a tree is: the likeliest tokens, or sampled lines or responses"""
    top_k: int = 8
    """most tokens considered in a state"""
    top_p: float = 1.0
    """tokens considered: the fewest that have this share of the policy's probability; a Q function knows
    little of others"""
    samples: int = 8
    """steps or responses sampled in a state; episodes of best_of_n and majority at most"""
    temperature: float = 1.0
    """of sampling"""
    values: ValueSource = "auto"
    """what states are worth: a Q model's Q or a trained value head (model), a process reward model,
    roll-outs, the verifier's word on finished episodes alone, or nothing (none); auto: model for a Q model,
    else none"""
    process_reward: Path | None = None
    """folder of a process reward model, for --values process_reward, or as g of q_star"""
    rollouts: int = 4
    """sampled from each state, for --values rollouts"""
    accept: Accept = "any"
    """which finished episodes answer: those that the verifier calls correct (for puzzles that check
    themselves; elsewhere it is a look at the solution), or any, by value, votes or log-prob"""
    width: int = 4
    """of a beam"""
    weight: float = 3.0
    """of the heuristic in weighted_a_star"""
    cost: Literal["steps", "nlogp"] = "steps"
    """of an action in a_star and weighted_a_star: 1, or minus its log-prob"""
    anytime: bool = False
    """best-first methods go on after the first answer, until it is proven best or the budget is used up"""
    simulations: int | None = None
    """of mcts and gumbel, for each decision; none: 32, or with one tree of mcts as the budget lasts"""
    commit_every: int | None = None
    """actions that mcts and gumbel take after each decision; 0: one tree, whose best episode answers; none: 0
    for mcts with --accept verifier, else 1, because the best of many learned values is often an error"""
    max_tokens: int | None = 256
    """tokens of the model for each problem, the prompt's aside"""
    max_nodes: int | None = None
    """states expanded for each problem"""
    max_seconds: float | None = None
    """for all problems that are searched side by side"""

    def __post_init__(self) -> None:
        for name in ("top_k", "samples", "rollouts", "width"):
            if getattr(self, name) < 1:
                raise InvalidValueError(
                    f"SearchOptions.{name} is {getattr(self, name)!r}; allowed: integers from 1."
                )
        if not 0 < self.top_p <= 1:
            raise InvalidValueError(f"SearchOptions.top_p is {self.top_p!r}; allowed: numbers in (0, 1].")
        if not self.temperature > 0:
            raise InvalidValueError(
                f"SearchOptions.temperature is {self.temperature!r}; allowed: positive numbers. Without "
                "sampling: --method greedy."
            )
        if self.simulations is not None and self.simulations < 1:
            raise InvalidValueError(
                f"SearchOptions.simulations is {self.simulations}; allowed: integers from 1, or none."
            )
        for problem, advice in self._contradictions():
            raise InvalidValueError(f"{problem}; {advice}.")

    def _contradictions(self) -> list[tuple[str, str]]:
        """Returns what can't work together, and what to do."""
        method, value = self.method, self.values
        checks = (
            (method == "majority" and self.accept == "verifier",
             "majority votes without a verifier", "use --accept any, or --method best_of_n"),
            (method in _NO_VALUES and value not in ("auto", "none"),
             f"{method} asks for no values, and --values {value} was given", "leave it out"),
            (method in _NEED_VALUES and value == "none",
             f"{method} goes by values, and --values none was given", "take levin, a_star or beam"),
            (self.accept == "any" and value in ("rollouts", "verifier"),
             f"--values {value} asks the verifier, and --accept any says not to",
             "use --accept verifier, where a problem checks itself"),
            (value == "process_reward" and self.process_reward is None,
             "--values process_reward needs a model", "give its folder with --process-reward"),
            (self.process_reward is not None and value != "process_reward" and method != "q_star",
             "--process-reward was given and nothing asks it", "add --values process_reward"),
            (method in SAMPLING and self.granularity != "token",
             f"{method} samples whole episodes and has no --granularity", "leave it out"),
            (self.anytime and method not in _ORDERS,
             f"{method} has no --anytime", "leave it out"),
            (method not in ("mcts", "gumbel") and (self.simulations, self.commit_every) != (None, None),
             f"{method} has no simulations", "leave --simulations and --commit-every out"),
        )  # fmt: skip
        return [(problem, advice) for is_wrong, problem, advice in checks if is_wrong]

    @property
    def budget(self) -> SearchBudget:
        """What one problem's search may use."""
        return SearchBudget(
            max_tokens=self.max_tokens, max_nodes=self.max_nodes, max_seconds=self.max_seconds
        )

    @property
    def terminal(self) -> Terminal:
        """Who values finished episodes."""
        return "verifier" if self.accept == "verifier" else "model"


class SearchParts(NamedTuple):
    """What searches are made of."""

    policy: Policy
    q_model: QModel | None
    transitions: Transitions
    engine: Engine
    shares_cache: bool = True
    """Keep keys and values of prefixes between calls."""


def make_method(options: SearchOptions, parts: SearchParts, *, keep_tree: bool = False) -> SearchMethod:
    """Returns the search that options ask for.

    Raises:
        InvalidValueError: the method needs values, and the model has none.
        ModelError: the folder of the process reward model can't be loaded.
    """
    if options.method in SAMPLING:
        return _make_sampling(options, parts)
    source = _value_source(options, parts)
    model = _make_states(parts, source)
    transitions, budget = parts.transitions, options.budget
    expander = _make_expander(options, parts, model)
    values = _make_values(options, parts, model, source)
    has_q = options.granularity == "token" and source == "model" and parts.q_model is not None
    if options.method == "beam":
        score: Literal["q", "value", "logp"] = "q" if has_q else "logp" if values is None else "value"
        return Beam(
            expander, transitions, budget, width=options.width, score=score, values=values,
            accept=options.accept, keep_tree=keep_tree,
        )  # fmt: skip
    if options.method in ("mcts", "gumbel"):
        # Tokens come with what the model says of them by the same forward pass; all else has to be asked.
        asked = None if options.granularity == "token" and source == "model" else values
        return MCTS(transitions, expander, asked, _make_mcts_config(options), budget=budget)
    if values is not None and not has_q and options.method != "levin":
        expander = ValuedExpander(expander, values, transitions)
    rewards = None
    if options.method == "q_star" and options.process_reward is not None and source != "process_reward":
        rewards = _make_process_values(options, parts)
    config = BestFirstConfig(
        order=_ORDERS[options.method],
        heuristic="zero" if source == "none" else "log_q",
        cost=options.cost if options.method in ("a_star", "weighted_a_star") else "steps",
        weight=options.weight if options.method == "weighted_a_star" else 1.0,
        anytime=options.anytime,
        accept=options.accept,
        keep_tree=keep_tree,
    )
    return BestFirst(expander, transitions, budget, config, rewards=rewards)


def _make_sampling(options: SearchOptions, parts: SearchParts) -> SearchMethod:
    engine, transitions, budget = parts.engine, parts.transitions, options.budget
    params = SamplingParams(
        max_new_tokens=transitions.max_new_tokens,
        temperature=0.0 if options.method == "greedy" else options.temperature,
    )
    if options.method == "majority":
        return Majority(engine, transitions, budget, n=options.samples, params=params)
    if options.method == "greedy":
        return BestOfN(
            engine, transitions, budget, n=1, select="first", accept=options.accept, params=params
        )  # fmt: skip
    source = _value_source(options, parts)
    values = None
    if options.accept == "any":
        values = _make_values(options, parts, _make_states(parts, source), source)
    select: Select = "first" if options.accept == "verifier" else "logp" if values is None else "value"
    return BestOfN(
        engine, transitions, budget, n=options.samples, select=select, accept=options.accept, values=values,
        params=params,
    )  # fmt: skip


def _value_source(options: SearchOptions, parts: SearchParts) -> ValueSource:
    source = options.values
    if source == "auto":
        source = "none" if parts.q_model is None or options.method in _NO_VALUES else "model"
    if source == "none" and options.method in _NEED_VALUES:
        raise InvalidValueError(
            f"{options.method} goes by values, and the model is no Q model; train one with `lmgym train q`, "
            "or give --values model (a trained value head), process_reward or rollouts."
        )
    if source == "none" and options.method in ("mcts", "gumbel") and options.accept == "any":
        raise InvalidValueError(
            f"{options.method} with --accept any needs values, and the model is no Q model; give --values, "
            "or --accept verifier where a problem checks itself."
        )
    return source


def _make_states(parts: SearchParts, source: ValueSource) -> StateModel:
    hidden = make_last_hidden(parts.policy) if parts.shares_cache else None
    if source != "model" or parts.q_model is None:
        return PolicyStates(parts.policy, hidden=hidden, has_values=source == "model")
    frozen_hidden = None
    if parts.shares_cache and parts.q_model.reference is not None:
        with parts.q_model.reference.frozen() as frozen:
            frozen_hidden = make_last_hidden(frozen)
    return QStates(parts.q_model, hidden=hidden, reference_hidden=frozen_hidden)


def _make_expander(options: SearchOptions, parts: SearchParts, model: StateModel) -> Expander:
    transitions = parts.transitions
    if options.granularity == "token":
        return TokenExpander(model, transitions, top_k=options.top_k, top_p=_top_p(options))
    kind = StepExpander if options.granularity == "step" else ResponseExpander
    params = SamplingParams(max_new_tokens=transitions.max_new_tokens, temperature=options.temperature)
    return kind(
        parts.engine, transitions, num_samples=options.samples, params=params, policy=parts.policy
    )  # fmt: skip


def _top_p(options: SearchOptions) -> float | None:
    return None if options.top_p == 1 else options.top_p


def _make_values(
    options: SearchOptions, parts: SearchParts, model: StateModel, source: ValueSource
) -> LeafValues | None:
    transitions = parts.transitions
    if source == "model":
        support = TokenExpander(model, transitions, top_k=options.top_k, top_p=_top_p(options))
        return ModelValues(
            model, transitions, terminal=options.terminal,
            read="value" if parts.q_model is None else "max_q",
            support=None if parts.q_model is None else support,
        )  # fmt: skip
    if source == "process_reward":
        return _make_process_values(options, parts)
    if source == "rollouts":
        params = SamplingParams(max_new_tokens=transitions.max_new_tokens, temperature=options.temperature)
        return RolloutLeafValues(parts.engine, transitions, num_rollouts=options.rollouts, params=params)
    return VerifierValues(transitions) if source == "verifier" else None


def _make_process_values(options: SearchOptions, parts: SearchParts) -> ProcessRewardValues:
    assert options.process_reward is not None
    policy = load_policy(options.process_reward, device=parts.policy.device)
    steps = LearnedSteps(policy, parts.transitions.tokenizer)
    return ProcessRewardValues(steps, parts.transitions, terminal=options.terminal)


def _make_mcts_config(options: SearchOptions) -> MCTSConfig:
    root: Literal["puct", "gumbel"] = "gumbel" if options.method == "gumbel" else "puct"
    commit_every = options.commit_every
    if commit_every is None:
        commit_every = 0 if root == "puct" and options.accept == "verifier" else 1
    is_one_tree = root == "puct" and commit_every == 0
    simulations = options.simulations or (_UNTIL_BUDGET if is_one_tree else _SIMULATIONS)
    return MCTSConfig(
        max_simulations=simulations, commit_every=commit_every, root=root, accept=options.accept,
        skip_finished=is_one_tree, length_normalised=options.granularity != "token",
    )  # fmt: skip
