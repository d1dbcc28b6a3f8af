(* A batch of any size has the effect of its entries one after the other: src/apply/mod.rs, write_batch, and
   src/store/overlay.rs.

   A store maps keys to values. A batch is a list of writes that are written in order, all of them or none. The entries of
   a batch are run before anything is written, each on the store seen through an overlay that has the writes of the
   entries before it. An entry that is a command may read everything except the marker; an entry that is an effect reads
   nothing. *)

Require Import List Bool Arith Lia.
Require Import Replicheck.replica.
Import ListNotations.

Section Batches.
Variable Key Value : Type.
Variable same : Key -> Key -> bool.
Hypothesis same_iff : forall a b, same a b = true <-> a = b.

Definition store := Key -> option Value.

Inductive write :=
| Put (k : Key) (v : Value)
| Delete (k : Key)
| DeleteRange (within : Key -> bool).  (* from <= key < to *)

Definition apply_write (s : store) (w : write) : store := fun k =>
  match w with
  | Put p v => if same p k then Some v else s k
  | Delete p => if same p k then None else s k
  | DeleteRange within => if within k then None else s k
  end.

(* Store::write_all *)
Definition write_all (s : store) (ws : list write) : store := fold_left apply_write ws s.

(* Overlay: the records put or deleted, and the ranges deleted before those. *)
Record overlay := { records : list (Key * option Value); deleted : list (Key -> bool) }.

Definition no_writes : overlay := {| records := []; deleted := [] |}.

(* The newest record of a key comes first: BTreeMap::insert. *)
Definition add (o : overlay) (w : write) : overlay :=
  match w with
  | Put k v => {| records := (k, Some v) :: records o; deleted := deleted o |}
  | Delete k => {| records := (k, None) :: records o; deleted := deleted o |}
  | DeleteRange within => {| records := filter (fun r => negb (within (fst r))) (records o); deleted := within :: deleted o |}
  end.

(* Overlay::get *)
Definition read (s : store) (o : overlay) : store := fun k =>
  match find (fun r => same (fst r) k) (records o) with
  | Some (_, pending) => pending
  | None => if existsb (fun within => within k) (deleted o) then None else s k
  end.

Lemma find_kept within k l : within k = false ->
  find (fun r : Key * option Value => same (fst r) k) (filter (fun r => negb (within (fst r))) l)
  = find (fun r => same (fst r) k) l.
Proof.
  intros W. induction l as [|r l IH]; [reflexivity|]. simpl. destruct (within (fst r)) eqn:X; simpl.
  - destruct (same (fst r) k) eqn:E; [apply same_iff in E; subst; congruence | assumption].
  - destruct (same (fst r) k); [reflexivity | assumption].
Qed.

Lemma find_deleted within k l : within k = true ->
  find (fun r : Key * option Value => same (fst r) k) (filter (fun r => negb (within (fst r))) l) = None.
Proof.
  intros W. induction l as [|r l IH]; [reflexivity|]. simpl. destruct (within (fst r)) eqn:X; simpl; [assumption|].
  destruct (same (fst r) k) eqn:E; [apply same_iff in E; subst; congruence | assumption].
Qed.

Lemma read_add s o w k : read s (add o w) k = apply_write (read s o) w k.
Proof.
  unfold read. destruct w as [p v|p|within]; cbn [add records deleted apply_write].
  - simpl. now destruct (same p k).
  - simpl. now destruct (same p k).
  - simpl. destruct (within k) eqn:W; [now rewrite find_deleted | now rewrite find_kept].
Qed.

Definition equal (s t : store) : Prop := forall k, s k = t k.

Lemma write_all_equal ws s t : equal s t -> equal (write_all s ws) (write_all t ws).
Proof.
  revert s t. induction ws as [|w ws IH]; intros s t E; [assumption|]. apply IH. intros k. specialize (E k).
  destruct w as [p v|p|within]; simpl; [destruct (same p k) | destruct (same p k) | destruct (within k)]; auto.
Qed.

(* To read through pending writes is to read after they were written. *)
Theorem overlay_reads_what_will_be s ws : equal (read s (fold_left add ws no_writes)) (write_all s ws).
Proof.
  assert (G : forall ws o t, equal (read s o) t -> equal (read s (fold_left add ws o)) (write_all t ws)).
  { induction ws0 as [|w ws0 IH]; intros o t E; [assumption|]. apply (IH (add o w)). intros k. rewrite read_add.
    exact (write_all_equal [w] _ _ E k). }
  apply G. intros k. reflexivity.
Qed.

(* The marker: the last entry that the store contains. Entries neither read it nor depend on it. *)
Variable marker : Key.
Definition alike (s t : store) : Prop := forall k, k <> marker -> s k = t k.

(* The entry of a number: its effect on a store. *)
Variable entry : nat -> store -> list write.
Hypothesis reads_no_marker : forall n s t, alike s t -> entry n s = entry n t.

(* The effects of a batch: each entry runs after those before it, and the effects are kept in order. *)
Fixpoint run_batch (s : store) (pending : overlay) (ns : list nat) : list write :=
  match ns with
  | [] => []
  | n :: rest => let ws := entry n (read s pending) in ws ++ run_batch s (fold_left add ws pending) rest
  end.

Definition write_batch (s : store) (ns : list nat) (at_ : Value) : store :=
  write_all s (run_batch s no_writes ns ++ [Put marker at_]).

(* One entry as a batch of its own, with its own marker. *)
Definition one (s : store) (e : nat * Value) : store := write_batch s [fst e] (snd e).

Lemma write_all_app s a b : write_all s (a ++ b) = write_all (write_all s a) b.
Proof. apply fold_left_app. Qed.

Lemma write_all_alike ws s t : alike s t -> alike (write_all s ws) (write_all t ws).
Proof.
  revert s t. induction ws as [|w ws IH]; intros s t E; [assumption|]. apply IH. intros k N. specialize (E k N).
  destruct w as [p v|p|within]; simpl; [destruct (same p k) | destruct (same p k) | destruct (within k)]; auto.
Qed.

Lemma marked s v : alike (write_all s [Put marker v]) s.
Proof. intros k N. simpl. destruct (same marker k) eqn:E; [apply same_iff in E; congruence | reflexivity]. Qed.

Lemma same_marker s t v : alike s t -> equal (write_all s [Put marker v]) (write_all t [Put marker v]).
Proof.
  intros A k. simpl. destruct (same marker k) eqn:E; [reflexivity|]. apply A. intros ->.
  assert (same marker marker = true) by now apply same_iff. congruence.
Qed.

(* `pending` lies over s, and reads through it give what reads of t give. *)
Lemma run_batch_is_one_by_one es : forall s pending t,
  alike (read s pending) t ->
  alike (write_all t (run_batch s pending (map fst es))) (fold_left one es t).
Proof.
  induction es as [|(n, v) es IH]; intros s pending t A; [intros k _; reflexivity|].
  cbn [map fst run_batch fold_left]. rewrite write_all_app. set (ws := entry n (read s pending)).
  assert (W : run_batch t no_writes [n] = ws).
  { cbn. rewrite app_nil_r. apply reads_no_marker. intros k N. rewrite (A k N). reflexivity. }
  assert (B : alike (one t (n, v)) (write_all t ws)).
  { unfold one, write_batch. cbn [fst snd]. rewrite W, write_all_app. apply marked. }
  assert (C : alike (read s (fold_left add ws pending)) (write_all t ws)).
  { assert (G : forall ws o u, alike (read s o) u -> alike (read s (fold_left add ws o)) (write_all u ws)).
    { induction ws0 as [|w ws0 G]; intros o u E; [assumption|]. apply (G (add o w)). intros k N. rewrite read_add.
      exact (write_all_alike [w] _ _ E k N). }
    now apply G. }
  intros k N. rewrite (IH s (fold_left add ws pending) (write_all t ws) C k N).
  clear - B N reads_no_marker same_iff. revert k N. generalize dependent (write_all t ws). generalize (one t (n, v)).
  induction es as [|(n', v') es IH]; intros a b B k N; [symmetry; now apply B|]. cbn [fold_left]. apply IH; [|assumption].
  intros x X. unfold one, write_batch. cbn [fst snd map run_batch]. rewrite !app_nil_r.
  assert (R : entry n' (read a no_writes) = entry n' (read b no_writes)) by (apply reads_no_marker; exact B).
  rewrite R. now apply write_all_alike.
Qed.

(* A batch of any size: written as one, it leaves what its entries leave one after the other, the marker included. *)
Theorem batch_is_its_entries es n v s :
  equal (write_batch s (map fst (es ++ [(n, v)])) v) (fold_left one (es ++ [(n, v)]) s).
Proof.
  pose proof (run_batch_is_one_by_one es s no_writes s (fun k _ => eq_refl)) as A. rewrite fold_left_app. cbn [fold_left].
  unfold write_batch. rewrite map_app. cbn [map fst].
  assert (S : forall ns o, run_batch s o (ns ++ [n]) = run_batch s o ns
    ++ entry n (read s (fold_left add (run_batch s o ns) o))).
  { induction ns as [|x ns IH]; intros o; cbn [app run_batch fold_left]; [now rewrite app_nil_r|].
    rewrite IH, fold_left_app, app_assoc. reflexivity. }
  rewrite S, !write_all_app. unfold one at 1, write_batch. cbn [fst snd run_batch]. rewrite app_nil_r, write_all_app.
  apply same_marker.
  assert (R : entry n (read s (fold_left add (run_batch s no_writes (map fst es)) no_writes))
    = entry n (read (fold_left one es s) no_writes)).
  { apply reads_no_marker. intros k N. rewrite (overlay_reads_what_will_be s _ k). now apply A. }
  rewrite R. now apply write_all_alike.
Qed.

Lemma run_batch_equal ns : forall s t o, equal s t -> run_batch s o ns = run_batch t o ns.
Proof.
  induction ns as [|n ns IH]; intros s t o E; [reflexivity|]. cbn [run_batch].
  assert (R : entry n (read s o) = entry n (read t o)).
  { apply reads_no_marker. intros k _. unfold read. destruct (find _ _) as [[? ?]|]; [reflexivity|].
    destruct (existsb _ _); auto. }
  rewrite R. f_equal. now apply IH.
Qed.

Lemma write_batch_equal ns v s t : equal s t -> equal (write_batch s ns v) (write_batch t ns v).
Proof. intros E. unfold write_batch. rewrite (run_batch_equal ns s t no_writes E). now apply write_all_equal. Qed.

(* A replica's batches, whatever their sizes, leave what the entries leave in that order: `entries` of replica.v. *)
Theorem batches_are_their_entries (mark : nat -> Value) (d : list job) : (forall j, In j d -> first j <= last j) ->
  forall s, equal (fold_left (fun s j => write_batch s (lsns j) (mark (last j))) d s)
    (fold_left (fun s n => write_batch s [n] (mark n)) (entries d) s).
Proof.
  intros L.
  assert (E : forall l s t, equal s t -> equal (fold_left (fun s n => write_batch s [n] (mark n)) l s)
    (fold_left (fun s n => write_batch s [n] (mark n)) l t)).
  { induction l as [|n l IH]; intros s t E; [assumption|]. apply IH. now apply write_batch_equal. }
  induction d as [|j d IH]; intros s; [intros k; reflexivity|]. unfold entries. cbn [flat_map fold_left].
  rewrite fold_left_app. intros k. rewrite IH by (intros; apply L; now right).
  apply E. clear E IH k. intros k.
  assert (S : lsns j = seq (first j) (last j - first j) ++ [last j]).
  { specialize (L j (or_introl eq_refl)). unfold lsns. replace (last j + 1 - first j) with (S (last j - first j)) by lia.
    rewrite seq_S. do 2 f_equal. lia. }
  pose proof (batch_is_its_entries (map (fun n => (n, mark n)) (seq (first j) (last j - first j))) (last j) (mark (last j)) s k) as B.
  assert (F : forall l s, fold_left one (map (fun n => (n, mark n)) l) s = fold_left (fun s n => write_batch s [n] (mark n)) l s).
  { induction l as [|n l IH]; intros; [reflexivity|]. cbn. apply IH. }
  rewrite map_app, map_map in B. cbn [map fst] in B. rewrite map_id in B. rewrite fold_left_app, F in B.
  rewrite S, fold_left_app. exact B.
Qed.
End Batches.
