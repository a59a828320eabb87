"""The laws of ``act``, and of what an agent is at all."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from lmgym.agent import Agent
from lmgym.agent_checker.calls import call_agent, takes_one
from lmgym.agent_checker.samples import Sample
from lmgym.checker.laws import are_equal, require
from lmgym.envs.vector import TokenVectorEnv

_ARGUMENTS: Final = {
    "act": "observations", "begin": "training", "observe": "experience", "learn": "training",
}  # fmt: skip
_NOT_BEGUN: Final = "it acts only after begin(training), which `lmgym bench` alone calls"
_OTHER_KIND: Final = "observations of another kind than the agent was written for; any must be answered"


def check_form(agent: Any) -> None:
    """Checks the attributes and the parameters of ``agent``, before anything is called."""
    granularity = getattr(agent, "granularity", None)
    name = type(agent).__name__
    require(
        granularity in ("token", "response"), f"{name}.granularity", "'token' or 'response'", granularity,
        "an attribute that the class does not set, or one misspelt",
    )  # fmt: skip
    require(
        callable(getattr(agent, "act", None)), f"{name}.act", "a method act(observations)",
        getattr(agent, "act", None), "a method of another name",
    )  # fmt: skip
    for method in ("act", "begin", "observe", "learn", "save", "load"):
        if hasattr(agent, method):
            _check_method(agent, name, method)
    require(
        not (hasattr(agent, "observe") and hasattr(agent, "learn")), f"{name}.observe and {name}.learn",
        "one of them", "both", "two ways of training in one class: make two agents",
    )  # fmt: skip
    require(
        hasattr(agent, "save") == hasattr(agent, "load"), f"{name}.save and {name}.load", "both or none",
        "one", "the other was forgotten: what can't be loaded can't go on after a kill",
    )  # fmt: skip
    _check_explores(agent, name)


def _check_method(agent: Any, name: str, method: str) -> None:
    argument = _ARGUMENTS.get(method, "folder")
    found = getattr(agent, method)
    require(
        callable(found) and takes_one(found), f"{name}.{method}({argument})", "a method of one argument",
        found, "a parameter too many or too few, or no method but an attribute",
    )  # fmt: skip


def _check_explores(agent: Any, name: str) -> None:
    if not hasattr(agent, "explores"):
        return
    cause = "a method or a property of that name: it is an attribute, which whoever plays sets"
    require(isinstance(agent.explores, bool), f"{name}.explores", "True or False", agent.explores, cause)
    call_agent(
        f"{name}.explores = False", "an attribute to set", setattr, agent, "explores", False, cause=cause
    )


class ActingWatch:
    """Calls ``act`` and looks at what comes back; keeps how long it took."""

    def __init__(self, env: TokenVectorEnv) -> None:
        self._vocab_size = env.tokenizer.vocab_size
        self.act_s: dict[int, float] = {}
        """Seconds of the last call on beginnings of episodes, by their number."""

    def check(self, agent: Agent, samples: Sequence[Sample]) -> list[str]:
        """Checks every sample twice; returns what is worth knowing."""
        first = self.act_on_all(agent, samples)
        if not are_equal(first, self.act_on_all(agent, samples)):
            return [
                "it samples: equal observations were given different actions. That is repeated exactly as "
                "long as all that it draws comes from its seed."
            ]
        many = samples[1]
        single = [self._act(agent, _pick(many, row))[0] for row in range(min(4, many.rows))]
        if not are_equal(single, first[1][: len(single)]):
            return ["an observation was given another action alone than in a batch of others."]
        return []

    def act_on_all(self, agent: Agent, samples: Sequence[Sample]) -> list[list[Any]]:
        """Returns the actions for every sample, each a list of texts or numbers."""
        return [self._act(agent, sample, is_timed=place < 2) for place, sample in enumerate(samples)]

    def _act(self, agent: Agent, sample: Sample, *, is_timed: bool = False) -> list[Any]:
        call = f"{type(agent).__name__}.act on {sample.name}"
        given = copy.deepcopy(sample.observations)
        start = time.perf_counter()
        actions = call_agent(
            call, f"{sample.rows} actions", agent.act, given,
            cause=_NOT_BEGUN if hasattr(agent, "begin") else _OTHER_KIND,
        )  # fmt: skip
        if is_timed:
            self.act_s[sample.rows] = time.perf_counter() - start
        require(
            are_equal(given, sample.observations), call, "the observations as they were", "changed ones",
            "the agent writes into its argument; it should take a copy",
        )  # fmt: skip
        if agent.granularity == "response":
            return check_texts(actions, sample.rows, call)
        return self._check_tokens(actions, sample.rows, call)

    def _check_tokens(self, actions: Any, rows: int, call: str) -> list[int]:
        found = call_agent(
            call, f"integers[{rows}]", np.asarray, actions,
            cause="a tensor on another device, or a ragged list: return a numpy array",
        )  # fmt: skip
        require(
            found.shape == (rows,), call, f"integers of shape [{rows}], one a row",
            f"shape {list(found.shape)}",
            "logits in place of tokens, a token too many for each row, or an answer to the first row alone",
        )  # fmt: skip
        require(
            found.dtype.kind in "iu", call, "integers", str(found.dtype),
            "an array made with numpy.zeros or a division: it needs .astype(int)",
        )  # fmt: skip
        wrong = found[(found < 0) | (found >= self._vocab_size)]
        require(
            not len(wrong), call, f"tokens in [0, {self._vocab_size})", wrong[:3].tolist(),
            "a vocabulary of another size than the environment's: the agent's attribute `tokenizer` says "
            "which it should have",
        )  # fmt: skip
        return found.tolist()  # type: ignore[no-any-return]


def check_texts(actions: Any, rows: int, call: str) -> list[str]:
    """Returns the texts of a call of ``act``, after checking that they are."""
    is_list = isinstance(actions, Sequence) and not isinstance(actions, str | bytes)
    cause = "one text for all, a generator or an array: return a list"
    cause = "no return statement" if actions is None else cause
    require(is_list, call, f"a list of {rows} texts", type(actions).__name__, cause)
    require(
        len(actions) == rows, call, f"{rows} texts, one for each observation", len(actions),
        "an answer to the first observation alone, or observations left out",
    )  # fmt: skip
    wrong = [type(text).__name__ for text in actions if not isinstance(text, str)]
    require(not wrong, call, "texts of type str", wrong[:3], "numbers or tokens, which need str(...)")
    return list(actions)


def _pick(sample: Sample, row: int) -> Sample:
    if isinstance(sample.observations, dict):
        one: Any = {name: values[row : row + 1] for name, values in sample.observations.items()}
    else:
        one = sample.observations[row : row + 1]
    return Sample("one of them", 1, one)
