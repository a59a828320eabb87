Require Import Arith Lia List.
Import ListNotations.
Definition divides (d n : nat) : Prop := exists k, n = d * k.
Fixpoint equal (n m : nat) : bool :=
  match n, m with
  | 0, 0 => true
  | S a, S b => equal a b
  | _, _ => false
  end.
Fixpoint at_most (n m : nat) : bool :=
  match n, m with
  | 0, _ => true
  | S a, S b => at_most a b
  | _, _ => false
  end.
Fixpoint member (x : nat) (l : list nat) : bool :=
  match l with
  | [] => false
  | y :: k => if equal x y then true else member x k
  end.
Fixpoint index_of (x : nat) (l : list nat) : nat :=
  match l with
  | [] => 0
  | y :: k => if equal x y then 0 else S (index_of x k)
  end.
Fixpoint remove_all (x : nat) (l : list nat) : list nat :=
  match l with
  | [] => []
  | y :: k => if equal x y then remove_all x k else y :: remove_all x k
  end.
Fixpoint interleave (l k : list nat) : list nat :=
  match l with
  | [] => k
  | x :: m => x :: match k with [] => m | y :: n => y :: interleave m n end
  end.

(* lmgym: level 2; topics nat, divisibility and algorithms *)
Lemma divides_itself : forall n : nat, divides n n.
Proof.
  intros n. exists 1. lia.
Qed.

(* lmgym: level 2; topics nat, divisibility and algorithms *)
Lemma one_divides : forall n : nat, divides 1 n.
Proof.
  intros n. exists n. lia.
Qed.

(* lmgym: level 2; topics nat, divisibility and algorithms *)
Lemma divides_zero : forall d : nat, divides d 0.
Proof.
  intros d. exists 0. lia.
Qed.

(* lmgym: level 1; topics nat, divisibility and algorithms *)
Lemma zero_divides_only_zero : forall n : nat, divides 0 n -> n = 0.
Proof.
  intros n [k E]. rewrite E. reflexivity.
Qed.

(* lmgym: level 3; topics nat, divisibility and algorithms *)
Lemma divides_transitive : forall a b c : nat, divides a b -> divides b c -> divides a c.
Proof.
  intros a b c [k Hk] [m Hm]. exists (k * m). rewrite Hm. rewrite Hk. rewrite Nat.mul_assoc.
  reflexivity.
Qed.

(* lmgym: level 3; topics nat, divisibility and algorithms *)
Lemma divides_sum : forall d a b : nat, divides d a -> divides d b -> divides d (a + b).
Proof.
  intros d a b [k Hk] [m Hm]. exists (k + m). rewrite Hk. rewrite Hm. lia.
Qed.

(* lmgym: level 3; topics nat, divisibility and algorithms *)
Lemma divides_multiple : forall d a b : nat, divides d a -> divides d (a * b).
Proof.
  intros d a b [k Hk]. exists (k * b). rewrite Hk. rewrite Nat.mul_assoc. reflexivity.
Qed.

(* lmgym: level 3; topics nat, divisibility and algorithms *)
Lemma divides_difference : forall d a b : nat, divides d a -> divides d b -> divides d (a - b).
Proof.
  intros d a b [k Hk] [m Hm]. exists (k - m). rewrite Hk. rewrite Hm. rewrite Nat.mul_sub_distr_l.
  reflexivity.
Qed.

(* lmgym: level 4; topics nat, divisibility and algorithms; uses divides_difference *)
Lemma divides_other_summand : forall d a b : nat, divides d (a + b) -> divides d a -> divides d b.
Proof.
  intros d a b H K. assert (E : b = a + b - a). lia. rewrite E. apply divides_difference. exact H.
  exact K.
Qed.

(* lmgym: level 3; topics nat, divisibility and algorithms *)
Lemma divisor_at_most : forall d n : nat, divides d n -> n <> 0 -> d <= n.
Proof.
  intros d n [k E] H. destruct k as [| k]. destruct H. rewrite E. lia. rewrite E. nia.
Qed.

(* lmgym: level 6; topics nat, divisibility and algorithms; uses divisor_at_most, zero_divides_only_zero *)
Lemma divides_antisymmetric : forall a b : nat, divides a b -> divides b a -> a = b.
Proof.
  intros a b H K. destruct a as [| a]. symmetry. apply zero_divides_only_zero. exact H.
  destruct b as [| b]. apply zero_divides_only_zero. exact K. apply Nat.le_antisymm.
  apply divisor_at_most. exact H. discriminate. apply divisor_at_most. exact K. discriminate.
Qed.

(* lmgym: level 3; topics nat, divisibility and algorithms *)
Lemma divides_common_factor : forall d a b : nat, divides a b -> divides (d * a) (d * b).
Proof.
  intros d a b [k E]. exists k. rewrite E. rewrite Nat.mul_assoc. reflexivity.
Qed.

(* lmgym: level 2; topics nat, divisibility and algorithms *)
Lemma divides_cancel_factor : forall d a b : nat, d <> 0 -> divides (d * a) (d * b) -> divides a b.
Proof.
  intros d a b H [k E]. exists k. rewrite <- Nat.mul_assoc in E. nia.
Qed.

(* lmgym: level 8; topics nat, divisibility and algorithms, induction *)
Lemma divides_decidable_bound : forall d n : nat, d <> 0 -> divides d n \/ exists q r, n = d * q + r
  /\ 0 < r < d.
Proof.
  intros d n H. induction n as [| n [[k E] | [q [r [E B]]]]]. left. exists 0. lia.
  destruct (Nat.eq_dec d 1) as [D | D]. left. exists (S n). lia. right. exists k. exists 1. lia.
  destruct (Nat.eq_dec (S r) d) as [D | D]. left. exists (q + 1). lia. right. exists q.
  exists (S r). lia.
Qed.

(* lmgym: level 8; topics nat, divisibility and algorithms, induction *)
Lemma multiple_of_two_or_not : forall n : nat, divides 2 (n * n) -> divides 2 n.
Proof.
  intros n [k E]. assert (H : exists m, n = 2 * m \/ n = 2 * m + 1). clear E.
  induction n as [| n [m [H | H]]]. exists 0. left. reflexivity. exists m. right. lia.
  exists (m + 1). left. lia. destruct H as [m [H | H]]. exists m. exact H. nia.
Qed.

(* lmgym: level 8; topics nat, divisibility and algorithms, induction *)
Lemma infinite_descent_two : forall n a b : nat, a <= n -> a * a = 2 * (b * b) -> b = 0.
Proof.
  intros n. induction n as [| n IH]. intros a b L E. assert (A : a = 0). lia. rewrite A in E. nia.
  intros a b L E. destruct (Nat.eq_dec b 0) as [B | B]. exact B.
  assert (H : exists m, a = 2 * m \/ a = 2 * m + 1). clear. induction a as [| a [m [H | H]]].
  exists 0. left. reflexivity. exists m. right. lia. exists (m + 1). left. lia.
  destruct H as [m [H | H]]. assert (K : b * b = 2 * (m * m)). nia. assert (M : m = 0).
  apply (IH b m). nia. exact K. rewrite M in K. nia. nia.
Qed.

(* lmgym: level 2; topics nat, divisibility and algorithms; uses infinite_descent_two *)
Lemma square_root_of_two_irrational : forall a b : nat, b <> 0 -> a * a <> 2 * (b * b).
Proof.
  intros a b H E. apply H. apply (infinite_descent_two a a b). apply le_n. exact E.
Qed.

(* lmgym: level 3; topics nat, divisibility and algorithms, induction *)
Lemma equal_self : forall n : nat, equal n n = true.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. exact IH.
Qed.

(* lmgym: level 6; topics nat, divisibility and algorithms, induction *)
Lemma equal_means_equal : forall n m : nat, equal n m = true -> n = m.
Proof.
  intros n. induction n as [| n IH]. intros m H. destruct m as [| m]. reflexivity. discriminate H.
  intros m H. destruct m as [| m]. discriminate H. f_equal. apply IH. exact H.
Qed.

(* lmgym: level 6; topics nat, divisibility and algorithms, induction *)
Lemma equal_commutes : forall n m : nat, equal n m = equal m n.
Proof.
  intros n. induction n as [| n IH]. intros m. destruct m as [| m]. reflexivity. reflexivity.
  intros m. destruct m as [| m]. reflexivity. simpl. apply IH.
Qed.

(* lmgym: level 2; topics nat, divisibility and algorithms; uses equal_self *)
Lemma not_equal_differs : forall n m : nat, equal n m = false -> n <> m.
Proof.
  intros n m H E. rewrite E in H. rewrite equal_self in H. discriminate H.
Qed.

(* lmgym: level 8; topics nat, divisibility and algorithms, induction *)
Lemma at_most_correct : forall n m : nat, at_most n m = true <-> n <= m.
Proof.
  intros n. induction n as [| n IH]. intros m. split. intros _. lia. intros _. reflexivity.
  intros m. destruct m as [| m]. split. intros H. discriminate H. intros H. lia. simpl. split.
  intros H. apply IH in H. lia. intros H. apply IH. lia.
Qed.

(* lmgym: level 5; topics nat, divisibility and algorithms, induction *)
Lemma at_most_total : forall n m : nat, at_most n m = false -> at_most m n = true.
Proof.
  intros n. induction n as [| n IH]. intros m H. discriminate H. intros m H. destruct m as [| m].
  reflexivity. simpl. apply IH. exact H.
Qed.

(* lmgym: level 6; topics nat, divisibility and algorithms, induction *)
Lemma at_most_transitive : forall a b c : nat, at_most a b = true -> at_most b c = true -> at_most a
  c = true.
Proof.
  intros a. induction a as [| a IH]. intros b c _ _. reflexivity. intros b c H K.
  destruct b as [| b]. discriminate H. destruct c as [| c]. discriminate K. simpl. apply (IH b).
  exact H. exact K.
Qed.

(* lmgym: level 8; topics nat, divisibility and algorithms, induction; uses equal_self, equal_means_equal *)
Lemma member_correct : forall (x : nat) (l : list nat), member x l = true <-> In x l.
Proof.
  intros x l. induction l as [| y l IH]. split. intros H. discriminate H. intros H. destruct H.
  simpl. destruct (equal x y) eqn:E. split. intros _. left. symmetry. apply equal_means_equal.
  exact E. intros _. reflexivity. split. intros H. right. apply IH. exact H. intros [H | H].
  rewrite H in E. rewrite equal_self in E. discriminate E. apply IH. exact H.
Qed.

(* lmgym: level 4; topics nat, divisibility and algorithms, induction *)
Lemma member_of_app : forall (x : nat) (a b : list nat), member x (a ++ b) = orb (member x a)
  (member x b).
Proof.
  intros x a b. induction a as [| y a IH]. reflexivity. simpl. destruct (equal x y). reflexivity.
  exact IH.
Qed.

(* lmgym: level 6; topics nat, divisibility and algorithms, induction *)
Lemma index_below_length : forall (x : nat) (l : list nat), member x l = true -> index_of x l <
  length l.
Proof.
  intros x l. induction l as [| y l IH]. intros H. discriminate H. simpl. destruct (equal x y).
  intros _. lia. intros H. specialize (IH H). lia.
Qed.

(* lmgym: level 6; topics nat, divisibility and algorithms, induction; uses equal_means_equal *)
Lemma nth_at_index : forall (x d : nat) (l : list nat), member x l = true -> nth (index_of x l) l d
  = x.
Proof.
  intros x d l. induction l as [| y l IH]. intros H. discriminate H. simpl.
  destruct (equal x y) eqn:E. intros _. symmetry. apply equal_means_equal. exact E. exact IH.
Qed.

(* lmgym: level 6; topics nat, divisibility and algorithms, induction *)
Lemma index_of_missing : forall (x : nat) (l : list nat), member x l = false -> index_of x l =
  length l.
Proof.
  intros x l. induction l as [| y l IH]. intros _. reflexivity. simpl. destruct (equal x y).
  intros H. discriminate H. intros H. rewrite IH. reflexivity. exact H.
Qed.

(* lmgym: level 5; topics nat, divisibility and algorithms, induction *)
Lemma removed_is_gone : forall (x : nat) (l : list nat), member x (remove_all x l) = false.
Proof.
  intros x l. induction l as [| y l IH]. reflexivity. simpl. destruct (equal x y) eqn:E. exact IH.
  simpl. rewrite E. exact IH.
Qed.

(* lmgym: level 6; topics nat, divisibility and algorithms, induction *)
Lemma remove_missing : forall (x : nat) (l : list nat), member x l = false -> remove_all x l = l.
Proof.
  intros x l. induction l as [| y l IH]. intros _. reflexivity. simpl. destruct (equal x y).
  intros H. discriminate H. intros H. rewrite IH. reflexivity. exact H.
Qed.

(* lmgym: level 1; topics nat, divisibility and algorithms; uses removed_is_gone, remove_missing *)
Lemma remove_twice : forall (x : nat) (l : list nat), remove_all x (remove_all x l) = remove_all x
  l.
Proof.
  intros x l. apply remove_missing. apply removed_is_gone.
Qed.

(* lmgym: level 5; topics nat, divisibility and algorithms, induction *)
Lemma remove_of_app : forall (x : nat) (a b : list nat), remove_all x (a ++ b) = remove_all x a ++
  remove_all x b.
Proof.
  intros x a b. induction a as [| y a IH]. reflexivity. simpl. destruct (equal x y). exact IH.
  simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 7; topics nat, divisibility and algorithms, induction *)
Lemma removals_commute : forall (x y : nat) (l : list nat), remove_all x (remove_all y l) =
  remove_all y (remove_all x l).
Proof.
  intros x y l. induction l as [| z l IH]. reflexivity. simpl. destruct (equal y z) eqn:Y.
  destruct (equal x z) eqn:X. exact IH. simpl. rewrite Y. exact IH. destruct (equal x z) eqn:X.
  simpl. rewrite X. exact IH. simpl. rewrite X. rewrite Y. rewrite IH. reflexivity.
Qed.

(* lmgym: level 5; topics nat, divisibility and algorithms, induction *)
Lemma remove_shortens : forall (x : nat) (l : list nat), length (remove_all x l) <= length l.
Proof.
  intros x l. induction l as [| y l IH]. apply le_n. simpl. destruct (equal x y). lia. simpl. lia.
Qed.

(* lmgym: level 7; topics nat, divisibility and algorithms, induction; uses remove_shortens *)
Lemma remove_present_is_shorter : forall (x : nat) (l : list nat), member x l = true -> length
  (remove_all x l) < length l.
Proof.
  intros x l. induction l as [| y l IH]. intros H. discriminate H. simpl. destruct (equal x y).
  intros _. assert (K : length (remove_all x l) <= length l). apply remove_shortens. lia. intros H.
  simpl. specialize (IH H). lia.
Qed.

(* lmgym: level 2; topics nat, divisibility and algorithms *)
Lemma interleave_with_nil : forall l : list nat, interleave l [] = l.
Proof.
  intros l. destruct l as [| x l]. reflexivity. reflexivity.
Qed.

(* lmgym: level 6; topics nat, divisibility and algorithms, induction *)
Lemma interleave_length : forall l k : list nat, length (interleave l k) = length l + length k.
Proof.
  intros l. induction l as [| x l IH]. intros k. reflexivity. intros k. destruct k as [| y k].
  simpl. lia. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 8; topics nat, divisibility and algorithms, induction *)
Lemma interleave_members : forall (x : nat) (l k : list nat), In x (interleave l k) -> In x l \/ In
  x k.
Proof.
  intros x l. induction l as [| y l IH]. intros k H. right. exact H. intros k H.
  destruct k as [| z k]. left. exact H. destruct H as [H | [H | H]]. left. left. exact H. right.
  left. exact H. apply IH in H. destruct H as [H | H]. left. right. exact H. right. right. exact
    H.
Qed.

(* lmgym: level 5; topics nat, divisibility and algorithms, induction *)
Lemma interleave_of_maps : forall (f : nat -> nat) (l k : list nat), interleave (map f l) (map f k)
  = map f (interleave l k).
Proof.
  intros f l. induction l as [| x l IH]. intros k. reflexivity. intros k. destruct k as [| y k].
  reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 8; topics nat, divisibility and algorithms, induction *)
Lemma pigeonhole_boxes : forall (f : nat -> nat) (n m : nat), (forall i, i < n -> f i <= m) ->
  (forall i j, i < j -> j < n -> f i < f j) -> n <= S m.
Proof.
  intros f n m B I. assert (K : forall i, i < n -> i <= f i). intros i. induction i as [| i IH].
  intros _. lia. intros L. assert (J : f i < f (S i)). apply I. lia. exact L.
  assert (P : i <= f i). apply IH. lia. lia. destruct n as [| n]. lia. assert (P : n <= f n).
  apply K. lia. assert (Q : f n <= m). apply B. lia. lia.
Qed.

(* lmgym: level 8; topics nat, divisibility and algorithms, induction *)
Lemma minimum_exists : forall (P : nat -> Prop) (n : nat), (forall k, P k \/ ~ P k) -> P n -> exists
  m, P m /\ forall k, P k -> m <= k.
Proof.
  intros P n dec H.
  assert (K : forall b, (exists m, m <= b /\ P m /\ forall k, P k -> m <= k) \/ forall k, k <= b -> ~ P k).
  intros b. induction b as [| b [[m [L [Hm M]]] | N]]. destruct (dec 0) as [H0 | H0]. left.
  exists 0. split. lia. split. exact H0. intros k _. lia. right. intros k L Hk. assert (E : k = 0).
  lia. rewrite E in Hk. apply H0. exact Hk. left. exists m. split. lia. split. exact Hm. exact M.
  destruct (dec (S b)) as [H1 | H1]. left. exists (S b). split. lia. split. exact H1. intros k Hk.
  destruct (le_lt_dec k b) as [L | L]. destruct (N k L). exact Hk. lia. right. intros k L Hk.
  destruct (Nat.eq_dec k (S b)) as [E | E]. apply H1. rewrite <- E. exact Hk. apply (N k). lia.
  exact Hk. destruct (K n) as [[m [_ [Hm M]]] | N]. exists m. split. exact Hm. exact M.
  destruct (N n). lia. exact H.
Qed.
