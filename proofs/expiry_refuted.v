(* What the expiry policies do not keep, each refuted by computing a program of one key. *)

Require Import List Arith Lia.
Require Import Replicheck.expiry.
Import ListNotations.

(* SETEX with a duration, the same with an instant, INCR, EXPIRE. *)
Inductive command := Setex (ttl value : nat) | Setat (deadline value : nat) | Incr | Expire (ttl : nat).

Definition put (value : nat) (deadline : option nat) : effect unit nat :=
  fun _ => Some (Some {| content := value; deadline := deadline |}).

Definition execute (_ : nat) (c : command) (view : store unit nat) (now : nat) : effect unit nat :=
  match c with
  | Setex ttl v => put v (Some (now + ttl))
  | Setat d v => put v (Some d)
  | Incr => match view tt with Some r => put (S (content nat r)) (deadline nat r) | None => put 1 None end
  | Expire ttl => match view tt with Some r => put (content nat r) (Some (now + ttl)) | None => fun _ => None end
  end.

Definition with_absolute_deadline (c : command) (t : nat) : command :=
  match c with Setex ttl v => Setat (t + ttl) v | _ => c end.

Notation policy := (policy unit nat command).
Definition local_clock (_ : entry unit nat command) (local : nat) : nat := local.
Definition as_it_came := as_it_came unit nat command.

Definition verbatim : policy :=
  {| logged := fun c _ _ => Cmd _ _ _ c; arrived := as_it_came; counts_from := local_clock; judges_at := local_clock |}.

Definition absolute : policy :=
  {| logged := fun c _ t => Cmd _ _ _ (with_absolute_deadline c t); arrived := as_it_came;
     counts_from := local_clock; judges_at := local_clock |}.

Definition with_deadlines (f : nat -> nat) (e : effect unit nat) : effect unit nat :=
  fun k => option_map (option_map (fun r => {| content := content nat r; deadline := option_map f (deadline nat r) |})) (e k).

(* The remaining time is logged; on arrival it counts from the replica's clock, less the lag that this clock shows. *)
Definition relative : policy :=
  {| logged := fun _ e t => Effect _ _ _ (with_deadlines (fun d => Nat.max 1 (d - t)) e);
     arrived := fun e local =>
       match carries _ _ _ e with
       | Effect _ _ _ x => {| lsn := lsn _ _ _ e; time := time _ _ _ e; carries :=
           Effect _ _ _ (with_deadlines (fun remaining => Nat.max 1 (local + remaining - (local - time _ _ _ e))) x) |}
       | Cmd _ _ _ _ => e
       end;
     counts_from := local_clock; judges_at := local_clock |}.

Definition nothing : store unit nat := fun _ => None.
Definition both (p : policy) (local : nat -> nat) (program : list (command * nat)) : store unit nat * store unit nat :=
  let (s, log) := master unit nat command execute p 0 nothing program in
  (s, replica unit nat command execute p local nothing log).

(* The second founding program: SETEX k 10 100; INCR k, the INCR applied after the deadline. *)
Definition founding : list (command * nat) := [(Setex 10 100, 0); (Incr, 1)].
Definition late (n : nat) : nat := match n with 1 => 1 | _ => 30 end.

Definition immortal (p : policy) : Prop := exists program local v v' d,
  fst (both p local program) tt = Some {| content := v; deadline := Some d |}
  /\ snd (both p local program) tt = Some {| content := v'; deadline := None |}.

Theorem absolute_makes_immortal_keys : immortal absolute.
Proof. exists founding, late, 101, 1, 10. split; reflexivity. Qed.

Theorem verbatim_makes_immortal_keys : immortal verbatim.
Proof. exists founding, late, 101, 1, 10. split; reflexivity. Qed.

(* The value changes, too. *)
Theorem absolute_changes_values : exists program local,
  fst (both absolute local program) tt <> snd (both absolute local program) tt.
Proof. exists founding, late. discriminate. Qed.

(* A replica whose clock is behind: the clock does not show the lag, and the deadline is another instant. *)
Theorem relative_moves_deadlines : exists program local v d d', d <> d'
  /\ fst (both relative local program) tt = Some {| content := v; deadline := Some d |}
  /\ snd (both relative local program) tt = Some {| content := v; deadline := Some d' |}.
Proof. exists [(Setex 10 7, 5)], (fun _ => 0), 7, 15, 10. repeat split; discriminate. Qed.

(* State is correct and reads are not: under `effects` and `at_entry_time` readers judge by the replica's clock. A key is
   seen dead while the master's time, 5, is before its deadline: the master has given this answer at no moment since. *)
Theorem local_judging_reads_what_never_was :
  forall p, p = effects unit nat command \/ p = at_entry_time unit nat command ->
  exists local now, let s := snd (both p local [(Setex 10 7, 0)]) in
    alive unit nat s now tt = None /\ forall c, c <= 5 -> alive unit nat (fst (both p local [(Setex 10 7, 0)])) c tt <> None.
Proof.
  intros p [-> | ->]; exists (fun _ => 12), 12; (split; [reflexivity|]);
    intros c L; do 6 (destruct c as [|c]; [discriminate|]); lia.
Qed.

(* … and alive again, without a write to its value, when the master, where it was still alive, has moved its deadline
   (no_resurrection). *)
Theorem local_judging_resurrects : forall p, p = effects unit nat command \/ p = at_entry_time unit nat command ->
  exists local now, let replica_after program := alive unit nat (snd (both p local program)) now tt in
    replica_after [(Setex 10 7, 0)] = None /\ replica_after [(Setex 10 7, 0); (Expire 100, 5)] <> None.
Proof. intros p [-> | ->]; exists (fun _ => 12), 12; (split; [reflexivity | discriminate]). Qed.

(* Compaction by a local clock that is ahead removes a record that is still alive by the clock of a reader. *)
Theorem ungated_compaction_changes_reads :
  exists s gate clock, clock < gate /\ alive unit nat (compact unit nat gate s) clock tt <> alive unit nat s clock tt.
Proof.
  exists (fun _ => Some {| content := 7; deadline := Some 10 |}), 12, 9. split; [lia | discriminate].
Qed.
