"""Silent bugs in what checks proofs of Metamath; see ``mutant.py``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

TASKS = "lmgym/tasks/"
LOGIC = "lmgym/logic/"
TESTS = "tests/lmgym/tasks/"
METAMATH = ("tests/lmgym/logic/test_metamath_proofs.py::test_proofs_are_refused_for_the_right_reason",)
COMPRESSED = (
    "tests/lmgym/logic/test_metamath_proofs.py::test_compressed_proofs_are_refused_for_the_right_reason",
)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        kind=27,
        name="distinct-variables-unchecked",
        bug="Conditions of distinct variables are not looked at.",
        file=LOGIC + "metamath/rule.py",
        old="    if assertion.distinct:\n",
        new="    if not assertion:\n",
        tests=METAMATH,
    ),
    Mutant(
        kind=27,
        name="a-variable-is-distinct-from-itself",
        bug="Two expressions with the same variable count as distinct.",
        file=LOGIC + "metamath/rule.py",
        old="if pair not in setting.distinct:",
        new="if one != other and pair not in setting.distinct:",
        tests=METAMATH,
    ),
    Mutant(
        kind=27,
        name="hypotheses-unread",
        bug="A logical hypothesis has to have the right typecode, and no more.",
        file=LOGIC + "metamath/rule.py",
        old="if made != found:",
        new="if made is None or made[0] != found[0]:",
        tests=METAMATH,
    ),
    Mutant(
        kind=27,
        name="one-variable-after-the-other",
        bug="Variables are replaced in what was put for other ones.",
        file=LOGIC + "metamath/rule.py",
        old="            made += replacement\n",
        new="            made += [s for each in replacement for s in substitution.get(each, (each,))]\n",
        tests=("tests/lmgym/logic/test_metamath_proofs.py::test_substitution_is_simultaneous",),
    ),
    Mutant(
        kind=27,
        name="hypotheses-by-kind",
        bug="Mandatory hypotheses stand in another order than in the database.",
        file=LOGIC + "metamath/reader.py",
        old="mandatory = tuple(h for h in active.values() if not h.is_floating or h.expression[1] in used)",
        new="mandatory = tuple(\n            h\n"
        "            for h in sorted(active.values(), key=lambda h: not h.is_floating)\n"
        "            if not h.is_floating or h.expression[1] in used\n        )",
        tests=(
            "tests/lmgym/logic/test_metamath_reader.py::test_mandatory_hypotheses_stand_in_the_order_of_the_database",
        ),
    ),
    Mutant(
        kind=27,
        name="more-on-the-stack-than-the-theorem",
        bug="A proof may leave other expressions below the theorem.",
        file=LOGIC + "metamath/goal.py",
        old="return len(stack) == 1 and stack[0] == self.theorem.expression",
        new="return bool(stack) and stack[-1] == self.theorem.expression",
        tests=METAMATH,
    ),
    Mutant(
        kind=27,
        name="a-theorem-by-itself",
        bug="A proof may use what it is to prove.",
        file=LOGIC + "metamath/goal.py",
        old="if assertion.number < self.theorem.number:",
        new="if assertion.number <= self.theorem.number:",
        tests=METAMATH,
    ),
    Mutant(
        kind=27,
        name="theorems-from-below",
        bug="A proof may use what stands below, and was perhaps proved by it.",
        file=LOGIC + "metamath/goal.py",
        old="if assertion.number < self.theorem.number:",
        new="if assertion is not self.theorem:",
        tests=METAMATH,
    ),
    Mutant(
        kind=27,
        name="hypotheses-are-marked",
        bug="Z may mark what is no use of an assertion.",
        file=LOGIC + "metamath/compressed.py",
        old="if not steps.is_markable(last):",
        new="if not stack:",
        tests=COMPRESSED,
    ),
    Mutant(
        kind=27,
        name="numbers-beyond-the-marks",
        bug="A number that stands for nothing stands for some step that was marked.",
        file=LOGIC + "metamath/compressed.py",
        old="        elif number - known < len(marked):\n            stack.append(marked[number - known])\n",
        new="        elif marked:\n            stack.append(marked[(number - known) % len(marked)])\n",
        tests=COMPRESSED,
    ),
    Mutant(
        kind=27,
        name="letters-count-from-nought",
        bug="U to Y are digits from 0, not from 1.",
        file=LOGIC + "metamath/compressed.py",
        old='value = value * 5 + ord(letter) - ord("U") + 1',
        new='value = value * 5 + ord(letter) - ord("U")',
        tests=("tests/lmgym/logic/test_metamath_proofs.py::test_numbers_are_read_as_the_book_says",),
    ),
    Mutant(
        kind=27,
        name="unification-is-believed",
        bug="A proof of logical steps is not made into a normal one and checked.",
        file=TASKS + "metamath/formats.py",
        old="return self._normal._goal(theorem).check(labels).refusal",
        new="return None",
        tests=(TESTS + "test_metamath.py::test_what_unifies_is_checked_for_distinct_variables",),
    ),
    Mutant(
        kind=27,
        name="the-same-theorem-in-two-splits",
        bug="A theorem and its copy under other names are told apart.",
        file=TASKS + "metamath/canonical.py",
        old='symbol = numbers.setdefault(symbol, f"{types[symbol]}${len(numbers)}")',
        new='symbol = numbers.setdefault(symbol, f"{types[symbol]}${symbol}")',
        tests=(TESTS + "test_metamath.py::test_names_and_order_of_hypotheses_don_t_make_another_theorem",),
    ),
    Mutant(
        kind=27,
        name="several-labels-a-turn",
        bug="A turn of one label may hold several; the first one counts.",
        file=TASKS + "metamath/play.py",
        old="elif len(labels) != 1:",
        new="elif not labels:",
        tests=(TESTS + "test_metamath.py::test_a_label_a_turn_shows_the_stack_and_refuses_with_a_reason",),
    ),
    Mutant(
        kind=27,
        name="stacks-that-were-there-before",
        bug="Going back on the known way and forth again is progress.",
        file=TASKS + "metamath/play.py",
        old="if place <= best:",
        new="if place < best:",
        tests=(TESTS + "test_metamath.py::test_what_changes_nothing_is_no_progress",),
    ),
)
