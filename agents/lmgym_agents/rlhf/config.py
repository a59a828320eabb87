"""The options of RLHF: who judges, how much is asked, what is optimised, how it is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.preferences.formats import FORMATS
from lmgym_agents.algorithms.dpo_config import DPOConfig
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.reward_model_config import RewardModelConfig
from lmgym_agents.algorithms.sft import SFTConfig
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions

Flat = tyro.conf.OmitArgPrefixes
AnnotatorKind = Literal["simulated", "judge", "human", "file", "ground-truth"]
Optimiser = Literal["ppo", "dpo", "best-of-n"]


@dataclass(frozen=True, kw_only=True)
class FeedbackOptions:
    """Who judges, and how well."""

    annotator: AnnotatorKind = "simulated"
    """simulated: by the task's utility, with the errors below; judge: a language model; human: people, by
    `lmgym label`; file: verdicts that are there already; ground-truth: the utility itself, nothing learned"""
    noise: float = 0.0
    """simulated: probability that a verdict is turned round"""
    temperature: float = 0.0
    """simulated: temperature of a Bradley-Terry choice, in units of utility; 0: the better one wins"""
    length_bias: float = 0.0
    """simulated: utility that 100 characters more seem to be worth"""
    position_bias: float = 0.0
    """simulated: utility that the place of the first response seems to be worth"""
    tie_margin: float = 0.0
    """simulated: utilities closer than this are a tie"""
    inconsistency: float = 0.0
    """simulated: how much raters contradict themselves"""
    judge: str = ""
    """judge: local:FOLDER, local:FILE.gguf, local:smollm2, or http://HOST:PORT/v1#MODEL"""
    constitution: Path | None = None
    """judge: file with the principles it judges by; none: those that ship"""
    judge_key_env: str | None = None
    """judge: environment variable that holds the key of its server; none: no key is sent"""
    min_verdicts: int | None = None
    """human: go on as soon as so many questions of a round are judged; none: all"""
    preferences: Path | None = None
    """file: the preferences; nothing is collected then"""
    format: str = "lmgym"
    """file: their format, as `lmgym train dpo` takes it"""

    def __post_init__(self) -> None:
        if (self.annotator == "file") != (self.preferences is not None):
            raise InvalidValueError(
                "--annotator file and --preferences FILE belong together; give both or none."
            )
        if (self.annotator == "judge") != bool(self.judge):
            raise InvalidValueError("--annotator judge and --judge SPEC belong together; give both or none.")
        if self.format not in FORMATS:
            raise UnknownNameError("format of preferences", self.format, FORMATS)
        if self.min_verdicts is not None and self.min_verdicts < 1:
            raise InvalidValueError(
                f"--min-verdicts is {self.min_verdicts}; allowed: integers from 1, or none."
            )


@dataclass(frozen=True, kw_only=True)
class CollectOptions:
    """How many responses are compared in each round."""

    num_prompts: int = 2048
    """prompts of the train split in each round"""
    num_responses: int = 4
    """responses to each, sampled at temperature 1; k responses are compared in k(k-1)/2 pairs"""
    chunk_prompts: int = 128
    """prompts that are sampled, or judged by simulated raters, between two looks at the clock"""
    judged_prompts: int = 4
    """the same for a language model that judges: each pair costs it seconds"""


@dataclass(frozen=True, kw_only=True)
class ProxyOptions:
    """The learned reward."""

    reward_backbone: str = "policy"
    """what the reward model is made of: policy (the policy after SFT), a preset, a model's folder, or encoder
    for the packaged sentence encoder"""
    reward_layers: int | None = None
    """layers at the top of a language model that are learned with the head; 0: the head alone; none: all"""
    reward_members: int = 1
    """reward models, each on a draw of its own of the preferences"""
    pessimism: float = 0.0
    """how many standard deviations of the members are taken off their mean"""
    held_out_share: float = 0.1
    """share of the prompts whose preferences only measure"""
    bonus: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="REWARD=WEIGHT")] = ()
    """another reward beside the learned one, e.g. --bonus length=-0.01; may be given several times"""


@dataclass(frozen=True, kw_only=True)
class BestOfNOptions:
    """Best of n, and its imitation."""

    n: int = 16
    """responses to each prompt, of which the reward picks one"""
    num_prompts: int = 512
    """prompts of the train split whose best responses are imitated"""
    imitation: SFTConfig = field(
        default_factory=lambda: SFTConfig(
            iterations=60, batch_rows=128, learning_rate=3e-4, warmup_iterations=5
        )
    )
    """of the imitation of the best responses"""


@dataclass(frozen=True, kw_only=True)
class MeasureOptions:
    """How a policy is measured before and after each round."""

    eval_split: str = "test"
    """split whose prompts are answered"""
    eval_prompts: int = 512
    """different prompts; fewer where the split has no more"""
    num_transcripts: int = 6
    """responses to print at the end"""


def _small_model() -> ModelOptions:
    return ModelOptions(model="nano", tokenizer="bpe:512")


def _preference_sft() -> SFTConfig:
    return SFTConfig(iterations=300, batch_rows=128, learning_rate=3e-3, schedule="cosine")


def _preference_reward() -> RewardModelConfig:
    return RewardModelConfig(learning_rate=3e-3)


def _preference_ppo() -> PPOConfig:
    return PPOConfig(
        iterations=50, learning_rate=4e-4, kl_coefficient=0.1, gae_lambda=0.95, value_lambda=0.95, epochs=2,
        minibatches=2,
    )  # fmt: skip


def _preference_dpo() -> DPOConfig:
    return DPOConfig(learning_rate=5e-4)


@dataclass(frozen=True, kw_only=True)
class RLHFConfig:
    """Options of the whole pipeline. The seeds of its stages are drawn from ``seed``.

    The rates suit the tiny default model; pretrained models want rates some hundred times smaller.
    """

    env: Annotated[EnvOptions, Flat] = field(default_factory=lambda: EnvOptions(env="lmgym/Sentiment-v0"))
    model: Annotated[ModelOptions, Flat] = field(
        default_factory=lambda: ModelOptions(model="nano", tokenizer="bpe:512")
    )
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    feedback: Annotated[FeedbackOptions, Flat] = field(default_factory=FeedbackOptions)
    collect: Annotated[CollectOptions, Flat] = field(default_factory=CollectOptions)
    proxy: Annotated[ProxyOptions, Flat] = field(default_factory=ProxyOptions)
    measure: Annotated[MeasureOptions, Flat] = field(default_factory=MeasureOptions)
    seed: int = 0
    """names every random choice of the run"""
    optimise: Optimiser = "ppo"
    """how the policy is made better: PPO against the reward model, DPO on the preferences, or imitation of
    the best of n responses by the reward model"""
    rounds: int = 1
    """times that responses of the newest policy are collected, judged and learned from"""
    max_kl: float | None = None
    """PPO ends as soon as its responses are this far from SFT, in nats; none: no limit"""
    num_envs: int = 256
    """episodes in each rollout of PPO"""
    sft: SFTConfig = field(default_factory=_preference_sft)
    """warm start on the task's demonstrations; left out where --model is a trained model"""
    reward_model: RewardModelConfig = field(default_factory=_preference_reward)
    """training of the reward model"""
    ppo: PPOConfig = field(default_factory=_preference_ppo)
    """options of PPO; the reference is the policy after SFT"""
    dpo: DPOConfig = field(default_factory=_preference_dpo)
    """options of DPO; the reference is the policy after SFT"""
    best_of_n: BestOfNOptions = field(default_factory=BestOfNOptions)
    """options of best-of-n"""

    def __post_init__(self) -> None:
        counts = {
            "rounds": self.rounds, "num_envs": self.num_envs, "num_prompts": self.collect.num_prompts,
            "chunk_prompts": self.collect.chunk_prompts,
            "judged_prompts": self.collect.judged_prompts, "reward_members": self.proxy.reward_members,
            "eval_prompts": self.measure.eval_prompts, "best_of_n.n": self.best_of_n.n,
            "best_of_n.num_prompts": self.best_of_n.num_prompts,
        }  # fmt: skip
        for name, value in counts.items():
            _require(value >= 1, name, value, "integers from 1")
        _require(self.collect.num_responses >= 2, "num_responses", self.collect.num_responses, "from 2")
        layers = self.proxy.reward_layers
        _require(layers is None or layers >= 0, "reward_layers", layers, "integers from 0, or none")
        _require(
            layers is None or self.proxy.reward_backbone != "encoder", "reward_layers", layers,
            "none for an encoder, of which the head alone is learned",
        )  # fmt: skip
        _require(0 <= self.proxy.held_out_share < 1, "held_out_share", self.proxy.held_out_share, "[0, 1)")
        _require(self.optimise in get_args(Optimiser), "optimise", self.optimise, str(get_args(Optimiser)))
        _require(
            self.max_kl is None or (math.isfinite(self.max_kl) and self.max_kl > 0), "max_kl", self.max_kl,
            "positive numbers of nats, or none",
        )  # fmt: skip
        _require(
            self.rounds == 1 or self.feedback.annotator != "file", "rounds", self.rounds,
            "1 with preferences from a file, as nobody is there to judge the responses of a second round",
        )  # fmt: skip

    @property
    def annotated_prompts(self) -> int:
        """Prompts whose responses are judged between two looks at the clock."""
        is_judge = self.feedback.annotator == "judge"
        return self.collect.judged_prompts if is_judge else self.collect.chunk_prompts

    @property
    def needs_preferences(self) -> bool:
        """Whether anything is learned from verdicts; ground truth is optimised as it is, except by DPO."""
        return self.feedback.annotator != "ground-truth" or self.optimise == "dpo"

    @property
    def needs_reward_model(self) -> bool:
        """Whether a reward is learned."""
        return self.feedback.annotator != "ground-truth" and self.optimise != "dpo"


def _require(holds: bool, field_name: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"RLHFConfig.{field_name} is {given!r}; allowed: {allowed}.")
