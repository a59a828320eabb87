"""Finds the programs of a Rocq (Coq) installation and starts them in a restricted environment.

Comes in: nothing but the system's PATH and ROCQBIN or COQBIN. Goes out: paths, a version, commands. Left out:
what is said to the programs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple

from lmgym.errors import MissingDependencyError

_FOLDERS = ("ROCQBIN", "COQBIN")
"""Environment variables that may name the folder of the programs."""
_SESSIONS = ("coqidetop.opt", "rocqidetop.opt", "coqidetop", "rocqidetop")
_COMPILERS = ("coqc",)
_CHECKERS = ("coqchk", "rocqchk")
_LIBRARY_VARIABLES = (
    "COQLIB", "COQCORELIB", "ROCQLIB", "ROCQRUNTIMELIB", "OCAMLPATH", "LD_LIBRARY_PATH",
)  # fmt: skip
"""What an installation away from its place needs; nothing else of our environment is handed on."""
_OLDEST = (8, 16)
_LAUNCHER = str(Path(__file__).with_name("launcher.py"))


class Programs(NamedTuple):
    """An installation."""

    session: str
    """Path of the program that speaks the XML protocol."""
    compiler: str
    """Path of ``coqc``."""
    checker: str | None
    """Path of ``coqchk``, if it is there."""
    version: str


class Limits(NamedTuple):
    """What a process may use."""

    memory_bytes: int = 2 << 30
    """address space"""
    cpu_s: int = 600
    """processor time in all"""
    file_bytes: int = 0
    """size of any file it writes"""


def find_programs() -> Programs:
    """Returns the programs that are installed.

    Raises:
        MissingDependencyError: there are none, or they are too old.
    """
    return _find(tuple(os.environ.get(name, "") for name in (*_FOLDERS, "PATH")))


@lru_cache(maxsize=8)
def _find(folders: tuple[str, ...]) -> Programs:
    if os.name != "posix":
        raise MissingDependencyError(
            "Rocq sessions need a POSIX system, since their memory and time are limited by it."
        )
    session, compiler = _which(_SESSIONS, folders), _which(_COMPILERS, folders)
    if session is None or compiler is None:
        raise MissingDependencyError(
            f"the Rocq prover (Coq) is not installed: looked for one of {', '.join(_SESSIONS)} and for "
            f"{', '.join(_COMPILERS)} in $ROCQBIN, $COQBIN and $PATH. On Debian and Ubuntu: apt-get install "
            "coq; elsewhere: opam install coq coqide-server."
        )
    version = _read_version(compiler)
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < _OLDEST:
        raise MissingDependencyError(
            f"{compiler} is version {version}; Rocq sessions need 8.16 or newer: opam install coq "
            "coqide-server."
        )
    return Programs(session, compiler, _which(_CHECKERS, folders), version)


def _which(names: tuple[str, ...], folders: tuple[str, ...]) -> str | None:
    path = os.pathsep.join(folder for folder in folders if folder)
    found = (shutil.which(name, path=path) for name in names)
    return next((os.path.abspath(program) for program in found if program), None)


def _read_version(compiler: str) -> str:
    try:
        done = subprocess.run([compiler, "-print-version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingDependencyError(f"{compiler} does not start: {error}") from error
    words = done.stdout.split()
    if not words or not re.match(r"\d+\.\d+", words[0]):
        raise MissingDependencyError(f"{compiler} does not tell its version: {(done.stderr or '')[-200:]!r}")
    return words[0]


def start(
    command: list[str], folder: str, limits: Limits, *, stdin: int, stderr: int
) -> subprocess.Popen[bytes]:
    """Starts ``command`` in ``folder`` under ``limits``, with a pipe to read its output from.

    The process has a group of its own, no environment but what it needs, and ends with the calling thread.

    Raises:
        OSError: it can't be started.
    """
    given = json.dumps({**limits._asdict(), "parent": os.getpid()})
    return subprocess.Popen(
        [sys.executable, "-I", "-S", _LAUNCHER, given, *command],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        bufsize=0,
        cwd=folder,
        env=_environment(folder),
        start_new_session=True,
        close_fds=True,
    )


def _environment(folder: str) -> dict[str, str]:
    handed_on = {name: os.environ[name] for name in _LIBRARY_VARIABLES if name in os.environ}
    return {"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", **handed_on}


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Ends the process with all that it started, and frees its pipes."""
    try:
        os.killpg(process.pid, 9)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
    pipes: tuple[IO[Any] | None, ...] = (process.stdin, process.stdout, process.stderr)
    for pipe in pipes:
        if pipe is not None:
            pipe.close()
