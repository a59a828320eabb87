"""Throws mutated answers at the grader and stops at the first exception, side effect or slow verdict.

Inputs are made of the corpus, of pieces of the grammar and of random Unicode. Each is a pure function of
(seed, number), so that any of them can be made again. What it finds is written to a file, one JSON object:

    python -m tests.fuzz.grader --inputs 1000000 --processes 2 --seed 1
    python -m tests.fuzz.grader --replay fuzz-grader.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lmgym.grading import grade
from tests.lmgym.grading.cases import Case, read_cases

MAX_SECONDS = 1.0
"""of CPU in the process that asks"""
MAX_WAIT = 60.0
"""seconds by the clock, a hang; the start of a worker, which a busy machine delays, is not in TIMEOUT_S"""
TIMEOUT_S = 0.5
BATCH = 500
POLICIES = ("final", "boxed", "marker", "last_line", "whole", "choice")
REASONS = {
    "correct": {""},
    "wrong": {"no_answer", "several_answers", "hedged", "echo", "unparsed", "unsolved", "form", "unit",
              "limit", "timeout", "wrong"},
    "error": {"gold", "overloaded"},  # "worker" would be a comparison that breaks
}  # fmt: skip

SNIPPETS = [
    "\\boxed{", "}", "{", "(", ")", "[", "]", "\\left", "\\right", "\\frac", "\\sqrt", "\\sqrt[3]", "^",
    "_", "7", "1", "0", ".", ",", "x", "y", "+", "-", "*", "/", "=", "<", "\\le", "\\ne", "\\pm", "\\cup",
    "\\cap", "\\{", "\\}", "\\text{", "\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\\\", "!", "|", "%",
    "\\%", "$", "\\$", "####", "<think>", "</think>", "\n", " ", "The answer is ", " or ", " and ",
    "\\infty", "\\pi", "\\log", "\\log_2", "\\ln", "\\sin", "\\cos^2", "\\arctan", "\\overline{", "\\binom",
    "^\\circ", "^\\prime", "e", "i", "\\mathbb{R}", "\\in", "\\", "99999999", "e9", "\\times 10^",
    "\\lfloor", "\\rfloor", "\\emptyset", "\\sum_{k=1}^{n}", "\\int", "cm", "\\mathrm{", "\\displaystyle",
    "\\,", "\\!", "**", "__class__", "lambda", "'", '"', "`", ";", ":", "~", "#", "\u00b2", "\u2212",
    "\u0663", "\u221a", "\u00bd", "\u221e", "\u03c0", "\ud800", "\x00", "\u202e", "\u200b",
]  # fmt: skip


class Failure(Exception):
    """What was found, as text."""


def make_input(cases: list[Case], seed: int, number: int) -> tuple[str, str, str, str | None]:
    """Returns (gold, response, policy, prompt) of that number."""
    rng = random.Random(f"{seed} {number}")
    case = rng.choice(cases)
    kind = rng.random()
    if kind < 0.4:
        response = mutate(case.response[:4000], rng, cases)
    elif kind < 0.75:
        response = make_expression(rng, rng.randint(1, 5))
        if rng.random() < 0.3:
            response = mutate(response, rng, cases)
    elif kind < 0.9:
        response = "".join(rng.choices(SNIPPETS, k=rng.randint(0, 40)))
    else:
        response = random_text(rng, rng.randint(0, 60))
    if rng.random() < 0.5:
        response = f"\\boxed{{{response}}}"
    gold = case.gold
    if rng.random() < 0.3:
        gold = make_expression(rng, rng.randint(1, 3)) if rng.random() < 0.8 else mutate(gold, rng, cases)
    prompt = rng.choice([case.prompt, response[: rng.randint(0, 40)]]) if rng.random() < 0.1 else None
    policy = "final" if rng.random() < 0.7 else rng.choice(POLICIES)
    return gold, response, policy, prompt


LEAVES = (
    "0",
    "1",
    "2",
    "7",
    "12",
    "0.5",
    "x",
    "y",
    "n",
    "\\pi",
    "e",
    "i",
    "\\infty",
    "10^9",
    "99",
    "-1",
    "\\alpha",
)
FORMS = (
    "@+@", "@-@", "@\\cdot @", "@@", "@/@", "\\frac{@}{@}", "@^{@}", "@^2", "(@)^{@}", "\\sqrt{@}",
    "\\sqrt[3]{@}", "\\sqrt[@]{@}", "-@", "(@)", "@!", "|@|", "\\lfloor @\\rfloor", "\\sin @", "\\cos(@)",
    "\\tan^2 @", "\\ln @", "\\log_2 @", "\\log_{@} @", "\\arctan @", "e^{@}", "\\binom{@}{@}", "\\gcd(@,@)",
    "@ \\pm @", "@ \\bmod @", "@\\%", "@^\\circ", "@ \\text{ cm}", "@=@", "@<@", "@ \\le @ < @",
    "x \\in [@,@)", "(@,@)", "[@,@]", "\\{@,@\\}", "@,@", "@ \\text{ or } @", "(@,@) \\cup [@,\\infty)",
    "\\begin{pmatrix} @ & @ \\\\ @ & @ \\end{pmatrix}", "@_{@}", "\\overline{@}", "\\max(@,@)", "(@+@)^{@}",
    "x^{@}+@", "@\\setminus @", "@ \\cap @",
)  # fmt: skip


def make_expression(rng: random.Random, depth: int) -> str:
    """Returns a text of the grammar, or nearly so, nested up to ``depth``."""
    if depth <= 0 or rng.random() < 0.15:
        return rng.choice(LEAVES)
    first, *rest = rng.choice(FORMS).split("@")
    return first + "".join(make_expression(rng, depth - 1) + text for text in rest)


def mutate(text: str, rng: random.Random, cases: list[Case]) -> str:
    """Returns ``text`` after a few cuts, insertions, repetitions and crossings with other cases."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice((0, 1, 2, 5, 20)))
        piece = text[start:end]
        kind = rng.randrange(7)
        if kind == 0:
            piece = ""
        elif kind == 1:
            piece = rng.choice(SNIPPETS)
        elif kind == 2:
            piece = piece * rng.choice((2, 3, 30, 300))
        elif kind == 3:
            piece = random_text(rng, 3)
        elif kind == 4:
            other = rng.choice(cases).response[:2000]
            cut = rng.randint(0, len(other))
            piece = other[cut : cut + rng.randint(1, 40)]
        elif kind == 5:
            piece = (
                rng.choice(("(", "\\frac{1}{", "\\sqrt{", "2^{", "{")) * rng.choice((1, 5, 90, 400)) + piece
            )
        else:
            piece = piece[::-1]
        text = text[:start] + piece + text[end:]
    return text


def random_text(rng: random.Random, length: int) -> str:
    ranges = ((32, 126), (32, 126), (0, 0x24F), (0x370, 0x6FF), (0x2000, 0x2BFF), (0, 0x10FFFF))
    return "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(length))


def check(gold: str, response: str, policy: str, prompt: str | None) -> str:
    """Grades one input; returns the verdict's status and reason, raises Failure if something is amiss."""
    start = time.perf_counter()
    cpu_start = time.process_time()
    try:
        verdict = grade(gold, response, policy=policy, prompt=prompt, timeout_s=TIMEOUT_S)
        if verdict[:2] == ("error", "worker"):  # a starved machine, or a comparison that breaks each time
            verdict = grade(gold, response, policy=policy, prompt=prompt, timeout_s=TIMEOUT_S)
    except Exception as error:  # whatever it is, it is what this program looks for
        raise Failure(f"exception: {traceback.format_exc()}") from error
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    if cpu_seconds > MAX_SECONDS or seconds > MAX_WAIT:
        raise Failure(f"slow: {seconds:.2f} s, {cpu_seconds:.2f} s of CPU in this process")
    if verdict.reason not in REASONS.get(verdict.status, set()):
        raise Failure(f"unknown verdict: {verdict}")
    if (verdict.score == 1.0) != (verdict.status == "correct"):
        raise Failure(f"score and status disagree: {verdict}")
    return f"{verdict.status} {verdict.reason}".strip()


def run_batch(job: tuple[int, int, int]) -> dict[str, Any]:
    """Runs inputs ``start`` to ``stop``; returns counts of verdicts, and the failure if there is one."""
    seed, start, stop = job
    counts: Counter[str] = Counter()
    outcome: dict[str, Any] = {"counts": counts, "slowest": (0.0, 0), "num_waits": 0, "failure": None}
    environment = dict(os.environ)
    for number in range(start, stop):
        given = make_input(CASES, seed, number)
        began = time.perf_counter()
        try:
            counts[check(*given)] += 1
        except Failure as failure:
            outcome["failure"] = describe(seed, number, given, str(failure))
            return outcome
        seconds = time.perf_counter() - began
        outcome["slowest"] = max(outcome["slowest"], (seconds, number))
        outcome["num_waits"] += seconds > MAX_SECONDS
    changes = find_changes(environment)
    if changes:
        outcome["failure"] = describe(seed, start, None, f"{changes} between {start} and {stop}")
    return outcome


def find_changes(environment: dict[str, str]) -> str:
    """Returns what the batch has changed around it, "" if nothing."""
    found = []
    if environment != dict(os.environ):
        found.append("environment variables")
    if list(Path.cwd().iterdir()):
        found.append(f"files {sorted(path.name for path in Path.cwd().iterdir())}")
    for child in psutil.Process().children(recursive=True):
        try:
            if "lmgym.grading" not in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                found.append(f"process {child.cmdline()}")
        except psutil.Error:  # it has ended meanwhile
            continue
    return ", ".join(found)


def describe(
    seed: int, number: int, given: tuple[str, str, str, str | None] | None, why: str
) -> dict[str, Any]:
    gold, response, policy, prompt = given or ("", "", "final", None)
    return {
        "why": why, "seed": seed, "number": number, "gold": gold, "response": response, "policy": policy,
        "prompt": prompt,
    }  # fmt: skip


CASES: list[Case] = []


def start_process() -> None:
    """Reads the corpus, and moves to an empty folder so that a file that is written there is seen."""
    CASES[:] = read_cases()
    os.chdir(tempfile.mkdtemp(prefix="fuzz-grader-"))


def fuzz(options: argparse.Namespace) -> int:
    """Runs all batches; returns the exit code."""
    first = options.first
    jobs = [
        (options.seed, start, min(start + BATCH, first + options.inputs))
        for start in range(first, first + options.inputs, BATCH)
    ]
    deadline = time.monotonic() + options.seconds
    counts: Counter[str] = Counter()
    slowest, began, failure, num_waits = (0.0, 0), time.monotonic(), None, 0
    context = multiprocessing.get_context("spawn")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with context.Pool(options.processes, start_process) as pool, Progress(*columns) as progress:
        task = progress.add_task("fuzzing", total=options.inputs)
        for outcome in pool.imap_unordered(run_batch, jobs):
            counts.update(outcome["counts"])
            slowest = max(slowest, outcome["slowest"])
            num_waits += outcome["num_waits"]
            progress.update(task, completed=counts.total())
            failure = outcome["failure"]
            if failure or time.monotonic() > deadline:
                break
        pool.terminate()
    print(f"{counts.total():,} inputs in {time.monotonic() - began:,.0f} s, seed {options.seed}; ", end="")
    print(f"slowest {slowest[0]:.3f} s (input {slowest[1]}), {num_waits} over {MAX_SECONDS:g} s by the clock")
    for name, count in counts.most_common():
        print(f"{count:10,} {name}")
    if failure is None:
        return 0
    options.out.write_text(json.dumps(failure) + "\n", "utf-8")
    print(f"FAILED: {failure!a}\nreplay: python -m tests.fuzz.grader --replay {options.out}")
    return 1


def replay(path: Path) -> int:
    """Grades again what a file describes; returns the exit code."""
    found = json.loads(path.read_text("utf-8"))
    try:
        print(check(found["gold"], found["response"], found["policy"], found["prompt"]))
    except Failure as failure:
        print(ascii(found), str(failure), sep="\n")
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many seconds")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other inputs")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument(
        "--out", type=Path, default=Path("fuzz-grader.json"), help="where a failure is written"
    )
    parser.add_argument("--replay", type=Path, help="grade the input of such a file again")
    options = parser.parse_args()
    options.out = options.out.resolve()
    return replay(options.replay) if options.replay else fuzz(options)


if __name__ == "__main__":
    sys.exit(main())
