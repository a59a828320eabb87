"""An lmgym environment under torchrl: specs checked, played by a collector, and learned by REINFORCE.

    python examples/11_torchrl.py

Needs torchrl (pip install torchrl). Each action is one of the few tokens that the task needs. The network is
a table in which each token speaks, at its place, for some actions.
"""

import warnings

import torch
from torch import nn

from lmgym_agents.baselines.sb3_actions import make_token_env

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchrl 0.14 warns of its own old classes while it is imported
    from tensordict.nn import TensorDictModule
    from torchrl.collectors import Collector
    from torchrl.envs import GymWrapper, check_env_specs
    from torchrl.modules import ProbabilisticActor

OPTIONS = {"length": 1, "alphabet": "cdef"}  # says a letter, which is to be repeated


class TokenTable(nn.Module):
    """Logits of the actions: the sum of what each token at its place speaks for."""

    def __init__(self, vocab_size: int, length: int, num_actions: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab_size * length, num_actions)
        nn.init.zeros_(self.table.weight)
        self.places = torch.arange(length) * vocab_size

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        votes = self.table(input_ids.long() + self.places)
        return (votes * attention_mask[..., None]).sum(-2)


def returns(rewards: torch.Tensor, dones: torch.Tensor) -> torch.Tensor:
    """Sums of the rewards from each step to the end of its episode; 0 where the episode is cut off."""
    found, after = torch.zeros_like(rewards), torch.zeros(())
    for step in reversed(range(len(rewards))):
        after = rewards[step] + torch.where(dones[step], 0.0, after)
        found[step] = after
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    inner = make_token_env("lmgym/Echo-v0", OPTIONS)
    env = GymWrapper(inner, categorical_action_encoding=True)
    env.set_seed(0)
    check_env_specs(env)
    print("specs:", env.observation_spec["input_ids"].shape, env.action_spec)

    vocab_size = int(inner.observation_space["input_ids"].high.max()) + 1
    network = TokenTable(vocab_size, inner.observation_space["input_ids"].shape[0], int(inner.action_space.n))
    logits = TensorDictModule(network, in_keys=["input_ids", "attention_mask"], out_keys=["logits"])
    policy = ProbabilisticActor(
        logits, in_keys=["logits"], distribution_class=torch.distributions.Categorical, return_log_prob=False
    )
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.2)
    collector = Collector(
        env, policy, frames_per_batch=128, total_frames=128 * 24, auto_register_policy_transforms=False
    )
    for update, steps in enumerate(collector):
        rewards, dones = steps["next", "reward"].squeeze(-1), steps["next", "done"].squeeze(-1)
        advantages = returns(rewards, dones)
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-6)
        logps = network(steps["input_ids"], steps["attention_mask"]).log_softmax(-1)
        taken = logps.gather(-1, steps["action"].long().unsqueeze(-1)).squeeze(-1)
        loss = -(taken * advantages).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update % 8 == 0:
            print(f"after {128 * (update + 1):,} tokens: {rewards.sum() / dones.sum():.0%} of episodes right")
    collector.shutdown()
    rate = rewards.sum() / dones.sum()
    print("torchrl:", "learned" if rate > 0.8 else "has not learned")
