(* A strategy that makes progress ends every run (progress.v) in the master's state: the argument for any strategy.

   Each move raises a rank, which the length of the log bounds: entries admitted, taken, written, finished and shown, and
   whether admission is closed. Where no move is left, `progress` says that all is admitted, applied and shown. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline Replicheck.progress.
Import ListNotations.

Local Arguments Nat.mul _ _ : simpl never.

Section Ends.
Variable log : nat -> key_set.
Variable length : nat.
Variable workers : nat.
Variable s : strategy.

Local Notation complete := (complete length s).
Local Notation run := (run log length workers s).
Local Notation move := (move log length workers s).
Local Notation at_rest := (at_rest log length workers s).
Local Notation entries_held := (entries_held s).
Local Notation after_cut := (after_cut s).

Hypothesis accounts : accountable log length s.
Hypothesis progresses : progress log length workers s.
Hypothesis convergent : converges log length s.

Lemma lsns_some j : first j <= last j -> 1 <= List.length (lsns j).
Proof. intros L. unfold lsns. rewrite seq_length. lia. Qed.

Lemma in_hands_app l r f : in_hands (l ++ r) f = in_hands l f ++ in_hands r f.
Proof. apply flat_map_app. Qed.

Lemma in_hands_one l w j f r g : List.length (in_hands (l ++ (w, j, f) :: r) g)
  = (if Bool.eqb f g then List.length (lsns j) else 0) + List.length (in_hands (l ++ r) g).
Proof.
  rewrite !in_hands_app, !app_length. unfold in_hands. simpl. rewrite app_length. destruct (Bool.eqb f g); simpl; lia.
Qed.

Lemma entries_snoc d j : entries (d ++ [j]) = entries d ++ lsns j.
Proof. unfold entries. rewrite flat_map_app. simpl. now rewrite app_nil_r. Qed.

(* Holds in every reachable state. *)
Record kept_count (x : state s) : Prop := {
  in_the_log : admitted x <= length;
  written_before : List.length (entries_held true x) <= List.length (entries (done x));
  hands_some : forall w j f, In (w, j, f) (hands x) -> first j <= last j;
  shown_first : exists more, done x = shown x ++ more;
}.

Lemma reachable_counted x : reachable log length s x -> kept_count x.
Proof.
  revert x. apply invariant.
  - split; simpl; try lia; try contradiction. now exists [].
  - intros x y [IL WB HS (more & SF)] S.
    destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
      | m a h d v lsn PUB]; unfold progress.entries_held in *; cbn [at_ admitted hands done shown] in *;
      split; unfold progress.entries_held; cbn [at_ admitted hands done shown]; try assumption; try lia; try (now exists more).
    + intros w' j' f' [E|I]; [injection E as <- <- <-; exact (takes_some accounts _ _ _ _ TK) | now apply (HS w' j' f')].
    + rewrite in_hands_one, entries_snoc, app_length in *. cbn [Bool.eqb] in *. lia.
    + intros w' j' f' I. apply in_app_or in I as [I|[E|I]].
      * apply (HS w' j' f'), in_or_app. now left.
      * injection E as <- <- <-. apply (HS w j false), in_or_app. right. now left.
      * apply (HS w' j' f'), in_or_app. right. now right.
    + destruct (reads_latest s); [exists []; now rewrite app_nil_r|]. exists (more ++ [j]). now rewrite SF, app_assoc.
    + rewrite in_hands_one in *. cbn [Bool.eqb] in *. lia.
    + intros w' j' f' I. apply (HS w' j' f'). apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right].
    + destruct (reads_latest s); [now exists more | exists []; now rewrite app_nil_r].
Qed.

(* How far a run has come. Every move raises the rank. *)
Definition rank (x : state s) : nat := admitted x + 2 * List.length (entries (done x))
  + (List.length (entries (done x)) - List.length (entries_held true x)) + List.length (entries_held false x)
  + 2 * List.length (entries (shown x)) + (if admits s (at_ x) then 0 else 1).

(* If only due cuts are made, admission is closed only while there is something to show. *)
Definition closed_for_cause (x : state s) : Prop := admits s (at_ x) = true
  \/ reads_latest s = false /\ exists i, 1 <= i <= admitted x /\ ~ In i (entries (shown x)).

Lemma publish_shows x lsn : reachable log length s x -> closed_for_cause x -> publishable s (at_ x) = Some lsn ->
  List.length (entries (shown x)) < List.length (entries (done x)).
Proof.
  intros R C P. destruct (publishes_closed accounts _ _ P) as (_ & CL & _).
  destruct C as [C|(_ & i & L & N)]; [congruence|]. pose proof (publishes_all accounts _ _ R P i L) as I.
  destruct (shown_first x (reachable_counted x R)) as (more & E). rewrite E in *.
  unfold entries in *. rewrite flat_map_app in *. rewrite app_length. apply in_app_or in I as [I|I]; [contradiction|].
  destruct (flat_map lsns more); [contradiction | simpl; lia].
Qed.

Lemma move_raises x y : reachable log length s x -> closed_for_cause x -> move x y ->
  closed_for_cause y /\ rank x < rank y.
Proof.
  intros R C (S & _ & CD). pose proof (reachable_counted x R) as [IL WB HS (more & SF)].
  assert (PS := fun lsn => publish_shows x lsn R C).
  destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
    | m a h d v lsn PUB]; unfold closed_for_cause, rank, progress.entries_held, cut_due in *; cbn [at_ admitted hands done shown] in *.
  - rewrite (admit_keeps_open accounts), AD. split; [now left | lia].
  - rewrite (take_keeps_open accounts _ _ _ _ TK). split; [assumption|]. unfold in_hands in *. simpl.
    rewrite app_length. pose proof (lsns_some j (takes_some accounts _ _ _ _ TK)). lia.
  - split.
    + destruct C as [C|(RL & i & L & N)]; [now left | right]. rewrite RL. eauto.
    + assert (G : 1 <= List.length (lsns j)) by (apply lsns_some, (HS w j false), in_or_app; right; now left).
      rewrite !in_hands_one in *. cbn [Bool.eqb] in *. rewrite !entries_snoc, !app_length.
      assert (List.length (entries v) <= List.length (entries (if reads_latest s then d ++ [j] else v))).
      { destruct (reads_latest s); [|lia]. rewrite entries_snoc, SF. unfold entries. rewrite flat_map_app, !app_length. lia. }
      lia.
  - rewrite (finish_keeps_open accounts). split; [assumption|].
    assert (G : 1 <= List.length (lsns j)) by (apply lsns_some, (HS w j true), in_or_app; right; now left).
    rewrite !in_hands_one in *. cbn [Bool.eqb] in *. lia.
  - destruct (CD eq_refl) as (RL & OP & U). split; [now right|]. rewrite OP, (cut_closes accounts _ RL). lia.
  - destruct (publishes_closed accounts _ _ PUB) as (RL & CL & OP). rewrite OP, CL, RL. split; [now left|].
    specialize (PS lsn PUB). lia.
Qed.

Lemma run_counts n x y : reachable log length s x -> closed_for_cause x -> run n x y ->
  reachable log length s y /\ closed_for_cause y /\ n + rank x <= rank y.
Proof.
  intros R C U. induction U as [x|n x y z U IH M]; [auto|]. destruct (IH R C) as (Ry & Cy & L).
  destruct (move_raises y z Ry Cy M) as [Cz Lz]. split; [|split; [assumption | lia]].
  exact (steps_more _ _ _ _ _ _ Ry (proj1 M)).
Qed.

Lemma started : reachable log length s (start s) /\ closed_for_cause (start s).
Proof. split; [constructor|]. left. exact (starts_open accounts). Qed.

Lemma rank_bounded x : reachable log length s x -> rank x <= 6 * length + 1.
Proof.
  intros R. destruct (each_once accounts x R) as [N I]. destruct (reachable_counted x R) as [IL WB _ (more & SF)].
  assert (L : List.length (entries (done x) ++ entries_held false x) <= List.length (seq 1 length)).
  { apply NoDup_incl_length; [assumption|]. intros i Ii. apply I in Ii. apply in_seq. lia. }
  assert (V : List.length (entries (shown x)) <= List.length (entries (done x))).
  { rewrite SF. unfold entries. rewrite flat_map_app, app_length. lia. }
  rewrite app_length, seq_length in L. unfold rank. destruct (admits s (at_ x)); lia.
Qed.

Lemma complete_or_moves x : reachable log length s x -> complete x \/ exists y, move x y.
Proof.
  intros R. destruct (progresses x R) as [[A|(y & S & B & H)] O].
  2: { right. exists y. split; [assumption|]. split; [assumption|]. intros ->. now elim H. }
  pose proof (in_the_log x (reachable_counted x R)) as IL. specialize (O A).
  assert (NW : forall h : list (nat * job * bool), forall w j, h = (w, j, false) :: h -> w < workers).
  { intros h w j E. apply (f_equal (@List.length _)) in E. simpl in E. lia. }
  destruct x as [m a h d v]. unfold progress.complete, all_shown, cut_due in *. cbn [at_ admitted hands done shown] in *.
  destruct O as [OP|(lsn & P & OP)].
  - destruct (Nat.eq_dec a length) as [->|D].
    2: { right. eexists. split; [apply Admit; [assumption | lia]|]. split; [intros w j E; exact (NW _ _ _ E)|].
         intros E. exfalso. apply (f_equal admitted) in E. cbn in E. lia. }
    destruct (Forall_dec (fun i => In i (entries v)) (fun i => in_dec Nat.eq_dec i (entries v)) (seq 1 length)) as [F|F].
    + left. split; [reflexivity|]. split; [assumption|]. intros i L. rewrite Forall_forall in F. apply F, in_seq. lia.
    + destruct (Exists_dec (fun i => ~ In i (entries v)) (seq 1 length)) as [X|X].
      { intros i. destruct (in_dec Nat.eq_dec i (entries v)); [now right | now left]. }
      2: { exfalso. apply F, Forall_forall. intros i I. destruct (in_dec Nat.eq_dec i (entries v)); [assumption|].
           exfalso. apply X, Exists_exists. eauto. }
      apply Exists_exists in X as (i & I & N). apply in_seq in I. destruct (reads_latest s) eqn:RL.
      * exfalso. apply N. destruct A as [_ A]. pose proof (shown_is_done log length s _ RL R) as E. cbn in *.
        rewrite E. apply A. lia.
      * right. exists (after_cut {| at_ := m; admitted := length; hands := h; done := d; shown := v |}).
        split; [apply Cut|]. split; [intros w j E; exact (NW _ _ _ E)|]. intros _. split; [assumption|].
        split; [assumption|]. exists i. cbn. split; [lia | assumption].
  - right. eexists. split; [exact (Publish log length s m a h d v lsn P)|]. split; [intros w j E; exact (NW _ _ _ E)|].
    intros E. exfalso. apply (f_equal at_) in E. cbn in E. rewrite E in OP.
    destruct (publishes_closed accounts _ _ P) as (RL & _). rewrite (cut_closes accounts _ RL) in OP. discriminate.
Qed.

Lemma complete_stays x : reachable log length s x -> closed_for_cause x -> complete x -> at_rest x.
Proof.
  intros R C (E & (H & A) & V) y (S & B & CD). pose proof (steps_more _ _ _ _ _ _ R S) as Ry.
  destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
    | m a h d v lsn PUB]; unfold all_shown, closed_for_cause, cut_due in *; cbn [at_ admitted hands done shown] in *; subst.
  - lia.
  - destruct (each_once accounts _ Ry) as [N I]. unfold progress.entries_held, in_hands in *. cbn [hands done admitted] in *. simpl in *.
    rewrite app_nil_r in *. pose proof (lsns_some j (takes_some accounts _ _ _ _ TK)) as L.
    destruct (lsns j) as [|i t]; [simpl in L; lia|]. assert (J : In i (entries d)).
    { apply A, I, in_or_app. right. now left. }
    apply NoDup_remove_2 in N. apply N, in_or_app. now left.
  - destruct l; discriminate.
  - destruct l; discriminate.
  - destruct (CD eq_refl) as (_ & _ & i & L & N). exact (N (V i L)).
  - destruct (publishes_closed accounts _ _ PUB) as (_ & CL & _).
    destruct C as [C|(_ & i & L & N)]; [congruence | exact (N (V i L))].
Qed.

Lemma run_after n m x y z : run n x y -> run m y z -> run (m + n) x z.
Proof. intros U. induction 1; simpl; [assumption|]. econstructor; eauto. Qed.

Lemma complete_ends_as_master x : reachable log length s x -> complete x -> as_the_master log length s x.
Proof.
  intros R (E & (_ & A) & V). destruct (convergent x R) as [W M]; [unfold all_written; rewrite <- E; exact A|].
  split; [assumption|]. intros State apply s0 commute. split; [now apply M|].
  rewrite <- (M State apply s0 commute). destruct (shown_first x (reachable_counted x R)) as (more & G).
  assert (Z : entries more = []).
  { destruct (entries more) as [|i t] eqn:Q; [reflexivity|]. exfalso. destruct (each_once accounts x R) as [N I].
    assert (D : entries (done x) = entries (shown x) ++ i :: t).
    { rewrite G, <- Q. unfold entries. apply flat_map_app. }
    rewrite D, <- app_assoc in N. simpl in N. apply NoDup_remove_2 in N. apply N, in_or_app. left.
    apply V, I. rewrite D. apply in_or_app. left. apply in_or_app. right. now left. }
  rewrite G. unfold entries in *. now rewrite flat_map_app, Z, app_nil_r.
Qed.

Theorem progress_ends_every_run : every_run_ends log length workers s.
Proof.
  destruct started as [R0 C0]. split.
  - intros n x U. destruct (run_counts n _ _ R0 C0 U) as (R & _ & L). pose proof (rank_bounded x R). lia.
  - intros n x U. destruct (run_counts n _ _ R0 C0 U) as (R & C & _). split; [|now apply complete_stays].
    intros Q. destruct (complete_or_moves x R) as [F|(y & M)]; [assumption | elim (Q y M)].
  - intros n x U. remember (6 * length + 1 - rank x) as left eqn:E. revert n x U E.
    induction left as [left IH] using lt_wf_ind. intros n x U ->.
    destruct (run_counts n _ _ R0 C0 U) as (R & C & _). destruct (complete_or_moves x R) as [F|(y & M)].
    + exists 0, x. split; [constructor | assumption].
    + destruct (move_raises x y R C M) as [_ L]. pose proof (steps_more _ _ _ _ _ _ R (proj1 M)) as Ry.
      pose proof (rank_bounded y Ry).
      destruct (IH (6 * length + 1 - rank y)) with (n := S n) (x := y) as (k & z & V & F); [lia | econstructor; eauto | reflexivity |].
      exists (k + 1), z. split; [|assumption]. apply (run_after 1 k x y z); [|assumption].
      apply (run_more _ _ _ _ 0 x x y); [constructor | assumption].
  - intros x R Q. apply (complete_ends_as_master x R). destruct (complete_or_moves x R) as [F|(y & M)]; [assumption | elim (Q y M)].
Qed.

End Ends.
