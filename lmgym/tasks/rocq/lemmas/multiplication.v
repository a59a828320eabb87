Lemma plus_zero (n : nat) : n + 0 = n.
Proof.
  induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

Lemma plus_succ (n m : nat) : n + S m = S (n + m).
Proof.
  induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

Lemma plus_comm (n m : nat) : n + m = m + n.
Proof.
  induction n as [| n IH]. rewrite plus_zero. reflexivity. simpl. rewrite IH. rewrite plus_succ.
  reflexivity.
Qed.

Lemma plus_assoc (a b c : nat) : a + (b + c) = (a + b) + c.
Proof.
  induction a as [| a IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

Lemma plus_swap (a b c : nat) : a + (b + c) = b + (a + c).
Proof.
  rewrite plus_assoc. rewrite (plus_comm a b). rewrite <- plus_assoc. reflexivity.
Qed.
Fixpoint power (a n : nat) : nat := match n with 0 => 1 | S m => a * power a m end.

(* lmgym: level 1; topics nat, multiplication *)
Lemma zero_mul : forall n : nat, 0 * n = 0.
Proof.
  intros n. reflexivity.
Qed.

(* lmgym: level 3; topics nat, induction, multiplication *)
Lemma mul_zero : forall n : nat, n * 0 = 0.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. exact IH.
Qed.

(* lmgym: level 1; topics nat, multiplication *)
Lemma one_mul : forall n : nat, 1 * n = n.
Proof.
  intros n. simpl. apply plus_zero.
Qed.

(* lmgym: level 4; topics nat, induction, multiplication *)
Lemma mul_one : forall n : nat, n * 1 = n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 2; topics nat, multiplication *)
Lemma two_mul : forall n : nat, 2 * n = n + n.
Proof.
  intros n. simpl. rewrite plus_zero. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, multiplication *)
Lemma mul_two : forall n : nat, n * 2 = n + n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. rewrite plus_succ.
  reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, multiplication *)
Lemma mul_succ : forall n m : nat, n * S m = n + n * m.
Proof.
  intros n m. induction n as [| n IH]. reflexivity. simpl. rewrite IH. rewrite plus_swap.
  reflexivity.
Qed.

(* lmgym: level 5; topics nat, induction, multiplication; uses mul_zero, mul_succ *)
Lemma mul_comm : forall n m : nat, n * m = m * n.
Proof.
  intros n m. induction n as [| n IH]. rewrite mul_zero. reflexivity. rewrite mul_succ. simpl.
  rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, multiplication *)
Lemma mul_add_right : forall a b c : nat, (a + b) * c = a * c + b * c.
Proof.
  intros a b c. induction a as [| a IH]. reflexivity. simpl. rewrite IH. rewrite plus_assoc.
  reflexivity.
Qed.

(* lmgym: level 5; topics nat, induction, multiplication *)
Lemma mul_add_left : forall a b c : nat, a * (b + c) = a * b + a * c.
Proof.
  intros a b c. induction a as [| a IH]. reflexivity. simpl. rewrite IH. rewrite <- plus_assoc.
  rewrite <- plus_assoc. rewrite (plus_swap c). reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, multiplication; uses mul_add_right *)
Lemma mul_assoc : forall a b c : nat, a * (b * c) = (a * b) * c.
Proof.
  intros a b c. induction a as [| a IH]. reflexivity. simpl. rewrite mul_add_right. rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 2; topics nat, multiplication; uses mul_comm, mul_assoc *)
Lemma mul_shuffle : forall a b c : nat, a * (b * c) = b * (a * c).
Proof.
  intros a b c. rewrite mul_assoc. rewrite (mul_comm a b). rewrite mul_assoc. reflexivity.
Qed.

(* lmgym: level 4; topics nat, multiplication *)
Lemma mul_zero_either : forall n m : nat, n * m = 0 -> n = 0 \/ m = 0.
Proof.
  intros n m H. destruct n as [| n]. left. reflexivity. right. destruct m as [| m]. reflexivity.
  discriminate H.
Qed.

(* lmgym: level 5; topics nat, multiplication; uses mul_zero *)
Lemma mul_one_both : forall n m : nat, n * m = 1 -> n = 1.
Proof.
  intros n m H. destruct n as [| n]. discriminate H. destruct n as [| n]. reflexivity.
  destruct m as [| m]. rewrite mul_zero in H. discriminate H. simpl in H. rewrite plus_succ in H.
  discriminate H.
Qed.

(* lmgym: level 3; topics nat, multiplication; uses mul_add_left, mul_add_right *)
Lemma square_of_double : forall n : nat, (n + n) * (n + n) = 4 * (n * n).
Proof.
  intros n. rewrite mul_add_left. rewrite mul_add_right. simpl. rewrite plus_zero.
  rewrite <- plus_assoc. reflexivity.
Qed.

(* lmgym: level 1; topics nat, multiplication *)
Lemma power_zero : forall n : nat, power n 0 = 1.
Proof.
  intros n. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, multiplication *)
Lemma power_one : forall n : nat, power n 1 = n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. simpl in IH. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, multiplication *)
Lemma one_power : forall n : nat, power 1 n = 1.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 1; topics nat, multiplication *)
Lemma zero_power : forall n : nat, power 0 (S n) = 0.
Proof.
  intros n. reflexivity.
Qed.

(* lmgym: level 5; topics nat, induction, multiplication; uses mul_assoc *)
Lemma power_add : forall a n m : nat, power a (n + m) = power a n * power a m.
Proof.
  intros a n m. induction n as [| n IH]. simpl. rewrite plus_zero. reflexivity. simpl. rewrite IH.
  rewrite mul_assoc. reflexivity.
Qed.

(* lmgym: level 5; topics nat, induction, multiplication; uses mul_assoc, mul_shuffle *)
Lemma mul_power : forall a b n : nat, power (a * b) n = power a n * power b n.
Proof.
  intros a b n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. rewrite <- mul_assoc.
  rewrite <- mul_assoc. rewrite (mul_shuffle b (power a n) (power b n)). reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, multiplication; uses power_add, one_power, mul_zero *)
Lemma power_mul : forall a n m : nat, power a (n * m) = power (power a m) n.
Proof.
  intros a n m. induction n as [| n IH]. reflexivity. simpl. rewrite power_add. rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 5; topics nat, multiplication; uses mul_add_left, mul_add_right, mul_comm *)
Lemma square_of_sum : forall a b : nat, (a + b) * (a + b) = a * a + 2 * (a * b) + b * b.
Proof.
  intros a b. rewrite mul_add_left. rewrite mul_add_right. rewrite mul_add_right.
  rewrite (mul_comm b a). simpl. rewrite plus_zero. rewrite plus_assoc. rewrite plus_assoc.
  reflexivity.
Qed.
