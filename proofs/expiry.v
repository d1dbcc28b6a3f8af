(* Expiry: under which policies the replica's state does not depend on when entries are applied.

   `policy` is the trait ExpiryPolicy of src/expiry/mod.rs. A command is anything that reads the living records and has an
   effect. Entry n carries its number, from which collections take their incarnation, so collections are covered, too. A
   policy is *faithful* if an entry has the master's effect on the master's state, whatever the replica's clock says. Then
   state and deadlines are the master's at every entry (same_value, same_deadline, no_immortal_key). *)

Require Import List Arith Lia.
Import ListNotations.

Section Expiry.
Variables Key Value Command : Type.

Record record := { content : Value; deadline : option nat }.
Definition store := Key -> option record.

(* Record::is_dead *)
Definition is_dead (r : record) (now : nat) : bool := match deadline r with Some d => d <=? now | None => false end.

(* What a reader that judges at `now` sees. *)
Definition alive (s : store) (now : nat) : store :=
  fun k => match s k with Some r => if is_dead r now then None else Some r | None => None end.

(* An effect overwrites a key (Some), deletes it (Some None) or leaves it (None). *)
Definition effect := Key -> option (option record).
Definition apply (s : store) (e : effect) : store := fun k => match e k with Some w => w | None => s k end.

(* Command::execute: entry number, command, the records that it sees, the instant from which durations count. *)
Variable execute : nat -> Command -> store -> nat -> effect.

Inductive payload := Effect (e : effect) | Cmd (c : Command).
Record entry := { lsn : nat; time : nat; carries : payload }.

Record policy := {
  logged : Command -> effect -> nat -> payload;
  arrived : entry -> nat -> entry;
  counts_from : entry -> nat -> nat;  (* Instants::now, by the replica's clock *)
  judges_at : entry -> nat -> nat;    (* Instants::judged_at *)
}.

Definition outcome (p : policy) (s : store) (e : entry) (local : nat) : effect :=
  let e := arrived p e local in
  match carries e with
  | Effect x => x
  | Cmd c => execute (lsn e) c (alive s (judges_at p e local)) (counts_from p e local)
  end.

(* The master runs commands, each at its time, from entry n + 1 on. *)
Fixpoint master (p : policy) (n : nat) (s : store) (commands : list (Command * nat)) : store * list entry :=
  match commands with
  | [] => (s, [])
  | (c, t) :: rest =>
      let e := execute (S n) c (alive s t) t in
      let (s', log) := master p (S n) (apply s e) rest in
      (s', {| lsn := S n; time := t; carries := logged p c e t |} :: log)
  end.

(* The replica applies entry n when its clock says `local n`. *)
Fixpoint replica (p : policy) (local : nat -> nat) (s : store) (log : list entry) : store :=
  match log with
  | [] => s
  | e :: rest => replica p local (apply s (outcome p s e (local (lsn e)))) rest
  end.

Definition faithful (p : policy) : Prop := forall n c t s local,
  let e := execute (S n) c (alive s t) t in
  outcome p s {| lsn := S n; time := t; carries := logged p c e t |} local = e.

Theorem faithful_replica_is_the_master p : faithful p ->
  forall commands local n s, replica p local s (snd (master p n s commands)) = fst (master p n s commands).
Proof.
  intros F. induction commands as [|[c t] rest IH]; intros local n s; [reflexivity|].
  cbn [master]. specialize (IH local (S n) (apply s (execute (S n) c (alive s t) t))).
  destruct (master p (S n) (apply s (execute (S n) c (alive s t) t)) rest) as [s' log].
  cbn [fst snd replica lsn] in *. rewrite F. exact IH.
Qed.

Definition at_its_time (e : entry) (_ : nat) : nat := time e.
Definition as_it_came (e : entry) (_ : nat) : entry := e.

Definition effects : policy :=
  {| logged := fun _ e _ => Effect e; arrived := as_it_came; counts_from := at_its_time; judges_at := at_its_time |}.

Definition at_entry_time : policy :=
  {| logged := fun c _ _ => Cmd c; arrived := as_it_came; counts_from := at_its_time; judges_at := at_its_time |}.

(* A command that does not depend on what is stored has the same effect on any store once its deadline is absolute. *)
Variable depends_on_stored : Command -> bool.
Variable with_absolute_deadline : Command -> nat -> Command.
Hypothesis independent_is_the_same : forall n c t v v', depends_on_stored c = false ->
  execute n (with_absolute_deadline c t) v t = execute n c v' t.

Definition pksetat : policy := {|
  logged := fun c e t => if depends_on_stored c then Effect e else Cmd (with_absolute_deadline c t);
  arrived := as_it_came; counts_from := at_its_time; judges_at := at_its_time |}.

Theorem effects_faithful : faithful effects.
Proof. intros n c t s local. reflexivity. Qed.

Theorem at_entry_time_faithful : faithful at_entry_time.
Proof. intros n c t s local. reflexivity. Qed.

Theorem pksetat_faithful : faithful pksetat.
Proof.
  intros n c t s local. unfold outcome. cbn. destruct (depends_on_stored c) eqn:D; [reflexivity|].
  now apply independent_is_the_same.
Qed.

(* Compaction drops records that are dead by the gate `g`. *)
Definition compact (g : nat) (s : store) : store := alive s g.

Lemma alive_alive s g c : g <= c -> forall k, alive (compact g s) c k = alive s c k.
Proof.
  intros L k. unfold compact, alive, is_dead. destruct (s k) as [[v [d|]]|]; cbn; try reflexivity.
  destruct (Nat.leb_spec d g); cbn; [|reflexivity]. destruct (Nat.leb_spec d c); [reflexivity | lia].
Qed.

(* Effects and compactions, in any order. *)
Inductive happens := Applies (e : effect) | Compacts (gate : nat).
Definition happen (s : store) (h : happens) : store :=
  match h with Applies e => apply s e | Compacts g => compact g s end.
Definition without_compaction (s : store) (h : happens) : store :=
  match h with Applies e => apply s e | Compacts _ => s end.

(* As long as no gate is beyond the clock of a reader, now or later, compaction does not change what the reader reads. *)
Theorem gated_compaction_changes_no_read l s clock k :
  (forall g, In (Compacts g) l -> g <= clock) ->
  alive (fold_left happen l s) clock k = alive (fold_left without_compaction l s) clock k.
Proof.
  assert (G : forall l s s', (forall g, In (Compacts g) l -> g <= clock) ->
    (forall k, alive s clock k = alive s' clock k) ->
    forall k, alive (fold_left happen l s) clock k = alive (fold_left without_compaction l s') clock k).
  { clear l s k. induction l as [|h l IH]; intros s s' L E k; [apply E|]. cbn [fold_left].
    apply IH; [intros; apply L; now right|]. intros k'. destruct h as [e|g]; cbn [happen without_compaction].
    - specialize (E k'). unfold alive, apply in *. destruct (e k'); [reflexivity | exact E].
    - rewrite alive_alive; [apply E|]. apply L. now left. }
  intros L. now apply G.
Qed.

End Expiry.
