"""ReasoningGym-v0: disjoint splits, and verdicts that can't be talked into anything."""

from __future__ import annotations

import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.base import split_of
from lmgym.tasks.reasoning_gym.checks import GATES, NO_DEMONSTRATIONS, REFUSED, RULES
from lmgym.tasks.reasoning_gym.task import ReasoningGym

package = pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed; extra `reasoning-gym`")

PAGE = Path(__file__).parents[3] / "docs" / "environments" / "reasoning_gym.md"
NAMES = sorted(set(package.factory.DATASETS) - set(REFUSED))
QUICK = (
    "ab", "base_conversion", "caesar_cipher", "chain_sum", "countdown", "cryptarithm",
    "fraction_simplification", "game_of_life_halting", "graph_color", "group_anagrams", "gsm_symbolic",
    "jugs", "kakurasu", "knights_knaves", "list_functions", "mini_sudoku", "number_sorting",
    "palindrome_generation", "polynomial_equations", "polynomial_multiplication", "prime_factorization",
    "puzzle24", "quantum_lock", "shortest_path", "simple_integration", "spiral_matrix",
    "string_insertion", "tower_of_hanoi", "word_sorting",
)  # fmt: skip


def judge(task: ReasoningGym, problem: Problem, text: str) -> str:
    verdict = task.verify(Transcript(problem, (Turn("agent", text),), terminated=True))
    assert verdict.status in ("correct", "wrong")
    return verdict.status


def check(name: str, num_problems: int) -> None:
    task = ReasoningGym(dataset=name)
    for problem in task.problems("train", range(num_problems)):
        answer = problem.reference.answer
        wrong = [
            "",
            " ",
            "xyzzy",
            problem.prompt,
            "__import__('os').system('true')",
            "[" * 2000,
            "9" * 30_000,
        ]
        if answer is None:
            assert name in NO_DEMONSTRATIONS
        else:
            assert judge(task, problem, answer) == judge(task, problem, f"  {answer}\n") == "correct"
            wrong += [f"{answer} or not", f"{answer}\n{answer}", f"not {answer}", f"{answer} x"]
        for text in wrong:
            assert judge(task, problem, text) == "wrong", text[:100]


@pytest.mark.parametrize("name", QUICK)
def test_the_answer_alone_is_right(name: str) -> None:
    check(name, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(NAMES) - set(QUICK)))
def test_the_answer_alone_is_right_in_every_data_set(name: str) -> None:
    check(name, 2)


@pytest.mark.parametrize("name", ["chain_sum", "word_sorting", "gsm_symbolic"])
def test_splits_share_no_text(name: str) -> None:
    task = ReasoningGym(dataset=name)
    texts = {split: {p.key for p in task.problems(split, range(60))} for split in task.splits}
    assert all(split_of(key) == split for split in ("train", "validation", "test") for key in texts[split])
    everything = [key for some in texts.values() for key in some]
    assert len(everything) == len(set(everything)) and len(texts["train"]) > 50


@pytest.mark.parametrize("name", ["chain_sum", "acre", "list_functions", "word_ladder"])
def test_a_problem_is_a_pure_function_of_its_address(name: str) -> None:
    first, second = ReasoningGym(dataset=name), ReasoningGym(dataset=name)
    random.seed(1)
    problems = first.problems("train", [3, 2**62, 0])
    random.seed(2)  # the package must not draw from the global generator
    assert second.problems("train", [0, 3, 2**62]) == [problems[2], problems[0], problems[1]]


def test_levels_follow_the_curriculum() -> None:
    task = ReasoningGym(dataset="chain_sum")
    assert task.max_level == 11 and task.splits[-1] == "ood_level"
    sizes = [len(task.at_level(level).problem("train", 0).prompt) for level in (1, 5, 11)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    assert task.problem("ood_level", 0).difficulty == 2.0
    assert ReasoningGym(dataset="acre").max_level == 1
    assert "ood_level" not in ReasoningGym(dataset="chain_sum", level=11).splits


def test_the_configuration_can_be_set() -> None:
    task = ReasoningGym(dataset="chain_sum", config={"min_terms": 4, "max_terms": 4})
    assert all(
        problem.prompt.count("+") + problem.prompt.count("-") >= 3
        for problem in task.problems("train", range(5))
    )
    with pytest.raises(UnknownNameError, match="Did you mean 'min_terms'"):
        ReasoningGym(dataset="chain_sum", config={"min_term": 4})
    with pytest.raises(InvalidValueError, match="refuses config"):
        ReasoningGym(dataset="chain_sum", config={"min_terms": 4, "max_terms": 3})
    with pytest.raises(UnknownNameError, match="Did you mean 'chain_sum'"):
        ReasoningGym(dataset="chain_sums")
    with pytest.raises(InvalidValueError, match=r"'composite' .*mixture"):
        ReasoningGym(dataset="composite")


def test_tags() -> None:
    task = ReasoningGym(dataset="chain_sum", answer_in="tags")
    problem = task.problem("train", 0)
    answer = problem.reference.answer
    assert task.demonstrations(problem, None)[0] == f"<answer>{answer}</answer>"  # type: ignore[arg-type]
    assert judge(task, problem, f"Well. <answer> {answer} </answer> That is it.") == "correct"
    for text in (answer, f"<answer>{answer}", f"<answer>{answer}</answer><answer>7777</answer>",
                 f"<think><answer>{answer}</answer></think>"):  # fmt: skip
        assert judge(task, problem, text) == "wrong"


def test_rules_take_what_is_right_in_other_words_and_nothing_else() -> None:
    def right(name: str, answer: str, truth: str, **metadata: Any) -> bool:
        return RULES[name](answer, truth, {"answer": truth, "metadata": metadata})

    assert right("countdown", "(4+6)*2-1", "", target=19, numbers=[1, 2, 4, 6])
    for cheat in ("19", "4*6-5", "(4+6)*2-1*1", "46//2", "4+6*2", "(4+6)*2-1=19", "20-1", "2*(4+6)-1!"):
        assert not right("countdown", cheat, "", target=19, numbers=[1, 2, 4, 6]), cheat
    assert right("puzzle24", "8/(3-8/3)", "", numbers=[3, 3, 8, 8])
    assert not right("puzzle24", "23.9+0*3*8*8", "", numbers=[3, 3, 8, 8])
    assert right("number_sorting", "['1.5', '2']", "['1.5', '2']")
    assert not right("number_sorting", "['1.4', '2.2']", "['1.5', '2']")  # the package allows a distance of 1
    assert right("group_anagrams", '[["tea","eat"],["x"]]', '[["x"], ["eat", "tea"]]')
    assert not right("palindrome_partitioning", '[["b","aa"]]', '[["aa", "b"]]')
    assert right("prime_factorization", "3 × 2*2", "2 × 2 × 3")
    assert not right("prime_factorization", "4 × 3", "2 × 2 × 3")
    assert right("polynomial_multiplication", "x^2 - 1", "x**2 - 1")
    assert not right("polynomial_multiplication", "(x-1)*(x+1)", "x**2 - 1")
    assert right("simple_integration", "x^3/3 + C", "x**3/3 + C") and right(
        "simple_integration", "x^3/3", "x**3/3 + C"
    )
    assert not right("simple_integration", "x^3/3 + x", "x**3/3 + C")
    assert right("polynomial_equations", "0, -0.7756", "-0.7757, 0.0")
    assert not right("polynomial_equations", "0", "-0.7757, 0.0")
    assert right("power_function", "1.757e-22", "1.7574418454559584e-22")
    assert not right("power_function", "1.77e-22", "1.7574418454559584e-22")


def test_the_episode_of_the_page_is_true() -> None:
    if version("reasoning-gym") != "0.1.25":
        pytest.skip("the page shows a problem of reasoning-gym 0.1.25, other versions draw others")
    problem = ReasoningGym().problem("train", 3)
    assert f"prompt    {problem.prompt}response  {problem.reference.answer} " in PAGE.read_text()


def test_the_page_names_every_rule_gate_and_refusal() -> None:
    page = PAGE.read_text()
    for name in {*RULES, *GATES, *REFUSED, *NO_DEMONSTRATIONS}:
        assert f"`{name}`" in page, name
    assert f"any of {len(NAMES)}" in page


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in sorted(set(GATES) - NO_DEMONSTRATIONS)
    ],
)
def test_gates_let_the_packages_own_answers_through(name: str) -> None:
    for problem in ReasoningGym(dataset=name).problems("train", range(3)):
        answer = problem.reference.answer.strip()
        assert GATES[name].fullmatch(answer) or answer in ("infeasible", "No"), answer
