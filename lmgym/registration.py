"""The one table of environments, and their registration with Gymnasium.

Entry points are strings, so registering imports neither tasks nor tokenizers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import gymnasium as gym


class Change(NamedTuple):
    """What a version of an environment brought: a line of its history."""

    version: str
    """Of the environment, such as "v0"."""
    since: str
    """The version of lmgym that had it first."""
    what: str


FIRST = Change("v0", "0.1.0", "The first version.")


class Entry(NamedTuple):
    """One environment."""

    id: str
    task: str
    """``"module:Class"`` of the task."""
    summary: str
    """What it is, in one line, as ``lmgym list`` prints it."""
    options: Mapping[str, Any] = MappingProxyType({})
    """Options that differ from the defaults; a caller's own come before them."""
    play: Mapping[str, Any] = MappingProxyType({})
    """Options with which ``lmgym play`` is pleasant for a person; the person's own come before them."""
    history: tuple[Change, ...] = (FIRST,)
    """Every version of the environment, the latest one first."""
    success: str = ""
    """What counts as success, in a line."""


_ARITHMETIC = "lmgym.tasks.arithmetic:"
_PROBES = "lmgym.tasks.probes:"

# fmt: off
TABLE: tuple[Entry, ...] = (
    Entry("lmgym/Math-v0", _ARITHMETIC + "Math", "Arithmetic from one-digit sums to long mixed expressions.",
          success="the answer has the right exact value"),
    Entry("lmgym/Dataset-v0", "lmgym.tasks.dataset:Dataset", "Any data set of questions and answers.",
          success="the grader accepts the answer under the data set's policy"),
    Entry("lmgym/Countdown-v0", "lmgym.tasks.countdown:Countdown", "Reach a target with given numbers.",
          success="the expression uses the numbers by the rules and has the target as its exact value"),
    Entry("lmgym/ReasoningGym-v0", "lmgym.tasks.reasoning_gym:ReasoningGym", "The tasks of reasoning-gym.",
          success="the verifier of the task, made strict, accepts the answer"),
    Entry("lmgym/Order-v0", "lmgym.tasks.order:Order", "Comparison: A > B and B > C, hence A > C.",
          success="the answer is right; if worked, with a proof of it"),
    Entry("lmgym/Algebra-v0", "lmgym.tasks.algebra:Algebra", "Equations, factoring, calculus; exactly.",
          success="the answer is exactly equal, in the form asked for"),
    Entry("lmgym/Rewrite-v0", "lmgym.tasks.rewrite:Rewrite", "Several turns: simplify by verified steps.",
          success="the simplest form is reached by valid steps in time"),
    Entry("lmgym/Proof-v0", "lmgym.tasks.proof:Proof", "Write proofs that a kernel checks, line by line.",
          play={"turn": "line", "feedback": "state", "spare_lines": 64, "max_refusals": 64},
          success="the kernel accepts the proof: the goal is a theorem"),
    Entry("lmgym/Equation-v0", "lmgym.tasks.equation:Equation",
          "Prove equations of groups, rings, Boolean algebras and numbers, checked by a kernel.",
          play={"turn": "line", "feedback": "state", "prompt_style": "laws", "spare_lines": 64,
                "max_refusals": 64}, success="the kernel accepts the proof"),
    Entry("lmgym/Echo-v0", _PROBES + "Echo", "Probe: repeat the word.",
          success="the response is the word, character by character"),
    Entry("lmgym/Reverse-v0", _PROBES + "Reverse", "Probe: say the word backwards.",
          success="the response is the word backwards"),
    Entry("lmgym/Count-v0", _PROBES + "Count", "Probe: count a letter.",
          success="the response is the number"),
    Entry("lmgym/Delayed-v0", _PROBES + "Delayed", "Probe of several turns: say what was asked long ago.",
          success="the last turn says what was asked at the beginning"),
    Entry("lmgym/Guess-v0", _PROBES + "Guess", "Probe of several turns: find a number by asking.",
          success="the number is found in time"),
    Entry("lmgym/Shortcut-v0", _PROBES + "Shortcut", "Probe: a tempting answer is paid a little.",
          {"reward": "partial"}, success="the response is the word backwards, not the shortcut"),
    Entry("lmgym/SlidingPuzzle-v0", "lmgym.tasks.sliding_puzzle:SlidingPuzzle",
          "Probe of several turns: slide tiles into order; exact distances.",
          success="the tiles are in order in time"),
    Entry("lmgym/WordProblem-v0", "lmgym.tasks.word_problem:WordProblem", "Grade-school problems in words.",
          success="the answer has the right exact value"),
    Entry("lmgym/Maze-v0", "lmgym.tasks.maze:Maze", "Several turns: find the way through a maze.",
          success="the goal is reached in time"),
    Entry("lmgym/Wordle-v0", "lmgym.tasks.wordle:Wordle", "Several turns: find a word by guessing.",
          success="the word is found in time"),
    Entry("lmgym/Entailment-v0", "lmgym.tasks.entailment:Entailment",
          "Does a statement follow from premises in English? Or prove it.",
          success="the answer is right; if worked, with a proof of it"),
    Entry("lmgym/Nim-v0", "lmgym.tasks.nim:Nim", "Game: take the last object, against an opponent.",
          success="the game is won"),
    Entry("lmgym/Metamath-v0", "lmgym.tasks.metamath:Metamath", "Prove the theorems of Metamath databases.",
          play={"turn": "label", "proof_format": "essential", "spare_labels": 64, "max_refusals": 64},
          success="a Metamath verifier accepts the proof"),
    Entry("lmgym/Rocq-v0", "lmgym.tasks.rocq:Rocq", "Several turns: prove lemmas in the Rocq (Coq) prover.",
          play={"spare_tactics": 64, "max_refusals": 64},
          success="the statement, compiled afresh with its proof, rests on allowed axioms alone"),
    Entry("lmgym/Lean-v0", "lmgym.tasks.lean:Lean", "Several turns: prove theorems in Lean 4 (needs Lean).",
          play={"spare_tactics": 64, "max_refusals": 64},
          success="the statement, checked afresh with its proof, rests on allowed axioms alone"),
    Entry("lmgym/TicTacToe-v0", "lmgym.tasks.tic_tac_toe:TicTacToe", "Game: three in a row.",
          success="the game ends at least as well as under perfect play"),
    Entry("lmgym/Chat-v0", "lmgym.tasks.chat:Chat", "Chat: users whose goals are known, or any source.",
          {"reward": "utility"}, play={"reward": "utility_parts"},
          success="every request of the user is met in fact, tone and form"),
    Entry("lmgym/Sentiment-v0", "lmgym.tasks.sentiment:Sentiment",
          "Go on with a review in a wanted sentiment; gold: a published lexicon.",
          {"reward": "utility"}, play={"reward": "utility_parts", "demonstration_quality": 1.0},
          success="the gold score of the continuation reaches the threshold"),
    Entry("lmgym/Style-v0", "lmgym.tasks.style:Style", "Write to order: exact constraints on a text.",
          {"reward": "utility"}, play={"reward": "utility_parts", "demonstration_quality": 1.0},
          success="every constraint is met, exactly"),
)
# fmt: on


def register_environments() -> None:
    """Registers every environment of ``TABLE``, each for ``gym.make`` and ``gym.make_vec``."""
    for entry in TABLE:
        gym.register(
            id=entry.id,
            entry_point="lmgym.envs.make:make_env",
            vector_entry_point="lmgym.envs.make:make_vector_env",
            kwargs={"task": entry.task, **entry.options},
        )
