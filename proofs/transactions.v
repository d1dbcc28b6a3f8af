(* A transaction is one entry, with the keys of all its commands: what readers see of it.

   A reader that sees entry n on a key sees version n or a later one there. *)

Require Import List Bool Arith PArith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline Replicheck.runs.
Require Replicheck.in_sequence Replicheck.snapshots Replicheck.writeset Replicheck.barrier Replicheck.refuted.
Import ListNotations.

Section Transactions.
Variable log : nat -> key_set.
Variable length : nat.

(* Whatever a reader sees at once: all of an entry or nothing of it. *)
Definition all_or_nothing (s : strategy) : Prop := forall x n k k', reachable log length s x -> 1 <= n <= length ->
  touches log k n = true -> touches log k' n = true -> n <= sees log s x k -> n <= sees log s x k'.

(* It is seen on each of its keys exactly if it is among the first m entries. *)
Lemma version_of_prefix m n k : 1 <= n -> touches log k n = true -> n <= version log (prefix m) k <-> n <= m.
Proof.
  intros P T. pose proof (prefix_well_written log m m (le_n m)) as [R N W]. split; intros L.
  - destruct (version_written log (prefix m) k) as [[E _]|[I _]]; [lia|]. specialize (R _ I). lia.
  - apply version_greatest; auto; [intros x I; now apply R | apply in_seq; lia].
Qed.

Theorem prefix_shows_all_or_nothing s : prefix_level log length s -> all_or_nothing s.
Proof.
  intros [_ P] x n k k' R B T T' S. destruct (P x x R (steps_none _ _ _ x)) as (m & _ & _ & E & _).
  rewrite E in *. unfold master_had in *. apply version_of_prefix; [lia | assumption|].
  now apply (version_of_prefix m n k) in S; [|lia|].
Qed.

(* Where entries are well written, a key shows entry n exactly if n is written. *)
Lemma seen_is_written m done n k : well_written log m done -> 1 <= n -> touches log k n = true ->
  n <= version log done k <-> In n done.
Proof.
  intros [R N W] P T. split; intros L.
  - destruct (version_written log done k) as [[E _]|[I T']]; [lia|].
    destruct (Nat.eq_dec n (version log done k)) as [->|]; [assumption|].
    apply in_split in I as (p & q & E). rewrite E. apply in_or_app. left.
    apply (W p (version log done k) q n E); [lia | now apply (touch_conflict log n _ k)].
  - apply version_greatest; auto. intros x I. now apply R.
Qed.

(* A strategy that is disciplined writes an entry as one batch, so a reader of the latest state never sees a half. Such a
   state need not be one that the master had: refuted.v. *)
Theorem disciplined_shows_all_or_nothing s : disciplined log s -> reads_latest s = true -> all_or_nothing s.
Proof.
  intros D RL x n k k' R B T T' S. destruct (singles _ _ _ x (reachable_kept log length s D x R)) as (ns & E & W).
  unfold sees in *. rewrite (shown_is_done log length s x RL R), E, entries_whole in *.
  apply (seen_is_written _ _ n k' W); [lia | assumption|]. now apply (seen_is_written _ _ n k W) in S; [|lia|].
Qed.

(* … and a transaction that was seen stays seen. *)
Theorem disciplined_shows_it_for_good s : disciplined log s -> reads_latest s = true ->
  forall x y n k k', reachable log length s x -> steps log length s x y -> 1 <= n <= length ->
  touches log k n = true -> touches log k' n = true -> n <= sees log s x k -> n <= sees log s y k'.
Proof.
  intros D RL x y n k k' R S B T T' V. destruct (disciplined_per_key_order log length s D RL) as [_ P].
  destruct (P x y k R S) as [L _]. apply (disciplined_shows_all_or_nothing s D RL y n k k'); auto; [|lia].
  exact (steps_trans log length s _ _ _ R S).
Qed.
End Transactions.

(* Every safe strategy, under any number of workers, lanes and batches. *)
Theorem safe_strategies_show_all_or_nothing log length :
  (forall batch_max, all_or_nothing log length (in_sequence.serial batch_max))
  /\ all_or_nothing log length in_sequence.sequence
  /\ all_or_nothing log length snapshots.snapshots
  /\ all_or_nothing log length writeset.writeset
  /\ (forall lanes lane_of, (forall k, lane_of k < lanes) -> all_or_nothing log length (barrier.barrier lanes lane_of)).
Proof.
  split; [|split; [|split; [|split]]].
  - intros. apply prefix_shows_all_or_nothing, in_sequence.serial_keeps_prefix.
  - apply prefix_shows_all_or_nothing, in_sequence.sequence_keeps_prefix.
  - apply prefix_shows_all_or_nothing, snapshots.snapshots_keep_prefix.
  - apply disciplined_shows_all_or_nothing; [apply writeset.writeset_disciplined | reflexivity].
  - intros. apply disciplined_shows_all_or_nothing; [now apply barrier.barrier_disciplined | reflexivity].
Qed.

(* Where entries are split, a key shows only the parts that are whole entries or its own. *)
Definition shows_key (k : key) (j : job) : bool := match part j with Some k' => Pos.eqb k k' | None => true end.
Definition sees_part (log : nat -> key_set) (s : strategy) (x : state s) (k : key) : nat :=
  version log (entries (filter (shows_key k) (shown x))) k.

Lemma whole_entries_show_all log s x k : is_whole (shown x) -> sees_part log s x k = sees log s x k.
Proof.
  unfold sees_part, sees. intros W. f_equal. f_equal. induction (shown x) as [|j l IH]; [reflexivity|].
  inversion W as [|? ? P W']; subst. cbn. unfold shows_key at 1. rewrite P. f_equal. auto.
Qed.

(* MULTI; SET a; SET b; EXEC under key_hash, two workers: the first has written its part. *)
Definition both_keys (n : nat) : key_set := Keys [1%positive; 2%positive].
Definition first_part : list move := [Admits; Takes 0; Writes 0].

Theorem key_hash_shows_half : exists x, reachable both_keys 1 (refuted.key_hash refuted.two_lanes) x
  /\ sees_part both_keys _ x 1%positive = 1 /\ sees_part both_keys _ x 2%positive = 0.
Proof.
  destruct (play both_keys 1 _ (start (refuted.key_hash refuted.two_lanes)) first_part) as [x|] eqn:P; [|discriminate].
  exists x. split; [exact (play_reaches _ _ _ _ _ P)|].
  vm_compute in P. injection P as <-. split; reflexivity.
Qed.

(* Payload::keys, KeySet::extend: the keys of a transaction are those of its commands, so it conflicts where one of them does. *)
Definition extend (a b : key_set) : key_set :=
  match a, b with Keys ours, Keys theirs => Keys (ours ++ theirs) | _, _ => Everything end.

Theorem transactions_conflict_where_a_command_does parts other :
  conflicts (fold_left extend parts (Keys [])) other = existsb (fun keys => conflicts keys other) parts.
Proof.
  assert (C : forall a b k, contains (extend a b) k = contains a k || contains b k).
  { intros [a|] [b|] k; cbn; auto using orb_true_r. apply existsb_app. }
  assert (G : forall parts a,
    conflicts (fold_left extend parts a) other = conflicts a other || existsb (fun keys => conflicts keys other) parts).
  { clear parts. induction parts as [|b parts IH]; intros a; cbn; [now rewrite orb_false_r|]. rewrite IH, orb_assoc. f_equal.
    apply eq_true_iff_eq. rewrite orb_true_iff, !conflicts_iff. split.
    - intros (k & H & H'). rewrite C in H. apply orb_true_iff in H as [H|H]; [left | right]; eauto.
    - intros [(k & H & H')|(k & H & H')]; exists k; rewrite C, H; auto using orb_true_r. }
  rewrite G. destruct other; reflexivity.
Qed.
