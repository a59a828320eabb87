"""The array shapes in the signatures of the formulas are true: checked at run time, here only."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import beartype
import jaxtyping
import pytest
import torch

from lmgym_agents import advantages, group_advantages, kl, losses, reward_shaping, token_logps

MODULES = [advantages, group_advantages, kl, losses, reward_shaping, token_logps]


@pytest.fixture
def checked():
    """Returns a function that makes a checked copy of a formula, its annotations resolved."""

    def check(function):
        names = {name: getattr(jaxtyping, name) for name in ("Bool", "Float", "Int")}
        hints = get_type_hints(function, globalns=vars(inspect.getmodule(function)) | names)
        copy = type(function)(
            function.__code__,
            function.__globals__,
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__annotations__ = hints
        return jaxtyping.jaxtyped(typechecker=beartype.beartype)(copy)

    return check


def test_every_annotation_resolves():
    names = {name: getattr(jaxtyping, name) for name in ("Bool", "Float", "Int")}
    count = 0
    for module in MODULES:
        for name, function in vars(module).items():
            if inspect.isfunction(function) and function.__module__ == module.__name__ and name[0] != "_":
                assert get_type_hints(function, globalns=vars(module) | names)
                count += 1
    assert count >= 20


def arguments():
    """Arguments of every kind for rows of one shape, by the name that the formulas give them."""
    acts = torch.tensor([[False, True, True], [False, True, False]])
    floats = {
        name: torch.zeros(2, 3)
        for name in (
            "rewards values x returns logp_policy logp_old logp_behaviour logp_reference advantages "
            "old_values entropies"
        ).split()
    }
    rows = {"scores": torch.zeros(2), "bootstrap_values": torch.zeros(2), "group": torch.tensor([0, 1])}
    flags = {name: torch.tensor([True, False]) for name in ("terminated", "valid_rows", "stopped")}
    return {
        **floats,
        **rows,
        **flags,
        "is_action": acts,
        "is_target": acts,
        "is_valid": acts,
        "lengths": torch.tensor([3, 2]),
        "num_actions": torch.tensor([2, 1]),
        "num_tokens": torch.tensor([2, 1]),
        "denominator": 3.0,
        "coefficient": 0.1,
        "penalty": 1.0,
        "max_new_tokens": 4,
        "buffer_tokens": 2,
        "logits_policy": torch.zeros(4, 5),
        "logits_reference": torch.zeros(4, 5),
        "hidden": torch.zeros(4, 6),
        "targets": torch.zeros(4, dtype=torch.long),
        "output_layer": torch.nn.Linear(6, 5),
        "vocab_size": 5,
    }


FORMULAS = [
    advantages.gae,
    advantages.monte_carlo_returns,
    advantages.length_adaptive_lambda,
    advantages.whiten,
    advantages.explained_variance,
    group_advantages.estimate_advantages,
    group_advantages.group_advantages,
    group_advantages.is_informative,
    kl.estimate_kl,
    kl.exact_kl,
    kl.kl_loss,
    kl.penalise_rewards,
    losses.loss_denominator,
    losses.aggregate,
    losses.ppo_policy_loss,
    losses.importance_weights,
    losses.value_loss,
    losses.entropy_loss,
    losses.sft_loss,
    reward_shaping.penalise_missing_stop,
    reward_shaping.overlong_penalty,
    token_logps.token_logps,
]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda function: function.__name__)
def test_shapes_in_and_out(checked, formula):
    given = arguments()
    wanted = {
        name: given[name]
        for name, parameter in inspect.signature(formula).parameters.items()
        if name in given and (parameter.default is inspect.Parameter.empty or name in ("penalty", "logp_old"))
    }
    checked(formula)(**wanted)
    arrays = [name for name, value in wanted.items() if isinstance(value, torch.Tensor)]
    for name in arrays:
        with pytest.raises(jaxtyping.TypeCheckError):
            checked(formula)(**{**wanted, name: torch.zeros(2, 3, 4, 5)})
