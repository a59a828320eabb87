"""A language model as an agent, and any agent in the place of an engine.

What an agent is stands in ``lmgym.agent``. One is evaluated as ``evaluate(agent, "lmgym/Math-v0")``, or from
the command line by its name (see ``agent_specs``). Left out: learning (see ``algorithms``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from lmgym.agent import Agent
from lmgym.agent_turns import take_turns
from lmgym.chat_template import make_chat_tokenizer
from lmgym.conversation import has_marks
from lmgym.errors import InvalidValueError
from lmgym.seeding import make_key
from lmgym.tokenization import TextTokenizer
from lmgym_agents.decoding.batching import Progress
from lmgym_agents.engine import Engine, Generation
from lmgym_agents.policy import Policy
from lmgym_agents.sampling import SamplingParams


class LMAgent:
    """A language model as an agent: policy, engine and tokenizer."""

    granularity: Literal["token", "response"] = "token"

    def __init__(
        self,
        policy: Policy,
        tokenizer: TextTokenizer,
        params: SamplingParams | None = None,
        *,
        engine: Engine | None = None,
        seed: int = 0,
    ) -> None:
        """Joins the parts.

        Args:
            policy: its present weights are used at every call.
            tokenizer: the policy's.
            params: how responses are drawn; by default greedily.
            engine: over ``policy.model``; made if not given.
            seed: of the sampling by ``act`` and ``respond``.
        """
        self.policy, self.tokenizer = policy, tokenizer
        params = params or SamplingParams(max_new_tokens=256, temperature=0)
        self.params = dataclasses.replace(params, stop_ids=params.stop_ids or tokenizer.end_ids)
        self.engine = engine or Engine(policy.model, max_rows=1024, pad_id=tokenizer.pad_id)
        self._seed, self._calls = seed, 0

    def act(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Returns the next token of each row, int64[B]."""
        lengths = observations["attention_mask"].sum(axis=1)
        rows = [ids[:length] for ids, length in zip(observations["input_ids"], lengths, strict=True)]
        return self._generate(rows, 1, ()).tokens[:, 0].numpy()

    def respond(self, prompts: Sequence[str], *, max_new_tokens: int | None = None) -> list[str]:
        """Returns the responses to texts, special tokens dropped.

        Args:
            prompts: B texts, without special tokens; or B conversations with marks, written with the
                tokenizer's chat template.
            max_new_tokens: budget of each response; default: that of ``params``.
        """
        is_chat = any(map(has_marks, prompts))
        tokenizer = make_chat_tokenizer(self.tokenizer) if is_chat else self.tokenizer
        prefix = list(tokenizer.prefix_ids)
        rows = [prefix + ids.tolist() for ids in tokenizer.encode_batch(prompts)]
        generation = self._generate(rows, max_new_tokens or self.params.max_new_tokens, tokenizer.end_ids)
        return tokenizer.decode_batch(generation.tokens.numpy(), generation.lengths.numpy())

    def _generate(
        self, rows: Sequence[ArrayLike], max_new_tokens: int, more_stop_ids: tuple[int, ...]
    ) -> Generation:
        self._calls += 1
        stop_ids = tuple(dict.fromkeys((*self.params.stop_ids, *more_stop_ids)))
        params = dataclasses.replace(self.params, max_new_tokens=max_new_tokens, stop_ids=stop_ids)
        return self.engine.generate(rows, params, seed=make_key(self._seed, "agent", self._calls))


class AgentEngine:
    """Any agent in the place of an ``Engine``: token prompts in, tokens out, so that it can be rolled out.

    Log-probs are 0, as nobody knows them.
    """

    def __init__(self, agent: Agent, tokenizer: TextTokenizer) -> None:
        check_agent(agent)
        self._agent, self._tokenizer = agent, tokenizer

    def generate(
        self,
        prompts: Sequence[ArrayLike],
        params: SamplingParams,
        *,
        seed: int,
        max_new_tokens: ArrayLike,
        request_ids: ArrayLike | None = None,
        on_progress: Progress | None = None,
    ) -> Generation:
        """Asks the agent; ``params``, ``seed`` and ``request_ids`` are the agent's own business."""
        tokens = take_turns(self._agent, self._tokenizer, prompts, max_new_tokens)
        lengths = np.array([len(row) for row in tokens], np.int64)
        table = np.full((len(tokens), int(lengths.max())), self._tokenizer.pad_id, np.int64)
        for row, given in enumerate(tokens):
            table[row, : len(given)] = given
        stopped = [row[-1] in self._tokenizer.end_ids for row in tokens]
        if on_progress is not None:
            on_progress(len(tokens), int(lengths.sum()))
        return Generation(
            tokens=torch.from_numpy(table),
            lengths=torch.from_numpy(lengths),
            logps=torch.zeros(table.shape),
            stopped=torch.tensor(stopped),
        )


def check_agent(agent: object) -> None:
    """Raises InvalidValueError unless ``agent`` has what ``Agent`` asks for."""
    granularity = getattr(agent, "granularity", None)
    if not callable(getattr(agent, "act", None)) or granularity not in ("token", "response"):
        raise InvalidValueError(
            f"{type(agent).__name__} is no agent: it needs a method act(observations) and an attribute "
            f"granularity of 'token' or 'response', got granularity={granularity!r}."
        )
