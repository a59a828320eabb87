"""Silent bugs in proofs about comparisons; see ``mutant.py``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

STATE = "lmgym/tasks/order/proof_state.py"
TESTS = ("tests/lmgym/tasks/test_order_proof.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        kind=26,
        name="comparisons-without-proofs",
        bug="Where a proof is asked for the right answer alone is paid.",
        file=STATE,
        old="self.is_done = self._is_proved()",
        new="self.is_done = True",
        tests=TESTS,
    ),
    Mutant(
        kind=26,
        name="comparisons-that-do-not-follow",
        bug="A line may state another comparison than the lines it cites give.",
        file=STATE,
        old="if theorem is None or theorem.conclusion is not compare(line.fact):",
        new="if theorem is None:",
        tests=TESTS,
    ),
    Mutant(
        kind=26,
        name="comparisons-of-another-kind",
        bug="A premise about something else that is compared counts as one about what is asked.",
        file=STATE,
        old="assume(compare(fact, is_asked=asked)) for fact, asked in reference.premises",
        new="assume(compare(fact)) for fact, _ in reference.premises",
        tests=TESTS,
    ),
    Mutant(
        kind=26,
        name="comparisons-cite-what-comes-later",
        bug="A line that cites one below it is taken to cite the last one above.",
        file=STATE,
        old="        if max(line.cited) > len(self._lines):\n            return _CITED\n"
        "        theorem = self._follow([self._lines[number - 1] for number in line.cited])\n",
        new="        cited = [min(number, len(self._lines)) for number in line.cited]\n"
        "        theorem = self._follow([self._lines[number - 1] for number in cited])\n",
        tests=TESTS,
    ),
    Mutant(
        kind=26,
        name="one-case-shows-unknown",
        bug="That one thing is possible shows that nothing is known.",
        file=STATE,
        old="return len(set(self._cases.values())) >= NUM_CASES",
        new="return len(set(self._cases.values())) >= NUM_CASES - 1",
        tests=TESTS,
    ),
    Mutant(
        kind=26,
        name="cases-that-agree-show-unknown",
        bug="Two cases show that nothing is known though the answer is the same in both.",
        file=STATE,
        old="return len(set(self._cases.values())) >= NUM_CASES",
        new="return len(self._cases) >= NUM_CASES",
        tests=TESTS,
    ),
    Mutant(
        kind=26,
        name="cases-that-break-premises",
        bug="A case need not agree with the premises.",
        file=STATE,
        old="        if not agrees(line.order, self._order.premises):\n            return WRONG\n",
        new="",
        tests=TESTS,
    ),
    Mutant(
        kind=26,
        name="faults-in-comparisons-are-forgiven",
        bug="A proof may have wrong lines beside the right ones.",
        file=STATE,
        old="self.is_refused = verdict.status in _REFUSED",
        new="self.is_refused = False",
        tests=TESTS,
    ),
    Mutant(
        kind=26,
        name="comparisons-that-lead-nowhere",
        bug="A line that brings the answer no nearer counts as a right step.",
        file=STATE,
        old="if distance >= self._nearest:",
        new="if distance > self._nearest:",
        tests=TESTS,
    ),
)
