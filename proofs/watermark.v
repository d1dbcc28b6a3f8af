(* The watermark (src/apply/watermark.rs) is correct: all entries up to it are done, and the next one is not. *)

Require Import List Bool Arith Lia.
Import ListNotations.

Record watermark := { low : nat; above : list nat }.

Definition has (n : nat) (l : list nat) : bool := existsb (Nat.eqb n) l.
Definition without (n : nat) (l : list nat) : list nat := filter (fun x => negb (x =? n)) l.

(* `while above.remove(low + 1)`: each round removes one element, so as many rounds as there are elements suffice. *)
Fixpoint advance (rounds : nat) (w : watermark) : watermark :=
  match rounds with
  | 0 => w
  | S r => if has (S (low w)) (above w)
           then advance r {| low := S (low w); above := without (S (low w)) (above w) |}
           else w
  end.

Definition done (w : watermark) (n : nat) : watermark :=
  let noted := {| low := low w; above := if low w <? n then n :: without n (above w) else above w |} in
  advance (length (above noted)) noted.

Lemma has_iff n l : has n l = true <-> In n l.
Proof.
  unfold has. rewrite existsb_exists. split.
  - intros (y & I & E). apply Nat.eqb_eq in E. now subst.
  - intros I. exists n. split; [assumption | apply Nat.eqb_refl].
Qed.

Lemma in_without n l x : In x (without n l) <-> In x l /\ x <> n.
Proof. unfold without. rewrite filter_In, negb_true_iff, Nat.eqb_neq. reflexivity. Qed.

Lemma without_shorter n l : In n l -> length (without n l) < length l.
Proof.
  unfold without. induction l as [|x l IH]; intros I; [contradiction|]. simpl.
  assert (G : length (filter (fun y => negb (y =? n)) l) <= length l).
  { clear. induction l as [|y l IH]; simpl; [lia|]. destruct (negb (y =? n)); simpl; lia. }
  destruct (Nat.eqb_spec x n); simpl; [lia|]. destruct I as [->|I]; [congruence|]. specialize (IH I). lia.
Qed.

(* The done entries are those up to `low` and those in `above`; `low + 1` is not done. *)
Definition marks (w : watermark) (d : nat -> Prop) : Prop :=
  (forall n, 1 <= n -> d n <-> n <= low w \/ In n (above w)) /\ (forall n, In n (above w) -> low w < n).

Lemma advance_marks rounds : forall w d, length (above w) <= rounds -> marks w d ->
  marks (advance rounds w) d /\ ~ In (S (low (advance rounds w))) (above (advance rounds w)).
Proof.
  induction rounds as [|r IH]; intros w d L [M A]; simpl.
  - split; [split; assumption|]. destruct (above w); [intros [] | simpl in L; lia].
  - destruct (has (S (low w)) (above w)) eqn:H.
    + apply has_iff in H. apply IH; cbn [low above].
      * pose proof (without_shorter _ _ H). lia.
      * split; cbn [low above].
        -- intros n P. rewrite (M n P), in_without. split.
           ++ intros [|I]; [left; lia|]. destruct (Nat.eq_dec n (S (low w))); [left; lia | right; auto].
           ++ intros [Q|[I _]]; [|now right]. destruct (Nat.eq_dec n (S (low w))) as [->|]; [now right | left; lia].
        -- intros n I. apply in_without in I as [I D]. apply A in I. lia.
    + split; [split; assumption|]. intros I. apply has_iff in I. congruence.
Qed.

Lemma done_marks w d n : 1 <= n -> marks w d ->
  marks (done w n) (fun x => d x \/ x = n) /\ ~ In (S (low (done w n))) (above (done w n)).
Proof.
  intros P [M A]. apply advance_marks; [reflexivity|]. split; cbn [low above].
  - intros x Q. rewrite (M x Q). destruct (Nat.ltb_spec (low w) n).
    + simpl. rewrite in_without. destruct (Nat.eq_dec x n); subst; intuition.
    + split; [intros [D|E]; [assumption | left; lia] | auto].
  - intros x I. destruct (Nat.ltb_spec (low w) n); [|now apply A].
    destruct I as [->|I]; [assumption|]. apply in_without in I as [I _]. now apply A.
Qed.

(* After any entries were done, in any order, once or more often: the highest number up to which all are done. *)
Theorem watermark_is_the_highest from ns : Forall (fun n => 1 <= n) ns ->
  let w := fold_left done ns {| low := from; above := [] |} in
  (forall n, 1 <= n <= low w -> n <= from \/ In n ns) /\ ~ (S (low w) <= from \/ In (S (low w)) ns).
Proof.
  intros P. set (w0 := {| low := from; above := [] |}).
  assert (G : forall ns w d, Forall (fun n => 1 <= n) ns -> marks w d -> ~ In (S (low w)) (above w) ->
    marks (fold_left done ns w) (fun x => d x \/ In x ns)
    /\ ~ In (S (low (fold_left done ns w))) (above (fold_left done ns w))).
  { clear. induction ns as [|n ns IH]; intros w d P M N; simpl.
    - split; [|assumption]. destruct M as [M A]. split; [|assumption]. intros x Q. rewrite <- (M x Q). tauto.
    - inversion P; subst. destruct (done_marks w d n H1 M) as [M' N'].
      destruct (IH (done w n) _ H2 M' N') as [[M2 A2] N2]. split; [|assumption]. split; [|assumption].
      intros x Q. rewrite <- (M2 x Q). split; intros; intuition. }
  destruct (G ns w0 (fun x => x <= from) P) as [[M A] N]; simpl.
  - split; simpl; [tauto | contradiction].
  - tauto.
  - split.
    + intros n L. apply (M n); [lia | left; lia].
    + intros D. assert (S (low (fold_left done ns w0)) <= low (fold_left done ns w0)
        \/ In (S (low (fold_left done ns w0))) (above (fold_left done ns w0))) as [|I] by (apply M; [lia | exact D]).
      * lia.
      * contradiction.
Qed.
