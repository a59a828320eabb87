r"""Unicode in answers: which signs are read as which, and which texts are refused.

Comes in: any str, lone surrogates too. Goes out: the text in ASCII notation (LaTeX commands for signs that
ASCII lacks), with letters of other scripts kept as they are. The policy, all of it:

- Control characters but tab and line ends, format characters (zero-width, bidirectional controls, byte order
  mark, soft hyphen), surrogates and private-use characters refuse the whole text.
- Digits of any script are read, of one script in one answer; fullwidth ASCII and the mathematical alphabets
  are read as ASCII. A letter that only looks like a Latin one (Cyrillic, Greek capital Alpha) stays itself.
- Superscripts and subscripts become ``^{...}`` and ``_{...}``, vulgar fractions ``\frac{..}{..}``, a bar over
  digits ``\overline{...}``, signs their LaTeX commands; thin spaces ``\,``, other spaces a space.
"""

from __future__ import annotations

import re
import unicodedata

from lmgym.grading.budgets import Refusal

_REFUSED = frozenset(("Cc", "Cf", "Cs", "Co"))
_ALLOWED_CONTROLS = frozenset("\t\n\r")

_SIGNS = {
    "\\times ": "×✕⨯", "\\cdot ": "·⋅∙•∗", "\\div ": "÷", "/": "∕⁄", "-": "−‐‑‒–﹣",
    "\\le ": "≤⩽≦", "\\ge ": "≥⩾≧", "\\ne ": "≠", "\\in ": "∈", "\\pm ": "±", "\\infty ": "∞",
    "\\cup ": "∪⋃", "\\cap ": "∩⋂", "\\setminus ": "∖", "\\emptyset ": "∅⌀", "\\pi ": "π", "^\\circ ": "°",
    "\\sqrt ": "√", "\\cbrt ": "∛", "\\sqrt[4]": "∜", "\\lfloor ": "⌊", "\\rfloor ": "⌋", "\\lceil ": "⌈",
    "\\rceil ": "⌉", "\\langle ": "⟨〈", "\\rangle ": "⟩〉", "\\lor ": "∨", "\\land ": "∧", "|": "∣",
    "\\Delta ": "∆", "\\mathbb{N}": "ℕ", "\\mathbb{Z}": "ℤ", "\\mathbb{Q}": "ℚ", "\\mathbb{R}": "ℝ",
    "\\mathbb{C}": "ℂ", "e": "ℯ", "i": "ⅈ", "'": "’‘", '"': "“”„", ".": "٫。", ",": "٬、，", "%": "٪",
    "\\,": "\u2009\u202f\u200a", "μ": "µ",
    " ": "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u205f\u3000",
}  # fmt: skip

_FRACTIONS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
    "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip

_TABLE = {ord(sign): latex for latex, signs in _SIGNS.items() for sign in signs}
_TABLE |= {ord(sign): f"\\frac{{{top}}}{{{bottom}}}" for sign, (top, bottom) in _FRACTIONS.items()}
_TABLE |= {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # fullwidth forms of ASCII

_RAISED, _RAISED_AS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ", "0123456789+-()nix"
_LOWERED, _LOWERED_AS = "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₒₓₖₗₘₙₚₛₜ", "0123456789+-()aeoxklmnpst"
_FROM_SCRIPT = str.maketrans(_RAISED + _LOWERED, _RAISED_AS + _LOWERED_AS)
_SMALL_FRACTION = re.compile("(?<![⁰¹²³⁴⁵⁶⁷⁸⁹])([⁰¹²³⁴⁵⁶⁷⁸⁹]++)[⁄/]([₀₁₂₃₄₅₆₇₈₉]+)")
_RAISED_RUN = re.compile(f"[{_RAISED}]+")
_LOWERED_RUN = re.compile(f"[{_LOWERED}]+")
_BARRED_RUN = re.compile("(?:[0-9][\u0304\u0305])+")
_BARS = str.maketrans("", "", "\u0304\u0305")


def normalise(text: str) -> str:
    """Returns ``text`` in ASCII notation by the policy above.

    Raises:
        Refusal: "unparsed" for a character that is never part of an answer, or digits of two scripts.
    """
    if text.isascii():
        if not text.isprintable() and not all(map(_is_harmless, text)):
            raise Refusal("unparsed", "a control character")
        return text
    for character in sorted(set(text)):
        if not _is_harmless(character):
            raise Refusal("unparsed", f"the character U+{ord(character):04X}")
    text = _with_ascii_digits(unicodedata.normalize("NFC", text))
    text = _SMALL_FRACTION.sub(_small_fraction, text)
    text = _RAISED_RUN.sub(lambda run: f"^{{{run[0].translate(_FROM_SCRIPT)}}}", text)
    text = _LOWERED_RUN.sub(lambda run: f"_{{{run[0].translate(_FROM_SCRIPT)}}}", text)
    text = _BARRED_RUN.sub(lambda run: f"\\overline{{{run[0].translate(_BARS)}}}", text)
    return text.translate(_TABLE)


def _is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in _REFUSED or character in _ALLOWED_CONTROLS


def _with_ascii_digits(text: str) -> str:
    """Returns ``text`` with digits and mathematical alphabets in ASCII."""
    table: dict[int, str] = {}
    zeros = set()
    for character in sorted(set(text)):
        digit = unicodedata.decimal(character, None)
        if digit is not None:
            zeros.add(ord(character) - digit)
            table[ord(character)] = str(digit)
        elif 0x1D400 <= ord(character) <= 0x1D7FF:
            table[ord(character)] = unicodedata.normalize("NFKC", character)
    if len(zeros) > 1:
        raise Refusal("unparsed", "digits of two scripts")
    return text.translate(table)


def _small_fraction(match: re.Match[str]) -> str:
    top, bottom = (part.translate(_FROM_SCRIPT) for part in match.groups())
    return f"\\frac{{{top}}}{{{bottom}}}"
