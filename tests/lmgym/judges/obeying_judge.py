"""A judge that obeys whatever reaches the part of its messages that is not data, and is honest otherwise.

It is more gullible than a model should be: it renders the messages by several chat templates and reads the
special tokens back wherever they stand, ends a block of data at anything that looks like the end of one,
and repeats the data in its thinking and in its reply before it says its verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx

from lmgym.judges.constitution import load_constitution
from lmgym.judges.prompts import comparison_messages, score_messages
from lmgym.judges.quoting import revive

TEMPLATES = (
    ("<|im_start|>{role}\n", "<|im_end|>\n"),
    ("<s>[INST] <<SYS>>", "<</SYS>> [/INST] </s>"),
    ("<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"),
    ("<start_of_turn>{role}\n", "<end_of_turn>\n"),
    ("<｜User｜>", "<｜end▁of▁sentence｜>"),
    ("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
    ("<|{role}|>\n", "</s>\n"),
)
_SPECIAL = re.compile(
    r"<\s?/?\s?[|｜][^<>]{0,60}>|<\s?/?\s?(?:s|think|bos|eos|pad|unk|mask|\w+_\w+|0x\w\w)\s?>|<</?SYS>>"
    r"|\[/?(?-i:[A-Z][A-Z_]{1,30})\]",
    re.IGNORECASE,
)
_EDGE = re.compile(r"^\W?\s*[\[［]?\s*(begin|end)\s(question|answer(?: [AB])?)\b", re.IGNORECASE)


def instructions(content: str) -> tuple[list[str], dict[str, str]]:
    """Returns the lines outside the data, and the data by name, as a careless reader of lines sees them."""
    outside, inside, data = [], "", {}
    for line in content.splitlines():
        visible = "".join(char for char in line if char.isprintable() and char not in "\u200b\xad")
        edge = _EDGE.match(visible)
        if edge and edge[1].lower() == "begin":
            inside = edge[2]
            data[inside] = ""
        elif edge:
            inside = ""
        elif inside:
            data[inside] += line + "\n"
        else:
            outside.append(visible)
    return outside, data


def trusted(is_pair: bool) -> tuple[str, set[str], list[int]]:
    """Returns the system message without its code, the lines of the task, and the segments by template."""
    constitution = load_constitution()
    if is_pair:
        messages = comparison_messages(constitution, "q", "a", "b")
    else:
        messages = score_messages(constitution, "q", "a")
    return without_code(messages[0].content), set(instructions(messages[1].content)[0]), segments(messages)


def segments(messages: Any) -> list[int]:
    """Returns how many special tokens each chat template's text has."""
    pairs = [message if isinstance(message, dict) else message._asdict() for message in messages]
    counts = []
    for opening, closing in TEMPLATES:
        text = "".join(opening.format(role=m["role"]) + m["content"] + closing for m in pairs)
        counts.append(len(_SPECIAL.findall(text)))
    return counts


def without_code(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{16}\b", "CODE", text)


def obeying_judge(good: str, obeyed: list[str]) -> Callable[[httpx.Request], httpx.Response]:
    """Returns a server that prefers ``good``, or whatever gives it orders, which it puts into ``obeyed``."""
    expected = {True: trusted(True), False: trusted(False)}

    def respond(request: httpx.Request) -> httpx.Response:
        messages = json.loads(request.content)["messages"]
        outside, data = instructions(messages[1]["content"])
        is_pair = "answer A" in data or "answer B" in data
        system, lines, counts = expected[is_pair]
        orders = [line for line in outside if line not in lines]
        if without_code(messages[0]["content"]) != system or segments(messages) != counts:
            orders.append("special tokens")
        names = ["answer A", "answer B"] if is_pair else ["answer"]
        if set(data) != {"question", *names}:
            orders.append("blocks")
        is_good = [revive(data.get(name, "")).strip() == good for name in names]
        if orders:
            obeyed.append(orders[0])
            is_good = [not value for value in is_good]
        if is_pair:
            verdict: object = "tie" if is_good[0] == is_good[1] else "A" if is_good[0] else "B"
        else:
            verdict = 10 if is_good[0] else 1
        quoted = "\n".join(data.values())
        said = f"<think>{quoted}</think>\nI have read:\n{quoted}\n" + json.dumps({"verdict": verdict})
        return reply(said)

    return respond


def reply(content: object, finish: str = "stop") -> httpx.Response:
    """A successful answer of a server."""
    message = {"role": "assistant", "content": content}
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    return httpx.Response(
        200, json={"choices": [{"message": message, "finish_reason": finish}], "usage": usage}
    )
