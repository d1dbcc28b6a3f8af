(* Disciplined strategies keep per_key_order: in every run of any length with any number of workers. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica.
Import ListNotations.

Section Discipline.
Variable log : nat -> key_set.
Variable length : nat.
Variable s : strategy.
Hypothesis disciplined_s : disciplined log s.

Definition jobs (h : list (nat * job * bool)) : list job := map (fun x => snd (fst x)) h.

Record kept (x : state s) : Prop := {
  on_machine : exists b, machine_reach log s (at_ x) (admitted x) (jobs (hands x)) b
      /\ forall j, In j (done x) <-> In j b \/ exists w, In (w, j, true) (hands x);
  in_log : admitted x <= length;
  held_once : NoDup (jobs (hands x));
  not_yet : forall w j, In (w, j, false) (hands x) -> ~ In j (done x);
  singles : exists ns, done x = map whole ns /\ well_written log (admitted x) ns;
  ready : forall w j f, In (w, j, f) (hands x) -> exists n, j = whole n /\ 1 <= n <= admitted x
      /\ forall i, 1 <= i < n -> conflict log i n = true -> In (whole i) (done x);
}.

Lemma whole_inj i j : whole i = whole j -> i = j.
Proof. intros H. now injection H. Qed.

Lemma in_whole i ns : In (whole i) (map whole ns) <-> In i ns.
Proof.
  rewrite in_map_iff. split; [intros (x & E & I); apply whole_inj in E; now subst | now exists i].
Qed.

Lemma jobs_app l r : jobs (l ++ r) = jobs l ++ jobs r.
Proof. apply map_app. Qed.

Lemma jobs_in w j f h : In (w, j, f) h -> In j (jobs h).
Proof. intros I. exact (in_map (fun x => snd (fst x)) h _ I). Qed.

Lemma start_kept : kept (start s).
Proof.
  split; simpl; try lia; try constructor; try contradiction.
  - exists []. split; [constructor|]. intros j. split; [contradiction | intros [[]|(w & [])]].
  - exists []. split; [reflexivity|]. split; [intros i [] | constructor |].
    intros [|] j q i E; discriminate.
Qed.

Ltac kept_simpl := constructor; cbn [at_ admitted hands done shown] in *.

Lemma step_kept x y : kept x -> step log length s x y -> kept y.
Proof.
  intros [(b & M & B) L H NY (ns & D & W) RD] S.
  destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
    | m a h d v lsn PUB]; kept_simpl.
  (* Admit *)
  - exists b. split; [now constructor | assumption].
  - lia.
  - assumption.
  - assumption.
  - exists ns. split; [assumption | apply (more_entries log a); [lia | assumption]].
  - intros w j f I. destruct (RD w j f I) as (n & E & R & P). exists n. split; [assumption|]. split; [lia | assumption].
  (* Take *)
  - exists b. split; [econstructor; eassumption|]. intros x. rewrite B. split.
    + intros [I|(w' & I)]; [now left | right; exists w'; now right].
    + intros [I|(w' & [E|I])]; [now left | discriminate | right; now exists w'].
  - assumption.
  - destruct (disciplined_s _ _ _ _ _ _ _ M TK) as (n & _ & _ & NO & _). simpl. now constructor.
  - destruct (disciplined_s _ _ _ _ _ _ _ M TK) as (n & _ & _ & NO & NB & _).
    intros w' j' [E|I]; [|now apply (NY w')]. injection E as <- <-. rewrite B.
    intros [I|(w' & I)]; [contradiction|]. apply NO. exact (jobs_in _ _ _ _ I).
  - now exists ns.
  - destruct (disciplined_s _ _ _ _ _ _ _ M TK) as (n & EN & R & _ & _ & P).
    intros w' j' f' [E|I]; [|now apply (RD w' j' f')]. injection E as <- <- <-. exists n.
    split; [assumption|]. split; [assumption|]. intros i Ri C. apply B. left. auto.
  (* Write *)
  - exists b. split; [unfold jobs in *; rewrite map_app in *; exact M|]. intros x.
    rewrite in_app_iff, B. split.
    + intros [[I|(w' & I)]|[<-|[]]]; [now left | | right; exists w; apply in_or_app; right; now left].
      right. exists w'. apply in_app_or in I as [I|[E|I]]; [apply in_or_app; now left | discriminate |].
      apply in_or_app. right. now right.
    + intros [I|(w' & I)]; [left; now left|]. apply in_app_or in I as [I|[E|I]].
      * left. right. exists w'. apply in_or_app. now left.
      * injection E as <- <-. right. now left.
      * left. right. exists w'. apply in_or_app. right. now right.
  - assumption.
  - unfold jobs in *. rewrite map_app in *. exact H.
  - intros w' j' I. rewrite in_app_iff. intros [I'|[<-|[]]].
    + apply (NY w' j'); [|assumption]. apply in_app_or in I as [I|[E|I]]; [apply in_or_app; now left | discriminate |].
      apply in_or_app. right. now right.
    + rewrite jobs_app in H. apply NoDup_remove_2 in H. apply H. apply in_or_app.
      apply in_app_or in I as [I|[E|I]]; [left | discriminate | right]; exact (jobs_in _ _ _ _ I).
  - assert (I : In (w, j, false) (l ++ (w, j, false) :: r)) by (apply in_or_app; right; now left).
    destruct (RD w j false I) as (n & E & R & P). subst j d. exists (ns ++ [n]). split; [now rewrite map_app|].
    apply write_one; [assumption | assumption | |].
    + intros In'. apply (NY w (whole n) I). now apply in_whole.
    + intros i Ri C. apply in_whole. auto.
  - intros w' j' f' I.
    assert (I' : exists f, In (w', j', f) (l ++ (w, j, false) :: r)).
    { apply in_app_or in I as [I|[E|I]]; [exists f' | injection E as <- <- <-; exists false | exists f'];
        apply in_or_app; [now left | right; now left | right; now right]. }
    destruct I' as (f & I'). destruct (RD w' j' f I') as (n & E & R & P).
    exists n. split; [assumption|]. split; [assumption|]. intros. apply in_or_app. left. auto.
  (* Finish *)
  - exists (j :: b). rewrite jobs_app in *. split; [now constructor|]. intros x. rewrite B. split.
    + intros [I|(w' & I)]; [left; now right|]. apply in_app_or in I as [I|[E|I]].
      * right. exists w'. apply in_or_app. now left.
      * injection E as <- <-. left. now left.
      * right. exists w'. apply in_or_app. now right.
    + intros [[<-|I]|(w' & I)]; [right; exists w; apply in_or_app; right; now left | now left|].
      right. exists w'. apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right].
  - assumption.
  - rewrite jobs_app in *. simpl in H. now apply NoDup_remove_1 in H.
  - intros w' j' I. apply (NY w'). apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right].
  - now exists ns.
  - intros w' j' f' I. apply (RD w' j' f'). apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right].
  (* Cut *)
  - exists b. split; [now constructor | assumption].
  - assumption.
  - assumption.
  - assumption.
  - now exists ns.
  - assumption.
  (* Publish *)
  - exists b. split; [now constructor | assumption].
  - assumption.
  - assumption.
  - assumption.
  - now exists ns.
  - assumption.
Qed.

Theorem reachable_kept x : reachable log length s x -> kept x.
Proof. apply invariant; [exact start_kept | exact step_kept]. Qed.

Lemma entries_whole ns : entries (map whole ns) = ns.
Proof.
  unfold entries. induction ns as [|n ns IH]; [reflexivity|]. simpl. rewrite IH.
  unfold lsns. simpl. now replace (n + 1 - n) with 1 by lia.
Qed.

Theorem disciplined_converges : converges log length s.
Proof.
  intros x R A. destruct (singles x (reachable_kept x R)) as (ns & D & W). pose proof (in_log x (reachable_kept x R)) as L.
  unfold all_written in A. rewrite D in *. rewrite entries_whole in *. split.
  - apply Forall_forall. intros j I. apply in_map_iff in I as (n & <- & _). reflexivity.
  - intros State apply s0 commute. apply (complete_is_the_masters log); auto.
    apply (more_entries log (admitted x)); assumption.
Qed.

(* What is written only grows at its end. *)
Lemma done_grows x y : steps log length s x y -> exists more, done y = done x ++ more.
Proof.
  induction 1 as [x|x y z H (more & IH) S]; [exists []; now rewrite app_nil_r|].
  destruct S; simpl in *; eauto. exists (more ++ [j]). now rewrite IH, app_assoc.
Qed.

Lemma shown_is_done x : reads_latest s = true -> reachable log length s x -> shown x = done x.
Proof.
  intros RL. revert x. apply (invariant log length s (fun x => shown x = done x)); [reflexivity|].
  intros x y H S. destruct S; simpl in *; auto; now rewrite RL.
Qed.

Theorem disciplined_per_key_order : reads_latest s = true -> per_key_order log length s.
Proof.
  intros RL. split; [exact disciplined_converges|]. intros x y k R S.
  assert (RY : reachable log length s y) by exact (steps_trans log length s _ _ _ R S).
  unfold sees, master_had. rewrite (shown_is_done x RL R), (shown_is_done y RL RY).
  destruct (done_grows x y S) as (more & G). destruct (singles y (reachable_kept y RY)) as (ns & D & W).
  destruct (singles x (reachable_kept x R)) as (nx & DX & _). split.
  - rewrite G in D. rewrite DX in D. symmetry in D. apply map_eq_app in D as (n1 & n2 & -> & E1 & E2).
    assert (n1 = nx) as ->.
    { apply (f_equal entries) in E1. now rewrite !entries_whole in E1. }
    rewrite G, DX, <- E2, <- map_app, !entries_whole. exact (versions_never_go_back log _ nx n2 k W).
  - apply versions_were_the_masters.
Qed.

End Discipline.
