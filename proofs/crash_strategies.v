(* The safe strategies produce lives of crash.v: the theorems of crash_runs.v for each of them, for any log.

   `writeset`, `writeset_snapshots` and `barrier` are disciplined. `serial` hands out runs, and `sequence` hands out entries
   before they may be written, so these two are not disciplined. But they wait before they write, which is sufficient. *)

Require Import List Bool PArith Permutation Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.crash_runs Replicheck.in_sequence.
Require Replicheck.crash Replicheck.discipline Replicheck.writeset Replicheck.barrier Replicheck.snapshots.
Import ListNotations.

Local Arguments Nat.ltb _ _ : simpl never.
Local Arguments Nat.eqb _ _ : simpl never.
Local Arguments Nat.sub _ _ : simpl never.
Local Arguments Nat.min _ _ : simpl never.
Local Arguments entries _ : simpl never.
Local Arguments lsns _ : simpl never.

(* Strategies that are disciplined for any log: after a restart the log is the rest of the log. *)
Section Disciplined.
Variable log : nat -> key_set.
Variable length : nat.
Variable s : strategy.
Hypothesis disciplined_s : forall l, disciplined l s.

Theorem disciplined_runs_are_lives x : reachable log length s x ->
  crash.life log length (singles (disk s x)) (marker_on (found s x)) (entries_on (added s x)).
Proof. apply runs_are_lives. intros n. now apply disciplined_waits. Qed.

Theorem disciplined_runs_end_as_the_master x k : reachable log length s x -> rerun_through s length x ->
  version log (entries_on (disk s x)) k = version log (prefix length) k.
Proof. apply runs_end_as_the_master. intros n. now apply disciplined_waits. Qed.

Theorem disciplined_readers_never_go_back x y p q k : log_safe log length s (start s) x -> log_safe log length s x y ->
  doing s x = Running s p -> doing s y = Running s q ->
  version log (entries_on (disk s x)) k <= version log (entries_on (disk s y)) k.
Proof. apply served_readers_never_go_back. intros n. now apply disciplined_waits. Qed.
End Disciplined.

Theorem writeset_waits log : waits log writeset.writeset.
Proof. apply disciplined_waits, writeset.writeset_disciplined. Qed.

Theorem snapshots_waits log : waits log snapshots.snapshots.
Proof. apply disciplined_waits, snapshots.snapshots_disciplined. Qed.

Theorem barrier_waits workers lane_of log : (forall k, lane_of k < workers) -> waits log (barrier.barrier workers lane_of).
Proof. intros L. now apply disciplined_waits, barrier.barrier_disciplined. Qed.

Section Serial.
Variable batch_max : nat.
Variable log : nat -> key_set.

(* At most one run is handed out; every entry before the next one is handed out or has come back. *)
Record in_turn (m : serial_machine) (a : nat) (out back : list job) : Prop := {
  up_to : last m = a /\ 1 <= next m <= S a;
  one_out : out = [] \/ busy m = true /\ exists f l, out = [run_of f l] /\ 1 <= f <= l;
  handed_out : forall i, In i (entries (out ++ back)) <-> 1 <= i < next m;
}.

Lemma serial_in_turn m a g u b : worked log (serial batch_max) m a g u b -> in_turn m a (g ++ u) b.
Proof.
  induction 1 as [|m a g u b W IH A|m a g u b w j m' W IH T|m a j g u b W IH MW
    |m a g j u b W IH|m a g u b W IH|m a g u b W IH|m a g g' u u' b W IH PG PU]; try assumption.
  - split; cbn; [lia | now left|]. intros i. split; [intros [] | lia].
  - destruct IH as [U O H]. cbn. split; cbn.
    + destruct (Nat.ltb_spec (last m) (next m)); lia.
    + assumption.
    + intros i. rewrite H. destruct (Nat.ltb_spec (last m) (next m)); lia.
  - destruct IH as [U O H]. cbn in T. unfold serial_take in T.
    destruct (busy m || (last m <? next m)) eqn:Q; [discriminate|].
    apply orb_false_iff in Q as [Q Q']. apply Nat.ltb_ge in Q'. injection T as <- <-.
    destruct O as [O|[O _]]; [|congruence]. apply app_eq_nil in O as [-> ->]. split; cbn.
    + lia.
    + right. split; [reflexivity|]. eexists _, _. split; [reflexivity | lia].
    + intros i. cbn in H. rewrite entries_cons, in_app_iff, H. unfold lsns. cbn. rewrite in_seq. lia.
  - destruct IH as [U O H]. split; try assumption.
    + destruct O as [O|(B & f & l & O & R)]; [discriminate | right]. split; [assumption|]. exists f, l. split; [|assumption].
      cbn in O. injection O as -> E. apply app_eq_nil in E as [-> ->]. reflexivity.
    + intros i. rewrite <- H. now rewrite (entries_same _ _ (Permutation_app_tail b (Permutation_middle g u j))).
  - destruct IH as [U O H]. destruct O as [O|(B & f & l & O & R)]; [destruct g; discriminate|].
    apply app_one in O as (-> & -> & ->). cbn in *. split; cbn; [assumption | now left | exact H].
  - destruct IH as [U O H]. split; try assumption.
    + destruct O as [O|(B & f & l & O & R)]; [left | right].
      * apply app_eq_nil in O as [-> ->]. now rewrite (Permutation_nil PG), (Permutation_nil PU).
      * split; [assumption|]. exists f, l. split; [|assumption]. apply Permutation_length_1_inv.
        rewrite <- O. now apply Permutation_app.
    + intros i. rewrite <- H. now rewrite (entries_same _ _ (Permutation_app_tail b (Permutation_app PG PU))).
Qed.

Theorem serial_waits : waits log (serial batch_max).
Proof.
  split.
  - intros m a g u b w j m' W T. destruct (serial_in_turn _ _ _ _ _ W) as [U O H].
    cbn in T. unfold serial_take in T. destruct (busy m || (last m <? next m)) eqn:Q; [discriminate|].
    apply orb_false_iff in Q as [Q Q']. apply Nat.ltb_ge in Q'. injection T as <- <-. cbn.
    split; [reflexivity|]. split; [lia|]. split; [lia|]. intros i I I'. rewrite app_assoc, H in I'.
    unfold lsns in I. cbn in I. rewrite in_seq in I. lia.
  - intros m a j g u b W _ n i I L C. destruct (serial_in_turn _ _ _ _ _ W) as [U O H].
    destruct O as [O|(B & f & l & O & R)]; [discriminate|]. cbn in O. injection O as -> O.
    rewrite <- in_app_iff, <- entries_cons. cbn in H. rewrite O in H. apply H.
    assert (1 <= n < next m); [|lia]. apply H. rewrite entries_cons. apply in_or_app. now left.
Qed.
End Serial.

Section Sequence.
Variable log : nat -> key_set.

Record in_turns (m : sequence_machine) (a : nat) (g u b : list job) : Prop := {
  newest : latest m = a;
  nothing_yet : a = 0 -> upcoming m = 0 /\ turn m = 0 /\ g = [] /\ u = [] /\ b = [];
  turns : 1 <= a -> 1 <= turn m <= upcoming m /\ upcoming m <= S a;
  back_in_turn : forall i, In i (entries b) <-> 1 <= i < turn m;
  one_begun : u = [] \/ u = [whole (turn m)] /\ forall j, In j g -> turn m < first j;
  singly : NoDup g /\ forall j, In j g -> exists i, j = whole i /\ turn m <= i < upcoming m;
  turn_taken : u <> [] -> turn m < upcoming m;
}.

Lemma sequence_in_turns m a g u b : worked log sequence m a g u b -> in_turns m a g u b.
Proof.
  induction 1 as [|m a g u b W IH A|m a g u b w j m' W IH T|m a j g u b W IH MW
    |m a g j u b W IH|m a g u b W IH|m a g u b W IH|m a g g' u u' b W IH PG PU]; try assumption.
  - split; cbn; auto; try lia.
    + intros i. split; [intros [] | lia].
    + split; [constructor | intros j []].
    + congruence.
  - destruct IH as [N Z T B O S K]. cbn. destruct (Nat.eqb_spec (latest m) 0) as [E|E].
    + rewrite N in E. destruct (Z E) as (EU & ET & -> & -> & ->). split; cbn; auto; try lia.
      * intros i. split; [intros [] | lia].
      * split; [constructor | intros j []].
      * congruence.
    + assert (1 <= a) by lia. specialize (T H). split; cbn; auto; lia.
  - destruct IH as [N Z R B O [S1 S2] K]. cbn in T. destruct (_ || _) eqn:Q; [discriminate|]. injection T as <- <-.
    apply orb_false_iff in Q as [Q Q']. apply Nat.ltb_ge in Q. apply Nat.eqb_neq in Q'.
    assert (P : 1 <= a) by lia. specialize (R P). split; cbn; try assumption; try lia.
    + destruct O as [->|[-> O]]; [now left | right]. split; [reflexivity|]. intros j [<-|I]; [|now apply O].
      cbn. apply K. discriminate.
    + split.
      * constructor; [|assumption]. intros I. destruct (S2 _ I) as (i & E & L). apply discipline.whole_inj in E. lia.
      * intros j [<-|I]; [exists (upcoming m); split; [reflexivity | lia]|].
        destruct (S2 j I) as (i & E & L). exists i. split; [assumption | lia].
  - destruct IH as [N Z R B O [S1 S2] K]. cbn in MW. apply Nat.eqb_eq in MW.
    destruct (S2 j) as (i & -> & L); [now left|]. cbn in MW. subst i.
    assert (u = []) as ->.
    { destruct O as [O|[_ O]]; [assumption|]. specialize (O _ (or_introl eq_refl)). cbn in O. lia. }
    inversion S1 as [|y l NI ND]. subst y l. split; try assumption.
    + intros E. destruct (Z E) as (_ & _ & X & _). discriminate.
    + right. split; [reflexivity|]. intros j I. destruct (S2 j (or_intror I)) as (i & -> & Li). cbn.
      destruct (Nat.eq_dec i (turn m)) as [->|D]; [contradiction | lia].
    + split; [assumption|]. intros j I. apply S2. now right.
    + intros _. lia.
  - destruct IH as [N Z R B O [S1 S2] K]. destruct O as [O|[E O]]; [discriminate|]. injection E as -> ->. cbn.
    specialize (K ltac:(discriminate)). split; cbn; try assumption; try lia.
    + intros i. rewrite entries_cons, in_app_iff, B, lsns_whole. cbn.
      assert (1 <= turn m); [|lia]. destruct a; [destruct (Z eq_refl) as (_ & _ & _ & X & _); discriminate | lia].
    + now left.
    + split; [assumption|]. intros j I. specialize (O j I). destruct (S2 j I) as (i & -> & L). cbn in O.
      exists i. split; [reflexivity | lia].
    + congruence.
  - destruct IH as [N Z R B O [S1 S2] K]. split; try assumption.
    + intros E. destruct (Z E) as (? & ? & -> & -> & ->). rewrite (Permutation_nil PG), (Permutation_nil PU). auto.
    + destruct O as [->|[-> O]]; [left; now apply Permutation_nil | right].
      split; [now apply Permutation_length_1_inv|]. intros j I. apply O. now rewrite PG.
    + split; [now rewrite <- PG|]. intros j I. apply S2. now rewrite PG.
    + intros U. apply K. intros ->. apply U. now apply Permutation_nil.
Qed.

Theorem sequence_waits : waits log sequence.
Proof.
  split.
  - intros m a g u b w j m' W T. destruct (sequence_in_turns _ _ _ _ _ W) as [N Z R B O [S1 S2] K].
    cbn in T. destruct (_ || _) eqn:Q; [discriminate|]. injection T as <- <-.
    apply orb_false_iff in Q as [Q Q']. apply Nat.ltb_ge in Q. apply Nat.eqb_neq in Q'.
    assert (P : 1 <= a) by lia. specialize (R P). cbn. repeat split; try lia. intros i I I'.
    rewrite lsns_whole in I. destruct I as [<-|[]]. rewrite !entries_app, !in_app_iff, B in I'.
    destruct I' as [I'|[I'|I']]; [| |lia].
    + apply in_entries in I' as (j & I' & E). destruct (S2 j I') as (i & -> & L). rewrite lsns_whole in E.
      destruct E as [->|[]]. lia.
    + destruct O as [->|[-> _]]; [contradiction|]. specialize (K ltac:(discriminate)).
      rewrite entries_cons, lsns_whole in I'. destruct I' as [I'|[]]. lia.
  - intros m a j g u b W MW n i I L C. destruct (sequence_in_turns _ _ _ _ _ W) as [N Z R B O [S1 S2] K].
    cbn in MW. apply Nat.eqb_eq in MW. destruct (S2 j) as (x & -> & Lx); [now left|]. cbn in MW. subst x.
    rewrite lsns_whole in I. destruct I as [<-|[]]. right. apply B. lia.
Qed.
End Sequence.

(* A run in which this happens: a batch with a lower marker is written to the disk after one with a higher marker, and after
   a crash that loses neither, both entries are written again. *)
Section Goes_back.
Let log (n : nat) : key_set := Keys [Pos.of_nat n].
Let s := writeset.writeset.


Theorem a_marker_goes_back : exists x, log_safe log 2 s (start s) x /\
  found s x = [([1], 1); ([2], 0)] /\ added s x = [([1; 2], 2)] /\ doing s x = Running s (open s 2).
Proof.
  pose proof (safe_none log 2 s (start s)) as R. unfold start in R at 2.
  eapply safe_more in R; [| apply Open | cbn; lia].
  eapply safe_more in R; [| apply Receive; lia | cbn; lia].
  eapply safe_more in R; [| apply Receive; lia | cbn; lia].
  unfold open in R.
  eapply safe_more in R; [| apply Work, Admit; [reflexivity | lia] | cbn; lia].
  eapply safe_more in R; [| apply Work, Admit; [reflexivity | lia] | cbn; lia].
  eapply safe_more in R; [| apply Work, (Take _ _ _ _ _ _ _ _ _ _ 0); [intros [] | vm_compute; reflexivity] | cbn; lia].
  eapply safe_more in R;
    [| apply Work, (Take _ _ _ _ _ _ _ _ _ _ 1); [intros [E|[]]; discriminate | vm_compute; reflexivity] | cbn; lia].
  eapply safe_more in R; [| apply Work, (Begin _ _ _ _ _ _ []); reflexivity | cbn; lia].
  eapply safe_more in R; [| apply Work, (Begin _ _ _ _ _ _ []); reflexivity | cbn; lia].
  eapply safe_more in R; [| apply Work, (Wrote _ _ _ _ _ _ _ []) | cbn; lia].
  eapply safe_more in R; [| apply Work, (Wrote _ _ _ _ _ _ _ []) | cbn; lia].
  eapply safe_more in R;
    [| eapply (Crash _ _ _ _ _ []); [symmetry; apply app_nil_r | vm_compute; split; [lia | reflexivity]] | cbn; lia].
  eapply safe_more in R; [| apply (Recover _ _ _ _ _ _ _ 2); vm_compute; lia | cbn; lia].
  eapply safe_more in R; [| apply Open | cbn; lia].
  eexists. split; [exact R|]. vm_compute. repeat split.
Qed.
End Goes_back.
