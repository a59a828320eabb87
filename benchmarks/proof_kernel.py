"""Lines of proofs checked a second, as values and from text, and problems drawn a second; on one core.

Problems and proofs are those of lmgym/Proof-v0, level by level. A line as a value is played by ``extend``
(boxes, citations, the kernel's rule, a new state); a line from text is split and parsed first by
``check_text``. Every round has problems of its own, so that no text is parsed twice but those that problems
share. Seconds are processor time of this one thread; the median round counts. A proof that does not reach its
goal stops the measurement.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from _record import make_mark, write_record
from rich.console import Console
from rich.table import Table

from lmgym.logic.fitch import Line, ProofState, Sequent, begin, check_text, extend, write_line
from lmgym.seeding import make_generator
from lmgym.tasks.proof.draw import draw_sequents
from lmgym.tasks.proof.first_order import LEVELS as FIRST_ORDER_LEVELS
from lmgym.tasks.proof.first_order import draw_first_order
from lmgym.tasks.proof.knobs import LEVELS
from lmgym.tasks.stream import Words

NAME = "proof_kernel"
BLOCK = 64
"""Problems that a task draws at once."""
Pair = tuple[Sequent, tuple[Line, ...]]


class Level(NamedTuple):
    name: str
    draw: Callable[[int], list[Pair]]
    """Draws a block of problems from a seed."""


def make_levels() -> list[Level]:
    """Returns the levels of lmgym/Proof-v0, propositional ones first."""

    def propositional(level: int) -> Callable[[int], list[Pair]]:
        def draw(seed: int) -> list[Pair]:
            words = Words(make_generator(seed))
            return [
                (each.sequent, each.proof) for each in draw_sequents(LEVELS[level], "train", BLOCK, words)
            ]

        return draw

    def first_order(index: int) -> Callable[[int], list[Pair]]:
        def draw(seed: int) -> list[Pair]:
            words = Words(make_generator(seed))
            drawn = (draw_first_order(FIRST_ORDER_LEVELS[index], "train", words) for _ in itertools.count())
            found = itertools.islice((each for each in drawn if each is not None), BLOCK)
            return [(each.sequent, each.proof) for each in found]

        return draw

    levels = [Level(str(level), propositional(level)) for level in LEVELS]
    number = itertools.count(max(LEVELS) + 1)
    return levels + [Level(str(next(number)), first_order(i)) for i in range(len(FIRST_ORDER_LEVELS))]


def check_values(problems: list[Pair]) -> tuple[int, float]:
    """Returns the lines played as values, and the seconds."""
    start = time.process_time()
    states = [_play(begin(sequent), proof) for sequent, proof in problems]
    seconds = time.process_time() - start
    assert all(state.is_proved for state in states)
    return sum(len(proof) for _, proof in problems), seconds


def _play(state: ProofState, proof: tuple[Line, ...]) -> ProofState:
    for line in proof:
        after = extend(state, line)
        assert isinstance(after, ProofState), after
        state = after
    return state


def check_texts(problems: list[Pair]) -> tuple[int, float]:
    """Returns the lines read from text and played, and the seconds."""
    texts = []
    for sequent, proof in problems:
        numbered = enumerate(proof, len(sequent.premises) + 1)
        texts.append("\n".join([write_line(line, number) for number, line in numbered]))
    start = time.process_time()
    checks = [check_text(begin(sequent), text) for (sequent, _), text in zip(problems, texts, strict=True)]
    seconds = time.process_time() - start
    assert all(each.state.is_proved for each in checks), next(each for each in checks if each.refusal)
    return sum(len(proof) for _, proof in problems), seconds


def measure(level: Level, num_rounds: int, seconds_a_round: float) -> dict[str, Any]:
    """Returns a row: problems drawn, lines played and lines read a second."""
    level.draw(0)  # what a first draw prepares once and for all
    drawn_per_s, values_per_s, texts_per_s, num_lines, num_problems = [], [], [], 0, 0
    seeds = itertools.count(1)
    for _ in range(num_rounds):
        problems: list[Pair] = []
        start = time.process_time()
        while not problems or time.process_time() - start < seconds_a_round:
            problems += level.draw(next(seeds))
        drawn_per_s.append(len(problems) / (time.process_time() - start))
        lines, seconds = check_texts(problems)
        texts_per_s.append(lines / seconds)
        lines, seconds = check_values(problems)
        values_per_s.append(lines / seconds)
        num_lines, num_problems = num_lines + lines, num_problems + len(problems)
    return {
        "level": level.name,
        "lines_per_proof": round(num_lines / num_problems, 2),
        "lines_per_s": round(statistics.median(values_per_s)),
        "lines_from_text_per_s": round(statistics.median(texts_per_s)),
        "problems_per_s": round(statistics.median(drawn_per_s)),
        "num_lines": num_lines,
    }


def print_rows(rows: list[dict[str, Any]]) -> None:
    table = Table(title="one core")
    for heading in ("level", "lines/proof", "lines/s", "lines/s from text", "problems/s"):
        table.add_column(heading, justify="right")
    for row in rows:
        numbers = (row["lines_per_s"], row["lines_from_text_per_s"], row["problems_per_s"])
        table.add_row(row["level"], f"{row['lines_per_proof']:.1f}", *(f"{number:,}" for number in numbers))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round; nothing is recorded")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    num_rounds, seconds = (1, 0.1) if options.quick else (3, 0.25)
    rows = [measure(level, num_rounds, seconds) for level in make_levels()]
    print_rows(rows)
    propositional = rows[: len(LEVELS)]
    marks = [
        make_mark("proof lines checked a second", _mean(rows, "lines_per_s"), "lines/s", at_least=100_000),
        make_mark(
            "proof lines checked a second from text",
            _mean(rows, "lines_from_text_per_s"),
            "lines/s",
            at_least=100_000,
        ),
        make_mark("easy proofs drawn a second", rows[0]["problems_per_s"], "problems/s", at_least=1_000),
        make_mark(
            "proofs drawn a second at the slowest propositional level",
            min(row["problems_per_s"] for row in propositional),
            "problems/s",
            at_least=100,
        ),
    ]
    for mark in marks:
        print(f"{mark['name']}: {mark['value']:,.0f} {mark['unit']} ({mark['goal']})")
    if not options.quick:
        write_record(NAME, rows, marks)


def _mean(rows: list[dict[str, Any]], name: str) -> float:
    """Returns the lines a second over as many lines of each level: the harmonic mean."""
    return float(round(statistics.harmonic_mean([float(row[name]) for row in rows])))


if __name__ == "__main__":
    main()
