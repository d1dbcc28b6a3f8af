(* Runs with crashes: the machine of replica.v, with the watermark of watermark.v, produces a life of crash.v.

   crash.v proves for any `life` that it ends in the master's state, and that readers that wait see no version go back. `life`
   assumes that an entry is written after all entries that it conflicts with, and that a marker counts nothing that is not on
   the disk. Here both are proved, for a node with a log, a disk, a strategy, workers, a watermark, any number of crashes.

   A job is given, writing, written, finished (src/apply/applier.rs). Its marker is settled when a worker begins to write:
   the watermark of what is finished, with the job's own entries. Other jobs may begin, write and finish before its batch is
   on the disk, so markers on the disk may go back. A batch reaches the disk at some moment between `begin` and `finish`;
   the applier learns of it later, and no step depends on it in between. A checkpoint writes the watermark alone.
   A restart writes the entries after the marker of the last batch left, in log order, as one batch or several, each with
   its last entry as its marker (src/engine/open.rs, `write_recovered`). Then a fresh strategy begins, without these entries.

   A batch has any number of entries. A job is a run of whole entries: parts of entries, and batches that leave out an entry
   between two others, are not modelled. Strategies are covered by `waits` (crash_waits.v) in crash_strategies.v. The machine
   of a strategy counts from 1 in every run; in Rust it counts from the base. One strategy is used in all runs. *)

Require Import List Bool Permutation Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica.
Require Export Replicheck.crash_waits Replicheck.crash_disk.
Require Replicheck.crash Replicheck.watermark.
Import ListNotations.

(* So that `cbn` opens records and leaves arithmetic and lists of entries alone. *)
Local Arguments Nat.sub _ _ : simpl never. Local Arguments entries _ : simpl never. Local Arguments lsns _ : simpl never.
Local Arguments entries_on _ : simpl never. Local Arguments marker_on _ : simpl never. Local Arguments singles _ : simpl never.

Section Runs.
Variable log : nat -> key_set.
Variable length : nat.
Variable s : strategy.
(* The log as the strategy sees it in a run that began after `n` entries. *)
Definition after (n : nat) : nat -> key_set := fun i => log (n + i).

(* A run, once it has recovered. A worker is in one of three lists, or has no job. *)
Record pool := {
  base : nat;                          (* the last recovered entry; the next is the strategy's entry 1 *)
  at_ : machine s;
  admitted : nat;
  given : list (nat * job);
  writing : list (nat * job * nat);    (* with the marker *)
  unfinished : list (nat * job);       (* the batch is on the disk, the strategy does not know *)
  mark : watermark.watermark;
}.

Definition busy (g : list (nat * job)) (r : list (nat * job * nat)) (u : list (nat * job)) : list nat :=
  map fst g ++ map (fun x => fst (fst x)) r ++ map fst u.
Definition open (n : nat) : pool :=
  {| base := n; at_ := fresh s; admitted := 0; given := []; writing := []; unfinished := [];
     mark := {| watermark.low := n; watermark.above := [] |} |}.

(* `works received p out q`: a step of a run whose log has `received` entries; `out` is written to the disk. *)
Inductive works (received : nat) : pool -> list batch -> pool -> Prop :=
| Admit n m a g r u w : admits s m = true -> n + a < received ->
    works received {| base := n; at_ := m; admitted := a; given := g; writing := r; unfinished := u; mark := w |} []
      {| base := n; at_ := admit s m (S a) (after n (S a)); admitted := S a; given := g; writing := r; unfinished := u;
         mark := w |}
| Take n m a g r u w v j m' : ~ In v (busy g r u) -> take s m v = Some (j, m') ->
    works received {| base := n; at_ := m; admitted := a; given := g; writing := r; unfinished := u; mark := w |} []
      {| base := n; at_ := m'; admitted := a; given := (v, j) :: g; writing := r; unfinished := u; mark := w |}
| Begin n m a g1 g2 r u w v j : may_write s m j = true ->
    works received
      {| base := n; at_ := m; admitted := a; given := g1 ++ (v, j) :: g2; writing := r; unfinished := u; mark := w |} []
      {| base := n; at_ := m; admitted := a; given := g1 ++ g2;
         writing := (v, j, watermark.low (finished w (numbers n j))) :: r; unfinished := u; mark := w |}
| Wrote n m a g r1 r2 u w v j marker :
    works received
      {| base := n; at_ := m; admitted := a; given := g; writing := r1 ++ (v, j, marker) :: r2; unfinished := u; mark := w |}
      [(numbers n j, marker)]
      {| base := n; at_ := m; admitted := a; given := g; writing := r1 ++ r2; unfinished := (v, j) :: u; mark := w |}
| Finish n m a g r u1 u2 w v j :
    works received
      {| base := n; at_ := m; admitted := a; given := g; writing := r; unfinished := u1 ++ (v, j) :: u2; mark := w |} []
      {| base := n; at_ := finish s m j; admitted := a; given := g; writing := r; unfinished := u1 ++ u2;
         mark := finished w (numbers n j) |}
| Mark n m a g r u w :
    works received {| base := n; at_ := m; admitted := a; given := g; writing := r; unfinished := u; mark := w |}
      [([], watermark.low w)]
      {| base := n; at_ := m; admitted := a; given := g; writing := r; unfinished := u; mark := w |}
| Cut n m a g r u w :
    works received {| base := n; at_ := m; admitted := a; given := g; writing := r; unfinished := u; mark := w |} []
      {| base := n; at_ := cut s m; admitted := a; given := g; writing := r; unfinished := u; mark := w |}
| Publish n m a g r u w lsn : publishable s m = Some lsn ->
    works received {| base := n; at_ := m; admitted := a; given := g; writing := r; unfinished := u; mark := w |} []
      {| base := n; at_ := published s m; admitted := a; given := g; writing := r; unfinished := u; mark := w |}.

Inductive phase :=
| Recovering (through : nat)  (* all up to this entry is written again, or was before the marker *)
| Running (p : pool).

(* The disk has two parts: what this run found when it began, and what it has added. *)
Record state := { received : nat; found : list batch; added : list batch; doing : phase }.
Definition disk (x : state) : list batch := found x ++ added x.
(* A new node: nothing received, nothing on the disk. *)
Definition start : state := {| received := 0; found := []; added := []; doing := Recovering 0 |}.

(* While a node recovers, it receives nothing. A crash may take the last entries of the log, too. If it takes one that the
   marker counts, the node refuses to start (`OpenError::Ahead`): there is no such step. *)
Inductive step : state -> state -> Prop :=
| Receive e f d p : e < length ->
    step {| received := e; found := f; added := d; doing := Running p |}
         {| received := S e; found := f; added := d; doing := Running p |}
| Recover e f d n to : n < to <= e ->
    step {| received := e; found := f; added := d; doing := Recovering n |}
         {| received := e; found := f; added := d ++ [(seq (S n) (to - n), to)]; doing := Recovering to |}
| Open e f d :
    step {| received := e; found := f; added := d; doing := Recovering e |}
         {| received := e; found := f; added := d; doing := Running (open e) |}
| Work e f d p out q : works e p out q ->
    step {| received := e; found := f; added := d; doing := Running p |}
         {| received := e; found := f; added := d ++ out; doing := Running q |}
| Crash x left lost e : disk x = left ++ lost -> marker_on left <= e <= received x ->
    step x {| received := e; found := left; added := []; doing := Recovering (marker_on left) |}.

Inductive steps : state -> state -> Prop :=
| steps_none x : steps x x
| steps_more x y z : steps x y -> step y z -> steps x z.

Lemma steps_trans x y z : steps x y -> steps y z -> steps x z.
Proof.
  intros H G. revert H. induction G as [y|y z u G IH S]; intros H; [assumption|].
  exact (steps_more _ _ _ (IH H) S).
Qed.

Definition reachable (x : state) : Prop := steps start x.

Hypothesis waits_s : forall n, waits (after n) s.

Definition begun (p : pool) : list job := map (fun x => snd (fst x)) (writing p) ++ map snd (unfinished p).

Record pool_kept (e m : nat) (now : list nat) (p : pool) (b : list job) : Prop := {
  on_machine : worked (after (base p)) s (at_ p) (admitted p) (map snd (given p)) (begun p) b;
  in_log : m <= base p /\ base p + admitted p <= e;
  on_disk : exists ws, now = seq (S m) (base p - m) ++ map (Nat.add (base p)) ws
    /\ forall i, In i ws <-> In i (entries (map snd (unfinished p) ++ b));
  marked : exists fs, mark p = finished {| watermark.low := base p; watermark.above := [] |} (map (Nat.add (base p)) fs)
    /\ forall i, In i fs <-> In i (entries b);
  settled : forall v j marker, In (v, j, marker) (writing p) -> base p <= marker
    /\ (forall i, base p < i <= marker -> In i (numbers (base p) j) \/ In i (map (Nat.add (base p)) (entries b)))
    /\ forall n i, In n (lsns j) -> 1 <= i < n -> conflict (after (base p)) i n = true ->
         In i (lsns j) \/ In i (entries b);
}.

Lemma open_kept e m : m <= e -> pool_kept e m (seq (S m) (e - m)) (open e) [].
Proof.
  intros L. split; cbn.
  - constructor.
  - lia.
  - exists []. rewrite app_nil_r. split; reflexivity.
  - exists []. split; reflexivity.
  - contradiction.
Qed.

(* A step that changes only the strategy's machine, what is admitted and which jobs are given keeps `pool_kept`. *)
Lemma same_kept e e' m now p q b :
  pool_kept e m now p b -> base q = base p -> e <= e' -> base q + admitted q <= e' ->
  worked (after (base q)) s (at_ q) (admitted q) (map snd (given q)) (begun q) b ->
  writing q = writing p -> unfinished q = unfinished p -> mark q = mark p -> pool_kept e' m now q b.
Proof.
  intros [M L D W S] B E A M' R U K. split; rewrite ?B, ?R, ?U, ?K in *; try assumption. lia.
Qed.

Lemma in_log_more e m now p b : pool_kept e m now p b -> pool_kept (S e) m now p b.
Proof. intros [M L D W S]. split; try assumption. lia. Qed.

Lemma works_kept e m now p b out q : pool_kept e m now p b -> works e p out q ->
  exists b', pool_kept e m (now ++ entries_on out) q b'.
Proof.
  intros K S. destruct S as [n x a g r u w AD LT | n x a g r u w v j x' FREE TK | n x a g1 g2 r u w v j MW
    | n x a g r1 r2 u w v j mk | n x a g r u1 u2 w v j | n x a g r u w | n x a g r u w | n x a g r u w lsn PUB];
    rewrite ?entries_on_one, ?app_nil_r.
  - exists b. pose proof (in_log _ _ _ _ _ K) as L. pose proof (on_machine _ _ _ _ _ K) as M. cbn in *.
    eapply same_kept; [exact K | | | | | | |]; cbn; try reflexivity; try lia. now constructor.
  - exists b. pose proof (in_log _ _ _ _ _ K) as L. pose proof (on_machine _ _ _ _ _ K) as M. cbn in *.
    eapply same_kept; [exact K | | | | | | |]; cbn; try reflexivity; try lia. econstructor; eassumption.
  - exists b. destruct K as [M L D (fs & EF & F) ST]. unfold begun in *. cbn in *. subst w.
    rewrite map_app in M. cbn in M.
    apply (w_same _ _ _ _ _ (j :: map snd g1 ++ map snd g2) _ (map (fun x => snd (fst x)) r ++ map snd u)) in M;
      [| symmetry; apply Permutation_middle | reflexivity].
    split; cbn.
    + rewrite map_app. now apply (w_begin _ _ _ _ j).
    + assumption.
    + assumption.
    + now exists fs.
    + intros v' j' mk [E|I]; [|now apply (ST v' j' mk)]. injection E as <- <- <-.
      destruct (worked_proper _ _ (waits_s n) _ _ _ _ _ M) as [PR _].
      destruct (marker_counts n fs (lsns j)) as [MB MC].
      { intros i I. apply in_app_or in I as [I|I].
        - apply F, in_entries in I as (y & I & Iy). apply in_lsns in Iy.
          destruct (PR y) as (_ & ? & _); [right; apply in_or_app; right; apply in_or_app; now right | lia].
        - apply in_lsns in I. destruct (PR j) as (_ & ? & _); [now left | lia]. }
      split; [exact MB|]. split.
      * intros i B. destruct (MC i B) as [I|I]; [now left | right].
        apply in_map_iff in I as (y & <- & I). apply in_map. now apply F.
      * exact (begins_after _ _ (waits_s n) _ _ _ _ _ _ M MW).
  - exists b. destruct K as [M L (ws & -> & D) F ST]. unfold begun in *. cbn in *. rewrite map_app in M. cbn in M.
    split; unfold begun; cbn.
    + apply (w_same _ _ _ _ _ _ _ _ _ M); [reflexivity|]. rewrite map_app, <- !app_assoc. cbn.
      apply Permutation_app_head. apply Permutation_middle.
    + assumption.
    + exists (ws ++ lsns j). rewrite map_app, app_assoc. split; [reflexivity|]. intros i.
      rewrite in_app_iff, D, entries_cons, in_app_iff. tauto.
    + assumption.
    + intros v' j' mk' I. apply (ST v'). apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right].
  - exists (j :: b). destruct K as [M L (ws & -> & D) (fs & EF & F) ST]. unfold begun in *. cbn in *. subst w. rewrite map_app in M. cbn in M.
    apply (w_same _ _ _ _ _ (map snd g) _ (j :: map (fun x => snd (fst x)) r ++ map snd u1 ++ map snd u2)) in M;
      [| reflexivity | rewrite !app_assoc; symmetry; apply Permutation_middle].
    split; unfold begun; cbn.
    + rewrite map_app. now constructor.
    + assumption.
    + exists ws. split; [reflexivity|]. intros i. rewrite D, !map_app. cbn [map snd]. rewrite !entries_app, !in_app_iff.
      rewrite !entries_cons, !in_app_iff. tauto.
    + exists (fs ++ lsns j). unfold finished, numbers. rewrite map_app, fold_left_app. split; [reflexivity|]. intros i.
      rewrite entries_cons, !in_app_iff, F. tauto.
    + rewrite entries_cons, map_app.
      intros v' j' mk' I. destruct (ST v' j' mk' I) as (B & C & W). split; [assumption|]. split.
      * intros i Bi. rewrite in_app_iff. destruct (C i Bi); tauto.
      * intros k i Ik Li Cf. rewrite in_app_iff. destruct (W k i Ik Li Cf); tauto.
  - now exists b.
  - exists b. pose proof (in_log _ _ _ _ _ K) as L. pose proof (on_machine _ _ _ _ _ K) as M. cbn in *.
    eapply same_kept; [exact K | | | | | | |]; cbn; try reflexivity; try lia. now constructor.
  - exists b. pose proof (in_log _ _ _ _ _ K) as L. pose proof (on_machine _ _ _ _ _ K) as M. cbn in *.
    eapply same_kept; [exact K | | | | | | |]; cbn; try reflexivity; try lia. now constructor.
Qed.

(* The entries that the watermark counts are finished. *)
Lemma mark_counts e m now p b : pool_kept e m now p b -> base p <= watermark.low (mark p)
  /\ forall i, base p < i <= watermark.low (mark p) -> In (i - base p) (entries b).
Proof.
  intros [M _ _ (fs & E & F) _]. destruct (worked_proper _ _ (waits_s (base p)) _ _ _ _ _ M) as [PR _].
  destruct (marker_counts (base p) fs []) as [L C].
  { rewrite app_nil_r. intros i I. apply F, in_entries in I as (y & I & Iy). apply in_lsns in Iy.
    destruct (PR y) as (_ & ? & _); [apply in_or_app; right; apply in_or_app; now right | lia]. }
  cbn in L, C. rewrite <- E in L, C. split; [assumption|]. intros i B. destruct (C i B) as [[]|I].
  apply in_moved in I; [now apply F | lia].
Qed.

Lemma works_lives e m now p b out q d : pool_kept e m now p b -> works e p out q -> e <= length ->
  crash.life log length d m now -> crash.life log length (d ++ singles out) m (now ++ entries_on out).
Proof.
  intros K S LE H. destruct S as [| | | n x a g r1 r2 u w v j mk | | n x a g r u w | |];
    rewrite ?singles_one, ?entries_on_one, ?app_nil_r; try assumption.
  2: { destruct (mark_counts _ _ _ _ _ K) as [ML MC]. destruct K as [_ L (ws & E & D) _ _]. cbn in *.
       apply crash.marks; [assumption | | lia]. intros i B. rewrite E, in_app_iff, in_seq.
       destruct (le_lt_dec i n) as [G|G]; [left; lia | right]. apply in_moved; [assumption|]. apply D.
       rewrite entries_app. apply in_or_app. right. apply MC. lia. }
  destruct K as [M L (ws & E & D) _ ST]. unfold begun in M. cbn in *. rewrite map_app in M. cbn in M.
  destruct (ST v j mk) as (BM & MC & WT); [apply in_or_app; right; now left|].
  destruct (worked_proper _ _ (waits_s n) _ _ _ _ _ M) as [PR ND].
  assert (P : Permutation
    (map snd g ++ ((map (fun x => snd (fst x)) r1 ++ j :: map (fun x => snd (fst x)) r2) ++ map snd u) ++ b)
    (j :: map snd g ++ map (fun x => snd (fst x)) r1 ++ map (fun x => snd (fst x)) r2 ++ map snd u ++ b)).
  { rewrite <- !app_assoc. cbn. rewrite !app_assoc. rewrite <- (app_assoc (_ ++ _)). symmetry.
    rewrite <- !app_assoc. rewrite !(app_assoc (map snd g)). apply Permutation_middle. }
  rewrite (entries_same _ _ P) in ND. destruct (PR j) as (_ & R & LA); [rewrite P; now left|].
  rewrite entries_cons in ND.
  assert (NJ : forall i, In i (lsns j) -> ~ In i (entries (map snd u ++ b))).
  { intros i I I'. apply in_split in I as (p & q & EQ). rewrite EQ, <- app_assoc in ND. cbn in ND.
    apply NoDup_remove_2 in ND. apply ND. rewrite !entries_app, !in_app_iff in *. tauto. }
  assert (WS : forall i, n < i -> In i now <-> In (i - n) ws).
  { intros i B. rewrite E, in_app_iff, in_seq, in_moved; [|assumption]. intuition lia. }
  assert (BW : forall i, In i (entries b) -> In i ws).
  { intros i I. apply D. rewrite entries_app. apply in_or_app. now right. }
  rewrite numbers_are. replace (last j + 1 - first j) with (S (last j - first j)) by lia.
  apply batch_lives; try assumption; try lia.
  - intros i B I. rewrite WS in I by lia. apply D in I. revert I. apply NJ, in_lsns. lia.
  - intros i k B Bk C. destruct (le_lt_dec k n) as [G|G].
    + right. rewrite E. apply in_or_app. left. apply in_seq. lia.
    + rewrite WS by assumption. destruct (WT (i - n) (k - n)) as [I|I].
      * apply in_lsns. lia.
      * lia.
      * unfold conflict, after in *. now rewrite !Nat.add_sub_assoc, !(Nat.add_comm n), !Nat.add_sub by lia.
      * left. apply in_lsns in I. lia.
      * right. now apply BW.
  - intros i B. destruct (le_lt_dec i n) as [G|G].
    + right. rewrite E. apply in_or_app. left. apply in_seq. lia.
    + rewrite WS by assumption. destruct (MC i) as [I|I]; [lia | |].
      * left. apply in_numbers in I. lia.
      * right. apply BW. apply in_moved in I; assumption.
Qed.

Record kept (x : state) : Prop := {
  lives : crash.life log length (singles (disk x)) (marker_on (found x)) (entries_on (added x));
  of_the_log : received x <= length;
  this_run : match doing x with
    | Recovering n => marker_on (found x) <= n <= received x
        /\ entries_on (added x) = seq (S (marker_on (found x))) (n - marker_on (found x))
    | Running p => exists b, pool_kept (received x) (marker_on (found x)) (entries_on (added x)) p b
    end;
}.

Lemma start_kept : kept start.
Proof.
  split; cbn.
  - constructor.
  - lia.
  - change (marker_on []) with 0. split; [lia | reflexivity].
Qed.

Lemma step_kept x y : kept x -> step x y -> kept y.
Proof.
  intros [H LE T] S. unfold disk in *.
  destruct S as [e f d p LT | e f d n to B | e f d | e f d p out q W | x left lost e E B]; cbn in *.
  - split; unfold disk; cbn; try assumption. destruct T as (b & K). exists b. now apply in_log_more.
  - destruct T as [R E]. assert (Q : seq (S n) (to - n) = seq (S n) (S (to - n - 1))) by (f_equal; lia).
    split; unfold disk; cbn; try assumption.
    + rewrite app_assoc, singles_app, entries_on_app, singles_one, entries_on_one, Q.
      apply batch_lives; try assumption; try lia; rewrite E.
      * intros i Bi. rewrite in_seq. lia.
      * intros i k Bi Bk _. rewrite in_seq. lia.
      * intros i Bi. rewrite in_seq. lia.
    + split; [lia|]. rewrite entries_on_app, E, entries_on_one.
      replace (to - marker_on f) with ((n - marker_on f) + (to - n)) by lia. rewrite seq_app. f_equal. f_equal. lia.
  - destruct T as [R E]. split; unfold disk; cbn; try assumption. exists []. rewrite E. apply open_kept. lia.
  - destruct T as (b & K). destruct (works_kept _ _ _ _ _ _ _ K W) as (b' & K').
    split; unfold disk; cbn [received found added doing]; try assumption.
    + rewrite app_assoc, singles_app, entries_on_app. now apply (works_lives e _ _ p b out q).
    + exists b'. now rewrite entries_on_app.
  - unfold disk in E. rewrite E, singles_app in H.
    split; unfold disk; cbn; rewrite ?app_nil_r; try assumption; try lia.
    + rewrite <- (marker_singles left). now apply (crash.crashes log length (singles left) (singles lost) _ _ H).
    + split; [lia|]. now rewrite Nat.sub_diag.
Qed.

(* In every state that a node reaches, what is on its disk is a life. *)
Theorem reachable_kept x : reachable x -> kept x.
Proof.
  unfold reachable. intros R. remember start as o eqn:O. revert O.
  induction R as [x|o x y R IH S]; intros ->; [exact start_kept|]. now apply (step_kept x y); [apply IH|].
Qed.

Theorem runs_are_lives x : reachable x ->
  crash.life log length (singles (disk x)) (marker_on (found x)) (entries_on (added x)).
Proof. intros R. exact (lives x (reachable_kept x R)). Qed.

(* This run has written all entries up to `n` that were not covered by the marker that it found. *)
Definition rerun_through (n : nat) (x : state) : Prop :=
  forall i, marker_on (found x) < i <= n -> In i (entries_on (added x)).

(* A run that has recovered has written every entry that the log had when the run began. *)
Lemma recovered_is_rerun x p : reachable x -> doing x = Running p -> rerun_through (base p) x.
Proof.
  intros R D i B. pose proof (this_run x (reachable_kept x R)) as K. rewrite D in K.
  destruct K as (b & [_ L (ws & E & _) _ _]). rewrite E. apply in_or_app. left. apply in_seq. lia.
Qed.

Lemma on_disk_in_log x i : reachable x -> In i (entries_on (disk x)) -> 1 <= i <= length.
Proof.
  intros R I. apply (crash.disk_range log length _ _ _ (crash.life_is_sound log length _ _ _ (runs_are_lives x R))).
  now rewrite entries_singles.
Qed.

(* convergence: a run that has reached the end of the log has the master's versions … *)
Theorem runs_end_as_the_master x k : reachable x -> rerun_through length x ->
  version log (entries_on (disk x)) k = version log (prefix length) k.
Proof.
  intros R C. rewrite <- entries_singles.
  exact (crash.rerun_has_the_masters_versions log length _ _ _ k (runs_are_lives x R) C).
Qed.

(* … and, with effects, the master's bytes. *)
Theorem runs_end_in_the_masters_state (Raw Value : Type) (owner : Raw -> key) (effect : nat -> Raw -> option Value) :
  (forall n r, effect n r <> None -> contains (log n) (owner r) = true) ->
  forall x s0 r, reachable x -> rerun_through length x ->
  fold_left (crash.apply Raw Value effect) (entries_on (disk x)) s0 r
  = fold_left (crash.apply Raw Value effect) (prefix length) s0 r.
Proof.
  intros O x s0 r R C. rewrite <- entries_singles.
  exact (crash.effects_converge_after_crashes log length Raw Value owner effect O _ _ _ s0 r (runs_are_lives x R) C).
Qed.

(* monotonic_reads: a reader sees nothing older than what was on the disk at any other time, if everything that was there at
   that time is written again by now: all entries up to `n`, and those that this run wrote after `n`. *)
Theorem readers_of_runs_never_go_back x y n k : reachable x -> reachable y -> rerun_through n y ->
  (forall i, In i (entries_on (disk x)) -> i <= n \/ In i (entries_on (added y))) ->
  version log (entries_on (disk x)) k <= version log (entries_on (disk y)) k.
Proof.
  intros RX RY C B. destruct (version_written log (entries_on (disk x)) k) as [[-> _]|[I T]]; [lia|].
  set (v := version log (entries_on (disk x)) k) in *. rewrite <- (entries_singles (disk y)).
  pose proof (on_disk_in_log x v RX I) as L. pose proof (runs_are_lives y RY) as H. destruct (B v I) as [Lv|Iv].
  - replace v with (version log [v] k) by (unfold version; simpl; now rewrite T).
    apply (crash.readers_who_wait_never_go_back log length _ _ _ n _ k H C). intros i [<-|[]]. lia.
  - destruct (crash.life_is_sound log length _ _ _ H) as [_ (before & -> & _) FR RW RR _].
    apply (crash.greatest_after log (marker_on (found y))); try assumption. intros i Ii. now apply RR.
Qed.

(* Crashes that leave the log as it was received. *)
Inductive log_safe : state -> state -> Prop :=
| safe_none x : log_safe x x
| safe_more x y z : log_safe x y -> step y z -> received y <= received z -> log_safe x z.

Lemma safe_steps x y : log_safe x y -> steps x y.
Proof. induction 1; [constructor | econstructor; eassumption]. Qed.

Record within_log (x : state) : Prop := {
  entries_within : forall i, In i (entries_on (disk x)) -> i <= received x;
  markers_within : forall ns m, In (ns, m) (disk x) -> m <= received x;
  recovered : forall p, doing x = Running p -> forall i, In i (entries_on (found x)) -> i <= base p;
}.

Lemma works_within e m now p b out q ns mk : pool_kept e m now p b -> works e p out q -> In (ns, mk) out ->
  mk <= e /\ forall i, In i ns -> i <= e.
Proof.
  intros K S. destruct S as [| | | n x a g r1 r2 u w v j mk' | | n x a g r u w | |]; try contradiction.
  2: { destruct (mark_counts _ _ _ _ _ K) as [ML MC]. destruct K as [M L _ _ _]. cbn in *.
       destruct (worked_proper _ _ (waits_s n) _ _ _ _ _ M) as [PR _].
       intros [E|[]]. injection E as <- <-. split; [|contradiction].
       destruct (le_lt_dec (watermark.low w) n) as [G|G]; [lia|].
       assert (I : In (watermark.low w - n) (entries b)) by (apply MC; lia).
       apply in_entries in I as (y & I & Iy). apply in_lsns in Iy. destruct (PR y) as (_ & _ & LY); [|lia].
       apply in_or_app. right. apply in_or_app. now right. }
  intros [E|[]]. injection E as <- <-. destruct K as [M L _ _ ST]. unfold begun in M. cbn in *.
  destruct (worked_proper _ _ (waits_s n) _ _ _ _ _ M) as [PR _].
  assert (IN : In j (map snd g ++ (map (fun x => snd (fst x)) (r1 ++ (v, j, mk') :: r2) ++ map snd u) ++ b)).
  { apply in_or_app. right. apply in_or_app. left. apply in_or_app. left. rewrite map_app. apply in_or_app. right. now left. }
  destruct (PR j IN) as (_ & R & LA). destruct (ST v j mk') as (BM & MC & _); [apply in_or_app; right; now left|].
  assert (J : forall i, In i (numbers n j) -> i <= e) by (intros i I; apply in_numbers in I; lia).
  split; [|assumption]. destruct (le_lt_dec mk' n) as [G|G]; [lia|].
  destruct (MC mk') as [I|I]; [lia | now apply J|]. apply in_moved in I; [|assumption].
  apply in_entries in I as (y & I & Iy). apply in_lsns in Iy. destruct (PR y) as (_ & _ & LY); [|lia].
  apply in_or_app. right. apply in_or_app. now right.
Qed.

Lemma base_stays e p out q : works e p out q -> base q = base p.
Proof. now destruct 1. Qed.

Lemma step_within x y : kept x -> within_log x -> step x y -> received x <= received y -> within_log y.
Proof.
  intros K [EW MW RC] S LE. destruct K as [_ _ T]. unfold disk in *.
  destruct S as [e f d p LT | e f d n to B | e f d | e f d p out q W | x left lost e E B]; cbn in *.
  - split; unfold disk; cbn; [| |assumption]; intros; [apply EW in H | apply MW in H]; lia.
  - split; unfold disk; cbn; [| |discriminate].
    + intros i. rewrite app_assoc, entries_on_app, in_app_iff, entries_on_one, in_seq. intros [I|I]; [now apply EW | lia].
    + intros ns m. rewrite app_assoc, in_app_iff. intros [I|[I|[]]]; [now apply (MW ns)|]. injection I as <- <-. lia.
  - split; unfold disk; cbn; try assumption. intros p [= <-] i I. cbn.
    apply EW. rewrite entries_on_app. apply in_or_app. now left.
  - destruct T as (b & K). split; unfold disk; cbn.
    + intros i. rewrite app_assoc, entries_on_app, in_app_iff. intros [I|I]; [now apply EW|].
      apply in_entries_on in I as (ns & m & I & J). exact (proj2 (works_within _ _ _ _ _ _ _ _ _ K W I) i J).
    + intros ns m. rewrite app_assoc, in_app_iff. intros [I|I]; [now apply (MW ns)|].
      exact (proj1 (works_within _ _ _ _ _ _ _ _ _ K W I)).
    + intros p' [= <-]. rewrite (base_stays _ _ _ _ W). now apply RC.
  - unfold disk in E. rewrite E in EW, MW. split; unfold disk; cbn; rewrite ?app_nil_r; [| |discriminate].
    + intros i I. rewrite entries_on_app in EW. specialize (EW i). rewrite in_app_iff in EW.
      assert (i <= received x) by tauto. lia.
    + intros ns m I. specialize (MW ns m). rewrite in_app_iff in MW. assert (m <= received x) by tauto. lia.
Qed.

Lemma safe_within x : log_safe start x -> within_log x.
Proof.
  intros R. remember start as o eqn:O. revert O. induction R as [x|o x y R IH S L]; intros ->.
  - split; [contradiction | contradiction | discriminate].
  - exact (step_within x y (reachable_kept x (safe_steps _ _ R)) (IH eq_refl) S L).
Qed.

(* No crash is the last: while crashes leave the log as it was received, a node starts again from any prefix of its batches. *)
Theorem every_crash_restarts x left lost : log_safe start x -> disk x = left ++ lost ->
  step x {| received := received x; found := left; added := []; doing := Recovering (marker_on left) |}.
Proof.
  intros R E. apply (Crash x left lost); [assumption|]. split; [|reflexivity].
  destruct left as [|[ns m] left _] using rev_ind; [apply Nat.le_0_l|].
  unfold marker_on. rewrite rev_app_distr. apply (markers_within x (safe_within x R) ns). rewrite E.
  apply in_or_app. left. apply in_or_app. right. now left.
Qed.

(* What was on the disk at x is on it again, or will be before readers are admitted. *)
Definition there_again (x y : state) : Prop := forall i, In i (entries_on (disk x)) ->
  match doing y with Recovering _ => i <= received y | Running p => i <= base p \/ In i (entries_on (added y)) end.

Lemma safe_there_again x y : log_safe start x -> log_safe x y -> there_again x y.
Proof.
  intros R S. assert (G : log_safe start y /\ there_again x y); [|exact (proj2 G)].
  induction S as [x|x y z S IH T L].
  - split; [assumption|]. intros i I. destruct (safe_within x R) as [EW _ RC].
    destruct (doing x) as [n|p] eqn:D; [now apply EW|].
    unfold disk in I. rewrite entries_on_app, in_app_iff in I. destruct I as [I|I]; [left; now apply (RC p) | now right].
  - destruct (IH R) as [RY G]. split; [econstructor; eassumption|]. intros i I. specialize (G i I).
    pose proof (safe_within y RY) as [EW _ _]. pose proof (this_run y (reachable_kept y (safe_steps _ _ RY))) as K.
    destruct T as [e f d p LT | e f d n to B | e f d | e f d p out q W | y left lost e E B]; cbn in *; try assumption.
    + now left.
    + rewrite (base_stays _ _ _ _ W), entries_on_app, in_app_iff. tauto.
    + destruct (doing y) as [n|p]; [lia|]. destruct G as [G|G].
      * destruct K as (b & [_ B' _ _ _]). apply (Nat.le_trans _ (base p)); [assumption | lia].
      * enough (i <= received y) by lia. apply EW. unfold disk. rewrite entries_on_app. apply in_or_app. now right.
Qed.

(* monotonic_reads of the machine: only a run that has recovered serves readers. No reader sees a version go back, within
   one run or over any number of crashes. *)
Theorem served_readers_never_go_back x y p q k : log_safe start x -> log_safe x y ->
  doing x = Running p -> doing y = Running q ->
  version log (entries_on (disk x)) k <= version log (entries_on (disk y)) k.
Proof.
  intros R S DX DY.
  assert (RY : reachable y) by exact (steps_trans _ _ _ (safe_steps _ _ R) (safe_steps _ _ S)).
  apply (readers_of_runs_never_go_back x y (base q)); [exact (safe_steps _ _ R) | exact RY | |].
  - now apply recovered_is_rerun.
  - intros i I. pose proof (safe_there_again x y R S i I) as G. now rewrite DY in G.
Qed.

End Runs.
