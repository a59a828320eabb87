"""Mutated proofs: one thing of a right proof is changed, and two checkers that share no code must agree.

In: problems of the generators with their proofs. Out: for each mutation what both checkers say of it, and
whether every line that was accepted follows from what it stands under.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lmgym.logic.fitch import Line, Sequent, begin, check_text, write_line
from lmgym.logic.notation import parse_formula, write_formula
from lmgym.logic.signature import Signature, signature_of
from lmgym.tasks.proof.source import MAX_LEVEL, make_source
from lmgym.tasks.stream import Words
from tests.cross_checks.truth_tables import follows
from tests.reference import line_checker as slow

KINDS = (
    "formula", "rule", "citation", "depth", "number", "swap", "delete", "duplicate", "renumber", "character",
    "space",
)  # fmt: skip
RULES = (
    "pr", "as", "R", "&I", "&E", "|I", "|E", "->I", "->E", "<->I", "<->E", "~I", "~E", "FE", "TI", "DNE",
    "RAA", "LEM", "allI", "allE", "exI", "exE", "=I", "=E", "IND",
)  # fmt: skip
_LINE = re.compile(r"(\d+)\. (\|*)(.*?) (\S+)(?: ([\d,-]+))?")
_PIECE = re.compile(r"<->|->|[A-Za-z][A-Za-z0-9_]*|\d+|\S")


class Given(NamedTuple):
    """A problem, as both checkers take it."""

    level: str
    sequent: Sequent
    lines: tuple[str, ...]
    """Of a right proof, as text."""
    classical: bool = True
    induction: bool = False


class Outcome(NamedTuple):
    """What came of one text."""

    agrees: bool
    """Whether both accept the same lines and say the same of the goal."""
    is_sound: bool
    """Whether every accepted line follows; only propositional ones are looked at."""
    is_accepted: bool
    is_proved: bool
    note: str
    """Both results in words."""


def write_proof(sequent: Sequent, proof: Sequence[Line]) -> tuple[str, ...]:
    """Returns the lines after the premises as text."""
    first = len(sequent.premises) + 1
    return tuple(write_line(line, at) for at, line in enumerate(proof, first))


def draw_given(
    num_each: int, seed: int, levels: Sequence[int] = tuple(range(1, MAX_LEVEL + 1)), split: str = "train"
) -> list[Given]:
    """Returns ``num_each`` problems of each of the levels of Proof-v0, and some written by hand."""
    found = []
    for level in levels:
        source = make_source(level, None, {})
        for case in source.draw(split, num_each, Words(np.random.default_rng((seed, level)))):
            lines = write_proof(case.sequent, case.proof)
            found.append(Given(f"level {level}", case.sequent, lines, source.classical))
    return [*found, *(_read_by_hand(text) for text in BY_HAND for _ in range(max(1, num_each // 4)))]


BY_HAND = (
    # addition of zero on the left, by induction
    """all x. a(x,0)=x; all x. all y. a(x,s(y))=s(a(x,y)) |- all x. a(0,x)=x
    3. a(0,0)=0 allE 1
    4. |a(0,n)=n as
    5. |all y. a(0,s(y))=s(a(0,y)) allE 2
    6. |a(0,s(n))=s(a(0,n)) allE 5
    7. |a(0,s(n))=s(n) =E 4,6
    8. all x. a(0,x)=x IND 3,4-7""",
    # two witnesses, and quantifiers exchanged
    """ex y. all x. R(x,y) |- all x. ex y. R(x,y)
    2. |all x. R(x,w) as
    3. |R(z,w) allE 2
    4. |ex y. R(z,y) exI 3
    5. ex y. R(z,y) exE 1,2-4
    6. all x. ex y. R(x,y) allI 5""",
    """ex x. P(x)&Q(x); all x. P(x)->ex y. R(x,y) |- ex x. ex y. R(x,y)&Q(x)
    3. |P(c)&Q(c) as
    4. |P(c) &E 3
    5. |P(c)->ex y. R(c,y) allE 2
    6. |ex y. R(c,y) ->E 5,4
    7. ||R(c,d) as
    8. ||Q(c) &E 3
    9. ||R(c,d)&Q(c) &I 7,8
    10. ||ex y. R(c,y)&Q(c) exI 9
    11. ||ex x. ex y. R(x,y)&Q(x) exI 10
    12. |ex x. ex y. R(x,y)&Q(x) exE 6,7-11
    13. ex x. ex y. R(x,y)&Q(x) exE 1,3-12""",
    # equality is symmetric and transitive, and reaches under quantifiers
    """k=m; m=f(k); all x. R(x,m) |- all x. R(x,f(k))
    4. m=m =I
    5. m=k =E 1,4
    6. k=f(k) =E 1,2
    7. all x. R(x,f(k)) =E 2,3
    8. all z. R(z,f(k)) R 7""",
    """~all x. P(x) |- ex x. ~P(x)
    2. |~ex x. ~P(x) as
    3. ||~P(x) as
    4. ||ex x. ~P(x) exI 3
    5. ||F ~E 2,4
    6. |P(x) RAA 3-5
    7. |all x. P(x) allI 6
    8. |F ~E 1,7
    9. ex x. ~P(x) RAA 2-8""",
    """p<->q; q|~q; T->r |- (q<->p)&r
    4. |q as
    5. |p <->E 1,4
    6. |p as
    7. |q <->E 6,1
    8. q<->p <->I 4-5,6-7
    9. T TI
    10. r ->E 3,9
    11. (q<->p)&r &I 8,10""",
)
"""Proofs that use what the generators do not, or seldom: induction, equality, variables of the same name."""


def _read_by_hand(text: str) -> Given:
    heading, *lines = (line.strip() for line in text.splitlines())
    given, _, goal = heading.partition(" |- ")
    sequent = Sequent(
        tuple(parse_formula(each, _HAND) for each in given.split("; ")), parse_formula(goal, _HAND)
    )
    return Given("by hand", sequent, tuple(lines), induction=True)


_HAND = Signature(
    {"0": 0, "s": 1, "a": 2, "k": 0, "m": 0, "f": 1}, {"P": 1, "Q": 1, "R": 2, "p": 0, "q": 0, "r": 0}
)


def compare(given: Given, text: str) -> Outcome:
    """Returns what the checkers say of ``text``, and whether what was accepted follows."""
    sequent, signature = given.sequent, signature_of(*given.sequent.premises, given.sequent.goal)
    fast = check_text(begin(sequent, classical=given.classical, induction=given.induction), text, signature)
    proof = begin_slow(given)
    result = slow.check_text(proof, text)
    num_fast = len(fast.state.lines) - len(sequent.premises)
    said = (num_fast, fast.refusal is not None, fast.state.is_proved)
    return Outcome(
        said == result[:3],
        all(is_line_sound(proof, line) is not False for line in proof.lines),
        not result.is_refused,
        result.is_proved,
        f"kernel {said} {fast.refusal}, reference {tuple(result)}",
    )


def begin_slow(given: Given) -> slow.Proof:
    """Returns the proof without lines for the independent checker."""
    sequent = given.sequent
    signature = signature_of(*sequent.premises, sequent.goal)
    symbols = tuple(sorted(signature.functions.items())), tuple(sorted(signature.predicates.items()))
    premises = [write_formula(premise) for premise in sequent.premises]
    return slow.Proof(
        premises,
        write_formula(sequent.goal),
        classical=given.classical,
        induction=given.induction,
        signature=symbols,
    )


def is_line_sound(proof: slow.Proof, line: slow.Placed) -> bool | None:
    """Returns whether a line follows from premises and open assumptions; None where no table can tell."""
    assumed = [proof.lines[box.start - 1].formula for box in line.boxes]
    return follows((*proof.premises, *assumed), line.formula)


def mutate(given: Given, kind: str, rng: random.Random) -> str:
    """Returns the proof's text with one change of a kind; sometimes that changes nothing."""
    lines = list(given.lines)
    at = rng.randrange(len(lines))
    if kind in ("swap", "delete", "duplicate", "renumber"):
        return _restructure(lines, at, kind, rng)
    if kind in ("character", "space"):
        lines[at] = _other_text(lines[at], kind, rng)
        return "\n".join(lines)
    match = _LINE.fullmatch(lines[at])
    assert match, lines[at]
    number, bars, formula, rule, cited = match.groups()
    cited = cited or ""
    if kind == "formula":
        formula = _other_formula(given, formula, rng)
    elif kind == "rule":
        rule = rng.choice(RULES)
    elif kind == "citation":
        cited = _other_citation(cited, int(number), rng)
    elif kind == "depth":
        bars = "|" * max(0, len(bars) + rng.choice((-1, 1, 1, -2)))
    else:
        number = str(max(0, int(number) + rng.choice((-1, 1, 10))))
    lines[at] = f"{number}. {bars}{formula} {rule}{' ' if cited else ''}{cited}"
    return "\n".join(lines)


def _other_text(line: str, kind: str, rng: random.Random) -> str:
    """Returns the line with a character put in, taken out or exchanged; with a space put in or taken out."""
    if kind == "space":
        place = rng.choice([at for at, sign in enumerate(line) if sign == " "])
        if rng.random() < 0.2:
            return line[:place] + line[place + 1 :]
        place = rng.randrange(len(line) + 1)
        return f"{line[:place]} {line[place:]}"
    place = rng.choice([at for at, sign in enumerate(line) if sign != " "])
    new = rng.choice(["", *"|&~()->.,=px0123F"])
    return line[:place] + new + line[place + rng.randrange(2) :]


def _restructure(lines: list[str], at: int, kind: str, rng: random.Random) -> str:
    """Moves, drops or doubles a line; numbers are left out, so that the rest can be right by chance."""
    bare = [line.partition(" ")[2] for line in lines]
    if kind == "delete":
        del bare[at]
    elif kind == "duplicate":
        bare.insert(rng.randrange(len(bare) + 1), bare[at])
    elif kind == "swap":
        other = min(at + 1, len(bare) - 1) if rng.random() < 0.7 else rng.randrange(len(bare))
        bare[at], bare[other] = bare[other], bare[at]
    else:  # one line more in front, and the citations are left as they are or moved by one
        is_moved = rng.random() < 0.5
        bare.insert(at, "T TI")
        bare = [re.sub(r"\d+(?=[\d,-]*$)", _add_one, line) if is_moved else line for line in bare]
    return "\n".join(bare)


def _add_one(match: re.Match[str]) -> str:
    return str(int(match[0]) + 1)


def _other_formula(given: Given, formula: str, rng: random.Random) -> str:
    """Returns another formula of the proof, or this one with one token changed."""
    if rng.random() < 0.35:
        matches = [_LINE.fullmatch(line) for line in given.lines]
        texts = [match[3] for match in matches if match]
        texts += [write_formula(each) for each in (*given.sequent.premises, given.sequent.goal)]
        return rng.choice(texts)
    pieces = _PIECE.findall(formula)
    at = rng.randrange(len(pieces))
    piece = pieces[at]
    if piece in ("&", "|", "->", "<->"):
        pieces[at] = rng.choice(("&", "|", "->", "<->"))
    elif piece in ("all", "ex"):
        pieces[at] = {"all": "ex", "ex": "all"}[piece]
    elif piece == "~":
        del pieces[at]
    elif piece[0].isalnum():
        names = [each for each in pieces if each[0].isalnum() and each not in ("all", "ex")]
        pieces[at] = rng.choice([*names, "p", "q", "x", "F", "~" + piece])
    return " ".join(pieces)


def _other_citation(cited: str, number: int, rng: random.Random) -> str:
    pieces = re.split(r"([,-])", cited) if cited else [str(rng.randrange(1, number + 1))]
    at = rng.randrange(0, len(pieces), 2)
    choice = rng.random()
    if choice < 0.6:
        pieces[at] = str(rng.randrange(0, number + 2))
    elif choice < 0.75:
        pieces = pieces[at + 1 :][1:] or pieces[: max(0, at - 1)]
    elif choice < 0.9:
        pieces = [*pieces, rng.choice(",-"), str(rng.randrange(1, number + 1))]
    else:
        pieces = list(reversed(pieces))
    return "".join(pieces)


def mutations(
    problems: Sequence[Given], count: int, seed: int, kinds: Sequence[str] = KINDS
) -> Iterator[tuple[Given, str, str]]:
    """Yields ``count`` mutations: the problem, the kind, the text. Every problem and kind comes in turn."""
    rng = random.Random(seed)
    for at in range(count):
        given = problems[at % len(problems)]
        kind = kinds[(at // len(problems) + at) % len(kinds)]
        yield given, kind, mutate(given, kind, rng)
