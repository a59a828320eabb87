"""Sentences in English, written and read: the wordings are in ``words.json``.

"or" includes both, and "some" and its plural mean at least one. What is written is read again as the same
sentence. Left out: where premises and questions stand in a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise

from lmgym.tasks.entailment.sentences import Literal, Part, Sentence, opposite, single
from lmgym.tasks.entailment.vocabulary import adjectives, load_words

MAX_SENTENCE_CHARS = 200
MAX_LITERALS = 3

Template = tuple[str, str, bool]
"""Kind of sentence, text, and whether words in it stand in the plural."""


def seen_wordings() -> tuple[str, ...]:
    """Returns the wordings that a task can be configured with."""
    data = load_words()
    return tuple(name for name in data["wordings"] if name != data["unseen_wording"])


def unseen_wording() -> str:
    """Returns the wording that is kept for "ood_wording"."""
    name: str = load_words()["unseen_wording"]
    return name


def write(sentence: Sentence, wording: str) -> str:
    """Returns the sentence in English."""
    texts: Mapping[str, str] = load_words()["wordings"][wording]
    if sentence.kind == "fact":
        text: str = load_words()["fact"]
        return text.format(n=sentence.name, s=write_part(sentence.said, False))
    is_many = texts["number"] == "many"
    kind, denied = _kind_of(sentence.condition), _denied(sentence.said)
    template, said = texts["some"], sentence.said
    if sentence.kind == "rule":
        template = texts["rule_not" if denied else "rule"] if kind else texts["rule_any"]
        said = denied if denied and kind else said
    shown = template.format(
        k=_plural(kind or "") if is_many else kind,
        c=write_part(sentence.condition, is_many),
        s=write_part(said, is_many),
    )
    return shown[0].upper() + shown[1:]


def write_part(part: Part, is_many: bool) -> str:
    """Returns what is said of something: "a bink and not furry"."""
    return f" {part.joint} ".join(_phrase(literal, is_many) for literal in part.literals)


def _phrase(literal: Literal, is_many: bool) -> str:
    word = literal.word
    if word not in adjectives():
        word = _plural(word) if is_many else f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
    return word if literal.holds else f"not {word}"


def _plural(kind: str) -> str:
    return f"{kind}s"


def _kind_of(part: Part) -> str | None:
    """Returns the kind that is the whole condition, None where it is anything else."""
    first = part.literals[0]
    is_kind = len(part.literals) == 1 and first.holds and first.word not in adjectives()
    return first.word if is_kind else None


def _denied(part: Part) -> Part | None:
    """Returns what is denied, where one thing is denied and nothing else said."""
    first = part.literals[0]
    return single(opposite(first)) if len(part.literals) == 1 and not first.holds else None


class Reader:
    """Reads sentences about given words and names, in any of the wordings."""

    def __init__(self, words: Iterable[str], names: Iterable[str]) -> None:
        """Takes what may be spoken of."""
        self._names = frozenset(names)
        self._phrases: dict[bool, dict[str, Literal]] = {False: {}, True: {}}
        self._kinds: dict[bool, dict[str, str]] = {False: {}, True: {}}
        for word in words:
            for is_many in (False, True):
                for holds in (True, False):
                    literal = Literal(word, holds)
                    self._phrases[is_many][_phrase(literal, is_many)] = literal
                if word not in adjectives():
                    self._kinds[is_many][_plural(word) if is_many else word] = word

    def read(self, text: str) -> Sentence | None:
        """Returns the sentence that ``text`` says, with or without its full stop; None if it says none."""
        if len(text) > MAX_SENTENCE_CHARS or not text:
            return None
        text = text.removesuffix(".")
        name, _, said = text.partition(" is ")
        if name in self._names:
            part = self.read_part(said, False)
            return part and Sentence("fact", part, name)
        lowered = text[0].lower() + text[1:]
        for (kind, _, is_many), pattern in _patterns():
            match = pattern.fullmatch(lowered)
            found = match and self._fill(kind, is_many, match.groupdict())
            if found:
                return found
        return None

    def _fill(self, kind: str, is_many: bool, groups: Mapping[str, str]) -> Sentence | None:
        said = self.read_part(groups["s"], is_many)
        if "k" in groups:
            word = self._kinds[is_many].get(groups["k"])
            condition = word and single(Literal(word))
        else:
            condition = self.read_part(groups["c"], is_many)
        if not said or not condition:
            return None
        if kind == "rule_not":
            if len(said.literals) > 1 or not said.literals[0].holds:
                return None  # "no bink is a dorple and furry" may be meant in two ways
            said = single(opposite(said.literals[0]))
        return Sentence("some" if kind == "some" else "rule", said, "", condition)

    def read_part(self, text: str, is_many: bool) -> Part | None:
        """Returns what ``text`` says of something, None if it can't be read."""
        joint = "or" if " or " in text else "and"
        literals = [self._phrases[is_many].get(each) for each in text.split(f" {joint} ")]
        if len(literals) > MAX_LITERALS:
            return None
        known = tuple(literal for literal in literals if literal is not None)
        if any(each.holds and not before.holds for before, each in pairwise(known)):
            return None  # "not a bink and furry" may be meant in two ways
        return Part(known, joint) if len(known) == len(literals) else None  # type: ignore[arg-type]


@cache
def _patterns() -> tuple[tuple[Template, re.Pattern[str]], ...]:
    """Returns what a sentence can look like, most special first."""
    found: dict[str, Template] = {}
    for texts in load_words()["wordings"].values():
        for kind in ("rule_not", "rule", "rule_any", "some"):
            text = texts[kind].removesuffix(".")
            found.setdefault(text[0].lower() + text[1:], (kind, text, texts["number"] == "many"))
    return tuple((template, _compile(text)) for text, template in found.items())


def _compile(text: str) -> re.Pattern[str]:
    pattern = re.escape(text)
    for name in "kcs":
        pattern = pattern.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>[a-z][a-z -]*)", 1)
    return re.compile(pattern)
