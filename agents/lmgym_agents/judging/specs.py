"""Judges by name, as commands take them: "local:smollm2", "local:FOLDER", "http://127.0.0.1:8000/v1#MODEL".

Comes in: a text. Goes out: a judge. Keys of services never stand in the text: the environment holds them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lmgym.errors import InvalidValueError, ModelError
from lmgym.judges import Judge
from lmgym.judges.constitution import Constitution, as_constitution
from lmgym.judges.endpoint import EndpointJudge
from lmgym.rewards.judged import Judged
from lmgym.tokenization import make_tokenizer
from lmgym_agents.gguf_files import convert_gguf, find_gguf
from lmgym_agents.judging.local import LocalJudge
from lmgym_agents.models import load_model
from lmgym_agents.packaged_models import PACKAGED_MODELS, packaged_model

FORMS = (
    "local:FOLDER, local:FILE.gguf, local:smollm2 (a packaged model), http://HOST:PORT/v1#MODEL or "
    "https://HOST/v1#MODEL"
)


def make_judge(
    spec: str,
    *,
    constitution: Constitution | str | Path | None = None,
    device: str = "cpu",
    api_key_env: str | None = None,
    cache: str | Path | None = None,
    **options: Any,
) -> Judge:
    """Returns the judge that ``spec`` stands for.

    Args:
        spec: a model on this machine, "local:" and a folder, a GGUF file or the name of a packaged model; or
            the address of an OpenAI-compatible server, "#" and the model's name there.
        constitution: principles, the path of a file that holds them, or None for those that ship.
        device: of a local model.
        api_key_env: name of the environment variable that holds the server's key; None: no key is sent.
        cache: file that keeps a server's answers.
        options: more keywords of ``LocalJudge`` or ``EndpointJudge``.

    Raises:
        InvalidValueError: a text of another form.
        ModelError: no such model.
        MissingDependencyError: what the judge needs is not installed.
    """
    kind, colon, rest = spec.partition(":")
    if kind == "local" and colon and rest:
        return _make_local(rest, constitution=constitution, device=device, **options)
    address, sign, model = spec.partition("#")
    if kind in ("http", "https") and sign and model:
        return EndpointJudge(
            address, model, constitution=constitution, api_key_env=api_key_env, cache=cache, **options
        )
    raise InvalidValueError(f"a judge must be {FORMS}; got {spec!r}.")


def make_judged_reward(spec: str) -> Judged:
    """Returns the reward that pays the marks of the judge ``spec``: what ``"judge:SPEC"`` stands for."""
    return Judged(make_judge(spec))


def check_judge(
    spec: str, *, constitution: Constitution | str | Path | None = None, api_key_env: str | None = None
) -> None:
    """Checks what ``make_judge`` is to be given, in an instant: no weights are loaded, no server is asked.

    Raises:
        LmgymError: as ``make_judge`` would; but weights may still turn out damaged.
    """
    kind, colon, rest = spec.partition(":")
    if kind == "local" and colon and rest:
        _find_local(rest)
        as_constitution(constitution)
    else:
        make_judge(spec, constitution=constitution, api_key_env=api_key_env)


def _find_local(name: str) -> Path:
    path = packaged_model(name) if name in PACKAGED_MODELS else Path(name)
    if not path.exists():
        packaged = ", ".join(PACKAGED_MODELS)
        raise ModelError(f"no model at {name!r}: no such folder or file, and no packaged model ({packaged}).")
    return path


def _make_local(name: str, *, constitution: Any, device: str, **options: Any) -> LocalJudge:
    path = _find_local(name)
    gguf = find_gguf(path, None)
    folder = convert_gguf(gguf, torch.float32) if gguf is not None else path
    tokenizer = make_tokenizer(str(folder))
    model = load_model(str(folder), tokenizer=tokenizer, device=device)
    label = name if name in PACKAGED_MODELS else path.stem
    return LocalJudge(model, tokenizer, constitution=constitution, **{"name": label, **options})
