(* `writeset_snapshots` (src/ordering/writeset_snapshots.rs): readers on published snapshots see only prefixes.

   Workers run out of order as under `writeset`. A snapshot is published when admission is closed and nothing is unfinished:
   then all admitted entries are written, and the store is the master's store after the last of them. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline Replicheck.writeset.
Import ListNotations.

Record machine := { inner : writeset.machine; newest : nat; closed_at : option nat }.

Definition is_idle (m : writeset.machine) : bool :=
  match waiting m, in_flight m with [], [] => true | _, _ => false end.

Definition snapshots : strategy := {|
  replica.machine := machine;
  replica.fresh := {| inner := writeset.fresh; newest := 0; closed_at := None |};
  replica.admits := fun m => match closed_at m with None => true | Some _ => false end;
  replica.admit := fun m n ks => {| inner := writeset.admit (inner m) n ks; newest := n; closed_at := closed_at m |};
  replica.take := fun m w =>
    match writeset.take (inner m) w with
    | Some (j, i) => Some (j, {| inner := i; newest := newest m; closed_at := closed_at m |})
    | None => None
    end;
  replica.may_write := fun _ _ => true;
  replica.finish := fun m j =>
    {| inner := writeset.finish (inner m) j; newest := newest m; closed_at := closed_at m |};
  replica.reads_latest := false;
  replica.cut := fun m => {| inner := inner m; newest := newest m; closed_at := Some (newest m) |};
  replica.publishable := fun m =>
    match closed_at m with Some n => if is_idle (inner m) then Some n else None | None => None end;
  replica.published := fun m => {| inner := inner m; newest := newest m; closed_at := None |} |}.

Section Snapshots.
Variable log : nat -> key_set.
Variable length : nat.

Lemma reach_inner m a o b : machine_reach log snapshots m a o b -> machine_reach log writeset (inner m) a o b.
Proof.
  induction 1 as [|m a o b R IH A|m a o b w j m' R IH T|m a l j r b R IH|m a o b R IH|m a o b R IH]; cbn in *.
  - exact (mr_fresh log writeset).
  - exact (mr_admit log writeset _ _ _ _ IH eq_refl).
  - destruct (writeset.take (inner m) w) as [[j' i]|] eqn:E; [|discriminate]. injection T as <- <-.
    exact (mr_take log writeset _ _ _ _ w _ _ IH E).
  - exact (mr_finish log writeset _ _ _ _ _ _ IH).
  - exact IH.
  - exact IH.
Qed.

Theorem snapshots_disciplined : disciplined log snapshots.
Proof.
  intros m a o b w j m' R T. apply reach_inner in R. cbn in T.
  destruct (writeset.take (inner m) w) as [[j' i]|] eqn:E; [|discriminate]. injection T as <- <-.
  exact (writeset_disciplined log _ _ _ _ _ _ _ R E).
Qed.

(* A published snapshot is whole: it has all entries up to some n, and nothing else. *)
Definition shows (x : state snapshots) (n : nat) : Prop :=
  exists ns, shown x = map whole ns /\ well_written log n ns /\ (forall i, 1 <= i <= n -> In i ns).

Definition numbered (x : state snapshots) : Prop :=
  newest (at_ x) = admitted x /\ (closed_at (at_ x) = None \/ closed_at (at_ x) = Some (admitted x)).

Lemma reachable_numbered x : reachable log length snapshots x -> numbered x.
Proof.
  revert x. apply invariant; [split; [reflexivity | now left]|].
  intros x y [N C] S. unfold numbered in *.
  destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
    | m a h d v lsn PUB]; cbn in *; auto.
  - destruct C as [C|C]; [auto | rewrite C in AD; discriminate].
  - destruct (writeset.take (inner m) w) as [[j' i]|]; [|discriminate]. injection TK as <- <-. auto.
Qed.

(* The number under which a snapshot is published is that of the last entry in it. *)
Lemma publishable_is_whole x lsn : reachable log length snapshots x -> publishable snapshots (at_ x) = Some lsn ->
  lsn = admitted x /\ exists ns, done x = map whole ns /\ well_written log lsn ns /\ forall i, 1 <= i <= lsn -> In i ns.
Proof.
  intros R P. pose proof (reachable_numbered x R) as [N C]. cbn in P.
  destruct C as [C|C]; rewrite C in P; [discriminate|].
  destruct (is_idle (inner (at_ x))) eqn:I; [|discriminate]. injection P as <-. split; [reflexivity|].
  destruct (reachable_kept log length snapshots snapshots_disciplined x R) as [(b & M & B) _ _ _ (ns & D & W) _].
  exists ns. split; [assumption|]. split; [assumption|]. intros i L.
  apply reach_inner, reach_good in M as [G _]. destruct (somewhere _ _ _ _ _ G i L) as [U|U].
  - unfold is_idle in I. unfold unfinished in U. destruct (waiting _); [|discriminate]. destruct (in_flight _); [|discriminate].
    contradiction.
  - apply in_whole. rewrite <- D. apply B. now left.
Qed.

Lemma shows_on x y n : reachable log length snapshots x -> shows x n -> n <= admitted x -> step log length snapshots x y ->
  exists m, n <= m <= admitted y /\ shows y m.
Proof.
  intros R H L S. pose proof S as S'.
  destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
    | m a h d v lsn PUB]; cbn in *; try (exists n; split; [lia | exact H]).
  destruct (publishable_is_whole _ lsn R PUB) as (-> & ns & D & W & C). cbn in *.
  exists a. split; [lia|]. exists ns. auto.
Qed.

Lemma reachable_shows x : reachable log length snapshots x -> exists n, n <= admitted x /\ shows x n.
Proof.
  unfold reachable. intros R. remember (start snapshots) as o eqn:O. revert O.
  induction R as [x|o x y R IH S]; intros ->.
  - exists 0. split; [reflexivity|]. exists []. split; [reflexivity|]. split; [|intros; lia].
    apply (prefix_well_written log 0 0). lia.
  - destruct (IH eq_refl) as (n & L & H). destruct (shows_on x y n R H L S) as (m & Lm & Hm). exists m. split; [lia | assumption].
Qed.

Lemma shown_versions x n k : shows x n -> sees log snapshots x k = master_had log n k.
Proof.
  intros (ns & E & W & C). unfold sees, master_had. rewrite E, entries_whole.
  now apply complete_has_the_masters_versions.
Qed.

Theorem snapshots_keep_prefix : prefix_level log length snapshots.
Proof.
  split; [apply disciplined_converges, snapshots_disciplined|].
  intros x y R S. destruct (reachable_shows x R) as (n & L & H).
  assert (E : exists m, n <= m <= admitted y /\ shows y m).
  { induction S as [x|x y z S IH T]; [exists n; split; [lia | assumption]|].
    destruct (IH R L H) as (m & Lm & Hm).
    destruct (shows_on y z m (steps_trans log length snapshots _ _ _ R S) Hm (proj2 Lm) T) as (m' & Lm' & Hm').
    exists m'. split; [lia | assumption]. }
  destruct E as (m & Lm & Hm). exists n, m.
  pose proof (in_log log length snapshots y (reachable_kept log length snapshots snapshots_disciplined y (steps_trans log length snapshots _ _ _ R S))).
  split; [lia|]. split; intros k; now apply shown_versions.
Qed.
End Snapshots.
