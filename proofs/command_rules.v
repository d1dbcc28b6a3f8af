(* Which arguments of a command are keys: KeyArguments and Kind of src/command/mod.rs.

   The rules are given by position, where Command::key_arguments counts from one key to the next. The rows are in
   generated_tables.v, which a test in Rust writes; tables.v judges them. *)

Require Import List Bool Arith ZArith Lia.
Require Import Replicheck.key_set.
Import ListNotations.

Inductive kind := Read | Write | Deadline | Flush | Connection.

(* Command::is_write *)
Definition writes (k : kind) : bool := match k with Write | Deadline | Flush => true | _ => false end.

Inductive rule :=
| NoKeys
| EveryKey
| Range (from : nat) (until : Z) (step : nat)  (* until: -1 is the last argument *)
| Counted (target : bool) (at_place : nat).    (* the number of keys is the argument at this place; target: the first argument is one, too *)

(* Whether the argument at `place` is a key. `count` arguments, the name included, which is at 0. `number`: the number of
   keys that the command gives, if its rule is Counted. *)
Definition is_key (r : rule) (count number place : nat) : bool :=
  match r with
  | Counted target at_place =>
      (1 <=? number) && (at_place + number <? count)
      && ((target && (place =? 1)) || ((at_place <? place) && (place <=? at_place + number)))
  | Range from until step =>
      (from <=? place) && (place <? count) && ((place - from) mod step =? 0)
      && (Z.of_nat place <=? if until <? 0 then Z.of_nat count + until else until)%Z
  | _ => false
  end.

(* The number of keys that the arguments give; 0 if the rule asks for none. Keys are numbers here, so an argument is one, too. *)
Definition number_of (r : rule) (arguments : list key) : nat :=
  match r with
  | Counted _ at_place => match nth_error arguments (at_place - 1) with Some n => Pos.to_nat n | None => 0 end
  | _ => 0
  end.

Definition keys_of (r : rule) (arguments : list key) : key_set :=
  match r with
  | NoKeys => Keys []
  | EveryKey => Everything
  | _ =>
      let places := seq 1 (length arguments) in
      let chosen := filter (fun a => is_key r (S (length arguments)) (number_of r arguments) (fst a)) (combine places arguments) in
      Keys (map snd chosen)
  end.

(* The keys that the rule says a command touches are among its arguments, unless the rule says that it touches everything. *)
Theorem keys_are_arguments r arguments k :
  r <> EveryKey -> contains (keys_of r arguments) k = true -> In k arguments.
Proof.
  intros NE C. destruct r as [| |f u s|t p]; [discriminate | contradiction | |];
  cbn [keys_of contains] in C; apply mem_iff, in_map_iff in C as ((q, k') & <- & I);
  apply filter_In in I as [I _]; exact (in_combine_r _ _ _ _ I).
Qed.
