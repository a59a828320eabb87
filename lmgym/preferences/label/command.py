"""``lmgym label``: a person compares responses on a page in the browser.

Comes in: a file of questions and the rater's name. Goes out: the address of the page, and at the end what was
judged. Left out: the page itself (``lmgym.preferences.label.app`` and the files beside it).
"""

from __future__ import annotations

import contextlib
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lmgym.errors import UnknownNameError
from lmgym.preferences.annotators import Comparison
from lmgym.preferences.formats import FORMATS, read_preferences_as
from lmgym.preferences.label.app import make_app
from lmgym.preferences.label.desk import Desk
from lmgym.preferences.label.figures import Figure, make_figures
from lmgym.preferences.label.guard import Keys
from lmgym.preferences.label.questions import make_pairs, read_questions
from lmgym.preferences.label.schedule import make_schedule
from lmgym.preferences.label.serving import LOOPBACK, make_server, open_socket
from lmgym.preferences.label.view import show_state
from lmgym.preferences.log import PreferenceLog

QUESTIONS: Final = "questions"
"""The format of files that hold questions."""


@dataclass(frozen=True, kw_only=True)
class LabelConfig:
    """Lets a person compare responses on a page in the browser, by keyboard.

    QUESTIONS has a JSON object a line: {"prompt": ..., "responses": [..., ...]}, or "messages" in place of
    the prompt. Preference files are such files too. Verdicts are appended to the file of --out as they are
    given; end with ctrl-c and go on whenever you like.
    """

    questions: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="QUESTIONS")]
    """JSON lines with prompts and responses, or a file of --format."""

    out: Path
    """Where verdicts are appended; several raters may use one file one after another."""

    rater: str
    """Who judges; each rater sees the sides in another order."""

    format: Annotated[str, tyro.conf.arg(metavar="NAME")] = QUESTIONS
    """Of QUESTIONS: questions, or lmgym, hh-rlhf, trl, llmbar, ...; what a data set says is not shown."""

    second_opinion: float = 0.0
    """Share of the questions that are asked again later, sides exchanged, to see how steady you are."""

    compare: tuple[Path, ...] = ()
    """Files of other raters; the page shows how far you agree with them."""

    seed: int = 0
    """Of the sides and of what is asked again; keep it when you go on."""

    port: int = 0
    """Where the page is served, on this machine alone; 0 takes any free port."""

    open: bool = False
    """Open the page in your browser."""


def run_label(config: LabelConfig) -> None:
    """Serves the page until ctrl-c, then prints what was judged."""
    label(
        _load_questions(config.questions, config.format),
        out=config.out,
        rater=config.rater,
        second_opinion=config.second_opinion,
        seed=config.seed,
        port=config.port,
        is_opened=config.open,
        compare=config.compare,
    )


def _load_questions(path: Path, format: str) -> Sequence[Comparison]:
    if format == QUESTIONS:
        return read_questions(path)
    if format not in FORMATS:
        raise UnknownNameError("format of questions", format, [QUESTIONS, *FORMATS])
    preferences = read_preferences_as(format, path)
    for reason, count in preferences.skipped.most_common():
        make_console().print(f"left out: {count} × {reason}")
    return [Comparison(item.prompt, item.responses) for item in preferences]


def label(
    questions: Sequence[Comparison],
    *,
    out: str | Path,
    rater: str,
    second_opinion: float = 0.0,
    seed: int = 0,
    port: int = 0,
    is_opened: bool = False,
    compare: Sequence[str | Path] = (),
) -> Desk:
    """Serves ``questions`` to a person until ctrl-c, prints what was judged, and returns the desk.

    Args:
        questions: comparisons from anywhere; of more than two responses all pairs are asked.
        out: the file of preferences that verdicts are appended to.
        rater: who judges.
        second_opinion: share of the questions that are asked again.
        seed: of the sides and of what is asked again.
        port: where; 0 takes any free one.
        is_opened: True: the page is opened in the browser.
        compare: preference files of other raters, which may be being written.

    Raises:
        InvalidValueError: a value that is not allowed, or questions that can't be asked.
        PreferenceLogError: the file can't be written, or another program is writing it, or a file of
            ``compare`` can't be read.
        MissingDependencyError: starlette or uvicorn is not installed.
    """
    schedule = make_schedule(make_pairs(questions), rater=rater, second_opinion=second_opinion, seed=seed)
    console = make_console()
    with PreferenceLog(out) as log, open_socket(port) as listener:
        for problem in log.problems:
            console.print(f"repaired: {problem}")
        desk, keys, port = Desk(schedule, log, rater=rater), Keys(), listener.getsockname()[1]
        server = make_server(make_app(desk, keys, port, compare=compare))
        address = f"http://{LOOPBACK}:{port}{keys.entry}"
        make_figures(desk, compare)  # a file that can't be read is told now, not at the end
        _print_begin(console, desk, address)
        if is_opened:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        _print_summary(console, desk, make_figures(desk, compare))
    return desk


def make_console() -> Console:
    """Returns a console that prints text as it is."""
    return Console(markup=False, emoji=False, highlight=False)


def _print_begin(console: Console, desk: Desk, address: str) -> None:
    num_left = show_state(desk)["progress"]["num_left"]
    console.print(f"{num_left} of {len(desk.schedule)} questions to {desk.rater} are open. Your page:")
    console.print(Text(address, style="bold"), soft_wrap=True)
    console.print("ctrl-c ends it; every verdict is saved as it is given.")


def _print_summary(console: Console, desk: Desk, figures: Sequence[Figure]) -> None:
    progress = show_state(desk)["progress"]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_row("judged", str(progress["num_judged"]))
    table.add_row("skipped", str(progress["num_skipped"]))
    table.add_row("left", str(progress["num_left"]))
    for figure in figures:
        table.add_row(figure.name[0].lower() + figure.name[1:], figure.value, figure.remark)
    table.add_row("saved in", str(desk.log.path))
    console.print()
    console.print(table)
