"""Keys, values and last hidden states of token prefixes, computed once and kept as long as there is room.

In: token rows. Out: last hidden states after some of their tokens. Tokens that rows share, with each other or
with earlier calls, go through the model once. What has not been asked about for longest makes room first,
leaves before their parents, and is computed again when it is needed. Left out: what is read off the states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym_agents.decoding.decoder import make_forward
from lmgym_agents.decoding.kv_cache import IntArray, KVCache
from lmgym_agents.errors import ContextLengthError, UnsupportedModelError
from lmgym_agents.policy import Policy
from lmgym_agents.prefixes.groups import SortedRows, sort_rows
from lmgym_agents.prefixes.passes import Pass, PlanKind, find_known, plan_passes
from lmgym_agents.prefixes.plans import CascadePlan, NewRows, PackedPlan, RowsPlan
from lmgym_agents.prefixes.trie import PrefixTrie

Row = Sequence[int] | NDArray[np.int64]
Method = Literal["auto", "rows", "cascade", "packed"]

_PLANS: dict[str, PlanKind | None] = {"cascade": CascadePlan, "packed": PackedPlan, "rows": None}
_MAX_AGAIN = 256  # states of known tokens in one pass
_MIN_SHARED = 32  # tokens of a trunk from which on it is worth reading once for all


class StoreReport(NamedTuple):
    """Counts since the store was made, and its present size."""

    asked: int
    """Tokens of all rows asked about, repetitions included."""
    computed: int
    """Tokens that went through the model."""
    evicted: int
    """Tokens that were forgotten to make room."""
    held: int
    """Tokens held at present."""
    num_bytes: int
    """Memory taken for them; on a GPU that for ``max_tokens`` is set aside from the first call on."""

    @property
    def hit_rate(self) -> float:
        """Share of the tokens asked about that did not have to be computed."""
        return 1 - self.computed / self.asked if self.asked else 0.0


class PrefixStore:
    """The prefixes of one policy; weights may change between calls."""

    def __init__(
        self,
        policy: Policy,
        *,
        max_tokens: int = 32768,
        min_shared: int = _MIN_SHARED,
        method: Method = "auto",
    ) -> None:
        """Makes an empty store, which takes memory as it fills.

        Args:
            policy: its present weights are used at every call.
            max_tokens: most tokens held, see ``bytes_per_token``.
            min_shared: rows that share at least so many tokens read their keys and values together.
            method: how they do, see ``plans``; "rows": they don't; "auto": "cascade" on a CPU,
                "packed" elsewhere.

        Raises:
            InvalidValueError: a size below 1, or an unknown method.
            UnsupportedModelError: the model's forward pass is not written out here.
        """
        if max_tokens < 1 or min_shared < 1:
            raise InvalidValueError(f"sizes must be at least 1, got {max_tokens=} and {min_shared=}.")
        if method not in ("auto", *_PLANS):
            raise InvalidValueError(f"method must be auto, rows, cascade or packed, got {method!r}.")
        forward = make_forward(policy.model) if policy.autocast is None else None
        if forward is None:
            raise UnsupportedModelError(
                f"keys and values of {type(policy.model).__name__} (autocast: {policy.autocast}) can't be "
                "shared; use RecomputedHidden."
            )
        self._policy, self._forward, self._min_shared = policy, forward, min_shared
        self._dtype, self._device = policy.model.dtype, policy.model.device
        is_on_cpu = self._device.type == "cpu"
        # Elsewhere one fused kernel under a mask is better than a merge in many small ones.
        self._method = method if method != "auto" else "cascade" if is_on_cpu else "packed"
        self._trie = PrefixTrie(max_tokens, policy.vocab_size)
        self._context: int | None = getattr(
            policy.model.config.get_text_config(), "max_position_embeddings", None
        )
        self._num_asked = self.num_computed = 0
        self._weights: tuple[tuple[int, int], ...] = ()
        self.clear()

    @property
    def bytes_per_token(self) -> int:
        """Memory of one token: keys and values of all layers, and a hidden state."""
        shape, model = self._forward.cache_shape, self._policy.model
        width = len(shape.scales) * shape.kv_width + model.config.get_text_config().hidden_size
        return width * self._dtype.itemsize

    @property
    def report(self) -> StoreReport:
        """Counts since the store was made."""
        held, size = len(self._trie), self._num_touched
        return StoreReport(
            self._num_asked, self.num_computed, self._trie.num_evicted, held, size * self.bytes_per_token
        )

    def clear(self) -> None:
        """Forgets everything, and gives the memory back."""
        self._trie.clear()
        self._cache: KVCache | None = None
        self._num_touched = 0
        self._hidden = torch.empty(0)
        self._has_hidden = np.zeros(self._trie.max_tokens + 1, bool)
        self._is_wanted = np.zeros_like(self._has_hidden)

    @torch.inference_mode()
    def hidden(self, rows: Sequence[Row], firsts: Sequence[int] | None = None) -> Tensor:
        """Returns the last hidden states after tokens of n rows.

        Args:
            rows: none of them empty; they may repeat.
            firsts: of each row the first token whose state is wanted, and all after it; None: the last only.

        Returns:
            [k, D], row after row, token after token.

        Raises:
            InvalidValueError: no row, an empty one, or one longer than ``max_tokens``.
            TokenOutOfVocabularyError: an id that the model doesn't know.
            ContextLengthError: a row longer than the model's context.
        """
        lengths = self._check(rows)
        self._num_asked += int(lengths.sum())
        self._look_up_weights(int(lengths.max()))
        batch = sort_rows(rows, self._policy.vocab_size)
        wanted = np.full(len(batch.rows), self._trie.max_tokens)
        np.minimum.at(wanted, batch.places, lengths - 1 if firsts is None else np.asarray(firsts))
        try:
            if firsts is None:
                found = self._last_states(batch, wanted)
            else:
                found = self._all_states(batch, wanted, lengths, np.asarray(firsts))
        except BaseException:
            self.clear()  # cells may be taken that were never filled
            raise
        if not bool(found.isfinite().all()):
            self.clear()  # what NaN has touched must not outlive the weights that made it
        return found

    def _last_states(self, batch: SortedRows, wanted: IntArray) -> Tensor:
        found = [
            self._hidden[torch.tensor([path[-1] for path in paths], device=self._hidden.device)]
            for paths in self._resident(batch, wanted)
        ]
        return (found[0] if len(found) == 1 else torch.cat(found))[self._indices(batch.places)]

    def _all_states(self, batch: SortedRows, wanted: IntArray, lengths: IntArray, firsts: IntArray) -> Tensor:
        found, counts = [], []
        for paths in self._resident(batch, wanted):
            asked = [path[first:] for path, first in zip(paths, wanted[len(counts) :], strict=False)]
            found.append(self._hidden[self._indices(np.concatenate(asked))])
            counts += [len(cells) for cells in asked]
        ends = np.cumsum(counts)[batch.places]  # one past the last state of each row
        sizes = lengths - firsts
        offsets = np.arange(sizes.sum()) - np.repeat(sizes.cumsum(), sizes)
        return torch.cat(found)[self._indices(np.repeat(ends, sizes) + offsets)]

    def _resident(self, batch: SortedRows, wanted: IntArray) -> Iterator[list[list[int]]]:
        """Makes rows resident, as many at once as there is room for, and yields their paths, in order."""
        for first, stop in self._parts(batch):
            overlaps = batch.overlaps[first:stop].copy()
            overlaps[0] = 0
            yield self._compute(batch.rows[first:stop], overlaps, wanted[first:stop])

    def _parts(self, batch: SortedRows) -> Iterator[tuple[int, int]]:
        """Cuts sorted rows where the next would need more cells than there are."""
        first = total = 0
        for place, row in enumerate(batch.rows):
            more = len(row) - int(batch.overlaps[place])
            if total and total + more > self._trie.max_tokens:
                yield first, place
                first, total = place, 0
            total += more if total else len(row)
        yield first, len(batch.rows)

    def _compute(self, rows: list[list[int]], overlaps: IntArray, wanted: IntArray) -> list[list[int]]:
        """Makes these rows resident, with the states from ``wanted`` on, and returns their paths."""
        trie = self._trie
        trie.begin()
        paths = find_known(trie, rows, overlaps.tolist())
        num_known = np.array([len(path) for path in paths])
        sizes = np.array([len(row) for row in rows])
        trie.make_room(int((sizes - np.maximum(num_known, overlaps)).sum()))
        passes = plan_passes(
            trie, rows, paths, overlaps, min_shared=self._min_shared, together=_PLANS[self._method]
        )
        asked = np.concatenate([path[first:] for path, first in zip(paths, wanted.tolist(), strict=True)])
        self._is_wanted[asked] = True
        for part in passes:
            self._run(part)
        if not self._has_hidden[asked].all():
            for part in self._again(paths, wanted.tolist()):
                self._run(part)
        self._is_wanted[asked] = False
        return paths

    def _again(self, paths: list[list[int]], wanted: list[int]) -> Iterator[Pass]:
        """Yields the passes that compute states of known tokens after which nobody has asked before."""
        missing: dict[int, list[int]] = {}
        for path, first in zip(paths, wanted, strict=True):
            for place in range(first, len(path)):
                if not self._has_hidden[path[place]]:
                    missing.setdefault(path[place], path[: place + 1])
        found = list(missing.values())
        for first in range(0, len(found), _MAX_AGAIN):
            part = found[first : first + _MAX_AGAIN]
            starts = np.array([len(path) - 1 for path in part], np.int64)
            none = np.zeros_like(starts)
            yield Pass(RowsPlan, NewRows(part, starts, none, none[:1]))

    def _run(self, part: Pass) -> None:
        cells = part.rows.new_cells
        self._num_touched = max(self._num_touched, int(cells.max()) + 1)
        is_wanted = self._is_wanted[cells]
        self._has_hidden[cells] = is_wanted
        last = None if is_wanted.all() else self._indices(is_wanted.nonzero()[0])
        tokens = self._indices(self._trie.tokens(cells))
        found = self._forward.hidden(tokens, part.kind(self._pool(), part.rows, last))
        self._hidden[self._indices(cells[is_wanted])] = found
        self.num_computed += len(cells)

    def _pool(self) -> KVCache:
        """Returns the keys and values, cell by cell; on a CPU memory is taken only as cells are filled."""
        if self._cache is None:
            dtype, device, size = self._dtype, self._device, self._trie.max_tokens + 1
            self._cache = KVCache(self._forward.cache_shape, 1, size, dtype, device, is_blank=False)
            width = self._policy.model.config.get_text_config().hidden_size
            self._hidden = torch.empty(size, width, dtype=dtype, device=device)
        return self._cache

    def _check(self, rows: Sequence[Row]) -> IntArray:
        """Returns the rows' lengths."""
        lengths = np.array([len(row) for row in rows], np.int64)
        if not len(lengths) or not lengths.min():
            raise InvalidValueError("states are asked about by their tokens: got none, or an empty row.")
        longest = int(lengths.max())
        if self._context is not None and longest > self._context:
            raise ContextLengthError(
                f"a row of {longest} tokens; the model's positions allow {self._context}. Shorten the row, "
                "or take a model with a longer context."
            )
        if longest > self._trie.max_tokens:
            raise InvalidValueError(
                f"a row of {longest} tokens in a store of max_tokens={self._trie.max_tokens}; make a larger "
                "one."
            )
        return lengths

    def _look_up_weights(self, length: int) -> None:
        """Reads the model's tensors as they are now, and forgets what others have computed."""
        weights = tuple(
            (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)
            for tensor in self._policy.model.parameters()
        )
        if weights != self._weights:
            self._weights = weights
            self._dtype, self._device = self._policy.model.dtype, self._policy.model.device
            self.clear()
        self._forward.refresh(length)

    def _indices(self, values: IntArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)
