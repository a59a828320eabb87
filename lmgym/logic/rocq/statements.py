"""Statements to be proved, and how they are read from ``.v`` files.

Comes in: a file or a folder of files in which comments mark lemmas. Goes out: for each marked lemma the
trusted text above it, the proposition, and the proof as tactic sentences. Left out: whether the prover
accepts them.

A mark is a comment that stands directly before a lemma; the file stays valid for the prover:

    (* lmgym: level 2; topics nat, induction; uses add_zero *)
    Lemma add_comm (n m : nat) : n + m = m + n.
    Proof. ... Qed.

All three fields may be missing. Everything above that is not marked (Require, scopes, definitions, lemmas
with their proofs) is the lemma's context, and of the marked ones those that ``uses`` names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.logic.rocq.binders import close_proposition
from lmgym.logic.rocq.marks import MAX_LEVEL, Mark, mark_of
from lmgym.logic.rocq.vfiles import Sentence, VFileError, read_sentences

_KINDS = "Lemma|Theorem|Fact|Remark|Corollary|Proposition|Property"
_NAME = r"[^\W\d][\w']*"
_LEMMA = re.compile(rf"(?:#\[[^\]]*\]\s*)?(?:(?:Local|Global)\s+)?(?:{_KINDS})\s+({_NAME})\s*(.*)\.", re.S)
_STARTS_PROOF = re.compile(rf"(?:#\[[^\]]*\]\s*)?(?:(?:Local|Global)\s+)?(?:{_KINDS}|Goal|Example)\b")
_OPENS = re.compile(r"(?:Section|Module(?:\s+Type|\s+Import|\s+Export)?)\s+[\w']+\b(?!.*:=)", re.S)
_CLOSES = re.compile(r"End\s+[\w']+\s*\.")
_SELECTOR = re.compile(r"(?:all|par|!|\d[\d\s,-]*|\[\s*\w+\s*\])\s*:(?!=)")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A proposition to be proved in a context."""

    name: str
    """Name of the lemma where it was read; unique in a set."""
    context: str
    """Trusted text before it: Require, scopes, definitions, lemmas with proofs; one sentence a line."""
    statement: str
    """One closed proposition, on one line, e.g. ``forall n : nat, n + 0 = n``."""
    proof: tuple[str, ...] = ()
    """Tactic sentences, each on one line and ending in a dot, without bullets; () where none is known."""
    level: int = 1
    """Difficulty, in [1, 8]."""
    topics: tuple[str, ...] = ()
    """Words that say what it is about."""

    def __post_init__(self) -> None:
        if not re.fullmatch(_NAME, self.name):
            raise InvalidValueError(f"Statement.name must be an identifier, got {self.name!r}.")
        if not self.statement.strip():
            raise InvalidValueError(f"Statement.statement of {self.name} must not be empty.")
        if not 1 <= self.level <= MAX_LEVEL:
            raise InvalidValueError(f"Statement.level must lie in [1, {MAX_LEVEL}], got {self.level!r}.")
        for sentence in self.proof:
            if not sentence.endswith(".") or "\n" in sentence:
                raise InvalidValueError(
                    f"Statement.proof of {self.name}: each part must be one line that ends in a dot, "
                    f"got {sentence!r}."
                )


def read_statements(path: str | Path) -> list[Statement]:
    """Returns the marked lemmas of a ``.v`` file, or of every ``.v`` file of a folder by name.

    Raises:
        VFileError: a file cannot be read, a mark is wrong, or two lemmas bear one name.
        EmptyProblemSetError: nothing is marked.
    """
    path = Path(path)
    files = sorted(path.glob("*.v")) if path.is_dir() else [path]
    found, seen = list[Statement](), dict[str, str]()
    for file in files:
        for statement in statements_of_text(_read_text(file), file.name):
            if statement.name in seen:
                where = seen[statement.name]
                raise VFileError(file.name, 1, f"lemma {statement.name!r} is in {where}, too; rename one.")
            seen[statement.name] = file.name
            found.append(statement)
    if not found:
        raise EmptyProblemSetError(
            f"no lemma is marked in {path}; write (* lmgym: level 1 *) before each Lemma to be proved."
        )
    return found


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise VFileError(file.name, 1, f"is no UTF-8 text ({error.reason} at byte {error.start}).") from None
    except OSError as error:
        raise VFileError(file.name, 1, f"cannot be opened ({error.strerror}).") from None


def statements_of_text(text: str, source: str = "<text>") -> list[Statement]:
    """Returns the marked lemmas of the text of a ``.v`` file, in order.

    Raises:
        VFileError: see ``read_statements``.
    """
    blocks = _blocks(read_sentences(text, source), source)
    marked = dict[str, _Block]()
    found = list[Statement]()
    for place, block in enumerate(blocks):
        if block.mark is None:
            continue
        if block.name in marked:
            raise VFileError(source, block.line, f"lemma {block.name!r} is marked twice; rename one.")
        needed = _closure(block, marked, source)
        context = [b for b in blocks[:place] if b.mark is None or b.name in needed]
        found.append(_statement(block, context, source))
        marked[block.name] = block
    return found


def goal_of_text(
    text: str, source: str = "<text>", *, name: str = "", level: int = 1, topics: Sequence[str] = ()
) -> Statement:
    """Returns a lemma of a text without marks, proved or not, with all above it as context.

    Args:
        text: the file.
        source: what messages call it.
        name: the lemma; "": the last one.
        level: the statement's level.
        topics: the statement's topics.

    Raises:
        VFileError: the text cannot be read or holds no such lemma.
    """
    blocks = _blocks(read_sentences(text, source), source)
    places = [place for place, block in enumerate(blocks) if block.name and name in ("", block.name)]
    if not places:
        raise VFileError(
            source, 1, f"the text holds no lemma {name!r}." if name else "the text holds no lemma."
        )
    place = places[-1]
    block = blocks[place]._replace(mark=Mark(level, tuple(topics), ()))
    return _statement(block, blocks[:place], source)


@lru_cache(maxsize=4096)
def outline(context: str) -> str:
    """Returns ``context`` without the proofs in it: what a prompt may show.

    A lemma that one statement may use is itself to be proved elsewhere, perhaps in another split.

    Raises:
        VFileError: the text cannot be read.
    """
    return "\n".join(block.head.text for block in _blocks(read_sentences(context), "<context>"))


class _Block(NamedTuple):
    """A sentence with the proof that belongs to it, if any."""

    head: Sentence
    proof: tuple[Sentence, ...] = ()
    name: str = ""
    mark: Mark | None = None

    @property
    def line(self) -> int:
        return self.head.line

    @property
    def text(self) -> str:
        return "\n".join(sentence.text for sentence in (self.head, *self.proof))


def _blocks(sentences: Sequence[Sentence], source: str) -> list[_Block]:
    found, depth, place = list[_Block](), 0, 0
    while place < len(sentences):
        head = sentences[place]
        depth += bool(_OPENS.match(head.text)) - bool(_CLOSES.match(head.text))
        mark = mark_of(head, source)
        lemma = _LEMMA.fullmatch(head.text)
        if mark is not None and (lemma is None or depth):
            why = "stands in a section or module" if depth else "stands before no lemma"
            raise VFileError(source, head.line, f"the mark {why}; mark a closed Lemma or Theorem.")
        end = place + 1
        if lemma or _STARTS_PROOF.match(head.text) or _is_proof_word(sentences, end):
            end = _end_of_proof(sentences, end)
        found.append(_Block(head, tuple(sentences[place + 1 : end]), lemma[1] if lemma else "", mark))
        place = end
    return found


def _is_proof_word(sentences: Sequence[Sentence], place: int) -> bool:
    return place < len(sentences) and re.match(r"Proof\b", sentences[place].text) is not None


def _end_of_proof(sentences: Sequence[Sentence], start: int) -> int:
    for place in range(start, len(sentences)):
        if re.match(r"(Qed|Defined|Admitted|Abort|Save)\b", sentences[place].text):
            return place + 1
    return len(sentences)


def _closure(block: _Block, marked: dict[str, _Block], source: str) -> set[str]:
    """Returns the names of the marked lemmas that the block needs, with those that these need."""
    found, waiting = set[str](), list(block.mark.uses if block.mark else ())
    while waiting:
        name = waiting.pop()
        if name not in marked:
            raise VFileError(source, block.line, f"uses {name!r}, which is no lemma marked above.")
        if name not in found:
            found.add(name)
            mark = marked[name].mark
            waiting.extend(mark.uses if mark else ())
    return found


def _statement(block: _Block, context: Sequence[_Block], source: str) -> Statement:
    for other in context:
        if other.proof and not re.match(r"(Qed|Defined)\b", other.proof[-1].text):
            raise VFileError(source, other.line, "the context holds a lemma without a finished proof.")
    assert block.mark is not None
    return Statement(
        name=block.name,
        context="\n".join(other.text for other in context),
        statement=_proposition(block, source),
        proof=_tactics(block, source),
        level=block.mark.level,
        topics=block.mark.topics,
    )


def _proposition(block: _Block, source: str) -> str:
    lemma = _LEMMA.fullmatch(block.head.text)
    assert lemma is not None
    proposition = close_proposition(lemma[2])
    if proposition is None:
        raise VFileError(source, block.line, f"the binders of {block.name} cannot be read.")
    return proposition


def _tactics(block: _Block, source: str) -> tuple[str, ...]:
    """Returns the proof's tactic sentences, () if it is not finished; bullets and braces are left out.

    Without bullets every tactic works on the first goal, as it did with them, unless it names its goals.
    """
    if not block.proof or not re.fullmatch(r"(Qed|Defined)\s*\.", block.proof[-1].text):
        return ()
    inside = block.proof[:-1]
    if inside and re.match(r"Proof\b", inside[0].text):
        if not re.fullmatch(r"Proof\s*\.", inside[0].text):
            raise VFileError(source, inside[0].line, "write 'Proof.' alone, then tactics, then 'Qed.'.")
        inside = inside[1:]
    has_bullets = any(sentence.is_bullet for sentence in inside)
    for sentence in inside:
        if has_bullets and _SELECTOR.match(sentence.text):
            raise VFileError(
                source,
                sentence.line,
                f"{sentence.text!r} chooses its goals in a proof with bullets; drop one.",
            )
    return tuple(sentence.text for sentence in inside if not sentence.is_bullet)
