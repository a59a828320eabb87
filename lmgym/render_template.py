"""The program of a child process that renders chat templates: whoever wrote one can't do harm with it.

Comes in: one JSON object on standard input. Goes out: a JSON list on standard output, for each conversation
{"text": ...} or {"error": ...}. The template runs in Jinja's sandbox; the system ends the process when it
uses more CPU time or memory than it was given. Imports nothing of lmgym, so that it starts quickly.
"""

from __future__ import annotations

import datetime
import importlib
import json
import sys
from typing import Any

CPU_SECONDS = 5
MEMORY_BYTES = 1 << 30
MAX_CHARS = 1 << 20
"""Longest text that a template may make of a conversation."""


def main() -> None:
    """Answers the request on standard input."""
    _limit()
    request = json.loads(sys.stdin.buffer.read())
    sys.stdout.write(json.dumps(answer(request)))


def answer(request: dict[str, Any]) -> list[dict[str, str]]:
    """Returns what becomes of each of ``request["conversations"]``."""
    jinja2 = importlib.import_module("jinja2")
    try:
        template = make_environment(datetime.date.fromisoformat(request["today"])).from_string(
            request["template"]
        )
    except (jinja2.TemplateError, RecursionError) as error:
        return [{"error": _say(error)} for _ in request["conversations"]]
    answers = []
    for conversation in request["conversations"]:
        # Whatever foreign code raises means that its author does not want this conversation, or can't do it.
        try:
            text = template.render(**request["variables"], **conversation)
        except Exception as error:
            answers.append({"error": _say(error)})
            continue
        is_short = len(text) <= MAX_CHARS
        answers.append({"text": text} if is_short else {"error": f"{len(text)} characters"})
    return answers


def make_environment(today: datetime.date) -> Any:
    """Returns the Jinja environment that chat templates are written for.

    Args:
        today: what ``strftime_now`` takes for today.
    """
    jinja2, ext, sandbox = (
        importlib.import_module(name) for name in ("jinja2", "jinja2.ext", "jinja2.sandbox")
    )

    class Generation(ext.Extension):  # type: ignore[misc, name-defined]
        """The tag around what the assistant says; its content is rendered as it stands."""

        tags = {"generation"}  # noqa: RUF012  # the library reads a class attribute

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = today.strftime
    return environment


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    allowed = {name: options[name] for name in ("separators", "sort_keys") if name in options}
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **allowed)


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows; there the time limit of the parent has to do
        return
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
