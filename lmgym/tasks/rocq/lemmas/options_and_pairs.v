Definition option_map2 {A B : Type} (f : A -> B) (o : option A) : option B :=
  match o with
  | Some x => Some (f x)
  | None => None
  end.
Definition bind {A B : Type} (o : option A) (f : A -> option B) : option B :=
  match o with
  | Some x => f x
  | None => None
  end.
Definition get {A : Type} (d : A) (o : option A) : A := match o with Some x => x | None => d end.
Definition or_else {A : Type} (o p : option A) : option A :=
  match o with
  | Some x => Some x
  | None => p
  end.
Definition swap {A B : Type} (p : A * B) : B * A := match p with (x, y) => (y, x) end.
Definition mirror {A B : Type} (s : A + B) : B + A :=
  match s with
  | inl x => inr x
  | inr y => inl y
  end.

(* lmgym: level 1; topics option, pairs *)
Lemma some_injective : forall (A : Type) (x y : A), Some x = Some y -> x = y.
Proof.
  intros A x y H. injection H as E. exact E.
Qed.

(* lmgym: level 1; topics option, pairs *)
Lemma some_is_not_none : forall (A : Type) (x : A), Some x <> None.
Proof.
  intros A x H. discriminate H.
Qed.

(* lmgym: level 4; topics option, pairs *)
Lemma option_cases : forall (A : Type) (o : option A), o = None \/ exists x, o = Some x.
Proof.
  intros A o. destruct o as [x |]. right. exists x. reflexivity. left. reflexivity.
Qed.

(* lmgym: level 3; topics option, pairs *)
Lemma not_none_is_some : forall (A : Type) (o : option A), o <> None -> exists x, o = Some x.
Proof.
  intros A o H. destruct o as [x |]. exists x. reflexivity. destruct H. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma option_map_identity : forall (A : Type) (o : option A), option_map2 (fun x => x) o = o.
Proof.
  intros A o. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma option_map_compose : forall (A B C : Type) (f : A -> B) (g : B -> C) (o : option A),
  option_map2 g (option_map2 f o) = option_map2 (fun x => g (f x)) o.
Proof.
  intros A B C f g o. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma option_map_none : forall (A B : Type) (f : A -> B) (o : option A), option_map2 f o = None -> o
  = None.
Proof.
  intros A B f o H. destruct o as [x |]. discriminate H. reflexivity.
Qed.

(* lmgym: level 4; topics option, pairs *)
Lemma option_map_some : forall (A B : Type) (f : A -> B) (o : option A) (y : B), option_map2 f o =
  Some y -> exists x, o = Some x /\ f x = y.
Proof.
  intros A B f o y H. destruct o as [x |]. exists x. split. reflexivity. injection H as E. exact E.
  discriminate H.
Qed.

(* lmgym: level 5; topics option, pairs *)
Lemma option_map_injective : forall (A B : Type) (f : A -> B), (forall x y, f x = f y -> x = y) ->
  forall o p, option_map2 f o = option_map2 f p -> o = p.
Proof.
  intros A B f inj o p H. destruct o as [x |]. destruct p as [y |]. injection H as E.
  rewrite (inj x y E). reflexivity. discriminate H. destruct p as [y |]. discriminate H.
  reflexivity.
Qed.

(* lmgym: level 1; topics option, pairs *)
Lemma bind_of_some : forall (A B : Type) (x : A) (f : A -> option B), bind (Some x) f = f x.
Proof.
  intros A B x f. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma bind_with_some : forall (A : Type) (o : option A), bind o (fun x => Some x) = o.
Proof.
  intros A o. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma bind_associates : forall (A B C : Type) (o : option A) (f : A -> option B) (g : B -> option
  C), bind (bind o f) g = bind o (fun x => bind (f x) g).
Proof.
  intros A B C o f g. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma option_map_as_bind : forall (A B : Type) (f : A -> B) (o : option A), option_map2 f o = bind o
  (fun x => Some (f x)).
Proof.
  intros A B f o. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma bind_never : forall (A B : Type) (o : option A), bind o (fun _ => @None B) = None.
Proof.
  intros A B o. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 4; topics option, pairs *)
Lemma bind_some_result : forall (A B : Type) (o : option A) (f : A -> option B) (y : B), bind o f =
  Some y -> exists x, o = Some x /\ f x = Some y.
Proof.
  intros A B o f y H. destruct o as [x |]. exists x. split. reflexivity. exact H. discriminate H.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma get_after_map : forall (A B : Type) (f : A -> B) (d : A) (o : option A), get (f d)
  (option_map2 f o) = f (get d o).
Proof.
  intros A B f d o. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma or_else_none : forall (A : Type) (o : option A), or_else o None = o.
Proof.
  intros A o. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma or_else_associates : forall (A : Type) (o p q : option A), or_else o (or_else p q) = or_else
  (or_else o p) q.
Proof.
  intros A o p q. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 5; topics option, pairs *)
Lemma or_else_both_none : forall (A : Type) (o p : option A), or_else o p = None <-> o = None /\ p =
  None.
Proof.
  intros A o p. split. intros H. destruct o as [x |]. discriminate H. split. reflexivity. exact H.
  intros [Ho Hp]. rewrite Ho. exact Hp.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma or_else_same : forall (A : Type) (o : option A), or_else o o = o.
Proof.
  intros A o. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma get_or_else : forall (A : Type) (d : A) (o p : option A), get d (or_else o p) = get (get d p)
  o.
Proof.
  intros A d o p. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma option_map_over_or_else : forall (A B : Type) (f : A -> B) (o p : option A), option_map2 f
  (or_else o p) = or_else (option_map2 f o) (option_map2 f p).
Proof.
  intros A B f o p. destruct o as [x |]. reflexivity. reflexivity.
Qed.

(* lmgym: level 1; topics option, pairs *)
Lemma pair_of_parts : forall (A B : Type) (p : A * B), (fst p, snd p) = p.
Proof.
  intros A B p. destruct p as [x y]. reflexivity.
Qed.

(* lmgym: level 4; topics option, pairs *)
Lemma pair_equal_parts : forall (A B : Type) (p q : A * B), fst p = fst q -> snd p = snd q -> p = q.
Proof.
  intros A B p q H1 H2. destruct p as [x y]. destruct q as [x' y']. simpl in H1. simpl in H2.
  rewrite H1. rewrite H2. reflexivity.
Qed.

(* lmgym: level 5; topics option, pairs *)
Lemma pair_injective : forall (A B : Type) (x x' : A) (y y' : B), (x, y) = (x', y') <-> x = x' /\ y
  = y'.
Proof.
  intros A B x x' y y'. split. intros H. injection H as E1 E2. split. exact E1. exact E2.
  intros [E1 E2]. rewrite E1. rewrite E2. reflexivity.
Qed.

(* lmgym: level 1; topics option, pairs *)
Lemma swap_twice : forall (A B : Type) (p : A * B), swap (swap p) = p.
Proof.
  intros A B p. destruct p as [x y]. reflexivity.
Qed.

(* lmgym: level 1; topics option, pairs *)
Lemma first_of_swap : forall (A B : Type) (p : A * B), fst (swap p) = snd p.
Proof.
  intros A B p. destruct p as [x y]. reflexivity.
Qed.

(* lmgym: level 3; topics option, pairs *)
Lemma swap_injective : forall (A B : Type) (p q : A * B), swap p = swap q -> p = q.
Proof.
  intros A B p q H. destruct p as [x y]. destruct q as [x' y']. injection H as E1 E2. rewrite E1.
  rewrite E2. reflexivity.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma swap_fixed_diagonal : forall (A : Type) (p : A * A), swap p = p -> fst p = snd p.
Proof.
  intros A p H. destruct p as [x y]. injection H as E1 E2. simpl. exact E2.
Qed.

(* lmgym: level 2; topics option, pairs *)
Lemma mirror_twice : forall (A B : Type) (s : A + B), mirror (mirror s) = s.
Proof.
  intros A B s. destruct s as [x | y]. reflexivity. reflexivity.
Qed.

(* lmgym: level 1; topics option, pairs *)
Lemma left_is_not_right : forall (A B : Type) (x : A) (y : B), inl x <> inr y.
Proof.
  intros A B x y H. discriminate H.
Qed.

(* lmgym: level 5; topics option, pairs *)
Lemma sum_type_cases : forall (A B : Type) (s : A + B), (exists x, s = inl x) \/ (exists y, s = inr
  y).
Proof.
  intros A B s. destruct s as [x | y]. left. exists x. reflexivity. right. exists y. reflexivity.
Qed.

(* lmgym: level 3; topics option, pairs *)
Lemma forall_pairs : forall (A B : Type) (P : A * B -> Prop), (forall x y, P (x, y)) <-> forall p, P
  p.
Proof.
  intros A B P. split. intros H p. destruct p as [x y]. apply H. intros H x y. apply H.
Qed.

(* lmgym: level 5; topics option, pairs *)
Lemma exists_pair : forall (A B : Type) (P : A * B -> Prop), (exists p, P p) <-> exists x y, P (x,
  y).
Proof.
  intros A B P. split. intros [[x y] H]. exists x. exists y. exact H. intros [x [y H]].
  exists (x, y). exact H.
Qed.

(* lmgym: level 1; topics option, pairs *)
Lemma curry_then_uncurry : forall (A B C : Type) (f : A * B -> C) (p : A * B), (fun x y => f (x, y))
  (fst p) (snd p) = f p.
Proof.
  intros A B C f p. destruct p as [x y]. reflexivity.
Qed.
