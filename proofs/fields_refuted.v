(* A replica that removes by its own clock, kvrocks#522: it removes a hash or a field that the master extends later. Refuted by
   computing; fields_alike.v proves the opposite for removals gated by log time. *)

Require Import List Arith Lia.
Require Import Replicheck.fields.
Import ListNotations.

Notation hash := (hash nat nat).
Notation master := (master nat nat Nat.eqb).
Notation field_at := (field_at nat nat).
Notation command := (command nat nat).

(* As `node`, but the gate is any clock. *)
Inductive ungated (log : list (nat * list (write nat nat))) : nat -> hash -> Prop :=
| ungated_starts : ungated log 0 (empty nat nat)
| ungated_applies n s t ws : ungated log n s -> nth_error log n = Some (t, ws) ->
    ungated log (S n) (write_all nat nat Nat.eqb s ws)
| ungated_removes n s gate : ungated log n s -> ungated log n (remove_dead nat nat Nat.eqb gate s)
| ungated_removes_field n s gate x : ungated log n s -> ungated log n (remove_dead_field nat nat Nat.eqb gate s x).

(* The log of a master that runs each entry at its time. *)
Fixpoint runs (n : nat) (s : hash) (log : list (nat * list (write nat nat))) (entries : list (nat * list command)) :
  hash * list (nat * list (write nat nat)) :=
  match entries with
  | [] => (s, log)
  | (t, cs) :: rest => let ws := run nat nat Nat.eqb t (S n) s cs in
      runs (S n) (write_all nat nat Nat.eqb s ws) (log ++ [(t, ws)]) rest
  end.

Fixpoint in_time (t : nat) (entries : list (nat * list command)) : Prop :=
  match entries with [] => True | (t', _) :: rest => t <= t' /\ in_time t' rest end.

Fixpoint ends (t : nat) (entries : list (nat * list command)) : nat :=
  match entries with [] => t | (t', _) :: rest => ends t' rest end.

Lemma runs_on_a_master entries : forall n t s log, master n t s log -> in_time t entries ->
  master (length entries + n) (ends t entries) (fst (runs n s log entries)) (snd (runs n s log entries)).
Proof.
  induction entries as [|[t' cs] rest IH]; intros n t s log M I; [exact M|]. destruct I as [L I].
  cbn [runs length ends]. replace (S (length rest) + n) with (length rest + S n) by lia.
  apply IH; [|assumption]. exact (master_runs _ _ _ n t s log t' cs M L).
Qed.

Lemma field_is (s : hash) r f m x : meta _ _ s = Some m -> elements _ _ s (incarnation m) f = x ->
  field_at s r f = if dead r m then None else living nat r x.
Proof. intros M E. unfold fields.field_at, found. rewrite M. destruct (dead r m); [reflexivity | now rewrite E]. Qed.

Definition set (f value : nat) (deadline : option nat) : command := fun _ => Fields nat nat [(f, Some (value, deadline))].
Definition expire (deadline : nat) : command := fun _ => Expires nat nat (Some deadline).

(* HSET h 1 7; EXPIREAT h 10, both at 0; EXPIREAT h 100 at 5. The replica's clock says 12 before the third is there. *)
Definition extended : list (nat * list command) := [(0, [set 1 7 None]); (0, [expire 10]); (5, [expire 100])].

(* The extension finds no hash: the replica never sees the field again, which the master sees until 100. *)
Theorem local_removal_loses_a_hash : exists t s log s', master 3 t s log /\ ungated log 3 s' /\ forall r,
  (t <= r < 100 -> field_at s r 1 = Some (7, None)) /\ field_at s' r 1 = None.
Proof.
  set (log := snd (runs 0 (empty nat nat) [] extended)).
  exists 5, (fst (runs 0 (empty nat nat) [] extended)), log. eexists. split; [|split].
  - apply (runs_on_a_master extended 0 0); [constructor | cbn; lia].
  - eapply ungated_applies; [|reflexivity]. apply (ungated_removes log 2) with (gate := 12).
    eapply ungated_applies; [|reflexivity]. eapply ungated_applies; [|reflexivity]. constructor.
  - set (m := {| incarnation := 1; lasting := 1; latest := 0; expires := Some 100 |}). intros r. split.
    + intros [_ L]. rewrite field_is with (m := m) (x := Some (7, None)) by reflexivity. unfold dead, lives. cbn [expires m].
      destruct (Nat.ltb_spec r 100); [reflexivity | lia].
    + rewrite field_is with (m := m) (x := None) by reflexivity. now destruct (dead r m).
Qed.

(* HSET h 1 7; HSETEX h 10 2 8, both at 0. Field 2 is dead by the replica's clock, 12, and by the master's it lives until 10. *)
Definition one_expires : list (nat * list command) := [(0, [set 1 7 None]); (0, [set 2 8 (Some 10)])].

Theorem local_removal_loses_a_field : exists s log s', master 2 0 s log /\ ungated log 2 s' /\ forall r,
  r < 10 -> field_at s r 2 = Some (8, Some 10) /\ field_at s' r 2 = None.
Proof.
  set (log := snd (runs 0 (empty nat nat) [] one_expires)).
  exists (fst (runs 0 (empty nat nat) [] one_expires)), log. eexists. split; [|split].
  - apply (runs_on_a_master one_expires 0 0); [constructor | cbn; lia].
  - apply (ungated_removes_field log 2) with (gate := 12) (x := (10, 2)).
    eapply ungated_applies; [|reflexivity]. eapply ungated_applies; [|reflexivity]. constructor.
  - set (m := {| incarnation := 1; lasting := 1; latest := 10; expires := None |}). intros r L.
    rewrite field_is with (m := m) (x := Some (8, Some 10)) by reflexivity.
    rewrite field_is with (m := m) (x := None) by reflexivity.
    unfold dead, living, lives. cbn [expires lasting m negb orb andb Nat.eqb]. destruct (Nat.ltb_spec r 10); [now split | lia].
Qed.
