-- Theorems of Lean 4 without Mathlib. They have not been run through Lean.

-- lmgym: level 1; topics prop
theorem imp_refl : ∀ P : Prop, P → P := by
  intro P h
  exact h

-- lmgym: level 1; topics prop
theorem imp_trans : ∀ P Q R : Prop, (P → Q) → (Q → R) → P → R := by
  intro P Q R f g h
  exact g (f h)

-- lmgym: level 1; topics prop
theorem imp_swap : ∀ P Q R : Prop, (P → Q → R) → Q → P → R := by
  intro P Q R f q p
  exact f p q

-- lmgym: level 1; topics prop
theorem and_swap : ∀ P Q : Prop, P ∧ Q → Q ∧ P := by
  intro P Q h
  exact And.intro h.2 h.1

-- lmgym: level 3; topics prop
theorem and_regroup : ∀ P Q A : Prop, (P ∧ Q) ∧ A → P ∧ (Q ∧ A) := by
  intro P Q R h
  constructor
  exact h.1.1
  exact And.intro h.1.2 h.2

-- lmgym: level 2; topics prop
theorem or_swap : ∀ P S : Prop, P ∨ S → S ∨ P := by
  intro P Q h
  cases h with | inl p => exact Or.inr p | inr q => exact Or.inl q

-- lmgym: level 3; topics prop
theorem or_regroup : ∀ P R A : Prop, (P ∨ R) ∨ A → P ∨ (R ∨ A) := by
  intro P Q R h
  rcases h with (p | q) | r
  exact Or.inl p
  exact Or.inr (Or.inl q)
  exact Or.inr (Or.inr r)

-- lmgym: level 3; topics prop
theorem or_resolve : ∀ P Q : Prop, P ∨ Q → ¬P → Q := by
  intro P Q h n
  rcases h with p | q
  exact absurd p n
  exact q

-- lmgym: level 3; topics prop
theorem or_cases : ∀ P Q R : Prop, (P → R) → (Q → R) → P ∨ Q → R := by
  intro P Q R f g h
  rcases h with p | q
  exact f p
  exact g q

-- lmgym: level 1; topics prop
theorem curry : ∀ P Q R : Prop, (P ∧ Q → R) → P → Q → R := by
  intro P Q R f p q
  exact f (And.intro p q)

-- lmgym: level 1; topics prop
theorem uncurry : ∀ P Q R : Prop, (P → Q → R) → P ∧ Q → R := by
  intro P Q R f h
  exact f h.1 h.2

-- lmgym: level 3; topics prop
theorem and_over_or : ∀ P Q R : Prop, P ∧ (Q ∨ R) → (P ∧ Q) ∨ (P ∧ R) := by
  intro P Q R h
  rcases h.2 with q | r
  exact Or.inl (And.intro h.1 q)
  exact Or.inr (And.intro h.1 r)

-- lmgym: level 3; topics prop
theorem or_over_and : ∀ P Q R : Prop, P ∨ (Q ∧ R) → (P ∨ Q) ∧ (P ∨ R) := by
  intro P Q R h
  rcases h with p | k
  exact And.intro (Or.inl p) (Or.inl p)
  exact And.intro (Or.inr k.1) (Or.inr k.2)

-- lmgym: level 1; topics prop
theorem absurdity : ∀ P Q : Prop, P → ¬P → Q := by
  intro P Q p n
  exact absurd p n

-- lmgym: level 1; topics prop
theorem no_contradiction : ∀ P : Prop, ¬(P ∧ ¬P) := by
  intro P h
  exact h.2 h.1

-- lmgym: level 1; topics prop
theorem contrapositive : ∀ P Q : Prop, (P → Q) → ¬Q → ¬P := by
  intro P Q f n p
  exact n (f p)

-- lmgym: level 1; topics prop
theorem double_negation : ∀ P : Prop, P → ¬¬P := by
  intro P p n
  exact n p

-- lmgym: level 3; topics prop
theorem triple_negation : ∀ P : Prop, ¬¬¬P → ¬P := by
  intro P h p
  apply h
  intro n
  exact n p

-- lmgym: level 4; topics prop
theorem not_not_middle : ∀ Q : Prop, ¬¬(Q ∨ ¬Q) := by
  intro P h
  apply h
  right
  intro p
  apply h
  left
  exact p

-- lmgym: level 4; topics prop
theorem not_or : ∀ Q B : Prop, ¬(Q ∨ B) → ¬Q ∧ ¬B := by
  intro P Q h
  constructor
  intro p
  exact h (Or.inl p)
  intro q
  exact h (Or.inr q)

-- lmgym: level 1; topics prop
theorem iff_swap : ∀ P Q : Prop, (P ↔ Q) → (Q ↔ P) := by
  intro P Q h
  exact Iff.intro h.2 h.1

-- lmgym: level 4; topics prop
theorem iff_chain : ∀ P Q R : Prop, (P ↔ Q) → (Q ↔ R) → (P ↔ R) := by
  intro P Q R h k
  constructor
  intro p
  exact k.1 (h.1 p)
  intro r
  exact h.2 (k.2 r)

-- lmgym: level 1; topics classical
theorem middle : ∀ P : Prop, P ∨ ¬P := by
  intro P
  exact Classical.em P

-- lmgym: level 1; topics classical
theorem double_negation_elim : ∀ P : Prop, ¬¬P → P := by
  intro P h
  exact Classical.byContradiction h

-- lmgym: level 3; topics classical
theorem peirce : ∀ P Q : Prop, ((P → Q) → P) → P := by
  intro P Q h
  rcases Classical.em P with p | n
  exact p
  exact h (fun p => absurd p n)

-- lmgym: level 1; topics first-order
theorem forall_at : ∀ (A : Type) (P : A → Prop) (a : A), (∀ x, P x) → P a := by
  intro A P a h
  exact h a

-- lmgym: level 1; topics first-order
theorem exists_from : ∀ (A : Type) (P : A → Prop) (a : A), P a → ∃ x, P x := by
  intro A P a h
  exact Exists.intro a h

-- lmgym: level 2; topics first-order
theorem exists_or_left : ∀ (A : Type) (P Q : A → Prop), (∃ x, P x) → ∃ x, P x ∨ Q x := by
  intro A P Q h
  cases h with | intro x p => exact Exists.intro x (Or.inl p)

-- lmgym: level 1; topics first-order
theorem forall_and_split : ∀ (A : Type) (P Q : A → Prop), (∀ x, P x ∧ Q x) → (∀ x, P x) ∧ (∀ x, Q x) := by
  intro A P Q h
  exact And.intro (fun x => (h x).1) (fun x => (h x).2)

-- lmgym: level 2; topics first-order
theorem exists_forall : ∀ (A : Type) (R : A → A → Prop), (∃ x, ∀ y, R x y) → ∀ y, ∃ x, R x y := by
  intro A R h y
  cases h with | intro x k => exact Exists.intro x (k y)

-- lmgym: level 1; topics first-order
theorem not_exists_forall : ∀ (A : Type) (P : A → Prop), (¬∃ x, P x) → ∀ x, ¬P x := by
  intro A P h x p
  exact h (Exists.intro x p)

-- lmgym: level 1; topics first-order
theorem barbara : ∀ (A : Type) (S M P : A → Prop), (∀ x, M x → P x) → (∀ x, S x → M x) → ∀ x, S x → P x := by
  intro A S M P f g x s
  exact f x (g x s)

-- lmgym: level 2; topics first-order
theorem darii : ∀ (A : Type) (S M P : A → Prop), (∀ x, M x → P x) → (∃ x, S x ∧ M x) → ∃ x, S x ∧ P x := by
  intro A S M P f h
  cases h with | intro x k => exact Exists.intro x (And.intro k.1 (f x k.2))

-- lmgym: level 1; topics equality
theorem symmetric : ∀ (A : Type) (x y : A), x = y → y = x := by
  intro A x y h
  exact h.symm

-- lmgym: level 2; topics equality
theorem transitive : ∀ (A : Type) (x y z : A), x = y → y = z → x = z := by
  intro A x y z h k
  rw [h]
  exact k

-- lmgym: level 1; topics equality
theorem function_applied : ∀ (A B : Type) (f : A → B) (x y : A), x = y → f x = f y := by
  intro A B f x y h
  rw [h]

-- lmgym: level 2; topics equality
theorem inverse_injective : ∀ (A B : Type) (f : A → B) (g : B → A), (∀ x, g (f x) = x) → ∀ x y, f x = f y → x = y := by
  intro A B f g h x y e
  rw [← h x, e]
  exact h y

-- lmgym: level 1; topics nat
theorem zero_add : ∀ n : Nat, 0 + n = n := by
  intro n
  exact Nat.zero_add n

-- lmgym: level 1; topics nat
theorem add_comm : ∀ a b : Nat, a + b = b + a := by
  intro a b
  exact Nat.add_comm a b

-- lmgym: level 1; topics nat
theorem add_shuffle : ∀ a b c : Nat, a + (b + c) = b + (a + c) := by
  intro a b c
  rw [← Nat.add_assoc, Nat.add_comm a b, Nat.add_assoc]

-- lmgym: level 1; topics nat
theorem succ_inj : ∀ a b : Nat, a + 1 = b + 1 → a = b := by
  intro a b h
  omega

-- lmgym: level 1; topics nat
theorem double : ∀ n : Nat, n + n = 2 * n := by
  intro n
  omega

-- lmgym: level 1; topics nat
theorem mul_two_sums : ∀ a b : Nat, 2 * (a + b) = 2 * a + 2 * b := by
  intro a b
  omega

-- lmgym: level 1; topics nat
theorem le_chain : ∀ a b c : Nat, a ≤ b → b < c → a < c := by
  intro a b c h k
  omega

-- lmgym: level 1; topics nat
theorem le_antisymmetric : ∀ a b : Nat, a ≤ b → b ≤ a → a = b := by
  intro a b h k
  exact Nat.le_antisymm h k

-- lmgym: level 4; topics nat
theorem even_or_odd : ∀ n : Nat, (∃ k, n = 2 * k) ∨ (∃ k, n = 2 * k + 1) := by
  intro n
  rcases Nat.mod_two_eq_zero_or_one n with h | h
  left
  exists n / 2
  omega
  right
  exists n / 2
  omega

-- lmgym: level 2; topics nat
theorem even_sum : ∀ a b : Nat, (∃ k, a = 2 * k) → (∃ k, b = 2 * k) → ∃ k, a + b = 2 * k := by
  intro a b h k
  cases h with | intro x e => cases k with | intro y d => exists x + y; omega

-- lmgym: level 3; topics nat
theorem sum_difference : ∀ x y : Nat, x + y = 10 → x = y + 4 → x = 7 ∧ y = 3 := by
  intro x y h k
  constructor
  omega
  omega

-- lmgym: level 3; topics bool
theorem not_twice : ∀ b : Bool, (!(!b)) = b := by
  intro b
  cases b
  rfl
  rfl

-- lmgym: level 4; topics bool
theorem and_commutes : ∀ a b : Bool, (a && b) = (b && a) := by
  intro a b
  cases a
  cases b
  rfl
  rfl
  cases b
  rfl
  rfl

-- lmgym: level 3; topics bool
theorem de_morgan : ∀ a b : Bool, (!(a && b)) = (!a || !b) := by
  intro a b
  cases a
  rfl
  rfl

-- lmgym: level 1; topics list
theorem append_nil : ∀ (A : Type) (l : List A), l ++ [] = l := by
  intro A l
  simp

-- lmgym: level 1; topics list
theorem length_append : ∀ (A : Type) (l k : List A), (l ++ k).length = l.length + k.length := by
  intro A l k
  simp

-- lmgym: level 1; topics list
theorem reverse_twice : ∀ (A : Type) (l : List A), l.reverse.reverse = l := by
  intro A l
  simp

-- lmgym: level 1; topics list
theorem map_length : ∀ (A B : Type) (f : A → B) (l : List A), (l.map f).length = l.length := by
  intro A B f l
  simp

-- lmgym: level 2; topics list
theorem append_assoc : ∀ (A : Type) (a b c : List A), a ++ (b ++ c) = (a ++ b) ++ c := by
  intro A a b c
  induction a with | nil => rfl | cons x a ih => simp

-- lmgym: level 2; topics list
theorem cons_inj : ∀ (A : Type) (x y : A) (l k : List A), x :: l = y :: k → x = y ∧ l = k := by
  intro A x y l k h
  injection h with e d
  exact And.intro e d

-- lmgym: level 1; topics option
theorem some_inj : ∀ (A : Type) (x y : A), some x = some y → x = y := by
  intro A x y h
  injection h

-- lmgym: level 4; topics option
theorem none_or_some : ∀ (A : Type) (o : Option A), o = none ∨ ∃ x, o = some x := by
  intro A o
  cases o
  left
  rfl
  right
  exact Exists.intro _ rfl
