from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym_agents.sampling import SamplingParams, make_uniforms, sample, sampling_logps
from tests.reference.decoding import truncated_distribution

VOCAB_SIZE = 16
LOGITS = np.random.default_rng(7).normal(0, 2, VOCAB_SIZE).round(3)
TRUNCATIONS = list(itertools.product((1.0, 0.5, 2.0), (0, 1, 3, 16, 99), (1.0, 0.9, 0.4, 0.01)))


def params(**options: float) -> SamplingParams:
    return SamplingParams(max_new_tokens=4, **options)


def banned_except(allowed: list[int]) -> torch.Tensor:
    is_banned = torch.ones(VOCAB_SIZE, dtype=torch.bool)
    is_banned[allowed] = False
    return is_banned


@pytest.mark.parametrize("allowed", [None, [1, 4, 5, 11, 15]])
@pytest.mark.parametrize(("temperature", "top_k", "top_p"), TRUNCATIONS)
def test_log_probs_are_those_of_the_truncated_distribution(temperature, top_k, top_p, allowed):
    wanted = truncated_distribution(LOGITS.tolist(), temperature, top_k, top_p, allowed)
    is_banned = None if allowed is None else banned_except(allowed)
    logps = sampling_logps(
        torch.tensor(LOGITS)[None], params(temperature=temperature, top_k=top_k, top_p=top_p), is_banned
    )[0]
    np.testing.assert_allclose(logps.exp(), wanted, atol=1e-6)
    assert np.array_equal(logps == -torch.inf, np.array(wanted) == 0)


@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 0.5}, {"temperature": 3.0, "top_k": 5}, {"top_p": 0.8}, {"top_k": 6, "top_p": 0.7}],
)
def test_tokens_have_the_frequencies_of_the_distribution(options):
    count = 40_000
    uniforms = make_uniforms(3, np.arange(count), np.zeros(count, np.int64))
    logits = torch.tensor(LOGITS)[None].expand(count, -1)
    tokens, logps = sample(logits, torch.from_numpy(uniforms), params(**options))
    wanted = np.array(truncated_distribution(LOGITS.tolist(), **options))
    observed = np.bincount(tokens, minlength=VOCAB_SIZE)
    assert not observed[wanted == 0].any()
    is_kept = wanted > 0
    chi_square = ((observed - count * wanted)[is_kept] ** 2 / (count * wanted[is_kept])).sum()
    freedom = is_kept.sum() - 1
    assert chi_square < freedom + 4 * math.sqrt(2 * freedom)
    np.testing.assert_allclose(logps.exp(), wanted[tokens], atol=1e-6)


def test_the_token_is_the_first_whose_cumulative_probability_exceeds_the_uniform():
    probabilities = torch.tensor([0.25, 0.0, 0.25, 0.5])
    uniforms = torch.tensor([0.0, 0.24, 0.26, 0.49, 0.51, 1 - 2**-52], dtype=torch.float64)
    tokens, logps = sample(probabilities.log().expand(6, -1), uniforms, params())
    assert tokens.tolist() == [0, 0, 2, 2, 3, 3]
    np.testing.assert_allclose(logps.exp(), [0.25, 0.25, 0.25, 0.25, 0.5, 0.5], rtol=1e-6)


def test_a_token_of_probability_zero_is_never_drawn():
    probabilities = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]])
    uniforms = torch.tensor([0.0, 0.5, 1 - 2**-52], dtype=torch.float64)
    tokens, _ = sample(probabilities.log().expand(3, -1), uniforms, params())
    assert tokens.tolist() == [1, 3, 3]


def test_equal_logits_at_the_edge_keep_the_lower_ids():
    logits = torch.tensor([[1.0, 2.0, 2.0, 2.0]])
    assert sampling_logps(logits, params(top_k=2)).isfinite().tolist() == [[False, True, True, False]]
    # three tokens of 0.287 and one of 0.106: 0.5 needs two of the three
    assert sampling_logps(logits, params(top_p=0.5)).isfinite().tolist() == [[False, True, True, False]]


def test_greedy_takes_the_largest_logit_and_tells_its_plain_log_prob():
    logits = torch.tensor([[0.0, math.log(3.0), math.log(3.0)]])
    tokens, logps = sample(logits, torch.zeros(1, dtype=torch.float64), params(temperature=0, top_k=1))
    assert tokens.tolist() == [1]
    assert logps.item() == pytest.approx(math.log(3 / 7), abs=1e-6)


@pytest.mark.parametrize("flushes", [False, True], ids=["denormal", "flushed"])
def test_a_tiny_temperature_is_greedy_and_does_not_overflow(flushes):
    torch.set_flush_denormal(flushes)  # as trainings do, and then 1e-40 is 0
    try:
        tokens, logps = sample(
            torch.tensor(LOGITS)[None], torch.tensor([0.999], dtype=torch.float64), params(temperature=1e-40)
        )
    finally:
        torch.set_flush_denormal(False)
    assert tokens.item() == LOGITS.argmax()
    assert logps.item() == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0}, {"top_k": 3, "temperature": 0.5}, {"top_p": 0.5}]
)
def test_a_bad_logit_anywhere_in_a_row_shows_in_its_log_prob_alone(bad, options):
    logits = torch.tensor(LOGITS).repeat(2, 1)
    logits[1, 5] = bad
    tokens, logps = sample(logits, torch.full((2,), 0.5, dtype=torch.float64), params(**options))
    assert logps.isnan().tolist() == [False, True]
    assert ((tokens >= 0) & (tokens < VOCAB_SIZE)).all()


def test_bfloat16_logits_are_computed_in_float32():
    logits = torch.tensor(LOGITS)[None].bfloat16()
    wanted = truncated_distribution(logits[0].double().tolist())
    logps = sampling_logps(logits, params())
    assert logps.dtype == torch.float32
    np.testing.assert_allclose(logps[0].exp(), wanted, atol=1e-6)


def test_uniforms_are_a_pure_function_of_seed_request_and_position():
    block = make_uniforms(5, np.arange(6)[:, None], np.arange(9))
    assert block.shape == (6, 9)
    assert ((block >= 0) & (block < 1)).all()
    alone = make_uniforms(5, np.array([4]), np.array([7]))
    assert alone[0] == block[4, 7]
    assert not np.isin(make_uniforms(6, np.arange(6)[:, None], np.arange(9)), block).any()
    assert not np.isin(make_uniforms(5, np.arange(6, 12)[:, None], np.arange(9)), block).any()


def test_uniforms_are_uniform_and_uncorrelated_along_both_axes():
    block = make_uniforms(0, np.arange(400)[:, None], np.arange(500))
    counts = np.histogram(block, bins=100, range=(0, 1))[0]
    chi_square = ((counts - 2000.0) ** 2 / 2000).sum()
    assert chi_square < 99 + 4 * math.sqrt(2 * 99)
    centred = block - 0.5
    for product in (centred[:, 1:] * centred[:, :-1], centred[1:] * centred[:-1]):
        assert abs(product.mean()) < 4 * (1 / 12) / math.sqrt(product.size)


def test_uniforms_stay_the_same_from_release_to_release():
    # Written down once: a change here changes every seeded run that anybody has recorded.
    words = make_uniforms(0, np.array([0, 1]), np.array([0, 5])) * 2**52
    assert words.tolist() == [2136980430474946, 650454958532802]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -1),
        ("temperature", math.nan),
        ("top_k", -1),
        ("top_p", 0),
        ("top_p", 1.1),
        ("top_p", math.nan),
    ],
)
def test_bad_parameters_name_the_field_the_value_and_what_is_allowed(field, value):
    with pytest.raises(InvalidValueError, match=rf"SamplingParams\.{field} is .*allowed"):
        params(**{field: value})


def test_max_new_tokens_must_be_positive():
    with pytest.raises(InvalidValueError, match="max_new_tokens is 0"):
        SamplingParams(max_new_tokens=0)
