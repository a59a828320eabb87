"""Errors that callers can cause; each says what was given, what is allowed, what to do.

Every class here is also a built-in error such as ``ValueError`` or ``KeyError``, so that code which knows
nothing of lmgym can still catch it. A bad *model response* is never an error: it is a verdict
(see ``lmgym.records.Verdict``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LmgymError(Exception):
    """Base of every error that lmgym raises on purpose."""


class UnknownNameError(LmgymError, KeyError):
    """A name (environment, option, split, reward ...) that is not in its table."""

    def __init__(self, kind: str, given: object, allowed: Iterable[str]) -> None:
        """Builds the message with the nearest allowed name.

        Args:
            kind: what was named, in words: ``"split"``, ``"reward"``, ``"option of lmgym/Math-v0"``.
            given: the name as the caller wrote it.
            allowed: every name that would have been accepted.
        """
        self.kind = kind
        self.given = given
        self.allowed = sorted(allowed)
        near = difflib.get_close_matches(str(given), self.allowed, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"unknown {kind} {given!r}.{hint} Allowed: {', '.join(self.allowed)}.")

    def __str__(self) -> str:  # KeyError would print the message with quotes and escapes
        return str(self.args[0])

    def __reduce__(self) -> tuple[type, tuple[str, object, list[str]]]:
        return type(self), (self.kind, self.given, self.allowed)


class InvalidValueError(LmgymError, ValueError):
    """An option or argument whose value is not allowed."""


class InvalidActionError(LmgymError, ValueError):
    """An action outside the action space, or an action array of the wrong shape or dtype."""


class EpisodeOverError(LmgymError, ValueError):
    """``step`` was called on an episode that has ended (or has not begun); call ``reset``."""


class PromptTooLongError(LmgymError, ValueError):
    """A prompt (with the tokens an agent may add) does not fit the context."""


class TokenizerError(LmgymError, ValueError):
    """A tokenizer that lacks what a token environment needs, an end token for instance."""


class RewardError(LmgymError, ValueError):
    """A reward returned NaN, an infinity, the wrong length or the wrong type."""


class EmptyProblemSetError(LmgymError, ValueError):
    """A split, file or filter holds no problem."""


class CheckError(LmgymError, AssertionError):
    """An environment breaks a law that ``check_env`` or ``check_vector_env`` tests."""


class MissingDependencyError(LmgymError, ImportError):
    """An optional dependency is not installed; the message gives the pip command."""


class BudgetSpentError(LmgymError, RuntimeError):
    """An agent acts in training although its budget of tokens is spent; see ``lmgym.agent.Training``."""


class ModelError(LmgymError, ValueError):
    """A model that cannot be used: unknown path, corrupted or pickled weights, code in its config."""


class DeviceError(LmgymError, ValueError):
    """A device that does not exist here."""


class OutOfMemoryError(LmgymError, MemoryError):
    """Even a micro-batch of one row does not fit into memory."""
