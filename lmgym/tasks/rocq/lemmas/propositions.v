(* lmgym: level 1; topics prop *)
Lemma imp_refl : forall P : Prop, P -> P.
Proof.
  intros P HP. exact HP.
Qed.

(* lmgym: level 1; topics prop *)
Lemma imp_const : forall P Q : Prop, P -> Q -> P.
Proof.
  intros P Q HP HQ. exact HP.
Qed.

(* lmgym: level 2; topics prop *)
Lemma imp_trans : forall P Q R : Prop, (P -> Q) -> (Q -> R) -> P -> R.
Proof.
  intros P Q R HPQ HQR HP. apply HQR. apply HPQ. exact HP.
Qed.

(* lmgym: level 2; topics prop *)
Lemma imp_distribute : forall P Q R : Prop, (P -> Q -> R) -> (P -> Q) -> P -> R.
Proof.
  intros P Q R H HPQ HP. apply H. exact HP. apply HPQ. exact HP.
Qed.

(* lmgym: level 2; topics prop *)
Lemma imp_swap : forall P Q R : Prop, (P -> Q -> R) -> Q -> P -> R.
Proof.
  intros P Q R H HQ HP. apply H. exact HP. exact HQ.
Qed.

(* lmgym: level 2; topics prop *)
Lemma imp_contract : forall P Q : Prop, (P -> P -> Q) -> P -> Q.
Proof.
  intros P Q H HP. apply H. exact HP. exact HP.
Qed.

(* lmgym: level 3; topics prop *)
Lemma imp_chain_four : forall P Q R S T : Prop, (P -> Q) -> (Q -> R) -> (R -> S) -> (S -> T) -> P ->
  T.
Proof.
  intros P Q R S T H1 H2 H3 H4 HP. apply H4. apply H3. apply H2. apply H1. exact HP.
Qed.

(* lmgym: level 4; topics prop *)
Lemma imp_weak_peirce : forall P Q : Prop, ((((P -> Q) -> P) -> P) -> Q) -> Q.
Proof.
  intros P Q H. apply H. intros H1. apply H1. intros HP. apply H. intros H2. exact HP.
Qed.

(* lmgym: level 2; topics prop *)
Lemma and_intro : forall P Q : Prop, P -> Q -> P /\ Q.
Proof.
  intros P Q HP HQ. split. exact HP. exact HQ.
Qed.

(* lmgym: level 1; topics prop *)
Lemma and_left : forall P Q : Prop, P /\ Q -> P.
Proof.
  intros P Q H. destruct H as [HP HQ]. exact HP.
Qed.

(* lmgym: level 1; topics prop *)
Lemma and_right : forall P Q : Prop, P /\ Q -> Q.
Proof.
  intros P Q H. destruct H as [HP HQ]. exact HQ.
Qed.

(* lmgym: level 2; topics prop *)
Lemma and_swap : forall P Q : Prop, P /\ Q -> Q /\ P.
Proof.
  intros P Q H. destruct H as [HP HQ]. split. exact HQ. exact HP.
Qed.

(* lmgym: level 3; topics prop *)
Lemma and_reassociate : forall P Q R : Prop, (P /\ Q) /\ R -> P /\ (Q /\ R).
Proof.
  intros P Q R H. destruct H as [[HP HQ] HR]. split. exact HP. split. exact HQ. exact HR.
Qed.

(* lmgym: level 4; topics prop *)
Lemma and_idempotent : forall P : Prop, P /\ P <-> P.
Proof.
  intros P. split. intros [H _]. exact H. intros H. split. exact H. exact H.
Qed.

(* lmgym: level 4; topics prop *)
Lemma and_true : forall P : Prop, P /\ True <-> P.
Proof.
  intros P. split. intros [H _]. exact H. intros H. split. exact H. exact I.
Qed.

(* lmgym: level 3; topics prop *)
Lemma and_false : forall P : Prop, P /\ False <-> False.
Proof.
  intros P. split. intros [_ H]. exact H. intros H. destruct H.
Qed.

(* lmgym: level 3; topics prop *)
Lemma and_map : forall P Q R S : Prop, (P -> R) -> (Q -> S) -> P /\ Q -> R /\ S.
Proof.
  intros P Q R S HPR HQS [HP HQ]. split. apply HPR. exact HP. apply HQS. exact HQ.
Qed.

(* lmgym: level 1; topics prop *)
Lemma or_left : forall P Q : Prop, P -> P \/ Q.
Proof.
  intros P Q HP. left. exact HP.
Qed.

(* lmgym: level 1; topics prop *)
Lemma or_right : forall P Q : Prop, Q -> P \/ Q.
Proof.
  intros P Q HQ. right. exact HQ.
Qed.

(* lmgym: level 3; topics prop *)
Lemma or_swap : forall P Q : Prop, P \/ Q -> Q \/ P.
Proof.
  intros P Q H. destruct H as [HP | HQ]. right. exact HP. left. exact HQ.
Qed.

(* lmgym: level 3; topics prop *)
Lemma or_elim : forall P Q R : Prop, (P -> R) -> (Q -> R) -> P \/ Q -> R.
Proof.
  intros P Q R HPR HQR H. destruct H as [HP | HQ]. apply HPR. exact HP. apply HQR. exact HQ.
Qed.

(* lmgym: level 5; topics prop *)
Lemma or_reassociate : forall P Q R : Prop, (P \/ Q) \/ R -> P \/ (Q \/ R).
Proof.
  intros P Q R H. destruct H as [[HP | HQ] | HR]. left. exact HP. right. left. exact HQ. right.
  right. exact HR.
Qed.

(* lmgym: level 4; topics prop *)
Lemma or_idempotent : forall P : Prop, P \/ P <-> P.
Proof.
  intros P. split. intros [H | H]. exact H. exact H. intros H. left. exact H.
Qed.

(* lmgym: level 4; topics prop *)
Lemma or_false : forall P : Prop, P \/ False <-> P.
Proof.
  intros P. split. intros [H | H]. exact H. destruct H. intros H. left. exact H.
Qed.

(* lmgym: level 1; topics prop *)
Lemma or_true : forall P : Prop, P \/ True.
Proof.
  intros P. right. exact I.
Qed.

(* lmgym: level 3; topics prop *)
Lemma or_map : forall P Q R S : Prop, (P -> R) -> (Q -> S) -> P \/ Q -> R \/ S.
Proof.
  intros P Q R S HPR HQS [HP | HQ]. left. apply HPR. exact HP. right. apply HQS. exact HQ.
Qed.

(* lmgym: level 2; topics prop *)
Lemma or_resolve : forall P Q : Prop, P \/ Q -> ~ P -> Q.
Proof.
  intros P Q [HP | HQ] HN. destruct HN. exact HP. exact HQ.
Qed.

(* lmgym: level 7; topics prop *)
Lemma and_over_or : forall P Q R : Prop, P /\ (Q \/ R) <-> (P /\ Q) \/ (P /\ R).
Proof.
  intros P Q R. split. intros [HP [HQ | HR]]. left. split. exact HP. exact HQ. right. split.
  exact HP. exact HR. intros [[HP HQ] | [HP HR]]. split. exact HP. left. exact HQ. split. exact HP.
  right. exact HR.
Qed.

(* lmgym: level 8; topics prop *)
Lemma or_over_and : forall P Q R : Prop, P \/ (Q /\ R) <-> (P \/ Q) /\ (P \/ R).
Proof.
  intros P Q R. split. intros [HP | [HQ HR]]. split. left. exact HP. left. exact HP. split. right.
  exact HQ. right. exact HR. intros [[HP | HQ] [HP' | HR]]. left. exact HP. left. exact HP. left.
  exact HP'. right. split. exact HQ. exact HR.
Qed.

(* lmgym: level 4; topics prop *)
Lemma absorb_and : forall P Q : Prop, P /\ (P \/ Q) <-> P.
Proof.
  intros P Q. split. intros [HP _]. exact HP. intros HP. split. exact HP. left. exact HP.
Qed.

(* lmgym: level 4; topics prop *)
Lemma absorb_or : forall P Q : Prop, P \/ (P /\ Q) <-> P.
Proof.
  intros P Q. split. intros [HP | [HP _]]. exact HP. exact HP. intros HP. left. exact HP.
Qed.

(* lmgym: level 2; topics prop *)
Lemma curry : forall P Q R : Prop, (P /\ Q -> R) -> P -> Q -> R.
Proof.
  intros P Q R H HP HQ. apply H. split. exact HP. exact HQ.
Qed.

(* lmgym: level 2; topics prop *)
Lemma uncurry : forall P Q R : Prop, (P -> Q -> R) -> P /\ Q -> R.
Proof.
  intros P Q R H [HP HQ]. apply H. exact HP. exact HQ.
Qed.

(* lmgym: level 7; topics prop *)
Lemma imp_of_or : forall P Q R : Prop, (P \/ Q -> R) <-> (P -> R) /\ (Q -> R).
Proof.
  intros P Q R. split. intros H. split. intros HP. apply H. left. exact HP. intros HQ. apply H.
  right. exact HQ. intros [HPR HQR] [HP | HQ]. apply HPR. exact HP. apply HQR. exact HQ.
Qed.

(* lmgym: level 6; topics prop *)
Lemma imp_to_and : forall P Q R : Prop, (P -> Q /\ R) <-> (P -> Q) /\ (P -> R).
Proof.
  intros P Q R. split. intros H. split. intros HP. apply H. exact HP. intros HP. apply H. exact HP.
  intros [HQ HR] HP. split. apply HQ. exact HP. apply HR. exact HP.
Qed.

(* lmgym: level 1; topics prop *)
Lemma true_holds : True.
Proof.
  exact I.
Qed.

(* lmgym: level 1; topics prop *)
Lemma false_elim : forall P : Prop, False -> P.
Proof.
  intros P H. destruct H.
Qed.

(* lmgym: level 3; topics prop *)
Lemma true_imp : forall P : Prop, (True -> P) <-> P.
Proof.
  intros P. split. intros H. apply H. exact I. intros HP _. exact HP.
Qed.

(* lmgym: level 1; topics prop *)
Lemma not_false : ~ False.
Proof.
  intros H. exact H.
Qed.

(* lmgym: level 1; topics prop *)
Lemma not_not_true : ~ ~ True.
Proof.
  intros H. apply H. exact I.
Qed.

(* lmgym: level 1; topics prop *)
Lemma contradiction_elim : forall P Q : Prop, P -> ~ P -> Q.
Proof.
  intros P Q HP HN. destruct HN. exact HP.
Qed.

(* lmgym: level 1; topics prop *)
Lemma no_contradiction : forall P : Prop, ~ (P /\ ~ P).
Proof.
  intros P [HP HN]. apply HN. exact HP.
Qed.

(* lmgym: level 5; topics prop *)
Lemma not_iff_self : forall P : Prop, ~ (P <-> ~ P).
Proof.
  intros P [H1 H2]. assert (HN : ~ P). intros HP. apply H1. exact HP. exact HP. apply HN. apply H2.
  exact HN.
Qed.

(* lmgym: level 1; topics prop *)
Lemma double_negation_intro : forall P : Prop, P -> ~ ~ P.
Proof.
  intros P HP HN. apply HN. exact HP.
Qed.

(* lmgym: level 2; topics prop *)
Lemma triple_negation : forall P : Prop, ~ ~ ~ P -> ~ P.
Proof.
  intros P H HP. apply H. intros HN. apply HN. exact HP.
Qed.

(* lmgym: level 2; topics prop *)
Lemma contrapositive : forall P Q : Prop, (P -> Q) -> ~ Q -> ~ P.
Proof.
  intros P Q H HNQ HP. apply HNQ. apply H. exact HP.
Qed.

(* lmgym: level 7; topics prop *)
Lemma not_or_split : forall P Q : Prop, ~ (P \/ Q) <-> ~ P /\ ~ Q.
Proof.
  intros P Q. split. intros H. split. intros HP. apply H. left. exact HP. intros HQ. apply H.
  right. exact HQ. intros [HP HQ] [H | H]. apply HP. exact H. apply HQ. exact H.
Qed.

(* lmgym: level 2; topics prop *)
Lemma or_not_not_and : forall P Q : Prop, ~ P \/ ~ Q -> ~ (P /\ Q).
Proof.
  intros P Q [H | H] [HP HQ]. apply H. exact HP. apply H. exact HQ.
Qed.

(* lmgym: level 2; topics prop *)
Lemma imp_not_and_not : forall P Q : Prop, (P -> Q) -> ~ (P /\ ~ Q).
Proof.
  intros P Q H [HP HQ]. apply HQ. apply H. exact HP.
Qed.

(* lmgym: level 2; topics prop *)
Lemma or_not_imp : forall P Q : Prop, ~ P \/ Q -> P -> Q.
Proof.
  intros P Q [HN | HQ] HP. destruct HN. exact HP. exact HQ.
Qed.

(* lmgym: level 3; topics prop *)
Lemma not_not_excluded_middle : forall P : Prop, ~ ~ (P \/ ~ P).
Proof.
  intros P H. apply H. right. intros HP. apply H. left. exact HP.
Qed.

(* lmgym: level 4; topics prop *)
Lemma not_not_imp : forall P Q : Prop, ~ ~ (P -> Q) -> ~ ~ P -> ~ ~ Q.
Proof.
  intros P Q H HP HQ. apply H. intros HPQ. apply HP. intros p. apply HQ. apply HPQ. exact p.
Qed.

(* lmgym: level 4; topics prop *)
Lemma not_not_and : forall P Q : Prop, ~ ~ P -> ~ ~ Q -> ~ ~ (P /\ Q).
Proof.
  intros P Q HP HQ H. apply HP. intros p. apply HQ. intros q. apply H. split. exact p. exact q.
Qed.

(* lmgym: level 4; topics prop *)
Lemma not_not_peirce : forall P Q : Prop, ~ ~ (((P -> Q) -> P) -> P).
Proof.
  intros P Q H. apply H. intros K. apply K. intros p. destruct H. intros _. exact p.
Qed.

(* lmgym: level 3; topics prop *)
Lemma iff_reflexive : forall P : Prop, P <-> P.
Proof.
  intros P. split. intros H. exact H. intros H. exact H.
Qed.

(* lmgym: level 2; topics prop *)
Lemma iff_symmetric : forall P Q : Prop, (P <-> Q) -> (Q <-> P).
Proof.
  intros P Q [H1 H2]. split. exact H2. exact H1.
Qed.

(* lmgym: level 5; topics prop *)
Lemma iff_transitive : forall P Q R : Prop, (P <-> Q) -> (Q <-> R) -> (P <-> R).
Proof.
  intros P Q R [H1 H2] [H3 H4]. split. intros HP. apply H3. apply H1. exact HP. intros HR.
  apply H2. apply H4. exact HR.
Qed.

(* lmgym: level 5; topics prop *)
Lemma iff_not : forall P Q : Prop, (P <-> Q) -> (~ P <-> ~ Q).
Proof.
  intros P Q [H1 H2]. split. intros HN HQ. apply HN. apply H2. exact HQ. intros HN HP. apply HN.
  apply H1. exact HP.
Qed.

(* lmgym: level 6; topics prop *)
Lemma iff_and : forall P P' Q Q' : Prop, (P <-> P') -> (Q <-> Q') -> (P /\ Q <-> P' /\ Q').
Proof.
  intros P P' Q Q' [H1 H2] [H3 H4]. split. intros [p q]. split. apply H1. exact p. apply H3.
  exact q. intros [p q]. split. apply H2. exact p. apply H4. exact q.
Qed.

(* lmgym: level 3; topics prop *)
Lemma iff_both_true : forall P Q : Prop, P -> Q -> (P <-> Q).
Proof.
  intros P Q HP HQ. split. intros _. exact HQ. intros _. exact HP.
Qed.

(* lmgym: level 5; topics prop *)
Lemma iff_true : forall P : Prop, (P <-> True) <-> P.
Proof.
  intros P. split. intros [_ H]. apply H. exact I. intros HP. split. intros _. exact I. intros _.
  exact HP.
Qed.

(* lmgym: level 4; topics prop *)
Lemma iff_false : forall P : Prop, (P <-> False) <-> ~ P.
Proof.
  intros P. split. intros [H _]. exact H. intros H. split. exact H. intros K. destruct K.
Qed.

(* lmgym: level 2; topics prop *)
Lemma decide_double_negation : forall P : Prop, P \/ ~ P -> ~ ~ P -> P.
Proof.
  intros P [HP | HN] H. exact HP. destruct H. exact HN.
Qed.

(* lmgym: level 3; topics prop *)
Lemma decide_peirce : forall P Q : Prop, P \/ ~ P -> ((P -> Q) -> P) -> P.
Proof.
  intros P Q [HP | HN] H. exact HP. apply H. intros HP. destruct HN. exact HP.
Qed.

(* lmgym: level 2; topics prop *)
Lemma decide_contrapositive : forall P Q : Prop, Q \/ ~ Q -> (~ Q -> ~ P) -> P -> Q.
Proof.
  intros P Q [HQ | HN] H HP. exact HQ. destruct (H HN). exact HP.
Qed.

(* lmgym: level 3; topics prop *)
Lemma decide_imp_or : forall P Q : Prop, P \/ ~ P -> (P -> Q) -> ~ P \/ Q.
Proof.
  intros P Q [HP | HN] H. right. apply H. exact HP. left. exact HN.
Qed.

(* lmgym: level 4; topics prop *)
Lemma decide_not_and : forall P Q : Prop, P \/ ~ P -> ~ (P /\ Q) -> ~ P \/ ~ Q.
Proof.
  intros P Q [HP | HN] H. right. intros HQ. apply H. split. exact HP. exact HQ. left. exact HN.
Qed.

(* lmgym: level 7; topics prop *)
Lemma decide_and : forall P Q : Prop, P \/ ~ P -> Q \/ ~ Q -> (P /\ Q) \/ ~ (P /\ Q).
Proof.
  intros P Q [HP | HP] [HQ | HQ]. left. split. exact HP. exact HQ. right. intros [_ q]. apply HQ.
  exact q. right. intros [p _]. apply HP. exact p. right. intros [p _]. apply HP. exact p.
Qed.

(* lmgym: level 6; topics prop *)
Lemma decide_imp : forall P Q : Prop, P \/ ~ P -> Q \/ ~ Q -> (P -> Q) \/ ~ (P -> Q).
Proof.
  intros P Q [HP | HP] HQ. destruct HQ as [q | nq]. left. intros _. exact q. right. intros H.
  apply nq. apply H. exact HP. left. intros p. destruct HP. exact p.
Qed.

(* lmgym: level 4; topics prop *)
Lemma excluded_middle_of_peirce : (forall P Q : Prop, ((P -> Q) -> P) -> P) -> forall P : Prop, P \/
  ~ P.
Proof.
  intros peirce P. apply (peirce (P \/ ~ P) False). intros H. right. intros HP. apply H. left.
  exact HP.
Qed.

(* lmgym: level 4; topics prop *)
Lemma excluded_middle_of_double_negation : (forall P : Prop, ~ ~ P -> P) -> forall P : Prop, P \/ ~
  P.
Proof.
  intros dne P. apply dne. intros H. apply H. right. intros HP. apply H. left. exact HP.
Qed.

(* lmgym: level 4; topics prop *)
Lemma linearity_of_excluded_middle : (forall P : Prop, P \/ ~ P) -> forall P Q : Prop, (P -> Q) \/
  (Q -> P).
Proof.
  intros em P Q. destruct (em P) as [HP | HN]. right. intros _. exact HP. left. intros HP.
  destruct HN. exact HP.
Qed.

(* lmgym: level 5; topics prop *)
Lemma exportation : forall P Q R : Prop, (P /\ Q -> R) <-> (P -> Q -> R).
Proof.
  intros P Q R. split. intros H HP HQ. apply H. split. exact HP. exact HQ. intros H [HP HQ].
  apply H. exact HP. exact HQ.
Qed.

(* lmgym: level 3; topics prop *)
Lemma constructive_dilemma : forall P Q R S : Prop, (P -> Q) /\ (R -> S) -> P \/ R -> Q \/ S.
Proof.
  intros P Q R S [H1 H2] [HP | HR]. left. apply H1. exact HP. right. apply H2. exact HR.
Qed.

(* lmgym: level 5; topics prop *)
Lemma destructive_dilemma : forall P Q R S : Prop, (P -> Q) -> (R -> S) -> ~ Q \/ ~ S -> ~ P \/ ~ R.
Proof.
  intros P Q R S H1 H2 [H | H]. left. intros HP. apply H. apply H1. exact HP. right. intros HR.
  apply H. apply H2. exact HR.
Qed.

(* lmgym: level 3; topics prop *)
Lemma three_way_cycle : forall P Q R : Prop, (P -> Q) -> (Q -> R) -> (R -> P) -> (P <-> R).
Proof.
  intros P Q R H1 H2 H3. split. intros HP. apply H2. apply H1. exact HP. exact H3.
Qed.

(* lmgym: level 8; topics prop *)
Lemma majority : forall P Q R : Prop, (P /\ Q) \/ (Q /\ R) \/ (P /\ R) -> (P \/ Q) /\ (Q \/ R) /\ (P
  \/ R).
Proof.
  intros P Q R [[HP HQ] | [[HQ HR] | [HP HR]]]. split. left. exact HP. split. left. exact HQ. left.
  exact HP. split. right. exact HQ. split. left. exact HQ. right. exact HR. split. left. exact HP.
  split. right. exact HR. left. exact HP.
Qed.
