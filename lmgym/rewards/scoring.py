"""``score``: the one function through which environments call a reward.

Comes in: a reward and transcripts. Goes out: scores whose shapes, types and numbers have been checked, in
which every row that could not be scored is marked, each for its own reason. Left out: what a reward is.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError, LmgymError, RewardError
from lmgym.records import Scores, Transcript
from lmgym.rewards.base import Reward

NOT_APPLICABLE = "not applicable"
"""Reason of a row to which a reward says it does not apply; a sum leaves that term out of the row."""

MAX_THREADS = 16
"""Rows that are tried at once after a batch has run out of time."""


def reward_name(reward: object) -> str:
    """Returns the name that error messages use: the reward's ``name``, else that of its function or class."""
    for holder in (reward, type(reward)):
        name = getattr(holder, "name", None) or getattr(holder, "__name__", None)
        if isinstance(name, str):
            return name
    return type(reward).__name__


def score(reward: Reward, transcripts: Sequence[Transcript], timeout_s: float | None = None) -> Scores:
    """Returns the checked scores of ``transcripts``.

    Rows whose verdict is an error (the verifier itself failed) are not shown to the reward: they fail. If
    the reward raises, or its time runs out, the rows are tried one by one, so that only the culprits fail.
    Errors of lmgym itself (a missing column, a missing package) are the caller's and pass through, as
    do ``KeyboardInterrupt`` and its like.

    Args:
        reward: what scores.
        transcripts: B transcripts.
        timeout_s: seconds for the batch, and as many again for its rows if the batch did not finish; then up
            to 16 rows are tried at once, from several threads. None: no limit. A call that has run out
            of time can't be stopped, only left behind: what may hang for good belongs in another process.

    Returns:
        Scores: ``values`` float64[B], finite, 0.0 where ``failed``; ``terms`` each float64[B], summing to
        ``values``; ``failed`` bool[B]; ``reasons`` of length B, or empty if no row failed.

    Raises:
        RewardError: the reward returned no Scores, arrays of the wrong length or type, NaN or an infinity
            in a row that it did not mark as failed, or terms that do not sum to its values.
        InvalidValueError: ``timeout_s`` is not positive.
    """
    if timeout_s is not None and not timeout_s > 0:
        raise InvalidValueError(f"timeout_s must be positive seconds or None, got {timeout_s!r}.")
    unverified = [
        i for i, t in enumerate(transcripts) if t.verdict is not None and t.verdict.status == "error"
    ]
    if not unverified:
        return _score_verified(reward, transcripts, timeout_s)
    rows: list[Scores] = []
    kept = sorted(set(range(len(transcripts))) - set(unverified))
    if kept:
        rows = _split(_score_verified(reward, [transcripts[i] for i in kept], timeout_s))
    by_row = dict(zip(kept, rows, strict=True))
    for i in unverified:
        verdict = transcripts[i].verdict
        by_row[i] = failed_row(f"verifier: {verdict.reason if verdict and verdict.reason else 'error'}")
    return _join([by_row[i] for i in range(len(transcripts))])


def failed_row(reason: str) -> Scores:
    """Returns the scores of one row that could not be scored."""
    return Scores(np.zeros(1), {}, np.ones(1, np.bool_), (reason,))


def _score_verified(reward: Reward, transcripts: Sequence[Transcript], timeout_s: float | None) -> Scores:
    try:
        if timeout_s is None:
            scores = reward(transcripts)
        else:
            scores = _call_within(lambda: reward(transcripts), timeout_s)
    except (LmgymError, KeyboardInterrupt):
        raise
    except Exception as error:  # a reward is foreign code: whatever it raises costs rows, not the run
        if len(transcripts) == 1:
            return failed_row(_describe(error))
        return _score_singly(reward, transcripts, timeout_s)
    return check_scores(reward, scores, transcripts)


def _score_singly(reward: Reward, transcripts: Sequence[Transcript], timeout_s: float | None) -> Scores:
    if timeout_s is None:
        return _join([_score_verified(reward, [transcript], None) for transcript in transcripts])
    done: dict[int, Scores | BaseException] = {}
    finished = threading.Semaphore(0)
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for i in range(len(transcripts)):
        todo.put(i)

    def work() -> None:
        while True:
            try:
                i = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done[i] = _score_verified(reward, [transcripts[i]], None)
            except BaseException as error:  # carried over to the caller's thread, which raises it
                done[i] = error
            finished.release()

    for _ in range(min(MAX_THREADS, len(transcripts))):
        threading.Thread(target=work, daemon=True).start()
    clock = threading.Timer(timeout_s, lambda: finished.release(len(transcripts)))
    clock.daemon = True
    clock.start()
    for _ in range(len(transcripts)):
        finished.acquire()
    clock.cancel()
    rows = []
    for i in range(len(transcripts)):
        row = done.get(i)
        if isinstance(row, BaseException):
            raise row
        rows.append(failed_row(f"timeout: no score within {timeout_s:g} s") if row is None else row)
    return _join(rows)


def _call_within(call: Callable[[], Scores], timeout_s: float) -> Scores:
    """Returns what ``call`` returns, or raises what it raises, or TimeoutError after ``timeout_s``."""
    results: list[Scores] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # carried over to the caller's thread, which raises it
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout_s)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no score within {timeout_s:g} s")
    return results[0]


def _describe(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"timeout: {error}"
    return f"{type(error).__name__}: {error}"[:500]


def _split(scores: Scores) -> list[Scores]:
    """Returns one Scores a row."""
    reasons = scores.reasons or ("",) * len(scores.values)
    return [
        Scores(
            scores.values[i : i + 1],
            {name: term[i : i + 1] for name, term in scores.terms.items()},
            scores.failed[i : i + 1],
            (reasons[i],),
        )
        for i in range(len(scores.values))
    ]


def _join(rows: Sequence[Scores]) -> Scores:
    """Returns the rows as one batch; a term that a row lacks is 0 there."""
    if not rows:
        return Scores(np.zeros(0), {}, np.zeros(0, np.bool_))
    names = dict.fromkeys(name for row in rows for name in row.terms)
    zero = np.zeros(1)
    reasons = tuple((row.reasons or ("",))[0] for row in rows)
    return Scores(
        np.concatenate([row.values for row in rows]),
        {name: np.concatenate([row.terms.get(name, zero) for row in rows]) for name in names},
        np.concatenate([row.failed for row in rows]),
        reasons if any(reasons) else (),
    )


def check_scores(reward: Reward, scores: object, transcripts: Sequence[Transcript]) -> Scores:
    """Returns ``scores`` as float64 and bool arrays with zeros in failed rows, or raises RewardError."""
    name = reward_name(reward)
    if not isinstance(scores, Scores):
        raise RewardError(
            f"reward {name!r} returned a {type(scores).__name__}; a reward returns lmgym.records.Scores. "
            "A plain function becomes a reward by lmgym.rewards.make_reward(function)."
        )
    num_rows = len(transcripts)
    if np.shape(scores.values) != (num_rows,):
        raise RewardError(
            f"reward {name!r}: values must be {num_rows} real numbers, one a transcript, "
            f"got an array of shape {list(np.shape(scores.values))}."
        )
    failed = np.asarray(scores.failed)
    if failed.dtype != np.bool_ or failed.shape != (num_rows,):
        raise RewardError(
            f"reward {name!r}: `failed` must be bool[{num_rows}], got {failed.dtype}{list(failed.shape)}."
        )
    if scores.reasons and len(scores.reasons) != num_rows:
        raise RewardError(
            f"reward {name!r} gave {len(scores.reasons)} reasons for {num_rows} rows; give one a row or none."
        )
    values = check_column(name, "values", scores.values, failed, transcripts)
    terms = {
        term: check_column(name, f"term {term!r}", column, failed, transcripts)
        for term, column in scores.terms.items()
    }
    if terms:
        total = sum(terms.values())
        size = sum(np.abs(column) for column in terms.values())
        wrong = np.flatnonzero(np.abs(total - values) > 1e-6 * (size + 1e-300))
        if wrong.size:
            row = int(wrong[0])
            given = {term: float(column[row]) for term, column in terms.items()}
            raise RewardError(
                f"reward {name!r}, row {row}: the terms {given} do not sum to the value "
                f"{float(values[row])!r}; give every contribution its term, weights included."
            )
    else:
        terms = {name: values}
    return Scores(values, terms, failed, tuple(scores.reasons) if failed.any() else ())


def check_column(
    name: str, what: str, column: object, failed: NDArray[np.bool_], transcripts: Sequence[Transcript]
) -> NDArray[np.float64]:
    """Returns ``column`` as float64[B] with 0.0 where ``failed``, or raises RewardError naming the row."""
    array = np.asarray(column)
    if array.dtype.kind not in "fiub" or array.shape != failed.shape:
        raise RewardError(
            f"reward {name!r}: {what} must be {len(failed)} real numbers, one a transcript, "
            f"got {array.dtype}{list(array.shape)}."
        )
    floats = array.astype(np.float64)
    if failed.any():
        floats[failed] = 0.0
    finite = np.isfinite(floats)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        problem = transcripts[row].problem
        raise RewardError(
            f"reward {name!r}: {what} is {floats[row]} in row {row} (problem {problem.index} of "
            f"{problem.split!r}, response {transcripts[row].response[:80]!r}). Return a finite number; for a "
            "row that can't be scored raise an exception or mark it in `failed`."
        )
    return floats
