(* A replica: an ordering strategy, its workers, and what readers are shown.

   `strategy` is the trait OrderingStrategy of src/ordering/mod.rs. `step` is what src/apply and the worker pool do with it: admit in
   log order, take, write, finish, each as a step of its own; any number of workers, any interleaving. A strategy is
   *disciplined* if it hands out an entry only after every entry that conflicts with it has finished. discipline.v proves
   the consequences. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written.
Import ListNotations.

(* Job: a run of whole entries, or the part of one entry that touches a key. *)
Record job := { first : nat; last : nat; part : option key }.
Definition whole (n : nat) : job := {| first := n; last := n; part := None |}.
Definition run_of (first last : nat) : job := {| first := first; last := last; part := None |}.
Definition part_of (n : nat) (k : key) : job := {| first := n; last := n; part := Some k |}.
Definition lsns (j : job) : list nat := seq (first j) (last j + 1 - first j).

Record strategy := {
  machine : Type;
  fresh : machine;
  admits : machine -> bool;
  admit : machine -> nat -> key_set -> machine;
  take : machine -> nat -> option (job * machine);
  may_write : machine -> job -> bool;
  finish : machine -> job -> machine;
  reads_latest : bool;  (* Reads::Latest or Reads::BetweenBatches, or Reads::Published *)
  cut : machine -> machine;
  publishable : machine -> option nat;
  published : machine -> machine;
}.

Section Replica.
Variable log : nat -> key_set.
Variable length : nat.  (* of the log; entries are 1 … length *)
Variable s : strategy.

Record state := {
  at_ : machine s;
  admitted : nat;
  hands : list (nat * job * bool);  (* a worker, its job, whether the batch is written *)
  done : list job;                  (* the written batches, in the order of their writes *)
  shown : list job;                 (* the batches whose effects readers see *)
}.

Definition start : state := {| at_ := fresh s; admitted := 0; hands := []; done := []; shown := [] |}.

Inductive step : state -> state -> Prop :=
| Admit m a h d v : admits s m = true -> a < length ->
    step {| at_ := m; admitted := a; hands := h; done := d; shown := v |}
         {| at_ := admit s m (S a) (log (S a)); admitted := S a; hands := h; done := d; shown := v |}
| Take m a h d v w j m' : ~ In w (map (fun x => fst (fst x)) h) -> take s m w = Some (j, m') ->
    step {| at_ := m; admitted := a; hands := h; done := d; shown := v |}
         {| at_ := m'; admitted := a; hands := (w, j, false) :: h; done := d; shown := v |}
| Write m a l w j r d v : may_write s m j = true ->
    step {| at_ := m; admitted := a; hands := l ++ (w, j, false) :: r; done := d; shown := v |}
         {| at_ := m; admitted := a; hands := l ++ (w, j, true) :: r; done := d ++ [j];
            shown := if reads_latest s then d ++ [j] else v |}
| Finish m a l w j r d v :
    step {| at_ := m; admitted := a; hands := l ++ (w, j, true) :: r; done := d; shown := v |}
         {| at_ := finish s m j; admitted := a; hands := l ++ r; done := d; shown := v |}
| Cut m a h d v :
    step {| at_ := m; admitted := a; hands := h; done := d; shown := v |}
         {| at_ := cut s m; admitted := a; hands := h; done := d; shown := v |}
| Publish m a h d v lsn : publishable s m = Some lsn ->
    step {| at_ := m; admitted := a; hands := h; done := d; shown := v |}
         {| at_ := published s m; admitted := a; hands := h; done := d;
            shown := if reads_latest s then v else d |}.

Inductive steps : state -> state -> Prop :=
| steps_none x : steps x x
| steps_more x y z : steps x y -> step y z -> steps x z.

Definition reachable (x : state) : Prop := steps start x.

(* Entries written, in order; whole entries only. *)
Definition entries (d : list job) : list nat := flat_map lsns d.
Definition is_whole (d : list job) : Prop := Forall (fun j => part j = None) d.

(* The levels of src/invariant.rs, for every run of every length. *)
Definition all_written (x : state) : Prop := forall i, 1 <= i <= length -> In i (entries (done x)).

Definition converges : Prop := forall x, reachable x -> all_written x ->
  is_whole (done x) /\
  forall (State : Type) (apply : State -> nat -> State) s0,
    (forall s i j, conflict log i j = false -> apply (apply s i) j = apply (apply s j) i) ->
    fold_left apply (entries (done x)) s0 = fold_left apply (prefix length) s0.

Definition sees (x : state) (k : key) : nat := version log (entries (shown x)) k.
Definition master_had (n : nat) (k : key) : nat := version log (prefix n) k.

Definition per_key_order : Prop := converges /\
  forall x y k, reachable x -> steps x y -> sees x k <= sees y k /\ master_had (sees y k) k = sees y k.

Definition prefix_level : Prop := converges /\
  forall x y, reachable x -> steps x y -> exists n m, n <= m <= length
    /\ (forall k, sees x k = master_had n k) /\ (forall k, sees y k = master_had m k).

Lemma steps_trans x y z : steps x y -> steps y z -> steps x z.
Proof.
  intros H G. revert H. induction G as [y|y z u G IH S]; intros H; [assumption|].
  exact (steps_more _ _ _ (IH H) S).
Qed.

(* An invariant of single steps holds in every reachable state. *)
Lemma invariant (P : state -> Prop) :
  P start -> (forall x y, P x -> step x y -> P y) -> forall x, reachable x -> P x.
Proof. intros B S x R. unfold reachable in R. remember start as o. induction R; subst; eauto. Qed.

(* The machine alone, with the jobs that it has handed out (`out`) and those that have come back (`back`). *)
Inductive machine_reach : machine s -> nat -> list job -> list job -> Prop :=
| mr_fresh : machine_reach (fresh s) 0 [] []
| mr_admit m a o b : machine_reach m a o b -> admits s m = true ->
    machine_reach (admit s m (S a) (log (S a))) (S a) o b
| mr_take m a o b w j m' : machine_reach m a o b -> take s m w = Some (j, m') -> machine_reach m' a (j :: o) b
| mr_finish m a l j r b : machine_reach m a (l ++ j :: r) b -> machine_reach (finish s m j) a (l ++ r) (j :: b)
| mr_cut m a o b : machine_reach m a o b -> machine_reach (cut s m) a o b
| mr_publish m a o b : machine_reach m a o b -> machine_reach (published s m) a o b.

Definition disciplined : Prop := forall m a o b w j m', machine_reach m a o b -> take s m w = Some (j, m') ->
  exists n, j = whole n /\ 1 <= n <= a /\ ~ In j o /\ ~ In j b
    /\ forall i, 1 <= i < n -> conflict log i n = true -> In (whole i) b.

End Replica.
Arguments at_ {s}. Arguments admitted {s}. Arguments hands {s}. Arguments done {s}. Arguments shown {s}.
