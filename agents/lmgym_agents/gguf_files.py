"""GGUF files: converted once into a folder of safetensors, which is then loaded like any other model.

Unpacking a GGUF file takes half a minute and several times its size in memory, so the result is kept in a
cache, under the SHA-256 of the file's content and the dtype. A conversion that is interrupted leaves nothing
that a later call could mistake for a model.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import torch

from lmgym.errors import MissingDependencyError, ModelError


def find_gguf(path: Path, gguf_file: str | Path | None = None) -> Path | None:
    """Returns the GGUF file that is meant by a path, or None if a GGUF file is not what is meant.

    A file that ends in ``.gguf`` is meant itself; in a folder it is ``gguf_file``, or the only GGUF file
    there, unless a config.json says that the folder is an ordinary model.

    Raises:
        ModelError: the file does not exist, or there are several to choose from.
    """
    if gguf_file is not None:
        found = path / gguf_file
        if not found.is_file():
            raise ModelError(f"no GGUF file at {str(found)!r}.")
        return found
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelError(f"no GGUF file at {str(path)!r}.")
        return path
    if not path.is_dir() or (path / "config.json").exists():
        return None
    files = sorted(path.glob("*.gguf"))
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise ModelError(f"{str(path)!r} holds several GGUF files ({names}): name one with gguf_file.")
    return files[0] if files else None


def convert_gguf(file: Path, dtype: torch.dtype) -> Path:
    """Returns a folder with the model (and tokenizer) of a GGUF file, converting it if that wasn't done yet.

    Raises:
        MissingDependencyError: the packages that read GGUF are not installed.
        ModelError: the file is damaged or of an architecture that transformers cannot read from GGUF.
    """
    folder = cache_folder() / f"{_sha256(file)[:32]}-{str(dtype).removeprefix('torch.')}"
    if folder.is_dir():
        return folder
    missing = [name for name in ("gguf", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f'reading {file.name} needs {" and ".join(missing)}: pip install "lmgym[agents,gguf]".'
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Made beside its place and then renamed: the folder exists only when it is complete.
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        _convert(file, dtype, unfinished)
        try:
            os.replace(unfinished, folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster, with the same content
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def cache_folder() -> Path:
    """Returns where converted models are kept; $LMGYM_CACHE, if set, replaces ~/.cache/lmgym."""
    own = os.environ.get("LMGYM_CACHE")
    if own:
        return Path(own) / "gguf"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lmgym" / "gguf"


def _convert(file: Path, dtype: torch.dtype, folder: Path) -> None:
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {}
    if hasattr(transformers, "GgufConfig"):  # newer versions keep GGUF weights packed unless told otherwise
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(file.parent), gguf_file=file.name, dtype=dtype, **options
        )
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name).save_pretrained(folder)
    # Foreign code reading a foreign file: whatever it raises means that the file is no good; a panic of the
    # tokenizers library is not even an Exception.
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | MemoryError):
            raise
        raise ModelError(
            f"{file} cannot be converted; it must be a whole GGUF file of a causal language model that "
            f"transformers can read. ({type(error).__name__}: {str(error)[:500]})"
        ) from error


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
