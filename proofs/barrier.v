(* `barrier` (src/ordering/barrier.rs): FIFO lanes in which an entry stands in every lane that it touches.

   An entry starts when it is at the head of each of its lanes. Two entries that conflict share a lane, and lanes are in log
   order: the later entry cannot reach the head of that lane before the earlier one has left it. So lanes with rendezvous
   refine "wait for every entry that you conflict with", for any number of lanes and any hash; per_key_order follows. *)

Require Import List Bool Sorted Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline.
Import ListNotations.

Section Barrier.
Variable workers : nat.
Variable lane_of : key -> nat.
Hypothesis lane_exists : forall k, lane_of k < workers.

Record machine := {
  lanes : nat -> list nat;
  stands_in : list (nat * list nat);  (* the lanes in which an unfinished entry stands *)
  in_flight : list nat;
}.

Definition fresh : machine := {| lanes := fun _ => []; stands_in := []; in_flight := [] |}.

Definition has (x : nat) (l : list nat) : bool := existsb (Nat.eqb x) l.

Definition lanes_of (ks : key_set) : list nat :=
  match ks with
  | Keys (k :: l) => filter (fun lane => has lane (map lane_of (k :: l))) (seq 0 workers)
  | _ => seq 0 workers
  end.

Definition admit (m : machine) (n : nat) (ks : key_set) : machine :=
  {| lanes := fun lane => if has lane (lanes_of ks) then lanes m lane ++ [n] else lanes m lane;
     stands_in := stands_in m ++ [(n, lanes_of ks)];
     in_flight := in_flight m |}.

Definition heads (m : machine) (lane n : nat) : bool :=
  match lanes m lane with x :: _ => x =? n | [] => false end.

Definition stands (m : machine) (n : nat) : option (list nat) :=
  match find (fun e => fst e =? n) (stands_in m) with Some (_, set) => Some set | None => None end.

(* The worker of the entry's lowest lane takes it; the workers of its other lanes wait behind the same entry. *)
Definition take (m : machine) (worker : nat) : option (job * machine) :=
  match lanes m worker with
  | [] => None
  | n :: _ =>
      match stands m n with
      | None => None
      | Some set =>
          let ours := match set with lane :: _ => lane =? worker | [] => false end in
          if ours && forallb (fun lane => heads m lane n) set && negb (has n (in_flight m))
          then Some (whole n, {| lanes := lanes m; stands_in := stands_in m; in_flight := n :: in_flight m |})
          else None
      end
  end.

Definition finish (m : machine) (j : job) : machine :=
  let left := match stands m (first j) with Some set => set | None => [] end in
  {| lanes := fun lane => if has lane left then tl (lanes m lane) else lanes m lane;
     stands_in := filter (fun e => negb (fst e =? first j)) (stands_in m);
     in_flight := filter (fun x => negb (x =? first j)) (in_flight m) |}.

Definition barrier : strategy := {|
  replica.machine := machine; replica.fresh := fresh; replica.admits := fun _ => true; replica.admit := admit;
  replica.take := take; replica.may_write := fun _ _ => true; replica.finish := finish; replica.reads_latest := true;
  replica.cut := fun m => m; replica.publishable := fun _ => None; replica.published := fun m => m |}.

Lemma has_iff x l : has x l = true <-> In x l.
Proof.
  unfold has. rewrite existsb_exists. split.
  - intros (y & I & E). apply Nat.eqb_eq in E. now subst.
  - intros I. exists x. split; [assumption | apply Nat.eqb_refl].
Qed.

Lemma lane_of_touched ks k : contains ks k = true -> In (lane_of k) (lanes_of ks).
Proof.
  assert (S : In (lane_of k) (seq 0 workers)) by (apply in_seq; specialize (lane_exists k); lia).
  destruct ks as [[|x l]|]; simpl; intros C; [discriminate | | assumption].
  apply filter_In. split; [assumption|]. change (has (lane_of k) (map lane_of (x :: l)) = true).
  apply has_iff, in_map. now apply mem_iff.
Qed.

Section Discipline.
Variable log : nat -> key_set.

Definition in_lane (i lane : nat) : Prop := In lane (lanes_of (log i)).

Lemma conflict_shares_a_lane i j : conflict log i j = true -> exists lane, in_lane i lane /\ in_lane j lane.
Proof.
  intros C. apply conflicts_iff in C as (k & Ci & Cj). exists (lane_of k). split; now apply lane_of_touched.
Qed.

Definition unfinished (m : machine) : list nat := map fst (stands_in m).

Record good (m : machine) (a : nat) (out back : list job) : Prop := {
  held : forall j, In j out <-> exists n, j = whole n /\ In n (in_flight m);
  held_heads : forall n lane, In n (in_flight m) -> in_lane n lane -> heads m lane n = true;
  held_unfinished : forall n, In n (in_flight m) -> In n (unfinished m);
  somewhere : forall i, 1 <= i <= a -> In i (unfinished m) \/ In (whole i) back;
  admitted_only : forall i, In i (unfinished m) -> 1 <= i <= a;
  finished : forall j, In j back -> exists n, j = whole n /\ n <= a /\ ~ In n (unfinished m);
  once : NoDup (unfinished m);
  its_lanes : forall n set, In (n, set) (stands_in m) -> set = lanes_of (log n);
  in_lanes : forall lane i, In i (lanes m lane) <-> In i (unfinished m) /\ in_lane i lane;
  ascending : forall lane, StronglySorted lt (lanes m lane);
}.

Lemma fresh_good : good fresh 0 [] [].
Proof.
  split; simpl; try contradiction; try constructor; try (intros; lia); try contradiction; try tauto.
  intros (n & _ & []).
Qed.

Lemma unfinished_admit m n ks i : In i (unfinished (admit m n ks)) <-> i = n \/ In i (unfinished m).
Proof. unfold unfinished. simpl. rewrite map_app, in_app_iff. simpl. intuition. Qed.

Lemma sorted_snoc l n : StronglySorted lt l -> (forall x, In x l -> x < n) -> StronglySorted lt (l ++ [n]).
Proof.
  induction 1 as [|x l S IH F]; intros G; simpl; constructor.
  - constructor.
  - constructor.
  - apply IH. intros. apply G. now right.
  - rewrite Forall_forall in *. intros y I. apply in_app_or in I as [I|[<-|[]]]; [auto|]. apply G. now left.
Qed.

Lemma admit_good m a out back : good m a out back -> good (admit m (S a) (log (S a))) (S a) out back.
Proof.
  intros [HD HH HU SW AO FI ON IL IN AS].
  assert (NEW : ~ In (S a) (unfinished m)) by (intros I; apply AO in I; lia).
  split.
  - exact HD.
  - intros n lane I L. specialize (HH n lane I L). unfold heads in *. cbn [admit lanes].
    destruct (lanes m lane) as [|x t]; [discriminate|]. now destruct (has lane (lanes_of (log (S a)))).
  - intros n I. apply unfinished_admit. right. now apply HU.
  - intros i L. rewrite unfinished_admit. destruct (Nat.eq_dec i (S a)) as [->|]; [auto|].
    destruct (SW i) as [|]; [lia | auto | auto].
  - intros i I. apply unfinished_admit in I as [->|I]; [lia | apply AO in I; lia].
  - intros j I. destruct (FI j I) as (n & -> & L & NI). exists n. split; [reflexivity|]. split; [lia|].
    rewrite unfinished_admit. intros [->|I']; [lia | contradiction].
  - unfold unfinished in *. simpl. rewrite map_app. simpl.
    apply NoDup_Add with (a := S a) (l := map fst (stands_in m)); [|now split].
    rewrite <- (app_nil_r (map fst (stands_in m))) at 1. apply Add_app.
  - intros n set I. simpl in I. apply in_app_or in I as [I|[E|[]]]; [now apply IL | now injection E as <- <-].
  - intros lane i. rewrite unfinished_admit. cbn [admit lanes].
    destruct (has lane (lanes_of (log (S a)))) eqn:H.
    + apply has_iff in H. rewrite in_app_iff, IN. simpl. unfold in_lane in *. split.
      * intros [[U L]|[<-|[]]]; auto.
      * intros [[->|U] L]; auto.
    + rewrite IN. split; [tauto|]. intros [[->|U] L]; [|auto].
      apply has_iff in L. congruence.
  - intros lane. cbn [admit lanes]. destruct (has lane (lanes_of (log (S a)))); [|apply AS].
    apply sorted_snoc; [apply AS|]. intros x I. apply IN in I as [I _]. apply AO in I. lia.
Qed.

Lemma stands_found m n set : NoDup (unfinished m) -> In (n, set) (stands_in m) -> stands m n = Some set.
Proof.
  unfold stands, unfinished. induction (stands_in m) as [|[x s] l IH]; simpl; intros ON I; [contradiction|].
  inversion ON; subst. destruct I as [E|I].
  - injection E as -> ->. now rewrite Nat.eqb_refl.
  - destruct (Nat.eqb_spec x n) as [->|]; [|now apply IH].
    exfalso. apply H1. exact (in_map fst _ _ I).
Qed.

Lemma stands_in_it m n set : stands m n = Some set -> In (n, set) (stands_in m).
Proof.
  unfold stands. destruct (find _ _) as [[x s]|] eqn:F; [|discriminate]. intros E. injection E as ->.
  apply find_some in F as [I E]. apply Nat.eqb_eq in E. simpl in E. now subst.
Qed.

Lemma heads_lane m lane n : heads m lane n = true -> exists t, lanes m lane = n :: t.
Proof.
  unfold heads. destruct (lanes m lane) as [|x t]; [discriminate|]. intros E. apply Nat.eqb_eq in E. subst. now exists t.
Qed.

Lemma take_good m a out back w j m' : good m a out back -> take m w = Some (j, m') -> good m' a (j :: out) back
  /\ exists n, j = whole n /\ 1 <= n <= a /\ ~ In j out /\ ~ In j back
     /\ forall i, 1 <= i < n -> conflict log i n = true -> In (whole i) back.
Proof.
  intros [HD HH HU SW AO FI ON IL IN AS] T. unfold take in T.
  destruct (lanes m w) as [|n t] eqn:LW; [discriminate|].
  destruct (stands m n) as [set|] eqn:ST; [|discriminate].
  destruct (_ && _ && _) eqn:B; [|discriminate]. injection T as <- <-.
  apply andb_true_iff in B as [B NF]. apply andb_true_iff in B as [_ AH]. rewrite forallb_forall in AH.
  apply stands_in_it in ST. pose proof (IL n set ST) as ->.
  assert (UN : In n (unfinished m)) by exact (in_map fst _ _ ST).
  apply negb_true_iff in NF.
  assert (NI : ~ In n (in_flight m)) by (rewrite <- has_iff; congruence).
  split.
  - split; unfold unfinished; cbn [lanes stands_in in_flight]; try assumption.
    + intros j. split.
      * intros [<-|I]; [exists n; split; [reflexivity | now left]|].
        apply HD in I as (x & -> & I). exists x. split; [reflexivity | now right].
      * intros (x & -> & [->|I]); [now left | right]. apply HD. now exists x.
    + intros x lane [<-|I] L; unfold heads; cbn [lanes]; [now apply AH | now apply HH].
    + intros x [<-|I]; [assumption | now apply HU].
  - exists n. split; [reflexivity|]. split; [now apply AO|]. split; [|split].
    + intros I. apply HD in I as (x & Ex & I). apply whole_inj in Ex. now subst x.
    + intros I. destruct (FI _ I) as (x & Ex & _ & NU). apply whole_inj in Ex. now subst x.
    + intros i L C. destruct (SW i) as [U|]; [apply AO in UN; lia | exfalso | assumption].
      destruct (conflict_shares_a_lane i n C) as (lane & Li & Ln).
      destruct (heads_lane m lane n (AH lane Ln)) as (r & E).
      assert (I : In i (lanes m lane)) by now apply IN.
      specialize (AS lane). rewrite E in *. inversion AS; subst. rewrite Forall_forall in *.
      destruct I as [->|I]; [lia|]. specialize (H2 i I). lia.
Qed.

Lemma finish_good m a l j r back :
  NoDup (l ++ j :: r) -> good m a (l ++ j :: r) back -> good (finish m j) a (l ++ r) (j :: back).
Proof.
  intros NO [HD HH HU SW AO FI ON IL IN AS].
  assert (IJ : In j (l ++ j :: r)) by (apply in_or_app; right; now left).
  apply HD in IJ as (n & -> & IF).
  pose proof (HU n IF) as UN. unfold unfinished in UN. apply in_map_iff in UN as ((n' & set) & E & IS).
  simpl in E. subst n'. pose proof (stands_found m n set ON IS) as ST. pose proof (IL n set IS) as ->.
  assert (U : forall i, In i (unfinished (finish m (whole n))) <-> In i (unfinished m) /\ i <> n).
  { intros i. unfold unfinished. cbn [finish stands_in first whole]. rewrite !in_map_iff. split.
    - intros ((x & s) & <- & I). apply filter_In in I as [I D]. apply negb_true_iff, Nat.eqb_neq in D.
      split; [now exists (x, s) | assumption].
    - intros [((x & s) & <- & I) D]. exists (x, s). split; [reflexivity|]. apply filter_In.
      split; [assumption|]. now apply negb_true_iff, Nat.eqb_neq. }
  assert (LN : forall lane, lanes (finish m (whole n)) lane = if has lane (lanes_of (log n)) then tl (lanes m lane) else lanes m lane).
  { intros lane. cbn [finish lanes first whole]. now rewrite ST. }
  assert (F : forall i, In i (in_flight (finish m (whole n))) <-> In i (in_flight m) /\ i <> n).
  { intros i. cbn [finish in_flight first whole]. rewrite filter_In, negb_true_iff, Nat.eqb_neq. reflexivity. }
  split.
  - intros x. split.
    + intros I. assert (I' : In x (l ++ whole n :: r)).
      { apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right]. }
      apply HD in I' as (y & -> & I'). exists y. split; [reflexivity|]. apply F. split; [assumption|].
      intros ->. apply NoDup_remove_2 in NO. contradiction.
    + intros (y & -> & I). apply F in I as [I D].
      assert (I' : In (whole y) (l ++ whole n :: r)) by (apply HD; now exists y).
      apply in_app_or in I' as [I'|[E|I']]; apply in_or_app; auto. apply whole_inj in E. congruence.
  - intros x lane I L. apply F in I as [I D]. pose proof (HH x lane I L) as H. unfold heads in *. rewrite LN.
    destruct (has lane (lanes_of (log n))) eqn:B; [|assumption]. apply has_iff in B.
    destruct (heads_lane m lane n (HH n lane IF B)) as (t & E). rewrite E in *. apply Nat.eqb_eq in H. congruence.
  - intros x I. apply F in I as [I D]. apply U. split; [now apply HU | assumption].
  - intros i L. rewrite U. destruct (Nat.eq_dec i n) as [->|D]; [right; now left|].
    destruct (SW i L); [auto | right; now right].
  - intros i I. apply U in I as [I _]. now apply AO.
  - intros x [<-|I].
    + exists n. split; [reflexivity|]. split; [apply (AO n), HU, IF | rewrite U; tauto].
    + destruct (FI x I) as (y & -> & L & NI). exists y. rewrite U. tauto.
  - unfold unfinished in *. cbn [finish stands_in first whole]. clear - ON. induction (stands_in m) as [|e t IH]; simpl; [constructor|].
    inversion ON; subst. destruct (negb (fst e =? n)); [|auto]. simpl. constructor; [|auto].
    rewrite in_map_iff. intros (y & E & I). apply filter_In in I as [I _]. apply H1. rewrite <- E. now apply in_map.
  - intros x s I. cbn [finish stands_in] in I. apply filter_In in I as [I _]. now apply IL.
  - intros lane i. rewrite LN, U. destruct (has lane (lanes_of (log n))) eqn:B.
    + apply has_iff in B. destruct (heads_lane m lane n (HH n lane IF B)) as (t & E). rewrite E. simpl.
      specialize (IN lane i). specialize (AS lane). rewrite E in *. simpl in IN. inversion AS; subst. rewrite Forall_forall in *.
      split.
      * intros I. assert (n < i) by auto. split; [split; [|lia] |]; apply IN; now right.
      * intros [[Ui D] L]. assert (I : n = i \/ In i t) by now apply IN. destruct I; [congruence | assumption].
    + rewrite IN. split; [|tauto]. intros [Ui L]. split; [split; [assumption|]|assumption].
      intros ->. apply has_iff in L. congruence.
  - intros lane. rewrite LN. destruct (has lane _); [|apply AS]. specialize (AS lane).
    destruct (lanes m lane); [constructor | now inversion AS].
Qed.

Lemma reach_good m a o b : machine_reach log barrier m a o b -> good m a o b /\ NoDup o.
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

Theorem barrier_disciplined : disciplined log barrier.
Proof.
  intros m a o b w j m' R T. apply reach_good in R as [G _]. exact (proj2 (take_good m a o b w j m' G T)).
Qed.
End Discipline.

Theorem barrier_keeps_per_key_order log length : per_key_order log length barrier.
Proof. apply disciplined_per_key_order; [apply barrier_disciplined | reflexivity]. Qed.

End Barrier.
