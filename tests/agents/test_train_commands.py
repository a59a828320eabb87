"""The identity of what a run was begun with is part of its configuration."""

import dataclasses

import pytest
import torch

from lmgym_agents.algorithms.sft import SFTConfig
from lmgym_agents.commands.train import EvaluationOptions, TrainSFT, train_sft
from lmgym_agents.errors import ResumeError
from lmgym_agents.models import make_tiny_model, save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions


def save_model(folder, tokenizer, seed):
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=16, layers=1, heads=2, context=32, seed=seed,
        pad_id=tokenizer.pad_id, end_id=tokenizer.end_id,
    )  # fmt: skip
    save_policy(Policy(model), folder, tokenizer=tokenizer)


def test_a_model_folder_with_other_weights_is_refused_on_resume(tmp_path, capsys):
    tokenizer = ModelOptions().make_tokenizer()
    threads = torch.get_num_threads()
    config = TrainSFT(
        env=EnvOptions(env="lmgym/Echo-v0"),
        model=ModelOptions(model=str(tmp_path / "model"), device="cpu", threads=threads),
        folder=FolderOptions(out=tmp_path / "run", tensorboard=False),
        evaluation=EvaluationOptions(eval_splits=("train",), eval_problems=4),
        sft=SFTConfig(iterations=2, batch_rows=4),
    )
    save_model(tmp_path / "model", tokenizer, seed=0)
    assert train_sft(config) == 0
    assert "after SFT" in capsys.readouterr().out
    again = dataclasses.replace(config, folder=dataclasses.replace(config.folder, resume=True))
    assert train_sft(again) == 0
    save_model(tmp_path / "model", tokenizer, seed=1)
    with pytest.raises(ResumeError, match=r"identity\.first_weights"):
        train_sft(again)
