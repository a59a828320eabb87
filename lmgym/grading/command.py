"""``lmgym grade``: grades one response and explains the verdict.

Comes in: a gold answer and a response, typed or piped. Goes out: what was looked for, found, understood and
decided; the exit code tells the verdict. Left out: the grading itself.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from dataclasses import dataclass
from typing import Annotated, Any, Final

import tyro
from rich.console import Console
from rich.table import Table

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.grading.policies import Place, Policy, find_policy
from lmgym.grading.rules import Rules

EXIT_CODES: Final = {"correct": 0, "wrong": 1, "error": 3}

_DECIDED_BY = {
    "numbers": "exact values of plain numbers",
    "letters": "letters of the choices",
    "words": "a word that leaves the answer open",
    "reading": "the parser, which refused the answer",
    "rules": "exact rules",
    "worker": "a worker process",
    "memory": "what a worker process said before",
    "extraction": "the search for a final answer",
    "gold": "the gold answer, which is not usable",
}


@dataclass(frozen=True, kw_only=True)
class GradeConfig:
    """Grades one response and explains the verdict.

    Exit code: 0 correct, 1 wrong, 3 error, 2 a mistake in the command, 4 the output could not be written.
    """

    gold: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="GOLD")]
    """The gold answer."""

    response: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RESPONSE")]
    """What the agent wrote; - reads it from standard input."""

    policy: Place = "final"
    """Where the final answer stands."""

    rule: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME=VALUE")] = ()
    """What counts as the same answer, e.g. --rule percent=optional; may be given several times."""

    prompt: str | None = None
    """What the agent read; an answer inside a copy of it does not count."""

    solution: bool = False
    """GOLD is a worked solution that ends with its answer."""

    timeout_s: float = 2.0
    """Longest time for the comparison."""

    json: bool = False
    """Print one JSON object instead of a table."""

    def make_policy(self) -> Policy:
        """Returns the policy with its rules.

        Raises:
            InvalidValueError: a ``rule`` that is not NAME=VALUE, or a value that is not allowed.
            UnknownNameError: a rule that does not exist.
        """
        names = [field.name for field in dataclasses.fields(Rules)]
        rules: dict[str, Any] = {}
        for text in self.rule:
            name, equals, value = text.partition("=")
            if not (name and equals):
                raise InvalidValueError(f"GradeConfig.rule must be NAME=VALUE, got {text!r}.")
            if name not in names:
                raise UnknownNameError("rule", name, names)
            rules[name] = _read_value(name, value)
        return dataclasses.replace(find_policy(self.policy), rules=Rules(**rules))


def run_grade(config: GradeConfig) -> int:
    """Prints the verdict with its explanation and returns the exit code."""
    policy = config.make_policy()
    response = config.response
    if response == "-":
        if sys.stdin is None:
            raise InvalidValueError("a response of - is read from standard input, which is closed.")
        response = sys.stdin.buffer.read().decode("utf-8", errors="surrogateescape")
    found = explain(config, policy, response)
    if config.json:
        print(json.dumps(found))
    else:
        _print(found)
    return EXIT_CODES[found["status"]]


def explain(config: GradeConfig, policy: Policy, response: str) -> dict[str, Any]:
    """Returns the verdict and how it came about, as a JSON object."""
    # Loaded before the clock starts.
    from lmgym.grading.decisions import decide_quickly, decide_slowly
    from lmgym.grading.equality import equivalence  # noqa: F401
    from lmgym.grading.gold import read_gold
    from lmgym.grading.grader import check_timeout, find_answer
    from lmgym.grading.notation import parser  # noqa: F401

    check_timeout(config.timeout_s)
    found: dict[str, Any] = {"status": "error", "reason": "gold", "answer": None, "decided_by": "gold"}
    found |= {"where": policy.where, "rules": dataclasses.asdict(policy.rules)}
    begun = time.perf_counter()
    try:
        gold = read_gold(config.gold, policy, is_solution=config.solution)
    except InvalidValueError as error:
        return {**found, "detail": str(error)}
    answer, reason = find_answer(response, policy, config.prompt)
    found |= {"status": "wrong", "reason": reason, "answer": answer, "decided_by": "extraction"}
    if answer is not None and not reason:
        decision = decide_quickly(gold, answer) or decide_slowly(gold, answer, config.timeout_s)
        found |= {"status": decision.status, "reason": decision.reason, "decided_by": decision.by}
    found |= {"seconds": time.perf_counter() - begun, "gold": _describe(gold.text, policy)}
    return found if answer is None else {**found, "given": _describe(answer, policy)}


def _describe(text: str, policy: Policy) -> dict[str, str]:
    """Returns how ``text`` is read, in plain notation and as LaTeX, or why it is not."""
    from lmgym.grading.budgets import Refusal
    from lmgym.grading.notation.parser import parse
    from lmgym.grading.notation.printing import to_latex, to_text

    if policy.where == "choice":
        return {"written": text}
    try:
        node = parse(text, policy.rules, policy.budgets)
    except Refusal as refusal:
        return {"written": text, "refused": f"{refusal.reason}: {refusal.detail}"}
    return {"written": text, "read": to_text(node), "latex": to_latex(node), "kind": node.head}


def _print(found: dict[str, Any]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    reason = f" ({found['reason']})" if found["reason"] else ""
    table.add_row("verdict", found["status"] + reason)
    table.add_row("looked for", found["where"])
    changed = {name: value for name, value in found["rules"].items() if value != getattr(Rules(), name)}
    if changed:
        table.add_row("rules", ", ".join(f"{name}={value}" for name, value in changed.items()))
    table.add_row("answer", "none" if found["answer"] is None else _visible(found["answer"]))
    for side, name in (("gold", "gold read as"), ("given", "answer read as")):
        if side in found:
            table.add_row(name, _visible(_summary(found[side])))
    table.add_row("decided by", _DECIDED_BY[found["decided_by"]])
    if "detail" in found:
        table.add_row("because", _visible(found["detail"]))
    if "seconds" in found:
        table.add_row("time", f"{1000 * found['seconds']:.2f} ms")
    Console(markup=False, emoji=False, highlight=False).print(table)


def _summary(side: dict[str, str]) -> str:
    if "refused" in side:
        return f"nothing: {side['refused']}"
    if "read" not in side:
        return side["written"]
    return f"{side['kind']}: {side['read']}   LaTeX: {side['latex']}"


def _visible(text: str) -> str:
    """Returns ``text`` with what a terminal would obey, or can't show, written as an escape."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _read_value(name: str, value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    if name != "decimals":
        return value
    try:
        return None if value == "none" else int(value)
    except ValueError:
        raise InvalidValueError(f"Rules.decimals must be a whole number or none, got {value!r}.") from None
