from __future__ import annotations

import pytest
import torch

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym_agents.models import make_tiny_model


def make(seed):
    return make_tiny_model(13, hidden_size=16, layers=2, heads=2, context=32, seed=seed)


def test_tiny_models_depend_on_their_seed_alone():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = make(3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    second, other = make(3), make(4)
    pairs = list(zip(first.parameters(), second.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert not all(torch.equal(a, c) for a, _, c in pairs)


def test_tiny_model_options_are_checked():
    with pytest.raises(UnknownNameError, match="Did you mean 'llama'"):
        make_tiny_model(13, architecture="lama")
    with pytest.raises(InvalidValueError, match="multiple"):
        make_tiny_model(13, hidden_size=30, heads=4)
    with pytest.raises(InvalidValueError, match="positive"):
        make_tiny_model(0)
