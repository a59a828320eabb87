"""The derivative of an expression tree with respect to x; nothing is simplified beyond zeros and ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lmgym.grading.tree import Node, number

ZERO, ONE = number(0), number(1)
_X = Node("variable", (), "x")


def differentiate(node: Node) -> Node | None:
    """Returns the derivative, every variable but x a constant; None where no rule is known.

    ``ln(abs(u))`` has the derivative u'/u; any other absolute value has none here.
    """
    if not _has_x(node):
        return ZERO
    if node == _X:
        return ONE
    if node.head == "function":
        return _differentiate_function(node)
    inner = [differentiate(arg) for arg in node.args]
    rule = _RULES.get(node.head)
    if rule is None or any(part is None for part in inner):
        return None
    return rule(node.args, [part for part in inner if part is not None])


def _has_x(node: Node) -> bool:
    return node == _X or any(map(_has_x, node.args))


def _add(parts: Sequence[Node]) -> Node:
    kept = [part for part in parts if part != ZERO]
    return ZERO if not kept else kept[0] if len(kept) == 1 else Node("sum", tuple(kept))


def _multiply(*parts: Node) -> Node:
    if ZERO in parts:
        return ZERO
    kept = [part for part in parts if part != ONE]
    return ONE if not kept else kept[0] if len(kept) == 1 else Node("product", tuple(kept))


def _negate(part: Node) -> Node:
    return part if part == ZERO else Node("negate", (part,))


def _divide(top: Node, bottom: Node) -> Node:
    return ZERO if top == ZERO else Node("divide", (top, bottom))


def _product_rule(args: Sequence[Node], inner: Sequence[Node]) -> Node:
    return _add([_multiply(*args[:at], part, *args[at + 1 :]) for at, part in enumerate(inner)])


def _quotient_rule(args: Sequence[Node], inner: Sequence[Node]) -> Node:
    top, bottom = args
    if inner[1] == ZERO:
        return _divide(inner[0], bottom)
    crossed = _add([_multiply(inner[0], bottom), _negate(_multiply(top, inner[1]))])
    return _divide(crossed, Node("power", (bottom, number(2))))


def _power_rule(args: Sequence[Node], inner: Sequence[Node]) -> Node | None:
    base, exponent = args
    if inner[1] == ZERO:
        lower = Node("sum", (exponent, Node("negate", (ONE,))))
        return _multiply(exponent, Node("power", (base, lower)), inner[0])
    if inner[0] == ZERO:
        return _multiply(Node("power", (base, exponent)), Node("function", (base,), "ln"), inner[1])
    return None  # x^x


def _root_rule(args: Sequence[Node], inner: Sequence[Node]) -> Node | None:
    base, index = args
    if inner[1] != ZERO:
        return None
    return _divide(_multiply(Node("root", (base, index)), inner[0]), _multiply(index, base))


_RULES: dict[str, Callable[[Sequence[Node], Sequence[Node]], Node | None]] = {
    "sum": lambda args, inner: _add(inner),
    "negate": lambda args, inner: _negate(inner[0]),
    "product": _product_rule,
    "divide": _quotient_rule,
    "power": _power_rule,
    "root": _root_rule,
}


def _differentiate_function(node: Node) -> Node | None:
    name, argument = node.value, node.args[0]
    if name in ("ln", "log") and argument.head == "absolute":
        argument = argument.args[0]
    inner = differentiate(argument)
    if inner is None or (len(node.args) > 1 and (name != "log" or _has_x(node.args[1]))):
        return None
    if name == "log":
        return _divide(inner, _multiply(argument, Node("function", (node.args[1],), "ln")))
    outer = _OUTER.get(name)
    return None if outer is None else _multiply(inner, outer(argument))


def _call(name: str) -> Callable[[Node], Node]:
    return lambda argument: Node("function", (argument,), name)


def _reciprocal_square(name: str) -> Callable[[Node], Node]:
    return lambda argument: _divide(ONE, Node("power", (_call(name)(argument), number(2))))


_OUTER: dict[str, Callable[[Node], Node]] = {
    "ln": lambda argument: _divide(ONE, argument),
    "exp": _call("exp"),
    "sin": _call("cos"),
    "cos": lambda argument: _negate(_call("sin")(argument)),
    "tan": _reciprocal_square("cos"),
    "cot": lambda argument: _negate(_reciprocal_square("sin")(argument)),
    "sinh": _call("cosh"),
    "cosh": _call("sinh"),
    "tanh": _reciprocal_square("cosh"),
}
