"""The last word on a proof: compiled afresh in a clean process, statement pinned, assumptions listed.

Comes in: a statement and the sentences of a proof that the guard has passed. Goes out: whether it holds.
The file is made of trusted text but for the sentences, which can't reach beyond the dot that ends them.
After ``Qed`` the pinned statement is written once more, in the scope in which it stood, and the theorem must
have it as its type. What the compiler prints is read between two marks that no tactic can know.
"""

from __future__ import annotations

import os
import secrets
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from lmgym.logic.rocq.axioms import unallowed
from lmgym.logic.rocq.goals import cut
from lmgym.logic.rocq.programs import Limits, find_programs, kill_group, start
from lmgym.logic.rocq.statements import Statement

LIMITS: Final = Limits(cpu_s=120, file_bytes=64 << 20)
MAX_OUTPUT_BYTES: Final = 4 << 20
MAX_MESSAGE_CHARS: Final = 300


class Check(NamedTuple):
    """What the final check says."""

    is_proved: bool
    reason: str = ""
    """"" if it is proved; "refused" (the compiler does), "assumptions", "recheck" (``coqchk`` refuses);
    "prover" if nothing is known, since the compiler was late or could not be started."""
    message: str = ""


class _Done(NamedTuple):
    exit_code: int | None
    """None: it was late or wrote too much."""
    output: str


def compile_proof(
    statement: Statement,
    sentences: Sequence[str],
    *,
    axioms: Sequence[str],
    timeout_s: float,
    recheck: bool,
) -> Check:
    """Returns whether ``sentences``, which have passed the guard, prove ``statement``."""
    nonce = secrets.token_hex(16)
    folder = tempfile.mkdtemp(prefix="lmgym-rocq-")
    try:
        programs = find_programs()
        Path(folder, "Proof.v").write_text(assemble(statement, sentences, nonce), encoding="utf-8")
        compiled = _run([programs.compiler, "-q", "Proof.v"], folder, timeout_s)
        check = _judge(compiled, nonce, axioms)
        if check.is_proved and recheck and programs.checker is not None:
            return _judge_recheck(_run([programs.checker, "-silent", "-norec", "Proof"], folder, timeout_s))
        return check
    except OSError as error:
        return Check(False, "prover", str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def assemble(statement: Statement, sentences: Sequence[str], nonce: str) -> str:
    """Returns the text of the file: context, theorem, proof, and what reads the theorem again."""
    name, mark = f"lmgym_theorem_{nonce[:8]}", f"lmgym_mark_{nonce}"
    lines = (
        statement.context,
        f"Theorem {name} : {statement.statement}.",
        "Proof.",
        *sentences,
        "Qed.",
        f"Definition lmgym_again_{nonce} : {statement.statement} := {name}.",
        f"Definition {mark} := Prop.",
        f"Check {mark}.",
        f"Print Assumptions lmgym_again_{nonce}.",
        f"Check {mark}.",
    )
    return "\n".join(lines) + "\n"


def _judge(done: _Done, nonce: str, axioms: Sequence[str]) -> Check:
    if done.exit_code is None or done.exit_code < 0:
        return Check(False, "prover", "the compiler was late or killed")
    if done.exit_code:
        return Check(False, "refused", cut(done.output.strip(), MAX_MESSAGE_CHARS))
    parts = done.output.split(f"lmgym_mark_{nonce}\n     : Type\n")
    if len(parts) != 3:
        return Check(False, "refused", "the compiler did not list the assumptions")
    extra = unallowed(parts[1], axioms)
    if extra:
        return Check(False, "assumptions", cut(f"rests on {', '.join(extra)}", MAX_MESSAGE_CHARS))
    return Check(True)


def _judge_recheck(done: _Done) -> Check:
    if done.exit_code is None or done.exit_code < 0:
        return Check(False, "prover", "the checker was late or killed")
    return Check(True) if done.exit_code == 0 else Check(False, "recheck", done.output.strip()[-300:])


def _run(command: list[str], folder: str, timeout_s: float) -> _Done:
    process = start(command, folder, LIMITS, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        assert process.stdout is not None
        output = _read_all(process.stdout.fileno(), time.monotonic() + timeout_s)
        if output is None:
            return _Done(None, "")
        return _Done(process.wait(timeout=10.0), output.decode("utf-8", "replace"))
    except subprocess.TimeoutExpired:
        return _Done(None, "")
    finally:
        kill_group(process)


def _read_all(descriptor: int, until: float) -> bytes | None:
    """Returns all that can be read; None if that takes too long or is too much."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    pieces, size = list[bytes](), 0
    while size <= MAX_OUTPUT_BYTES:
        left_s = until - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            return None
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
    return None
