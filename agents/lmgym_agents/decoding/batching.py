"""Continuous batching: requests wait in a queue, live in a cache slot, and leave it as soon as they finish.

In: checked prompts, budgets, sampling parameters and a decoder. Out: tokens and log-probs as numpy arrays.
Left out: checks of what callers hand in (see ``engine``), models and caches (see ``decoder``).

The slots in use are always 0 … n-1, so that a step reads the cache in place. A finished row keeps its slot
until a request takes it over or, with an empty queue, until enough rows have finished to move the others
together. What a finished row computes meanwhile is thrown away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym_agents.decoding.decoder import Decoder
from lmgym_agents.decoding.kv_cache import IntArray
from lmgym_agents.errors import NonFiniteLogitsError
from lmgym_agents.sampling import SamplingParams, make_uniforms, sample

_MAX_PREFILL_TOKENS = {"cpu": 2048, "cuda": 32768}  # of one forward pass: bounds its activations


@dataclass
class GenerationReport:
    """What a call of ``generate`` did, in counts and seconds."""

    num_requests: int = 0
    num_prompt_tokens: int = 0
    num_prefilled_tokens: int = 0
    """prompt tokens that were really computed; equal prompts that start together share theirs"""
    num_new_tokens: int = 0
    num_steps: int = 0
    """decode steps"""
    num_step_rows: int = 0
    """rows of all decode steps, finished ones included; new tokens over this is the use of the batch"""
    prefill_s: float = 0.0
    decode_s: float = 0.0
    total_s: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        """Sampled tokens a second, prefill and bookkeeping included."""
        return self.num_new_tokens / self.total_s if self.total_s else 0.0


@dataclass(frozen=True, kw_only=True)
class Requests:
    """What is to be generated: one entry a request in every array."""

    prompts: list[IntArray]
    budgets: IntArray
    """most new tokens of each"""
    streams: IntArray
    """names each one's random numbers"""
    seed: int


Progress = Callable[[int, int], None]


class ContinuousBatch:
    """One run of the queue through the slots of a decoder."""

    def __init__(
        self,
        decoder: Decoder,
        requests: Requests,
        params: SamplingParams,
        *,
        vocab_size: int,
        num_slots: int,
        is_banned: Tensor | None,
        device: torch.device,
    ):
        self._decoder, self._requests, self._params = decoder, requests, params
        self._is_banned, self._device = is_banned, device
        self._num_slots = num_slots
        self._is_stop = np.zeros(vocab_size, bool)
        self._is_stop[list(params.stop_ids)] = True
        num_requests, width = len(requests.prompts), int(requests.budgets.max())
        self.tokens = np.zeros((num_requests, width), np.int64)
        self.logps = np.zeros((num_requests, width), np.float32)
        self.lengths = np.zeros(num_requests, np.int64)
        self.stopped = np.zeros(num_requests, bool)
        self.report = GenerationReport(
            num_requests=num_requests, num_prompt_tokens=sum(map(len, requests.prompts))
        )
        # The state of the rows, one entry a slot.
        self._num_rows = 0
        self._request = np.zeros(num_slots, np.int64)
        self._position = np.zeros(num_slots, np.int64)  # of the next token to be fed, the one sampled last
        self._last_token = np.zeros(num_slots, np.int64)
        self._is_alive = np.zeros(num_slots, bool)
        self._uniforms = np.zeros((num_slots, 1 if params.is_greedy else width))
        self._queue = _in_order(requests)
        self._num_started = 0

    def run(self, on_progress: Progress | None = None) -> None:
        """Serves every request; the results are then in ``tokens``, ``logps``, ``lengths``, ``stopped``.

        Raises:
            NonFiniteLogitsError: the model gave NaN; the message names the request and the position.
        """
        start = time.perf_counter()
        while True:
            prefill_start = time.perf_counter()
            while self._num_started < len(self._queue) and self._num_free() >= self._min_refill():
                self._refill()
            self.report.prefill_s += time.perf_counter() - prefill_start
            self._drop_finished()
            if on_progress is not None:
                num_finished = self._num_started - int(self._is_alive.sum())
                on_progress(num_finished, int(self.lengths.sum()))
            if self._num_rows == 0:
                break
            decode_start = time.perf_counter()
            self._step()
            self.report.decode_s += time.perf_counter() - decode_start
        self.report.num_new_tokens = int(self.lengths.sum())
        self.report.total_s = time.perf_counter() - start

    def _num_free(self) -> int:
        return self._num_slots - int(self._is_alive[: self._num_rows].sum())

    def _min_refill(self) -> int:
        """Free slots that make a prefill worth its fixed cost: one, or in a large batch a few."""
        return min(max(1, self._num_slots // 16), len(self._queue) - self._num_started)

    def _refill(self) -> None:
        """Starts requests in free slots, at most as many as one forward pass takes."""
        free = np.flatnonzero(~self._is_alive)
        taken: list[int] = []
        distinct: dict[bytes, int] = {}  # a prompt's bytes to its rank among the distinct ones
        sources: list[int] = []
        num_tokens, limit = 0, _MAX_PREFILL_TOKENS.get(self._device.type, 2048)
        while len(taken) < len(free) and self._num_started + len(taken) < len(self._queue):
            request = int(self._queue[self._num_started + len(taken)])
            prompt = self._requests.prompts[request]
            rank = distinct.setdefault(prompt.tobytes(), len(distinct))
            if rank == len(sources) and taken and num_tokens + len(prompt) > limit:
                break
            if rank == len(sources):
                sources.append(len(taken))
                num_tokens += len(prompt)
            taken.append(request)
        self._num_started += len(taken)
        self._start(np.array(taken), free[: len(taken)], np.array(sources), distinct)

    def _start(
        self, requests: IntArray, slots: IntArray, sources: IntArray, distinct: dict[bytes, int]
    ) -> None:
        """Prefills the distinct prompts of these requests, copies their slots to equals, samples."""
        prompts = [self._requests.prompts[request] for request in requests]
        self.report.num_prefilled_tokens += sum(len(prompts[source]) for source in sources)
        logits = self._decoder.prefill(slots[sources], [prompts[source] for source in sources])
        if len(sources) < len(slots):
            rank = np.array([distinct[prompt.tobytes()] for prompt in prompts])
            logits = logits[torch.from_numpy(rank).to(self._device)]
            origin = slots[sources[rank]]
            is_copy = origin != slots
            self._decoder.copy(origin[is_copy], slots[is_copy], max(map(len, prompts)))
        self._request[slots] = requests
        self._position[slots] = [len(prompt) for prompt in prompts]
        self._is_alive[slots] = True
        self._num_rows = max(self._num_rows, int(slots.max()) + 1)
        if not self._params.is_greedy:
            streams = self._requests.streams[requests]
            positions = np.arange(self._uniforms.shape[1])
            self._uniforms[slots] = make_uniforms(self._requests.seed, streams[:, None], positions)
        self._record(slots, logits)

    def _step(self) -> None:
        """Feeds each row's last token and samples the next."""
        n = self._num_rows
        is_alive = self._is_alive[:n]
        positions = self._position[:n]
        all_alive = bool(is_alive.all())
        if not all_alive:
            # A finished row pretends to be as long as the longest: it then asks for no mask of its own.
            positions[~is_alive] = positions[is_alive].max()
        tokens = torch.from_numpy(self._last_token[:n]).to(self._device)
        logits = self._decoder.step(tokens, positions)
        positions += 1
        self.report.num_steps += 1
        self.report.num_step_rows += n
        if all_alive:
            self._record(slice(n), logits)
        else:
            slots = np.flatnonzero(is_alive)
            self._record(slots, logits[torch.from_numpy(slots).to(self._device)])

    def _record(self, slots: IntArray | slice, logits: Tensor) -> None:
        """Samples a token for each of these rows, keeps it, and marks the rows that it ends."""
        requests = self._request[slots]
        count = self.lengths[requests]
        uniforms = torch.from_numpy(self._uniforms_for(slots, count)).to(self._device)
        sampled, sampled_logps = sample(logits, uniforms, self._params, self._is_banned)
        tokens, logps = sampled.cpu().numpy(), sampled_logps.cpu().numpy()
        if not np.isfinite(logps).all():
            row = int(np.flatnonzero(~np.isfinite(logps))[0])
            raise NonFiniteLogitsError(
                f"the model gave NaN, +inf or only -inf as logits for new token {count[row]} of request "
                f"{requests[row]}; logits must be finite. Look for a diverged or damaged weight."
            )
        self.tokens[requests, count] = tokens
        self.logps[requests, count] = logps
        self.lengths[requests] = count + 1
        self._last_token[slots] = tokens
        is_stopped = self._is_stop[tokens]
        self.stopped[requests] = is_stopped
        is_over = is_stopped | (count + 1 == self._requests.budgets[requests])
        self._is_alive[slots] = ~is_over

    def _uniforms_for(self, slots: IntArray | slice, count: IntArray) -> NDArray[np.float64]:
        table = self._uniforms[slots]
        return table[:, 0] if self._params.is_greedy else table[np.arange(len(table)), count]

    def _drop_finished(self) -> None:
        """Moves the living rows together, once an eighth of the rows in use has finished."""
        is_alive = self._is_alive[: self._num_rows]
        num_alive = int(is_alive.sum())
        if (self._num_rows - num_alive) * 8 < self._num_rows or num_alive == self._num_rows:
            return
        holes = np.flatnonzero(~is_alive[:num_alive])
        movers = num_alive + np.flatnonzero(is_alive[num_alive:])
        if len(movers):
            self._decoder.copy(movers, holes, int(self._position[movers].max()))
            for state in (self._request, self._position, self._last_token, self._uniforms):
                state[holes] = state[movers]
        self._is_alive[:num_alive] = True
        self._is_alive[num_alive:] = False
        self._num_rows = num_alive


def _in_order(requests: Requests) -> NDArray[np.int64]:
    """Returns the order of service: long budgets first (a short tail), then equal prompts together."""
    prompts, budgets = requests.prompts, requests.budgets
    keys = [
        (-budget, len(prompt), prompt.tobytes())
        for budget, prompt in zip(budgets.tolist(), prompts, strict=True)
    ]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
