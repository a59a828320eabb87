"""A causal language model as a judge: the verdict is read from the log-probs of the options.

    judge = LocalJudge(policy, tokenizer)
    judgements = judge.annotate([Comparison("What is 2 + 2?", ("4", "5"))])

The model is asked as any judge is (``lmgym.judges.prompts``, in brief), the reply is begun for it up to the
place of the verdict, ``{"verdict": "``, and there the probabilities of "A" and "B" are compared: one forward
pass a question, and no text of the model's that would have to be parsed. Both orders are asked, and the
log-odds averaged, in which whatever the model adds for a place alone cancels out. Left out: training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from lmgym.chat_template import make_chat_tokenizer
from lmgym.conversation import Message, write_conversation
from lmgym.errors import InvalidValueError
from lmgym.judges.comparing import Pair, PairVerdict, judge_comparisons, make_scores, win_rates
from lmgym.judges.constitution import Constitution, as_constitution
from lmgym.judges.prompts import Mode, Scale, check_scale, comparison_messages, score_messages
from lmgym.preferences.annotators import Comparison, Judgement
from lmgym.records import Scores
from lmgym.rewards.empty_answers import is_empty_answer
from lmgym.tokenization import TextTokenizer
from lmgym_agents.judging.options import option_logps, spellings
from lmgym_agents.policy import Policy

Floats = NDArray[np.float64]
Ask = tuple[Message, ...]

_WORD_PLACE = '{"verdict": "'
_NUMBER_PLACE = '{"verdict": '
_NOTHING = "N/A"
"""Stands for a question and an answer that say nothing, to see what the model prefers by itself."""


class LocalJudge:
    """Judges with a model in this process; an ``Annotator`` that can give marks as well.

    Args:
        model: a causal language model, or a policy.
        tokenizer: the model's; its chat template is used where it has one.
        constitution: principles, the path of a file that holds them, or None for those that ship.
        name: of the model, for records.
        mode: how ``score`` asks: a mark on ``scale``, or "pass" or "fail".
        scale: lowest and highest mark, both of one digit.
        calibrate: subtract what the model says of a question and answers that say nothing. In comparisons
            this changes ``swap_disagrees`` and ``position_bias`` alone: the mean of both orders has no bias
            of this kind.
        tie_margin: a chance this near to 0.5 is a tie.
        min_mass: least probability that the options have together; below it there is no verdict.
        refuse_empty: answers that say nothing lose, and are marked 0, without being asked about.
        max_chars: of the question and of each answer that are shown.
        max_batch_tokens: padded tokens in one forward pass.
        on_progress: called with questions done and questions in all.

    Raises:
        InvalidValueError: an argument that can't be used; at the first question: the tokenizer has no single
            token for an option.
    """

    def __init__(
        self,
        model: PreTrainedModel | Policy,
        tokenizer: TextTokenizer,
        *,
        constitution: Constitution | str | Path | None = None,
        name: str = "local",
        mode: Mode = "score",
        scale: Scale = (1, 5),
        calibrate: bool = False,
        tie_margin: float = 0.0,
        min_mass: float = 0.01,
        refuse_empty: bool = True,
        max_chars: int = 2000,
        max_batch_tokens: int = 4096,
        on_progress: Callable[[int, int], object] | None = None,
    ) -> None:
        if mode not in ("score", "pass"):
            raise InvalidValueError(f"mode must be 'score' or 'pass', got {mode!r}.")
        if check_scale(scale)[1] > 9:
            raise InvalidValueError(f"scale must be of single digits, got {scale!r}: a mark is one token.")
        if not 0 <= tie_margin < 0.5:
            raise InvalidValueError(f"tie_margin must be in [0, 0.5), got {tie_margin!r}.")
        if not 0 <= min_mass <= 1:
            raise InvalidValueError(f"min_mass must be in [0, 1], got {min_mass!r}.")
        self.policy = model if isinstance(model, Policy) else Policy(model)
        self.tokenizer = make_chat_tokenizer(tokenizer)
        self.constitution = as_constitution(constitution)
        self.model_name, self.mode, self.scale = name, mode, scale
        self.calibrate, self.tie_margin, self.min_mass = calibrate, tie_margin, min_mass
        self.refuse_empty, self.max_chars = refuse_empty, max_chars
        self.max_batch_tokens, self.on_progress = max_batch_tokens, on_progress
        positions = getattr(self.policy.model.config.get_text_config(), "max_position_embeddings", None)
        self.context = positions or 1 << 30
        self._bias_sum, self._num_pairs = 0.0, 0

    @property
    def name(self) -> str:
        """Returns "judge:NAME"."""
        return f"judge:{self.model_name}"

    @property
    def position_bias(self) -> float:
        """Returns the mean log-odds of all pairs so far for the answer that stands first, in nats."""
        return self._bias_sum / self._num_pairs if self._num_pairs else 0.0

    def annotate(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        """Returns one judgement for each comparison, with "chance" and "position_bias" in ``extra``.

        ``confidence`` is 2 |chance - 0.5|. Where the model prefers the same place in both orders
        ``extra["swap_disagrees"]`` is True; the mean of the log-odds decides all the same.
        """
        return judge_comparisons(
            comparisons, self.ask_pairs, refuse_empty=self.refuse_empty, tie_margin=self.tie_margin
        )

    def win_rates(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[str]
    ) -> Scores:
        """Returns the chance that each response is better than its reference, both orders averaged."""
        return win_rates(self.ask_pairs, prompts, responses, references, refuse_empty=self.refuse_empty)

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Scores:
        """Returns the expected mark in [0, 1] (of pass and fail: the chance of a pass).

        A response that says nothing is marked 0, its reason is "empty", and the judge is not asked.
        """
        rows = [i for i, text in enumerate(responses) if not (self.refuse_empty and is_empty_answer(text))]
        logps = self._logps([self._score_ask(prompts[i], responses[i]) for i in rows], self._marks)
        if self.calibrate and rows:
            logps = logps - self._mark_prior
        verdicts = dict(zip(rows, map(self._expected, logps), strict=True))
        empty = PairVerdict(0.0, "empty")
        return make_scores([verdicts.get(i, empty) for i in range(len(responses))])

    def ask_pairs(self, pairs: Sequence[Pair]) -> list[PairVerdict]:
        """Returns the verdict on each pair, both orders averaged."""
        asks = [
            self._pair_ask(pair.prompt, *texts)
            for pair in pairs
            for texts in ((pair.first, pair.second), (pair.second, pair.first))
        ]
        logps = self._logps(asks, self._letters)
        return [self._combine(*both) for both in logps.reshape(len(pairs), 2, 2)]

    def _combine(self, forward: Floats, backward: Floats) -> PairVerdict:
        """Returns the verdict from the log-probs of A and B in both orders."""
        for logps in (forward, backward):
            if (reason := self._reject(logps)) is not None:
                return PairVerdict(None, reason, 0.0)
        prior = self._pair_prior if self.calibrate else 0.0
        for_first = float(forward[0] - forward[1]) - prior
        for_second = float(backward[0] - backward[1]) - prior
        bias = (for_first + for_second) / 2
        self._bias_sum, self._num_pairs = self._bias_sum + bias, self._num_pairs + 1
        chance = _sigmoid((for_first - for_second) / 2)
        disagrees = (for_first > 0) == (for_second > 0)
        extra = {"chance": chance, "position_bias": bias}
        return PairVerdict(chance, "", abs(chance - 0.5) * 2, disagrees, extra)

    def _expected(self, logps: Floats) -> PairVerdict:
        if (reason := self._reject(logps)) is not None:
            return PairVerdict(None, reason)
        weights = np.exp(logps - logps.max())
        values = np.linspace(0.0, 1.0, len(logps))
        return PairVerdict(float((weights * values).sum() / weights.sum()))

    def _reject(self, logps: Floats) -> str | None:
        """Returns why log-probs of options are no verdict, None if they are one."""
        if np.isnan(logps).all():
            return "overlong: the question does not fit the model's context"
        if not np.isfinite(logps).all():
            return "unparsed: a log-prob is not finite"
        if not self.calibrate and float(np.exp(logps).sum()) < self.min_mass:
            return f"unparsed: the options have a probability of {float(np.exp(logps).sum()):.2g}"
        return None

    def _logps(self, asks: Sequence[tuple[Ask, str]], options: Sequence[Sequence[int]]) -> Floats:
        """Returns float64[B, K]; NaN in rows that don't fit the context."""
        found = np.full((len(asks), len(options)), np.nan)
        encoded = [self._encode(messages, begun) for messages, begun in asks]
        rows = [i for i, ids in enumerate(encoded) if len(ids) < self.context]
        told = None if self.on_progress is None else lambda done: self.on_progress(done, len(rows))
        found[rows] = option_logps(
            self.policy,
            [encoded[i] for i in rows],
            options,
            max_batch_tokens=self.max_batch_tokens,
            on_rows=told,
        )
        return found

    def _encode(self, messages: Ask, begun: str) -> list[int]:
        return [*self.tokenizer.prefix_ids, *self.tokenizer.encode(write_conversation(messages) + begun)]

    def _pair_ask(self, prompt: str, first: str, second: str) -> tuple[Ask, str]:
        asked = comparison_messages(
            self.constitution, prompt, first, second, max_chars=self.max_chars, brief=True
        )
        return asked, _WORD_PLACE

    def _score_ask(self, prompt: str, response: str) -> tuple[Ask, str]:
        asked = score_messages(
            self.constitution,
            prompt,
            response,
            mode=self.mode,
            scale=self.scale,
            max_chars=self.max_chars,
            brief=True,
        )
        return asked, _WORD_PLACE if self.mode == "pass" else _NUMBER_PLACE

    @cached_property
    def _letters(self) -> list[list[int]]:
        return spellings(self.tokenizer, ("A", "B"))

    @cached_property
    def _marks(self) -> list[list[int]]:
        low, high = self.scale
        names = ("fail", "pass") if self.mode == "pass" else [str(mark) for mark in range(low, high + 1)]
        return spellings(self.tokenizer, names)

    @cached_property
    def _pair_prior(self) -> float:
        logps = self._logps([self._pair_ask(_NOTHING, _NOTHING, _NOTHING)], self._letters)[0]
        return float(logps[0] - logps[1])

    @cached_property
    def _mark_prior(self) -> Any:
        return self._logps([self._score_ask(_NOTHING, _NOTHING)], self._marks)[0]


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -700, 700))))
