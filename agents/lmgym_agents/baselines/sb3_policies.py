"""Policies of Stable-Baselines3 whose features and action logits come from a causal language model.

In: a model (usually warm-started), and the token of each action. Out: policy classes for PPO, A2C and DQN:

- ``LMActorCriticPolicy``: the logits of action i are those of the language head for token i after the row's
  last token; the value is a linear function, at first zero, of the same hidden state or of a second copy's.
- ``LMQPolicy``: Q(s, i) = V(s) + q_scale · log π(i | s), with π the language model's distribution over the
  tokens of the actions, and V a linear function, at first zero, of its hidden state. Any Q can be written so
  (V is then q_scale · logsumexp(Q / q_scale)), and what the network acts by stays a language model.

Before any training both act, greedily, exactly like the language model among the tokens of its actions.

Left out: the algorithms, which are theirs; masks, LSTMs and quantiles (``sb3_contrib_policies``).

Source: the idea is that of RL4LMs (Ramamurthy et al. 2022, allenai/RL4LMs).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn
from transformers import PreTrainedModel

from lmgym.errors import InvalidValueError
from lmgym_agents.baselines.sb3_features import LMFeatures
from lmgym_agents.policy import Policy


class LMHeads:
    """Joined with an actor-critic policy of Stable-Baselines3: both of its heads are a language model's.

    Args:
        observation_space: of a token environment.
        action_space: Discrete(A).
        lr_schedule: the algorithm's.
        model: causal language model, copied.
        tokens: A token ids, what each action stands for.
        share_weights: False: values are read off a second copy of the model, which the policy's loss does not
            move.
        **options: of the policy class, such as ``optimizer_class``.

    Raises:
        InvalidValueError: ``tokens`` are not A tokens of the model's vocabulary.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *,
        model: PreTrainedModel,
        tokens: Sequence[int],
        share_weights: bool = True,
        **options: Any,
    ) -> None:
        self._token_ids = check_action_tokens(tokens, action_space, model)
        super().__init__(  # type: ignore[call-arg]
            observation_space,
            action_space,
            lr_schedule,
            net_arch=[],
            ortho_init=False,  # it would draw the language model's weights anew
            features_extractor_class=LMFeatures,
            features_extractor_kwargs={"model": model},
            share_features_extractor=share_weights,
            **options,
        )

    @property
    def actor(self) -> Policy:
        """The language model that acts."""
        return cast("LMFeatures", self.pi_features_extractor).lm  # type: ignore[attr-defined]

    @property
    def critic_lm(self) -> Policy:
        """The language model whose value head is the critic; the same one where weights are shared."""
        return cast("LMFeatures", self.vf_features_extractor).lm  # type: ignore[attr-defined]

    def _build(self, lr_schedule: Schedule) -> None:
        self._build_mlp_extractor()  # type: ignore[attr-defined]  # without layers: it hands features on
        self.register_buffer("tokens", torch.tensor(self._token_ids))  # type: ignore[attr-defined]
        self.value_net = self.critic_lm.value_head
        self.optimizer = self.optimizer_class(  # type: ignore[attr-defined]
            self.parameters(),  # type: ignore[attr-defined]
            lr=lr_schedule(1),
            **self.optimizer_kwargs,  # type: ignore[attr-defined]
        )

    def _get_action_dist_from_latent(self, latent_pi: Tensor) -> Any:
        logits = self.actor.output_logits(latent_pi)[:, self.tokens]  # type: ignore[attr-defined]
        return self.action_dist.proba_distribution(action_logits=logits.float())  # type: ignore[attr-defined]

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            "observation_space": self.observation_space,  # type: ignore[attr-defined]
            "action_space": self.action_space,  # type: ignore[attr-defined]
            "lr_schedule": self._dummy_schedule,  # type: ignore[attr-defined]
            "model": self.actor.model,
            "tokens": self._token_ids,
            "share_weights": self.share_features_extractor,  # type: ignore[attr-defined]
        }


class LMActorCriticPolicy(LMHeads, ActorCriticPolicy):
    """For PPO and A2C; see ``LMHeads``."""


class LMQPolicy(DQNPolicy):
    """For DQN: a Q network and its target, each with a language model of its own; see the module.

    Args:
        observation_space: of a token environment.
        action_space: Discrete(A).
        lr_schedule: the algorithm's.
        model: causal language model, copied.
        tokens: A token ids, what each action stands for.
        q_scale: what a nat of log-prob is worth at first, in the reward's unit.
        **options: of ``DQNPolicy``, such as ``optimizer_class``.

    Raises:
        InvalidValueError: ``tokens`` are not A tokens of the model's vocabulary, or ``q_scale`` is not
            positive.
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
            cast("spaces.Dict", observation_space),
            action_space,
            lr_schedule,
            net_arch=[],
            features_extractor_class=LMFeatures,
            features_extractor_kwargs={"model": model},
            **options,
        )

    def make_q_net(self) -> QNetwork:
        """Returns a network whose Q values are at first ``q_scale`` times log-probs of the language model."""
        net = super().make_q_net()
        lm = cast("LMFeatures", net.features_extractor).lm
        net.q_net = nn.Sequential(LanguageQ(lm, self._token_ids, self._q_scale)).to(self.device)
        return net

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return q_constructor_parameters(self, self.q_net)


def q_constructor_parameters(policy: Any, net: Any) -> dict[str, Any]:
    """Returns what makes a Q policy again, as their ``save`` keeps it."""
    return {
        "observation_space": policy.observation_space,
        "action_space": policy.action_space,
        "lr_schedule": policy._dummy_schedule,
        "model": net.features_extractor.lm.model,
        "tokens": policy._token_ids,
        "q_scale": policy._q_scale,
    }


class LanguageQ(nn.Module):
    """V(s) + q_scale · log π(i | s) of every action i, or K of each, with a V for each; see the module.

    Args:
        lm: the language model whose hidden states come in; belongs to the features.
        tokens: A token ids.
        q_scale: positive, in the reward's unit.
        num_quantiles: K.
    """

    def __init__(self, lm: Policy, tokens: Sequence[int], q_scale: float, num_quantiles: int = 1) -> None:
        super().__init__()
        self._lm = (lm,)  # in a tuple, as its weights are counted among those of the features
        self._q_scale = q_scale
        self.register_buffer("tokens", torch.tensor(list(tokens)))
        self.values = nn.Linear(lm.value_head.in_features, num_quantiles)
        nn.init.zeros_(self.values.weight)
        nn.init.zeros_(self.values.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Returns float32[B, K · A] of hidden states [B, D], quantile by quantile."""
        logps = self._lm[0].output_logits(hidden)[:, self.tokens].float().log_softmax(dim=1)
        values: Tensor = self.values(hidden.float())
        return (values[:, :, None] + self._q_scale * logps[:, None]).flatten(1)


def check_action_tokens(
    tokens: Sequence[int], action_space: spaces.Space[Any], model: PreTrainedModel
) -> list[int]:
    """Returns the tokens as integers.

    Raises:
        InvalidValueError: not one for each action, or outside the model's vocabulary.
    """
    found = [int(token) for token in tokens]
    vocab_size = model.get_output_embeddings().weight.shape[0]
    num_actions = int(getattr(action_space, "n", -1))
    if len(found) != num_actions or not found or min(found) < 0 or max(found) >= vocab_size:
        raise InvalidValueError(
            f"tokens must be {num_actions} ids in [0, {vocab_size}), one for each action of {action_space}; "
            f"got {len(found)}: {found[:10]}."
        )
    return found


def check_q_scale(q_scale: float) -> float:
    """Returns ``q_scale``; raises InvalidValueError unless it is positive and finite."""
    if not 0 < q_scale < float("inf"):
        raise InvalidValueError(f"q_scale must be positive and finite, got {q_scale!r}.")
    return float(q_scale)
