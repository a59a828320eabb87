"""Reads the corpus: golds and responses with the verdict that each must get.

A line of corpus/*.jsonl is an object with

- gold, response: texts; a response may also be a list of texts and of [text, times], joined
- expect: "correct", "wrong", or "not_correct" (anything else, such as a timeout)
- class: what kind of case it is
- policy (default "final"), rules (of ``Rules``), prompt, note: where they are needed

    python -m tests.lmgym.grading.cases    prints the verdict on each case, a JSON array a line
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

from lmgym.grading import Policy, Rules, grade
from lmgym.records import Verdict

FOLDER = Path(__file__).resolve().parent / "corpus"
TIMEOUT_S = 20.0
"""ample, so that no honest answer is lost on a busy machine"""
HOSTILE_TIMEOUT_S = 0.5


class Case(NamedTuple):
    name: str
    """file and line"""
    kind: str
    gold: str
    response: str
    expect: str
    policy: Policy
    prompt: str | None

    def grade(self, timeout_s: float | None = None) -> Verdict:
        if timeout_s is None:
            timeout_s = HOSTILE_TIMEOUT_S if self.kind == "dos" else TIMEOUT_S
        return grade(self.gold, self.response, policy=self.policy, prompt=self.prompt, timeout_s=timeout_s)

    def is_kept(self, verdict: Verdict) -> bool:
        """Whether the verdict is as expected."""
        if self.expect == "not_correct":
            return verdict.status != "correct"
        return verdict.status == self.expect


def read_cases() -> tuple[Case, ...]:
    cases = []
    for path in sorted(FOLDER.glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
            if line:
                cases.append(_make_case(f"{path.stem}:{number}", json.loads(line)))
    return tuple(cases)


def _make_case(name: str, record: dict) -> Case:
    parts = record["response"] if isinstance(record["response"], list) else [record["response"]]
    response = "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)
    policy = Policy(where=record.get("policy", "final"), rules=Rules(**record.get("rules", {})))
    return Case(
        name, record["class"], record["gold"], response, record["expect"], policy, record.get("prompt")
    )


def main() -> None:
    for case in read_cases():
        if case.kind != "dos":  # whether a deadline strikes depends on the machine
            verdict = case.grade()
            json.dump([case.name, verdict.status, verdict.reason, verdict.answer], sys.stdout)
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
