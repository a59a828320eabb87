"""An agent of your own, evaluated like a language model: any class with ``act``, by its name.

    python examples/05_plug_in_your_agent.py
    lmgym eval --env lmgym/Math-v0 --agent examples.05_plug_in_your_agent:Calculator

An agent that acts token by token gets arrays instead of texts; see
``lmgym_agents.agent.Agent``.
"""

import re
from collections.abc import Sequence

from lmgym_agents.evaluation import evaluate


class Calculator:
    """Adds two numbers, and forgets to carry once in a while."""

    granularity = "response"

    def act(self, observations: Sequence[str]) -> list[str]:
        return [self.answer(prompt) for prompt in observations]

    def answer(self, prompt: str) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", prompt)]
        forgets = len(numbers) == 2 and numbers[0] % 10 + numbers[1] % 10 == 18
        return str(sum(numbers) - (10 if forgets else 0))


if __name__ == "__main__":
    result = evaluate(Calculator(), "lmgym/Math-v0", split="test", num_problems=500)
    rate, low, high = result.success
    print(f"success {rate:.1%}, 95 % interval {low:.1%} to {high:.1%}")
    for transcript in result.transcripts:
        print(transcript.prompt, transcript.continuation, "right" if transcript.success else "wrong")
