"""A labelling page that runs, for the tests of who may use it and what it answers."""

from __future__ import annotations

import pytest

from lmgym.preferences.annotators import Comparison
from tests.lmgym.preferences.label_server import serve

QUESTIONS = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(40)]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serve(QUESTIONS, tmp_path_factory.mktemp("label") / "log.jsonl") as (client, desk):
        client.enter()
        yield client, desk


@pytest.fixture
def client(served):
    return served[0]
