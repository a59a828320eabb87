"""The one table of environments, and their registration with Gymnasium.

Entry points are strings, so registering imports neither tasks nor tokenizers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import gymnasium as gym


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


_ARITHMETIC = "lmgym.tasks.arithmetic:"
_PROBES = "lmgym.tasks.probes:"

# fmt: off
TABLE: tuple[Entry, ...] = (
    Entry("lmgym/Math-v0", _ARITHMETIC + "Math", "Arithmetic from one-digit sums to long mixed expressions."),
    Entry("lmgym/Dataset-v0", "lmgym.tasks.dataset:Dataset", "Any data set of questions and answers."),
    Entry("lmgym/Countdown-v0", "lmgym.tasks.countdown:Countdown", "Reach a target with given numbers."),
    Entry("lmgym/ReasoningGym-v0", "lmgym.tasks.reasoning_gym:ReasoningGym", "The tasks of reasoning-gym."),
    Entry("lmgym/Order-v0", "lmgym.tasks.order:Order", "Comparison: A > B and B > C, hence A > C."),
    Entry("lmgym/Algebra-v0", "lmgym.tasks.algebra:Algebra", "Equations, factoring, calculus; exactly."),
    Entry("lmgym/Rewrite-v0", "lmgym.tasks.rewrite:Rewrite", "Several turns: simplify by verified steps."),
    Entry("lmgym/Proof-v0", "lmgym.tasks.proof:Proof", "Write proofs that a kernel checks, line by line.",
          play={"turn": "line", "feedback": "state", "spare_lines": 64, "max_refusals": 64}),
    Entry("lmgym/Equation-v0", "lmgym.tasks.equation:Equation",
          "Prove equations of groups, rings, Boolean algebras and numbers, checked by a kernel.",
          play={"turn": "line", "feedback": "state", "prompt_style": "laws", "spare_lines": 64,
                "max_refusals": 64}),
    Entry("lmgym/Echo-v0", _PROBES + "Echo", "Probe: repeat the word."),
    Entry("lmgym/Reverse-v0", _PROBES + "Reverse", "Probe: say the word backwards."),
    Entry("lmgym/Count-v0", _PROBES + "Count", "Probe: count a letter."),
    Entry("lmgym/Delayed-v0", _PROBES + "Delayed", "Probe of several turns: say what was asked long ago."),
    Entry("lmgym/Guess-v0", _PROBES + "Guess", "Probe of several turns: find a number by asking."),
    Entry("lmgym/Shortcut-v0", _PROBES + "Shortcut", "Probe: a tempting answer is paid a little.",
          {"reward": "partial"}),
    Entry("lmgym/SlidingPuzzle-v0", "lmgym.tasks.sliding_puzzle:SlidingPuzzle",
          "Probe of several turns: slide tiles into order; exact distances."),
    Entry("lmgym/WordProblem-v0", "lmgym.tasks.word_problem:WordProblem", "Grade-school problems in words."),
    Entry("lmgym/Maze-v0", "lmgym.tasks.maze:Maze", "Several turns: find the way through a maze."),
    Entry("lmgym/Wordle-v0", "lmgym.tasks.wordle:Wordle", "Several turns: find a word by guessing."),
    Entry("lmgym/Entailment-v0", "lmgym.tasks.entailment:Entailment",
          "Does a statement follow from premises in English? Or prove it."),
    Entry("lmgym/Nim-v0", "lmgym.tasks.nim:Nim", "Game: take the last object, against an opponent."),
    Entry("lmgym/Metamath-v0", "lmgym.tasks.metamath:Metamath", "Prove the theorems of Metamath databases.",
          play={"turn": "label", "proof_format": "essential", "spare_labels": 64, "max_refusals": 64}),
    Entry("lmgym/Rocq-v0", "lmgym.tasks.rocq:Rocq", "Several turns: prove lemmas in the Rocq (Coq) prover.",
          play={"spare_tactics": 64, "max_refusals": 64}),
    Entry("lmgym/Lean-v0", "lmgym.tasks.lean:Lean", "Several turns: prove theorems in Lean 4 (needs Lean).",
          play={"spare_tactics": 64, "max_refusals": 64}),
    Entry("lmgym/TicTacToe-v0", "lmgym.tasks.tic_tac_toe:TicTacToe", "Game: three in a row."),
    Entry("lmgym/Chat-v0", "lmgym.tasks.chat:Chat", "Chat: users whose goals are known, or any source.",
          {"reward": "utility"}, play={"reward": "utility_parts"}),
    Entry("lmgym/Sentiment-v0", "lmgym.tasks.sentiment:Sentiment",
          "Go on with a review in a wanted sentiment; gold: a published lexicon.",
          {"reward": "utility"}, play={"reward": "utility_parts", "demonstration_quality": 1.0}),
    Entry("lmgym/Style-v0", "lmgym.tasks.style:Style", "Write to order: exact constraints on a text.",
          {"reward": "utility"}, play={"reward": "utility_parts", "demonstration_quality": 1.0}),
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
