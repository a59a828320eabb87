"""Prompts and demonstrations: premises and question in words, and proofs that are right or nearly so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lmgym.tasks.entailment.chains import Derived
from lmgym.tasks.entailment.draw import EntailmentReference
from lmgym.tasks.entailment.english import write
from lmgym.tasks.entailment.knobs import EXTRA_HOPS, Knobs, knobs_of_split
from lmgym.tasks.entailment.proofs import line_text, proof_lines
from lmgym.tasks.entailment.sentences import denial
from lmgym.tasks.stream import Words

_MAX_WORD_CHARS = 15
_FRAME_CHARS = 36
"""Letters of the longest sentence beside its words."""
QUESTIONS = {True: "True, false or unknown?", False: "True or false?"}
"""By whether a statement may be neither."""


class Lengths(NamedTuple):
    """Bounds on characters."""

    prompt: int
    response: int


def pose(
    reference: EntailmentReference,
    wordings: Sequence[str],
    words: Words,
    *,
    are_numbered: bool,
    unknown: bool,
) -> str:
    """Returns the prompt; premises are numbered, a line each, where they are to be cited."""
    said = [write(each, wordings[words.below(len(wordings))]) for each in reference.premises]
    statement = write(reference.statement, wordings[words.below(len(wordings))])
    question = f"{QUESTIONS[unknown]} {statement}\n"
    if are_numbered:
        return "".join(f"{at}. {text}\n" for at, text in enumerate(said, 1)) + question
    return f"{' '.join(said)}\n{question}"


def demonstrate(reference: EntailmentReference, wording: str, answer: str) -> list[str]:
    """Returns the lines of a proof of ``answer``; if that is wrong, the line that says so does not follow."""
    if answer == reference.value:
        return proof_lines(reference, wording)
    before = [] if reference.value == "unknown" else proof_lines(reference, wording)[:-2]
    if answer == "unknown":
        word = {"true": "false", "false": "true"}[reference.value]
        return [f"can be {word}: {reference.statement.said.literals[0].word}", answer]
    claim = reference.statement if answer == "true" else denial(reference.statement)
    number = len(reference.premises) + len(before)
    cited = (number - 1,) if before else (0,)
    return [*before, line_text(Derived(claim, cited), number + 1, wording), answer]


def max_lengths(knobs: Knobs, is_proof: bool) -> Lengths:
    """Returns bounds on the prompts and the proofs of every split."""
    longest = knobs_of_split(knobs, "ood_length")
    sentence = _FRAME_CHARS + 3 * (_MAX_WORD_CHARS + 6)
    prompt = (longest.max_premises + 1) * (sentence + 5 * is_proof) + len(QUESTIONS[True])
    words = longest.max_premises * 2
    world = 2 * (len("can be false:") + words * (_MAX_WORD_CHARS + 2)) + EXTRA_HOPS + len("unknown")
    proof = longest.max_lines * (sentence + len("99. (99,99,99)\n")) + len("unknown")
    return Lengths(prompt, max(proof, world if knobs.unknown else 0))
