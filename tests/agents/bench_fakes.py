"""Work for the processes of a benchmark, without torch: agents that do well, badly, or very badly.

An agent's name says what it does: ``fakes:good``, ``fakes:raises`` ... see ``ACTS``.
"""

import ctypes
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lmgym.bench.result_record import CurvePoint, Failure, Result, Score
from lmgym.bench.results import to_json_line

NUM_STEPS = 20


def replace(path, text):
    part = path.with_suffix(".part")
    part.write_text(text)
    os.replace(part, path)


def work(order, folder, report):
    """Does what ``lmgym_agents.bench.work`` does, with fakes."""
    note(folder, "starts.txt", "start")
    if order["kind"] == "warm":
        if order["entry"] == "cold" and order["seed"] == 1:
            replace(folder / "failure.json", json.dumps({"kind": "raised", "message": "no", "where": "here"}))
            return
        (folder / "model").mkdir(exist_ok=True)
        (folder / "model" / "weights").write_text(f"{order['entry']} {order['seed']}")
        (folder / "done").touch()
        return
    act = ACTS[order["agent"].split("?")[0].removeprefix("fakes:")]
    failure = act(order, folder, report)
    replace(folder / "result.json", to_json_line(make_result(order, folder, failure)) + "\n")


def note(folder, name, line):
    with open(folder / name, "a") as file:
        file.write(line + "\n")


def make_result(order, folder, failure=None):
    """Returns a result whose numbers depend on the job, its warm start and all of its steps."""
    warm = Path(order["warm"], "weights").read_text()
    state = read_state(folder)
    words = f"{order['entry']} {order['agent']} {order['seed']} {warm} {state['sum']}"
    digest = hashlib.sha256(words.encode()).hexdigest()
    mean = int(digest[:6], 16) / 0xFFFFFF
    score = Score(mean=mean, low=mean, high=mean, num_problems=8, num_failed=0)
    is_ok = failure is None
    splits = {"sums": ("test", "ood_digits"), "cold": ("test",)}[order["entry"]]
    return Result(
        suite=order["suite_id"], suite_hash=order["suite_hash"], entry=order["entry"], env="lmgym/Math-v0",
        options={}, agent=order["agent"], config={}, seed=order["seed"], status="ok" if is_ok else "failed",
        failure=failure, scores=dict.fromkeys(splits, score) if is_ok else {}, start_scores={},
        curve=tuple(
            CurvePoint(num_tokens=k, num_gradient_steps=k, flops=None, score=s)
            for k, s in enumerate(state["curve"])
        ),
        num_tokens=state["step"], num_read_tokens=0, num_gradient_steps=state["step"], flops=None,
        weights_hash=digest, versions={}, commit=None, command="fake", machine="fake",
        date="2026-01-01T00:00:00+00:00", timing={"wall_s": time.monotonic() % 7},
    )  # fmt: skip


def read_state(folder):
    path = folder / "state.json"
    return json.loads(path.read_text()) if path.exists() else {"step": 0, "sum": 0, "curve": []}


def good(order, folder, report):
    """Takes steps, each kept, and goes on after the last one."""
    state = read_state(folder)
    while state["step"] < NUM_STEPS:
        state["step"] += 1
        state["sum"] = (state["sum"] * 31 + state["step"] * (order["seed"] + 7)) % 1000003
        state["curve"].append(state["sum"] / 1000003)
        pause = float(os.environ.get("FAKE_STEP_S", "0"))
        time.sleep(pause)
        note(folder, "steps.txt", str(state["step"]))
        replace(folder / "state.json", json.dumps(state))
        report("train", state["step"] / NUM_STEPS)


def raises(order, folder, report):
    raise ValueError("a bug")


def fails(order, folder, report):
    return Failure(kind="raised", message="ValueError: \x1b[31m<b>bug</b>", where="mine.py:3 in act")


def hang_forever(order, folder, report):
    report("train", 0.5)
    print("about to hang")
    while True:
        time.sleep(60)


def hang_in_c(order, folder, report):
    """Holds the interpreter, so that no Python code of this process runs any more; has a child, too."""
    note(folder, "pid.txt", f"{os.getpid()} {start_child()}")
    ctypes.PyDLL(None).sleep(600)


def start_child():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid


def exits(order, folder, report):
    os._exit(3)


def segfaults(order, folder, report):
    ctypes.string_at(0)


def eats(order, folder, report):
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1024)) * 4096)
        time.sleep(0.002)


def talks(order, folder, report):
    for number in range(20000):
        print(f"{number} " + "x" * 100)
    print("the end", file=sys.stderr)


def has_children(order, folder, report):
    """Starts a process that would outlive it, and hangs."""
    note(folder, "pid.txt", f"{os.getpid()} {start_child()}")
    hang_forever(order, folder, report)


def leaves_a_child(order, folder, report):
    note(folder, "pid.txt", str(start_child()))


def tells_nonsense(order, folder, report):
    """Writes into every pipe that it finds."""
    lines = (b"\x00\xff" * 500, b"[1e999, 5]", b'["x", null]', b"[" * 3000, b'["x", 7]')
    for handle in range(3, 20):
        for line in lines:
            try:
                os.write(handle, line + b"\n")
            except OSError:
                break
    os.closerange(3, 20)


def kills_the_server(order, folder, report):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


def environment(order, folder, report):
    names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PYTHONHASHSEED")
    note(folder, "environment.txt", json.dumps({name: os.environ.get(name) for name in names}))


ACTS = {
    "good": good, "raises": raises, "fails": fails, "hangs": hang_forever, "hangs_in_c": hang_in_c,
    "exits": exits, "segfaults": segfaults, "eats": eats, "talks": talks, "has_children": has_children,
    "leaves_a_child": leaves_a_child,
    "nonsense": tells_nonsense, "kills_the_server": kills_the_server, "environment": environment,
}  # fmt: skip
