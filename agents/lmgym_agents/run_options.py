"""The options that commands share: which environment, which model, which run folder; and what they make.

Comes in: frozen dataclasses, as the command line or a script fills them. Goes out: environments, tokenizers,
policies. Left out: algorithms.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

import gymnasium as gym
import torch
import tyro
from transformers import AutoTokenizer

import lmgym  # noqa: F401  # registers the environments
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError, ModelError
from lmgym.play import check_id, read_value
from lmgym.tokenization import TextTokenizer, make_tokenizer
from lmgym_agents.devices import resolve_device
from lmgym_agents.gguf_files import convert_gguf, find_gguf
from lmgym_agents.lora import add_lora
from lmgym_agents.models import PRESETS, load_model, load_policy
from lmgym_agents.packaged_models import named_model
from lmgym_agents.policy import Policy, ValueMode

_OWN_OPTIONS: Final = {
    "tokenizer": "give --tokenizer",
    "num_envs": "the command chooses it",
    "autoreset_mode": "the command chooses it",
    "vectorization_mode": "the command chooses it",
    "vector_kwargs": "the command chooses it",
    "wrappers": "the command chooses it",
    "id": "give --env",
}
"""What --option can't set, and why."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class EnvOptions:
    """Which environment."""

    env: str = "lmgym/Math-v0"
    """id of the environment (see `lmgym list`); `module:id` imports a module of your own first"""
    level: int | None = None
    """difficulty, from 1; none: the task's own"""
    reward: str | None = None
    """what is paid: correct, partial, steps, format, length, repetition, utility, utility_parts, noisy:P
    (correct, turned round with probability P), model:FOLDER (a reward model) or judge:SPEC; none: the
    environment's own"""
    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME=VALUE")] = ()
    """any other option of the environment, e.g. --option style=worked; may be given several times"""

    def make_options(self) -> dict[str, Any]:
        """Returns the keywords for ``gym.make_vec``.

        Raises:
            UnknownNameError: no such environment.
            InvalidValueError: an ``option`` that is not NAME=VALUE.
        """
        check_id(self.env)
        options: dict[str, Any] = {}
        if self.level is not None:
            options["level"] = self.level
        if self.reward is not None:
            options["reward"] = self.reward
        for text in self.option:
            name, equals, value = text.partition("=")
            if not (name and equals):
                raise InvalidValueError(f"option must be NAME=VALUE, got {text!r}.")
            if name in _OWN_OPTIONS:
                raise InvalidValueError(f"--option {text} can't be set this way: {_OWN_OPTIONS[name]}.")
            options[name] = read_value(value)
        return options

    def make_env(self, num_envs: int, tokenizer: TextTokenizer) -> TokenVectorEnv:
        """Returns ``num_envs`` rows that are reset by whoever collects episodes."""
        made = gym.make_vec(
            self.env, num_envs=num_envs, autoreset_mode="DISABLED",
            **{"tokenizer": tokenizer, **self.make_options()},
        )  # fmt: skip
        return cast("TokenVectorEnv", made)


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Which model."""

    model: str = "tiny"
    """a preset (nano, tiny, tiny-gpt2, tiny-qwen2, small), smollm2 (a packaged model), a Hugging Face folder,
    a .gguf file or a hub id"""
    tokenizer: str | None = None
    """"char" or a folder with tokenizer.json; none: the model's own, char for presets"""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N"""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """of the weights; auto: float32"""
    value: ValueMode = "shared"
    """the value head reads the policy's hidden states, or those of a copy of its own"""
    lora_rank: int = 0
    """train adapters of this rank instead of all weights; 0: all weights"""
    threads: int | None = None
    """threads of torch on a CPU; none: torch's own choice"""
    trust_remote_code: bool = False
    """run Python code that comes with a hub model"""

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise InvalidValueError(f"--threads is {self.threads}; allowed: integers from 1, or none.")
        if self.lora_rank < 0:
            raise InvalidValueError(f"--lora-rank is {self.lora_rank}; allowed: integers from 0.")

    def make_tokenizer(self) -> TextTokenizer:
        """Returns the tokenizer that belongs to the model.

        Raises:
            ModelError: the model's folder or hub page has none that can be read.
        """
        if self.tokenizer is not None:
            return make_tokenizer(self.tokenizer)
        if self.model in PRESETS:
            return make_tokenizer("char")
        path = Path(named_model(self.model))
        gguf = find_gguf(path)
        if gguf is not None:
            return make_tokenizer(str(convert_gguf(gguf, self.torch_dtype)))
        if path.is_dir():
            if not (path / "tokenizer.json").is_file():
                raise ModelError(f"the folder {str(path)!r} has no tokenizer.json; {self._advice()}.")
            return make_tokenizer(str(path))
        # The one thing that a hub id can be; whether it is a model at all is found out by load_model.
        load_model(self.model, trust_remote_code=self.trust_remote_code)
        return make_tokenizer(
            AutoTokenizer.from_pretrained(self.model, trust_remote_code=self.trust_remote_code)
        )

    def _advice(self) -> str:
        inside = Path(self.model) / "model"
        if (inside / "config.json").is_file():
            return f"it is a run's folder, whose model is {str(inside)!r}"
        return "name a tokenizer with --tokenizer"

    def make_policy(self, tokenizer: TextTokenizer, *, context: int, seed: int) -> Policy:
        """Returns the policy on its device.

        Args:
            tokenizer: sets the vocabulary of a preset.
            context: longest row of a preset, in tokens.
            seed: of a preset's first weights.
        """
        device = resolve_device(self.device)
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        # Weights that have shrunk to denormal numbers make a CPU many times slower and mean nothing.
        torch.set_flush_denormal(True)
        if self.model in PRESETS or self.trust_remote_code:
            model = load_model(
                self.model, tokenizer=tokenizer, dtype=self.torch_dtype, device=device, seed=seed,
                context=context, trust_remote_code=self.trust_remote_code,
            )  # fmt: skip
            policy = Policy(model, value=self.value)
        else:
            # "shared" is the default here and also what a folder without a value head gets.
            value = None if self.value == "shared" else self.value
            policy = load_policy(self.model, value=value, dtype=self.torch_dtype, device=device)
        if self.lora_rank:
            add_lora(policy, rank=self.lora_rank)
        return policy

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return _DTYPES.get(self.dtype, torch.float32)


@dataclass(frozen=True, kw_only=True)
class FolderOptions:
    """Where a run is kept, and how often."""

    out: Path | None = None
    """folder of the run; none: the next free one below runs/"""
    resume: bool = False
    """go on with the run in --out"""
    checkpoint_every: int = 20
    """updates between two checkpoints"""
    keep_checkpoints: int = 2
    """newest checkpoints that stay"""
    tensorboard: bool = True
    """write event files as well"""

    def __post_init__(self) -> None:
        if self.checkpoint_every < 1:
            raise InvalidValueError(f"checkpoint_every must be at least 1, got {self.checkpoint_every}.")
        if self.keep_checkpoints < 2:
            raise InvalidValueError(
                f"keep_checkpoints must be at least 2, got {self.keep_checkpoints}: one may be damaged."
            )
        if self.resume and self.out is None:
            raise InvalidValueError("--resume needs --out, the folder of the run to go on with.")

    def choose(self, name: str) -> Path:
        """Returns ``out``, or the first of runs/NAME-1, runs/NAME-2 ... that does not exist."""
        if self.out is not None:
            return self.out
        number = 1
        while (path := Path("runs", f"{name}-{number}")).exists():
            number += 1
        return path
