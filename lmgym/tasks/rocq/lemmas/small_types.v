Require Import List Arith Lia.
Import ListNotations.
Inductive color : Type := red | green | blue.
Definition next (c : color) : color := match c with red => green | green => blue | blue => red end.
Inductive direction : Type := north | east | south | west.
Definition turn (d : direction) : direction :=
  match d with
  | north => east
  | east => south
  | south => west
  | west => north
  end.
Definition opposite (d : direction) : direction :=
  match d with
  | north => south
  | east => west
  | south => north
  | west => east
  end.
Inductive expr : Type := Num (n : nat) | Plus (a b : expr) | Times (a b : expr).
Fixpoint value (e : expr) : nat :=
  match e with
  | Num n => n
  | Plus a b => value a + value b
  | Times a b => value a * value b
  end.
Fixpoint simplify (e : expr) : expr :=
  match e with
  | Num n => Num n
  | Plus (Num 0) b => simplify b
  | Plus a b => Plus (simplify a) (simplify b)
  | Times a b => Times (simplify a) (simplify b)
  end.
Fixpoint flip (e : expr) : expr :=
  match e with
  | Num n => Num n
  | Plus a b => Plus (flip b) (flip a)
  | Times a b => Times (flip b) (flip a)
  end.
Inductive instr : Type := Push (n : nat) | Add | Mul.
Fixpoint run (p : list instr) (s : list nat) : list nat :=
  match p, s with
  | [], _ => s
  | Push n :: q, _ => run q (n :: s)
  | Add :: q, a :: b :: t => run q (b + a :: t)
  | Mul :: q, a :: b :: t => run q (b * a :: t)
  | _ :: q, _ => run q s
  end.
Fixpoint compile (e : expr) : list instr :=
  match e with
  | Num n => [Push n]
  | Plus a b => compile a ++ compile b ++ [Add]
  | Times a b => compile a ++ compile b ++ [Mul]
  end.
Inductive bin : Type := Z0 | B0 (b : bin) | B1 (b : bin).
Fixpoint to_nat (b : bin) : nat :=
  match b with
  | Z0 => 0
  | B0 c => 2 * to_nat c
  | B1 c => 1 + 2 * to_nat c
  end.
Fixpoint incr (b : bin) : bin := match b with Z0 => B1 Z0 | B0 c => B1 c | B1 c => B0 (incr c) end.

(* lmgym: level 2; topics inductive types *)
Lemma next_three_times : forall c : color, next (next (next c)) = c.
Proof.
  intros c. destruct c. reflexivity. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics inductive types *)
Lemma next_differs : forall c : color, next c <> c.
Proof.
  intros c H. destruct c. discriminate H. discriminate H. discriminate H.
Qed.

(* lmgym: level 2; topics inductive types *)
Lemma next_injective : forall c d : color, next c = next d -> c = d.
Proof.
  intros c d H. destruct c; destruct d; try reflexivity; discriminate H.
Qed.

(* lmgym: level 3; topics inductive types *)
Lemma four_colors_repeat : forall a b c d : color, a = b \/ a = c \/ a = d \/ b = c \/ b = d \/ c =
  d.
Proof.
  intros a b c d. destruct a; destruct b; destruct c; destruct d; auto 7.
Qed.

(* lmgym: level 3; topics inductive types *)
Lemma color_decidable : forall c d : color, c = d \/ c <> d.
Proof.
  intros c d. destruct c; destruct d; try (left; reflexivity); right; discriminate.
Qed.

(* lmgym: level 3; topics inductive types *)
Lemma turn_four_times : forall d : direction, turn (turn (turn (turn d))) = d.
Proof.
  intros d. destruct d. reflexivity. reflexivity. reflexivity. reflexivity.
Qed.

(* lmgym: level 1; topics inductive types *)
Lemma turn_twice_is_opposite : forall d : direction, turn (turn d) = opposite d.
Proof.
  intros d. destruct d; reflexivity.
Qed.

(* lmgym: level 1; topics inductive types *)
Lemma opposite_twice : forall d : direction, opposite (opposite d) = d.
Proof.
  intros d. destruct d; reflexivity.
Qed.

(* lmgym: level 1; topics inductive types *)
Lemma turn_commutes_with_opposite : forall d : direction, turn (opposite d) = opposite (turn d).
Proof.
  intros d. destruct d; reflexivity.
Qed.

(* lmgym: level 2; topics inductive types; uses turn_four_times *)
Lemma turn_surjective : forall d : direction, exists e, turn e = d.
Proof.
  intros d. exists (turn (turn (turn d))). apply turn_four_times.
Qed.

(* lmgym: level 1; topics inductive types *)
Lemma opposite_has_no_fixed_point : forall d : direction, opposite d <> d.
Proof.
  intros d. destruct d; discriminate.
Qed.

(* lmgym: level 6; topics inductive types, induction *)
Lemma flip_keeps_value : forall e : expr, value (flip e) = value e.
Proof.
  intros e. induction e as [n | a IHa b IHb | a IHa b IHb]. reflexivity. simpl. rewrite IHa.
  rewrite IHb. lia. simpl. rewrite IHa. rewrite IHb. lia.
Qed.

(* lmgym: level 6; topics inductive types, induction *)
Lemma flip_flips_back : forall e : expr, flip (flip e) = e.
Proof.
  intros e. induction e as [n | a IHa b IHb | a IHa b IHb]. reflexivity. simpl. rewrite IHa.
  rewrite IHb. reflexivity. simpl. rewrite IHa. rewrite IHb. reflexivity.
Qed.

(* lmgym: level 8; topics inductive types, induction *)
Lemma simplify_keeps_value : forall e : expr, value (simplify e) = value e.
Proof.
  intros e. induction e as [n | a IHa b IHb | a IHa b IHb]. reflexivity.
  destruct a as [[| n] | c d | c d]. exact IHb. simpl. rewrite IHb. reflexivity.
  change (value (simplify (Plus c d)) + value (simplify b) = value (Plus c d) + value b).
  rewrite IHa. rewrite IHb. reflexivity.
  change (value (simplify (Times c d)) + value (simplify b) = value (Times c d) + value b).
  rewrite IHa. rewrite IHb. reflexivity. simpl. rewrite IHa. rewrite IHb. reflexivity.
Qed.

(* lmgym: level 1; topics inductive types *)
Lemma plus_zero_expr : forall e : expr, value (Plus (Num 0) e) = value e.
Proof.
  intros e. reflexivity.
Qed.

(* lmgym: level 1; topics inductive types *)
Lemma times_over_plus_expr : forall a b c : expr, value (Times a (Plus b c)) = value (Plus (Times a
  b) (Times a c)).
Proof.
  intros a b c. simpl. lia.
Qed.

(* lmgym: level 2; topics inductive types *)
Lemma every_number_has_expr : forall n : nat, exists e, value e = n.
Proof.
  intros n. exists (Num n). reflexivity.
Qed.

(* lmgym: level 1; topics inductive types *)
Lemma run_push : forall (n : nat) (p : list instr) (s : list nat), run (Push n :: p) s = run p (n ::
  s).
Proof.
  intros n p s. reflexivity.
Qed.

(* lmgym: level 8; topics inductive types, induction *)
Lemma run_of_app : forall (p q : list instr) (s : list nat), run (p ++ q) s = run q (run p s).
Proof.
  intros p. induction p as [| i p IH]. intros q s. simpl. destruct q as [| j q]. reflexivity.
  destruct j; destruct s; reflexivity. intros q s. destruct i as [n | |]. simpl. apply IH. simpl.
  destruct s as [| a [| b t]]. apply IH. apply IH. apply IH. simpl. destruct s as [| a [| b t]].
  apply IH. apply IH. apply IH.
Qed.

(* lmgym: level 7; topics inductive types, induction; uses run_of_app *)
Lemma compile_correct : forall (e : expr) (s : list nat), run (compile e) s = value e :: s.
Proof.
  intros e. induction e as [n | a IHa b IHb | a IHa b IHb]. intros s. reflexivity. intros s. simpl.
  rewrite run_of_app. rewrite IHa. rewrite run_of_app. rewrite IHb. reflexivity. intros s. simpl.
  rewrite run_of_app. rewrite IHa. rewrite run_of_app. rewrite IHb. reflexivity.
Qed.

(* lmgym: level 7; topics inductive types, induction *)
Lemma compile_never_empty : forall e : expr, compile e <> [].
Proof.
  intros e. induction e as [n | a IHa b IHb | a IHa b IHb]. discriminate. simpl. intros H.
  apply app_eq_nil in H. destruct H as [H _]. apply IHa. exact H. simpl. intros H.
  apply app_eq_nil in H. destruct H as [H _]. apply IHa. exact H.
Qed.

(* lmgym: level 4; topics inductive types, induction *)
Lemma incr_adds_one : forall b : bin, to_nat (incr b) = S (to_nat b).
Proof.
  intros b. induction b as [| c IH | c IH]. reflexivity. reflexivity. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 5; topics inductive types, induction; uses incr_adds_one *)
Lemma every_number_has_bits : forall n : nat, exists b, to_nat b = n.
Proof.
  intros n. induction n as [| n [b IH]]. exists Z0. reflexivity. exists (incr b).
  rewrite incr_adds_one. rewrite IH. reflexivity.
Qed.

(* lmgym: level 3; topics inductive types *)
Lemma bits_not_unique : exists a b : bin, a <> b /\ to_nat a = to_nat b.
Proof.
  exists Z0. exists (B0 Z0). split. discriminate. reflexivity.
Qed.

(* lmgym: level 2; topics inductive types *)
Lemma incr_never_zero : forall b : bin, incr b <> Z0.
Proof.
  intros b H. destruct b as [| c | c]. discriminate H. discriminate H. discriminate H.
Qed.
