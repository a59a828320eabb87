"""Options of the agents of Stable-Baselines3: of the algorithm's class, of its policy, and ``num_envs``.

In: keywords. Out: ``Options``, checked and completed. The defaults were chosen in a few runs on two-digit
sums from a warm-started model of 0.15 million parameters, see docs/stable_baselines3.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym_agents.baselines.sb3_kinds import find_kind, load_class

_PPO: Final[Mapping[str, Any]] = {
    "num_envs": 64,
    "share_weights": True,
    "learning_rate": 5e-4,
    "n_steps": 32,
    "batch_size": 512,
    "n_epochs": 4,
    "gae_lambda": 1.0,
    "clip_range": 0.2,
    "ent_coef": 0.0,
    "vf_coef": 0.5,
    "max_grad_norm": 0.5,
}
_DQN: Final[Mapping[str, Any]] = {
    "num_envs": 32,
    "q_scale": 1.0,
    "learning_rate": 1e-5,
    "buffer_size": 20_000,
    "learning_starts": 0,
    "batch_size": 128,
    "train_freq": 4,
    "gradient_steps": 1,
    "target_update_interval": 256,
    "exploration_fraction": 0.5,
    "exploration_initial_eps": 0.02,
    "exploration_final_eps": 0.01,
    "max_grad_norm": 1.0,
}
DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "ppo": _PPO,
    "a2c": {
        "num_envs": 64,
        "share_weights": True,
        "learning_rate": 5e-4,
        "n_steps": 8,
        "gae_lambda": 1.0,
        "ent_coef": 0.0,
        "vf_coef": 0.5,
        "max_grad_norm": 0.5,
        "use_rms_prop": False,
        "normalize_advantage": True,
    },
    "dqn": _DQN,
    "maskable-ppo": _PPO,
    "recurrent-ppo": {**_PPO, "lstm_hidden_size": 64},
    "qr-dqn": {**_DQN, "n_quantiles": 25},
}
"""Of each algorithm; whatever else its class takes may be given too."""

_OF_POLICY: Final = ("share_weights", "q_scale", "lstm_hidden_size", "n_quantiles")
_NOT_OPTIONS: Final = (
    "self", "policy", "env", "seed", "device", "policy_kwargs", "verbose", "tensorboard_log",
    "replay_buffer_class", "replay_buffer_kwargs", "rollout_buffer_class", "rollout_buffer_kwargs",
    "_init_setup_model", "use_sde", "sde_sample_freq", "stats_window_size", "monitor_wrapper",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Options:
    """What an agent of Stable-Baselines3 was made with."""

    num_envs: int
    """Rows stepped together."""
    of_policy: Mapping[str, Any]
    of_algorithm: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Returns them all by their names."""
        return {"num_envs": self.num_envs, **self.of_policy, **self.of_algorithm}


def read_options(kind: str, given: Mapping[str, Any]) -> Options:
    """Returns the options of an agent, those not given from ``DEFAULTS``.

    Raises:
        UnknownNameError: an algorithm or option that does not exist; the message has the nearest name.
        InvalidValueError: ``num_envs`` is no positive integer.
        MissingDependencyError: an algorithm of sb3-contrib, which is not installed.
    """
    defaults = DEFAULTS[kind] if kind in DEFAULTS else {}
    parameters = inspect.signature(load_class(find_kind(kind).algorithm)).parameters
    allowed = [*defaults, *(name for name in parameters if name not in _NOT_OPTIONS)]
    for name in given:
        if name not in allowed:
            raise UnknownNameError(f"option of sb3-{kind}", name, sorted(set(allowed)))
    chosen = {**defaults, **given}
    num_envs = chosen.pop("num_envs")
    if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
        raise InvalidValueError(f"num_envs must be an integer of at least 1, got {num_envs!r}.")
    return Options(
        num_envs=num_envs,
        of_policy={name: value for name, value in chosen.items() if name in _OF_POLICY},
        of_algorithm={name: value for name, value in chosen.items() if name not in _OF_POLICY},
    )
