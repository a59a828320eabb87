"""The tactics that a step may begin with, and the words that may stand nowhere in it."""

from __future__ import annotations

from typing import Final

TACTICS: Final = frozenset(
    """
    absurd apply assert assert_fails assert_succeeds assumption auto autorewrite autounfold btauto case
    case_eq cbn cbv change classical_left classical_right clear clearbody cofix compare compute congruence
    constructor contradict contradiction cut cycle decide decompose dependent destruct discrR discriminate
    do double eapply eassert eassumption easy eauto ecase econstructor edestruct ediscriminate eelim
    eenough eexact eexists einduction einjection eintros eleft elim elimtype enough epose eremember
    erewrite eright eset esimplify_eq esplit etransitivity evar exact exactly_once exfalso exists f_equal
    fail field field_simplify field_simplify_eq first firstorder fix fold functional generalize hnf idtac
    induction injection instantiate intro intros intuition inversion inversion_clear inversion_sigma
    lapply lazy lazymatch left let lia lra match move multimatch nia now nra nsatz omega once pattern pose
    progress red refine reflexivity remember rename repeat replace revert revgoals rewrite
    rewrite_strat right ring ring_simplify rtauto set setoid_reflexivity setoid_replace setoid_rewrite
    setoid_symmetry setoid_transitivity simpl simple simplify_eq solve specialize split split_Rabs
    split_Rmult stepl stepr subst swap symmetry tauto transitivity trivial try tryif unfold unify unshelve
    zify
    """.split()
)
"""First words of a sentence. None of them is a command, and a command's name is no tactic's."""

FORBIDDEN: Final = frozenset(
    """
    Abort Admitted Axiom Cd Declare Defined Load Ltac2 Parameter Qed Redirect abstract admit bypass_check
    external give_up ltac ltac2 native_compute optimize_heap psatz psatz_Q psatz_R psatz_Z shelve
    shelve_unifiable sos_Q sos_R sos_Z timeout transparent_abstract vm_compute xpsatz_Q xpsatz_R
    xpsatz_Z xsos_Q xsos_R xsos_Z
    """.split()
)
"""Words that may stand nowhere: goals closed or put aside without proof, computation outside the kernel's own
conversion, time limits that would end ours, programs outside, tactics inside terms, and the worst commands,
though none could follow inside a sentence. Every word that ends in ``_no_check`` is refused, too."""
