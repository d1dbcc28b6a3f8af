(* Log time of a master under any steps of any wall clock: the machine, the proof that its time never goes back, and
   lifetimes within one run of the process. Lifetimes over crashes, stops and starts: log_time_starts.v.

   A node has two clocks. The elapsed clock only goes forward within one run. The wall clock may say anything at any
   moment. Log time is counted by the elapsed clock. The wall clock is read only where the pair (log time, wall time) is
   written to disk, where a start counts how long the node was down, where a folder has no pair to start from, and where
   a command names an instant of wall time, which is translated before it is logged.

   The machine is MasterClock of src/node/clock.rs. Real time is a part of the state that no step reads. It is there because
   lifetimes are measured by it. *)

Require Import List Arith Lia.
Require Replicheck.expiry Replicheck.log_time.
Import ListNotations.

Record moment := { elapsed : nat; wall : nat }.

(* `floor` is the latest time that was told. `ceiling` is durable, and no later time is told. *)
Record clock := { base : nat; since : nat; floor : nat; ceiling : nat }.

(* The file `node` keeps the pair beside the ceiling. `kept_truth` is the real time at which the pair was written. *)
Record pair := { log : nat; kept_wall : nat; kept_truth : nat }.

Record node := { now : moment; its : clock; kept : pair; truth : nat }.

(* Log time counts from `base`. It stands at the floor until the count has reached the floor, and stops at the ceiling. *)
Definition candidate (c : clock) (m : moment) : nat := base c + (elapsed m - since c).
Definition read (c : clock) (m : moment) : nat := Nat.max (floor c) (Nat.min (candidate c m) (ceiling c)).

Definition counted (n : node) : nat := candidate (its n) (now n).
Definition log_time (n : node) : nat := read (its n) (now n).
Definition is_ahead (n : node) : Prop := counted n <= ceiling (its n).
Definition dead (n : node) (deadline : nat) : Prop := deadline <= log_time n.

(* A command gives a key a duration, or an instant of wall time. The deadline that is logged is log time plus the duration,
   or the instant less the amount by which the wall clock is ahead of the count. *)
Inductive lifetime := For (duration : nat) | Until (instant : nat).
Definition deadline (n : node) (l : lifetime) : nat :=
  match l with For d => log_time n + d | Until i => Nat.max 1 (counted n + i - wall (now n)) end.

Inductive event :=
  | Passes (d : nat)                                  (* both clocks run *)
  | Steps (w : nat)                                   (* the wall clock is set *)
  | Executes (l : lifetime)                           (* a command, logged with log time and the key's deadline *)
  | Beats                                             (* a heartbeat, or a reader *)
  | Raises                                            (* the ceiling; the pair is written with it *)
  | Keeps                                             (* the pair is written: a step was seen *)
  | Restarts (stopped : bool) (down w boot : nat).    (* a stop or a crash; after `down` the clocks say `w` and `boot` *)

Section Steps.
Variables lead downtime_max : nat.

Definition with_floor (n : node) (f : nat) : node :=
  {| now := now n; its := {| base := base (its n); since := since (its n); floor := f; ceiling := ceiling (its n) |};
     kept := kept n; truth := truth n |}.
Definition tells (n : node) : node := with_floor n (log_time n).

Definition writes (n : node) (c : nat) : node :=
  {| now := now n; its := {| base := base (its n); since := since (its n); floor := floor (its n); ceiling := c |};
     kept := {| log := counted n; kept_wall := wall (now n); kept_truth := truth n |}; truth := truth n |}.
Definition raised (n : node) : nat := Nat.max (ceiling (its n)) (counted n + lead).

(* The process ends. A stop lowers the ceiling to what was told; a crash writes nothing. *)
Definition left (stopped : bool) (n : node) : node := if stopped then writes n (floor (its n)) else n.

Definition starts (n : node) (down w boot : nat) : node :=
  {| now := {| elapsed := boot; wall := w |};
     its := {| base := log (kept n) + Nat.min (w - kept_wall (kept n)) downtime_max; since := boot;
               floor := ceiling (its n); ceiling := ceiling (its n) |};
     kept := kept n; truth := truth n + down |}.

Definition does (n : node) (e : event) : node :=
  match e with
  | Passes d => {| now := {| elapsed := elapsed (now n) + d; wall := wall (now n) + d |}; its := its n; kept := kept n;
                   truth := truth n + d |}
  | Steps w => {| now := {| elapsed := elapsed (now n); wall := w |}; its := its n; kept := kept n; truth := truth n |}
  | Executes _ | Beats => tells n
  | Raises => writes n (raised n)
  | Keeps => writes n (ceiling (its n))
  | Restarts stopped down w boot => starts (left stopped n) down w boot
  end.
Definition run (n : node) (events : list event) : node := fold_left does events n.

(* What the event adds to the stream: log time, and the deadline of a command. *)
Definition said (n : node) (e : event) : list (nat * option nat) :=
  match e with Executes l => [(log_time n, Some (deadline n l))] | Beats => [(log_time n, None)] | _ => [] end.
Fixpoint logged (n : node) (events : list event) : list (nat * option nat) :=
  match events with [] => [] | e :: rest => said n e ++ logged (does n e) rest end.
Definition times (n : node) (events : list event) : list nat := map fst (logged n events).

(* A node becomes a master by `Restarts`, or in one of two other ways. A folder without a pair counts from the wall clock.
   A promoted replica counts from the time that it received last. Its floor is that time or the time that it told,
   whichever is later: its log has entries of that time, and perhaps no reader has read since. *)
Definition sets_out (m : moment) (b f c t : nat) : node :=
  let c := Nat.max c (b + lead) in
  {| now := m; its := {| base := b; since := elapsed m; floor := f; ceiling := c |};
     kept := {| log := b; kept_wall := wall m; kept_truth := t |}; truth := t |}.
Definition first_start (m : moment) (old_ceiling t : nat) : node := sets_out m (wall m) old_ceiling old_ceiling t.
Definition promoted (m : moment) (received ago told old_ceiling t : nat) : node :=
  sets_out m (received + ago) (Nat.max received told) old_ceiling t.

(* `ahead` bounds how far the ceiling is beyond the pair. It is `lead`, or more where a node began with an older
   ceiling. *)
Definition well (ahead : nat) (n : node) : Prop :=
  since (its n) <= elapsed (now n) /\ floor (its n) <= ceiling (its n) /\ log (kept n) <= counted n
  /\ ceiling (its n) <= log (kept n) + ahead /\ kept_truth (kept n) <= truth n.

Theorem masters_set_out_well m b f c t : f <= Nat.max c (b + lead) ->
  let n := sets_out m b f c t in well (Nat.max lead (c - b)) n /\ is_ahead n /\ b <= log_time n /\ f <= log_time n.
Proof. intros F n. unfold well, is_ahead, counted, candidate, log_time, read, candidate, n. cbn. repeat split; lia. Qed.

Theorem promoted_masters_go_on m received ago told old_ceiling t : told <= old_ceiling ->
  let n := promoted m received ago told old_ceiling t in
  well (Nat.max lead (old_ceiling - (received + ago))) n
  /\ floor (its n) = Nat.max received told /\ received + ago <= log_time n.
Proof.
  intros T n.
  destruct (masters_set_out_well m (received + ago) (Nat.max received told) old_ceiling t) as (W & _ & B & _); [lia|].
  split; [exact W|]. split; [reflexivity | exact B].
Qed.

Lemma does_well ahead n e : lead <= ahead -> well ahead n -> well ahead (does n e).
Proof.
  intros L W. unfold well, counted, candidate in *.
  destruct e as [d|w|l| | | |[] down w boot]; cbn; unfold log_time, read, raised, counted, candidate; lia.
Qed.

Lemma run_well ahead l : forall n, lead <= ahead -> well ahead n -> well ahead (run n l).
Proof. induction l as [|e l IH]; intros n L W; [assumption|]. apply IH; [assumption | now apply does_well]. Qed.

(* Log time is never more than `ahead` beyond the count, however many crashes there were: after a crash it stands still for
   at most that long, and crashes do not add up. *)
Theorem crashes_do_not_add_up ahead n l : lead <= ahead -> well ahead n ->
  let e := run n l in floor (its e) <= counted e + ahead /\ log_time e <= counted e + ahead.
Proof.
  intros L W e. pose proof (run_well ahead l n L W) as V. fold e in V. unfold well, log_time, read, counted in *. lia.
Qed.

(* Log time never goes back. *)

Lemma floor_up n e : floor (its n) <= ceiling (its n) ->
  floor (its n) <= floor (its (does n e)) /\ floor (its (does n e)) <= ceiling (its (does n e)).
Proof.
  intros F. destruct e as [d|w|l| | | |[] down w boot]; cbn; unfold log_time, read, raised; lia.
Qed.

Lemma run_up l : forall n, floor (its n) <= ceiling (its n) -> floor (its n) <= floor (its (run n l)).
Proof.
  induction l as [|e l IH]; intros n F; [cbn; lia|]. destruct (floor_up n e F) as [U C].
  exact (Nat.le_trans _ _ _ U (IH _ C)).
Qed.

Lemma logged_from_the_floor l : forall n i a, floor (its n) <= ceiling (its n) ->
  nth_error (times n l) i = Some a -> floor (its n) <= a.
Proof.
  unfold times. induction l as [|e l IH]; intros n i a F A; [destruct i; discriminate|]. destruct (floor_up n e F) as [U C].
  cbn [logged] in A. rewrite map_app in A.
  destruct e; cbn in A; try (specialize (IH _ _ _ C A); lia);
    (destruct i; cbn in A; [injection A as <-; unfold log_time, read; lia | specialize (IH _ _ _ C A); lia]).
Qed.

Lemma from_the_start l : forall n, floor (its n) <= ceiling (its n) -> forall i j a b, i <= j ->
  nth_error (times n l) i = Some a -> nth_error (times n l) j = Some b -> a <= b.
Proof.
  unfold times. induction l as [|e l IH]; intros n F i j a b L A B; [destruct i; discriminate|].
  destruct (floor_up n e F) as [U C]. cbn [logged] in A, B. rewrite map_app in A, B.
  destruct e; cbn in A, B; try exact (IH _ C _ _ _ _ L A B);
    (destruct i, j; cbn in A, B; try lia;
     [ injection A as <-; injection B as <-; lia
     | injection A as <-; exact (logged_from_the_floor l (tells n) j b C B)
     | exact (IH _ C i j _ _ ltac:(lia) A B) ]).
Qed.

Theorem log_time_never_goes_back n l i j a b : floor (its n) <= ceiling (its n) -> i <= j ->
  nth_error (times n l) i = Some a -> nth_error (times n l) j = Some b ->
  floor (its n) <= a /\ a <= b /\ b <= log_time (run n l).
Proof.
  intros F L A B. pose proof (logged_from_the_floor l n i a F A). pose proof (from_the_start l n F i j a b L A B).
  assert (T : nth_error (times n (l ++ [Beats])) j = Some b
    /\ nth_error (times n (l ++ [Beats])) (length (times n l)) = Some (log_time (run n l))).
  { assert (E : times n (l ++ [Beats]) = times n l ++ [log_time (run n l)]).
    { clear. unfold times. revert n. induction l as [|e l IH]; intros n; [reflexivity|].
      cbn [logged app]. rewrite !map_app, <- app_assoc. f_equal. apply IH. }
    rewrite E, nth_error_app1 by (apply nth_error_Some; congruence).
    rewrite nth_error_app2, Nat.sub_diag by lia. auto. }
  assert (J : j < length (times n l)) by (apply nth_error_Some; congruence).
  pose proof (from_the_start (l ++ [Beats]) n F j _ _ _ (Nat.lt_le_incl _ _ J) (proj1 T) (proj2 T)). lia.
Qed.

(* Replicas. `stream` is what the master sends. log_time.v requires only that its times never go back. *)
Theorem streams_never_go_back (Key Value : Type) n l stream : floor (its n) <= ceiling (its n) ->
  map (log_time.time_of Key Value) stream = times n l -> log_time.never_back Key Value (floor (its n)) stream.
Proof.
  intros F E i j a b L A B. apply (map_nth_error (log_time.time_of Key Value)) in A, B. rewrite E in A, B.
  destruct (log_time_never_goes_back n l i j _ _ F L A B) as (? & ? & _). auto.
Qed.

(* A read of a replica is one that the master could have answered, whichever clocks step and however often the master starts
   again. `local` is the replica's own clock, which may say anything, too. *)
Theorem reads_are_past_reads_under_steps (Key Value : Type) (s : expiry.store Key Value) local n l stream applied asked :
  floor (its n) <= ceiling (its n) -> map (log_time.time_of Key Value) stream = times n l -> applied <= length stream ->
  exists c, log_time.masters_moment Key Value (floor (its n)) stream applied c
    /\ forall k, log_time.replica_reads Key Value s (floor (its n)) local stream applied asked k
               = log_time.answer Key Value s stream applied c k.
Proof.
  intros F E. apply log_time.reads_are_past_reads. now apply (streams_never_go_back Key Value n l).
Qed.

(* One run of the process *)

Definition goes_on (e : event) : bool := match e with Restarts _ _ _ _ => false | _ => true end.
Definition one_run (l : list event) : Prop := Forall (fun e => goes_on e = true) l.

Definition is_step (e : event) : bool := match e with Steps _ => true | _ => false end.
Definition unstepped (l : list event) : list event := filter (fun e => negb (is_step e)) l.
Definition alike_but_for_wall (a b : node) : Prop := elapsed (now a) = elapsed (now b) /\ its a = its b.
Definition names_no_instant (e : event) : bool := match e with Executes (Until _) => false | _ => true end.

Lemma alike a b e : goes_on e = true -> alike_but_for_wall a b -> alike_but_for_wall (does a e) (does b e).
Proof.
  destruct a as [[ea wa] ca ka ta], b as [[eb wb] cb kb tb]. unfold alike_but_for_wall. cbn. intros G [-> ->].
  destruct e; try discriminate; split; reflexivity.
Qed.

Lemma steps_do_not_matter l : forall a b, one_run l -> alike_but_for_wall a b ->
  times a l = times b (unstepped l)
  /\ (Forall (fun e => names_no_instant e = true) l -> logged a l = logged b (unstepped l)).
Proof.
  unfold times. induction l as [|e l IH]; intros a b O W; [split; reflexivity|]. inversion O as [|x y G O']. subst x y.
  assert (T : log_time a = log_time b).
  { destruct W as [E C]. unfold log_time, read, candidate. now rewrite E, C. }
  destruct e as [d|w|l'| | | |]; try discriminate G; cbn [unstepped filter is_step negb logged said app map fst].
  2: { destruct (IH (does a (Steps w)) b O' W) as [X Y]. split; [exact X|]. intros N. inversion N. now apply Y. }
  all: destruct (IH _ _ O' (alike a b _ G W)) as [X Y].
  all: split; [first [exact X | rewrite T; f_equal; exact X]|].
  all: intros N; inversion N as [|x y M N']; subst x y; specialize (Y N').
  all: try (destruct l'; [|discriminate M]); first [exact Y | cbn [deadline]; rewrite T; f_equal; exact Y].
Qed.

(* Two runs that differ only in what the wall clocks say give the same times. They give the same deadlines if no command
   names an instant. *)
Theorem wall_time_does_not_matter a b l l' : one_run l -> one_run l' ->
  alike_but_for_wall a b -> unstepped l = unstepped l' ->
  times a l = times b l'
  /\ (Forall (fun e => names_no_instant e = true) l -> Forall (fun e => names_no_instant e = true) l' ->
      logged a l = logged b l').
Proof.
  intros O O' W U. destruct (steps_do_not_matter l a a O (conj eq_refl eq_refl)) as [X Y].
  assert (W' : alike_but_for_wall b a) by (destruct W; split; congruence).
  destruct (steps_do_not_matter l' b a O' W') as [X' Y']. split; [now rewrite X, X', U|].
  intros N N'. now rewrite Y, Y', U.
Qed.

Lemma truth_up l : forall n, truth n <= truth (run n l).
Proof.
  induction l as [|e l IH]; intros n; [cbn; lia|]. apply (Nat.le_trans _ (truth (does n e))); [|apply IH].
  destruct e as [d|w|x| | | |[] down w boot]; cbn; lia.
Qed.

(* The count grows as real time passes, and every told time was told before or counted. *)
Lemma counts l : forall n, one_run l -> since (its n) <= elapsed (now n) ->
  counted (run n l) = counted n + (truth (run n l) - truth n)
  /\ floor (its (run n l)) <= Nat.max (floor (its n)) (counted (run n l)).
Proof.
  induction l as [|e l IH]; intros n O S; [cbn; lia|]. inversion O as [|x y G O']. subst x y.
  pose proof (truth_up l (does n e)) as U. specialize (IH (does n e) O'). cbn [run fold_left] in *.
  fold (run (does n e) l) in *.
  destruct e as [d|w|x| | | |]; try discriminate G; cbn [does] in *;
    unfold tells, with_floor, writes, log_time, read, counted, candidate in *; cbn in *; specialize (IH ltac:(lia)); lia.
Qed.

(* For `lead` after it was raised, the ceiling is ahead of the count. *)
Theorem a_raised_ceiling_is_ahead n l : one_run l -> since (its n) <= elapsed (now n) ->
  let e := run (does n Raises) l in truth e <= truth n + lead -> is_ahead e.
Proof.
  intros O S e T. assert (M : forall l m, one_run l -> ceiling (its m) <= ceiling (its (run m l))).
  { clear. induction l as [|x l IH]; intros m O; [cbn; lia|]. inversion O as [|y z G O']. subst y z.
    apply (Nat.le_trans _ (ceiling (its (does m x)))); [|apply (IH _ O')].
    destruct x; try discriminate G; cbn; unfold raised; lia. }
  specialize (M l (does n Raises) O). destruct (counts l (does n Raises) O S) as [C _]. fold e in M, C.
  assert (M' : raised n <= ceiling (its e)) by exact M.
  assert (C' : counted e = counted n + (truth e - truth n)) by exact C. unfold is_ahead, raised in *. lia.
Qed.

(* The exact lifetime: a key is dead exactly when the count has reached its deadline. If log time was beyond the count when
   the deadline was given, the deadline is later by this difference. *)
Theorem deadlines_come_by_elapsed_time n x l t : well t n -> one_run l -> log_time n < deadline n x ->
  let e := run (does n (Executes x)) l in let passed := truth e - truth n in
  (dead e (deadline n x) -> deadline n x <= counted n + passed)
  /\ (is_ahead e -> deadline n x <= counted n + passed -> dead e (deadline n x)).
Proof.
  intros W O D e passed. destruct (counts l (tells n) O) as [C F]; [apply W|]. change (run (tells n) l) with e in C, F.
  change (counted (tells n)) with (counted n) in C. change (truth (tells n)) with (truth n) in C.
  cbn [its tells with_floor floor] in F. unfold dead, is_ahead, log_time, read, passed. fold (counted e). lia.
Qed.

(* A duration lasts `d`, and longer by the time for which log time stands still when the duration is given. If the count is
   beyond the ceiling when the duration is given, the key dies early by the amount that it is beyond. If the count is beyond
   the ceiling afterwards, the key dies late. *)
Theorem durations_in_one_run n d l t : well t n -> one_run l -> 0 < d ->
  let e := run (does n (Executes (For d))) l in let passed := truth e - truth n in
  (dead e (deadline n (For d)) -> d <= passed + (counted n - ceiling (its n)))
  /\ (is_ahead n -> dead e (deadline n (For d)) -> d + (floor (its n) - counted n) <= passed)
  /\ (is_ahead e -> d + (floor (its n) - counted n) <= passed -> dead e (deadline n (For d)))
  /\ floor (its n) - counted n <= t.
Proof.
  intros W O P e passed. destruct (deadlines_come_by_elapsed_time n (For d) l t W O ltac:(cbn; lia)) as [A B].
  fold e in A, B. fold passed in A, B. cbn [deadline] in *. unfold is_ahead, well in *.
  assert (T : Nat.max (floor (its n)) (Nat.min (counted n) (ceiling (its n))) = log_time n) by reflexivity.
  repeat split; intros; try apply B; try match goal with D : dead _ _ |- _ => apply A in D end; lia.
Qed.

(* An instant is reached when the wall clock of the moment at which the instant was named would have reached it. *)
Theorem instants_in_one_run n i l t : well t n -> one_run l -> wall (now n) < i -> log_time n < deadline n (Until i) ->
  let e := run (does n (Executes (Until i))) l in let passed := truth e - truth n in
  (dead e (deadline n (Until i)) -> i <= wall (now n) + passed)
  /\ (is_ahead e -> i <= wall (now n) + passed -> dead e (deadline n (Until i))).
Proof.
  intros W O P D e passed. destruct (deadlines_come_by_elapsed_time n (Until i) l t W O D) as [A B].
  fold e in A, B. fold passed in A, B. cbn [deadline] in *.
  split; intros; try apply B; try match goal with D : dead _ _ |- _ => apply A in D end; try assumption; lia.
Qed.

End Steps.
