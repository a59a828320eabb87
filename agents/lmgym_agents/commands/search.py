"""``lmgym search``: what a model solves with search, how much it costs, and the picture of one tree."""

from __future__ import annotations

import json
import math
import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lmgym.conversation import readable
from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Verdict
from lmgym_agents.commands.search_methods import SAMPLING, SearchOptions, SearchParts, make_method
from lmgym_agents.devices import resolve_device
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import distinct_problems
from lmgym_agents.intervals import wilson_interval
from lmgym_agents.q.files import is_q_model, load_q_model
from lmgym_agents.report.tables import make_transcript_table
from lmgym_agents.report.tree_picture import draw_tree
from lmgym_agents.run_options import EnvOptions, ModelOptions
from lmgym_agents.runs.durable_files import FILES, write_atomically
from lmgym_agents.search.results import SearchMethod, SearchResult
from lmgym_agents.search.states import Transitions
from lmgym_agents.state_model import PolicyStates

Flat = tyro.conf.OmitArgPrefixes
_LINE_EVERY_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Search:
    """Searches for answers with a language model: sampling, beams, A*, Monte-Carlo trees.

    --model is a policy, or a Q model of `lmgym train q`. All problems are searched side by side, each within
    its own budget. Tokens are counted alike for all methods: a state that is scored costs 1, a token that is
    sampled costs 1, prompts cost nothing.
    """

    env: Annotated[EnvOptions, Flat] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    search: Annotated[SearchOptions, Flat] = field(default_factory=SearchOptions)
    split: str = "test"
    """where problems come from"""
    num_problems: int = 100
    """different problems; fewer where the split has no more"""
    side_by_side: int = 256
    """most problems searched at once"""
    seed: int = 0
    """of all sampling"""
    reuse: bool = True
    """keep keys and values of prefixes between forward passes; off: compute every prefix anew"""
    out: Path | None = None
    """folder for results.jsonl, summary.json and tree.svg"""
    draw: int | None = None
    """draw the tree of this problem, counted from 0 (needs --out)"""
    draw_nodes: int = 50
    """most nodes in the picture"""
    num_transcripts: int = 8
    """answers to print, half of them right"""

    def __post_init__(self) -> None:
        least_of = {"num_problems": 1, "side_by_side": 1, "draw_nodes": 1, "num_transcripts": 0, "seed": 0}
        for name, least in least_of.items():
            if getattr(self, name) < least:
                raise InvalidValueError(
                    f"Search.{name} is {getattr(self, name)!r}; allowed: integers from {least}."
                )
        if self.draw is None:
            return
        if self.search.method in SAMPLING:
            raise InvalidValueError(f"{self.search.method} grows no tree to draw; leave --draw out.")
        if self.out is None or not 0 <= self.draw < self.num_problems:
            raise InvalidValueError(
                f"--draw {self.draw} needs --out, the folder for the picture, and a problem from 0 to "
                f"{self.num_problems - 1}."
            )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the search of all problems came to; a tree is kept for the one that is drawn."""

    results: Sequence[SearchResult]
    verdicts: Sequence[Verdict]
    """Of the answers; a problem without one is wrong ("unanswered")."""
    seconds: float

    @property
    def num_right(self) -> int:
        """Problems whose answer the task's verifier calls correct."""
        return sum(verdict.status == "correct" for verdict in self.verdicts)


def run_search(config: Search) -> int:
    """Runs ``lmgym search``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    parts = make_parts(config)
    method = make_method(config.search, parts, keep_tree=config.draw is not None)
    problems = distinct_problems(parts.transitions.task, config.split, config.num_problems)
    if config.draw is not None and config.draw >= len(problems):
        raise InvalidValueError(
            f"--draw {config.draw} is beyond the last problem: split {config.split!r} has {len(problems)}."
        )
    _check_prompts_fit(parts, problems)
    if config.out is not None:
        _claim(config.out)
    start, results = time.perf_counter(), list[SearchResult]()
    with _Display(console, config.search.method, len(problems)) as display:
        for first in range(0, len(problems), config.side_by_side):
            part = problems[first : first + config.side_by_side]
            results += _search(method, part, config, first, results, display)
    seconds = time.perf_counter() - start
    outcome = Outcome(results=results, verdicts=judge(results, parts.transitions), seconds=seconds)
    console.print(make_result_table(outcome, config))
    rows = [_to_row(*pair, parts.transitions) for pair in zip(results, outcome.verdicts, strict=True)]
    if config.num_transcripts:
        console.print(make_transcript_table(_pick(rows, config.num_transcripts)))
    if config.out is not None:
        _write(config, outcome, rows, parts)
        console.print(f"Written to {config.out}.", soft_wrap=True)
    return 0


def make_parts(config: Search) -> SearchParts:
    """Returns model, engine and states of a configuration."""
    tokenizer = config.model.make_tokenizer()
    env = config.env.make_env(1, tokenizer)
    tokenizer = env.tokenizer  # with its chat template where the task is a chat
    q_model = None
    if is_q_model(config.model.model):
        if config.model.threads is not None:
            torch.set_num_threads(config.model.threads)
        device = resolve_device(config.model.device)
        q_model = load_q_model(config.model.model, device, dtype=config.model.torch_dtype)
        policy = q_model.policy
    else:
        policy = config.model.make_policy(tokenizer, context=env.context_length, seed=config.seed)
    setup = env.setup
    transitions = Transitions(
        env.task, tokenizer, max_new_tokens=setup.max_new_tokens, max_prompt_tokens=setup.max_prompt_tokens,
        max_episode_tokens=setup.context_length,
    )  # fmt: skip
    engine = Engine(policy.model, max_rows=1024, pad_id=tokenizer.pad_id)
    return SearchParts(policy, q_model, transitions, engine, config.reuse)


def judge(results: Sequence[SearchResult], transitions: Transitions) -> list[Verdict]:
    """Returns the task's verdict on each answer."""
    answered = [result.answer for result in results if result.answer is not None]
    verdicts = iter(transitions.verify(answered))
    none = Verdict("wrong", "unanswered")
    return [none if result.answer is None else next(verdicts) for result in results]


def _search(
    method: SearchMethod,
    problems: Sequence[Any],
    config: Search,
    first: int,
    before: Sequence[SearchResult],
    display: _Display,
) -> list[SearchResult]:
    tokens = sum(result.num_tokens for result in before)
    found = method.search(
        problems,
        seed=config.seed,
        on_progress=lambda done, used: display.show(first + done, tokens + used),
    )
    drawn = None if config.draw is None else config.draw - first
    return [
        result if number == drawn else _without_tree(result) for number, result in enumerate(found)
    ]  # fmt: skip


def _without_tree(result: SearchResult) -> SearchResult:
    """Returns a result that holds no node, so that its tree's memory is free."""
    kept = tuple(replace(candidate, node=None) for candidate in result.candidates)
    return replace(result, root=None, candidates=kept)


class _Display:
    """A bar on a terminal, elsewhere a line every few seconds."""

    def __init__(self, console: Console, name: str, total: int) -> None:
        self._console, self._name, self._total = console, name, total
        self._bar = Progress(
            TextColumn("[bold]{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn(),
            TextColumn("{task.fields[tokens]:,} tokens, left"), TimeRemainingColumn(), console=console,
            transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(name, total=total, tokens=0)
        self._last = time.monotonic()

    def __enter__(self) -> _Display:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def show(self, done: int, tokens: int) -> None:
        """Shows how many problems are finished."""
        self._bar.update(self._task, completed=done, tokens=tokens)
        if not self._console.is_terminal and time.monotonic() - self._last > _LINE_EVERY_S:
            self._last = time.monotonic()
            self._console.print(f"{self._name} {done}/{self._total}  {tokens:,} tokens")


def summarise(outcome: Outcome) -> dict[str, Any]:
    """Returns the numbers of a search as JSON holds them."""
    results, total = outcome.results, len(outcome.results)
    tokens = [result.num_tokens for result in results]
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts)
    return {
        "num_problems": total,
        "success": wilson_interval(outcome.num_right, total)._asdict(),
        "answered": sum(result.answer is not None for result in results) / total,
        "tokens_mean": statistics.fmean(tokens),
        "tokens_median": statistics.median(tokens),
        "tokens_max": max(tokens),
        "nodes_mean": statistics.fmean(result.num_nodes for result in results),
        "stops": dict(Counter(result.stop for result in results).most_common()),
        "counts": dict(sorted(counts.items())),
        "seconds": outcome.seconds,
    }


def make_result_table(outcome: Outcome, config: Search) -> Table:
    """Returns every number of a search, a row each."""
    found = summarise(outcome)
    success, seconds = found["success"], max(outcome.seconds, 1e-9)
    title = f"{config.search.method} on {config.env.env}, split {config.split}"
    table = Table(title=title, title_justify="left", show_header=False)
    rows = [
        ("success", f"{success['mean']:.1%}  95 % [{success['low']:.1%}, {success['high']:.1%}]"),
        ("problems", f"{found['num_problems']:,}, answered {found['answered']:.1%}"),
        ("tokens per problem", f"{found['tokens_mean']:,.1f}, median {found['tokens_median']:,.0f}, most "
                               f"{found['tokens_max']:,}"),
        ("states expanded", f"{found['nodes_mean']:,.1f} per problem"),
        ("stopped", ", ".join(f"{name} {count:,}" for name, count in found["stops"].items())),
        ("left out", ", ".join(f"{name} {count:,}" for name, count in found["counts"].items()) or "nothing"),
        ("time", f"{outcome.seconds:.1f} s, {found['num_problems'] / seconds:,.1f} problems/s"),
    ]  # fmt: skip
    for name, value in rows:
        table.add_row(name, value)
    return table


def _to_row(result: SearchResult, verdict: Verdict, transitions: Transitions) -> dict[str, Any]:
    """Returns one line of results.jsonl."""
    best = result.candidates[0] if result.candidates else None
    turns = () if result.answer is None else result.answer.turns
    return {
        "index": result.problem.index,
        "prompt": result.problem.prompt,
        "turns": [{"role": turn.role, "text": turn.text, "is_complete": turn.is_complete} for turn in turns],
        "success": verdict.status == "correct",
        "verdict": verdict.status,
        "reason": verdict.reason,
        "score": None if best is None else _finite(best.score),
        "path_logp": None if best is None else _finite(best.path_logp),
        "num_candidates": len(result.candidates),
        "stop": result.stop,
        "num_tokens": result.num_tokens,
        "num_nodes": result.num_nodes,
        "lower_bound": _finite(result.lower_bound),
        "upper_bound": _finite(result.upper_bound),
        "counts": dict(result.counts),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _pick(rows: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    shown = [
        {
            **row,
            "prompt": readable(row["prompt"]),
            "continuation": readable("".join(turn["text"] for turn in row["turns"])),
        }
        for row in rows
    ]
    half = (count + 1) // 2
    right = [row for row in shown if row["success"]][:half]
    return right + [row for row in shown if not row["success"]][: count - len(right)]


def _check_prompts_fit(parts: SearchParts, problems: Sequence[Problem]) -> None:
    """Refuses a model that can't read a single prompt, as one that was trained on shorter rows."""
    longest = PolicyStates(parts.policy).max_length
    if longest is None:
        return
    shortest = min(len(parts.transitions.start(problem).tokens) for problem in problems)
    if shortest >= longest:
        raise InvalidValueError(
            f"the model reads {longest} tokens at most, and the shortest prompt has {shortest}. Use a model "
            "that was trained in this environment, or one with a longer context."
        )


def _claim(out: Path) -> None:
    """Makes the folder before anything is searched, so that no result is lost for want of a place."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        is_taken = (out / "results.jsonl").exists()
        is_writable = os.access(out, os.W_OK | os.X_OK)
    except OSError as error:
        raise InvalidValueError(
            f"--out {out} can't be used: {error.strerror}. Give a folder that can be written."
        ) from error
    if not is_writable:
        raise InvalidValueError(f"--out {out} can't be written. Give a folder that can.")
    if is_taken:
        raise InvalidValueError(f"--out {out} holds the results of a search; choose another folder.")


def _write(config: Search, outcome: Outcome, rows: Sequence[dict[str, Any]], parts: SearchParts) -> None:
    assert config.out is not None
    folder = config.out.absolute()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    write_atomically(folder / "results.jsonl", lines.encode(), FILES)
    summary = {"env": config.env.env, "method": config.search.method, "split": config.split,
               "seed": config.seed, **summarise(outcome)}  # fmt: skip
    write_atomically(folder / "summary.json", json.dumps(summary, indent=2).encode() + b"\n", FILES)
    if config.draw is not None:
        title = f"{config.search.method} on {config.env.env}, problem {config.draw}"
        picture = draw_tree(
            outcome.results[config.draw],
            parts.transitions.tokenizer,
            title=title,
            max_nodes=config.draw_nodes,
        )
        write_atomically(folder / "tree.svg", picture.encode(), FILES)
