(* `writeset` (src/ordering/writeset.rs): to wait for the last entry that touched each key is to wait for all of them.

   An entry waits only for the last unfinished entry of each of its keys. That entry waited for the conflicting entries
   before it, so they have finished when it has finished. So the strategy is disciplined and keeps per_key_order. It does
   not keep prefix, as a run of two entries shows.

   The Rust machine differs in two points. There a waiting entry has the number of entries that it waits for, and each
   unfinished entry has the list of those that wait for it; here a waiting entry has the list of those that it waits for. Here
   `Everything` waits for all that is unfinished; there only for entries from the last `Everything` on, which itself waited
   for the rest. That both offer the same entries is compared, not proved: tests/machines/guards.rs. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline.
Import ListNotations.

Record machine := {
  last_of : key -> option nat;         (* the last unfinished entry that touches a key *)
  last_everything : option nat;        (* … and that touches everything *)
  waiting : list (nat * list nat);     (* not taken yet, with the unfinished entries that each waits for; oldest first *)
  in_flight : list nat;
}.

Definition fresh : machine :=
  {| last_of := fun _ => None; last_everything := None; waiting := []; in_flight := [] |}.

Definition unfinished (m : machine) : list nat := map fst (waiting m) ++ in_flight m.

Definition given (o : option nat) : list nat := match o with Some n => [n] | None => [] end.

Definition waits_for (m : machine) (ks : key_set) : list nat :=
  match ks with
  | Everything => unfinished m
  | Keys l => flat_map (fun k => given (last_of m k)) l ++ given (last_everything m)
  end.

Definition admit (m : machine) (n : nat) (ks : key_set) : machine :=
  {| last_of := match ks with
                | Everything => fun _ => None
                | Keys l => fun k => if mem k l then Some n else last_of m k
                end;
     last_everything := match ks with Everything => Some n | Keys _ => last_everything m end;
     waiting := waiting m ++ [(n, waits_for m ks)];
     in_flight := in_flight m |}.

Fixpoint first_ready (w : list (nat * list nat)) : option (nat * list (nat * list nat)) :=
  match w with
  | [] => None
  | (n, []) :: rest => Some (n, rest)
  | e :: rest => match first_ready rest with Some (n, rest') => Some (n, e :: rest') | None => None end
  end.

Definition take (m : machine) (_ : nat) : option (job * machine) :=
  match first_ready (waiting m) with
  | Some (n, rest) =>
      Some (whole n, {| last_of := last_of m; last_everything := last_everything m; waiting := rest;
                        in_flight := n :: in_flight m |})
  | None => None
  end.

Definition without (n : nat) (l : list nat) : list nat := filter (fun x => negb (x =? n)) l.
Definition forget (n : nat) (o : option nat) : option nat :=
  match o with Some x => if x =? n then None else o | None => None end.

Definition finish (m : machine) (j : job) : machine :=
  {| last_of := fun k => forget (first j) (last_of m k);
     last_everything := forget (first j) (last_everything m);
     waiting := map (fun e => (fst e, without (first j) (snd e))) (waiting m);
     in_flight := without (first j) (in_flight m) |}.

Definition writeset : strategy := {|
  replica.machine := machine; replica.fresh := fresh; replica.admits := fun _ => true; replica.admit := admit;
  replica.take := take; replica.may_write := fun _ _ => true; replica.finish := finish; replica.reads_latest := true;
  replica.cut := fun m => m; replica.publishable := fun _ => None; replica.published := fun m => m |}.

Lemma first_ready_splits w n rest :
  first_ready w = Some (n, rest) -> exists p q, w = p ++ (n, []) :: q /\ rest = p ++ q.
Proof.
  revert rest. induction w as [|[i [|x l]] w IH]; simpl; intros rest H; [discriminate | |].
  - injection H as <- <-. now exists [], w.
  - destruct (first_ready w) as [[n' r]|]; [|discriminate]. injection H as -> <-.
    destruct (IH r eq_refl) as (p & q & -> & ->). now exists ((i, x :: l) :: p), q.
Qed.

Lemma in_without n l x : In x (without n l) <-> In x l /\ x <> n.
Proof. unfold without. rewrite filter_In, negb_true_iff, Nat.eqb_neq. reflexivity. Qed.

Lemma forget_some n o x : forget n o = Some x <-> o = Some x /\ x <> n.
Proof.
  destruct o as [y|]; simpl; [|split; [discriminate | intros []; discriminate]].
  destruct (Nat.eqb_spec y n).
  - split; [discriminate | intros [E]; congruence].
  - split; [intros E; injection E as <-; auto | intros []; congruence].
Qed.

Lemma in_given o x : In x (given o) <-> o = Some x.
Proof.
  destruct o; simpl; split; intros H; try contradiction; try discriminate.
  - destruct H as [->|[]]. reflexivity.
  - injection H. auto.
Qed.

Section Discipline.
Variable log : nat -> key_set.

(* The witness m stands for the earlier entry i: it is i, or a later one that waited for i. *)
Definition stands_for (i m : nat) : Prop := m = i \/ (i < m /\ conflict log i m = true).

Record good (m : machine) (a : nat) (out back : list job) : Prop := {
  held : forall j, In j out <-> exists n, j = whole n /\ In n (in_flight m);
  somewhere : forall i, 1 <= i <= a -> In i (unfinished m) \/ In (whole i) back;
  admitted_only : forall i, In i (unfinished m) -> 1 <= i <= a;
  finished : forall j, In j back -> exists n, j = whole n /\ n <= a /\ ~ In n (unfinished m);
  once : NoDup (unfinished m);
  flight_waited : forall n i, In n (in_flight m) -> i < n -> In i (unfinished m) -> conflict log i n = false;
  chain : forall n ws i, In (n, ws) (waiting m) -> i < n -> In i (unfinished m) -> conflict log i n = true ->
    exists w, In w ws /\ stands_for i w;
  tracked : forall k i, In i (unfinished m) -> contains (log i) k = true ->
    exists w, (last_of m k = Some w \/ last_everything m = Some w) /\ stands_for i w;
}.

Lemma fresh_good : good fresh 0 [] [].
Proof.
  split; simpl; try contradiction; try constructor; try (intros; lia); try contradiction.
  intros (n & _ & []).
Qed.

Lemma unfinished_admit m n ks i : In i (unfinished (admit m n ks)) <-> i = n \/ In i (unfinished m).
Proof.
  unfold unfinished. simpl. rewrite map_app, !in_app_iff. simpl. intuition.
Qed.

Lemma admit_good m a out back : good m a out back -> good (admit m (S a) (log (S a))) (S a) out back.
Proof.
  intros [HD SW AO FI ON FW CH TR].
  assert (NEW : ~ In (S a) (unfinished m)) by (intros I; apply AO in I; lia).
  split.
  - exact HD.
  - intros i L. rewrite unfinished_admit. destruct (Nat.eq_dec i (S a)) as [->|]; [auto|].
    destruct (SW i) as [|]; [lia | auto | auto].
  - intros i I. apply unfinished_admit in I as [->|I]; [lia | apply AO in I; lia].
  - intros j I. destruct (FI j I) as (n & -> & L & NI). exists n. split; [reflexivity|]. split; [lia|].
    rewrite unfinished_admit. intros [->|I']; [lia | contradiction].
  - unfold unfinished in *. simpl. rewrite map_app, <- app_assoc. simpl.
    apply NoDup_Add with (a := S a) (l := map fst (waiting m) ++ in_flight m); [apply Add_app | now split].
  - intros n i In_ L I. apply unfinished_admit in I as [->|I]; [|now apply FW].
    assert (In n (unfinished m)) by (unfold unfinished; apply in_or_app; now right).
    apply AO in H. lia.
  - intros n ws i I L U C. simpl in I. apply unfinished_admit in U.
    apply in_app_or in I as [I|[E|[]]].
    + destruct U as [->|U]; [|now apply (CH n ws i)].
      assert (In n (unfinished m)) by (unfold unfinished; apply in_or_app; left; exact (in_map fst _ _ I)).
      apply AO in H. lia.
    + injection E as <- <-. destruct U as [->|U]; [lia|].
      unfold waits_for. destruct (log (S a)) as [l|] eqn:KS; [|exists i; split; [assumption | now left]].
      unfold conflict in C. apply conflicts_iff in C as (k & Ci & Cn). rewrite KS in Cn.
      destruct (TR k i U Ci) as (w & [E|E] & SF); exists w; split; try assumption; apply in_or_app.
      * left. apply in_flat_map. exists k. split; [now apply mem_iff | now apply in_given].
      * right. now apply in_given.
  - intros k i U C. simpl. apply unfinished_admit in U.
    destruct (log (S a)) as [l|] eqn:KS.
    + destruct (mem k l) eqn:M.
      * exists (S a). split; [now left|]. destruct U as [->|U]; [now left | right].
        split; [apply AO in U; lia|]. unfold conflict. rewrite KS. now apply (shared_key_conflicts _ _ k).
      * destruct U as [->|U]; [|now apply TR]. rewrite KS in C. simpl in C. congruence.
    + exists (S a). split; [now right|]. destruct U as [->|U]; [now left | right].
      split; [apply AO in U; lia|]. unfold conflict. rewrite KS. now apply (shared_key_conflicts _ _ k).
Qed.

Lemma take_good m a out back w j m' : good m a out back -> take m w = Some (j, m') -> good m' a (j :: out) back
  /\ exists n, j = whole n /\ 1 <= n <= a /\ ~ In j out /\ ~ In j back
     /\ forall i, 1 <= i < n -> conflict log i n = true -> In (whole i) back.
Proof.
  intros [HD SW AO FI ON FW CH TR] T. unfold take in T.
  destruct (first_ready (waiting m)) as [[n rest]|] eqn:F; [|discriminate]. injection T as <- <-.
  apply first_ready_splits in F as (p & q & E & ->).
  assert (U : forall i, In i (map fst (p ++ q) ++ n :: in_flight m) <-> In i (unfinished m)).
  { intros i. unfold unfinished. rewrite E, !map_app. simpl. rewrite !in_app_iff. simpl. rewrite ?in_app_iff. simpl. tauto. }
  assert (IW : In (n, []) (waiting m)) by (rewrite E; apply in_or_app; right; now left).
  assert (UN : In n (unfinished m)) by (apply U, in_or_app; right; now left).
  assert (READY : forall i, i < n -> In i (unfinished m) -> conflict log i n = false).
  { intros i L I. destruct (conflict log i n) eqn:C; [|reflexivity].
    destruct (CH n [] i IW L I C) as (x & [] & _). }
  split.
  - split; unfold unfinished; cbn [waiting in_flight last_of last_everything].
    + intros j. split.
      * intros [<-|I]; [exists n; split; [reflexivity | now left]|].
        apply HD in I as (x & -> & I). exists x. split; [reflexivity | now right].
      * intros (x & -> & [->|I]); [now left | right]. apply HD. now exists x.
    + intros i L. rewrite U. now apply SW.
    + intros i I. apply U in I. now apply AO.
    + intros j I. destruct (FI j I) as (x & -> & L & NI). exists x. now rewrite U.
    + unfold unfinished in ON. rewrite E, map_app in ON. simpl in ON. rewrite <- app_assoc in ON. simpl in ON.
      pose proof (NoDup_remove_1 _ _ _ ON) as A. pose proof (NoDup_remove_2 _ _ _ ON) as B.
      rewrite map_app, <- app_assoc. rewrite app_assoc in *.
      apply NoDup_Add with (a := n) (l := (map fst p ++ map fst q) ++ in_flight m); [apply Add_app | now split].
    + intros x i [<-|I] L Ui; apply U in Ui; [now apply READY | now apply FW].
    + intros x ws i I L Ui. apply U in Ui. apply CH; [|assumption | assumption].
      rewrite E. apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right].
    + intros k i Ui. apply U in Ui. now apply TR.
  - exists n. split; [reflexivity|]. split; [now apply AO|]. split; [|split].
    + intros I. apply HD in I as (x & Ex & I). apply whole_inj in Ex. subst x.
      unfold unfinished in ON. rewrite E, map_app in ON. simpl in ON. rewrite <- app_assoc in ON. simpl in ON.
      apply NoDup_remove_2 in ON. apply ON. rewrite !in_app_iff. auto.
    + intros I. destruct (FI _ I) as (x & Ex & _ & NI). apply whole_inj in Ex. subst x. contradiction.
    + intros i L C. destruct (SW i) as [I|I]; [apply AO in UN; lia | | assumption].
      rewrite (READY i) in C; [discriminate | lia | assumption].
Qed.

Lemma unfinished_finish m n i : In i (unfinished (finish m (whole n))) <-> (In i (map fst (waiting m)) \/ In i (in_flight m) /\ i <> n).
Proof.
  unfold unfinished. simpl. rewrite map_map, in_app_iff, in_without. reflexivity.
Qed.

Lemma finish_good m a l j r back : NoDup (l ++ j :: r) -> good m a (l ++ j :: r) back -> good (finish m j) a (l ++ r) (j :: back).
Proof.
  intros NO [HD SW AO FI ON FW CH TR].
  assert (IJ : In j (l ++ j :: r)) by (apply in_or_app; right; now left).
  apply HD in IJ as (n & -> & IF).
  assert (NW : ~ In n (map fst (waiting m))).
  { intros I. unfold unfinished in ON. apply in_split in IF as (u & v & E). rewrite E, app_assoc in ON.
    apply NoDup_remove_2 in ON. apply ON. rewrite !in_app_iff. auto. }
  assert (U : forall i, In i (unfinished (finish m (whole n))) <-> In i (unfinished m) /\ i <> n).
  { intros i. rewrite unfinished_finish. unfold unfinished. rewrite in_app_iff. split; [|tauto].
    intros [I|[I D]]; [|auto]. split; [auto | intros ->; contradiction]. }
  split.
  - intros x. cbn [finish in_flight]. split.
    + intros I. assert (I' : In x (l ++ whole n :: r)).
      { apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right]. }
      apply HD in I' as (y & -> & I'). exists y. split; [reflexivity|]. apply in_without. split; [assumption|].
      cbn [first whole]. intros ->. apply NoDup_remove_2 in NO. contradiction.
    + intros (y & -> & I). apply in_without in I as [I D]. cbn [first whole] in D.
      assert (I' : In (whole y) (l ++ whole n :: r)) by (apply HD; now exists y).
      apply in_app_or in I' as [I'|[E|I']]; apply in_or_app; auto.
      apply whole_inj in E. congruence.
  - intros i L. rewrite U. destruct (Nat.eq_dec i n) as [->|D]; [right; now left|].
    destruct (SW i L); [auto | right; now right].
  - intros i I. apply U in I as [I _]. now apply AO.
  - intros x [<-|I].
    + exists n. split; [reflexivity|]. split; [|rewrite U; tauto].
      apply (AO n). unfold unfinished. apply in_or_app. now right.
    + destruct (FI x I) as (y & -> & L & NI). exists y. rewrite U. tauto.
  - unfold unfinished in *. simpl. rewrite map_map. simpl.
    assert (E : map fst (waiting m) ++ without n (in_flight m) = without n (map fst (waiting m) ++ in_flight m)).
    { unfold without. rewrite filter_app. f_equal. clear - NW. induction (map fst (waiting m)) as [|x t IH]; [reflexivity|].
      simpl in *. destruct (Nat.eqb_spec x n); [exfalso; auto|]. simpl. f_equal. apply IH. auto. }
    change (map (fun x => fst x) (waiting m)) with (map fst (waiting m)). rewrite E. now apply NoDup_filter.
  - intros x i I L Ui. apply U in Ui as [Ui _]. cbn [finish in_flight] in I. apply in_without in I as [I _]. now apply FW.
  - intros x ws i I L Ui C. apply U in Ui as [Ui D]. cbn [finish waiting] in I.
    apply in_map_iff in I as ((x', ws') & E & I). injection E as -> <-.
    destruct (CH x ws' i I L Ui C) as (w & Iw & SF). exists w. split; [|assumption].
    apply in_without. split; [assumption|]. cbn [first whole]. intros ->.
    destruct SF as [->|[G CF]]; [congruence|]. rewrite (FW n i IF G Ui) in CF. discriminate.
  - intros k i Ui C. apply U in Ui as [Ui D]. destruct (TR k i Ui C) as (w & K & SF). exists w. split; [|assumption].
    assert (w <> n).
    { intros ->. destruct SF as [->|[G CF]]; [congruence|]. rewrite (FW n i IF G Ui) in CF. discriminate. }
    cbn [finish last_of last_everything first whole]. destruct K; [left | right]; now apply forget_some.
Qed.

Lemma reach_good m a o b : machine_reach log writeset m a o b -> good m a o b /\ NoDup o.
Proof.
  induction 1 as [|m a o b R [G N] _|m a o b w j m' R [G N] T|m a l j r b R [G N]|m a o b R G|m a o b R G];
    cbn in *.
  - split; [apply fresh_good | constructor].
  - split; [now apply admit_good | assumption].
  - destruct (take_good m a o b w j m' G T) as [G' (n & _ & _ & NI & _)]. split; [assumption | now constructor].
  - split; [now apply finish_good | now apply NoDup_remove_1 in N].
  - exact G.
  - exact G.
Qed.

Theorem writeset_disciplined : disciplined log writeset.
Proof.
  intros m a o b w j m' R T. apply reach_good in R as [G _]. exact (proj2 (take_good m a o b w j m' G T)).
Qed.

End Discipline.

Theorem writeset_keeps_per_key_order log length : per_key_order log length writeset.
Proof. apply disciplined_per_key_order; [apply writeset_disciplined | reflexivity]. Qed.
