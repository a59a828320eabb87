"""What the benchmark knows of an agent: it acts on batches, and may learn, save and load. No torch needed.

    class Calculator:
        granularity = "response"

        def act(self, observations):  # a list of prompts in, as many responses out
            return [str(add(prompt)) for prompt in observations]

Everything beyond ``granularity`` and ``act`` is optional, and an agent simply has the methods it wants:

- ``observe(experience)``: the benchmark plays training episodes by ``act`` and tells what they earned.
- ``learn(training)``: the agent trains itself, in environments that it takes from ``training``. An agent has
  ``observe`` or ``learn``, not both.
- ``begin(training)``: told once, before anything else, where it will train; the place to load
  ``training.model``, so that it can be measured before it has learned; training there fails the job.
- ``save(folder)`` and ``load(folder)``: what was learned, so that a killed run goes on.
- ``explores``: if there is such an attribute it is True while training episodes are played, False in
  measurements.
- ``tokenizer``: environments are made with it.
- ``reads_marks``: True: it is given conversations with the marks of ``lmgym.conversation``; else as people
  read them, "User: …".
- a parameter ``seed`` of its constructor is given the seed of the run.

Left out: how agents are measured (``lmgym_agents.evaluation``) and compared (``lmgym_agents.bench``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lmgym.envs.vector import TokenVectorEnv
    from lmgym.records import Transcript
    from lmgym.tokenization import TextTokenizer


@runtime_checkable
class Agent(Protocol):
    """Acts on batched observations; see the module for what it may have beyond this."""

    granularity: Literal["token", "response"]
    """What an action is."""

    def act(self, observations: Any) -> Any:
        """Returns one action for each of B observations.

        Args:
            observations: "response": a list of B texts, each the episode so far. "token": a dict with
                ``input_ids`` int32[B, L] and ``attention_mask`` int8[B, L], as the environments give them.

        Returns:
            "response": B texts. "token": integers[B], one token a row; the end token ends a turn.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Experience:
    """B finished training episodes, as ``observe`` is told of them. Rows whose reward failed are left out."""

    prompts: tuple[str, ...]
    responses: tuple[tuple[str, ...], ...]
    """What the agent said in each episode, a text for each of its turns."""
    transcripts: tuple[Transcript, ...]
    """The same with the replies in between."""
    rewards: NDArray[np.float64]
    """float64[B], the sum of each episode's rewards."""
    success: NDArray[np.bool_]
    """bool[B], whether the verifier accepted it."""
    input_ids: NDArray[np.int32]
    """int32[B, L], each episode's tokens, padded on the right."""
    lengths: NDArray[np.int32]
    """int32[B], tokens in each row."""
    is_action: NDArray[np.bool_]
    """bool[B, L], True where a token is the agent's."""
    token_rewards: NDArray[np.float64]
    """float64[B, L], each reward at the token that earned it."""
    terminated: NDArray[np.bool_]
    """bool[B], True: the task ended; False: the episode's token budget did."""


class Training(Protocol):
    """What an agent that trains itself is given: environments, a budget of tokens, a place for its state.

    The budget is counted by the environments. When it is spent they raise ``BudgetSpentError`` at the next
    action, and before at one of so many rows that it would go far beyond. ``learn`` need not catch this:
    whoever called it takes that for its end.
    """

    env_id: str
    options: Mapping[str, Any]
    """Of the environment, without its split and tokenizer."""
    seed: int
    """Of everything that the agent draws."""
    budget: int
    """Tokens that the agent may act in training; learners from demonstrations may read as many."""
    num_tokens: int
    """Of them, spent so far."""
    model: Path | None
    """Folder of the language model that everybody starts from (Hugging Face format, with its tokenizer); to
    read, not to write."""
    tokenizer: TextTokenizer
    """Of that model, and of the environments."""
    folder: Path
    """Place for the agent's own files; kept."""
    device: str
    """"cpu", "cuda" or "cuda:N", for agents that use torch."""

    def make_env(self, num_envs: int, *, autoreset_mode: str = "DISABLED", **options: Any) -> TokenVectorEnv:
        """Returns rows of the train split, whose tokens count; see ``TokenVectorEnv``.

        Args:
            num_envs: B.
            autoreset_mode: "DISABLED", "NEXT_STEP" or "SAME_STEP".
            options: such as ``mask_actions=True``; not those that would change what is learned.
        """
        ...

    def restore(self) -> dict[str, Any] | None:
        """Returns the state that was last given to ``advance`` before a kill; None at the beginning."""
        ...

    def advance(
        self,
        metrics: Mapping[str, Any] | None = None,
        *,
        timing: Mapping[str, float] | None = None,
        num_gradient_steps: int = 0,
        flops: float | None = None,
        num_read_tokens: int = 0,
        state: Callable[[], dict[str, Any]] | None = None,
    ) -> bool:
        """Is told after each piece of work; measures the agent and saves its state when it is time to.

        Args:
            metrics: plain values to log, the same in every run of the seed.
            timing: seconds and rates to log.
            num_gradient_steps: made since the last call.
            flops: spent since the last call, if they are known.
            num_read_tokens: tokens of demonstrations learned from since the last call; they count as spent.
            state: returns all that later work depends on, tensors, arrays and plain values; without it a
                killed run begins again.

        Returns:
            False: the budget is spent, and ``learn`` should return.
        """
        ...
