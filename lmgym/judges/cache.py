"""Answers of a judge kept in a SQLite file, so that no question is paid for twice, in whatever process.

Comes in: everything that determines an answer, hashed into a key, and the answer. Goes out: the answer. The
file is in WAL mode with full synchronisation: what ``put`` has stored survives a kill and a loss of power,
several threads and processes may use one file at once, and the first answer stored under a key stays. What
is no cache of a judge is refused and never touched; a damaged cache is put aside and a new one begun. Left
out: keys of a service, which must not be in what is hashed or stored.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lmgym.errors import InvalidValueError

_APPLICATION_ID: Final = 0x6C6D6A31
_HEADER: Final = b"SQLite format 3\0"
_TABLE: Final = "CREATE TABLE answers (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
_OWN: Final = frozenset({("table", "answers", _TABLE), ("index", "sqlite_autoindex_answers_1", None)})
_BUSY_S: Final = 30.0
_TRIES: Final = 600


def cache_key(content: Mapping[str, Any]) -> str:
    """Returns 64 hexadecimal digits of the canonical JSON of ``content``."""
    text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class JudgeCache:
    """A persistent table from keys to JSON objects.

    Raises:
        InvalidValueError: the file is something else than such a cache, or can't be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.failures = 0
        """Reads and writes that the disk has refused since; the judge goes on without them."""
        self._lock = threading.Lock()
        self._connection = self._open()

    def get(self, key: str) -> dict[str, Any] | None:
        """Returns what is stored under ``key``, None if nothing that can be read is."""
        with self._lock:
            try:
                row = self._connection.execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchone()
            except sqlite3.Error:
                self.failures += 1
                return None
        try:
            value = None if row is None else json.loads(row[0])
        except (ValueError, TypeError, RecursionError):
            self.failures += 1
            return None
        return value if isinstance(value, dict) else None

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Stores ``value`` durably under ``key``, unless something is stored there."""
        text = json.dumps(value, sort_keys=True)
        with self._lock:
            try:
                self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, text))
            except sqlite3.Error:
                self.failures += 1

    def __len__(self) -> int:
        with self._lock:
            return int(self._connection.execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("rb") as file:
                header = file.read(len(_HEADER))
        except FileNotFoundError:
            header = b""
        except OSError as error:
            raise InvalidValueError(
                f"the cache of answers {str(self.path)!r} can't be opened: {error}."
            ) from error
        if header and header != _HEADER:
            raise InvalidValueError(
                f"{str(self.path)!r} is no cache of answers; give another file, or a new name."
            )
        try:
            return self._connect()
        except sqlite3.OperationalError as error:  # locked, read-only, a full disk: not damage
            raise InvalidValueError(
                f"the cache of answers {str(self.path)!r} can't be opened: {error}."
            ) from error
        except sqlite3.DatabaseError as error:
            aside, said = self._put_aside(), " ".join(str(error).split())
            warnings.warn(
                f"the cache of answers {self.path} was damaged ({said}) and is now {aside}; a new one is "
                "begun, and its questions will be asked again.",
                RuntimeWarning,
                stacklevel=3,
            )
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("PRAGMA application_id").fetchone()[0]
        connection.execute("PRAGMA trusted_schema = OFF")
        held = set(connection.execute("SELECT type, name, sql FROM sqlite_master"))
        # A view or a trigger is a program, which could run for ever.
        if held - _OWN or (found != _APPLICATION_ID and (found or held)):
            raise InvalidValueError(f"{str(self.path)!r} is another program's database, no cache of answers.")
        if (state := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(str(state))
        self._to_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        if not found:
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1))

    def _to_wal(self, connection: sqlite3.Connection) -> None:
        # The change needs the file for itself, and SQLite does not wait for that as it does elsewhere.
        for _ in range(_TRIES):
            try:
                if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                    return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
            time.sleep(_BUSY_S / _TRIES)
        raise sqlite3.OperationalError("another process holds it")

    def _put_aside(self) -> Path:
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        for ending in ("-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        return self.path.rename(aside)
