(* lmgym: level 2; topics bool *)
Lemma negb_twice : forall b : bool, negb (negb b) = b.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma negb_differs : forall b : bool, negb b <> b.
Proof.
  intros b H. destruct b. discriminate H. discriminate H.
Qed.

(* lmgym: level 4; topics bool *)
Lemma negb_injective : forall a b : bool, negb a = negb b -> a = b.
Proof.
  intros a b H. destruct a. destruct b. reflexivity. discriminate H. destruct b. discriminate H.
  reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma negb_moves : forall a b : bool, negb a = b -> a = negb b.
Proof.
  intros a b H. rewrite <- H. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 1; topics bool *)
Lemma true_differs_from_false : true <> false.
Proof.
  intros H. discriminate H.
Qed.

(* lmgym: level 3; topics bool *)
Lemma bool_cases : forall b : bool, b = true \/ b = false.
Proof.
  intros b. destruct b. left. reflexivity. right. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma not_true_is_false : forall b : bool, b <> true -> b = false.
Proof.
  intros b H. destruct b. destruct H. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma not_false_is_true : forall b : bool, b <> false -> b = true.
Proof.
  intros b H. destruct b. reflexivity. destruct H. reflexivity.
Qed.

(* lmgym: level 1; topics bool *)
Lemma andb_true_left : forall b : bool, andb true b = b.
Proof.
  intros b. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_true_right : forall b : bool, andb b true = b.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_false_right : forall b : bool, andb b false = false.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_commutes : forall a b : bool, andb a b = andb b a.
Proof.
  intros a b. destruct a; destruct b; reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_associates : forall a b c : bool, andb a (andb b c) = andb (andb a b) c.
Proof.
  intros a b c. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_idempotent : forall b : bool, andb b b = b.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_with_negation : forall b : bool, andb b (negb b) = false.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 3; topics bool *)
Lemma andb_true_both : forall a b : bool, andb a b = true -> a = true /\ b = true.
Proof.
  intros a b H. destruct a. split. reflexivity. exact H. discriminate H.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_both_true : forall a b : bool, a = true -> b = true -> andb a b = true.
Proof.
  intros a b Ha Hb. rewrite Ha. rewrite Hb. reflexivity.
Qed.

(* lmgym: level 3; topics bool *)
Lemma andb_false_either : forall a b : bool, andb a b = false -> a = false \/ b = false.
Proof.
  intros a b H. destruct a. right. exact H. left. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma orb_false_right : forall b : bool, orb b false = b.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma orb_true_right : forall b : bool, orb b true = true.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 4; topics bool *)
Lemma orb_commutes : forall a b : bool, orb a b = orb b a.
Proof.
  intros a b. destruct a. destruct b. reflexivity. reflexivity. destruct b. reflexivity.
  reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma orb_associates : forall a b c : bool, orb a (orb b c) = orb (orb a b) c.
Proof.
  intros a b c. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma orb_with_negation : forall b : bool, orb b (negb b) = true.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 6; topics bool *)
Lemma orb_true_either : forall a b : bool, orb a b = true <-> a = true \/ b = true.
Proof.
  intros a b. split. intros H. destruct a. left. reflexivity. right. exact H. intros [H | H].
  rewrite H. reflexivity. rewrite H. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 5; topics bool *)
Lemma orb_false_both : forall a b : bool, orb a b = false <-> a = false /\ b = false.
Proof.
  intros a b. split. intros H. destruct a. discriminate H. split. reflexivity. exact H.
  intros [Ha Hb]. rewrite Ha. exact Hb.
Qed.

(* lmgym: level 2; topics bool *)
Lemma de_morgan_andb : forall a b : bool, negb (andb a b) = orb (negb a) (negb b).
Proof.
  intros a b. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma de_morgan_orb : forall a b : bool, negb (orb a b) = andb (negb a) (negb b).
Proof.
  intros a b. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_over_orb : forall a b c : bool, andb a (orb b c) = orb (andb a b) (andb a c).
Proof.
  intros a b c. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma orb_over_andb : forall a b c : bool, orb a (andb b c) = andb (orb a b) (orb a c).
Proof.
  intros a b c. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_absorbs : forall a b : bool, andb a (orb a b) = a.
Proof.
  intros a b. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 3; topics bool *)
Lemma orb_absorbs : forall a b : bool, orb a (andb a b) = a.
Proof.
  intros a b. destruct a. destruct b. reflexivity. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma xorb_self : forall b : bool, xorb b b = false.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma xorb_false : forall b : bool, xorb b false = b.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma xorb_true_negates : forall b : bool, xorb b true = negb b.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma xorb_commutes : forall a b : bool, xorb a b = xorb b a.
Proof.
  intros a b. destruct a; destruct b; reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma xorb_associates : forall a b c : bool, xorb a (xorb b c) = xorb (xorb a b) c.
Proof.
  intros a b c. destruct a; destruct b; destruct c; reflexivity.
Qed.

(* lmgym: level 4; topics bool *)
Lemma xorb_zero_equal : forall a b : bool, xorb a b = false -> a = b.
Proof.
  intros a b H. destruct a. destruct b. reflexivity. discriminate H. destruct b. discriminate H.
  reflexivity.
Qed.

(* lmgym: level 4; topics bool *)
Lemma xorb_as_or_and : forall a b : bool, xorb a b = andb (orb a b) (negb (andb a b)).
Proof.
  intros a b. destruct a. destruct b. reflexivity. reflexivity. destruct b. reflexivity.
  reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma xorb_negations_cancel : forall a b : bool, xorb (negb a) (negb b) = xorb a b.
Proof.
  intros a b. destruct a; destruct b; reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma andb_over_xorb : forall a b c : bool, andb a (xorb b c) = xorb (andb a b) (andb a c).
Proof.
  intros a b c. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 3; topics bool *)
Lemma andb_equals_orb : forall a b : bool, andb a b = orb a b -> a = b.
Proof.
  intros a b H. destruct a. simpl in H. rewrite H. reflexivity. simpl in H. exact H.
Qed.

(* lmgym: level 2; topics bool *)
Lemma implb_as_or : forall a b : bool, implb a b = orb (negb a) b.
Proof.
  intros a b. destruct a. reflexivity. reflexivity.
Qed.

(* lmgym: level 5; topics bool *)
Lemma implb_true_means : forall a b : bool, implb a b = true <-> (a = true -> b = true).
Proof.
  intros a b. split. intros H Ha. rewrite Ha in H. exact H. intros H. destruct a. apply H.
  reflexivity. reflexivity.
Qed.

(* lmgym: level 3; topics bool *)
Lemma implb_transitive : forall a b c : bool, implb a b = true -> implb b c = true -> implb a c =
  true.
Proof.
  intros a b c H1 H2. destruct a. simpl in H1. rewrite H1 in H2. exact H2. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma if_same : forall (A : Type) (b : bool) (x : A), (if b then x else x) = x.
Proof.
  intros A b x. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma if_negb : forall (A : Type) (b : bool) (x y : A), (if negb b then x else y) = (if b then y
  else x).
Proof.
  intros A b x y. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma if_function : forall (A B : Type) (f : A -> B) (b : bool) (x y : A), f (if b then x else y) =
  if b then f x else f y.
Proof.
  intros A B f b x y. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics bool *)
Lemma if_is_boolean : forall b : bool, (if b then true else false) = b.
Proof.
  intros b. destruct b. reflexivity. reflexivity.
Qed.

(* lmgym: level 8; topics bool *)
Lemma bool_function_three_times : forall (f : bool -> bool) (b : bool), f (f (f b)) = f b.
Proof.
  intros f b. destruct (f true) eqn:Ht. destruct (f false) eqn:Hf. destruct b. rewrite Ht.
  rewrite Ht. exact Ht. rewrite Hf. rewrite Ht. exact Ht. destruct b. rewrite Ht. rewrite Ht.
  exact Ht. rewrite Hf. rewrite Hf. exact Hf. destruct (f false) eqn:Hf. destruct b. rewrite Ht.
  rewrite Hf. exact Ht. rewrite Hf. rewrite Ht. exact Hf. destruct b. rewrite Ht. rewrite Hf.
  exact Hf. rewrite Hf. rewrite Hf. exact Hf.
Qed.

(* lmgym: level 7; topics bool *)
Lemma bool_involution_or_constant : forall f : bool -> bool, f true = f false \/ forall b, f (f b) =
  b.
Proof.
  intros f. destruct (f true) eqn:Ht. destruct (f false) eqn:Hf. left. reflexivity. right.
  intros b. destruct b. rewrite Ht. exact Ht. rewrite Hf. exact Hf. destruct (f false) eqn:Hf.
  right. intros b. destruct b. rewrite Ht. exact Hf. rewrite Hf. exact Ht. left. reflexivity.
Qed.

(* lmgym: level 7; topics bool *)
Lemma three_booleans_two_equal : forall a b c : bool, a = b \/ b = c \/ a = c.
Proof.
  intros a b c. destruct a. destruct b. left. reflexivity. destruct c. right. right. reflexivity.
  right. left. reflexivity. destruct b. destruct c. right. left. reflexivity. right. right.
  reflexivity. left. reflexivity.
Qed.

(* lmgym: level 4; topics bool *)
Lemma eqb_true_means_equal : forall a b : bool, (if a then b else negb b) = true -> a = b.
Proof.
  intros a b H. destruct a. destruct b. reflexivity. discriminate H. destruct b. discriminate H.
  reflexivity.
Qed.
