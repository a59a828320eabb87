"""A child process for tests: the real program, but what is compared are orders to misbehave."""

from __future__ import annotations

import os
import signal
import sys
import threading

from lmgym.grading import worker_main


def compare(request):
    do, _, operand = request.get("do", "reply").partition(" ")
    if do == "spin":
        while True:
            pass
    if do == "grind":  # in C and holding the interpreter's lock
        return {"is_equal": pow(7, 10**9) == 1}
    if do == "wait":
        threading.Event().wait()
    if do == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "die_once" and not os.path.exists(operand):
        with open(operand, "w"):
            os._exit(1)
    if do == "eat":
        return {"is_equal": len([bytes(1 << 20) for _ in range(4096)]) > 0}
    if do == "recurse":
        return compare(request)
    if do == "raise":
        raise TypeError("a bug")
    if do == "babble":
        os.write(replies, b"no JSON\n")
    if do == "print":
        print('{"is_equal": true}', flush=True)
    return {"is_equal": False, "reason": "wrong", "pid": os.getpid()}


if __name__ == "__main__":
    if "cannot_start" in sys.argv:
        sys.exit(1)
    if "no_timer" in sys.argv:
        del signal.setitimer
    if "one_request" in sys.argv:
        worker_main.MAX_REQUESTS = 1
    replies = os.dup(1)
    worker_main.compare = compare
    worker_main.main()
