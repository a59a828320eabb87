"""A task of one's own: one class, registered, checked, and played like any other environment.

Run: python examples/02_write_a_task.py
"""

import gymnasium as gym

import lmgym
from lmgym.records import Problem, Verdict
from lmgym.seeding import make_generator
from lmgym.tasks.base import SingleTurnTask, check_split, split_of


class Vowels(SingleTurnTask):
    """How many vowels are in a word of random letters?"""

    def __init__(self, length: int = 6) -> None:
        self.length = length

    @property
    def fingerprint(self) -> str:  # everything on which the problems depend
        return f"Vowels(length={self.length})"

    def problems(self, split, indices):
        check_split(self, split)
        return [self._draw(split, index) for index in indices]

    def _draw(self, split, index):
        rng = make_generator(0, "vowels", self.length, split, index)
        while True:  # a word belongs to one split, whatever the seed
            word = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), self.length))
            if split_of(word) == split:
                vowels = sum(letter in "aeiou" for letter in word)
                return Problem(f"Vowels in {word}: ", str(vowels), split, index, key=word)

    def verify(self, transcript):
        turn = transcript.turns[-1] if transcript.turns else None
        if turn is None or not turn.is_complete:
            return Verdict("wrong", "overlong" if turn else "truncated")
        if turn.text.strip() == transcript.problem.reference:
            return Verdict("correct", "", turn.text, 1.0)
        return Verdict("wrong", "wrong", turn.text)

    def demonstrations(self, problem, rng):
        return (problem.reference,)


gym.register(
    "mine/Vowels-v0",
    entry_point="lmgym.envs.make:make_env",
    vector_entry_point="lmgym.envs.make:make_vector_env",
    kwargs={"task": f"{__name__}:Vowels"},
)

lmgym.check_env(gym.make("mine/Vowels-v0"))  # says what is wrong, if anything is

env = gym.make("mine/Vowels-v0", granularity="response", length=8)
prompt, info = env.reset(seed=1)
answer = str(sum(prompt.removeprefix("Vowels in ").count(vowel) for vowel in "aeiou"))
_, reward, *_, info = env.step(answer)
print(f"{prompt}{answer}   {info['status']}, reward {reward}")
