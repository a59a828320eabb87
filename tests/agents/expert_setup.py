"""Small parts for tests of expert iteration: a search by plain sampling, tiny policies and tokenizers."""

from __future__ import annotations

import numpy as np
import tokenizers

from lmgym.seeding import make_key
from lmgym.tokenization import HFTokenizer
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.results import Candidate, SearchResult


class SampledResponses:
    """Samples responses to problems of one turn; the plainest search there is."""

    name = "sampled"

    def __init__(self, setting):
        self._setting = setting

    def search(self, problems, *, seed=0, on_progress=None):
        setting, transitions = self._setting, self._setting.transitions
        starts = [transitions.start(problem) for problem in problems for _ in range(setting.samples)]
        streams = [
            make_key(seed, problem.prompt, number) >> 2
            for problem in problems
            for number in range(setting.samples)
        ]
        params = SamplingParams(
            max_new_tokens=transitions.max_new_tokens, temperature=setting.temperature,
            stop_ids=transitions.tokenizer.end_ids,
        )  # fmt: skip
        said = setting.engine.generate(
            [np.array(state.tokens) for state in starts], params, seed=seed, request_ids=np.array(streams)
        )
        rows = zip(starts, said.tokens.tolist(), said.lengths.tolist(), strict=True)
        ended = [transitions.apply(state, tuple(row[:length])) for state, row, length in rows]
        logps = said.logps.sum(dim=1).tolist()
        results = []
        for place, problem in enumerate(problems):
            first = place * setting.samples
            chosen = range(first, first + setting.samples)
            results.append(
                SearchResult(
                    problem=problem, stop="exhausted", num_nodes=setting.samples,
                    candidates=tuple(
                        Candidate(state=ended[i], score=logps[i], path_logp=logps[i]) for i in chosen
                    ),
                    num_tokens=sum(int(said.lengths[i]) for i in chosen),
                )
            )  # fmt: skip
        return results


def make_letters(letters):
    """Returns a tokenizer that knows these letters alone."""
    vocabulary = {token: i for i, token in enumerate(["<end>", "<unk>", *letters])}
    library = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    library.decoder = tokenizers.decoders.Fuse()
    library.add_special_tokens(["<end>"])
    return HFTokenizer(library, end_token="<end>")


def make_policy(tokenizer, *, context=64, seed=0, layers=1):
    """Returns a fresh policy with opinions."""
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=32, layers=layers, heads=2, context=context, seed=seed,
        config={"initializer_range": 0.1},
    )  # fmt: skip
    return Policy(model)
