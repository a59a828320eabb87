"""Rewards across the border to Hugging Face TRL, in both directions, without importing it.

TRL calls ``reward_func(prompts=[...], completions=[...], completion_ids=[...], **columns)`` with one list
entry a row and every further column of its data set, and takes back a list of numbers or None.
``from_trl`` makes such a function a reward; ``to_trl`` makes a reward such a function, and
``trl_dataset_rows`` makes the data set whose columns tell it which problem each prompt is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn
from lmgym.rewards.base import Pay, Reward
from lmgym.rewards.compose import bind
from lmgym.rewards.functions import FunctionReward, Numbers, function_name
from lmgym.rewards.scoring import reward_name, score
from lmgym.tasks.base import Task, check_split

TRL_NAMES = frozenset({"prompts", "completions", "completion_ids"})
"""A function with a parameter of one of these names is in TRL's style."""

Column = Callable[[Transcript], Any]

COLUMNS: dict[str, Column] = {
    "reference": lambda transcript: transcript.problem.reference,
    "problem_index": lambda transcript: transcript.problem.index,
    "split": lambda transcript: transcript.problem.split,
    "difficulty": lambda transcript: transcript.problem.difficulty,
}
"""What stands for the columns of TRL's data set."""


def from_trl(
    function: Callable[..., Numbers],
    *,
    conversational: bool = False,
    columns: Mapping[str, Column] | None = None,
    tokenizer: object = None,
    pay: Pay = "episode",
) -> FunctionReward:
    """Returns a reward that calls ``function`` as TRL does.

    It gets the keywords that it names, or with ``**kwargs`` all of them: ``prompts``, ``completions`` and
    the columns ``reference``, ``problem_index``, ``split``, ``difficulty``; ``completion_ids`` only if named.
    A completion holds everything after the prompt, replies of the environment included. None means, as
    in TRL, that the function does not apply to the row.

    Args:
        function: e.g. ``def reward_func(prompts, completions, **kwargs) -> list[float | None]``.
        conversational: prompts and completions are lists of messages ``{"role": ..., "content": ...}``
            instead of strings.
        columns: further columns: ``{"ground_truth": lambda transcript: transcript.problem.reference}``.
        tokenizer: makes ``completion_ids`` from the text, for functions that name it; None: characters.
            Rewards see text only, so these need not be the ids that were sampled.
        pay: when the reward is paid.

    Raises:
        InvalidValueError: the function needs a column that there is not.
    """
    columns = {**COLUMNS, **(columns or {})}
    parameters = inspect.signature(function).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    required = {p.name for p in parameters if p.name in named and p.default is p.empty}
    missing = required - TRL_NAMES - set(columns)
    if missing:
        first = sorted(missing)[0]
        raise InvalidValueError(
            f"{function_name(function)} needs the column {first!r}; there are {', '.join(columns)}. Add it: "
            f"from_trl(function, columns={{{first!r}: lambda transcript: ...}})."
        )
    given = [name for name in columns if takes_all or name in named]
    encode = _make_encode(tokenizer) if "completion_ids" in named else None

    def call(transcripts: Sequence[Transcript]) -> Numbers:
        keywords: dict[str, Any] = {name: [columns[name](t) for t in transcripts] for name in given}
        if takes_all or "prompts" in named:
            keywords["prompts"] = [_prompt(t, conversational) for t in transcripts]
        if takes_all or "completions" in named:
            keywords["completions"] = [_completion(t, conversational) for t in transcripts]
        if encode is not None:
            keywords["completion_ids"] = [encode(_text(t)) for t in transcripts]
        return function(**keywords)

    return FunctionReward(call, function_name(function), pay)


def to_trl(reward: Reward, task: Task, *, end_ids: Sequence[int] = ()) -> Callable[..., list[float | None]]:
    """Returns ``reward`` as a function for TRL's ``reward_funcs``, for a data set of ``trl_dataset_rows``.

    A row that fails gives None, which TRL leaves out of the sum over its functions.

    Args:
        reward: an lmgym reward; it is paid once, for the whole completion.
        task: the task of the data set, in the same configuration.
        end_ids: the tokens that end a completion. If given, a completion whose last token is none of them
            counts as cut by its budget; without them all completions count as ended.

    Raises:
        InvalidValueError: a task of several turns, which a single completion can't be.
    """
    if task.max_turns > 1:
        raise InvalidValueError(
            f"{type(task).__name__} has up to {task.max_turns} turns, but a completion of TRL is one; train "
            "on it with lmgym's own agents."
        )
    reward = bind(reward, task)
    ends = frozenset(int(i) for i in end_ids)

    def reward_func(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        *,
        problem_index: Sequence[int] | None = None,
        split: Sequence[str] | None = None,
        completion_ids: Sequence[Sequence[int]] | None = None,
        **_: Any,
    ) -> list[float | None]:
        if problem_index is None or split is None:
            raise InvalidValueError(
                "the data set has no columns `problem_index` and `split`; make it from "
                "trl_dataset_rows(task, ...) and set remove_unused_columns=False."
            )
        complete = [True] * len(completions)
        if ends and completion_ids is not None:
            complete = [bool(len(ids)) and int(ids[-1]) in ends for ids in completion_ids]
        transcripts = [
            Transcript(problem, (Turn("agent", _content(completion), done),), terminated=True)
            for problem, completion, done in zip(
                _problems(task, split, problem_index), completions, complete, strict=True
            )
        ]
        verdicts = task.verify_batch(transcripts)
        judged = [t._replace(verdict=v) for t, v in zip(transcripts, verdicts, strict=True)]
        scores = score(reward, judged)
        return [None if bad else float(v) for v, bad in zip(scores.values, scores.failed, strict=True)]

    reward_func.__name__ = reward_name(reward)  # the name under which TRL logs it
    return reward_func


def trl_dataset_rows(task: Task, split: str, n: int, *, start: int = 0) -> list[dict[str, Any]]:
    """Returns ``n`` rows ``{"prompt", "problem_index", "split"}``, e.g. for ``datasets.Dataset.from_list``.

    Raises:
        UnknownNameError: ``split`` is none of the task's.
        InvalidValueError: ``n`` is less than 1.
    """
    check_split(task, split)
    if n < 1:
        raise InvalidValueError(f"n must be at least 1, got {n!r}.")
    return [
        {"prompt": problem.prompt, "problem_index": problem.index, "split": problem.split}
        for problem in task.problems(split, range(start, start + n))
    ]


def _problems(task: Task, splits: Sequence[str], indices: Sequence[int]) -> list[Problem]:
    found: dict[tuple[str, int], Problem] = {}
    for split in dict.fromkeys(splits):
        wanted = sorted({int(i) for s, i in zip(splits, indices, strict=True) if s == split})
        found.update(((split, p.index), p) for p in task.problems(split, wanted))
    return [found[split, int(i)] for split, i in zip(splits, indices, strict=True)]


def _prompt(transcript: Transcript, conversational: bool) -> Any:
    prompt = transcript.problem.prompt
    return [{"role": "user", "content": prompt}] if conversational else prompt


def _completion(transcript: Transcript, conversational: bool) -> Any:
    if not conversational:
        return _text(transcript)
    roles = {"agent": "assistant", "environment": "user"}
    return [{"role": roles[turn.role], "content": turn.text} for turn in transcript.turns]


def _text(transcript: Transcript) -> str:
    return "".join(turn.text for turn in transcript.turns)


def _content(completion: Any) -> str:
    """Returns the text of a completion, which in TRL's conversational format is a list of messages."""
    if isinstance(completion, str):
        return completion
    return "".join(str(message["content"]) for message in completion if message["role"] == "assistant")


def _make_encode(tokenizer: object) -> Callable[[str], list[int]]:
    from lmgym.tokenization import make_tokenizer  # only functions that ask for ids pay for a tokenizer

    encode: Callable[[str], list[int]] = make_tokenizer("char" if tokenizer is None else tokenizer).encode
    return encode
