"""Scores: the normalised numbers of a suite's results, by agent and entry, and which of them are missing.

In: results of one suite and hash. Out: a ``ScoreTable``. A score is ``(x - random) / (optimal - random)`` of
the entry's metric on its headline split: 0 for an agent that draws tokens at random, 1 for a perfect one. It
is not clipped. Jobs that failed or were never finished have no score; they are counted, and enter no number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.bench.fields import show
from lmgym.bench.result_record import Result
from lmgym.bench.suites import Entry, Suite, load_suite
from lmgym.errors import EmptyProblemSetError, InvalidValueError

MAX_AGENTS = 300
MAX_RUNS = 300
"""Of an agent and an entry; what can be compared in bounded time and memory, whoever has made the files."""

Strata = Sequence[NDArray[np.float64]]
"""For each of E entries float64[n] (or float64[R, n] for R resamples), the scores of its n runs."""


class Runs(NamedTuple):
    """What an agent's finished runs of an entry have scored."""

    seeds: tuple[int, ...]
    """Ascending."""
    scores: NDArray[np.float64]
    """float64[n], normalised."""
    values: NDArray[np.float64]
    """float64[n], as measured."""


@dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """All scores of one suite; agents stand in the order of their names."""

    suite: Suite
    suite_hash: str
    agents: tuple[str, ...]
    runs: Mapping[tuple[str, str], Runs]
    """By agent and entry, where at least one run was finished."""
    failed: Mapping[str, tuple[Result, ...]]
    """By agent."""
    num_unfinished: Mapping[str, int]
    """By agent: jobs of the suite of which there is no result at all."""

    def strata(self, agent: str, entries: Iterable[Entry] | None = None) -> Strata:
        """Returns the scores of an agent on those of the entries (default: all) on which it has any."""
        chosen = self.suite.entries if entries is None else entries
        return [self.runs[agent, e.name].scores for e in chosen if (agent, e.name) in self.runs]

    def is_complete(self, agent: str) -> bool:
        """Returns whether the agent has finished a run of every entry; only then is it ranked."""
        return all((agent, entry.name) in self.runs for entry in self.suite.entries)

    def num_runs(self, agent: str) -> int:
        """Returns how many runs the agent has finished."""
        return sum(len(scores) for scores in self.strata(agent))

    def paired(self, one: str, other: str) -> tuple[Strata, Strata]:
        """Returns the scores of two agents on the entries and seeds that both have, in the same order.

        Runs of one seed and entry share their warm start and so belong together.
        """
        pairs = [
            _pair(self.runs[one, entry.name], self.runs[other, entry.name])
            for entry in self.suite.entries
            if (one, entry.name) in self.runs and (other, entry.name) in self.runs
        ]
        kept = [pair for pair in pairs if len(pair[0])]
        return [pair[0] for pair in kept], [pair[1] for pair in kept]


def _pair(one: Runs, other: Runs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    common = sorted(set(one.seeds) & set(other.seeds))
    return (
        one.scores[[one.seeds.index(seed) for seed in common]],
        other.scores[[other.seeds.index(seed) for seed in common]],
    )


def suite_of(results: Sequence[Result], suite: Suite | None = None) -> Suite:
    """Returns the suite that results are of: the one given, or the packaged one of that id.

    Raises:
        EmptyProblemSetError: there are no results.
        InvalidValueError: results of several suites, or of several hashes of one.
        UnknownNameError: the suite does not come with lmgym; give it.
    """
    if not results:
        raise EmptyProblemSetError("there are no results to compare; run `lmgym bench` first.")
    made = {(result.suite, result.suite_hash) for result in results}
    if len(made) > 1:
        names = ", ".join(sorted(f"{name} ({digest[:12]})" for name, digest in made)[:8])
        raise InvalidValueError(
            f"results of different suites, or of different problems under one name, can't be compared: "
            f"{names}. Give those of one suite and hash; lmgym.bench.scores.group_by_suite parts them."
        )
    id_ = results[0].suite
    if suite is not None and suite.id != id_:
        raise InvalidValueError(f"the results are of {id_}, but the suite given is {suite.id}.")
    return load_suite(id_) if suite is None else suite


def group_by_suite(results: Iterable[Result]) -> dict[tuple[str, str], tuple[Result, ...]]:
    """Returns the results by (suite, hash), in order; only those of one group can be compared."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.suite, result.suite_hash), []).append(result)
    return {key: tuple(groups[key]) for key in sorted(groups)}


def score_table(
    results: Iterable[Result], suite: Suite | None = None, *, split: str | None = None
) -> ScoreTable:
    """Returns the normalised scores of results of one suite and hash.

    Args:
        results: in any order.
        suite: of the results; default: the packaged one of that id.
        split: which split's scores; default: the headline of each entry.

    Raises:
        EmptyProblemSetError: there are no results.
        InvalidValueError: results of several suites or hashes, one job twice, a result without the split or
            with a score that its metric can't have, or more than ``MAX_AGENTS`` or ``MAX_RUNS``.
        UnknownNameError: an entry that the suite has not.
    """
    results = tuple(results)
    suite = suite_of(results, suite)
    _check_size(results)
    names = {entry.name for entry in suite.entries}
    jobs: dict[str, dict[tuple[str, int], Result]] = {}
    for result in sorted(results, key=lambda each: each.key):
        mine = jobs.setdefault(result.agent, {})
        if result.entry not in names:
            suite.entry(result.entry)  # raises, with the nearest name
        key = (result.entry, result.seed)
        if key in mine:
            raise InvalidValueError(
                f"two results of agent {result.agent[:200]!r}, entry {result.entry!r}, seed {result.seed}; "
                "merge_results leaves one of them."
            )
        mine[key] = result
    planned = {(entry.name, seed) for entry in suite.entries for seed in suite.seeds}
    return ScoreTable(
        suite=suite,
        suite_hash=results[0].suite_hash,
        agents=tuple(sorted(jobs)),
        runs={
            (agent, entry.name): _runs(found, entry, split)
            for agent, mine in jobs.items()
            for entry in suite.entries
            if (found := [each for each in mine.values() if each.entry == entry.name and each.is_ok])
        },
        failed={agent: tuple(r for r in mine.values() if not r.is_ok) for agent, mine in jobs.items()},
        num_unfinished={agent: len(planned - mine.keys()) for agent, mine in jobs.items()},
    )


def _check_size(results: Sequence[Result]) -> None:
    runs = Counter((result.agent, result.entry) for result in results)
    num_agents, most = len({agent for agent, _ in runs}), max(runs.values())
    if num_agents > MAX_AGENTS or most > MAX_RUNS:
        raise InvalidValueError(
            f"results of {num_agents} agents, up to {most} of one agent and entry, are too many to compare; "
            f"allowed: {MAX_AGENTS} agents, {MAX_RUNS} runs each of an entry. Leave some out."
        )


def _check_value(result: Result, entry: Entry, split: str) -> None:
    value = result.scores[split].mean
    if entry.metric != "reward" and not 0 <= value <= 1:
        raise InvalidValueError(
            f"the result of agent {result.agent[:200]!r}, entry {entry.name!r}, seed {result.seed} has the "
            f"{entry.metric} {value} on the split {split!r}; allowed: numbers in [0, 1]."
        )


def _runs(results: Sequence[Result], entry: Entry, split: str | None) -> Runs:
    name = split or entry.headline
    for result in results:
        if name not in result.scores:
            raise InvalidValueError(
                f"the result of agent {result.agent[:200]!r}, entry {entry.name!r}, seed {result.seed} has "
                f"no score on the split {name!r}, only on {show(list(result.scores))}."
            )
        _check_value(result, entry, name)
    values = np.array([result.scores[name].mean for result in results])
    scores = np.array([entry.normalise(name, value) for value in values.tolist()])
    return Runs(tuple(result.seed for result in results), scores, values)
