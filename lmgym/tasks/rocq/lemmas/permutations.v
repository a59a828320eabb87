Require Import List Arith Lia.
Import ListNotations.
Inductive perm {A : Type} : list A -> list A -> Prop :=
  | perm_nil : perm [] []
  | perm_skip : forall x l k, perm l k -> perm (x :: l) (x :: k)
  | perm_swap : forall x y l, perm (x :: y :: l) (y :: x :: l)
  | perm_trans : forall l k m, perm l k -> perm k m -> perm l m.
Fixpoint insert (x : nat) (l : list nat) : list nat :=
  match l with
  | [] => [x]
  | y :: k => if x <=? y then x :: y :: k else y :: insert x k
  end.
Fixpoint sort (l : list nat) : list nat := match l with [] => [] | x :: k => insert x (sort k) end.
Inductive sorted : list nat -> Prop :=
  | sorted_nil : sorted []
  | sorted_one : forall x, sorted [x]
  | sorted_cons : forall x y l, x <= y -> sorted (y :: l) -> sorted (x :: y :: l).
Fixpoint count (x : nat) (l : list nat) : nat :=
  match l with
  | [] => 0
  | y :: k => if x =? y then S (count x k) else count x k
  end.

(* lmgym: level 3; topics list, permutations and sorting, induction *)
Lemma perm_reflexive : forall (A : Type) (l : list A), perm l l.
Proof.
  intros A l. induction l as [| x l IH]. apply perm_nil. apply perm_skip. exact IH.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction *)
Lemma perm_symmetric : forall (A : Type) (l k : list A), perm l k -> perm k l.
Proof.
  intros A l k H. induction H as [| x l k H IH | x y l | l k m H1 IH1 H2 IH2]. apply perm_nil.
  apply perm_skip. exact IH. apply perm_swap. apply (perm_trans m k l). exact IH2. exact IH1.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction *)
Lemma perm_same_length : forall (A : Type) (l k : list A), perm l k -> length l = length k.
Proof.
  intros A l k H. induction H as [| x l k H IH | x y l | l k m H1 IH1 H2 IH2]. reflexivity. simpl.
  rewrite IH. reflexivity. reflexivity. rewrite IH1. exact IH2.
Qed.

(* lmgym: level 8; topics list, permutations and sorting, induction *)
Lemma perm_same_elements : forall (A : Type) (l k : list A), perm l k -> forall x, In x l -> In x k.
Proof.
  intros A l k H. induction H as [| x l k H IH | x y l | l k m H1 IH1 H2 IH2]. intros z K. exact K.
  intros z [K | K]. left. exact K. right. apply IH. exact K. intros z [K | [K | K]]. right. left.
  exact K. left. exact K. right. right. exact K. intros z K. apply IH2. apply IH1. exact K.
Qed.

(* lmgym: level 2; topics list, permutations and sorting; uses perm_same_length *)
Lemma perm_of_nil : forall (A : Type) (l : list A), perm [] l -> l = [].
Proof.
  intros A l H. apply perm_same_length in H. destruct l as [| x l]. reflexivity. discriminate H.
Qed.

(* lmgym: level 6; topics list, permutations and sorting, induction *)
Lemma perm_map : forall (A B : Type) (f : A -> B) (l k : list A), perm l k -> perm (map f l) (map f
  k).
Proof.
  intros A B f l k H. induction H as [| x l k H IH | x y l | l k m H1 IH1 H2 IH2]. apply perm_nil.
  simpl. apply perm_skip. exact IH. simpl. apply perm_swap.
  apply (perm_trans (map f l) (map f k) (map f m)). exact IH1. exact IH2.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction; uses perm_reflexive *)
Lemma perm_first_to_end : forall (A : Type) (x : A) (l : list A), perm (x :: l) (l ++ [x]).
Proof.
  intros A x l. induction l as [| y l IH]. apply perm_reflexive. simpl.
  apply (perm_trans (x :: y :: l) (y :: x :: l)). apply perm_swap. apply perm_skip. exact IH.
Qed.

(* lmgym: level 4; topics list, permutations and sorting, induction *)
Lemma perm_app_left : forall (A : Type) (m l k : list A), perm l k -> perm (m ++ l) (m ++ k).
Proof.
  intros A m l k H. induction m as [| x m IH]. exact H. simpl. apply perm_skip. exact IH.
Qed.

(* lmgym: level 6; topics list, permutations and sorting, induction; uses perm_reflexive *)
Lemma perm_app_right : forall (A : Type) (m l k : list A), perm l k -> perm (l ++ m) (k ++ m).
Proof.
  intros A m l k H. induction H as [| x l k H IH | x y l | l k n H1 IH1 H2 IH2].
  apply perm_reflexive. simpl. apply perm_skip. exact IH. simpl. apply perm_swap.
  apply (perm_trans (l ++ m) (k ++ m) (n ++ m)). exact IH1. exact IH2.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction; uses perm_reflexive *)
Lemma perm_middle_element : forall (A : Type) (x : A) (l k : list A), perm (x :: l ++ k) (l ++ x ::
  k).
Proof.
  intros A x l k. induction l as [| y l IH]. apply perm_reflexive. simpl.
  apply (perm_trans (x :: y :: l ++ k) (y :: x :: l ++ k)). apply perm_swap. apply perm_skip.
  exact IH.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction; uses perm_reflexive, perm_middle_element *)
Lemma perm_app_swap : forall (A : Type) (l k : list A), perm (l ++ k) (k ++ l).
Proof.
  intros A l k. induction l as [| x l IH]. simpl. rewrite app_nil_r. apply perm_reflexive. simpl.
  apply (perm_trans (x :: l ++ k) (x :: k ++ l)). apply perm_skip. exact IH.
  apply perm_middle_element.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction; uses perm_first_to_end, perm_app_right *)
Lemma perm_reverse : forall (A : Type) (l : list A), perm l (rev l).
Proof.
  intros A l. induction l as [| x l IH]. apply perm_nil. simpl.
  apply (perm_trans (x :: l) (x :: rev l)). apply perm_skip. exact IH. apply perm_first_to_end.
Qed.

(* lmgym: level 7; topics list, permutations and sorting, induction *)
Lemma perm_same_count : forall l k : list nat, perm l k -> forall z, count z l = count z k.
Proof.
  intros l k H. induction H as [| x l k H IH | x y l | l k m H1 IH1 H2 IH2]. intros z. reflexivity.
  intros z. simpl. rewrite IH. reflexivity. intros z. simpl. destruct (z =? x). destruct (z =? y).
  reflexivity. reflexivity. destruct (z =? y). reflexivity. reflexivity. intros z. rewrite IH1.
  apply IH2.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction *)
Lemma count_of_app : forall (x : nat) (a b : list nat), count x (a ++ b) = count x a + count x b.
Proof.
  intros x a b. induction a as [| y a IH]. reflexivity. simpl. destruct (x =? y). rewrite IH.
  reflexivity. exact IH.
Qed.

(* lmgym: level 4; topics list, permutations and sorting, induction *)
Lemma count_at_most_length : forall (x : nat) (l : list nat), count x l <= length l.
Proof.
  intros x l. induction l as [| y l IH]. apply le_n. simpl. destruct (x =? y). lia. lia.
Qed.

(* lmgym: level 4; topics list, permutations and sorting, induction *)
Lemma count_of_repeat : forall x n : nat, count x (repeat x n) = n.
Proof.
  intros x n. induction n as [| n IH]. reflexivity. simpl. rewrite Nat.eqb_refl. rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 6; topics list, permutations and sorting, induction *)
Lemma count_zero_not_in : forall (x : nat) (l : list nat), count x l = 0 -> ~ In x l.
Proof.
  intros x l. induction l as [| y l IH]. intros _ H. exact H. simpl. intros E [H | H].
  rewrite H in E. rewrite Nat.eqb_refl in E. discriminate E. destruct (x =? y). discriminate E.
  apply IH. exact E. exact H.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction *)
Lemma insert_lengthens : forall (x : nat) (l : list nat), length (insert x l) = S (length l).
Proof.
  intros x l. induction l as [| y l IH]. reflexivity. simpl. destruct (x <=? y). reflexivity.
  simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, permutations and sorting, induction; uses insert_lengthens *)
Lemma sort_keeps_length : forall l : list nat, length (sort l) = length l.
Proof.
  intros l. induction l as [| x l IH]. reflexivity. simpl. rewrite insert_lengthens. rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction; uses perm_reflexive *)
Lemma insert_permutes : forall (x : nat) (l : list nat), perm (x :: l) (insert x l).
Proof.
  intros x l. induction l as [| y l IH]. apply perm_reflexive. simpl. destruct (x <=? y).
  apply perm_reflexive. apply (perm_trans (x :: y :: l) (y :: x :: l)). apply perm_swap.
  apply perm_skip. exact IH.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction; uses insert_permutes *)
Lemma sort_permutes : forall l : list nat, perm l (sort l).
Proof.
  intros l. induction l as [| x l IH]. apply perm_nil. simpl.
  apply (perm_trans (x :: l) (x :: sort l)). apply perm_skip. exact IH. apply insert_permutes.
Qed.

(* lmgym: level 8; topics list, permutations and sorting, induction *)
Lemma insert_sorted : forall (x : nat) (l : list nat), sorted l -> sorted (insert x l).
Proof.
  intros x l H. induction H as [| y | y z l L H IH]. apply sorted_one. simpl.
  destruct (x <=? y) eqn:E. apply sorted_cons. apply Nat.leb_le. exact E. apply sorted_one.
  apply sorted_cons. apply Nat.leb_gt in E. lia. apply sorted_one. simpl. simpl in IH.
  destruct (x <=? y) eqn:E. apply sorted_cons. apply Nat.leb_le. exact E. apply sorted_cons.
  exact L. exact H. apply Nat.leb_gt in E. destruct (x <=? z) eqn:F. apply sorted_cons. lia.
  exact IH. apply sorted_cons. exact L. exact IH.
Qed.

(* lmgym: level 4; topics list, permutations and sorting, induction; uses insert_sorted *)
Lemma sort_sorted : forall l : list nat, sorted (sort l).
Proof.
  intros l. induction l as [| x l IH]. apply sorted_nil. simpl. apply insert_sorted. exact IH.
Qed.

(* lmgym: level 2; topics list, permutations and sorting *)
Lemma sorted_tail : forall (x : nat) (l : list nat), sorted (x :: l) -> sorted l.
Proof.
  intros x l H. inversion H as [| y | y z k L K]. apply sorted_nil. exact K.
Qed.

(* lmgym: level 7; topics list, permutations and sorting, induction *)
Lemma sorted_head_least : forall (l : list nat) (x y : nat), sorted (x :: l) -> In y l -> x <= y.
Proof.
  intros l. induction l as [| z l IH]. intros x y H K. destruct K. intros x y H K.
  inversion H as [| a | a b k L S]. destruct K as [K | K]. rewrite <- K. exact L.
  apply (Nat.le_trans x z y). exact L. apply IH. exact S. exact K.
Qed.

(* lmgym: level 5; topics list, permutations and sorting, induction *)
Lemma sorted_repeat : forall x n : nat, sorted (repeat x n).
Proof.
  intros x n. induction n as [| n IH]. apply sorted_nil. destruct n as [| n]. apply sorted_one.
  simpl. apply sorted_cons. apply le_n. exact IH.
Qed.

(* lmgym: level 2; topics list, permutations and sorting *)
Lemma insert_into_sorted_front : forall (x y : nat) (l : list nat), x <= y -> insert x (y :: l) = x
  :: y :: l.
Proof.
  intros x y l H. simpl. apply Nat.leb_le in H. rewrite H. reflexivity.
Qed.

(* lmgym: level 6; topics list, permutations and sorting, induction *)
Lemma sort_of_sorted : forall l : list nat, sorted l -> sort l = l.
Proof.
  intros l H. induction H as [| x | x y l L H IH]. reflexivity. reflexivity.
  change (sort (x :: y :: l)) with (insert x (sort (y :: l))). rewrite IH. simpl.
  apply Nat.leb_le in L. rewrite L. reflexivity.
Qed.

(* lmgym: level 1; topics list, permutations and sorting; uses sort_sorted, sort_of_sorted *)
Lemma sort_twice : forall l : list nat, sort (sort l) = sort l.
Proof.
  intros l. apply sort_of_sorted. apply sort_sorted.
Qed.
