(* lmgym: level 1; topics nat *)
Lemma zero_add : forall n : nat, 0 + n = n.
Proof.
  intros n. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction *)
Lemma add_zero : forall n : nat, n + 0 = n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction *)
Lemma add_succ : forall n m : nat, n + S m = S (n + m).
Proof.
  intros n m. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction *)
Lemma add_assoc : forall a b c : nat, a + (b + c) = (a + b) + c.
Proof.
  intros a b c. induction a as [| a IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 5; topics nat, induction; uses add_zero, add_succ *)
Lemma add_comm : forall n m : nat, n + m = m + n.
Proof.
  intros n m. induction n as [| n IH]. rewrite add_zero. reflexivity. rewrite add_succ. simpl.
  rewrite IH. reflexivity.
Qed.

(* lmgym: level 1; topics nat *)
Lemma one_add : forall n : nat, 1 + n = S n.
Proof.
  intros n. reflexivity.
Qed.

(* lmgym: level 2; topics nat; uses add_succ, add_zero *)
Lemma add_one : forall n : nat, n + 1 = S n.
Proof.
  intros n. rewrite add_succ. rewrite add_zero. reflexivity.
Qed.

(* lmgym: level 2; topics nat; uses add_comm, add_assoc *)
Lemma add_shuffle : forall a b c : nat, a + (b + c) = b + (a + c).
Proof.
  intros a b c. rewrite add_assoc. rewrite add_assoc. rewrite (add_comm a b). reflexivity.
Qed.

(* lmgym: level 2; topics nat; uses add_comm, add_assoc, add_shuffle *)
Lemma add_exchange : forall a b c d : nat, (a + b) + (c + d) = (a + c) + (b + d).
Proof.
  intros a b c d. rewrite <- add_assoc. rewrite (add_shuffle b c d). rewrite add_assoc.
  reflexivity.
Qed.

(* lmgym: level 1; topics nat *)
Lemma succ_injective : forall n m : nat, S n = S m -> n = m.
Proof.
  intros n m H. injection H as E. exact E.
Qed.

(* lmgym: level 1; topics nat *)
Lemma succ_not_zero : forall n : nat, S n <> 0.
Proof.
  intros n H. discriminate H.
Qed.

(* lmgym: level 5; topics nat, induction *)
Lemma succ_not_self : forall n : nat, S n <> n.
Proof.
  intros n. induction n as [| n IH]. intros H. discriminate H. intros H. apply IH.
  injection H as E. exact E.
Qed.

(* lmgym: level 4; topics nat *)
Lemma zero_or_succ : forall n : nat, n = 0 \/ exists m, n = S m.
Proof.
  intros n. destruct n as [| m]. left. reflexivity. right. exists m. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction *)
Lemma add_left_cancel : forall k n m : nat, k + n = k + m -> n = m.
Proof.
  intros k n m H. induction k as [| k IH]. exact H. apply IH. injection H as E. exact E.
Qed.

(* lmgym: level 2; topics nat; uses add_left_cancel, add_comm *)
Lemma add_right_cancel : forall n m k : nat, n + k = m + k -> n = m.
Proof.
  intros n m k H. apply (add_left_cancel k). rewrite (add_comm k n). rewrite (add_comm k m).
  exact H.
Qed.

(* lmgym: level 3; topics nat *)
Lemma add_zero_both : forall n m : nat, n + m = 0 -> n = 0 /\ m = 0.
Proof.
  intros n m H. destruct n as [| n]. split. reflexivity. exact H. discriminate H.
Qed.

(* lmgym: level 2; topics nat *)
Lemma add_self_zero : forall n : nat, n + n = 0 -> n = 0.
Proof.
  intros n H. destruct n as [| n]. reflexivity. discriminate H.
Qed.

(* lmgym: level 6; topics nat *)
Lemma add_is_one : forall n m : nat, n + m = 1 -> (n = 1 /\ m = 0) \/ (n = 0 /\ m = 1).
Proof.
  intros n m H. destruct n as [| n]. right. split. reflexivity. exact H. left. destruct n as [| n].
  split. reflexivity. injection H as E. exact E. discriminate H.
Qed.

(* lmgym: level 7; topics nat, induction; uses add_succ *)
Lemma add_self_injective : forall n m : nat, n + n = m + m -> n = m.
Proof.
  intros n. induction n as [| n IH]. intros m H. destruct m as [| m]. reflexivity. discriminate H.
  intros m H. destruct m as [| m]. discriminate H. simpl in H. rewrite add_succ in H.
  rewrite add_succ in H. injection H as E. rewrite (IH m E). reflexivity.
Qed.

(* lmgym: level 1; topics nat *)
Lemma pred_succ : forall n : nat, pred (S n) = n.
Proof.
  intros n. reflexivity.
Qed.

(* lmgym: level 2; topics nat *)
Lemma succ_pred : forall n : nat, n <> 0 -> S (pred n) = n.
Proof.
  intros n H. destruct n as [| n]. destruct H. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics nat *)
Lemma sub_zero : forall n : nat, n - 0 = n.
Proof.
  intros n. destruct n as [| n]. reflexivity. reflexivity.
Qed.

(* lmgym: level 1; topics nat *)
Lemma zero_sub : forall n : nat, 0 - n = 0.
Proof.
  intros n. reflexivity.
Qed.

(* lmgym: level 3; topics nat, induction *)
Lemma sub_self : forall n : nat, n - n = 0.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. exact IH.
Qed.

(* lmgym: level 5; topics nat, induction *)
Lemma add_sub : forall n m : nat, (n + m) - n = m.
Proof.
  intros n m. induction n as [| n IH]. simpl. destruct m as [| m]. reflexivity. reflexivity. simpl.
  exact IH.
Qed.

(* lmgym: level 3; topics nat, induction *)
Lemma sub_add_self : forall n m : nat, n - (n + m) = 0.
Proof.
  intros n m. induction n as [| n IH]. reflexivity. simpl. exact IH.
Qed.

(* lmgym: level 5; topics nat, induction *)
Lemma sub_sub : forall n m k : nat, (n - m) - k = n - (m + k).
Proof.
  intros n. induction n as [| n IH]. intros m k. reflexivity. intros m k. destruct m as [| m].
  reflexivity. simpl. apply IH.
Qed.

(* lmgym: level 3; topics nat, induction *)
Lemma sub_common : forall k n m : nat, (k + n) - (k + m) = n - m.
Proof.
  intros k n m. induction k as [| k IH]. reflexivity. simpl. exact IH.
Qed.

(* lmgym: level 6; topics nat, induction *)
Lemma sub_succ_right : forall n m : nat, n - S m = pred (n - m).
Proof.
  intros n. induction n as [| n IH]. intros m. reflexivity. intros m. destruct m as [| m]. simpl.
  destruct n as [| n]. reflexivity. reflexivity. simpl. rewrite <- IH. reflexivity.
Qed.

(* lmgym: level 6; topics nat, induction *)
Lemma two_step_induction : forall P : nat -> Prop, P 0 -> P 1 -> (forall n, P n -> P (S (S n))) ->
  forall n, P n.
Proof.
  intros P H0 H1 H n. assert (K : P n /\ P (S n)). induction n as [| n [IH1 IH2]]. split. exact H0.
  exact H1. split. exact IH2. apply H. exact IH1. destruct K as [K _]. exact K.
Qed.

(* lmgym: level 2; topics nat *)
Lemma case_induction : forall P : nat -> Prop, P 0 -> (forall n, P (S n)) -> forall n, P n.
Proof.
  intros P H0 HS n. destruct n as [| n]. exact H0. apply HS.
Qed.

(* lmgym: level 4; topics nat, induction *)
Lemma iterate_end : forall (A : Type) (f : A -> A) (n : nat) (x : A), Nat.iter n f (f x) = f
  (Nat.iter n f x).
Proof.
  intros A f n x. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction *)
Lemma iterate_add : forall (A : Type) (f : A -> A) (n m : nat) (x : A), Nat.iter (n + m) f x =
  Nat.iter n f (Nat.iter m f x).
Proof.
  intros A f n m x. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction *)
Lemma iterate_succ_is_add : forall n m : nat, Nat.iter n S m = n + m.
Proof.
  intros n m. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction *)
Lemma iterate_fixed_point : forall (A : Type) (f : A -> A) (a : A) (n : nat), f a = a -> Nat.iter n
  f a = a.
Proof.
  intros A f a n H. induction n as [| n IH]. reflexivity. simpl. rewrite IH. exact H.
Qed.
