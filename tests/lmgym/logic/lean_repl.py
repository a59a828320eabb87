"""Plays a Lean REPL: answers as the documentation of leanprover-community/repl shows them, from known proofs.

``python lean_repl.py PROOFS.json``: a list of {"statement", "proof", "axioms"}. It knows no Lean: a tactic is
right if it is the next one of the known proof. Some words make it misbehave, as a real one can.
"""

from __future__ import annotations

import json
import re
import sys
import time
from typing import Any

SORRY = {"severity": "warning", "pos": {"line": 1, "column": 8}, "data": "declaration uses 'sorry'"}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        proofs = {row["statement"]: row for row in json.load(file)}
    repl = Repl(proofs)
    lines: list[str] = []
    for line in sys.stdin:
        if line.strip():
            lines.append(line)
        elif lines:
            request, lines = json.loads("".join(lines)), []
            sys.stdout.write(json.dumps(repl.answer(request), indent=1, ensure_ascii=False) + "\n\n")
            sys.stdout.flush()


class Repl:
    def __init__(self, proofs: dict[str, Any]) -> None:
        self.proofs = proofs
        self.num_envs = 0
        self.states: list[tuple[str, int]] = []
        self.theorems: dict[str, str] = {}
        self.pins: dict[str, str] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "tactic" in request:
            return self.tactic(request["tactic"], request["proofState"])
        if request.get("env", -1) >= self.num_envs:
            return {"message": "Unknown environment."}
        found = self.command(request["cmd"])
        self.num_envs += 1
        return {**found, "env": self.num_envs - 1}

    def command(self, text: str) -> dict[str, Any]:
        if "broken context" in text:
            return error("unknown identifier 'broken'")
        if found := re.fullmatch(r"theorem \w+ : (.*) := by sorry", text):
            self.states.append((found[1], 0))
            hole = {
                "proofState": len(self.states) - 1,
                "pos": {"line": 1, "column": 1},
                "goal": goal(found[1], 0),
            }
            return {"sorries": [hole], "messages": [SORRY]}
        if found := re.fullmatch(r"def (\w+) : Prop := (.*)", text):
            self.pins[found[1]] = found[2]
        elif found := re.fullmatch(r"theorem (\w+) : (.*) := by\n(.*)", text, re.S):
            known = self.proofs[found[2]]
            if [line.strip() for line in found[3].split("\n")] != known.get("accepted", known["proof"]):
                return error("unsolved goals")
            self.theorems[found[1]] = found[2]
            if known.get("hole"):
                return {"messages": [SORRY]}
        elif found := re.fullmatch(r"theorem (\w+) : (\w+) := (\w+)", text):
            if self.pins[found[2]] != self.theorems[found[3]]:
                return error("type mismatch")
            self.theorems[found[1]] = self.theorems[found[3]]
        elif found := re.fullmatch(r"#print axioms (\w+)", text):
            return self.axioms(found[1])
        return {}

    def axioms(self, name: str) -> dict[str, Any]:
        row = self.proofs[self.theorems[name]]
        if row.get("says") == "":
            return {}
        names = row.get("axioms", [])
        says = f"depends on axioms: [{', '.join(names)}]" if names else "does not depend on any axioms"
        return {
            "messages": [
                {"severity": "info", "data": row.get("says", f"'{name}' {says}").replace("NAME", name)}
            ]
        }

    def tactic(self, text: str, number: int) -> dict[str, Any]:
        if text == "exact crash":
            sys.exit(1)
        if text == "exact slow":
            time.sleep(600)
        if text == "exact garbage":
            sys.stdout.write("uncaught exception: {\n\n")
            sys.stdout.flush()
        if text == "exact flood":
            sys.stdout.write("x" * 5_000_000)
            sys.stdout.flush()
        if text == "exact wrong_types":
            return {"proofState": "one", "goals": []}
        if text == "exact message":
            return {"message": "Lean error:\nunknown identifier 'message'"}
        if text == "exact hole":
            return {"proofState": number, "goals": [], "sorries": [{"proofState": 0, "goal": "x"}]}
        statement, place = self.states[number]
        known = self.proofs[statement]["proof"]
        if text == "skip":
            self.states.append((statement, place))
        elif text == "exact cheat":
            self.states.append((statement, len(known)))
        elif place < len(known) and text == known[place]:
            self.states.append((statement, place + 1))
        else:
            return {
                "proofState": number,
                **error(f"unknown tactic step {text!r}"),
                "goals": [goal(statement, place)],
            }
        statement, place = self.states[-1]
        goals = [goal(statement, place)] if place < len(known) else []
        return {"proofState": len(self.states) - 1, "goals": goals}


def goal(statement: str, place: int) -> str:
    return f"h : {place} steps\n⊢ {statement}" if place else f"⊢ {statement}"


def error(text: str) -> dict[str, Any]:
    return {
        "messages": [{"severity": "error", "pos": {"line": 1, "column": 0}, "endPos": None, "data": text}]
    }


if __name__ == "__main__":
    main()
