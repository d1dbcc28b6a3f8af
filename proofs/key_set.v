(* Keys, and when two sets of them conflict: src/effect.rs, KeySet. *)

Require Import List Bool PArith.
Import ListNotations.

(* Keys as numbers: the distinct keys of the log are 1, 2, …, any number of them. *)
Definition key := positive.

Inductive key_set :=
| Keys (keys : list key)  (* these; none at all for an effect that changes nothing *)
| Everything.             (* every key: FLUSHDB and any other keyless write *)

Definition mem (k : key) (keys : list key) : bool := existsb (Pos.eqb k) keys.

(* KeySet::contains *)
Definition contains (s : key_set) (k : key) : bool :=
  match s with Everything => true | Keys keys => mem k keys end.

(* KeySet::is_empty *)
Definition is_empty (s : key_set) : bool :=
  match s with Keys [] => true | _ => false end.

(* KeySet::conflicts_with *)
Definition conflicts (a b : key_set) : bool :=
  match a, b with
  | Everything, other | other, Everything => negb (is_empty other)
  | Keys ours, Keys theirs => existsb (fun k => mem k theirs) ours
  end.

Lemma mem_iff k keys : mem k keys = true <-> In k keys.
Proof.
  unfold mem. rewrite existsb_exists. split.
  - intros (x & H & E). apply Pos.eqb_eq in E. now subst.
  - intros H. exists k. split; [assumption | apply Pos.eqb_refl].
Qed.

(* The meaning of "conflict": some key is in both sets. *)
Theorem conflicts_iff a b : conflicts a b = true <-> exists k, contains a k = true /\ contains b k = true.
Proof.
  destruct a as [l|], b as [r|]; simpl.
  - rewrite existsb_exists. split; intros (k & H & H'); exists k; rewrite ?mem_iff in *; auto.
  - destruct l as [|k l]; simpl; split; try discriminate.
    + intros (k & H & _). discriminate.
    + intros _. exists k. split; [now rewrite Pos.eqb_refl | reflexivity].
    + reflexivity.
  - destruct r as [|k r]; simpl; split; try discriminate.
    + intros (k & _ & H). discriminate.
    + intros _. exists k. split; [reflexivity | now rewrite Pos.eqb_refl].
    + reflexivity.
  - split; [intros _; now exists 1%positive | reflexivity].
Qed.

Corollary conflicts_sym a b : conflicts a b = conflicts b a.
Proof.
  apply eq_true_iff_eq. rewrite !conflicts_iff. split; intros (k & H & H'); now exists k.
Qed.

Corollary shared_key_conflicts a b k : contains a k = true -> contains b k = true -> conflicts a b = true.
Proof. intros. apply conflicts_iff. now exists k. Qed.
