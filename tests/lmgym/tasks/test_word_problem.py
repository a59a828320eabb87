"""WordProblem-v0: answers against two independent readings, grammar of every sentence, working by lines."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.stream import Words
from lmgym.tasks.word_problem import text as word_problem_text
from lmgym.tasks.word_problem.graph import KINDS, Fact, GraphRules, draw_facts, equation, graph_key
from lmgym.tasks.word_problem.levels import LEVELS
from lmgym.tasks.word_problem.numbers import CHOICES
from lmgym.tasks.word_problem.steps import check_steps, evaluate
from lmgym.tasks.word_problem.task import WordProblem

DATA = json.loads((Path(word_problem_text.__file__).parent / "word_problem.json").read_text())
PARTS = {"half": 2, "a third": 3, "a quarter": 4, "a fifth": 5}
TIMES = {"twice": 2, "3 times": 3, "4 times": 4, "5 times": 5}


def slow_value(text: str) -> Fraction:
    """Evaluates an expression by taking the innermost parentheses first, then × and ÷, then + and -."""
    inner = re.search(r"\(([^()]*)\)", text)
    if inner:
        return slow_value(text[: inner.start()] + str(slow_value(inner[1])) + text[inner.end() :])
    for operators in ("×÷", "+-"):
        while match := re.search(rf"(\d+)([{operators}])(\d+)", text):
            a, b = Fraction(match[1]), Fraction(match[3])
            value = {"×": a * b, "÷": a / b, "+": a + b, "-": a - b}[match[2]]
            assert value.denominator == 1 and value >= 0, text
            text = text[: match.start()] + str(value) + text[match.end() :]
    return Fraction(text)


def read_back(prompt: str) -> int:
    """Solves a problem in plain wording from its text alone: who has how much, sentence by sentence."""
    held: dict[str, Fraction] = {}
    *told, question = re.split(r"(?<=[.?]) ", prompt.strip())
    part = r"(half|a third|a quarter|a fifth|\d/\d)"
    much = r"as (?:many|much|long|far)"
    rules: list[tuple[str, object]] = [
        (r"(\w+) is \d+\.|(\w+) lives at number \d+\.", None),
        (rf"(\w+) \w+ {much} as (\w+) and (\w+) together\.", lambda a, b, c: held[b] + held[c]),
        (rf"(\w+) \w+ {part} {much} as (\w+)\.", lambda a, p, b: held[b] * share(p)),
        (rf"(\w+) \w+ (twice|\d times) {much} as (\w+)\.", lambda a, t, b: held[b] * TIMES[t]),
        (
            r"(\w+) \w+ (\d+)% (?:more|longer|farther) than (\w+)\.",
            lambda a, n, b: held[b] * (100 + int(n)) / 100,
        ),
        (r"(\w+) \w+ (\d+)% (?:fewer|less) than (\w+)\.", lambda a, n, b: held[b] * (100 - int(n)) / 100),
        (r"(\w+) \w+ \$?(\d+) more than (\w+)\.", lambda a, n, b: held[b] + int(n)),
        (r"(\w+) \w+ \$?(\d+) (?:fewer|less) than (\w+)\.", lambda a, n, b: held[b] - int(n)),
        (r"(\w+) (?:gets|drives) \$?(\d+) more\.", lambda a, n: held[a] + int(n)),
        (r"(\w+) (?:loses|spends) (\d+)%\.", lambda a, n: held[a] * (100 - int(n)) / 100),
        (r"(\w+) (?:loses|spends) \$?(\d+)\.", lambda a, n: held[a] - int(n)),
        (rf"(\w+) (?:loses|spends) {part}\.", lambda a, p: held[a] - held[a] * share(p)),
        (r"(\w+) sells all for \$(\d+) each\.", lambda a, n: held[a] * int(n)),
        (r"(\w+) buys \w+ at \$(\d+) each\.", lambda a, n: held[a] / int(n)),
        (r"(\w+) packs \w+ of (\d+)\.", lambda a, n: held[a] / int(n)),
        (r"Each of (\w+)'s \w+ holds (\d+) \w+\.", lambda a, n: held[a] * int(n)),
        (r"(\w+) earns \$(\d+) per \w+\.", lambda a, n: held[a] * int(n)),
        (r"(\w+) \w+ (\d+) \w+ per \w+\.", lambda a, n: held[a] * int(n)),
        (r"(\w+) \w+ \$?(\d+)(?: \w+)?\.", lambda a, n: Fraction(int(n))),
    ]
    for sentence in told:
        found = next((match, rule) for form, rule in rules if (match := re.fullmatch(form, sentence)))
        match, rule = found
        if callable(rule):
            held[match[1]] = rule(*match.groups())
    if match := re.fullmatch(r"How many (?:\w+ )?(?:do|have) (\w+) and (\w+) (?:\w+ )?in all\?", question):
        value = held[match[1]] + held[match[2]]
    elif match := re.fullmatch(
        r"How many (?:more|more \w+|\w+ more) (?:does|has) (\w+) (?:\w+ )?than (\w+)\?", question
    ):
        value = held[match[1]] - held[match[2]]
    else:
        match = re.fullmatch(r"How many (?:\w+ )?(?:does|has) (\w+)(?: \w+)?\?", question)
        assert match, question
        value = held[match[1]]
    assert value.denominator == 1
    return int(value)


def share(text: str) -> Fraction:
    return Fraction(1, PARTS[text]) if text in PARTS else Fraction(text)


@pytest.mark.parametrize("level", list(LEVELS))
def test_answers_agree_with_the_text_and_with_the_key(level: int) -> None:
    task = WordProblem(level=level)
    problems = task.problems("train", range(150)) + task.problems("ood_operations", range(40))
    for problem in problems + task.problems("ood_scenario", range(20)):
        assert read_back(problem.prompt) == slow_value(problem.key) == problem.reference.value, problem.prompt
        num_steps = sum(fact.kind != "given" for fact in problem.reference.story.facts)
        assert num_steps == LEVELS[level].num_steps + 2 * (problem.split == "ood_operations")
        values = [fact.value for fact in problem.reference.story.facts]
        assert 0 < min(values) and max(values) <= LEVELS[level].max_value


@pytest.mark.parametrize("wording", ["plain", "story"])
def test_every_sentence_is_grammatical(wording: str) -> None:
    plurals = {many for _, many in DATA["items"] + DATA["held_out_items"] + DATA["containers"]}
    plurals |= {activity[4] for activity in DATA["activities"]} | {"dollars", "miles"}
    singulars = {one for one, _ in DATA["items"] + DATA["held_out_items"] + DATA["containers"]}
    singulars |= {activity[3] for activity in DATA["activities"]} | {"dollar", "mile"}
    seen = set()
    for level in LEVELS:
        task = WordProblem(level=level, wording=wording, style="worked")  # type: ignore[arg-type]
        problems = task.problems("train", range(150))
        problems += [
            p
            for split in ("ood_operations", "ood_names", "ood_scenario")
            for p in task.problems(split, range(20))
        ]
        for problem in problems:
            seen |= {fact.kind for fact in problem.reference.story.facts}
            (worked,) = task.demonstrations(problem, np.random.default_rng(0))
            text = problem.prompt + worked
            assert not re.search(r"[{}]|  | \.|\.\.|None|\bthe the\b", text), text
            assert problem.prompt.endswith("?\n") and problem.prompt.count("?") == 1
            assert re.fullmatch(r"([A-Z][^.?]*[.?] ?)+\n", problem.prompt), problem.prompt
            for number, noun in re.findall(r"(?<![\d$/])(\d+) (?:more |fewer )?([a-z]+)", text):
                if noun in plurals | singulars:
                    assert noun in (singulars if number == "1" else plurals), text
            names = re.findall(r"\b[A-Z][a-z]+\b", problem.prompt)
            held_out = {name for names in DATA["held_out_names"].values() for name in names}
            assert bool(held_out & set(names)) == (problem.split == "ood_names")
    assert seen == {*KINDS, "given"}


def test_pronouns_follow_names() -> None:
    women = set(DATA["names"]["her"])
    for problem in WordProblem(level=6, wording="story").problems("train", range(300)):
        for name, pronoun in re.findall(
            r"([A-Z][a-z]+) (?:sells all|packs all|gives away [\w %]+ of) (his|her) ", problem.prompt
        ):
            assert (pronoun == "her") == (name in women), problem.prompt


def test_the_key_ignores_what_does_not_matter() -> None:
    facts = (
        Fact("given", 0, "item", 5),
        Fact("more", 1, "item", 8, (0,), 3),
        Fact("times", 2, "item", 16, (1,), 2),
        Fact("fewer", 3, "item", 12, (2,), 4),
    )
    swapped = (
        Fact("given", 0, "money", 3),
        Fact("given", 1, "money", 5),
        Fact("sum", 2, "money", 8, (0, 1)),
        Fact("times", 3, "money", 16, (2,), 2),
        Fact("lose", 3, "money", 12, (3,), 4, 1, True),
    )
    assert graph_key(facts) == graph_key(swapped) == "(((3+5)×2)-4)"
    assert graph_key(facts) != graph_key(facts[:3])
    other = (*facts[:3], Fact("fewer", 3, "item", 11, (2,), 5))
    assert graph_key(facts) != graph_key(other)


def test_problems_of_all_wordings_and_styles_are_the_same() -> None:
    for split in WordProblem.splits:
        tasks = [
            WordProblem(level=4, wording=wording, style=style)  # type: ignore[arg-type]
            for wording in ("plain", "story")
            for style in ("answer", "worked")
        ]
        keys = [[p.key for p in task.problems(split, range(20))] for task in tasks]
        assert keys[0] == keys[1] == keys[2] == keys[3]


def test_every_number_that_may_be_drawn_gives_a_natural_number() -> None:
    for kind, choices in CHOICES.items():
        for x in range(1, 130):
            for chosen in choices(x, 40, 200):
                n, top = (chosen, 1) if isinstance(chosen, int) else chosen
                source = Fact("given", 0, "item", x)
                fact = Fact(kind, 1, "item", 0, (0,), n, top)
                assert 0 < slow_value(equation((source, fact), fact)) <= 200, (kind, x, chosen)


def test_graphs_use_every_fact() -> None:
    rules = GraphRules(kinds=frozenset(KINDS), units=("item", "money"), max_number=50, max_value=500)
    words = Words(np.random.default_rng(0))
    for _ in range(200):
        drawn = draw_facts(rules, 6, lambda key: True, words)
        if drawn is None:
            continue
        facts = drawn.facts
        needed, waiting = set[int](), [len(facts) - 1]
        while waiting:
            place = waiting.pop()
            needed.add(place)
            waiting += facts[place].sources
        assert needed == set(range(len(facts)))


STORY = (
    Fact("given", 0, "item", 5),
    Fact("more", 1, "item", 8, (0,), 3),
    Fact("lose_percent", 1, "item", 6, (1,), 25, 1, True),
    Fact("sum", 2, "item", 11, (2, 0)),
)


@pytest.mark.parametrize(
    ("lines", "statuses"),
    [
        (["5+3=8", "8-8×25÷100=6", "6+5=11", "#### 11"], "right right right right"),
        (["Ann has 3 + 5 = 8 apples.", "8-8*25/100=6", "So 5+6=11 in all.", "11"], "right right right right"),
        (["5+3=9", "8-8×25÷100=6"], "wrong no_progress"),  # the 8 has not been worked out yet
        (["5+3=8", "5+3=8", "2+2=4", "1+1=3"], "right no_progress no_progress wrong"),
        (["#### 12", "#### 11", "#### 11"], "wrong right no_progress"),
        (["", "Let me think.", "5+3=8=8", "5/0=5", "8÷0=0"], "no_progress unparsed unparsed wrong wrong"),
        (["5+3=" + "9" * 500, "1+" * 300 + "1=301"], "unparsed unparsed"),
        (["2×5+3=8", "5+3=8x"], "wrong right"),
    ],
)
def test_working_line_by_line(lines: list[str], statuses: str) -> None:
    assert " ".join(verdict.status for verdict in check_steps(STORY, lines)) == statuses


def test_demonstrated_working_is_right() -> None:
    rng = np.random.default_rng(0)
    for level in LEVELS:
        for wording in ("plain", "story"):
            task = WordProblem(level=level, wording=wording, style="worked")  # type: ignore[arg-type]
            for problem in task.problems("train", range(30)):
                (text,) = task.demonstrations(problem, rng)
                verdicts = task.verify_steps(Transcript(problem, (Turn("agent", text),)))
                assert verdicts is not None and {verdict.status for verdict in verdicts} == {"right"}
                assert len(verdicts) == LEVELS[level].num_steps + 1
    assert WordProblem().verify_steps(Transcript(problem, ())) is None
    assert WordProblem(style="worked").verify_steps(Transcript(problem, ())) == ()


def test_evaluation_agrees_with_the_slow_reference() -> None:
    for text in ("2+3×4", "20-20×25÷100", "12÷3×2", "1+2-3+4", "7"):
        assert evaluate(text) == slow_value(text)
    assert evaluate("1÷0") is None and evaluate("7÷2") == Fraction(7, 2)


def judge(task: WordProblem, problem: Problem, text: str) -> tuple[str, str]:
    return task.verify(Transcript(problem, (Turn("agent", text),), terminated=True))[:2]


def test_answers_are_read_by_the_rule() -> None:
    problem = Problem("", WordProblem().problem("train", 0).reference._replace(value=11), "train", 0)
    whole, last = WordProblem(), WordProblem(answer_on="last_line")
    for text in ("11", " 11\n", "11.0", "+11"):
        assert judge(whole, problem, text) == ("correct", "")
    for text in ("5+6=11\n#### 11", "####11", "x\n11\n\n", "#### 12\n#### 11"):
        assert judge(last, problem, text) == ("correct", "")
        assert judge(whole, problem, text) == ("wrong", "unparsed")
    for text in ("11 apples", "11 12", "#### 11 or 12", "#### #### 11", "11\n.", "", "eleven", "11 11"):
        assert judge(last, problem, text) == ("wrong", "unparsed")
    assert judge(last, problem, "#### 22/2") == ("wrong", "unsolved")
    assert judge(last, problem, "11\n#### 12") == ("wrong", "wrong")


def test_demonstrations_of_low_quality_are_near_misses() -> None:
    task = WordProblem(level=3, style="worked", demonstration_quality=0.0)
    rng = np.random.default_rng(0)
    for problem in task.problems("train", range(50)):
        (text,) = task.demonstrations(problem, rng)
        assert judge(task, problem, text) == ("wrong", "wrong")


def test_options_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'story'"):
        WordProblem(wording="storey")  # type: ignore[arg-type]
    for name, value in (
        ("level", 9),
        ("num_steps", 11),
        ("num_asides", 5),
        ("max_number", 4),
        ("max_value", 10),
    ):
        with pytest.raises(InvalidValueError, match=name):
            WordProblem(**{name: value})
    task = WordProblem(level=2, num_steps=10, num_asides=4, max_value=100_000)
    for problem in task.problems("ood_operations", range(20)):
        assert len(problem.prompt) <= task.max_prompt_chars
