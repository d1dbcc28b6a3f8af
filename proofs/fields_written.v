(* What one entry leaves of a hash, on any node that sees the same hash: the node need not have the same dead records. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.fields.
Import ListNotations.

Section Written.
Variables Field Value : Type.
Variable same : Field -> Field -> bool.
Hypothesis same_iff : forall f g, same f g = true <-> f = g.

Notation hash := (hash Field Value).
Notation write_all := (write_all Field Value same).
Notation found := (found Field Value).
Notation living := (living Value).
Notation named_as := (named_as Field Value same).

Lemma same_refl f : same f f = true.
Proof. now apply same_iff. Qed.

Lemma write_all_app s a b : write_all s (a ++ b) = write_all (write_all s a) b.
Proof. apply fold_left_app. Qed.

(* What is dead stays dead. *)
Lemma dead_later t r m : t <= r -> dead r m = false -> dead t m = false.
Proof.
  unfold dead, lives. intros L H. apply orb_false_iff in H as [A B]. apply orb_false_iff. split.
  - destruct (expires m) as [d|]; [|reflexivity]. destruct (Nat.ltb_spec r d); [|discriminate].
    destruct (Nat.ltb_spec t d); [reflexivity | lia].
  - destruct (lasting m =? 0); [|reflexivity]. cbn in *. apply Nat.leb_gt in B. apply Nat.leb_gt. lia.
Qed.

Lemma found_later s t r : t <= r ->
  found s r = match found s t with Some m => if dead r m then None else Some m | None => None end.
Proof.
  intros L. unfold fields.found. destruct (meta _ _ s) as [m|]; [|reflexivity].
  destruct (dead r m) eqn:R.
  - destruct (dead t m); [reflexivity | now rewrite R].
  - now rewrite (dead_later t r m L R), R.
Qed.

Lemma found_before s t r m : t <= r -> found s r = Some m -> found s t = Some m.
Proof.
  intros L H. rewrite (found_later s t r L) in H. destruct (found s t) as [m'|]; [|discriminate].
  destruct (dead r m'); [discriminate | assumption].
Qed.

Lemma found_is_stored s t m : found s t = Some m -> meta _ _ s = Some m /\ dead t m = false.
Proof.
  unfold fields.found. destruct (meta _ _ s) as [m'|]; [|discriminate]. destruct (dead t m') eqn:D; [discriminate|].
  intros E. injection E as <-. now split.
Qed.

Lemma living_later t r x : t <= r -> living r (living t x) = living r x.
Proof.
  intros L. destruct x as [[v [d|]]|]; try reflexivity. unfold fields.living, lives.
  destruct (Nat.ltb_spec t d), (Nat.ltb_spec r d); try reflexivity. lia.
Qed.

(* What holds of every node after entry n at time t. *)
Record valid (n t : nat) (s : hash) : Prop := {
  numbered : forall m, meta _ _ s = Some m -> incarnation m <= n;
  fresh : forall i f d, n < i -> elements _ _ s i f = None /\ ~ In (i, d, f) (index _ _ s);
  exact : forall m d f, found s t = Some m -> t < d ->
    (In (incarnation m, d, f) (index _ _ s) <-> exists v, elements _ _ s (incarnation m) f = Some (v, Some d));
}.

(* A hash that entry n would create has no records yet. *)
Definition clean (n t : nat) (s : hash) : Prop := (forall m, found s t = Some m -> incarnation m <> n) ->
  forall f d, elements _ _ s n f = None /\ ~ In (n, d, f) (index _ _ s).

Definition agree (r : nat) (s s' : hash) : Prop := found s r = found s' r
  /\ forall m f, found s r = Some m ->
     living r (elements _ _ s (incarnation m) f) = living r (elements _ _ s' (incarnation m) f).

Lemma agree_later t r s s' : t <= r -> agree t s s' -> agree r s s'.
Proof.
  intros L [F E]. split; [now rewrite !(found_later _ t r L), F|]. intros m f H.
  rewrite <- (living_later t r (elements _ _ s _ _) L), <- (living_later t r (elements _ _ s' _ _) L).
  now rewrite (E m f (found_before _ _ _ _ L H)).
Qed.

Lemma valid_later n t r s : t <= r -> valid n t s -> valid n r s.
Proof.
  intros L [N F E]. split; auto. intros m d f H LT. apply E; [exact (found_before _ _ _ _ L H) | lia].
Qed.

Lemma valid_next n t r s : t <= r -> valid n t s -> valid (S n) r s /\ clean (S n) r s.
Proof.
  intros L V. destruct (valid_later n t r s L V) as [N F E]. split.
  - split; [intros m M; specialize (N m M); lia | intros i f d I; apply F; lia | assumption].
  - intros _ f d. apply F. lia.
Qed.

(* The records of named fields. *)
Lemma field_written i f old x s :
  let r := write_all s (write_field Field Value i f old x) in
  meta _ _ r = meta _ _ s
  /\ (forall j g, elements _ _ r j g = if (j =? i) && same g f
        then match x, old with Some x, _ => Some x | None, Some _ => None | None, None => elements _ _ s j g end
        else elements _ _ s j g)
  /\ (forall j d g, In (j, d, g) (index _ _ r) <->
        (j = i /\ g = f /\ deadline_of Value x = Some d)
        \/ (In (j, d, g) (index _ _ s)
            /\ ~ (j = i /\ g = f /\ deadline_of Value old = Some d /\ deadline_of Value x <> Some d))).
Proof.
  assert (P : forall s0 : hash, let r := write_all s0 (match x, old with
      | Some x, _ => [PutField Field Value i f x] | None, Some _ => [DeleteField Field Value i f] | None, None => [] end) in
    meta _ _ r = meta _ _ s0
    /\ (forall j g, elements _ _ r j g = if (j =? i) && same g f
          then match x, old with Some x, _ => Some x | None, Some _ => None | None, None => elements _ _ s0 j g end
          else elements _ _ s0 j g)
    /\ (forall j d g, In (j, d, g) (index _ _ r) <->
          (j = i /\ g = f /\ deadline_of Value x = Some d) \/ In (j, d, g) (index _ _ s0))).
  { intros s0. destruct x as [[v d']|]; [|destruct old]; cbn; (split; [reflexivity|]); (split; [intros j g|intros j d g]).
    - unfold put_element. now destruct (_ && _).
    - destruct d' as [d'|]; cbn; [|split; [now right | intros [(_ & _ & X)|]; [discriminate | assumption]]].
      split; intros [X|X]; try (now right); left; [injection X as <- <- <- | destruct X as (-> & -> & X); injection X as ->]; auto.
    - unfold put_element. now destruct (_ && _).
    - split; [now right | intros [(_ & _ & X)|]; [discriminate | assumption]].
    - now destruct (_ && _).
    - split; [now right | intros [(_ & _ & X)|]; [discriminate | assumption]]. }
  cbn zeta. unfold write_field. rewrite write_all_app.
  destruct (deadline_of Value old) as [d0|] eqn:O.
  - destruct (other_deadline Value d0 x) eqn:OD; cbn [write_all fold_left].
    + destruct (P (write_one Field Value same s (DeleteIndex Field Value i d0 f))) as (A & B & C). cbn in A, B.
      split; [exact A|]. split; [exact B|]. intros j d g. rewrite C. cbn. rewrite filter_In. unfold is_record. cbn.
      split; (intros [X|[X Y]]; [now left|right]); (split; [assumption|]).
      * intros (-> & -> & E & _). injection E as ->. rewrite !Nat.eqb_refl, same_refl in Y. discriminate.
      * destruct (Nat.eqb_spec j i) as [->|]; [|reflexivity]. destruct (Nat.eqb_spec d d0) as [->|]; [|reflexivity].
        destruct (same g f) eqn:S; [|reflexivity]. apply same_iff in S as ->. exfalso. apply Y. repeat split; auto.
        intros E. unfold other_deadline in OD. rewrite E, Nat.eqb_refl in OD. discriminate.
    + destruct (P s) as (A & B & C). split; [exact A|]. split; [exact B|]. intros j d g. rewrite C.
      split; (intros [X|X]; [now left|right]); [split; [assumption|] | exact (proj1 X)].
      intros (-> & -> & E & Y). injection E as ->. apply Y. unfold other_deadline in OD.
      destruct (deadline_of Value x) as [d'|]; [|discriminate]. apply negb_false_iff, Nat.eqb_eq in OD. now subst.
  - destruct (P s) as (A & B & C). split; [exact A|]. split; [exact B|]. intros j d g. cbn. rewrite C.
    split; (intros [X|X]; [now left|right]); [split; [assumption|] | exact (proj1 X)]. intros (_ & _ & E & _). discriminate.
Qed.

Lemma named_in f l x : named_as f l = Some x -> In (f, x) l.
Proof.
  induction l as [|[g y] l IH]; [discriminate|]. cbn. destruct (same f g) eqn:S; [|intros; right; auto].
  apply same_iff in S as ->. intros E. injection E as ->. now left.
Qed.

Lemma not_named f l : ~ In f (map fst l) -> named_as f l = None.
Proof.
  intros N. destruct (named_as f l) as [x|] eqn:E; [|reflexivity]. exfalso. apply N.
  apply named_in in E. exact (in_map fst _ _ E).
Qed.

Lemma fields_written i old l : NoDup (map fst l) -> forall s,
  let r := write_all s (flat_map (fun y => write_field Field Value i (fst y) (old (fst y)) (snd y)) l) in
  meta _ _ r = meta _ _ s
  /\ (forall j g, elements _ _ r j g = if j =? i
        then match named_as g l with
             | Some (Some x) => Some x
             | Some None => match old g with Some _ => None | None => elements _ _ s j g end
             | None => elements _ _ s j g
             end
        else elements _ _ s j g)
  /\ (forall j d g, In (j, d, g) (index _ _ r) <->
        (j = i /\ exists x, named_as g l = Some x /\ deadline_of Value x = Some d)
        \/ (In (j, d, g) (index _ _ s)
            /\ ~ (j = i /\ exists x,
              named_as g l = Some x /\ deadline_of Value (old g) = Some d /\ deadline_of Value x <> Some d))).
Proof.
  induction l as [|[f x] l IH]; intros N s; cbn zeta.
  - cbn. split; [reflexivity|]. split; [intros; now destruct (_ =? _)|]. intros j d g. split.
    + intros I. right. split; [assumption|]. intros (_ & x & E & _). discriminate.
    + intros [(_ & x & E & _)|[I _]]; [discriminate | assumption].
  - cbn [map fst] in N. inversion N as [|? ? NI N']; subst. cbn [flat_map fst snd]. rewrite write_all_app.
    destruct (field_written i f (old f) x s) as (A & B & C).
    specialize (IH N' (write_all s (write_field Field Value i f (old f) x))).
    cbn zeta in IH. destruct IH as (A' & B' & C'). apply not_named in NI.
    split; [now rewrite A'|]. split.
    + intros j g. rewrite B', B. cbn. destruct (j =? i); cbn; [|reflexivity]. destruct (same g f) eqn:S; [|reflexivity].
      apply same_iff in S as ->. rewrite NI. destruct x; [reflexivity|]. destruct (old f); reflexivity.
    + intros j d g. rewrite C', C. cbn. destruct (same g f) eqn:S.
      * apply same_iff in S as ->. rewrite NI. split.
        -- intros [(_ & y & E & _)|[[(-> & _ & E)|[I X]] _]]; [discriminate | left; eauto |].
           right. split; [assumption|]. intros (-> & y & E & O & D). injection E as <-. apply X. auto.
        -- intros [(-> & y & E & D)|[I X]].
           ++ injection E as <-. right. split; [now left|]. intros (_ & y & E & _). discriminate.
           ++ right. split; [right; split; [assumption|] |].
              ** intros (-> & _ & O & D). apply X. split; [reflexivity|]. eauto.
              ** intros (_ & y & E & _). discriminate.
      * assert (G : g <> f) by (intros ->; rewrite same_refl in S; discriminate). split.
        -- intros [X|[[(_ & E & _)|[I _]] Y]]; [now left | contradiction | right; now split].
        -- intros [X|[I Y]]; [now left|]. right. split; [|assumption]. right. split; [assumption|].
           intros (_ & E & _). contradiction.
Qed.

(* Each field is named once, with no deadline that has passed. *)
Lemma settled_once t l : NoDup (map fst (settled Field Value same t l)).
Proof.
  induction l as [|[f x] l IH]; cbn; constructor.
  - intros I. apply in_map_iff in I as ([g y] & E & I). cbn in E. subst. apply filter_In in I as [_ I].
    cbn in I. rewrite same_refl in I. discriminate.
  - clear - IH. induction (settled Field Value same t l) as [|y r IH']; cbn in *; [constructor|]. inversion IH; subst.
    destruct (negb _); cbn; [constructor|]; auto. intros I. apply H1. apply in_map_iff in I as (z & E & I).
    apply filter_In in I as [I _]. rewrite <- E. now apply in_map.
Qed.

Lemma settled_lives t l f x : In (f, x) (settled Field Value same t l) -> living t x = x.
Proof.
  revert f x. induction l as [|[g y] l IH]; cbn; [contradiction|]. intros f x [E|I].
  - injection E as <- <-. now apply living_later.
  - apply filter_In in I as [I _]. exact (IH f x I).
Qed.

Lemma max_ahead t l : (forall x, In x l -> x = 0 \/ t < x) -> max_of l = 0 \/ t < max_of l.
Proof.
  induction l as [|x l IH]; intros H; [now left|]. change (max_of (x :: l)) with (Nat.max x (max_of l)).
  assert (R : max_of l = 0 \/ t < max_of l) by (apply IH; intros; apply H; now right).
  destruct (H x (or_introl eq_refl)); lia.
Qed.

Lemma last_is_ahead s t n l : (forall f x, In (f, x) l -> living t x = x) ->
  last_after Field Value same s t n l = 0 \/ t < last_after Field Value same s t n l.
Proof.
  intros H. unfold last_after. cbn zeta.
  assert (W : let w := max_of (map (fun y => moment (deadline_of Value (snd y))) l) in w = 0 \/ t < w).
  { apply max_ahead. intros x I. apply in_map_iff in I as ([f [[v [d|]]|]] & <- & I); cbn; auto.
    right. specialize (H f _ I). unfold fields.living, lives in H. destruct (Nat.ltb_spec t d); [assumption | discriminate]. }
  assert (B : last_before Field Value s t = 0 \/ t < last_before Field Value s t).
  { unfold last_before. destruct (found s t) as [m|]; [|now left]. destruct (Nat.ltb_spec t (latest m)); auto. }
  assert (K : let k := kept_latest Field Value same s t n l in k = 0 \/ t < k).
  { apply max_ahead. intros x I. apply in_map_iff in I as (y & <- & I). apply filter_In in I as [_ I].
    apply andb_true_iff in I as [I _]. apply andb_true_iff in I as [_ I]. right. now apply Nat.ltb_lt. }
  cbn zeta in *. destruct (_ || _). all: lia.
Qed.

(* The forms of the effect of named fields. *)
Lemma finish_forms s t n l : let ws := finish Field Value same s t n l in
  let c := lasting_after Field Value s t l in let last := last_after Field Value same s t n l in
  (ws = [] /\ (l = [] \/ (c = 0 /\ last = 0 /\ found s t = None)))
  \/ (ws = remove Field Value s /\ c = 0 /\ last = 0)
  \/ ((c <> 0 \/ last <> 0) /\ match found s t with
     | None => ws = clear_stored Field Value s ++ write_fields Field Value s t n l
         ++ [PutMeta Field Value {| incarnation := n; lasting := c; latest := last; expires := None |}]
     | Some m => (ws = write_fields Field Value s t n l /\ lasting m = c /\ last_before Field Value s t = last)
         \/ ws = write_fields Field Value s t n l
              ++ [PutMeta Field Value {| incarnation := incarnation m; lasting := c; latest := last; expires := expires m |}]
     end).
Proof.
  cbn zeta. unfold finish. destruct l as [|y l]; [left; auto|]. set (k := y :: l).
  destruct (lasting_after Field Value s t k) as [|c], (last_after Field Value same s t n k) as [|last].
  { destruct (found s t); [right; left | left]; auto. }
  all: right; right; split; [lia|]; destruct (found s t) as [m|]; [|reflexivity]; destruct (_ && _) eqn:E; [left | now right].
  all: apply andb_true_iff in E as [E E']; apply Nat.eqb_eq in E, E'; rewrite app_nil_r; auto.
Qed.
End Written.
