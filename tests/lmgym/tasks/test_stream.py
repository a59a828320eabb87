from __future__ import annotations

import numpy as np
import pytest

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.tasks import stream
from lmgym.tasks.stream import BLOCK_SIZE, Draft, ProblemStream, Words, draw_until_split


def numbers(split: str, count: int, rng: np.random.Generator) -> list[Draft]:
    return [Draft(f"{split} {value}", None, str(value)) for value in rng.integers(0, 1 << 40, size=count)]


def test_random_access_equals_sequential_access() -> None:
    indices = [*range(300), 2**63 - 1, 2**40 + 5]
    forward = ProblemStream("s", numbers).problems("train", indices)
    alone = [ProblemStream("s", numbers).problems("train", [index])[0] for index in reversed(indices)]
    assert forward == alone[::-1]
    assert [problem.index for problem in forward] == indices
    assert len({problem.prompt for problem in forward}) == len(indices)


def test_names_splits_and_blocks_have_streams_of_their_own() -> None:
    prompts = [
        problem.key
        for name in ("one", "other")
        for split in ("train", "test")
        for problem in ProblemStream(name, numbers).problems(split, range(3 * BLOCK_SIZE))
    ]
    assert len(set(prompts)) == 12 * BLOCK_SIZE


def test_forgotten_blocks_are_made_again_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_BLOCKS_KEPT", 2)
    problems = ProblemStream("s", numbers)
    first = problems.problems("train", range(10 * BLOCK_SIZE))
    assert problems.problems("train", range(10 * BLOCK_SIZE)) == first


@pytest.mark.parametrize("index", [-1, 2**63])
def test_indices_beyond_the_range_are_refused(index: int) -> None:
    with pytest.raises(InvalidValueError, match="index"):
        ProblemStream("s", numbers).problems("train", [index])


def test_numpy_indices_are_addresses_like_others() -> None:
    problems = ProblemStream("s", numbers)
    assert problems.problems("train", np.arange(5, dtype=np.int64)) == problems.problems("train", range(5))
    assert type(problems.problems("train", np.arange(1))[0].index) is int


def test_a_split_without_problems_says_so() -> None:
    with pytest.raises(EmptyProblemSetError, match="'test' holds no problem"):
        # "3+4" is a problem of the training split
        draw_until_split(lambda _: Draft("", None, "3+4"), "test", Words(np.random.default_rng(0)))


def test_words_reach_every_number_evenly() -> None:
    words = Words(np.random.default_rng(0))
    counts = np.bincount([words.below(7) for _ in range(7000)], minlength=7)
    assert counts.min() > 850 and counts.max() < 1150  # five standard deviations are 146
    big = [words.below(10**40) for _ in range(2000)]
    assert 0.47 < np.mean([number / 10**40 for number in big]) < 0.53
    assert max(big) < 10**40
