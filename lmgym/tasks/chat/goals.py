"""What a user wants: facts, a tone, constraints; and in which order all this comes out.

Comes in: a level's rules and random words. Goes out: a ``Goal`` with a canonical key, and what the user says
of each request. Left out: judging answers, and what a user says when one was not good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lmgym.tasks.chat.world import KINDS, Fact, capitalised, draw_fact, fill, read_words, words_of
from lmgym.tasks.stream import Words

TONES = ("polite", "warm", "brief")
CONSTRAINTS = ("max_words", "use", "avoid", "end", "capitals")


class Constraint(NamedTuple):
    """A demand on the form of an answer."""

    kind: str
    """One of ``CONSTRAINTS``."""
    value: str = ""
    """How many words, or which word or sign."""

    @property
    def sentence(self) -> str:
        """How the user says it."""
        text: str = read_words()["constraints"][self.kind]
        return text.replace("{value}", self.value)


class Request(NamedTuple):
    """What one message of the user asks for; tone and constraints hold until the end once they are said."""

    step: str
    """"ask", "follow_up", "correct" (meant something else), "late" (one more constraint), "shorter"."""
    fact: Fact
    tone: str
    constraints: tuple[Constraint, ...] = ()


class Goal(NamedTuple):
    """Everything that the user of a conversation wants."""

    requests: tuple[Request, ...]
    patience: int = 0
    """How often the user asks again when an answer was not good."""
    description: str = ""
    """What a user wants of whom nothing else is known (prompts of other sources)."""

    @property
    def key(self) -> str:
        """The requests without the words that are put around them."""
        return "|".join(
            ";".join(
                (
                    request.step,
                    *request.fact,
                    request.tone,
                    *(f"{c.kind}={c.value}" for c in request.constraints),
                )
            )
            for request in self.requests
        )

    def describe(self) -> str:
        """Returns the goal in words, as a language model that plays the user is told it."""
        if not self.requests:
            return self.description
        lines = []
        for number, request in enumerate(self.requests, 1):
            about = fill(words_of(request.fact.kind)["about"], request.fact)
            demands = " ".join(constraint.sentence for constraint in request.constraints)
            lines.append(f"{number}. You want to know {about}, in a {request.tone} tone. {demands}".rstrip())
        return "\n".join(lines)


class Shape(NamedTuple):
    """What the goals of a level look like."""

    num_facts: int
    """Facts of the system message."""
    num_constraints: int
    """Constraints in the first message."""
    steps: tuple[str, ...]
    """What follow-ups may be."""
    num_follow_ups: int
    patience: int
    is_easy: bool = False
    """Whether values are number words, from two to nine."""


LEVELS: Mapping[int, Shape] = {
    1: Shape(1, 0, (), 0, 0, is_easy=True),
    2: Shape(3, 1, (), 0, 0),
    3: Shape(3, 0, ("follow_up",), 1, 1),
    4: Shape(4, 1, ("late", "shorter"), 1, 1),
    5: Shape(4, 1, ("follow_up", "correct", "late", "shorter"), 2, 1),
    6: Shape(5, 1, ("follow_up", "correct", "late", "shorter"), 3, 2),
}
EXTRA_FOLLOW_UPS = 2
"""What "ood_turns" adds."""


class Drawn(NamedTuple):
    """A goal and the facts that the system message tells, those that nobody asks for included."""

    goal: Goal
    facts: tuple[Fact, ...]

    @property
    def key(self) -> str:
        return self.goal.key


def draw_goal(shape: Shape, group: str, words: Words) -> Drawn:
    """Returns a random goal.

    Args:
        shape: the level's.
        group: "entities", or "held_out" for names that no other split has.
        words: randomness.
    """
    facts = _draw_facts(shape, group, words)
    tone = TONES[words.below(len(TONES))]
    request = Request("ask", facts[words.below(len(facts))], tone)
    for _ in range(shape.num_constraints):
        request = _with_constraint(request, words)
    requests = [request]
    for _ in range(shape.num_follow_ups):
        request = _follow(request, facts, shape.steps, words)
        requests.append(request)
    return Drawn(Goal(tuple(requests), shape.patience), tuple(facts))


def _draw_facts(shape: Shape, group: str, words: Words) -> list[Fact]:
    """Returns facts of different things; of different kinds, but from the fourth on of the first one's."""
    order, kinds = list(KINDS), list[str]()
    for number in range(shape.num_facts):
        kinds.append(order.pop(words.below(len(order))) if number < 3 else kinds[words.below(2)])
    left = {kind: list(words_of(kind)[group]) for kind in dict.fromkeys(kinds)}
    taken: set[str] = set()
    facts = [draw_fact(kind, left[kind], shape.is_easy, taken, words) for kind in kinds]
    return [facts.pop(words.below(len(facts))) for _ in range(len(facts))]


def _follow(before: Request, facts: list[Fact], steps: tuple[str, ...], words: Words) -> Request:
    others = [fact for fact in facts if fact != before.fact]
    alike = [fact for fact in others if fact.kind == before.fact.kind]
    fitting = [step for step in steps if _fits(step, before, bool(alike))] or ["follow_up"]
    step = fitting[words.below(len(fitting))]
    if step == "follow_up":
        return before._replace(step=step, fact=others[words.below(len(others))])
    if step == "correct":
        return before._replace(step=step, fact=alike[words.below(len(alike))])
    if step == "late":
        return _with_constraint(before._replace(step=step), words)
    bound = Constraint("max_words", "3" if before.tone == "brief" else "4")
    kept = tuple(c for c in before.constraints if c.kind != "max_words")
    return before._replace(step=step, constraints=(*kept, bound))


def _fits(step: str, before: Request, has_alike: bool) -> bool:
    kinds = [constraint.kind for constraint in before.constraints]
    if step == "correct":
        return has_alike
    if step == "late":
        return len(kinds) < 2
    return step != "shorter" or "max_words" not in kinds


def _with_constraint(request: Request, words: Words) -> Request:
    """Returns the request with one more constraint, of a kind that it does not have yet."""
    had = {constraint.kind for constraint in request.constraints}
    kinds = [kind for kind in CONSTRAINTS if kind not in had]
    kind = kinds[words.below(len(kinds))]
    values: tuple[str, ...] = {
        "max_words": ("3",) if request.tone == "brief" else ("4", "5", "6"),
        "use": tuple(read_words()["adverbs"]),
        "avoid": tuple(words_of(request.fact.kind)["avoid"]),
        "end": ("!", "."),
        "capitals": ("",),
    }[kind]
    return request._replace(
        constraints=(*request.constraints, Constraint(kind, values[words.below(len(values))]))
    )


def write_request(request: Request, variant: int) -> str:
    """Returns what the user says; of several wordings, the one that ``variant`` in [0, 2) picks."""
    fact, data = request.fact, read_words()
    question = fill(words_of(fact.kind)["ask"][variant], fact)
    if request.step == "follow_up":
        return ("Thanks. " if variant else "Good. ") + question
    if request.step == "correct":
        return ("Sorry, I meant {}." if variant else "No, I mean {}.").format(fact.entity)
    if request.step in ("late", "shorter"):
        begun = "Once more: " if request.step == "late" else "Shorter, please. "
        return begun + request.constraints[-1].sentence
    said = [question, data["tones"][request.tone][variant], *(c.sentence for c in request.constraints)]
    return " ".join(said)


def write_facts(facts: tuple[Fact, ...]) -> str:
    """Returns the system message."""
    return capitalised(" ".join(fact.sentence for fact in facts))
