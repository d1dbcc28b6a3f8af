(* From the order in which entries were written to what readers see.

   Entries are 1, 2, …; `log n` gives the keys of entry n. `done` lists the entries in the order in which they were
   written. It is *well written* if each is written once, after every earlier entry that it conflicts with. Then
   - when all entries are written, the store is the master's (convergence), whatever the entries do, as long as entries
     that share no key commute;
   - the version of a key, the last entry written that touches it, never goes back and is one that the master had
     (per_key_order: src/invariant.rs). *)

Require Import List Bool Permutation Sorted Arith Lia.
Require Import Replicheck.key_set Replicheck.reorder.
Import ListNotations.

Section Written.
Variable log : nat -> key_set.

Definition touches (k : key) (n : nat) : bool := contains (log n) k.
Definition conflict (i j : nat) : bool := conflicts (log i) (log j).

(* Versions::of after these entries. *)
Definition version (done : list nat) (k : key) : nat :=
  fold_left (fun v n => if touches k n then n else v) done 0.

(* The log after n entries. *)
Definition prefix (n : nat) : list nat := seq 1 n.

Definition waited (done : list nat) : Prop :=
  forall p j q i, done = p ++ j :: q -> 1 <= i < j -> conflict i j = true -> In i p.

Record well_written (n : nat) (done : list nat) : Prop := {
  in_range : forall i, In i done -> 1 <= i <= n;
  once : NoDup done;
  in_order : waited done;
}.

Lemma version_app p q k : version (p ++ q) k = fold_left (fun v n => if touches k n then n else v) q (version p k).
Proof. unfold version. apply fold_left_app. Qed.

Lemma version_snoc p j k : version (p ++ [j]) k = if touches k j then j else version p k.
Proof. rewrite version_app. reflexivity. Qed.

(* A version is a written entry that touches the key, or 0 if no such entry is written. *)
Lemma version_written done k :
  (version done k = 0 /\ forall i, In i done -> touches k i = false)
  \/ (In (version done k) done /\ touches k (version done k) = true).
Proof.
  induction done as [|j done IH] using rev_ind; [left; split; [reflexivity | intros i []]|].
  rewrite version_snoc. destruct (touches k j) eqn:T.
  - right. split; [apply in_or_app; right; now left | assumption].
  - destruct IH as [[E N]|[I T']]; [left|right]; split; auto using in_or_app.
    intros i I. apply in_app_or in I as [I|[<-|[]]]; auto.
Qed.

Lemma waited_before done p j : waited done -> done = p ++ [j] -> waited p.
Proof.
  intros W -> p' i q i' -> L C. apply (W p' i (q ++ [j])); [now rewrite <- app_assoc | assumption | assumption].
Qed.

Lemma touch_conflict i j k : touches k i = true -> touches k j = true -> conflict i j = true.
Proof. apply shared_key_conflicts. Qed.

(* Of the entries that touch a key, the one written last has the greatest number. *)
Lemma version_greatest done k i : NoDup done -> waited done -> (forall x, In x done -> 1 <= x) ->
  In i done -> touches k i = true -> i <= version done k.
Proof.
  induction done as [|j done IH] using rev_ind; [contradiction|]. intros N W R I T.
  assert (N' : NoDup done /\ ~ In j done).
  { apply NoDup_remove in N. rewrite app_nil_r in N. exact N. }
  destruct N' as [N' NJ]. rewrite version_snoc.
  assert (W' : waited done) by (apply (waited_before _ _ j W); reflexivity).
  assert (R' : forall x, In x done -> 1 <= x) by (intros; apply R, in_or_app; now left).
  apply in_app_or in I as [I|[->|[]]]; [|rewrite T; lia].
  destruct (touches k j) eqn:TJ; [|auto].
  (* if i > j, j would be before i *)
  destruct (le_lt_dec i j) as [|G]; [assumption|]. exfalso. apply NJ.
  apply in_split in I as (p & q & ->).
  apply in_or_app. left. apply (W' p i q j eq_refl).
  - split; [apply R, in_or_app; right; now left | assumption].
  - now apply (touch_conflict j i k).
Qed.

(* per_key_order, first half: no version goes back. *)
Theorem versions_never_go_back n p q k :
  well_written n (p ++ q) -> version p k <= version (p ++ q) k.
Proof.
  intros [R N W]. destruct (version_written p k) as [[-> _]|[I T]]; [lia|].
  apply version_greatest; auto; [intros x Ix; now apply R | apply in_or_app; now left].
Qed.

(* per_key_order, second half: each version is one that the master had, namely right after that entry. *)
Theorem versions_were_the_masters done k :
  version (prefix (version done k)) k = version done k.
Proof.
  destruct (version_written done k) as [[-> _]|[I T]]; [reflexivity|].
  destruct (version done k) as [|v]; [reflexivity|].
  unfold prefix. rewrite seq_S, version_snoc. simpl. now rewrite T.
Qed.

(* Whole prefixes are well written. *)
Lemma prefix_well_written n m : n <= m -> well_written m (prefix n).
Proof.
  intros L. split.
  - intros i I. apply in_seq in I. lia.
  - apply seq_NoDup.
  - intros p j q i E B C. unfold prefix in *.
    assert (I : In i (seq 1 n)).
    { apply in_seq. assert (In j (seq 1 n)) by (rewrite E; apply in_or_app; right; now left).
      apply in_seq in H. lia. }
    rewrite E in I. apply in_app_or in I as [I|I]; [assumption|]. exfalso.
    assert (S : StronglySorted lt (seq 1 n)).
    { clear. generalize 1. induction n; intros; simpl; constructor; auto.
      apply Forall_forall. intros x Ix. apply in_seq in Ix. lia. }
    rewrite E in S. clear - S I B. induction p as [|x p IH]; simpl in S; inversion S; subst.
    + destruct I as [->|I]; [lia|]. rewrite Forall_forall in *. specialize (H2 i I). lia.
    + auto.
Qed.

Lemma well_written_dependable n done : well_written n done -> dependable nat (fun i => i) conflict done.
Proof.
  intros [R N W].
  assert (G : forall p, (exists h, done = h ++ p) -> dependable nat (fun i => i) conflict p).
  2: { apply G. now exists []. }
  induction p as [|a p IH]; intros (h & E); constructor.
  - apply Forall_forall. intros b Ib. unfold in_log_order.
    destruct (conflict a b) eqn:C; [left | now right].
    assert (a <> b).
    { intros ->. rewrite E in N. apply NoDup_remove_2 in N. apply N, in_or_app. now right. }
    destruct (lt_dec a b); [assumption|]. exfalso.
    assert (Ih : In b h).
    { apply (W h a p b E).
      - split; [apply R; rewrite E; apply in_or_app; right; now right | lia].
      - unfold conflict in *. now rewrite conflicts_sym. }
    rewrite E in N. apply in_split in Ib as (u & v & ->). apply in_split in Ih as (x & y & ->).
    rewrite <- app_assoc in N. simpl in N. apply NoDup_remove_2 in N. apply N.
    apply in_or_app. right. apply in_or_app. right. right. apply in_or_app. right. now left.
  - apply IH. exists (h ++ [a]). now rewrite <- app_assoc.
Qed.

(* Convergence: when every entry is written, the store is the master's. The same holds for any complete prefix. *)
Theorem complete_is_the_masters (State : Type) (apply : State -> nat -> State) n done s :
  (forall s i j, conflict i j = false -> apply (apply s i) j = apply (apply s j) i) ->
  well_written n done -> (forall i, 1 <= i <= n -> In i done) ->
  fold_left apply done s = fold_left apply (prefix n) s.
Proof.
  intros commute W C. symmetry.
  apply (dependable_orders_end_alike nat State (fun i => i) conflict apply commute).
  - rewrite map_id. apply seq_NoDup.
  - apply NoDup_Permutation; [apply seq_NoDup | apply (once n done W) |].
    intros x. unfold prefix. rewrite in_seq. split; intros.
    + apply C. lia.
    + apply (in_range n done W) in H. lia.
  - apply (well_written_dependable n), prefix_well_written. lia.
  - now apply (well_written_dependable n).
Qed.

(* … and so are the versions. *)
Theorem complete_has_the_masters_versions n done k :
  well_written n done -> (forall i, 1 <= i <= n -> In i done) -> version done k = version (prefix n) k.
Proof.
  intros W C. unfold version.
  apply (complete_is_the_masters nat (fun v i => if touches k i then i else v) n done 0); auto.
  intros s i j F. destruct (touches k i) eqn:TI, (touches k j) eqn:TJ; auto.
  rewrite (touch_conflict i j k TI TJ) in F. discriminate.
Qed.

(* One more entry, after all earlier ones that it conflicts with. *)
Lemma write_one n done j :
  well_written n done -> 1 <= j <= n -> ~ In j done ->
  (forall i, 1 <= i < j -> conflict i j = true -> In i done) -> well_written n (done ++ [j]).
Proof.
  intros [R N W] L NJ P. split.
  - intros i I. apply in_app_or in I as [I|[<-|[]]]; auto.
  - apply (Permutation_NoDup (Permutation_cons_append done j)). now constructor.
  - intros p x q i E B C. destruct q as [|y q] using rev_ind.
    + apply app_inj_tail in E as [-> ->]. auto.
    + change (p ++ x :: q ++ [y]) with (p ++ (x :: q) ++ [y]) in E. rewrite app_assoc in E.
      apply app_inj_tail in E as [-> ->]. now apply (W p x q i).
Qed.

Lemma more_entries n m done : n <= m -> well_written n done -> well_written m done.
Proof. intros L [R N W]. split; auto. intros i I. specialize (R i I). lia. Qed.

End Written.
