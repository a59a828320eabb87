"""Calls of foreign code: what it raises becomes a CheckError that names the call and the line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lmgym.errors import CheckError
from lmgym.raised import describe_error


def call_agent(call: str, expected: str, function: Callable[..., Any], *arguments: Any, cause: str) -> Any:
    """Returns what ``function`` returns.

    Args:
        call: how the call is named.
        expected: what it should give.
        function: of the agent.
        *arguments: of the call.
        cause: the likely mistake, if it raises.

    Raises:
        CheckError: it raises anything.
    """
    try:
        return function(*arguments)
    except Exception as error:  # foreign code raises what it likes
        raise CheckError(
            f"{call}: expected {expected}, but it raised {describe_error(error)}. Likely cause: {cause}."
        ) from error


def takes_one(method: Callable[..., Any]) -> bool:
    """Returns whether ``method`` can be called with one positional argument; True where nobody can tell."""
    try:
        inspect.signature(method).bind(None)
    except TypeError:
        return False
    except ValueError:  # some built-in callables hide their parameters
        return True
    return True


def takes_seed(make: Callable[..., Any]) -> bool:
    """Returns whether ``make`` has a parameter ``seed``."""
    try:
        return "seed" in inspect.signature(make).parameters
    except (TypeError, ValueError):
        return False
