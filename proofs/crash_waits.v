(* What crash_runs.v requires of a strategy: it waits before it writes. A disciplined strategy does this. *)

Require Import List Bool Permutation Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica.
Require Replicheck.discipline.
Import ListNotations.

(* So that `cbn` opens records and leaves arithmetic and lists of entries alone. *)
Local Arguments Nat.sub _ _ : simpl never.
Local Arguments entries _ : simpl never.
Local Arguments lsns _ : simpl never.

Lemma in_entries i l : In i (entries l) <-> exists j, In j l /\ In i (lsns j).
Proof. apply in_flat_map. Qed.

Lemma entries_same l l' : Permutation l l' -> Permutation (entries l) (entries l').
Proof. apply Permutation_flat_map. Qed.

Lemma entries_app l l' : entries (l ++ l') = entries l ++ entries l'.
Proof. apply flat_map_app. Qed.

Lemma entries_cons j l : entries (j :: l) = lsns j ++ entries l.
Proof. reflexivity. Qed.

Lemma distinct_app (l l' : list nat) : NoDup l -> NoDup l' -> (forall i, In i l -> ~ In i l') -> NoDup (l ++ l').
Proof.
  induction l as [|x l IH]; intros N N' D; [assumption|]. inversion N; subst. simpl. constructor.
  - rewrite in_app_iff. intros [I|I]; [contradiction|]. apply (D x); [now left | assumption].
  - apply IH; auto. intros i I. apply D. now right.
Qed.

(* The strategy's machine within one run: jobs that are given, begun, and back. Unlike `machine_reach`, it asks whether a
   job may be written before the job comes back. *)
Section Machine.
Variable log : nat -> key_set.
Variable s : strategy.

Inductive worked : machine s -> nat -> list job -> list job -> list job -> Prop :=
| w_fresh : worked (fresh s) 0 [] [] []
| w_admit m a g u b : worked m a g u b -> admits s m = true -> worked (admit s m (S a) (log (S a))) (S a) g u b
| w_take m a g u b w j m' : worked m a g u b -> take s m w = Some (j, m') -> worked m' a (j :: g) u b
| w_begin m a j g u b : worked m a (j :: g) u b -> may_write s m j = true -> worked m a g (j :: u) b
| w_finish m a g j u b : worked m a g (j :: u) b -> worked (finish s m j) a g u (j :: b)
| w_cut m a g u b : worked m a g u b -> worked (cut s m) a g u b
| w_publish m a g u b : worked m a g u b -> worked (published s m) a g u b
| w_same m a g g' u u' b : worked m a g u b -> Permutation g g' -> Permutation u u' -> worked m a g' u' b.

(* What a life requires of a strategy. Each entry is handed out once, as part of a run. A run is written only when every
   entry that conflicts with one of its entries, except those in the run itself, has come back. *)
Record waits : Prop := {
  takes_new : forall m a g u b w j m', worked m a g u b -> take s m w = Some (j, m') ->
    part j = None /\ 1 <= first j <= last j /\ last j <= a /\ forall i, In i (lsns j) -> ~ In i (entries (g ++ u ++ b));
  begins_after : forall m a j g u b, worked m a (j :: g) u b -> may_write s m j = true ->
    forall n i, In n (lsns j) -> 1 <= i < n -> conflict log i n = true -> In i (lsns j) \/ In i (entries b);
}.

Lemma worked_reach m a g u b : worked m a g u b -> exists o, Permutation o (g ++ u) /\ machine_reach log s m a o b.
Proof.
  induction 1 as [|m a g u b W (o & P & R) A|m a g u b w j m' W (o & P & R) T|m a j g u b W (o & P & R) MW
    |m a g j u b W (o & P & R)|m a g u b W (o & P & R)|m a g u b W (o & P & R)|m a g g' u u' b W (o & P & R) PG PU].
  - exists []. split; [reflexivity | constructor].
  - exists o. split; [assumption | now constructor].
  - exists (j :: o). split; [now constructor | econstructor; eassumption].
  - exists o. split; [|assumption]. rewrite P. simpl. apply Permutation_middle.
  - assert (I : In j o) by (apply (Permutation_in j (Permutation_sym P)), in_or_app; right; now left).
    apply in_split in I as (l & r & ->). exists (l ++ r). split; [|now constructor].
    now apply Permutation_app_inv in P.
  - exists o. split; [assumption | now constructor].
  - exists o. split; [assumption | now constructor].
  - exists o. split; [|assumption]. rewrite P. now apply Permutation_app.
Qed.

Lemma disciplined_ready m a o b : disciplined log s -> machine_reach log s m a o b ->
  (forall j, In j (o ++ b) -> exists n, j = whole n /\ 1 <= n <= a)
  /\ (forall n, In (whole n) o -> forall i, 1 <= i < n -> conflict log i n = true -> In (whole i) b).
Proof.
  intros D. induction 1 as [|m a o b R [AL RD] A|m a o b w j m' R [AL RD] T|m a l j r b R [AL RD]|m a o b R IH|m a o b R IH];
    try assumption.
  - split; [intros j [] | intros n []].
  - split; [|assumption]. intros j I. destruct (AL j I) as (n & E & L). exists n. split; [assumption | lia].
  - destruct (D _ _ _ _ _ _ _ R T) as (n & E & L & _ & _ & C). split.
    + intros x [<-|I]; [now exists n | now apply AL].
    + intros n' [E'|I]; [|now apply RD]. rewrite E in E'. apply discipline.whole_inj in E'. now subst n'.
  - split.
    + intros x I. apply AL. rewrite !in_app_iff in *. simpl in *. tauto.
    + intros n I i L C. right. apply (RD n); auto.
      apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right].
Qed.

Lemma lsns_whole n : lsns (whole n) = [n].
Proof. unfold lsns. simpl. now replace (n + 1 - n) with 1 by lia. Qed.

Theorem disciplined_waits : disciplined log s -> waits.
Proof.
  intros D. split.
  - intros m a g u b w j m' W T. destruct (worked_reach _ _ _ _ _ W) as (o & P & R).
    destruct (D _ _ _ _ _ _ _ R T) as (n & -> & L & NO & NB & _). destruct (disciplined_ready _ _ _ _ D R) as [AL _].
    repeat split; simpl; try lia. intros i I I'. rewrite lsns_whole in I. destruct I as [<-|[]].
    rewrite app_assoc in I'. apply in_entries in I' as (j & I' & E).
    assert (IO : In j (o ++ b)) by (rewrite P; assumption).
    destruct (AL j IO) as (x & -> & _). rewrite lsns_whole in E. destruct E as [->|[]].
    apply in_app_or in IO as [IO|IO]; contradiction.
  - intros m a j g u b W MW n i I L C. destruct (worked_reach _ _ _ _ _ W) as (o & P & R).
    destruct (disciplined_ready _ _ _ _ D R) as [AL RD].
    assert (IO : In j o) by (rewrite P; now left).
    destruct (AL j) as (x & -> & _); [apply in_or_app; now left|]. rewrite lsns_whole in I. destruct I as [<-|[]].
    right. apply in_entries. exists (whole i). split; [now apply (RD x) | rewrite lsns_whole; now left].
Qed.

Hypothesis waits_s : waits.

Definition proper (a : nat) (l : list job) : Prop :=
  (forall j, In j l -> part j = None /\ 1 <= first j <= last j /\ last j <= a) /\ NoDup (entries l).

Lemma proper_same a l l' : Permutation l l' -> proper a l -> proper a l'.
Proof.
  intros P [R N]. split.
  - intros j I. apply R. now rewrite P.
  - now rewrite <- (entries_same _ _ P).
Qed.

Lemma worked_proper m a g u b : worked m a g u b -> proper a (g ++ u ++ b).
Proof.
  induction 1 as [|m a g u b W IH A|m a g u b w j m' W IH T|m a j g u b W IH MW
    |m a g j u b W IH|m a g u b W IH|m a g u b W IH|m a g g' u u' b W IH PG PU]; try assumption.
  - split; [intros j [] | constructor].
  - destruct IH as [R N]. split; [|assumption]. intros j I. destruct (R j I) as (? & ? & ?). repeat split; auto; lia.
  - destruct IH as [R N]. destruct (takes_new waits_s _ _ _ _ _ _ _ _ W T) as (PJ & RJ & LJ & NEW). split.
    + intros x [<-|I]; [now repeat split | now apply R].
    + change (NoDup (lsns j ++ entries (g ++ u ++ b))). apply distinct_app; auto. apply seq_NoDup.
  - apply (proper_same a (j :: g ++ u ++ b)); [apply (Permutation_middle g (u ++ b))|]. exact IH.
  - apply (proper_same a (g ++ (j :: u) ++ b)); [|assumption]. apply Permutation_app_head. simpl. apply Permutation_middle.
  - apply (proper_same a (g ++ u ++ b)); [|assumption]. rewrite PG. now rewrite PU.
Qed.
End Machine.
