"""Reward models on real preferences: HH-RLHF's harmless pairs, by cross-validation, with their calibration.

    python benchmarks/reward_models.py --data FOLDER/hh_rlhf_harmless/test.jsonl.gz

Each pair is held out once: the prompts are cut into folds by their hash; for each fold a head is trained on
the others by ``lmgym_agents.algorithms.reward_model`` (a tenth of them stops it early), and judges it. Frozen
backbones: the packaged MiniLM, and SmolLM2-135M-Instruct read at the end of the response. What they make of
a text is computed once and kept below --cache, so that an interrupted run goes on; --minutes bounds it.
Control: a tiny language model with a tokenizer of 512 pieces, trained from scratch. Baselines: the longer or
the shorter response, and a logistic regression on the length.

Writes benchmarks/results/reward_models.json and docs/reward_models_hh.png.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import make_mark, write_record
from _reward_features import compute_features
from rich.console import Console
from rich.table import Table

from lmgym.chat_template import make_chat_tokenizer
from lmgym.conversation import plain, readable
from lmgym.preferences.formats import read_preferences_as
from lmgym.tokenization import train_tokenizer
from lmgym_agents.algorithms.reward_model import RewardModelConfig, RewardModelTraining
from lmgym_agents.gguf_files import cache_folder
from lmgym_agents.packaged_models import packaged_model
from lmgym_agents.report.calibration import draw_reliability
from lmgym_agents.reward_models import (
    LMRewardModel,
    Pair,
    PreferencePairs,
    make_encoder_reward_model,
    make_lm_reward_model,
    make_pairs,
    split_by_prompt,
)
from lmgym_agents.reward_models.calibration import Bin, Floats, fit_temperature
from lmgym_agents.reward_models.evaluation import measure_gaps, score_pairs
from lmgym_agents.reward_models.pairs import prompt_place
from lmgym_agents.run_options import ModelOptions

NUM_FOLDS = 5
PICTURE = Path(__file__).resolve().parent.parent / "docs" / "reward_models_hh.png"
MAX_TOKENS = 160  # the last ones of a dialogue
HEAD = RewardModelConfig(
    iterations=400, batch_pairs=256, learning_rate=1e-3, weight_decay=0.1, evaluate_every=10, patience=8,
    centre_coefficient=0.0,
)  # fmt: skip
SCRATCH = RewardModelConfig(
    iterations=120, batch_pairs=64, learning_rate=1e-3, weight_decay=0.1, evaluate_every=10, patience=4
)

MakeModel = Callable[[int], Any]
"""Makes an untrained reward model from a seed."""


def cross_validate(
    make: MakeModel, pairs: Sequence[Pair], config: RewardModelConfig, *, seed: int
) -> tuple[Floats, Floats]:
    """Returns the held-out differences of scores of all pairs, as trained and at each fold's temperature."""
    folds = np.array([int(prompt_place(pair.prompt, seed) * NUM_FOLDS) for pair in pairs])
    plain_gaps, cool_gaps = np.zeros(len(pairs)), np.zeros(len(pairs))
    for fold in range(NUM_FOLDS):
        rest = [pair for pair, place in zip(pairs, folds, strict=True) if place != fold]
        train, validation = split_by_prompt(rest, (0.9, 0.1), seed=seed + 1)
        model = make(NUM_FOLDS * seed + fold)
        training = RewardModelTraining(
            model, PreferencePairs(train, seed=seed), config, validation=validation
        )
        for _ in training.iterations():
            pass
        held_out = np.flatnonzero(folds == fold)
        gaps = score_pairs(model, [pairs[place] for place in held_out]).gaps
        plain_gaps[held_out] = gaps
        cool_gaps[held_out] = gaps / fit_temperature(score_pairs(model, validation).gaps)
        right = float((gaps > 0).mean())
        print(f"  fold {fold}: {right:.3f}, stopped at step {training.best_iteration}", flush=True)
    return plain_gaps, cool_gaps


def length_regression(pairs: Sequence[Pair], seed: int) -> Floats:
    """Returns held-out differences under a logistic regression on the difference of the log lengths."""
    x = np.array([np.log1p(len(pair.better)) - np.log1p(len(pair.worse)) for pair in pairs])
    folds = np.array([int(prompt_place(pair.prompt, seed) * NUM_FOLDS) for pair in pairs])
    gaps = np.zeros(len(pairs))
    for fold in range(NUM_FOLDS):
        inside = x[folds != fold]
        slope = 0.0
        for _ in range(50):  # Newton's method on one number
            chance = 1 / (1 + np.exp(-slope * inside))
            slope += float((inside * (1 - chance)).sum() / (inside**2 * chance * (1 - chance)).sum())
        gaps[folds == fold] = slope * x[folds == fold]
    return gaps


def make_minilm(pairs: Sequence[Pair], cache: Path, until: float | None) -> MakeModel | None:
    """Returns how heads on the frozen MiniLM are made; None: out of time."""
    model = make_encoder_reward_model()
    texts = [
        text for pair in pairs for text in (readable(pair.prompt), plain(pair.better), plain(pair.worse))
    ]
    if not compute_features(
        model.known, texts, lambda some: model.remember(some, []), cache, "minilm-256", until=until
    ):
        return None

    def make(seed: int) -> Any:
        model.reset_head(seed)
        return model

    return make


def make_smollm2(pairs: Sequence[Pair], cache: Path, until: float | None) -> MakeModel | None:
    """Returns how heads on the frozen SmolLM2 are made; None: out of time."""
    path = str(packaged_model("smollm2"))
    tokenizer = make_chat_tokenizer(ModelOptions(model=path).make_tokenizer())
    options: Any = {"max_tokens": MAX_TOKENS, "train_layers": 0}
    reader = make_lm_reward_model(path, tokenizer, dtype=torch.bfloat16, **options)
    keys = [(pair.prompt, text) for pair in pairs for text in (pair.better, pair.worse)]
    name = f"smollm2-{MAX_TOKENS}-bfloat16"
    if not compute_features(
        reader.known, keys, lambda some: reader.remember(*zip(*some, strict=True)), cache, name, until=until
    ):
        return None
    model = make_lm_reward_model(path, tokenizer, **options)
    model.known = standardise(reader.known)

    def make(seed: int) -> LMRewardModel:
        model.reset_head(seed)
        return model

    return make


def standardise(known: dict[Any, torch.Tensor]) -> dict[Any, torch.Tensor]:
    """Returns features of mean 0 and variance 1: a linear map, which a linear head could take into itself."""
    table = torch.stack(list(known.values()))
    spread = table.std(dim=0).clamp_min(1e-6) * table.shape[1] ** 0.5
    return dict(zip(known, ((table - table.mean(dim=0)) / spread).unbind(), strict=True))


def make_scratch(pairs: Sequence[Pair]) -> MakeModel:
    """Returns how tiny language models are made that have read nothing before."""
    texts = [text for pair in pairs for text in (readable(pair.prompt), pair.better, pair.worse)]
    tokenizer = make_chat_tokenizer(train_tokenizer(texts, 512))
    return lambda seed: make_lm_reward_model("nano", tokenizer, seed=seed, max_tokens=96)


def measure(name: str, gaps: Floats, cool: Floats | None = None) -> dict[str, Any]:
    """Returns the row of one model."""
    row: dict[str, Any] = {"name": name, **measure_gaps(gaps)}
    if cool is not None:
        row["calibration_at_temperature"] = measure_gaps(cool)["calibration"]
    return row


def baselines(pairs: Sequence[Pair], seed: int) -> list[dict[str, Any]]:
    """Returns the rows of what knows nothing but the length."""
    longer = np.array([float(np.sign(len(pair.better) - len(pair.worse))) for pair in pairs])
    rows = [
        {"name": n, "accuracy": measure_gaps(g)["accuracy"]}
        for n, g in (("longer wins", longer), ("shorter wins", -longer))
    ]
    return [*rows, measure("length, logistic", length_regression(pairs, seed))]


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Prints the table."""
    table = Table(title="HH-RLHF harmless, held-out pairs", title_justify="left")
    for column in ("", "accuracy", "95 % interval", "log loss", "ECE", "ECE if honest", "ECE at temperature"):
        table.add_column(column, justify="right" if column else "left")
    shown = ("log_loss", "ece_equal_mass", "ece_if_honest")
    for row in rows:
        accuracy, found = row["accuracy"], row.get("calibration")
        cool = row.get("calibration_at_temperature")
        table.add_row(
            row["name"], f"{accuracy['mean']:.3f}", f"{accuracy['low']:.3f} to {accuracy['high']:.3f}",
            *(f"{found[key]:.3f}" if found else "" for key in shown),
            f"{cool['ece_equal_mass']:.3f}" if cool else "",
        )  # fmt: skip
    Console().print(table)


def main() -> None:
    """Measures, prints, writes."""
    folder = os.environ.get("LMGYM_DATA")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=folder and Path(folder) / "hh_rlhf_harmless" / "test.jsonl.gz",
        help="pairs in the format of HH-RLHF; default: those in the folder LMGYM_DATA",
    )  # fmt: skip
    parser.add_argument("--models", nargs="+", default=["minilm", "smollm2", "scratch"])
    parser.add_argument("--max-pairs", type=int, help="only the first ones; nothing is written then")
    parser.add_argument("--seeds", type=int, default=3, help="cross-validations of the frozen models")
    parser.add_argument("--cache", type=Path, default=cache_folder().parent / "benchmarks")
    parser.add_argument(
        "--smollm2-pairs", type=int, help="SmolLM2 reads only so many pairs, the first ones; default: all"
    )
    parser.add_argument("--minutes", type=float, help="time for features; what is not done then is left out")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("give --data, or set LMGYM_DATA")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    until = None if arguments.minutes is None else time.monotonic() + 60 * arguments.minutes
    records = read_preferences_as("hh-rlhf", arguments.data)
    pairs = make_pairs(records)[: arguments.max_pairs]
    print(f"{len(records)} records, left out {dict(records.skipped)}; {len(pairs)} pairs", flush=True)
    read_by = dict.fromkeys(("minilm", "smollm2", "scratch"), pairs)
    read_by["smollm2"] = pairs[: arguments.smollm2_pairs]
    makers: dict[str, Callable[[], MakeModel | None]] = {
        "minilm": lambda: make_minilm(pairs, arguments.cache, until),
        "smollm2": lambda: make_smollm2(read_by["smollm2"], arguments.cache, until),
        "scratch": lambda: make_scratch(pairs),
    }
    rows = baselines(pairs, 0)
    for name in arguments.models:
        make = makers[name]()
        if make is None:
            continue
        seeds = 1 if name == "scratch" else arguments.seeds
        for seed in range(seeds):
            print(f"{name}, seed {seed}", flush=True)
            start = time.monotonic()
            config = SCRATCH if name == "scratch" else HEAD
            gaps = cross_validate(make, read_by[name], config, seed=seed)
            rows.append(
                {
                    "model": name,
                    "seed": seed,
                    "num_pairs": len(read_by[name]),
                    "seconds": time.monotonic() - start,
                    **measure(f"{name}, seed {seed}", *gaps),
                }
            )
    print_rows(rows)
    if arguments.max_pairs is None:
        write(rows)


def write(rows: list[dict[str, Any]]) -> None:
    """Writes the record and the picture."""
    first = {row["model"]: row for row in rows if row.get("seed") == 0}
    marks = [
        make_mark(
            f"{name}: lower end of the accuracy's 95 % interval", row["accuracy"]["low"], "rate", at_least=0.5
        )
        for name, row in first.items()
        if name != "scratch"
    ]
    print("wrote", write_record("reward_models", rows, marks))
    curves = {}
    for name, row in first.items():
        for key, label in (("calibration", "as trained"), ("calibration_at_temperature", "with temperature")):
            curves[f"{name} ({row['num_pairs']:,} pairs), {label}"] = [
                Bin(**each) for each in row[key]["bins"]
            ]
    shown = {label: bins for label, bins in curves.items() if not label.startswith("scratch")}
    if shown:
        PICTURE.write_bytes(
            draw_reliability(
                shown,
                title="Reward models on HH-RLHF (harmless)",
                subtitle=f"each pair held out once in {NUM_FOLDS} folds by prompt",
            )
        )
        print("wrote", PICTURE)


if __name__ == "__main__":
    main()
