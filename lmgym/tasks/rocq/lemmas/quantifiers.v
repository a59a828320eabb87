(* lmgym: level 1; topics first-order *)
Lemma forall_instance : forall (A : Type) (P : A -> Prop) (a : A), (forall x, P x) -> P a.
Proof.
  intros A P a H. apply H.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma exists_intro : forall (A : Type) (P : A -> Prop) (a : A), P a -> exists x, P x.
Proof.
  intros A P a H. exists a. exact H.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma exists_equal : forall (A : Type) (a : A), exists x, x = a.
Proof.
  intros A a. exists a. reflexivity.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma forall_imp_exists : forall (A : Type) (P : A -> Prop) (a : A), (forall x, P x) -> exists x, P
  x.
Proof.
  intros A P a H. exists a. apply H.
Qed.

(* lmgym: level 1; topics first-order *)
Lemma forall_swap : forall (A B : Type) (R : A -> B -> Prop), (forall x y, R x y) -> forall y x, R x
  y.
Proof.
  intros A B R H y x. apply H.
Qed.

(* lmgym: level 3; topics first-order *)
Lemma exists_swap : forall (A B : Type) (R : A -> B -> Prop), (exists x y, R x y) -> exists y x, R x
  y.
Proof.
  intros A B R [x [y H]]. exists y. exists x. exact H.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma exists_forall_swap : forall (A B : Type) (R : A -> B -> Prop), (exists x, forall y, R x y) ->
  forall y, exists x, R x y.
Proof.
  intros A B R [x H] y. exists x. apply H.
Qed.

(* lmgym: level 5; topics first-order *)
Lemma forall_and : forall (A : Type) (P Q : A -> Prop), (forall x, P x /\ Q x) <-> (forall x, P x)
  /\ (forall x, Q x).
Proof.
  intros A P Q. split. intros H. split. intros x. apply H. intros x. apply H. intros [HP HQ] x.
  split. apply HP. apply HQ.
Qed.

(* lmgym: level 7; topics first-order *)
Lemma exists_or : forall (A : Type) (P Q : A -> Prop), (exists x, P x \/ Q x) <-> (exists x, P x) \/
  (exists x, Q x).
Proof.
  intros A P Q. split. intros [x [H | H]]. left. exists x. exact H. right. exists x. exact H.
  intros [[x H] | [x H]]. exists x. left. exact H. exists x. right. exact H.
Qed.

(* lmgym: level 4; topics first-order *)
Lemma exists_and : forall (A : Type) (P Q : A -> Prop), (exists x, P x /\ Q x) -> (exists x, P x) /\
  (exists x, Q x).
Proof.
  intros A P Q [x [HP HQ]]. split. exists x. exact HP. exists x. exact HQ.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma forall_or : forall (A : Type) (P Q : A -> Prop), (forall x, P x) \/ (forall x, Q x) -> forall
  x, P x \/ Q x.
Proof.
  intros A P Q [H | H] x. left. apply H. right. apply H.
Qed.

(* lmgym: level 1; topics first-order *)
Lemma forall_imp : forall (A : Type) (P Q : A -> Prop), (forall x, P x -> Q x) -> (forall x, P x) ->
  forall x, Q x.
Proof.
  intros A P Q H HP x. apply H. apply HP.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma exists_imp : forall (A : Type) (P Q : A -> Prop), (forall x, P x -> Q x) -> (exists x, P x) ->
  exists x, Q x.
Proof.
  intros A P Q H [x HP]. exists x. apply H. exact HP.
Qed.

(* lmgym: level 5; topics first-order *)
Lemma not_exists : forall (A : Type) (P : A -> Prop), (~ exists x, P x) <-> forall x, ~ P x.
Proof.
  intros A P. split. intros H x HP. apply H. exists x. exact HP. intros H [x HP]. apply (H x).
  exact HP.
Qed.

(* lmgym: level 1; topics first-order *)
Lemma exists_not : forall (A : Type) (P : A -> Prop), (exists x, ~ P x) -> ~ forall x, P x.
Proof.
  intros A P [x H] K. apply H. apply K.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma forall_not_not : forall (A : Type) (P : A -> Prop), ~ ~ (forall x, P x) -> forall x, ~ ~ P x.
Proof.
  intros A P H x HN. apply H. intros K. apply HN. apply K.
Qed.

(* lmgym: level 3; topics first-order *)
Lemma not_not_exists : forall (A : Type) (P : A -> Prop), (exists x, ~ ~ P x) -> ~ ~ exists x, P x.
Proof.
  intros A P [x H] K. apply H. intros HP. apply K. exists x. exact HP.
Qed.

(* lmgym: level 5; topics first-order *)
Lemma exists_elim_constant : forall (A : Type) (P : A -> Prop) (Q : Prop), (forall x, P x -> Q) <->
  ((exists x, P x) -> Q).
Proof.
  intros A P Q. split. intros H [x HP]. apply (H x). exact HP. intros H x HP. apply H. exists x.
  exact HP.
Qed.

(* lmgym: level 3; topics first-order *)
Lemma forall_constant : forall (A : Type) (a : A) (Q : Prop), (forall x : A, Q) <-> Q.
Proof.
  intros A a Q. split. intros H. exact (H a). intros H x. exact H.
Qed.

(* lmgym: level 4; topics first-order *)
Lemma exists_constant : forall (A : Type) (a : A) (Q : Prop), (exists x : A, Q) <-> Q.
Proof.
  intros A a Q. split. intros [_ H]. exact H. intros H. exists a. exact H.
Qed.

(* lmgym: level 6; topics first-order *)
Lemma exists_and_constant : forall (A : Type) (P : A -> Prop) (Q : Prop), (exists x, Q /\ P x) <-> Q
  /\ exists x, P x.
Proof.
  intros A P Q. split. intros [x [HQ HP]]. split. exact HQ. exists x. exact HP. intros [HQ [x HP]].
  exists x. split. exact HQ. exact HP.
Qed.

(* lmgym: level 4; topics first-order *)
Lemma forall_imp_constant : forall (A : Type) (P : A -> Prop) (Q : Prop), (forall x, Q -> P x) <->
  (Q -> forall x, P x).
Proof.
  intros A P Q. split. intros H HQ x. apply H. exact HQ. intros H x HQ. apply H. exact HQ.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma or_forall_constant : forall (A : Type) (P : A -> Prop) (Q : Prop), Q \/ (forall x, P x) ->
  forall x, Q \/ P x.
Proof.
  intros A P Q [HQ | HP] x. left. exact HQ. right. apply HP.
Qed.

(* lmgym: level 4; topics first-order *)
Lemma forall_or_constant_decided : forall (A : Type) (P : A -> Prop) (Q : Prop), Q \/ ~ Q -> (forall
  x, Q \/ P x) -> Q \/ forall x, P x.
Proof.
  intros A P Q [HQ | HN] H. left. exact HQ. right. intros x. destruct (H x) as [HQ | HP].
  destruct HN. exact HQ. exact HP.
Qed.

(* lmgym: level 1; topics first-order *)
Lemma exists_imp_constant : forall (A : Type) (P : A -> Prop) (Q : Prop), (exists x, P x -> Q) ->
  (forall x, P x) -> Q.
Proof.
  intros A P Q [x H] K. apply H. apply K.
Qed.

(* lmgym: level 5; topics first-order *)
Lemma exists_unique_value : forall (A : Type) (P : A -> Prop) (a : A), (exists x, x = a /\ P x) <->
  P a.
Proof.
  intros A P a. split. intros [x [E H]]. rewrite <- E. exact H. intros H. exists a. split.
  reflexivity. exact H.
Qed.

(* lmgym: level 4; topics first-order *)
Lemma forall_equal_value : forall (A : Type) (P : A -> Prop) (a : A), (forall x, x = a -> P x) <-> P
  a.
Proof.
  intros A P a. split. intros H. apply H. reflexivity. intros H x E. rewrite E. exact H.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma syllogism_barbara : forall (A : Type) (M P S : A -> Prop), (forall x, M x -> P x) -> (forall
  x, S x -> M x) -> forall x, S x -> P x.
Proof.
  intros A M P S H1 H2 x HS. apply H1. apply H2. exact HS.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma syllogism_celarent : forall (A : Type) (M P S : A -> Prop), (forall x, M x -> ~ P x) ->
  (forall x, S x -> M x) -> forall x, S x -> ~ P x.
Proof.
  intros A M P S H1 H2 x HS HP. apply (H1 x). apply H2. exact HS. exact HP.
Qed.

(* lmgym: level 3; topics first-order *)
Lemma syllogism_darii : forall (A : Type) (M P S : A -> Prop), (forall x, M x -> P x) -> (exists x,
  S x /\ M x) -> exists x, S x /\ P x.
Proof.
  intros A M P S H [x [HS HM]]. exists x. split. exact HS. apply H. exact HM.
Qed.

(* lmgym: level 3; topics first-order *)
Lemma syllogism_ferio : forall (A : Type) (M P S : A -> Prop), (forall x, M x -> ~ P x) -> (exists
  x, S x /\ M x) -> exists x, S x /\ ~ P x.
Proof.
  intros A M P S H [x [HS HM]]. exists x. split. exact HS. apply H. exact HM.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma syllogism_camestres : forall (A : Type) (M P S : A -> Prop), (forall x, P x -> M x) -> (forall
  x, S x -> ~ M x) -> forall x, S x -> ~ P x.
Proof.
  intros A M P S H1 H2 x HS HP. apply (H2 x). exact HS. apply H1. exact HP.
Qed.

(* lmgym: level 3; topics first-order *)
Lemma syllogism_disamis : forall (A : Type) (M P S : A -> Prop), (exists x, M x /\ P x) -> (forall
  x, M x -> S x) -> exists x, S x /\ P x.
Proof.
  intros A M P S [x [HM HP]] H. exists x. split. apply H. exact HM. exact HP.
Qed.

(* lmgym: level 5; topics first-order *)
Lemma barber_paradox : forall (A : Type) (shaves : A -> A -> Prop), ~ exists b, forall x, shaves b x
  <-> ~ shaves x x.
Proof.
  intros A shaves [b H]. destruct (H b) as [H1 H2]. assert (HN : ~ shaves b b). intros K. apply H1.
  exact K. exact K. apply HN. apply H2. exact HN.
Qed.

(* lmgym: level 5; topics first-order *)
Lemma cantor_no_surjection : forall (A : Type) (f : A -> A -> Prop), ~ forall P : A -> Prop, exists
  a, forall x, f a x <-> P x.
Proof.
  intros A f H. destruct (H (fun x => ~ f x x)) as [a Ha]. destruct (Ha a) as [H1 H2].
  assert (HN : ~ f a a). intros K. apply H1. exact K. exact K. apply HN. apply H2. exact HN.
Qed.

(* lmgym: level 7; topics first-order *)
Lemma drinker_decided : forall (A : Type) (P : A -> Prop) (a : A), (forall Q : Prop, Q \/ ~ Q) ->
  exists x, P x -> forall y, P y.
Proof.
  intros A P a em. destruct (em (exists x, ~ P x)) as [[x HN] | HN]. exists x. intros HP.
  destruct HN. exact HP. exists a. intros _ y. destruct (em (P y)) as [HP | HP]. exact HP.
  destruct HN. exists y. exact HP.
Qed.

(* lmgym: level 5; topics first-order *)
Lemma not_forall_exists_not : forall (A : Type) (P : A -> Prop), (forall Q : Prop, Q \/ ~ Q) -> ~
  (forall x, P x) -> exists x, ~ P x.
Proof.
  intros A P em H. destruct (em (exists x, ~ P x)) as [K | K]. exact K. destruct H. intros x.
  destruct (em (P x)) as [HP | HP]. exact HP. destruct K. exists x. exact HP.
Qed.

(* lmgym: level 3; topics first-order *)
Lemma choice_of_pairs : forall (A B : Type) (P : A -> Prop) (Q : B -> Prop), (exists x, P x) ->
  (exists y, Q y) -> exists p : A * B, P (fst p) /\ Q (snd p).
Proof.
  intros A B P Q [x HP] [y HQ]. exists (x, y). split. exact HP. exact HQ.
Qed.

(* lmgym: level 6; topics first-order *)
Lemma exists_of_two : forall P : bool -> Prop, (exists b, P b) <-> P true \/ P false.
Proof.
  intros P. split. intros [b H]. destruct b. left. exact H. right. exact H. intros [H | H].
  exists true. exact H. exists false. exact H.
Qed.

(* lmgym: level 5; topics first-order *)
Lemma forall_of_two : forall P : bool -> Prop, (forall b, P b) <-> P true /\ P false.
Proof.
  intros P. split. intros H. split. apply H. apply H. intros [H1 H2] b. destruct b. exact H1.
  exact H2.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma dependent_function_exists : forall (A : Type) (R : A -> A -> Prop) (f : A -> A), (forall x, R
  x (f x)) -> forall x, exists y, R x y.
Proof.
  intros A R f H x. exists (f x). apply H.
Qed.

(* lmgym: level 2; topics first-order *)
Lemma unique_means_equal : forall (A : Type) (P : A -> Prop), (exists! x, P x) -> forall x y, P x ->
  P y -> x = y.
Proof.
  intros A P [a [_ H]] x y Hx Hy. rewrite <- (H x Hx). apply H. exact Hy.
Qed.

(* lmgym: level 3; topics first-order *)
Lemma everybody_knows_somebody : forall (A : Type) (K : A -> A -> Prop), (forall x y, K x y -> K y
  x) -> (forall x, exists y, K x y) -> forall x, exists y, K y x.
Proof.
  intros A K sym H x. destruct (H x) as [y Hy]. exists y. apply sym. exact Hy.
Qed.
