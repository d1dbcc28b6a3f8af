(* What the metadata of a hash says is true: the number of fields without a deadline, and the latest deadline of a field.

   A command changes the fields that it names, and no other. A hash exists as long as one of its fields lives, and its own
   deadline has not come. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.fields Replicheck.fields_written Replicheck.fields_entry Replicheck.fields_alike.
Import ListNotations.

Section Metadata.
Variables Field Value : Type.
Variable same : Field -> Field -> bool.
Hypothesis same_iff : forall f g, same f g = true <-> f = g.

Notation hash := (hash Field Value).
Notation content := (content Value).
Notation write_all := (write_all Field Value same).
Notation found := (found Field Value).
Notation living := (living Value).
Notation named_as := (named_as Field Value same).
Notation field_at := (field_at Field Value).
Notation exists_at := (exists_at Field Value).
Notation is_lasting := (is_lasting Value).
Notation stored := (stored Field Value).

(* `c` fields have no deadline; `last` is the latest deadline after t. *)
Definition counted (fields : Field -> option content) (c : nat) : Prop :=
  exists l, NoDup l /\ (forall f, In f l <-> is_lasting (fields f) = true) /\ length l = c.
Definition reaches (t : nat) (fields : Field -> option content) (last : nat) : Prop :=
  (forall f v d, fields f = Some (v, Some d) -> t < d -> d <= last)
  /\ (t < last -> exists f v, fields f = Some (v, Some last)).
Definition told (t : nat) (s : hash) : Prop := forall m, found s t = Some m ->
  counted (elements _ _ s (incarnation m)) (lasting m) /\ reaches t (elements _ _ s (incarnation m)) (latest m).

Definition becomes (fields : Field -> option content) (l : list (Field * option content)) : Field -> option content :=
  fun f => match named_as f l with Some x => x | None => fields f end.

Lemma counted_alike fields fields' c : (forall f, fields f = fields' f) -> counted fields c -> counted fields' c.
Proof. intros E (l & N & I & L). exists l. repeat split; auto; intros; [rewrite <- E | apply I; rewrite E]; now try apply I. Qed.

Lemma one_counted fields c f x : counted fields c ->
  counted (fun g => if same g f then x else fields g) (c - count (is_lasting (fields f)) + count (is_lasting x)).
Proof.
  intros (l & N & I & L).
  assert (R : length (filter (fun g => negb (same g f)) l) = c - count (is_lasting (fields f))).
  { assert (G : forall l,
      NoDup l -> length (filter (fun g => negb (same g f)) l) = length l - count (existsb (fun g => same g f) l)).
    { clear l N I L. induction l as [|g l IH]; intros N; [reflexivity|]. inversion N; subst. specialize (IH H2).
      cbn [filter existsb]. destruct (same g f) eqn:S; cbn [negb orb length].
      - apply same_iff in S as ->. rewrite IH. destruct (existsb _ l) eqn:E; cbn; [|lia]. exfalso.
        apply existsb_exists in E as (h & J & S). apply same_iff in S as ->. contradiction.
      - rewrite IH. destruct (existsb _ l) eqn:E; cbn; [|lia]. destruct l; [discriminate | cbn; lia]. }
    rewrite (G l N), L. do 2 f_equal. apply eq_true_iff_eq. rewrite <- I, existsb_exists. split.
    - intros (g & J & S). apply same_iff in S as ->. assumption.
    - intros J. exists f. split; [assumption | now apply same_iff]. }
  assert (J : forall g, In g (filter (fun g => negb (same g f)) l) <-> same g f = false /\ is_lasting (fields g) = true).
  { intros g. rewrite filter_In, I. destruct (same g f); cbn; intuition discriminate. }
  destruct (is_lasting x) eqn:X.
  - exists (f :: filter (fun g => negb (same g f)) l). cbn [count length]. split; [|split; [|lia]].
    + constructor; [|now apply NoDup_filter]. rewrite J. rewrite (same_refl Field same same_iff). intros []. discriminate.
    + intros g. cbn [In]. rewrite J. destruct (same g f) eqn:S.
      * apply same_iff in S as ->. tauto.
      * split; [intros [->|[_ H]]; [|assumption] | tauto]. rewrite (same_refl Field same same_iff) in S. discriminate.
  - exists (filter (fun g => negb (same g f)) l). cbn [count length]. split; [now apply NoDup_filter | split; [|lia]].
    intros g. rewrite J. destruct (same g f); [|tauto]. rewrite X. split; [intros []|]; discriminate.
Qed.

(* The number that the Writer computes, and below the instant that it computes, are right. *)
Theorem all_counted base l : NoDup (map fst l) -> forall fields c, counted fields c ->
  (forall y, In y l -> base (fst y) = fields (fst y)) ->
  counted (becomes fields l) (fold_left (fun c y => c - count (is_lasting (base (fst y))) + count (is_lasting (snd y))) l c).
Proof.
  induction l as [|[f x] l IH]; intros N fields c C B; [exact C|]. cbn [map fst] in N. inversion N as [|? ? NI N']; subst.
  cbn [fold_left fst snd]. pose proof (B (f, x) (or_introl eq_refl)) as BF. cbn [fst] in BF. rewrite BF.
  apply counted_alike with (fields := becomes (fun g => if same g f then x else fields g) l).
  - intros g. unfold becomes. cbn. destruct (same g f) eqn:S; [|reflexivity]. apply same_iff in S as ->.
    now rewrite (not_named Field Value same same_iff f l NI).
  - apply IH; [assumption | now apply one_counted|]. intros [g y] I. cbn. pose proof (B (g, y) (or_intror I)) as BG.
    cbn [fst] in BG. rewrite BG.
    destruct (same g f) eqn:S; [|reflexivity]. apply same_iff in S as ->. exfalso. apply NI. exact (in_map fst _ _ I).
Qed.

Lemma in_max x l : In x l -> x <= max_of l.
Proof.
  induction l as [|y l IH]; [contradiction|]. change (max_of (y :: l)) with (Nat.max y (max_of l)).
  intros [->|I]; [|specialize (IH I)]; lia.
Qed.

Lemma max_in l : 0 < max_of l -> In (max_of l) l.
Proof.
  induction l as [|y l IH]; [cbn; lia|]. change (max_of (y :: l)) with (Nat.max y (max_of l)).
  intros P. destruct (Nat.max_spec y (max_of l)) as [[L ->]|[L ->]]; [right; apply IH; lia | now left].
Qed.

Lemma named_once f x l : NoDup (map fst l) -> In (f, x) l -> named_as f l = Some x.
Proof.
  induction l as [|[g y] l IH]; [contradiction|]. cbn. intros N I. inversion N as [|? ? NI N']; subst.
  destruct I as [E|I]; [injection E as -> ->; now rewrite (same_refl Field same same_iff)|].
  destruct (same f g) eqn:S; [|auto]. apply same_iff in S as ->. exfalso. apply NI. exact (in_map fst _ _ I).
Qed.

Theorem last_is_latest n t s l : NoDup (map fst l) -> valid Field Value n t s -> clean Field Value n t s -> told t s ->
  reaches t (becomes (stored s t) l) (last_after Field Value same s t n l).
Proof.
  intros N V C T.
  assert (B : reaches t (stored s t) (last_before Field Value s t)).
  { unfold fields.stored, last_before. destruct (found s t) as [m|] eqn:F; [|split; [discriminate | lia]].
    destruct (T m F) as [_ [X Y]]. split.
    - intros f v d E L. specialize (X f v d E L). destruct (Nat.ltb_spec t (latest m)); lia.
    - destruct (Nat.ltb_spec t (latest m)); [auto | lia]. }
  set (before := last_before Field Value s t) in *.
  assert (K : forall f d, In (opened Field Value s t n, d, f) (index _ _ s) -> t < d -> exists v, stored s t f = Some (v, Some d)).
  { unfold opened, fields.stored. intros f d I L. destruct (found s t) as [m|] eqn:F.
    - now apply (exact _ _ _ _ _ V m d f F L).
    - destruct (C) with (f := f) (d := d) as [_ X]; [intros m F'; congruence | contradiction]. }
  assert (K' : forall f v d, stored s t f = Some (v, Some d) -> t < d -> In (opened Field Value s t n, d, f) (index _ _ s)).
  { unfold opened, fields.stored. intros f v d E L. destruct (found s t) as [m|] eqn:F; [|discriminate].
    apply (exact _ _ _ _ _ V m d f F L). eauto. }
  set (written := max_of (map (fun y => moment (deadline_of Value (snd y))) l)).
  assert (W : forall f v d, named_as f l = Some (Some (v, Some d)) -> d <= written).
  { intros f v d E. apply in_max. apply in_map_iff. exists (f, Some (v, Some d)).
    split; [reflexivity | exact (named_in Field Value same same_iff f l _ E)]. }
  assert (W' : t < written -> exists f v, becomes (stored s t) l f = Some (v, Some written)).
  { intros L. assert (I : In written (map (fun y => moment (deadline_of Value (snd y))) l)) by (apply max_in; fold written; lia).
    apply in_map_iff in I as ([f x] & E & I). cbn in E. destruct x as [[v [d|]]|]; cbn in E; try lia. subst d.
    exists f, v. unfold becomes. now rewrite (named_once f _ l N I). }
  unfold last_after. fold before. fold written. destruct ((before <=? written) || _) eqn:D.
  - split.
    + intros f v d E L. unfold becomes in E. destruct (named_as f l) as [x|] eqn:NM.
      * subst x. specialize (W f v d NM). lia.
      * specialize (proj1 B f v d E L). lia.
    + intros L. destruct (le_lt_dec before written) as [G|G].
      * rewrite Nat.max_l in * by assumption. auto.
      * rewrite Nat.max_r in * by lia. destruct (proj2 B L) as (f & v & E). exists f, v. unfold becomes.
        destruct (named_as f l) as [x|] eqn:NM; [|assumption]. exfalso.
        apply orb_true_iff in D as [D|D]; [apply Nat.leb_le in D; lia|]. apply negb_true_iff in D.
        assert (X : existsb (fun y => moment (deadline_of Value (stored s t (fst y))) =? before) l = true); [|congruence].
        apply existsb_exists. exists (f, x). split; [exact (named_in Field Value same same_iff f l _ NM)|].
        cbn [fst]. rewrite E. cbn. now apply Nat.eqb_eq.
  - split.
    + intros f v d E L. unfold becomes in E. destruct (named_as f l) as [x|] eqn:NM.
      * subst x. specialize (W f v d NM). lia.
      * assert (d <= kept_latest Field Value same s t n l); [|lia]. apply in_max, in_map_iff.
        exists (opened Field Value s t n, d, f). split; [reflexivity|]. apply filter_In. split; [exact (K' f v d E L)|].
        cbn [fst snd].
        unfold is_named. rewrite Nat.eqb_refl, NM. apply Nat.ltb_lt in L. now rewrite L.
    + intros L. destruct (le_lt_dec (kept_latest Field Value same s t n l) written) as [G|G].
      * rewrite Nat.max_l in * by assumption. auto.
      * rewrite Nat.max_r in * by lia.
        assert (I : In (kept_latest Field Value same s t n l) (map (fun x => snd (fst x))
          (filter (fun x => (fst (fst x) =? opened Field Value s t n) && (t <? snd (fst x)) && negb (is_named Field Value same (snd x) l))
            (index _ _ s)))) by (apply max_in; unfold kept_latest in *; lia).
        apply in_map_iff in I as ([[i d] f] & E & I). cbn in E. subst d. apply filter_In in I as [I H]. cbn [fst snd] in H.
        apply andb_true_iff in H as [H NM]. apply andb_true_iff in H as [H _]. apply Nat.eqb_eq in H as ->.
        destruct (K f _ I L) as (v & E). exists f, v. unfold becomes. unfold is_named in NM.
        destruct (named_as f l); [discriminate | assumption].
Qed.
End Metadata.
