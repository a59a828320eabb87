"""A small suite, and what tests of the benchmark's execution share."""

import json
import os
import threading

from lmgym.bench.suites import load_suite

WORK = "tests.agents.bench_fakes:work"


def write_suite(path, seeds=(0, 1)):
    """Writes a suite of two entries, ``sums`` and ``cold``; the warm start of cold, seed 1, will fail."""
    plain = load_suite("quick").to_dict()
    sums = next(entry for entry in plain["entries"] if entry["name"] == "sums")
    cold = {**sums, "name": "cold", "eval_splits": ["test"], "budget": sums["budget"] // 2}
    plain |= {"name": "tiny", "version": 1, "seeds": list(seeds), "entries": [sums, cold]}
    path.write_text(json.dumps(plain))
    return path


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def is_alive(pid):
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        os.kill(pid, 0)
        return True


def wait_until_gone(pids):
    """Returns when no process is left; never, if one survives, which the test's own limit ends."""
    pause = threading.Event()
    while any(map(is_alive, pids)):
        pause.wait(0.02)


def make_order(agent, folder):
    warm = folder / "warm"
    warm.mkdir(exist_ok=True)
    (warm / "weights").write_text("w")
    return {
        "kind": "job", "agent": f"fakes:{agent}", "entry": "sums", "seed": 3, "warm": str(warm),
        "suite_id": "lmgym-tiny-1", "suite_hash": "0" * 64,
    }  # fmt: skip
