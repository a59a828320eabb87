"""The engine: token prompts in, sampled tokens with their log-probs out, in batches over a key-value cache.

It knows no text and no rewards. Rows of different lengths share a batch, a finished row's slot goes to the
next request at once, and each request draws from a random stream of its own, so the same seed gives the
same tokens whatever the batch size. The weights are the live model's own tensors, looked up at each call: an
optimiser step is seen by the next call, and there is nothing to synchronise.

    engine = Engine(model)
    out = engine.generate([[5, 7], [9]], SamplingParams(max_new_tokens=8, stop_ids=(2,)), seed=0)

For search, ``prefill``, ``fork``, ``extend`` and ``release`` give direct use of the cache slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from transformers import PreTrainedModel

from lmgym.errors import DeviceError, InvalidValueError
from lmgym_agents.decoding.batching import ContinuousBatch, GenerationReport, Progress, Requests
from lmgym_agents.decoding.decoder import Decoder, make_decoder
from lmgym_agents.decoding.kv_cache import IntArray
from lmgym_agents.decoding.request_checks import (
    banned_ids,
    check_context,
    check_ids,
    checked_budgets,
    checked_integers,
    checked_max_length,
    checked_prompt,
)
from lmgym_agents.errors import ContextLengthError, SlotError, UnsupportedModelError
from lmgym_agents.sampling import SamplingParams


@dataclass
class Generation:
    """What was sampled for N requests; T is the length of the longest. Tensors are on the CPU."""

    tokens: Tensor
    """int64[N, T], padded to the right with ``pad_id``; the stop token is the last of a stopped row"""
    lengths: Tensor
    """int64[N], tokens of each row, stop token included"""
    logps: Tensor
    """float32[N, T], log-prob of each token under the distribution it was drawn from (after temperature,
    top-k, top-p and allowed ids; at temperature 0 under the plain softmax); 0 in padding"""
    stopped: Tensor
    """bool[N], True where the row ended with a stop token, False where its budget ended it"""
    report: GenerationReport = field(default_factory=GenerationReport)
    """counts and times"""


class Engine:
    """Generates with one causal language model."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        max_rows: int = 256,
        max_length: int | None = None,
        device: str | torch.device | None = None,
        compile: Literal["auto", True, False] = "auto",
        pad_id: int = 0,
    ):
        """Makes an engine over a live model, whose weights it never copies.

        Args:
            model: a Hugging Face causal LM, or one with a LoRA adapter of peft around its layers.
            max_rows: cache slots: most requests that are decoded at once, and most that search may hold.
            max_length: most tokens of a row, prompt included; by default what the model's positions allow.
            device: moves the model there; by default it stays where it is.
            compile: ``False`` never replays decode steps from CUDA graphs; the others do on CUDA. On a CPU
                every setting runs eagerly.
            pad_id: fills ``Generation.tokens`` beyond each row's end.

        Raises:
            InvalidValueError: ``max_rows`` or ``max_length`` is below 1, ``compile`` is none of the three.
            ContextLengthError: ``max_length`` is more than the model's positions allow.
            DeviceError: there is no such device.
            UnsupportedModelError: the model isn't a causal LM, or adds virtual tokens to its prompts.
        """
        if max_rows < 1:
            raise InvalidValueError(f"max_rows is {max_rows!r}; allowed: integers from 1.")
        if compile not in ("auto", True, False):
            raise InvalidValueError(f"compile is {compile!r}; allowed: 'auto', True, False.")
        self.model = _language_model(model)
        if device is not None:
            _move(self.model, device)
        self.max_rows, self.pad_id = max_rows, pad_id
        self.vocab_size = int(self.model.get_input_embeddings().weight.shape[0])
        context = getattr(self.model.config, "max_position_embeddings", None)
        self.max_length = checked_max_length(max_length, context)
        self._use_graphs = compile is not False and self.model.device.type == "cuda"
        self._decoder: Decoder | None = None
        self._search_decoder: Decoder | None = None
        self._held: dict[int, int] = {}  # slots that search holds, and the tokens in each

    # Sampling -----------------------------------------------------------------------------------------

    def generate(
        self,
        prompts: Sequence[ArrayLike],
        params: SamplingParams,
        *,
        seed: int,
        max_new_tokens: ArrayLike | None = None,
        allowed_ids: ArrayLike | None = None,
        request_ids: ArrayLike | None = None,
        on_progress: Progress | None = None,
    ) -> Generation:
        """Samples a continuation of every prompt.

        Args:
            prompts: N sequences of token ids, each of at least one.
            params: how tokens are drawn, and what ends a row.
            seed: non-negative; request i draws from (seed, i, position) alone, so that it gets the same
                tokens alone or in any batch, at any ``max_rows``.
            max_new_tokens: int[N], a budget for each row that replaces that of ``params``.
            allowed_ids: the only ids that may be sampled, for all rows (stop tokens must be among them if
                rows are to stop); the log-probs are renormalised over them.
            request_ids: int[N], the i of each row's random stream where it isn't 0 … N-1.
            on_progress: called with (requests finished, tokens sampled) before each decode step and at the
                end.

        Returns:
            The tokens with their log-probs, in the order of the prompts.

        Raises:
            EmptyPromptError, TokenOutOfVocabularyError, ContextLengthError, InvalidValueError: bad arguments.
            NonFiniteLogitsError: the model gave NaN.
        """
        count = len(prompts)
        budgets = np.full(count, params.max_new_tokens) if max_new_tokens is None else max_new_tokens
        streams = np.arange(count) if request_ids is None else request_ids
        requests = Requests(
            prompts=[
                checked_prompt(prompt, f"prompt {i}", self.vocab_size) for i, prompt in enumerate(prompts)
            ],
            budgets=checked_budgets(budgets, count),
            streams=checked_integers(streams, "request_ids", count),
            seed=seed,
        )
        check_ids(np.array(params.stop_ids, np.int64), "stop_ids", self.vocab_size)
        is_banned = None
        if allowed_ids is not None:
            is_banned = torch.from_numpy(banned_ids(allowed_ids, self.vocab_size)).to(self.model.device)
        if count == 0:
            return _empty_generation()
        check_context(requests.prompts, requests.budgets, self.max_length)
        return self._collect(self._run(requests, params, is_banned, on_progress))

    def weights_changed(self) -> None:
        """Does nothing: the weights are looked up at each call. Other engines need to be told."""

    def _run(
        self,
        requests: Requests,
        params: SamplingParams,
        is_banned: Tensor | None,
        on_progress: Progress | None,
    ) -> ContinuousBatch:
        num_slots = min(self.max_rows, len(requests.prompts))
        length = max(map(len, requests.prompts)) + int(requests.budgets.max())
        with self._inference():
            if self._decoder is None:
                self._decoder = make_decoder(self.model, use_graphs=self._use_graphs)
            self._decoder.begin(num_slots, min(length, self.max_length))
            batch = ContinuousBatch(
                self._decoder,
                requests,
                params,
                vocab_size=self.vocab_size,
                num_slots=num_slots,
                is_banned=is_banned,
                device=self.model.device,
            )
            try:
                batch.run(on_progress)
            except BaseException:
                self._decoder.clear()  # NaN may lie in it, and would leak into rows that only mask it
                raise
        return batch

    def _collect(self, batch: ContinuousBatch) -> Generation:
        width = int(batch.lengths.max())
        is_pad = np.arange(width) >= batch.lengths[:, None]
        return Generation(
            tokens=torch.from_numpy(np.where(is_pad, self.pad_id, batch.tokens[:, :width])),
            lengths=torch.from_numpy(batch.lengths),
            logps=torch.from_numpy(batch.logps[:, :width].copy()),
            stopped=torch.from_numpy(batch.stopped),
            report=batch.report,
        )

    # Search -------------------------------------------------------------------------------------------

    def prefill(self, prompts: Sequence[ArrayLike]) -> tuple[IntArray, Tensor]:
        """Puts prompts into free slots, which are held until ``release``.

        Returns:
            The slots int64[n] and the logits float32[n, V] for the token after each prompt.

        Raises:
            SlotError: not enough slots are free.
        """
        rows = [checked_prompt(prompt, f"prompt {i}", self.vocab_size) for i, prompt in enumerate(prompts)]
        slots = self._free_slots(len(rows))
        lengths = np.array([len(row) for row in rows], np.int64)
        check_context(rows, np.zeros_like(lengths), self.max_length)
        with self._inference():
            logits = self._search().prefill(slots, rows).float()
        self._held.update(zip(slots.tolist(), lengths.tolist(), strict=True))
        return slots, logits.clone()

    def fork(self, slot: int, count: int) -> IntArray:
        """Copies what a slot holds into ``count`` free slots and returns these, int64[count].

        Raises:
            SlotError: the slot isn't held, or not enough are free.
        """
        length = self._length_of(slot)
        slots = self._free_slots(count)
        with self._inference():
            self._search().copy(np.full(count, slot, np.int64), slots, length)
        self._held.update(dict.fromkeys(slots.tolist(), length))
        return slots

    def decode(self, slots: ArrayLike, tokens: ArrayLike) -> Tensor:
        """Adds one token to each of these slots; ``extend`` with single tokens.

        Args:
            slots: int[n], different held slots.
            tokens: int[n].

        Returns:
            Logits float32[n, V] for the token after it.
        """
        return self.extend(slots, [[int(token)] for token in np.asarray(tokens)])

    def extend(self, slots: ArrayLike, tokens: Sequence[ArrayLike]) -> Tensor:
        """Adds some tokens to each of these slots.

        Args:
            slots: int[n], different held slots.
            tokens: n sequences of at least one token id.

        Returns:
            Logits float32[n, V] for the token after each row's last.

        Raises:
            SlotError: a slot isn't held or is given twice, or the lengths differ.
            ContextLengthError: a row would be longer than the model's context.
        """
        indices = np.asarray(slots, np.int64)
        if len(indices) != len(tokens) or len(np.unique(indices)) != len(indices):
            raise SlotError(
                f"{len(indices)} slots {indices.tolist()} for {len(tokens)} rows; each needs its own."
            )
        rows = [checked_prompt(row, f"row {i}", self.vocab_size) for i, row in enumerate(tokens)]
        starts = np.array([self._length_of(int(slot)) for slot in indices], np.int64)
        lengths = starts + np.array([len(row) for row in rows], np.int64)
        if lengths.max() > self.max_length:
            raise ContextLengthError(f"a row of {lengths.max()} tokens; allowed are {self.max_length}.")
        with self._inference():
            logits = self._search().extend(indices, starts, rows).float()
        self._held.update(zip(indices.tolist(), lengths.tolist(), strict=True))
        return logits.clone()

    def release(self, slots: ArrayLike | None = None) -> None:
        """Gives slots back (all of them by default); weights may change only while none is held."""
        for slot in list(self._held) if slots is None else np.atleast_1d(np.asarray(slots)).tolist():
            self._length_of(slot)
            del self._held[slot]

    def _search(self) -> Decoder:
        """Returns the decoder of search, apart from that of ``generate``: neither disturbs the other."""
        if self._search_decoder is None:
            self._search_decoder = make_decoder(self.model, use_graphs=False)
        self._search_decoder.begin(self.max_rows, self.max_length)
        return self._search_decoder

    def _free_slots(self, count: int) -> IntArray:
        free = [slot for slot in range(self.max_rows) if slot not in self._held]
        if not 1 <= count <= len(free):
            raise SlotError(
                f"{count} slots asked for, {len(free)} of {self.max_rows} are free; release some, or make an "
                "engine with a larger max_rows."
            )
        return np.array(free[:count], np.int64)

    def _length_of(self, slot: int) -> int:
        if slot not in self._held:
            raise SlotError(f"slot {slot} isn't held; held are {sorted(self._held)}.")
        return self._held[slot]

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """Switches gradients and dropout off, and restores each module's mode afterwards."""
        in_training = _modules_in_training(self.model)
        for module in in_training:
            module.training = False
        try:
            with torch.inference_mode():
                yield
        finally:
            for module in in_training:
                module.training = True


def _empty_generation() -> Generation:
    return Generation(
        tokens=torch.zeros((0, 0), dtype=torch.int64),
        lengths=torch.zeros(0, dtype=torch.int64),
        logps=torch.zeros((0, 0), dtype=torch.float32),
        stopped=torch.zeros(0, dtype=torch.bool),
    )


def _modules_in_training(model: nn.Module) -> list[nn.Module]:
    """Returns the modules in training mode; ``model.modules()`` takes ten times as long over it."""
    found, waiting = [], [model]
    while waiting:
        module = waiting.pop()
        if module.training:
            found.append(module)
        waiting.extend(part for part in module._modules.values() if part is not None)
    return found


def _language_model(model: nn.Module) -> PreTrainedModel:
    """Returns the causal LM itself; an adapter that lives inside its layers stays in force there."""
    if hasattr(model, "get_base_model") and hasattr(model, "peft_config"):
        if getattr(model.active_peft_config, "is_prompt_learning", False):
            raise UnsupportedModelError(
                "the model has a prompt-learning adapter, which adds virtual tokens to every prompt; use an "
                "adapter inside the layers (LoRA), or merge it."
            )
        model = model.get_base_model()
    if not isinstance(model, PreTrainedModel) or model.get_output_embeddings() is None:
        raise UnsupportedModelError(
            f"{type(model).__name__} is not a causal language model of transformers; give one that "
            "AutoModelForCausalLM loads (of a policy with a value head, its inner model)."
        )
    return model


def _move(model: PreTrainedModel, device: str | torch.device) -> None:
    try:
        model.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:  # torch raises either for a device that isn't there
        num_gpus = torch.cuda.device_count()
        raise DeviceError(
            f"device {device!r} can't be used here ({error}); CUDA devices: {num_gpus}."
        ) from None
