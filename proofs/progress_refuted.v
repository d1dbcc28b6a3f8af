(* Strategies that do less than they could keep every level but do not progress: they hand out nothing, admit nothing after
   an entry that touches everything, or hold back the last entry. *)

Require Import List Bool Arith PArith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.in_sequence Replicheck.runs.
Require Import Replicheck.progress.
Import ListNotations.

(* The strategy `s`, restrained: it hands out only where `offers` is true, and admits nothing after an entry for which `shuts`
   is true. *)
Definition restrained (s : strategy) (offers : machine s -> bool) (shuts : key_set -> bool) : strategy := {|
  replica.machine := machine s * bool;
  replica.fresh := (fresh s, true);
  replica.admits := fun m => admits s (fst m) && snd m;
  replica.admit := fun m n ks => (admit s (fst m) n ks, snd m && negb (shuts ks));
  replica.take := fun m w =>
    if offers (fst m) then match take s (fst m) w with Some (j, m') => Some (j, (m', snd m)) | None => None end else None;
  replica.may_write := fun m j => may_write s (fst m) j;
  replica.finish := fun m j => (finish s (fst m) j, snd m);
  replica.reads_latest := reads_latest s;
  replica.cut := fun m => (cut s (fst m), snd m);
  replica.publishable := fun m => publishable s (fst m);
  replica.published := fun m => (published s (fst m), snd m) |}.

Definition never (s : strategy) : strategy := restrained s (fun _ => false) (fun _ => false).
Definition shut_after_everything (s : strategy) : strategy :=
  restrained s (fun _ => true) (fun ks => match ks with Everything => true | _ => false end).
Definition last_held_back : strategy := restrained (serial 1) (fun m => next m <? last m) (fun _ => false).

Section Restrained.
Variable log : nat -> key_set.
Variable length : nat.
Variable s : strategy.
Variable offers : machine s -> bool.
Variable shuts : key_set -> bool.

Local Notation less := (restrained s offers shuts).

Definition inner (x : state less) : state s :=
  {| at_ := fst (at_ x); admitted := admitted x; hands := hands x; done := done x; shown := shown x |}.

Lemma inner_step x y : step log length less x y -> step log length s (inner x) (inner y).
Proof.
  intros S. destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
    | m a h d v lsn PUB]; unfold inner; cbn in *.
  - apply andb_true_iff in AD as [AD _]. now constructor.
  - destruct (offers (fst m)); [|discriminate]. destruct (take s (fst m) w) as [[j' i]|] eqn:E; [|discriminate].
    injection TK as <- <-. now constructor.
  - now constructor.
  - constructor.
  - constructor.
  - now apply (Publish log length s _ _ _ _ _ lsn).
Qed.

Lemma inner_steps x y : steps log length less x y -> steps log length s (inner x) (inner y).
Proof. induction 1 as [|x y z H IH S]; [constructor | exact (steps_more _ _ _ _ _ _ IH (inner_step _ _ S))]. Qed.

(* Every run of it is a run of `s`: the levels say nothing about steps that are left out. *)
Theorem restrained_keeps_prefix : prefix_level log length s -> prefix_level log length less.
Proof.
  intros [C P]. split; [intros x R A; exact (C _ (inner_steps _ _ R) A)|].
  intros x y R S. exact (P _ _ (inner_steps _ _ R) (inner_steps _ _ S)).
Qed.

Theorem restrained_keeps_per_key_order : per_key_order log length s -> per_key_order log length less.
Proof.
  intros [C P]. split; [intros x R A; exact (C _ (inner_steps _ _ R) A)|].
  intros x y k R S. exact (P _ _ k (inner_steps _ _ R) (inner_steps _ _ S)).
Qed.
End Restrained.

(* If no worker holds a job and none is offered, no worker can take a step. *)
Lemma nobody_works log length workers s x y : hands x = [] -> (forall w, take s (at_ x) w = None) ->
  ~ works log length workers s x y.
Proof.
  intros H T (S & _ & N). destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v
    | m a h d v | m a h d v lsn PUB]; cbn in *; try (now elim N); [|destruct l; discriminate | destruct l; discriminate].
  specialize (T w). congruence.
Qed.

Section Refuted.
Variable log : nat -> key_set.
Variable length : nat.
Variable workers : nat.

(* One entry is admitted, and no worker may take it. *)
Lemma first_is_left s : admits s (fresh s) = true -> 0 < length ->
  (forall w, take s (admit s (fresh s) 1 (log 1)) w = None) -> ~ progress log length workers s.
Proof.
  intros AD L T P. pose proof (Admit log length s (fresh s) 0 [] [] [] AD L) as S.
  destruct (P _ (steps_more _ _ _ _ _ _ (steps_none _ _ _ (start s)) S)) as [[(_ & A)|(y & W)] _].
  - apply (A 1). cbn. lia.
  - revert W. now apply nobody_works.
Qed.

Theorem never_does_not_progress s : admits s (fresh s) = true -> 0 < length -> ~ progress log length workers (never s).
Proof. intros AD L. apply first_is_left; [cbn; now rewrite AD | assumption | reflexivity]. Qed.

Theorem never_does_not_end s : 0 < length -> ~ every_run_ends log length workers (never s).
Proof.
  intros L [_ _ G _]. destruct (G 0 (start _) (run_none _ _ _ _ _)) as (m & y & U & (E & (_ & A) & _)).
  assert (R : reachable log length (never s) y).
  { clear - U. unfold reachable. induction U as [|n x y z U IH [S _]]; [constructor | exact (steps_more _ _ _ _ _ _ IH S)]. }
  assert (N : hands y = [] /\ done y = []).
  { revert y R U E A. intros y R _ _ _. revert y R. apply invariant; [now split|]. intros x y [H D] S.
    destruct S as [? ? ? ? ? AD LT | ? ? ? ? ? ? ? ? FREE TK | ? ? l ? ? ? ? ? MW | ? ? l ? ? ? ? ? | |]; cbn in *; auto;
      try discriminate; destruct l; discriminate. }
  destruct N as [_ N]. rewrite N in A. apply (A 1). lia.
Qed.

Theorem last_held_back_does_not_progress : 0 < length -> ~ progress log length workers last_held_back.
Proof. intros L. now apply first_is_left. Qed.
End Refuted.

(* FLUSHDB; SET a: the second is never admitted. *)
Definition flush_then_set (n : nat) : key_set := match n with 1 => Everything | _ => Keys [1%positive] end.

Theorem shut_after_everything_does_not_progress workers :
  ~ progress flush_then_set 2 workers (shut_after_everything (serial 1)).
Proof.
  intros P. set (s := shut_after_everything (serial 1)) in *.
  destruct (play flush_then_set 2 s (start s) [Admits; Takes 0; Writes 0; Finishes 0]) as [x|] eqn:E; [|discriminate].
  destruct (P x (play_reaches _ _ _ _ _ E)) as [_ O]. vm_compute in E. injection E as <-. destruct O as [O|(lsn & O & _)].
  - split; [reflexivity|]. cbn. intros i L. lia.
  - discriminate.
  - discriminate.
Qed.
