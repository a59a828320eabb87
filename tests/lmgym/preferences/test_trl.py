"""The rows for TRL against TRL's own functions, where TRL is installed."""

from __future__ import annotations

import numpy as np
import pytest

from lmgym.conversation import Message, write_conversation
from lmgym.preferences import Preference
from lmgym.preferences.hub_datasets import from_dataset, to_dataset

pytest.importorskip("datasets")
trl = pytest.importorskip("trl.data_utils", reason="needs trl: pip install trl")

pytestmark = pytest.mark.slow  # importing TRL takes seconds


def make(prompt, responses):
    return Preference(prompt, responses, "ann", (0, 1), None, "2026-01-31T12:00:00Z")


@pytest.fixture(params=["texts", "messages"])
def records(request):
    chat = write_conversation(
        [
            Message("system", "Be brief."),
            Message("user", "Hi"),
            Message("assistant", "Yes?"),
            Message("user", "Why?"),
        ]
    )
    prompts = {
        "texts": ["The sky is", "So", ""],
        "messages": [chat, write_conversation([Message("user", "é")])],
    }
    return [make(prompt, (" so", " it is")) for prompt in prompts[request.param]]


def test_trl_finds_the_prompts_that_we_wrote(records):
    explicit, implicit = to_dataset(records, "trl"), to_dataset(records, "trl-implicit")
    assert [trl.is_conversational(row) for row in explicit] == [records[0].prompt[:1] > "\ufdcf"] * len(
        records
    )
    found = [trl.extract_prompt(row) for row in implicit]
    assert from_dataset(found, "trl") == from_dataset(implicit, "trl")
    assert found == list(explicit)


def test_trl_unpairs_into_the_rows_that_we_write(records):
    def sort(rows):
        return sorted(str([row["prompt"], row["completion"], row["label"]]) for row in rows)

    unpaired = [
        {"prompt": row["prompt"], "completion": row[name], "label": name == "chosen"}
        for row in to_dataset(records, "trl")
        for name in ("chosen", "rejected")
    ]
    theirs = trl.unpair_preference_dataset(to_dataset(records, "trl"))
    assert sort(theirs) == sort(to_dataset(records, "trl-unpaired")) == sort(unpaired)


def test_implicit_prompts_are_cut_where_trl_cuts_them():
    rng = np.random.default_rng(1)
    for _ in range(2000):
        prompt, chosen, rejected = ("".join(rng.choice(list("ab ."), 4)) for _ in range(3))
        if chosen == rejected:
            continue
        row = {"chosen": prompt + chosen, "rejected": prompt + rejected}
        theirs = trl.extract_prompt(dict(row))
        (ours,) = from_dataset([row], "trl")
        better, worse = (ours.responses[place] for place in (ours.winner, 1 - ours.winner))
        assert (ours.prompt, better, worse) == (theirs["prompt"], theirs["chosen"], theirs["rejected"])
