"""Models inside PyPI packages are found without importing the package."""

from __future__ import annotations

import sys

import pytest

from lmgym.errors import MissingDependencyError, UnknownNameError
from lmgym_agents.packaged_models import PACKAGED_MODELS, packaged_model


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
