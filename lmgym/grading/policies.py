"""Where the final answer stands and how it is read: the choices that a task makes explicit.

Comes in: the name of a policy or a ``Policy``. Goes out: a ``Policy``. What each one looks for is done in
``extraction``; what counts as equal is said by ``rules``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.grading.budgets import Budgets
from lmgym.grading.rules import Rules

Place = Literal["final", "boxed", "marker", "last_line", "whole", "choice"]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Where an answer is looked for, how it is read, and within which limits."""

    where: Place = "final"
    """"boxed": the last \\boxed{}; "marker": behind the last ``marker``; "last_line": the last line that is
    not blank; "final": the first of these three that there is; "whole": all of the response; "choice": one
    letter of a multiple choice, in any of these places"""
    marker: str = "####"
    """what stands before the answer where "marker" or "final" looks for one"""
    choices: str = "ABCDEFGHIJ"
    """letters that "choice" knows"""
    thinking: tuple[str, ...] = ("think", "thinking")
    """tags whose contents are never looked at: <think>...</think>"""
    rules: Rules = field(default_factory=Rules)
    """what counts as the same answer"""
    budgets: Budgets = field(default_factory=Budgets)
    """limits beyond which an answer is refused"""

    def __post_init__(self) -> None:
        if self.where not in get_args(Place):
            raise UnknownNameError("place of Policy.where", self.where, get_args(Place))
        if not isinstance(self.marker, str) or not self.marker.strip() or "\n" in self.marker:
            raise InvalidValueError(f"Policy.marker must be text of one line, got {self.marker!r}.")
        letters = self.choices
        if not (isinstance(letters, str) and letters.isascii() and letters.isalpha() and letters.isupper()):
            raise InvalidValueError(f"Policy.choices must be capital ASCII letters, got {letters!r}.")
        if not isinstance(self.thinking, tuple) or not all(map(_is_tag, self.thinking)):
            raise InvalidValueError(
                f"Policy.thinking must be a tuple of names such as 'think', got {self.thinking!r}."
            )
        for name, kind in (("rules", Rules), ("budgets", Budgets)):
            if not isinstance(getattr(self, name), kind):
                raise InvalidValueError(
                    f"Policy.{name} must be {kind.__name__}(...), got {getattr(self, name)!r}."
                )


def _is_tag(name: object) -> bool:
    return isinstance(name, str) and name.isascii() and name.replace("_", "").isalnum()


POLICIES: Mapping[str, Policy] = MappingProxyType({name: Policy(where=name) for name in get_args(Place)})
"""Every policy that has a name, with default rules and budgets."""


def find_policy(policy: str | Policy) -> Policy:
    """Returns the policy of that name; a ``Policy`` as it is.

    Raises:
        UnknownNameError: no policy has that name.
        InvalidValueError: neither a name nor a policy.
    """
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, str):
        raise InvalidValueError(f"policy must be a name or a Policy, got {policy!r}.")
    found = POLICIES.get(policy)
    if found is None:
        raise UnknownNameError("policy", policy, POLICIES)
    return found
