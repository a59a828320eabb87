"""Hypothesis strategies of expression trees, as the parser makes them."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from lmgym.grading.tree import Node, number

_NUMBERS = st.one_of(
    st.integers(0, 50).map(number),
    st.integers(0, 10**12).map(number),
    st.tuples(st.integers(0, 9999), st.sampled_from([2, 10, 100, 1000])).map(
        lambda pair: number(Fraction(*pair))
    ),
    st.tuples(st.integers(1, 999), st.sampled_from([3, 6, 7, 11, 12, 99, 370])).map(
        lambda p: number(Fraction(*p))
    ),
)
_MIXED = st.tuples(st.integers(1, 99), st.integers(2, 40), st.data()).map(
    lambda t: Node(
        "mixed",
        (number(t[0]), Node("divide", (number(t[2].draw(st.integers(1, t[1] - 1))), number(t[1])))),
    )
)
_NAMES = st.sampled_from(
    ["x", "y", "A", "e_1", "x_12", "a_n", "b_max", "alpha", "theta_2", "Gamma", "Pi", "U", "C"]
)
_LEAVES = st.one_of(
    _NUMBERS,
    _NUMBERS,
    _MIXED,
    _NAMES.map(lambda name: Node("variable", (), name)),
    st.sampled_from(["pi", "e", "i", "infinity"]).map(lambda name: Node("constant", (), name)),
    st.sampled_from([("110", 2), ("52", 8), ("1A", 16), ("0", 7)]).map(lambda pair: Node("based", (), pair)),
)


def _unary(head: str, inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return inner.map(lambda node: Node(head, (node,)))


def _many(head: str, inner: st.SearchStrategy[Node], most: int = 4) -> st.SearchStrategy[Node]:
    return st.lists(inner, min_size=2, max_size=most).map(lambda nodes: Node(head, tuple(nodes)))


def _pair(head: str, inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.tuples(inner, inner).map(lambda nodes: Node(head, nodes))


def _compound(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    one = st.sampled_from(["sin", "arccot", "sec", "ln", "sign", "conjugate", "exp", "re"])
    two = st.sampled_from(["log", "binomial", "mod", "gcd", "min", "lcm"])
    units = st.sampled_from(["cm^2", "m", "km/h", "apple", "$", "$/h", "€", "°C", "mph", "child", "s"])
    return st.one_of(
        _many("sum", inner),
        _many("product", inner),
        _unary("negate", inner),
        _unary("plus_minus", inner),
        _pair("plus_minus", inner),
        _pair("divide", inner),
        _pair("power", inner),
        _pair("root", inner),
        inner.map(lambda node: Node("root", (node, number(2)))),
        *(
            _unary(head, inner)
            for head in ("percent", "degrees", "factorial", "absolute", "floor", "ceiling")
        ),
        st.tuples(one, inner).map(lambda pair: Node("function", pair[1:], pair[0])),
        st.tuples(two, inner, inner).map(lambda triple: Node("function", triple[1:], triple[0])),
        st.tuples(inner.filter(lambda node: node.head != "quantity"), units).map(
            lambda pair: Node("quantity", pair[:1], pair[1])
        ),
    )


EXPRESSIONS = st.recursive(_LEAVES, _compound, max_leaves=12)
"""Arithmetic, with quantities anywhere."""

_WORDS = st.sampled_from(["Evelyn", "tea", "ice cream", "no solution", "x-axis", "Room 5"]).map(
    lambda words: Node("text", (), words)
)
_MATRICES = st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(
    lambda size: st.lists(
        st.lists(EXPRESSIONS, min_size=size[1], max_size=size[1]).map(
            lambda cells: Node("row", tuple(cells))
        ),
        min_size=size[0],
        max_size=size[0],
    ).map(lambda rows: Node("matrix", tuple(rows)))
)
_PAIRS = st.tuples(EXPRESSIONS, EXPRESSIONS)
_BASIC_SETS = st.one_of(
    st.just(Node("empty_set")),
    st.sampled_from("NZQRC").map(lambda name: Node("named_set", (), name)),
    st.tuples(_PAIRS, st.sampled_from(["[]", "[)", "(]"])).map(lambda pair: Node("interval", *pair)),
    _many("tuple", EXPRESSIONS),
    st.lists(st.one_of(EXPRESSIONS, _WORDS), min_size=1, max_size=4).map(
        lambda nodes: Node("set", tuple(nodes))
    ),
)
_SETS = st.recursive(
    _BASIC_SETS,
    lambda inner: st.one_of(
        _many("union", inner, 3), _many("intersection", inner, 3), _pair("difference", inner)
    ),
    max_leaves=4,
)
_SIDES = st.one_of(EXPRESSIONS, EXPRESSIONS, _SETS, _WORDS, _MATRICES)
_RELATIONS = st.lists(
    st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "in"]), min_size=1, max_size=3
).flatmap(
    lambda signs: st.lists(_SIDES, min_size=len(signs) + 1, max_size=len(signs) + 1).map(
        lambda sides: Node("relation", tuple(sides), tuple(signs))
    )
)
_STATEMENTS = st.one_of(EXPRESSIONS, _RELATIONS, _SETS, _WORDS, _MATRICES)
_LISTS = st.one_of(_STATEMENTS, _many("list", _STATEMENTS, 3))
ANSWERS = st.one_of(_LISTS, _LISTS, _many("either", _LISTS, 3))
"""Whole answers."""
