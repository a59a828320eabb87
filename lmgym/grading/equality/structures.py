"""Whether two answers of any shape are the same: values, lists, tuples, sets, matrices, words, statements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.real_sets import NotRealSetError, equal_real_sets
from lmgym.grading.equality.relations import Assignment, equal_relations, find_assignment
from lmgym.grading.equality.scalars import Context, equal_values, every, some
from lmgym.grading.tree import Node

_MAX_ALTERNATIVES = 16
_COLLECTIONS = frozenset(("list", "set", "either", "empty_set"))
_REAL_SETS = frozenset(("interval", "union", "intersection", "difference", "named_set"))
_STRUCTURES = _COLLECTIONS | _REAL_SETS | {"tuple", "matrix", "row", "relation", "text"}


def check_shape(node: Node, budgets: Budgets) -> None:
    """Raises Refusal("limit") for a tree that is deeper or larger than any text within the budgets."""
    level, count = [node], 0
    for _ in range(budgets.max_depth + 2):
        count += len(level)
        if count > 4 * budgets.max_tokens:
            raise Refusal("limit", "too large a tree")
        level = [arg for parent in level for arg in parent.args]
        if not level:
            return
    raise Refusal("limit", "too deep a tree")


def spread(node: Node) -> Node:
    """Returns ``node`` without ±: each stands for two values, independently of the others.

    In a list, a set or alternatives they become elements; anywhere else the whole becomes ``either``.
    """
    if not _has_plus_minus(node):
        return node
    if node.head in ("list", "set", "either"):
        elements = [part for arg in node.args for part in _alternatives(arg)]
        return node._replace(args=tuple(elements))
    return Node("either", tuple(_alternatives(node)))


def _has_plus_minus(node: Node) -> bool:
    return node.head == "plus_minus" or any(map(_has_plus_minus, node.args))


def _alternatives(node: Node) -> list[Node]:
    if not node.args:
        return [node]
    parts = [_alternatives(arg) for arg in node.args]
    count = 2 if node.head == "plus_minus" else 1
    for part in parts:
        count *= len(part)
    if count > _MAX_ALTERNATIVES:
        raise Refusal("limit", f"more than {_MAX_ALTERNATIVES} choices of signs")
    found = []
    for args in product(*parts):
        if node.head != "plus_minus":
            found.append(node._replace(args=args))
            continue
        last = args[-1]
        for term in (last, Node("negate", (last,))):
            found.append(term if len(args) == 1 else Node("sum", (args[0], term)))
    return found


def equal(left: Node, right: Node, context: Context) -> bool | None:
    """Returns whether two answers without ± are the same by the rules; None if undecided. Symmetric.

    Raises:
        Refusal: "limit".
        UndecidedError: like None.
    """
    if left.head not in _STRUCTURES and right.head not in _STRUCTURES:
        return equal_values(left, right, context)
    if "text" in (left.head, right.head):
        return _equal_words(left, right, context)
    left, right = _as_members(left, right), _as_members(right, left)
    left, right = _as_point(left, right), _as_point(right, left)
    if left.head in _COLLECTIONS and right.head in _COLLECTIONS:
        outcome = _equal_collections(left, right, context)
        return outcome if outcome is not False else _try_real_sets(left, right, context) or False
    if "relation" in (left.head, right.head) and not _is_real_set(left) and not _is_real_set(right):
        outcome = _equal_statements(left, right, context)
        return outcome if outcome is not False else _try_real_sets(left, right, context) or False
    if _is_real_set(left) or _is_real_set(right):
        outcome = _try_real_sets(left, right, context)
        if outcome is not None:
            return outcome
    for one, other in ((left, right), (right, left)):
        if one.head == "either":  # ±0 is 0
            return every(equal(part, other, context) for part in one.args)
    if left.head != right.head or len(left.args) != len(right.args):
        return False
    if left.head in ("union", "intersection"):
        return _match(left.args, right.args, context)
    if left.value != right.value:
        return False
    return every(equal(a, b, context) for a, b in zip(left.args, right.args, strict=True))


def _as_members(node: Node, other: Node) -> Node:
    """Returns the set of "x in {1, 2}" where the other answer lists values; else ``node``."""
    is_listed = other.head in ("list", "either") and node.head == "relation" and node.value == ("in",)
    if is_listed and node.args[0].head == "variable" and node.args[1].head == "set":
        return node.args[1]
    return node


def _as_point(node: Node, other: Node) -> Node:
    """Returns the tuple of "x = 1, y = 2", in the order of names, where the other answer is a tuple.

    Where the other is such a list, it is made of "(x, y) = (1, 2)"; else this is ``node``.
    """
    if other.head == "tuple" and node.head == "list" and all(map(_is_of_one_name, node.args)):
        values = {item.args[0].value: item.args[1] for item in node.args}
        if len(values) == len(node.args):
            return Node("tuple", tuple(values[name] for name in sorted(values)))
    if other.head == "list" and node.head == "relation" and node.value == ("=",):
        names, values_of = node.args
        if names.head == values_of.head == "tuple" and len(names.args) == len(values_of.args):
            pairs = zip(names.args, values_of.args, strict=True)
            return Node("list", tuple(Node("relation", pair, ("=",)) for pair in pairs))
    return node


def _is_of_one_name(node: Node) -> bool:
    return node.head == "relation" and node.value == ("=",) and node.args[0].head == "variable"


def _is_real_set(node: Node) -> bool:
    return node.head in _REAL_SETS or (node.head == "relation" and "in" in node.value)


def _try_real_sets(left: Node, right: Node, context: Context) -> bool | None:
    if left.head == right.head == "tuple" or "list" in (left.head, right.head):
        return None
    try:
        return equal_real_sets(left, right, context)
    except NotRealSetError:
        return None


def _equal_words(left: Node, right: Node, context: Context) -> bool:
    first, second = (_words(node) for node in (left, right))
    if first is None or second is None:
        return False
    return first.casefold() == second.casefold() if context.rules.ignore_case else first == second


def _words(node: Node) -> str | None:
    """Returns words without white space and brackets around them; a variable is a word of one letter."""
    if node.head in ("variable", "constant"):
        return str(node.value)
    if node.head == "product" and all(arg.head == "variable" and len(arg.value) == 1 for arg in node.args):
        return "".join(arg.value for arg in node.args)  # AB, which may be a word; in the order of writing
    return " ".join(node.value.split()).strip("()[]{}.,;:!?\"' ") if node.head == "text" else None


def _equal_collections(left: Node, right: Node, context: Context) -> bool | None:
    """Returns whether two lists, sets or alternatives hold the same."""
    first, second = left.args, right.args
    if "empty_set" in (left.head, right.head):
        return not first and not second
    if left.head == right.head == "list":
        if len(first) != len(second):
            return False
        if context.rules.lists == "in_order" or _must_keep_order(first, second, context):
            return every(equal(a, b, context) for a, b in zip(first, second, strict=True))
        return _match(first, second, context)
    if "list" in (left.head, right.head) and context.rules.lists == "in_order":
        return False
    if _must_keep_order(first, second, context) or _is_other_link(left, right, context):
        return False
    forth = every(some(equal(a, b, context) for b in second) for a in first)
    if forth is False:
        return False
    return every((forth, every(some(equal(a, b, context) for a in first) for b in second)))


def _must_keep_order(first: Sequence[Node], second: Sequence[Node], context: Context) -> bool:
    """Returns whether one list gives values to different names and the other has bare values."""
    names = [{_assignment_name(node, context) for node in nodes} for nodes in (first, second)]
    return any(len(mine - {None}) > 1 and theirs == {None} for mine, theirs in (names, names[::-1]))


def _is_other_link(left: Node, right: Node, context: Context) -> bool:
    """Returns whether one says "a = 1, b = 2" of several names and the other "a = 1 or b = 2"."""
    if "either" not in (left.head, right.head) or left.head == right.head:
        return False
    return len({_assignment_name(node, context) for node in left.args} - {None}) > 1


def _assignment_name(node: Node, context: Context) -> str | None:
    found = find_assignment(node, context)
    return None if found is None else found.name


def _match(first: Sequence[Node], second: Sequence[Node], context: Context) -> bool | None:
    """Returns whether the elements pair off as equal ones in some order."""
    if len(first) != len(second):
        return False
    left_over = list(second)
    is_undecided = False
    for node in first:
        undecided_here = False
        for k, other in enumerate(left_over):
            outcome = equal(node, other, context)
            if outcome:
                del left_over[k]
                break
            undecided_here = undecided_here or outcome is None
        else:
            if not undecided_here:
                return False
            is_undecided = True
    return None if is_undecided else True


def _equal_statements(left: Node, right: Node, context: Context) -> bool | None:
    """Returns whether two answers, one of them a relation at least, say the same."""
    if left.head == right.head == "relation":
        mine, theirs = (find_assignment(node, context) for node in (left, right))
        if mine is not None and theirs is not None:
            return _equal_assignments(mine, theirs, context)
        return equal_relations(left, right, context)
    if not context.rules.assignments:
        return False
    statement, other = (left, right) if left.head == "relation" else (right, left)
    if other.head == "either":
        return every(equal(part, statement, context) for part in other.args)
    found = find_assignment(statement, context)
    return False if found is None else equal(found.value, other, context)


def _equal_assignments(mine: Assignment, theirs: Assignment, context: Context) -> bool | None:
    if mine.name != theirs.name:
        return _equal_crossed(mine, theirs, context)
    return equal(mine.value, theirs.value, context)


def _equal_crossed(mine: Assignment, theirs: Assignment, context: Context) -> bool | None:
    """Returns whether y = 2x and x = y/2 are the same equation."""
    if not mine.name or not theirs.name:
        return False
    sides = [
        Node("relation", (Node("variable", (), part.name), part.value), ("=",)) for part in (mine, theirs)
    ]
    return equal_relations(sides[0], sides[1], context)
