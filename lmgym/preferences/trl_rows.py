"""The preference formats of TRL: explicit and implicit prompts, unpaired labels; texts or lists of messages.

Explicit: ``{"prompt", "chosen", "rejected"}``. Implicit: ``{"chosen", "rejected"}``, both of which begin with
the prompt. Unpaired: ``{"prompt", "completion", "label"}``. Each value is a text (TRL's *standard* form) or
a list of ``{"role", "content"}`` (*conversational*); the latter stands for a conversation with marks
(``lmgym.conversation``). Comes in: rows. Goes out: records, and rows again. Left out: ties; the order of the
worse ones among unpaired completions; images and tools.

Source: huggingface/trl, docs/source/dataset_formats.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from lmgym.conversation import AGENT, END, MARK_OF, Message, has_marks, read_conversation, write_conversation
from lmgym.preferences.hh_rlhf import read_prompt
from lmgym.preferences.record import MAX_RESPONSES, Preference
from lmgym.preferences.sources import OddRow, Pair, Source, check_fields, check_text, strict_pairs


def read_trl_row(row: Any, source: Source) -> Iterator[Preference]:
    """Yields the record of one row of preferences, with an explicit prompt or an implicit one.

    Raises:
        OddRow: other fields, or values that are neither texts nor messages.
    """
    values = check_fields(row, "chosen", "rejected")
    chosen, rejected = values["chosen"], values["rejected"]
    if "prompt" in values:
        prompt = values["prompt"]
    elif isinstance(chosen, str) and isinstance(rejected, str):
        prompt, chosen, rejected = _split_texts(chosen, rejected)
    else:
        prompt, chosen, rejected = _split_messages(_read_messages(chosen), _read_messages(rejected))
    extra = {name: values[name] for name in values.keys() - {"prompt", "chosen", "rejected"}}
    better, worse = _read_answer(prompt, chosen, "chosen"), _read_answer(prompt, rejected, "rejected")
    yield source.make_pair(_read_prompt(prompt), better, worse, extra)


def make_trl_rows(
    preference: Preference, left_out: Counter[str], *, as_messages: bool, is_implicit: bool = False
) -> Iterator[dict[str, Any]]:
    """Yields a row for each pair that isn't a tie; counts what the format can't hold."""
    for pair in strict_pairs(preference, left_out):
        written = _write_texts(preference.prompt, pair, left_out, as_messages=as_messages)
        if written is None:
            continue
        prompt, (chosen, rejected) = written
        if is_implicit:
            yield {"chosen": prompt + chosen, "rejected": prompt + rejected}
        else:
            yield {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def read_unpaired(rows: Iterable[Any], source: Source) -> Iterator[Preference]:
    """Yields one record for each prompt: its good completions tie above its bad ones, which tie too.

    All rows are read first, because those of one prompt need not stand together. What is odd is counted.
    """
    groups: dict[str, dict[str, bool]] = {}
    for row in rows:
        try:
            prompt, completion, is_good = _read_unpaired_row(row)
        except OddRow as error:
            source.skipped[str(error)] += 1
            continue
        if groups.setdefault(prompt, {}).setdefault(completion, is_good) != is_good:
            source.skipped["a completion labelled good and bad"] += 1
    for prompt, labels in groups.items():
        if len(set(labels.values())) < 2:
            source.skipped["a completion without one of the other label"] += len(labels)
        elif len(labels) > MAX_RESPONSES:
            source.skipped[f"more than {MAX_RESPONSES} completions of a prompt"] += len(labels)
        else:
            yield source.make(prompt, tuple(labels), tuple(int(not good) for good in labels.values()))


def make_unpaired_rows(
    preference: Preference, left_out: Counter[str], *, as_messages: bool
) -> Iterator[dict[str, Any]]:
    """Yields a row for each response: the best ones are good, all others bad; counts what gets lost."""
    if preference.ranks is None or max(preference.ranks) == 0:
        left_out["no verdict" if preference.ranks is None else "tie"] += 1
        return
    left_out["order among the worse"] += sum(
        not is_tie and preference.ranks[better] > 0 for better, _, is_tie in preference.pairs()
    )
    written = _write_texts(preference.prompt, preference.responses, left_out, as_messages=as_messages)
    if written is not None:
        for completion, rank in zip(written[1], preference.ranks, strict=True):
            yield {"prompt": written[0], "completion": completion, "label": rank == 0}


def _read_unpaired_row(row: Any) -> tuple[str, str, bool]:
    values = check_fields(row, "prompt", "completion", "label")
    if type(values["label"]) is not bool:
        raise OddRow("'label' is neither true nor false")
    completion = _read_answer(values["prompt"], values["completion"], "completion")
    return _read_prompt(values["prompt"]), completion, values["label"]


def _read_prompt(prompt: Any) -> str:
    return (
        write_conversation(_read_messages(prompt))
        if isinstance(prompt, list)
        else check_text(prompt, "prompt")
    )


def _read_answer(prompt: Any, answer: Any, name: str) -> str:
    """Returns the text of an answer; messages become the continuation of the prompt's conversation."""
    if not isinstance(prompt, list):
        return check_text(answer, name)
    messages = _read_messages(answer)
    if not messages or messages[0].role != "assistant":
        raise OddRow("an answer that does not begin with the assistant")
    return write_conversation(messages, agent_next=False).removeprefix(AGENT).removesuffix(END)


def _read_messages(value: Any) -> list[Message]:
    if not isinstance(value, list):
        raise OddRow("neither texts nor messages throughout")
    messages = []
    for item in value:
        role, content = check_fields(item, "role", "content")["role"], item["content"]
        if not isinstance(role, str) or role not in MARK_OF or not isinstance(content, str):
            raise OddRow("a message of another role, or without text")
        messages.append(Message(role, content))
    return messages


def _split_texts(chosen: str, rejected: str) -> tuple[str, str, str]:
    """Returns (prompt, chosen, rejected): the longest common beginning; a space goes to the answers."""
    letters = enumerate(zip(chosen, rejected, strict=False))
    size = next((place for place, (a, b) in letters if a != b), min(len(chosen), len(rejected)))
    prompt = chosen[:size].removesuffix(" ")
    return prompt, chosen[len(prompt) :], rejected[len(prompt) :]


def _split_messages(
    chosen: list[Message], rejected: list[Message]
) -> tuple[list[dict[str, str]], list[dict[str, str]], list[dict[str, str]]]:
    size = 0
    while size < min(len(chosen), len(rejected)) - 1 and chosen[size] == rejected[size]:
        size += 1
    return _plain(chosen[:size]), _plain(chosen[size:]), _plain(rejected[size:])


def _write_texts(
    prompt: str, responses: Pair | tuple[str, ...], left_out: Counter[str], *, as_messages: bool
) -> tuple[Any, list[Any]] | None:
    """Returns prompt and responses as texts or as messages, None (and counts) where that can't hold them."""
    if not as_messages:
        if any(has_marks(text) for text in (prompt, *responses)):
            left_out["conversation among plain texts"] += 1
            return None
        return prompt, list(responses)
    answers = [read_conversation(AGENT + response) or [Message("assistant", "")] for response in responses]
    messages = read_prompt(prompt)
    read_back = [_read_answer([], _plain(answer), "") for answer in answers]
    if messages is None or read_back != list(responses):
        left_out["conversation that is no list of messages"] += 1
        return None
    return _plain(messages), [_plain(answer) for answer in answers]


def _plain(messages: list[Message]) -> list[dict[str, str]]:
    return [message._asdict() for message in messages]
