"""``lmgym/Entailment-v0``: does a statement follow from premises in English, is it refuted, or neither?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import cut_lines
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split, split_of, unfinished
from lmgym.tasks.entailment.answers import ANSWERS, MAX_ANSWER_CHARS, WHITESPACE, can_complete, read_answer
from lmgym.tasks.entailment.draw import Case, EntailmentReference, draw_case, is_kept_for_wording
from lmgym.tasks.entailment.english import seen_wordings, unseen_wording
from lmgym.tasks.entailment.folio import Folio
from lmgym.tasks.entailment.knobs import LEVELS, Knobs, knobs_of_split, make_knobs
from lmgym.tasks.entailment.prompts import demonstrate, max_lengths, pose
from lmgym.tasks.entailment.proofs import check_proof
from lmgym.tasks.entailment.vocabulary import Vocabulary
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

DEFAULT_LEVEL = 3
MAX_PROOF_CHARS = 20_000
"""Longer responses are not read."""

Style = Literal["answer", "worked"]

_OVERLONG = Verdict("wrong", "overlong")
_UNPARSED = Verdict("wrong", "unparsed")


@final
class Entailment(SingleTurnTask):
    """Say whether a statement follows from premises, is refuted by them, or neither; or prove it.

    "ood_length" has chains of two rules more, "ood_names" words that no other split has, "ood_wording" a
    wording, and problems kept for it, that no other split has. The other splits are told apart by a hash of
    premises and statement, words included, wording and order not.
    """

    def __init__(
        self,
        *,
        level: int = DEFAULT_LEVEL,
        style: Style = "answer",
        wording: str | Sequence[str] = "every",
        demonstration_quality: float = 1.0,
        num_hops: int | None = None,
        num_distractors: int | None = None,
        num_bystanders: int | None = None,
        unknown: bool | None = None,
        negations: bool | None = None,
        conjunctions: bool | None = None,
        disjunctions: bool | None = None,
        contrapositives: bool | None = None,
        quantified: bool | None = None,
        ontology: str | None = None,
        preset: str | None = None,
        path: str | Path | None = None,
    ) -> None:
        """Configures the task; a knob that is not None takes the place of the level's.

        Args:
            level: 1 (one rule, true or false) to 8 (five rules, every connective, "every" and "some"); see
                docs/environments/entailment.md.
            style: the response is an "answer" alone, or "worked": a proof a line a step, then the answer.
                Then an answer without a right proof is wrong.
            wording: one or more of "every", "each", "all", "plural"; each sentence is in one of them.
            demonstration_quality: probability in [0, 1] that a demonstration is right.
            num_hops: rules in each chain, 1 to 6.
            num_distractors: rules beside each chain, 0 to 4.
            num_bystanders: other people of whom something is said, 0 to 3.
            unknown: whether there are statements that neither follow nor are refuted.
            negations: whether chains go over what things are not.
            conjunctions: whether rules say or need two things joined by "and".
            disjunctions: whether facts and conditions have two things joined by "or".
            contrapositives: whether rules have to be used backward.
            quantified: whether half of the statements say "every" or "some".
            ontology: "fictional" kinds, real kinds in a "false" order, or in the "true" one.
            preset: "folio" reads problems that people wrote from ``path``, in place of levels and knobs.
            path: a JSONL file in the format of FOLIO.

        Raises:
            UnknownNameError: a word that is not in its list.
            InvalidValueError: a value out of its range, or options that don't go together.
            EmptyProblemSetError: the file holds no problem of the split "train".
        """
        self._options: dict[str, object] = dict(
            style=style, wording=wording, demonstration_quality=demonstration_quality, num_hops=num_hops,
            num_distractors=num_distractors, num_bystanders=num_bystanders, unknown=unknown,
            negations=negations, conjunctions=conjunctions, disjunctions=disjunctions,
            contrapositives=contrapositives, quantified=quantified, ontology=ontology, preset=preset,
            path=path,
        )  # fmt: skip
        self._level = check_int("level", level, 1, max(LEVELS))
        overrides = {name: value for name, value in self._options.items() if name in _KNOB_NAMES}
        self._knobs = make_knobs(LEVELS[self._level], overrides)
        self._is_proof = check_choice("style", style, ("answer", "worked")) == "worked"
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._wordings = _check_wordings(wording)
        self._folio = _load(preset, path, style, overrides)
        shape = f"{self._knobs.name},wording={'+'.join(self._wordings)},style={style}"
        self._stream = ProblemStream(f"Entailment({shape})", self._draw_block)
        self._fingerprint = f"Entailment(level={self._level},{shape})"
        if self._folio is not None:
            self._fingerprint = f"Entailment(preset=folio,content={self._folio.digest})"
            self.splits = HASHED_SPLITS
        self._lengths = max_lengths(self._knobs, self._is_proof)

    splits: tuple[str, ...] = (*HASHED_SPLITS, "ood_length", "ood_names", "ood_wording")

    @property
    def knobs(self) -> Knobs:
        """The shape of the problems: the level's knobs with the options in their place."""
        return self._knobs

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def alphabet(self) -> str | None:
        answers = self._knobs.answers if self._folio is None else ANSWERS
        return None if self._is_proof else "".join(dict.fromkeys("".join(answers)))

    @property
    def max_prompt_chars(self) -> int:
        return self._lengths.prompt if self._folio is None else self._folio.max_prompt_chars

    @property
    def default_max_new_tokens(self) -> int:
        return self._lengths.response + 1 if self._is_proof else max(map(len, ANSWERS)) + 1

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS) if self._folio is None else self._level

    @property
    def random_return(self) -> float:
        """Rate of success of a policy that draws uniformly from the answers; and of any constant answer."""
        return 1 / len(self._knobs.answers if self._folio is None else ANSWERS)

    def at_level(self, level: int) -> Self:
        if self._folio is not None and level != self._level:
            raise InvalidValueError(f"preset='folio' has no levels, got level={level!r}.")
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        if self._folio is not None:
            return self._folio.problems(split, indices)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words, knobs = Words(rng), knobs_of_split(self._knobs, split)
        wordings = (unseen_wording(),) if split == "ood_wording" else self._wordings

        def accepts(key: str) -> bool:
            if is_kept_for_wording(key) != (split == "ood_wording"):
                return False
            return split not in HASHED_SPLITS or split_of(key) == split

        def draw(words: Words) -> Case | None:
            vocabulary = Vocabulary(knobs.ontology, are_seen=split != "ood_names")
            return draw_case(knobs, vocabulary, accepts, words)

        drafts = []
        for _ in range(count):
            reference, key = draw_until_split(draw, split, words)
            prompt = pose(reference, wordings, words, are_numbered=self._is_proof, unknown=knobs.unknown)
            drafts.append(Draft(prompt, reference, key, float(self._level)))
        return drafts

    def verify(self, transcript: Transcript) -> Verdict:
        refused = unfinished(transcript)
        if refused is not None:
            return refused
        text, reference = transcript.response, transcript.problem.reference
        return self._judge_proof(reference, text) if self._is_proof else _judge(reference.value, text)

    def _judge_proof(self, reference: EntailmentReference, text: str) -> Verdict:
        text = text.rstrip(WHITESPACE)
        if len(text) > MAX_PROOF_CHARS:
            return _OVERLONG
        verdict = _judge(reference.value, text.rpartition("\n")[2])
        if verdict.status != "correct" or check_proof(reference, cut_lines(text)).is_proved:
            return verdict
        return Verdict("wrong", "unproved", verdict.answer)

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...] | None:
        """Returns the verdicts on the lines of proofs (``style="worked"``), else None."""
        if not self._is_proof:
            return None
        reference: EntailmentReference = transcript.problem.reference
        return check_proof(reference, cut_lines(transcript.response)).steps

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        is_right = bool(rng.random() < self._quality)
        answers = self._knobs.answers if self._folio is None else ANSWERS
        others = [each for each in answers if each != problem.reference.value]
        answer = problem.reference.value if is_right else others[int(rng.integers(len(others)))]
        if not self._is_proof:
            return (answer,)
        wording = self._wordings[int(rng.integers(len(self._wordings)))]
        return ("\n".join(demonstrate(problem.reference, wording, answer)),)

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        """Returns the answer, with its proof where one is to be written."""
        if turns:
            return None
        if self._is_proof:
            return "\n".join(demonstrate(problem.reference, self._wordings[0], problem.reference.value))
        answer: str = problem.reference.value
        return answer

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns 1.0 where an answer can still be completed to the right one, else 0.0; None for proofs."""
        if turns:
            return float(self.verify(Transcript(problem, turns)).status == "correct")
        return None if self._is_proof else float(can_complete(partial, problem.reference.value))


_KNOB_NAMES = frozenset(Knobs.__dataclass_fields__)


def _judge(truth: str, text: str) -> Verdict:
    answer = text.strip(WHITESPACE)
    if len(answer) > MAX_ANSWER_CHARS:
        return _OVERLONG
    said = read_answer(answer)
    if said is None:
        return _UNPARSED
    return Verdict("correct", "", answer, 1.0) if said == truth else Verdict("wrong", "wrong", answer)


def _check_wordings(given: object) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, Iterable) or not (names := tuple(names)):
        raise InvalidValueError(f"wording must name one or more of {seen_wordings()}, got {given!r}.")
    chosen = {check_choice("wording", name, seen_wordings()) for name in names}
    return tuple(name for name in seen_wordings() if name in chosen)


def _load(preset: object, path: object, style: str, overrides: dict[str, object]) -> Folio | None:
    if preset is None:
        if path is not None:
            raise InvalidValueError(f"path={path!r} belongs to preset='folio'.")
        return None
    check_choice("preset", preset, ("folio",))
    given = [name for name, value in overrides.items() if value is not None]
    if given or style != "answer":
        raise InvalidValueError(
            f"preset='folio' has problems of its own, and no proofs; leave out {given or 'style'}."
        )
    if not isinstance(path, str | Path):
        raise InvalidValueError("preset='folio' needs path=, a JSONL file in the format of FOLIO.")
    return Folio(path)
