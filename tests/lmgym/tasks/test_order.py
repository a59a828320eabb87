from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.order.draw import OrderReference, is_kept_for_wording, key_of
from lmgym.tasks.order.knobs import LEVELS
from lmgym.tasks.order.logic import KEYWORDS, KINDS, Facts, Kind, Question
from lmgym.tasks.order.steps import working_lines
from lmgym.tasks.order.task import Order
from lmgym.tasks.order.text import load_data, seen_wordings
from tests.reference import order as slow


def facts_of(text: str) -> tuple[tuple[str, str], ...]:
    """Returns the pairs of a text such as ``AB BC``."""
    return tuple((pair[0], pair[1]) for pair in text.split())


def pose(premises: str, kind: Kind, asked: str = "") -> Problem:
    """Returns a problem of one's own, with the answer that the package finds."""
    question = Question(kind, tuple(asked))
    reference = OrderReference(Facts(facts_of(premises)).answer(question), facts_of(premises), question)
    return Problem("", reference, "train", 0)


def judge(task: Order, problem: Problem, text: str) -> Verdict:
    return task.verify(Transcript(problem, (Turn("agent", text),), True))


@pytest.mark.parametrize(
    ("premises", "kind", "asked", "answer"),
    [
        ("AB BC", "compare", "AC", "yes"),
        ("AB BC", "compare", "CA", "no"),
        ("AB AC", "compare", "BC", "unknown"),
        ("AB BA AC", "compare", "AC", "contradiction"),
        ("AB BC CA", "largest", "", "contradiction"),
        ("AB CA", "largest", "", "C"),
        ("AB AC", "smallest", "", "unknown"),
        ("AB AC", "largest", "", "A"),
        ("BC AB CD", "order", "", "A>B>C>D"),
        ("AB BC AD", "order", "", "unknown"),
        ("AB BC AD", "sort", "CBA", "A>B>C"),
        ("AB BC AD", "sort", "DBA", "unknown"),
        ("AB BC AC", "order", "", "A>B>C"),
    ],
)
def test_answers_by_hand(premises: str, kind: Kind, asked: str, answer: str) -> None:
    assert pose(premises, kind, asked).reference.value == answer


def test_fast_and_slow_answers_agree_on_hundreds_of_small_problems() -> None:
    rng, seen = random.Random(1), Counter[str]()
    for _ in range(600):
        names = "ABCDEF"[: rng.randint(3, 5)]
        premises = [tuple(rng.sample(names, 2)) for _ in range(rng.randint(2, 6))]
        if rng.random() < 0.6:  # else nearly all are contradictory
            premises = [(min(pair), max(pair)) for pair in premises]
        present = sorted({name for fact in premises for name in fact})
        for kind in KINDS:
            sizes = {"compare": 2, "sort": min(3, len(present))}
            asked = tuple(rng.sample(present, sizes.get(kind, 0)))
            truth = slow.answer(premises, kind, asked)  # type: ignore[arg-type]
            assert Facts(premises).answer(Question(kind, asked)) == truth  # type: ignore[arg-type]
            seen[truth if truth in KEYWORDS else kind] += 1
    assert all(seen[word] > 20 for word in (*KEYWORDS, *KINDS[1:]))


@pytest.mark.parametrize("level", LEVELS)
def test_problems_are_what_their_splits_say(level: int) -> None:
    for wording in ("symbols", "older")[: 2 if level < 7 else 1]:
        task = Order(level=level, wording=wording)
        data = load_data()["names"][{"symbols": "letters", "older": "people"}[wording]]
        for split in task.splits:
            for problem in task.problems(split, range(64 // level)):
                value, premises, question, irrelevant = problem.reference
                names = {name for fact in premises for name in fact}
                assert len(names) == task.knobs.total_objects + 3 * (split == "ood_length")
                assert names <= set(data["unseen" if split == "ood_names" else "seen"])
                assert is_kept_for_wording(problem.key) == (split == "ood_wording")
                assert len(premises) == len(names) - 1 + task.knobs.contradictions
                assert len(irrelevant) == task.knobs.num_irrelevant
                assert Facts(premises).answer(question) == value and problem.key == key_of(problem.reference)
                if len(names) <= 7:
                    assert slow.answer(list(premises), *question) == value
                mark = {"symbols": "→" if ">" not in problem.prompt else "", "older": " finish"}[wording]
                is_unseen = (
                    any(sign in problem.prompt for sign in ("→", "←")) or " finished " in problem.prompt
                )
                assert is_unseen == (split == "ood_wording"), mark


def test_the_key_ignores_wording_order_and_direction() -> None:
    one = OrderReference("yes", facts_of("AB BC"), Question("compare", ("A", "C")))
    other = one._replace(premises=facts_of("BC AB"))
    assert key_of(one) == key_of(other) == "compare A C: A>B|B>C / "
    sort = OrderReference("A>B>C", facts_of("AB BC"), Question("sort", ("C", "A", "B")))
    assert key_of(sort) == "sort A B C: A>B|B>C / "
    assert key_of(one._replace(irrelevant=facts_of("CA"))) == "compare A C: A>B|B>C / C>A"


@pytest.mark.parametrize("level", [1, 2, 4, 5, 7])
def test_answers_are_balanced_and_chance_is_as_stated(level: int) -> None:
    task, rng = Order(level=level), random.Random(0)
    classes: dict[str, Counter[str]] = {kind: Counter() for kind in task.knobs.kinds}
    constants: dict[str, Counter[str]] = {kind: Counter() for kind in task.knobs.kinds}
    num_lucky, count = 0, 3000
    for problem in task.problems("train", range(count)):
        value, premises, question, _ = problem.reference
        classes[question.kind][value if value in KEYWORDS else ""] += 1
        constants[question.kind][value] += 1
        names = sorted({name for fact in premises for name in fact})
        guess: str | list[str] = names
        if question.kind == "compare":
            guess = ["yes", "no", *task.knobs.keywords]
        elif question.kind in ("order", "sort"):
            asked = list(question.names) or names
            num_keywords = len(task.knobs.keywords)
            is_word = rng.random() < num_keywords / task.knobs.num_answers(question.kind)
            guess = list(task.knobs.keywords) if is_word else [">".join(rng.sample(asked, len(asked)))]
        else:
            guess = [*names, *task.knobs.keywords]
        num_lucky += rng.choice(guess) == value
    for kind, counts in classes.items():
        expected = sum(counts.values()) / len(task.knobs.classes(kind))  # type: ignore[arg-type]
        assert len(counts) == len(task.knobs.classes(kind))  # type: ignore[arg-type]
        assert all(abs(number - expected) < 5 * expected**0.5 for number in counts.values())
    assert abs(num_lucky / count - task.random_return) < 4 * (0.25 / count) ** 0.5
    best = sum(counts.most_common(1)[0][1] for counts in constants.values()) / count
    if "" in {word for kind in classes for word in task.knobs.classes(kind)} or level <= 2:  # type: ignore[arg-type]
        assert abs(best - task.constant_return) < 0.05


def test_chance_by_hand() -> None:
    assert (Order(level=1).random_return, Order(level=2).random_return) == (1 / 2, 1 / 3)
    assert Order(level=3).random_return == pytest.approx((1 / 3 + 1 / 5 + 1 / 5) / 3)
    assert Order(level=3).constant_return == pytest.approx((1 / 3 + 1 / 2 + 1 / 2) / 3)
    assert Order(level=5, kinds="order").random_return == 1 / 722
    assert Order(level=5, kinds="sort").random_return == 1 / 8
    assert Order(level=1, kinds="largest").constant_return == 0.0


@pytest.mark.parametrize(
    ("problem", "text", "reason", "score"),
    [
        (pose("AB BC", "compare", "AC"), "yes", "", 1.0),
        (pose("AB BC", "compare", "AC"), " Yes.\n", "", 1.0),
        (pose("AB BC", "compare", "AC"), "YES", "", 1.0),
        (pose("AB BC", "compare", "AC"), "no", "wrong", 0.0),
        (pose("AB BC", "compare", "AC"), "yes no", "unparsed", 0.0),
        (pose("AB BC", "compare", "AC"), "yes, no", "unparsed", 0.0),
        (pose("AB BC", "compare", "AC"), "yes or no", "unparsed", 0.0),
        (pose("AB BC", "compare", "AC"), "not no", "unparsed", 0.0),
        (pose("AB BC", "compare", "AC"), "y", "unparsed", 0.0),
        (pose("AB BC", "compare", "AC"), "A>C", "unparsed", 0.0),
        (pose("AB BC", "compare", "AC"), "yes..", "unparsed", 0.0),
        (pose("AB BC", "compare", "AC"), "ｙｅｓ", "unparsed", 0.0),
        (pose("AB BC", "compare", "AC"), "ye\u017f", "unparsed", 0.0),  # a long s, whose upper case is S
        (pose("AB AC", "compare", "BC"), "unknown", "", 1.0),
        (pose("AB AC", "compare", "BC"), "un\u212anown", "unparsed", 0.0),  # a Kelvin sign
        (pose("AB BA", "compare", "AB"), "contradiction", "", 1.0),
        (pose("AB CA", "largest"), "C", "", 1.0),
        (pose("AB CA", "largest"), "c", "unparsed", 0.0),
        (pose("AB CA", "largest"), "A", "wrong", 0.0),
        (pose("AB CA", "largest"), "D", "unparsed", 0.0),
        (pose("AB CA", "largest"), "C, A, B", "unparsed", 0.0),
        (pose("AB CA", "largest"), "C>A", "unparsed", 0.0),
        (pose("AB CA", "largest"), "yes", "unparsed", 0.0),
        (pose("AB CA", "largest"), "unknown", "wrong", 0.0),
        (pose("BC AB CD", "order"), "A>B>C>D", "", 1.0),
        (pose("BC AB CD", "order"), " A > B,C ,D.", "", 1.0),
        (pose("BC AB CD", "order"), "A>B>D>C", "wrong", 0.9 * 5 / 6),
        (pose("BC AB CD", "order"), "D>C>B>A", "wrong", 0.0),
        (pose("BC AB CD", "order"), "A>B>C", "wrong", 0.0),
        (pose("BC AB CD", "order"), "A>B>C>D>A", "unparsed", 0.0),
        (pose("BC AB CD", "order"), "A B C D", "unparsed", 0.0),
        (pose("BC AB CD", "order"), "D<C<B<A", "unparsed", 0.0),
        (pose("BC AB CD", "order"), "A>>B>C>D", "unparsed", 0.0),
        (pose("AB BC AD", "sort", "CBA"), "A>B>C", "", 1.0),
        (pose("AB BC AD", "sort", "CBA"), "A>C>B", "wrong", 0.9 * 2 / 3),
        (pose("AB BC AD", "sort", "CBA"), "A>B>C>D", "wrong", 0.0),
        (pose("AB BC", "compare", "AC"), "yes" + " " * 10**6, "", 1.0),
        (pose("AB BC", "compare", "AC"), "yes" * 10**5, "overlong", 0.0),
        (pose("AB CA", "largest"), "C" + ">" * 399, "unparsed", 0.0),
        (pose("AB CA", "largest"), "(" * 10**5, "overlong", 0.0),
    ],
)  # fmt: skip
def test_an_answer_is_judged(problem: Problem, text: str, reason: str, score: float) -> None:
    verdict = judge(Order(level=5), problem, text)
    assert (verdict.reason, verdict.score) == (reason, pytest.approx(score))
    assert (verdict.status == "correct") == (reason == "")
    if not reason:
        assert Order(level=5).optimal_value(problem, (), text) == 1.0


@pytest.mark.parametrize(
    ("partial", "value"),
    [
        ("", 1.0), ("A", 1.0), (" A ", 1.0), ("A>", 1.0), ("A,\n B", 1.0), ("A>B>C", 1.0), ("A>B>C . ", 1.0),
        ("B", 0.0), ("A>C", 0.0), ("A B", 0.0), ("A>B>C>", 0.0), ("A>B.", 0.0), ("A>B>C..", 0.0), ("u", 0.0),
        ("A>" + " " * 395, 1.0), ("A>" + " " * 396, 0.0), ("A>B>C" + " " * 500, 1.0),
    ],
)  # fmt: skip
def test_optimal_values_by_hand(partial: str, value: float) -> None:
    task, problem = Order(level=5), pose("AB BC", "order")
    assert task.optimal_value(problem, (), partial) == value
    if value:
        ends = ["", "A>B>C", ">B>C", "B>C", ">C", "C", "."]
        assert any(judge(task, problem, partial + end).status == "correct" for end in ends)
    assert Order(level=5, style="worked").optimal_value(problem, (), partial) == 1.0


def test_optimal_values_are_those_of_trying_everything() -> None:
    task = Order(level=5)
    alphabet = "AByesNno>. "
    for problem in (pose("AB", "order"), pose("AB", "largest"), pose("AB", "compare", "BA")):
        texts = ["".join(chars) for size in range(5) for chars in itertools.product(alphabet, repeat=size)]
        right = [text for text in texts if judge(task, problem, text).status == "correct"]
        assert right
        for text in texts:
            if len(text) <= 4 - len(problem.reference.value):
                can_win = any(other.startswith(text) for other in right)
                assert task.optimal_value(problem, (), text) == can_win, text


@pytest.mark.parametrize(
    ("premises", "kind", "asked", "lines"),
    [
        ("BC AB CD", "compare", "AD", ["A>B, B>C: A>C", "A>C, C>D: A>D", "yes"]),
        ("BC AB", "compare", "CA", ["A>B, B>C: A>C", "no"]),
        ("BC AB", "compare", "AB", ["A>B", "yes"]),
        ("AB AC CD", "compare", "BC", ["C>D", "unknown"]),
        ("AB BC CA", "order", "", ["A>B, B>C: A>C", "A>C, C>A: A>A", "contradiction"]),
        ("BC AB CD", "largest", "", ["A>B", "A>B, B>C: A>C", "A>C, C>D: A>D", "A"]),
        ("BC AB CD", "smallest", "", ["C>D", "B>C, C>D: B>D", "A>B, B>D: A>D", "D"]),
        ("AB AC", "smallest", "", ["A>C", "unknown"]),
        ("BC AB CD", "order", "", ["A>B", "B>C", "C>D", "A>B>C>D"]),
        ("BC AB CD", "sort", "DAC", ["A>B, B>C: A>C", "C>D", "A>C>D"]),
    ],
)
def test_working_by_hand(premises: str, kind: Kind, asked: str, lines: list[str]) -> None:
    problem = pose(premises, kind, asked)
    assert working_lines(problem.reference) == lines
    assert statuses(problem, lines) == " ".join(["right"] * len(lines))


def statuses(problem: Problem, lines: list[str]) -> str:
    task = Order(level=5, style="worked")
    verdicts = task.verify_steps(Transcript(problem, (Turn("agent", "\n".join(lines)),), True))
    assert verdicts is not None
    return " ".join(verdict.status for verdict in verdicts)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["A > B , B > C : A > C", "A>C,C>D:A>D", "Yes."], "right right right"),
        (["A>B", "A>B", "B>C"], "right no_progress right"),
        (["A>C"], "wrong"),  # no premise
        (["A>C, C>D: A>D"], "wrong"),  # not deduced yet
        (["A>B, B>C: A>C", "A>C"], "right no_progress"),
        (["A>B, B>C: A>D"], "wrong"),
        (["A>B, C>D: A>D"], "wrong"),
        (["B>C, A>B: A>C"], "wrong"),
        (["A>B, B>C: A>C", "A>B, B>C: A>C"], "right no_progress"),
        (["B>A"], "wrong"),
        (["X>Y"], "wrong"),
        (["", "yes", "A>B"], "no_progress right no_progress"),
        (["no", "yes"], "wrong right"),
        (["hm", "A>B, B>C, C>D: A>D", "A" * 10**5], "unparsed unparsed unparsed"),
    ],
)
def test_steps_are_judged(lines: list[str], expected: str) -> None:
    assert statuses(pose("AB BC CD", "compare", "AD"), lines) == expected


def test_every_line_of_a_demonstration_is_a_right_step() -> None:
    rng = np.random.default_rng(0)
    for options in ({"level": 7}, {"level": 6, "wording": seen_wordings()}):
        task = Order(style="worked", **options)  # type: ignore[arg-type]
        for split in task.splits:
            for problem in task.problems(split, range(20)):
                (text,) = task.demonstrations(problem, rng)
                verdicts = task.verify_steps(Transcript(problem, (Turn("agent", text.lstrip("\n")),), True))
                assert verdicts and {verdict.status for verdict in verdicts} == {"right"}
    assert Order(level=7).verify_steps(Transcript(problem, (), True)) is None


def test_right_steps_are_bounded() -> None:
    lines = ["A>B"] * 10**4
    verdicts = statuses(pose("AB BC", "compare", "AC"), lines).split()
    assert len(verdicts) == 10**4 and verdicts.count("right") == 1


def test_demonstrations_are_as_good_as_asked() -> None:
    rng = np.random.default_rng(0)
    for style in ("answer", "worked"):
        task = Order(level=5, style=style, demonstration_quality=0.5)  # type: ignore[arg-type]
        verdicts = [
            judge(task, problem, task.demonstrations(problem, rng)[0])
            for problem in task.problems("train", range(400))
        ]
        assert {verdict.reason for verdict in verdicts} == {"", "wrong"}
        assert 160 < sum(verdict.status == "correct" for verdict in verdicts) < 240


def test_prompts_by_hand() -> None:
    symbols = Order(level=1).problem("train", 0)
    asked = symbols.reference.question.names
    facts = " ".join(f"{a}>{b}" for a, b in symbols.reference.premises)
    assert symbols.prompt == f"{facts}; {asked[0]}>{asked[1]}?"
    words = Order(level=1, wording="taller", prompt_style="instruct").problem("train", 0)
    asked = words.reference.question.names
    facts = " ".join(f"{a} is taller than {b}." for a, b in words.reference.premises)
    assert words.prompt == f"{facts} Is {asked[0]} taller than {asked[1]}?\nAnswer yes or no.\n"


def test_wordings_are_mixed() -> None:
    prompts = [
        problem.prompt for problem in Order(level=2, wording=("taller", "left")).problems("train", range(200))
    ]
    assert 60 < sum("taller" in prompt for prompt in prompts) < 140
    assert all(("taller" in prompt) != ("sit" in prompt) for prompt in prompts)


def test_names_are_not_made_of_one_another() -> None:
    """An answer with two names run together must not be a third name, and no name is a keyword."""
    for names in load_data()["names"].values():
        every = [*names["seen"], *names["unseen"]]
        assert len(set(every)) == len(every) and not {name.lower() for name in every} & set(KEYWORDS)
        assert not {a + b for a in every for b in every} & set(every)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"level": 9}, InvalidValueError, "level"),
        ({"num_objects": 2}, InvalidValueError, "num_objects"),
        ({"kinds": "bigger"}, UnknownNameError, "largest"),
        ({"kinds": ()}, InvalidValueError, "kinds"),
        ({"wording": "arrows"}, UnknownNameError, "symbols"),  # is kept for "ood_wording"
        ({"wording": ()}, InvalidValueError, "wording"),
        ({"wording": 3}, InvalidValueError, "wording"),
        ({"prompt_style": "plane"}, UnknownNameError, "plain"),
        ({"unknown": "yes"}, InvalidValueError, "unknown"),
    ],
)
def test_bad_options_are_typed_errors(options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Order(**options)


def test_levels_keep_the_other_options() -> None:
    task = Order(level=2, wording="left", contradictions=True).at_level(6)
    assert (task.level, task.knobs.num_objects, task.knobs.contradictions, task.max_level) == (6, 6, True, 8)
    assert "sits to the" in task.problem("train", 0).prompt
