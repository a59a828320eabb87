"""What a command prints at its end: tables of success before and after, and some transcripts.

What a model has written is shown as text: control characters are escaped and nothing in it is markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lmgym_agents.train import TrainingResult

_STAGES = {"start": "at the start", "sft": "after SFT", "ppo": "after PPO"}
_MAX_CHARS = 160


def print_outcome(result: TrainingResult, folder: Path, num_transcripts: int) -> None:
    """Prints how a run ended, where its folder is, and how to go on if it was interrupted."""
    console = Console(highlight=False, markup=False, emoji=False)
    if result.exit_code:
        console.print(f"Interrupted after {result.num_updates} updates; everything is saved in {folder}.")
        console.print("Go on with the same command and:")
        console.print(f"  --out {folder} --resume", soft_wrap=True)
        return
    console.print()
    console.print(make_stage_table(result.findings))
    last = list(result.findings.values())[-1]
    if num_transcripts:
        console.print(make_transcript_table(next(iter(last.values()))["transcripts"]))
    console.print(f"\nRun folder: {folder}", soft_wrap=True)
    console.print("  model/ (Hugging Face format), curves.png, metrics.jsonl, evaluation.json, tensorboard/")
    console.print(f"Its curves and transcripts as a page: lmgym report {folder}", soft_wrap=True)


def make_stage_table(findings: Mapping[str, Any]) -> Table:
    """Returns the greedy rates of success with 95 % intervals, a row for each stage and split."""
    table = Table(title="Greedy success on held-out problems", title_justify="left")
    table.add_column("split")
    table.add_column("problems", justify="right")
    for name in findings:
        table.add_column(_STAGES.get(name, name), justify="right")
    for split in next(iter(findings.values())):
        cells = [_rate(findings[name][split]["success"]) for name in findings]
        problems = findings[next(iter(findings))][split]["num_problems"]
        table.add_row(split, f"{problems:,}", *cells)
    return table


def make_transcript_table(transcripts: list[Mapping[str, Any]]) -> Table:
    """Returns some prompts and responses with their verdicts."""
    table = Table(title="Some responses", title_justify="left")
    table.add_column("prompt")
    table.add_column("response")
    table.add_column("verdict")
    for transcript in transcripts:
        is_right = transcript["success"]
        verdict = Text("right" if is_right else "wrong", style="green" if is_right else "red")
        table.add_row(show_text(transcript["prompt"]), show_text(transcript["continuation"]), verdict)
    return table


def show_text(text: str, max_chars: int = _MAX_CHARS) -> Text:
    """Returns model text that is safe on a terminal: control and undecodable characters are escaped."""
    cut = text if len(text) <= max_chars else text[:max_chars] + "…"
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut))


def _rate(interval: Mapping[str, float]) -> str:
    return f"{interval['mean']:.1%} [{interval['low']:.1%}, {interval['high']:.1%}]"
