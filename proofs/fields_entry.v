(* One entry of the master, applied by a node that sees the same hash: afterwards it sees the same again.

   The writes of each change are worked out on the master's records; the node may have other dead records. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.fields Replicheck.fields_written.
Import ListNotations.

Section Entry.
Variables Field Value : Type.
Variable same : Field -> Field -> bool.
Hypothesis same_iff : forall f g, same f g = true <-> f = g.

Notation hash := (hash Field Value).
Notation write_all := (write_all Field Value same).
Notation found := (found Field Value).
Notation living := (living Value).
Notation valid := (valid Field Value).
Notation clean := (clean Field Value).
Notation agree := (agree Field Value).

Lemma agree_refl r s : agree r s s.
Proof. now split. Qed.

(* One change of entry n: `s` is where it ran, `s'` any node that sees the same. *)
Definition ready (n t : nat) (s s' : hash) : Prop := valid n t s' /\ clean n t s' /\ agree t s s'.

Lemma remove_is_ready n t s s' : ready n t s s' ->
  ready n t (write_all s (remove Field Value s)) (write_all s' (remove Field Value s)).
Proof.
  intros (V & C & F & E). unfold remove. destruct (meta _ _ s) as [m|] eqn:M; [|now split; [|split]].
  cbn. split; [split|split].
  - discriminate.
  - intros i f d L. destruct (fresh _ _ _ _ _ V i f d L) as [X Y]. cbn.
    split; [now destruct (_ =? _)|]. rewrite filter_In. now intros [I _].
  - intros m' d f H. discriminate.
  - intros _ f d. cbn. rewrite filter_In. cbn. destruct (Nat.eqb_spec n (incarnation m)) as [->|N].
    + split; [reflexivity|]. intros [_ X]. discriminate.
    + destruct (C) with (f := f) (d := d) as [X Y]; [|tauto]. intros m' H. rewrite <- F in H.
      apply (found_is_stored Field Value) in H as [H _]. congruence.
  - now split.
Qed.

Lemma clear_is_ready n t s s' : ready n t s s' -> found s t = None ->
  ready n t (write_all s (clear_stored Field Value s)) (write_all s' (clear_stored Field Value s)).
Proof.
  intros (V & C & F & E) M. unfold clear_stored. destruct (meta _ _ s) as [m|]; [|now split; [|split]].
  assert (M' : found s' t = None) by now rewrite <- F.
  cbn. split; [split|split]; cbn.
  - exact (numbered _ _ _ _ _ V).
  - intros i f d L. destruct (fresh _ _ _ _ _ V i f d L) as [X Y].
    split; [now destruct (_ =? _)|]. rewrite filter_In. now intros [I _].
  - intros m' d f H. change (found s' t = Some m') in H. congruence.
  - intros _ f d. cbn. rewrite filter_In.
    destruct (C) with (f := f) (d := d) as [X Y]; [intros m' H; congruence|].
    split; [now destruct (_ =? _) | tauto].
  - change (found s t = found s' t /\ forall m' f, found s t = Some m' ->
      living t (if incarnation m' =? incarnation m then None else elements _ _ s (incarnation m') f)
      = living t (if incarnation m' =? incarnation m then None else elements _ _ s' (incarnation m') f)).
    split; [assumption|]. intros m' f H. congruence.
Qed.

(* New metadata: of the hash that is there, or of one that entry n creates. *)
Lemma put_is_ready n t s s' m' : ready n t s s -> ready n t s s' -> dead t m' = false ->
  match found s t with Some m => incarnation m | None => n end = incarnation m' ->
  ready n t (write_all s [PutMeta Field Value m']) (write_all s' [PutMeta Field Value m']).
Proof.
  intros (_ & CS & _) (V & C & F & E) D I.
  assert (K : forall x : hash, found (write_all x [PutMeta Field Value m']) t = Some m').
  { intros x. unfold fields.found. cbn. now rewrite D. }
  split; [split|split].
  - intros m H. injection H as <-. rewrite <- I. destruct (found s t) as [m|] eqn:M; [|lia].
    assert (M' : found s' t = Some m) by congruence. apply (found_is_stored Field Value) in M' as [M' _].
    exact (numbered _ _ _ _ _ V m M').
  - exact (fresh _ _ _ _ _ V).
  - intros m d f H L. rewrite K in H. injection H as <-. cbn. rewrite <- I. destruct (found s t) as [m|] eqn:M.
    + apply (exact _ _ _ _ _ V); [now rewrite <- F | assumption].
    + destruct (C) with (f := f) (d := d) as [X Y]; [intros m H; congruence|]. rewrite X.
      split; [contradiction | intros (v & ?); discriminate].
  - intros H f d. cbn. apply C. intros m M. specialize (H m' (K s')). rewrite <- F in M. rewrite M in I. congruence.
  - unfold fields_written.agree. rewrite !K. split; [reflexivity|]. intros m f H. injection H as <-. cbn. rewrite <- I.
    destruct (found s t) as [m|] eqn:M; [now apply E|].
    destruct (CS) with (f := f) (d := 0) as [-> _]; [intros m H; congruence|].
    destruct (C) with (f := f) (d := 0) as [-> _]; [intros m H; congruence | reflexivity].
Qed.

Lemma living_is t x v d : t < d -> living t x = living t (Some (v, Some d)) -> x = Some (v, Some d).
Proof.
  unfold fields.living, lives. intros L. destruct (Nat.ltb_spec t d); [|lia]. destruct x as [[v' [d'|]]|]; try discriminate.
  now destruct (t <? d').
Qed.

Lemma merge_is_ready n t s s' l m old : ready n t s s' -> found s t = Some m ->
  (forall f, old f = elements _ _ s (incarnation m) f) -> NoDup (map fst l) ->
  (forall f x, In (f, x) l -> living t x = x) ->
  let ws := flat_map (fun y => write_field Field Value (incarnation m) (fst y) (old (fst y)) (snd y)) l in
  ready n t (write_all s ws) (write_all s' ws).
Proof.
  intros (V & C & F & E) M O N LV.
  destruct (fields_written Field Value same same_iff (incarnation m) old l N s) as (A & B & _).
  destruct (fields_written Field Value same same_iff (incarnation m) old l N s') as (A' & B' & C').
  cbn zeta in *. set (ws := flat_map _ l) in *.
  assert (M' : found s' t = Some m) by now rewrite <- F.
  assert (K : found (write_all s' ws) t = Some m) by (unfold fields.found; rewrite A'; exact M').
  assert (L : incarnation m <= n) by (apply (numbered _ _ _ _ _ V m); now apply (found_is_stored Field Value) in M' as [? _]).
  split; [split|split].
  - rewrite A'. exact (numbered _ _ _ _ _ V).
  - intros i f d G. destruct (fresh _ _ _ _ _ V i f d G) as [X Y]. rewrite B', C', ?O.
    destruct (Nat.eqb_spec i (incarnation m)); [lia|]. split; [assumption|]. tauto.
  - intros m' d f H T. rewrite K in H. injection H as <-. rewrite B', C', ?O, Nat.eqb_refl.
    specialize (E m f M). destruct (named_as Field Value same f l) as [x|] eqn:NM.
    + pose proof (LV f x (named_in Field Value same same_iff f l x NM)) as LX. split.
      * intros [(_ & y & Y & D)|[I X]].
        -- injection Y as <-. destruct x as [[v d']|]; [|discriminate]. cbn in D. subst. now exists v.
        -- destruct (deadline_of Value x) as [d'|] eqn:DX.
           ++ destruct (Nat.eq_dec d' d) as [->|ND].
              ** destruct x as [[v d']|]; [|discriminate]. cbn in DX. subst. now exists v.
              ** exfalso. apply X. split; [reflexivity|]. exists x. split; [reflexivity|].
                 apply (exact _ _ _ _ _ V m d f M' T) in I as (v & I). rewrite I in E. apply living_is in E as ->; [|assumption].
                 split; [reflexivity | congruence].
           ++ exfalso. apply X. split; [reflexivity|]. exists x. split; [reflexivity|].
              apply (exact _ _ _ _ _ V m d f M' T) in I as (v & I). rewrite I in E. apply living_is in E as ->; [|assumption].
              split; [reflexivity | congruence].
      * intros (v & Y). destruct x as [x|].
        -- injection Y as ->. left. split; [reflexivity|]. now exists (Some (v, Some d)).
        -- destruct (elements _ _ s (incarnation m) f) as [[v' d']|]; [discriminate|].
           rewrite Y in E. apply living_is in E; [discriminate | assumption].
    + rewrite <- (exact _ _ _ _ _ V m d f M' T). split; [intros [(_ & y & Y & _)|[I _]]; [discriminate | assumption]|].
      intros I. right. split; [assumption|]. intros (_ & y & Y & _). discriminate.
  - intros H f d. specialize (H m K). rewrite B', C', ?O. destruct (Nat.eqb_spec n (incarnation m)); [congruence|].
    destruct (C) with (f := f) (d := d) as [X Y]; [intros m' H'; congruence|]. split; [assumption|]. tauto.
  - assert (KS : found (write_all s ws) t = Some m) by (unfold fields.found; rewrite A; exact M).
    unfold fields_written.agree. rewrite K, KS. split; [reflexivity|]. intros m' f H. injection H as <-.
    rewrite B, B', ?O, Nat.eqb_refl. specialize (E m f M).
    destruct (named_as Field Value same f l) as [[x|]|]; [reflexivity | | assumption].
    destruct (elements _ _ s (incarnation m) f); [reflexivity | assumption].
Qed.

Lemma put_first m i old l : forall s,
  write_all s (flat_map (fun y => write_field Field Value i (fst y) (old (fst y)) (snd y)) l ++ [PutMeta Field Value m])
  = write_all (write_all s [PutMeta Field Value m])
      (flat_map (fun y => write_field Field Value i (fst y) (old (fst y)) (snd y)) l).
Proof.
  assert (G : forall ws, (forall w, In w ws -> exists i f, (exists x, w = PutField Field Value i f x)
      \/ w = DeleteField Field Value i f \/ exists d, w = DeleteIndex Field Value i d f) -> forall s,
    write_all s (ws ++ [PutMeta Field Value m]) = write_all (write_all s [PutMeta Field Value m]) ws).
  { induction ws as [|w ws IH]; intros H s; [reflexivity|]. cbn [app]. unfold write_all in *. cbn [fold_left].
    rewrite IH by (intros; apply H; now right). f_equal.
    destruct (H w (or_introl eq_refl)) as (j & f & [(x & ->)|[->|(d & ->)]]); reflexivity. }
  apply G. intros w I. apply in_flat_map in I as ((f, x) & _ & I). unfold write_field in I. apply in_app_or in I as [I|I].
  - destruct (deadline_of _ _); [|contradiction]. destruct (other_deadline _ _ _); [|contradiction].
    destruct I as [<-|[]]. eauto 7.
  - cbn [fst snd] in I. destruct x as [x|]; [|destruct (old f); [|contradiction]]; destruct I as [<-|[]]; eauto 7.
Qed.

Lemma change_is_ready n t s s' c : ready n t s s -> ready n t s s' ->
  ready n t (write_all s (effect Field Value same s t n c)) (write_all s' (effect Field Value same s t n c)).
Proof.
  intros RS R. destruct c as [l| |d]; cbn [effect].
  - destruct (finish_forms Field Value same s t n (settled Field Value same t l)) as [[-> _]|[[-> _]|[NZ H]]];
      [assumption | now apply remove_is_ready |].
    pose proof (settled_once Field Value same same_iff t l) as N.
    pose proof (settled_lives Field Value same t l) as LV.
    pose proof (last_is_ahead Field Value same s t n _ LV) as AH.
    set (l' := settled _ _ _ t l) in *. set (k := lasting_after _ _ _ _ _) in *. set (last := last_after _ _ _ _ _ _ _) in *.
    assert (D : forall i own, lives t own = true ->
      dead t {| incarnation := i; lasting := k; latest := last; expires := own |} = false).
    { intros i own O. unfold dead. cbn. rewrite O. cbn. destruct (Nat.eqb_spec k 0); [|reflexivity].
      cbn. apply Nat.leb_gt. lia. }
    unfold write_fields, opened in H. destruct (found s t) as [m|] eqn:M.
    + assert (O : forall f, stored Field Value s t f = elements _ _ s (incarnation m) f) by (intros; unfold stored; now rewrite M).
      destruct H as [[-> _]| ->]; [now apply merge_is_ready|].
      assert (RP : forall x, ready n t s x -> let m' := {| incarnation := incarnation m; lasting := k; latest := last;
        expires := expires m |} in
        ready n t (write_all s [PutMeta Field Value m']) (write_all x [PutMeta Field Value m'])).
      { intros x RX. apply put_is_ready; auto; [|now rewrite M]. apply D. apply (found_is_stored Field Value) in M as [_ M].
        unfold dead in M. apply orb_false_iff in M as [M _]. now apply negb_false_iff in M. }
      rewrite !put_first. apply merge_is_ready with (m := {| incarnation := incarnation m; lasting := k; latest := last;
        expires := expires m |});
        [now apply RP | | exact O | exact N | exact LV].
      unfold fields.found. cbn [fields.write_all fold_left write_one meta]. rewrite D; [reflexivity|].
      apply (found_is_stored Field Value) in M as [_ M]. unfold dead in M. apply orb_false_iff in M as [M _].
      now apply negb_false_iff in M.
    + rewrite H, !(write_all_app Field Value same _ (clear_stored _ _ _)), !put_first.
      assert (RC : forall x,
        ready n t s x -> ready n t (write_all s (clear_stored Field Value s)) (write_all x (clear_stored Field Value s))).
      { intros. now apply clear_is_ready. }
      assert (M1 : found (write_all s (clear_stored Field Value s)) t = None).
      { unfold clear_stored. destruct (meta _ _ s); exact M. }
      set (m' := {| incarnation := n; lasting := k; latest := last; expires := None |}).
      apply (merge_is_ready n t _ _ l' m'); [| | | exact N | exact LV].
      * apply put_is_ready; auto; [now apply D | now rewrite M1].
      * unfold fields.found. cbn [fields.write_all fold_left write_one meta]. unfold m'. now rewrite D.
      * intros f. unfold stored. rewrite M. symmetry. cbn [fields.write_all fold_left write_one elements incarnation].
        destruct (RC s RS) as (_ & C & _). destruct (C) with (f := f) (d := 0) as [X _]; [intros x X; congruence | exact X].
  - now apply remove_is_ready.
  - destruct (found s t) as [m|] eqn:M; [|assumption]. destruct (lives t d) eqn:LD; [|now apply remove_is_ready].
    apply put_is_ready; auto; [|now rewrite M]. apply (found_is_stored Field Value) in M as [_ M].
    unfold dead in *. cbn. rewrite LD. apply orb_false_iff in M. cbn. tauto.
Qed.

Lemma run_is_ready n t cs : forall s s', ready n t s s -> ready n t s s' ->
  ready n t (write_all s (run Field Value same t n s cs)) (write_all s' (run Field Value same t n s cs)).
Proof.
  induction cs as [|c cs IH]; intros s s' RS R; [assumption|]. cbn [run]. rewrite !(write_all_app Field Value same).
  apply IH; now apply change_is_ready.
Qed.

(* A whole entry, of any number of commands. *)
Theorem entry_agrees n t t' s s' cs c : valid n t s -> valid n c s' -> t <= t' -> c <= t' -> agree t' s s' ->
  let ws := run Field Value same t' (S n) s cs in
  valid (S n) t' (write_all s' ws) /\ agree t' (write_all s ws) (write_all s' ws).
Proof.
  intros V V' L L' A. destruct (valid_next Field Value n t t' s L V) as [W C].
  destruct (valid_next Field Value n c t' s' L' V') as [W' C'].
  destruct (run_is_ready (S n) t' cs s s') as (X & _ & Y); [| | now split].
  - split; [exact W | split; [exact C | apply agree_refl]].
  - split; [exact W' | split; [exact C' | exact A]].
Qed.
End Entry.
