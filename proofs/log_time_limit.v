(* Log time with a limit: once the master has been silent for longer than the limit, the clock runs at the replica's own rate.

   The machine is Replica of src/node/replica.rs with LogTime of src/expiry/log_clock.rs, reduced to time: entries and
   heartbeats are received, all entries up to some entry are published, and readers read at any moment. Nothing is assumed
   about the order or the times of what is received, nor about when entries are published. *)

Require Import List Arith Lia.
Import ListNotations.

(* Times received after one entry that is not published yet: the entry's own time, and the last one. *)
Record waiting := { after : nat; first : nat; last : nat }.

Record replica := {
  published : nat; heard : nat; received_at : nat; estimate : nat; waits : list waiting
}.

Section Limit.
Variable limit : option nat.

Definition beyond (r : replica) (local : nat) : nat :=
  match limit with Some l => local - received_at r - l | None => 0 end.

(* No estimate passes the time of the next entry, if this entry was received. *)
Definition capped (r : replica) (time : nat) : nat :=
  match waits r with [] => time | w :: _ => Nat.min time (Nat.max (first w) (heard r)) end.

Definition read (r : replica) (local : nat) : nat :=
  Nat.max (capped r (heard r + beyond r local)) (estimate r).
Definition is_estimated (r : replica) (local : nat) : Prop := heard r < read r local.

Definition kept (heard estimate : nat) : nat := if estimate <=? heard then 0 else estimate.

Fixpoint hears (p h e : nat) (ws : list waiting) : nat * nat * list waiting :=
  match ws with
  | w :: rest => if after w <=? p then hears p (Nat.max h (last w)) (kept (Nat.max h (last w)) e) rest else (h, e, ws)
  | [] => (h, e, [])
  end.

Definition heard_what_is_due (r : replica) : replica :=
  let '(h, e, ws) := hears (published r) (heard r) (estimate r) (waits r) in
  {| published := published r; heard := h; received_at := received_at r; estimate := e; waits := ws |}.

Definition pushed (n t : nat) (ws : list waiting) : list waiting :=
  match rev ws with
  | w :: before =>
      if after w =? n
      then rev before ++ [{| after := n; first := first w; last := Nat.max (last w) t |}]
      else ws ++ [{| after := n; first := t; last := t |}]
  | [] => [{| after := n; first := t; last := t |}]
  end.

Inductive step :=
  | Receive (n t : nat)    (* entry n, of time t; or a heartbeat of time t after entry n *)
  | Publish (n : nat).     (* all up to entry n is applied, and readers see it *)

Definition does (r : replica) (local : nat) (s : step) : replica :=
  match s with
  | Receive n t => heard_what_is_due
      {| published := published r; heard := heard r;
         received_at := match limit with Some _ => local | None => 0 end;
         estimate := kept (heard r) (read r local); waits := pushed n t (waits r) |}
  | Publish n => heard_what_is_due
      {| published := n; heard := heard r; received_at := received_at r; estimate := estimate r; waits := waits r |}
  end.

Definition well (r : replica) : Prop := Forall (fun w => first w <= last w) (waits r).

Definition starts (from at_ : nat) (n : nat) : replica :=
  {| published := n; heard := from; received_at := at_; estimate := 0; waits := [] |}.

Lemma starts_well from at_ n : well (starts from at_ n).
Proof. constructor. Qed.

Lemma pushed_well n t ws : Forall (fun w => first w <= last w) ws -> Forall (fun w => first w <= last w) (pushed n t ws).
Proof.
  intros W. unfold pushed. destruct (rev ws) as [|w before] eqn:R; [repeat constructor|].
  assert (E : ws = rev before ++ [w]) by (rewrite <- (rev_involutive ws), R; reflexivity).
  destruct (after w =? n).
  - rewrite E in W. apply Forall_app in W as (B & C). apply Forall_app. split; [assumption|].
    constructor; [|constructor]. cbn. inversion C. lia.
  - apply Forall_app. split; [assumption|]. repeat constructor.
Qed.

Lemma hears_well p ws : forall h e, Forall (fun w => first w <= last w) ws ->
  Forall (fun w => first w <= last w) (snd (hears p h e ws)).
Proof.
  induction ws as [|w rest IH]; intros h e W; [constructor|]. cbn. destruct (after w <=? p).
  - inversion W. now apply IH.
  - assumption.
Qed.

Lemma does_well r local s : well r -> well (does r local s).
Proof.
  intros W. unfold well, does, heard_what_is_due. destruct s as [n t|n]; cbn [published heard estimate waits received_at].
  - pose proof (hears_well (published r) (pushed n t (waits r)) (heard r) (kept (heard r) (read r local)) (pushed_well n t _ W)) as H.
    destruct (hears _ _ _ _) as [[h e] ws]. exact H.
  - pose proof (hears_well n (waits r) (heard r) (estimate r) W) as H. destruct (hears _ _ _ _) as [[h e] ws]. exact H.
Qed.

(* The told time is kept: the greater of the two clocks does not decrease. *)
Lemma hears_up p ws : forall h e, let '(h', e', _) := hears p h e ws in Nat.max h e <= Nat.max h' e' /\ h <= h'.
Proof.
  induction ws as [|w rest IH]; intros h e; [cbn; lia|]. cbn [hears]. destruct (after w <=? p); [|lia].
  specialize (IH (Nat.max h (last w)) (kept (Nat.max h (last w)) e)).
  destruct (hears _ _ _ _) as [[h' e'] ws']. unfold kept in IH.
  destruct (e <=? Nat.max h (last w)) eqn:L; [apply Nat.leb_le in L|]; lia.
Qed.

Lemma read_at_least r local : Nat.max (heard r) (estimate r) <= read r local.
Proof. unfold read, capped. destruct (waits r); lia. Qed.

Lemma read_up_in_time r local local' : local <= local' -> read r local <= read r local'.
Proof. intros L. unfold read, capped, beyond. destruct (waits r), limit; lia. Qed.

Lemma same r r' local : heard r = heard r' -> received_at r = received_at r' -> estimate r = estimate r' ->
  waits r = waits r' -> read r local = read r' local.
Proof. intros H A E W. unfold read, capped, beyond. now rewrite H, A, E, W. Qed.

(* The instant to judge by never goes back as long as the replica's own clock does not: not when something is received, not
   when it is published, not when a silence ends. *)
Theorem estimates_never_go_back r before at_ now s : well r -> before <= at_ -> at_ <= now ->
  read r before <= read (does r at_ s) now.
Proof.
  intros W B A. pose proof (read_up_in_time r before at_ B) as U. destruct s as [n t|n].
  - (* The estimate is kept. *)
    assert (read r at_ <= Nat.max (heard r) (kept (heard r) (read r at_))).
    { unfold kept. destruct (read r at_ <=? heard r) eqn:L; [apply Nat.leb_le in L|]; lia. }
    pose proof (hears_up (published r) (pushed n t (waits r)) (heard r) (kept (heard r) (read r at_))) as H'.
    pose proof (read_at_least (does r at_ (Receive n t)) now) as R. cbn [does] in *. unfold heard_what_is_due in *.
    cbn [published heard estimate waits received_at] in *. destruct (hears _ _ _ _) as [[h e] ws].
    cbn [heard estimate] in R. lia.
  - unfold does, heard_what_is_due. cbn [published heard estimate waits received_at].
    unfold well in W. destruct (waits r) as [|w rest] eqn:Ws.
    + cbn [hears]. apply (Nat.le_trans _ (read r now)); [apply read_up_in_time; lia | apply Nat.eq_le_incl, same; cbn; congruence].
    + cbn [hears]. destruct (after w <=? n).
      * (* The next entry is published: its time is heard, and no estimate was beyond it. *)
        pose proof (hears_up n rest (Nat.max (heard r) (last w)) (kept (Nat.max (heard r) (last w)) (estimate r))) as H'.
        destruct (hears _ _ _ _) as [[h e] ws].
        pose proof (read_at_least {| published := n; heard := h; received_at := received_at r; estimate := e; waits := ws |} now) as R.
        cbn [heard estimate] in R. inversion W as [|x y F _ E]. subst x y.
        assert (read r before <= Nat.max (Nat.max (first w) (heard r)) (estimate r)).
        { unfold read, capped. rewrite Ws. lia. }
        unfold kept in H'. destruct (estimate r <=? Nat.max (heard r) (last w)) eqn:L; [apply Nat.leb_le in L|]; lia.
      * apply (Nat.le_trans _ (read r now)); [apply read_up_in_time; lia | apply Nat.eq_le_incl, same; cbn; congruence].
Qed.

(* An estimate stops at the time of the next received entry, unless it was already beyond this time when the entry arrived. *)
Theorem estimates_stop_at_the_next_entry r local w rest : waits r = w :: rest -> heard r <= first w ->
  read r local <= Nat.max (first w) (estimate r).
Proof. intros W H. unfold read, capped. rewrite W. lia. Qed.

(* A time that is not estimated is the time heard last. For reads at that time log_time.v proves that the master could have
   answered them. *)
Theorem unestimated_reads_are_heard r local : ~ is_estimated r local -> read r local = heard r.
Proof. unfold is_estimated. pose proof (read_at_least r local). lia. Qed.

(* While messages of the master arrive, its time is not estimated, however long nothing is published. *)
Theorem no_estimate_within_the_limit r local l : limit = Some l -> estimate r = 0 -> local <= received_at r + l ->
  ~ is_estimated r local.
Proof. intros L E B. unfold is_estimated, read, capped, beyond. rewrite L. destruct (waits r); lia. Qed.

End Limit.
