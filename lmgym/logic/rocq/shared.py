"""The pool of prover processes that everything in this process shares."""

from __future__ import annotations

import atexit
import os

from lmgym.logic.rocq.pool import Pool

_pool = Pool()


def pool() -> Pool:
    """Returns the pool."""
    return _pool


def stop() -> None:
    """Ends its processes; a later request starts new ones. Counts begin anew."""
    global _pool
    old, _pool = _pool, Pool()
    old.close()


def _begin_anew() -> None:
    """In a fork of this process: its pipes lead to processes that it doesn't own."""
    global _pool
    old, _pool = _pool, Pool()
    old.forget()


atexit.register(stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
