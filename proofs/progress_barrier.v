(* Progress of `barrier`, for any number of lanes and any hash.

   Once nothing is in flight, the oldest unfinished entry is at the head of each of its lanes, because lanes are in log order.
   The worker of its lowest lane takes it. An entry without keys stands in all lanes, so there is always a lowest one. *)

Require Import List Bool Sorted Arith PArith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline Replicheck.barrier.
Require Import Replicheck.progress Replicheck.progress_ends Replicheck.progress_disciplined.
Import ListNotations.

Section Barrier.
Variable workers : nat.
Variable lane_of : key -> nat.
Hypothesis lane_exists : forall k, lane_of k < workers.
Variable log : nat -> key_set.
Variable length : nat.

Local Notation strategy := (barrier workers lane_of).

Lemma least (l : list nat) : l <> [] -> exists n, In n l /\ forall i, In i l -> n <= i.
Proof.
  induction l as [|x l IH]; intros N; [now elim N|]. destruct l as [|y l].
  - exists x. split; [now left|]. intros i [<-|[]]. auto.
  - destruct IH as (n & I & M); [discriminate|]. destruct (le_lt_dec x n).
    + exists x. split; [now left|]. intros i [<-|J]; [auto|]. specialize (M i J). lia.
    + exists n. split; [now right|]. intros i [<-|J]; [lia | now apply M].
Qed.

Lemma stands_somewhere ks : exists lane set, lanes_of workers lane_of ks = lane :: set /\ lane < workers.
Proof.
  assert (I : exists lane, In lane (lanes_of workers lane_of ks)).
  { pose proof (lane_exists 1%positive) as L. destruct ks as [[|k l]|].
    - exists 0. cbn. apply in_seq. lia.
    - exists (lane_of k). apply (lane_of_touched workers lane_of lane_exists). cbn. now rewrite Pos.eqb_refl.
    - exists 0. cbn. apply in_seq. lia. }
  assert (B : forall lane, In lane (lanes_of workers lane_of ks) -> lane < workers).
  { intros lane J. unfold lanes_of in J. destruct ks as [[|k l]|]; [| apply filter_In in J as [J _] |]; apply in_seq in J; lia. }
  destruct I as (lane & I). destruct (lanes_of workers lane_of ks) as [|first set] eqn:E; [contradiction|].
  exists first, set. split; [reflexivity|]. apply B. now left.
Qed.

(* The lowest unfinished entry is at the head of each of its lanes. *)
Lemma oldest_heads m a o b n lane : good workers lane_of log m a o b -> In n (unfinished m) ->
  (forall i, In i (unfinished m) -> n <= i) -> in_lane workers lane_of log n lane -> exists t, lanes m lane = n :: t.
Proof.
  intros G U M L. pose proof (proj2 (in_lanes _ _ _ _ _ _ _ G lane n) (conj U L)) as I.
  pose proof (ascending _ _ _ _ _ _ _ G lane) as S. destruct (lanes m lane) as [|h t] eqn:E; [contradiction|].
  exists t. f_equal. assert (H : In h (unfinished m)).
  { apply (in_lanes _ _ _ _ _ _ _ G lane h). rewrite E. now left. }
  specialize (M h H). destruct I as [I|I]; [assumption|]. inversion S as [|? ? _ F]; subst.
  rewrite Forall_forall in F. specialize (F n I). lia.
Qed.

Lemma barrier_idle_hands_out : idle_hands_out log workers strategy.
Proof.
  intros m a b R. destruct (reach_good workers lane_of lane_exists log m a [] b R) as [G _].
  assert (F : in_flight m = []).
  { destruct (in_flight m) as [|n t] eqn:E; [reflexivity|]. exfalso.
    apply (proj2 (held _ _ _ _ _ _ _ G (whole n))). exists n. split; [reflexivity|]. rewrite E. now left. }
  destruct (unfinished m) as [|e l] eqn:E.
  - left. intros i L. destruct (somewhere _ _ _ _ _ _ _ G i L) as [U|U]; [|assumption]. rewrite E in U. contradiction.
  - right. assert (N : unfinished m <> []) by (rewrite E; discriminate).
    destruct (least (unfinished m) N) as (n & U & M).
    assert (S : stands m n = Some (lanes_of workers lane_of (log n))).
    { pose proof U as I. unfold unfinished in I. apply in_map_iff in I as ((n' & set) & <- & I). cbn.
      rewrite <- (its_lanes _ _ _ _ _ _ _ G _ _ I). apply stands_found; [|assumption].
      exact (barrier.once _ _ _ _ _ _ _ G). }
    destruct (stands_somewhere (log n)) as (lane & set & LS & LW).
    assert (H : forall x, In x (lanes_of workers lane_of (log n)) -> exists t, lanes m x = n :: t).
    { intros x I. exact (oldest_heads m a [] b n x G U M I). }
    destruct (H lane) as (t & HL); [rewrite LS; now left|].
    exists lane, (whole n). eexists. split; [assumption|]. cbn. unfold take. rewrite HL, S, F.
    assert (A : forallb (fun x => heads m x n) (lanes_of workers lane_of (log n)) = true).
    { apply forallb_forall. intros x I. destruct (H x I) as (r & HX). unfold heads. rewrite HX. apply Nat.eqb_refl. }
    rewrite A, LS, Nat.eqb_refl. reflexivity.
Qed.

Theorem barrier_progresses : progress log length workers strategy.
Proof.
  intros x R. split; [|now left]. revert x R.
  exact (idle_hands_work log length workers strategy (barrier_disciplined workers lane_of lane_exists log)
    (fun _ _ => eq_refl) barrier_idle_hands_out).
Qed.

Theorem barrier_ends_every_run : every_run_ends log length workers strategy.
Proof.
  pose proof (barrier_disciplined workers lane_of lane_exists log) as D.
  apply progress_ends_every_run; [|exact barrier_progresses | now apply disciplined_converges].
  split; cbn; try reflexivity; try discriminate; [|now apply disciplined_once].
  intros m w j m' T. unfold take in T. destruct (lanes m w); [discriminate|]. destruct (stands m n); [|discriminate].
  destruct (_ && _ && _); [|discriminate]. injection T as <- _. cbn. lia.
Qed.
End Barrier.
