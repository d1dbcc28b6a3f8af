(* Levels that strategies do not keep, each refuted by a run: the legacy lanes do not converge, and `barrier` and `writeset`
   do not keep prefix. *)

Require Import List Bool Arith PArith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.runs.
Require Replicheck.writeset Replicheck.barrier.
Import ListNotations.

(* src/ordering/lanes.rs: a FIFO lane for each worker, and one lane for jobs without a key, which any worker takes. *)
Record lanes := { queues : nat -> list job; keyless : list job }.

Definition no_lanes : lanes := {| queues := fun _ => []; keyless := [] |}.

Definition push (lane : nat) (j : job) (m : lanes) : lanes :=
  {| queues := fun l => if l =? lane then queues m l ++ [j] else queues m l; keyless := keyless m |}.

Definition push_keyless (j : job) (m : lanes) : lanes := {| queues := queues m; keyless := keyless m ++ [j] |}.

(* The older of the two heads: that of the worker's own queue and that of the keyless queue. *)
Definition pop (m : lanes) (w : nat) : option (job * lanes) :=
  let own := match queues m w with
             | [] => None
             | j :: rest => Some (j, {| queues := fun l => if l =? w then rest else queues m l; keyless := keyless m |})
             end in
  match queues m w, keyless m with
  | j :: _, j' :: rest => if first j <? first j' then own else Some (j', {| queues := queues m; keyless := rest |})
  | [], j' :: rest => Some (j', {| queues := queues m; keyless := rest |})
  | _, [] => own
  end.

Definition in_lanes (admit : lanes -> nat -> key_set -> lanes) : strategy := {|
  replica.machine := lanes; replica.fresh := no_lanes; replica.admits := fun _ => true; replica.admit := admit;
  replica.take := pop; replica.may_write := fun _ _ => true; replica.finish := fun m _ => m; replica.reads_latest := true;
  replica.cut := fun m => m; replica.publishable := fun _ => None; replica.published := fun m => m |}.

(* src/ordering/first_key.rs *)
Definition first_key (lane_of : key -> nat) : strategy := in_lanes (fun m n ks =>
  match ks with Keys (k :: _) => push (lane_of k) (whole n) m | _ => push_keyless (whole n) m end).

(* src/ordering/key_hash.rs; entries of effects can always be split. *)
Definition key_hash (lane_of : key -> nat) : strategy := in_lanes (fun m n ks =>
  match ks with
  | Keys [k] => push (lane_of k) (whole n) m
  | Keys (k :: l) => fold_left (fun m k => push (lane_of k) (part_of n k) m) (k :: l) m
  | _ => push_keyless (whole n) m
  end).

(* SET a; FLUSHDB on two workers: the second takes FLUSHDB while the first still holds SET. *)
Definition set_then_flush (n : nat) : key_set := match n with 1 => Keys [1%positive] | _ => Everything end.
Definition flush_overtakes : list move :=
  [Admits; Takes 0; Admits; Takes 1; Writes 1; Finishes 1; Writes 0; Finishes 0].
Definition two_lanes (k : key) : nat := if Pos.eqb k 1 then 0 else 1.

(* On a store that holds only its last entry: the replica ends with SET, the master with FLUSHDB. *)
Lemma overtaken_diverges s :
  option_map (fun x => entries (done x)) (play set_then_flush 2 s (start s) flush_overtakes) = Some [2; 1] ->
  ~ converges set_then_flush 2 s.
Proof.
  destruct (play set_then_flush 2 s (start s) flush_overtakes) as [x|] eqn:P; [|discriminate].
  intros E C. injection E as E. apply play_reaches in P. destruct (C x P) as [_ D].
  - intros i L. rewrite E. simpl. lia.
  - specialize (D nat (fun _ i => i) 0). rewrite E in D. simpl in D.
    assert (X : 1 = 2); [|discriminate]. apply D. intros _ i j F. exfalso.
    destruct i as [|[|i]], j as [|[|j]]; discriminate.
Qed.

Theorem first_key_does_not_converge : ~ converges set_then_flush 2 (first_key two_lanes).
Proof. apply overtaken_diverges. vm_compute. reflexivity. Qed.

Theorem key_hash_does_not_converge : ~ converges set_then_flush 2 (key_hash two_lanes).
Proof. apply overtaken_diverges. vm_compute. reflexivity. Qed.

(* SET a; SET b on two workers: a reader sees b and not a. *)
Definition set_a_set_b (n : nat) : key_set := match n with 1 => Keys [1%positive] | _ => Keys [2%positive] end.
Definition second_first : list move := [Admits; Admits; Takes 0; Takes 1; Writes 1].

Lemma second_first_is_no_prefix s :
  option_map (fun x => entries (shown x)) (play set_a_set_b 2 s (start s) second_first) = Some [2] ->
  ~ prefix_level set_a_set_b 2 s.
Proof.
  destruct (play set_a_set_b 2 s (start s) second_first) as [x|] eqn:P; [|discriminate].
  intros E [_ C]. injection E as E. apply play_reaches in P. destruct (C x x P (steps_none _ _ _ x)) as (n & m & L & S & _).
  pose proof (S 1%positive) as S1. pose proof (S 2%positive) as S2. unfold sees in *. rewrite E in *.
  destruct n as [|[|[|n]]]; try discriminate. lia.
Qed.

Theorem writeset_does_not_keep_prefix : ~ prefix_level set_a_set_b 2 writeset.writeset.
Proof. apply second_first_is_no_prefix. vm_compute. reflexivity. Qed.

Theorem barrier_does_not_keep_prefix : ~ prefix_level set_a_set_b 2 (barrier.barrier 2 two_lanes).
Proof. apply second_first_is_no_prefix. vm_compute. reflexivity. Qed.
