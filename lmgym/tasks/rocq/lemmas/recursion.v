Require Import Arith Lia.
Fixpoint double (n : nat) : nat := match n with 0 => 0 | S m => S (S (double m)) end.
Fixpoint sum_to (n : nat) : nat := match n with 0 => 0 | S m => S m + sum_to m end.
Fixpoint sum_of (f : nat -> nat) (n : nat) : nat :=
  match n with
  | 0 => 0
  | S m => sum_of f m + f m
  end.
Fixpoint factorial (n : nat) : nat := match n with 0 => 1 | S m => S m * factorial m end.
Fixpoint fib (n : nat) : nat :=
  match n with
  | 0 => 0
  | S m => match m with 0 => 1 | S k => fib m + fib k end
  end.
Fixpoint half (n : nat) : nat := match n with S (S m) => S (half m) | _ => 0 end.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma double_is_add : forall n : nat, double n = n + n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 1; topics nat, recursive functions; uses double_is_add *)
Lemma double_is_two_times : forall n : nat, double n = 2 * n.
Proof.
  intros n. rewrite double_is_add. lia.
Qed.

(* lmgym: level 2; topics nat, recursive functions; uses double_is_add *)
Lemma double_of_sum : forall n m : nat, double (n + m) = double n + double m.
Proof.
  intros n m. rewrite double_is_add. rewrite double_is_add. rewrite double_is_add. lia.
Qed.

(* lmgym: level 6; topics nat, induction, recursive functions *)
Lemma double_injective : forall n m : nat, double n = double m -> n = m.
Proof.
  intros n. induction n as [| n IH]. intros m H. destruct m as [| m]. reflexivity. discriminate H.
  intros m H. destruct m as [| m]. discriminate H. injection H as E. rewrite (IH m E).
    reflexivity.
Qed.

(* lmgym: level 2; topics nat, recursive functions *)
Lemma double_never_one : forall n : nat, double n <> 1.
Proof.
  intros n H. destruct n as [| n]. discriminate H. discriminate H.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma half_of_double : forall n : nat, half (double n) = n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma half_of_double_succ : forall n : nat, half (S (double n)) = n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. simpl in IH. rewrite IH. reflexivity.
Qed.

(* lmgym: level 6; topics nat, induction, recursive functions *)
Lemma half_at_most : forall n : nat, half n <= n.
Proof.
  intros n. assert (K : half n <= n /\ half (S n) <= S n). induction n as [| n [IH1 IH2]]. split.
  apply le_n. simpl. lia. split. exact IH2. simpl. lia. destruct K as [K _]. exact K.
Qed.

(* lmgym: level 8; topics nat, induction, recursive functions *)
Lemma half_or_double : forall n : nat, n = double (half n) \/ n = S (double (half n)).
Proof.
  intros n.
  assert (K : (n = double (half n) \/ n = S (double (half n))) /\ (S n = double (half (S n)) \/ S n = S (double (half (S n))))).
  induction n as [| n [IH1 IH2]]. split. left. reflexivity. right. reflexivity. split. exact IH2.
  destruct IH1 as [IH | IH]. left. simpl. rewrite <- IH. reflexivity. right. simpl. rewrite <- IH.
  reflexivity. destruct K as [K _]. exact K.
Qed.

(* lmgym: level 3; topics nat, induction, recursive functions *)
Lemma sum_to_formula : forall n : nat, 2 * sum_to n = n * (n + 1).
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl sum_to. lia.
Qed.

(* lmgym: level 1; topics nat, recursive functions *)
Lemma sum_to_grows : forall n : nat, sum_to n <= sum_to (S n).
Proof.
  intros n. simpl. lia.
Qed.

(* lmgym: level 2; topics nat, recursive functions *)
Lemma sum_to_at_least : forall n : nat, n <= sum_to n.
Proof.
  intros n. destruct n as [| n]. apply le_n. simpl. lia.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_to_add : forall n m : nat, sum_to (n + m) = sum_to n + sum_to m + n * m.
Proof.
  intros n m. induction n as [| n IH]. simpl. lia. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_of_constant : forall c n : nat, sum_of (fun _ => c) n = n * c.
Proof.
  intros c n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_of_zero : forall n : nat, sum_of (fun _ => 0) n = 0.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_of_sum : forall (f g : nat -> nat) (n : nat), sum_of (fun i => f i + g i) n = sum_of f n +
  sum_of g n.
Proof.
  intros f g n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_of_scaled : forall (c : nat) (f : nat -> nat) (n : nat), sum_of (fun i => c * f i) n = c *
  sum_of f n.
Proof.
  intros c f n. induction n as [| n IH]. simpl. lia. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_of_equal : forall (f g : nat -> nat) (n : nat), (forall i, f i = g i) -> sum_of f n =
  sum_of g n.
Proof.
  intros f g n H. induction n as [| n IH]. reflexivity. simpl. rewrite IH. rewrite H. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_of_monotone : forall (f g : nat -> nat) (n : nat), (forall i, f i <= g i) -> sum_of f n <=
  sum_of g n.
Proof.
  intros f g n H. induction n as [| n IH]. apply le_n. simpl. specialize (H n). lia.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_of_first : forall (f : nat -> nat) (n : nat), sum_of f (S n) = f 0 + sum_of (fun i => f (S
  i)) n.
Proof.
  intros f n. induction n as [| n IH]. simpl. lia. simpl in *. lia.
Qed.

(* lmgym: level 5; topics nat, induction, recursive functions *)
Lemma sum_of_telescope : forall (f : nat -> nat) (n : nat), (forall i, f i <= f (S i)) -> sum_of
  (fun i => f (S i) - f i) n = f n - f 0.
Proof.
  intros f n H. assert (K : sum_of (fun i => f (S i) - f i) n + f 0 = f n).
  induction n as [| n IH]. reflexivity. simpl. specialize (H n). lia. lia.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_of_odd_numbers : forall n : nat, sum_of (fun i => 2 * i + 1) n = n * n.
Proof.
  intros n. induction n as [| n IH]. reflexivity.
  change (sum_of (fun i => 2 * i + 1) (S n)) with (sum_of (fun i => 2 * i + 1) n + (2 * n + 1)).
  rewrite IH. lia.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma sum_of_powers_of_two : forall n : nat, sum_of (fun i => 2 ^ i) n + 1 = 2 ^ n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite <- IH. lia.
Qed.

(* lmgym: level 3; topics nat, induction, recursive functions *)
Lemma sum_of_identity : forall n : nat, 2 * sum_of (fun i => i) (S n) = n * (n + 1).
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl sum_of in *. lia.
Qed.

(* lmgym: level 7; topics nat, induction, recursive functions *)
Lemma sum_of_cubes : forall n : nat, sum_of (fun i => i * i * i) (S n) = sum_to n * sum_to n.
Proof.
  intros n. assert (F : forall k, 2 * sum_to k = k * (k + 1)). intros k. induction k as [| k IHk].
  reflexivity. simpl sum_to. lia. induction n as [| n IH]. reflexivity.
  change (sum_of (fun i => i * i * i) (S (S n))) with (sum_of (fun i => i * i * i) (S n) + S n * S n * S n).
  rewrite IH. simpl sum_to. specialize (F n). nia.
Qed.

(* lmgym: level 3; topics nat, induction, recursive functions *)
Lemma factorial_positive : forall n : nat, 1 <= factorial n.
Proof.
  intros n. induction n as [| n IH]. apply le_n. simpl. lia.
Qed.

(* lmgym: level 1; topics nat, recursive functions *)
Lemma factorial_step : forall n : nat, factorial (S n) = (n + 1) * factorial n.
Proof.
  intros n. simpl. lia.
Qed.

(* lmgym: level 6; topics nat, induction, recursive functions *)
Lemma factorial_at_least : forall n : nat, n <= factorial n.
Proof.
  intros n. destruct n as [| n]. apply le_S. apply le_n. simpl. assert (P : 1 <= factorial n).
  induction n as [| n IH]. apply le_n. simpl. lia. nia.
Qed.

(* lmgym: level 5; topics nat, induction, recursive functions *)
Lemma factorial_telescope : forall n : nat, sum_of (fun i => i * factorial i) (S n) + 1 = factorial
  (S n).
Proof.
  intros n. induction n as [| n IH]. reflexivity.
  change (sum_of (fun i => i * factorial i) (S (S n))) with (sum_of (fun i => i * factorial i) (S n) + S n * factorial (S n)).
  change (factorial (S (S n))) with (S (S n) * factorial (S n)). lia.
Qed.

(* lmgym: level 1; topics nat, recursive functions *)
Lemma fib_step : forall n : nat, fib (S (S n)) = fib (S n) + fib n.
Proof.
  intros n. reflexivity.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma fib_positive : forall n : nat, 1 <= fib (S n).
Proof.
  intros n. induction n as [| n IH]. apply le_n. change (fib (S (S n))) with (fib (S n) + fib n).
  lia.
Qed.

(* lmgym: level 3; topics nat, recursive functions *)
Lemma fib_grows : forall n : nat, fib n <= fib (S n).
Proof.
  intros n. destruct n as [| n]. apply le_S. apply le_n.
  change (fib (S (S n))) with (fib (S n) + fib n). lia.
Qed.

(* lmgym: level 4; topics nat, induction, recursive functions *)
Lemma fib_sum : forall n : nat, sum_of fib n + 1 = fib (S n).
Proof.
  intros n. induction n as [| n IH]. reflexivity. change (fib (S (S n))) with (fib (S n) + fib n).
  simpl sum_of. lia.
Qed.

(* lmgym: level 5; topics nat, induction, recursive functions *)
Lemma fib_sum_of_squares : forall n : nat, sum_of (fun i => fib i * fib i) (S n) = fib n * fib (S
  n).
Proof.
  intros n. induction n as [| n IH]. reflexivity.
  change (sum_of (fun i => fib i * fib i) (S (S n))) with (sum_of (fun i => fib i * fib i) (S n) + fib (S n) * fib (S n)).
  rewrite IH. change (fib (S (S n))) with (fib (S n) + fib n). lia.
Qed.

(* lmgym: level 8; topics nat, induction, recursive functions *)
Lemma fib_add : forall m n : nat, fib (S (m + n)) = fib (S m) * fib (S n) + fib m * fib n.
Proof.
  intros m.
  assert (K : forall n, fib (S (m + n)) = fib (S m) * fib (S n) + fib m * fib n /\ fib (S (S (m + n))) = fib (S (S m)) * fib (S n) + fib (S m) * fib n).
  induction m as [| m IH]. intros n. split. simpl. lia.
  change (fib (S (S (0 + n)))) with (fib (S n) + fib n). change (fib 2) with 1.
  change (fib 1) with 1. lia. intros n. destruct (IH n) as [H1 H2]. split. exact H2.
  change (fib (S (S (S m + n)))) with (fib (S (S (m + n))) + fib (S (m + n))).
  change (fib (S (S (S m)))) with (fib (S (S m)) + fib (S m)). rewrite H1. rewrite H2.
  change (fib (S (S m))) with (fib (S m) + fib m). lia. intros n. destruct (K n) as [H _]. exact
    H.
Qed.
