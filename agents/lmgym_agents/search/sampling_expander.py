"""Steps and whole responses as actions: k continuations sampled by the engine, equal ones merged.

In: states. Out: different continuations with their log-probs under the policy. Left out: what they are worth
(``leaf_values``; ``ValuedExpander`` joins the two).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_key
from lmgym_agents.policy import Policy
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.completion import Said, Sampler, room_for, sample_actions, state_stream
from lmgym_agents.search.expansion import Candidates, no_candidates
from lmgym_agents.search.states import Action, SearchState, Transitions
from lmgym_agents.token_logps import PLAIN_MAX_LOGITS


class _Sampled:
    """Samples continuations that end with one of ``stop_ids`` or with the turn's budget."""

    def __init__(
        self,
        engine: Sampler,
        transitions: Transitions,
        stop_ids: Sequence[int],
        *,
        num_samples: int,
        params: SamplingParams | None,
        policy: Policy | None,
    ) -> None:
        params = params or SamplingParams(max_new_tokens=transitions.max_new_tokens)
        is_plain = params.is_greedy or (params.temperature == 1 and not params.top_k and params.top_p == 1)
        if num_samples < 1:
            raise InvalidValueError(f"num_samples must be an integer of at least 1, got {num_samples!r}.")
        if policy is None and not is_plain:
            raise InvalidValueError(
                "samples at another temperature than 1, or of a truncated distribution, come without the "
                "policy's own log-probs; give policy= to have them computed."
            )
        self._engine, self._transitions = engine, transitions
        self._policy = None if is_plain else policy
        self._num_samples = 1 if params.is_greedy else num_samples
        self._params = dataclasses.replace(params, stop_ids=tuple(stop_ids))

    def expand(self, states: Sequence[SearchState], *, seed: int) -> list[Candidates]:
        """See ``Expander``."""
        rooms = [room_for(self._engine, self._transitions, state) for state in states]
        open_rows = [i for i, room in enumerate(rooms) if room > 0]
        rows = [i for i in open_rows for _ in range(self._num_samples)]
        firsts = {i: state_stream(states[i], seed) for i in open_rows}
        said = sample_actions(
            self._engine,
            [states[i] for i in rows],
            self._params,
            rooms=[rooms[i] for i in rows],
            streams=[firsts[i] + number % self._num_samples for number, i in enumerate(rows)],
            seed=make_key(seed, "expand"),
        )
        if self._policy is not None:
            said = _scored(self._policy, [states[i] for i in rows], said)
        found = [no_candidates("too_long")] * len(states)
        for place, i in enumerate(open_rows):
            found[i] = _merged(said[place * self._num_samples : (place + 1) * self._num_samples])
        return found


class StepExpander(_Sampled):
    """Proposes steps: what the policy says up to and with the delimiter, or the end of its turn."""

    def __init__(
        self,
        engine: Sampler,
        transitions: Transitions,
        *,
        num_samples: int,
        params: SamplingParams | None = None,
        delimiter: str = "\n",
        policy: Policy | None = None,
    ) -> None:
        r"""Joins the parts.

        Args:
            engine: samples.
            transitions: of the same tokenizer.
            num_samples: k, drawn in each state; equal ones are merged. Greedy sampling draws one.
            params: how tokens are drawn, by default at temperature 1; ``max_new_tokens`` bounds a step.
            delimiter: a step ends with the first token that holds it, whole; a token such as ")\n" is kept
                as it is.
            policy: computes log-probs anew where ``params`` are not those of the plain softmax.

        Raises:
            InvalidValueError: no token holds the delimiter, ``num_samples`` below 1, or ``policy`` is needed.
        """
        tokenizer = transitions.tokenizer
        ends = set(tokenizer.end_ids)
        holding = [
            i for i in range(tokenizer.vocab_size) if i not in ends and delimiter in tokenizer.decode([i])
        ]
        if not delimiter or not holding:
            raise InvalidValueError(
                f"no single token of {tokenizer.name!r} holds the delimiter {delimiter!r}."
            )
        stop_ids = (*tokenizer.end_ids, *holding)
        super().__init__(engine, transitions, stop_ids, num_samples=num_samples, params=params, policy=policy)


class ResponseExpander(_Sampled):
    """Proposes whole turns of the agent."""

    def __init__(
        self,
        engine: Sampler,
        transitions: Transitions,
        *,
        num_samples: int,
        params: SamplingParams | None = None,
        policy: Policy | None = None,
    ) -> None:
        """Joins the parts; as ``StepExpander``, but a turn always gets the whole of its budget."""
        if params is not None:
            params = dataclasses.replace(params, max_new_tokens=transitions.max_new_tokens)
        stop_ids = transitions.tokenizer.end_ids
        super().__init__(engine, transitions, stop_ids, num_samples=num_samples, params=params, policy=policy)


def _merged(said: Sequence[Said]) -> Candidates:
    """Returns the different ones, the likeliest first."""
    different: dict[Action, float] = {}
    for action, logp in said:
        different.setdefault(action, logp)
    ranked = sorted(different.items(), key=lambda item: (-item[1], item[0]))
    num_equal = len(said) - len(ranked)
    return Candidates(
        tuple(action for action, _ in ranked),
        np.array([logp for _, logp in ranked], np.float64),
        None,
        None,
        sum(len(action) for action, _ in said),
        {"duplicates": num_equal} if num_equal else {},
    )


def _scored(policy: Policy, states: Sequence[SearchState], said: Sequence[Said]) -> list[Said]:
    """Returns the same actions with their log-probs under the policy at temperature 1."""
    rows = [(*state.tokens, *action) for state, (action, _) in zip(states, said, strict=True)]
    found: list[Said] = []
    size = max(1, PLAIN_MAX_LOGITS // (policy.vocab_size * max(map(len, rows), default=1)))
    for start in range(0, len(rows), size):
        part, actions = rows[start : start + size], [action for action, _ in said[start : start + size]]
        lengths = torch.tensor([len(row) for row in part])
        ids = torch.zeros(len(part), int(lengths.max()), dtype=torch.int64)
        for place, row in enumerate(part):
            ids[place, : len(row)] = torch.tensor(row)
        columns, starts = torch.arange(ids.shape[1]), lengths - torch.tensor([len(a) for a in actions])
        is_action = (columns >= starts[:, None]) & (columns < lengths[:, None])
        with torch.inference_mode():
            logps = policy.evaluate(ids, lengths, is_action=is_action, need_values=False).logps.cpu()
        sums = (logps * is_action).double().sum(dim=1).tolist()
        found += [Said(action, logp) for action, logp in zip(actions, sums, strict=True)]
    return found
