Definition injective {A B : Type} (f : A -> B) : Prop := forall x y, f x = f y -> x = y.
Definition surjective {A B : Type} (f : A -> B) : Prop := forall y, exists x, f x = y.
Definition compose {A B C : Type} (g : B -> C) (f : A -> B) (x : A) : C := g (f x).

(* lmgym: level 1; topics equality, functions *)
Lemma equal_symmetric : forall (A : Type) (x y : A), x = y -> y = x.
Proof.
  intros A x y H. rewrite H. reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma equal_transitive : forall (A : Type) (x y z : A), x = y -> y = z -> x = z.
Proof.
  intros A x y z H1 H2. rewrite H1. exact H2.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma equal_two_to_one : forall (A : Type) (x y z : A), x = z -> y = z -> x = y.
Proof.
  intros A x y z H1 H2. rewrite H1. rewrite H2. reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma apply_equal : forall (A B : Type) (f : A -> B) (x y : A), x = y -> f x = f y.
Proof.
  intros A B f x y H. rewrite H. reflexivity.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma apply_equal_two : forall (A B C : Type) (f : A -> B -> C) (x x' : A) (y y' : B), x = x' -> y =
  y' -> f x y = f x' y'.
Proof.
  intros A B C f x x' y y' H1 H2. rewrite H1. rewrite H2. reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma apply_equal_functions : forall (A B : Type) (f g : A -> B) (x : A), f = g -> f x = g x.
Proof.
  intros A B f g x H. rewrite H. reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma leibniz : forall (A : Type) (x y : A), (forall P : A -> Prop, P x -> P y) -> x = y.
Proof.
  intros A x y H. apply (H (fun z => x = z)). reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma substitute : forall (A : Type) (P : A -> Prop) (x y : A), x = y -> P x -> P y.
Proof.
  intros A P x y H HP. rewrite <- H. exact HP.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma different_by_property : forall (A : Type) (P : A -> Prop) (x y : A), P x -> ~ P y -> x <> y.
Proof.
  intros A P x y Hx Hy E. apply Hy. rewrite <- E. exact Hx.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma different_symmetric : forall (A : Type) (x y : A), x <> y -> y <> x.
Proof.
  intros A x y H E. apply H. rewrite E. reflexivity.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma different_images : forall (A B : Type) (f : A -> B) (x y : A), f x <> f y -> x <> y.
Proof.
  intros A B f x y H E. apply H. rewrite E. reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma injective_identity : forall A : Type, injective (fun x : A => x).
Proof.
  intros A x y H. exact H.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma surjective_identity : forall A : Type, surjective (fun x : A => x).
Proof.
  intros A y. exists y. reflexivity.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma injective_compose : forall (A B C : Type) (f : A -> B) (g : B -> C), injective f -> injective
  g -> injective (compose g f).
Proof.
  intros A B C f g Hf Hg x y H. apply Hf. apply Hg. exact H.
Qed.

(* lmgym: level 4; topics equality, functions *)
Lemma surjective_compose : forall (A B C : Type) (f : A -> B) (g : B -> C), surjective f ->
  surjective g -> surjective (compose g f).
Proof.
  intros A B C f g Hf Hg z. destruct (Hg z) as [y Hy]. destruct (Hf y) as [x Hx]. exists x.
  unfold compose. rewrite Hx. exact Hy.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma injective_of_compose : forall (A B C : Type) (f : A -> B) (g : B -> C), injective (compose g
  f) -> injective f.
Proof.
  intros A B C f g H x y E. apply H. unfold compose. rewrite E. reflexivity.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma surjective_of_compose : forall (A B C : Type) (f : A -> B) (g : B -> C), surjective (compose g
  f) -> surjective g.
Proof.
  intros A B C f g H z. destruct (H z) as [x Hx]. exists (f x). exact Hx.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma left_inverse_injective : forall (A B : Type) (f : A -> B) (g : B -> A), (forall x, g (f x) =
  x) -> injective f.
Proof.
  intros A B f g H x y E. rewrite <- (H x). rewrite E. apply H.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma right_inverse_surjective : forall (A B : Type) (f : A -> B) (g : B -> A), (forall y, f (g y) =
  y) -> surjective f.
Proof.
  intros A B f g H y. exists (g y). apply H.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma involution_injective : forall (A : Type) (f : A -> A), (forall x, f (f x) = x) -> injective f.
Proof.
  intros A f H x y E. rewrite <- (H x). rewrite E. apply H.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma involution_surjective : forall (A : Type) (f : A -> A), (forall x, f (f x) = x) -> surjective
  f.
Proof.
  intros A f H y. exists (f y). apply H.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma inverses_agree : forall (A B : Type) (f : A -> B) (g h : B -> A), (forall x, g (f x) = x) ->
  (forall y, f (h y) = y) -> forall y, g y = h y.
Proof.
  intros A B f g h Hg Hh y. rewrite <- (Hg (h y)). rewrite Hh. reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma compose_associative : forall (A B C D : Type) (f : A -> B) (g : B -> C) (h : C -> D) (x : A),
  compose h (compose g f) x = compose (compose h g) f x.
Proof.
  intros A B C D f g h x. reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma compose_identity : forall (A B : Type) (f : A -> B) (x : A), compose (fun y => y) f x = f x.
Proof.
  intros A B f x. reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma idempotent_fixes_image : forall (A : Type) (f : A -> A), (forall x, f (f x) = f x) -> forall
  y, (exists x, f x = y) -> f y = y.
Proof.
  intros A f H y [x E]. rewrite <- E. apply H.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma idempotent_injective_is_identity : forall (A : Type) (f : A -> A), (forall x, f (f x) = f x)
  -> injective f -> forall x, f x = x.
Proof.
  intros A f H inj x. apply inj. apply H.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma idempotent_surjective_is_identity : forall (A : Type) (f : A -> A), (forall x, f (f x) = f x)
  -> surjective f -> forall y, f y = y.
Proof.
  intros A f H sur y. destruct (sur y) as [x E]. rewrite <- E. apply H.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma commuting_fixed_point : forall (A : Type) (f g : A -> A) (a : A), (forall x, f (g x) = g (f
  x)) -> f a = a -> f (g a) = g a.
Proof.
  intros A f g a H E. rewrite H. rewrite E. reflexivity.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma three_times_then_five : forall (A : Type) (f : A -> A) (a : A), f (f (f a)) = a -> f (f (f (f
  (f a)))) = a -> f a = a.
Proof.
  intros A f a H3 H5. rewrite H3 in H5. rewrite H5 in H3. exact H3.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma unit_unique : forall x y : unit, x = y.
Proof.
  intros x y. destruct x. destruct y. reflexivity.
Qed.

(* lmgym: level 1; topics equality, functions *)
Lemma empty_has_all : forall (P : Empty_set -> Prop) (x : Empty_set), P x.
Proof.
  intros P x. destruct x.
Qed.

(* lmgym: level 2; topics equality, functions *)
Lemma neutral_unique : forall (A : Type) (op : A -> A -> A) (e e' : A), (forall x, op e x = x) ->
  (forall x, op x e' = x) -> e = e'.
Proof.
  intros A op e e' H H'. rewrite <- (H' e). rewrite H. reflexivity.
Qed.

(* lmgym: level 3; topics equality, functions *)
Lemma inverse_unique : forall (A : Type) (op : A -> A -> A) (e x y z : A), (forall a b c, op a (op b
  c) = op (op a b) c) -> (forall a, op e a = a) -> (forall a, op a e = a) -> op y x = e -> op x z =
  e -> y = z.
Proof.
  intros A op e x y z assoc left right Hy Hz. rewrite <- (right y). rewrite <- Hz. rewrite assoc.
  rewrite Hy. apply left.
Qed.

(* lmgym: level 4; topics equality, functions *)
Lemma group_left_cancel : forall (A : Type) (op : A -> A -> A) (e : A) (inv : A -> A), (forall a b
  c, op a (op b c) = op (op a b) c) -> (forall a, op e a = a) -> (forall a, op (inv a) a = e) ->
  forall a b c, op a b = op a c -> b = c.
Proof.
  intros A op e inv assoc left invl a b c H. rewrite <- (left b). rewrite <- (left c).
  rewrite <- (invl a). rewrite <- assoc. rewrite <- assoc. rewrite H. reflexivity.
Qed.

(* lmgym: level 5; topics equality, functions *)
Lemma group_right_inverse : forall (A : Type) (op : A -> A -> A) (e : A) (inv : A -> A), (forall a b
  c, op a (op b c) = op (op a b) c) -> (forall a, op e a = a) -> (forall a, op (inv a) a = e) ->
  forall a, op a (inv a) = e.
Proof.
  intros A op e inv assoc left invl a. transitivity (op (op (inv (inv a)) (inv a)) (op a (inv a))).
  rewrite invl. symmetry. apply left. rewrite <- assoc. rewrite (assoc (inv a) a (inv a)).
  rewrite invl. rewrite left. apply invl.
Qed.
