Require Import List Arith Lia.
Import ListNotations.
Inductive tree (A : Type) : Type := leaf : tree A | node : tree A -> A -> tree A -> tree A.
Arguments leaf {A}.
Arguments node {A}.
Fixpoint size {A : Type} (t : tree A) : nat :=
  match t with
  | leaf => 0
  | node l _ r => S (size l + size r)
  end.
Fixpoint height {A : Type} (t : tree A) : nat :=
  match t with
  | leaf => 0
  | node l _ r => S (Nat.max (height l) (height r))
  end.
Fixpoint leaves {A : Type} (t : tree A) : nat :=
  match t with
  | leaf => 1
  | node l _ r => leaves l + leaves r
  end.
Fixpoint mirrored {A : Type} (t : tree A) : tree A :=
  match t with
  | leaf => leaf
  | node l x r => node (mirrored r) x (mirrored l)
  end.
Fixpoint tree_map {A B : Type} (f : A -> B) (t : tree A) : tree B :=
  match t with
  | leaf => leaf
  | node l x r => node (tree_map f l) (f x) (tree_map f r)
  end.
Fixpoint inorder {A : Type} (t : tree A) : list A :=
  match t with
  | leaf => []
  | node l x r => inorder l ++ x :: inorder r
  end.
Fixpoint preorder {A : Type} (t : tree A) : list A :=
  match t with
  | leaf => []
  | node l x r => x :: preorder l ++ preorder r
  end.
Fixpoint perfect (n : nat) : tree nat :=
  match n with
  | 0 => leaf
  | S m => node (perfect m) m (perfect m)
  end.

(* lmgym: level 1; topics trees *)
Lemma leaf_is_no_node : forall (A : Type) (l r : tree A) (x : A), leaf <> node l x r.
Proof.
  intros A l r x H. discriminate H.
Qed.

(* lmgym: level 3; topics trees *)
Lemma node_injective : forall (A : Type) (l r l' r' : tree A) (x x' : A), node l x r = node l' x' r'
  -> l = l' /\ x = x' /\ r = r'.
Proof.
  intros A l r l' r' x x' H. injection H as E1 E2 E3. split. exact E1. split. exact E2. exact E3.
Qed.

(* lmgym: level 2; topics trees *)
Lemma size_zero_is_leaf : forall (A : Type) (t : tree A), size t = 0 -> t = leaf.
Proof.
  intros A t H. destruct t as [| l x r]. reflexivity. discriminate H.
Qed.

(* lmgym: level 4; topics trees, induction *)
Lemma leaves_is_size_and_one : forall (A : Type) (t : tree A), leaves t = S (size t).
Proof.
  intros A t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl. rewrite IHr. lia.
Qed.

(* lmgym: level 3; topics trees, induction *)
Lemma height_at_most_size : forall (A : Type) (t : tree A), height t <= size t.
Proof.
  intros A t. induction t as [| l IHl x r IHr]. apply le_n. simpl. lia.
Qed.

(* lmgym: level 7; topics trees, induction *)
Lemma size_below_power_of_height : forall (A : Type) (t : tree A), S (size t) <= 2 ^ height t.
Proof.
  intros A t. induction t as [| l IHl x r IHr]. apply le_n. simpl.
  assert (M : forall a b, 2 ^ a <= 2 ^ Nat.max a b). intros a b. apply Nat.pow_le_mono_r. lia. lia.
  assert (Ml : 2 ^ height l <= 2 ^ Nat.max (height l) (height r)). apply M.
  assert (Mr : 2 ^ height r <= 2 ^ Nat.max (height l) (height r)). rewrite Nat.max_comm. apply M.
  lia.
Qed.

(* lmgym: level 4; topics trees, induction *)
Lemma mirrored_twice : forall (A : Type) (t : tree A), mirrored (mirrored t) = t.
Proof.
  intros A t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl. rewrite IHr.
  reflexivity.
Qed.

(* lmgym: level 4; topics trees, induction *)
Lemma size_of_mirrored : forall (A : Type) (t : tree A), size (mirrored t) = size t.
Proof.
  intros A t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl. rewrite IHr. lia.
Qed.

(* lmgym: level 5; topics trees, induction *)
Lemma height_of_mirrored : forall (A : Type) (t : tree A), height (mirrored t) = height t.
Proof.
  intros A t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl. rewrite IHr.
  rewrite Nat.max_comm. reflexivity.
Qed.

(* lmgym: level 2; topics trees; uses mirrored_twice *)
Lemma mirrored_injective : forall (A : Type) (s t : tree A), mirrored s = mirrored t -> s = t.
Proof.
  intros A s t H. rewrite <- (mirrored_twice A s). rewrite H. apply mirrored_twice.
Qed.

(* lmgym: level 5; topics trees, induction *)
Lemma inorder_of_mirrored : forall (A : Type) (t : tree A), inorder (mirrored t) = rev (inorder t).
Proof.
  intros A t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl. rewrite IHr.
  rewrite rev_app_distr. simpl. rewrite <- app_assoc. reflexivity.
Qed.

(* lmgym: level 4; topics trees, induction *)
Lemma tree_map_identity : forall (A : Type) (t : tree A), tree_map (fun x => x) t = t.
Proof.
  intros A t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl. rewrite IHr.
  reflexivity.
Qed.

(* lmgym: level 4; topics trees, induction *)
Lemma tree_map_compose : forall (A B C : Type) (f : A -> B) (g : B -> C) (t : tree A), tree_map g
  (tree_map f t) = tree_map (fun x => g (f x)) t.
Proof.
  intros A B C f g t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl.
  rewrite IHr. reflexivity.
Qed.

(* lmgym: level 4; topics trees, induction *)
Lemma tree_map_mirrored : forall (A B : Type) (f : A -> B) (t : tree A), tree_map f (mirrored t) =
  mirrored (tree_map f t).
Proof.
  intros A B f t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl. rewrite IHr.
  reflexivity.
Qed.

(* lmgym: level 4; topics trees, induction *)
Lemma tree_map_keeps_size : forall (A B : Type) (f : A -> B) (t : tree A), size (tree_map f t) =
  size t.
Proof.
  intros A B f t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl. rewrite IHr.
  reflexivity.
Qed.

(* lmgym: level 5; topics trees, induction *)
Lemma inorder_of_tree_map : forall (A B : Type) (f : A -> B) (t : tree A), inorder (tree_map f t) =
  map f (inorder t).
Proof.
  intros A B f t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite IHl. rewrite IHr.
  rewrite map_app. reflexivity.
Qed.

(* lmgym: level 5; topics trees, induction *)
Lemma inorder_length : forall (A : Type) (t : tree A), length (inorder t) = size t.
Proof.
  intros A t. induction t as [| l IHl x r IHr]. reflexivity. simpl. rewrite app_length. simpl.
  rewrite IHl. rewrite IHr. lia.
Qed.

(* lmgym: level 5; topics trees, induction; uses inorder_length *)
Lemma preorder_length : forall (A : Type) (t : tree A), length (preorder t) = length (inorder t).
Proof.
  intros A t. rewrite inorder_length. induction t as [| l IHl x r IHr]. reflexivity. simpl.
  rewrite app_length. rewrite IHl. rewrite IHr. reflexivity.
Qed.

(* lmgym: level 7; topics trees, induction *)
Lemma same_elements_in_both_orders : forall (A : Type) (t : tree A) (x : A), In x (preorder t) -> In
  x (inorder t).
Proof.
  intros A t x. induction t as [| l IHl y r IHr]. intros H. exact H. simpl. intros [H | H].
  apply in_or_app. right. left. exact H. apply in_app_or in H. apply in_or_app.
  destruct H as [H | H]. left. apply IHl. exact H. right. right. apply IHr. exact H.
Qed.

(* lmgym: level 4; topics trees, induction *)
Lemma perfect_height : forall n : nat, height (perfect n) = n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. rewrite Nat.max_id.
  reflexivity.
Qed.

(* lmgym: level 3; topics trees, induction *)
Lemma perfect_size : forall n : nat, S (size (perfect n)) = 2 ^ n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. lia.
Qed.

(* lmgym: level 4; topics trees, induction *)
Lemma perfect_mirrored : forall n : nat, mirrored (perfect n) = perfect n.
Proof.
  intros n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.
