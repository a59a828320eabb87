"""The upper half of the grammar: alternatives, lists, relations, sets, intervals, tuples and matrices.

Comes in: tokens. Goes out: a tree. The lower half, arithmetic, is in ``expressions``.
"""

from __future__ import annotations

from lmgym.grading.budgets import Refusal
from lmgym.grading.notation.cursor import arithmetic
from lmgym.grading.notation.expressions import Expressions
from lmgym.grading.tree import RELATIONS, Node

_SET_OPERATIONS = frozenset(("union", "intersection", "setminus"))
_SETS = frozenset(
    ("set", "interval", "tuple", "union", "intersection", "difference", "named_set", "empty_set", "variable")
)
_SEPARATORS = frozenset((",", ";", "and"))
_MATRICES = frozenset(("matrix", "pmatrix", "bmatrix", "Bmatrix", "array", "smallmatrix"))


class Statements(Expressions):
    """Reads the tokens of one answer."""

    def read(self) -> Node:
        """Returns the tree of all tokens.

        Raises:
            Refusal: "unparsed" or "limit".
        """
        node = self._alternatives()
        if self.kind != "end":
            raise self.unexpected()
        return node

    def _alternatives(self) -> Node:
        """Reads "a, b or c, d": lists of statements between "or"; "a, b, or c" is three alternatives."""
        groups = [[self.relation()]]
        is_one_list = False
        separator = ""
        while self.kind in _SEPARATORS or self.kind == "or":
            kind = self.kind
            self.advance()
            if kind == "," and self.kind in ("and", "or"):
                is_one_list = self.kind == "or"
                kind = self.kind
                self.advance()
            if kind == "or":
                groups.append([self.relation()])
                continue
            if kind != "and":
                if separator not in ("", kind):
                    raise Refusal("unparsed", "commas and semicolons in one list")
                separator = kind
            groups[-1].append(self.relation())
        if is_one_list:
            groups = [[item] for group in groups for item in group]
        lists = [group[0] if len(group) == 1 else Node("list", tuple(group)) for group in groups]
        return lists[0] if len(lists) == 1 else Node("either", tuple(lists))

    def relation(self) -> Node:
        """Reads a chain of relations between sums or sets."""
        sides, operators = [], []
        while True:
            side = self.sum()
            if self.kind in _SET_OPERATIONS or self._is_union_letter():
                side = self._set_operation(side)
            sides.append(side)
            if self.kind not in RELATIONS:
                break
            operators.append(self.kind)
            self.advance()
        if not operators:
            return sides[0]
        if any(side.head in ("relation", "either", "list") for side in sides):
            raise Refusal("unparsed", "a relation between relations")
        return Node("relation", tuple(sides), tuple(operators))

    def _set_operation(self, first: Node) -> Node:
        parts = [first]
        operation = "union" if self.kind == "letter" else self.kind
        while self.kind == operation or (operation == "union" and self._is_union_letter()):
            self.advance()
            parts.append(self.sum())
        if self.kind in _SET_OPERATIONS or (operation == "setminus" and len(parts) > 2):
            raise Refusal("unparsed", "several set operations without parentheses")
        for part in parts:
            if part.head not in _SETS:
                raise Refusal("unparsed", f"a set operation on a {part.head}")
        return Node("difference" if operation == "setminus" else operation, tuple(parts))  # type: ignore[arg-type]

    def items(self) -> list[Node]:
        """Reads statements between commas, or between semicolons."""
        found = [self.relation()]
        separator = self.kind
        while self.kind == separator and separator in (",", ";"):
            self.advance()
            found.append(self.relation())
        return found

    def bracket(self) -> Node:
        """Reads what begins with ``(`` or ``[``: a group, tuple, interval or matrix of rows."""
        opening = self.kind
        self.advance()
        bars, self.num_bars = self.num_bars, 0
        starts_with_bracket = self.kind == "["
        found = self.items()
        closing = self.kind
        if closing not in (")", "]"):
            raise self.unexpected()
        self.advance()
        self.num_bars = bars
        if len(found) == 1:
            if (opening, closing) not in (("(", ")"), ("[", "]")):
                raise Refusal("unparsed", "brackets that do not match")
            return found[0]
        if opening == "(" and closing == ")":
            return Node("tuple", tuple(found))
        if opening == "[" and closing == "]" and starts_with_bracket and (rows := _as_rows(found)):
            return Node("matrix", rows)
        if len(found) == 2:
            return Node("interval", tuple(found), opening + closing)
        if opening == "[" and closing == "]":
            return Node("tuple", tuple(found))
        raise Refusal("unparsed", "brackets that do not match")

    def braces(self) -> Node:
        r"""Reads ``\{...\}``, a set, or ``{...}``: a set if empty or with commas, or a group."""
        closing = "}set" if self.kind == "set{" else "}"
        self.advance()
        if self.kind == closing:
            self.advance()
            return Node("empty_set")
        (bars, self.num_bars), (ratios, self.allows_ratios) = (self.num_bars, 0), (self.allows_ratios, False)
        found = self.items()
        if self.kind == "over" and closing == "}" and len(found) == 1:
            self.advance()
            found = [Node("divide", (arithmetic(found[0]), arithmetic(self.sum())))]
        self.expect(closing)
        self.num_bars, self.allows_ratios = bars, ratios
        if closing == "}" and len(found) == 1:
            return found[0]
        return Node("set", tuple(found))

    def angles(self) -> Node:
        r"""Reads ``\langle a, b \rangle``, a tuple."""
        self.advance()
        found = self.items()
        self.expect(",>")
        if len(found) < 2:
            raise Refusal("unparsed", "angle brackets around one value")
        return Node("tuple", tuple(found))

    def environment(self) -> Node:
        """Reads a matrix; vmatrix, the bars of a determinant, is its absolute."""
        name = self.value
        if name not in _MATRICES and name != "vmatrix":
            raise Refusal("unparsed", f"the environment {name}")
        self.advance()
        rows: list[list[Node]] = [[]]
        while True:
            rows[-1].append(self.sum())
            if self.kind not in ("&", "newline"):
                break
            if self.kind == "newline":
                rows.append([])
            self.advance()
            if self.kind == "finish":
                rows.pop() if not rows[-1] else None
                break
        if self.kind != "finish" or self.value != name or len({len(row) for row in rows}) != 1:
            raise Refusal("unparsed", "a matrix whose rows differ in length or that does not end")
        self.advance()
        matrix = Node("matrix", tuple(Node("row", tuple(row)) for row in rows))
        return Node("absolute", (matrix,)) if name == "vmatrix" else matrix

    def _is_union_letter(self) -> bool:
        """Returns whether this token is the U of "(1,2) U (3,4)"."""
        return self.is_letter_between_brackets("U")


def _as_rows(found: list[Node]) -> tuple[Node, ...] | None:
    is_all_rows = all(
        item.head == "tuple" or (item.head == "interval" and item.value == "[]") for item in found
    )
    if not is_all_rows or len({len(item.args) for item in found}) != 1:
        return None
    return tuple(Node("row", item.args) for item in found)
