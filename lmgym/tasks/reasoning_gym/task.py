"""``lmgym/ReasoningGym-v0``: the tasks of reasoning-gym, with disjoint splits and strict verdicts.

The package draws item i of a data set from ``Random(seed + i)``, so that neighbouring seeds share nearly all
items. Here each problem is drawn under a seed of its own, and belongs to the split that its text hashes to.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib
import importlib.metadata
import io
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self, final

import numpy as np

from lmgym.errors import EmptyProblemSetError, InvalidValueError, MissingDependencyError, UnknownNameError
from lmgym.records import Problem, Transcript, Verdict
from lmgym.seeding import make_generator
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split, split_of, unfinished
from lmgym.tasks.options import check_choice, check_int
from lmgym.tasks.reasoning_gym.checks import MAX_ANSWER_CHARS, NO_DEMONSTRATIONS, REFUSED, is_right, oracle

MAX_DRAWS = 2_000
"""Items drawn for one problem after which a split counts as empty."""
MAX_KEPT = 4_096
"""Problems that are remembered."""
_SAMPLES = 8
"""Items of a level from which the longest prompt and answer are estimated."""
_SEEDED_AT_BIRTH = frozenset(("acre", "gsm_symbolic", "list_functions"))
"""Data sets that draw from their seed when they are made, so that each item needs a new one."""
_SLOW_CURRICULUM = frozenset(("sokoban",))
"""Data sets whose curriculum begins with items that take minutes to make; they have the default alone."""
_TAGGED = re.compile("<answer>(.*?)</answer>", re.DOTALL)


class ReasoningReference(NamedTuple):
    """The private truth of an item."""

    seed: int
    """The seed from which the package makes the item again."""
    answer: str | None
    """A right answer, if one is known."""


@final
class ReasoningGym(SingleTurnTask):
    """One of the package's data sets, at a level of the package's curriculum for it.

    "ood_level" poses problems of the next level, where there is one. To be apart from all other splits it
    takes problems that hash to the test split, of which every second one is left to it.
    """

    def __init__(
        self,
        *,
        dataset: str = "chain_sum",
        level: int = 1,
        config: Mapping[str, Any] | None = None,
        answer_in: Literal["response", "tags"] = "response",
        max_prompt_chars: int | None = None,
        max_answer_chars: int | None = None,
    ) -> None:
        """Configures the task.

        Args:
            dataset: name of a data set of reasoning-gym, such as "chain_sum".
            level: 1 to ``max_level``, a level of the package's curriculum for the data set.
            config: options of the data set's own configuration, in place of the level's.
            answer_in: "response": the whole response is the answer; "tags": what stands between the last
                <answer> and </answer>.
            max_prompt_chars: problems with longer prompts are not posed; default: half as much again as the
                longest of some.
            max_answer_chars: the same for answers.

        Raises:
            MissingDependencyError: reasoning-gym is not installed.
            UnknownNameError: no such data set, or an option that its configuration lacks.
            InvalidValueError: a data set that can't be verified, or a value out of its range.
        """
        self._package = _load_package()
        known = set(self._package.factory.DATASETS)
        if dataset in REFUSED:
            raise InvalidValueError(
                f"dataset={dataset!r} of reasoning-gym is not offered: {REFUSED[dataset]}."
            )
        if dataset not in known:
            raise UnknownNameError("dataset of reasoning-gym", dataset, known - set(REFUSED))
        self._dataset = dataset
        self._level = check_int("level", level, 1, self.max_level)
        self._ood_level = min(self._level + 1, self.max_level)
        self.splits = (*HASHED_SPLITS, "ood_level") if self._ood_level > self._level else HASHED_SPLITS
        self._own = dict(config or {})
        self._answer_in = check_choice("answer_in", answer_in, ("response", "tags"))
        self._prompt_limit = None if max_prompt_chars is None else check_int(
            "max_prompt_chars", max_prompt_chars, 1, 10**6
        )  # fmt: skip
        self._answer_limit = None if max_answer_chars is None else check_int(
            "max_answer_chars", max_answer_chars, 1, MAX_ANSWER_CHARS
        )  # fmt: skip
        self._make(0, self._level)  # the configuration's own checks
        self._kept: OrderedDict[tuple[str, int], Problem] = OrderedDict()

    @property
    def fingerprint(self) -> str:
        version = importlib.metadata.version("reasoning-gym")
        own = json.dumps(self._own, sort_keys=True, default=repr)
        return (
            f"ReasoningGym({self._dataset},package={version},level={self._level},config={own},"
            f"answer_in={self._answer_in!r},limits={self._limits})"
        )

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return len(self._configurations)

    @cached_property
    def _configurations(self) -> list[dict[str, Any]]:
        """The options of each level that the package itself accepts; of some curricula it refuses a few."""
        factory = self._package.factory
        if self._dataset not in factory.CURRICULA or self._dataset in _SLOW_CURRICULUM:
            return [{}]
        curriculum = factory.create_curriculum(self._dataset)
        found: list[dict[str, Any]] = []
        for level in range(max(len(attribute.levels) for attribute in curriculum.attributes.values())):
            curriculum.set_global_level(level)
            options = dict(vars(curriculum.generate_configuration()))
            with contextlib.suppress(AssertionError, ValueError, TypeError):
                factory.create_dataset(self._dataset, **{**options, "seed": 0, "size": 1})
                found.append(options)
        return found or [{}]

    def at_level(self, level: int) -> Self:
        return type(self)(
            dataset=self._dataset, level=level, config=self._own, answer_in=self._answer_in,  # type: ignore[arg-type]
            max_prompt_chars=self._prompt_limit, max_answer_chars=self._answer_limit,
        )  # fmt: skip

    @property
    def max_prompt_chars(self) -> int:
        return self._limits[0]

    @property
    def default_max_new_tokens(self) -> int:
        return self._limits[1] + 1 + (len("<answer></answer>") if self._answer_in == "tags" else 0)

    @cached_property
    def _limits(self) -> tuple[int, int]:
        """Longest prompt and answer that are posed, in characters."""
        if self._prompt_limit is not None and self._answer_limit is not None:
            return self._prompt_limit, self._answer_limit
        items = []
        for level in {self._level: None, self._ood_level: None}:
            for seed in range(_SAMPLES):
                with contextlib.suppress(Exception):  # as in _draw
                    items.append(self._item(seed, level))
        if not items:
            raise EmptyProblemSetError(f"reasoning-gym could not make a single item of {self._dataset}.")
        prompts = max(len(str(item["question"])) for item in items)
        answers = max(len(oracle(self._dataset, item) or "") for item in items) or 512
        return self._prompt_limit or prompts * 3 // 2 + 8, self._answer_limit or answers * 3 // 2 + 8

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        found = []
        for index in indices:
            if not 0 <= index < 1 << 63:
                raise InvalidValueError(f"a problem index must lie in [0, 2**63), got {index!r}.")
            address = (split, int(index))
            problem = self._kept.get(address)
            if problem is None:
                problem = self._kept[address] = self._draw(split, int(index))
                if len(self._kept) > MAX_KEPT:
                    self._kept.popitem(last=False)
            found.append(problem)
        return found

    def _draw(self, split: str, index: int) -> Problem:
        rng = make_generator(0, "problems", self.fingerprint, split, index)
        level = self._ood_level if split == "ood_level" else self._level
        for _ in range(MAX_DRAWS):
            seed = int(rng.integers(1 << 31))
            try:
                item = self._item(seed, level)
            except Exception:  # foreign code: some generators give up on a seed, each in its own way
                continue
            prompt, answer = f"{item['question']}\n", oracle(self._dataset, item)
            key = " ".join(prompt.split())
            if answer is not None and not answer.strip():
                continue  # nothing to say, as a cube that was never turned
            if self._owner(key) == split and len(prompt) <= self._limits[0] and (
                len(answer or "") <= self._limits[1]
            ):  # fmt: skip
                return Problem(prompt, ReasoningReference(seed, answer), split, index, float(level), key)
        raise EmptyProblemSetError(
            f"split {split!r} of {self._dataset} holds no problem in this configuration ({MAX_DRAWS} draws "
            "gave none). Use another split or level, or raise max_prompt_chars and max_answer_chars."
        )

    def _owner(self, key: str) -> str:
        """Returns the split of a key."""
        split = split_of(key)
        if split == "test" and "ood_level" in self.splits:
            other = hashlib.blake2b(f"level {key}".encode(), digest_size=1).digest()[0]
            return "ood_level" if other % 2 else "test"
        return split

    def _item(self, seed: int, level: int) -> dict[str, Any]:
        if self._dataset in _SEEDED_AT_BIRTH:
            made = self._make(seed, level)
        else:
            made = copy.copy(self._template(level))
            made.seed = seed
            made.config = copy.copy(made.config)
            made.config.seed = seed
        with contextlib.redirect_stdout(io.StringIO()):  # some generators print as they go
            item: dict[str, Any] = made[0]
        return item

    @cached_property
    def _templates(self) -> dict[int, Any]:
        return {}

    def _make(self, seed: int, level: int) -> Any:
        factory = self._package.factory
        _, config_class = factory.DATASETS[self._dataset]
        options = self._configurations[level - 1]
        allowed = set(config_class.__dataclass_fields__) - {"seed", "size"}
        for name in self._own:
            if name not in allowed:
                raise UnknownNameError(f"option of {self._dataset}'s configuration", name, allowed)
        try:
            return factory.create_dataset(self._dataset, **{**options, **self._own, "seed": seed, "size": 1})
        except (AssertionError, ValueError, TypeError) as error:
            raise InvalidValueError(f"reasoning-gym refuses config={self._own!r}: {error}") from error

    def verify(self, transcript: Transcript) -> Verdict:
        refused = unfinished(transcript)
        if refused is not None:
            return refused
        answer, reason = self._extract(transcript.response)
        if answer is None:
            return Verdict("wrong", reason)
        problem = transcript.problem
        item = self._item(problem.reference.seed, int(problem.difficulty))
        if is_right(self._dataset, answer, item, self._template(int(problem.difficulty))):
            return Verdict("correct", "", answer, 1.0)
        return Verdict("wrong", "wrong", answer[:200])

    def _template(self, level: int) -> Any:
        if level not in self._templates:
            self._templates[level] = self._make(0, level)
        return self._templates[level]

    def _extract(self, text: str) -> tuple[str | None, str]:
        """Returns (answer, ""), or (None, why there is none)."""
        if len(text) > MAX_ANSWER_CHARS:
            return None, "limit"
        if self._answer_in == "tags":
            found = {answer.strip() for answer in _TAGGED.findall(text.rpartition("</think>")[2])}
            if len(found) > 1:
                return None, "several_answers"
            text = next(iter(found), "")
        return (text, "") if text.strip() else (None, "no_answer")

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the package's answer.

        Raises:
            InvalidValueError: a data set whose answers can be verified but are not known (rush_hour).
        """
        answer: str | None = problem.reference.answer
        if answer is None:
            raise InvalidValueError(
                f"reasoning-gym knows no answer to a problem of {self._dataset}, so there is nothing to "
                f"demonstrate; data sets without demonstrations: {', '.join(sorted(NO_DEMONSTRATIONS))}."
            )
        return (f"<answer>{answer}</answer>" if self._answer_in == "tags" else answer,)


def _load_package() -> Any:
    try:
        package = importlib.import_module("reasoning_gym")
        importlib.import_module("reasoning_gym.factory")
    except ImportError as error:
        raise MissingDependencyError(
            'lmgym/ReasoningGym-v0 needs the reasoning-gym package: pip install "lmgym[reasoning-gym]"'
        ) from error
    return package
