"""Sets of statements for Rocq: the suite's own, miniF2F's, and those of any folder.

Comes in: a preset's name or a path. Goes out: statements. Left out: splits, prompts, the prover.

``minif2f.jsonl.gz`` holds the statements of miniF2F in Rocq (github.com/LLM4Rocq/miniF2F-rocq at b60affa, MIT
licence in ``minif2f.LICENSE``), one file of the original a row, with whether Coq 8.16 accepts it and what it
needs.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.logic.rocq.marks import MAX_LEVEL
from lmgym.logic.rocq.statements import Statement, goal_of_text, read_statements

PRESETS = ("lmgym", "minif2f", "minif2f_coquelicot")
"""The packaged sets: 713 lemmas with proofs; miniF2F's 445 statements that need only Coq; these and the 28
that need the library Coquelicot, too. miniF2F has no proofs."""

_FOLDER = Path(__file__).parent
_AXIOM = re.compile(r"^(?:Axiom|Parameter|Conjecture)s?\b", re.M)
_CATEGORIES = (
    "mathd_algebra",
    "mathd_numbertheory",
    "numbertheory",
    "induction",
    "algebra",
    "aime",
    "amc12",
    "imo",
)


@cache
def load_set(source: str | Path) -> tuple[Statement, ...]:
    """Returns the statements of a preset, of a ``.v`` file, of a folder of these, or of a miniF2F file.

    Args:
        source: one of ``PRESETS``, or a path: ``.v`` files mark their lemmas
            (``lmgym.logic.rocq.statements``); ``.jsonl`` and ``.jsonl.gz`` are in miniF2F's format.

    Raises:
        UnknownNameError: ``source`` is neither a preset nor an existing path.
        VFileError: a file cannot be read.
        InvalidValueError: a row of a miniF2F file is not in its format.
        EmptyProblemSetError: there is no statement.
    """
    if source == "lmgym":
        return tuple(read_statements(_FOLDER / "lemmas"))
    if source in ("minif2f", "minif2f_coquelicot"):
        return read_minif2f(_FOLDER / "minif2f.jsonl.gz", coquelicot=source == "minif2f_coquelicot")
    path = Path(source)
    if not path.exists():
        raise UnknownNameError("set of statements (a preset or an existing path)", str(source), PRESETS)
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return read_minif2f(path)
    return tuple(read_statements(path))


def read_minif2f(path: str | Path, *, coquelicot: bool = False) -> tuple[Statement, ...]:
    """Returns the statements of a miniF2F file that elaborate in Coq 8.16.

    One that brings an axiom of its own is left out. The level is the highest; topics are the kind of the
    problem and "test" or "valid", its part of the benchmark.

    Args:
        path: JSON lines with ``name``, ``split``, ``needs``, ``elaborates_coq_8_16`` and ``text``.
        coquelicot: also those that need the library Coquelicot.

    Raises:
        InvalidValueError: a line is not in this format.
        VFileError: a text cannot be read.
        EmptyProblemSetError: there is no such statement.
    """
    needs = ("coq", "libcoq-coquelicot") if coquelicot else ("coq",)
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        found = tuple(_minif2f_statements(file, path.name, needs))
    if not found:
        raise EmptyProblemSetError(f"{path} holds no statement that needs only {' and '.join(needs)}.")
    return found


def _minif2f_statements(lines: Iterable[str], source: str, needs: tuple[str, ...]) -> Iterable[Statement]:
    for number, line in enumerate(lines, 1):
        row = _row(line, f"{source}:{number}")
        if row["elaborates_coq_8_16"] is not True or row["needs"] not in needs:
            continue
        name = row["name"]
        kind = next((word for word in _CATEGORIES if name.startswith(word)), "other")
        statement = goal_of_text(row["text"], name, name=name, level=MAX_LEVEL, topics=(kind, row["split"]))
        if not _AXIOM.search(statement.context):
            yield statement


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidValueError(f"{where}: no JSON ({error}).") from None
    texts = ("name", "split", "needs", "text")
    is_right = isinstance(row, dict) and all(isinstance(row.get(key), str) for key in texts)
    if not is_right or "elaborates_coq_8_16" not in row:
        raise InvalidValueError(f"{where}: a row needs {', '.join(texts)} (texts) and elaborates_coq_8_16.")
    return dict(row)
