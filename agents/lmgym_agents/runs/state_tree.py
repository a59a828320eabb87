"""Nested Python values as plain data: tensors for safetensors, everything else for JSON. No pickle.

A tree is made of dicts, lists, tuples, torch tensors, numpy arrays and numbers, Python numbers, strings,
bytes, booleans and None. ``pack`` takes it apart into named tensors and a structure that JSON can hold;
``unpack`` puts it together again, bit for bit: floats keep every bit, integers may have any size (random
generators have 128-bit states), NaN and the infinities are spelled out, tuples stay tuples.

In the structure a JSON object is always one tagged value, ``{"tensor": name}`` or ``{"dict": {...}}`` for
instance, and the rest stands for itself. Not kept: devices (all tensors come back on the CPU),
``requires_grad``, subclasses of dict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch

from lmgym_agents.errors import CheckpointError

MAX_DEPTH: Final = 64
LONG_TEXT: Final = 1024  # longer strings are stored as tensors, so that the JSON stays small
TENSOR_DTYPES: Final = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "U16": torch.uint16,
    "I32": torch.int32, "U32": torch.uint32, "I64": torch.int64, "U64": torch.uint64,
    "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "C64": torch.complex64,
}  # fmt: skip
_ARRAY_DTYPES: Final = frozenset("?bBhHiIlLqQefdF")  # numpy's type characters that the table above covers


def pack(tree: Any) -> tuple[dict[str, torch.Tensor], Any]:
    """Takes a tree apart.

    Returns:
        Contiguous CPU tensors by name (no two share memory; a tensor that occurs twice in the tree, tied
        weights for instance, is stored once), and the structure, which JSON can hold.

    Raises:
        CheckpointError: a value that cannot be stored; the message gives its path.
    """
    packer = _Packer()
    structure = packer.encode(tree, "", 0)
    return packer.tensors, structure


def unpack(structure: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """Puts together what ``pack`` took apart.

    Raises:
        CheckpointError: the structure is not one that ``pack`` makes, or names a tensor that is missing.
    """
    return _decode(structure, tensors, "", 0)


def tensor_names(structure: Any) -> set[str]:
    """Returns the names of all tensors that a structure speaks of."""
    names: set[str] = set()
    waiting = [structure]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            for tag, value in node.items():
                if tag in _STORED and isinstance(value, str):
                    names.add(value)
                else:
                    waiting.extend(value.values() if isinstance(value, dict) else [value])
    return names


class _Packer:
    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}
        self._names: dict[tuple[Any, ...], str] = {}
        self._storages: set[int] = set()

    def encode(self, value: Any, path: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise CheckpointError(f"{path} is nested deeper than {MAX_DEPTH} levels; flatten the state.")
        if value is None or type(value) is bool:
            return value
        if type(value) is int:
            return value if -(2**63) <= value < 2**63 else {"int": hex(value)}
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is str:
            return value if len(value) <= LONG_TEXT else {"text": self._add_bytes(_to_bytes(value), path)}
        if type(value) is bytes:
            return {"bytes": self._add_bytes(value, path)}
        if isinstance(value, list | tuple):
            nodes = [self.encode(item, _join(path, i), depth + 1) for i, item in enumerate(value)]
            return nodes if isinstance(value, list) else {"tuple": nodes}
        if isinstance(value, Mapping):
            return self._encode_mapping(value, path, depth)
        if isinstance(value, torch.Tensor):
            return {"tensor": self._add_tensor(value.detach(), path)}
        if isinstance(value, np.ndarray | np.generic):
            tag = "array" if isinstance(value, np.ndarray) else "scalar"
            return {tag: self._add_array(np.asarray(value), path)}
        raise CheckpointError(
            f"{path} is a {type(value).__name__}, which a checkpoint cannot hold. Allowed: dict, list, "
            "tuple, torch tensor, numpy array, int, float, str, bytes, bool, None."
        )

    def _encode_mapping(self, value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
        for key in value:
            if type(key) not in (str, int):
                raise CheckpointError(f"{path} has the key {key!r}; keys must be strings or integers.")
        items = [(key, self.encode(item, _join(path, key), depth + 1)) for key, item in value.items()]
        if all(type(key) is str for key in value):
            return {"dict": dict(items)}
        return {"items": [[self.encode(key, path, 0), item] for key, item in items]}

    def _add_tensor(self, tensor: torch.Tensor, path: str) -> str:
        if tensor.dtype not in TENSOR_DTYPES.values() or tensor.layout != torch.strided or tensor.is_meta:
            raise CheckpointError(
                f"{path} is a tensor of dtype {tensor.dtype}, layout {tensor.layout} on {tensor.device}, "
                "which cannot be stored; give a dense tensor of a floating, integer or boolean dtype."
            )
        place = (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if tensor.numel() and place in self._names:
            return self._names[place]
        storage = tensor.untyped_storage()
        whole = tensor.is_contiguous() and storage.nbytes() == tensor.numel() * tensor.element_size()
        shared = storage.data_ptr() in self._storages
        self._storages.add(storage.data_ptr())
        ready = tensor.resolve_conj().resolve_neg().cpu()
        name = self._add(ready if whole and not shared else ready.clone(memory_format=_CONTIGUOUS), path)
        self._names[place] = name
        return name

    def _add_array(self, array: np.ndarray, path: str) -> str:
        if array.dtype.char not in _ARRAY_DTYPES:
            raise CheckpointError(
                f"{path} is a numpy array of dtype {array.dtype}, which cannot be stored; give a numeric or "
                "boolean dtype, or a list."
            )
        own = np.array(array, dtype=array.dtype.newbyteorder("="), order="C", copy=True)
        return self._add(torch.from_numpy(own), path)

    def _add_bytes(self, data: bytes, path: str) -> str:
        return self._add(torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy()), path)

    def _add(self, tensor: torch.Tensor, path: str) -> str:
        name = path
        while name in self.tensors:  # keys may contain "/" themselves
            name += "'"
        self.tensors[name] = tensor
        return name


_CONTIGUOUS: Final = torch.contiguous_format
_STORED: Final = frozenset({"tensor", "array", "scalar", "text", "bytes"})


def _decode(node: Any, tensors: Mapping[str, torch.Tensor], path: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise CheckpointError(f"{path} is nested deeper than {MAX_DEPTH} levels.")
    if node is None or isinstance(node, bool | int | float | str):
        return node
    if isinstance(node, list):
        return [_decode(item, tensors, _join(path, i), depth + 1) for i, item in enumerate(node)]
    if not isinstance(node, dict) or len(node) != 1:
        raise CheckpointError(f"{path}: the structure holds something that no checkpoint has.")
    ((tag, value),) = node.items()
    if tag in _STORED:
        return _decode_stored(tag, value, tensors, path)
    if tag == "dict" and isinstance(value, dict):
        return {key: _decode(item, tensors, _join(path, key), depth + 1) for key, item in value.items()}
    if tag == "items" and isinstance(value, list):
        return _decode_items(value, tensors, path, depth)
    if tag == "tuple" and isinstance(value, list):
        return tuple(_decode(item, tensors, _join(path, i), depth + 1) for i, item in enumerate(value))
    if tag == "float" and value in ("nan", "inf", "-inf"):
        return float(value)
    if tag == "int" and isinstance(value, str):
        return _decode_int(value, path)
    raise CheckpointError(f"{path}: a value of the unknown or misused kind {str(tag)[:40]!r}.")


def _decode_items(pairs: list[Any], tensors: Mapping[str, torch.Tensor], path: str, depth: int) -> Any:
    result: dict[Any, Any] = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise CheckpointError(f"{path}: a dict entry that is not a pair.")
        key = _decode(pair[0], tensors, path, depth + 1)
        if type(key) not in (str, int) or key in result:
            raise CheckpointError(f"{path}: a key that is doubled, or neither string nor integer.")
        result[key] = _decode(pair[1], tensors, _join(path, key), depth + 1)
    return result


def _decode_stored(tag: str, name: Any, tensors: Mapping[str, torch.Tensor], path: str) -> Any:
    if not isinstance(name, str) or name not in tensors:
        raise CheckpointError(f"{path}: its tensor {str(name)[:80]!r} is not in the file.")
    tensor = tensors[name]
    if tag == "tensor":
        return tensor
    if tag in ("text", "bytes"):
        if tensor.dtype != torch.uint8 or tensor.ndim != 1:
            raise CheckpointError(f"{path}: a {tag} that is stored as {tensor.dtype}{list(tensor.shape)}.")
        data = tensor.numpy().tobytes()
        return data if tag == "bytes" else _to_text(data, path)
    if tensor.dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
        raise CheckpointError(f"{path}: numpy has no dtype for {tensor.dtype}.")
    array = tensor.numpy()
    if tag == "array":
        return array
    if array.ndim:
        raise CheckpointError(f"{path}: a number that is stored with the shape {list(array.shape)}.")
    return array[()]


def _decode_int(text: str, path: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise CheckpointError(f"{path}: {text[:40]!r} is not an integer.") from None


def _join(path: str, part: object) -> str:
    return f"{path}/{part}" if path else str(part)


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _to_text(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise CheckpointError(f"{path}: its text is not UTF-8.") from None


class _Anything:
    def __repr__(self) -> str:
        return "ANYTHING"


ANYTHING: Final = _Anything()
"""In a template: whatever stands here is accepted."""


def check_matches(tree: Any, template: Any, path: str = "state") -> None:
    """Checks that a loaded tree has the form of a template: keys, lengths, kinds, shapes and dtypes.

    Values of numbers and strings are not compared. ``ANYTHING`` in the template accepts any subtree.

    Raises:
        CheckpointError: the first difference found, with its path.
    """
    if template is ANYTHING:
        return
    if isinstance(template, Mapping):
        _check_keys(tree, template, path)
        for key, part in template.items():
            check_matches(tree[key], part, _join(path, key))
        return
    given, wanted = _describe(tree), _describe(template)
    if given != wanted:
        raise CheckpointError(
            f"{path} is {given} in the checkpoint, but {wanted} in this run. The checkpoint belongs to "
            "another model or configuration; use the one that it was made with."
        )
    if isinstance(template, list | tuple):
        for i, part in enumerate(template):
            check_matches(tree[i], part, _join(path, i))


def _check_keys(tree: Any, template: Mapping[Any, Any], path: str) -> None:
    if not isinstance(tree, Mapping):
        raise CheckpointError(f"{path} is {_describe(tree)} in the checkpoint, but a dict in this run.")
    missing = [key for key in template if key not in tree]
    unknown = [key for key in tree if key not in template]
    if missing or unknown:
        raise CheckpointError(
            f"{path} has other names in the checkpoint than in this run: missing {missing[:5]}, unknown "
            f"{unknown[:5]} ({len(missing)} and {len(unknown)} in all). It belongs to another model."
        )


def _describe(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor {str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, np.ndarray | np.generic):
        return f"a numpy {type(value).__name__} {value.dtype}{list(value.shape)}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of length {len(value)}"
    return "a dict" if isinstance(value, Mapping) else f"a {type(value).__name__}"
