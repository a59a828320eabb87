r"""Units in answers: "5 square inches", ``5 \text{ in}^2`` and "5 sq. in." name one unit, ``in^2``.

Comes in: the words after a value. Goes out: a canonical name, the same for singular, plural and the usual
abbreviations; a noun that is in no table (apples) is its own unit, in the singular. Nothing is converted.
"""

from __future__ import annotations

import re

_NAMES = {
    "m": "m meter metre", "km": "km kilometer kilometre", "cm": "cm centimeter centimetre",
    "mm": "mm millimeter millimetre", "in": "in inch inches", "ft": "ft foot feet", "yd": "yd yard",
    "mi": "mi mile", "g": "g gram gramme", "kg": "kg kilogram kilo", "mg": "mg milligram",
    "lb": "lb lbs pound", "oz": "oz ounce", "ton": "ton tonne", "L": "L l liter litre",
    "mL": "mL ml milliliter millilitre", "gal": "gal gallon", "s": "s sec second", "min": "min minute",
    "h": "h hr hrs hour", "day": "day", "week": "week wk", "month": "month mo", "year": "year yr yrs",
    "$": "$ dollar usd", "cent": "cent", "€": "€ euro eur", "£": "£ gbp", "¥": "¥ yen jpy",
    "₹": "₹ rupee inr", "rad": "rad radian",
    "unit": "unit", "mph": "mph", "N": "N newton", "J": "J joule", "W": "W watt", "V": "V volt",
    "Pa": "Pa pascal", "Hz": "Hz hertz", "°C": "°C celsius", "°F": "°F fahrenheit", "K": "K kelvin",
    "pt": "pt pint", "qt": "qt quart", "person": "person people", "child": "child children", "man": "man men",
    "woman": "woman women", "die": "die dice", "ms": "ms millisecond", "kPa": "kPa", "kJ": "kJ", "kW": "kW",
}  # fmt: skip
_CANONICAL = {name: unit for unit, names in _NAMES.items() for name in names.split()}

KNOWN_WORDS = frozenset(name for name in _CANONICAL if len(name) > 1)
"""Names of units of two or more letters: never read as products of letters."""

CURRENCIES = frozenset("$€£¥₹")
"""Signs that stand before an amount."""

SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
"""Words that multiply a literal."""

_NOT_UNITS = frozenset(
    "is are was be isn aren wasn not no nope nah non nor none never yes yeah yep or and but maybe perhaps "
    "likely unlikely if then else otherwise so also instead unless except because versus until till upto "
    "the an of to at on for from by with without as than more less fewer least most minimum maximum about "
    "approximately around almost nearly approx circa ish rounded over under above below beyond upwards "
    "between either neither both only exactly wrong right true false correct incorrect invalid void answer "
    "impossible possible undefined unknown unsure uncertain doubtful something guess twice thrice "
    "double triple quadruple doubled tripled halved gross square cubic squared cubed root "
    "factorial reciprocal inverse inverted negative negated opposite conjugate logarithm times plus minus "
    "multiplied added subtracted divided mod modulo modulus remainder base binary octal decimal hexadecimal "
    "infinite infinity percentage permille pct "
    "per where when which that this it its all any some each every".split()
)
"""Words that change what stands before them."""
_NUMERAL = re.compile(
    "zero|one|two|three|five|(?:four|six|seven|eight|nine)(?:teen)?|ten|eleven|twelve|(?:thir|fif|eigh)teen"
    "|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|half|halve|dozen|[a-z]{0,8}illion|hundred|thousand"
    "|lakh|crore|first|third|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|[a-z]{3,5}teen|[a-z]{3,5}tie"
    "|hundred|thousand|[a-z]{1,8}illion)th"
)
"""Numbers, parts and ordinals in words: seven, ten, third, millionth, dozen."""
_LIKE_ADVERBS = frozenset(
    "family lily fly butterfly jelly belly bully ally assembly monopoly supply reply anomaly".split()
)
"""Nouns in -ly."""

_PIECES = re.compile(
    r"\s*(?P<word>°[CF]|[$€£¥₹]|[^\W\d_]+)\.?\s*(?:\^\s*(?:\{\s*(?P<braced>-?[0-9])\s*\}|(?P<bare>-?[0-9]))\s*)?"
)
_NEUTRAL_END = re.compile(r"(?<=[a-z]) (?:old|left|remaining|total|in total|altogether)\Z")
_DIVIDED = re.compile(r"/|\bper\b")


def read_unit(words: str) -> str | None:
    r"""Returns the canonical name of the unit that ``words`` name, None if they name none.

    >>> read_unit("square inches"), read_unit("km per hour"), read_unit("apples"), read_unit("is wrong")
    ('in^2', 'km/h', 'apple', None)
    """
    if len(words) > 60:
        return None
    parts = [_read_product(part) for part in _DIVIDED.split(words)]
    if not 1 <= len(parts) <= 2 or None in parts:
        return None
    return {"mi/h": "mph"}.get(name := "/".join(part for part in parts if part), name)


def _read_product(words: str) -> str | None:
    """Returns the name of a unit without a stroke: a noun with its power."""
    words = _NEUTRAL_END.sub("", " ".join(words.split()))
    power = 1
    for prefix, size in (("square ", 2), ("sq. ", 2), ("sq ", 2), ("cubic ", 3), ("cu. ", 3), ("cu ", 3)):
        if words.lower().startswith(prefix):
            words, power = words[len(prefix) :], size
            break
    for suffix, size in ((" squared", 2), (" cubed", 3)):
        if words.lower().endswith(suffix):
            words, power = words[: -len(suffix)], power * size
    match = _PIECES.fullmatch(words)
    if match is None:
        return None
    name = _canonical(match["word"])
    power *= int(match["braced"] or match["bare"] or 1)
    return name if name is None or power == 1 else f"{name}^{power}"


def _canonical(word: str) -> str | None:
    if word in _CANONICAL:
        return _CANONICAL[word]
    lowered = word.lower()
    if lowered in _NOT_UNITS or _NUMERAL.fullmatch(singular(lowered)):
        return None
    if lowered.endswith("ly") and lowered not in _LIKE_ADVERBS:
        return None
    for candidate in (lowered, singular(lowered)):
        if candidate in _CANONICAL and len(candidate) > 1:
            return _CANONICAL[candidate]
    return singular(lowered) if len(word) > 1 else None


def singular(word: str) -> str:
    """Returns the singular of a lower-case English noun by its ending."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1]
