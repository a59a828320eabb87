"""``lmgym train dpo``: a file of preferences in, a run folder out; resumable."""

from __future__ import annotations

import dataclasses
import json

import pytest

from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.preferences import Preference
from lmgym_agents.algorithms.dpo_config import DPOConfig
from lmgym_agents.commands.train_dpo import TrainDPO, train_dpo
from lmgym_agents.errors import ResumeError
from lmgym_agents.models import load_policy
from lmgym_agents.run_options import FolderOptions, ModelOptions
from lmgym_agents.runs.metrics import read_metrics


def make_config(tmp_path, **options):
    lines = [
        Preference(f"{i}?", ("a", "bb"), "me", (0, 1), None, "2026-01-31T12:00:00Z").to_json()
        for i in range(20)
    ]
    (tmp_path / "said.jsonl").write_text("\n".join(lines) + "\n")
    return TrainDPO(
        data=tmp_path / "said.jsonl", max_tokens=32, held_out_share=0.3,
        model=ModelOptions(model="nano", device="cpu", threads=1),
        folder=FolderOptions(out=tmp_path / "run", tensorboard=False, checkpoint_every=2),
        **{"dpo": DPOConfig(iterations=3, batch_pairs=4), **options},
    )  # fmt: skip


def test_a_run_leaves_a_model_and_goes_on_for_longer(tmp_path, capsys):
    config = make_config(tmp_path)
    assert train_dpo(config) == 0
    assert "implicit reward orders" in capsys.readouterr().out
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert 0 <= found["held_out"]["accuracy"] <= 1 and found["pairs"] < 20
    assert load_policy(tmp_path / "run" / "model").value_head is not None
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000
    again = dataclasses.replace(
        config,
        folder=dataclasses.replace(config.folder, resume=True),
        dpo=dataclasses.replace(config.dpo, iterations=4),
    )
    assert train_dpo(again) == 0
    assert len(read_metrics(tmp_path / "run" / "metrics.jsonl").records) == 4


def test_conversations_are_written_by_a_chat_template(tmp_path):
    config = make_config(tmp_path)
    row = {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: No"}
    config.data.write_text(json.dumps(row) + "\n")
    config = dataclasses.replace(config, format="hh-rlhf", held_out_share=0.0)
    assert train_dpo(config) == 0
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text()) == {"held_out": {}, "pairs": 1}


def test_options_that_are_not_allowed_are_named(tmp_path):
    with pytest.raises(UnknownNameError, match="format of preferences"):
        make_config(tmp_path, format="hh")
    with pytest.raises(InvalidValueError, match="held_out_share"):
        dataclasses.replace(make_config(tmp_path), held_out_share=1.0)


def test_what_cannot_be_learned_from_is_said_in_words(tmp_path, capsys):
    config = make_config(tmp_path)
    with config.data.open("a") as file:
        file.write("no record\n")
        file.write(Preference("x?", ("a", "a"), "me", (0, 1), None, "2026-01-31T12:00:00Z").to_json() + "\n")
    assert train_dpo(dataclasses.replace(config, held_out_share=0.0)) == 0
    said = capsys.readouterr().out
    assert "Left out: 1 rows (no record)" in said and "left out: 1 pairs of two equal responses" in said


def test_a_file_of_another_format_is_named(tmp_path):
    config = make_config(tmp_path)
    config.data.write_text(json.dumps({"prompt": "p", "chosen": "a", "rejected": "b"}) + "\n")
    with pytest.raises(EmptyProblemSetError, match=r"1 x no record.* can be read as 'trl'"):
        train_dpo(config)


def test_ties_alone_teach_nothing(tmp_path):
    config = make_config(tmp_path)
    tie = Preference("p", ("a", "b"), "me", (0, 0), None, "2026-01-31T12:00:00Z")
    config.data.write_text(tie.to_json() + "\n")
    with pytest.raises(EmptyProblemSetError, match="left out: 1 ties"):
        train_dpo(dataclasses.replace(config, held_out_share=0.0))


def test_other_preferences_are_refused_on_resume(tmp_path):
    config = make_config(tmp_path)
    assert train_dpo(config) == 0
    lines = config.data.read_text().splitlines()
    config.data.write_text("\n".join(reversed(lines)) + "\n")
    with pytest.raises(ResumeError, match="preferences"):
        train_dpo(dataclasses.replace(config, folder=dataclasses.replace(config.folder, resume=True)))
