(* At the same entry, readers of all nodes see the same hash, whatever each node has removed, and when.

   Removals are gated by log time: on the master by its own, on a replica by what it has heard. The instant at which the
   reader judges is not before any of them. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.fields Replicheck.fields_written Replicheck.fields_entry.
Import ListNotations.

Section Alike.
Variables Field Value : Type.
Variable same : Field -> Field -> bool.
Hypothesis same_iff : forall f g, same f g = true <-> f = g.

Notation hash := (hash Field Value).
Notation write_all := (write_all Field Value same).
Notation found := (found Field Value).
Notation living := (living Value).
Notation valid := (valid Field Value).
Notation agree := (agree Field Value).
Notation removal := (removal Field Value).
Notation master := (master Field Value same).
Notation node := (node Field Value same).
Notation alike := (alike Field Value).

Lemma agree_alike r s s' : agree r s s' -> alike r s s'.
Proof.
  intros [F E]. unfold fields.alike, exists_at, expires_at, field_at. rewrite <- F. repeat split.
  intros f. destruct (found s r) as [m|] eqn:M; [now apply E | reflexivity].
Qed.

(* Removals. *)
Lemma removed_found gate s s' r : removal gate s s' -> gate <= r -> found s' r = found s r.
Proof.
  intros R L. destruct (of_meta _ _ _ _ _ R) as [E|[E D]]; unfold fields.found at 1; rewrite E; [reflexivity|].
  now rewrite (found_later Field Value s gate r L), D.
Qed.

Lemma removed_agrees gate s s' r : removal gate s s' -> gate <= r -> agree r s s'.
Proof.
  intros R L. split; [now rewrite (removed_found gate s s' r)|]. intros m f M.
  destruct (of_elements _ _ _ _ _ R (incarnation m) f) as [->|[-> [D|D]]]; [reflexivity | |].
  - now rewrite <- (living_later Value gate r _ L), D.
  - now destruct (D m (found_before Field Value s gate r m L M)).
Qed.

Lemma removed_valid n t t' gate s s' : valid n t s -> t <= t' -> gate <= t' -> removal gate s s' -> valid n t' s'.
Proof.
  intros V L G R. split.
  - intros m M. destruct (of_meta _ _ _ _ _ R) as [E|[E _]]; [|congruence]. apply (numbered _ _ _ _ _ V). congruence.
  - intros i f d I. destruct (fresh _ _ _ _ _ V i f d I) as [X Y]. split.
    + destruct (of_elements _ _ _ _ _ R i f) as [->|[-> _]]; auto.
    + intros J. now apply Y, (of_index _ _ _ _ _ R).
  - intros m d f M LD. rewrite (removed_found gate s s' t' R G) in M.
    pose proof (found_before Field Value s t t' m L M) as M0. pose proof (found_before Field Value s gate t' m G M) as MG.
    assert (T : t < d) by lia. pose proof (exact _ _ _ _ _ V m d f M0 T) as X. split.
    + intros I. apply (of_index _ _ _ _ _ R), X in I as (v & I).
      destruct (of_elements _ _ _ _ _ R (incarnation m) f) as [->|[_ [Y|Y]]]; [now exists v | | now destruct (Y m MG)].
      rewrite I in Y. unfold fields.living, lives in Y. destruct (Nat.ltb_spec gate d); [discriminate | lia].
    + intros (v & I). destruct (of_elements _ _ _ _ _ R (incarnation m) f) as [E|[E _]]; [|congruence].
      rewrite E in I. assert (J : In (incarnation m, d, f) (index _ _ s)) by (apply X; now exists v).
      destruct (of_index_kept _ _ _ _ _ R (incarnation m) d f J) as [K|[K|K]]; [assumption | lia | now destruct (K m MG)].
Qed.

(* A node behind a master: what holds of both, and what they agree on at any later instant. *)
Lemma empty_valid : valid 0 0 (empty Field Value).
Proof. split; [discriminate | now split | discriminate]. Qed.

Lemma log_is_as_long n t s log : master n t s log -> length log = n.
Proof. induction 1; [reflexivity | rewrite app_length; cbn; lia | assumption]. Qed.

Lemma node_before log e n c s : node (log ++ [e]) n c s -> n <= length log -> node log n c s.
Proof.
  intros N. induction N as [|n c s t ws N IH T L|n c s c' gate s' N IH L G R]; intros B.
  - constructor.
  - apply (node_applies _ _ _ log n c s t ws); [apply IH; lia | | assumption]. now rewrite nth_error_app1 in T.
  - apply (node_removes _ _ _ log n c s c' gate s'); auto.
Qed.

Lemma master_valid n t s log : master n t s log -> valid n t s.
Proof.
  intros M. induction M as [|n t s log t' cs M IH L|n t s log t' gate s' M IH L G R].
  - exact empty_valid.
  - destruct (entry_agrees Field Value same same_iff n t t' s s cs t IH IH L L (agree_refl Field Value t' s)) as [V _]. exact V.
  - exact (removed_valid n t t' gate s s' IH L G R).
Qed.

Lemma nodes_agree n t s log : master n t s log -> forall c s', node log n c s' ->
  valid n c s' /\ forall r, t <= r -> c <= r -> agree r s s'.
Proof.
  intros M. induction M as [|n t s log t' cs M IH L|n t s log t' gate s' M IH L G R].
  - assert (Z : forall n c s', node [] n c s' -> n = 0 -> valid 0 c s' /\ forall r, c <= r -> agree r (empty Field Value) s').
    { intros n c s' N. induction N as [|n c s t ws N IH T L|n c s c' gate s' N IH L G R]; intros E; [|discriminate|].
      - split; [exact empty_valid | intros; apply (agree_refl Field Value)].
      - destruct (IH E) as [V A]. split; [exact (removed_valid 0 c c' gate s s' V L G R)|]. intros r B.
        assert (X : agree r (empty Field Value) s) by (apply A; lia).
        assert (Y : agree r s s') by (apply (removed_agrees gate); [assumption | lia]).
        destruct X as [X X'], Y as [Y Y']. split; [congruence|]. intros m f F. rewrite X', Y' by congruence. reflexivity. }
    intros c s' N. destruct (Z 0 c s' N eq_refl) as [V A]. split; [assumption | intros; now apply A].
  - pose proof (log_is_as_long n t s log M) as LL. pose proof (master_valid n t s log M) as V.
    set (ws := run Field Value same t' (S n) s cs) in *.
    assert (Z : forall k c s', node (log ++ [(t', ws)]) k c s' -> k = S n ->
      valid (S n) c s' /\ t' <= c /\ forall r, c <= r -> agree r (write_all s ws) s').
    { intros k c s' N. induction N as [|k c s' t0 ws0 N _ T LC|k c s' c' gate s'' N IHN LC G R]; intros E; [discriminate| |].
      - injection E as ->. rewrite nth_error_app2, LL, Nat.sub_diag in T by lia. injection T as <- <-.
        apply node_before in N; [|lia]. destruct (IH c s' N) as [V' A].
        destruct (entry_agrees Field Value same same_iff n t t' s s' cs c V V' L LC (A t' L LC)) as [X Y].
        split; [exact X|]. split; [lia|]. intros r B. exact (agree_later Field Value t' r _ _ B Y).
      - destruct (IHN E) as (V' & T & A). split; [exact (removed_valid (S n) c c' gate s' s'' V' LC G R)|]. split; [lia|].
        intros r B. assert (X : agree r (write_all s ws) s') by (apply A; lia).
        assert (Y : agree r s' s'') by (apply (removed_agrees gate); [assumption | lia]).
        destruct X as [X X'], Y as [Y Y']. split; [congruence|]. intros m f F. rewrite X', Y' by congruence. reflexivity. }
    intros c s' N. destruct (Z (S n) c s' N eq_refl) as (V' & _ & A). split; [assumption|]. intros r _ B. now apply A.
  - intros c x N. destruct (IH c x N) as [V A]. split; [assumption|]. intros r B C.
    assert (X : agree r s x) by (apply A; lia). assert (Y : agree r s s') by (apply (removed_agrees gate); [assumption | lia]).
    destruct X as [X X'], Y as [Y Y']. split; [congruence|]. intros m f F. assert (F' : found s r = Some m) by congruence.
    now rewrite <- Y', X'.
Qed.

(* Each log has a node that follows it to its end, so the theorems below are about something. *)
Theorem logs_can_be_followed n t s log : master n t s log -> exists c s', node log n c s' /\ c <= t.
Proof.
  assert (G : forall l e n c s, node l n c s -> node (l ++ [e]) n c s).
  { intros l e. induction 1 as [|k c x t' ws N IH T L|k c x c' gate x' N IH L G R]; [constructor| |].
    - apply (node_applies _ _ _ _ k c x t' ws); auto. rewrite nth_error_app1; [assumption|]. apply nth_error_Some. congruence.
    - exact (node_removes _ _ _ _ k c x c' gate x' IH L G R). }
  intros M. induction M as [|n t s log t' cs M IH L|n t s log t' gate s' M IH L _ _].
  - exists 0, (empty Field Value). split; [constructor | lia].
  - destruct IH as (c & x & N & B). exists t', (write_all x (run Field Value same t' (S n) s cs)). split; [|lia].
    apply (node_applies _ _ _ _ n c); [now apply G | | lia]. pose proof (log_is_as_long n t s log M).
    rewrite nth_error_app2 by lia. replace (n - length log) with 0 by lia. reflexivity.
  - destruct IH as (c & x & N & B). exists c, x. split; [assumption | lia].
Qed.

(* Whatever each has removed, and when: at the same entry, a reader of either sees the same. *)
Theorem nodes_see_alike n t s log c s' r : master n t s log -> node log n c s' -> t <= r -> c <= r -> alike r s s'.
Proof. intros M N L L'. apply agree_alike. destruct (nodes_agree n t s log M c s' N) as [_ A]. now apply A. Qed.

Lemma node_is_later log n c s : node log n c s -> forall k t ws, nth_error log k = Some (t, ws) -> k < n -> t <= c.
Proof.
  induction 1 as [|n c s t' ws' N IH T L|n c s c' gate s' N IH L G R]; intros k t ws K B; [lia| |].
  - destruct (Nat.eq_dec k n) as [->|]; [rewrite T in K; injection K as -> _; lia|].
    assert (t <= c) by (apply (IH k t ws); [assumption | lia]). lia.
  - specialize (IH k t ws K B). lia.
Qed.

Lemma master_before n t s log : master n t s log -> forall m, m <= n -> exists t' s', master m t' s' (firstn m log)
  /\ match m with 0 => t' = 0 | S k => exists ws, nth_error log k = Some (t', ws) end.
Proof.
  intros M. induction M as [|n t s log t' cs M IH L|n t s log t' gate s' M IH L G R]; intros m B.
  - assert (m = 0) as -> by lia. exists 0, (empty Field Value). split; [constructor | reflexivity].
  - pose proof (log_is_as_long n t s log M) as LL. destruct (Nat.eq_dec m (S n)) as [->|].
    + exists t', (write_all s (run Field Value same t' (S n) s cs)). split.
      * rewrite firstn_all2 by (rewrite app_length; cbn; lia). now apply (master_runs _ _ _ n t).
      * exists (run Field Value same t' (S n) s cs). rewrite nth_error_app2, LL, Nat.sub_diag by lia. reflexivity.
    + destruct (IH m) as (t0 & s0 & M0 & T0); [lia|]. exists t0, s0. split.
      * rewrite firstn_app. replace (m - length log) with 0 by lia. cbn. now rewrite app_nil_r.
      * destruct m as [|k]; [assumption|]. destruct T0 as (ws & T0). exists ws. rewrite nth_error_app1; [assumption | lia].
  - apply IH, B.
Qed.

Lemma node_of_firstn log n c s : node log n c s -> forall m, n <= m -> node (firstn m log) n c s.
Proof.
  induction 1 as [|n c s t ws N IH T L|n c s c' gate s' N IH L G R]; intros m B.
  - constructor.
  - apply (node_applies _ _ _ _ n c s t ws); [apply IH; lia | | assumption].
    rewrite <- (firstn_skipn m log) in T. rewrite nth_error_app1 in T; [assumption|].
    assert (n < length log) by (rewrite <- (firstn_skipn m log); apply nth_error_Some; congruence).
    rewrite firstn_length. lia.
  - apply (node_removes _ _ _ _ n c s c' gate s'); auto.
Qed.

(* A replica that is behind reads by the time that it has heard: so the master, right after that entry, could have answered. *)
Theorem replicas_read_what_the_master_answered n t s log m c s' : master n t s log -> m <= n -> node log m c s' ->
  exists t0 s0, master m t0 s0 (firstn m log) /\ t0 <= c /\ alike c s0 s'.
Proof.
  intros M B N. destruct (master_before n t s log M m B) as (t0 & s0 & M0 & T). exists t0, s0. split; [assumption|].
  assert (L : t0 <= c).
  { destruct m as [|k]; [lia|]. destruct T as (ws & T). exact (node_is_later log (S k) c s' N k t0 ws T (Nat.lt_succ_diag_r k)). }
  split; [assumption|]. apply (nodes_see_alike m t0 s0 (firstn m log) c s'); auto. now apply node_of_firstn.
Qed.

(* The index tells the living fields that have deadlines, on every node: HLEN counts its records after the present. *)
Theorem index_is_exact n t s log c s' m d f : master n t s log -> node log n c s' -> found s' c = Some m -> c < d ->
  (In (incarnation m, d, f) (index _ _ s') <-> exists v, field_at Field Value s' c f = Some (v, Some d)).
Proof.
  intros M N F L. destruct (nodes_agree n t s log M c s' N) as [V _]. rewrite (exact _ _ _ _ _ V m d f F L).
  unfold field_at. rewrite F. split; intros (v & E); exists v.
  - rewrite E. unfold fields.living, lives. now destruct (Nat.ltb_spec c d); [|lia].
  - destruct (elements _ _ s' (incarnation m) f) as [[v' [d'|]]|]; cbn in E; try discriminate.
    destruct (match d' with 0 => false | S m' => c <=? m' end); [assumption | discriminate].
Qed.

(* kvrocks#522 cannot happen: where an entry of time t' extends a field or a hash that is alive on the master, the replica that
   applies it still holds the same metadata and the same field. *)
Theorem extensions_meet_what_they_extend n t s log c s' t' m : master n t s log -> node log n c s' -> t <= t' -> c <= t' ->
  found s t' = Some m -> found s' t' = Some m
  /\ forall f x, field_at Field Value s t' f = Some x -> elements _ _ s' (incarnation m) f = Some x.
Proof.
  intros M N L L' F. destruct (nodes_agree n t s log M c s' N) as [_ A]. destruct (A t' L L') as [X Y].
  split; [congruence|]. intros f x E. unfold field_at in E. rewrite F, (Y m f F) in E.
  destruct (elements _ _ s' (incarnation m) f) as [[v d]|]; [|discriminate]. cbn in E.
  destruct (lives t' d); [assumption | discriminate].
Qed.

Lemma named_settled t f l : named_as Field Value same f (settled Field Value same t l)
  = option_map (living t) (named_as Field Value same f l).
Proof.
  induction l as [|[g x] l IH]; [reflexivity|]. cbn. destruct (same f g) eqn:S; [reflexivity|]. rewrite <- IH.
  clear IH. induction (settled Field Value same t l) as [|[h y] r IH]; [reflexivity|]. cbn.
  destruct (same h g) eqn:H; cbn; [|now destruct (same f h)].
  destruct (same f h) eqn:E; [|assumption]. apply same_iff in E as ->. congruence.
Qed.

(* A hash that is created where none is seen has nothing of an older one, on a node that still has the records of that: what
   a reader sees is what the command has set. *)
Theorem hashes_begin_empty n t s log c s' t' l : master n t s log -> node log n c s' -> t <= t' -> c <= t' ->
  exists_at Field Value s t' = false ->
  let after := write_all s' (run Field Value same t' (S n) s [fun _ => Fields Field Value l]) in
  forall r, t' <= r -> expires_at Field Value after r = None
    /\ forall f x, field_at Field Value after r f = Some x -> named_as Field Value same f l = Some (Some x).
Proof.
  intros M N L L' X. destruct (nodes_agree n t s log M c s' N) as [V A]. destruct (A t' L L') as [F _].
  assert (FS : found s t' = None) by (unfold exists_at in X; destruct (found s t'); [discriminate | reflexivity]).
  destruct (valid_next Field Value n c t' s' L' V) as [_ C]. intros after r R.
  assert (G : forall y : hash, found y t' = None -> expires_at Field Value y r = None
    /\ forall f x, field_at Field Value y r f = Some x -> named_as Field Value same f l = Some (Some x)).
  { intros y Y. unfold expires_at, field_at. rewrite (found_later Field Value y t' r R), Y. split; [reflexivity | discriminate]. }
  subst after. unfold run, run_command. cbn [effect]. rewrite app_nil_r.
  destruct (finish_forms Field Value same s t' (S n) (settled Field Value same t' l)) as [[-> _]|[[-> _]|[_ H]]].
  - apply G. cbn. congruence.
  - apply G. unfold remove. destruct (meta _ _ s) as [m|]; [reflexivity | cbn; congruence].
  - rewrite FS in H. rewrite H, app_assoc, (write_all_app Field Value same).
    set (y := write_all s' (clear_stored Field Value s ++ _)).
    unfold expires_at, field_at, fields.found. cbn [fields.write_all fold_left write_one meta elements].
    destruct (dead r _); [split; [reflexivity | discriminate]|]. cbn [expires incarnation]. split; [reflexivity|]. intros f x E.
    unfold y in E. rewrite (write_all_app Field Value same) in E. unfold write_fields in E.
    destruct (fields_written Field Value same same_iff (opened Field Value s t' (S n)) (stored Field Value s t')
      (settled Field Value same t' l) (settled_once Field Value same same_iff t' l) (write_all s' (clear_stored Field Value s)))
      as (_ & B & _).
    rewrite B in E. unfold opened, stored in E. rewrite FS, Nat.eqb_refl in E. rewrite named_settled in E.
    assert (Z : elements _ _ (write_all s' (clear_stored Field Value s)) (S n) f = None).
    { destruct (C) with (f := f) (d := 0) as [Z _]; [intros m H'; congruence|].
      unfold clear_stored. destruct (meta _ _ s) as [m|]; [|assumption]. destruct m as [i ? ? ?]. unfold fields.write_all.
      cbn [fold_left write_one elements incarnation]. now destruct (S n =? i). }
    rewrite Z in E. destruct (named_as Field Value same f l) as [[[v d]|]|]; cbn in E; try discriminate.
    destruct (lives t' d) eqn:LD; [|discriminate]. cbn in E. destruct (lives r d); [|discriminate]. now injection E as <-.
Qed.
End Alike.
