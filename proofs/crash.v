(* Crash and restart: the marker in each batch is enough, for effects, under any number of crashes.

   Each batch carries the watermark that holds once it is written (src/apply/mod.rs). So does the batch that a checkpoint
   writes with nothing else in it (src/engine/checkpoint.rs). A crash leaves a prefix of the batches; the replica starts
   again after the marker of the last of them. Entries above that marker run twice. For effects, which overwrite and
   never read, this ends in the master's state, and a reader that waits until the replica has reached the end of its
   recovered log sees no version go back. For commands, and for readers that do not wait, neither holds.
   serial needs none of this: its marker is exact, and every entry, command or effect, runs once. *)

Require Import List Bool PArith Arith Lia.
Require Import Replicheck.key_set Replicheck.written.
Import ListNotations.

Section Crash.
Variable log : nat -> key_set.
Variable length : nat.

Notation version := (version log).
Notation touches := (touches log).
Notation conflict := (conflict log).

(* A batch: an entry, or none, and the marker written with it. *)
Definition batch := (option nat * nat)%type.
Definition entries (disk : list batch) : list nat := flat_map (fun b => match fst b with Some j => [j] | None => [] end) disk.
Definition marker (disk : list batch) : nat := match rev disk with [] => 0 | (_, m) :: _ => m end.

(* `life disk m now`: the batches on the disk, the marker after which this run began, the entries that it has written. *)
Inductive life : list batch -> nat -> list nat -> Prop :=
| born : life [] 0 []
| writes disk m now j marker' : life disk m now ->
    m < j <= length -> ~ In j now ->
    (forall i, m < i < j -> conflict i j = true -> In i now) ->      (* a disciplined strategy: discipline.v *)
    (forall i, m < i <= marker' -> i = j \/ In i now) -> m <= marker' ->  (* a watermark: watermark.v *)
    life (disk ++ [(Some j, marker')]) m (now ++ [j])
| marks disk m now marker' : life disk m now ->
    (forall i, m < i <= marker' -> In i now) -> m <= marker' ->
    life (disk ++ [(None, marker')]) m now
| crashes left lost m now : life (left ++ lost) m now -> life left (marker left) [].

(* No entry up to m is missing, or covered by an older one. *)
Definition holds (m : nat) (d : list nat) : Prop := forall k i, 1 <= i <= m -> touches k i = true -> i <= version d k.

Lemma version_after d e k :
  version (d ++ e) k = version d k /\ (forall i, In i e -> touches k i = false)
  \/ In (version (d ++ e) k) e /\ touches k (version (d ++ e) k) = true.
Proof.
  induction e as [|j e IH] using rev_ind.
  - left. rewrite app_nil_r. split; [reflexivity | intros i []].
  - rewrite app_assoc, version_snoc. destruct (touches k j) eqn:T.
    + right. split; [apply in_or_app; right; now left | assumption].
    + destruct IH as [[E N]|[I T']]; [left | right].
      * split; [assumption|]. intros i I. apply in_app_or in I as [I|[<-|[]]]; auto.
      * split; [apply in_or_app; now left | assumption].
Qed.

Definition waited_from (m : nat) (e : list nat) : Prop :=
  forall p j q i, e = p ++ j :: q -> m < i < j -> conflict i j = true -> In i p.

Lemma greatest_after m d e k i : NoDup e -> waited_from m e -> (forall x, In x e -> m < x) ->
  In i e -> touches k i = true -> i <= version (d ++ e) k.
Proof.
  induction e as [|j e IH] using rev_ind; [contradiction|]. intros N W R I T.
  pose proof (NoDup_remove_1 _ _ _ N) as N'. pose proof (NoDup_remove_2 _ _ _ N) as NJ. rewrite app_nil_r in *.
  rewrite app_assoc, version_snoc.
  assert (W' : waited_from m e).
  { intros p x q y -> L C. apply (W p x (q ++ [j]) y); [now rewrite <- app_assoc | assumption | assumption]. }
  assert (R' : forall x, In x e -> m < x) by (intros; apply R, in_or_app; now left).
  apply in_app_or in I as [I|[->|[]]]; [|rewrite T; lia].
  destruct (touches k j) eqn:TJ; [|auto].
  destruct (le_lt_dec i j) as [|G]; [assumption|]. exfalso. apply NJ.
  apply in_split in I as (p & q & ->). apply in_or_app. left. apply (W' p i q j eq_refl).
  - split; [apply R, in_or_app; right; now left | assumption].
  - now apply (touch_conflict log j i k).
Qed.

(* A run on top of what is on the disk extends `holds` to every entry that the run has reached. *)
Lemma run_holds m m' d e : holds m d -> NoDup e -> waited_from m e -> (forall x, In x e -> m < x) ->
  (forall i, m < i <= m' -> In i e) -> holds m' (d ++ e).
Proof.
  intros H N W R C k i L T. destruct (le_lt_dec i m) as [G|G].
  - destruct (version_after d e k) as [[-> _]|[I _]]; [apply H; [lia | assumption]|]. specialize (R _ I). lia.
  - apply (greatest_after m); auto. apply C. lia.
Qed.

Record sound_life (disk : list batch) (m : nat) (now : list nat) : Prop := {
  every_prefix : forall p q, disk = p ++ q -> holds (marker p) (entries p);
  this_run : exists base, entries disk = entries base ++ now /\ holds m (entries base)
                          /\ forall i, In i (entries base) -> 1 <= i <= length;
  fresh_run : NoDup now;
  run_waited : waited_from m now;
  run_range : forall i, In i now -> m < i <= length;
  disk_range : forall i, In i (entries disk) -> 1 <= i <= length;
}.

Lemma marker_snoc d j m : marker (d ++ [(j, m)]) = m.
Proof. unfold marker. now rewrite rev_app_distr. Qed.

Lemma entries_app d e : entries (d ++ e) = entries d ++ entries e.
Proof. apply flat_map_app. Qed.

Lemma life_is_sound disk m now : life disk m now -> sound_life disk m now.
Proof.
  induction 1 as [|disk m now j mk H [EP (base & E & HB & RB) FR RW RR DR] L NJ P WM LM
    |disk m now mk H [EP (base & E & HB & RB) FR RW RR DR] WM LM|left lost m now H [EP TR FR RW RR DR]].
  - split; simpl; try contradiction; try constructor.
    + intros p q Q. symmetry in Q. apply app_eq_nil in Q as [-> _]. intros k i L. change (marker []) with 0 in L. lia.
    + exists []. split; [reflexivity|]. split; [intros k i L; lia | contradiction].
    + intros [|] j q i E; discriminate.
  - assert (FR' : NoDup (now ++ [j])).
    { apply NoDup_Add with (a := j) (l := now); [|now split]. rewrite <- (app_nil_r now) at 1. apply Add_app. }
    assert (RW' : waited_from m (now ++ [j])).
    { intros p x q i Q B C. destruct q as [|y q] using rev_ind.
      - apply app_inj_tail in Q as [-> ->]. auto.
      - change (p ++ x :: q ++ [y]) with (p ++ (x :: q) ++ [y]) in Q. rewrite app_assoc in Q.
        apply app_inj_tail in Q as [-> ->]. now apply (RW p x q i). }
    assert (RR' : forall i, In i (now ++ [j]) -> m < i <= length).
    { intros i I. apply in_app_or in I as [I|[<-|[]]]; auto. }
    assert (E' : entries (disk ++ [(Some j, mk)]) = entries base ++ now ++ [j]).
    { rewrite entries_app, E. symmetry. apply app_assoc. }
    split; try assumption.
    + intros p q Q. destruct q as [|y q] using rev_ind.
      * rewrite app_nil_r in Q. subst p. rewrite marker_snoc, E'. apply (run_holds m); try assumption.
        -- intros x I. now apply RR'.
        -- intros i B. apply in_or_app. destruct (WM i B) as [->|I]; [right; now left | now left].
      * rewrite app_assoc in Q. apply app_inj_tail in Q as [Q _]. now apply (EP p q).
    + exists base. auto.
    + intros i I. rewrite E' in I. apply in_app_or in I as [I|I]; [now apply RB|]. apply RR' in I. lia.
  - assert (E' : entries (disk ++ [(None, mk)]) = entries base ++ now) by now rewrite entries_app, E, app_nil_r.
    split; try assumption.
    + intros p q Q. destruct q as [|y q] using rev_ind.
      * rewrite app_nil_r in Q. subst p. rewrite marker_snoc, E'. apply (run_holds m); try assumption.
        intros x I. now apply RR.
      * rewrite app_assoc in Q. apply app_inj_tail in Q as [Q _]. now apply (EP p q).
    + exists base. auto.
    + intros i I. rewrite E' in I. apply in_app_or in I as [I|I]; [now apply RB|]. apply RR in I. lia.
  - assert (DL : forall i, In i (entries left) -> 1 <= i <= length).
    { intros i I. apply DR. rewrite entries_app. apply in_or_app. now left. }
    split; try assumption.
    + intros p q Q. apply (EP p (q ++ lost)). now rewrite Q, app_assoc.
    + exists left. rewrite app_nil_r. split; [reflexivity|]. split; [|assumption]. now apply (EP left lost).
    + constructor.
    + intros [|] j q i E; discriminate.
    + contradiction.
Qed.

(* monotonic_reads, with crashes: a reader waits until all entries up to `reached`, the last entry that was ever on the
   disk, are written again. It then sees no version older than any that was ever seen. *)
Theorem readers_who_wait_never_go_back disk m now reached before k :
  life disk m now -> (forall i, m < i <= reached -> In i now) ->
  (forall i, In i before -> 1 <= i <= reached) -> version before k <= version (entries disk) k.
Proof.
  intros H C R. apply life_is_sound in H as [_ (base & E & HB & RB) FR RW RR _].
  destruct (version_written log before k) as [[-> _]|[I T]]; [lia|].
  rewrite E. assert (X : holds reached (entries base ++ now)).
  { apply (run_holds m); auto. intros x Ix. now apply RR. }
  apply X; [now apply R | assumption].
Qed.

(* Convergence of versions: for a run that has reached the end. *)
Theorem rerun_has_the_masters_versions disk m now k :
  life disk m now -> (forall i, m < i <= length -> In i now) -> version (entries disk) k = version (prefix length) k.
Proof.
  intros H C. apply Nat.le_antisymm.
  - apply life_is_sound in H as [_ _ _ _ _ DR]. destruct (version_written log (entries disk) k) as [[-> _]|[I T]]; [lia|].
    pose proof (prefix_well_written log length length (le_n _)) as [PR PN PW].
    apply version_greatest; auto; [intros x Ix; now apply PR |]. apply in_seq. specialize (DR _ I). lia.
  - apply (readers_who_wait_never_go_back disk m now length); auto.
    intros i I. apply in_seq in I. lia.
Qed.
End Crash.

(* Effects over raw keys: an entry overwrites a raw key (Some) or leaves it (None). `owner` is the key to which a raw key
   belongs. *)
Section Effects.
Variable log : nat -> key_set.
Variable length : nat.
Variables Raw Value : Type.
Variable owner : Raw -> key.
Variable effect : nat -> Raw -> option Value.
Hypothesis writes_its_keys : forall n r, effect n r <> None -> contains (log n) (owner r) = true.

Definition apply (s : Raw -> Value) (n : nat) : Raw -> Value :=
  fun r => match effect n r with Some v => v | None => s r end.

(* Seen from one raw key, the log consists of entries that touch it and entries that do not. *)
Definition at_raw (r : Raw) (n : nat) : key_set := match effect n r with Some _ => Keys [owner r] | None => Keys [] end.

Lemma at_raw_touches r n : touches (at_raw r) (owner r) n = match effect n r with Some _ => true | None => false end.
Proof. unfold touches, at_raw. destruct (effect n r); simpl; [now rewrite Pos.eqb_refl | reflexivity]. Qed.

Lemma at_raw_conflict r i j : conflict (at_raw r) i j = true -> conflict log i j = true.
Proof.
  unfold conflict. intros C. apply (shared_key_conflicts _ _ (owner r)); apply writes_its_keys;
    unfold at_raw in C; destruct (effect i r), (effect j r); simpl in C; congruence.
Qed.

Lemma life_at_raw r disk m now : life log length disk m now -> life (at_raw r) length disk m now.
Proof.
  induction 1; [constructor | | now constructor | eapply crashes; eassumption].
  constructor; auto. intros i L C. apply H2; [assumption|]. now apply at_raw_conflict in C.
Qed.

Lemma state_by_version s r d : fold_left apply d s r =
  match version (at_raw r) d (owner r) with 0 => fold_left apply d s r | S n => match effect (S n) r with Some v => v | None => s r end end
  /\ (version (at_raw r) d (owner r) = 0 -> ~ In 0 d -> fold_left apply d s r = s r).
Proof.
  induction d as [|j d IH] using rev_ind; [split; reflexivity|].
  rewrite version_snoc, at_raw_touches, fold_left_app. simpl. unfold apply at 1 3 5.
  destruct (effect j r) as [v|] eqn:E.
  - split; [destruct j; [reflexivity | now rewrite E]|]. intros -> N. exfalso. apply N, in_or_app. right. now left.
  - destruct IH as [IH IH']. split.
    + destruct (version (at_raw r) d (owner r)); [reflexivity | assumption].
    + intros Z N. apply IH'; [assumption|]. intros I. apply N, in_or_app. now left.
Qed.

(* Convergence of bytes, under any number of crashes. *)
Theorem effects_converge_after_crashes disk m now s r :
  life log length disk m now -> (forall i, m < i <= length -> In i now) ->
  fold_left apply (entries disk) s r = fold_left apply (prefix length) s r.
Proof.
  intros H C. apply (life_at_raw r) in H.
  pose proof (rerun_has_the_masters_versions (at_raw r) length disk m now (owner r) H C) as V.
  apply life_is_sound in H as [_ _ _ _ _ DR].
  destruct (state_by_version s r (entries disk)) as [D D']. destruct (state_by_version s r (prefix length)) as [P P'].
  rewrite V in D, D'. destruct (version (at_raw r) (prefix length) (owner r)) as [|n].
  - rewrite D', P'; auto.
    + intros I. apply in_seq in I. lia.
    + intros I. apply DR in I. lia.
  - now rewrite D, P.
Qed.
End Effects.
