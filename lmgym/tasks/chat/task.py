"""``lmgym/Chat-v0``: chat with users whose goals are known, and prompts of any other source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, final

import numpy as np

from lmgym.conversation import Message, read_conversation, write_conversation, write_reply
from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.seeding import make_generator
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split
from lmgym.tasks.chat.conversations import grade, utility_parts
from lmgym.tasks.chat.goals import (
    EXTRA_FOLLOW_UPS,
    LEVELS,
    Drawn,
    Shape,
    draw_goal,
    write_facts,
    write_request,
)
from lmgym.tasks.chat.prompts import Prompts
from lmgym.tasks.chat.reference import ChatReference
from lmgym.tasks.chat.scripted import follow, next_message
from lmgym.tasks.chat.sizes import max_prompt_chars, max_reply_chars
from lmgym.tasks.chat.users import MAX_USER_CHARS, KeptUser, UserFailedError, make_user
from lmgym.tasks.chat.writing import MAX_ANSWER_CHARS, write_answer, write_flawed
from lmgym.tasks.dataset.rows import Row
from lmgym.tasks.options import check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

_NAMES, _TURNS = "ood_names", "ood_turns"
_NOT_GRADED = Verdict("wrong", "ungraded")


class ChatState(NamedTuple):
    """How far a conversation is."""

    problem: Problem
    said: tuple[Turn, ...] = ()
    """The agent's turns."""
    messages: tuple[Message, ...] = ()
    """Everything said, for users who are not scripted."""


@final
class Chat(Task):
    """A user asks for facts that the system message tells, in a tone and form; answer as she likes it.

    What an answer is worth is counted exactly (``lmgym.tasks.chat.answers``): the information, the tone, the
    constraints, minus what is gibberish or too long. The canonical key is what the user wants (facts, tone,
    constraints, in order), so wordings and facts that nobody asks for make no other problem. "ood_names" has
    names that no other split has, "ood_turns" two requests more than the level. With ``problems`` the prompts
    are those of another source, for which there is no ground truth.
    """

    is_chat = True

    def __init__(
        self,
        *,
        level: int = 1,
        user: object = "scripted",
        num_facts: int | None = None,
        demonstration_quality: float = 0.5,
        problems: str | Path | Sequence[Row] | None = None,
        num_turns: int | None = None,
        prompt_chars: int | None = None,
    ) -> None:
        """Configures the task.

        Args:
            level: 1 (one question, one fact told, a small number) to 6 (four requests, of which any
                may correct, shorten or constrain the one before).
            user: "scripted", an object with ``reply(messages, goal)``, such as an ``EndpointUser``, or a
                function; see ``lmgym.tasks.chat.users``.
            num_facts: facts that the system message tells, 1 to 6, from 2 on where more than one is asked
                for; default: the level's.
            demonstration_quality: probability in [0, 1] that a demonstrated answer is good; the others lack
                the information, are wrong, rude, too long, or miss the tone or a constraint.
            problems: a file, or rows, of prompts instead of the procedural set: {"prompt": ...},
                {"messages": [...]}, or preference data as HH-RLHF's, {"chosen": ...}.
            num_turns: the agent's turns at most, 1 to 64, with a user who is not scripted; default: what
                the scripted one would take, with ``problems`` 1.
            prompt_chars: with ``problems``: leave longer prompts out; None: none.

        Raises:
            InvalidValueError: a value out of its range, or options that don't go together.
            EmptyProblemSetError: no row of ``problems`` can be used.
        """
        self._options: dict[str, object] = dict(
            user=user, num_facts=num_facts, demonstration_quality=demonstration_quality, problems=problems,
            num_turns=num_turns, prompt_chars=prompt_chars,
        )  # fmt: skip
        self._level = check_int("level", level, 1, max(LEVELS) if problems is None else 1)
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._user = make_user(user)
        self._shape = _make_shape(self._level, num_facts)
        if prompt_chars is not None:
            prompt_chars = check_int("prompt_chars", prompt_chars, 8, 1 << 20)
        self._prompts = None if problems is None else Prompts(problems, prompt_chars)
        if problems is None and prompt_chars is not None:
            raise InvalidValueError("prompt_chars only goes with problems=, the prompts of another source.")
        self.has_gold = problems is None
        longer = problems is None and self._user is None and self._shape.num_follow_ups > 0
        self.splits: tuple[str, ...] = (
            HASHED_SPLITS if problems is not None else (*HASHED_SPLITS, _NAMES, *([_TURNS] if longer else []))
        )
        self._num_turns = self._check_turns(num_turns, EXTRA_FOLLOW_UPS if longer else 0)
        name = f"Chat(level={self._level},num_facts={self._shape.num_facts})"
        self._stream = ProblemStream(name, self._draw_block)

    def _check_turns(self, given: int | None, num_extra: int) -> int:
        if self._prompts is None:
            own = 1 + self._shape.num_follow_ups + self._shape.patience + num_extra
        else:
            own = 1
        if self._user is None and given is not None and given != own:
            raise InvalidValueError(
                f"num_turns={given!r} needs a user who goes on; the scripted one takes {own} at most here. "
                "Give user=, or leave num_turns out."
            )
        return own if given is None else check_int("num_turns", given, 1, 64)

    @property
    def fingerprint(self) -> str:
        user = "scripted" if self._user is None else self._user.name
        own = f"level={self._level},num_facts={self._shape.num_facts}"
        source = own if self._prompts is None else self._prompts.fingerprint
        return f"Chat({source},user={user},num_turns={self._num_turns})"

    @property
    def alphabet(self) -> str | None:
        if self._prompts is not None:
            return None
        return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 :,.!"

    @property
    def max_prompt_chars(self) -> int:
        return max_prompt_chars(self._shape) if self._prompts is None else self._prompts.max_chars

    @property
    def max_prompt_messages(self) -> int:
        return 2 if self._prompts is None else self._prompts.max_messages

    @property
    def max_reply_chars(self) -> int:
        if self._user is not None:
            return len(write_reply("")) + MAX_USER_CHARS if self._num_turns > 1 else 0
        return max_reply_chars(self._shape) if self._prompts is None else 0

    @property
    def max_turns(self) -> int:
        return self._num_turns

    @property
    def default_max_new_tokens(self) -> int:
        return 1 + (MAX_ANSWER_CHARS if self._prompts is None else self._prompts.max_answer_chars)

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS) if self._prompts is None else 1

    @property
    def num_problems(self) -> dict[str, int]:
        """Rows of each split, with ``problems``; empty for the procedural set, which is endless."""
        return {} if self._prompts is None else self._prompts.num_problems

    @property
    def left_out(self) -> dict[str, int]:
        """Rows of ``problems`` that can't be used, by reason; see ``lmgym.tasks.chat.sources``."""
        return {} if self._prompts is None else dict(self._prompts.left_out)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        if self._prompts is not None:
            return self._prompts.problems(split, indices)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        shape, group = self._shape, "held_out" if split == _NAMES else "entities"
        if split == _TURNS:
            shape = shape._replace(num_follow_ups=shape.num_follow_ups + EXTRA_FOLLOW_UPS)

        def draw(words: Words) -> Drawn:
            return draw_goal(shape, group, words)

        return [self._draft(draw_until_split(draw, split, words), words) for _ in range(count)]

    def _draft(self, drawn: Drawn, words: Words) -> Draft:
        goal, facts = drawn
        variants = tuple(words.below(2) for _ in goal.requests)
        asked = write_request(goal.requests[0], variants[0])
        prompt = write_conversation([Message("system", write_facts(facts)), Message("user", asked)])
        reference = ChatReference(goal, facts, variants, self._user is not None)
        return Draft(prompt, reference, goal.key, float(self._level))

    def start(self, problem: Problem) -> ChatState:
        is_free = self._user is not None and self._num_turns > 1
        return ChatState(problem, (), tuple(read_conversation(problem.prompt)) if is_free else ())

    def respond(self, state: ChatState, turn: Turn) -> Response:
        said = (*state.said, turn)
        if len(said) >= self._num_turns:
            return Response(state._replace(said=said), None, True)
        reference: ChatReference = state.problem.reference
        messages = state.messages
        if self._user is None:
            reply = next_message(reference.goal, said, reference.variants)
        else:
            messages = (*messages, Message("assistant", turn.text))
            reply = _reply(self._user, messages, reference)
            messages = messages if reply is None else (*messages, Message("user", reply))
        grown = ChatState(state.problem, said, messages)
        return Response(grown, None if reply is None else write_reply(reply), reply is None)

    def verify(self, transcript: Transcript) -> Verdict:
        """Returns the verdict: correct if every request was met in full, asked again or not.

        The score of another conversation is its utility, between 0 and 0.99. Reasons: "truncated", and of the
        first request that was not met "overlong", "misinformed", "gibberish", "uninformed", "rude", "tone",
        "constraint"; "unfinished" while the user waits; "ungraded" for prompts of other sources, which are
        never correct because nobody can say. If the user failed, the verdict is an error, "user".
        """
        if self._user is not None and self._has_failed(self._user, transcript):
            return Verdict("error", "user")
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        if not transcript.problem.reference.goal.requests:
            return _NOT_GRADED
        return grade(transcript)

    def _has_failed(self, user: KeptUser, transcript: Transcript) -> bool:
        said = [turn for turn in transcript.turns if turn.role == "agent"]
        if not said or len(said) >= self._num_turns or transcript.turns[-1].role != "agent":
            return False
        messages = read_conversation(transcript.problem.prompt)
        for turn in transcript.turns:
            if turn.role == "agent":
                messages.append(Message("assistant", turn.text))
            else:
                messages += read_conversation(turn.text)
        return user.has_failed(tuple(messages), transcript.problem.reference.goal)

    def utility(self, transcript: Transcript) -> float | None:
        """Returns the sum of ``utility_parts``; None for prompts of other sources, and if the user failed."""
        if not transcript.problem.reference.goal.requests:
            return None
        if self._user is not None and self._has_failed(self._user, transcript):
            return None
        return sum(utility_parts(transcript).values())

    def utility_parts(self, transcript: Transcript) -> dict[str, float] | None:
        """Returns the named parts that add up to ``utility``; None where that is None."""
        return None if self.utility(transcript) is None else utility_parts(transcript)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns an answer to every message of the user; see ``demonstration_quality``.

        With ``problems``: the reference of the row.

        Raises:
            InvalidValueError: the row has none.
        """
        reference: ChatReference = problem.reference
        if not reference.goal.requests:
            if reference.answer is None:
                raise InvalidValueError(f"problem {problem.index} of {problem.split!r} has no reference.")
            return (reference.answer,)
        said: list[Turn] = []
        while True:
            place = _place(reference, said)
            if place == len(reference.goal.requests):
                return tuple(turn.text for turn in said)
            request = reference.goal.requests[place]
            is_good = rng.random() < self._quality
            text = write_answer(request, rng) if is_good else write_flawed(request, reference.facts, rng)
            said.append(Turn("agent", text))

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        reference: ChatReference = problem.reference
        said = [turn for turn in turns if turn.role == "agent"]
        place = _place(reference, said)
        if place >= len(reference.goal.requests):
            return None
        rng = make_generator(0, "chat hint", problem.key, len(said))
        return write_answer(reference.goal.requests[place], rng)


def _make_shape(level: int, num_facts: object) -> Shape:
    shape = LEVELS[level]
    if num_facts is None:
        return shape
    least = 2 if shape.num_follow_ups else 1
    return shape._replace(num_facts=check_int("num_facts", num_facts, least, 6))


def _place(reference: ChatReference, said: Sequence[Turn]) -> int:
    """Returns the request that waits for an answer; a user who asks freely is taken to ask in order."""
    return len(said) if reference.asks_freely else follow(reference.goal, said).place


def _reply(user: KeptUser, messages: tuple[Message, ...], reference: Any) -> str | None:
    try:
        return user.reply(messages, reference.goal)
    except UserFailedError:
        return None
