(* Progress of `serial` and `sequence`, for any number of workers and any batch size. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline Replicheck.in_sequence.
Require Import Replicheck.progress Replicheck.progress_ends.
Import ListNotations.

Local Arguments Nat.ltb _ _ : simpl never.
Local Arguments Nat.eqb _ _ : simpl never.
Local Arguments Nat.sub _ _ : simpl never.
Local Arguments entries _ : simpl never.
Local Arguments prefix _ : simpl never.

Lemma prefix_once n m : n <= m -> NoDup (prefix n) /\ forall i, In i (prefix n) -> 1 <= i <= m.
Proof. intros L. split; [apply seq_NoDup|]. intros i I. apply in_seq in I. lia. Qed.

Section Serial.
Variable batch_max : nat.
Variable log : nat -> key_set.
Variable length : nat.
Variable workers : nat.
Hypothesis somebody : 0 < workers.

Lemma serial_accountable : accountable log length (serial batch_max).
Proof.
  split; cbn; try reflexivity; try discriminate.
  - intros m w j m' T. unfold serial_take in T. destruct (_ || _) eqn:Q; [discriminate|].
    apply orb_false_iff in Q as [_ Q]. apply Nat.ltb_ge in Q. injection T as <- _. cbn. lia.
  - intros x R. destruct (reachable_serial_kept batch_max log length x R) as (_ & L & B & K). unfold entries_held, in_hands.
    destruct K as [(-> & _ & E)|(w & f & l & O & N & _ & [[-> E]|[-> E]])]; rewrite E; cbn.
    + rewrite app_nil_r. apply prefix_once. lia.
    + rewrite app_nil_r, prefix_run by assumption. apply prefix_once. lia.
    + rewrite app_nil_r. apply prefix_once. lia.
Qed.

Theorem serial_progresses : progress log length workers (serial batch_max).
Proof.
  intros x R. split; [|now left]. destruct (reachable_serial_kept batch_max log length x R) as (_ & L & B & K).
  destruct K as [(H & F & E)|(w & f & l & _ & _ & _ & K)].
  - destruct (le_lt_dec (next (at_ x)) (last (at_ x))) as [G|G].
    + destruct (serial_take batch_max (at_ x) 0) as [(j, m')|] eqn:T.
      * right. exact (take_works log length workers (serial batch_max) x 0 j m' H somebody T).
      * exfalso. unfold serial_take in T. rewrite F in T. destruct (_ || _) eqn:Q in T; [|discriminate].
        rewrite orb_false_l in Q. apply Nat.ltb_lt in Q. lia.
    + left. split; [assumption|]. intros i I. rewrite E. apply in_seq. lia.
  - right. apply hands_work; [reflexivity|]. destruct K as [[-> _]|[-> _]]; discriminate.
Qed.

Theorem serial_ends_every_run : every_run_ends log length workers (serial batch_max).
Proof.
  apply progress_ends_every_run; [exact serial_accountable | exact serial_progresses | apply serial_keeps_prefix].
Qed.
End Serial.

Section Sequence.
Variable log : nat -> key_set.
Variable length : nat.
Variable workers : nat.
Hypothesis somebody : 0 < workers.

(* A worker holds every entry that is taken and not yet written. *)
Definition in_hand (x : state sequence) : Prop :=
  (latest (at_ x) = 0 -> turn (at_ x) = upcoming (at_ x)) /\
  forall i, turn (at_ x) <= i < upcoming (at_ x) -> exists w f, In (w, whole i, f) (hands x).

Lemma sequence_in_hand x : reachable log length sequence x -> in_hand x.
Proof.
  intros R. apply (invariant log length sequence (fun x => sequence_kept x /\ in_hand x)); [| |assumption].
  - split; [apply (reachable_sequence_kept log length); constructor|]. split; [reflexivity|]. cbn. intros. lia.
  - clear x R. intros x y [K [Z H]] S. split; [exact (sequence_step log length x y K S)|].
    destruct K as (_ & LA & ND & n & N & E & K). unfold in_hand.
    destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
      | m a h d v lsn PUB]; cbn in *; try (now split).
    + destruct (Nat.eqb_spec (latest m) 0) as [Q|Q]; cbn; split; try assumption; try lia.
    + destruct (_ || _) eqn:Q; [discriminate|]. injection TK as <- <-. cbn. split.
      * apply orb_false_iff in Q as [_ Q]. apply Nat.eqb_neq in Q. lia.
      * intros i I. destruct (Nat.eq_dec i (upcoming m)) as [->|D]; [exists w, false; now left|].
        destruct (H i) as (w' & f & J); [lia|]. exists w', f. now right.
    + split; [assumption|]. intros i I. destruct (H i I) as (w' & f & J). apply in_app_or in J as [J|[J|J]].
      * exists w', f. apply in_or_app. now left.
      * injection J as _ -> _. exists w, true. apply in_or_app. right. now left.
      * exists w', f. apply in_or_app. right. now right.
    + destruct K as [(_ & Q & _)|(A & B & C & D & F)]; [destruct l; discriminate|].
      assert (I0 : In (w, j, true) (l ++ (w, j, true) :: r)) by (apply in_or_app; right; now left).
      destruct (F _ _ _ I0) as (t & -> & LI & -> & NI). cbn. split; [lia|]. intros i I.
      destruct (H i) as (w' & f & J); [lia|]. exists w', f. apply in_app_or in J as [J|[J|J]]; apply in_or_app;
        [now left | | now right]. injection J as _ J _. lia.
Qed.

Lemma sequence_accountable : accountable log length sequence.
Proof.
  split; cbn; try reflexivity; try discriminate.
  - intros m w j m' T. destruct (_ || _); [discriminate|]. injection T as <- _. cbn. lia.
  - intros x R. destruct (reachable_sequence_kept log length x R) as (_ & LA & ND & n & N & E & K). rewrite E.
    destruct K as [(_ & H & _)|(A & B & C & D & F)].
    + unfold entries_held, in_hands. rewrite H. cbn. rewrite app_nil_r. now apply prefix_once.
    + unfold entries_held, in_hands, jobs in *.
      assert (G : forall h, NoDup (map (fun x => snd (fst x)) h) -> incl h (hands x) ->
        let l := flat_map (fun e : nat * job * bool => if Bool.eqb (snd e) false then lsns (snd (fst e)) else []) h in
        NoDup l /\ forall i, In i l -> n < i <= admitted x /\ In (whole i) (map (fun x => snd (fst x)) h)).
      { induction h as [|((w & j) & f) h IH]; intros NH IN; cbn; [split; [constructor | intros i []]|].
        cbn in NH. inversion NH as [|? ? NJ NH']; subst.
        destruct (IH NH') as [NL IL]; [intros e I; apply IN; now right|].
        destruct (F w j f) as (i & -> & LI & T); [apply IN; now left|]. destruct f; cbn.
        - split; [assumption|]. intros k I. destruct (IL k I). auto.
        - unfold lsns. cbn. replace (i + 1 - i) with 1 by lia. cbn. split.
          + constructor; [|assumption]. intros I. apply NJ. now apply IL.
          + intros k [<-|I]; [split; [lia | now left]|]. destruct (IL k I). auto. }
      destruct (G (hands x) ND (fun e I => I)) as [NL IL]. cbn in NL, IL. destruct (prefix_once n _ N) as [NP IP]. split.
      * apply once_app; [assumption | assumption|]. intros i I J. apply IL in J as [J _]. apply in_seq in I. lia.
      * intros i I. apply in_app_or in I as [I|I]; [now apply IP | apply IL in I as [I _]; lia].
Qed.

Theorem sequence_progresses : progress log length workers sequence.
Proof.
  intros x R. split; [|now left]. destruct (reachable_sequence_kept log length x R) as (_ & LA & ND & n & N & E & K).
  destruct (sequence_in_hand x R) as [_ H].
  destruct K as [(Z & HE & ->)|(A & B & C & D & F)].
  - left. split; [assumption|]. intros i I. lia.
  - destruct (le_lt_dec (upcoming (at_ x)) (turn (at_ x))) as [G|G].
    + assert (T : turn (at_ x) = upcoming (at_ x)) by lia.
      destruct (hands x) as [|((w & j) & f) r] eqn:HE.
      * destruct D as [D|[_ (w & [])]]. destruct (le_lt_dec (upcoming (at_ x)) (latest (at_ x))) as [U|U].
        -- destruct (take sequence (at_ x) 0) as [(j, m')|] eqn:T'.
           ++ right. exact (take_works log length workers sequence x 0 j m' HE somebody T').
           ++ exfalso. cbn in T'. destruct (_ || _) eqn:Q in T'; [|discriminate].
              apply orb_true_iff in Q as [Q|Q]; [apply Nat.ltb_lt in Q | apply Nat.eqb_eq in Q]; lia.
        -- left. split; [assumption|]. intros i I. rewrite E. apply in_seq. lia.
      * exfalso. destruct (F w j f) as (i & _ & LI & Q); [now left|]. destruct f; lia.
    + right. destruct (H (turn (at_ x))) as (w & f & I); [lia|]. destruct x as [m a h d v]. cbn in *.
      apply in_split in I as (l & r & ->). destruct f.
      * eexists. split; [exact (Finish log length sequence m a l w (whole (turn m)) r d v)|]. split.
        -- intros w' j' Q. cbn in Q. apply (f_equal (@List.length _)) in Q. simpl in Q. rewrite !app_length in Q. simpl in Q. lia.
        -- cbn. intros Q. apply (f_equal (@List.length _)) in Q. rewrite !app_length in Q. simpl in Q. lia.
      * eexists. split; [apply (Write log length sequence m a l w (whole (turn m)) r d v); apply Nat.eqb_refl|]. split.
        -- intros w' j' Q. cbn in Q. apply (f_equal (@List.length _)) in Q. simpl in Q. rewrite !app_length in Q. simpl in Q. lia.
        -- cbn. intros Q. apply app_inv_head in Q. discriminate.
Qed.

Theorem sequence_ends_every_run : every_run_ends log length workers sequence.
Proof.
  apply progress_ends_every_run; [exact sequence_accountable | exact sequence_progresses | apply sequence_keeps_prefix].
Qed.
End Sequence.
