(* Reordering independent entries keeps the state: for any states, any entries, any length.

   Entries carry their place in the log, so that equal entries can be distinguished. An order of them is *dependable* if any
   two entries that depend on each other are in log order. All dependable orders of the same entries end in the same state. *)

Require Import List Permutation Sorted Arith Lia.
Import ListNotations.

Section Reorder.
Variables Entry State : Type.
Variable place : Entry -> nat.
Variable dependent : Entry -> Entry -> bool.
Variable step : State -> Entry -> State.
Hypothesis independent_commute : forall s a b,
  dependent a b = false -> step (step s a) b = step (step s b) a.

Definition run (s : State) (l : list Entry) : State := fold_left step l s.

Definition in_log_order (a b : Entry) : Prop := place a < place b \/ dependent a b = false.
Definition dependable (l : list Entry) : Prop := ForallOrdPairs in_log_order l.

(* Two independent neighbours may be swapped at any place. *)
Theorem swap_keeps_state s l a b r :
  dependent a b = false -> run s (l ++ a :: b :: r) = run s (l ++ b :: a :: r).
Proof.
  intros H. unfold run. rewrite !fold_left_app. simpl. now rewrite (independent_commute _ a b H).
Qed.

Fixpoint insert (a : Entry) (l : list Entry) : list Entry :=
  match l with
  | [] => [a]
  | b :: r => if place a <=? place b then a :: b :: r else b :: insert a r
  end.

Fixpoint by_place (l : list Entry) : list Entry :=
  match l with [] => [] | a :: r => insert a (by_place r) end.

Lemma insert_permutes a l : Permutation (insert a l) (a :: l).
Proof.
  induction l as [|b r IH]; simpl; [constructor; constructor|].
  destruct (place a <=? place b); [reflexivity|].
  rewrite IH. apply perm_swap.
Qed.

Lemma by_place_permutes l : Permutation (by_place l) l.
Proof. induction l; simpl; [constructor|]. rewrite insert_permutes. now constructor. Qed.

Lemma insert_keeps_state a l s :
  (forall b, In b l -> in_log_order a b) -> run s (insert a l) = run s (a :: l).
Proof.
  revert s. induction l as [|b r IH]; intros s H; simpl; [reflexivity|].
  destruct (Nat.leb_spec (place a) (place b)); [reflexivity|].
  simpl. change (fold_left step r) with (fun s => run s r). unfold run in *.
  simpl. rewrite IH by (intros; apply H; now right). simpl.
  destruct (H b (or_introl eq_refl)); [lia|].
  now rewrite (independent_commute _ a b).
Qed.

Lemma by_place_keeps_state l s : dependable l -> run s (by_place l) = run s l.
Proof.
  intros H. revert s. induction H as [|a l A D IH]; intros s; [reflexivity|].
  simpl. rewrite insert_keeps_state.
  - unfold run in *. simpl. apply IH.
  - rewrite Forall_forall in A. intros b I. apply A.
    apply (Permutation_in _ (by_place_permutes l) I).
Qed.

Lemma insert_sorted a l :
  Sorted (fun x y => place x <= place y) l -> Sorted (fun x y => place x <= place y) (insert a l).
Proof.
  induction 1 as [|b r S IH H]; simpl; [repeat constructor|].
  destruct (Nat.leb_spec (place a) (place b)).
  - constructor; [now constructor | now constructor].
  - constructor; [assumption|]. destruct r as [|c r]; simpl.
    + constructor. lia.
    + destruct (place a <=? place c); constructor; [lia | now inversion H].
Qed.

Lemma by_place_sorted l : StronglySorted (fun x y => place x <= place y) (by_place l).
Proof.
  apply Sorted_StronglySorted; [intros x y z; lia|].
  induction l; simpl; [constructor | now apply insert_sorted].
Qed.

Lemma sorted_once l m :
  NoDup (map place l) -> Permutation l m ->
  StronglySorted (fun x y => place x <= place y) l -> StronglySorted (fun x y => place x <= place y) m -> l = m.
Proof.
  intros N P S. revert m P. induction S as [|a l S IH A]; intros m P M.
  - symmetry. now apply Permutation_nil.
  - destruct M as [|b m M B]; [apply Permutation_sym, Permutation_nil in P; discriminate|].
    simpl in N. inversion N as [|? ? F N']; subst.
    assert (a = b) as ->.
    { rewrite Forall_forall in A, B.
      assert (Ia : In a (b :: m)) by (apply (Permutation_in _ P); now left).
      assert (Ib : In b (a :: l)) by (apply (Permutation_in _ (Permutation_sym P)); now left).
      destruct Ia as [|Ia]; [auto|]. destruct Ib as [|Ib]; [auto|].
      exfalso. apply F. assert (place a = place b) as ->; [|now apply in_map].
      specialize (A b Ib). specialize (B a Ia). lia. }
    f_equal. apply IH; [assumption | now apply Permutation_cons_inv in P | assumption].
Qed.

Theorem dependable_orders_end_alike l m s :
  NoDup (map place l) -> Permutation l m -> dependable l -> dependable m -> run s l = run s m.
Proof.
  intros N P L M. rewrite <- (by_place_keeps_state l s L), <- (by_place_keeps_state m s M).
  f_equal. apply sorted_once; try apply by_place_sorted.
  - apply (Permutation_NoDup (Permutation_sym (Permutation_map place (by_place_permutes l))) N).
  - rewrite by_place_permutes, P. symmetry. apply by_place_permutes.
Qed.

(* The log itself is a dependable order. *)
Lemma log_is_dependable l : StronglySorted (fun x y => place x < place y) l -> dependable l.
Proof.
  induction 1 as [|a l S IH A]; constructor; [|assumption].
  rewrite Forall_forall in *. intros b I. left. auto.
Qed.

End Reorder.
