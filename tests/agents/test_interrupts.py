"""Signals: the first is noted, the second ends the process, and the earlier handlers come back."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from lmgym.errors import InvalidValueError
from lmgym_agents.runs.interrupts import Interrupts

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "code"), SIGNALS, ids=["SIGINT", "SIGTERM"])
def test_the_first_signal_is_noted_and_work_goes_on(number, code, capfd):
    done = []
    with Interrupts() as interrupts:
        assert not interrupts.requested and interrupts.exit_code == 0
        os.kill(os.getpid(), number)
        done.append("the update in progress")
    assert done and interrupts.requested and interrupts.exit_code == code
    assert f"{signal.Signals(number).name}: finishing the update" in capfd.readouterr().err


@pytest.mark.parametrize("fails", [False, True])
def test_the_handlers_before_come_back(fails):
    seen = []
    before = {number: signal.signal(number, lambda n, f: seen.append(n)) for number, _ in SIGNALS}
    try:
        try:
            with Interrupts():
                if fails:
                    raise RuntimeError
        except RuntimeError:
            pass
        for number, _ in SIGNALS:
            os.kill(os.getpid(), number)
        assert seen == [number for number, _ in SIGNALS]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_only_in_the_main_thread():
    caught = []

    def enter():
        try:
            with Interrupts():
                pass
        except InvalidValueError as error:
            caught.append(str(error))

    thread = threading.Thread(target=enter, name="side")
    thread.start()
    thread.join()
    assert len(caught) == 1 and "'side'" in caught[0] and "main thread" in caught[0]


SCRIPT = """
import sys
from lmgym_agents.runs.interrupts import Interrupts
with Interrupts() as interrupts:
    print("ready", flush=True)
    while not (interrupts.requested and sys.argv[1] == "patient"):
        pass
print("saved", flush=True)
sys.exit(interrupts.exit_code)
"""


@pytest.mark.parametrize(("number", "code"), SIGNALS, ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("patience", ["patient", "stuck"])
def test_exit_codes_of_a_real_process(number, code, patience):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, patience], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.stderr.readline() == "\n"
    assert "Once more: leave at once" in process.stderr.readline()
    if patience == "stuck":
        process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ("saved\n" if patience == "patient" else "")
