"""``lmgym train dpo``: a policy from a file of preferences, in a run folder."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from lmgym.chat_template import make_chat_tokenizer
from lmgym.conversation import has_marks
from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.preferences import Preference
from lmgym.preferences.formats import FORMATS, explain_empty, read_preferences_as
from lmgym.tokenization import TextTokenizer
from lmgym_agents.algorithms.dpo import DPO
from lmgym_agents.algorithms.dpo_config import DPOConfig
from lmgym_agents.models import save_policy
from lmgym_agents.preference_rows import PreferenceRows, show_left_out
from lmgym_agents.report.curves import draw_curves
from lmgym_agents.reward_models.pairs import split_by_prompt
from lmgym_agents.rlhf.optimising import make_held_out
from lmgym_agents.run_options import FolderOptions, ModelOptions
from lmgym_agents.runs.folder import RunFolder
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.train import Stage, TrainingResult, run_stages
from lmgym_agents.weights import hash_weights

Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True, kw_only=True)
class TrainDPO:
    """Trains a language model on preferences directly, by DPO or IPO; the reference is the model itself.

    The run's folder holds model/ in Hugging Face format, evaluation.json and curves.png. Prompts that are
    conversations are written by the model's own chat template. Ctrl-c saves and leaves; --resume goes on.
    """

    data: Path
    """file of preferences"""
    format: str = "lmgym"
    """of the file: lmgym, hh-rlhf, trl, trl-explicit, trl-implicit, trl-unpaired, llmbar or qa_feedback"""
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    held_out_share: float = 0.1
    """share of the prompts whose preferences only measure"""
    max_tokens: int = 512
    """pairs with a longer prompt and response are left out; also the context of a preset"""
    dpo: Annotated[DPOConfig, Flat] = field(default_factory=DPOConfig)

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UnknownNameError("format of preferences", self.format, FORMATS)
        if not 0 <= self.held_out_share < 1 or self.max_tokens < 8:
            raise InvalidValueError(
                f"TrainDPO.held_out_share is {self.held_out_share!r} and max_tokens {self.max_tokens!r}; "
                "allowed: numbers in [0, 1), and integers from 8."
            )


def train_dpo(config: TrainDPO) -> int:
    """Runs ``lmgym train dpo``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    seed = config.dpo.seed
    preferences = read_preferences_as(config.format, config.data)
    if not preferences:
        raise EmptyProblemSetError(explain_empty(config.data, config.format, preferences.skipped))
    tokenizer = config.model.make_tokenizer()
    if any(has_marks(record.prompt) for record in preferences):
        tokenizer = make_chat_tokenizer(tokenizer)
    train, held_out = _make_rows(config, preferences, tokenizer)
    policy = config.model.make_policy(tokenizer, context=config.max_tokens, seed=seed)
    plain = dataclasses.asdict(config)
    # The folder's own place and the wish to resume say nothing about what is learned.
    plain["folder"].pop("out")
    plain["folder"].pop("resume")
    with config.data.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    plain["identity"] = {
        "preferences": digest, "tokenizer": tokenizer.fingerprint, "first_weights": hash_weights(policy),
    }  # fmt: skip
    path = config.folder.choose(f"{config.data.stem}-dpo-seed{seed}")
    with RunFolder(path, plain, resume=config.folder.resume) as run, TrainingDisplay() as display:
        display.say(f"Run folder: {run.path}")
        for reason, count in preferences.skipped.items():
            display.say(f"Left out: {count} rows ({reason})")
        left_out = show_left_out(train.left_out) or "nothing"
        display.say(f"{len(train)} pairs to learn from, {train.num_ties} of them ties; left out: {left_out}")
        dpo = DPO(policy, train, config.dpo, held_out=held_out, on_message=display.say)

        def measure() -> Mapping[str, Any]:
            return {} if held_out is None else dpo.measure()

        stage = Stage(name="dpo", total=config.dpo.iterations, make=lambda: dpo, finish=measure)
        result = run_stages(
            [stage], run, display, seed=seed, checkpoint_every=config.folder.checkpoint_every,
            keep_checkpoints=config.folder.keep_checkpoints, tensorboard=config.folder.tensorboard,
        )  # fmt: skip
        if result.exit_code == 0:
            run.write_folder("model", lambda folder: save_policy(policy, folder, tokenizer=tokenizer))
            run.write_json("evaluation.json", {"pairs": len(train), "held_out": result.findings["dpo"]})
            records = read_metrics(run.metrics).records
            title = f"{config.dpo.kind.replace('sigmoid', 'dpo').upper()} on {config.data.name}"
            run.write_bytes("curves.png", draw_curves(records, title=title, subtitle=f"seed {seed}"))
    _report(result, run.path)
    return result.exit_code


def _make_rows(
    config: TrainDPO, preferences: list[Preference], tokenizer: TextTokenizer
) -> tuple[PreferenceRows, PreferenceRows | None]:
    """Returns the pairs to learn from and the held-out ones, None where none has a winner.

    Raises:
        EmptyProblemSetError: there is no pair to learn from.
    """
    share, options = config.held_out_share, {"seed": config.dpo.seed, "max_tokens": config.max_tokens}
    train, held_out = preferences, list[Preference]()
    if share:
        train, held_out = split_by_prompt(preferences, (1 - share, share), seed=config.dpo.seed)
    rows = PreferenceRows(train, tokenizer, with_ties=config.dpo.ties == "half", **options)
    return rows, make_held_out(held_out, tokenizer, **options)


def _report(result: TrainingResult, path: Path) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    if result.exit_code:
        console.print(f"Interrupted after {result.num_updates} updates; everything is saved in {path}.")
        console.print(f"Go on with the same command and:\n  --out {path} --resume", soft_wrap=True)
        return
    found = result.findings["dpo"]
    if found:
        console.print(
            f"\nThe implicit reward orders {found['accuracy']:.1%} of the held-out pairs as they were judged "
            f"(mean margin {found['margin']:.3f})."
        )
    console.print(
        f"Run folder: {path}\n  model/ (Hugging Face format), curves.png, evaluation.json", soft_wrap=True
    )
