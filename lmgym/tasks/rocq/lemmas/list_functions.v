Require Import List Bool Arith Lia.
Import ListNotations.
Fixpoint sum (l : list nat) : nat := match l with [] => 0 | x :: k => x + sum k end.
Fixpoint maximum (l : list nat) : nat := match l with [] => 0 | x :: k => Nat.max x (maximum k) end.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma sum_of_app : forall a b : list nat, sum (a ++ b) = sum a + sum b.
Proof.
  intros a b. induction a as [| x a IH]. reflexivity. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction; uses sum_of_app *)
Lemma sum_of_rev : forall l : list nat, sum (rev l) = sum l.
Proof.
  intros l. induction l as [| x l IH]. reflexivity. simpl. rewrite sum_of_app. rewrite IH. simpl.
  lia.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma sum_of_repeat : forall x n : nat, sum (repeat x n) = n * x.
Proof.
  intros x n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma sum_of_doubles : forall l : list nat, sum (map (fun x => 2 * x) l) = 2 * sum l.
Proof.
  intros l. induction l as [| x l IH]. reflexivity. simpl. simpl in IH. lia.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma sum_of_successors : forall l : list nat, sum (map S l) = sum l + length l.
Proof.
  intros l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma sum_as_fold : forall l : list nat, sum l = fold_right plus 0 l.
Proof.
  intros l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma sum_as_left_fold : forall (l : list nat) (a : nat), fold_left plus l a = a + sum l.
Proof.
  intros l. induction l as [| x l IH]. intros a. simpl. lia. intros a. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 6; topics list, fold and filter, induction *)
Lemma sum_zero_all_zero : forall l : list nat, sum l = 0 -> forall x, In x l -> x = 0.
Proof.
  intros l. induction l as [| y l IH]. intros H x K. destruct K. intros H x [K | K]. simpl in H.
  lia. apply IH. simpl in H. lia. exact K.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma element_at_most_sum : forall (l : list nat) (x : nat), In x l -> x <= sum l.
Proof.
  intros l x H. induction l as [| y l IH]. destruct H. simpl. destruct H as [H | H]. lia.
  specialize (IH H). lia.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma element_at_most_maximum : forall (l : list nat) (x : nat), In x l -> x <= maximum l.
Proof.
  intros l x H. induction l as [| y l IH]. destruct H. simpl. destruct H as [H | H]. lia.
  specialize (IH H). lia.
Qed.

(* lmgym: level 7; topics list, fold and filter, induction *)
Lemma maximum_is_element : forall l : list nat, l <> [] -> In (maximum l) l.
Proof.
  intros l H. induction l as [| x l IH]. destruct H. reflexivity. destruct l as [| y l]. left.
  simpl. lia. destruct (Nat.max_dec x (maximum (y :: l))) as [E | E]. left.
  change (x = Nat.max x (maximum (y :: l))). symmetry. exact E. right.
  change (In (Nat.max x (maximum (y :: l))) (y :: l)). rewrite E. apply IH. discriminate.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma maximum_of_app : forall a b : list nat, maximum (a ++ b) = Nat.max (maximum a) (maximum b).
Proof.
  intros a b. induction a as [| x a IH]. reflexivity. simpl. rewrite IH. lia.
Qed.

(* lmgym: level 3; topics list, fold and filter, induction *)
Lemma maximum_at_most_sum : forall l : list nat, maximum l <= sum l.
Proof.
  intros l. induction l as [| x l IH]. apply le_n. simpl. lia.
Qed.

(* lmgym: level 3; topics list, fold and filter, induction *)
Lemma sum_at_most_length_times_maximum : forall l : list nat, sum l <= length l * maximum l.
Proof.
  intros l. induction l as [| x l IH]. apply le_n. simpl. nia.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma fold_right_of_app : forall (A B : Type) (f : A -> B -> B) (e : B) (a b : list A), fold_right f
  e (a ++ b) = fold_right f (fold_right f e b) a.
Proof.
  intros A B f e a b. induction a as [| x a IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma fold_left_of_app : forall (A B : Type) (f : B -> A -> B) (a b : list A) (e : B), fold_left f
  (a ++ b) e = fold_left f b (fold_left f a e).
Proof.
  intros A B f a b. induction a as [| x a IH]. intros e. reflexivity. intros e. simpl. apply IH.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma fold_right_rebuilds : forall (A : Type) (l : list A), fold_right cons [] l = l.
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma fold_right_app_is_app : forall (A : Type) (l k : list A), fold_right cons k l = l ++ k.
Proof.
  intros A l k. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma map_as_fold : forall (A B : Type) (f : A -> B) (l : list A), map f l = fold_right (fun x k =>
  f x :: k) [] l.
Proof.
  intros A B f l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma length_as_fold : forall (A : Type) (l : list A), length l = fold_right (fun _ n => S n) 0 l.
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma fold_right_of_map : forall (A B C : Type) (f : A -> B) (g : B -> C -> C) (e : C) (l : list A),
  fold_right g e (map f l) = fold_right (fun x c => g (f x) c) e l.
Proof.
  intros A B C f g e l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma fold_left_reverses : forall (A : Type) (l k : list A), fold_left (fun m x => x :: m) l k = rev
  l ++ k.
Proof.
  intros A l. induction l as [| x l IH]. intros k. reflexivity. intros k. simpl. rewrite IH.
  rewrite <- app_assoc. reflexivity.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma fold_right_as_left_fold : forall (A B : Type) (f : A -> B -> B) (e : B) (l : list A),
  fold_right f e l = fold_left (fun b x => f x b) (rev l) e.
Proof.
  intros A B f e l. induction l as [| x l IH]. reflexivity. simpl. rewrite fold_left_app. simpl.
  rewrite IH. reflexivity.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma filter_of_app : forall (A : Type) (p : A -> bool) (a b : list A), filter p (a ++ b) = filter p
  a ++ filter p b.
Proof.
  intros A p a b. induction a as [| x a IH]. reflexivity. simpl. destruct (p x). simpl. rewrite IH.
  reflexivity. exact IH.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma filter_twice : forall (A : Type) (p : A -> bool) (l : list A), filter p (filter p l) = filter
  p l.
Proof.
  intros A p l. induction l as [| x l IH]. reflexivity. simpl. destruct (p x) eqn:E. simpl.
  rewrite E. rewrite IH. reflexivity. exact IH.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma filter_shortens : forall (A : Type) (p : A -> bool) (l : list A), length (filter p l) <=
  length l.
Proof.
  intros A p l. induction l as [| x l IH]. apply le_n. simpl. destruct (p x). simpl. lia. lia.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma filter_keeps_all : forall (A : Type) (l : list A), filter (fun _ => true) l = l.
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 3; topics list, fold and filter, induction *)
Lemma filter_keeps_none : forall (A : Type) (l : list A), filter (fun _ => false) l = [].
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. exact IH.
Qed.

(* lmgym: level 7; topics list, fold and filter, induction *)
Lemma filters_commute : forall (A : Type) (p q : A -> bool) (l : list A), filter p (filter q l) =
  filter q (filter p l).
Proof.
  intros A p q l. induction l as [| x l IH]. reflexivity. simpl. destruct (p x) eqn:P.
  destruct (q x) eqn:Q. simpl. rewrite P. rewrite Q. rewrite IH. reflexivity. simpl. rewrite Q.
  exact IH. destruct (q x) eqn:Q. simpl. rewrite P. exact IH. exact IH.
Qed.

(* lmgym: level 6; topics list, fold and filter, induction *)
Lemma filters_join : forall (A : Type) (p q : A -> bool) (l : list A), filter p (filter q l) =
  filter (fun x => andb (q x) (p x)) l.
Proof.
  intros A p q l. induction l as [| x l IH]. reflexivity. simpl. destruct (q x). simpl.
  destruct (p x). rewrite IH. reflexivity. exact IH. exact IH.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma filter_partitions_length : forall (A : Type) (p : A -> bool) (l : list A), length (filter p l)
  + length (filter (fun x => negb (p x)) l) = length l.
Proof.
  intros A p l. induction l as [| x l IH]. reflexivity. simpl. destruct (p x). simpl. rewrite IH.
  reflexivity. simpl. lia.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma filter_after_map : forall (A B : Type) (f : A -> B) (p : B -> bool) (l : list A), filter p
  (map f l) = map f (filter (fun x => p (f x)) l).
Proof.
  intros A B f p l. induction l as [| x l IH]. reflexivity. simpl. destruct (p (f x)). simpl.
  rewrite IH. reflexivity. exact IH.
Qed.

(* lmgym: level 8; topics list, fold and filter, induction *)
Lemma in_filter : forall (A : Type) (p : A -> bool) (x : A) (l : list A), In x (filter p l) -> In x
  l /\ p x = true.
Proof.
  intros A p x l. induction l as [| y l IH]. intros H. destruct H. simpl. intros H.
  destruct (p y) eqn:E. destruct H as [H | H]. split. left. exact H. rewrite <- H. exact E.
  destruct (IH H) as [H1 H2]. split. right. exact H1. exact H2. destruct (IH H) as [H1 H2]. split.
  right. exact H1. exact H2.
Qed.

(* lmgym: level 8; topics list, fold and filter, induction *)
Lemma in_app : forall (A : Type) (x : A) (a b : list A), In x (a ++ b) <-> In x a \/ In x b.
Proof.
  intros A x a b. induction a as [| y a IH]. split. intros H. right. exact H. intros [H | H].
  destruct H. exact H. split. intros [H | H]. left. left. exact H. apply IH in H.
  destruct H as [H | H]. left. right. exact H. right. exact H. intros [[H | H] | H]. left. exact H.
  right. apply IH. left. exact H. right. apply IH. right. exact H.
Qed.

(* lmgym: level 5; topics list, fold and filter *)
Lemma in_own_singleton : forall (A : Type) (x y : A), In x [y] <-> x = y.
Proof.
  intros A x y. split. intros [H | H]. rewrite H. reflexivity. destruct H. intros H. left.
  rewrite H. reflexivity.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma in_map_forward : forall (A B : Type) (f : A -> B) (x : A) (l : list A), In x l -> In (f x)
  (map f l).
Proof.
  intros A B f x l H. induction l as [| y l IH]. destruct H. destruct H as [H | H]. left.
  rewrite H. reflexivity. right. apply IH. exact H.
Qed.

(* lmgym: level 7; topics list, fold and filter, induction *)
Lemma in_map_backward : forall (A B : Type) (f : A -> B) (y : B) (l : list A), In y (map f l) ->
  exists x, f x = y /\ In x l.
Proof.
  intros A B f y l. induction l as [| x l IH]. intros H. destruct H. intros [H | H]. exists x.
  split. exact H. left. reflexivity. destruct (IH H) as [z [E K]]. exists z. split. exact E. right.
  exact K.
Qed.

(* lmgym: level 7; topics list, fold and filter, induction *)
Lemma in_means_split : forall (A : Type) (x : A) (l : list A), In x l -> exists a b, l = a ++ x ::
  b.
Proof.
  intros A x l H. induction l as [| y l IH]. destruct H. destruct H as [H | H]. exists [].
  exists l. rewrite H. reflexivity. destruct (IH H) as [a [b E]]. exists (y :: a). exists b.
  rewrite E. reflexivity.
Qed.

(* lmgym: level 6; topics list, fold and filter, induction; uses in_app *)
Lemma in_reverse : forall (A : Type) (x : A) (l : list A), In x l -> In x (rev l).
Proof.
  intros A x l H. induction l as [| y l IH]. destruct H. simpl. apply in_app.
  destruct H as [H | H]. right. left. exact H. left. apply IH. exact H.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma in_repeated : forall (A : Type) (x y : A) (n : nat), In y (repeat x n) -> y = x.
Proof.
  intros A x y n H. induction n as [| n IH]. destruct H. destruct H as [H | H]. rewrite H.
  reflexivity. apply IH. exact H.
Qed.

(* lmgym: level 4; topics list, fold and filter, induction *)
Lemma forallb_of_app : forall (A : Type) (p : A -> bool) (a b : list A), forallb p (a ++ b) = andb
  (forallb p a) (forallb p b).
Proof.
  intros A p a b. induction a as [| x a IH]. reflexivity. simpl. rewrite IH. rewrite andb_assoc.
  reflexivity.
Qed.

(* lmgym: level 6; topics list, fold and filter, induction *)
Lemma forallb_gives_each : forall (A : Type) (p : A -> bool) (l : list A) (x : A), forallb p l =
  true -> In x l -> p x = true.
Proof.
  intros A p l x H K. induction l as [| y l IH]. destruct K. simpl in H. apply andb_prop in H.
  destruct H as [H1 H2]. destruct K as [K | K]. rewrite <- K. exact H1. apply IH. exact H2.
  exact K.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma existsb_as_forallb : forall (A : Type) (p : A -> bool) (l : list A), existsb p l = negb
  (forallb (fun x => negb (p x)) l).
Proof.
  intros A p l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. destruct (p x).
  reflexivity. reflexivity.
Qed.

(* lmgym: level 7; topics list, fold and filter, induction *)
Lemma existsb_finds : forall (A : Type) (p : A -> bool) (l : list A), existsb p l = true -> exists
  x, In x l /\ p x = true.
Proof.
  intros A p l H. induction l as [| x l IH]. discriminate H. simpl in H. destruct (p x) eqn:E.
  exists x. split. left. reflexivity. exact E. destruct (IH H) as [y [K1 K2]]. exists y. split.
  right. exact K1. exact K2.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma filter_all_true : forall (A : Type) (p : A -> bool) (l : list A), forallb p l = true -> filter
  p l = l.
Proof.
  intros A p l H. induction l as [| x l IH]. reflexivity. simpl. simpl in H. destruct (p x).
  rewrite IH. reflexivity. exact H. discriminate H.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma seq_has_length : forall n start : nat, length (seq start n) = n.
Proof.
  intros n. induction n as [| n IH]. intros start. reflexivity. intros start. simpl. rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma seq_bounds : forall n start x : nat, In x (seq start n) -> start <= x < start + n.
Proof.
  intros n. induction n as [| n IH]. intros start x H. destruct H. intros start x [H | H]. lia.
  apply IH in H. lia.
Qed.

(* lmgym: level 5; topics list, fold and filter, induction *)
Lemma seq_shift_is_map : forall n start : nat, map S (seq start n) = seq (S start) n.
Proof.
  intros n. induction n as [| n IH]. intros start. reflexivity. intros start. simpl. rewrite IH.
  reflexivity.
Qed.
