"""Asks programs that nobody here wrote, z3 and E, whether formulas of the kernel follow from others.

Free variables are taken as names of things that are nothing in particular, which is what they are in an
entailment. One sort, never empty, as in the kernel.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmgym.logic.kernel import Formula

TIMEOUT_S = 20
"""Wall clock for one question; E itself stops after two seconds of CPU."""


class Z3:
    """Translates to z3 with an uninterpreted sort."""

    def __init__(self, z3: Any) -> None:
        self._z3 = z3
        self._sort = z3.DeclareSort("Thing")

    def entails(self, premises: Sequence[Formula], goal: Formula) -> bool | None:
        """Returns whether ``premises`` entail ``goal``; None: z3 does not know."""
        solver = self._z3.Solver()
        solver.set("timeout", 2000)
        solver.add([self.translate(premise) for premise in premises])
        solver.add(self._z3.Not(self.translate(goal)))
        return {"unsat": True, "sat": False}.get(str(solver.check()))

    def translate(self, node: Formula, bound: tuple[Any, ...] = ()) -> Any:
        """Returns the term or formula in z3."""
        z3 = self._z3
        if node.kind in ("forall", "exists"):
            name = z3.Const(f"bound{len(bound)}", self._sort)
            quantify = z3.ForAll if node.kind == "forall" else z3.Exists
            return quantify([name], self.translate(node.parts[0], (name, *bound)))
        if node.kind == "bound":
            return bound[int(node.name)]
        if node.kind == "variable":
            return z3.Const(f"variable {node.name}", self._sort)
        parts = [self.translate(part, bound) for part in node.parts]
        if node.kind in ("function", "predicate"):
            end = self._sort if node.kind == "function" else z3.BoolSort()
            symbol = z3.Function(f"{node.kind} {node.name}", *[self._sort] * len(parts), end)
            return symbol(*parts)
        if node.kind in ("true", "false"):
            return z3.BoolVal(node.kind == "true")
        make = {
            "not": z3.Not, "and": z3.And, "or": z3.Or, "implies": z3.Implies,
            "iff": lambda a, b: a == b, "equal": lambda a, b: a == b,
        }[node.kind]  # fmt: skip
        return make(*parts)


class Eprover:
    """Writes problems in TPTP's language and asks the prover E."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._file = program, folder / "problem.p"

    def entails(self, premises: Sequence[Formula], goal: Formula) -> bool | None:
        """Returns whether ``premises`` entail ``goal``; None: E did not find out."""
        return ask_eprover(self._program, list(map(write_tptp, premises)), write_tptp(goal), self._file)


def ask_eprover(program: str, premises: Sequence[str], goal: str, file: Path) -> bool | None:
    """Returns whether ``premises`` entail ``goal``, written in TPTP's language; None: E did not find out."""
    lines = [f"fof(p{at}, axiom, {premise})." for at, premise in enumerate(premises)]
    file.write_text("\n".join([*lines, f"fof(g, conjecture, {goal})."]) + "\n", "utf-8")
    command = [program, "--auto", "--cpu-limit=2", "-s", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    statuses = [line.split()[3] for line in done.stdout.splitlines() if "SZS status" in line]
    assert len(statuses) == 1, (lines, goal, done.stdout, done.stderr)
    return {"Theorem": True, "ContradictoryAxioms": True, "CounterSatisfiable": False}.get(statuses[0])


def write_tptp(node: Formula, depth: int = 0) -> str:
    """Returns the term or formula as fof, every part in brackets."""
    if node.kind == "bound":
        return f"X{depth - 1 - int(node.name)}"
    if node.kind == "variable":
        return f"variable_{node.name}"
    if node.kind in ("forall", "exists"):
        sign = "!" if node.kind == "forall" else "?"
        return f"({sign}[X{depth}]: {write_tptp(node.parts[0], depth + 1)})"
    parts = [write_tptp(part, depth) for part in node.parts]
    if node.kind in ("function", "predicate"):
        name = "".join(sign if sign.isalnum() else f"_{ord(sign):x}_" for sign in node.name)
        return f"{node.kind}_{name}" + (f"({','.join(parts)})" if parts else "")
    if node.kind in ("true", "false"):
        return f"${node.kind}"
    if node.kind == "not":
        return f"(~ {parts[0]})"
    sign = {"and": "&", "or": "|", "implies": "=>", "iff": "<=>", "equal": "="}[node.kind]
    return f"({parts[0]} {sign} {parts[1]})"
