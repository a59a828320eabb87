"""Agents of all kinds, good and bad, which the tests of the benchmark's jobs name as others name theirs."""

import json

import numpy as np
import torch

WORDS = ("ab", "cd", "ba")
SEEN = []
"""What agents have noted, for the tests to look at."""


class Speaker:
    """Says the same to everything."""

    granularity = "response"

    def __init__(self, word="a"):
        self.word = word

    def act(self, observations):
        return [self.word] * len(observations)


class Raises(Speaker):
    def act(self, observations):
        raise KeyError("what was I asked?")


class FewTexts(Speaker):
    def act(self, observations):
        return ["a"]


class OneText(Speaker):
    def act(self, observations):
        return "a"


class Numbers(Speaker):
    def act(self, observations):
        return list(range(len(observations)))


class Hungry(Speaker):
    def act(self, observations):
        raise MemoryError("no room")


class Floats(Speaker):
    granularity = "token"

    def act(self, observations):
        return np.zeros(len(observations["input_ids"]))


class WrongShape(Floats):
    def act(self, observations):
        return np.zeros((len(observations["input_ids"]), 1), np.int64)


class OutsideVocabulary(Floats):
    def act(self, observations):
        return np.full(len(observations["input_ids"]), 10**6)


class HugeTokens(Floats):
    def act(self, observations):
        return np.full(len(observations["input_ids"]), 10**12)


class Learner(Speaker):
    """Learns nothing, but does as one that does; ``module`` is what its weights are."""

    def __init__(self, seed=0):
        super().__init__()
        self.module = torch.nn.Linear(1, 1)
        torch.nn.init.zeros_(self.module.weight)
        torch.nn.init.zeros_(self.module.bias)

    def begin(self, training):
        SEEN.append(("begin", training.num_tokens))

    def learn(self, training):
        training.advance({"loss": 1.0}, num_read_tokens=10, num_gradient_steps=1)


class EarlyLearner(Learner):
    """Trains before it is measured for the first time."""

    def begin(self, training):
        training.advance(num_read_tokens=10, num_gradient_steps=2)


class Spoiler(Learner):
    """Writes into the model that all others start from."""

    def learn(self, training):
        (training.model / "model.safetensors").write_bytes(b"mine")


class NotFiniteMetric(Learner):
    def learn(self, training):
        training.advance({"loss": float("nan")}, num_read_tokens=10)


class NotFiniteWeights(Learner):
    def learn(self, training):
        training.advance({"loss": 1.0}, num_read_tokens=10)
        torch.nn.init.constant_(self.module.bias, float("inf"))


class RaisesInLearn(Learner):
    def learn(self, training):
        training.advance({"loss": 1.0}, num_read_tokens=10)
        raise ValueError("a bug\nin my code")


class LateStarter(Speaker):
    """Can't act before it has learned."""

    def __init__(self):
        self.word = None

    def act(self, observations):
        return [self.word.lower()] * len(observations)

    def learn(self, training):
        self.word = "A"
        training.advance(num_read_tokens=training.budget)


class Overspender(Learner):
    """Acts until it is stopped."""

    def learn(self, training):
        env = training.make_env(4, autoreset_mode="NEXT_STEP")
        env.reset(seed=1)
        while True:
            env.step(np.full(4, env.tokenizer.end_id))


class Drawer(Learner):
    """A learner whose every number comes from the generators of the process and from its environment."""

    def learn(self, training):
        env = training.make_env(3)
        state = training.restore()
        if state is not None:
            self.module.load_state_dict(state["module"])
            env.set_state(state["env"])
        while True:
            if state is None:
                env.reset(seed=training.seed)
            else:
                env.reset()
            tokens = torch.randint(3, env.tokenizer.vocab_size, (3, 1)).numpy()
            tokens = np.concatenate([tokens, np.full((3, 1), env.tokenizer.end_id)], axis=1)
            result = env.step_responses(tokens, np.full(3, 2))
            with torch.no_grad():
                self.module.weight += float(np.random.rand()) + result.rewards.sum()
            state = {"module": self.module.state_dict(), "env": env.get_state()}
            kept = state
            if not training.advance(
                {"weight": float(self.module.weight.detach()), "first": int(tokens[0, 0])},
                num_gradient_steps=2,
                flops=10.0,
                state=lambda kept=kept: kept,
            ):
                return


class Parrot:
    """Notes what earned something, and says it again; explores by the process's generator."""

    granularity = "response"

    def __init__(self, seed=0):
        self.known, self.explores = {}, True

    def act(self, observations):
        SEEN.append(("explores", self.explores))
        words = np.random.randint(0, 3, len(observations)) if self.explores else np.zeros(len(observations))
        return [self.known.get(text, WORDS[int(k)]) for text, k in zip(observations, words, strict=True)]

    def observe(self, experience):
        SEEN.append(("experience", experience))
        for prompt, said, reward in zip(
            experience.prompts, experience.responses, experience.rewards, strict=True
        ):
            if reward > 0:
                self.known[prompt] = said[0]

    def save(self, folder):
        (folder / "deep").mkdir()
        (folder / "deep" / "known.json").write_text(json.dumps(self.known))

    def load(self, folder):
        self.known = json.loads((folder / "deep" / "known.json").read_text())
