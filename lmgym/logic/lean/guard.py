"""Which texts may reach Lean as a tactic: one line of known signs, a known tactic first, no forbidden word.

Comes in: any text. Goes out: the tactic, or a reason. A text that passes has no comment, string, attribute,
quotation or command character, and its brackets close, so it stays inside the theorem that it is put into.
The guard is the first of two walls; the other is the final check, which asks Lean for the axioms used.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_CHARS: Final = 1_000
MAX_DEPTH: Final = 100
MAX_DIGITS: Final = 20


class Refusal(NamedTuple):
    """Why a tactic was not accepted."""

    reason: str
    """One word: "error" (Lean's), "timeout", "limit", "empty", "long", "characters", "unparsed", "command",
    "forbidden"."""
    message: str
    place: int = 0
    """Which of the tactics it was, from 0."""


TACTICS: Final = frozenset(
    """intro intros exact apply refine constructor left right cases rcases obtain induction simp simp_all
    simpa rw rewrite rfl unfold show have suffices assumption contradiction exists exfalso split by_cases
    decide omega funext ext congr subst injection injections symm calc change specialize generalize revert
    rename_i trivial next case all_goals any_goals repeat try first skip done and_intros nofun nomatch ac_rfl
    rintro use norm_num ring linarith nlinarith positivity field_simp push_neg tauto aesop gcongr by_contra
    absurd choose clear dsimp delta conv match fun let iterate ring_nf norm_cast push_cast exact_mod_cast
    interval_cases fin_cases nth_rewrite contrapose wlog swap rotate_left rotate_right infer_instance eq_refl
    replace grind""".split()
)
"""Words with which a tactic may begin. Those of Mathlib do nothing where Mathlib is not imported."""

FORBIDDEN: Final = frozenset(
    """sorry admit sorryAx stop native_decide native bv_decide bv_check ofReduceBool ofReduceNat reduceBool
    reduceNat trustCompiler axiom constant macro macro_rules elab elab_rules notation notation3 syntax
    declare_syntax_cat infix infixl infixr prefix postfix binder_predicate simproc dsimproc simprocs
    set_option open unsafe implemented_by extern export run_tac run_cmd run_elab run_meta by_elab eval_expr
    include_str opaque instance attribute local scoped import namespace section end def theorem lemma example
    abbrev structure class inductive coinductive partial mutual deriving initialize builtin_initialize
    noncomputable private protected public meta variable universe include omit unsafeCast unsafeIO lcProof
    lcUnreachable lcAny IO EIO BaseIO Elab Meta Lean Tactic Term Parser Environment decreasing_by
    termination_by dbg_trace dbgTrace dbg_stop dbgSleep trace trace_state sleep checkpoint save
    config kernel eval check print reduce exit csimp
    unsafe_cast proof_wanted alias irreducible_def compile_inductive polyrith slim_check plausible hint
    says observe where unif_hint add_decl_doc register_option register_simp_attr
    register_label_attr declare_config_elab declare_simp_like_tactic grind_pattern seal unseal module recall
    suppress_compilation guard_msgs library_note add_aesop_rules erase_aesop_rules reserve
    gen_injective_theorems assert_not_exists compile_def to_additive""".split()
)
"""Words that may stand nowhere, not even as a part of a dotted name."""

_SIGNS: Final = "∀∃λΠΣ→←↔↦∧∨¬≤≥≠≡∈∉⊆⊂∪∩∅⟨⟩·∘⊢×▸∣ℕℤℚℝ⊕∑∏√∞⊤⊥⁻¹²³₀₁₂₃₄₅₆₇₈₉αβγδεζηθικμνξοπρστυφχψω"
_ALLOWED = re.compile(rf"[ -~{_SIGNS}]*")
_NOT_IN_TACTICS = re.compile(r"""["`#$«»]|(?<!/)\\(?!/)|--|/-|-/|@\s*\[|(?<![\w'])'""")
_WORD = re.compile(r"[A-Za-z_][\w'!]*")
_SEARCHES = re.compile(r"([A-Za-z_]\w*)\s*\?(?![\w.])")
_OPTION = re.compile(r"\b(?:decide|kernel|native|config)\s*:=|\+\s*(?:kernel|native|decide)\b")
_PAIRS: Final = {")": "(", "]": "[", "}": "{", "⟩": "⟨"}


def read_tactic(text: str) -> str | Refusal:
    """Returns the tactic that ``text`` is, without outer blanks, or why it is none. Takes any text."""
    tactic = text.strip(" \t\r\n") if len(text) <= 2 * MAX_CHARS else text
    if not tactic:
        return Refusal("empty", "there is no tactic")
    if len(tactic) > MAX_CHARS:
        return Refusal("long", f"a tactic may have {MAX_CHARS} characters")
    if not _ALLOWED.fullmatch(tactic):
        return Refusal("characters", "a tactic is one line of ASCII and the usual mathematical signs")
    found = _NOT_IN_TACTICS.search(tactic)
    if found:
        return Refusal("forbidden", f"{found[0][:20]!r} may not stand in a tactic")
    return _check_words(tactic) or _check_brackets(tactic) or tactic


def _check_words(tactic: str) -> Refusal | None:
    first = re.match(r"(?:[·.]\s*|\(\s*)*([A-Za-z_]\w*)", tactic)
    if first is None or first[1] not in TACTICS:
        return Refusal("command", f"{(first[1] if first else tactic)[:20]!r} is no known tactic")
    for word in _WORD.findall(tactic):
        if word.rstrip("!") in FORBIDDEN:
            return Refusal("forbidden", f"the word {word[:30]!r} may not stand in a tactic")
    searches = [found[0] for found in _SEARCHES.finditer(tactic) if found[1] in TACTICS]
    options = [found[0] for found in _OPTION.finditer(tactic)]
    if searches or options:
        return Refusal("forbidden", f"{(searches + options)[0][:30]!r} may not stand in a tactic")
    if re.search(rf"\d{{{MAX_DIGITS + 1}}}", tactic):
        return Refusal("limit", f"a number may have {MAX_DIGITS} digits")
    return None


def _check_brackets(tactic: str) -> Refusal | None:
    is_open = list[str]()
    for char in tactic:
        if char in "([{⟨":
            is_open.append(char)
            if len(is_open) > MAX_DEPTH:
                return Refusal("limit", f"brackets may be {MAX_DEPTH} deep")
        elif char in _PAIRS and (not is_open or is_open.pop() != _PAIRS[char]):
            return Refusal("unparsed", f"the bracket {char!r} closes nothing")
    return Refusal("unparsed", "a bracket is not closed") if is_open else None
