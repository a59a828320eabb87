r"""The words of the grammar: what a command, a name or a run of letters means to the lexer.

Only data and one rule of reading, ``split_letters``: which runs of letters are products of variables.
"""

from __future__ import annotations

from itertools import pairwise

from lmgym.grading.notation.units import KNOWN_WORDS
from lmgym.grading.tree import FUNCTIONS

GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ϵ": "epsilon", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ϑ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "ϕ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
"""Names of variables by their letter; π is not among them."""

GREEK_NAMES = frozenset(GREEK.values())

CONSTANTS = {
    "pi": "pi", "e": "e", "i": "i", "infinity": "infinity", "infty": "infinity", "inf": "infinity",
    "oo": "infinity", "Pi": "pi", "PI": "pi",
}  # fmt: skip

FUNCTION_NAMES = {name: name for name in FUNCTIONS} | {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "acot": "arccot", "sgn": "sign", "signum": "sign",
    "Re": "re", "Im": "im", "conj": "conjugate", "binom": "binomial", "lg": "lg", "sqrt": "sqrt",
    "cbrt": "cbrt", "abs": "abs", "floor": "floor", "ceil": "ceil", "ceiling": "ceil",
}  # fmt: skip
"""Plain names read as functions; sqrt, cbrt, abs, floor and ceil become nodes of their own."""

NEED_PARENTHESES = frozenset(
    "min max gcd lcm mod sign sgn signum re im Re Im arg conj conjugate binomial binom exp abs floor ceil "
    "ceiling sec".split()
)
"""Plain names that are functions only before a parenthesis."""

INVERSES = {name[3:]: name for name in FUNCTIONS if name.startswith("arc")}

_SAME = {
    "*": "times cdot ast bullet", "/": "div", "<=": "le leq leqslant leqq", ">=": "ge geq geqslant geqq",
    "<": "lt", ">": "gt", "!=": "ne neq", "in": "in isin", "±": "pm", "union": "cup bigcup",
    "intersection": "cap bigcap", "setminus": "setminus backslash smallsetminus", "or": "lor vee",
    "and": "land wedge", "circle": "circ", "degree": "degree", "frac": "frac dfrac tfrac cfrac",
    "over": "over",
    "choose": "binom dbinom tbinom", "|": "vert", "|<": "lvert", ">|": "rvert", "floor(": "lfloor",
    ")floor": "rfloor", "ceiling(": "lceil", ")ceiling": "rceil", "<,": "langle", ",>": "rangle",
    "set{": "lbrace", "}set": "rbrace", "(": "lparen", ")": "rparen", "[": "lbrack", "]": "rbrack",
    "mod": "bmod", "empty": "emptyset varnothing", ":": "colon", "^": "sp",
}  # fmt: skip

COMMANDS: dict[str, tuple[str, object]] = {
    command: (kind, None) for kind, names in _SAME.items() for command in names.split()
}
"""What a LaTeX command is: the kind and value of its token."""
COMMANDS |= {name: ("letter", name) for name in GREEK_NAMES}
COMMANDS |= {f"var{name}": ("letter", name) for name in ("epsilon", "theta", "phi", "rho", "sigma")}
COMMANDS |= {name: ("constant", value) for name, value in CONSTANTS.items() if name in ("pi", "infty")}
COMMANDS |= {name: ("function", value) for name, value in FUNCTION_NAMES.items() if name != "binom"}
COMMANDS |= {
    "{": ("set{", None),
    "}": ("}set", None),
    "%": ("%", None),
    "$": ("currency", "$"),
    "&": ("word", "&"),
}
COMMANDS |= {"\\": ("newline", None), "pounds": ("currency", "£"), "euro": ("currency", "€")}

SPACES = frozenset((",", ":", ";", "!", " ", ">")) | frozenset(
    "quad qquad thinspace displaystyle textstyle bf it rm sf boldmath".split()
)
"""Commands that leave a space and nothing else; those of old fonts too."""
SIZES = frozenset(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr limits nolimits mathrel".split()
)
"""Commands before a bracket that change nothing; left and right also direct a bar."""
WORDS_IN = frozenset(
    "text mbox hbox textbf textit textrm textsf texttt textnormal mathrm operatorname".split()
)
"""Commands whose group holds words."""
LETTERS_IN = frozenset("mathbf mathit boldsymbol bm mathsf".split())
"""Commands whose group is read as if they were not there."""

SMALL_NUMBERS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "sixteen": 16,
}  # fmt: skip
"""Bases in words."""

_SHORT_WORDS = frozenset(
    "am an as at be by do go he hi if in is it me mr my no of oh ok on or so to up us we act ant art amp any "
    "apt aft alp cry dry fly fry ply pry try sty by".split()
)


def split_letters(word: str, after_digit: bool = False) -> tuple[str, ...] | None:
    """Returns the variables whose product ``word`` is, or None if it is a word.

    Two small letters are a product, as are any two after a digit or before a power. Other runs only where
    their letters can stand in no second order, so that anagrams are never equal: two capitals, or three and
    more letters without e, i, o, u, in strict alphabetical order. English words and names of units are words.
    """
    if len(word) == 1:
        return (GREEK.get(word, word),) if word.isascii() or word in GREEK else None
    if len(word) > 6 or word.lower() in _SHORT_WORDS or word in KNOWN_WORDS or word.lower() in KNOWN_WORDS:
        return None
    if any(not letter.isascii() and letter not in GREEK for letter in word):
        return None
    letters = tuple(GREEK.get(letter, letter) for letter in word)
    if any(letter in GREEK for letter in word):
        return letters if len(word) == 2 and (after_digit or list(word) == sorted(set(word))) else None
    if not (word.islower() or word.isupper()):
        return letters if len(word) == 2 and after_digit else None
    if len(word) == 2 and (after_digit or word.islower()):
        return letters
    in_order = all(left < right for left, right in pairwise(word))
    return letters if in_order and (len(word) == 2 or not set("eiouEIOU") & set(word)) else None
