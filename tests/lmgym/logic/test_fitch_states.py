"""Proofs as values and as text: lines, budgets, states, and what is accepted at random."""

from __future__ import annotations

import copy
import pickle
import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.logic import fitch
from lmgym.logic.fitch import (
    MAX_BOXES,
    MAX_LINES,
    Line,
    ProofState,
    Refusal,
    Sequent,
    begin,
    check_text,
    extend,
    read_line,
    write_line,
)
from lmgym.logic.fitch_rules import RULES, Rule
from lmgym.logic.kernel import KernelError, assume, variable
from lmgym.logic.notation import Signature, parse_formula
from tests.lmgym.logic.sequents import check, formulas, sequent
from tests.reference.finite_models import entails, kripke_follows

# The text of lines


@pytest.mark.parametrize(
    ("text", "ascii_text", "unicode_text"),
    [
        ("p R 1", "2. p R 1", "2. p  R 1"),
        (" 2.p&p   &I  1 , 1 ", "2. p&p &I 1,1", "2. p ∧ p  ∧I 1,1"),
        ("2. |q as", "2. |q as", "2. | q  as"),
        ("│ q as", "2. |q as", "2. | q  as"),
        ("\t| q ∨ r\tas", "2. |q|r as", "2. | q ∨ r  as"),
        ("∀x P(x) ∀I 1", "2. all x. P(x) allI 1", "2. ∀x P(x)  ∀I 1"),
        ("p ⊥E 1", "2. p FE 1", "2. p  ⊥E 1"),
        ("T TI", "2. T TI", "2. ⊤  ⊤I"),
        ("x = y =E 1,2", "2. x=y =E 1,2", "2. x = y  =E 1,2"),
        ("q |E 1,2-3,4-5", "2. q |E 1,2-3,4-5", "2. q  ∨E 1,2-3,4-5"),
        ("q |E 2-3,1,4-5", "2. q |E 1,2-3,4-5", "2. q  ∨E 1,2-3,4-5"),
        ("p->q →I 3-4", "2. p->q ->I 3-4", "2. p → q  →I 3-4"),
        ("R(x) R 1", "2. R(x) R 1", "2. R(x)  R 1"),
        ("F|T as", "2. F|T as", "2. ⊥ ∨ ⊤  as"),
    ],
)
def test_a_line_is_read_and_written(text: str, ascii_text: str, unicode_text: str) -> None:
    state = begin(sequent("p|-q"))
    line = read_line(text, state)
    assert isinstance(line, Line), line
    assert write_line(line, 2) == ascii_text
    assert write_line(line, 2, "unicode") == unicode_text
    assert read_line(ascii_text, state) == read_line(unicode_text, state) == line


def test_a_signature_holds_for_the_lines_too() -> None:
    signature = Signature({"c": 0}, {"P": 1})
    state = begin(Sequent((parse_formula("all x. P(x)", signature),), parse_formula("P(c)", signature)))
    assert check_text(state, "P(c) allE 1", signature).state.is_proved
    assert not check_text(state, "P(c) allE 1").state.is_proved  # c is a variable there
    refused = read_line("P(d,d) allE 1", state, signature)
    assert isinstance(refused, Refusal)
    assert refused.reason == "formula"


@given(st.text(max_size=40) | st.text("pq|&->~IERFas 0123,.-xTalld\n", max_size=60))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_text_is_played_or_refused(text: str) -> None:
    state = check("p->q; ~~p|-q", "|p as / |q ->E 1,3").state
    done = check_text(state, text)
    assert done.refusal is None or (done.refusal.reason and done.refusal.message)
    for line in done.state.lines[4:]:
        assert read_line(write_line(line, 1), begin(sequent("|-p"))) == line


def test_budgets_of_a_proof() -> None:
    state = begin(sequent("p|-q"))
    many = check_text(state, "\n".join(["p R 1"] * (MAX_LINES + 5)))
    assert many.refusal is not None
    assert (many.refusal.reason, many.line_index, many.state.num_lines) == (
        "budget",
        MAX_LINES - 1,
        MAX_LINES,
    )
    deep = check_text(state, "\n".join("|" * n + "p as" for n in range(1, MAX_BOXES + 5)))
    assert deep.refusal is not None
    assert (deep.refusal.reason, deep.state.depth) == ("budget", MAX_BOXES)
    long = check_text(state, "p R 1\n" * 50_000)
    assert long.refusal is not None
    assert (long.refusal.reason, long.state) == ("budget", state)


def test_lines_that_are_no_text_are_checked_as_well() -> None:
    state = begin(sequent("p|-q"))
    p, q = formulas("p; q")
    wrong = [
        Line(-1, p, "R", (1,)), Line(0, q, "R", (1,)), Line(0, p, "R", (0,)), Line(0, p, "R", (-1,)),
        Line(0, p, "?"), Line(0, q, "pr"), Line(0, q, "as"), Line(0, q, "->I", (), ((1, 1),)),
        Line(0, q, "->I", (), ((0, 0),)), Line(1, variable("x"), "as"), Line(0, p, "R", (1, 1)),
    ]  # fmt: skip
    for line in wrong:
        assert isinstance(extend(state, line), Refusal), line


# States


def played() -> ProofState:
    return check("p->q; ~~p|-q", "p DNE 2 / q ->E 1,3").state


def test_states_are_values() -> None:
    state = played()
    assert state == played()
    assert hash(state) == hash(played())
    assert len({state, played()}) == 1
    assert state != check("p->q; ~~p|-q", "p DNE 2").state
    assert state != begin(state.sequent)
    assert begin(state.sequent) != begin(state.sequent, classical=False)
    assert state != "a state"
    assert copy.copy(state) is copy.deepcopy(state) is state


def test_states_are_stored_as_lines_and_played_again() -> None:
    state = played()
    again = pickle.loads(pickle.dumps(state))
    assert again == state
    assert again.is_proved
    assert again.uses == {"classical"}
    make, (found, _, induction, lines) = state.__reduce__()
    with pytest.raises(KernelError, match="without it"):
        make(found, False, induction, lines)
    with pytest.raises(KernelError, match="stored proof"):
        make(found, True, induction, (Line(0, found.goal, "R", (1,)),))


def test_states_can_not_be_changed_or_made_up() -> None:
    state = begin(sequent("p|-q"))
    for name in ("is_proved", "uses", "_steps", "new"):
        with pytest.raises(AttributeError):
            setattr(state, name, True)
        with pytest.raises(AttributeError):
            delattr(state, name)
    with pytest.raises(TypeError):
        ProofState()
    with pytest.raises(KernelError):
        begin(Sequent((variable("x"),), state.sequent.goal))
    with pytest.raises(KernelError):
        begin(Sequent((), variable("x")))


def test_a_state_branches() -> None:
    state = check("p; q|-p&q", "p&p &I 1,1").state
    left = extend(state, Line(0, formulas("p&q")[0], "&I", (1, 2)))
    right = extend(state, Line(1, formulas("r")[0], "as"))
    assert isinstance(left, ProofState)
    assert isinstance(right, ProofState)
    assert (left.is_proved, right.is_proved, state.is_proved) == (True, False, False)
    assert (state.num_lines, left.num_lines, right.num_lines) == (3, 4, 4)
    assert (state.depth, right.depth) == (0, 1)


def test_threads_extend_the_same_state() -> None:
    state = begin(sequent("p; q|-p&q"))
    results: list[bool] = []

    def work(number: int) -> None:
        text = "\n".join([f"r{number}|p |I 1"] * 50 + ["p&q &I 1,2"])
        done = check_text(state, text)
        results.append(done.state.is_proved and len({line.formula for line in done.state.lines}) == 4)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert results == [True] * 8


# Laws


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_accepted_follows_from_what_is_open(seed: int) -> None:
    """Random lines: each accepted one follows from premises and open assumptions, by its truth table."""
    rng = random.Random(seed)
    pool = formulas("p; q; ~p; ~q; p&q; p|q; p->q; q->p; p<->q; F; T; ~~p; p->F; p|~p; ~(p&q); q|p; q&p")
    rules = [rule for rule in RULES if not rule.startswith(("all", "ex", "=", "IND"))]
    accepted = 0
    for classical in (True, False):
        for _ in range(100):
            state = begin(Sequent(tuple(rng.sample(pool, 2)), rng.choice(pool)), classical=classical)
            for _ in range(150):
                name = rng.choice(("as", *rules))
                number = state.num_lines
                depth = rng.randint(0, state.depth + (name == "as"))
                ends = (rng.randint(1, number), number if rng.random() < 0.5 else rng.randint(1, number))
                lines, boxes = (RULES[name].num_lines, RULES[name].num_boxes) if name != "as" else (0, 0)
                cited = tuple(rng.randint(1, number) for _ in range(lines))
                cited_boxes = tuple(ends for _ in range(boxes))
                after = extend(state, Line(depth, rng.choice(pool), name, cited, cited_boxes))
                if isinstance(after, Refusal):
                    continue
                state = after
                accepted += name != "as"
                line = state.lines[-1]
                open_formulas = [*state.sequent.premises, *open_assumptions(state)]
                assert entails(open_formulas, line.formula), state
                if not classical:
                    assert kripke_follows(open_formulas, line.formula), state
    assert accepted > 300


def open_assumptions(state: ProofState) -> list:
    """Works out the open assumptions from the depths alone."""
    stack: list = []
    for line in state.lines:
        del stack[line.depth - (line.rule == "as") :]
        if line.rule == "as":
            stack.append(line.formula)
    return stack


# Mistakes in the checker, made on purpose: lines pass, and still nothing is proved


def test_without_scopes_an_assumption_stays_a_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitch, "_theorem", lambda state, boxes, cited: state._steps[cited - 1][1])
    done = check("|-p", "|p as / p R 1")
    assert done.refusal is None
    assert not done.state.is_proved


def test_a_rule_that_gives_what_is_asked_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "R", Rule(1, 0, lambda goal, lines, boxes: assume(goal)))
    done = check("p|-q", "q R 1")
    assert done.refusal is None
    assert not done.state.is_proved


def test_a_classical_rule_that_slips_through_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "LEM", RULES["LEM"]._replace(logic=""))
    done = check("|-p|~p", "p|~p LEM", classical=False)
    assert done.refusal is None
    assert not done.state.is_proved
    assert check("|-p|~p", "p|~p LEM").state.is_proved
