Require Import Arith Lia.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma order_chain : forall a b c d : nat, a < b -> b <= c -> c < d -> a + 2 <= d.
Proof.
  intros a b c d H1 H2 H3. lia.
Qed.

(* lmgym: level 2; topics nat, arithmetic *)
Lemma sum_and_difference : forall x y : nat, x + y = 10 -> x = y + 4 -> x = 7 /\ y = 3.
Proof.
  intros x y H1 H2. split. lia. lia.
Qed.

(* lmgym: level 8; topics nat, arithmetic, induction *)
Lemma coins : forall n : nat, 8 <= n -> exists a b, n = 3 * a + 5 * b.
Proof.
  intros n H. induction H as [| n H [a [b E]]]. exists 1. exists 1. reflexivity.
  destruct b as [| b]. destruct a as [| a]. lia. destruct a as [| a]. lia. destruct a as [| a].
  lia. exists a. exists 2. lia. exists (a + 2). exists b. lia.
Qed.

(* lmgym: level 2; topics nat, arithmetic *)
Lemma three_consecutive : forall n : nat, exists k, n + (n + 1) + (n + 2) = 3 * k.
Proof.
  intros n. exists (n + 1). lia.
Qed.

(* lmgym: level 2; topics nat, arithmetic *)
Lemma even_plus_even : forall n m : nat, (exists a, n = 2 * a) -> (exists b, m = 2 * b) -> exists c,
  n + m = 2 * c.
Proof.
  intros n m [a Ha] [b Hb]. exists (a + b). lia.
Qed.

(* lmgym: level 2; topics nat, arithmetic *)
Lemma odd_plus_odd : forall n m : nat, (exists a, n = 2 * a + 1) -> (exists b, m = 2 * b + 1) ->
  exists c, n + m = 2 * c.
Proof.
  intros n m [a Ha] [b Hb]. exists (a + b + 1). lia.
Qed.

(* lmgym: level 3; topics nat, arithmetic *)
Lemma odd_times_odd : forall n m : nat, (exists a, n = 2 * a + 1) -> (exists b, m = 2 * b + 1) ->
  exists c, n * m = 2 * c + 1.
Proof.
  intros n m [a Ha] [b Hb]. exists (2 * a * b + a + b). rewrite Ha. rewrite Hb. lia.
Qed.

(* lmgym: level 6; topics nat, arithmetic, induction *)
Lemma even_or_odd_number : forall n : nat, exists k, n = 2 * k \/ n = 2 * k + 1.
Proof.
  intros n. induction n as [| n [k [H | H]]]. exists 0. left. reflexivity. exists k. right. lia.
  exists (k + 1). left. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma not_even_and_odd : forall a b : nat, 2 * a <> 2 * b + 1.
Proof.
  intros a b H. lia.
Qed.

(* lmgym: level 5; topics nat, arithmetic, induction *)
Lemma consecutive_product_even : forall n : nat, exists k, n * (n + 1) = 2 * k.
Proof.
  intros n. induction n as [| n [k IH]]. exists 0. reflexivity. exists (k + n + 1). lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma max_at_least_left : forall a b : nat, a <= Nat.max a b.
Proof.
  intros a b. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma max_commutes : forall a b : nat, Nat.max a b = Nat.max b a.
Proof.
  intros a b. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma max_plus_min : forall a b : nat, Nat.max a b + Nat.min a b = a + b.
Proof.
  intros a b. lia.
Qed.

(* lmgym: level 3; topics nat, arithmetic *)
Lemma max_is_one_of_both : forall a b : nat, Nat.max a b = a \/ Nat.max a b = b.
Proof.
  intros a b. destruct (le_lt_dec a b) as [H | H]. right. lia. left. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma min_of_max : forall a b : nat, Nat.min a (Nat.max a b) = a.
Proof.
  intros a b. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma max_over_min : forall a b c : nat, Nat.max a (Nat.min b c) = Nat.min (Nat.max a b) (Nat.max a
  c).
Proof.
  intros a b c. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma distance_symmetric : forall a b : nat, (a - b) + (b - a) = Nat.max a b - Nat.min a b.
Proof.
  intros a b. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma sub_add_when_le : forall a b c : nat, b <= a -> a - b + c = a + c - b.
Proof.
  intros a b c H. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma mul_le_both : forall a b c d : nat, a <= b -> c <= d -> a * c <= b * d.
Proof.
  intros a b c d H1 H2. nia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma mul_cancel_positive : forall k n m : nat, 0 < k -> k * n = k * m -> n = m.
Proof.
  intros k n m Hk H. nia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma square_monotone : forall a b : nat, a <= b -> a * a <= b * b.
Proof.
  intros a b H. nia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma square_injective : forall a b : nat, a * a = b * b -> a = b.
Proof.
  intros a b H. nia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma square_at_least : forall n : nat, n <= n * n.
Proof.
  intros n. nia.
Qed.

(* lmgym: level 2; topics nat, arithmetic *)
Lemma two_ab_at_most_squares : forall a b : nat, 2 * (a * b) <= a * a + b * b.
Proof.
  intros a b. destruct (le_lt_dec a b) as [H | H]. nia. nia.
Qed.

(* lmgym: level 2; topics nat, arithmetic *)
Lemma no_square_two : forall n : nat, n * n <> 2.
Proof.
  intros n H. destruct n as [| [| n]]. discriminate H. discriminate H. nia.
Qed.

(* lmgym: level 3; topics nat, arithmetic, induction *)
Lemma power_of_two_positive : forall n : nat, 1 <= 2 ^ n.
Proof.
  intros n. induction n as [| n IH]. apply le_n. simpl. lia.
Qed.

(* lmgym: level 3; topics nat, arithmetic, induction; uses power_of_two_positive *)
Lemma power_of_two_large : forall n : nat, n < 2 ^ n.
Proof.
  intros n. induction n as [| n IH]. apply le_n. simpl. lia.
Qed.

(* lmgym: level 4; topics nat, arithmetic, induction *)
Lemma bernoulli : forall n x : nat, 1 + n * x <= (1 + x) ^ n.
Proof.
  intros n x. induction n as [| n IH]. apply le_n.
  change ((1 + x) ^ S n) with ((1 + x) * (1 + x) ^ n). nia.
Qed.

(* lmgym: level 8; topics nat, arithmetic, induction *)
Lemma divides_by_six_sum : forall n : nat, exists k, n * n * n + 5 * n = 6 * k.
Proof.
  intros n. induction n as [| n [k IH]]. exists 0. reflexivity.
  assert (E : exists j, n * (n + 1) = 2 * j). clear. induction n as [| n [j E]]. exists 0.
  reflexivity. exists (j + n + 1). lia. destruct E as [j E]. exists (k + j + 1). nia.
Qed.

(* lmgym: level 5; topics nat, arithmetic, induction *)
Lemma four_power_minus_one : forall n : nat, exists k, 4 ^ n = 3 * k + 1.
Proof.
  intros n. induction n as [| n [k IH]]. exists 0. reflexivity. exists (4 * k + 1). simpl. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma pigeonhole_three_numbers : forall a b c : nat, a < 2 -> b < 2 -> c < 2 -> a = b \/ b = c \/ a
  = c.
Proof.
  intros a b c Ha Hb Hc. lia.
Qed.

(* lmgym: level 2; topics nat, arithmetic *)
Lemma average_between : forall a b m : nat, 2 * m = a + b -> a <= b -> a <= m <= b.
Proof.
  intros a b m H1 H2. split. lia. lia.
Qed.

(* lmgym: level 2; topics nat, arithmetic *)
Lemma heads_and_legs : forall hens rabbits : nat, hens + rabbits = 35 -> 2 * hens + 4 * rabbits = 94
  -> hens = 23 /\ rabbits = 12.
Proof.
  intros hens rabbits H1 H2. split. lia. lia.
Qed.

(* lmgym: level 1; topics nat, arithmetic *)
Lemma ages : forall now then_ : nat, now = then_ + 12 -> now = 3 * then_ -> now = 18.
Proof.
  intros now then_ H1 H2. lia.
Qed.

(* lmgym: level 4; topics nat, arithmetic *)
Lemma bounded_search : forall x : nat, x < 5 -> x * x = 9 -> x = 3.
Proof.
  intros x H1 H2. destruct x as [| [| [| [| [| x]]]]]. discriminate H2. discriminate H2.
  discriminate H2. reflexivity. discriminate H2. lia.
Qed.

(* lmgym: level 2; topics nat, arithmetic *)
Lemma remainder_unique : forall q r q' r' : nat, 7 * q + r = 7 * q' + r' -> r < 7 -> r' < 7 -> q =
  q' /\ r = r'.
Proof.
  intros q r q' r' H1 H2 H3. split. lia. lia.
Qed.

(* lmgym: level 8; topics nat, arithmetic, induction *)
Lemma division_by_three : forall n : nat, exists q r, n = 3 * q + r /\ r < 3.
Proof.
  intros n. induction n as [| n [q [r [E H]]]]. exists 0. exists 0. split. reflexivity. lia.
  destruct r as [| [| r]]. exists q. exists 1. lia. exists q. exists 2. lia. exists (q + 1).
  exists 0. lia.
Qed.

(* lmgym: level 8; topics nat, arithmetic, induction *)
Lemma division_exists : forall n d : nat, 0 < d -> exists q r, n = d * q + r /\ r < d.
Proof.
  intros n d Hd. induction n as [| n [q [r [E H]]]]. exists 0. exists 0. split. lia. exact Hd.
  destruct (le_lt_dec d (S r)) as [K | K]. exists (q + 1). exists 0. split. lia. exact Hd.
  exists q. exists (S r). split. lia. exact K.
Qed.
