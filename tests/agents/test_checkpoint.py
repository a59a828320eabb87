"""Checkpoints: bit-exact round trips, refusals, and survival of every failure of the disk."""

import errno
import math
import os
import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from lmgym_agents.errors import CheckpointError, CheckpointWarning
from lmgym_agents.runs import checkpoint
from lmgym_agents.runs.random_state import rng_state, set_rng_state
from lmgym_agents.runs.state_tree import ANYTHING, pack, unpack
from lmgym_agents.runs.strict_json import from_json, to_json
from tests.agents.faulty_files import Crash, FaultyFiles, PowerLossFiles


def small_state(step):
    return {"step": step, "weight": torch.full((3,), float(step)), "text": f"state {step}"}


def through_disk(tree, folder):
    checkpoint.save(folder, step=1, state=tree)
    return checkpoint.load(folder).state


EXACT = [
    0.1, -0.0, 5e-324, 1.7976931348623157e308, math.pi, math.inf, -math.inf,
    0, -1, 2**53 + 1, 2**63, -(2**63) - 1, 2**128 - 1, -(2**5000), True, False, None,
    "", "é\n\x00", "\ud800 lone", "x" * 5000, "\udfff" * 2000, b"", b"\x00\xff", [], {}, (), [[], [()]],
    (1, [2.0, (None,)]), {"a/b": 1, "a": {"b": 2}}, {0: "int key", 1: {"s": 1}}, {1: "a", "1": "b"},
    {"dict": {"tensor": "t"}}, {"tensor": "not one"}, ["float", {"float": "nan"}], {"": ""},
]  # fmt: skip


@pytest.mark.parametrize("value", EXACT, ids=lambda value: repr(value)[:20])
def test_plain_values_come_back_the_same(value):
    tensors, structure = pack({"v": value})
    back = unpack(from_json(to_json(structure, "x"), "x"), tensors)["v"]
    assert back == value and type(back) is type(value) and repr(back) == repr(value)


DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32,
    torch.uint64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64,
    torch.float8_e4m3fn, torch.float8_e5m2,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3, 5)], ids=str)
def test_tensors_come_back_bit_for_bit(dtype, shape, tmp_path):
    count = math.prod(shape) * dtype.itemsize
    bits = np.random.default_rng(0).integers(0, 2 if dtype == torch.bool else 256, count, dtype=np.uint8)
    tensor = torch.from_numpy(bits).view(dtype).reshape(shape) if count else torch.zeros(shape, dtype=dtype)
    back = through_disk({"t": tensor}, tmp_path)["t"]
    assert back.dtype == dtype and back.shape == tensor.shape
    assert not count or back.reshape(-1).view(torch.uint8).numpy().tobytes() == bits.tobytes()


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "c8", ">i4", ">f8"])
def test_arrays_and_numpy_scalars_come_back(dtype, tmp_path):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    back = through_disk({"a": array, "t": array.T, "s": array[1, 1], "r": array[::2, ::-1]}, tmp_path)
    assert isinstance(back["a"], np.ndarray) and isinstance(back["s"], np.generic)
    assert back["a"].dtype == array.dtype.newbyteorder("=")
    for got, wanted in ((back["a"], array), (back["t"], array.T), (back["r"], array[::2, ::-1])):
        np.testing.assert_array_equal(got, wanted)
    assert back["s"] == array[1, 1]


def test_nan_bits_and_signed_zeros_stay(tmp_path):
    bits = torch.tensor([0x7FC00001, 0x7F800001, -(2**31)], dtype=torch.int32)
    back = through_disk({"t": bits.view(torch.float32), "n": math.nan}, tmp_path)
    assert torch.equal(back["t"].view(torch.int32), bits) and math.isnan(back["n"])


def test_shared_memory_is_stored_once_or_copied_but_never_mixed_up(tmp_path):
    whole = torch.arange(6.0).reshape(2, 3)
    tree = {"a": whole, "tied": whole, "row": whole[1], "turned": whole.T, "flat": whole.view(-1)}
    tensors, _ = pack(tree)
    assert len(tensors) == 4
    back = through_disk(tree, tmp_path)
    assert back["tied"] is back["a"]
    for name, tensor in tree.items():
        assert torch.equal(back[name], tensor), name


def test_a_real_optimizer_and_the_random_generators_go_on_bit_for_bit(tmp_path):
    def make():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
        return model, torch.optim.AdamW(model.parameters(), lr=0.1)

    def train(model, optimizer, steps):
        for _ in range(steps):
            loss = model(torch.randn(2, 3)).square().sum() * random.random()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    torch.manual_seed(5)
    random.seed(5)
    model, optimizer = make()
    train(model, optimizer, 3)
    generator = np.random.default_rng(7)
    generator.normal(size=3)
    checkpoint.save(
        tmp_path,
        step=3,
        state={
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "rng": rng_state(),
            "generator": generator.bit_generator.state,
        },
    )
    train(model, optimizer, 3)
    expected = [parameter.detach().clone() for parameter in model.parameters()]

    resumed, resumed_optimizer = make()
    state = checkpoint.load(tmp_path).state
    resumed.load_state_dict(state["model"])
    resumed_optimizer.load_state_dict(state["optimizer"])
    set_rng_state(state["rng"])
    train(resumed, resumed_optimizer, 3)
    assert all(torch.equal(a, b) for a, b in zip(expected, resumed.parameters(), strict=True))
    other = np.random.default_rng(0)
    other.bit_generator.state = state["generator"]
    assert other.random() == generator.random()


def test_a_damaged_random_state_is_refused():
    with pytest.raises(CheckpointError, match="random state"):
        set_rng_state({**rng_state(), "torch": torch.zeros(3, dtype=torch.uint8)})


BAD_STATES = [
    ({"a": {"b": object()}}, "a/b is a object"),
    ({"a": [1, {2, 3}]}, "a/1 is a set"),
    ({"f": print}, "f is a builtin"),
    ({"k": {1.5: 0}}, "k has the key 1.5"),
    ({"o": np.array([None])}, "o is a numpy array of dtype object"),
    ({"u": np.array(["text"])}, "u is a numpy array of dtype <U4"),
    ({"l": np.zeros(2, dtype=np.longdouble)}, "l is a numpy array"),
    ({"s": torch.zeros(2, 2).to_sparse()}, "s is a tensor"),
    ({"m": torch.zeros(2, device="meta")}, "m is a tensor"),
    ({"c": torch.zeros(2, dtype=torch.complex128)}, "c is a tensor"),
]


@pytest.mark.parametrize(("state", "message"), BAD_STATES, ids=[message for _, message in BAD_STATES])
def test_what_cannot_be_stored_is_named_by_its_path_and_nothing_is_written(state, message, tmp_path):
    with pytest.raises(CheckpointError, match=f"state/{message}"):
        checkpoint.save(tmp_path, step=1, state=state)
    assert list(tmp_path.iterdir()) == []


def test_a_state_nested_too_deep_is_refused(tmp_path):
    state = []
    for _ in range(200):
        state = [state]
    with pytest.raises(CheckpointError, match="nested deeper"):
        checkpoint.save(tmp_path, step=1, state=state)


@pytest.mark.parametrize("options", [{"step": -1}, {"step": 1.0}, {"step": True}, {"keep": 1}, {"keep": 0}])
def test_bad_arguments(options, tmp_path):
    with pytest.raises(CheckpointError, match=next(iter(options))):
        checkpoint.save(tmp_path, **{"step": 1, "state": {}} | options)


TEMPLATES = [
    ({"weight": torch.zeros(4)}, r"state/weight is a tensor float32\[3\].*but a tensor float32\[4\]"),
    ({"weight": torch.zeros(3, dtype=torch.float64)}, r"state/weight .*float64"),
    ({"weight": np.zeros(3)}, "state/weight .*numpy"),
    ({"text": 5}, "state/text is a str"),
    ({"step": True}, "state/step is a int"),
    ({"more": 1}, r"missing \['more'\]"),
    ({"step": {"a": 1}}, "state/step is a int in the checkpoint, but a dict"),
]


@pytest.mark.parametrize(("change", "message"), TEMPLATES, ids=[message for _, message in TEMPLATES])
def test_a_checkpoint_of_another_form_is_refused_with_the_path(change, message, tmp_path):
    checkpoint.save(tmp_path, step=1, state=small_state(1))
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(tmp_path, template=small_state(1) | change)
    with pytest.raises(CheckpointError, match=r"unknown \['step'"):
        checkpoint.load(tmp_path, template={"weight": torch.zeros(3), "text": ""})
    checkpoint.load(tmp_path, template={"weight": ANYTHING, "text": "", "step": 0})


def test_the_newest_are_kept_and_listed(tmp_path):
    for step in range(7):
        path = checkpoint.save(tmp_path, step=step, state=small_state(step), keep=3)
        assert path.name == f"step-{step:08d}"
    assert checkpoint.list_steps(tmp_path) == [4, 5, 6]
    assert sorted(os.listdir(tmp_path)) == ["step-00000004", "step-00000005", "step-00000006"]
    assert checkpoint.load(tmp_path, step=5).state["text"] == "state 5"
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 2.*\[4, 5, 6\]"):
        checkpoint.load(tmp_path, step=2)


def test_a_folder_without_checkpoints(tmp_path):
    assert checkpoint.list_steps(tmp_path / "none") == []
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        checkpoint.load(tmp_path / "none")


def test_saving_a_step_again_replaces_it(tmp_path):
    checkpoint.save(tmp_path, step=3, state={"v": 1})
    checkpoint.save(tmp_path, step=3, state={"v": 2})
    assert checkpoint.load(tmp_path).state == {"v": 2}
    assert os.listdir(tmp_path) == ["step-00000003"]


def test_the_replacement_counts_even_if_the_replaced_could_not_be_removed(tmp_path):
    class NothingIsRemoved(FaultyFiles):
        def remove(self, path):
            raise OSError(errno.EIO, "no")

    checkpoint.save(tmp_path, step=3, state={"v": 1})
    with pytest.warns(CheckpointWarning, match="could not be removed"):
        checkpoint.save(tmp_path, step=3, state={"v": 2}, files=NothingIsRemoved())
    (tmp_path / ".removing-step-00000003.old").rename(tmp_path / "step-00000003.old")
    assert checkpoint.load(tmp_path).state == {"v": 2}


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink, lambda path: os.truncate(path, 5)])
def test_a_damaged_newest_is_named_and_the_one_before_is_used(name, damage, tmp_path):
    for step in (1, 2):
        checkpoint.save(tmp_path, step=step, state=small_state(step))
    damage(tmp_path / "step-00000002" / name)
    with pytest.warns(CheckpointWarning, match="step-00000002"):
        loaded = checkpoint.load(tmp_path)
    assert loaded.step == 1 and loaded.state["text"] == "state 1"
    assert len(loaded.skipped) == 1 and "step-00000002" in loaded.skipped[0]


def test_every_single_flipped_byte_is_noticed(tmp_path):
    path = checkpoint.save(tmp_path, step=1, state={"w": torch.ones(2), "n": 1})
    for name in ("tensors.safetensors", "state.json", "manifest.json"):
        good = (path / name).read_bytes()
        for position in range(len(good)):
            bad = bytearray(good)
            bad[position] ^= 0x10
            (path / name).write_bytes(bad)
            with pytest.raises(CheckpointError, match="damaged"):
                checkpoint.load(tmp_path)
        (path / name).write_bytes(good)
    assert checkpoint.load(tmp_path).state["n"] == 1


def test_all_damaged_says_what_was_found_and_what_to_do(tmp_path):
    for step in (1, 2):
        path = checkpoint.save(tmp_path, step=step, state=small_state(step))
        (path / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"(?s)step-00000002.*step-00000001.*backup"):
        checkpoint.load(tmp_path)


def test_a_damaged_checkpoint_does_not_push_a_good_one_out(tmp_path):
    for step in (1, 2, 3):
        path = checkpoint.save(tmp_path, step=step, state=small_state(step), keep=2)
        if step == 2:
            (path / "manifest.json").unlink()
    assert 1 in checkpoint.list_steps(tmp_path)


def test_a_damaged_later_step_is_replaced_when_the_run_comes_to_it(tmp_path):
    for step in (4, 5):
        path = checkpoint.save(tmp_path, step=step, state=small_state(step))
    flip_a_byte(path / "state.json")
    checkpoint.save(tmp_path, step=5, state={"again": True})
    assert checkpoint.load(tmp_path).state == {"again": True}


def history(files, folder, reported):
    """Saves steps 1 to 4, step 3 twice; notes what ``save`` has reported."""
    for step, version in ((1, 0), (2, 0), (3, 0), (3, 1), (4, 0)):
        state = {"id": [step, version], "weight": torch.ones(2)}
        checkpoint.save(folder, step=step, state=state, keep=2, files=files)
        reported.append([step, version])


def count_operations(tmp_path):
    files = FaultyFiles()
    history(files, tmp_path / "count", [])
    return files.count


ATTEMPTED = [[1, 0], [2, 0], [3, 0], [3, 1], [4, 0]]


def check_recovery(folder, reported):
    """The last reported checkpoint or the one then in the making; and the run can go on saving."""
    if not reported and not checkpoint.list_steps(folder):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CheckpointWarning)
        for step in checkpoint.list_steps(folder):
            checkpoint.load(folder, step=step)  # none is half-written or half-removed
        found = checkpoint.load(folder).state["id"]
        assert found in ATTEMPTED[max(len(reported) - 1, 0) : len(reported) + 1], (found, reported)
        checkpoint.save(folder, step=9, state={"id": [9, 0]}, keep=2)
        assert checkpoint.load(folder).state["id"] == [9, 0]
    assert not [name for name in os.listdir(folder) if name.startswith(".")]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_any_single_failing_operation_loses_nothing_reported(code, tmp_path):
    total = count_operations(tmp_path)
    assert total > 50
    for number in range(total):
        files, folder, reported = FaultyFiles(number, "error", code), tmp_path / str(number), []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CheckpointWarning)  # an old one that could not be removed
            try:
                history(files, folder, reported)
            except CheckpointError as error:
                assert os.strerror(code) in str(error)
        assert files.reached
        check_recovery(folder, reported)


def test_a_crash_in_any_operation_loses_nothing_reported(tmp_path):
    for number in range(count_operations(tmp_path)):
        folder, reported = tmp_path / str(number), []
        with pytest.raises(Crash):
            history(FaultyFiles(number, "crash"), folder, reported)
        check_recovery(folder, reported)


@pytest.mark.parametrize("undo_names", [False, True])
def test_a_loss_of_power_at_any_operation_loses_nothing_reported(undo_names, tmp_path):
    counting = PowerLossFiles()
    history(counting, tmp_path / "count", [])
    for number in range(counting.count + 1):
        files, folder, reported = PowerLossFiles(number), tmp_path / str(number), []
        try:
            history(files, folder, reported)
        except Crash:
            pass
        files.lose_power(undo_names)
        check_recovery(folder, reported)


SAVE_IN_A_LOOP = """
import os, sys, torch
from pathlib import Path
from lmgym_agents.runs import checkpoint
torch.set_num_threads(1)
folder = Path(sys.argv[1])
for _ in sys.stdin:  # one new process for each line; forked, because importing torch takes a second
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        print("ended", flush=True)
        continue
    step = checkpoint.load(folder).step if checkpoint.list_steps(folder) else 0
    print("pid", os.getpid(), flush=True)
    weight = torch.zeros(20_000)
    while True:
        step += 1
        checkpoint.save(folder, step=step, state={"step": step, "weight": weight + step}, keep=2)
        print(step, flush=True)
"""


def kill_at_random_instants(folder, kills, seed):
    """Kills a process that saves in a loop; returns the last step that it reported."""
    rng = random.Random(seed)
    command = [sys.executable, "-W", "error", "-c", SAVE_IN_A_LOOP, str(folder)]
    reported = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        for _ in range(kills):
            server.stdin.write("go\n")
            server.stdin.flush()
            word, _, pid = server.stdout.readline().partition(" ")
            assert word == "pid", "the process could not restart by itself"
            # The instant: after so many reports, and then somewhere inside the next save (no clock needed).
            for _ in range(rng.randint(0, 3)):
                reported = int(server.stdout.readline())
            for _ in range(rng.randrange(60_000)):
                pass
            os.kill(int(pid), signal.SIGKILL)
            while (line := server.stdout.readline()) != "ended\n":
                reported = int(line)
            if reported or checkpoint.list_steps(folder):
                loaded = checkpoint.load(folder)
                assert reported <= loaded.step <= reported + 1
                assert torch.equal(loaded.state["weight"], torch.zeros(20_000) + loaded.step)
                reported = loaded.step
        server.stdin.close()
    return reported


def test_kill_9_at_20_instants_loses_nothing_reported(tmp_path):
    assert kill_at_random_instants(tmp_path, kills=20, seed=0) >= 20


@pytest.mark.slow
def test_kill_9_at_200_instants_loses_nothing_reported(tmp_path):
    assert kill_at_random_instants(tmp_path, kills=200, seed=1) >= 200
