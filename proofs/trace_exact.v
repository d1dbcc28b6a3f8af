(* Why the trace checker asks the right question: accepted = consistent, whatever happened between the ticks.

   A batch takes effect at some unknown instant between its two ticks. An *order in time* is any order of the batches that
   the ticks permit: a batch that finished before another one started does not come after it. The checker accepts a trace
   if and only if every order in time keeps dependent batches in log order. Therefore
   - soundness: an accepted trace ends in the master's state, in whatever order its batches took effect;
   - completeness: a refused trace has an order in time that puts a batch before one that it depends on. *)

Require Import List Bool Permutation Sorted NArith Arith Lia.
Require Import Replicheck.key_set Replicheck.reorder Replicheck.trace_check.
Import ListNotations.

(* A batch with its place in the log. *)
Definition placed := (nat * batch)%type.

Fixpoint number (from : nat) (trace : list batch) : list placed :=
  match trace with [] => [] | b :: rest => (from, b) :: number (S from) rest end.

Definition dependent (a b : placed) : bool := conflicts (keys (snd a)) (keys (snd b)).

Definition not_after (a b : placed) : Prop := ~ (finish (snd b) < start (snd a))%N.

(* An order in time: the batches of the trace, each once, in an order that the ticks permit. *)
Definition order_in_time (trace : list batch) (l : list placed) : Prop :=
  Permutation (number 0 trace) l /\ ForallOrdPairs not_after l.

Lemma number_snd trace : forall n, map snd (number n trace) = trace.
Proof. induction trace; intros; simpl; [reflexivity|]. now rewrite IHtrace. Qed.

Lemma number_later trace : forall n x, In x (number n trace) -> n <= fst x.
Proof.
  induction trace as [|b r IH]; simpl; [contradiction|].
  intros n x [<-|I]; [simpl; lia|]. specialize (IH (S n) x I). lia.
Qed.

Lemma number_sorted trace : forall n, StronglySorted (fun x y => fst x < fst y) (number n trace).
Proof.
  induction trace as [|b r IH]; intros n; constructor; [apply IH|].
  apply Forall_forall. intros x I. apply number_later in I. simpl. lia.
Qed.

Lemma number_once trace : forall n, NoDup (map fst (number n trace)).
Proof.
  induction trace as [|b r IH]; intros n; simpl; constructor; [|apply IH].
  rewrite in_map_iff. intros (x & E & I). apply number_later in I. lia.
Qed.

Lemma number_pairs trace : forall n, ForallOrdPairs apart trace ->
  forall a b, In a (number n trace) -> In b (number n trace) -> fst a < fst b -> apart (snd a) (snd b).
Proof.
  induction trace as [|t r IH]; intros n O a b Ia Ib L; [contradiction|].
  inversion O as [|? ? F O']; subst. rewrite Forall_forall in F.
  simpl in Ia, Ib. destruct Ia as [<-|Ia], Ib as [<-|Ib]; simpl in L.
  - lia.
  - apply F. rewrite <- (number_snd r (S n)). now apply in_map.
  - apply number_later in Ia. lia.
  - exact (IH (S n) O' a b Ia Ib L).
Qed.

Lemma ord_pairs_of_in {A} (R : A -> A -> Prop) l :
  (forall a b, In a l -> In b l -> R a b) -> ForallOrdPairs R l.
Proof.
  induction l as [|a l IH]; intros H; constructor.
  - apply Forall_forall. intros. apply H; [now left | now right].
  - apply IH. intros. apply H; now right.
Qed.

Lemma ord_pairs_weaken {A} (R Q : A -> A -> Prop) l : NoDup l ->
  (forall a b, In a l -> In b l -> a <> b -> R a b -> Q a b) -> ForallOrdPairs R l -> ForallOrdPairs Q l.
Proof.
  intros N H O. induction O as [|a l F O IH]; constructor; inversion N as [|? ? NI N']; subst.
  - rewrite Forall_forall in *. intros b I. apply H; auto; [now left | now right |].
    intros ->. contradiction.
  - apply IH; [assumption|]. intros. apply H; auto; now right.
Qed.

Lemma same_place trace a b :
  In a (number 0 trace) -> In b (number 0 trace) -> fst a = fst b -> a = b.
Proof.
  generalize (number_once trace 0). generalize (number 0 trace).
  induction l as [|x l IH]; simpl; intros N Ia Ib E; [contradiction|]. inversion N as [|? ? NI N']; subst.
  destruct Ia as [->|Ia], Ib as [->|Ib]; auto; exfalso; apply NI; [rewrite E | rewrite <- E]; now apply in_map.
Qed.

(* Soundness for orders. *)
Theorem accepted_orders_are_dependable trace l :
  accepts trace = true -> order_in_time trace l -> dependable placed fst dependent l.
Proof.
  intros A [P T]. apply accepts_iff in A as [_ O].
  assert (ND : NoDup l).
  { apply (Permutation_NoDup P). apply (NoDup_map_inv fst), number_once. }
  refine (ord_pairs_weaken not_after _ l ND _ T). intros a b Ia Ib D N.
  unfold in_log_order, dependent. destruct (conflicts (keys (snd a)) (keys (snd b))) eqn:C; [left | now right].
  apply (Permutation_in _ (Permutation_sym P)) in Ia. apply (Permutation_in _ (Permutation_sym P)) in Ib.
  destruct (lt_eq_lt_dec (fst a) (fst b)) as [[L|E]|G]; [assumption| |].
  - exfalso. apply D. exact (same_place trace a b Ia Ib E).
  - exfalso. apply N. apply (number_pairs trace 0 O b a Ib Ia G). now rewrite conflicts_sym.
Qed.

(* Soundness for states: on any store on which batches that share no key commute. *)
Theorem accepted_traces_end_as_the_log (State : Type) (write : State -> batch -> State) :
  (forall s a b, conflicts (keys a) (keys b) = false -> write (write s a) b = write (write s b) a) ->
  forall trace l s, accepts trace = true -> order_in_time trace l ->
  fold_left write (map snd l) s = fold_left write trace s.
Proof.
  intros commute trace l s A T.
  assert (F : forall l s, fold_left write (map snd l) s = run placed State (fun s b => write s (snd b)) s l).
  { unfold run. induction l0; intros; simpl; auto. }
  rewrite <- (number_snd trace 0) at 1. rewrite !F. symmetry. destruct T as [P T].
  apply (dependable_orders_end_alike placed State fst dependent).
  - intros. now apply commute.
  - apply number_once.
  - assumption.
  - apply log_is_dependable, number_sorted.
  - apply (accepted_orders_are_dependable trace); [assumption | now split].
Qed.

(* Completeness. A batch b starts before an earlier batch a has finished: let b take effect at its start, a at its finish,
   and every other batch at its start. *)
Section Completeness.
Variable instant : placed -> N.

Fixpoint put (a : placed) (l : list placed) : list placed :=
  match l with
  | [] => [a]
  | b :: r => if (instant a <=? instant b)%N then a :: b :: r else b :: put a r
  end.

Fixpoint by_instant (l : list placed) : list placed :=
  match l with [] => [] | a :: r => put a (by_instant r) end.

Lemma put_permutes a l : Permutation (put a l) (a :: l).
Proof.
  induction l as [|b r IH]; simpl; [reflexivity|].
  destruct (instant a <=? instant b)%N; [reflexivity|]. rewrite IH. apply perm_swap.
Qed.

Lemma by_instant_permutes l : Permutation (by_instant l) l.
Proof. induction l; simpl; [constructor|]. rewrite put_permutes. now constructor. Qed.

Lemma put_sorted a l : ForallOrdPairs (fun x y => instant x <= instant y)%N l ->
  ForallOrdPairs (fun x y => instant x <= instant y)%N (put a l).
Proof.
  induction 1 as [|b r F O IH]; simpl; [repeat constructor|].
  destruct (N.leb_spec (instant a) (instant b)).
  - constructor; [|now constructor]. constructor; [assumption|].
    rewrite Forall_forall in *. intros x I. specialize (F x I). lia.
  - constructor; [|assumption]. rewrite Forall_forall in *. intros x I.
    apply (Permutation_in _ (put_permutes a r)) in I as [<-|I]; [lia | auto].
Qed.

Lemma by_instant_sorted l : ForallOrdPairs (fun x y => instant x <= instant y)%N (by_instant l).
Proof. induction l; simpl; [constructor | now apply put_sorted]. Qed.

Lemma put_before a b l : In b l -> (instant a <= instant b)%N ->
  exists p q r, put a l = p ++ a :: q ++ b :: r.
Proof.
  induction l as [|c l IH]; simpl; intros I L; [contradiction|].
  destruct (N.leb_spec (instant a) (instant c)) as [C|C].
  - destruct I as [->|I]; [now exists [], [], l|].
    apply in_split in I as (q & r & ->). now exists [], (c :: q), r.
  - destruct I as [->|I]; [lia|]. destruct (IH I L) as (p & q & r & ->). now exists (c :: p), q, r.
Qed.
End Completeness.

Theorem overlaps_could_go_wrong trace a b :
  Forall sane trace -> In a (number 0 trace) -> In b (number 0 trace) ->
  fst a < fst b -> (start (snd b) <= finish (snd a))%N ->
  exists p q r, order_in_time trace (p ++ b :: q ++ a :: r).
Proof.
  intros S Ia Ib L OV.
  set (instant := fun x : placed => if Nat.eqb (fst x) (fst a) then finish (snd x) else start (snd x)).
  destruct (in_split _ _ Ib) as (u & v & E).
  assert (Ia' : In a (u ++ v)).
  { rewrite E in Ia. apply in_app_or in Ia as [I|[->|I]]; [| lia |]; apply in_or_app; auto. }
  assert (Ba : instant b = start (snd b)).
  { unfold instant. destruct (Nat.eqb_spec (fst b) (fst a)); [lia | reflexivity]. }
  assert (Aa : instant a = finish (snd a)) by (unfold instant; now rewrite Nat.eqb_refl).
  assert (I2 : In a (by_instant instant (u ++ v))).
  { exact (Permutation_in _ (Permutation_sym (by_instant_permutes instant _)) Ia'). }
  destruct (put_before instant b a _ I2) as (p & q & r & PQR); [lia|].
  exists p, q, r. rewrite <- PQR.
  assert (P : Permutation (number 0 trace) (put instant b (by_instant instant (u ++ v)))).
  { rewrite put_permutes, by_instant_permutes, E. symmetry. apply Permutation_middle. }
  split; [exact P|].
  assert (W : forall x, In x (put instant b (by_instant instant (u ++ v))) ->
              (start (snd x) <= instant x <= finish (snd x))%N).
  { intros x I. apply (Permutation_in _ (Permutation_sym P)) in I.
    assert (sane (snd x)). { rewrite Forall_forall in S. apply S. rewrite <- (number_snd trace 0). now apply in_map. }
    unfold sane in *. unfold instant. destruct (Nat.eqb (fst x) (fst a)); lia. }
  pose proof (by_instant_sorted instant (u ++ v)) as O. apply (put_sorted instant b) in O.
  refine (ord_pairs_weaken _ _ _ _ _ O).
  - apply (Permutation_NoDup P), (NoDup_map_inv fst), number_once.
  - intros x y Ix Iy _ XY. apply W in Ix, Iy. unfold not_after. lia.
Qed.

(* Both in one: the checker accepts exactly the traces whose every order in time keeps dependent batches in order. *)
Theorem accepts_exactly trace : Forall sane trace ->
  (accepts trace = true <-> forall l, order_in_time trace l -> dependable placed fst dependent l).
Proof.
  intros SA. split; [intros A l T; exact (accepted_orders_are_dependable trace l A T)|].
  intros H. apply accepts_iff. split; [assumption|].
  enough (forall n t, (forall x, In x (number n t) -> In x (number 0 trace)) -> ForallOrdPairs apart t) as E
    by (apply (E 0); auto).
  intros n t. revert n. induction t as [|b t IH]; intros n I; constructor.
  - apply Forall_forall. intros c Ic C.
    rewrite <- (number_snd t (S n)) in Ic. apply in_map_iff in Ic as (y & <- & Iy).
    destruct (N.lt_ge_cases (finish b) (start (snd y))) as [|OV]; [assumption|]. exfalso.
    pose proof (number_later t (S n) y Iy) as L.
    destruct (overlaps_could_go_wrong trace (n, b) y SA) as (p & q & r & T).
    + apply I. now left.
    + apply I. now right.
    + simpl. lia.
    + exact OV.
    + apply H in T. clear - T L C. induction p as [|x p IH]; simpl in T; inversion T as [|? ? F O]; subst.
      * rewrite Forall_forall in F. destruct (F (n, b)) as [G|G].
        -- apply in_or_app. right. now left.
        -- simpl in G. lia.
        -- unfold dependent in G. simpl in G. rewrite conflicts_sym in G. congruence.
      * auto.
  - apply (IH (S n)). intros x Ix. apply I. now right.
Qed.
