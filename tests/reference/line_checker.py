"""An independent checker of the language of docs/proofs.md, written from that page and sharing no code.

Terms are ("v", name) and ("f", name, arguments); formulas ("P", name, arguments), ("=", a, b), ("F",),
("T",), ("~", A), (sign, A, B), ("all", x, A), ("ex", x, A) with named variables. Slow and plain on purpose:
every comparison walks both formulas with the pairs of variables that are bound there.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

Node = tuple[Any, ...]
Pairs = tuple[tuple[str, str], ...]
"""Variables bound in the left and the right formula, from outside in."""
Signature = tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
"""Functions and predicates with their numbers of arguments."""

RESERVED = {"F", "T", "false", "true", "all", "ex"}
SIGNS = {
    "¬": "~", "∧": "&", "∨": "|", "→": "->", "↔": "<->", "∀": "all", "∃": "ex", "⊥": "F", "⊤": "T",
    "false": "F", "true": "T",
}  # fmt: skip
TOKEN = re.compile(r"[ \t]*(<->|->|[~&|().,=¬∧∨→↔∀∃⊥⊤]|[A-Za-z][A-Za-z0-9_]*|[0-9]+)")
STRENGTHS = (("<->", True), ("->", True), ("|", False), ("&", False))


class Bad(Exception):
    """What is read or checked is refused."""


class _Parser:
    def __init__(self, text: str, signature: Signature | None) -> None:
        self.signature = signature and tuple(dict(part) for part in signature)
        self.tokens, at, text = [], 0, text.rstrip(" \t")
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise Bad("character")
            self.tokens.append(SIGNS.get(match[1], match[1]))
            at = match.end()
        self.at = 0
        self.bound: list[str] = []

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise Bad(f"expected {wanted}")
        self.at += 1
        return token

    def formula(self, level: int = 0) -> Node:
        if level == len(STRENGTHS):
            return self.unary()
        sign, is_right = STRENGTHS[level]
        parts = [self.formula(level + 1)]
        while self.peek() == sign:
            self.take()
            parts.append(self.formula(level + 1))
        if is_right:
            found = parts.pop()
            while parts:
                found = (sign, parts.pop(), found)
            return found
        found = parts[0]
        for part in parts[1:]:
            found = (sign, found, part)
        return found

    def unary(self) -> Node:
        token = self.peek()
        if token == "~":
            self.take()
            return ("~", self.unary())
        if token in ("all", "ex"):
            self.take()
            name = self.name()
            if self.peek() == ".":
                self.take()
            self.bound.append(name)
            inside = self.formula()
            self.bound.pop()
            return (token, name, inside)
        if token == "(":
            self.take()
            inside = self.formula()
            self.take(")")
            return inside
        return self.atom()

    def name(self) -> str:
        token = self.take()
        if not token[0].isalpha() or token in RESERVED or len(token) > 32:
            raise Bad("name")
        return token

    def atom(self) -> Node:
        if self.peek() in ("F", "T"):
            return (self.take(),)
        start = self.at
        if not self.peek()[:1].isdigit():
            name = self.name()
            if self.peek() == "(":
                self.arguments()
            if self.peek() != "=":
                self.at = start + 1
                arguments = self.arguments() if self.peek() == "(" else ()
                if self.signature and self.signature[1].get(name) != len(arguments):
                    raise Bad("predicate")
                return ("P", name, arguments)
            self.at = start
        left = self.term()
        self.take("=")
        return ("=", left, self.term())

    def arguments(self) -> tuple[Node, ...]:
        self.take("(")
        found = [self.term()]
        while self.peek() == ",":
            self.take()
            found.append(self.term())
        self.take(")")
        return tuple(found)

    def term(self) -> Node:
        token = self.peek()
        if token[:1].isdigit():
            if (token != "0" and token[0] == "0") or len(token) > 32:
                raise Bad("numeral")
            self.take()
            if self.signature and self.signature[0].get(token) != 0:
                raise Bad("numeral")
            return ("f", token, ())
        name = self.name()
        if self.peek() == "(":
            arguments = self.arguments()
            if self.signature and self.signature[0].get(name) != len(arguments):
                raise Bad("function")
            return ("f", name, arguments)
        if name in self.bound or not self.signature:
            return ("v", name)
        if self.signature[0].get(name) == 0:
            return ("f", name, ())
        if name in self.signature[0] or name[0].isupper():
            raise Bad("constant")
        return ("v", name)


@lru_cache(maxsize=100_000)
def parse(text: str, signature: Signature | None = None) -> Node | None:
    """Returns the formula, None if the text is none."""
    try:
        parser = _Parser(text, signature)
        found = parser.formula()
        if parser.peek():
            raise Bad("rest")
    except (Bad, IndexError):
        return None
    return found


def free(node: Node) -> frozenset[str]:
    """Returns the free variables of a term or formula."""
    if node[0] == "v":
        return frozenset((node[1],))
    if node[0] in ("all", "ex"):
        return free(node[2]) - {node[1]}
    children = node[2] if node[0] in ("P", "f") else node[1:]
    return frozenset().union(*map(free, children))


def same(one: Node, other: Node, pairs: Pairs = ()) -> bool:
    """Returns whether the two are equal but for the names of bound variables."""
    return _walk(one, other, pairs, lambda *_: False)


def _walk(one: Node, other: Node, pairs: Pairs, is_replaced: Any) -> bool:
    """Compares; ``is_replaced(term, term, pairs)`` may allow two terms to differ."""
    if one[0] in ("v", "f") and other[0] in ("v", "f") and is_replaced(one, other, pairs):
        return True
    if one[0] != other[0]:
        return False
    if one[0] == "v":
        for left, right in reversed(pairs):
            if one[1] == left or other[1] == right:
                return one[1] == left and other[1] == right
        return bool(one[1] == other[1])
    if one[0] in ("all", "ex"):
        return _walk(one[2], other[2], (*pairs, (one[1], other[1])), is_replaced)
    if one[0] in ("P", "f"):
        if one[1] != other[1] or len(one[2]) != len(other[2]):
            return False
        return all(_walk(a, b, pairs, is_replaced) for a, b in zip(one[2], other[2], strict=True))
    return all(_walk(a, b, pairs, is_replaced) for a, b in zip(one[1:], other[1:], strict=True))


def instance_term(quantified: Node, formula: Node) -> Node | bool | None:
    """Returns the term that stands in ``formula`` for the quantified variable.

    True: the variable does not occur, and the rest agrees. None: ``formula`` is no instance.
    """
    _, name, inside = quantified
    found: list[Node] = []

    def is_replaced(one: Node, other: Node, pairs: Pairs) -> bool:
        if one != ("v", name) or any(left == name for left, _ in pairs):
            return False
        if free(other) & {right for _, right in pairs} or (found and found[0] != other):
            found.append(("bad",))
            return True
        found.append(other)
        return True

    if not _walk(inside, formula, (), is_replaced) or ("bad",) in found:
        return None
    return found[0] if found else True


def is_rewritten(before: Node, after: Node, a: Node, b: Node) -> bool:
    """Returns whether some of ``a`` became ``b``, where no variable of either is bound."""

    def is_replaced(one: Node, other: Node, pairs: Pairs) -> bool:
        is_free = not free(a) & {left for left, _ in pairs} and not free(b) & {right for _, right in pairs}
        return one == a and other == b and is_free

    return _walk(before, after, (), is_replaced)


class Box:
    """A subproof."""

    def __init__(self, start: int, around: tuple[Box, ...]) -> None:
        self.start, self.around = start, around
        self.end: int | None = None


class Placed(NamedTuple):
    formula: Node
    boxes: tuple[Box, ...]
    rests: tuple[Node, ...]


class Result(NamedTuple):
    """What became of a text."""

    num_accepted: int
    """Lines that were accepted, premises left out."""
    is_refused: bool
    """Whether a line was refused, which ends the check."""
    is_proved: bool


_RULES = {
    "pr", "as", "R", "&I", "&E", "|I", "|E", "->I", "->E", "<->I", "<->E", "~I", "~E", "FE", "TI", "DNE",
    "RAA", "LEM", "allI", "allE", "exI", "exE", "=I", "=E", "IND",
}  # fmt: skip
_UNICODE = {"∧": "&", "∨": "|", "→": "->", "↔": "<->", "¬": "~", "⊥": "F", "⊤": "T", "∀": "all", "∃": "ex"}
_CITED = r"(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*))?"
_LINE = re.compile(
    r"[ \t]*(?:(0|[1-9]\d*)[ \t]*\.)?([ \t|│]*)(.*?)[ \t]+([^ \t]+)"
    rf"(?:[ \t]+({_CITED}(?:[ \t]*,[ \t]*{_CITED})*))?[ \t]*"
)


class Proof:
    """A proof as far as it has been accepted."""

    def __init__(
        self,
        premises: list[str],
        goal: str,
        *,
        classical: bool = True,
        induction: bool = False,
        signature: Signature | None = None,
    ) -> None:
        self.signature, self.classical, self.induction = signature, classical, induction
        read = [parse(text, signature) for text in premises]
        wanted = parse(goal, signature)
        assert wanted is not None and None not in read, (premises, goal)
        self.goal = wanted
        self.premises = tuple(formula for formula in read if formula is not None)
        self.lines = [Placed(formula, (), (formula,)) for formula in self.premises]
        self.stack: tuple[Box, ...] = ()
        self.boxes: list[Box] = []

    @property
    def is_proved(self) -> bool:
        return any(not line.boxes and same(line.formula, self.goal) for line in self.lines)

    def add(self, text: str) -> None:
        """Adds a line, or raises ``Bad`` and leaves all as it was."""
        match = _LINE.fullmatch(text)
        if not match:
            raise Bad("syntax")
        number, bars, formula_text, rule, cited = match.groups()
        if number is not None and number != str(len(self.lines) + 1):
            raise Bad("number")
        for sign, ascii_sign in _UNICODE.items():
            if rule.startswith(sign):
                rule = ascii_sign + rule[len(sign) :]
        if rule not in _RULES or rule == "pr":
            raise Bad("rule")
        formula = parse(formula_text, self.signature)
        if formula is None:
            raise Bad("formula")
        depth = bars.count("|") + bars.count("│")
        if len(self.lines) >= 1000 or depth > 50 or len(text) > 4200:
            raise Bad("budget")
        self._place(formula, rule, cited or "", depth)

    def _place(self, formula: Node, rule: str, cited: str, depth: int) -> None:
        here = len(self.lines) + 1
        is_assumption = rule == "as"
        low, high = (1, len(self.stack) + 1) if is_assumption else (0, len(self.stack))
        if not low <= depth <= high:
            raise Bad("depth")
        stack = self.stack[: depth - is_assumption]
        closing = self.stack[depth - is_assumption :]
        if is_assumption:
            if cited:
                raise Bad("citation")
            rests: tuple[Node, ...] = (formula,)
        else:
            for box in closing:
                box.end = here - 1
            try:
                rests = self._rests(formula, rule, cited, stack)
            except Bad:
                for box in closing:
                    box.end = None
                raise
        for box in closing:
            box.end = here - 1
        if is_assumption:
            self.boxes.append(Box(here, stack))
            stack = (*stack, self.boxes[-1])
        self.stack = stack
        self.lines.append(Placed(formula, stack, rests))

    def _rests(self, formula: Node, rule: str, cited: str, stack: tuple[Box, ...]) -> tuple[Node, ...]:
        lines: list[Placed] = []
        subproofs: list[tuple[Placed, Placed]] = []
        for each in cited.replace(" ", "").replace("\t", "").split(",") if cited else ():
            first, dash, last = each.partition("-")
            if dash:
                subproofs.append(self._box(int(first), int(last), stack))
            else:
                lines.append(self._line(int(first), stack))
        rests = [each for line in lines for each in line.rests]
        for assumed, end in subproofs:
            rests += [each for each in end.rests if not same(each, assumed.formula)]
        _Rules(self, formula, lines, subproofs, rests).check(rule)
        return tuple(rests)

    def _line(self, number: int, stack: tuple[Box, ...]) -> Placed:
        if not 1 <= number <= len(self.lines):
            raise Bad("citation")
        line = self.lines[number - 1]
        if line.boxes != stack[: len(line.boxes)]:
            raise Bad("scope")
        return line

    def _box(self, first: int, last: int, stack: tuple[Box, ...]) -> tuple[Placed, Placed]:
        found = [box for box in self.boxes if box.start == first and box.end == last]
        if not found or found[0].around != stack[: len(found[0].around)]:
            raise Bad("scope")
        start, end = self.lines[first - 1], self.lines[last - 1]
        if end.boxes[-1:] != (found[0],):
            raise Bad("scope")
        return start, end


class _Rules:
    """One application of a rule."""

    def __init__(
        self,
        proof: Proof,
        goal: Node,
        lines: list[Placed],
        boxes: list[tuple[Placed, Placed]],
        rests: list[Node],
    ) -> None:
        self.proof, self.goal, self.rests = proof, goal, rests
        self.given = [line.formula for line in lines]
        self.boxes = [(start.formula, end.formula) for start, end in boxes]

    def check(self, rule: str) -> None:
        if rule in ("DNE", "RAA", "LEM") and not self.proof.classical:
            raise Bad("logic")
        if rule == "IND" and not self.proof.induction:
            raise Bad("logic")
        num_lines, num_boxes = _COUNTS[rule]
        if (len(self.given), len(self.boxes)) != (num_lines, num_boxes):
            raise Bad("citation")
        if not _CHECKS[rule](self):
            raise Bad("mismatch")

    def either_order(self, is_right: Any) -> bool:
        one, other = self.given
        return is_right(one, other) or is_right(other, one)

    def is_goal(self, *node: Any) -> bool:
        return same(node, self.goal)

    def any_side(self) -> bool:
        (given,) = self.given
        return given[0] == "&" and any(same(part, self.goal) for part in given[1:])

    def cases(self) -> bool:
        (given,), ((a, c), (b, d)) = self.given, self.boxes
        is_split = given[0] == "|" and same(given[1], a) and same(given[2], b)
        return is_split and same(c, self.goal) and same(d, self.goal)

    def both_ways(self) -> bool:
        (a, b), (c, d) = self.boxes
        return same(a, d) and same(b, c) and self.is_goal("<->", a, b)

    def not_in_rests(self, name: str, *more: Node) -> bool:
        return not any(name in free(each) for each in (*self.rests, *more))

    def generalised(self) -> bool:
        (given,) = self.given
        if self.goal[0] != "all":
            return False
        term = instance_term(self.goal, given)
        if term is True:
            return True
        return isinstance(term, tuple) and term[0] == "v" and self.not_in_rests(term[1], self.goal)

    def witnessed(self) -> bool:
        (given,), ((assumed, end),) = self.given, self.boxes
        if given[0] != "ex" or not same(end, self.goal):
            return False
        term = instance_term(given, assumed)
        if term is True:
            return True
        is_name = isinstance(term, tuple) and term[0] == "v"
        return is_name and self.not_in_rests(term[1], given, self.goal)  # type: ignore[index]

    def induced(self) -> bool:
        (base,), ((assumed, end),) = self.given, self.boxes
        if self.goal[0] != "all":
            return False
        first, number, after = (instance_term(self.goal, each) for each in (base, assumed, end))
        if first is True and number is True and after is True:
            return True
        if not (isinstance(number, tuple) and number[0] == "v") or first != ("f", "0", ()):
            return False
        return after == ("f", "s", (number,)) and self.not_in_rests(number[1], self.goal)

    def rewritten(self) -> bool:
        equation, before = self.given
        if equation[0] != "=":
            return False
        _, a, b = equation
        return is_rewritten(before, self.goal, a, b) or is_rewritten(before, self.goal, b, a)


_COUNTS = {
    "R": (1, 0), "&I": (2, 0), "&E": (1, 0), "|I": (1, 0), "|E": (1, 2), "->I": (0, 1), "->E": (2, 0),
    "<->I": (0, 2), "<->E": (2, 0), "~I": (0, 1), "~E": (2, 0), "FE": (1, 0), "TI": (0, 0), "DNE": (1, 0),
    "RAA": (0, 1), "LEM": (0, 0), "allI": (1, 0), "allE": (1, 0), "exI": (1, 0), "exE": (1, 1), "=I": (0, 0),
    "=E": (2, 0), "IND": (1, 1),
}  # fmt: skip
_CHECKS: dict[str, Any] = {
    "R": lambda r: same(r.given[0], r.goal),
    "&I": lambda r: r.either_order(lambda a, b: r.is_goal("&", a, b)),
    "&E": _Rules.any_side,
    "|I": lambda r: r.goal[0] == "|" and any(same(r.given[0], part) for part in r.goal[1:]),
    "|E": _Rules.cases,
    "->I": lambda r: r.is_goal("->", *r.boxes[0]),
    "->E": lambda r: r.either_order(lambda a, b: same(a, ("->", b, r.goal))),
    "<->I": _Rules.both_ways,
    "<->E": lambda r: r.either_order(lambda a, b: same(a, ("<->", b, r.goal)) or same(a, ("<->", r.goal, b))),
    "~I": lambda r: r.boxes[0][1] == ("F",) and r.is_goal("~", r.boxes[0][0]),
    "~E": lambda r: r.goal == ("F",) and r.either_order(lambda a, b: same(a, ("~", b))),
    "FE": lambda r: r.given[0] == ("F",),
    "TI": lambda r: r.goal == ("T",),
    "DNE": lambda r: same(r.given[0], ("~", ("~", r.goal))),
    "RAA": lambda r: r.boxes[0][1] == ("F",) and same(r.boxes[0][0], ("~", r.goal)),
    "LEM": lambda r: r.goal[0] == "|" and same(r.goal[2], ("~", r.goal[1])),
    "allI": _Rules.generalised,
    "allE": lambda r: r.given[0][0] == "all" and instance_term(r.given[0], r.goal) is not None,
    "exI": lambda r: r.goal[0] == "ex" and instance_term(r.goal, r.given[0]) is not None,
    "exE": _Rules.witnessed,
    "=I": lambda r: r.goal[0] == "=" and same(r.goal[1], r.goal[2]),
    "=E": _Rules.rewritten,
    "IND": _Rules.induced,
}


def check_text(proof: Proof, text: str) -> Result:
    """Plays the lines of ``text`` until one is refused; ``proof`` keeps what was accepted."""
    before = len(proof.lines)
    for line in text.split("\n"):
        if line.strip(" \t\r"):
            try:
                proof.add(line)
            except Bad:
                return Result(len(proof.lines) - before, True, proof.is_proved)
    return Result(len(proof.lines) - before, False, proof.is_proved)
