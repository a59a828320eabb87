Require Import List.
Import ListNotations.

(* lmgym: level 1; topics list *)
Lemma nil_app : forall (A : Type) (l : list A), [] ++ l = l.
Proof.
  intros A l. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma app_nil : forall (A : Type) (l : list A), l ++ [] = l.
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 1; topics list *)
Lemma cons_is_app : forall (A : Type) (x : A) (l : list A), x :: l = [x] ++ l.
Proof.
  intros A x l. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma app_associates : forall (A : Type) (a b c : list A), a ++ (b ++ c) = (a ++ b) ++ c.
Proof.
  intros A a b c. induction a as [| x a IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 1; topics list *)
Lemma nil_differs_from_cons : forall (A : Type) (x : A) (l : list A), [] <> x :: l.
Proof.
  intros A x l H. discriminate H.
Qed.

(* lmgym: level 2; topics list *)
Lemma cons_injective : forall (A : Type) (x y : A) (l k : list A), x :: l = y :: k -> x = y /\ l =
  k.
Proof.
  intros A x y l k H. injection H as E1 E2. split. exact E1. exact E2.
Qed.

(* lmgym: level 3; topics list *)
Lemma app_nil_both : forall (A : Type) (a b : list A), a ++ b = [] -> a = [] /\ b = [].
Proof.
  intros A a b H. destruct a as [| x a]. split. reflexivity. exact H. discriminate H.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma app_left_cancel : forall (A : Type) (a b c : list A), a ++ b = a ++ c -> b = c.
Proof.
  intros A a b c H. induction a as [| x a IH]. exact H. apply IH. injection H as E. exact E.
Qed.

(* lmgym: level 6; topics list *)
Lemma app_single : forall (A : Type) (a b : list A) (x : A), a ++ b = [x] -> (a = [] /\ b = [x]) \/
  (a = [x] /\ b = []).
Proof.
  intros A a b x H. destruct a as [| y a]. left. split. reflexivity. exact H. right.
  injection H as E1 E2. destruct a as [| z a]. split. rewrite E1. reflexivity. exact E2.
  discriminate E2.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma app_middle : forall (A : Type) (a b : list A) (x : A), (a ++ [x]) ++ b = a ++ x :: b.
Proof.
  intros A a b x. induction a as [| y a IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 2; topics list *)
Lemma length_zero : forall (A : Type) (l : list A), length l = 0 -> l = [].
Proof.
  intros A l H. destruct l as [| x l]. reflexivity. discriminate H.
Qed.

(* lmgym: level 5; topics list *)
Lemma length_succ : forall (A : Type) (n : nat) (l : list A), length l = S n -> exists x k, l = x ::
  k /\ length k = n.
Proof.
  intros A n l H. destruct l as [| x k]. discriminate H. exists x. exists k. split. reflexivity.
  injection H as E. exact E.
Qed.

(* lmgym: level 3; topics list *)
Lemma length_one : forall (A : Type) (l : list A), length l = 1 -> exists x, l = [x].
Proof.
  intros A l H. destruct l as [| x [| y l]]. discriminate H. exists x. reflexivity. discriminate
    H.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma length_app : forall (A : Type) (a b : list A), length (a ++ b) = length a + length b.
Proof.
  intros A a b. induction a as [| x a IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma length_of_map : forall (A B : Type) (f : A -> B) (l : list A), length (map f l) = length l.
Proof.
  intros A B f l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma map_of_app : forall (A B : Type) (f : A -> B) (a b : list A), map f (a ++ b) = map f a ++ map
  f b.
Proof.
  intros A B f a b. induction a as [| x a IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma map_identity : forall (A : Type) (l : list A), map (fun x => x) l = l.
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma map_of_map : forall (A B C : Type) (f : A -> B) (g : B -> C) (l : list A), map g (map f l) =
  map (fun x => g (f x)) l.
Proof.
  intros A B C f g l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma map_same_values : forall (A B : Type) (f g : A -> B) (l : list A), (forall x, f x = g x) ->
  map f l = map g l.
Proof.
  intros A B f g l H. induction l as [| x l IH]. reflexivity. simpl. rewrite H. rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 2; topics list *)
Lemma map_empty : forall (A B : Type) (f : A -> B) (l : list A), map f l = [] -> l = [].
Proof.
  intros A B f l H. destruct l as [| x l]. reflexivity. discriminate H.
Qed.

(* lmgym: level 6; topics list, induction *)
Lemma map_injective_function : forall (A B : Type) (f : A -> B), (forall x y, f x = f y -> x = y) ->
  forall l k, map f l = map f k -> l = k.
Proof.
  intros A B f inj l. induction l as [| x l IH]. intros k H. destruct k as [| y k]. reflexivity.
  discriminate H. intros k H. destruct k as [| y k]. discriminate H. injection H as E1 E2.
  rewrite (inj x y E1). rewrite (IH k E2). reflexivity.
Qed.

(* lmgym: level 1; topics list *)
Lemma rev_of_single : forall (A : Type) (x : A), rev [x] = [x].
Proof.
  intros A x. reflexivity.
Qed.

(* lmgym: level 5; topics list, induction; uses app_nil, app_associates *)
Lemma rev_of_app : forall (A : Type) (a b : list A), rev (a ++ b) = rev b ++ rev a.
Proof.
  intros A a b. induction a as [| x a IH]. simpl. rewrite app_nil. reflexivity. simpl. rewrite IH.
  rewrite app_associates. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction; uses rev_of_app *)
Lemma rev_twice : forall (A : Type) (l : list A), rev (rev l) = l.
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. rewrite rev_of_app. rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 2; topics list; uses rev_twice *)
Lemma rev_injective : forall (A : Type) (l k : list A), rev l = rev k -> l = k.
Proof.
  intros A l k H. rewrite <- (rev_twice A l). rewrite H. apply rev_twice.
Qed.

(* lmgym: level 5; topics list, induction; uses length_app *)
Lemma length_of_rev : forall (A : Type) (l : list A), length (rev l) = length l.
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. rewrite length_app. rewrite IH. simpl.
  rewrite <- plus_n_Sm. rewrite <- plus_n_O. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction; uses map_of_app *)
Lemma map_of_rev : forall (A B : Type) (f : A -> B) (l : list A), map f (rev l) = rev (map f l).
Proof.
  intros A B f l. induction l as [| x l IH]. reflexivity. simpl. rewrite map_of_app. rewrite IH.
  reflexivity.
Qed.

(* lmgym: level 3; topics list *)
Lemma rev_empty : forall (A : Type) (l : list A), rev l = [] -> l = [].
Proof.
  intros A l H. destruct l as [| x l]. reflexivity. simpl in H. destruct (rev l) as [| y k].
  discriminate H. discriminate H.
Qed.

(* lmgym: level 7; topics list, induction *)
Lemma rev_append_is_rev_app : forall (A : Type) (l k : list A), rev_append l k = rev l ++ k.
Proof.
  intros A l. induction l as [| x l IH]. intros k. reflexivity. intros k. simpl. rewrite IH.
  clear IH. induction (rev l) as [| y m IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 7; topics list, induction *)
Lemma last_element_exists : forall (A : Type) (l : list A), l <> [] -> exists k x, l = k ++ [x].
Proof.
  intros A l H. induction l as [| x l IH]. destruct H. reflexivity. destruct l as [| y l].
  exists []. exists x. reflexivity. destruct IH as [k [z E]]. intros K. discriminate K.
  exists (x :: k). exists z. rewrite E. reflexivity.
Qed.

(* lmgym: level 2; topics list *)
Lemma tail_length : forall (A : Type) (l : list A), length (tl l) = pred (length l).
Proof.
  intros A l. destruct l as [| x l]. reflexivity. reflexivity.
Qed.

(* lmgym: level 2; topics list *)
Lemma head_of_app : forall (A : Type) (d : A) (a b : list A), a <> [] -> hd d (a ++ b) = hd d a.
Proof.
  intros A d a b H. destruct a as [| x a]. destruct H. reflexivity. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma repeat_length_is : forall (A : Type) (x : A) (n : nat), length (repeat x n) = n.
Proof.
  intros A x n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma repeat_of_sum : forall (A : Type) (x : A) (n m : nat), repeat x (n + m) = repeat x n ++ repeat
  x m.
Proof.
  intros A x n m. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma map_of_repeat : forall (A B : Type) (f : A -> B) (x : A) (n : nat), map f (repeat x n) =
  repeat (f x) n.
Proof.
  intros A B f x n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma repeat_at_end : forall (A : Type) (x : A) (n : nat), repeat x n ++ [x] = x :: repeat x n.
Proof.
  intros A x n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction; uses repeat_at_end *)
Lemma rev_of_repeat : forall (A : Type) (x : A) (n : nat), rev (repeat x n) = repeat x n.
Proof.
  intros A x n. induction n as [| n IH]. reflexivity. simpl. rewrite IH. apply repeat_at_end.
Qed.

(* lmgym: level 5; topics list, induction *)
Lemma firstn_with_skipn : forall (A : Type) (n : nat) (l : list A), firstn n l ++ skipn n l = l.
Proof.
  intros A n. induction n as [| n IH]. intros l. reflexivity. intros l. destruct l as [| x l].
  reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma firstn_whole : forall (A : Type) (l : list A), firstn (length l) l = l.
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 3; topics list, induction *)
Lemma skipn_whole : forall (A : Type) (l : list A), skipn (length l) l = [].
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. exact IH.
Qed.

(* lmgym: level 5; topics list, induction *)
Lemma firstn_of_app : forall (A : Type) (a b : list A), firstn (length a) (a ++ b) = a.
Proof.
  intros A a b. induction a as [| x a IH]. destruct b as [| y b]. reflexivity. reflexivity. simpl.
  rewrite IH. reflexivity.
Qed.

(* lmgym: level 5; topics list, induction *)
Lemma firstn_of_map : forall (A B : Type) (f : A -> B) (n : nat) (l : list A), firstn n (map f l) =
  map f (firstn n l).
Proof.
  intros A B f n. induction n as [| n IH]. intros l. reflexivity. intros l. destruct l as [| x l].
  reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 6; topics list, induction *)
Lemma skipn_of_skipn : forall (A : Type) (m n : nat) (l : list A), skipn n (skipn m l) = skipn (m +
  n) l.
Proof.
  intros A m n. induction m as [| m IH]. intros l. reflexivity. intros l. destruct l as [| x l].
  simpl. destruct n as [| n]. reflexivity. reflexivity. simpl. apply IH.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma combine_of_maps : forall (A B C : Type) (f : A -> B) (g : A -> C) (l : list A), combine (map f
  l) (map g l) = map (fun x => (f x, g x)) l.
Proof.
  intros A B C f g l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma split_undone_by_combine : forall (A B : Type) (l : list (A * B)), combine (map fst l) (map snd
  l) = l.
Proof.
  intros A B l. induction l as [| [x y] l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma concat_of_app : forall (A : Type) (a b : list (list A)), concat (a ++ b) = concat a ++ concat
  b.
Proof.
  intros A a b. induction a as [| x a IH]. reflexivity. simpl. rewrite IH. rewrite app_assoc.
  reflexivity.
Qed.

(* lmgym: level 4; topics list, induction *)
Lemma concat_of_singles : forall (A : Type) (l : list A), concat (map (fun x => [x]) l) = l.
Proof.
  intros A l. induction l as [| x l IH]. reflexivity. simpl. rewrite IH. reflexivity.
Qed.
