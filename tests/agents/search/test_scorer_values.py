"""Best of n by a scorer of responses."""

from __future__ import annotations

import numpy as np

from lmgym.tasks.probes import Delayed, Echo
from lmgym.tokenization import CharTokenizer
from lmgym_agents.engine import Engine
from lmgym_agents.models import make_tiny_model
from lmgym_agents.search.best_of_n import BestOfN
from lmgym_agents.search.results import SearchBudget
from lmgym_agents.search.scorer_values import ScorerValues
from lmgym_agents.search.states import Transitions

TOKENIZER = CharTokenizer()


class Vowels:
    """Counts vowels; has no opinion on responses with an x."""

    def __init__(self):
        self.asked = []

    def score(self, prompts, responses):
        self.asked += list(zip(prompts, responses, strict=True))
        return np.array([np.inf if "x" in text else sum(c in "aeiou" for c in text) for text in responses])


def search(task, scorer, n):
    model = make_tiny_model(TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=64)
    transitions = Transitions(task, TOKENIZER)
    engine = Engine(model, max_rows=64, pad_id=TOKENIZER.pad_id)
    best = BestOfN(
        engine, transitions, SearchBudget(max_nodes=n), n=n, select="value", values=ScorerValues(scorer)
    )
    return best.search(task.problems("train", range(4)), seed=0)


def test_the_response_with_the_highest_score_is_chosen():
    scorer = Vowels()
    results = search(Echo(), scorer, 12)
    for result in results:
        said = [candidate.state.transcript.response for candidate in result.candidates]
        counts = [-1 if "x" in text else sum(c in "aeiou" for c in text) for text in said]
        assert counts[0] == max(counts) and len(said) == 12
        assert result.counts.get("nan_values", 0) == counts.count(-1)
    assert len({prompt for prompt, _ in scorer.asked}) == 4


def test_the_last_turn_is_scored_after_all_that_was_said_before():
    scorer = Vowels()
    results = search(Delayed(num_turns=2, act_on="last"), scorer, 2)
    for result in results:
        for candidate in result.candidates:
            *before, last = candidate.state.turns
            text = result.problem.prompt + "".join(turn.text for turn in before)
            assert (text, last.text) in scorer.asked


def test_an_unfinished_response_has_no_value():
    transitions = Transitions(Echo(), TOKENIZER)
    start = transitions.start(Echo().problem("train", 0))
    values = ScorerValues(Vowels())
    assert np.isnan(values([start], seed=0)).all() and values.num_tokens == 0
