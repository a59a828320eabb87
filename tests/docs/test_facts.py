"""The generated blocks of the pages say what the code says."""

import re

import pytest

from docs.generator.blocks import rewrite, to_sentence
from docs.generator.environments import NOT_MADE, RANGES
from docs.generator.pages import WRITERS, find_pages, write_page
from lmgym.registration import TABLE
from lmgym.rewards.functions import NAMED
from tests.docs.pages import DOCS, PAGES, ROOT, name_of
from tests.registered import INSTALLED

MISSING = sorted({entry.id for entry in TABLE} - {entry.id for entry in INSTALLED})
REPAIR = "python -m docs.generator"


@pytest.mark.parametrize("page", find_pages(), ids=name_of)
def test_a_page_has_not_drifted(page):
    text = page.read_text("utf-8")
    missing = [env_id for env_id in MISSING if f"<!-- facts: {env_id} -->" in text]
    if missing and NOT_MADE not in text:
        pytest.skip(f"{missing[0]} can't be made here")
    written = write_page(text)
    assert written.splitlines() == text.splitlines(), f"run: {REPAIR}"


def test_every_environment_has_one_page_of_facts():
    texts = [page.read_text("utf-8") for page in (DOCS / "environments").glob("*.md")]
    for entry in TABLE:
        assert sum(f"<!-- facts: {entry.id} -->" in text for text in texts) == 1, entry.id
        assert entry.success and entry.history


def test_every_named_reward_has_a_range():
    assert RANGES.keys() == NAMED.keys()


def test_a_block_is_rewritten_and_nothing_else():
    page = "before\n<!-- facts: a/b -->\n{}<!-- end of facts -->\nafter <!-- options: x:Y -->\n"
    written = rewrite(page.format("old\n"), {"facts": lambda spec, present: f"{spec} was {present}"})
    assert written == page.format("\na/b was old\n\n")
    assert rewrite(written, {"facts": lambda spec, present: present}) == written


def test_words_of_a_docstring_become_one_line_without_stray_marks():
    assert to_sentence("in [0, 1],\n    as ``a_b`` or `c`;  max_x") == r"in \[0, 1\], as `a_b` or `c`; max\_x"


def test_every_page_closes_its_blocks():
    for page in PAGES:
        text = page.read_text("utf-8")
        for kind in WRITERS:
            assert text.count(f"<!-- {kind}: ") == text.count(f"<!-- end of {kind} -->"), page


def test_every_configuration_of_an_algorithm_is_on_a_page():
    shown = " ".join(page.read_text("utf-8") for page in PAGES)
    for file in sorted((ROOT / "agents/lmgym_agents/algorithms").glob("*.py")):
        for name in re.findall(r"^class (\w+Config)\b", file.read_text("utf-8"), re.M):
            assert f"<!-- options: lmgym_agents.algorithms.{file.stem}:{name} -->" in shown, name
