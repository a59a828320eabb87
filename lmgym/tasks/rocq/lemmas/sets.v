Definition set (A : Type) : Type := A -> Prop.
Definition subset {A : Type} (X Y : set A) : Prop := forall x, X x -> Y x.
Definition same {A : Type} (X Y : set A) : Prop := forall x, X x <-> Y x.
Definition union {A : Type} (X Y : set A) : set A := fun x => X x \/ Y x.
Definition inter {A : Type} (X Y : set A) : set A := fun x => X x /\ Y x.
Definition minus {A : Type} (X Y : set A) : set A := fun x => X x /\ ~ Y x.
Definition complement {A : Type} (X : set A) : set A := fun x => ~ X x.
Definition empty {A : Type} : set A := fun _ => False.
Definition full {A : Type} : set A := fun _ => True.
Definition image {A B : Type} (f : A -> B) (X : set A) : set B := fun y => exists x, X x /\ f x = y.
Definition preimage {A B : Type} (f : A -> B) (Y : set B) : set A := fun x => Y (f x).

(* lmgym: level 1; topics sets *)
Lemma subset_reflexive : forall (A : Type) (X : set A), subset X X.
Proof.
  intros A X x H. exact H.
Qed.

(* lmgym: level 2; topics sets *)
Lemma subset_transitive : forall (A : Type) (X Y Z : set A), subset X Y -> subset Y Z -> subset X Z.
Proof.
  intros A X Y Z H1 H2 x H. apply H2. apply H1. exact H.
Qed.

(* lmgym: level 6; topics sets *)
Lemma subset_both_ways : forall (A : Type) (X Y : set A), same X Y <-> subset X Y /\ subset Y X.
Proof.
  intros A X Y. split. intros H. split. intros x Hx. apply H. exact Hx. intros x Hx. apply H.
  exact Hx. intros [H1 H2] x. split. apply H1. apply H2.
Qed.

(* lmgym: level 1; topics sets *)
Lemma empty_subset : forall (A : Type) (X : set A), subset empty X.
Proof.
  intros A X x H. destruct H.
Qed.

(* lmgym: level 1; topics sets *)
Lemma subset_full : forall (A : Type) (X : set A), subset X full.
Proof.
  intros A X x H. exact I.
Qed.

(* lmgym: level 2; topics sets *)
Lemma subset_of_empty : forall (A : Type) (X : set A), subset X empty -> same X empty.
Proof.
  intros A X H x. split. apply H. intros K. destruct K.
Qed.

(* lmgym: level 5; topics sets *)
Lemma union_commutes : forall (A : Type) (X Y : set A), same (union X Y) (union Y X).
Proof.
  intros A X Y x. split. intros [H | H]. right. exact H. left. exact H. intros [H | H]. right.
  exact H. left. exact H.
Qed.

(* lmgym: level 4; topics sets *)
Lemma union_with_empty : forall (A : Type) (X : set A), same (union X empty) X.
Proof.
  intros A X x. split. intros [H | H]. exact H. destruct H. intros H. left. exact H.
Qed.

(* lmgym: level 4; topics sets *)
Lemma union_with_itself : forall (A : Type) (X : set A), same (union X X) X.
Proof.
  intros A X x. split. intros [H | H]. exact H. exact H. intros H. left. exact H.
Qed.

(* lmgym: level 1; topics sets *)
Lemma subset_union_left : forall (A : Type) (X Y : set A), subset X (union X Y).
Proof.
  intros A X Y x H. left. exact H.
Qed.

(* lmgym: level 2; topics sets *)
Lemma union_least : forall (A : Type) (X Y Z : set A), subset X Z -> subset Y Z -> subset (union X
  Y) Z.
Proof.
  intros A X Y Z H1 H2 x [H | H]. apply H1. exact H. apply H2. exact H.
Qed.

(* lmgym: level 5; topics sets *)
Lemma inter_commutes : forall (A : Type) (X Y : set A), same (inter X Y) (inter Y X).
Proof.
  intros A X Y x. split. intros [H1 H2]. split. exact H2. exact H1. intros [H1 H2]. split.
  exact H2. exact H1.
Qed.

(* lmgym: level 4; topics sets *)
Lemma inter_with_full : forall (A : Type) (X : set A), same (inter X full) X.
Proof.
  intros A X x. split. intros [H _]. exact H. intros H. split. exact H. exact I.
Qed.

(* lmgym: level 3; topics sets *)
Lemma inter_greatest : forall (A : Type) (X Y Z : set A), subset Z X -> subset Z Y -> subset Z
  (inter X Y).
Proof.
  intros A X Y Z H1 H2 x H. split. apply H1. exact H. apply H2. exact H.
Qed.

(* lmgym: level 7; topics sets *)
Lemma inter_over_union : forall (A : Type) (X Y Z : set A), same (inter X (union Y Z)) (union (inter
  X Y) (inter X Z)).
Proof.
  intros A X Y Z x. split. intros [HX [HY | HZ]]. left. split. exact HX. exact HY. right. split.
  exact HX. exact HZ. intros [[HX HY] | [HX HZ]]. split. exact HX. left. exact HY. split. exact HX.
  right. exact HZ.
Qed.

(* lmgym: level 5; topics sets *)
Lemma union_over_inter : forall (A : Type) (X Y Z : set A), subset (union X (inter Y Z)) (inter
  (union X Y) (union X Z)).
Proof.
  intros A X Y Z x [H | [HY HZ]]. split. left. exact H. left. exact H. split. right. exact HY.
  right. exact HZ.
Qed.

(* lmgym: level 6; topics sets *)
Lemma subset_as_inter : forall (A : Type) (X Y : set A), subset X Y <-> same (inter X Y) X.
Proof.
  intros A X Y. split. intros H x. split. intros [HX _]. exact HX. intros HX. split. exact HX.
  apply H. exact HX. intros H x HX. apply H in HX. destruct HX as [_ HY]. exact HY.
Qed.

(* lmgym: level 6; topics sets *)
Lemma subset_as_union : forall (A : Type) (X Y : set A), subset X Y <-> same (union X Y) Y.
Proof.
  intros A X Y. split. intros H x. split. intros [HX | HY]. apply H. exact HX. exact HY. intros HY.
  right. exact HY. intros H x HX. apply H. left. exact HX.
Qed.

(* lmgym: level 2; topics sets *)
Lemma complement_reverses : forall (A : Type) (X Y : set A), subset X Y -> subset (complement Y)
  (complement X).
Proof.
  intros A X Y H x HY HX. apply HY. apply H. exact HX.
Qed.

(* lmgym: level 7; topics sets *)
Lemma complement_of_union : forall (A : Type) (X Y : set A), same (complement (union X Y)) (inter
  (complement X) (complement Y)).
Proof.
  intros A X Y x. split. intros H. split. intros HX. apply H. left. exact HX. intros HY. apply H.
  right. exact HY. intros [H1 H2] [H | H]. apply H1. exact H. apply H2. exact H.
Qed.

(* lmgym: level 3; topics sets *)
Lemma complement_meets_nothing : forall (A : Type) (X : set A), same (inter X (complement X)) empty.
Proof.
  intros A X x. split. intros [H K]. apply K. exact H. intros H. destruct H.
Qed.

(* lmgym: level 1; topics sets *)
Lemma subset_double_complement : forall (A : Type) (X : set A), subset X (complement (complement
  X)).
Proof.
  intros A X x H K. apply K. exact H.
Qed.

(* lmgym: level 3; topics sets *)
Lemma minus_as_inter : forall (A : Type) (X Y : set A), same (minus X Y) (inter X (complement Y)).
Proof.
  intros A X Y x. split. intros H. exact H. intros H. exact H.
Qed.

(* lmgym: level 3; topics sets *)
Lemma minus_itself : forall (A : Type) (X : set A), same (minus X X) empty.
Proof.
  intros A X x. split. intros [H K]. destruct K. exact H. intros H. destruct H.
Qed.

(* lmgym: level 7; topics sets *)
Lemma minus_of_union : forall (A : Type) (X Y Z : set A), same (minus (union X Y) Z) (union (minus X
  Z) (minus Y Z)).
Proof.
  intros A X Y Z x. split. intros [[H | H] K]. left. split. exact H. exact K. right. split.
  exact H. exact K. intros [[H K] | [H K]]. split. left. exact H. exact K. split. right. exact H.
  exact K.
Qed.

(* lmgym: level 7; topics sets *)
Lemma minus_minus : forall (A : Type) (X Y Z : set A), same (minus (minus X Y) Z) (minus X (union Y
  Z)).
Proof.
  intros A X Y Z x. split. intros [[HX HY] HZ]. split. exact HX. intros [H | H]. apply HY. exact H.
  apply HZ. exact H. intros [HX H]. split. split. exact HX. intros HY. apply H. left. exact HY.
  intros HZ. apply H. right. exact HZ.
Qed.

(* lmgym: level 8; topics sets *)
Lemma image_of_union : forall (A B : Type) (f : A -> B) (X Y : set A), same (image f (union X Y))
  (union (image f X) (image f Y)).
Proof.
  intros A B f X Y y. split. intros [x [[H | H] E]]. left. exists x. split. exact H. exact E.
  right. exists x. split. exact H. exact E. intros [[x [H E]] | [x [H E]]]. exists x. split. left.
  exact H. exact E. exists x. split. right. exact H. exact E.
Qed.

(* lmgym: level 5; topics sets *)
Lemma image_of_inter : forall (A B : Type) (f : A -> B) (X Y : set A), subset (image f (inter X Y))
  (inter (image f X) (image f Y)).
Proof.
  intros A B f X Y y [x [[HX HY] E]]. split. exists x. split. exact HX. exact E. exists x. split.
  exact HY. exact E.
Qed.

(* lmgym: level 5; topics sets *)
Lemma image_of_inter_injective : forall (A B : Type) (f : A -> B) (X Y : set A), (forall x y, f x =
  f y -> x = y) -> subset (inter (image f X) (image f Y)) (image f (inter X Y)).
Proof.
  intros A B f X Y inj y [[a [HX E1]] [b [HY E2]]]. exists a. split. split. exact HX.
  rewrite (inj a b). exact HY. rewrite E1. rewrite E2. reflexivity. exact E1.
Qed.

(* lmgym: level 3; topics sets *)
Lemma image_monotone : forall (A B : Type) (f : A -> B) (X Y : set A), subset X Y -> subset (image f
  X) (image f Y).
Proof.
  intros A B f X Y H y [x [HX E]]. exists x. split. apply H. exact HX. exact E.
Qed.

(* lmgym: level 1; topics sets *)
Lemma image_preimage : forall (A B : Type) (f : A -> B) (Y : set B), subset (image f (preimage f Y))
  Y.
Proof.
  intros A B f Y y [x [H E]]. rewrite <- E. exact H.
Qed.

(* lmgym: level 3; topics sets *)
Lemma preimage_image : forall (A B : Type) (f : A -> B) (X : set A), subset X (preimage f (image f
  X)).
Proof.
  intros A B f X x H. exists x. split. exact H. reflexivity.
Qed.

(* lmgym: level 6; topics sets *)
Lemma image_preimage_adjoint : forall (A B : Type) (f : A -> B) (X : set A) (Y : set B), subset
  (image f X) Y <-> subset X (preimage f Y).
Proof.
  intros A B f X Y. split. intros H x HX. apply H. exists x. split. exact HX. reflexivity.
  intros H y [x [HX E]]. rewrite <- E. apply H. exact HX.
Qed.

(* lmgym: level 3; topics sets *)
Lemma preimage_of_complement : forall (A B : Type) (f : A -> B) (Y : set B), same (preimage f
  (complement Y)) (complement (preimage f Y)).
Proof.
  intros A B f Y x. split. intros H. exact H. intros H. exact H.
Qed.

(* lmgym: level 6; topics sets *)
Lemma cantor_power_set : forall (A : Type) (f : A -> set A), exists X : set A, forall a, ~ same (f
  a) X.
Proof.
  intros A f. exists (fun a => ~ f a a). intros a H. destruct (H a) as [H1 H2].
  assert (K : ~ f a a). intros L. apply H1. exact L. exact L. apply K. apply H2. exact K.
Qed.
