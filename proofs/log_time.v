(* Log time: a read of a replica by log time is one that the master could have answered, at any lag and any skew.

   The stream carries entries and heartbeats, each with the master's time, which never goes back. The replica applies a
   prefix of the stream, in order (a strategy that keeps prefix: in_sequence.v, snapshots.v), and judges by the machine
   LogTime of src/expiry/log_clock.rs. Its clock stands still while nothing is heard (without a limit; with one:
   log_time_limit.v). *)

Require Import List Arith Lia.
Require Import Replicheck.expiry.
Import ListNotations.

(* LogTime with the limit `None`: received_at is then not used. `local` is the replica's own clock. *)
Record log_time := { heard : nat; estimate : nat }.
Definition read (c : log_time) (_local : nat) : nat := Nat.max (heard c) (estimate c).
Definition hear (c : log_time) (t _local : nat) : log_time :=
  let heard' := Nat.max (heard c) t in
  {| heard := heard'; estimate := if estimate c <=? heard' then 0 else estimate c |}.

Section LogClock.
Variables Key Value : Type.
Notation store := (store Key Value).
Notation effect := (effect Key Value).

Inductive item := Entry (e : effect) (t : nat) | Heartbeat (t : nat).
Definition time_of (i : item) : nat := match i with Entry _ t | Heartbeat t => t end.
Definition does (s : store) (i : item) : store := match i with Entry e _ => apply Key Value s e | Heartbeat _ => s end.

Definition never_back (from : nat) (stream : list item) : Prop :=
  forall i j a b, i <= j -> nth_error stream i = Some a -> nth_error stream j = Some b ->
    from <= time_of a /\ time_of a <= time_of b.

(* Moment n of the master: it has executed the first n items, its time is that of item n or later, and not later than that
   of the next item. Readers of the master at this moment are answered by this state and time. *)
Definition masters_moment (from : nat) (stream : list item) (n c : nat) : Prop :=
  n <= length stream
  /\ (forall a, nth_error stream (n - 1) = Some a -> 1 <= n -> time_of a <= c) /\ from <= c
  /\ (forall b, nth_error stream n = Some b -> c <= time_of b).

Definition answer (s : store) (stream : list item) (n c : nat) : store :=
  alive Key Value (fold_left does (firstn n stream) s) c.

(* The replica has applied n items, each at some time of its own clock, and reads at another time of this clock. *)
Definition clock_after (from : nat) (local : nat -> nat) (stream : list item) (n : nat) : log_time :=
  snd (fold_left (fun x i => (S (fst x), hear (snd x) (time_of i) (local (fst x)))) (firstn n stream)
    (0, {| heard := from; estimate := 0 |})).

Definition replica_reads (s : store) (from : nat) (local : nat -> nat) (stream : list item) (n now : nat) : store :=
  alive Key Value (fold_left does (firstn n stream) s) (read (clock_after from local stream n) now).

Lemma hears l : forall c n0 local, estimate c <= heard c ->
  let c' := snd (fold_left (fun x i => (S (fst x), hear (snd x) (time_of i) (local (fst x)))) l (n0, c)) in
  estimate c' <= heard c' /\ heard c' = fold_left (fun m i => Nat.max m (time_of i)) l (heard c).
Proof.
  induction l as [|i l IH]; intros c n0 local E; [cbn; auto|]. cbn [fold_left fst snd].
  specialize (IH (hear c (time_of i) (local n0)) (S n0) local). cbn in *. apply IH.
  destruct (estimate c <=? Nat.max (heard c) (time_of i)) eqn:L; [|apply Nat.leb_gt in L]; lia.
Qed.

Lemma max_is_last l : forall from, never_back from l ->
  fold_left (fun m i => Nat.max m (time_of i)) l from = match rev l with [] => from | i :: _ => time_of i end.
Proof.
  induction l as [|i l IH] using rev_ind; intros from N; [reflexivity|].
  rewrite fold_left_app, rev_app_distr. cbn [fold_left rev app]. rewrite IH.
  - destruct (rev l) as [|j r] eqn:R.
    + assert (l = []) as -> by (rewrite <- (rev_involutive l), R; reflexivity).
      specialize (N 0 0 i i (le_n _) eq_refl eq_refl). lia.
    + assert (E : l = rev r ++ [j]) by (rewrite <- (rev_involutive l), R; reflexivity).
      assert (A : nth_error (l ++ [i]) (length (rev r)) = Some j).
      { rewrite E, <- app_assoc, nth_error_app2, Nat.sub_diag; [reflexivity | lia]. }
      assert (B : nth_error (l ++ [i]) (length l) = Some i).
      { rewrite nth_error_app2, Nat.sub_diag; [reflexivity | lia]. }
      assert (L : length (rev r) <= length l) by (rewrite E, app_length; lia).
      specialize (N _ _ _ _ L A B). lia.
  - intros a b x y L X Y. apply (N a b x y L); rewrite nth_error_app1; try assumption;
      apply nth_error_Some; congruence.
Qed.

Lemma never_back_firstn from stream n : never_back from stream -> never_back from (firstn n stream).
Proof.
  intros N i j a b L A B. apply (N i j a b L).
  - rewrite <- (firstn_skipn n stream), nth_error_app1; [assumption | apply nth_error_Some; congruence].
  - rewrite <- (firstn_skipn n stream), nth_error_app1; [assumption | apply nth_error_Some; congruence].
Qed.

Lemma clock_is_the_last_heard from local stream n now : never_back from stream ->
  read (clock_after from local stream n) now = match rev (firstn n stream) with [] => from | i :: _ => time_of i end.
Proof.
  intros N. unfold clock_after. destruct (hears (firstn n stream) {| heard := from; estimate := 0 |} 0 local) as [E H];
    [cbn; lia|]. unfold read. rewrite H in *. cbn [heard] in *. rewrite <- (max_is_last _ _ (never_back_firstn _ _ n N)). lia.
Qed.

(* past_read: whatever the replica's clock says, and however late the replica is, it reads what the master answered at
   moment n. *)
Theorem reads_are_past_reads s from local stream n now : never_back from stream -> n <= length stream ->
  exists c, masters_moment from stream n c /\ forall k, replica_reads s from local stream n now k = answer s stream n c k.
Proof.
  intros N L. exists (read (clock_after from local stream n) now). split; [|reflexivity].
  rewrite (clock_is_the_last_heard from local stream n now N).
  destruct n as [|n].
  - cbn [firstn rev]. split; [assumption|]. split; [intros; lia|]. split; [lia|]. intros b B. now apply (N 0 0 b b).
  - assert (exists a, nth_error stream n = Some a) as (a & A).
    { destruct (nth_error stream n) eqn:E; [eauto|]. apply nth_error_None in E. lia. }
    assert (F : firstn (S n) stream = firstn n stream ++ [a]).
    { clear - A. revert stream A. induction n as [|n IH]; intros [|x l] A; cbn in A; try discriminate.
      - injection A as ->. reflexivity.
      - cbn [firstn]. cbn. f_equal. exact (IH l A). }
    rewrite F, rev_app_distr. cbn [rev app]. split; [assumption|]. split; [|split].
    + intros a' A' _. replace (S n - 1) with n in A' by lia. rewrite A in A'. injection A' as ->. lia.
    + now apply (N n n a a).
    + intros b B. apply (N n (S n) a b); auto.
Qed.

(* … and moments do not go back: a replica that has applied more reads at no earlier time. *)
Theorem read_times_never_go_back from local local' stream n m now now' : never_back from stream -> n <= m ->
  read (clock_after from local stream n) now <= read (clock_after from local' stream m) now'.
Proof.
  intros N L. rewrite !clock_is_the_last_heard by assumption.
  rewrite <- (max_is_last _ _ (never_back_firstn _ _ n N)), <- (max_is_last _ _ (never_back_firstn _ _ m N)).
  replace (firstn m stream) with (firstn n stream ++ skipn n (firstn m stream)).
  - rewrite fold_left_app. generalize (fold_left (fun m i => Nat.max m (time_of i)) (firstn n stream) from).
    generalize (skipn n (firstn m stream)). induction l as [|i l IH]; intros x; [cbn; lia|].
    cbn. specialize (IH (Nat.max x (time_of i))). lia.
  - rewrite <- (firstn_skipn n (firstn m stream)) at 2. f_equal. rewrite firstn_firstn. f_equal. lia.
Qed.
End LogClock.
