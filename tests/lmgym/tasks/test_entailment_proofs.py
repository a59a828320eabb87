from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.logic import kernel
from lmgym.logic.kernel import function
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import split_of
from lmgym.tasks.entailment import Entailment
from lmgym.tasks.entailment.draw import EntailmentReference
from lmgym.tasks.entailment.english import Reader
from lmgym.tasks.entailment.kernel_steps import justify
from lmgym.tasks.entailment.sentences import Literal, Sentence, fact, formula_of
from tests.real_data import real_file

READER = Reader(("bink", "dorple", "wug", "furry", "loud"), ("Tova", "Rex"))
TASK = Entailment(level=4, style="worked")


def read(text: str) -> Sentence:
    sentence = READER.read(text)
    assert sentence is not None, text
    return sentence


def pose(premises: str, statement: str, value: str) -> Problem:
    """Returns a problem of one's own; premises end in full stops."""
    said = tuple(read(text.strip()) for text in premises.split(".") if text.strip())
    return Problem("", EntailmentReference(value, said, read(statement)), "train", 0)


def judge(problem: Problem, text: str, task: Entailment = TASK) -> Verdict:
    return task.verify(Transcript(problem, (Turn("agent", text),), True))


def steps(problem: Problem, text: str) -> list[str]:
    found = TASK.verify_steps(Transcript(problem, (Turn("agent", text),), True))
    assert found is not None
    return [f"{each.status} {each.reason}".strip() for each in found]


@pytest.mark.parametrize(
    ("cited", "said", "follows"),
    [
        ("Every bink is furry. Tova is a bink", "Tova is furry", True),
        ("Every bink is furry. Rex is a bink", "Tova is furry", False),
        ("Every bink is furry. Tova is furry", "Tova is a bink", False),
        ("Every bink is furry. Tova is not furry", "Tova is not a bink", True),
        ("Every bink is furry. Tova is not a bink", "Tova is not furry", False),
        ("Everything that is not a bink is furry. Tova is not furry", "Tova is a bink", True),
        ("Everything that is a bink or loud is furry. Tova is loud", "Tova is furry", True),
        ("Everything that is a bink and loud is furry. Tova is loud", "Tova is furry", False),
        ("Everything that is a bink and loud is furry. Tova is loud. Tova is a bink", "Tova is furry", True),
        ("Things that are binks and loud are furry. Tova is loud. Tova is furry", "Tova is a bink", False),
        ("Everything that is a bink or loud is furry. Tova is not furry", "Tova is not a bink", True),
        ("Things that are binks and loud are wugs. Tova is loud. Tova is not a wug", "Tova is a bink", False),
        ("Things that are loud and wugs are binks. Rex is loud. Rex is not a bink", "Rex is not a wug", True),
        ("Every bink is furry and loud. Tova is not loud", "Tova is not a bink", True),
        ("Every bink is furry and loud. Tova is a bink", "Tova is loud", True),
        ("Every bink is furry or loud. Tova is a bink", "Tova is loud", False),
        ("Tova is a bink or a wug. Every bink is furry. Every wug is furry", "Tova is furry", True),
        ("Tova is a bink or a wug. Every bink is furry", "Tova is furry", False),
        ("Tova is a bink or a wug. Tova is not a wug", "Tova is a bink", True),
        ("Tova is a bink", "Tova is a wug or a bink", True),
        ("Tova is a bink. Tova is loud", "Tova is loud and a bink", True),
        ("Every bink is a wug. Every wug is furry", "Every bink is furry", True),
        ("Every bink is a wug. Every wug is furry", "Every wug is a bink", False),
        ("Every bink is a wug. No wug is furry", "No bink is furry", True),
        ("No wug is furry", "Everything that is furry is not a wug", True),
        ("Every bink is a wug. Every wug is furry", "Some bink is furry", False),  # there may be none
        ("Some bink is a wug. Every wug is furry", "Some bink is furry", True),
        ("Some bink is a wug. Every wug is furry", "Every bink is furry", False),
        ("Some bink is a wug. Every wug is furry", "Tova is furry", False),
        ("Tova is a bink. Tova is loud", "Some bink is loud", True),
        ("Tova is a bink. Rex is loud", "Some bink is loud", False),
        ("Tova is a bink. Tova is not a bink", "Tova is loud", True),
    ],
)  # fmt: skip
def test_one_line_by_hand(cited: str, said: str, follows: bool) -> None:
    premises = [kernel.assume(formula_of(read(text.strip()))) for text in cited.split(". ")]
    goal = formula_of(read(said))
    theorem = justify(goal, premises, [function("Tova"), function("Rex")])
    assert (theorem is not None) == follows
    if theorem is not None:
        assert theorem.conclusion is goal
        assert theorem.hypotheses <= {premise.conclusion for premise in premises}


CHAIN = pose("Every bink is a wug. Every wug is furry. Tova is a bink. Rex is loud.", "Tova is furry", "true")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5. Tova is a wug. (1,3)\n6. Tova is furry. (2,5)\ntrue", ""),
        ("Tova is a wug (1, 3)\n\nTova is furry (5,2)\nTrue.\n", ""),
        ("Every bink is furry. (1,2)\nTova is furry. (3,5)\nyes", ""),
        ("All binks are wugs. (1)\nTova is furry. (1,2,3)\ntrue", ""),
        ("true", "unproved"),
        ("Tova is a wug. (1,3)\ntrue", "unproved"),
        ("Tova is furry. (2)\ntrue", "unproved"),
        ("Tova is furry. (2,4)\ntrue", "unproved"),
        ("Tova is a wug. (1,3)\nTova is furry. (2,5)\nfalse", "wrong"),
        ("6. Tova is a wug. (1,3)\nTova is furry. (2,6)\ntrue", "unproved"),
        ("Tova is furry. (6,2)\nTova is a wug. (1,3)\ntrue", "unproved"),
        ("Tova is furry. (5)\ntrue", "unproved"),
        ("Tova is loud. (4)\nTova is a wug. (1,3)\nTova is furry. (2,5)\ntrue", "unproved"),
        ("Rex is furry. (1,2)\ntrue", "unproved"),
        ("false\nTova is a wug. (1,3)\nTova is furry. (2,5)\ntrue", "unproved"),
        ("Tova is a wug. (1,3)\nTova is furry. (2,5)", "unparsed"),
        ("Tova is a wug. (1,3)\nTova is furry. (2,5)\ntrue false", "unparsed"),
        ("can be true: furry\ntrue", "unproved"),
        ("Tova is furry. (0,1)\ntrue", "unproved"),
        ("Tova is a wug. (1,3)\nTova is furry. (0,2)\ntrue", "unproved"),  # no line has that number
        ("Tova is a wug. (1,3)\nTova is furry. (2,6)\ntrue", "unproved"),
        ("Tova is a wug. (1,٣)\nTova is furry. (2,5)\ntrue", "unproved"),  # a digit, but not one of ours
        ("Tova is furry. (1,2,3,4)\ntrue", "unproved"),
        ("Every bink is furry. (1,2)\n" * 300 + "true", "unproved"),
        ("Tova is furry. (2,5)\n" * 2000 + "true", "overlong"),
        ("\x00", "unparsed"),
        ("(" * 19000 + "\ntrue", "unproved"),
        ("Tova is a bink and " * 900 + "(1)\ntrue", "unproved"),
    ],
)
def test_a_proof_is_judged(text: str, reason: str) -> None:
    verdict = judge(CHAIN, text)
    assert (verdict.reason, verdict.status) == (reason, "wrong" if reason else "correct")


def test_what_is_refuted_needs_its_denial() -> None:
    problem = pose("Every bink is a wug. No wug is furry. Tova is a bink.", "Tova is furry", "false")
    lines = "Tova is a wug. (1,3)\nTova is not furry. (2,4)\n"
    assert judge(problem, lines + "false").status == "correct"
    assert judge(problem, lines + "true").reason == "wrong"
    assert judge(problem, "Tova is a wug. (1,3)\nfalse").reason == "unproved"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("can be true: bink, wug, furry\ncan be false: bink, wug\nunknown", ""),
        ("can be false: wug,bink,loud\ncan be true: furry, bink,wug\nunknown", ""),
        ("can be true: bink, wug, furry\nunknown", "unproved"),
        ("can be true: bink, wug, furry\ncan be true: bink, wug, furry, loud\nunknown", "unproved"),
        ("can be true: bink, furry\ncan be false: bink, wug\nunknown", "unproved"),  # breaks a rule
        ("can be true: bink, wug\ncan be false: bink, wug\nunknown", "unproved"),  # there it is false
        ("can be true: wug, furry\ncan be false: bink, wug\nunknown", "unproved"),  # Tova is a bink
        ("can be true: bink, wug, furry\ncan be false: wug\nunknown", "unproved"),
        ("can be true: furry\ncan be false:\nunknown", "unproved"),
        ("can be true: bink, wug, furry, dax\ncan be false: bink, wug\nunknown", "unproved"),
        ("unknown", "unproved"),
    ],
)
def test_what_does_not_follow_needs_two_worlds(text: str, reason: str) -> None:
    premises = "Every bink is a wug. Everything that is furry is a wug. Tova is a bink. Rex is loud."
    problem = pose(premises, "Tova is furry", "unknown")
    assert judge(problem, text).reason == reason


def test_steps_are_judged_one_by_one() -> None:
    text = (
        "Tova is a wug. (1,3)\n\nTova is loud. (4)\nTova is a wug. (1,3)\nhm\nTova is furry. (2,5)\ntrue\nx"
    )
    assert steps(CHAIN, text) == [
        "right", "no_progress blank", "wrong wrong", "no_progress repeated", "unparsed unparsed", "right",
        "right", "no_progress done",
    ]  # fmt: skip
    assert steps(CHAIN, "true") == ["wrong unproved"] and steps(CHAIN, "false") == ["wrong wrong"]
    assert steps(CHAIN, "can be false: bink, wug") == ["wrong wrong"]


@pytest.mark.parametrize("level", [1, 3, 5, 7, 8])
def test_a_demonstration_needs_all_its_lines(level: int) -> None:
    task = Entailment(level=level, style="worked")
    for problem in task.problems("train", range(24)):
        (text,) = task.demonstrations(problem, np.random.default_rng(0))
        lines = text.split("\n")
        assert judge(problem, text, task).status == "correct"
        assert judge(problem, task.hint(problem, ()) or "", task).status == "correct"
        for at in range(len(lines)):
            assert judge(problem, "\n".join(lines[:at] + lines[at + 1 :]), task).status == "wrong"


def test_answers_alone_are_judged_by_the_word() -> None:
    task = Entailment(level=3)
    problem = next(p for p in task.problems("train", range(9)) if p.reference.value == "unknown")
    for text, reason in {
        "unknown": "", " Unknown.\n": "", "uncertain": "", "true": "wrong", "no": "wrong", "un": "unparsed",
        "unknown true": "unparsed", "un\u212anown": "unparsed", "unknown" * 100: "overlong",
    }.items():  # fmt: skip
        assert judge(problem, text, task).reason == reason, text
    assert task.optimal_value(problem, (), "unk") == 1 and task.optimal_value(problem, (), "y") == 0
    assert task.optimal_value(problem, (), "unce") == 1 and task.optimal_value(problem, (), "x") == 0


ROW = '{{"premises": ["All {0}s are big.", "Bo is a {0}."], "conclusion": "Bo is big.", "label": "{1}"}}\n'


def test_a_file_in_the_format_of_folio(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(ROW.format(word, "True") for word in ("cat", "dog", "cow", "fox", "cat")))
    task = Entailment(preset="folio", path=path)
    problems = task.problems("train", range(2))
    assert problems[0].prompt.endswith("\nTrue, false or unknown? Bo is big.\n")
    assert all(judge(problem, "true", task).status == "correct" for problem in problems)
    path.write_text(ROW.format("cat", "Maybe"))
    with pytest.raises(InvalidValueError, match="Maybe"):
        Entailment(preset="folio", path=path)
    path.write_text('{"premises": "All cats.", "conclusion": "Bo.", "label": "True"}\n')
    with pytest.raises(InvalidValueError, match="premises"):
        Entailment(preset="folio", path=path)
    path.write_text("")
    with pytest.raises(EmptyProblemSetError):
        Entailment(preset="folio", path=path)


def test_questions_about_one_story_are_in_one_split(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    stories = [[f"All things of kind {number} are big."] for number in range(60)]
    asked = [f"Bo is {word}." for word in ("big", "small", "red", "round")]
    rows = [dict(premises=story, conclusion=text, label="True") for story in stories for text in asked]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    task = Entailment(preset="folio", path=path)
    seen = {split: {problem.prompt for problem in task.problems(split, range(240))} for split in task.splits}
    assert sum(map(len, seen.values())) == 240 and all(seen.values())
    posed = [{prompt.partition("\n")[0] for prompt in prompts} for prompts in seen.values()]
    assert sum(map(len, posed)) == 60


def test_folio_itself() -> None:
    task = Entailment(preset="folio", path=real_file("folio/folio-validation.jsonl"))
    seen: dict[str, str] = {}
    counts = dict.fromkeys(("true", "false", "unknown"), 0)
    for split in task.splits:
        for problem in dict.fromkeys(p._replace(index=0) for p in task.problems(split, range(400))):
            story = problem.prompt.partition("\n")[0]
            assert seen.setdefault(story, split) == split == split_of(story)
            counts[problem.reference.value] += 1
            assert len(problem.prompt) <= task.max_prompt_chars
    assert sum(counts.values()) >= 190 and min(counts.values()) >= 50


def test_names_are_constants_in_formulas() -> None:
    assert formula_of(fact("Tova", Literal("bink"))) is kernel.predicate("bink", function("Tova"))
