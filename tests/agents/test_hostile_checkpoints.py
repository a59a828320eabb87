"""Hostile checkpoints: refused with a typed error, in bounded time and memory, and nothing else happens."""

import hashlib
import json
import os
import pickle
import resource
import struct
import time

import pytest
import torch

from lmgym_agents.errors import CheckpointError
from lmgym_agents.runs import checkpoint
from lmgym_agents.runs.tensor_file import check_header

TENSORS, STATE, MANIFEST = "tensors.safetensors", "state.json", "manifest.json"
HEADER = {"state/w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
STRUCTURE = {"dict": {"state": {"dict": {"w": {"tensor": "state/w"}}}, "config": None}}


def tensor_bytes(header=HEADER, data=b"\0" * 8, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def state_bytes(structure=STRUCTURE):
    return structure if isinstance(structure, bytes) else json.dumps(structure).encode()


def manifest_bytes(tensors, state, **changes):
    files = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in ((TENSORS, tensors), (STATE, state))
    }
    return json.dumps({"format": "lmgym-checkpoint-1", "step": 7, "files": files} | changes).encode()


def put(folder, tensors=None, state=None, manifest=None):
    """Writes a checkpoint with a manifest that fits, as an attacker would."""
    tensors = tensor_bytes() if tensors is None else tensors
    state = state_bytes() if state is None else state
    path = folder / "step-00000007"
    path.mkdir(parents=True)
    (path / TENSORS).write_bytes(tensors)
    (path / STATE).write_bytes(state)
    (path / MANIFEST).write_bytes(manifest_bytes(tensors, state) if manifest is None else manifest)
    return path


def of_state(node):
    return {"dict": {"state": node, "config": None}}


def with_header(**changes):
    return tensor_bytes({"state/w": HEADER["state/w"] | changes})


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil-was-here",)


DEEP = 10**5
TENSOR_CASES = {
    "empty file": b"",
    "cut in the length": b"\x10\0\0",
    "cut in the header": tensor_bytes()[:30],
    "cut in the data": tensor_bytes()[:-1],
    "bytes after the data": tensor_bytes(data=b"\0" * 9),
    "header of 2^64-1 bytes": tensor_bytes(length=2**64 - 1),
    "header larger than the file": tensor_bytes(length=2**30),
    "header of 100 MB": struct.pack("<Q", 10**8) + b" " * 10**8,
    "header of many small values": tensor_bytes(b"[" + b"[]," * 2_000_000 + b"[]]"),
    "header nested 10^5 deep": tensor_bytes(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "header is a list": tensor_bytes([1, 2]),
    "header is not UTF-8": tensor_bytes(b"\xff\xfe{}"),
    "header with NaN": tensor_bytes(b'{"w": NaN}'),
    "name twice": tensor_bytes(b'{"state/w":' + json.dumps(HEADER["state/w"]).encode() + b',"state/w":{}}'),
    "overlapping offsets": tensor_bytes({"state/w": HEADER["state/w"], "state/v": HEADER["state/w"]}),
    "gap between tensors": with_header(data_offsets=[8, 16]),
    "offsets backwards": with_header(data_offsets=[8, 0]),
    "negative offsets": with_header(data_offsets=[-8, 0]),
    "offsets of 2^63": with_header(data_offsets=[2**63, 2**63 + 8]),
    "three offsets": with_header(data_offsets=[0, 8, 8]),
    "offsets are floats": with_header(data_offsets=[0.0, 8.0]),
    "offsets are booleans": with_header(data_offsets=[False, True], dtype="U8", shape=[1]),
    "shape that overflows": with_header(shape=[2**32, 2**32]),
    "shape too large": with_header(shape=[3]),
    "negative shape": with_header(shape=[-1, -2]),
    "shape of 100 dimensions": with_header(shape=[1] * 99 + [2]),
    "shape is a string": with_header(shape="2"),
    "unknown dtype": with_header(dtype="PICKLE"),
    "dtype is a list": with_header(dtype=["F32"]),
    "entry without shape": tensor_bytes({"state/w": {"dtype": "F32", "data_offsets": [0, 8]}}),
    "entry with more": with_header(extra=1),
    "entry is a number": tensor_bytes({"state/w": 5}),
    "a tensor that nothing names": tensor_bytes(
        HEADER | {"more": {"dtype": "U8", "shape": [1], "data_offsets": [8, 9]}}, b"\0" * 9
    ),
    "no tensors": tensor_bytes({}, b""),
    "a pickle": pickle.dumps(Evil()),
    "a pickle behind a length": struct.pack("<Q", 2) + b"{}" + pickle.dumps(Evil()),
    "a zip archive": b"PK\x03\x04" + b"\0" * 100,
}
STATE_CASES = {
    "empty file": b"",
    "not JSON": b"import os",
    "a pickle": pickle.dumps(Evil()),
    "NaN": b'{"dict": {"state": NaN, "config": null}}',
    "Infinity": b'{"dict": {"state": -Infinity, "config": null}}',
    "10^5 lists": b"[" * DEEP + b"]" * DEEP,
    "10^5 objects": b'{"dict":{"a":' * DEEP + b"1" + b"}}" * DEEP,
    "100 levels": of_state(json.loads("[" * 100 + "]" * 100)),
    "ten million values": b"[" + b"[]," * 10**7 + b"[]]",
    "64 MiB of text": b'"' + b"x" * 2**26 + b'"',
    "key twice": b'{"dict": {"state": 1, ' + json.dumps(STRUCTURE["dict"]).encode()[1:] + b"}",
    "integer of 10^6 digits": b'{"dict": {"state": ' + b"9" * 10**6 + b', "config": null}}',
    "not UTF-8": b'{"dict": {"state": "\xff", "config": null}}',
    "no state": {"dict": {"config": None}},
    "more than state and config": {"dict": {"state": 1, "config": None, "run": "rm -rf"}},
    "a bare number": b"5",
    "unknown kind": of_state({"pickle": "gASV"}),
    "two kinds": of_state({"tensor": "state/w", "array": "state/w"}),
    "no kind": of_state({}),
    "tensor that is missing": of_state({"tensor": "state/v"}),
    "tensor by number": of_state({"tensor": 0}),
    "tensor by path": of_state({"tensor": "../../etc/passwd"}),
    "text that is floats": of_state({"text": "state/w"}),
    "bytes that are floats": of_state({"bytes": "state/w"}),
    "scalar of two": of_state({"scalar": "state/w"}),
    "float of another text": of_state([{"tensor": "state/w"}, {"float": "1e5"}]),
    "float that is a list": of_state([{"tensor": "state/w"}, {"float": []}]),
    "int that is none": of_state([{"tensor": "state/w"}, {"int": "0xzz"}]),
    "pairs that are none": of_state([{"tensor": "state/w"}, {"items": [[1, 2, 3]]}]),
    "a key that is a list": of_state([{"tensor": "state/w"}, {"items": [[[1], 2]]}]),
    "a key twice in pairs": of_state([{"tensor": "state/w"}, {"items": [[1, 2], [1, 3]]}]),
}
GOOD = (tensor_bytes(), state_bytes())
GOOD_FILES = json.loads(manifest_bytes(*GOOD))["files"]
MANIFEST_CASES = {
    "empty file": b"",
    "not JSON": b"{",
    "a list": b"[]",
    "nested 10^5 deep": b"[" * DEEP,
    "ten megabytes": b" " * 10**7 + manifest_bytes(*GOOD),
    "NaN as step": manifest_bytes(*GOOD).replace(b"7", b"NaN", 1),
    "another step": manifest_bytes(*GOOD, step=8),
    "step as text": manifest_bytes(*GOOD, step="7"),
    "another format": manifest_bytes(*GOOD, format="torch"),
    "no files": manifest_bytes(*GOOD, files={}),
    "files are a list": manifest_bytes(*GOOD, files=[TENSORS, STATE]),
    "a file above": manifest_bytes(*GOOD, files=GOOD_FILES | {"../../secret": GOOD_FILES[STATE]}),
    "an absolute file": manifest_bytes(*GOOD, files={"/etc/passwd": GOOD_FILES[STATE]}),
    "a pickle listed": manifest_bytes(*GOOD, files=GOOD_FILES | {"state.pkl": GOOD_FILES[STATE]}),
    "one file only": manifest_bytes(*GOOD, files={STATE: GOOD_FILES[STATE]}),
    "sizes that lie": manifest_bytes(
        *GOOD, files=GOOD_FILES | {STATE: GOOD_FILES[STATE] | {"bytes": 10**15}}
    ),
    "a size that is negative": manifest_bytes(
        *GOOD, files=GOOD_FILES | {STATE: GOOD_FILES[STATE] | {"bytes": -1}}
    ),
    "a hash that lies": manifest_bytes(
        *GOOD, files=GOOD_FILES | {STATE: GOOD_FILES[STATE] | {"sha256": "0"}}
    ),
    "a hash that is a list": manifest_bytes(
        *GOOD, files=GOOD_FILES | {STATE: GOOD_FILES[STATE] | {"sha256": []}}
    ),
    "an entry that is a number": manifest_bytes(*GOOD, files=GOOD_FILES | {STATE: 5}),
}


def link_file(name):
    def make(path):
        outside = path.parent.parent / "outside"
        (path / name).rename(outside)
        (path / name).symlink_to(outside)

    return make


def link_folder(path):
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def replace_by_pipe(name):
    def make(path):
        (path / name).unlink()
        os.mkfifo(path / name)

    return make


def replace_by_folder(path):
    (path / STATE).unlink()
    (path / STATE).mkdir()


def make_sparse(path):
    os.truncate(path / TENSORS, 2**40)
    sizes = {TENSORS: GOOD_FILES[TENSORS] | {"bytes": 2**40}}
    (path / MANIFEST).write_bytes(manifest_bytes(*GOOD, files=GOOD_FILES | sizes))


def loop_link(path):
    (path / MANIFEST).unlink()
    (path / MANIFEST).symlink_to(path / MANIFEST)


PLACE_CASES = {
    "tensors are a link": link_file(TENSORS),
    "state is a link": link_file(STATE),
    "manifest is a link": link_file(MANIFEST),
    "manifest links to itself": loop_link,
    "the folder is a link": link_folder,
    "tensors are a pipe": replace_by_pipe(TENSORS),
    "manifest is a pipe": replace_by_pipe(MANIFEST),
    "state is a folder": replace_by_folder,
    "a sparse terabyte": make_sparse,
}


def list_all(folder):
    return sorted((str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in folder.rglob("*"))


def check_refused(tmp_path):
    """Refused by a typed error that names the checkpoint; within bounds; everything on disk as before."""
    before, here = list_all(tmp_path), sorted(os.listdir())
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin_s = time.process_time()
    with pytest.raises(CheckpointError, match=r"(?s)damaged.*step-00000007.*backup") as caught:
        checkpoint.load(tmp_path / "checkpoints")
    # Of the processor's time, so that a busy machine cannot fail it: a law on work, not on speed.
    assert time.process_time() - begin_s < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib < 256 * 1024
    assert len(str(caught.value)) < 2000
    assert list_all(tmp_path) == before and sorted(os.listdir()) == here


def test_the_unchanged_checkpoint_is_read(tmp_path):
    put(tmp_path)
    assert torch.equal(checkpoint.load(tmp_path).state["w"], torch.zeros(2))


@pytest.mark.parametrize("name", TENSOR_CASES)
def test_hostile_tensors_are_refused(name, tmp_path):
    put(tmp_path / "checkpoints", tensors=TENSOR_CASES[name])
    check_refused(tmp_path)


@pytest.mark.parametrize("name", sorted(set(TENSOR_CASES) - {"a tensor that nothing names", "no tensors"}))
def test_hostile_headers_are_refused_before_the_library_sees_them(name, tmp_path):
    (tmp_path / TENSORS).write_bytes(TENSOR_CASES[name])
    match = "claims" if name in ("header of 100 MB", "header larger than the file") else None
    with pytest.raises(CheckpointError, match=match):
        check_header(tmp_path / TENSORS)


@pytest.mark.parametrize("name", STATE_CASES)
def test_hostile_state_is_refused(name, tmp_path):
    put(tmp_path / "checkpoints", state=state_bytes(STATE_CASES[name]))
    check_refused(tmp_path)


@pytest.mark.parametrize("name", MANIFEST_CASES)
def test_hostile_manifest_is_refused(name, tmp_path):
    put(tmp_path / "checkpoints", manifest=MANIFEST_CASES[name])
    check_refused(tmp_path)


@pytest.mark.parametrize("name", PLACE_CASES)
def test_what_is_no_plain_file_is_refused(name, tmp_path):
    PLACE_CASES[name](put(tmp_path / "checkpoints"))
    check_refused(tmp_path)


def test_files_that_no_manifest_names_are_never_opened(tmp_path):
    path = put(tmp_path)
    os.mkfifo(path / "optimizer.pt")  # whoever opened it would hang
    (path / "state.pkl").write_bytes(pickle.dumps(Evil()))
    assert checkpoint.load(tmp_path).step == 7


def test_names_that_are_no_checkpoints_are_left_alone(tmp_path):
    for name in (
        "step-",
        "step-1",
        "step-0000000a",
        "step-00000001.bak",
        "step-00000001\n",
        "xstep-00000001",
    ):
        (tmp_path / name).mkdir()
    assert checkpoint.list_steps(tmp_path) == []
    checkpoint.save(tmp_path, step=9, state={}, keep=2)
    assert len(os.listdir(tmp_path)) == 7


def test_saving_beside_links_follows_none(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in (".saving-00000001", ".removing-step-00000001", "step-00000001", "step-00000001.old"):
        (folder / name).symlink_to(outside)
    (folder / "step-00000002").symlink_to(tmp_path / "nowhere")
    for step in (1, 2, 3, 4):
        checkpoint.save(folder, step=step, state={}, keep=2)
    assert (outside / "precious").read_text() == "x"
    assert checkpoint.list_steps(folder) == [3, 4]
