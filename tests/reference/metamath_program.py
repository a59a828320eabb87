"""The program ``metamath`` as an independent verifier, and databases with mutated proofs for it and for ours.

The reading of the source here knows nothing of the package's: comments are cut out, the rest is split.
"""

from __future__ import annotations

import gzip
import random
import re
import subprocess
from pathlib import Path

from lmgym.tasks.metamath.collection import PRESETS

_COMMENT = re.compile(r"\$\(.*?\$\)", re.DOTALL)
_ERROR = re.compile(r'\?Error on line \d+ of file "[^"]*" at statement \d+, label "([^"]+)"')
_MISSING = re.compile(r"statement\(s\) were not proved: ([^?]*?) MM>")


def source_of(preset: str) -> list[list[str]]:
    """The statements of a packaged database, each a list of its words."""
    text = gzip.decompress(PRESETS[preset].read_bytes()).decode("ascii")
    text = _COMMENT.sub(" ", text)
    statements, words = [], list[str]()
    for word in text.split():
        words.append(word)
        if word in ("$.", "${", "$}"):
            statements.append(words)
            words = []
    assert not words
    return statements


def write(statements: list[list[str]], path: Path) -> Path:
    path.write_text("\n".join(" ".join(words) for words in statements) + "\n", "ascii")
    return path


def _run(program: str, path: Path) -> str:
    commands = ["set scroll continuous", f'read "{path}"', "verify proof *", "exit"]
    done = subprocess.run(
        [program, *commands], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
    )
    return " ".join(done.stdout.decode("latin-1").split())


def can_read(program: str, path: Path) -> bool:
    """Whether ``metamath`` finds nothing wrong in the database, its proofs aside."""
    return "No errors were found. However, proofs were not checked" in _run(program, path)


def run_program(program: str, path: Path) -> dict[str, str]:
    """What ``metamath`` says of each theorem that it does not find proved: "error" or "incomplete"."""
    said = _run(program, path)
    assert "No errors were found. However, proofs were not checked" in said, said[-2000:]
    found = dict.fromkeys(_ERROR.findall(said), "error")
    for missing in _MISSING.findall(said):
        for label in re.split(r",? (?:and )?", missing.strip(" .")):
            found.setdefault(label, "incomplete")
    return found


def mutate_proof(proof: list[str], labels: list[str], rng: random.Random) -> list[str]:
    """The proof with one word replaced, removed, inserted or swapped; in a compressed one often a letter."""
    if proof[0] == "(" and rng.random() < 0.8:
        end = proof.index(")")
        letters = "".join(proof[end + 1 :])
        near = [*letters, *"ABCDEFGHIJUVZ"]
        return [*proof[: end + 1], "".join(_mutate(list(letters), near, rng))]
    return _mutate(proof, [*proof, *proof, *rng.sample(labels, min(len(labels), 20))], rng)


def _mutate(words: list[str], others: list[str], rng: random.Random) -> list[str]:
    words, at = list(words), rng.randrange(len(words))
    kind = rng.choice(("replace", "remove", "insert", "swap", "cut", "same"))
    if kind == "replace":
        words[at] = rng.choice(others)
    elif kind == "remove" and len(words) > 1:
        del words[at]
    elif kind == "insert":
        words.insert(at, rng.choice(others))
    elif kind == "swap":
        other = rng.randrange(len(words))
        words[at], words[other] = words[other], words[at]
    elif kind == "cut":
        words = words[: at + 1]
    return words


def mutate_proofs(statements: list[list[str]], rng: random.Random) -> list[list[str]]:
    """The database with a mutation in the proof of every theorem."""
    labels = [words[0] for words in statements if len(words) > 1 and words[1] in ("$a", "$p", "$f", "$e")]
    made = []
    for words in statements:
        if len(words) > 1 and words[1] == "$p":
            start = words.index("$=") + 1
            words = [*words[:start], *mutate_proof(words[start:-1], labels, rng), "$."]
        made.append(words)
    return made


def mutate_statements(statements: list[list[str]], rng: random.Random, share: float) -> list[list[str]]:
    """The database with some $d left out, and some symbols of hypotheses and assertions exchanged."""
    made = []
    for words in statements:
        if words[0] == "$d" and rng.random() < share:
            continue
        if len(words) > 1 and words[1] in ("$e", "$p", "$a") and rng.random() < share / 4:
            end = words.index("$=") if words[1] == "$p" else len(words) - 1
            if end > 4:
                words = list(words)
                at, other = rng.randrange(3, end), rng.randrange(3, end)
                words[at], words[other] = words[other], words[at]
        made.append(words)
    return made
