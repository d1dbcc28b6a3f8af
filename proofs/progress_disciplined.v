(* Progress of strategies that wait for every conflicting entry: it is enough that an idle machine hands something out. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline Replicheck.progress.
Import ListNotations.

Section Disciplined.
Variable log : nat -> key_set.
Variable length : nat.
Variable workers : nat.
Variable s : strategy.
Hypothesis disciplined_s : disciplined log s.

Lemma disciplined_once x : reachable log length s x -> NoDup (entries (done x) ++ entries_held s false x)
  /\ forall i, In i (entries (done x) ++ entries_held s false x) -> 1 <= i <= admitted x.
Proof.
  intros R. destruct (reachable_kept log length s disciplined_s x R) as [_ _ HO NY (ns & D & W) RD].
  rewrite D, entries_whole. destruct W as [IR ON _]. unfold entries_held, in_hands.
  assert (G : forall h, NoDup (jobs h) -> incl h (hands x) ->
    let l := flat_map (fun e : nat * job * bool => if Bool.eqb (snd e) false then lsns (snd (fst e)) else []) h in
    NoDup l /\ forall i, In i l -> 1 <= i <= admitted x /\ ~ In i ns /\ In (whole i) (jobs h)).
  { induction h as [|((w & j) & f) h IH]; intros NH IN; cbn; [split; [constructor | intros i []]|].
    cbn in NH. inversion NH as [|? ? NJ NH']; subst.
    destruct (IH NH') as [NL IL]; [intros e I; apply IN; now right|].
    destruct (RD w j f) as (i & -> & LI & _); [apply IN; now left|]. destruct f; cbn.
    - split; [assumption|]. intros k I. destruct (IL k I) as (? & ? & ?). auto.
    - unfold lsns. cbn [first replica.last whole]. replace (i + 1 - i) with 1 by lia. cbn. split.
      + constructor; [|assumption]. intros I. apply NJ. now apply IL.
      + intros k [<-|I]; [|destruct (IL k I) as (? & ? & ?); auto]. split; [assumption|]. split; [|now left].
        intros I. apply (NY w (whole i)); [apply IN; now left|]. rewrite D. now apply in_whole. }
  destruct (G (hands x) HO (fun e I => I)) as [NL IL]. cbn in NL, IL. split.
  - apply once_app; [assumption | assumption|]. intros i I J. apply IL in J as (_ & J & _). contradiction.
  - intros i I. apply in_app_or in I as [I|I]; [now apply IR | now apply IL].
Qed.

(* A machine that has no job handed out has work for one of the workers, or all its entries are back. *)
Definition idle_hands_out : Prop := forall m a b, machine_reach log s m a [] b ->
  (forall i, 1 <= i <= a -> In (whole i) b) \/ exists w j m', w < workers /\ take s m w = Some (j, m').

Lemma idle_hands_work : (forall m j, may_write s m j = true) -> idle_hands_out ->
  forall x, reachable log length s x -> all_applied s x \/ exists y, works log length workers s x y.
Proof.
  intros MW IH x R. destruct (hands x) as [|e r] eqn:H.
  2: { right. apply hands_work; [assumption|]. now rewrite H. }
  destruct (reachable_kept log length s disciplined_s x R) as [(b & M & B) _ _ _ _ _]. rewrite H in M.
  destruct (IH _ _ _ M) as [A|(w & j & m' & L & T)].
  - left. split; [assumption|]. intros i I. apply in_flat_map. exists (whole i). split.
    + apply B. left. auto.
    + unfold lsns. cbn. replace (i + 1 - i) with 1 by lia. now left.
  - right. exact (take_works log length workers s x w j m' H L T).
Qed.
End Disciplined.
