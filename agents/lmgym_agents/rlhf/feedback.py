"""Stages that ask for feedback: responses are collected, then judged by whoever is there.

In: a run and a policy. Out: comparisons in a file, verdicts in the run's ``preferences.jsonl``. Simulated
raters, a language model, people, a file and the utility itself stand in the same place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from lmgym.errors import LmgymError
from lmgym.preferences import (
    Annotator,
    Comparison,
    Preference,
    PreferenceLog,
    read_log,
    read_preferences,
    utc_now,
)
from lmgym.preferences.annotators import make_record
from lmgym.preferences.formats import read_preferences_as
from lmgym.preferences.label.questions import make_pairs
from lmgym.preferences.record import make_question_key
from lmgym.preferences.simulated import SimulatedAnnotator
from lmgym.tasks.base import Task
from lmgym_agents.judging import make_judge
from lmgym_agents.rlhf.chunked_work import Chunk, ChunkedWork
from lmgym_agents.rlhf.config import FeedbackOptions
from lmgym_agents.rlhf.episodes import Episode, read_episodes, sample_episodes
from lmgym_agents.rlhf.run import Run

LOG = "preferences.jsonl"


class WaitingForPeople(LmgymError):
    """Not an error: the run goes on when people have judged."""


def responses_file(number: int) -> str:
    """Returns the name of the file with the responses of a round."""
    return f"round-{number}-responses.jsonl"


def make_collection(run: Run, number: int, policy_folder: str) -> ChunkedWork:
    """Returns the work that samples the responses of a round: a line each, those of a prompt together.

    Prompts are those of the train split that no round before has used.
    """
    options = run.config.collect
    policy = run.policy(policy_folder)
    engine = run.engine(policy)
    first = (number - 1) * options.num_prompts

    def collect(chunk: int) -> Chunk:
        start = chunk * options.chunk_prompts
        stop = min(start + options.chunk_prompts, options.num_prompts)
        problems = run.task.problems("train", range(first + start, first + stop))
        found = sample_episodes(
            engine, run.transitions, problems, count=options.num_responses, temperature=1.0,
            seed=run.seed("round", number, "collect"),
        )  # fmt: skip
        episodes = [episode for group in found for episode in group]
        tokens = sum(episode.num_tokens for episode in episodes)
        return [episode.to_json() for episode in episodes], {"responses": len(episodes), "num_tokens": tokens}

    return ChunkedWork(-(-options.num_prompts // options.chunk_prompts), collect)


def collected_episodes(run: Run, last: int) -> list[Episode]:
    """Returns all responses that the rounds up to ``last`` have collected; none where verdicts are a file."""
    files = [responses_file(number) for number in range(1, last + 1)]
    lines = [line for name in files if (run.path / name).exists() for line in run.read_lines(name)]
    return read_episodes(lines, run.task)


def make_comparisons(episodes: Sequence[Episode], num_responses: int) -> list[Comparison]:
    """Returns one comparison a prompt; prompts whose responses are all the same text are left out."""
    groups = [episodes[at : at + num_responses] for at in range(0, len(episodes), num_responses)]
    return [
        Comparison(
            group[0].problem.prompt, tuple(e.response for e in group), tuple(e.transcript for e in group)
        )
        for group in groups
        if len({episode.response for episode in group}) > 1
    ]


def make_annotation(run: Run, number: int, annotator: Annotator) -> ChunkedWork:
    """Returns the work that has the comparisons of a round judged.

    What the log holds is not asked again: a run killed in the middle pays for no verdict twice.
    """
    size = run.config.annotated_prompts
    episodes = read_episodes(run.read_lines(responses_file(number)), run.task)
    comparisons = make_comparisons(episodes, run.config.collect.num_responses)

    def annotate(chunk: int) -> Chunk:
        asked = comparisons[chunk * size : (chunk + 1) * size]
        with PreferenceLog(run.path / LOG) as log:
            known = [log.find(_key(comparison, annotator)) for comparison in asked]
            open_ones = [one for one, record in zip(asked, known, strict=True) if record is None]
            judgements = annotator.annotate(open_ones) if open_ones else []
            now = utc_now()
            records = [
                make_record(annotator.name, one, judgement, now=now)
                for one, judgement in zip(open_ones, judgements, strict=True)
            ]
            log.extend(records, duplicates="return")
        return [], _count([*records, *(record for record in known if record is not None)])

    return ChunkedWork(max(1, -(-len(comparisons) // size)), annotate)


def _key(comparison: Comparison, annotator: Annotator) -> str:
    return Preference(
        comparison.prompt, comparison.responses, annotator.name, None, None, "2000-01-01T00:00:00Z"
    ).key


def _count(records: Sequence[Preference]) -> dict[str, float]:
    ties = sum(len(set(record.ranks)) < len(record.ranks) for record in records if record.ranks is not None)
    return {
        "comparisons": len(records),
        "ties": ties,
        "no_verdict": sum(record.ranks is None for record in records),
    }


def make_annotator(run: Run) -> Annotator:
    """Returns who judges, by the run's options.

    Raises:
        InvalidValueError: an option that the annotator refuses.
    """
    options = run.config.feedback
    if options.annotator == "judge":
        return make_judge(
            options.judge, constitution=options.constitution, device=run.config.model.device,
            api_key_env=options.judge_key_env, cache=run.path / "judge.sqlite",
        )  # fmt: skip
    if options.annotator == "ground-truth":
        return SimulatedAnnotator(run.task, seed=run.seed("annotator"))
    return make_simulated(options, run.task, seed=run.seed("annotator"))


def make_simulated(options: FeedbackOptions, task: Task, *, seed: int) -> SimulatedAnnotator:
    """Returns raters with the weaknesses that the options name.

    Raises:
        InvalidValueError: a number outside its range.
    """
    return SimulatedAnnotator(
        task, noise=options.noise, temperature=options.temperature, length_bias=options.length_bias,
        position_bias=options.position_bias, tie_margin=options.tie_margin,
        inconsistency=options.inconsistency, seed=seed,
    )  # fmt: skip


def make_human_annotation(run: Run, number: int) -> ChunkedWork:
    """Returns the work that waits for people: it is done when the questions of a round have verdicts.

    The questions lie in ``round-N-questions.jsonl``; people judge them by ``lmgym label``, whose verdicts go
    straight into the run's preferences.
    """
    episodes = read_episodes(run.read_lines(responses_file(number)), run.task)
    comparisons = make_pairs(make_comparisons(episodes, run.config.collect.num_responses))
    questions = f"round-{number}-questions.jsonl"
    wanted = {make_question_key(one.prompt, one.responses) for one in comparisons}
    needed = min(run.config.feedback.min_verdicts or len(wanted), len(wanted))

    def look(chunk: int) -> Chunk:
        if not (run.path / questions).exists():
            lines = [{"prompt": one.prompt, "responses": list(one.responses)} for one in comparisons]
            run.write_lines(questions, [json.dumps(line) for line in lines])
        records = read_log(run.path / LOG).preferences if (run.path / LOG).exists() else []
        found = [record for record in records if make_question_key(record.prompt, record.responses) in wanted]
        judged = {make_question_key(record.prompt, record.responses) for record in found}
        if len(judged) < needed:
            raise WaitingForPeople(_ask_people(run, questions, len(judged), needed))
        return [], _count(found)

    return ChunkedWork(1, look)


def _ask_people(run: Run, questions: str, num_judged: int, needed: int) -> str:
    return (
        f"{needed - num_judged} of {needed} questions wait for a person. Judge them in the browser:\n"
        f"  lmgym label {run.path / questions} --out {run.path / LOG} --rater YOUR_NAME --open\n"
        "You may stop and go on whenever you like; several people may judge one after another. Then\n"
        f"give the command of this run again with:\n  --out {run.path} --resume"
    )


def load_preferences(run: Run) -> list[Preference]:
    """Returns all verdicts that the run learns from: its own log, or the file that was given."""
    options = run.config.feedback
    if options.preferences is None:
        return read_preferences(run.path / LOG)
    return list(read_preferences_as(options.format, options.preferences))
