"""Suites: which problems agents are compared on, with how much training, frozen by name and version.

A suite is data, a JSON file in ``lmgym/bench/data`` or one of your own, and it has a hash: of the data and of
the first problems of every entry and split. Other problems, for whatever reason, are another hash, and
results of different hashes are not compared.

    suite = load_suite("quick")
    suite.id, suite.hash, [entry.name for entry in suite.entries]

Left out: running anything (``lmgym_agents.bench``) and what came out of it (``lmgym.bench.results``).
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from lmgym.bench.fields import read_json
from lmgym.bench.suite_parsing import parse_suite
from lmgym.bench.suite_record import ABILITIES, Anchor, Entry, Metric, Suite, WarmStart
from lmgym.errors import InvalidValueError, UnknownNameError

__all__ = [
    "ABILITIES",
    "Anchor",
    "Entry",
    "Metric",
    "Suite",
    "WarmStart",
    "load_suite",
    "parse_suite",
    "recorded_hash",
    "suite_ids",
]

_MAX_FILE_BYTES = 1_000_000
_ID = re.compile(r"lmgym-(?P<name>[a-z0-9_]+)-(?P<version>[0-9]+)")


def suite_ids() -> tuple[str, ...]:
    """Returns the ids of the suites that come with lmgym, in order."""
    files = resources.files("lmgym.bench").joinpath("data").iterdir()
    return tuple(sorted(file.name.removesuffix(".json") for file in files if _ID.match(file.name)))


def recorded_hash(id_: str) -> str | None:
    """Returns the hash that a packaged suite had when it was frozen; None for a suite of one's own.

    If ``load_suite(id_).hash`` is another, this installation poses other problems.
    """
    text = resources.files("lmgym.bench").joinpath("data", "hashes.json").read_text("utf-8")
    hashes: dict[str, str] = read_json(text, "hashes.json")
    return hashes.get(id_)


def load_suite(name: str | Path) -> Suite:
    """Returns a suite by its id, by its name (its newest version), or from a JSON file of your own.

    Raises:
        UnknownNameError: no such suite.
        InvalidValueError: a file that is no suite; the message names the field.
    """
    if isinstance(name, Path) or name.endswith(".json"):
        return _load_file(Path(name))
    ids = suite_ids()
    versions = [
        (int(found["version"]), id_) for id_ in ids if (found := _ID.fullmatch(id_)) and found["name"] == name
    ]
    id_ = max(versions)[1] if versions else name
    if id_ not in ids:
        raise UnknownNameError("suite", name, [*ids, *sorted({_ID.sub(r"\g<name>", known) for known in ids})])
    text = resources.files("lmgym.bench").joinpath("data", f"{id_}.json").read_text("utf-8")
    return parse_suite(read_json(text, id_), id_)


def _load_file(path: Path) -> Suite:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise InvalidValueError(f"{path} is larger than {_MAX_FILE_BYTES} bytes; no suite is.")
        return parse_suite(read_json(data.decode("utf-8"), str(path)), str(path))
    except OSError as error:
        raise InvalidValueError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidValueError(f"{path} is no text in UTF-8.") from None
