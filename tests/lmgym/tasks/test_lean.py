"""``lmgym/Lean-v0`` against a program that plays the REPL; Lean itself is not here."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401  # registers the environments
from lmgym.errors import EmptyProblemSetError, InvalidValueError, MissingDependencyError, UnknownNameError
from lmgym.logic.lean import Refusal, read_lean_statements, read_tactic
from lmgym.logic.lean.repl import VARIABLE
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.lean import Lean
from lmgym.tasks.lean import task as task_module
from lmgym.tokenization import CharTokenizer

PROGRAM = Path(__file__).parents[1] / "logic" / "lean_repl.py"
OWN = read_lean_statements(Path(task_module.__file__).with_name("statements.lean"))
RNG = np.random.default_rng(0)
Make = Callable[..., Lean]


@pytest.fixture(scope="module")
def repl(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("lean") / "proofs.json"
    file.write_text(json.dumps([{"statement": s.statement, "proof": s.proof} for s in OWN]))
    return shlex.join([sys.executable, "-I", "-S", str(PROGRAM), str(file)])


@pytest.fixture
def make(repl: str) -> Iterator[Make]:
    made = list[Lean]()

    def make_one(**options: object) -> Lean:
        made.append(Lean(repl=repl, **({"timeout_s": 60} | options)))  # type: ignore[arg-type]
        return made[-1]

    yield make_one
    for task in made:
        task.close()


def play(
    task: Lean, problem: Problem, texts: list[str] | tuple[str, ...], complete: bool = True
) -> Transcript:
    state, turns = task.start(problem), list[Turn]()
    for text in texts:
        turns.append(Turn("agent", text, complete))
        state, reply, is_over = task.respond(state, turns[-1])
        if is_over:
            return Transcript(problem, tuple(turns), terminated=True)
        assert reply is not None and len(reply) <= task.max_reply_chars
        turns.append(Turn("environment", reply))
    return Transcript(problem, tuple(turns))


def test_our_statements_are_graded_and_different() -> None:
    assert len(OWN) == len({s.statement for s in OWN}) == len({s.name for s in OWN}) == 59
    assert Counter(s.level for s in OWN) == {1: 33, 2: 9, 3: 11, 4: 6}
    for statement in OWN:
        assert not statement.context and statement.proof and statement.topics
        assert not any(isinstance(read_tactic(tactic), Refusal) for tactic in statement.proof)
        said = "".join((statement.statement, *statement.proof))  # with the tokenizer that is the default
        assert CharTokenizer().decode(CharTokenizer().encode(said)) == said


@pytest.mark.parametrize("turn", ["tactic", "proof"])
def test_the_known_proofs_win(make: Make, turn: str) -> None:
    task = make(turn=turn)
    for split in task.splits:
        for problem in task.problems(split, range(5)):
            texts = task.demonstrations(problem, RNG)
            assert all(len(text) < task.default_max_new_tokens for text in texts)
            transcript = play(task, problem, texts)
            assert transcript.terminated and task.verify(transcript) == ("correct", "", "\n".join(
                problem.reference.statement.proof), 1.0)  # fmt: skip
            assert {verdict.status for verdict in task.verify_steps(transcript)} == {"right"}
            assert 0 < len(problem.prompt) <= task.max_prompt_chars


def test_every_level_has_every_split(make: Make) -> None:
    for level in range(1, 5):
        task = make(level=level)
        for split in task.splits:
            assert {problem.difficulty for problem in task.problems(split, range(30))} == {float(level)}


def test_an_episode_reads_like_this(make: Make) -> None:
    task = make(level=1)
    problem = next(p for p in task.problems("train", range(40)) if p.reference.statement.name == "and_swap")
    assert problem.prompt == "⊢ ∀ P Q : Prop, P ∧ Q → Q ∧ P\n6 left: "
    transcript = play(task, problem, ["intro P Q h", "exact h", "sorry", "exact And.intro h.2 h.1"])
    replies = [turn.text for turn in transcript.turns if turn.role == "environment"]
    goals = "\nh : 1 steps\n⊢ ∀ P Q : Prop, P ∧ Q → Q ∧ P\n"
    assert replies == [
        f"{goals}5 left: ",
        f"\nrefused (error): unknown tactic step 'exact h'{goals}4 left: ",
        f"\nrefused (command): 'sorry' is no known tactic{goals}3 left: ",
    ]
    assert task.verify(transcript).status == "correct"
    steps = [(verdict.status, verdict.reason) for verdict in task.verify_steps(transcript)]
    assert steps == [("right", ""), ("wrong", "error"), ("unparsed", "command"), ("right", "")]


def test_feedback_can_be_short(make: Make) -> None:
    task = make(feedback="short")
    transcript = play(task, task.problem("train", 0), ["exact h"])
    assert transcript.turns[-1].text.startswith("\nno: error\n")


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([""] * 3, "empty"),
        (["intro h\nexact h"] * 3, "characters"),
        (["exact sorry"] * 3, "forbidden"),
        (["skip"] * 3, "repeated"),
        (["exact cheat"], "refused"),
        (["exact nothing"], "unfinished"),
        ([], "unfinished"),
        (["a" * 10**6] * 3, "long"),
        (["\ud800"] * 3, "characters"),
    ],
)
def test_what_is_not_proved_earns_nothing(make: Make, texts: list[str], reason: str) -> None:
    task = make()
    verdict = task.verify(play(task, task.problem("test", 1), texts))
    assert (verdict.status, verdict.reason, verdict.score) == ("wrong", reason, 0.0)


def test_cut_and_truncated_turns(make: Make) -> None:
    task = make()
    problem = task.problem("validation", 0)
    texts = task.demonstrations(problem, RNG)
    assert task.verify(play(task, problem, [*texts, *texts], complete=False)).reason == "overlong"
    whole = play(task, problem, texts)
    assert task.verify(whole._replace(truncated=True)).reason == "truncated"


def test_a_proof_in_one_turn_says_which_line_fails(make: Make) -> None:
    task = make(turn="proof", level=4)
    problem = task.problem("train", 0)
    lines = list(problem.reference.statement.proof)
    broken = ["", lines[0], "exact wrong", *lines[1:]]
    transcript = play(task, problem, ["\n".join(broken)])
    assert transcript.terminated and task.verify(transcript).reason == "error"
    steps = [verdict.reason for verdict in task.verify_steps(transcript)]
    assert steps == ["blank", "", "error", *["after_error"] * (len(lines) - 1)]
    over = play(task, problem, ["\n".join([*lines, "rfl"])])
    assert task.verify(over).reason == "over" and task.verify_steps(over)[-1].reason == "over"
    for text, reason in (("", "empty"), ("\n".join(["skip"] * 300), "long"), ("x" * 30_000, "long")):
        assert task.verify(play(task, problem, [text])).reason == reason


def test_a_dead_prover_is_an_error_and_a_late_tactic_is_wrong(make: Make) -> None:
    task = make()
    problem = task.problem("train", 3)
    assert task.verify(play(task, problem, ["exact crash"])) == ("error", "prover", None, 0.0)
    steps = task.verify_steps(play(task, problem, ["exact crash"]))
    assert steps[0] == ("undecided", "prover")
    late = make(timeout_s=1)
    transcript = play(late, problem, ["exact slow"])
    assert transcript.turns[-1].text.startswith("\nrefused (timeout): ")
    assert late.verify_steps(transcript) == (("wrong", "timeout"),)  # remembered: no second wait


def test_hints_follow_the_known_proof(make: Make) -> None:
    task = make()
    problem = task.problem("train", 2)
    proof = problem.reference.statement.proof
    assert task.hint(problem, ()) == proof[0]
    assert task.hint(problem, (Turn("agent", "exact wrong"),)) == proof[0]
    assert task.hint(problem, (Turn("agent", proof[0]),)) == proof[1]
    assert task.hint(problem, tuple(Turn("agent", text) for text in proof)) is None
    whole = make(turn="proof")
    assert whole.hint(whole.problem("train", 2), ()) == "\n".join(proof)


def test_problems_are_the_same_in_any_order_and_each_epoch_has_all(make: Make) -> None:
    task, fresh = make(), make()
    size = len({problem.key for problem in task.problems("train", range(300))})
    batch = task.problems("train", range(3 * size))
    assert [fresh.problem("train", index) for index in (7, size + 2, 1)] == [
        batch[i] for i in (7, size + 2, 1)
    ]
    for start in range(0, 3 * size, size):
        assert len({problem.key for problem in batch[start : start + size]}) == size
    keys = [{p.key for p in task.problems(split, range(60))} for split in task.splits]
    assert sum(map(len, keys)) == len(set.union(*keys)) == len(OWN)
    assert task.problem("train", 2**63 - 1) == fresh.problem("train", 2**63 - 1)
    for index in (-1, 2**63):
        with pytest.raises(InvalidValueError, match="index"):
            task.problem("train", index)


def test_options_are_checked(make: Make) -> None:
    task = make()
    assert (task.level, task.max_level, task.at_level(2).level) == (4, 4, 2)
    assert task.at_level(2).fingerprint != task.fingerprint
    for wrong in ({"level": 5}, {"spare_tactics": -1}, {"timeout_s": 0}, {"max_refusals": 0}):
        with pytest.raises(InvalidValueError):
            make(**wrong)
    for unknown in ({"turn": "lines"}, {"axioms": "all"}, {"feedback": "long"}):
        with pytest.raises(UnknownNameError):
            make(**unknown)
    with pytest.raises(UnknownNameError, match="split"):
        task.problems("tran", [0])


def test_a_statement_without_a_proof_can_be_posed(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "open.lean"
    file.write_text("-- lmgym: level 1\ntheorem a : True := by\n")
    task = make(statements=file)
    split = next(s for s in task.splits if any(p.split == s for p in task._statements.all))
    with pytest.raises(InvalidValueError, match="no proof of a is known"):
        task.demonstrations(task.problem(split, 0), RNG)
    assert task.hint(task.problem(split, 0), ()) is None
    other = next(name for name in task.splits if name != split)
    with pytest.raises(EmptyProblemSetError, match="level=None takes all"):
        task.problem(other, 0)


def test_without_lean_make_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="install elan"):
        gym.make("lmgym/Lean-v0")


def test_it_is_an_environment(monkeypatch: pytest.MonkeyPatch, repl: str) -> None:
    monkeypatch.setenv(VARIABLE, repl)
    env = gym.make("lmgym/Lean-v0", granularity="response")
    _, info = env.reset(seed=1)
    assert info["prompt"].startswith("⊢ ∀")
    env.close()
