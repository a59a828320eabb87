"""``lmgym/Order-v0``: transitive comparison: A > B and B > C, hence A > C."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import cut_lines
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split, unfinished
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.order.answers import MAX_ANSWER_CHARS, WHITESPACE, can_complete, order_credit, read_answer
from lmgym.tasks.order.draw import OrderReference, draw_case, proof_reference_of, reference_of
from lmgym.tasks.order.knobs import LEVELS, NUM_SORTED, Knobs, knobs_of_split, make_knobs
from lmgym.tasks.order.logic import NO, YES, Facts
from lmgym.tasks.order.proof_lines import CASE
from lmgym.tasks.order.proofs import check_proof, max_proof_chars, proof_value, verify_proof, write_proof
from lmgym.tasks.order.steps import check_steps, working_lines
from lmgym.tasks.order.text import AnswerOn, PromptStyle, Style, Wording, seen_wordings
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

DEFAULT_LEVEL = 3

_OVERLONG = Verdict("wrong", "overlong")
_UNPARSED = Verdict("wrong", "unparsed")


class _Drawn(NamedTuple):
    """A problem and the wording that it is to be put into."""

    key: str
    reference: OrderReference
    wording: Wording


@final
class Order(SingleTurnTask):
    """Say what follows from comparisons: who is greater or greatest, the whole order, or that nothing does.

    "ood_length" has chains of three objects more, "ood_names" names that no other split has, "ood_wording"
    problems and a wording that no other split has. The other splits are told apart by a hash of premises and
    question, names included, wording and order of premises not.
    """

    splits = (*HASHED_SPLITS, "ood_length", "ood_names", "ood_wording")

    def __init__(
        self,
        *,
        level: int = DEFAULT_LEVEL,
        wording: str | Sequence[str] = "symbols",
        style: Style = "answer",
        prompt_style: PromptStyle = "plain",
        answer_on: AnswerOn | None = None,
        demonstration_quality: float = 1.0,
        num_objects: int | None = None,
        num_bystanders: int | None = None,
        num_irrelevant: int | None = None,
        kinds: str | Sequence[str] | None = None,
        unknown: bool | None = None,
        contradictions: bool | None = None,
        mirrored: bool | None = None,
    ) -> None:
        """Configures the task; a knob that is not None takes the place of the level's.

        Args:
            level: 1 (three objects, yes or no) to 8 (fourteen objects, all kinds of questions); see
                docs/environments/order.md.
            wording: one or more of "symbols", "taller", "older", "heavier", "left", each as likely.
            style: demonstrations are the "answer" alone or "worked", a deduction a line; "proof": premises
                are numbered and the answer counts only with a proof whose every line the kernel accepts.
            prompt_style: "plain", or "instruct", which says what may be answered.
            answer_on: what is read as the answer, the whole "response" or its "last_line" that is not
                blank; by default the response for style "answer", else the last line; of proofs always that.
            demonstration_quality: probability in [0, 1] that a demonstration is right.
            num_objects: objects of the chain, 3 to 12.
            num_bystanders: objects beside the chain, 0 to 5.
            num_irrelevant: premises of another relation, 0 to 8.
            kinds: one or more of "compare", "largest", "smallest", "order", "sort".
            unknown: whether there are questions whose answer does not follow.
            contradictions: whether there are premises that contradict one another.
            mirrored: whether premises and questions are turned round one time in two.

        Raises:
            UnknownNameError: a word that is not in its list.
            InvalidValueError: a value out of its range.
        """
        self._options: dict[str, object] = dict(
            wording=wording,
            style=style,
            prompt_style=prompt_style,
            answer_on=answer_on,
            demonstration_quality=demonstration_quality,
            num_objects=num_objects,
            num_bystanders=num_bystanders,
            num_irrelevant=num_irrelevant,
            kinds=kinds,
            unknown=unknown,
            contradictions=contradictions,
            mirrored=mirrored,
        )
        self._level = check_int("level", level, 1, max(LEVELS))
        overrides = {name: value for name, value in self._options.items() if name in _KNOB_NAMES}
        self._knobs = make_knobs(LEVELS[self._level], overrides)
        self._style = check_choice("style", style, ("answer", "worked", "proof"))
        default_rule = "response" if style == "answer" else "last_line"
        rule = default_rule if answer_on is None else answer_on
        self._answer_on = check_choice("answer_on", rule, ("response", "last_line"))
        self._is_proof = style == "proof"
        if self._is_proof and self._answer_on != "last_line":
            raise InvalidValueError(f"style='proof' has its answer on the last line, got {answer_on=}.")
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._wordings = [Wording(name, prompt_style) for name in _check_wordings(wording)]
        self._unseen = [Wording(each.unseen, prompt_style) for each in self._wordings]
        shape = f"{self._knobs.name},wording={'+'.join(each.name for each in self._wordings)}"
        self._stream = ProblemStream(f"Order({shape})", self._draw_block)
        self._fingerprint = (
            f"Order(level={self._level},{shape},prompt_style={prompt_style},answer_on={self._answer_on}"
            f"{',style=proof' if self._is_proof else ''})"
        )

    @property
    def knobs(self) -> Knobs:
        """The shape of the problems: the level's knobs with the options in their place."""
        return self._knobs

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def alphabet(self) -> str:
        said = [*self._knobs.keywords, *((YES + NO,) if "compare" in self._knobs.kinds else ())]
        if self._style != "answer" or self._knobs.kinds != ("compare",):
            for each in self._wordings:
                said += (*each.names(are_seen=True), *each.names(are_seen=False))
            said.append({"answer": ">", "worked": ">, :\n", "proof": f">, .\n{CASE}0123456789"}[self._style])
        return "".join(dict.fromkeys("".join(said)))

    @property
    def max_prompt_chars(self) -> int:
        longest = knobs_of_split(self._knobs, "ood_length")
        wordings = (*self._wordings, *self._unseen)
        if self._is_proof:
            return max(each.max_proof_chars(longest) for each in wordings)
        return max(each.max_chars(longest) for each in wordings)

    @property
    def default_max_new_tokens(self) -> int:
        knobs = knobs_of_split(self._knobs, "ood_length")
        name, count = max(each.max_name_chars for each in self._wordings), knobs.total_objects
        counts = {"order": count, "sort": NUM_SORTED, "compare": 0}
        names = max(counts.get(kind, 1) for kind in knobs.kinds)
        answer = max(names * (name + 1) - 1, *map(len, (YES, *knobs.keywords)))
        if self._style == "answer":
            return answer + 1
        if self._is_proof:
            return max_proof_chars(knobs, name) + answer + 1
        line = 3 * (2 * name + 1) + len(", : \n") - 1
        return 2 * (count - 1) * line + answer + 2

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS)

    @property
    def random_return(self) -> float:
        """Rate of success of a policy that draws uniformly from the answers of the form that is asked for.

        Without a proof, no answer succeeds where one is asked for.
        """
        if self._is_proof:
            return 0.0
        counts = [self._knobs.num_answers(kind) for kind in self._knobs.kinds]
        return sum(1 / count for count in counts) / len(counts)

    @property
    def constant_return(self) -> float:
        """Best rate of success of a policy that answers each kind of question with one word."""
        if self._is_proof:
            return 0.0
        counts = [len(self._knobs.classes(kind)) for kind in self._knobs.kinds]
        has_word = [kind == "compare" or bool(self._knobs.keywords) for kind in self._knobs.kinds]
        rates = [1 / count if word else 0.0 for count, word in zip(counts, has_word, strict=True)]
        return sum(rates) / len(rates)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words, knobs = Words(rng), knobs_of_split(self._knobs, split)
        wordings = self._unseen if split == "ood_wording" else self._wordings

        def draw(words: Words) -> _Drawn | None:
            wording = wordings[words.below(len(wordings))]
            names = wording.names(are_seen=split != "ood_names")
            case = draw_case(knobs, names, split == "ood_wording", words)
            return case and _Drawn(case.key, case.reference, wording)

        drafts = []
        for _ in range(count):
            key, reference, wording = draw_until_split(draw, split, words)
            if self._is_proof:
                prompt, truth = wording.prompt_proof(reference, knobs, words)
                drafts.append(Draft(prompt, truth, key, float(self._level)))
            else:
                prompt = wording.prompt(reference, knobs, words)
                drafts.append(Draft(prompt, reference, key, float(self._level)))
        return drafts

    def verify(self, transcript: Transcript) -> Verdict:
        refused = unfinished(transcript)
        if refused is not None:
            return refused
        problem, text = transcript.problem, transcript.response
        if self._is_proof:
            return verify_proof(proof_reference_of(problem), text)
        return self._judge(reference_of(problem), text)

    def _judge(self, reference: OrderReference, text: str) -> Verdict:
        if self._answer_on == "last_line":
            text = text.rstrip(WHITESPACE).rpartition("\n")[2]
        answer = text.strip(WHITESPACE)
        if len(answer) > MAX_ANSWER_CHARS:
            return _OVERLONG
        names = {name for fact in reference.premises for name in fact}
        said = read_answer(answer, reference.question.kind, names)
        if said is None:
            return _UNPARSED
        if said == reference.value:
            return Verdict("correct", "", answer, 1.0)
        return Verdict("wrong", "wrong", answer, order_credit(said, reference.value))

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...] | None:
        """Returns the verdicts on lines of proofs and worked answers (``answer_on="last_line"``), else None.

        A line of a proof is right if it brings the proof nearer to its end than it ever was.
        """
        if self._is_proof:
            reference = proof_reference_of(transcript.problem)
            return check_proof(reference, cut_lines(transcript.response)).steps
        if self._answer_on != "last_line":
            return None
        return check_steps(reference_of(transcript.problem), cut_lines(transcript.response))

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        reference = proof_reference_of(problem).order if self._is_proof else reference_of(problem)
        is_right = rng.random() < self._quality
        answer = reference.value if is_right else self._near_miss(reference, rng)
        if self._style == "answer":
            return (answer,)
        if self._is_proof:
            return ("\n".join((*write_proof(proof_reference_of(problem))[:-1], answer)),)
        lines = [*working_lines(reference)[:-1], answer]
        if not problem.prompt.endswith("\n"):
            lines.insert(0, "")  # "A>B; B>A?" is not to run on as "A>B; B>A?A>B"
        return ("\n".join(lines),)

    def _near_miss(self, reference: OrderReference, rng: np.random.Generator) -> str:
        """Returns another answer of the same form; of an order, one with two neighbours exchanged."""
        kind, truth = reference.question.kind, reference.value
        said = truth.split(">")
        if len(said) > 1:
            at = int(rng.integers(len(said) - 1))
            return ">".join((*said[:at], said[at + 1], said[at], *said[at + 2 :]))
        if kind == "compare":
            others = [word for word in self._knobs.classes(kind) if word != truth]
        else:
            names = Facts(reference.premises).names
            others = [">".join(names)] if kind == "order" else [name for name in names if name != truth]
            others = [">".join(reference.question.names)] if kind == "sort" else others
        return others[int(rng.integers(len(others)))]

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns 1.0 where the response can still be completed to a right one, else 0.0.

        Token budgets are not the task's, so they are left out: the rest may be as long as it needs to be.
        None where a proof comes near the budgets on lines and characters.
        """
        if turns:
            return float(self.verify(Transcript(problem, turns)).status == "correct")
        if self._is_proof:
            return proof_value(proof_reference_of(problem), partial)
        if self._answer_on == "last_line":
            return 1.0  # a new line can always be begun
        return float(can_complete(partial, reference_of(problem).value))

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        """Returns the whole proof where one is to be written, else None."""
        return None if turns or not self._is_proof else "\n".join(write_proof(proof_reference_of(problem)))


_KNOB_NAMES = frozenset(Knobs.__dataclass_fields__)


def _check_wordings(given: object) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, Iterable) or not (names := tuple(names)):
        raise InvalidValueError(f"wording must name one or more of {seen_wordings()}, got {given!r}.")
    chosen = {check_choice("wording", name, seen_wordings()) for name in names}
    return tuple(name for name in seen_wordings() if name in chosen)
