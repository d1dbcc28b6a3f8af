(* Log time of a master over crashes, stops and starts: how much longer or shorter than its duration a key lives, and what
   log time by the wall clock does instead.

   The machine is that of log_time_steps.v. *)

Require Import List Arith ZArith Lia.
Require Import Replicheck.log_time_steps.
Import ListNotations.

Section Starts.
Variables lead downtime_max : nat.
Notation does := (does lead downtime_max).
Notation run := (run lead downtime_max).
Notation starts := (starts downtime_max).

Open Scope Z_scope.
Notation "# n" := (Z.of_nat n) (at level 9, format "# n").

(* How far the count is ahead of real time. Within one run this is constant. *)
Definition drift (n : node) : Z := #(counted n) - #(truth n).

(* The pair was written in this run, not before its start. *)
Definition is_own (n : node) : Prop := #(log (kept n)) - #(kept_truth (kept n)) = drift n.

(* Real time from the pair to a start, and how much more than this the wall clock advanced: the sum of its steps. *)
Definition gap (n : node) (down : nat) : nat := truth n + down - kept_truth (kept n).
Definition gained (n : node) (down w : nat) : Z := #w - #(kept_wall (kept n)) - #(gap n down).
Definition forward (n : node) (down w : nat) : Z := Z.max 0 (gained n down w).
Definition back (n : node) (down w : nat) : Z := Z.max 0 (- gained n down w).

Definition shortened_by (n : node) (down w : nat) : Z := Z.min (forward n down w) (Z.max 0 (#downtime_max - #(gap n down))).
Definition lengthened_by (n : node) (down w : nat) : Z := Z.max (back n down w) (#(gap n down) - #downtime_max).

Lemma drift_stays l : forall n, one_run l -> (since (its n) <= elapsed (now n))%nat -> drift (run n l) = drift n.
Proof.
  intros n O S. destruct (counts lead downtime_max l n O S) as [C _].
  pose proof (truth_up lead downtime_max l n). unfold drift. lia.
Qed.

(* A pair is the run's own once it was written in the run, and remains so. *)
Theorem pairs_stay_own l : forall n, one_run l -> (since (its n) <= elapsed (now n))%nat ->
  (is_own n -> is_own (run n l)) /\ is_own (run n (l ++ [Keeps])) /\ is_own (run n (l ++ [Raises])).
Proof.
  intros n O S. unfold run. rewrite !fold_left_app. cbn [fold_left]. fold (run n l). split; [|split; reflexivity].
  revert n O S. induction l as [|e l IH]; intros n O S K; [exact K|]. inversion O as [|x y G O']. subst x y.
  apply (IH (does n e) O').
  - destruct e; try discriminate G; cbn; lia.
  - unfold is_own, drift in *. destruct e; try discriminate G; unfold counted, candidate in *; cbn in *;
      unfold counted, candidate; lia.
Qed.

Theorem stops_keep_what_was_told n down : let disk := left true n in
  is_own disk /\ gap disk down = down /\ ceiling (its disk) = floor (its n).
Proof. intros disk. split; [reflexivity|]. split; [unfold gap; cbn; lia | reflexivity]. Qed.

(* A start moves the count, against real time, by the steps. Real time beyond the maximum is not counted, and the count does
   not go back. *)
Theorem a_start_moves_the_count n down w boot : is_own n -> (kept_truth (kept n) <= truth n)%nat ->
  let moved := drift (starts n down w boot) - drift n in
  moved = Z.min (Z.max 0 (#(gap n down) + gained n down w)) #downtime_max - #(gap n down)
  /\ - lengthened_by n down w <= moved <= shortened_by n down w.
Proof.
  intros O T moved. unfold moved, is_own, shortened_by, lengthened_by, forward, back, gained, gap, drift in *.
  unfold counted, candidate in *. cbn. lia.
Qed.

(* Over any number of starts a lifetime differs from its duration by what the starts moved the count, and beyond that by at
   most `ahead`, once. *)
Theorem durations_over_any_run ahead n d l : (lead <= ahead)%nat -> well ahead n ->
  let e := run (does n (Executes (For d))) l in let passed := #(truth e) - #(truth n) + (drift e - drift n) in
  (is_ahead n -> dead e (deadline n (For d)) -> #d <= passed + #ahead)
  /\ (is_ahead e -> #d + #(floor (its n) - counted n) <= passed -> dead e (deadline n (For d)))
  /\ (floor (its n) - counted n <= ahead)%nat.
Proof.
  intros L W e passed. pose proof (does_well lead downtime_max ahead n Beats L W) as V.
  pose proof (crashes_do_not_add_up lead downtime_max ahead (tells n) l L V) as [_ B]. change (run (tells n) l) with e in B.
  pose proof (truth_up lead downtime_max l (tells n)) as U. change (run (tells n) l) with e in U. clear V.
  assert (T : forall n, Nat.max (floor (its n)) (Nat.min (counted n) (ceiling (its n))) = log_time n) by reflexivity.
  pose proof (T n). pose proof (T e). cbn [tells with_floor truth] in U. cbn [deadline].
  unfold passed, drift, dead, is_ahead, well in *. repeat split; intros; lia.
Qed.

(* Over one start a key lives longer by the time for which log time stood still when the key was given its duration, and by
   the steps back or by the time beyond the maximum, whichever is more. It lives shorter by the steps forward if its deadline
   is beyond the ceiling on disk. Log time continues from this ceiling, so a deadline that is not beyond it is reached at the
   start. After a stop the ceiling is the time that was told, so no living key has such a deadline. After a crash the ceiling
   is later: a key may die early by what is left of `ahead`, without any step. *)
Theorem durations_over_a_start ahead n d before stopped down w boot after :
  (lead <= ahead)%nat -> well ahead n -> one_run before -> one_run after ->
  let disk := left stopped (run (does n (Executes (For d))) before) in
  let e := run (does n (Executes (For d))) (before ++ Restarts stopped down w boot :: after) in
  let passed := #(truth e) - #(truth n) in is_own disk ->
  (is_ahead e -> #d + #(floor (its n) - counted n) + lengthened_by disk down w <= passed -> dead e (deadline n (For d)))
  /\ (is_ahead n -> dead e (deadline n (For d)) -> (ceiling (its disk) < deadline n (For d))%nat ->
      #d <= passed + shortened_by disk down w)
  /\ (is_ahead n -> dead e (deadline n (For d)) ->
      #d <= passed + Z.max (#ahead - #(gap disk down)) (shortened_by disk down w)).
Proof.
  intros L W O O' disk e passed K.
  assert (E : e = run (starts disk down w boot) after) by (unfold e, log_time_steps.run; now rewrite fold_left_app).
  clearbody e. subst e. set (e := run (starts disk down w boot) after) in *.
  set (m := run (does n (Executes (For d))) before) in *.
  assert (V : well ahead m) by (apply run_well; [|apply does_well]; assumption).
  assert (X : drift disk = drift m /\ truth disk = truth m) by (unfold disk, left; destruct stopped; split; reflexivity).
  assert (Y : drift m = drift n) by (apply (drift_stays before (tells n) O), W).
  assert (V' : well ahead disk).
  { unfold disk, left. destruct stopped; [|exact V]. clear - V.
    unfold well, writes, counted, candidate in *. cbn in *. lia. }
  assert (U : (truth n <= truth m)%nat) by exact (truth_up lead downtime_max before (tells n)).
  pose proof (truth_up lead downtime_max after (starts disk down w boot)) as U'. fold e in U'. cbn [starts truth] in U'.
  destruct (a_start_moves_the_count disk down w boot K ltac:(apply V')) as [_ M].
  pose proof (drift_stays after (starts disk down w boot) O' (le_n _)) as Z. fold e in Z.
  destruct (counts lead downtime_max after (starts disk down w boot) O' (le_n _)) as [_ F]. fold e in F.
  cbn [starts its floor] in F.
  assert (T : forall n, Nat.max (floor (its n)) (Nat.min (counted n) (ceiling (its n))) = log_time n) by reflexivity.
  pose proof (T n). pose proof (T e).
  unfold well, is_own, is_ahead, dead in *. cbn [deadline]. fold (counted disk) in *. unfold passed.
  assert (P : (kept_truth (kept disk) <= truth disk)%nat) by apply V'.
  assert (G : #(gap disk down) = #(truth disk) + #down - #(kept_truth (kept disk))) by (unfold gap; lia).
  unfold drift in *. repeat split; intros; lia.
Qed.

End Starts.

(* Edge cases: computed runs with a lead of 4 and a maximum of 100. *)

Open Scope nat_scope.
Notation play := (run 4 100).
Definition noon : moment := {| elapsed := 7; wall := 1000 |}.
Definition master : node := first_start 4 noon 0 0.

(* A crash without any step kills a key at once if its duration is no longer than the ceiling is ahead. *)
Theorem a_crash_kills_early : let n := master in let e := play n [Executes (For 4); Restarts false 0 1000 7] in
  is_ahead n /\ is_ahead e /\ truth e = truth n /\ dead e (deadline n (For 4)).
Proof. repeat split; apply Nat.leb_le; reflexivity. Qed.

(* A start after a stop finds the count beyond the ceiling. A key that is given a duration before the ceiling is raised dies
   early by the whole time that the node was down. *)
Theorem given_before_a_raise_dies_early :
  let n := play master [Beats; Restarts true 60 1060 67] in let e := play n [Executes (For 10); Raises] in
  ~ is_ahead n /\ is_ahead e /\ truth e = truth n /\ dead e (deadline n (For 10)).
Proof. split; [apply Nat.lt_nge|repeat split]; apply Nat.leb_le; reflexivity. Qed.

(* A promoted replica takes only the time that it told as its floor. If it stops before it tells a time, its log time
   continues behind its log. *)
Theorem promotion_by_what_was_told_goes_back : exists received ago, let n := sets_out 4 noon (received + ago) 0 0 0 in
  log_time (play n [Restarts true 0 1000 7]) < received.
Proof. exists 500, 1. apply Nat.leb_le. reflexivity. Qed.

(* Log time by the wall clock, as the engine once had it, is the greater of the floor and the wall clock. `walls` is what the
   wall clock says at each reading. *)
Definition told_by_wall (floor : nat) (walls : list nat) : nat := fold_left Nat.max walls floor.

(* The wall clock is set forward by h and back. A key that is given d in between lives longer by exactly h. *)
Theorem by_wall_a_step_there_and_back_lengthens w h d passed : 0 < d ->
  let r := told_by_wall 0 [w; w + h] in r + d <= told_by_wall r [w; w + passed] <-> h + d <= passed.
Proof. intros D r. unfold r, told_by_wall. cbn [fold_left]. lia. Qed.

(* The same in numbers, and then with this machine: 3600 forward and back, a key is given 10. *)
Example by_wall_ten_last_for_3610 : let r := told_by_wall 0 [1000; 4600] in
  (r + 10 <=? told_by_wall r [1000; 1000 + 3609]) = false /\ (r + 10 <=? told_by_wall r [1000; 1000 + 3610]) = true.
Proof. split; reflexivity. Qed.

Example counted_ten_last_for_10 : let n := play master [Steps 4600] in
  let is_dead_after t := deadline n (For 10) <=? log_time (play n [Executes (For 10); Steps 1000; Passes t; Raises]) in
  is_dead_after 9 = false /\ is_dead_after 10 = true.
Proof. split; reflexivity. Qed.

(* A follower that can lift its master's floor by a time that it sends kills a key at once, whatever the key's duration. *)
Definition lifted (n : node) (said : nat) : node := with_floor n (Nat.max (floor (its n)) said).
Theorem lifting_kills_at_once n d : exists said, let e := lifted (tells n) said in
  truth e = truth n /\ dead e (deadline n (For d)).
Proof. exists (deadline n (For d)). split; [reflexivity|]. unfold dead, log_time, read. cbn. lia. Qed.
