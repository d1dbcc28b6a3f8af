(* Progress of `writeset` and `writeset_snapshots`, for any number of workers.

   An entry waits only for older unfinished entries, so the oldest one waits for nothing once nothing is in flight. Snapshots:
   when admission is closed and all is applied, the snapshot can be published, and admission opens again. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline.
Require Import Replicheck.writeset Replicheck.snapshots.
Require Import Replicheck.progress Replicheck.progress_ends Replicheck.progress_disciplined.
Import ListNotations.

Section Writeset.
Variable log : nat -> key_set.
Variable length : nat.
Variable workers : nat.
Hypothesis somebody : 0 < workers.

(* New entries wait for unfinished entries. Waiting entries do, too, and those that they wait for are older. *)
Record waits_for_older (m : writeset.machine) : Prop := {
  last_unfinished : forall k i, last_of m k = Some i -> In i (unfinished m);
  last_everything_unfinished : forall i, last_everything m = Some i -> In i (unfinished m);
  older : forall n ws i, In (n, ws) (waiting m) -> In i ws -> i < n /\ In i (unfinished m);
}.

Lemma reach_older m a o b : machine_reach log writeset m a o b -> waits_for_older m.
Proof.
  induction 1 as [|m a o b R IH _|m a o b w j m' R IH T|m a l j r b R IH|m a o b R IH|m a o b R IH]; cbn in *;
    try assumption; try destruct (reach_good _ _ _ _ _ R) as [G _]; destruct IH as [LU EU OL] || idtac.
  - split; cbn; try discriminate; contradiction.
  - assert (W : forall i, In i (waits_for m (log (S a))) -> In i (unfinished m)).
    { unfold waits_for. destruct (log (S a)) as [ks|]; [|auto]. intros i I. apply in_app_or in I as [I|I].
      - apply in_flat_map in I as (k & _ & I). apply in_given in I. exact (LU k i I).
      - apply in_given in I. exact (EU i I). }
    assert (U : forall i, i = S a \/ In i (unfinished m) -> In i (unfinished (writeset.admit m (S a) (log (S a))))).
    { intros i. now rewrite unfinished_admit. }
    split; cbn.
    + intros k i E. apply U. destruct (log (S a)) as [ks|]; [|discriminate].
      destruct (mem k ks); [injection E as <-; now left | right; exact (LU k i E)].
    + intros i E. apply U. destruct (log (S a)) as [ks|]; [right; exact (EU i E)|]. injection E as <-. now left.
    + intros n ws i I J. apply in_app_or in I as [I|[I|[]]].
      * destruct (OL n ws i I J). auto.
      * injection I as <- <-. pose proof (W i J) as V. pose proof (admitted_only _ _ _ _ _ G i V). split; [lia|]. auto.
  - unfold writeset.take in T. destruct (first_ready (waiting m)) as [[n rest]|] eqn:F; [|discriminate].
    injection T as <- <-. apply first_ready_splits in F as (p & q & E & ->).
    assert (U : forall i, In i (unfinished m) -> In i (map fst (p ++ q) ++ n :: in_flight m)).
    { intros i. unfold unfinished. rewrite E, !map_app. simpl. rewrite !in_app_iff. simpl. rewrite ?in_app_iff. simpl. tauto. }
    split; unfold unfinished; cbn.
    + intros k i L. apply U. exact (LU k i L).
    + intros i L. apply U. exact (EU i L).
    + intros x ws i I J. destruct (OL x ws i) as [L V]; [|assumption|].
      * rewrite E. apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right].
      * split; [assumption | now apply U].
  - assert (IJ : In j (l ++ j :: r)) by (apply in_or_app; right; now left).
    apply (held _ _ _ _ _ G) in IJ as (n & -> & IF).
    assert (U : forall i, In i (unfinished m) -> i <> n -> In i (unfinished (writeset.finish m (whole n)))).
    { intros i I D. apply unfinished_finish. unfold unfinished in I. apply in_app_or in I as [I|I]; auto. }
    split; cbn [writeset.finish last_of last_everything waiting first whole].
    + intros k i F. apply forget_some in F as [F D]. apply U; [exact (LU k i F) | assumption].
    + intros i F. apply forget_some in F as [F D]. apply U; [exact (EU i F) | assumption].
    + intros x ws i I J. apply in_map_iff in I as ((x' & ws') & E & I). injection E as -> <-.
      apply in_without in J as [J D]. cbn in J. destruct (OL x ws' i I J) as [L V]. auto.
Qed.

Lemma first_ready_finds w n : In (n, []) w -> exists i rest, first_ready w = Some (i, rest).
Proof.
  induction w as [|(x & [|y l]) w IH]; intros I; [contradiction | simpl; eauto|].
  destruct I as [I|I]; [discriminate|]. simpl. destruct (IH I) as (i & rest & ->). eauto.
Qed.

Lemma oldest (w : list (nat * list nat)) : w <> [] -> exists n ws, In (n, ws) w /\ forall i, In i (map fst w) -> n <= i.
Proof.
  induction w as [|(x & l) w IH]; intros N; [now elim N|]. destruct w as [|e w].
  - exists x, l. split; [now left|]. intros i [<-|[]]. auto.
  - destruct IH as (n & ws & I & M); [discriminate|]. destruct (le_lt_dec x n).
    + exists x, l. split; [now left|]. intros i [<-|J]; [auto|]. specialize (M i J). lia.
    + exists n, ws. split; [now right|]. intros i [<-|J]; [cbn; lia | now apply M].
Qed.

Lemma writeset_idle_hands_out : idle_hands_out log workers writeset.
Proof.
  intros m a b R. pose proof (reach_older m a [] b R) as [_ _ OL]. destruct (reach_good _ _ _ _ _ R) as [G _].
  assert (F : in_flight m = []).
  { destruct (in_flight m) as [|n t] eqn:E; [reflexivity|]. exfalso.
    apply (proj2 (held _ _ _ _ _ G (whole n))). exists n. split; [reflexivity|]. rewrite E. now left. }
  destruct (waiting m) as [|e w] eqn:E.
  - left. intros i L. destruct (somewhere _ _ _ _ _ G i L) as [U|U]; [|assumption].
    unfold unfinished in U. rewrite E, F in U. contradiction.
  - right. rewrite <- E in *. assert (N : waiting m <> []) by (rewrite E; discriminate).
    destruct (oldest (waiting m) N) as (n & ws & I & M). destruct ws as [|i ws].
    + destruct (first_ready_finds _ _ I) as (j & rest & T). exists 0, (whole j). eexists. split; [assumption|].
      cbn. unfold take. rewrite T. reflexivity.
    + exfalso. destruct (OL n (i :: ws) i I) as [L U]; [now left|]. unfold unfinished in U. rewrite F, app_nil_r in U.
      specialize (M i U). lia.
Qed.

Lemma takes_whole m w j m' : writeset.take m w = Some (j, m') -> first j <= replica.last j.
Proof. unfold take. destruct (first_ready _) as [[n rest]|]; [|discriminate]. intros T. injection T as <- _. cbn. lia. Qed.

Theorem writeset_progresses : progress log length workers writeset.
Proof.
  intros x R. split; [|now left]. revert x R.
  exact (idle_hands_work log length workers writeset (writeset_disciplined log) (fun _ _ => eq_refl) writeset_idle_hands_out).
Qed.

Theorem writeset_ends_every_run : every_run_ends log length workers writeset.
Proof.
  apply progress_ends_every_run; [|exact writeset_progresses | apply disciplined_converges, writeset_disciplined].
  split; cbn; try reflexivity; try discriminate; [exact takes_whole | apply disciplined_once, writeset_disciplined].
Qed.

(* Snapshots: the inner machine is that of writeset. *)
Lemma snapshots_idle_hands_out : idle_hands_out log workers snapshots.
Proof.
  intros m a b R. apply reach_inner in R. destruct (writeset_idle_hands_out _ _ _ R) as [A|(w & j & i & L & T)]; [now left|].
  right. exists w, j. eexists. split; [assumption|]. cbn in *. now rewrite T.
Qed.

(* If all admitted entries are applied, the machine is idle. *)
Lemma applied_is_idle x : reachable log length snapshots x -> all_applied snapshots x -> is_idle (inner (at_ x)) = true.
Proof.
  intros R [H A]. destruct (reachable_kept log length snapshots (snapshots_disciplined log) x R) as [(b & M & B) _ _ _ _ RD].
  rewrite H in *. apply reach_inner, reach_good in M as [G _].
  assert (N : forall i, ~ In i (unfinished (inner (at_ x)))).
  { intros i U. pose proof (A i (admitted_only _ _ _ _ _ G i U)) as D. apply in_flat_map in D as (j & D & I).
    apply B in D as [D|(w & [])]. destruct (finished _ _ _ _ _ G j D) as (n & -> & _ & NU).
    unfold lsns in I. cbn in I. replace (n + 1 - n) with 1 in I by lia. destruct I as [->|[]]. contradiction. }
  unfold is_idle. unfold unfinished in N. destruct (waiting _) as [|(n & ws) w]; [|elim (N n); now left].
  destruct (in_flight _) as [|n f]; [reflexivity | elim (N n); now left].
Qed.

Theorem snapshots_progresses : progress log length workers snapshots.
Proof.
  intros x R. split.
  - exact (idle_hands_work log length workers snapshots (snapshots_disciplined log) (fun _ _ => eq_refl)
      snapshots_idle_hands_out x R).
  - intros A. pose proof (applied_is_idle x R A) as I. unfold opens. cbn.
    destruct (closed_at (at_ x)) as [n|] eqn:C; [right | now left]. rewrite I. now exists n.
Qed.

Theorem snapshots_ends_every_run : every_run_ends log length workers snapshots.
Proof.
  apply progress_ends_every_run; [|exact snapshots_progresses | apply disciplined_converges, snapshots_disciplined].
  split; cbn; try reflexivity.
  - intros m w j m' T. destruct (writeset.take (inner m) w) as [[j' i]|] eqn:E; [|discriminate]. injection T as <- _.
    exact (takes_whole _ _ _ _ E).
  - intros m w j m' T. destruct (writeset.take (inner m) w) as [[j' i]|]; [|discriminate]. now injection T as _ <-.
  - intros m lsn P. destruct (closed_at m); [auto | discriminate].
  - intros x lsn R P i L. destruct (publishable_is_whole log length x lsn R P) as (-> & ns & D & _ & A).
    rewrite D, entries_whole. auto.
  - apply disciplined_once, snapshots_disciplined.
Qed.
End Writeset.
