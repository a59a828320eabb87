"""What the stages of one run share: its folder, task, tokenizer and budgets, and where its products lie.

    tokenizer/                 trained on the task's demonstrations, where one was asked for
    sft/                       the policy after SFT: from where every distance is measured
    preferences.jsonl          all verdicts, append-only
    round-1-responses.jsonl    what was compared
    round-1-reward-model/      what was learned from it (absent for DPO and ground truth)
    round-1-model/             the policy afterwards
    measured-NAME.jsonl        the responses to the held-out prompts

Policies and reward models are always read from these folders, in a run that was never interrupted as well, so
that a resumed run has the same weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import gymnasium as gym

import lmgym  # noqa: F401  # registers the environments
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator, make_key
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer, make_tokenizer, train_tokenizer
from lmgym_agents.devices import resolve_device
from lmgym_agents.engine import Engine
from lmgym_agents.lora import add_lora
from lmgym_agents.models import PRESETS, load_policy, save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.rlhf.config import RLHFConfig
from lmgym_agents.runs.config import HARMLESS
from lmgym_agents.runs.folder import RunFolder
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.search.states import Transitions

NUM_TOKENIZER_PROBLEMS = 2048
MIN_VOCAB_SIZE = 258
"""Pad, end and every byte."""
_HARMLESS = frozenset({"min_verdicts", "judge_key_env"})
_BUDGETS = ("max_new_tokens", "max_prompt_tokens", "max_episode_tokens")


@dataclass(frozen=True, kw_only=True)
class Run:
    """An open run."""

    config: RLHFConfig
    folder: RunFolder
    display: TrainingDisplay
    task: Task
    tokenizer: TextTokenizer
    """As environments use it: wrapped for conversations where the task is a chat."""
    transitions: Transitions
    env_options: Mapping[str, Any]
    """For ``gym.make_vec``: the task's options and the budgets, without tokenizer and reward."""
    context_length: int

    @property
    def budgets(self) -> dict[str, Any]:
        """The options among ``env_options`` that are budgets of tokens."""
        return {name: self.env_options[name] for name in _BUDGETS if name in self.env_options}

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    def seed(self, *path: int | str) -> int:
        """Returns the seed of a part of the run, in [0, 2**31)."""
        return make_key(self.config.seed, "rlhf", *path) % 2**31

    def make_env(self, num_envs: int, reward: object) -> TokenVectorEnv:
        """Returns an environment that pays ``reward``, to be reset by whoever collects."""
        made = gym.make_vec(
            self.config.env.env, num_envs=num_envs, autoreset_mode="DISABLED", tokenizer=self.tokenizer,
            **{**self.env_options, "reward": reward},
        )  # fmt: skip
        return cast("TokenVectorEnv", made)

    def first_policy(self) -> Policy:
        """Returns the policy that the run begins with."""
        return self.config.model.make_policy(
            self.tokenizer, context=self.context_length, seed=self.config.seed
        )

    def policy(self, name: str, *, is_trained: bool = False) -> Policy:
        """Returns the policy in a folder of the run; to be trained it gets the adapters of --lora-rank."""
        options = self.config.model
        policy = load_policy(
            self.path / name, dtype=options.torch_dtype, device=resolve_device(options.device)
        )
        if is_trained and options.lora_rank:
            add_lora(policy, rank=options.lora_rank)
        return policy

    def engine(self, policy: Policy) -> Engine:
        """Returns an engine over the policy."""
        return Engine(policy.model, max_rows=512, pad_id=self.tokenizer.pad_id)

    def save_policy(self, name: str, policy: Policy) -> None:
        """Puts a policy into the folder ``name`` of the run."""
        self.folder.write_folder(name, lambda place: save_policy(policy, place, tokenizer=self.tokenizer))

    def write_lines(self, name: str, lines: Sequence[str]) -> None:
        """Replaces a file of the run."""
        self.folder.write_bytes(name, "".join(f"{line}\n" for line in lines).encode())

    def read_lines(self, name: str) -> list[str]:
        """Returns the lines of a file of the run."""
        return (self.path / name).read_text("utf-8").split("\n")[:-1]


def make_task(config: RLHFConfig) -> Task:
    """Returns the task of the environment that the options name.

    Raises:
        LmgymError: no such environment, or an option that it refuses.
    """
    options = config.env.make_options()
    made = gym.make_vec(config.env.env, num_envs=1, autoreset_mode="DISABLED", **options)
    return cast("TokenVectorEnv", made).task


def open_folder(config: RLHFConfig) -> RunFolder:
    """Returns the run's folder; what is named in the configuration is kept there by its content.

    Raises:
        RunFolderError, ResumeError: the folder can't be used, or holds a run of another configuration.
    """
    plain = dataclasses.asdict(config)
    # The folder's own place and the wish to resume say nothing about what is learned.
    plain["folder"].pop("out")
    plain["folder"].pop("resume")
    plain["identity"] = _identify(config)
    name = config.env.env.rpartition("/")[2].lower()
    kind = f"{config.feedback.annotator}-{config.optimise}"
    path = config.folder.choose(f"{name}-rlhf-{kind}-seed{config.seed}")
    return RunFolder(
        path,
        plain,
        resume=config.folder.resume,
        harmless=HARMLESS | _HARMLESS,
        may_grow=frozenset({"rounds"}),
    )


def _identify(config: RLHFConfig) -> dict[str, str]:
    """Returns what is behind the names in the options, by its content."""
    files = {"preferences": config.feedback.preferences, "constitution": config.feedback.constitution}
    return {
        "task": make_task(config).fingerprint,
        "model": _hash_folder(Path(config.model.model)),
        **{
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in files.items()
            if path is not None
        },
    }


def open_run(config: RLHFConfig, folder: RunFolder, display: TrainingDisplay) -> Run:
    """Returns the run in an open folder; trains its tokenizer if one is asked for and not there yet."""
    options = config.env.make_options()
    task = make_task(config)
    tokenizer = _make_tokenizer(config, folder, task, display)
    if tokenizer.max_token_chars > 1 and "max_new_tokens" not in options and task.max_turns == 1:
        options["max_new_tokens"] = _fitting_budget(task, tokenizer)
    env = cast(
        "TokenVectorEnv",
        gym.make_vec(config.env.env, num_envs=1, autoreset_mode="DISABLED", tokenizer=tokenizer, **options),
    )
    budgets = {name: options[name] for name in _BUDGETS if name in options}
    return Run(
        config=config, folder=folder, display=display, task=env.task, tokenizer=env.tokenizer,
        transitions=Transitions(env.task, env.tokenizer, **budgets), env_options=options,
        context_length=env.context_length,
    )  # fmt: skip


def read_vocab_size(config: RLHFConfig) -> int | None:
    """Returns the size of the tokenizer that the run trains, None where it trains none.

    Raises:
        InvalidValueError: "bpe" without a size, or with one too small to hold every byte.
    """
    kind, _, size = (config.model.tokenizer or "").partition(":")
    if kind != "bpe" or config.model.model not in PRESETS:
        return None
    if not (size.isascii() and size.isdigit() and int(size) >= MIN_VOCAB_SIZE):
        raise InvalidValueError(
            f"--tokenizer is {config.model.tokenizer!r}; allowed: bpe:SIZE with a size from {MIN_VOCAB_SIZE} "
            "(bpe:512), char, or a folder."
        )
    return int(size)


def make_given_tokenizer(config: RLHFConfig) -> TextTokenizer:
    """Returns the tokenizer of a run that trains none: the one that --tokenizer names, or the model's own.

    Raises:
        ModelError, TokenizerError: there is none that can be read.
    """
    is_default = (config.model.tokenizer or "").partition(":")[0] == "bpe"  # a trained model has its own
    model = dataclasses.replace(config.model, tokenizer=None) if is_default else config.model
    return model.make_tokenizer()


def _make_tokenizer(
    config: RLHFConfig, folder: RunFolder, task: Task, display: TrainingDisplay
) -> TextTokenizer:
    size = read_vocab_size(config)
    if size is None:
        return make_given_tokenizer(config)
    place = folder.path / "tokenizer"
    if not place.exists():
        display.say(f"Training a tokenizer of {size} tokens on the task's demonstrations.")
        made = train_tokenizer(_demonstrated_texts(task), size)
        folder.write_folder("tokenizer", made.save)
    return make_tokenizer(str(place))


def _demonstrated_texts(task: Task) -> list[str]:
    rng = make_generator(0, "tokenizer_texts")
    problems = task.problems("train", range(NUM_TOKENIZER_PROBLEMS))
    return [text for p in problems for text in (p.prompt, *task.demonstrations(p, rng))]


def _fitting_budget(task: Task, tokenizer: TextTokenizer) -> int:
    """Returns one and a half times the tokens of the longest demonstration: tasks count in characters."""
    rng = make_generator(0, "tokenizer_texts")
    problems = task.problems("train", range(NUM_TOKENIZER_PROBLEMS))
    turns = [task.demonstrations(problem, rng)[-1] for problem in problems]
    longest = max(len(ids) for ids in tokenizer.encode_batch(turns))
    return min(task.default_max_new_tokens, longest + longest // 2 + 1)


def _hash_folder(folder: Path) -> str:
    """Returns a hash of the weights in a folder, "" for what is none."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")) if folder.is_dir() else ():
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest() if folder.is_dir() else ""
