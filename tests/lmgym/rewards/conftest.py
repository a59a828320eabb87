from __future__ import annotations

from collections.abc import Callable

import pytest

from lmgym.records import Problem, Transcript, Turn, Verdict


def make_transcript(
    *texts: str,
    status: str | None = "correct",
    score: float | None = None,
    index: int = 0,
    is_complete: bool = True,
    reference: object = "2",
) -> Transcript:
    """An episode of the agent's turns ``texts``, with "ok\\n" from the environment between them."""
    turns: list[Turn] = []
    for text in texts:
        turns += [Turn("agent", text, is_complete), Turn("environment", "ok\n")]
    verdict = None
    if status is not None:
        credit = score if score is not None else float(status == "correct")
        verdict = Verdict(status, "" if status == "correct" else status, None, credit)  # type: ignore[arg-type]
    problem = Problem("1+1=", reference, "train", index, 3.0)
    return Transcript(problem, tuple(turns[:-1]), True, False, verdict)


@pytest.fixture
def transcript() -> Callable[..., Transcript]:
    return make_transcript
