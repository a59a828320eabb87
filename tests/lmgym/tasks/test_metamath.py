"""``lmgym/Metamath-v0``: what is posed and where, prompts, replies, verdicts, hints, hostile texts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401  # registers the environments
from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.logic.metamath import MetamathError, parse_database
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.metamath import Metamath
from lmgym.tasks.metamath.canonical import key_of
from lmgym.tasks.metamath.collection import PRESETS, load_collection
from lmgym.tasks.metamath.formats import make_format
from tests.lmgym.logic.test_metamath_proofs import DATABASE as SMALL
from tests.reference.metamath_bad import HEAD

PAGE = Path(__file__).parents[3] / "docs" / "environments" / "metamath.md"
RNG = np.random.default_rng(0)
OWN = (
    HEAD
    + """
wi $a wff ( p -> q ) $.
ax-1 $a |- ( p -> ( q -> p ) ) $.
${ min $e |- p $. maj $e |- ( p -> q ) $. mp $a |- q $. $}
${ a1i.1 $e |- p $. a1i $p |- ( q -> p ) $= wp wq wp wi a1i.1 wp wq ax-1 mp $. $}
${ b.1 $e |- q $. b $p |- ( p -> q ) $= wq wp b.1 a1i $. $}
wrong $p |- ( p -> p ) $= wp wp ax-1 $.
open $p |- ( p -> ( p -> p ) ) $= wp ? ax-1 $.
"""
)


def own_database(folder: Path) -> Path:
    path = folder / "own.mm"
    path.write_text(OWN)
    return path


def find(task: Metamath, label: str) -> Problem:
    for split in task.splits:
        if task.num_problems[split]:
            for problem in task.problems(split, range(1500)):
                if problem.reference.label == label:
                    return problem
    raise AssertionError(label)


def play(task: Metamath, problem: Problem, texts: Sequence[str]) -> Transcript:
    state, turns, is_over = task.start(problem), list[Turn](), False
    for text in texts:
        assert not is_over
        turns.append(Turn("agent", text))
        state, reply, is_over = task.respond(state, turns[-1])
        if reply is not None:
            turns.append(Turn("environment", reply))
    return Transcript(problem, tuple(turns), terminated=is_over)


def replies(transcript: Transcript) -> list[str]:
    return [turn.text for turn in transcript.turns if turn.role == "environment"]


SIZES = {
    "set.mm propositional": (1394, 1394),
    "ql": (1057, 1071),
    "hol": (134, 98),
    "demo0": (1, 1),
    "miu": (1, 0),
}
"""Theorems that can be posed in the normal and in the essential format."""


@pytest.mark.parametrize("proof_format", ["normal", "essential"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_posed_theorem_can_be_proved(preset: str, proof_format: Any) -> None:
    size = SIZES[preset][proof_format == "essential"]
    if not size:
        with pytest.raises(EmptyProblemSetError, match="no theorem whose essential proof"):
            Metamath(preset=preset, proof_format=proof_format)
        return
    collection = load_collection(PRESETS[preset], proof_format)
    assert len(collection.lemmas) == size
    for lemma in collection.lemmas[:: 50 if preset == "ql" else 5]:
        state: Any = collection.format.begin(lemma.theorem)
        for label in lemma.proof:
            state = collection.format.extend(lemma.theorem, state, label)
        assert collection.format.judge(lemma.theorem, state) is None


@pytest.mark.parametrize(("label", "reason"), [("ax-1", None), ("apart", "distinct")])
def test_what_unifies_is_checked_for_distinct_variables(label: str, reason: str | None) -> None:
    """( p -> ( p -> p ) ) is an instance of apart, ( p -> q ), too: but p and q have to be distinct there."""
    theorem, essential = SMALL.theorem("last"), make_format("essential", SMALL)
    state: Any = essential.extend(theorem, essential.begin(theorem), label)
    refusal = essential.judge(theorem, state)
    assert (refusal and refusal.reason) == reason


def test_levels_are_made_of_proofs_of_about_equal_number() -> None:
    collection = load_collection(PRESETS["set.mm propositional"], "normal")
    assert collection.bounds == (10, 11, 13, 16, 20, 34)
    sizes = [len(collection.at_level(level)) for level in range(1, 7)]
    assert sum(sizes) == int(0.9 * 1394) and min(sizes) > 150
    assert all(34 < len(lemma.proof) <= 68 for lemma in collection.beyond(6))


def test_names_and_order_of_hypotheses_don_t_make_another_theorem() -> None:
    text = HEAD + (
        "$v r $. wr $f wff r $. wi $a wff ( p -> q ) $.\n"
        "${ a1 $e |- p $. a2 $e |- ( p -> q ) $. a $p |- q $= ? $. $}\n"
        "${ b1 $e |- ( r -> p ) $. b2 $e |- r $. b $p |- p $= ? $. $}\n"
        "${ c1 $e |- ( q -> p ) $. c2 $e |- p $. c $p |- q $= ? $. $}\n"
        "${ $d p q $. d1 $e |- p $. d2 $e |- ( p -> q ) $. d $p |- q $= ? $. $}"
    )
    keys = {theorem.label: key_of(theorem) for theorem in parse_database(text).theorems}
    assert keys["a"] == keys["b"] == keys["d"] != keys["c"]
    assert keys["a"] == "|- wff$0 & |- ( wff$1 -> wff$0 ) & |- wff$1"


def test_no_statement_is_in_two_splits_and_none_is_posed_twice() -> None:
    collection = load_collection(PRESETS["set.mm propositional"], "normal")
    keys = [lemma.key for lemma in collection.lemmas]
    labels = {lemma.theorem.label for lemma in collection.lemmas}
    assert len(set(keys)) == len(keys)
    assert "id" in labels and not labels & {"id1", "idALT"}  # these say the same as id
    task = Metamath(level=3)
    for split in HASHED_SPLITS:
        assert {split_of(problem.key) for problem in task.problems(split, range(100))} == {split}


def test_a_prompt_holds_what_is_needed() -> None:
    task = Metamath(level=1, num_distractors=0)
    assert find(task, "sylbir").prompt == (
        "wph: wff ph\nwps: wff ps\nwch: wff ch\n"
        "syl: ph, ps, ch, |- ( ph -> ps ), |- ( ps -> ch ) => |- ( ph -> ch )\n"
        "biimpri: ph, ps, |- ( ph <-> ps ) => |- ( ps -> ph )\n"
        "sylbir.1: |- ( ps <-> ph )\nsylbir.2: |- ( ps -> ch )\nprove |- ( ph -> ch )\n"
    )
    bare = find(Metamath(level=1, num_distractors=None), "sylbir").prompt
    assert bare == "sylbir.1: |- ( ps <-> ph )\nsylbir.2: |- ( ps -> ch )\nprove |- ( ph -> ch )\n"
    many = find(Metamath(level=1, num_distractors=5), "sylbir").prompt.splitlines()
    assert len(many) == 8 + 5 and len(set(many)) == len(many)
    told = Metamath(prompt_style="instruct", turn="label", proof_format="essential").problem("train", 0)
    assert told.prompt.startswith("Prove the last line in Metamath.") and "one label at a time" in told.prompt


def test_distractors_stand_above_the_theorem() -> None:
    task = Metamath(level=4, num_distractors=6)
    database = load_collection(PRESETS["set.mm propositional"], "normal").database
    for problem in task.problems("test", range(100)):
        number = database.theorem(problem.reference.label).number
        shown = [line.partition(":")[0] for line in problem.prompt.splitlines()[:-1]]
        listed = [database.assertions[label].number for label in shown if label in database.assertions]
        assert listed == sorted(listed) and max(listed) < number
        assert set(problem.reference.proof) & set(database.assertions) <= set(shown)


def test_a_label_a_turn_shows_the_stack_and_refuses_with_a_reason() -> None:
    task = Metamath(level=1, turn="label", max_refusals=4)
    problem = find(task, "sylbir")
    transcript = play(task, problem, ["wph", "syl", "wps wch", " sylbir.1\n", "nonsense"])
    assert replies(transcript) == [
        "\nwff ph\n(12 left)\n",
        "\nrefused (underflow): syl needs 5 on the stack, there are 1\nwff ph\n(11 left)\n",
        "\nrefused (unparsed): one label was asked for\nwff ph\n(10 left)\n",
        "\nwff ph\n|- ( ps <-> ph )\n(9 left)\n",
        "\nrefused (unknown): there is no label 'nonsense'\nwff ph\n|- ( ps <-> ph )\n(8 left)\n",
    ]
    verdicts = task.verify_steps(transcript)
    assert [v.status for v in verdicts] == ["right", "wrong", "unparsed", "undecided", "unparsed"]
    assert task.verify(transcript)[:2] == ("wrong", "unfinished")
    short = Metamath(level=1, turn="label", feedback="short")
    assert replies(play(short, problem, ["wph", "syl"])) == [" ", "\nno: underflow\n"]


def test_an_episode_ends_with_the_theorem_the_turns_or_the_refusals() -> None:
    task = Metamath(level=1, turn="label", spare_labels=0, max_refusals=2)
    problem = find(task, "sylbir")
    proof = problem.reference.proof
    won = play(task, problem, proof)
    assert won.terminated and task.verify(won).status == "correct"
    lost = play(task, problem, ["zz", *proof[:-1]])
    assert lost.terminated and task.verify(lost)[:2] == ("wrong", "unfinished")
    assert task.verify(lost).score == pytest.approx(8 / 9)
    refused = play(task, problem, [proof[0], "zz", "zz"])
    assert refused.terminated and task.verify(refused)[:2] == ("wrong", "unknown")
    after = won._replace(turns=(*won.turns, Turn("agent", "wph")))
    assert task.verify(after).status == "correct"
    assert task.verify_steps(after)[-1] == ("no_progress", "over")


def test_what_changes_nothing_is_no_progress() -> None:
    task = Metamath(level=1, turn="label", proof_format="essential")
    problem = find(task, "sylbir")
    transcript = play(task, problem, ["sylbir.1", "idi", "biimpri"])
    assert problem.reference.proof[:2] == ("sylbir.1", "biimpri")
    verdicts = [(verdict.status, verdict.reason) for verdict in task.verify_steps(transcript)]
    assert verdicts == [("right", ""), ("no_progress", "repeated"), ("right", "")]


def test_hints_go_along_the_known_proof() -> None:
    task = Metamath(level=1, turn="label")
    problem = find(task, "sylbir")
    proof = problem.reference.proof
    transcript = play(task, problem, [*proof[:4], "zz"])
    assert task.hint(problem, ()) == proof[0] and task.hint(problem, transcript.turns) == proof[4]
    assert task.hint(problem, play(task, problem, ["wch"]).turns) is None
    assert task.hint(problem, play(task, problem, proof).turns) is None
    assert Metamath(level=1).hint(problem, ()) == " ".join(proof)


def test_another_proof_is_right_too() -> None:
    task = Metamath(level=1, num_distractors=0)
    problem = find(task, "sylbir")
    known = " ".join(problem.reference.proof)
    assert known == "wph wps wch wps wph sylbir.1 biimpri sylbir.2 syl"
    for text in (f"wph wch wi {known} idi", known.replace(" ", "\n"), f" {known}\t"):
        assert task.verify(play(task, problem, [text])).status == "correct"
    assert task.verify(play(task, problem, [f"wph wch wi {known}"])).status == "wrong"


@pytest.mark.parametrize(
    ("text", "reason", "score"),
    [
        ("", "unparsed", 0),
        ("wph", "other", 1 / 9),
        ("wch", "other", 0),
        ("wph wps wch wps wph sylbir.1 biimpri sylbir.2", "unfinished", 8 / 9),
        ("wph wps wch wps wph sylbir.1 biimpri sylbir.2 syl wph", "unfinished", 0),
        ("wph wps wch wps wph sylbir.1 biimpri sylbir.2 syl syl", "underflow", 8 / 9),
        ("sylbir", "itself", 0),
        ("wph wps wch sylbir.1 sylbir.2 sylbir", "itself", 0),
        ("wph wps wch sylbir.1 sylbir.2 casesifp", "later", 0),
        ("wph wps wch wps wph ?", "incomplete", 5 / 9),
    ],
)
def test_what_is_not_a_proof_earns_no_more_than_its_way(text: str, reason: str, score: float) -> None:
    task = Metamath(level=1)
    verdict = task.verify(play(task, find(task, "sylbir"), [text]))
    assert verdict[:2] == ("wrong", reason) and verdict.score == pytest.approx(score)


@pytest.mark.parametrize("options", [{}, {"turn": "label"}, {"proof_format": "essential"}], ids=str)
def test_hostile_texts_are_refused_in_bounded_time(options: Any) -> None:
    task = Metamath(level=4, **options)
    problem = task.problem("train", 0)
    texts = [
        "wph " * 10**6, "\x00" * 10**5, "wph\x00", "\ud800", "a" * 10**6, "? " * 10**5,
        "( ax-1 ) " + "A" * 10**5, "wph wph wi " * 10**5, "wph " + "wn " * 10**5, "wph " + "wph wi " * 10**5,
        "$p $= $.", "ax-1 " * 10**5, "ax-1 ax-1 ax-mp " * 10**4, "ax-1 " + "ax-1 ax-mp " * 10**4,
        "\u2028".join(["wph"] * 1000),
    ]  # fmt: skip
    started = time.process_time()
    for text in texts:
        transcript = play(task, problem, [text])
        verdict = task.verify(transcript)
        assert verdict.status == "wrong" and verdict.reason and verdict.score < 0.5
        task.verify_steps(transcript)
        assert task.optimal_value(problem, (), text) in (None, 0.0, 1.0)
        assert task.hint(problem, transcript.turns) is None or task.hint(problem, transcript.turns)
    assert time.process_time() - started < 60


def test_a_proof_behind_which_more_stands_than_is_read_is_none() -> None:
    task = Metamath(level=1)
    problem = find(task, "sylbir")
    known = " ".join(problem.reference.proof)
    padded = "wph wch wi " * 31 + known + " idi" * 31  # 133 labels of the 136 that are allowed
    assert task.verify(play(task, problem, [padded])).reason == ""
    for more in (" wph", " wph" * 2, " wph" * 1000):
        assert task.verify(play(task, problem, [padded + more])).reason in ("unfinished", "limit")


def test_own_databases_are_posed_as_far_as_their_proofs_are_right(tmp_path: Path) -> None:
    path = own_database(tmp_path)
    task = Metamath(path=path)
    assert task.max_level == 1
    labels = {lemma.theorem.label for lemma in load_collection(path, "normal").lemmas}
    assert labels == {"a1i"}  # b says the same, the others are not proved
    split = next(split for split in HASHED_SPLITS if task.num_problems[split])
    problem = task.problem(split, 0)
    assert task.verify(play(task, problem, task.demonstrations(problem, RNG))).status == "correct"
    empty = next(split for split in HASHED_SPLITS if not task.num_problems[split])
    with pytest.raises(EmptyProblemSetError, match="holds no theorem"):
        task.problem(empty, 0)
    path.write_text(OWN.replace("ax-1 mp", "ax-1 nothing"))
    read_again = load_collection(path, "normal").lemmas
    assert [lemma.theorem.label for lemma in read_again] == ["b"]
    path.write_text(OWN.replace("ax-1 mp", "ax-1 nothing").replace("b.1 a1i", "b.1 ?"))
    with pytest.raises(EmptyProblemSetError, match="no theorem whose normal proof"):
        Metamath(path=path)


def test_wrong_options_are_typed_errors(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'ql'"):
        Metamath(preset="qll")
    with pytest.raises(InvalidValueError, match="preset= or path="):
        Metamath(preset="ql", path=tmp_path)
    with pytest.raises(MetamathError, match="can't read"):
        Metamath(path=tmp_path / "none.mm")
    with pytest.raises(MetamathError, match="can't read"):
        Metamath(path=tmp_path)
    with pytest.raises(InvalidValueError, match="level"):
        Metamath(preset="hol", level=3)
    for options in ({"level": 7}, {"path": 3}, {"num_distractors": 51}, {"spare_labels": -1}):
        with pytest.raises(InvalidValueError):
            Metamath(**options)  # type: ignore[arg-type]
    for options in ({"turn": "labels"}, {"proof_format": "short"}, {"feedback": "all"}):
        with pytest.raises(UnknownNameError):
            Metamath(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("granularity", ["token", "step", "response"])
@pytest.mark.parametrize("turn", ["proof", "label"])
def test_the_environment_plays_it_at_every_granularity(granularity: str, turn: str) -> None:
    env = gym.make("lmgym/Metamath-v0", granularity=granularity, turn=turn, proof_format="essential")
    _, info = env.reset(seed=0)
    task = env.get_wrapper_attr("task")
    problem = task.problem(info["split"], int(info["problem_index"]))
    for text in task.demonstrations(problem, RNG):
        actions: list[Any] = [text]
        if granularity == "token":
            tokenizer = env.get_wrapper_attr("setup").tokenizer
            actions = [*tokenizer.encode(text), tokenizer.end_id]
        for action in actions:
            _, reward, terminated, _, info = env.step(action)
    assert terminated and reward == 1 and info["success"]
    env.close()


def test_the_page_is_true() -> None:
    page = PAGE.read_text("utf-8")
    assert Metamath().problem("train", 3).prompt in page
    for level in range(1, 7):
        task = Metamath(level=level)
        problem = task.problem("train", 3)
        sizes = ", ".join(str(task.num_problems[split]) for split in HASHED_SPLITS)
        goal = problem.prompt.splitlines()[-1].removeprefix("prove ").replace("|", "\\|")
        proof = problem.reference.proof
        known = f"`{' '.join(proof)}`" if level < 6 else f"of {len(proof)} labels"
        assert f"| {level} | {sizes} | `{goal}` | {known} |" in page
    for preset in ("set.mm propositional", "ql", "hol"):
        bounds = ", ".join(map(str, load_collection(PRESETS[preset], "normal").bounds))
        assert bounds in next(line for line in page.splitlines() if line.startswith(f'| "{preset}"'))
    task = Metamath(proof_format="essential", turn="label", level=2, num_distractors=1)
    problem = task.problem("train", 5)
    transcript = play(task, problem, ["3exp.1", "ax-mp", "3exp", "imp"])
    assert task.verify(transcript).status == "correct"
    said = [line for text in (problem.prompt, *replies(transcript)) for line in text.splitlines() if line]
    start = page.index("prompt  imp:")
    block = page[start : page.index("```", start)].splitlines()
    assert said == [line[8:] for line in block if not line.startswith("agent")]
