(* Exactly once: serial's marker is exact, so even commands run once. Also: what a marker below the last written entry does
   not give. *)

Require Import List Bool PArith Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.crash.
Import ListNotations.

(* serial: each batch is the run of entries after the marker, and its marker is its own last entry. *)
Inductive serial_life (length : nat) : list (list nat * nat) -> nat -> Prop :=
| serial_born : serial_life length [] 0
| serial_writes disk m last : serial_life length disk m -> m < last <= length ->
    serial_life length (disk ++ [(seq (S m) (last - m), last)]) last
| serial_crashes left lost m : serial_life length (left ++ lost) m ->
    serial_life length left (match rev left with [] => 0 | (_, m) :: _ => m end).

Definition written_by (disk : list (list nat * nat)) : list nat := flat_map fst disk.

Lemma serial_prefixes length disk m : serial_life length disk m ->
  written_by disk = prefix m /\ forall p q, disk = p ++ q ->
    written_by p = prefix (match rev p with [] => 0 | (_, m) :: _ => m end).
Proof.
  induction 1 as [|disk m last H [E P] L|left lost m H [E P]].
  - split; [reflexivity|]. intros p q Q. symmetry in Q. apply app_eq_nil in Q as [-> _]. reflexivity.
  - assert (E' : written_by (disk ++ [(seq (S m) (last - m), last)]) = prefix last).
    { unfold written_by in *. rewrite flat_map_app, E. simpl. rewrite app_nil_r. unfold prefix.
      replace last with (m + (last - m)) at 2 by lia. now rewrite seq_app. }
    split; [assumption|]. intros p q Q. destruct q as [|y q] using rev_ind.
    + rewrite app_nil_r in Q. subst p. rewrite rev_app_distr. simpl. assumption.
    + rewrite app_assoc in Q. apply app_inj_tail in Q as [Q _]. now apply (P p q).
  - split; [now apply (P left lost)|]. intros p q Q. apply (P p (q ++ lost)). now rewrite Q, app_assoc.
Qed.

(* Whatever an entry does, INCR included: the store is always that of the log up to the marker, with each entry run once. *)
Theorem serial_runs_each_entry_once (State : Type) (apply : State -> nat -> State) length disk m s :
  serial_life length disk m -> fold_left apply (written_by disk) s = fold_left apply (prefix m) s.
Proof. intros H. now rewrite (proj1 (serial_prefixes length disk m H)). Qed.

(* A parallel strategy on SET a; INCR b: entry 2 is done first, then a crash, then both run again. *)
Definition two_keys (n : nat) : key_set := match n with 1 => Keys [1%positive] | _ => Keys [2%positive] end.

Ltac write_next := eapply writes; [|lia|simpl; lia|
  intros i L C; destruct i as [|[|[|i]]]; simpl in *; try lia; try discriminate; auto|
  intros i L; simpl; lia|lia].

Lemma two_again : life two_keys 2 [(Some 2, 0); (Some 1, 1); (Some 2, 2)] 0 [1; 2].
Proof.
  change [(Some 2, 0); (Some 1, 1); (Some 2, 2)] with (([(Some 2, 0)] ++ [(Some 1, 1)]) ++ [(Some 2, 2)]).
  change [1; 2] with (([] ++ [1]) ++ [2]).
  write_next. write_next.
  apply (crashes two_keys 2 [(Some 2, 0)] [] 0 [2]). rewrite app_nil_r.
  change [(Some 2, 0)] with ([] ++ [(Some 2, 0)]). change [2] with ([] ++ [2]). write_next. constructor.
Qed.

(* The command adds one to its key. *)
Definition incr (s : key -> nat) (n : nat) : key -> nat := fun k => if contains (two_keys n) k then S (s k) else s k.

Theorem commands_run_twice_after_a_crash :
  exists disk m now, life two_keys 2 disk m now /\ (forall i, m < i <= 2 -> In i now)
    /\ fold_left incr (entries disk) (fun _ => 0) 2%positive <> fold_left incr (prefix 2) (fun _ => 0) 2%positive.
Proof.
  exists [(Some 2, 0); (Some 1, 1); (Some 2, 2)], 0, [1; 2]. split; [exact two_again|]. split.
  - intros i L. simpl. lia.
  - cbv. discriminate.
Qed.

(* SET a; SET b; SET b: both writes of b are done, that of a is not; after a crash the first write of b runs again, and then
   a reader reads. *)
Theorem readers_who_do_not_wait_go_back :
  exists disk before m now k, life two_keys 3 disk m now /\ (exists more, entries disk = before ++ more)
    /\ version two_keys (entries disk) k < version two_keys before k.
Proof.
  exists [(Some 2, 0); (Some 3, 0); (Some 2, 0)], [2; 3], 0, [2], 2%positive. split; [|split; [now exists [2] | cbv; lia]].
  change [(Some 2, 0); (Some 3, 0); (Some 2, 0)] with ([(Some 2, 0); (Some 3, 0)] ++ [(Some 2, 0)]).
  change [2] with ([] ++ [2]). write_next.
  apply (crashes two_keys 3 [(Some 2, 0); (Some 3, 0)] [] 0 [2; 3]). rewrite app_nil_r.
  change [(Some 2, 0); (Some 3, 0)] with (([] ++ [(Some 2, 0)]) ++ [(Some 3, 0)]). change [2; 3] with (([] ++ [2]) ++ [3]).
  write_next. write_next. constructor.
Qed.
