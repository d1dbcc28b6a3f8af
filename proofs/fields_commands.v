(* Commands on fields do what they say, and a hash exists as long as one of its fields lives: on the master, and so on all nodes. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.fields Replicheck.fields_written Replicheck.fields_entry Replicheck.fields_alike Replicheck.fields_metadata.
Import ListNotations.

Section Commands.
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
Notation told := (told Field Value).
Notation counted := (counted Field Value).
Notation reaches := (reaches Field Value).
Notation becomes := (becomes Field Value same).
Notation master := (master Field Value same).
Notation node := (node Field Value same).

Lemma not_found_told t s : found s t = None -> told t s.
Proof. intros F m M. congruence. Qed.

Lemma field_is_stored s t f : field_at s t f = living t (stored s t f).
Proof. unfold fields.field_at, fields.stored. now destruct (found s t). Qed.

Lemma removed_is_not_found s t : found (write_all s (remove Field Value s)) t = None.
Proof. unfold remove. destruct (meta _ _ s) as [m|] eqn:M; [reflexivity|]. cbn. unfold fields.found. now rewrite M. Qed.

(* Nothing lives where no field lasts and no deadline is ahead. *)
Lemma nothing_lives t fields f : counted fields 0 -> reaches t fields 0 -> living t (fields f) = None.
Proof.
  intros (l & _ & I & L) [R _]. destruct l; [|discriminate]. destruct (fields f) as [[v [d|]]|] eqn:E; [| |reflexivity].
  - unfold fields.living, lives. destruct (Nat.ltb_spec t d) as [G|G]; [|reflexivity]. specialize (R f v d E G). lia.
  - exfalso. apply (I f). now rewrite E.
Qed.

(* A command changes the fields that it names, and no other; a deadline that has passed deletes. *)
Lemma fields_become n t s l : valid Field Value n t s -> clean Field Value n t s -> told t s ->
  let s' := write_all s (effect Field Value same s t n (Fields Field Value l)) in
  told t s' /\ forall f, field_at s' t f = match named_as f l with Some x => living t x | None => field_at s t f end.
Proof.
  intros V C T. cbn [effect]. pose proof (settled_once Field Value same same_iff t l) as N.
  pose proof (settled_lives Field Value same t l) as LV.
  assert (Q : forall f, living t (becomes (stored s t) (settled Field Value same t l) f)
    = match named_as f l with Some x => living t x | None => field_at s t f end).
  { intros f. unfold fields_metadata.becomes. rewrite (named_settled Field Value same same_iff), field_is_stored.
    destruct (named_as f l); [now apply living_later | reflexivity]. }
  assert (K : counted (becomes (stored s t) (settled Field Value same t l)) (lasting_after Field Value s t (settled Field Value same t l))).
  { apply all_counted; auto. unfold fields.stored. destruct (found s t) as [m|] eqn:F; [exact (proj1 (T m F))|].
    exists []. repeat split; [constructor | contradiction | discriminate]. }
  pose proof (last_is_latest Field Value same same_iff n t s _ N V C T) as R.
  pose proof (last_is_ahead Field Value same s t n _ LV) as AH.
  set (l' := settled Field Value same t l) in *. set (c := lasting_after _ _ _ _ _) in *.
  set (last := last_after _ _ _ _ _ _ _) in *.
  assert (B : forall y : hash, (forall f, elements _ _ y (opened Field Value s t n) f = stored s t f) ->
    let z := write_all y (write_fields Field Value s t n l') in
    meta _ _ z = meta _ _ y /\ forall f, elements _ _ z (opened Field Value s t n) f = becomes (stored s t) l' f).
  { intros y E. destruct (fields_written Field Value same same_iff (opened Field Value s t n) (stored s t) l' N y) as (A & B & _).
    split; [exact A|]. intros f. unfold write_fields. rewrite B, Nat.eqb_refl, E. unfold fields_metadata.becomes.
    destruct (named_as f l') as [[x|]|]; [reflexivity | now destruct (stored s t f) | reflexivity]. }
  assert (GN : c = 0 -> last = 0 -> forall z : hash, found z t = None -> told t z
    /\ forall f, field_at z t f = match named_as f l with Some x => living t x | None => field_at s t f end).
  { intros C0 L0 z F. rewrite C0, L0 in *. split; [now apply not_found_told|]. intros f.
    rewrite <- Q, (nothing_lives t _ f K R), field_is_stored. unfold fields.stored. now rewrite F. }
  assert (GS : forall (z : hash) m, found z t = Some m -> incarnation m = opened Field Value s t n -> lasting m = c ->
    reaches t (becomes (stored s t) l') (latest m) ->
    (forall f, elements _ _ z (opened Field Value s t n) f = becomes (stored s t) l' f) -> told t z
    /\ forall f, field_at z t f = match named_as f l with Some x => living t x | None => field_at s t f end).
  { intros z m F I LA RE E. split.
    - intros m' F'. assert (m' = m) as -> by congruence. rewrite I, LA. split.
      + apply (counted_alike Field Value) with (2 := K). intros. now rewrite E.
      + destruct RE as [R1 R2]. split; [intros f v d; rewrite E; apply R1|]. intros L. destruct (R2 L) as (f & v & X).
        exists f, v. now rewrite E.
    - intros f. rewrite <- Q, <- E. unfold fields.field_at. now rewrite F, I. }
  pose proof (finish_forms Field Value same s t n l') as W. cbn zeta in W. fold c in W. fold last in W.
  destruct W as [[-> [E|(C0 & L0 & F)]]|[[-> [C0 L0]]|[NZ H]]].
  - cbn. split; [assumption|]. intros f. rewrite <- Q, E. apply field_is_stored.
  - now apply GN.
  - apply GN; auto. apply removed_is_not_found.
  - assert (D : forall i own, lives t own = true ->
      dead t {| incarnation := i; lasting := c; latest := last; expires := own |} = false).
    { intros i own OW. unfold dead. cbn. rewrite OW. cbn. destruct (Nat.eqb_spec c 0); [|reflexivity]. apply Nat.leb_gt. lia. }
    destruct (found s t) as [m|] eqn:F.
    + assert (LI : lives t (expires m) = true).
      { apply (found_is_stored Field Value) in F as [_ F]. unfold dead in F. apply orb_false_iff in F as [F _].
        now apply negb_false_iff in F. }
      assert (O : forall f, elements _ _ s (opened Field Value s t n) f = stored s t f).
      { intros f. unfold opened, fields.stored. now rewrite F. }
      assert (OI : opened Field Value s t n = incarnation m) by (unfold opened; now rewrite F). destruct (B s O) as [A E].
      destruct H as [(-> & LA & BE)| ->].
      * apply (GS _ m); auto; [unfold fields.found; rewrite A; exact F|].
        unfold last_before in BE. rewrite F in BE. destruct (Nat.ltb_spec t (latest m)); [now rewrite BE|].
        split; [|lia]. intros f v d X L. specialize (proj1 R f v d X L). lia.
      * rewrite (write_all_app Field Value same).
        set (m' := {| incarnation := incarnation m; lasting := c; latest := last; expires := expires m |}) in *.
        apply (GS _ m'); auto. unfold fields.found. cbn [fields.write_all fold_left write_one meta]. unfold m'. now rewrite D.
    + rewrite H, app_assoc, !(write_all_app Field Value same). destruct (B (write_all s (clear_stored Field Value s))) as [A E].
      * intros f. unfold opened, fields.stored. rewrite F. destruct (C) with (f := f) (d := 0) as [X _]; [intros; congruence|].
        unfold clear_stored. destruct (meta _ _ s) as [[i ? ? ?]|]; [|assumption].
        unfold fields.write_all. cbn [fold_left write_one elements incarnation]. now destruct (n =? i).
      * set (m' := {| incarnation := n; lasting := c; latest := last; expires := None |}). apply (GS _ m'); auto.
        -- unfold fields.found. cbn [fields.write_all fold_left write_one meta]. unfold m'. now rewrite D.
        -- unfold opened. now rewrite F.
Qed.

Notation ready := (ready Field Value).
Notation run := (run Field Value same).

Lemma change_keeps_told n t s c : ready n t s s -> told t s -> told t (write_all s (effect Field Value same s t n c)).
Proof.
  intros (V & C & _) T. destruct c as [l| |d]; [now apply (fields_become n) | apply not_found_told, removed_is_not_found |].
  cbn [effect]. destruct (found s t) as [m|] eqn:F; [|assumption].
  destruct (lives t d); [|apply not_found_told, removed_is_not_found]. destruct (T m F) as [K R].
  intros m' F'. apply (found_is_stored Field Value) in F' as [F' _]. injection F' as <-. split; [exact K | exact R].
Qed.

Lemma run_keeps_told n t cs : forall s, ready n t s s -> told t s ->
  let s' := write_all s (run t n s cs) in ready n t s' s' /\ told t s'.
Proof.
  induction cs as [|c cs IH]; intros s RS T; [now split|]. cbn [fields.run]. rewrite !(write_all_app Field Value same).
  apply IH; [now apply change_is_ready | now apply (change_keeps_told n)].
Qed.

Lemma told_later t t' gate s s' : told t s -> t <= t' -> gate <= t' -> removal Field Value gate s s' -> told t' s'.
Proof.
  intros T L G R m F. rewrite (removed_found Field Value gate s s' t' R G) in F.
  pose proof (found_before Field Value s gate t' m G F) as FG.
  destruct (T m (found_before Field Value s t t' m L F)) as [(l & N & I & LL) [R1 R2]].
  assert (E : forall f, elements _ _ s' (incarnation m) f = elements _ _ s (incarnation m) f
    \/ (elements _ _ s' (incarnation m) f = None /\ living gate (elements _ _ s (incarnation m) f) = None)).
  { intros f. destruct (of_elements _ _ _ _ _ R (incarnation m) f) as [|[X [Y|Y]]]; auto. now destruct (Y m FG). }
  split.
  - exists l. split; [assumption|]. split; [|assumption]. intros f. rewrite I.
    destruct (E f) as [->|[-> X]]; [reflexivity|].
    destruct (elements _ _ s (incarnation m) f) as [[v [d|]]|]; [reflexivity | discriminate | reflexivity].
  - split.
    + intros f v d X LD. destruct (E f) as [Y|[Y _]]; [|congruence]. rewrite Y in X. apply (R1 f v d X). lia.
    + intros LD. destruct R2 as (f & v & X); [lia|]. exists f, v. destruct (E f) as [->|[_ Y]]; [assumption|].
      rewrite X in Y. unfold fields.living, lives in Y. destruct (Nat.ltb_spec gate (latest m)); [discriminate | lia].
Qed.

Lemma master_ready n t t' s log : master n t s log -> t <= t' -> ready (S n) t' s s.
Proof.
  intros M L. destruct (valid_next Field Value n t t' s L (master_valid Field Value same same_iff n t s log M)).
  split; [assumption | split; [assumption | apply agree_refl]].
Qed.

Lemma time_passes t t' s : told t s -> t <= t' -> told t' s.
Proof. intros T L. apply (told_later t t' 0 s s T L); [lia | split; auto]. Qed.

Lemma master_told n t s log : master n t s log -> told t s.
Proof.
  intros M. induction M as [|n t s log t' cs M IH L|n t s log t' gate s' M IH L G R].
  - now apply not_found_told.
  - apply run_keeps_told; [exact (master_ready n t t' s log M L) | now apply (time_passes t)].
  - now apply (told_later t t' gate s).
Qed.

Lemma run_app t n a b : forall s, run t n s (a ++ b) = run t n s a ++ run t n (write_all s (run t n s a)) b.
Proof.
  induction a as [|c a IH]; intros s; [reflexivity|]. cbn [app fields.run].
  rewrite IH, <- app_assoc, (write_all_app Field Value same). reflexivity.
Qed.

(* What a command does, alone or after other commands of its transaction. *)
Theorem commands_change_what_they_name n t s log t' before l : master n t s log -> t <= t' ->
  let after cs := write_all s (run t' (S n) s cs) in
  forall f, field_at (after (before ++ [fun _ => Fields Field Value l])) t' f
    = match named_as f l with Some x => living t' x | None => field_at (after before) t' f end.
Proof.
  intros M L after f.
  destruct (run_keeps_told (S n) t' before s (master_ready n t t' s log M L) (time_passes t t' s (master_told n t s log M) L))
    as [(V & C & _) T].
  assert (E : after (before ++ [fun _ => Fields Field Value l])
    = write_all (after before) (effect Field Value same (after before) t' (S n) (Fields Field Value l))).
  { unfold after. rewrite run_app, (write_all_app Field Value same). cbn [fields.run]. unfold run_command. now rewrite app_nil_r. }
  rewrite E. apply (fields_become (S n) t' (after before) l V C T).
Qed.

(* On any node a hash that was there at t exists exactly as long as one of its fields lives, and its own deadline has not come. *)
Theorem hashes_live_as_long_as_their_fields n t s log c s' m r : master n t s log -> node log n c s' -> found s t = Some m ->
  t <= r -> c <= r ->
  exists_at s' r = true <-> lives r (expires m) = true /\ exists f x, field_at s t f = Some x /\ living r (Some x) = Some x.
Proof.
  intros M N F L L'. destruct (nodes_see_alike Field Value same same_iff n t s log c s' r M N L L') as (<- & _).
  destruct (master_told n t s log M m F) as [(l & _ & I & LL) [R1 R2]].
  unfold fields.exists_at, fields.field_at. rewrite F, (found_later Field Value s t r L), F. unfold dead.
  destruct (lives r (expires m)); cbn [negb orb]; [|split; [discriminate | intros []; discriminate]]. split.
  - intros H. split; [reflexivity|]. destruct l as [|f l].
    + cbn in LL. rewrite <- LL in H. cbn [Nat.eqb andb] in H. destruct (Nat.leb_spec (latest m) r); [discriminate|].
      destruct R2 as (f & v & E); [lia|]. exists f, (v, Some (latest m)). rewrite E. unfold fields.living, lives.
      destruct (Nat.ltb_spec t (latest m)), (Nat.ltb_spec r (latest m)); auto; lia.
    + destruct (elements _ _ s (incarnation m) f) as [[v [d|]]|] eqn:E.
      * specialize (proj1 (I f) (or_introl eq_refl)). rewrite E. discriminate.
      * exists f, (v, None). rewrite E. now split.
      * specialize (proj1 (I f) (or_introl eq_refl)). rewrite E. discriminate.
  - intros (_ & f & [v d] & E & X). destruct (elements _ _ s (incarnation m) f) as [[v' d']|] eqn:Y; [|discriminate].
    unfold fields.living in E. destruct (lives t d') eqn:LT; [|discriminate]. injection E as -> ->. destruct d as [d|].
    + unfold fields.living, lives in X. destruct (Nat.ltb_spec r d); [|discriminate]. unfold lives in LT. apply Nat.ltb_lt in LT.
      specialize (R1 f v d Y LT). destruct (Nat.leb_spec (latest m) r); [lia|]. now rewrite andb_false_r.
    + destruct l as [|g l]; [|destruct (lasting m); [discriminate | reflexivity]].
      exfalso. apply (I f). now rewrite Y.
Qed.

(* … so a hash that exists has a living field: one whose last field died is gone. *)
Theorem existing_hashes_have_fields n t s log c s' r : master n t s log -> node log n c s' -> t <= r -> c <= r ->
  exists_at s' r = true -> exists f x, field_at s' r f = Some x.
Proof.
  intros M N L L' X. pose proof (nodes_see_alike Field Value same same_iff n t s log c s' r M N L L') as (E & _ & A).
  assert (F : exists m, found s t = Some m).
  { rewrite <- E in X. unfold fields.exists_at in X. destruct (found s r) as [m|] eqn:F; [|discriminate].
    exists m. exact (found_before Field Value s t r m L F). }
  destruct F as (m & F). pose proof X as X'.
  apply (hashes_live_as_long_as_their_fields n t s log c s' m r M N F L L') in X as (_ & f & x & Y & Z). exists f, x. rewrite <- A.
  rewrite field_is_stored in *. rewrite <- E in X'. unfold fields.exists_at in X'. unfold fields.stored in *.
  rewrite F in Y. rewrite (found_later Field Value s t r L), F in *. destruct (dead r m); [discriminate|].
  rewrite <- (living_later Value t r _ L), Y. exact Z.
Qed.
(* HLEN: the metadata counts the fields without a deadline. The index has the others: fields_alike.v, index_is_exact. *)
Theorem lasting_fields_are_counted n t s log c s' m r : master n t s log -> node log n c s' -> t <= r -> c <= r ->
  found s' r = Some m ->
  exists l, NoDup l /\ (forall f, In f l <-> exists v, field_at s' r f = Some (v, None)) /\ length l = lasting m.
Proof.
  intros M N L L' F. destruct (nodes_agree Field Value same same_iff n t s log M c s' N) as [_ A]. destruct (A r L L') as [E A'].
  rewrite <- E in F. destruct (master_told n t s log M m (found_before Field Value s t r m L F)) as [(l & ND & I & LL) _].
  exists l. split; [assumption|]. split; [|assumption]. intros f. rewrite I. unfold fields.field_at. rewrite <- E, F, <- (A' m f F).
  destruct (elements _ _ s (incarnation m) f) as [[v [d|]]|]; cbn -[Nat.ltb].
  - split; [discriminate|]. intros (w & X). destruct (r <? d); discriminate.
  - split; [intros _; now exists v | reflexivity].
  - split; [discriminate | now intros (w & X)].
Qed.
End Commands.
