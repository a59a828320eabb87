"""A Q model as an agent: it acts by Q, and ranks given responses by one prefill each.

agent = QAgent(load_q_model("runs/math/model"), tokenizer)
evaluate(agent, "lmgym/Math-v0")
agent.rerank("12+7=", ["19", "20"]).order
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_key
from lmgym.tokenization import TextTokenizer, make_tokenizer
from lmgym_agents.engine import Engine, Generation
from lmgym_agents.q.engine import ALL_ACTIONS, Acting, ActingRule, Support, make_q_engine, sampling_params
from lmgym_agents.q.files import load_q_model
from lmgym_agents.q.model import QModel


class Reranking(NamedTuple):
    """Given responses to one prompt, judged by Q."""

    order: list[int]
    """The places of the responses, the best first; equals in the order given."""
    scores: NDArray[np.float32]
    """float32[n], what each response is expected to earn, in the order given."""


class QAgent:
    """A Q model that acts token by token."""

    granularity: Literal["token", "response"] = "token"

    def __init__(
        self,
        model: QModel,
        tokenizer: TextTokenizer,
        *,
        acting: Acting = "greedy",
        temperature: float | None = None,
        seed: int = 0,
        support: Support | None = None,
        engine: Engine | None = None,
        max_new_tokens: int = 256,
    ) -> None:
        """Joins the parts.

        Args:
            model: its present weights are used at every call.
            tokenizer: the model's.
            acting: "greedy": the action of the largest min Q ("logits": the most likely token).
                "boltzmann": softmax(min Q / temperature). "prior": softmax(log π + min Q / temperature), π of
                the language head. For "logits" the last two are plain sampling.
            temperature: in the reward's unit; by default the model's beta.
            seed: of the sampling by ``act`` and ``respond``.
            support: the actions that may be taken; by default all.
            engine: of ``make_q_engine`` for the same model and rule; made if not given.
            max_new_tokens: budget of a response by ``respond``.
        """
        rule = ActingRule(
            acting=acting,
            temperature=model.beta if temperature is None else temperature,
            support=support or ALL_ACTIONS,
        )
        self.model, self.tokenizer, self.rule = model, tokenizer, rule
        self.engine = engine or make_q_engine(model, rule, pad_id=tokenizer.pad_id)
        self.params = sampling_params(rule, max_new_tokens=max_new_tokens, stop_ids=tokenizer.end_ids)
        self._seed, self._calls = seed, 0

    @classmethod
    def load(cls, folder: str | Path, tokenizer: TextTokenizer | None = None, **options: Any) -> QAgent:
        """Returns the agent of a folder that ``save_q_model`` wrote.

        Args:
            folder: with the model and, unless ``tokenizer`` is given, its tokenizer.
            tokenizer: the model's.
            options: see ``QAgent``; also ``device``.

        Raises:
            ModelError: not a Q model, or a damaged one.
        """
        model = load_q_model(folder, options.pop("device", "cpu"))
        return cls(model, tokenizer or make_tokenizer(str(folder)), **options)

    def act(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Returns the next token of each row, int64[B]."""
        lengths = observations["attention_mask"].sum(axis=1)
        rows = [ids[:length] for ids, length in zip(observations["input_ids"], lengths, strict=True)]
        return self._generate(rows, 1).tokens[:, 0].numpy()

    def respond(self, prompts: Sequence[str], *, max_new_tokens: int | None = None) -> list[str]:
        """Returns the responses to texts, special tokens dropped.

        Args:
            prompts: B texts, without special tokens.
            max_new_tokens: budget of each response; default: that of ``params``.
        """
        rows = [self._encode_prompt(prompt) for prompt in prompts]
        generation = self._generate(rows, max_new_tokens or self.params.max_new_tokens)
        return self.tokenizer.decode_batch(generation.tokens.numpy(), generation.lengths.numpy())

    @torch.inference_mode()
    def rerank(self, prompt: str, responses: Sequence[str]) -> Reranking:
        """Returns responses to a prompt ordered by what they are expected to earn; nothing is generated.

        For "heads" the score is min Q(s, a) of the response's last action, its end token. For "logits" it is
        the return that the path implies, V(s_1) + β Σ_t log(π(a_t|s_t) / π_ref(a_t|s_t)), which the residuals
        of all soft-Q variants drive to the reward of the whole response.

        Args:
            prompt: text without special tokens.
            responses: at least one.

        Raises:
            InvalidValueError: no response, or one that does not fit the model's context.
        """
        if not responses:
            raise InvalidValueError("responses is empty; rerank needs at least one.")
        start = self._encode_prompt(prompt)
        ends = [[*ids.tolist(), self.tokenizer.end_id] for ids in self.tokenizer.encode_batch(responses)]
        lengths = torch.tensor([len(start) + len(end) for end in ends])
        context = getattr(self.model.policy.model.config.get_text_config(), "max_position_embeddings", None)
        if context is not None and int(lengths.max()) > context:
            raise InvalidValueError(
                f"a prompt with its response has {int(lengths.max())} tokens; the model takes {context}."
            )
        ids = torch.zeros(len(ends), int(lengths.max()), dtype=torch.int64)
        for row, end in enumerate(ends):
            ids[row, : len(start) + len(end)] = torch.tensor([*start, *end])
        columns = torch.arange(ids.shape[1])
        is_action = (columns >= len(start)) & (columns < lengths[:, None])
        scores = self._scores(ids, lengths, is_action).float().cpu().numpy()
        return Reranking(np.argsort(-scores, kind="stable").tolist(), scores)

    def _scores(self, ids: torch.Tensor, lengths: torch.Tensor, is_action: torch.Tensor) -> torch.Tensor:
        if self.model.kind == "heads":
            is_action = is_action & (torch.arange(ids.shape[1]) == lengths[:, None] - 1)
        found = self.model.evaluate(ids, lengths, is_action)
        actions = ids[is_action].to(found.logits.device)[:, None]
        if found.reference_logits is None:
            return found.min_q.gather(-1, actions).squeeze(-1)
        gained = (found.logits.log_softmax(-1) - found.reference_logits.log_softmax(-1)).gather(-1, actions)
        rows = is_action.nonzero()[:, 0].to(found.logits.device)
        sums = torch.zeros(len(ids), device=rows.device).index_add(0, rows, gained.squeeze(-1).float())
        first = torch.searchsorted(rows, torch.arange(len(ids), device=rows.device))
        return found.values[first] + self.model.beta * sums

    def _encode_prompt(self, prompt: str) -> list[int]:
        return [*self.tokenizer.prefix_ids, *self.tokenizer.encode(prompt)]

    def _generate(self, rows: Sequence[ArrayLike], max_new_tokens: int) -> Generation:
        self._calls += 1
        params = dataclasses.replace(self.params, max_new_tokens=max_new_tokens)
        return self.engine.generate(rows, params, seed=make_key(self._seed, "agent", self._calls))
