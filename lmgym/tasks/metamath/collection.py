"""The databases whose theorems are problems: found, read, verified and put in order of difficulty.

Comes in: a preset's name or a path. Goes out: a ``Collection``, made once a process. Left out: prompts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from lmgym.errors import EmptyProblemSetError
from lmgym.logic.metamath import Assertion, Database, Goal, read_database, verify_theorem, written_out
from lmgym.logic.metamath.grammar import syntax_typecodes
from lmgym.tasks.metamath.canonical import key_of
from lmgym.tasks.metamath.formats import Format, make_format

_DATA = Path(__file__).parent / "data"
PRESETS: Mapping[str, Path] = MappingProxyType(
    {
        "set.mm propositional": _DATA / "set_prop.mm.gz",
        "ql": _DATA / "ql.mm.gz",
        "hol": _DATA / "hol.mm.gz",
        "demo0": _DATA / "demo0.mm.gz",
        "miu": _DATA / "miu.mm.gz",
    }
)
MAX_LABELS = 2000
"""Labels of a proof that can be a problem's."""
MAX_LEVEL = 6
_MIN_THEOREMS = 60
"""A level is made of at least so many theorems, else there are fewer levels."""
_POSED = 0.9
"""Share of the theorems that levels are made of, shortest proofs first; the rest is only "ood_length"."""


class Lemma(NamedTuple):
    """A theorem that can be posed."""

    theorem: Assertion
    key: str
    proof: tuple[str, ...]
    """The known proof in the format's labels."""


class Collection:
    """The theorems of a database that can be posed in a format of proofs.

    These are the ones whose own proof is right and at most ``MAX_LABELS`` long. Of several that say the same
    up to names and the order of hypotheses only the first one is, because for the others it would do to
    name it. What may be used is all that stands above a theorem, whether its proof is right or not.
    """

    def __init__(self, name: str, database: Database, proof_format: str) -> None:
        self.name = name
        self.database = database
        self.format: Format = make_format(proof_format, database)
        self.lemmas = tuple(self._find_lemmas())
        if not self.lemmas:
            raise EmptyProblemSetError(
                f"{name} has no theorem whose {proof_format} proof is complete, right and within "
                f"{MAX_LABELS:,} labels."
            )

    def _find_lemmas(self) -> list[Lemma]:
        found: dict[str, Lemma] = {}
        for theorem in self.database.theorems:
            key = key_of(theorem)
            if key in found or verify_theorem(self.database, theorem).refusal is not None:
                continue
            assert theorem.proof is not None
            labels = written_out(Goal(self.database, theorem), theorem.proof, 10 * MAX_LABELS)
            known = None if labels is None else self.format.translate(theorem, labels)
            if known is not None and len(known) <= MAX_LABELS:
                found[key] = Lemma(theorem, key, known)
        return list(found.values())

    def is_logical(self, assertion: Assertion) -> bool:
        """Returns whether an assertion is more than syntax."""
        return assertion.expression[0] not in self._syntax

    @cached_property
    def _syntax(self) -> tuple[str, ...]:
        return syntax_typecodes(self.database)

    @cached_property
    def bounds(self) -> tuple[int, ...]:
        """The longest proof of each level, in labels; level 1 first."""
        lengths = sorted(len(lemma.proof) for lemma in self.lemmas)
        num_posed = max(1, int(len(lengths) * _POSED)) if len(lengths) > 1 else 1
        num_levels = max(1, min(MAX_LEVEL, num_posed // _MIN_THEOREMS))
        ends = [lengths[num_posed * level // num_levels - 1] for level in range(1, num_levels + 1)]
        return tuple(sorted(set(ends)))

    def at_level(self, level: int) -> list[Lemma]:
        """Returns the theorems of a level, in the database's order."""
        low = self.bounds[level - 2] if level > 1 else 0
        return [lemma for lemma in self.lemmas if low < len(lemma.proof) <= self.bounds[level - 1]]

    def beyond(self, level: int) -> list[Lemma]:
        """Returns the theorems with longer proofs than the level's, up to twice as long."""
        high = self.bounds[level - 1]
        return [lemma for lemma in self.lemmas if high < len(lemma.proof) <= 2 * high]

    @property
    def max_label_chars(self) -> int:
        """Of the longest label that a proof could name."""
        return max(map(len, (*self.database.assertions, *self.database.hypotheses)))

    @cached_property
    def digest(self) -> str:
        """A hash of all that decides which problems there are."""
        content = hashlib.blake2b(digest_size=8)
        for assertion in self.database.assertions.values():
            parts = (
                assertion.label, assertion.expression, assertion.hypotheses, assertion.proof,
                sorted(assertion.active_distinct),
            )  # fmt: skip
            content.update(repr(parts).encode())
        return content.hexdigest()


def load_collection(path: Path, proof_format: str) -> Collection:
    """Returns the theorems of the database in a file; the last few are remembered while the file is the same.

    Raises:
        MetamathError: the file can't be read as a database.
        EmptyProblemSetError: it holds no theorem that can be posed.
    """
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
    except (OSError, ValueError):
        stamp = (0, 0)  # reading it says what is wrong
    return _load_collection(path, stamp, proof_format)


@lru_cache(maxsize=8)
def _load_collection(path: Path, stamp: tuple[int, int], proof_format: str) -> Collection:
    return Collection(path.name, _load_database(path, stamp), proof_format)


@lru_cache(maxsize=4)
def _load_database(path: Path, stamp: tuple[int, int]) -> Database:
    return read_database(path)
