(* The command table of src/command/, judged by computation; the rules are in command_rules.v. *)

Require Import String Ascii List Bool Arith.
Require Import Replicheck.key_set Replicheck.command_rules Replicheck.generated_tables.
Import ListNotations.

Definition row_of (name : string) : option (kind * rule) :=
  match find (fun row => String.eqb (fst (fst row)) name) commands with
  | Some (_, k, r) => Some (k, r)
  | None => None
  end.

Definition keys_by_rule (name : string) (arguments : list key) : option key_set :=
  option_map (fun row => keys_of (snd row) arguments) (row_of name).

Definition within (ours theirs : list key) : bool := forallb (fun k => mem k theirs) ours.
Definition same (a b : key_set) : bool :=
  match a, b with
  | Everything, Everything => true
  | Keys ours, Keys theirs => within ours theirs && within theirs ours
  | _, _ => false
  end.

(* Command::keys on sample arguments is what the rule says. *)
Definition sample_is_right (s : string * list key * key_set) : bool :=
  let '(name, arguments, keys) := s in
  match keys_by_rule name arguments with Some by_rule => same by_rule keys | None => false end.

Theorem samples_follow_the_rules s : In s samples -> sample_is_right s = true.
Proof. revert s. apply forallb_forall. vm_compute. reflexivity. Qed.

Theorem every_command_is_sampled row :
  In row commands -> existsb (fun s => String.eqb (fst (fst s)) (fst (fst row))) samples = true.
Proof. revert row. apply forallb_forall. vm_compute. reflexivity. Qed.

(* KeySet::conflicts_with on any two rows of `verdicts` is what the rules and `conflicts` say. *)
Definition bits_are (bits : list bool) (expected : list (option bool)) : bool :=
  (length bits =? length expected)
  && forallb (fun b => match snd b with Some e => Bool.eqb (fst b) e | None => false end) (combine bits expected).

Definition bits_of (text : string) : list bool := map (fun c => Ascii.eqb c "1") (list_ascii_of_string text).

Definition verdict_is_right (v : string * list key * string) : bool :=
  let '(name, arguments, bits) := v in
  let against (w : string * list key * string) :=
    match keys_by_rule name arguments, keys_by_rule (fst (fst w)) (snd (fst w)) with
    | Some ours, Some theirs => Some (conflicts ours theirs)
    | _, _ => None
    end in
  bits_are (bits_of bits) (map against verdicts).

Theorem verdicts_are_conflicts v : In v verdicts -> verdict_is_right v = true.
Proof. revert v. apply forallb_forall. vm_compute. reflexivity. Qed.

Theorem every_command_has_a_verdict row :
  In row commands -> existsb (fun v => String.eqb (fst (fst v)) (fst (fst row))) verdicts = true.
Proof. revert row. apply forallb_forall. vm_compute. reflexivity. Qed.

(* The effects that were seen are of a command that writes, on keys that its rule names. *)
Definition effect_is_covered (e : string * nat * nat * option (list (list nat))) : bool :=
  let '(name, count, number, places) := e in
  match row_of name, places with
  | Some (k, EveryKey), _ => writes k
  | Some (k, r), Some places => writes k && forallb (existsb (is_key r count number)) places
  | _, _ => false
  end.

Theorem effects_are_covered e : In e effects -> effect_is_covered e = true.
Proof. revert e. apply forallb_forall. vm_compute. reflexivity. Qed.

Theorem every_writing_command_was_seen row :
  In row commands ->
  Bool.eqb (writes (snd (fst row))) (existsb (fun e => String.eqb (fst (fst (fst e))) (fst (fst row))) effects) = true.
Proof. revert row. apply forallb_forall. vm_compute. reflexivity. Qed.
