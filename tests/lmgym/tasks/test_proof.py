from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.logic.fitch import Line, Refusal, Sequent, begin, extend
from lmgym.logic.kernel import Formula
from lmgym.logic.notation import parse_formula
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.rewards import StepCorrect, score
from lmgym.tasks.base import split_of
from lmgym.tasks.proof import Proof
from lmgym.tasks.proof.first_order import LEVELS, draw_first_order, with_logic
from lmgym.tasks.proof.guide import guide
from lmgym.tasks.proof.play import ProofReference
from lmgym.tasks.proof.renaming import key_of
from lmgym.tasks.stream import Words, draw_until_split

f = parse_formula


def make_problem(*texts: str, proof: str, num_lines: int = 8, is_shortest: bool = True) -> Problem:
    """A problem by hand: premises, goal, and a proof as text."""
    *premises, goal = map(f, texts)
    sequent = Sequent(tuple(premises), goal)
    lines, state = list[Line](), begin(sequent)
    from lmgym.logic.fitch import read_line

    for text in proof.splitlines():
        line = read_line(text, state)
        assert isinstance(line, Line), line
        after = extend(state, line)
        assert not isinstance(after, Refusal), after
        state = after
        lines.append(line)
    assert state.is_proved
    is_propositional = not any("(" in text for text in texts)
    reference = ProofReference(sequent, tuple(lines), num_lines, "key", is_shortest, is_propositional)
    return Problem("prompt", reference, "train", 0)


CHAIN = make_problem("p->q", "q->r", "p->r", proof="3. |p as\n4. |q ->E 1,3\n5. |r ->E 2,4\n6. p->r ->I 3-5")
CHAIN_LINES = [Turn("agent", text) for text in ("|p as", "|q ->E 1,3", "|r ->E 2,4", "p->r ->I 3-5")]
ALL = make_problem(
    "all x. P(x)->Q(x)", "P(a)", "ex x. Q(x)",
    proof="3. P(a)->Q(a) allE 1\n4. Q(a) ->E 3,2\n5. ex x. Q(x) exI 4",
)  # fmt: skip


def say(task: Proof, problem: Problem, *texts: str) -> Transcript:
    """Plays the texts, a turn each, until the episode is over."""
    state, turns, is_over = task.start(problem), list[Turn](), False
    for text in texts:
        turns.append(Turn("agent", text))
        state, reply, is_over = task.respond(state, turns[-1])
        if is_over:
            break
        turns.append(Turn("environment", reply or ""))
    return Transcript(problem, tuple(turns), terminated=is_over)


def replies(transcript: Transcript) -> list[str]:
    return [turn.text for turn in transcript.turns if turn.role == "environment"]


def test_a_whole_proof_in_any_correct_form_is_right() -> None:
    task = Proof()
    for text in (
        "3. |p as\n4. |q ->E 1,3\n5. |r ->E 2,4\n6. p->r ->I 3-5",
        "|p as\n\n  |q ->E 3,1\n|r ->E 4,2\np->r ->I 3-5\n\n",
        "3. | p  as\n4. | q  →E 1,3\n5. | r  →E 2,4\n6. p → r  →I 3-5",
    ):
        assert task.verify(say(task, CHAIN, text)) == Verdict("correct", "", None, 1.0)


@pytest.mark.parametrize(
    ("text", "reason", "share"),
    [
        ("", "unfinished", 0),
        ("3. |p as\n4. |q ->E 1,3", "unfinished", 2),
        ("3. p as", "depth", 0),
        ("3. |p as\n4. |q ->E 1,3\n5. |r ->E 1,4\n6. p->r ->I 3-5", "mismatch", 2),
        ("3. |p as\n4. |q ->E 1,3\n5. |r ->E 2,4\n6. p->r ->I 3-4", "citation", 3),
        ("3. |p as\n4. |q ->E 1,3\n5. |r ->E 2,4\n6. p->r ->I 3-5\nqed", "trailing", 4),
        ("3. |p as\n4. |q ->E 1,3\n5. |r ->E 2,4\n6. p->r ->I 3-5\n7. p->r R 6", "trailing", 4),
        ("4. |p as", "number", 0),
        ("The proof:\n3. |p as", "syntax", 0),
        ("3. |zebra as", "formula", 0),
        ("\n".join(["p->q R 1"] * 9), "lines", 0),
        ("p->q|" + "q|" * 5000 + "q |I 1", "long", 0),
    ],
)
def test_a_whole_proof_is_wrong_for_a_reason(text: str, reason: str, share: int) -> None:
    """n = 4 lines, of which ``share`` are there: share / 5."""
    task = Proof()
    assert task.verify(say(task, CHAIN, text)) == Verdict("wrong", reason, None, share / 5)


def test_lines_are_answered_and_refused_ones_leave_the_proof() -> None:
    task = Proof(turn="line", feedback="state")
    transcript = say(task, CHAIN, "3. |p as", "4. |r ->E 2,3", "4. |q ->E 1,3", "|r ->E 2,4", "p->r ->I 3-5")
    assert task.verify(transcript).status == "correct"
    assert replies(transcript)[0] == "\n1. p->q\n2. q->r\n3. |p as\n|- p->r  (7 left)\n"
    assert replies(transcript)[1].startswith("\nrefused (mismatch): ->E: ")
    assert replies(transcript)[1].endswith("\n1. p->q\n2. q->r\n3. |p as\n|- p->r  (6 left)\n")
    short = Proof(turn="line")
    assert replies(say(short, CHAIN, "3. |p as", "junk")) == ["\n", "\nno: syntax\n"]


def test_an_episode_of_lines_ends_with_the_turns_or_with_patience() -> None:
    task = Proof(turn="line", max_refusals=2)
    for texts, reason in (
        (["junk", "3. |p as", "junk"], "syntax"),
        (["p->q R 1"] * 8, "unfinished"),
        (["p->q R 1"] * 7 + ["3. junk"], "syntax"),
    ):
        transcript = say(task, CHAIN, *texts, "more")
        assert transcript.terminated and len([t for t in transcript.turns if t.role == "agent"]) == len(texts)
        assert task.verify(transcript).reason == reason


def test_of_a_turn_only_its_first_line_is_read() -> None:
    task = Proof(turn="line")
    transcript = say(task, CHAIN, "\n3. |p as\njunk", "4. |q ->E 1,3")
    assert task.verify(transcript).score == 2 / 5
    assert [v.reason for v in task.verify_steps(transcript)] == ["blank", "", "unread", ""]


def test_a_line_that_was_cut_off_is_not_played() -> None:
    task = Proof(turn="line", feedback="state")
    reply = task.respond(task.start(CHAIN), Turn("agent", "3. |p as", False)).reply or ""
    assert reply.startswith("\nrefused (overlong): ") and "3. |p as" not in reply
    turns = [*CHAIN_LINES[:-1], Turn("agent", CHAIN_LINES[-1].text, False)]
    assert task.verify(Transcript(CHAIN, tuple(turns)))[:2] == ("wrong", "overlong")
    assert task.verify(Transcript(CHAIN, (*turns, CHAIN_LINES[-1]))).status == "correct"


@pytest.mark.parametrize("turn", ["proof", "line"])
def test_true_lines_that_do_not_lead_on_earn_nothing(turn: str) -> None:
    task = Proof(turn=turn)  # type: ignore[arg-type]
    idle = [
        "3. p->q R 1",
        "4. (p->q)&(q->r) &I 1,2",
        "5. q->r &E 4",
        "6. (p->q)|p |I 1",
        "7. |q as",
        "8. r->r|r LEM",
    ]
    transcript = say(task, CHAIN, *(idle[:5] if turn == "line" else ["\n".join(idle[:5])]))
    verdicts = task.verify_steps(transcript)
    assert [v.status for v in verdicts] == ["no_progress"] * 5
    assert [v.reason for v in verdicts] == ["repeated", "detour", "repeated", "detour", "detour"]
    reward = StepCorrect(pay="episode").bound_to(task)
    judged = transcript._replace(verdict=task.verify(transcript))
    assert score(reward, [judged]).values.tolist() == [0.0]


def test_opening_and_closing_a_box_again_and_again_is_paid_once() -> None:
    task = Proof()
    text = "|p as\n|q ->E 1,3\np->q R 1\n|p as\n|q ->E 1,6\np->q R 1"
    statuses = [v.status for v in task.verify_steps(say(task, CHAIN, text))]
    assert statuses == ["right", "right", *["no_progress"] * 4]


def test_lines_after_a_refused_one_are_not_judged() -> None:
    task = Proof()
    verdicts = task.verify_steps(say(task, CHAIN, "|p as\n|r ->E 1,3\n|q ->E 1,3"))
    assert [(v.status, v.reason) for v in verdicts] == [
        ("right", ""),
        ("wrong", "mismatch"),
        ("undecided", "unread"),
    ]


def test_where_a_turn_is_a_proof_a_hint_is_one() -> None:
    task = Proof(level=5, spare_lines=0)
    problem = task.problem("train", 5)
    said = (Turn("agent", task.hint(problem, ()) or ""),)
    assert task.verify(Transcript(problem, said, terminated=True)).status == "correct"
    assert task.hint(problem, said) is None


def test_hints_lead_to_the_goal_from_anywhere() -> None:
    task = Proof(turn="line", spare_lines=30)
    lost: list[tuple[Problem, list[str]]] = [
        (CHAIN, []),
        (CHAIN, ["|p as", "||q as", "|||r as"]),
        (CHAIN, ["|r as", "r->r ->I 3-3"]),
        (CHAIN, ["|p as", "|q ->E 1,3", "|p|q |I 4"]),
        (ALL, []),
        (ALL, ["|Q(b) as", "P(a)->Q(a) allE 1", "|P(b) as", "||P(b) as"]),
    ]
    for problem, said in lost:
        problem = problem._replace(reference=problem.reference._replace(num_lines=40))
        for _ in range(12):
            hint = task.hint(problem, say(task, problem, *said).turns)
            if hint is None:
                break
            said.append(hint)
        assert task.verify(say(task, problem, *said)).status == "correct", said


def test_values_are_exact() -> None:
    """CHAIN needs four lines; a repetition costs one."""
    line = Proof(turn="line", max_refusals=2)
    tight = CHAIN._replace(reference=CHAIN.reference._replace(num_lines=5))
    assert line.optimal_value(tight, (), "") == 1.0
    one = say(line, tight, "p->q R 1").turns
    assert line.optimal_value(tight, one, "") == 1.0
    assert line.optimal_value(tight, one, "4. |p") == 1.0
    assert line.optimal_value(tight, one, "4. |r") is None
    assert line.optimal_value(tight, say(line, tight, "p->q R 1", "p->q R 1").turns, "") == 0.0
    assert line.optimal_value(tight, say(line, tight, "junk", "junk").turns, "") == 0.0
    whole = Proof()
    assert whole.optimal_value(tight, (), "p->q R 1\n4. |p as\n") == 1.0
    assert whole.optimal_value(tight, (), "p->q R 1\np->q R 1\n") == 0.0
    assert whole.optimal_value(tight, (), "junk\n") == 0.0
    done = "|p as\n|q ->E 1,3\n|r ->E 2,4\np->r ->I 3-5\n"
    assert (whole.optimal_value(tight, (), done), whole.optimal_value(tight, (), done + "x")) == (1.0, 0.0)


def test_values_count_ways_that_are_shorter_than_the_known_one() -> None:
    known = "3. p&p &I 1,1\n4. p &E 3\n5. q ->E 2,4"
    for num_lines, value in ((1, 1.0), (0, 0.0)):
        problem = make_problem("p", "p->q", "q", proof=known, num_lines=num_lines, is_shortest=False)
        assert Proof(turn="line").optimal_value(problem, (), "") == value


def test_the_guide_counts_what_is_missing() -> None:
    state = begin(CHAIN.reference.sequent)
    proof = CHAIN.reference.proof

    def after(*lines: Line) -> int:
        now = state
        for line in lines:
            new = extend(now, line)
            assert not isinstance(new, Refusal), new
            now = new
        return guide(now, proof).num_missing

    p, q = f("p"), f("q")
    opened = Line(1, p, "as")
    assert after() == 4
    assert after(opened) == 3
    assert after(opened, Line(1, q, "->E", (1, 3))) == 2
    assert after(opened, Line(1, q, "->E", (1, 3)), Line(0, f("p->q"), "R", (1,))) == 4  # the box is closed
    assert after(opened, Line(2, q, "as")) == 3  # a box too many does no harm
    r_and_more = (opened, Line(1, q, "->E", (1, 3)), Line(1, f("r"), "->E", (2, 4)), Line(1, p, "R", (3,)))
    assert after(*r_and_more) == 2  # r has to be repeated at the end of the box
    assert after(*r_and_more[:3]) == 1


@pytest.mark.parametrize("place", range(len(LEVELS)))
def test_every_first_order_proof_is_one_and_leads_on_line_by_line(place: int) -> None:
    for split in ("train", "ood_length"):
        words = Words(np.random.default_rng(place))
        draw = partial(draw_first_order, LEVELS[place], split)
        for _ in range(25):
            drawn = draw_until_split(draw, split, words)
            state = begin(drawn.sequent, classical=LEVELS[place].logic != "intuitionistic")
            for at, line in enumerate(drawn.proof):
                assert guide(state, drawn.proof) == (len(drawn.proof) - at, line)
                after = extend(state, line)
                assert not isinstance(after, Refusal), (after, line)
                state = after
            assert state.is_proved
            assert key_of(drawn.sequent) == drawn.key
            assert split == "ood_length" or split_of(drawn.key) == split
            assert (len(drawn.sequent.premises) > LEVELS[place].max_premises) == (split == "ood_length")


def test_classical_first_order_problems_need_a_classical_rule() -> None:
    words = Words(np.random.default_rng(0))
    level = with_logic(LEVELS[-1], "classical")
    for _ in range(20):
        drawn = draw_until_split(lambda w: draw_first_order(level, "train", w), "train", words)
        assert any(line.rule == "RAA" for line in drawn.proof)


def test_keys_are_blind_to_names_and_order_and_to_nothing_else() -> None:
    def key(*texts: str) -> str:
        *premises, goal = map(f, texts)
        return key_of(Sequent(tuple[Formula, ...](premises), goal))

    first = key("all x. P(x)->Q(x)", "P(a)", "Q(a)")
    assert first == key("S(c)", "all y. S(y)->R(y)", "R(c)")
    assert first != key("all x. P(x)->Q(x)", "P(a)", "Q(b)")
    assert first != key("all x. Q(x)->P(x)", "P(a)", "Q(a)")
    assert first != key("ex x. P(x)->Q(x)", "P(a)", "Q(a)")
    assert key("R(a,b)", "R(b,a)") != key("R(a,b)", "R(a,b)")
    assert key("P(f(a))", "P(a)") == key("Q(g(b))", "Q(b)")


def test_options_are_checked() -> None:
    for options, error, message in (
        ({"level": 15}, InvalidValueError, "level must be an integer in"),
        ({"turn": "lines"}, UnknownNameError, "Did you mean 'line'"),
        ({"logic": "intuitionist"}, UnknownNameError, "Did you mean 'intuitionistic'"),
        ({"level": 12, "num_atoms": 2}, InvalidValueError, "num_atoms can be chosen in levels 1 to 10"),
        ({"min_lines": 5}, InvalidValueError, "min_lines must be at most max_lines, got 5 and 2"),
        ({"connectives": "not"}, InvalidValueError, "beside 'not'"),
        ({"connectives": ("and", "nor")}, UnknownNameError, "connectives"),
    ):
        with pytest.raises(error, match=message):
            Proof(**options)


def test_intuitionistic_proofs_must_do_without_classical_rules() -> None:
    problem = make_problem("~~p", "p", proof="2. p DNE 1")
    assert Proof(logic="any").verify(say(Proof(), problem, "2. p DNE 1")).status == "correct"
    task = Proof(logic="intuitionistic")
    assert task.verify(say(task, problem, "2. p DNE 1")).reason == "logic"


def test_hostile_proofs_are_quick_and_harmless() -> None:
    for task in (Proof(), Proof(turn="line")):
        for text in (
            "p R 1\n" * 10**4, "|p as\n" * 10**4, "\n" * 10**4, "|" * 10**5 + "p as", "(" * 10**5,
            "\ud800\n" * 999, "3. |p as\x00", "3.\x1b[2J|p as", "９. |p as", "3. |p as 1-" + "9" * 5000,
            "all x. " * 3000 + "p as",
        ):  # fmt: skip
            transcript = say(task, CHAIN, text)
            assert task.verify(transcript).status == "wrong"
            assert task.verify(transcript).score <= 0.2
            task.verify_steps(transcript)
            assert task.optimal_value(CHAIN, (), text) in (None, 0.0, 1.0)
