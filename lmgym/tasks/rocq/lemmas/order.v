(* lmgym: level 1; topics nat, order *)
Lemma le_reflexive : forall n : nat, n <= n.
Proof.
  intros n. apply le_n.
Qed.

(* lmgym: level 1; topics nat, order *)
Lemma le_next : forall n : nat, n <= S n.
Proof.
  intros n. apply le_S. apply le_n.
Qed.

(* lmgym: level 3; topics nat, order, induction *)
Lemma zero_le : forall n : nat, 0 <= n.
Proof.
  intros n. induction n as [| n IH]. apply le_n. apply le_S. exact IH.
Qed.

(* lmgym: level 3; topics nat, order, induction *)
Lemma le_transitive : forall a b c : nat, a <= b -> b <= c -> a <= c.
Proof.
  intros a b c H1 H2. induction H2 as [| c H2 IH]. exact H1. apply le_S. exact IH.
Qed.

(* lmgym: level 3; topics nat, order, induction *)
Lemma succ_le_succ : forall n m : nat, n <= m -> S n <= S m.
Proof.
  intros n m H. induction H as [| m H IH]. apply le_n. apply le_S. exact IH.
Qed.

(* lmgym: level 4; topics nat, order; uses le_transitive *)
Lemma le_of_succ_le_succ : forall n m : nat, S n <= S m -> n <= m.
Proof.
  intros n m H. inversion H as [E | m' H' E]. apply le_n. apply (le_transitive n (S n) m).
  apply le_S. apply le_n. exact H'.
Qed.

(* lmgym: level 1; topics nat, order *)
Lemma not_succ_le_zero : forall n : nat, ~ S n <= 0.
Proof.
  intros n H. inversion H.
Qed.

(* lmgym: level 5; topics nat, order, induction; uses le_of_succ_le_succ *)
Lemma not_succ_le_self : forall n : nat, ~ S n <= n.
Proof.
  intros n. induction n as [| n IH]. intros H. inversion H. intros H. apply IH.
  apply le_of_succ_le_succ. exact H.
Qed.

(* lmgym: level 2; topics nat, order *)
Lemma le_zero : forall n : nat, n <= 0 -> n = 0.
Proof.
  intros n H. inversion H. reflexivity.
Qed.

(* lmgym: level 7; topics nat, order, induction; uses le_of_succ_le_succ *)
Lemma le_antisymmetric : forall n m : nat, n <= m -> m <= n -> n = m.
Proof.
  intros n. induction n as [| n IH]. intros m _ H. inversion H. reflexivity. intros m H1 H2.
  destruct m as [| m]. inversion H1. rewrite (IH m). reflexivity. apply le_of_succ_le_succ.
  exact H1. apply le_of_succ_le_succ. exact H2.
Qed.

(* lmgym: level 7; topics nat, order, induction; uses zero_le, succ_le_succ *)
Lemma le_total : forall n m : nat, n <= m \/ m <= n.
Proof.
  intros n. induction n as [| n IH]. intros m. left. apply zero_le. intros m. destruct m as [| m].
  right. apply zero_le. destruct (IH m) as [H | H]. left. apply succ_le_succ. exact H. right.
  apply succ_le_succ. exact H.
Qed.

(* lmgym: level 4; topics nat, order, induction *)
Lemma le_add_left : forall n m : nat, n <= m + n.
Proof.
  intros n m. induction m as [| m IH]. apply le_n. simpl. apply le_S. exact IH.
Qed.

(* lmgym: level 4; topics nat, order, induction; uses zero_le, succ_le_succ *)
Lemma le_add_right : forall n m : nat, n <= n + m.
Proof.
  intros n m. induction n as [| n IH]. apply zero_le. simpl. apply succ_le_succ. exact IH.
Qed.

(* lmgym: level 4; topics nat, order, induction; uses succ_le_succ *)
Lemma add_le_left : forall k n m : nat, n <= m -> k + n <= k + m.
Proof.
  intros k n m H. induction k as [| k IH]. exact H. simpl. apply succ_le_succ. exact IH.
Qed.

(* lmgym: level 4; topics nat, order, induction; uses le_of_succ_le_succ *)
Lemma add_le_left_cancel : forall k n m : nat, k + n <= k + m -> n <= m.
Proof.
  intros k n m H. induction k as [| k IH]. exact H. apply IH. apply le_of_succ_le_succ. exact H.
Qed.

(* lmgym: level 5; topics nat, order, induction *)
Lemma le_gives_difference : forall n m : nat, n <= m -> exists k, m = k + n.
Proof.
  intros n m H. induction H as [| m H IH]. exists 0. reflexivity. destruct IH as [k E].
  exists (S k). rewrite E. reflexivity.
Qed.

(* lmgym: level 1; topics nat, order; uses le_add_left *)
Lemma difference_gives_le : forall n m : nat, (exists k, m = k + n) -> n <= m.
Proof.
  intros n m [k E]. rewrite E. apply le_add_left.
Qed.

(* lmgym: level 3; topics nat, order *)
Lemma lt_is_succ_le : forall n m : nat, n < m <-> S n <= m.
Proof.
  intros n m. split. intros H. exact H. intros H. exact H.
Qed.

(* lmgym: level 1; topics nat, order *)
Lemma lt_next : forall n : nat, n < S n.
Proof.
  intros n. apply le_n.
Qed.

(* lmgym: level 1; topics nat, order; uses not_succ_le_self *)
Lemma lt_irreflexive : forall n : nat, ~ n < n.
Proof.
  intros n H. apply (not_succ_le_self n). exact H.
Qed.

(* lmgym: level 2; topics nat, order; uses le_transitive *)
Lemma lt_gives_le : forall n m : nat, n < m -> n <= m.
Proof.
  intros n m H. apply (le_transitive n (S n) m). apply le_S. apply le_n. exact H.
Qed.

(* lmgym: level 2; topics nat, order; uses le_transitive, lt_gives_le *)
Lemma lt_transitive : forall a b c : nat, a < b -> b < c -> a < c.
Proof.
  intros a b c H1 H2. apply (le_transitive (S a) b c). exact H1. apply lt_gives_le. exact H2.
Qed.

(* lmgym: level 2; topics nat, order; uses le_transitive *)
Lemma lt_le_transitive : forall a b c : nat, a < b -> b <= c -> a < c.
Proof.
  intros a b c H1 H2. apply (le_transitive (S a) b c). exact H1. exact H2.
Qed.

(* lmgym: level 2; topics nat, order; uses lt_transitive, lt_irreflexive *)
Lemma lt_asymmetric : forall n m : nat, n < m -> ~ m < n.
Proof.
  intros n m H1 H2. apply (lt_irreflexive n). apply (lt_transitive n m n). exact H1. exact H2.
Qed.

(* lmgym: level 3; topics nat, order; uses succ_le_succ *)
Lemma le_is_lt_or_equal : forall n m : nat, n <= m -> n < m \/ n = m.
Proof.
  intros n m H. destruct H as [| m H]. right. reflexivity. left. apply succ_le_succ. exact H.
Qed.

(* lmgym: level 7; topics nat, order, induction; uses zero_le, succ_le_succ *)
Lemma le_or_lt : forall n m : nat, n <= m \/ m < n.
Proof.
  intros n. induction n as [| n IH]. intros m. left. apply zero_le. intros m. destruct m as [| m].
  right. apply succ_le_succ. apply zero_le. destruct (IH m) as [H | H]. left. apply succ_le_succ.
  exact H. right. apply succ_le_succ. exact H.
Qed.

(* lmgym: level 5; topics nat, order; uses le_or_lt, le_is_lt_or_equal *)
Lemma trichotomy : forall n m : nat, n < m \/ n = m \/ m < n.
Proof.
  intros n m. destruct (le_or_lt n m) as [H | H]. destruct (le_is_lt_or_equal n m H) as [K | K].
  left. exact K. right. left. exact K. right. right. exact H.
Qed.

(* lmgym: level 5; topics nat, order; uses zero_le, succ_le_succ *)
Lemma positive_is_not_zero : forall n : nat, 0 < n <-> n <> 0.
Proof.
  intros n. split. intros H E. rewrite E in H. inversion H. intros H. destruct n as [| n].
  destruct H. reflexivity. apply succ_le_succ. apply zero_le.
Qed.

(* lmgym: level 1; topics nat, order; uses le_of_succ_le_succ *)
Lemma lt_succ_gives_le : forall n m : nat, n < S m -> n <= m.
Proof.
  intros n m H. apply le_of_succ_le_succ. exact H.
Qed.

(* lmgym: level 3; topics nat, order *)
Lemma pred_le : forall n : nat, pred n <= n.
Proof.
  intros n. destruct n as [| n]. apply le_n. simpl. apply le_S. apply le_n.
Qed.

(* lmgym: level 5; topics nat, order; uses le_transitive, le_of_succ_le_succ *)
Lemma pred_monotone : forall n m : nat, n <= m -> pred n <= pred m.
Proof.
  intros n m H. destruct H as [| m H]. apply le_n. simpl. destruct n as [| n]. exact H.
  apply (le_transitive n (S n) m). apply le_S. apply le_n. exact H.
Qed.

(* lmgym: level 6; topics nat, order, induction; uses pred_le, le_transitive *)
Lemma sub_le : forall n m : nat, n - m <= n.
Proof.
  intros n. induction n as [| n IH]. intros m. apply le_n. intros m. destruct m as [| m].
  apply le_n. simpl. apply (le_transitive (n - m) n (S n)). apply IH. apply le_S. apply le_n.
Qed.

(* lmgym: level 6; topics nat, order, induction; uses le_of_succ_le_succ *)
Lemma le_sub_zero : forall n m : nat, n <= m -> n - m = 0.
Proof.
  intros n. induction n as [| n IH]. intros m _. reflexivity. intros m H. destruct m as [| m].
  inversion H. simpl. apply IH. apply le_of_succ_le_succ. exact H.
Qed.

(* lmgym: level 5; topics nat, order, induction; uses zero_le, succ_le_succ *)
Lemma sub_zero_le : forall n m : nat, n - m = 0 -> n <= m.
Proof.
  intros n. induction n as [| n IH]. intros m _. apply zero_le. intros m H. destruct m as [| m].
  discriminate H. apply succ_le_succ. apply IH. exact H.
Qed.

(* lmgym: level 7; topics nat, order, induction; uses le_of_succ_le_succ *)
Lemma sub_add_back : forall n m : nat, n <= m -> n + (m - n) = m.
Proof.
  intros n. induction n as [| n IH]. intros m _. destruct m as [| m]. reflexivity. reflexivity.
  intros m H. destruct m as [| m]. inversion H. simpl. rewrite IH. reflexivity.
  apply le_of_succ_le_succ. exact H.
Qed.

(* lmgym: level 8; topics nat, order, induction; uses le_of_succ_le_succ *)
Lemma strong_induction : forall P : nat -> Prop, (forall n, (forall m, m < n -> P m) -> P n) ->
  forall n, P n.
Proof.
  intros P H n. assert (K : forall m, m <= n -> P m). induction n as [| n IH]. intros m Hm.
  inversion Hm. apply H. intros k Hk. inversion Hk. intros m Hm. apply H. intros k Hk. apply IH.
  apply le_of_succ_le_succ. assert (T : forall a b c : nat, a <= b -> b <= c -> a <= c).
  intros a b c H1 H2. induction H2 as [| c H2 IHc]. exact H1. apply le_S. exact IHc.
  apply (T (S k) m (S n)). exact Hk. exact Hm. apply K. apply le_n.
Qed.

(* lmgym: level 3; topics nat, order; uses not_succ_le_self, le_transitive, le_of_succ_le_succ *)
Lemma no_number_between : forall n m : nat, n < m -> ~ m < S n.
Proof.
  intros n m H K. apply (not_succ_le_self n). apply (le_transitive (S n) m n). exact H.
  apply le_of_succ_le_succ. exact K.
Qed.
