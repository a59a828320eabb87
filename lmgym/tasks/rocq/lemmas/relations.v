Definition relation (A : Type) : Type := A -> A -> Prop.
Definition reflexive {A : Type} (R : relation A) : Prop := forall x, R x x.
Definition irreflexive {A : Type} (R : relation A) : Prop := forall x, ~ R x x.
Definition symmetric {A : Type} (R : relation A) : Prop := forall x y, R x y -> R y x.
Definition asymmetric {A : Type} (R : relation A) : Prop := forall x y, R x y -> ~ R y x.
Definition antisymmetric {A : Type} (R : relation A) : Prop := forall x y, R x y -> R y x -> x = y.
Definition transitive {A : Type} (R : relation A) : Prop := forall x y z, R x y -> R y z -> R x z.
Definition converse {A : Type} (R : relation A) : relation A := fun x y => R y x.
Definition includes {A : Type} (R S : relation A) : Prop := forall x y, S x y -> R x y.
Definition composed {A : Type} (R S : relation A) : relation A := fun x z => exists y, R x y /\ S y
  z.
Inductive closure {A : Type} (R : relation A) : relation A :=
  | closure_here : forall x, closure R x x
  | closure_step : forall x y z, R x y -> closure R y z -> closure R x z.

(* lmgym: level 5; topics relations *)
Lemma equality_is_equivalence : forall A : Type, reflexive (@eq A) /\ symmetric (@eq A) /\
  transitive (@eq A).
Proof.
  intros A. split. intros x. reflexivity. split. intros x y H. rewrite H. reflexivity.
  intros x y z H1 H2. rewrite H1. exact H2.
Qed.

(* lmgym: level 3; topics relations *)
Lemma converse_twice : forall (A : Type) (R : relation A) (x y : A), converse (converse R) x y <-> R
  x y.
Proof.
  intros A R x y. split. intros H. exact H. intros H. exact H.
Qed.

(* lmgym: level 1; topics relations *)
Lemma converse_symmetric : forall (A : Type) (R : relation A), symmetric R -> includes R (converse
  R).
Proof.
  intros A R H x y K. apply H. exact K.
Qed.

(* lmgym: level 2; topics relations *)
Lemma converse_transitive : forall (A : Type) (R : relation A), transitive R -> transitive (converse
  R).
Proof.
  intros A R H x y z H1 H2. apply (H z y x). exact H2. exact H1.
Qed.

(* lmgym: level 2; topics relations *)
Lemma converse_antisymmetric : forall (A : Type) (R : relation A), antisymmetric R -> antisymmetric
  (converse R).
Proof.
  intros A R H x y H1 H2. apply H. exact H2. exact H1.
Qed.

(* lmgym: level 2; topics relations *)
Lemma asymmetric_irreflexive : forall (A : Type) (R : relation A), asymmetric R -> irreflexive R.
Proof.
  intros A R H x K. apply (H x x). exact K. exact K.
Qed.

(* lmgym: level 2; topics relations *)
Lemma irreflexive_transitive_asymmetric : forall (A : Type) (R : relation A), irreflexive R ->
  transitive R -> asymmetric R.
Proof.
  intros A R irr trans x y H1 H2. apply (irr x). apply (trans x y x). exact H1. exact H2.
Qed.

(* lmgym: level 2; topics relations *)
Lemma asymmetric_antisymmetric : forall (A : Type) (R : relation A), asymmetric R -> antisymmetric
  R.
Proof.
  intros A R H x y H1 H2. destruct (H x y). exact H1. exact H2.
Qed.

(* lmgym: level 3; topics relations *)
Lemma symmetric_transitive_connected_reflexive : forall (A : Type) (R : relation A), symmetric R ->
  transitive R -> (forall x, exists y, R x y) -> reflexive R.
Proof.
  intros A R sym trans total x. destruct (total x) as [y H]. apply (trans x y x). exact H.
  apply sym. exact H.
Qed.

(* lmgym: level 2; topics relations *)
Lemma symmetric_antisymmetric_is_equality : forall (A : Type) (R : relation A), symmetric R ->
  antisymmetric R -> forall x y, R x y -> x = y.
Proof.
  intros A R sym anti x y H. apply anti. exact H. apply sym. exact H.
Qed.

(* lmgym: level 2; topics relations *)
Lemma euclidean_reflexive_symmetric : forall (A : Type) (R : relation A), (forall x y z, R x y -> R
  x z -> R y z) -> reflexive R -> symmetric R.
Proof.
  intros A R euc refl x y H. apply (euc x y x). exact H. apply refl.
Qed.

(* lmgym: level 3; topics relations *)
Lemma euclidean_reflexive_transitive : forall (A : Type) (R : relation A), (forall x y z, R x y -> R
  x z -> R y z) -> reflexive R -> transitive R.
Proof.
  intros A R euc refl x y z H1 H2. apply (euc y x z). apply (euc x y x). exact H1. apply refl.
  exact H2.
Qed.

(* lmgym: level 5; topics relations *)
Lemma composed_associates : forall (A : Type) (R S T : relation A) (x y : A), composed R (composed S
  T) x y -> composed (composed R S) T x y.
Proof.
  intros A R S T x y [a [H1 [b [H2 H3]]]]. exists b. split. exists a. split. exact H1. exact H2.
  exact H3.
Qed.

(* lmgym: level 3; topics relations *)
Lemma composed_converse : forall (A : Type) (R S : relation A) (x y : A), converse (composed R S) x
  y -> composed (converse S) (converse R) x y.
Proof.
  intros A R S x y [a [H1 H2]]. exists a. split. exact H2. exact H1.
Qed.

(* lmgym: level 5; topics relations *)
Lemma composed_with_equality : forall (A : Type) (R : relation A) (x y : A), composed R (@eq A) x y
  <-> R x y.
Proof.
  intros A R x y. split. intros [z [H E]]. rewrite <- E. exact H. intros H. exists y. split.
  exact H. reflexivity.
Qed.

(* lmgym: level 6; topics relations *)
Lemma transitive_as_composed : forall (A : Type) (R : relation A), transitive R <-> includes R
  (composed R R).
Proof.
  intros A R. split. intros H x z [y [H1 H2]]. apply (H x y z). exact H1. exact H2.
  intros H x y z H1 H2. apply H. exists y. split. exact H1. exact H2.
Qed.

(* lmgym: level 1; topics relations *)
Lemma includes_reflexive : forall (A : Type) (R : relation A), includes R R.
Proof.
  intros A R x y H. exact H.
Qed.

(* lmgym: level 2; topics relations *)
Lemma includes_transitive : forall (A : Type) (R S T : relation A), includes R S -> includes S T ->
  includes R T.
Proof.
  intros A R S T H1 H2 x y H. apply H1. apply H2. exact H.
Qed.

(* lmgym: level 4; topics relations *)
Lemma composed_monotone : forall (A : Type) (R R' S S' : relation A), includes R' R -> includes S' S
  -> includes (composed R' S') (composed R S).
Proof.
  intros A R R' S S' HR HS x z [y [H1 H2]]. exists y. split. apply HR. exact H1. apply HS.
  exact H2.
Qed.

(* lmgym: level 4; topics relations *)
Lemma intersection_transitive : forall (A : Type) (R S : relation A), transitive R -> transitive S
  -> transitive (fun x y => R x y /\ S x y).
Proof.
  intros A R S HR HS x y z [H1 H2] [H3 H4]. split. apply (HR x y z). exact H1. exact H3.
  apply (HS x y z). exact H2. exact H4.
Qed.

(* lmgym: level 4; topics relations *)
Lemma preimage_equivalence : forall (A B : Type) (f : A -> B), symmetric (fun x y => f x = f y) /\
  transitive (fun x y => f x = f y).
Proof.
  intros A B f. split. intros x y H. rewrite H. reflexivity. intros x y z H1 H2. rewrite H1.
  exact H2.
Qed.

(* lmgym: level 2; topics relations *)
Lemma closure_includes : forall (A : Type) (R : relation A), includes (closure R) R.
Proof.
  intros A R x y H. apply (closure_step R x y y). exact H. apply closure_here.
Qed.

(* lmgym: level 4; topics relations, induction *)
Lemma closure_transitive : forall (A : Type) (R : relation A), transitive (closure R).
Proof.
  intros A R x y z H1 H2. induction H1 as [x | x w y S H1 IH]. exact H2.
  apply (closure_step R x w z). exact S. apply IH. exact H2.
Qed.

(* lmgym: level 4; topics relations, induction *)
Lemma closure_least : forall (A : Type) (R S : relation A), reflexive S -> transitive S -> includes
  S R -> includes S (closure R).
Proof.
  intros A R S refl trans inc x y H. induction H as [x | x w y K H IH]. apply refl.
  apply (trans x w y). apply inc. exact K. exact IH.
Qed.

(* lmgym: level 5; topics relations, induction; uses closure_transitive, closure_includes *)
Lemma closure_symmetric : forall (A : Type) (R : relation A), symmetric R -> symmetric (closure R).
Proof.
  intros A R sym x y H. induction H as [x | x w y K H IH]. apply closure_here.
  apply (closure_transitive A R y w x). exact IH. apply closure_includes. apply sym. exact K.
Qed.

(* lmgym: level 4; topics relations, induction; uses closure_transitive *)
Lemma closure_twice : forall (A : Type) (R : relation A), includes (closure R) (closure (closure
  R)).
Proof.
  intros A R x y H. induction H as [x | x w y K H IH]. apply closure_here.
  apply (closure_transitive A R x w y). exact K. exact IH.
Qed.

(* lmgym: level 4; topics relations, induction *)
Lemma closure_monotone : forall (A : Type) (R S : relation A), includes S R -> includes (closure S)
  (closure R).
Proof.
  intros A R S inc x y H. induction H as [x | x w y K H IH]. apply closure_here.
  apply (closure_step S x w y). apply inc. exact K. exact IH.
Qed.

(* lmgym: level 5; topics relations, induction *)
Lemma closure_invariant : forall (A : Type) (R : relation A) (P : A -> Prop), (forall x y, R x y ->
  P x -> P y) -> forall x y, closure R x y -> P x -> P y.
Proof.
  intros A R P inv x y H. induction H as [x | x w y K H IH]. intros Hx. exact Hx. intros Hx.
  apply IH. apply (inv x w). exact K. exact Hx.
Qed.

(* lmgym: level 5; topics relations *)
Lemma closure_first_step : forall (A : Type) (R : relation A) (x y : A), closure R x y -> x = y \/
  exists z, R x z /\ closure R z y.
Proof.
  intros A R x y H. destruct H as [x | x z y K H]. left. reflexivity. right. exists z. split.
  exact K. exact H.
Qed.

(* lmgym: level 6; topics relations, induction *)
Lemma closure_of_successor_is_le : forall n m : nat, closure (fun a b => b = S a) n m -> n <= m.
Proof.
  intros n m H. induction H as [n | n k m E H IH]. apply le_n. rewrite E in IH. clear H.
  induction IH as [| m IH IHm]. apply le_S. apply le_n. apply le_S. exact IHm.
Qed.

(* lmgym: level 7; topics relations, induction *)
Lemma diamond_strip : forall (A : Type) (R : relation A), (forall x y z, R x y -> R x z -> exists w,
  R y w /\ R z w) -> forall x y z, R x y -> closure R x z -> exists w, closure R y w /\ R z w.
Proof.
  intros A R dia x y z H1 H2. revert y H1. induction H2 as [x | x u z K H2 IH]. intros y H1.
  exists y. split. apply closure_here. exact H1. intros y H1.
  destruct (dia x y u H1 K) as [v [V1 V2]]. destruct (IH v V2) as [w [W1 W2]]. exists w. split.
  apply (closure_step R y v w). exact V1. exact W1. exact W2.
Qed.

(* lmgym: level 7; topics relations, induction; uses diamond_strip *)
Lemma diamond_confluent : forall (A : Type) (R : relation A), (forall x y z, R x y -> R x z ->
  exists w, R y w /\ R z w) -> forall x y z, closure R x y -> closure R x z -> exists w, closure R y
  w /\ closure R z w.
Proof.
  intros A R dia x y z H1. revert z. induction H1 as [x | x u y K H1 IH]. intros z H2. exists z.
  split. exact H2. apply closure_here. intros z H2.
  destruct (diamond_strip A R dia x u z K H2) as [v [V1 V2]]. destruct (IH v V1) as [w [W1 W2]].
  exists w. split. exact W1. apply (closure_step R z v w). exact V2. exact W2.
Qed.
