(* Progress: what a strategy must do besides keeping order. A strategy that hands out nothing keeps every level of replica.v.

   `progress`: in every reachable state a job can be taken, written or finished, or all that is admitted is applied. In the
   second case the next entry would be admitted; where readers see snapshots, once all of that is published. From this
   `every_run_ends` follows: for a log of any length, without crashes, every run reaches its end, and the end is the master's
   state. That everything is written is a hypothesis of `converges`, but not of `every_run_ends`. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline.
Import ListNotations.

Local Arguments Nat.mul _ _ : simpl never.

Lemma once_app (l r : list nat) : NoDup l -> NoDup r -> (forall i, In i l -> In i r -> False) -> NoDup (l ++ r).
Proof.
  intros NL NR D. induction NL as [|i l NI NL IH]; [assumption|]. simpl. constructor.
  - intros I. apply in_app_or in I as [I|I]; [contradiction|]. apply (D i); [now left | assumption].
  - apply IH. intros k I. apply D. now right.
Qed.

Section Progress.
Variable log : nat -> key_set.
Variable length : nat.
Variable workers : nat.  (* workers are 0 … workers - 1 *)
Variable s : strategy.

Definition all_applied (x : state s) : Prop :=
  hands x = [] /\ forall i, 1 <= i <= admitted x -> In i (entries (done x)).
Definition all_shown (x : state s) : Prop := forall i, 1 <= i <= admitted x -> In i (entries (shown x)).
Definition complete (x : state s) : Prop := admitted x = length /\ all_applied x /\ all_shown x.

Definition by_workers (x y : state s) : Prop := forall w j, hands y = (w, j, false) :: hands x -> w < workers.

(* A take by one of the workers, a write or a finish: the steps that change which jobs the workers hold. *)
Definition works (x y : state s) : Prop := step log length s x y /\ by_workers x y /\ hands y <> hands x.

Definition opens (m : machine s) : Prop :=
  admits s m = true \/ exists lsn, publishable s m = Some lsn /\ admits s (published s m) = true.

Definition progress : Prop := forall x, reachable log length s x ->
  (all_applied x \/ exists y, works x y) /\ (all_applied x -> opens (at_ x)).

(* `worth_it` of models/ordering/control.rs: a cut is due where readers see snapshots, no cut is under way, and something
   admitted is not shown. With unlimited cuts a run would never end. *)
Definition cut_due (x : state s) : Prop := reads_latest s = false /\ admits s (at_ x) = true
  /\ exists i, 1 <= i <= admitted x /\ ~ In i (entries (shown x)).

Definition after_cut (x : state s) : state s := {| at_ := cut s (at_ x); admitted := admitted x; hands := hands x;
  done := done x; shown := shown x |}.

(* Any step of these workers, except cuts that are not due. *)
Definition move (x y : state s) : Prop := step log length s x y /\ by_workers x y /\ (y = after_cut x -> cut_due x).

Inductive run : nat -> state s -> state s -> Prop :=
| run_none x : run 0 x x
| run_more n x y z : run n x y -> move y z -> run (S n) x z.

Definition at_rest (x : state s) : Prop := forall y, ~ move x y.

Definition as_the_master (x : state s) : Prop := is_whole (done x) /\
  forall (State : Type) (apply : State -> nat -> State) s0,
    (forall s i j, conflict log i j = false -> apply (apply s i) j = apply (apply s j) i) ->
    fold_left apply (entries (done x)) s0 = fold_left apply (prefix length) s0 /\
    fold_left apply (entries (shown x)) s0 = fold_left apply (prefix length) s0.

(* No run has more moves than this bound. A state has no move left if and only if all is admitted, applied and shown. Every
   run can reach such a state, and there the store and the readers have what the master has. *)
Record every_run_ends : Prop := {
  bounded : forall n x, run n (start s) x -> n <= 6 * length + 1;
  rests_complete : forall n x, run n (start s) x -> (at_rest x <-> complete x);
  goes_on : forall n x, run n (start s) x -> exists m y, run m x y /\ complete y;
  masters : forall x, reachable log length s x -> at_rest x -> as_the_master x;
}.

(* The entries of the jobs that workers hold and whose batch is written (`f` true) or not. *)
Definition in_hands (h : list (nat * job * bool)) (f : bool) : list nat :=
  flat_map (fun e => if Bool.eqb (snd e) f then lsns (snd (fst e)) else []) h.
Definition entries_held (f : bool) (x : state s) : list nat := in_hands (hands x) f.

(* The facts about a strategy that the bound needs. *)
Record accountable : Prop := {
  starts_open : admits s (fresh s) = true;
  takes_some : forall m w j m', take s m w = Some (j, m') -> first j <= last j;
  take_keeps_open : forall m w j m', take s m w = Some (j, m') -> admits s m' = admits s m;
  finish_keeps_open : forall m j, admits s (finish s m j) = admits s m;
  admit_keeps_open : forall m n ks, admits s (admit s m n ks) = admits s m;
  cut_closes : forall m, reads_latest s = false -> admits s (cut s m) = false;
  publishes_closed : forall m lsn, publishable s m = Some lsn ->
    reads_latest s = false /\ admits s m = false /\ admits s (published s m) = true;
  publishes_all : forall x lsn, reachable log length s x -> publishable s (at_ x) = Some lsn ->
    forall i, 1 <= i <= admitted x -> In i (entries (done x));
  each_once : forall x, reachable log length s x -> NoDup (entries (done x) ++ entries_held false x)
    /\ forall i, In i (entries (done x) ++ entries_held false x) -> 1 <= i <= admitted x;
}.

(* Where every job may be written at once, only the states in which no worker holds a job need a proof. *)
Lemma hands_work : (forall m j, may_write s m j = true) -> forall x, hands x <> [] -> exists y, works x y.
Proof.
  intros MW [m a h d v] H. cbn in H. destruct h as [|((w & j) & f) r]; [now elim H|]. destruct f.
  - exists {| at_ := finish s m j; admitted := a; hands := r; done := d; shown := v |}.
    split; [exact (Finish log length s m a [] w j r d v)|]. split.
    + intros w' j' E. cbn in E. apply (f_equal (@List.length _)) in E. simpl in E. lia.
    + cbn. intros E. apply (f_equal (@List.length _)) in E. simpl in E. lia.
  - eexists. split; [exact (Write log length s m a [] w j r d v (MW m j))|]. split.
    + intros w' j' E. cbn in E. apply (f_equal (@List.length _)) in E. simpl in E. lia.
    + cbn. discriminate.
Qed.

Lemma take_works x w j m' : hands x = [] -> w < workers -> take s (at_ x) w = Some (j, m') -> exists y, works x y.
Proof.
  destruct x as [m a h d v]. cbn. intros -> L T. eexists. split; [exact (Take log length s m a [] d v w j m' (fun f => f) T)|].
  split; [|cbn; discriminate]. intros w' j' E. cbn in E. now injection E as <- _.
Qed.

End Progress.
Arguments starts_open {log length s}. Arguments takes_some {log length s}.
Arguments take_keeps_open {log length s}. Arguments finish_keeps_open {log length s}.
Arguments admit_keeps_open {log length s}. Arguments cut_closes {log length s}.
Arguments publishes_closed {log length s}. Arguments publishes_all {log length s}.
Arguments each_once {log length s}.
