"""Problems of comparison in words: symbols, people by height, age, weight, seat ...

The names, wordings and instructions are in ``data/order.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from lmgym.tasks.options import check_choice
from lmgym.tasks.order.draw import Numbered, OrderReference, ProofReference
from lmgym.tasks.order.knobs import NUM_SORTED, Knobs
from lmgym.tasks.order.logic import Fact, Kind, Question
from lmgym.tasks.stream import Words

Style = Literal["answer", "worked", "proof"]
PromptStyle = Literal["plain", "instruct"]
AnswerOn = Literal["response", "last_line"]


@cache
def load_data() -> Mapping[str, Any]:
    """Returns names, wordings and instructions."""
    data: dict[str, Any] = json.loads((Path(__file__).parent / "order.json").read_text("utf-8"))
    return data


def seen_wordings() -> tuple[str, ...]:
    """Returns the wordings that a task can be configured with."""
    data = load_data()
    unseen = data["unseen_wordings"].values()
    return tuple(name for name in data["wordings"] if name not in unseen)


class Wording:
    """One way of putting a problem into words."""

    def __init__(self, name: str, prompt_style: object) -> None:
        """Looks the wording up; ``prompt_style`` is "plain" or "instruct"."""
        self.name = name
        self._texts: Mapping[str, str] = load_data()["wordings"][name]
        self._is_instructed = check_choice("prompt_style", prompt_style, ("plain", "instruct")) == "instruct"

    @property
    def names_of(self) -> str:
        """Which names it goes with, "letters" or "people"."""
        return self._texts["names"]

    @property
    def unseen(self) -> str:
        """The wording with the same names that is kept for "ood_wording"."""
        unseen: str = load_data()["unseen_wordings"][self.names_of]
        return unseen

    def names(self, *, are_seen: bool) -> Sequence[str]:
        """Returns the names of all splits but "ood_names", or those of that split."""
        names: Sequence[str] = load_data()["names"][self.names_of]["seen" if are_seen else "unseen"]
        return names

    def prompt(self, reference: OrderReference, knobs: Knobs, words: Words) -> str:
        """Returns the text, premises in a random order, each turned round one time in two if that occurs."""
        lines = " ".join(text for text, _ in self._facts(reference, knobs, words))
        question = self._question(reference.question, knobs, words)
        instruction = self._instruction(reference.question.kind, knobs)
        return f"{lines}{self._texts['end']} {question}{instruction}"

    def prompt_proof(
        self, reference: OrderReference, knobs: Knobs, words: Words
    ) -> tuple[str, ProofReference]:
        """Returns the text with numbered premises, one a line, and the truth with them as data."""
        facts = self._facts(reference, knobs, words)
        lines = "".join(f"{number}. {text}\n" for number, (text, _) in enumerate(facts, 1))
        question = self._question(reference.question, knobs, words).removesuffix("\n")
        instruction = self._instruction(reference.question.kind, knobs).removeprefix("\n")
        text = f"{lines}{question}\n{instruction}{self._proof_instruction(knobs)}"
        return text, ProofReference(reference.value, reference, tuple(fact for _, fact in facts))

    def _facts(self, reference: OrderReference, knobs: Knobs, words: Words) -> list[tuple[str, Numbered]]:
        facts = [
            (self._pair("fact", "mirrored", fact, knobs, words), Numbered(fact, True))
            for fact in reference.premises
        ]
        for a, b in reference.irrelevant:  # strewn in; the order of the rest stays as it is
            other = self._texts["other"].format(a=a, b=b), Numbered((a, b), False)
            facts.insert(words.below(len(facts) + 1), other)
        return facts

    def _proof_instruction(self, knobs: Knobs) -> str:
        if not self._is_instructed:
            return ""
        texts: Mapping[str, str] = load_data()["instructions"]
        fact = self._texts["fact"].format(a="X", b="Y").removesuffix(".")
        said = [texts["proof"], "" if fact == "X>Y" else texts["proof_meaning"].format(fact=fact)]
        said += [texts[f"proof_{keyword}"] for keyword in knobs.keywords]
        return "\n".join((*filter(None, said), ""))

    def max_chars(self, knobs: Knobs) -> int:
        """Returns a bound on the length of prompts."""
        name = self.max_name_chars
        facts = [self._bare_chars(key) for key in ("fact", "mirrored", "other")]
        instruction = max(len(self._instruction(kind, knobs)) for kind in knobs.kinds)
        asked = max(self._question_chars(kind) for kind in knobs.kinds)
        premises = knobs.max_premises * (max(facts) + 2 * name + 1)
        return premises + len(self._texts["end"]) + asked + instruction

    def max_proof_chars(self, knobs: Knobs) -> int:
        """Returns a bound on the length of prompts with numbered premises."""
        numbers = knobs.max_premises * len("10. \n")
        return self.max_chars(knobs) + numbers + len("\n") + len(self._proof_instruction(knobs))

    def _question_chars(self, kind: Kind) -> int:
        if kind == "compare":
            return max(map(self._bare_chars, ("compare", "compare_mirrored"))) + 2 * self.max_name_chars
        names = NUM_SORTED * (self.max_name_chars + len(self._joint)) if kind == "sort" else 0
        return self._bare_chars(kind) + names

    def _bare_chars(self, key: str) -> int:
        return len(self._texts[key].format(a="", b="", names=""))

    @property
    def _joint(self) -> str:
        return " " if self.names_of == "letters" else ", "

    @property
    def max_name_chars(self) -> int:
        """Length of the longest name."""
        return max(len(name) for are_seen in (True, False) for name in self.names(are_seen=are_seen))

    def _pair(self, key: str, turned: str, pair: Fact, knobs: Knobs, words: Words) -> str:
        is_turned = knobs.mirrored and words.below(2)
        return self._texts[turned if is_turned else key].format(a=pair[0], b=pair[1])

    def _question(self, question: Question, knobs: Knobs, words: Words) -> str:
        kind, names = question
        if kind == "compare":
            return self._pair("compare", "compare_mirrored", (names[0], names[1]), knobs, words)
        return self._texts[kind].format(names=self._joint.join(names))

    def _instruction(self, kind: Kind, knobs: Knobs) -> str:
        if not self._is_instructed:
            return ""
        texts: Mapping[str, str] = load_data()["instructions"]
        said = [texts[kind], *(texts[keyword] for keyword in knobs.keywords)]
        end = "" if self.names_of == "people" else "\n"
        return f"{end}{', '.join(said)}.\n"
