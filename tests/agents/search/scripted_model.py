"""Trees of words whose every number is scripted: a task, a state model, a sampler that says given texts."""

from __future__ import annotations

import numpy as np
import torch

from lmgym.records import Problem, Verdict
from lmgym.seeding import make_generator
from lmgym.tasks.base import SingleTurnTask
from lmgym.tokenization import CharTokenizer
from lmgym_agents.engine import Generation
from lmgym_agents.search.states import Transitions
from lmgym_agents.state_model import StateEvaluation
from tests.reference.exhaustive_search import END

TOKENIZER = CharTokenizer()


class Words(SingleTurnTask):
    """Say one of a problem's words. "!" is an answer too, which the verifier reads but never takes."""

    fingerprint = "Words()"
    default_max_new_tokens = 8

    def __init__(self, letters="abc", goals=None):
        self.alphabet_letters, self._goals = letters, goals or {}

    @property
    def alphabet(self):
        return self.alphabet_letters

    def problems(self, split, indices):
        return [Problem(f"{index}:", self._goals.get(index, ()), split, index) for index in indices]

    def verify(self, transcript):
        text = transcript.response
        if text == "down":
            return Verdict("error", "down")
        answer = text.strip("!") if text.endswith("!") else None
        if text in transcript.problem.reference:
            return Verdict("correct", "", answer, 1.0)
        return Verdict("wrong", "wrong", answer)

    def demonstrations(self, problem, rng):
        return (min(problem.reference),)


class ScriptedModel:
    """Numbers by (index, what was said): ``script(index, said) -> {letter: (logp, q)}, value``."""

    def __init__(self, script, *, has_q=True, has_values=False, max_length=None):
        self.vocab_size, self.max_length, self.num_computed = TOKENIZER.vocab_size, max_length, 0
        self._script, self._has_q, self._has_values = script, has_q, has_values
        self.calls = []

    def evaluate(self, rows):
        self.calls.append(len(rows))
        self.num_computed += sum(map(len, rows))
        logps = np.full((len(rows), self.vocab_size), -np.inf)
        q, values = np.full(logps.shape, -99.0), np.zeros(len(rows))
        for place, row in enumerate(rows):
            index, said = TOKENIZER.decode(row).split(":")
            edges, values[place] = self._script(int(index), said)
            for letter, (logp, worth) in edges.items():
                token = token_of(letter)
                logps[place, token], q[place, token] = logp, worth
        return StateEvaluation(logps, q if self._has_q else None, values if self._has_values else None)

    def weights_changed(self):
        pass


def token_of(letter):
    return TOKENIZER.end_id if letter == END else TOKENIZER.encode(letter)[0]


def said_in(state):
    """What was chosen on the way to a state, the end token as a letter."""
    tokens = state.tokens[len(TOKENIZER.encode(state.problem.prompt)) :]
    return "".join(END if token == TOKENIZER.end_id else TOKENIZER.decode([token]) for token in tokens)


class RandomTree:
    """Words over ``letters`` of up to ``depth`` tokens, random log-probs, random right answers."""

    def __init__(self, seed, *, letters="abc", depth=4, num_goals=3):
        self.letters, self.depth, self.seed, self._logps = letters, depth, seed, {}
        rng = make_generator(seed, "goals")
        shown = [
            "".join(rng.choice(list(letters), size=rng.integers(0, depth + 1))) for _ in range(num_goals)
        ]
        self.goals = frozenset(shown)

    def logps(self, said):
        """Log-prob of each letter and of the end, which sum to one."""
        if said in self._logps:
            return self._logps[said]
        rng = make_generator(self.seed, "logps", *map(ord, said))
        chances = rng.dirichlet(np.full(len(self.letters) + 1, 0.7))
        logps = np.log(chances + 1e-9) - np.log1p(1e-9 * len(chances))
        self._logps[said] = dict(zip((*self.letters, END), logps.tolist(), strict=True))
        return self._logps[said]

    def children(self, said):
        """Returns the log-prob of every choice; none where the word is over."""
        return {} if said.endswith(END) or len(said) == self.depth else self.logps(said)

    def is_goal(self, said):
        return (said.endswith(END) or len(said) == self.depth) and said.rstrip(END) in self.goals


def transitions_of(trees):
    """Returns the transitions and problems that play ``trees``, problem i the i-th."""
    task = Words(trees[0].letters, {i: tree.goals for i, tree in enumerate(trees)})
    transitions = Transitions(task, TOKENIZER, max_new_tokens=trees[0].depth)
    return transitions, task.problems("train", range(len(trees)))


class Sayer:
    """An engine that says given texts: roll-out number i of a call gets text i of its prompt, in turn."""

    def __init__(self, texts, logp=-1.0):
        self._texts, self._logp, self._asked = texts, logp, {}

    def generate(self, prompts, params, *, seed, max_new_tokens, request_ids):
        rows = []
        for prompt, room in zip(prompts, max_new_tokens, strict=True):
            text = TOKENIZER.decode(np.asarray(prompt))
            number = self._asked[text] = self._asked.get(text, -1) + 1
            said = self._texts[number % len(self._texts)]
            rows.append([*TOKENIZER.encode(said), TOKENIZER.end_id][: int(room)])
        width = max(map(len, rows))
        return Generation(
            tokens=torch.tensor([row + [0] * (width - len(row)) for row in rows]),
            lengths=torch.tensor([len(row) for row in rows]),
            logps=torch.tensor([[self._logp] * len(row) + [0.0] * (width - len(row)) for row in rows]),
            stopped=torch.tensor([row[-1] == TOKENIZER.end_id for row in rows]),
        )
