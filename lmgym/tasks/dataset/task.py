"""``lmgym/Dataset-v0``: any data set of prompts and reference answers, with a choice of grader."""

from __future__ import annotations

import copy
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, final

import numpy as np

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.grading import Gold, grade, grade_batch, read_gold
from lmgym.records import Problem, Transcript, Verdict
from lmgym.seeding import make_generator
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split, split_of, unfinished
from lmgym.tasks.dataset.columns import PRESETS, Columns, Item
from lmgym.tasks.dataset.rows import Row, read_rows
from lmgym.tasks.options import check_choice, check_int

SAMPLE = Path(__file__).parent / "sample.jsonl"
MAX_ORDERS = 64
"""Orders of epochs that are remembered; the rows of a batch are in many epochs."""
_SHAPES: Mapping[str, str] = {"boxed": "\\boxed{{{}}}", "marker": "#### {}"}
"""How the demonstration of an answer alone looks under a policy; elsewhere it is the answer itself."""


class DatasetReference(NamedTuple):
    """The private truth of a row."""

    gold: Gold
    answer: str
    solution: str | None


@final
class Dataset(SingleTurnTask):
    """Rows of a file, or of a data set that is loaded already, as problems of one turn.

    A single file is split by the hash of the question, as everywhere. Files that come in splits stay as they
    are, but a question that is also in the test file is left out of the other two, and one of the validation
    file out of train; without a validation file a tenth of train is. The n rows of a split come again and
    again: those of train in another order in each epoch, the others in the file's order.
    """

    def __init__(
        self,
        *,
        path: str | Path | None = None,
        train_path: str | Path | None = None,
        validation_path: str | Path | None = None,
        test_path: str | Path | None = None,
        rows: Sequence[Row] | Mapping[str, Sequence[Row]] | None = None,
        preset: str | None = None,
        prompt: str | None = None,
        answer: str | None = None,
        solution: str | None = None,
        choices: str | None = None,
        levels: str | None = None,
        policy: str | None = None,
        style: Literal["answer", "worked"] = "answer",
        level: int | None = None,
    ) -> None:
        r"""Reads and checks all of the data.

        Args:
            path: a .jsonl, .json, .csv, .tsv or .parquet file to split.
            train_path: the train split's file; with the next two instead of ``path``.
            validation_path: the validation split's file.
            test_path: the test split's file.
            rows: instead of files: a sequence of mappings such as a ``datasets.Dataset``, or a mapping from
                split to such sequences such as a ``datasets.DatasetDict``.
            preset: "gsm8k", "svamp", "math500", "choice" or "sample" names the columns of a well-known data
                set; the options that follow come before it. Without data and preset: the sample that ships
                with lmgym.
            prompt: the prompt's text with {column} in it; default "{question}\n".
            answer: column of the reference answer; default "answer".
            solution: column of a worked solution, for demonstrations.
            choices: column of the choices of a multiple-choice question.
            levels: column of a whole number from 1 that says how hard a row is.
            policy: how the final answer is found and compared: a name of ``lmgym.grading.POLICIES``.
            style: whether demonstrations are answers alone or worked.
            level: pose only rows of at most this level; None: all.

        Raises:
            InvalidValueError: a file, row, column or reference answer that can't be used.
            UnknownNameError: an unknown preset, policy or style.
            EmptyProblemSetError: no row at all.
        """
        paths = {"train": train_path, "validation": validation_path, "test": test_path}
        sources = _choose_sources(path, paths, rows)
        if sources is None:
            if preset not in (None, "sample"):
                check_choice("preset", preset, PRESETS)
                raise InvalidValueError(
                    f"preset={preset!r} only names columns; give the data with path=, train_path= or rows=."
                )
            sources, preset = SAMPLE, "sample"
        base = PRESETS[check_choice("preset", preset, PRESETS)] if preset else Columns(
            prompt="{question}\n", answer="answer"
        )  # fmt: skip
        given: dict[str, Any] = {
            "prompt": prompt, "answer": answer, "solution": solution, "choices": choices, "levels": levels,
            "policy": policy,
        }  # fmt: skip
        self._columns = replace(base, **{name: value for name, value in given.items() if value is not None})
        self._style = check_choice("style", style, ("answer", "worked"))
        self._all = _read_splits(sources, self._columns)
        self._golds = {
            split: [_read_gold(item, self._columns.policy) for item in items]
            for split, items in self._all.items()
        }
        self._max_level = max(int(item.difficulty) for items in self._all.values() for item in items)
        self._orders: OrderedDict[int, list[int]] = OrderedDict()
        self._level = self._max_level if level is None else check_int("level", level, 1, self._max_level)

    @cached_property
    def _problems(self) -> dict[str, list[Problem]]:
        made = {}
        for split, items in self._all.items():
            pairs = zip(items, self._golds[split], strict=True)
            kept = [(item, gold) for item, gold in pairs if item.difficulty <= self._level]
            made[split] = [
                Problem(
                    item.prompt, DatasetReference(gold, item.answer, item.solution), split, place,
                    item.difficulty, item.key,
                )
                for place, (item, gold) in enumerate(kept)
            ]  # fmt: skip
        return made

    @cached_property
    def fingerprint(self) -> str:
        content = hashlib.blake2b(digest_size=8)
        for split, items in self._all.items():
            content.update(repr((split, items)).encode("utf-8", "surrogatepass"))
        shown = {f.name: getattr(self._columns, f.name) for f in fields(Columns) if f.name != "clean"}
        options = ",".join(f"{name}={value!r}" for name, value in shown.items() if value is not None)
        return f"Dataset(content={content.hexdigest()},{options},style={self._style!r},level={self._level})"

    @cached_property
    def max_prompt_chars(self) -> int:
        return max(len(item.prompt) for items in self._all.values() for item in items)

    @cached_property
    def default_max_new_tokens(self) -> int:
        lengths = [
            len(self._demonstrate(problem)) for problems in self._problems.values() for problem in problems
        ]
        return 1 + max(lengths, default=0)

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return self._max_level

    @property
    def num_problems(self) -> dict[str, int]:
        """Rows of each split."""
        return {split: len(problems) for split, problems in self._problems.items()}

    def at_level(self, level: int) -> Self:
        made = copy.copy(self)
        made._level = check_int("level", level, 1, self._max_level)
        made._orders = OrderedDict()
        for name in ("_problems", "fingerprint", "default_max_new_tokens"):
            made.__dict__.pop(name, None)
        return made

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        problems = self._problems[split]
        if not problems:
            raise EmptyProblemSetError(
                f"split {split!r} of the data set holds no row of level {self._level} or less. Use another "
                f"split (rows in each: {self.num_problems}) or give a file for it."
            )
        found = []
        for index in indices:
            if not 0 <= index < 1 << 63:
                raise InvalidValueError(f"a problem index must lie in [0, 2**63), got {index!r}.")
            epoch, place = divmod(int(index), len(problems))
            row = self._order(epoch)[place] if split == "train" else place
            found.append(problems[row]._replace(index=int(index)))
        return found

    def _order(self, epoch: int) -> list[int]:
        """Returns the order in which an epoch of train goes through its rows."""
        if epoch not in self._orders:
            rng = make_generator(0, "epoch", self.fingerprint, epoch)
            self._orders[epoch] = rng.permutation(len(self._problems["train"])).tolist()
            if len(self._orders) > MAX_ORDERS:
                self._orders.popitem(last=False)
        self._orders.move_to_end(epoch)
        return self._orders[epoch]

    def verify(self, transcript: Transcript) -> Verdict:
        return self.verify_batch((transcript,))[0]

    def verify_batch(self, transcripts: Sequence[Transcript]) -> list[Verdict]:
        verdicts = [unfinished(transcript) for transcript in transcripts]
        asked = [place for place, verdict in enumerate(verdicts) if verdict is None]
        graded = grade_batch(
            [transcripts[place].problem.reference.gold for place in asked],
            [transcripts[place].response for place in asked],
            policy=self._columns.policy,
            prompts=[transcripts[place].problem.prompt for place in asked],
        )
        for place, verdict in zip(asked, graded, strict=True):
            verdicts[place] = verdict
        return [verdict for verdict in verdicts if verdict is not None]

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the worked solution where there is one and the style asks for it, else the answer."""
        return (self._demonstrate(problem),)

    def _demonstrate(self, problem: Problem) -> str:
        gold, answer, solution = problem.reference
        final = _SHAPES.get(self._columns.policy, "{}").format(answer)
        if self._style == "answer" or solution is None:
            return final
        for text in (solution, f"{solution}\n{final}", f"{solution.replace(chr(92) + 'boxed', '')}\n{final}"):
            if grade(gold, text, policy=self._columns.policy).status == "correct":
                return text
        return final


def _choose_sources(
    path: object, paths: Mapping[str, Any], rows: object
) -> object | Mapping[str, object] | None:
    """Returns one source to split, or one for each split, or None if nothing was given."""
    by_split = {split: given for split, given in paths.items() if given is not None}
    given = [name for name, value in (("path", path), ("rows", rows)) if value is not None]
    if len(given) + bool(by_split) > 1:
        raise InvalidValueError(
            f"give the data once: got {', '.join([*given, *(f'{split}_path' for split in by_split)])}."
        )
    if isinstance(rows, Mapping):
        unknown = sorted(set(rows) - set(HASHED_SPLITS))
        if unknown:
            raise InvalidValueError(f"rows has splits {unknown}; allowed are {', '.join(HASHED_SPLITS)}.")
        return dict(rows)
    return by_split or (path if path is not None else rows)


def _read_splits(sources: object, columns: Columns) -> dict[str, list[Item]]:
    """Returns the items of every split; no key is in two of them, or twice in one."""
    if not isinstance(sources, dict):
        items = _distinct(_read_items(sources, columns), set())
        if not items:
            raise EmptyProblemSetError("the data set has no row.")
        return {split: [item for item in items if split_of(item.key) == split] for split in HASHED_SPLITS}
    taken: set[str] = set()
    found: dict[str, list[Item]] = {}
    for split in ("test", "validation", "train"):
        items = _read_items(sources[split], columns) if split in sources else []
        found[split] = _distinct(items, taken)
    if "validation" not in sources:
        train = found["train"]
        found["validation"] = [item for item in train if split_of(item.key) == "validation"]
        found["train"] = [item for item in train if split_of(item.key) != "validation"]
    if not any(found.values()):
        raise EmptyProblemSetError("the data set has no row.")
    return {split: found[split] for split in HASHED_SPLITS}


def _read_items(source: object, columns: Columns) -> list[Item]:
    rows = read_rows(source)
    try:
        return [columns.read(row, place) for place, row in enumerate(rows)]
    except InvalidValueError as error:
        if isinstance(source, str | Path):
            raise InvalidValueError(f"{source}: {error}") from error
        raise


def _distinct(items: Sequence[Item], taken: set[str]) -> list[Item]:
    """Returns the first item of each key that is not in ``taken``, to which it adds the keys."""
    kept = []
    for item in items:
        if item.key not in taken:
            taken.add(item.key)
            kept.append(item)
    return kept


def _read_gold(item: Item, policy: str) -> Gold:
    try:
        return read_gold(item.answer, policy=policy)
    except InvalidValueError as error:
        raise InvalidValueError(
            f"the data set's answer to {item.prompt[:80]!r} is of no use: {error}"
        ) from error
