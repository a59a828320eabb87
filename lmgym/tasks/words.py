"""Drawing words over an alphabet."""

from __future__ import annotations

from lmgym.tasks.stream import Words


def draw_word(alphabet: str, length: int, words: Words) -> str:
    """Returns a uniform word of ``length`` characters of ``alphabet`` (one draw, whatever the length)."""
    size = len(alphabet)
    number = words.below(size**length)
    letters = []
    for _ in range(length):
        number, letter = divmod(number, size)
        letters.append(alphabet[letter])
    return "".join(letters)
