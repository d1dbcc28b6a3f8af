(* Hashes whose fields have deadlines: records, writes, commands and removals of one key.

   Writer of src/command/hash/writer.rs, the records of src/store/record.rs, the removals of src/node/fields.rs and
   src/node/mod.rs. An effect merges into a hash: it has the fields that it changes, and the metadata if that changes.
   fields_alike.v proves what the nodes agree on, fields_metadata.v what the metadata says. *)

Require Import List Bool Arith Lia.
Import ListNotations.

Section Fields.
Variables Field Value : Type.
Variable same : Field -> Field -> bool.

(* Value and deadline. *)
Definition content := (Value * option nat)%type.
Definition lives (now : nat) (deadline : option nat) : bool := match deadline with Some d => now <? d | None => true end.

(* `lasting`: number of fields without a deadline. `latest`: the latest deadline of a field; 0: no field has one. *)
Record metadata := { incarnation : nat; lasting : nat; latest : nat; expires : option nat }.

(* Record::is_dead: the key's own deadline has come, or the last field has died. *)
Definition dead (now : nat) (m : metadata) : bool :=
  negb (lives now (expires m)) || ((lasting m =? 0) && (latest m <=? now)).

(* The records of the key. `index` has a record (incarnation, deadline, field) for each deadline of a field. *)
Record hash := { meta : option metadata; elements : nat -> Field -> option content; index : list (nat * nat * Field) }.
Definition empty : hash := {| meta := None; elements := fun _ _ => None; index := [] |}.

(* The metadata of a hash that is alive at `now`; a field that is. *)
Definition found (s : hash) (now : nat) : option metadata :=
  match meta s with Some m => if dead now m then None else Some m | None => None end.
Definition living (now : nat) (x : option content) : option content :=
  match x with Some (v, d) => if lives now d then Some (v, d) else None | None => None end.

(* What a reader that judges at `now` sees: whether the hash exists, its own deadline, and each field with its deadline. *)
Definition exists_at (s : hash) (now : nat) : bool := match found s now with Some _ => true | None => false end.
Definition expires_at (s : hash) (now : nat) : option nat := match found s now with Some m => expires m | None => None end.
Definition field_at (s : hash) (now : nat) (f : Field) : option content :=
  match found s now with Some m => living now (elements s (incarnation m) f) | None => None end.

(* Writes to raw keys. PutField also puts the deadline of the field into the index; Clear deletes all fields of an incarnation and
   their index records. *)
Inductive write :=
| PutMeta (m : metadata) | DeleteMeta
| PutField (i : nat) (f : Field) (x : content) | DeleteField (i : nat) (f : Field)
| DeleteIndex (i d : nat) (f : Field) | Clear (i : nat).

Definition is_record (i d : nat) (f : Field) (x : nat * nat * Field) : bool :=
  (fst (fst x) =? i) && (snd (fst x) =? d) && same (snd x) f.

Definition put_element (e : nat -> Field -> option content) (i : nat) (f : Field) (x : option content) :=
  fun j g => if (j =? i) && same g f then x else e j g.

Definition write_one (s : hash) (w : write) : hash :=
  match w with
  | PutMeta m => {| meta := Some m; elements := elements s; index := index s |}
  | DeleteMeta => {| meta := None; elements := elements s; index := index s |}
  | PutField i f x =>
      {| meta := meta s; elements := put_element (elements s) i f (Some x);
         index := match snd x with Some d => (i, d, f) :: index s | None => index s end |}
  | DeleteField i f => {| meta := meta s; elements := put_element (elements s) i f None; index := index s |}
  | DeleteIndex i d f =>
      {| meta := meta s; elements := elements s; index := filter (fun x => negb (is_record i d f x)) (index s) |}
  | Clear i =>
      {| meta := meta s; elements := fun j g => if j =? i then None else elements s j g;
         index := filter (fun x => negb (fst (fst x) =? i)) (index s) |}
  end.

Definition write_all (s : hash) (ws : list write) : hash := fold_left write_one ws s.

(* What a command makes of the key: it sets or deletes (None) the named fields, removes the hash whatever it is, or gives it
   a deadline of its own. COPY, RENAME and RESTORE remove and then set fields. *)
Inductive change := Fields (named : list (Field * option content)) | Remove | Expires (deadline : option nat).

(* What a field is set to, if it is named. *)
Fixpoint named_as (f : Field) (l : list (Field * option content)) : option (option content) :=
  match l with [] => None | (g, x) :: r => if same f g then Some x else named_as f r end.

(* Each field once, and a field whose deadline has passed is deleted, as HEXPIREAT does. *)
Fixpoint settled (now : nat) (l : list (Field * option content)) : list (Field * option content) :=
  match l with
  | [] => []
  | (f, x) :: r => (f, living now x) :: filter (fun y => negb (same (fst y) f)) (settled now r)
  end.

(* Writer, opened on `s` at `now`; `n` is the number of the entry, the incarnation of a hash that it creates. *)
Definition opened (s : hash) (now n : nat) : nat := match found s now with Some m => incarnation m | None => n end.
Definition stored (s : hash) (now : nat) (f : Field) : option content :=
  match found s now with Some m => elements s (incarnation m) f | None => None end.

Definition deadline_of (x : option content) : option nat := match x with Some (_, d) => d | None => None end.
Definition is_lasting (x : option content) : bool := match x with Some (_, None) => true | _ => false end.
Definition count (b : bool) : nat := if b then 1 else 0.
Definition moment (d : option nat) : nat := match d with Some d => d | None => 0 end.
Definition max_of (l : list nat) : nat := fold_right Nat.max 0 l.

Definition last_before (s : hash) (now : nat) : nat :=
  match found s now with Some m => if now <? latest m then latest m else 0 | None => 0 end.

Definition lasting_after (s : hash) (now : nat) (l : list (Field * option content)) : nat :=
  fold_left (fun c y => c - count (is_lasting (stored s now (fst y))) + count (is_lasting (snd y))) l
    (match found s now with Some m => lasting m | None => 0 end).

Definition is_named (f : Field) (l : list (Field * option content)) : bool :=
  match named_as f l with Some _ => true | None => false end.

(* View::for_each_deadline: the latest deadline in the index, after `now`, of a field that is not written. *)
Definition kept_latest (s : hash) (now n : nat) (l : list (Field * option content)) : nat :=
  max_of (map (fun x => snd (fst x))
    (filter (fun x => (fst (fst x) =? opened s now n) && (now <? snd (fst x)) && negb (is_named (snd x) l)) (index s))).

Definition last_after (s : hash) (now n : nat) (l : list (Field * option content)) : nat :=
  let before := last_before s now in
  let written := max_of (map (fun y => moment (deadline_of (snd y))) l) in
  if (before <=? written) || negb (existsb (fun y => moment (deadline_of (stored s now (fst y))) =? before) l)
  then Nat.max written before
  else Nat.max written (kept_latest s now n l).

Definition other_deadline (old : nat) (x : option content) : bool :=
  match deadline_of x with Some d => negb (d =? old) | None => true end.

(* The records of one named field: `old` is what is stored, `x` what it is set to. *)
Definition write_field (i : nat) (f : Field) (old x : option content) : list write :=
  match deadline_of old with Some d => if other_deadline d x then [DeleteIndex i d f] else [] | None => [] end
  ++ match x, old with
     | Some x, _ => [PutField i f x]
     | None, Some _ => [DeleteField i f]
     | None, None => []
     end.

Definition write_fields (s : hash) (now n : nat) (l : list (Field * option content)) : list write :=
  flat_map (fun y => write_field (opened s now n) (fst y) (stored s now (fst y)) (snd y)) l.

Definition clear_stored (s : hash) : list write :=
  match meta s with Some m => [Clear (incarnation m)] | None => [] end.
Definition remove (s : hash) : list write :=
  match meta s with Some m => [Clear (incarnation m); DeleteMeta] | None => [] end.

(* Writer::finish *)
Definition finish (s : hash) (now n : nat) (l : list (Field * option content)) : list write :=
  match l, lasting_after s now l, last_after s now n l with
  | [], _, _ => []
  | _, 0, 0 => match found s now with Some _ => remove s | None => [] end
  | _, c, last =>
      match found s now with
      | None => clear_stored s ++ write_fields s now n l
          ++ [PutMeta {| incarnation := n; lasting := c; latest := last; expires := None |}]
      | Some m => write_fields s now n l
          ++ if (lasting m =? c) && (last_before s now =? last) then []
             else [PutMeta {| incarnation := incarnation m; lasting := c; latest := last; expires := expires m |}]
      end
  end.

(* The writes of one change in entry `n` at time `now`. *)
Definition effect (s : hash) (now n : nat) (c : change) : list write :=
  match c with
  | Fields l => finish s now n (settled now l)
  | Remove => remove s
  | Expires d =>
      match found s now with
      | None => []
      | Some m => if lives now d
          then [PutMeta {| incarnation := incarnation m; lasting := lasting m; latest := latest m; expires := d |}]
          else remove s
      end
  end.

(* A command is any function of what is seen. An entry is the commands of a transaction, or one command: each runs on what
   those before it left, and their writes are one effect. *)
Definition command := (bool * option nat * (Field -> option content)) -> change.
Definition run_command (now n : nat) (s : hash) (c : command) : list write :=
  effect s now n (c (exists_at s now, expires_at s now, field_at s now)).

Fixpoint run (now n : nat) (s : hash) (cs : list command) : list write :=
  match cs with
  | [] => []
  | c :: rest => let ws := run_command now n s c in ws ++ run now n (write_all s ws) rest
  end.

(* A removal gated by `gate` deletes nothing but: the metadata of a hash that is dead at the gate, fields and index records that
   are, and those of no living hash. It may leave out any of these, so nodes remove different ones at different times. *)
Record removal (gate : nat) (s s' : hash) : Prop := {
  of_meta : meta s' = meta s \/ (meta s' = None /\ found s gate = None);
  of_elements : forall i f, elements s' i f = elements s i f
    \/ (elements s' i f = None
        /\ (living gate (elements s i f) = None \/ forall m, found s gate = Some m -> incarnation m <> i));
  of_index : forall i d f, In (i, d, f) (index s') -> In (i, d, f) (index s);
  of_index_kept : forall i d f, In (i, d, f) (index s) -> In (i, d, f) (index s')
    \/ d <= gate \/ forall m, found s gate = Some m -> incarnation m <> i;
}.

(* removal_of_key *)
Definition remove_dead (gate : nat) (s : hash) : hash :=
  match found s gate with Some _ => s | None => write_all s (remove s) end.

(* dead_fields, for one index record: a field goes with its record only if it has this deadline. *)
Definition remove_dead_field (gate : nat) (s : hash) (x : nat * Field) : hash :=
  match meta s with
  | None => s
  | Some m =>
      let i := incarnation m in
      if (fst x <=? gate) && existsb (is_record i (fst x) (snd x)) (index s)
      then write_all s (DeleteIndex i (fst x) (snd x)
        :: match deadline_of (elements s i (snd x)) with
           | Some d => if d =? fst x then [DeleteField i (snd x)] else []
           | None => []
           end)
      else s
  end.

Section Gated.
Hypothesis same_iff : forall f g, same f g = true <-> f = g.

Theorem removal_of_a_key_is_gated gate s : removal gate s (remove_dead gate s).
Proof.
  unfold remove_dead. destruct (found s gate) as [m|] eqn:F; [split; auto|].
  unfold remove. destruct (meta s) as [m|]; cbn; split; cbn; auto.
  - intros i f. destruct (Nat.eqb_spec i (incarnation m)); [right|now left]. split; [reflexivity|]. right. congruence.
  - intros i d f I. now apply filter_In in I as [I _].
  - intros i d f _. right. right. congruence.
Qed.

Theorem removal_of_a_field_is_gated gate s x : removal gate s (remove_dead_field gate s x).
Proof.
  destruct x as [d f]. unfold remove_dead_field. destruct (meta s) as [m|]; [|split; auto]. cbn [fst snd].
  destruct (_ && _) eqn:B; [|split; auto]. apply andb_true_iff in B as [B _]. apply Nat.leb_le in B.
  assert (P : forall i e g, In (i, e, g) (index s) ->
    In (i, e, g) (filter (fun y => negb (is_record (incarnation m) d f y)) (index s)) \/ e <= gate).
  { intros i e g I. destruct (le_lt_dec e gate); [now right|]. left. apply filter_In. split; [assumption|].
    unfold is_record. cbn. destruct (Nat.eqb_spec e d); [lia|]. now rewrite andb_false_r. }
  assert (Q : forall s', meta s' = meta s -> index s' = filter (fun y => negb (is_record (incarnation m) d f y)) (index s) ->
    (forall i g, elements s' i g = elements s i g \/ (elements s' i g = None /\ living gate (elements s i g)
      = None)) -> removal gate s s').
  { intros s' M I E. split; [now left | | |].
    - intros i g. destruct (E i g) as [|[]]; auto.
    - intros i e g. rewrite I. now intros [J _]%filter_In.
    - intros i e g J. rewrite I. destruct (P i e g J); auto. }
  destruct (elements s (incarnation m) f) as [[v [e|]]|] eqn:E; cbn [deadline_of]; [destruct (Nat.eqb_spec e d) as [->|]|..];
    apply Q; cbn; auto.
  intros i g. unfold put_element. destruct (Nat.eqb_spec i (incarnation m)) as [->|]; [|now left]. cbn.
  destruct (same g f) eqn:S; [|now left]. apply same_iff in S as ->. right. rewrite E. split; [reflexivity|]. unfold living, lives.
  destruct (Nat.ltb_spec gate d); [lia | reflexivity].
Qed.
End Gated.

(* The master: entries and removals in any order. `t` is its log time, which does not go back; `log` is what it has logged. *)
Inductive master : nat -> nat -> hash -> list (nat * list write) -> Prop :=
| master_starts : master 0 0 empty []
| master_runs n t s log t' cs : master n t s log -> t <= t' ->
    master (S n) t' (write_all s (run t' (S n) s cs)) (log ++ [(t', run t' (S n) s cs)])
| master_removes n t s log t' gate s' : master n t s log -> t <= t' -> gate <= t' -> removal gate s s' ->
    master n t' s' log.

(* A node that applies the log and removes on its own. `c` is the time that it has heard, and removals are gated by that. The
   time heard is never beyond that of the next entry: log_time.v, masters_moment. *)
Inductive node (log : list (nat * list write)) : nat -> nat -> hash -> Prop :=
| node_starts : node log 0 0 empty
| node_applies n c s t ws : node log n c s -> nth_error log n = Some (t, ws) -> c <= t ->
    node log (S n) t (write_all s ws)
| node_removes n c s c' gate s' : node log n c s -> c <= c' -> gate <= c' -> removal gate s s' -> node log n c' s'.

(* A reader that judges at `now` sees the same of both. *)
Definition alike (now : nat) (s s' : hash) : Prop :=
  exists_at s now = exists_at s' now /\ expires_at s now = expires_at s' now
  /\ forall f, field_at s now f = field_at s' now f.
End Fields.
