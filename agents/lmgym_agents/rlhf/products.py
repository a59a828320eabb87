"""What is left of a run when it is over: models, numbers, pictures, transcripts, and a table.

In: a run and its numbers. Out: ``model/``, ``reward_model/``, ``rlhf.json``, ``rlhf.png``, ``curves.png`` and
``transcripts.jsonl`` in its folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from lmgym.conversation import readable
from lmgym_agents.errors import MetricsError
from lmgym_agents.report.curves import draw_curves
from lmgym_agents.report.rlhf_picture import draw_rlhf
from lmgym_agents.report.tables import show_text
from lmgym_agents.rlhf.measurement import read_measurement
from lmgym_agents.rlhf.proxy import reward_folder
from lmgym_agents.rlhf.run import Run


def write_products(
    run: Run,
    measured: Mapping[str, Any],
    reward_models: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
) -> None:
    """Writes everything that a finished run leaves beside the products of its stages."""
    config, rounds = run.config, run.config.rounds
    _copy(run, f"round-{rounds}-model", "model")
    if config.needs_reward_model:
        _copy(run, reward_folder(rounds), "reward_model")
    feedback = config.feedback
    numbers = {
        "env": config.env.env, "task": run.task.fingerprint, "annotator": feedback.annotator,
        "noise": feedback.noise, "optimise": config.optimise, "rounds": rounds, "seed": config.seed,
        "measured": measured, "reward_models": reward_models,
    }  # fmt: skip
    run.folder.write_json("rlhf.json", numbers)
    run.write_lines("transcripts.jsonl", [json.dumps(each) for each in transcripts(run, list(measured))])
    title = f"RLHF on {config.env.env}: {feedback.annotator} feedback, {config.optimise}"
    subtitle = f"{config.model.model}, seed {config.seed}"
    run.folder.write_bytes("rlhf.png", draw_rlhf(records, measured, title=title, subtitle=subtitle))
    last = [record for record in records if record.get("stage") == f"{config.optimise} {rounds}"]
    try:
        run.folder.write_bytes("curves.png", draw_curves(last, title=title, subtitle=subtitle))
    except MetricsError:  # an optimisation without an iteration has no curve
        run.display.say("No curves were drawn, as nothing was optimised.")


def transcripts(run: Run, names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the responses of every measured policy to the same held-out prompts, at temperature 1."""
    count, found = run.config.measure.num_transcripts, []
    for name in names:
        episodes, gold, kl = read_measurement(run, name, "sampled")
        for episode, worth, distance in list(zip(episodes, gold.tolist(), kl.tolist(), strict=True))[:count]:
            found.append(
                {
                    "policy": name, "prompt": readable(episode.problem.prompt),
                    "response": readable(episode.response), "gold": worth if worth == worth else None,
                    "log_ratio": distance,
                }
            )  # fmt: skip
    return found


def print_result(run_path: Path, measured: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> None:
    """Prints the table of a run that is done, and some responses."""
    console = Console(highlight=False, markup=False, emoji=False)
    console.print()
    console.print(make_table(measured))
    if shown:
        console.print(_make_transcript_table(shown))
    console.print(f"\nRun folder: {run_path}", soft_wrap=True)
    names = ("model", "reward_model", "preferences.jsonl", "rlhf.json", "rlhf.png", "curves.png")
    found = [run_path / name for name in (*names, "transcripts.jsonl") if (run_path / name).exists()]
    console.print("  " + ", ".join(f"{path.name}/" if path.is_dir() else path.name for path in found))


def make_table(measured: Mapping[str, Any]) -> Table:
    """Returns a column for every policy: what its responses to held-out prompts are worth."""
    table = Table(title="Responses to held-out prompts", title_justify="left")
    table.add_column("")
    for name in measured:
        table.add_column("SFT" if name == "sft" else name.replace("-", " "), justify="right")
    for label, mode, read in _LINES:
        cells = [read(found[mode]) for found in measured.values()]
        if any(cells):
            table.add_row(label, *cells)
    return table


def _make_transcript_table(shown: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Some responses", title_justify="left")
    for name in ("policy", "prompt", "response", "gold"):
        table.add_column(name, justify="right" if name == "gold" else "left")
    for each in shown:
        table.add_row(
            each["policy"], show_text(each["prompt"]), show_text(each["response"]), _number(each["gold"])
        )
    return table


def _copy(run: Run, source: str, target: str) -> None:
    run.folder.write_folder(
        target, lambda place: shutil.copytree(run.path / source, place, dirs_exist_ok=True) and None
    )


def _with_interval(value: Mapping[str, float] | None) -> str:
    return "" if value is None else f"{value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def _mean(value: Mapping[str, float] | None, form: str = "{:.3f}") -> str:
    return "" if value is None else form.format(value["mean"])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


_LINES: Final[tuple[tuple[str, str, Callable[[Mapping[str, Any]], str]], ...]] = (
    ("gold, at temperature 1", "sampled", lambda found: _with_interval(found["gold"])),
    ("gold, greedy", "greedy", lambda found: _with_interval(found["gold"])),
    ("proxy", "sampled", lambda found: _mean(found.get("proxy"))),
    ("proxy of SFT's responses", "sampled", lambda found: _number(found.get("proxy_of_sft"))),
    ("better than SFT's, by gold", "sampled", lambda found: _mean(found.get("win_rate"), "{:.1%}")),
    ("KL to SFT, nats a response", "sampled", lambda found: _mean(found.get("kl"), "{:.2f}")),
    ("tokens", "sampled", lambda found: f"{found['num_tokens']:.1f}"),
    ("different pairs of words", "sampled", lambda found: f"{found['distinct_2']:.1%}"),
    ("repeated in a response", "sampled", lambda found: f"{found['repetition']:.1%}"),
    ("ends by itself", "sampled", lambda found: f"{found['stop_rate']:.1%}"),
)
