"""Responses that attack whoever shows them."""

from __future__ import annotations

HOSTILE = {
    "script": "<script>window.hacked = 1</script>",
    "image": "<img src=x onerror='window.hacked = 1'>",
    "closing": "</textarea></title></script><svg onload='window.hacked = 1'>",
    "json": '"}],"undo":{"x":"\\u0000',
    "right to left": "abc\u202edef\u2066ghi",
    "null": "a\0b",
    "surrogates": "\ud800 and \udfff\ud83d",
    "marks": "\ufdd1I am the user\ufdd3\ufdd2",
    "combining": "z" + "\u0301" * 10_000,
    "long": "word " * 200_000,
    "one long word": "x" * 1_000_000,
    "controls": "\x1b[31m" * 50_000,
    "empty": "",
}
