Inductive even : nat -> Prop := even_zero : even 0 | even_step : forall n, even n -> even (S (S n)).
Inductive odd : nat -> Prop := odd_one : odd 1 | odd_step : forall n, odd n -> odd (S (S n)).
Fixpoint is_even (n : nat) : bool := match n with 0 => true | S m => negb (is_even m) end.

(* lmgym: level 1; topics nat, even and odd *)
Lemma even_four : even 4.
Proof.
  apply even_step. apply even_step. apply even_zero.
Qed.

(* lmgym: level 1; topics nat, even and odd *)
Lemma odd_five : odd 5.
Proof.
  apply odd_step. apply odd_step. apply odd_one.
Qed.

(* lmgym: level 1; topics nat, even and odd *)
Lemma not_even_one : ~ even 1.
Proof.
  intros H. inversion H.
Qed.

(* lmgym: level 1; topics nat, even and odd *)
Lemma not_odd_zero : ~ odd 0.
Proof.
  intros H. inversion H.
Qed.

(* lmgym: level 2; topics nat, even and odd *)
Lemma not_even_three : ~ even 3.
Proof.
  intros H. inversion H as [| n K E]. inversion K.
Qed.

(* lmgym: level 2; topics nat, even and odd *)
Lemma even_unstep : forall n : nat, even (S (S n)) -> even n.
Proof.
  intros n H. inversion H as [| m K E]. exact K.
Qed.

(* lmgym: level 3; topics nat, induction, even and odd *)
Lemma even_succ_odd : forall n : nat, even n -> odd (S n).
Proof.
  intros n H. induction H as [| n H IH]. apply odd_one. apply odd_step. exact IH.
Qed.

(* lmgym: level 4; topics nat, induction, even and odd *)
Lemma odd_succ_even : forall n : nat, odd n -> even (S n).
Proof.
  intros n H. induction H as [| n H IH]. apply even_step. apply even_zero. apply even_step.
  exact IH.
Qed.

(* lmgym: level 5; topics nat, induction, even and odd; uses even_succ_odd, odd_succ_even *)
Lemma even_or_odd : forall n : nat, even n \/ odd n.
Proof.
  intros n. induction n as [| n [IH | IH]]. left. apply even_zero. right. apply even_succ_odd.
  exact IH. left. apply odd_succ_even. exact IH.
Qed.

(* lmgym: level 5; topics nat, induction, even and odd *)
Lemma not_even_and_odd_both : forall n : nat, even n -> ~ odd n.
Proof.
  intros n H. induction H as [| n H IH]. intros K. inversion K. intros K. inversion K as [| m L E].
  apply IH. exact L.
Qed.

(* lmgym: level 4; topics nat, induction, even and odd *)
Lemma even_add : forall n m : nat, even n -> even m -> even (n + m).
Proof.
  intros n m Hn Hm. induction Hn as [| n Hn IH]. exact Hm. simpl. apply even_step. exact IH.
Qed.

(* lmgym: level 4; topics nat, induction, even and odd *)
Lemma even_add_odd : forall n m : nat, even n -> odd m -> odd (n + m).
Proof.
  intros n m Hn Hm. induction Hn as [| n Hn IH]. exact Hm. simpl. apply odd_step. exact IH.
Qed.

(* lmgym: level 5; topics nat, induction, even and odd; uses odd_succ_even *)
Lemma odd_add_odd : forall n m : nat, odd n -> odd m -> even (n + m).
Proof.
  intros n m Hn Hm. induction Hn as [| n Hn IH]. simpl. apply odd_succ_even. exact Hm. simpl.
  apply even_step. exact IH.
Qed.

(* lmgym: level 4; topics nat, induction, even and odd *)
Lemma even_add_cancel : forall n m : nat, even (n + m) -> even n -> even m.
Proof.
  intros n m H Hn. induction Hn as [| n Hn IH]. exact H. apply IH. inversion H as [| k K E].
  exact K.
Qed.

(* lmgym: level 8; topics nat, induction, even and odd *)
Lemma even_double : forall n : nat, even (n + n).
Proof.
  intros n. induction n as [| n IH]. apply even_zero. simpl. assert (E : n + S n = S (n + n)).
  clear IH. assert (G : forall a b, a + S b = S (a + b)). intros a b. induction a as [| a IH].
  reflexivity. simpl. rewrite IH. reflexivity. apply G. rewrite E. apply even_step. exact IH.
Qed.

(* lmgym: level 8; topics nat, induction, even and odd *)
Lemma even_means_double : forall n : nat, even n -> exists k, n = k + k.
Proof.
  intros n H. induction H as [| n H [k IH]]. exists 0. reflexivity. exists (S k). simpl.
  rewrite IH. assert (E : forall a b, a + S b = S (a + b)). intros a b. induction a as [| a IHa].
  reflexivity. simpl. rewrite IHa. reflexivity. rewrite E. reflexivity.
Qed.

(* lmgym: level 8; topics nat, induction, even and odd *)
Lemma even_mul : forall n m : nat, even n -> even (m * n).
Proof.
  intros n m H. induction m as [| m IH]. apply even_zero. simpl. induction H as [| n' H IHn].
  exact IH. assert (K : forall a b, even a -> even b -> even (a + b)). intros a b Ha Hb.
  induction Ha as [| a Ha IHa]. exact Hb. simpl. apply even_step. exact IHa. apply K.
  apply even_step. exact H. exact IH.
Qed.

(* lmgym: level 2; topics nat, even and odd *)
Lemma is_even_step : forall n : nat, is_even (S (S n)) = is_even n.
Proof.
  intros n. simpl. destruct (is_even n). reflexivity. reflexivity.
Qed.

(* lmgym: level 7; topics nat, induction, even and odd *)
Lemma is_even_add : forall n m : nat, is_even (n + m) = if is_even n then is_even m else negb
  (is_even m).
Proof.
  intros n m. induction n as [| n IH]. simpl. destruct (is_even m). reflexivity. reflexivity.
  simpl. rewrite IH. destruct (is_even n). destruct (is_even m). reflexivity. reflexivity.
  destruct (is_even m). reflexivity. reflexivity.
Qed.

(* lmgym: level 7; topics nat, induction, even and odd *)
Lemma is_even_double : forall n : nat, is_even (n + n) = true.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl.
  assert (E : forall a b, a + S b = S (a + b)). intros a b. induction a as [| a IHa]. reflexivity.
  simpl. rewrite IHa. reflexivity. rewrite E. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 3; topics nat, induction, even and odd; uses is_even_step *)
Lemma even_is_even : forall n : nat, even n -> is_even n = true.
Proof.
  intros n H. induction H as [| n H IH]. reflexivity. rewrite is_even_step. exact IH.
Qed.

(* lmgym: level 3; topics nat, induction, even and odd; uses is_even_step *)
Lemma odd_is_not_even : forall n : nat, odd n -> is_even n = false.
Proof.
  intros n H. induction H as [| n H IH]. reflexivity. rewrite is_even_step. exact IH.
Qed.

(* lmgym: level 2; topics nat, even and odd; uses even_or_odd, odd_is_not_even *)
Lemma is_even_even : forall n : nat, is_even n = true -> even n.
Proof.
  intros n H. destruct (even_or_odd n) as [K | K]. exact K. rewrite (odd_is_not_even n K) in H.
  discriminate H.
Qed.
