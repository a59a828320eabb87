"""docs/environments/sentiment.md and style.md against the tasks that they describe."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lmgym.records import Transcript, Turn
from lmgym.tasks.sentiment import Sentiment, kinds_of_words
from lmgym.tasks.sentiment.naturalness import Faults
from lmgym.tasks.sentiment.task import LEVELS
from lmgym.tasks.sentiment.words import read_words
from lmgym.tasks.style import Style
from lmgym.tasks.style.draw import LEVELS as STYLE_LEVELS

pytest.importorskip("vaderSentiment")
PAGES = Path(__file__).parents[3] / "docs" / "environments"
SENTIMENT, STYLE = ((PAGES / f"{name}.md").read_text("utf-8") for name in ("sentiment", "style"))


def mean_utility(make: Callable[..., Sentiment | Style], level: int, quality: float) -> float:
    task, rng = make(level=level, demonstration_quality=quality), np.random.default_rng(0)
    said = [
        Transcript(problem, (Turn("agent", task.demonstrations(problem, rng)[0]),))
        for problem in task.problems("train", range(1000))
    ]
    return float(np.mean([task.utility(transcript) for transcript in said]))


def test_the_levels_and_splits_of_sentiment_are_true() -> None:
    for level, (max_chars, max_sentences) in LEVELS.items():
        task = Sentiment(level=level)
        problem = task.problem("train", 3)
        means = " | ".join(f"{mean_utility(Sentiment, level, quality):.2f}" for quality in (0.0, 1.0))
        (text,) = task.demonstrations(problem, np.random.default_rng(1))
        row = f"| {level} | {max_chars} | {max_sentences} | {means} | `{problem.prompt}` | `{text}` |"
        assert row in SENTIMENT
    for split in Sentiment.splits:
        assert f"| `{Sentiment().problem(split, 1).prompt}` |" in SENTIMENT
    assert f"`{Sentiment(target='asked').problem('train', 3).prompt}`" in SENTIMENT


def test_the_worked_examples_of_the_gold_are_true() -> None:
    form = r"^\| `(.*)` \| (-?\d\.\d{4}) \| (.*) \| (\d+) \| (\d\.\d{4}) \|$"
    rows = re.findall(form, SENTIMENT, re.MULTILINE)
    assert len(rows) == 8
    task = Sentiment()
    for text, compound, faults, number, utility in rows:
        found = task.measure(Transcript(task.problem("train", 3), (Turn("agent", text),)))
        named = [part.split() for part in faults.split(", ") if part != "–"]
        counts = {name: int(count[0]) if count else 1 for name, *count in named}
        assert (found.compound, found.faults) == (float(compound), Faults(**counts))
        assert found.faults.total == int(number) and f"{found.utility:.4f}" == utility


def test_the_grammar_on_the_page_is_the_grammar() -> None:
    words = read_words()
    for table in (words["follows"], words["kinds"]):
        for kind, others in table.items():
            assert f"| {kind} | {', '.join(others)} |" in SENTIMENT
    assert f"{len(kinds_of_words())} words in all" in SENTIMENT
    for name in Faults._fields:
        assert f"| `{name}` |" in SENTIMENT


def test_the_levels_and_splits_of_style_are_true() -> None:
    for level in STYLE_LEVELS:
        problem = Style(level=level).problem("train", 3)
        constraints, witness = problem.reference
        row = f"| {mean_utility(Style, level, 0.0):.2f} | `{problem.prompt.strip()}` | `{witness}` |"
        assert f"| {level} | {len(constraints)} | topic, words, " in STYLE and row in STYLE
    for split in Style.splits:
        assert f"| `{Style(level=3).problem(split, 1).prompt.strip()}` |" in STYLE


@pytest.mark.parametrize(("page", "said"), [(SENTIMENT, "0.9088 correct"), (STYLE, "0.8 words")])
def test_the_examples_print_what_they_say(page: str, said: str) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == said, done.stderr
