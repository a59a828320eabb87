(* Lemmas that need nothing but the prelude, so that their final checks are quick. *)

(* lmgym: level 1 *)
Lemma and_swap : forall A B : Prop, A /\ B -> B /\ A.
Proof.
  intros A B [a b].
  split.
  exact b.
  exact a.
Qed.

(* lmgym: level 2 *)
Lemma or_swap : forall A B : Prop, A \/ B -> B \/ A.
Proof.
  intros A B [a | b].
  right.
  exact a.
  left.
  exact b.
Qed.

(* lmgym: level 1 *)
Lemma identity : forall A : Prop, A -> A.
Proof.
  intros A a.
  exact a.
Qed.

(* lmgym: level 1 *)
Lemma first : forall A B : Prop, A -> B -> A.
Proof.
  intros A B a b.
  exact a.
Qed.

(* lmgym: level 1 *)
Lemma second : forall A B : Prop, A -> B -> B.
Proof.
  intros A B a b.
  exact b.
Qed.

(* lmgym: level 1 *)
Lemma compose : forall A B C : Prop, (A -> B) -> (B -> C) -> A -> C.
Proof.
  intros A B C f g a.
  apply g.
  apply f.
  exact a.
Qed.

(* lmgym: level 1 *)
Lemma swap : forall A B C : Prop, (A -> B -> C) -> B -> A -> C.
Proof.
  intros A B C f b a.
  apply f.
  exact a.
  exact b.
Qed.

(* lmgym: level 1 *)
Lemma exfalso : forall A : Prop, False -> A.
Proof.
  intros A no.
  destruct no.
Qed.

(* lmgym: level 1 *)
Lemma double : forall A : Prop, A -> ~ ~ A.
Proof.
  intros A a no.
  apply no.
  exact a.
Qed.

(* lmgym: level 2 *)
Lemma triple : forall A : Prop, ~ ~ ~ A -> ~ A.
Proof.
  intros A no a.
  apply no.
  intros h.
  apply h.
  exact a.
Qed.

(* lmgym: level 1 *)
Lemma truth : True.
Proof.
  exact I.
Qed.

(* lmgym: level 2 *)
Lemma add_zero : forall n : nat, n + 0 = n.
Proof.
  intros n.
  induction n as [| n IH].
  reflexivity.
  simpl.
  rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 1 *)
Lemma zero_add : forall n : nat, 0 + n = n.
Proof.
  intros n.
  reflexivity.
Qed.

(* lmgym: level 2 *)
Lemma add_succ : forall n m : nat, n + S m = S (n + m).
Proof.
  intros n m.
  induction n as [| n IH].
  reflexivity.
  simpl.
  rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 2 *)
Lemma times_zero : forall n : nat, n * 0 = 0.
Proof.
  intros n.
  induction n as [| n IH].
  reflexivity.
  simpl.
  exact IH.
Qed.

(* lmgym: level 1 *)
Lemma negb_twice : forall b : bool, negb (negb b) = b.
Proof.
  intros b.
  destruct b.
  reflexivity.
  reflexivity.
Qed.

(* lmgym: level 2 *)
Lemma andb_comm : forall a b : bool, andb a b = andb b a.
Proof.
  intros a b.
  destruct a.
  destruct b.
  reflexivity.
  reflexivity.
  destruct b.
  reflexivity.
  reflexivity.
Qed.

(* lmgym: level 1 *)
Lemma symmetric : forall (A : Type) (x y : A), x = y -> y = x.
Proof.
  intros A x y e.
  symmetry.
  exact e.
Qed.

(* lmgym: level 1 *)
Lemma transitive : forall (A : Type) (x y z : A), x = y -> y = z -> x = z.
Proof.
  intros A x y z e d.
  rewrite e.
  exact d.
Qed.

(* lmgym: level 1 *)
Lemma congruent : forall (A B : Type) (f : A -> B) (x y : A), x = y -> f x = f y.
Proof.
  intros A B f x y e.
  rewrite e.
  reflexivity.
Qed.

(* lmgym: level 1 *)
Lemma some_succ : forall n : nat, exists m : nat, m = S n.
Proof.
  intros n.
  exists (S n).
  reflexivity.
Qed.

(* lmgym: level 2 *)
Lemma curry : forall A B C : Prop, (A /\ B -> C) -> A -> B -> C.
Proof.
  intros A B C f a b.
  apply f.
  split.
  exact a.
  exact b.
Qed.

(* lmgym: level 1 *)
Lemma uncurry : forall A B C : Prop, (A -> B -> C) -> A /\ B -> C.
Proof.
  intros A B C f [a b].
  apply f.
  exact a.
  exact b.
Qed.

(* lmgym: level 1 *)
Lemma not_both : forall A : Prop, ~ (A /\ ~ A).
Proof.
  intros A [a no].
  apply no.
  exact a.
Qed.

(* lmgym: level 1 *)
Lemma contrapositive : forall A B : Prop, (A -> B) -> ~ B -> ~ A.
Proof.
  intros A B f no a.
  apply no.
  apply f.
  exact a.
Qed.

(* lmgym: level 1 *)
Lemma or_idem : forall A : Prop, A \/ A -> A.
Proof.
  intros A [a | b].
  exact a.
  exact b.
Qed.

(* lmgym: level 1 *)
Lemma all_to_some : forall (P : nat -> Prop), (forall n, P n) -> exists n, P n.
Proof.
  intros P h.
  exists 0.
  apply h.
Qed.

(* lmgym: level 1 *)
Lemma two_and_two : 2 + 2 = 4.
Proof.
  reflexivity.
Qed.
