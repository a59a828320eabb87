"""The kernel: all the code that has to be right for a proof to be one.

In: formulas, made by the constructors below, and theorems. Out: theorems. A ``Theorem`` says that its
conclusion follows from its hypotheses, and only the rules below make one (the LCF way), so whatever else in
this package is wrong, a theorem is true. Natural deduction, after Gentzen 1935, "Untersuchungen über das
logische Schließen I", with sequents in place of boxes. Bound variables are numbers (de Bruijn 1972), so
formulas that differ in the names of bound variables only are the same object, and substitution can't capture.
Python can't keep its own code from making a false ``Theorem`` on purpose; text that is checked never is code.
"""

from __future__ import annotations

import threading
from functools import partial
from itertools import zip_longest
from typing import Final, Literal, final
from weakref import WeakValueDictionary

from lmgym.errors import LmgymError

MAX_DEPTH: Final = 120
MAX_SIZE: Final = 20_000  # nodes, counted as in a tree
Kind = Literal[
    "variable", "bound", "function", "predicate", "equal", "true", "false", "not", "and", "or", "implies",
    "iff", "forall", "exists",
]  # fmt: skip
_TERMS: Final = ("variable", "bound", "function")
_QUANTIFIERS: Final = ("forall", "exists")
_NUM_PARTS = dict(variable=0, bound=0, true=0, false=0, forall=1, exists=1, equal=2, implies=2, iff=2)
_NUM_PARTS |= {"not": 1, "and": 2, "or": 2}


class KernelError(LmgymError, ValueError):
    """A rule that does not apply, or an expression that is none; the message is meant for the prover."""


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise KernelError(reason)


class _Immutable:
    __slots__ = ("__weakref__",)

    def __new__(cls, *_: object) -> _Immutable:
        raise TypeError(f"only the functions of lmgym.logic.kernel make a {cls.__name__}")

    def __setattr__(self, *_: object) -> None:
        raise AttributeError("expressions and theorems are immutable")

    __delattr__ = __setattr__


@final
class Expression(_Immutable):
    """A term or a formula. Equal expressions are one object, so ``is`` compares them."""

    __slots__ = ("kind", "name", "parts", "free", "loose", "depth", "size")  # noqa: RUF023
    kind: Kind
    name: str  # of a variable, function or predicate; of a bound variable its number; else ""
    parts: tuple[Expression, ...]
    free: frozenset[str]  # names of the free variables
    loose: int  # 0: every bound variable has its quantifier inside
    depth: int
    size: int

    def __repr__(self) -> str:
        return f"({' '.join([self.kind, self.name, *map(repr, self.parts)])})"

    def __reduce__(self) -> tuple[object, ...]:
        return make, (self.kind, self.name, *self.parts)


Term = Expression
Formula = Expression
_Many = tuple[Formula, ...]
_known: WeakValueDictionary[tuple[object, ...], Expression] = WeakValueDictionary()
_lock = threading.RLock()


def make(kind: Kind, name: str, *parts: Expression) -> Expression:
    """Returns the one expression of these parts, and sees to it that it is well formed."""
    key = (kind, name, parts)
    if (found := _known.get(key)) is not None:
        return found
    if not _is_well_formed(kind, name, parts):
        raise KernelError(f"no expression: {kind!s:.20} {name!s:.40}")
    free = frozenset((name,) if kind == "variable" else ()).union(*[part.free for part in parts])
    loose = int(name) + 1 if kind == "bound" else max([part.loose for part in parts], default=0)
    loose -= 1 if kind in _QUANTIFIERS and loose else 0
    depth, size = 1 + max([part.depth for part in parts], default=0), 1 + sum([part.size for part in parts])
    _require(depth <= MAX_DEPTH and size <= MAX_SIZE, "an expression of too many levels or parts")
    new = object.__new__(Expression)
    for slot, value in zip(Expression.__slots__, (kind, name, parts, free, loose, depth, size), strict=True):
        object.__setattr__(new, slot, value)
    with _lock:
        return _known.setdefault(key, new)


def _is_well_formed(kind: str, name: str, parts: tuple[Expression, ...]) -> bool:
    """Functions and predicates have a name and any number of parts, all else the number that is its own."""
    is_exact = type(kind) is type(name) is str and all([type(part) is Expression for part in parts])
    has_terms, has_name = kind in ("function", "predicate", "equal"), kind in (*_TERMS, "predicate")
    return (
        is_exact
        and (kind in ("function", "predicate") or len(parts) == _NUM_PARTS.get(kind))
        and all([(part.kind in _TERMS) == has_terms for part in parts])
        and (name in map(str, range(MAX_DEPTH)) if kind == "bound" else (name != "") == has_name)
    )


variable = partial(make, "variable")
function = partial(make, "function")
predicate = partial(make, "predicate")
equal = partial(make, "equal", "")
TRUE: Final = make("true", "")
FALSE: Final = make("false", "")
negation = partial(make, "not", "")


def connect(kind: Literal["and", "or", "implies", "iff"], left: Formula, right: Formula) -> Formula:
    return make(kind, "", left, right)


def quantify(kind: Literal["forall", "exists"], name: str, formula: Formula) -> Formula:
    """Returns ``formula`` quantified over its free variable ``name``."""
    _require(formula.loose == 0, "a variable that is bound outside can't be bound again")
    return make(kind, "", _replace(formula, name, None, 0))


def instance(quantified: Formula, term: Term) -> Formula:
    """Returns what stands under the quantifier, with ``term`` for its variable."""
    is_good = type(quantified) is type(term) is Expression and quantified.kind in _QUANTIFIERS
    _require(is_good and term.kind in _TERMS and not term.loose, "only quantifiers have instances, by terms")
    return _replace(quantified.parts[0], None, term, 0)


def _replace(expression: Expression, name: str | None, term: Term | None, level: int) -> Expression:
    """Binds the free variable ``name`` at ``level``, or puts ``term`` where that level's variable is."""
    if expression.kind == "variable":
        return make("bound", str(level)) if expression.name == name else expression
    if expression.kind == "bound":
        return term if term is not None and expression.name == str(level) else expression
    if name not in expression.free if term is None else expression.loose <= level:
        return expression
    inner = level + (expression.kind in _QUANTIFIERS)
    parts = [_replace(part, name, term, inner) for part in expression.parts]
    return make(expression.kind, expression.name, *parts)


@final
class Theorem(_Immutable):
    """``hypotheses`` entail ``conclusion``, with what is in ``uses``: "classical", "induction"."""

    __slots__ = ("hypotheses", "conclusion", "uses")  # noqa: RUF023
    hypotheses: frozenset[Formula]
    conclusion: Formula
    uses: frozenset[str]


def _derive(
    new: Formula, *given: Theorem, minus: _Many = (), plus: _Many = (), fresh: str = "", uses: str = ""
) -> Theorem:
    """Makes a theorem of ``new``: the i-th of ``minus`` leaves the hypotheses of the i-th given theorem."""
    _require(type(new) is Expression and new.kind not in _TERMS and not new.loose, "that is not a formula")
    hypotheses, used = frozenset(plus), frozenset((uses,) if uses else ())
    for theorem, formula in zip_longest(given, minus):
        if type(theorem) is not Theorem or (formula is not None and type(formula) is not Expression):
            raise KernelError("that is not a theorem, or not a formula")
        rest = theorem.hypotheses - {formula} if formula else theorem.hypotheses
        hypotheses = hypotheses | rest if hypotheses else rest
        used = used | theorem.uses if used else theorem.uses
    if fresh and any([fresh in each.free for each in (new, *hypotheses)]):
        raise KernelError(f"{fresh} is free where it must not be")
    theorem = object.__new__(Theorem)
    object.__setattr__(theorem, "hypotheses", hypotheses)
    object.__setattr__(theorem, "conclusion", new)
    object.__setattr__(theorem, "uses", used)
    return theorem


def _parts(theorem: Theorem, kind: Kind) -> tuple[Expression, ...]:
    _require(theorem.conclusion.kind == kind, "the rule needs a formula of another kind")
    return theorem.conclusion.parts


# The rules, which are all there is to make theorems. One below the other, as a table.
# fmt: off

def assume(formula: Formula) -> Theorem:
    """A ⊢ A."""
    return _derive(formula, plus=(formula,))

def true_intro() -> Theorem:
    """⊢ ⊤."""
    return _derive(TRUE)

def and_intro(left: Theorem, right: Theorem) -> Theorem:
    """From Γ ⊢ A and Δ ⊢ B: Γ, Δ ⊢ A ∧ B."""
    return _derive(connect("and", left.conclusion, right.conclusion), left, right)

def and_elim(theorem: Theorem, formula: Formula) -> Theorem:
    """From Γ ⊢ A ∧ B: Γ ⊢ A or Γ ⊢ B, whichever is ``formula``."""
    _require(formula in _parts(theorem, "and"), "neither side is that formula")
    return _derive(formula, theorem)

def or_intro(formula: Formula, theorem: Theorem) -> Theorem:
    """From Γ ⊢ A or Γ ⊢ B: Γ ⊢ A ∨ B, which is ``formula``."""
    _require(formula.kind == "or" and theorem.conclusion in formula.parts, "that is neither of the two")
    return _derive(formula, theorem)

def or_elim(either: Theorem, left: Theorem, right: Theorem) -> Theorem:
    """From Γ ⊢ A ∨ B, Δ, A ⊢ C and Θ, B ⊢ C: Γ, Δ, Θ ⊢ C."""
    _require(left.conclusion is right.conclusion, "the two cases end differently")
    return _derive(left.conclusion, left, right, either, minus=_parts(either, "or"))

def implies_intro(formula: Formula, theorem: Theorem) -> Theorem:
    """From Γ, A ⊢ B: Γ ⊢ A → B."""
    return _derive(connect("implies", formula, theorem.conclusion), theorem, minus=(formula,))

def implies_elim(implication: Theorem, theorem: Theorem) -> Theorem:
    """From Γ ⊢ A → B and Δ ⊢ A: Γ, Δ ⊢ B."""
    condition, result = _parts(implication, "implies")
    _require(theorem.conclusion is condition, "what is given is not what the implication needs")
    return _derive(result, implication, theorem)

def iff_intro(forth: Theorem, back: Theorem) -> Theorem:
    """From Γ, A ⊢ B and Δ, B ⊢ A: Γ, Δ ⊢ A ↔ B."""
    a, b = back.conclusion, forth.conclusion
    return _derive(connect("iff", a, b), forth, back, minus=(a, b))

def iff_elim(equivalence: Theorem, theorem: Theorem) -> Theorem:
    """From Γ ⊢ A ↔ B and Δ ⊢ A: Γ, Δ ⊢ B; and from B, A."""
    a, b = _parts(equivalence, "iff")
    _require(theorem.conclusion in (a, b), "that is neither of the two")
    return _derive(b if theorem.conclusion is a else a, equivalence, theorem)

def not_intro(formula: Formula, theorem: Theorem) -> Theorem:
    """From Γ, A ⊢ ⊥: Γ ⊢ ¬A."""
    _parts(theorem, "false")
    return _derive(negation(formula), theorem, minus=(formula,))

def not_elim(negated: Theorem, theorem: Theorem) -> Theorem:
    """From Γ ⊢ ¬A and Δ ⊢ A: Γ, Δ ⊢ ⊥."""
    _require(_parts(negated, "not") == (theorem.conclusion,), "the two don't contradict each other")
    return _derive(FALSE, negated, theorem)

def false_elim(theorem: Theorem, formula: Formula) -> Theorem:
    """From Γ ⊢ ⊥: Γ ⊢ A, which is ``formula``."""
    _parts(theorem, "false")
    return _derive(formula, theorem)

def double_negation(theorem: Theorem) -> Theorem:
    """From Γ ⊢ ¬¬A: Γ ⊢ A. Classical."""
    (inner,) = _parts(theorem, "not")
    _require(inner.kind == "not", "the rule needs a double negation")
    return _derive(inner.parts[0], theorem, uses="classical")

def forall_intro(name: str, theorem: Theorem) -> Theorem:
    """From Γ ⊢ A, x not free in Γ: Γ ⊢ ∀x A."""
    name = variable(name).name
    return _derive(quantify("forall", name, theorem.conclusion), theorem, fresh=name)

def forall_elim(theorem: Theorem, term: Term) -> Theorem:
    """From Γ ⊢ ∀x A: Γ ⊢ A[term]."""
    _parts(theorem, "forall")
    return _derive(instance(theorem.conclusion, term), theorem)

def exists_intro(formula: Formula, term: Term, theorem: Theorem) -> Theorem:
    """From Γ ⊢ A[term]: Γ ⊢ ∃x A, which is ``formula``."""
    is_instance = formula.kind == "exists" and instance(formula, term) is theorem.conclusion
    _require(is_instance, "what is given is no instance of it")
    return _derive(formula, theorem)

def exists_elim(existence: Theorem, name: str, theorem: Theorem) -> Theorem:
    """From Γ ⊢ ∃x A and Δ, A[c] ⊢ C, c not free in ∃x A, Γ, Δ or C: Γ, Δ ⊢ C."""
    _parts(existence, "exists")
    witness, name = instance(existence.conclusion, variable(name)), variable(name).name
    _require(name not in existence.conclusion.free, f"{name} is free in what exists")
    return _derive(theorem.conclusion, theorem, existence, minus=(witness,), fresh=name)

def equal_intro(term: Term) -> Theorem:
    """⊢ t = t."""
    return _derive(equal(term, term))

def equal_elim(equation: Theorem, pattern: Formula, theorem: Theorem) -> Theorem:
    """From Γ ⊢ a = b and Δ ⊢ A[a]: Γ, Δ ⊢ A[b], where ``pattern`` is ∀x A."""
    a, b = _parts(equation, "equal")
    _require(instance(pattern, a) is theorem.conclusion, "the pattern does not give what is rewritten")
    return _derive(instance(pattern, b), equation, theorem)

def induction(base: Theorem, name: str, step: Theorem, formula: Formula) -> Theorem:
    """From Γ ⊢ A[0] and Δ, A[n] ⊢ A[s(n)], n not free in Γ, Δ or ∀x A: Γ, Δ ⊢ ∀x A. Of natural numbers."""
    n = variable(name)
    _require(formula.kind == "forall", "induction gives a universal formula")
    _require(base.conclusion is instance(formula, function("0")), "the base is not the case of 0")
    after = instance(formula, function("s", n))
    _require(step.conclusion is after, "the step does not end in the case of the successor")
    return _derive(formula, step, base, minus=(instance(formula, n),), fresh=n.name, uses="induction")
