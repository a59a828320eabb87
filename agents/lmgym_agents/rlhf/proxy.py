"""The learned reward of a run: its training on the verdicts so far, and what is optimised in the end.

In: a run and preferences. Out: training for ``run_stages``, one for each member, and the reward that PPO and
best-of-n maximise. Left out: what a reward model is (``lmgym_agents.reward_models``).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from lmgym.chat_template import make_chat_tokenizer
from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.preferences import Preference
from lmgym.rewards import Reward, Utility, make_reward
from lmgym_agents.algorithms.reward_model import RewardModelTraining
from lmgym_agents.models import PRESETS
from lmgym_agents.reward_models.encoder import EncoderRewardModel, make_encoder_reward_model
from lmgym_agents.reward_models.ensemble import RewardEnsemble
from lmgym_agents.reward_models.lm import LMRewardModel, make_lm_reward_model
from lmgym_agents.reward_models.loading import load_reward_model
from lmgym_agents.reward_models.pairs import Pair, PreferencePairs, make_pairs, split_by_prompt
from lmgym_agents.reward_models.reward import LearnedReward
from lmgym_agents.reward_models.scorer import ResponseScorer, measure_statistics
from lmgym_agents.rlhf.run import Run
from lmgym_agents.run_options import ModelOptions

Backbone = LMRewardModel | EncoderRewardModel


def reward_folder(number: int) -> str:
    """Returns the name of the folder with the reward model of a round."""
    return f"round-{number}-reward-model"


def member_folder(number: int, member: int) -> str:
    """Returns the name of the folder with one member of it."""
    return f"round-{number}-member-{member}"


def split_pairs(run: Run, preferences: Sequence[Preference]) -> tuple[list[Pair], list[Pair]]:
    """Returns the pairs to learn from and those that only measure; no prompt is on both sides."""
    pairs = make_pairs(preferences)
    share = run.config.proxy.held_out_share
    if not share:
        return pairs, []
    train, held_out = split_by_prompt(pairs, (1 - share, share), seed=run.seed("held_out"))
    return train, held_out


def make_member(
    run: Run, number: int, member: int, preferences: Sequence[Preference]
) -> tuple[RewardModelTraining, Backbone]:
    """Returns the training of one reward model, and the model; the members differ in head and in data."""
    seed = run.seed("reward", number, member)
    model = _make_backbone(run, seed)
    train, held_out = split_pairs(run, preferences)
    if not any(not pair.is_tie for pair in train):
        _refuse(preferences)
    data = PreferencePairs(train, seed=seed, bootstrap=run.config.proxy.reward_members > 1)
    config = dataclasses.replace(run.config.reward_model, seed=seed)
    training = RewardModelTraining(model, data, config, validation=held_out, on_message=run.display.say)
    return training, model


def _refuse(preferences: Sequence[Preference]) -> NoReturn:
    reasons = Counter(record.reason or "no reason given" for record in preferences if record.ranks is None)
    most = f", mostly for this reason: {reasons.most_common(1)[0][0]}" if reasons else ""
    raise EmptyProblemSetError(
        f"no verdict says which response is better, so no reward can be learned: {len(preferences)} "
        f"comparisons, {reasons.total()} of them without a verdict{most}. Ties do not count. Begin again in "
        "another folder with a judge who decides."
    )


def save_member(
    run: Run, number: int, member: int, model: Backbone, preferences: Sequence[Preference]
) -> None:
    """Puts a trained member into its folder, with where its scores lie on held-out responses."""
    train, held_out = split_pairs(run, preferences)
    model.statistics = measure_statistics(model.score(*_texts(held_out or train)))
    run.folder.write_folder(member_folder(number, member), model.save)


def join_members(run: Run, number: int, preferences: Sequence[Preference]) -> Mapping[str, Any]:
    """Puts the reward model of a round together and returns how well it orders the held-out pairs."""
    options = run.config.proxy
    members = [_load(run.path / member_folder(number, m), run) for m in range(options.reward_members)]
    train, held_out = split_pairs(run, preferences)
    model: Any = members[0]
    if len(members) > 1 or options.pessimism:
        model = RewardEnsemble(members, pessimism=options.pessimism)
        model.statistics = measure_statistics(model.score(*_texts(held_out or train)))
    run.folder.write_folder(reward_folder(number), model.save)
    return {
        "train": accuracy_of(model, train), "held_out": accuracy_of(model, held_out),
        "num_pairs": len(train), "num_held_out": len(held_out),
    }  # fmt: skip


def accuracy_of(model: ResponseScorer, pairs: Sequence[Pair]) -> float | None:
    """Returns the share of pairs that the scores order as the verdicts do; ties are left out."""
    decided = [pair for pair in pairs if not pair.is_tie]
    if not decided:
        return None
    prompts = [pair.prompt for pair in decided]
    better = model.score(prompts, [pair.better for pair in decided])
    worse = model.score(prompts, [pair.worse for pair in decided])
    return float(((better > worse) + 0.5 * (better == worse)).mean())


def make_proxy(run: Run, number: int) -> Reward | None:
    """Returns what the policy of a round is optimised for; None where no reward is learned (DPO).

    Ground truth is the reward that the environment was asked for, by default the task's utility.
    """
    config = run.config
    if config.feedback.annotator == "ground-truth":
        reward: Any = Utility() if config.env.reward is None else make_reward(config.env.reward)
    elif config.needs_reward_model:
        scorer = _load(run.path / reward_folder(number), run)
        reward = LearnedReward(scorer, normalise=scorer.statistics is not None)
    else:
        return None
    for text in config.proxy.bonus:
        reward = reward + make_bonus(text)
    return reward  # type: ignore[no-any-return]


def make_bonus(text: str) -> Any:
    """Returns the reward that ``REWARD=WEIGHT`` stands for.

    Raises:
        InvalidValueError: a text of another form, or no such reward.
    """
    name, _, weight = text.rpartition("=")
    try:
        return float(weight) * make_reward(name)  # type: ignore[operator]  # built-in ones are terms
    except (ValueError, UnknownNameError) as error:
        raise InvalidValueError(
            f"--bonus is {text!r}; allowed: REWARD=WEIGHT such as length=-0.01 ({error})."
        ) from error


def _make_backbone(run: Run, seed: int) -> Backbone:
    name = run.config.proxy.reward_backbone
    if name == "encoder":
        return make_encoder_reward_model(seed=seed)
    source: str | Path = run.path / "sft" if name == "policy" else name
    tokenizer = run.tokenizer
    if name not in (*PRESETS, "policy"):  # a trained model reads with its own
        tokenizer = make_chat_tokenizer(ModelOptions(model=name).make_tokenizer())
    return make_lm_reward_model(
        source, tokenizer, seed=seed, max_tokens=run.context_length, device=run.config.model.device,
        train_layers=run.config.proxy.reward_layers,
    )  # fmt: skip


def check_backbone(name: str) -> None:
    """Checks ``--reward-backbone``.

    Raises:
        InvalidValueError: neither a name that is known nor a folder or file.
    """
    if name not in (*PRESETS, "smollm2", "policy", "encoder") and not Path(name).exists():
        raise InvalidValueError(
            f"--reward-backbone is {name!r}; allowed: policy, encoder, {', '.join(PRESETS)}, smollm2 (a "
            "packaged model), or a folder."
        )


def _load(folder: Path, run: Run) -> Any:
    return load_reward_model(folder, device=run.config.model.device)


def _texts(pairs: Sequence[Pair]) -> tuple[list[str], list[str]]:
    prompts = [pair.prompt for pair in pairs for _ in range(2)]
    return prompts, [text for pair in pairs for text in (pair.better, pair.worse)]
