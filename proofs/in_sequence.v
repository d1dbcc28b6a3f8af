(* `serial` and `sequence` (src/ordering/serial.rs, sequence.rs): readers see only prefixes of the log.

   `serial` hands out one run of entries at a time; `sequence` hands out many entries and lets them write in turn. Either
   way the written entries are 1, 2, … n at every moment. This is the prefix level. It needs no hypothesis about the
   entries, not even that independent ones commute. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.key_set Replicheck.written Replicheck.replica Replicheck.discipline.
Import ListNotations.

(* So that `cbn` opens records and leaves arithmetic alone. *)
Local Arguments Nat.ltb _ _ : simpl never.
Local Arguments Nat.eqb _ _ : simpl never.
Local Arguments Nat.sub _ _ : simpl never.
Local Arguments entries _ : simpl never.
Local Arguments prefix _ : simpl never.

Section Sequential.
Variable log : nat -> key_set.
Variable length : nat.

Definition in_sequence (s : strategy) (x : state s) : Prop :=
  is_whole (done x) /\ exists n, n <= admitted x /\ entries (done x) = prefix n.

Lemma admitted_in_log s x : reachable log length s x -> admitted x <= length.
Proof.
  revert x. apply (invariant log length s (fun x => admitted x <= length)); [simpl; lia|].
  intros x y H S. destruct S; simpl in *; lia.
Qed.

Lemma entries_app d e : entries (d ++ e) = entries d ++ entries e.
Proof. apply flat_map_app. Qed.

Lemma sequential_keeps_prefix s : reads_latest s = true ->
  (forall x, reachable log length s x -> in_sequence s x) -> prefix_level log length s.
Proof.
  intros RL Q. split.
  - intros x R A. destruct (Q x R) as (W & n & L & E). split; [assumption|].
    intros State apply s0 _. rewrite E. pose proof (admitted_in_log s x R).
    assert (n = length) as ->; [|reflexivity].
    destruct (le_lt_dec length n) as [|G]; [lia|]. specialize (A length). rewrite E in A. unfold prefix in A.
    rewrite in_seq in A. lia.
  - intros x y R S. assert (RY : reachable log length s y) by exact (steps_trans log length s _ _ _ R S).
    destruct (Q x R) as (_ & n & L & E). destruct (Q y RY) as (_ & m & LM & EM).
    destruct (done_grows log length s x y S) as (more & G).
    exists n, m. rewrite G, entries_app, E in EM.
    assert (NM : n <= m).
    { apply (f_equal (@List.length nat)) in EM. unfold prefix in EM. rewrite app_length, !seq_length in EM. lia. }
    pose proof (admitted_in_log s y RY). split; [lia|].
    unfold sees, master_had. rewrite (shown_is_done log length s x RL R), (shown_is_done log length s y RL RY).
    rewrite G, entries_app, E, EM. auto.
Qed.
End Sequential.

(* serial *)
Record serial_machine := { next : nat; last : nat; busy : bool }.

Definition serial_take (batch_max : nat) (m : serial_machine) (_ : nat) : option (job * serial_machine) :=
  if busy m || (last m <? next m) then None else
    let until := Nat.min (last m) (next m + (batch_max - 1)) in
    Some (run_of (next m) until, {| next := S until; last := last m; busy := true |}).

Definition serial (batch_max : nat) : strategy := {|
  replica.machine := serial_machine;
  replica.fresh := {| next := 1; last := 0; busy := false |};
  replica.admits := fun _ => true;
  replica.admit := fun m n _ => {| next := if last m <? next m then n else next m; last := n; busy := busy m |};
  replica.take := serial_take batch_max;
  replica.may_write := fun _ _ => true;
  replica.finish := fun m _ => {| next := next m; last := last m; busy := false |};
  replica.reads_latest := true;
  replica.cut := fun m => m; replica.publishable := fun _ => None; replica.published := fun m => m |}.

Section Serial.
Variable batch_max : nat.
Variable log : nat -> key_set.
Variable length : nat.

(* No worker has a job, or one worker has a run. The run is the next one after the written entries, or the last of them. *)
Definition works (x : state (serial batch_max)) : Prop :=
  (hands x = [] /\ busy (at_ x) = false /\ entries (done x) = prefix (next (at_ x) - 1))
  \/ exists w f l, 1 <= f <= l /\ next (at_ x) = S l /\ busy (at_ x) = true
     /\ ((hands x = [(w, run_of f l, false)] /\ entries (done x) = prefix (f - 1))
         \/ (hands x = [(w, run_of f l, true)] /\ entries (done x) = prefix l)).

Definition serial_kept (x : state (serial batch_max)) : Prop :=
  is_whole (done x) /\ last (at_ x) = admitted x /\ 1 <= next (at_ x) <= S (admitted x) /\ works x.

Lemma app_one {A} (l r : list A) x y : l ++ x :: r = [y] -> l = [] /\ r = [] /\ x = y.
Proof.
  destruct l as [|a [|b l]]; simpl; intros E; [|discriminate|discriminate]. now injection E.
Qed.

Lemma prefix_run f l : 1 <= f <= l -> prefix (f - 1) ++ lsns (run_of f l) = prefix l.
Proof.
  intros L. unfold prefix, lsns. simpl.
  replace l with (f - 1 + (l + 1 - f)) at 2 by lia. rewrite seq_app. f_equal. f_equal. lia.
Qed.

Lemma serial_step x y : serial_kept x -> step log length (serial batch_max) x y -> serial_kept y.
Proof.
  intros (W & L & B & K) S. unfold serial_kept, works in *.
  destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
    | m a h d v lsn PUB]; cbn in *.
  - (* Admit *) split; [assumption|]. split; [reflexivity|].
    destruct (Nat.ltb_spec (last m) (next m)) as [G|G]; cbn.
    + split; [lia|]. assert (next m = S a) as E by lia. rewrite E in *. exact K.
    + split; [lia|]. exact K.
  - (* Take *) unfold serial_take in TK. destruct (busy m || (last m <? next m)) eqn:Q; [discriminate|].
    apply orb_false_iff in Q as [Q Q']. apply Nat.ltb_ge in Q'. injection TK as <- <-. cbn.
    split; [assumption|]. split; [assumption|].
    destruct K as [(-> & _ & E)|(w' & f & l & _ & _ & BB & _)]; [|congruence].
    split; [lia|]. right. exists w, (next m), (Nat.min (last m) (next m + (batch_max - 1))).
    split; [lia|]. split; [reflexivity|]. split; [reflexivity|]. left. split; [reflexivity | assumption].
  - (* Write *) destruct K as [(H & _)|(w' & f & l' & R & N & BB & [[H E]|[H E]])].
    + destruct l; discriminate.
    + apply app_one in H as (-> & -> & H). injection H as -> ->.
      split; [apply Forall_app; split; [assumption | now constructor]|]. split; [assumption|]. split; [assumption|].
      right. exists w', f, l'. split; [assumption|]. split; [assumption|]. split; [assumption|]. right. split; [reflexivity|].
      rewrite entries_app, E. unfold entries. simpl. rewrite app_nil_r. now apply prefix_run.
    + apply app_one in H as (_ & _ & H). discriminate.
  - (* Finish *) destruct K as [(H & _)|(w' & f & l' & R & N & BB & [[H E]|[H E]])].
    + destruct l; discriminate.
    + apply app_one in H as (_ & _ & H). discriminate.
    + apply app_one in H as (-> & -> & H). split; [assumption|]. split; [assumption|]. split; [assumption|].
      left. split; [reflexivity|]. split; [reflexivity|]. now rewrite N, Nat.sub_1_r.
  - auto.
  - discriminate.
Qed.

Lemma reachable_serial_kept x : reachable log length (serial batch_max) x -> serial_kept x.
Proof.
  revert x. apply invariant; [|exact serial_step]. split; [constructor|]. split; [reflexivity|].
  split; [cbn; lia|]. left. repeat split.
Qed.

Theorem serial_keeps_prefix : prefix_level log length (serial batch_max).
Proof.
  apply sequential_keeps_prefix; [reflexivity|]. intros x R.
  destruct (reachable_serial_kept x R) as (W & L & B & K). split; [assumption|].
  destruct K as [(_ & _ & E)|(w & f & l & R' & N & _ & [[_ E]|[_ E]])]; eexists; (split; [|exact E]); lia.
Qed.
End Serial.

(* sequence *)
Record sequence_machine := { upcoming : nat; latest : nat; turn : nat }.

Definition sequence : strategy := {|
  replica.machine := sequence_machine;
  replica.fresh := {| upcoming := 0; latest := 0; turn := 0 |};
  replica.admits := fun _ => true;
  replica.admit := fun m n _ =>
    if latest m =? 0 then {| upcoming := n; latest := n; turn := n |}
    else {| upcoming := upcoming m; latest := n; turn := turn m |};
  replica.take := fun m _ =>
    if (latest m <? upcoming m) || (latest m =? 0) then None
    else Some (whole (upcoming m), {| upcoming := S (upcoming m); latest := latest m; turn := turn m |});
  replica.may_write := fun m j => replica.first j =? turn m;
  replica.finish := fun m j => {| upcoming := upcoming m; latest := latest m; turn := S (replica.last j) |};
  replica.reads_latest := true;
  replica.cut := fun m => m; replica.publishable := fun _ => None; replica.published := fun m => m |}.

Section Sequence.
Variable log : nat -> key_set.
Variable length : nat.

Definition sequence_kept (x : state sequence) : Prop :=
  is_whole (done x) /\ latest (at_ x) = admitted x /\ NoDup (jobs (hands x)) /\
  exists n, n <= admitted x /\ entries (done x) = prefix n /\
  ((latest (at_ x) = 0 /\ hands x = [] /\ n = 0)
   \/ (1 <= turn (at_ x) <= upcoming (at_ x) /\ upcoming (at_ x) <= S (latest (at_ x)) /\ 1 <= latest (at_ x)
       /\ (n = turn (at_ x) - 1 \/ n = turn (at_ x) /\ exists w, In (w, whole n, true) (hands x))
       /\ forall w j f, In (w, j, f) (hands x) -> exists i, j = whole i /\ i < upcoming (at_ x)
            /\ if f then i = turn (at_ x) /\ n = i else turn (at_ x) <= i /\ n < i)).

Lemma sequence_step x y : sequence_kept x -> step log length sequence x y -> sequence_kept y.
Proof.
  intros (W & L & ND & n & N & E & K) S. unfold sequence_kept, jobs in *.
  destruct S as [m a h d v AD LT | m a h d v w j m' FREE TK | m a l w j r d v MW | m a l w j r d v | m a h d v
    | m a h d v lsn PUB]; cbn in *.
  - (* Admit *) destruct (Nat.eqb_spec (latest m) 0) as [Z|Z]; cbn.
    + split; [assumption|]. split; [reflexivity|]. split; [assumption|]. exists n. split; [lia|]. split; [assumption|].
      right. destruct K as [(_ & -> & ->)|(_ & _ & ? & _)]; [|lia].
      repeat split; try lia. intros w j f [].
    + split; [assumption|]. split; [reflexivity|]. split; [assumption|]. exists n. split; [lia|]. split; [assumption|].
      right. destruct K as [(? & _)|(A & B & C & D & F)]; [lia|]. repeat split; try lia; assumption.
  - (* Take *) destruct (_ || _) eqn:Q; [discriminate|]. injection TK as <- <-. cbn.
    apply orb_false_iff in Q as [Q Q']. apply Nat.ltb_ge in Q. apply Nat.eqb_neq in Q'.
    destruct K as [(? & _)|(A & B & C & D & F)]; [lia|].
    split; [assumption|]. split; [assumption|]. split.
    + constructor; [|assumption]. intros I. apply in_map_iff in I as (((w' & j') & f') & EJ & I). simpl in EJ. subst j'.
      destruct (F _ _ _ I) as (i & EI & LI & _). apply whole_inj in EI. lia.
    + exists n. split; [assumption|]. split; [assumption|]. right. repeat split; try lia.
      * destruct D as [D|[D (w' & I)]]; [now left | right]. split; [assumption|]. exists w'. now right.
      * intros w' j' f' [EE|I].
        -- injection EE as <- <- <-. exists (upcoming m). split; [reflexivity|]. split; [lia|]. split; [lia|].
           destruct D as [D|[D (w' & I)]]; [lia|]. destruct (F _ _ _ I) as (i & EI & LI & T & _).
           apply whole_inj in EI. lia.
        -- destruct (F _ _ _ I) as (i & EI & LI & T). exists i. split; [assumption|]. split; [lia | assumption].
  - (* Write *) destruct K as [(_ & H & _)|(A & B & C & D & F)]; [destruct l; discriminate|].
    apply Nat.eqb_eq in MW.
    assert (I0 : In (w, j, false) (l ++ (w, j, false) :: r)) by (apply in_or_app; right; now left).
    destruct (F _ _ _ I0) as (i & -> & LI & TI & NI). cbn in MW. subst i.
    assert (n = turn m - 1) by lia. clear D.
    rewrite map_app in *. simpl in *.
    split; [apply Forall_app; split; [assumption | now constructor]|]. split; [assumption|]. split; [assumption|].
    exists (turn m). split; [lia|]. split.
    + rewrite entries_app, E. unfold entries. simpl. rewrite app_nil_r.
      change (lsns (whole (turn m))) with (lsns (run_of (turn m) (turn m))). subst n. apply prefix_run. lia.
    + right. repeat split; try lia.
      * right. split; [reflexivity|]. exists w. apply in_or_app. right. now left.
      * intros w' j' f' I. apply in_app_or in I as [I|[EE|I]].
        2: { injection EE as <- <- <-. exists (turn m). repeat split; lia. }
        all: (assert (IF : In (w', j', f') (l ++ (w, whole (turn m), false) :: r))
          by (apply in_or_app; (now left) || (right; now right)));
          destruct (F _ _ _ IF) as (i & -> & LI' & T); exists i; split; [reflexivity|]; split; [assumption|];
          assert (i <> turn m) by
            (intros ->; apply NoDup_remove_2 in ND; apply ND, in_or_app; (left + right);
             exact (in_map (fun x => snd (fst x)) _ _ I));
          destruct f'; lia.
  - (* Finish *) destruct K as [(_ & H & _)|(A & B & C & D & F)]; [destruct l; discriminate|].
    assert (I0 : In (w, j, true) (l ++ (w, j, true) :: r)) by (apply in_or_app; right; now left).
    destruct (F _ _ _ I0) as (i & -> & LI & -> & NI). rewrite map_app in *. simpl in *.
    split; [assumption|]. split; [assumption|]. split; [now apply NoDup_remove_1 in ND|].
    exists n. split; [assumption|]. split; [assumption|]. right. repeat split; try lia.
    intros w' j' f' I.
    assert (IF : In (w', j', f') (l ++ (w, whole (turn m), true) :: r)).
    { apply in_app_or in I as [I|I]; apply in_or_app; [now left | right; now right]. }
    destruct (F _ _ _ IF) as (i & -> & LI' & T). exists i. split; [reflexivity|]. split; [assumption|].
    assert (i <> turn m).
    { intros ->. apply NoDup_remove_2 in ND. apply ND. rewrite <- map_app.
      exact (in_map (fun x => snd (fst x)) _ _ I). }
    destruct f'; lia.
  - split; [assumption|]. split; [assumption|]. split; [assumption|]. exists n. auto.
  - discriminate.
Qed.

Lemma reachable_sequence_kept x : reachable log length sequence x -> sequence_kept x.
Proof.
  revert x. apply invariant; [|exact sequence_step]. split; [constructor|]. split; [reflexivity|].
  split; [constructor|]. exists 0. cbn. repeat split. left. auto.
Qed.

Theorem sequence_keeps_prefix : prefix_level log length sequence.
Proof.
  apply sequential_keeps_prefix; [reflexivity|]. intros x R.
  destruct (reachable_sequence_kept x R) as (W & _ & _ & n & N & E & _). split; [assumption | now exists n].
Qed.
End Sequence.
