"""PPO in one file of torch, on any environment of tokens, without a line from lmgym_agents.

    python examples/08_single_file_ppo.py
    python examples/08_single_file_ppo.py --length 2 --updates 20

A small transformer that knows nothing learns to repeat words from what its letters are paid: within a minute,
and with the second command in seconds. The words on which it is measured are none that it has trained on.
Every token is a step of a Markov decision process whose state is the row so far.
"""

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import torch
import tyro
from torch import Tensor, nn

import lmgym  # noqa: F401  (registers the environments)


@dataclass(frozen=True)
class Args:
    env_id: str = "lmgym/Echo-v0"
    length: int = 3
    """letters of a word"""
    seed: int = 0
    num_envs: int = 128
    num_steps: int = 8
    """tokens from each row in an update"""
    updates: int = 60
    epochs: int = 4
    minibatches: int = 2
    learning_rate: float = 2e-3
    """at the beginning; it falls to 0 in a straight line"""
    gamma: float = 1.0
    gae_lambda: float = 0.95
    clip: float = 0.2
    entropy: float = 0.03
    value_weight: float = 0.5


class ActorCritic(nn.Module):
    def __init__(self, vocab_size: int, length: int, is_allowed: Tensor, width: int = 64) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab_size, width), nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.actor, self.critic = nn.Linear(width, vocab_size), nn.Linear(width, 1)
        self.register_buffer("is_allowed", is_allowed)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[torch.distributions.Categorical, Tensor]:
        hidden = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        hidden = self.body(hidden, src_key_padding_mask=mask == 0)
        last = hidden[torch.arange(len(ids)), mask.sum(1) - 1]  # what is known of a row stands at its end
        logits = self.actor(last).masked_fill(~self.is_allowed, -torch.inf)
        return torch.distributions.Categorical(logits=logits), self.critic(last)[:, 0]


def as_tensors(observation: dict) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(observation["input_ids"]).long(), torch.from_numpy(
        observation["attention_mask"]
    ).long()


def make_envs(args: Args, split: str, reward: str) -> gym.vector.VectorEnv:
    return gym.make_vec(
        args.env_id, num_envs=args.num_envs, split=split, reward=reward, length=args.length,
        mask_actions=True, autoreset_mode="SAME_STEP",
    )  # fmt: skip


@torch.no_grad()
def measure(model: ActorCritic, args: Args) -> float:
    """Returns the share of unseen words that are repeated without a fault, by the likeliest letters."""
    envs = make_envs(args, "test", "correct")
    observation, _ = envs.reset(seed=args.seed)
    is_over, success = np.zeros(args.num_envs, bool), np.zeros(args.num_envs, bool)
    while not is_over.all():
        policy, _ = model(*as_tensors(observation))
        observation, _, terminated, truncated, infos = envs.step(policy.logits.argmax(1).numpy())
        ends = (terminated | truncated) & ~is_over
        if ends.any():
            success[ends] = infos["final_info"]["success"][ends]
        is_over |= ends
    return float(success.mean())


def main(args: Args) -> None:
    torch.manual_seed(args.seed)
    envs = make_envs(args, "train", "partial")
    is_allowed = torch.from_numpy(envs.action_masks()[0])
    model = ActorCritic(envs.single_action_space.n, envs.context_length, is_allowed)
    optimizer = torch.optim.Adam(model.parameters(), args.learning_rate, eps=1e-5)
    observation, _ = envs.reset(seed=args.seed)
    ids, mask = as_tensors(observation)
    shape = (args.num_steps, args.num_envs)
    all_ids, all_masks = torch.zeros(*shape, ids.shape[1]).long(), torch.zeros(*shape, ids.shape[1]).long()
    actions = torch.zeros(shape).long()
    logps, values, rewards, is_end, next_values = torch.zeros(5, *shape)
    print(f"before: {measure(model, args):.0%} of unseen words")

    for update in range(1, args.updates + 1):
        # Collect: the log-probs kept are those of the policy that has acted.
        for step in range(args.num_steps):
            all_ids[step], all_masks[step] = ids, mask
            with torch.no_grad():
                policy, values[step] = model(ids, mask)
                actions[step] = policy.sample()
                logps[step] = policy.log_prob(actions[step])
            observation, reward, terminated, truncated, infos = envs.step(actions[step].numpy())
            ids, mask = as_tensors(observation)
            rewards[step] = torch.from_numpy(reward)
            is_end[step] = torch.from_numpy(terminated | truncated)
            with torch.no_grad():
                next_values[step] = model(ids, mask)[1]
                if truncated.any():  # a budget has ended, the task has not: what would have come counts
                    final = [infos["final_obs"][row] for row in np.flatnonzero(truncated)]
                    rows = {name: np.stack([each[name] for each in final]) for name in final[0]}
                    next_values[step, torch.from_numpy(truncated)] = model(*as_tensors(rows))[1]
            next_values[step, torch.from_numpy(terminated)] = 0.0

        # Generalised advantage estimation, backwards; the chain is cut where an episode ends.
        advantages, carry = torch.zeros(shape), torch.zeros(args.num_envs)
        for step in reversed(range(args.num_steps)):
            delta = rewards[step] + args.gamma * next_values[step] - values[step]
            carry = delta + args.gamma * args.gae_lambda * (1 - is_end[step]) * carry
            advantages[step] = carry
        returns = advantages + values

        # Learn.
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1 - (update - 1) / args.updates)
        flat = [x.flatten(0, 1) for x in (all_ids, all_masks, actions, logps, advantages, returns)]
        for _ in range(args.epochs):
            for chosen in torch.randperm(actions.numel()).chunk(args.minibatches):
                b_ids, b_mask, b_actions, b_logps, b_advantages, b_returns = (x[chosen] for x in flat)
                policy, value = model(b_ids, b_mask)
                ratio = (policy.log_prob(b_actions) - b_logps).exp()
                scaled = (b_advantages - b_advantages.mean()) / (b_advantages.std() + 1e-8)
                clipped = ratio.clamp(1 - args.clip, 1 + args.clip)
                policy_loss = -torch.min(ratio * scaled, clipped * scaled).mean()
                value_loss = 0.5 * (value - b_returns).square().mean()
                loss = policy_loss + args.value_weight * value_loss - args.entropy * policy.entropy().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 0.5)
                optimizer.step()
        if update % 10 == 0:
            paid = float(rewards.sum() / is_end.sum())
            print(f"update {update}: {paid:.2f} an episode, entropy {policy.entropy().mean():.2f}")
    print(f"after {args.updates} updates: {measure(model, args):.0%} of unseen words")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(tyro.cli(Args))
