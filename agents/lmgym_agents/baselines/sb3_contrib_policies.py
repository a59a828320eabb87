"""Policies for sb3-contrib whose features and action logits come from a causal language model.

In: what ``sb3_policies`` takes. Out: policy classes for MaskablePPO, RecurrentPPO and QR-DQN, which before
any training act, greedily, exactly like the language model among the tokens of its actions:

- ``LMMaskablePolicy``: as ``LMActorCriticPolicy``; logits of forbidden actions are left out.
- ``LMRecurrentPolicy``: with h the language model's hidden state after the row so far, heads read
  h + M · LSTM(h, state), M at first zero. The features, the language head and the value head are the language
  model's; the LSTM, which runs over the agent's actions, and M are new.
- ``LMQuantilePolicy``: as ``LMQPolicy``, with a V for each quantile.

Left out: the algorithms, which are theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn
from transformers import PreTrainedModel

from lmgym_agents.baselines.sb3_features import LMFeatures
from lmgym_agents.baselines.sb3_policies import (
    LanguageQ,
    LMHeads,
    check_action_tokens,
    check_q_scale,
    q_constructor_parameters,
)


class LMMaskablePolicy(LMHeads, MaskableActorCriticPolicy):
    """For MaskablePPO; see ``LMHeads``."""


class ResidualLSTM(nn.Module):
    """x + M · LSTM(x), with M at first zero, in the place of an LSTM.

    Args:
        lstm: what it is made of.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        self.lstm = lstm
        self.mix = nn.Linear(lstm.hidden_size, lstm.input_size, bias=False)
        nn.init.zeros_(self.mix.weight)
        self.input_size, self.hidden_size, self.num_layers = (
            lstm.input_size,
            lstm.hidden_size,
            lstm.num_layers,
        )

    def forward(
        self, features: Tensor, states: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Returns (outputs [T, B, D], states after the last step) of features [T, B, D]."""
        outputs, after = self.lstm(features, states)
        return features + self.mix(outputs), after


class LMRecurrentPolicy(LMHeads, RecurrentActorCriticPolicy):
    """For RecurrentPPO; see the module and ``LMHeads``.

    Args:
        observation_space: of a token environment.
        action_space: Discrete(A).
        lr_schedule: the algorithm's.
        lstm_hidden_size: width of the LSTMs of actor and critic.
        **options: of ``LMHeads``.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *,
        lstm_hidden_size: int = 64,
        **options: Any,
    ) -> None:
        super().__init__(
            observation_space, action_space, lr_schedule, lstm_hidden_size=lstm_hidden_size, **options
        )
        self.lstm_actor: Any = ResidualLSTM(self.lstm_actor)
        self.lstm_critic: Any = ResidualLSTM(cast("nn.LSTM", self.lstm_critic))
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "lstm_hidden_size": self.lstm_output_dim}


class LMQuantilePolicy(QRDQNPolicy):
    """For QR-DQN; see the module and ``LMQPolicy``.

    Args:
        observation_space: of a token environment.
        action_space: Discrete(A).
        lr_schedule: the algorithm's.
        model: causal language model, copied.
        tokens: A token ids, what each action stands for.
        q_scale: what a nat of log-prob is worth at first, in the reward's unit.
        **options: of ``QRDQNPolicy``, such as ``n_quantiles``.

    Raises:
        InvalidValueError: as ``LMQPolicy``.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        *,
        model: PreTrainedModel,
        tokens: Sequence[int],
        q_scale: float = 1.0,
        **options: Any,
    ) -> None:
        self._token_ids = check_action_tokens(tokens, action_space, model)
        self._q_scale = check_q_scale(q_scale)
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch=[],
            features_extractor_class=LMFeatures,
            features_extractor_kwargs={"model": model},
            **options,
        )

    def make_quantile_net(self) -> QuantileNetwork:
        """Returns a network whose quantiles are at first ``q_scale`` times the language model's log-probs."""
        net = super().make_quantile_net()
        lm = cast("LMFeatures", net.features_extractor).lm
        head = LanguageQ(lm, self._token_ids, self._q_scale, self.n_quantiles)
        net.quantile_net = nn.Sequential(head).to(self.device)
        return net

    def _get_constructor_parameters(self) -> dict[str, Any]:
        made = q_constructor_parameters(self, self.quantile_net)
        return {**made, "n_quantiles": self.n_quantiles}
