"""Dropout off: with it on, one set of weights gives many log-probs and no ratio is 1."""

from __future__ import annotations

from torch import nn


def disable_dropout(model: nn.Module) -> None:
    """Sets every dropout of the model to 0, so that one set of weights gives one log-prob, in train() too."""
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        for name, value in vars(module).items():
            if isinstance(value, float) and _is_dropout(name):
                setattr(module, name, 0.0)
    config = getattr(model, "config", None)
    if config is not None:
        for name, value in list(vars(config).items()):
            if isinstance(value, float) and _is_dropout(name):
                setattr(config, name, 0.0)


def _is_dropout(name: str) -> bool:
    return "dropout" in name or name.endswith("pdrop") or name == "layerdrop"
