"""The transcripts of a page: all token files below a folder, of which a bounded choice is shown.

In: a folder. Out: ``Transcripts``: sources, outcomes of every problem for comparisons, and the chosen
episodes with their tokens. Left out: how they are shown.

Every file is read twice: once to know each episode, once more at the places of the chosen ones. What is held
in memory is a few words for each episode and the tokens of the chosen ones.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lmgym_agents.report.html.episodes import BadEpisodeError, Episode, read_episode, read_tokens
from lmgym_agents.report.html.folder import MAX_LINE_BYTES, Folder, parse_object, say_lines
from lmgym_agents.report.html.sampling import RULE, choose, share_out

SUFFIX: Final = ".tokens.jsonl"
MAX_EPISODES: Final = 2_000_000
MAX_CHARS: Final = 60_000_000
"""Of the chosen transcripts as JSON; what goes beyond is left out and counted."""


@dataclass
class Source:
    """The episodes of one file with one label: what a model did at one time."""

    path: str
    label: str
    episodes: list[Episode] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    """Where each stands in the file."""

    @property
    def name(self) -> str:
        """What people call it: its path, and the label where that does not say it already."""
        stem = self.path.removesuffix(SUFFIX)
        return stem if not self.label or stem.endswith(self.label) else f"{stem} ({self.label})"


@dataclass(frozen=True, kw_only=True)
class Transcripts:
    """What a page knows of episodes."""

    sources: list[dict[str, Any]]
    """Of each: name, env, split, and counts."""
    groups: list[dict[str, Any]]
    """Sources that can be compared, with the outcome of every problem in each of them."""
    shown: list[dict[str, Any]]
    """The chosen episodes, by source in the order of the file."""
    ranges: dict[str, tuple[float, float]]
    """By quantity: the 1st and the 99th percentile of what is shown, between which colours are spread."""
    total: int
    rule: str
    """How they were chosen, in words; "" if all are shown."""


def gather_transcripts(folder: Folder, *, max_transcripts: int) -> Transcripts:
    """Returns the transcripts of all token files of a folder.

    Args:
        folder: where to look; what is damaged is noted in its ``left_out``.
        max_transcripts: how many are shown at most.
    """
    sources = [source for name in folder.files if name.endswith(SUFFIX) for source in _index(folder, name)]
    total = sum(len(source.episodes) for source in sources)
    shares = share_out([len(source.episodes) for source in sources], max_transcripts)
    shown: list[dict[str, Any]] = []
    room = MAX_CHARS
    for number, (source, share) in enumerate(zip(sources, shares, strict=True)):
        for episode in _read_chosen(folder, source, choose(source.episodes, share)):
            room -= episode.pop("size")
            if room >= 0:
                shown.append({"source": number, **episode})
    return Transcripts(
        sources=[_describe(source, number, shown) for number, source in enumerate(sources)],
        groups=_group_outcomes(sources),
        shown=shown,
        ranges=find_ranges(shown),
        total=total,
        rule=RULE if len(shown) < total else "",
    )


def _index(folder: Folder, name: str) -> list[Source]:
    """Returns what one file holds, a source for each of its labels."""
    sources: dict[str, Source] = {}
    bad: list[int] = []
    why = ""
    for line, record in folder.objects(name):
        try:
            episode = read_episode(record)
        except BadEpisodeError as error:
            bad.append(line.number)
            why = why or str(error)
            continue
        source = sources.setdefault(episode.label, Source(name, episode.label))
        source.episodes.append(_interned(episode, source))
        source.offsets.append(line.offset)
        if line.number >= MAX_EPISODES:
            folder.left_out.add(name, f"what is behind line {line.number:,}")
            break
    if bad:
        folder.left_out.add(name, f"{say_lines(bad)}: {why}")
    return list(sources.values())


def _interned(episode: Episode, source: Source) -> Episode:
    """Returns the episode with the texts of the one before it where they are equal: a tenth of the memory."""
    if source.episodes and source.episodes[-1][:3] == episode[:3]:
        last = source.episodes[-1]
        same = {"env": last.env, "split": last.split, "options": last.options, "label": source.label}
        return episode._replace(**same)
    return episode


def _read_chosen(folder: Folder, source: Source, chosen: dict[int, str]) -> Iterator[dict[str, Any]]:
    bad: list[str] = []
    with open(folder.root / source.path, "rb") as file:
        for place in sorted(chosen):
            file.seek(source.offsets[place])
            data = file.readline(MAX_LINE_BYTES)
            record = parse_object(data)
            if record is None:
                bad.append("the file was changed meanwhile")
                continue
            try:
                tokens = read_tokens(record)
            except BadEpisodeError as error:
                bad.append(str(error))
                continue
            episode = source.episodes[place]
            yield {"why": chosen[place], "size": len(data), **_plain(episode), **tokens}
    if bad:
        folder.left_out.add(source.path, f"{len(bad)} episodes: {bad[0]}")


def _plain(episode: Episode) -> dict[str, Any]:
    names = ("problem", "success", "num_tokens", "surprise", "reward")
    return {name: getattr(episode, name) for name in names}


def _describe(source: Source, number: int, shown: Sequence[dict[str, Any]]) -> dict[str, Any]:
    outcomes = [episode.success for episode in source.episodes]
    first = source.episodes[0]
    return {
        "name": source.name, "env": first.env, "split": first.split, "total": len(outcomes),
        "right": outcomes.count(True), "wrong": outcomes.count(False), "failed": outcomes.count(None),
        "shown": sum(episode["source"] == number for episode in shown),
    }  # fmt: skip


def _group_outcomes(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Returns for each environment and split its problems, and of each source a sign for each of them.

    "1" right, "0" wrong, "x" failed, "." not asked; a problem asked several times counts by its first answer.
    """
    groups: dict[tuple[str, str, str], list[tuple[int, dict[str, str]]]] = {}
    for number, source in enumerate(sources):
        entry = _entry_of(source.path)
        for of in dict.fromkeys(episode[:3] for episode in source.episodes):
            key = (of[0], of[1], of[2] or entry)
            signs: dict[str, str] = {}
            for episode in source.episodes:
                if episode[:3] == of:
                    sign = "x" if episode.success is None else str(int(episode.success))
                    signs.setdefault(episode.problem, sign)
            groups.setdefault(key, []).append((number, signs))
    found = []
    for (env, split, options), members in sorted(groups.items()):
        problems = sorted({problem for _, signs in members for problem in signs}, key=_problem_order)
        outcomes = {
            str(number): "".join(signs.get(problem, ".") for problem in problems) for number, signs in members
        }
        found.append(
            {"env": env, "split": split, "options": options, "problems": problems, "outcomes": outcomes}
        )
    return found


def _entry_of(path: str) -> str:
    """Returns the entry of a benchmark's job, whose options an older file may not tell; else ""."""
    parts = path.split("/")
    return parts[parts.index("jobs") + 1] if "jobs" in parts[:-2] else ""


def _problem_order(problem: str) -> tuple[int, str]:
    return (len(problem), problem) if problem.isdigit() else (1 << 30, problem)


def find_ranges(shown: Sequence[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Returns the 1st and the 99th percentile of each quantity over all tokens that are shown."""
    numbers: dict[str, list[float]] = {}
    for episode in shown:
        for name, column in episode["of"].items():
            numbers.setdefault(name, []).extend(number for number in column if number is not None)
    ranges = {}
    for name, values in sorted(numbers.items()):
        values.sort()
        last = len(values) - 1
        ranges[name] = (values[math.floor(0.01 * last)], values[math.ceil(0.99 * last)])
    return ranges


def to_plain(transcripts: Transcripts) -> dict[str, Any]:
    """Returns all but the transcripts themselves, as JSON holds it."""
    plain = {item.name: getattr(transcripts, item.name) for item in dataclasses.fields(transcripts)}
    return plain | {"shown": len(transcripts.shown)}
