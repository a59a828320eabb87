"""``load_reward_model``: whatever reward model lies in a folder, its files read as untrusted ones."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification

from lmgym.chat_template import make_chat_tokenizer
from lmgym.errors import ModelError
from lmgym.tokenization import HFTokenizer
from lmgym_agents.devices import resolve_device
from lmgym_agents.models import load_pretrained
from lmgym_agents.reward_models.description import Description, read_description
from lmgym_agents.reward_models.encoder import EncoderRewardModel, load_encoder_reward_model
from lmgym_agents.reward_models.ensemble import RewardEnsemble, member_name
from lmgym_agents.reward_models.lm import LMRewardModel

RewardModel = LMRewardModel | EncoderRewardModel | RewardEnsemble


def load_reward_model(
    folder: str | Path, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> RewardModel:
    """Returns the reward model that was saved in ``folder``.

    Args:
        folder: the folder model of a run of ``lmgym train reward-model``, or what a model's ``save`` wrote.
        device: see ``resolve_device``.
        dtype: of a language model's weights.

    Raises:
        ModelError: the folder holds no reward model, or a damaged one.
    """
    folder = Path(folder)
    said = read_description(folder)
    if said.kind != "ensemble":
        return _load_single(folder, said, device, dtype)
    members = [folder / member_name(number) for number in range(said.num_members)]
    told = [read_description(member) for member in members]
    if not members or any(member.kind == "ensemble" for member in told):
        raise ModelError(f"the ensemble in {str(folder)!r} needs members, none of them an ensemble itself.")
    return RewardEnsemble(
        [_load_single(member, its, device, dtype) for member, its in zip(members, told, strict=True)],
        pessimism=said.pessimism,
        statistics=said.statistics,
    )


def _load_single(
    folder: Path, said: Description, device: str | torch.device, dtype: torch.dtype
) -> LMRewardModel | EncoderRewardModel:
    if said.kind == "encoder":
        return load_encoder_reward_model(folder, device=device)
    model = load_pretrained(str(folder), dtype, kind=AutoModelForSequenceClassification)
    tokenizer = make_chat_tokenizer(HFTokenizer(folder))
    return LMRewardModel(
        model.to(resolve_device(device)), tokenizer, max_tokens=said.max_tokens, statistics=said.statistics
    )
