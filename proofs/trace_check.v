(* The trace checker: could a correct replica have written these batches at these ticks?

   A trace gives each batch, in the order of the log, with the tick before its write and the tick after it. The checker
   accepts if each batch that depends on an earlier one started after that one had finished. It goes through the trace
   once and keeps, for each key, the first tick at which the next batch of that key may start. `accepts_iff` proves that it
   computes exactly this; trace_exact.v proves why this is the right question. *)

Require Import List Bool PArith NArith Lia FMapPositive.
Require Import Replicheck.key_set.
Import ListNotations.
Local Open Scope N_scope.

Module Map := PositiveMap.

Record batch := { keys : key_set; start : N; finish : N }.

(* First ticks at which a batch may start, 0 = any: for each key after the last batches that name it, … *)
Record floors := {
  of_key : Map.t N;
  everything : N;  (* … after the last batches that touch everything, … *)
  all : N;         (* … and after all that touch anything. *)
}.

Definition no_floors : floors := {| of_key := Map.empty N; everything := 0; all := 0 |}.

Definition floor_of (f : floors) (k : key) : N :=
  match Map.find k (of_key f) with Some tick => tick | None => 0 end.

Definition may_start (f : floors) (b : batch) : bool :=
  match keys b with
  | Everything => all f <=? start b
  | Keys [] => true
  | Keys ks => (everything f <=? start b) && forallb (fun k => floor_of f k <=? start b) ks
  end.

Definition raise_key (tick : N) (m : Map.t N) (k : key) : Map.t N :=
  match Map.find k m with
  | Some old => Map.add k (N.max old tick) m
  | None => Map.add k tick m
  end.

Definition raise (f : floors) (b : batch) : floors :=
  let after := N.succ (finish b) in
  match keys b with
  | Everything => {| of_key := of_key f; everything := N.max (everything f) after; all := N.max (all f) after |}
  | Keys [] => f
  | Keys ks =>
      {| of_key := fold_left (raise_key after) ks (of_key f); everything := everything f; all := N.max (all f) after |}
  end.

(* The place of the first batch that starts too early, if there is one. *)
Fixpoint first_wrong (f : floors) (place : N) (trace : list batch) : option N :=
  match trace with
  | [] => None
  | b :: rest =>
      if (start b <=? finish b) && may_start f b then first_wrong (raise f b) (N.succ place) rest else Some place
  end.

Definition accepts (trace : list batch) : bool :=
  match first_wrong no_floors 0 trace with None => true | Some _ => false end.

(* The specification. *)
Definition sane (b : batch) : Prop := start b <= finish b.
Definition apart (a b : batch) : Prop := conflicts (keys a) (keys b) = true -> finish a < start b.

(* The floors represent the batches before. *)
Definition stands_for (f : floors) (before : list batch) : Prop :=
  (forall k tick, floor_of f k <= tick <->
     forall b ks, In b before -> keys b = Keys ks -> In k ks -> finish b < tick)
  /\ (forall tick, everything f <= tick <-> forall b, In b before -> keys b = Everything -> finish b < tick)
  /\ (forall tick, all f <= tick <-> forall b, In b before -> is_empty (keys b) = false -> finish b < tick).

Lemma no_floors_stand : stands_for no_floors [].
Proof.
  repeat split; simpl; intros; try lia; try contradiction.
  unfold floor_of. simpl. rewrite Map.gempty. lia.
Qed.

Lemma raise_key_floor tick m k x :
  match Map.find x (raise_key tick m k) with Some t => t | None => 0 end =
  if Pos.eqb x k then N.max (match Map.find x m with Some t => t | None => 0 end) tick
  else match Map.find x m with Some t => t | None => 0 end.
Proof.
  unfold raise_key. destruct (Pos.eqb_spec x k) as [->|D].
  - destruct (Map.find k m) eqn:E; rewrite Map.gss; lia.
  - destruct (Map.find k m); now rewrite Map.gso.
Qed.

Lemma raise_keys_floor tick ks : forall m x,
  match Map.find x (fold_left (raise_key tick) ks m) with Some t => t | None => 0 end =
  if mem x ks then N.max (match Map.find x m with Some t => t | None => 0 end) tick
  else match Map.find x m with Some t => t | None => 0 end.
Proof.
  induction ks as [|k ks IH]; intros m x; [reflexivity|].
  cbn [fold_left]. rewrite IH, raise_key_floor. unfold mem. cbn [existsb].
  destruct (Pos.eqb x k), (existsb (Pos.eqb x) ks); cbn [orb]; lia.
Qed.

Lemma raise_stands f before b : stands_for f before -> stands_for (raise f b) (before ++ [b]).
Proof.
  intros (K & E & A). unfold raise. destruct (keys b) as [[|k0 ks0]|] eqn:KB.
  - (* touches nothing *)
    repeat split; intros; rewrite ?K, ?E, ?A in *; intros.
    all: try (match goal with H : In _ (_ ++ _) |- _ => apply in_app_or in H as [H|[<-|[]]] end).
    all: try (rewrite KB in *; match goal with H : Keys [] = _ |- _ => inversion H; subst end).
    all: try contradiction.
    all: try (rewrite KB in *; simpl in *; discriminate).
    all: eauto using in_or_app.
  - set (ks := k0 :: ks0) in *. repeat split.
    + intros H x l I Kx Ix. unfold floor_of in H. cbn [of_key] in H. rewrite raise_keys_floor in H.
      change (match Map.find k (of_key f) with Some t => t | None => 0 end) with (floor_of f k) in H.
      apply in_app_or in I as [I|[<-|[]]].
      * destruct (mem k ks); [apply N.max_lub_iff in H as [H _]|]; exact (proj1 (K k tick) H x l I Kx Ix).
      * rewrite KB in Kx. injection Kx as <-. apply mem_iff in Ix. rewrite Ix in H. lia.
    + intros H. unfold floor_of. cbn [of_key]. rewrite raise_keys_floor.
      change (match Map.find k (of_key f) with Some t => t | None => 0 end) with (floor_of f k).
      assert (floor_of f k <= tick) by (apply K; intros; eapply H; eauto using in_or_app).
      destruct (mem k ks) eqn:M; [|assumption]. apply mem_iff in M.
      assert (finish b < tick) by (eapply H; eauto; apply in_or_app; right; now left). lia.
    + cbn [everything]. intros H x I Kx. apply in_app_or in I as [I|[<-|[]]].
      * exact (proj1 (E tick) H x I Kx).
      * rewrite KB in Kx. discriminate.
    + cbn [everything]. intros H. apply E. intros. apply H; auto using in_or_app.
    + cbn [all]. intros H x I Kx. apply N.max_lub_iff in H as [H H']. apply in_app_or in I as [I|[<-|[]]].
      * exact (proj1 (A tick) H x I Kx).
      * lia.
    + cbn [all]. intros H. apply N.max_lub_iff. split.
      * apply A. intros. apply H; auto using in_or_app.
      * assert (finish b < tick); [|lia]. apply H; [apply in_or_app; right; now left | now rewrite KB].
  - repeat split; cbn [of_key everything all].
    + intros H x l I Kx Ix. apply in_app_or in I as [I|[<-|[]]].
      * exact (proj1 (K k tick) H x l I Kx Ix).
      * rewrite KB in Kx. discriminate.
    + intros H. apply K. intros. eapply H; eauto using in_or_app.
    + intros H x I Kx. apply N.max_lub_iff in H as [H H']. apply in_app_or in I as [I|[<-|[]]]; [|lia].
      exact (proj1 (E tick) H x I Kx).
    + intros H. apply N.max_lub_iff. split.
      * apply E. intros. apply H; auto using in_or_app.
      * assert (finish b < tick); [|lia]. apply H; [apply in_or_app; right; now left | assumption].
    + intros H x I Kx. apply N.max_lub_iff in H as [H H']. apply in_app_or in I as [I|[<-|[]]]; [|lia].
      exact (proj1 (A tick) H x I Kx).
    + intros H. apply N.max_lub_iff. split.
      * apply A. intros. apply H; auto using in_or_app.
      * assert (finish b < tick); [|lia]. apply H; [apply in_or_app; right; now left | now rewrite KB].
Qed.

Lemma may_start_iff f before b : stands_for f before ->
  (may_start f b = true <-> forall a, In a before -> apart a b).
Proof.
  intros (K & E & A). unfold may_start, apart. destruct (keys b) as [[|k0 ks0]|] eqn:KB.
  - split; [|reflexivity]. intros _ a _ C. destruct (keys a) as [l|]; simpl in C; [|discriminate].
    now rewrite existsb_exists in C; destruct C as (x & _ & X).
  - set (ks := k0 :: ks0) in *. rewrite andb_true_iff, forallb_forall, N.leb_le, E. split.
    + intros [H H'] a I C. destruct (keys a) as [l|] eqn:KA; [|now apply H].
      simpl in C. rewrite existsb_exists in C. destruct C as (x & Ix & M). apply (proj1 (mem_iff x ks)) in M.
      specialize (H' x M). apply N.leb_le in H'. exact (proj1 (K x _) H' a l I KA Ix).
    + intros H. split.
      * intros a I KA. apply H; [assumption | now rewrite KA].
      * intros x Ix. apply N.leb_le, K. intros a l I KA Il. apply H; [assumption|].
        rewrite KA. apply (shared_key_conflicts _ _ x); now apply mem_iff.
  - rewrite N.leb_le, A. split; intros H a I C; apply H; auto.
    + destruct (keys a) as [[|]|]; simpl in *; congruence.
    + destruct (keys a) as [[|]|]; simpl in *; congruence.
Qed.

Lemma first_wrong_none_iff trace : forall f before place, stands_for f before ->
  (first_wrong f place trace = None <->
   Forall sane trace /\ ForallOrdPairs apart trace /\ forall a b, In a before -> In b trace -> apart a b).
Proof.
  induction trace as [|b rest IH]; intros f before place S; simpl.
  - split; [|reflexivity]. intros _. repeat split; [constructor | constructor |]. intros _ b' _ [].
  - specialize (IH (raise f b) (before ++ [b]) (N.succ place) (raise_stands f before b S)).
    destruct (start b <=? finish b) eqn:SB; simpl.
    2: { split; [discriminate|]. intros (H & _ & _). inversion H; subst. unfold sane in *.
         apply N.leb_nle in SB. contradiction. }
    apply N.leb_le in SB. pose proof (may_start_iff f before b S) as MS.
    destruct (may_start f b).
    + rewrite IH. assert (MS' := proj1 MS eq_refl). split.
      * intros (F & O & B). repeat split.
        -- now constructor.
        -- constructor; [|assumption]. rewrite Forall_forall. intros x I. apply B; [|assumption].
           apply in_or_app. right. now left.
        -- intros a x Ia [<-|Ix]; [auto | apply B; auto using in_or_app].
      * intros (F & O & B). inversion F; inversion O; subst. repeat split; [assumption | assumption |].
        intros a x Ia Ix. apply in_app_or in Ia as [Ia|[<-|[]]]; [apply B; [assumption | now right]|].
        match goal with H : Forall (apart _) rest |- _ => rewrite Forall_forall in H; auto end.
    + split; [discriminate|]. intros (_ & _ & B). assert (false = true); [|discriminate].
      apply MS. intros a Ia. apply B; [assumption | now left].
Qed.

(* The checker accepts exactly the traces in which no batch overlaps or overtakes one that it depends on. *)
Theorem accepts_iff trace : accepts trace = true <-> Forall sane trace /\ ForallOrdPairs apart trace.
Proof.
  unfold accepts. pose proof (first_wrong_none_iff trace no_floors [] 0 no_floors_stand) as H.
  destruct (first_wrong no_floors 0 trace).
  - split; [discriminate|]. intros [F O]. assert (Some n = None); [|discriminate].
    apply H. repeat split; auto. intros a b [].
  - split; [intros _|reflexivity]. destruct H as [H _]. destruct (H eq_refl) as (F & O & _). auto.
Qed.
