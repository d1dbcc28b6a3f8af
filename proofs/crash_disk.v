(* The disk of crash_runs.v, with batches of any number of entries, and the same disk as crash.v sees it, where one entry
   is written at a time. *)

Require Import List Bool Permutation Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica.
Require Import Replicheck.crash_waits.
Require Replicheck.crash Replicheck.watermark.
Import ListNotations.

(* So that `cbn` opens records and leaves arithmetic and lists of entries alone. *)
Local Arguments Nat.sub _ _ : simpl never.
Local Arguments entries _ : simpl never.
Local Arguments lsns _ : simpl never.

(* A batch on the disk: its entries, in order, and its marker. A marker may be written alone. *)
Definition batch := (list nat * nat)%type.
Definition entries_on (disk : list batch) : list nat := flat_map fst disk.
Definition marker_on (disk : list batch) : nat := match rev disk with [] => 0 | (_, m) :: _ => m end.

(* The same disk for crash.v, which writes one entry at a time. The last entry of a batch has the batch's marker. Each
   other entry has the marker up to its own number at most, because a marker must not count entries that are not written
   yet. A disk that ends between two of these entries is not a disk of this machine. *)
Fixpoint singles_of (ns : list nat) (m : nat) : list crash.batch :=
  match ns with
  | [] => [(None, m)]
  | [n] => [(Some n, m)]
  | n :: rest => (Some n, Nat.min n m) :: singles_of rest m
  end.
Definition singles (disk : list batch) : list crash.batch := flat_map (fun b => singles_of (fst b) (snd b)) disk.

Local Arguments entries_on _ : simpl never.
Local Arguments marker_on _ : simpl never.
Local Arguments singles _ : simpl never.

Lemma entries_singles_of ns m : crash.entries (singles_of ns m) = ns.
Proof.
  induction ns as [|n [|x ns] IH]; [reflexivity | reflexivity|].
  change (n :: crash.entries (singles_of (x :: ns) m) = n :: x :: ns). now rewrite IH.
Qed.

Lemma entries_singles disk : crash.entries (singles disk) = entries_on disk.
Proof.
  induction disk as [|[ns m] disk IH]; [reflexivity|].
  change (crash.entries (singles_of ns m ++ singles disk) = ns ++ entries_on disk).
  now rewrite crash.entries_app, entries_singles_of, IH.
Qed.

Lemma singles_of_snoc ns n m : singles_of (ns ++ [n]) m = map (fun i => (Some i, Nat.min i m)) ns ++ [(Some n, m)].
Proof.
  induction ns as [|x ns IH]; [reflexivity|]. simpl. rewrite <- IH. now destruct ns.
Qed.

Lemma singles_one ns m : singles [(ns, m)] = singles_of ns m.
Proof. apply app_nil_r. Qed.

Lemma entries_on_one ns m : entries_on [(ns, m)] = ns.
Proof. apply app_nil_r. Qed.

Lemma marker_singles disk : crash.marker (singles disk) = marker_on disk.
Proof.
  destruct disk as [|[ns m] disk _] using rev_ind; [reflexivity|].
  unfold singles. rewrite flat_map_app. simpl. rewrite app_nil_r. unfold marker_on. rewrite rev_app_distr.
  destruct ns as [|n ns _] using rev_ind; [apply crash.marker_snoc|].
  now rewrite singles_of_snoc, app_assoc, crash.marker_snoc.
Qed.
Section Lives.
Variable log : nat -> key_set.
Variable length : nat.

(* One batch with several entries, as steps of a life. *)
Lemma some_live m mk f : forall k disk now, crash.life log length disk m now -> m < f -> f + k <= S length -> m <= mk ->
  (forall n, f <= n < f + k -> ~ In n now) ->
  (forall n i, f <= n < f + k -> m < i < n -> conflict log i n = true -> f <= i < n \/ In i now) ->
  (forall i, m < i <= mk -> i < f + k -> f <= i \/ In i now) ->
  crash.life log length (disk ++ map (fun i => (Some i, Nat.min i mk)) (seq f k)) m (now ++ seq f k).
Proof.
  induction k as [|k IH]; intros disk now H L E M NEW C W; [simpl; now rewrite !app_nil_r|].
  rewrite seq_S, map_app, !app_assoc. apply crash.writes.
  - apply IH; try assumption; try lia.
    + intros n B. apply NEW. lia.
    + intros n i B. apply C. lia.
    + intros i B B'. apply W; lia.
  - lia.
  - rewrite in_app_iff, in_seq. intros [I|I]; [|lia]. apply (NEW (f + k)); [lia | assumption].
  - intros i B CF. rewrite in_app_iff, in_seq. destruct (C (f + k) i) as [X|X]; auto; lia.
  - intros i B. rewrite in_app_iff, in_seq. destruct (Nat.eq_dec i (f + k)); [now left | right].
    destruct (W i); auto; lia.
  - lia.
Qed.

Lemma batch_lives m mk f k disk now : crash.life log length disk m now -> m < f -> f + k <= length -> m <= mk ->
  (forall n, f <= n <= f + k -> ~ In n now) ->
  (forall n i, f <= n <= f + k -> m < i < n -> conflict log i n = true -> f <= i < n \/ In i now) ->
  (forall i, m < i <= mk -> f <= i <= f + k \/ In i now) ->
  crash.life log length (disk ++ singles_of (seq f (S k)) mk) m (now ++ seq f (S k)).
Proof.
  intros H L E M NEW C W. rewrite seq_S, singles_of_snoc, !app_assoc. apply crash.writes.
  - apply some_live; try assumption; try lia.
    + intros n B. apply NEW. lia.
    + intros n i B. apply C. lia.
    + intros i B B'. destruct (W i B); [left; lia | now right].
  - lia.
  - rewrite in_app_iff, in_seq. intros [I|I]; [|lia]. apply (NEW (f + k)); [lia | assumption].
  - intros i B CF. rewrite in_app_iff, in_seq. destruct (C (f + k) i) as [X|X]; auto; lia.
  - intros i B. rewrite in_app_iff, in_seq. destruct (Nat.eq_dec i (f + k)); [now left | right].
    destruct (W i B); auto; lia.
  - assumption.
Qed.

End Lives.

(* The entries of a job, as the log numbers them, in a run that began after `n` entries; and a watermark with more done. *)
Definition numbers (n : nat) (j : job) : list nat := map (Nat.add n) (lsns j).
Definition finished (w : watermark.watermark) (ns : list nat) : watermark.watermark := fold_left watermark.done ns w.

Lemma numbers_are n j : numbers n j = seq (n + first j) (last j + 1 - first j).
Proof.
  unfold numbers, lsns. generalize (last j + 1 - first j) as k. generalize (first j) as f.
  intros f k. revert f. induction k as [|k IH]; intros f; [reflexivity|].
  simpl. rewrite IH. now rewrite Nat.add_succ_r.
Qed.

Lemma in_numbers n j i : In i (numbers n j) <-> n + first j <= i <= n + last j.
Proof. rewrite numbers_are, in_seq. lia. Qed.

Lemma in_lsns j i : In i (lsns j) <-> first j <= i <= last j.
Proof. unfold lsns. rewrite in_seq. lia. Qed.

Lemma in_moved n l i : n < i -> In i (map (Nat.add n) l) <-> In (i - n) l.
Proof.
  intros L. rewrite in_map_iff. split.
  - intros (x & <- & I). now replace (n + x - n) with x by lia.
  - intros I. exists (i - n). split; [lia | assumption].
Qed.

Lemma marker_counts n fs ns : (forall i, In i (fs ++ ns) -> 1 <= i) ->
  let marker := watermark.low (finished (finished {| watermark.low := n; watermark.above := [] |} (map (Nat.add n) fs))
    (map (Nat.add n) ns)) in
  n <= marker /\ forall i, n < i <= marker -> In i (map (Nat.add n) ns) \/ In i (map (Nat.add n) fs).
Proof.
  intros P. unfold finished. rewrite <- fold_left_app, <- map_app. set (all := map (Nat.add n) (fs ++ ns)).
  assert (F : Forall (fun i => 1 <= i) all).
  { apply Forall_forall. intros i I. apply in_map_iff in I as (x & <- & I). apply P in I. lia. }
  destruct (watermark.watermark_is_the_highest n all F) as [U N]. cbv zeta. set (marker := watermark.low _) in *. split.
  - destruct (le_lt_dec n marker); [assumption|]. exfalso. apply N. left. lia.
  - intros i B. destruct (U i) as [X|X]; [lia | lia|]. unfold all in X. rewrite map_app, in_app_iff in X. tauto.
Qed.

Lemma singles_app d e : singles (d ++ e) = singles d ++ singles e.
Proof. apply flat_map_app. Qed.

Lemma entries_on_app d e : entries_on (d ++ e) = entries_on d ++ entries_on e.
Proof. apply flat_map_app. Qed.

Lemma in_entries_on i d : In i (entries_on d) <-> exists ns m, In (ns, m) d /\ In i ns.
Proof.
  unfold entries_on. rewrite in_flat_map. split.
  - intros ([ns m] & I & J). now exists ns, m.
  - intros (ns & m & I & J). now exists (ns, m).
Qed.
