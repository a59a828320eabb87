"""The prompts of Countdown, in several wordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from lmgym.errors import InvalidValueError
from lmgym.tasks.countdown.knobs import Knobs
from lmgym.tasks.countdown.size import Sizes
from lmgym.tasks.options import check_choice

Style = Literal["answer", "worked"]
PromptStyle = Literal["plain", "question", "instruct"]
AnswerOn = Literal["response", "last_line"]

_HOLES = ("{numbers}", "{target}")
_ONCE: Mapping[str, str] = {
    "plain": "{target} from {numbers}:",
    "question": "How do you make {target} from {numbers}, each at most once?\n",
    "instruct": (
        "Make {target} from the numbers {numbers}, each used at most once, with + - * / and parentheses."
    ),
}
_ALL: Mapping[str, str] = {
    "plain": "{target} from all {numbers}:",
    "question": "How do you make {target} from {numbers}, each exactly once?\n",
    "instruct": (
        "Make {target} from the numbers {numbers}, each used exactly once, with + - * / and parentheses."
    ),
}
_WHOLE = " Every result on the way must be an integer."
_END = " End with the expression alone.\n"


class Prompts:
    """A template with the holes ``{numbers}`` and ``{target}``, each once."""

    def __init__(self, prompt_style: object, template: object, knobs: Knobs) -> None:
        """Chooses the text; see ``Countdown``.

        Raises:
            UnknownNameError: there is no such style.
            InvalidValueError: the template lacks a hole.
        """
        style = check_choice("prompt_style", prompt_style, _ONCE)
        text = template if template is not None else _text(style, knobs)
        if not isinstance(text, str) or any(text.count(hole) != 1 for hole in _HOLES):
            raise InvalidValueError(
                "prompt_template must be a text that holds {numbers} and {target} exactly once each, "
                f"got {template!r}; for example {'Make {target} from {numbers}: '!r}."
            )
        self.template = text
        self._is_long = style != "plain" and template is None

    def text(self, numbers: Sequence[int], target: int) -> str:
        """Returns the prompt of a problem."""
        return _fill(self.template, self._joint.join(map(str, numbers)), str(target))

    def max_chars(self, sizes: Sizes) -> int:
        """Returns the length of the longest prompt."""
        numbers = sizes.num_numbers * sizes.number_chars + (sizes.num_numbers - 1) * len(self._joint)
        return len(_fill(self.template, "", "")) + numbers + sizes.target_chars

    @property
    def _joint(self) -> str:
        return ", " if self._is_long else " "


def _text(style: str, knobs: Knobs) -> str:
    text = (_ALL if knobs.use_all else _ONCE)[style]
    return text if style != "instruct" else text + ("" if knobs.fractions else _WHOLE) + _END


def _fill(template: str, numbers: str, target: str) -> str:
    return template.replace("{numbers}", numbers).replace("{target}", target)
