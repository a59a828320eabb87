"""The kernel: all the code that has to be right for a proof to be one.

In: formulas, made by the constructors below, and theorems. Out: theorems. A ``Theorem`` says that its
conclusion follows from its hypotheses, and only the rules below make one (the LCF way), so whatever else in
this package is wrong, a theorem is true. Left out: text, line numbers, search; they only call the rules.

First-order logic with equality; propositional logic is the part without terms. Natural deduction, after
Gentzen 1935, "Untersuchungen über das logische Schließen I", with sequents in place of boxes. Bound
variables are numbers (de Bruijn 1972), so formulas that differ in the names of bound variables only are the
same object, and substitution can't capture. Rules that are not intuitionistic, or hold of numbers only, leave
their mark in ``Theorem.uses``.

Python can't keep its own code from making a false ``Theorem`` on purpose; text that is checked never is code.
"""

from __future__ import annotations

import threading
from typing import Final, Literal, final
from weakref import WeakValueDictionary

from lmgym.errors import LmgymError

MAX_DEPTH: Final = 120
MAX_SIZE: Final = 20_000
"""Nodes of an expression at most, counted as in a tree."""

Kind = Literal[
    "variable", "bound", "function", "predicate", "equal", "true", "false", "not", "and", "or", "implies",
    "iff", "forall", "exists",
]  # fmt: skip
_TERMS = ("variable", "bound", "function")
_CONNECTIVES = ("and", "or", "implies", "iff")
_QUANTIFIERS = ("forall", "exists")


class KernelError(LmgymError, ValueError):
    """A rule that does not apply, or an expression that is none; the message is meant for the prover."""


@final
class Expression:
    """A term or a formula. Equal expressions are one object, so ``is`` compares them."""

    __slots__ = ("__weakref__", "depth", "free", "kind", "loose", "name", "parts", "size")
    kind: Kind
    name: str
    """Of a variable, function or predicate; of a bound variable its number; else ""."""
    parts: tuple[Expression, ...]
    free: frozenset[str]
    """Names of the free variables."""
    loose: int
    """0: every bound variable has its quantifier inside."""
    depth: int
    size: int

    def __new__(cls, *_: object) -> Expression:
        raise TypeError("make expressions with the functions of lmgym.logic.kernel")

    def __setattr__(self, *_: object) -> None:
        raise AttributeError("expressions are immutable")

    def __delattr__(self, *_: object) -> None:
        raise AttributeError("expressions are immutable")

    def __repr__(self) -> str:
        inside = " ".join([*([self.name] if self.name else []), *map(repr, self.parts)])
        return f"({self.kind} {inside})" if inside else self.kind

    def __reduce__(self) -> tuple[object, ...]:
        return _make, (self.kind, self.name, self.parts)


Term = Expression
Formula = Expression
_known: WeakValueDictionary[tuple[object, ...], Expression] = WeakValueDictionary()
_lock = threading.Lock()


def _make(kind: Kind, name: str, parts: tuple[Expression, ...]) -> Expression:
    """Returns the one expression of these parts, and sees to it that it is well formed."""
    key = (kind, name, parts)
    found = _known.get(key)
    if found is not None:
        return found
    _check_form(kind, name, parts)
    loose = int(name) + 1 if kind == "bound" else max((part.loose for part in parts), default=0)
    values = dict(
        kind=kind, name=name, parts=parts,
        free=frozenset((name,)) if kind == "variable" else frozenset[str]().union(*(p.free for p in parts)),
        loose=max(0, loose - 1) if kind in _QUANTIFIERS else loose,
        depth=1 + max((part.depth for part in parts), default=0),
        size=1 + sum(part.size for part in parts),
    )  # fmt: skip
    if values["depth"] > MAX_DEPTH or values["size"] > MAX_SIZE:  # type: ignore[operator]
        raise KernelError(f"an expression of more than {MAX_DEPTH} levels or {MAX_SIZE} parts")
    new = object.__new__(Expression)
    for slot, value in values.items():
        object.__setattr__(new, slot, value)
    with _lock:
        return _known.setdefault(key, new)


def _check_form(kind: Kind, name: str, parts: tuple[Expression, ...]) -> None:
    are_terms = all(isinstance(part, Expression) and part.kind in _TERMS for part in parts)
    are_formulas = all(isinstance(part, Expression) and part.kind not in _TERMS for part in parts)
    is_good = type(name) is str and type(parts) is tuple
    if kind in ("variable", "bound"):
        is_good &= not parts and (name != "" if kind == "variable" else name.isdecimal() and name.isascii())
    elif kind in ("function", "predicate"):
        is_good &= are_terms and name != ""
    else:
        count = 0 if kind in ("true", "false") else 2 if kind in (*_CONNECTIVES, "equal") else 1
        is_good &= (are_terms if kind == "equal" else are_formulas) and name == "" and len(parts) == count
    if not is_good:
        raise KernelError(f"no expression: {kind} {name!r} of {len(parts)} parts")


def variable(name: str) -> Term:
    """Returns a free variable."""
    return _make("variable", name, ())


def function(name: str, *arguments: Term) -> Term:
    """Returns a function's value; without arguments, a constant."""
    return _make("function", name, arguments)


def predicate(name: str, *arguments: Term) -> Formula:
    """Returns an atom; without arguments, a propositional one."""
    return _make("predicate", name, arguments)


def equal(left: Term, right: Term) -> Formula:
    """Returns ``left = right``."""
    return _make("equal", "", (left, right))


TRUE: Final = _make("true", "", ())
FALSE: Final = _make("false", "", ())


def negation(part: Formula) -> Formula:
    """Returns ``not part``."""
    return _make("not", "", (part,))


def connect(kind: Literal["and", "or", "implies", "iff"], left: Formula, right: Formula) -> Formula:
    """Returns two formulas joined by a connective."""
    if kind not in _CONNECTIVES:
        raise KernelError(f"{kind!r} is no connective; allowed: {', '.join(_CONNECTIVES)}")
    return _make(kind, "", (left, right))


def quantify(kind: Literal["forall", "exists"], name: str, formula: Formula) -> Formula:
    """Returns ``formula`` quantified over its free variable ``name``."""
    if kind not in _QUANTIFIERS:
        raise KernelError(f"{kind!r} is no quantifier; allowed: {', '.join(_QUANTIFIERS)}")
    _require(formula.loose == 0, "a variable that is bound outside can't be bound again")
    return _make(kind, "", (_replace(formula, name, None, 0),))


def instance(quantified: Formula, term: Term) -> Formula:
    """Returns what stands under the quantifier, with ``term`` for its variable."""
    if quantified.kind not in _QUANTIFIERS or term.kind not in _TERMS or term.loose:
        raise KernelError("only a quantified formula has instances, and only by terms")
    return _replace(quantified.parts[0], None, term, 0)


def _replace(expression: Expression, name: str | None, term: Term | None, level: int) -> Expression:
    """Binds the free variable ``name`` at ``level``, or puts ``term`` where that level's variable is."""
    if expression.kind == "variable":
        return _make("bound", str(level), ()) if expression.name == name else expression
    if expression.kind == "bound":
        return term if term is not None and expression.name == str(level) else expression
    if name not in expression.free if term is None else expression.loose <= level:
        return expression
    inner = level + (expression.kind in _QUANTIFIERS)
    parts = tuple([_replace(part, name, term, inner) for part in expression.parts])
    return _make(expression.kind, expression.name, parts)


@final
class Theorem:
    """``hypotheses`` entail ``conclusion``. Made by rules only."""

    __slots__ = ("conclusion", "hypotheses", "uses")
    hypotheses: frozenset[Formula]
    conclusion: Formula
    uses: frozenset[str]
    """What it rests on beside intuitionistic logic: "classical", "induction"."""

    def __new__(cls, *_: object) -> Theorem:
        raise TypeError("theorems are made by the rules of lmgym.logic.kernel only")

    def __setattr__(self, *_: object) -> None:
        raise AttributeError("theorems are immutable")

    __delattr__ = __setattr__

    def __repr__(self) -> str:
        return f"{sorted(map(repr, self.hypotheses))} |- {self.conclusion!r}"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a theorem can't be stored: a file could hold a false one")

    def __copy__(self) -> Theorem:
        return self

    def __deepcopy__(self, memo: object) -> Theorem:
        return self


_NOTHING: Final = frozenset[str]()
_CLASSICAL: Final = frozenset(("classical",))
_INDUCTION: Final = frozenset(("induction",))
_set_hypotheses = Theorem.hypotheses.__set__  # type: ignore[attr-defined,misc]
_set_conclusion = Theorem.conclusion.__set__  # type: ignore[attr-defined,misc]
_set_uses = Theorem.uses.__set__  # type: ignore[attr-defined,misc]


def _theorem(hypotheses: frozenset[Formula], conclusion: Formula, uses: frozenset[str]) -> Theorem:
    new = object.__new__(Theorem)
    _set_hypotheses(new, hypotheses)
    _set_conclusion(new, conclusion)
    _set_uses(new, uses)
    return new


def _check_formula(given: Formula) -> Formula:
    if not isinstance(given, Expression) or given.kind in _TERMS or given.loose:
        raise KernelError(f"not a formula: {given!r}")
    return given


def _parts(theorem: Theorem, kind: Kind) -> tuple[Expression, ...]:
    if theorem.conclusion.kind != kind:
        raise KernelError(f"the rule needs {kind}, and was given {theorem.conclusion.kind}")
    return theorem.conclusion.parts


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise KernelError(reason)


def assume(formula: Formula) -> Theorem:
    """A ⊢ A."""
    return _theorem(frozenset((_check_formula(formula),)), formula, _NOTHING)


def true_intro() -> Theorem:
    """⊢ ⊤."""
    return _theorem(frozenset(), TRUE, _NOTHING)


def and_intro(left: Theorem, right: Theorem) -> Theorem:
    """From Γ ⊢ A and Δ ⊢ B: Γ, Δ ⊢ A ∧ B."""
    both = connect("and", left.conclusion, right.conclusion)
    return _theorem(left.hypotheses | right.hypotheses, both, left.uses | right.uses)


def and_left(theorem: Theorem) -> Theorem:
    """From Γ ⊢ A ∧ B: Γ ⊢ A."""
    return _theorem(theorem.hypotheses, _parts(theorem, "and")[0], theorem.uses)


def and_right(theorem: Theorem) -> Theorem:
    """From Γ ⊢ A ∧ B: Γ ⊢ B."""
    return _theorem(theorem.hypotheses, _parts(theorem, "and")[1], theorem.uses)


def or_left(theorem: Theorem, other: Formula) -> Theorem:
    """From Γ ⊢ A: Γ ⊢ A ∨ other."""
    either = connect("or", theorem.conclusion, _check_formula(other))
    return _theorem(theorem.hypotheses, either, theorem.uses)


def or_right(other: Formula, theorem: Theorem) -> Theorem:
    """From Γ ⊢ A: Γ ⊢ other ∨ A."""
    either = connect("or", _check_formula(other), theorem.conclusion)
    return _theorem(theorem.hypotheses, either, theorem.uses)


def or_elim(either: Theorem, left: Theorem, right: Theorem) -> Theorem:
    """From Γ ⊢ A ∨ B, Δ, A ⊢ C and Θ, B ⊢ C: Γ, Δ, Θ ⊢ C."""
    a, b = _parts(either, "or")
    _require(left.conclusion is right.conclusion, "the two cases end differently")
    hypotheses = either.hypotheses | (left.hypotheses - {a}) | (right.hypotheses - {b})
    return _theorem(hypotheses, left.conclusion, either.uses | left.uses | right.uses)


def implies_intro(formula: Formula, theorem: Theorem) -> Theorem:
    """From Γ, A ⊢ B: Γ ⊢ A → B."""
    new = connect("implies", _check_formula(formula), theorem.conclusion)
    return _theorem(theorem.hypotheses - {formula}, new, theorem.uses)


def implies_elim(implication: Theorem, theorem: Theorem) -> Theorem:
    """From Γ ⊢ A → B and Δ ⊢ A: Γ, Δ ⊢ B."""
    a, b = _parts(implication, "implies")
    _require(theorem.conclusion is a, "what is given is not what the implication needs")
    return _theorem(implication.hypotheses | theorem.hypotheses, b, implication.uses | theorem.uses)


def iff_intro(forth: Theorem, back: Theorem) -> Theorem:
    """From Γ ⊢ A → B and Δ ⊢ B → A: Γ, Δ ⊢ A ↔ B."""
    a, b = _parts(forth, "implies")
    _require(_parts(back, "implies") == (b, a), "the second implication is not the first turned round")
    return _theorem(forth.hypotheses | back.hypotheses, connect("iff", a, b), forth.uses | back.uses)


def iff_forth(theorem: Theorem) -> Theorem:
    """From Γ ⊢ A ↔ B: Γ ⊢ A → B."""
    return _theorem(theorem.hypotheses, connect("implies", *_parts(theorem, "iff")), theorem.uses)


def iff_back(theorem: Theorem) -> Theorem:
    """From Γ ⊢ A ↔ B: Γ ⊢ B → A."""
    a, b = _parts(theorem, "iff")
    return _theorem(theorem.hypotheses, connect("implies", b, a), theorem.uses)


def not_intro(formula: Formula, theorem: Theorem) -> Theorem:
    """From Γ, A ⊢ ⊥: Γ ⊢ ¬A."""
    _parts(theorem, "false")
    new = negation(_check_formula(formula))
    return _theorem(theorem.hypotheses - {formula}, new, theorem.uses)


def not_elim(negated: Theorem, theorem: Theorem) -> Theorem:
    """From Γ ⊢ ¬A and Δ ⊢ A: Γ, Δ ⊢ ⊥."""
    _require(_parts(negated, "not")[0] is theorem.conclusion, "the two don't contradict each other")
    return _theorem(negated.hypotheses | theorem.hypotheses, FALSE, negated.uses | theorem.uses)


def false_elim(theorem: Theorem, formula: Formula) -> Theorem:
    """From Γ ⊢ ⊥: Γ ⊢ A."""
    _parts(theorem, "false")
    return _theorem(theorem.hypotheses, _check_formula(formula), theorem.uses)


def double_negation(theorem: Theorem) -> Theorem:
    """From Γ ⊢ ¬¬A: Γ ⊢ A. Classical."""
    (inner,) = _parts(theorem, "not")
    _require(inner.kind == "not", "the rule needs a double negation")
    return _theorem(theorem.hypotheses, inner.parts[0], theorem.uses | _CLASSICAL)


def forall_intro(name: str, theorem: Theorem) -> Theorem:
    """From Γ ⊢ A, x not free in Γ: Γ ⊢ ∀x A."""
    _check_fresh(name, theorem.hypotheses)
    return _theorem(theorem.hypotheses, quantify("forall", name, theorem.conclusion), theorem.uses)


def forall_elim(theorem: Theorem, term: Term) -> Theorem:
    """From Γ ⊢ ∀x A: Γ ⊢ A[term]."""
    _parts(theorem, "forall")
    return _theorem(theorem.hypotheses, instance(theorem.conclusion, term), theorem.uses)


def exists_intro(formula: Formula, term: Term, theorem: Theorem) -> Theorem:
    """From Γ ⊢ A[term]: Γ ⊢ ∃x A, which is ``formula``."""
    _require(_check_formula(formula).kind == "exists", "the rule gives an existence")
    _require(instance(formula, term) is theorem.conclusion, "what is given is no instance of it")
    return _theorem(theorem.hypotheses, formula, theorem.uses)


def exists_elim(existence: Theorem, name: str, theorem: Theorem) -> Theorem:
    """From Γ ⊢ ∃x A and Δ, A[c] ⊢ C, c not free in ∃x A, Δ or C: Γ, Δ ⊢ C."""
    _parts(existence, "exists")
    rest = theorem.hypotheses - {instance(existence.conclusion, variable(name))}
    _check_fresh(name, (*rest, existence.conclusion, theorem.conclusion))
    return _theorem(existence.hypotheses | rest, theorem.conclusion, existence.uses | theorem.uses)


def equal_intro(term: Term) -> Theorem:
    """⊢ t = t."""
    return _theorem(frozenset(), _check_formula(equal(term, term)), _NOTHING)


def equal_elim(equation: Theorem, pattern: Formula, theorem: Theorem) -> Theorem:
    """From Γ ⊢ a = b and Δ ⊢ A[a]: Γ, Δ ⊢ A[b], where ``pattern`` is ∀x A."""
    a, b = _parts(equation, "equal")
    _check_formula(pattern)
    _require(instance(pattern, a) is theorem.conclusion, "the pattern does not give what is rewritten")
    hypotheses = equation.hypotheses | theorem.hypotheses
    return _theorem(hypotheses, instance(pattern, b), equation.uses | theorem.uses)


def induction(base: Theorem, name: str, step: Theorem, formula: Formula) -> Theorem:
    """From Γ ⊢ A[0] and Δ, A[n] ⊢ A[s(n)], n not free in ∀x A or Δ: Γ, Δ ⊢ ∀x A, which is ``formula``.

    Holds of natural numbers, with "0" and "s" as zero and successor.
    """
    _require(_check_formula(formula).kind == "forall", "induction gives a universal formula")
    number = variable(name)
    rest = step.hypotheses - {instance(formula, number)}
    _check_fresh(name, (*rest, formula))
    _require(base.conclusion is instance(formula, function("0")), "the base is not the case of 0")
    after = instance(formula, function("s", number))
    _require(step.conclusion is after, "the step does not end in the case of the successor")
    return _theorem(base.hypotheses | rest, formula, base.uses | step.uses | _INDUCTION)


def _check_fresh(name: str, formulas: frozenset[Formula] | tuple[Formula, ...]) -> None:
    _require(all(name not in each.free for each in formulas), f"{name} is free where it must not be")
