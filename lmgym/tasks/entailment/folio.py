"""Problems that people wrote, from a file in the format of FOLIO (Han et al. 2022), which is not shipped.

Comes in: JSONL rows with ``premises`` (sentences), ``conclusion`` and ``label`` (True, False, Uncertain), and
formulas of both, which are kept as text. Goes out: problems by split. All conclusions about the same premises
are in one split, so the splits are told apart by a hash of the premises alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.records import Problem
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.dataset.rows import read_rows

_LABELS = {"True": "true", "False": "false", "Uncertain": "unknown", "Unknown": "unknown"}


class FolioReference(NamedTuple):
    """The private truth of a row."""

    value: str
    """"true", "false" or "unknown"."""
    premise_formulas: tuple[str, ...]
    """As annotated, unread; empty if the row has none."""
    conclusion_formula: str


class Folio:
    """The rows of a file, by split."""

    def __init__(self, path: str | Path) -> None:
        """Reads and checks all rows; of rows with the same premises and conclusion the first is kept.

        Raises:
            InvalidValueError: the file or a row can't be read.
            EmptyProblemSetError: no row falls to the split "train".
        """
        kept: dict[str, tuple[str, Problem]] = {}
        for place, row in enumerate(read_rows(path), 1):
            split, problem = _read(row, f"row {place} of {path}")
            kept.setdefault(problem.key, (split, problem))
        self._problems: dict[str, list[Problem]] = {
            name: [problem for split, problem in kept.values() if split == name] for name in HASHED_SPLITS
        }
        if not self._problems["train"]:
            raise EmptyProblemSetError(f"split 'train' of {path} holds none of its {len(kept)} problems.")
        self.max_prompt_chars = max(len(problem.prompt) for _, problem in kept.values())
        content = "\n".join(f"{key} {problem.reference.value}" for key, (_, problem) in kept.items())
        self.digest = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        """Returns the problems at ``indices``; the rows of a split come again and again."""
        rows = self._problems[split]
        if not rows:
            raise EmptyProblemSetError(f"split {split!r} of the file holds no problem.")
        bad = [index for index in indices if not 0 <= index < 1 << 63]
        if bad:
            raise InvalidValueError(f"a problem index must lie in [0, 2**63), got {bad[0]!r}.")
        return [rows[index % len(rows)]._replace(index=int(index)) for index in indices]


def _read(row: Mapping[str, Any], where: str) -> tuple[str, Problem]:
    premises, conclusion, label = (row.get(name) for name in ("premises", "conclusion", "label"))
    formulas, formula = row.get("premises-FOL", ()), row.get("conclusion-FOL", "")
    if (
        not _are_texts(premises)
        or not premises
        or not _are_texts(formulas)
        or not _are_texts([conclusion, formula])
    ):
        raise InvalidValueError(f"{where} must have premises (a list of texts) and conclusion (a text).")
    if label not in _LABELS:
        raise InvalidValueError(f"{where} has label {label!r}; allowed: {', '.join(_LABELS)}.")
    story = " ".join(text.strip() for text in premises)
    asked = str(conclusion).strip()
    reference = FolioReference(_LABELS[label], tuple(formulas), str(formula))
    prompt = f"{story}\nTrue, false or unknown? {asked}\n"
    split = split_of(story)
    return split, Problem(prompt, reference, split, 0, 1.0, f"{asked}? {story}")


def _are_texts(given: object) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(text, str) for text in given)
