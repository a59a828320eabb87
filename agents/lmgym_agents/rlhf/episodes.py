"""Sampled responses as records: what is compared, judged and measured, and the file that keeps them.

In: an engine and problems. Out: episodes as plain values, one JSON line each, from which transcripts and rows
of tokens can be made again. Left out: what the responses are worth.

The responses to a problem are a pure function of (weights, seed, problem, number): neither the other problems
nor the size of a batch matters.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from lmgym.envs.replies import encode_replies
from lmgym.errors import EmptyProblemSetError
from lmgym.records import Problem, Transcript, Turn
from lmgym.seeding import make_generator, make_key
from lmgym.tasks.base import Task
from lmgym_agents.demonstrations import Rows
from lmgym_agents.engine import Engine
from lmgym_agents.preference_rows import TokenRow, stack_rows
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.completion import checked_params, complete, problem_stream
from lmgym_agents.search.states import SearchState, Transitions


class Episode(NamedTuple):
    """One sampled episode."""

    problem: Problem
    turns: tuple[Turn, ...]
    terminated: bool
    truncated: bool
    row: TokenRow
    """The tokens as the model saw and wrote them, and which of them it wrote."""
    logp: float
    """Log-prob of what was written, under the distribution it was drawn from, nats."""

    @property
    def transcript(self) -> Transcript:
        """What rewards and annotators read; without a verdict."""
        return Transcript(self.problem, self.turns, self.terminated, self.truncated)

    @property
    def response(self) -> str:
        """All that follows the prompt: the agent's turn, or its turns with the replies between them."""
        return "".join(turn.text for turn in self.turns)

    @property
    def num_tokens(self) -> int:
        """Tokens that the agent wrote."""
        return sum(self.row[1])

    def to_json(self) -> str:
        """Returns one line that ``read_episodes`` reads."""
        ids, is_agent = self.row
        record = {
            "split": self.problem.split, "index": self.problem.index, "prompt": self.problem.prompt,
            "turns": [list(turn) for turn in self.turns], "terminated": self.terminated,
            "truncated": self.truncated, "ids": ids, "is_agent": [int(value) for value in is_agent],
            "logp": self.logp,
        }  # fmt: skip
        return json.dumps(record, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, line: str, problem: Problem) -> Self:
        """Returns the episode of a line; ``problem`` comes from the task, as references are private."""
        record = json.loads(line)
        turns = tuple(Turn(role, text, bool(is_complete)) for role, text, is_complete in record["turns"])
        row = ([int(i) for i in record["ids"]], [bool(value) for value in record["is_agent"]])
        return cls(problem, turns, record["terminated"], record["truncated"], row, float(record["logp"]))


def sample_episodes(
    engine: Engine,
    transitions: Transitions,
    problems: Sequence[Problem],
    *,
    count: int,
    temperature: float,
    seed: int,
) -> list[list[Episode]]:
    """Returns ``count`` episodes of every problem.

    Args:
        engine: samples.
        transitions: play them.
        problems: B problems.
        count: episodes of each; at temperature 0 all are equal.
        temperature: of the sampling.
        seed: names the draw.
    """
    params = checked_params(SamplingParams(max_new_tokens=1, temperature=temperature), transitions)
    starts = [transitions.start(problem) for problem in problems for _ in range(count)]
    streams = [problem_stream(problem, seed, "responses") + n for problem in problems for n in range(count)]
    done = complete(
        engine, transitions, starts, params, streams=streams, seed=make_key(seed, "responses")
    )  # fmt: skip
    episodes = [
        Episode(
            one.state.problem, one.state.turns, one.state.terminated,
            one.state.truncated or not one.state.is_over,
            action_row(one.state, transitions), one.logp,
        )
        for one in done
    ]  # fmt: skip
    return [episodes[start : start + count] for start in range(0, len(episodes), count)]


def action_row(state: SearchState, transitions: Transitions) -> TokenRow:
    """Returns the tokens of a state, and which of them the agent chose.

    A turn of the agent ends with an end token or with its budget; what follows is the task's reply.
    """
    tokenizer, ids = transitions.tokenizer, list(state.tokens)
    place = len(tokenizer.prefix_ids) + len(tokenizer.encode(state.problem.prompt))
    is_agent = [False] * len(ids)
    replies = [turn.text for turn in state.turns if turn.role == "environment"]
    while place < len(ids):
        start = place
        while place < len(ids) and place - start < transitions.max_new_tokens:
            place += 1
            if ids[place - 1] in tokenizer.end_ids:
                break
        is_agent[start:place] = [True] * (place - start)
        if not replies:
            break
        has_ended = ids[place - 1] in tokenizer.end_ids
        place += len(encode_replies(tokenizer, [replies.pop(0)], [has_ended])[0])
    return ids, is_agent


def read_episodes(lines: Sequence[str], task: Task) -> list[Episode]:
    """Returns the episodes of lines that ``Episode.to_json`` wrote, in order."""
    addresses = [(record["split"], record["index"]) for record in map(json.loads, lines)]
    by_split: dict[str, list[int]] = {}
    for split, index in addresses:
        by_split.setdefault(split, []).append(index)
    problems = {
        (split, problem.index): problem
        for split, indices in by_split.items()
        for problem in task.problems(split, sorted(set(indices)))
    }
    return [
        Episode.from_json(line, problems[address]) for line, address in zip(lines, addresses, strict=True)
    ]


class EpisodeRows:
    """The tokens of episodes as they were sampled, in a new random order every epoch; a ``DataSource``.

    What its budget cut has no end token, so that imitation does not learn to stop there.
    """

    def __init__(self, episodes: Sequence[Episode], *, seed: int = 0) -> None:
        """Keeps the rows.

        Raises:
            EmptyProblemSetError: no episode.
        """
        if not episodes:
            raise EmptyProblemSetError("there is no episode to imitate.")
        self._rows = [episode.row for episode in episodes]
        self._seed = seed

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, step: int, count: int) -> Rows:
        """Returns the rows of a step; a batch may reach into the next epoch."""
        epochs, offsets = np.divmod(np.arange(step * count, (step + 1) * count), len(self._rows))
        orders = {
            epoch: make_generator(self._seed, "epoch", epoch).permutation(len(self._rows))
            for epoch in np.unique(epochs).tolist()
        }
        places = [orders[e][offset] for e, offset in zip(epochs.tolist(), offsets.tolist(), strict=True)]
        return stack_rows([self._rows[place] for place in places])
