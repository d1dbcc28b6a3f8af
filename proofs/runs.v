(* Runs of a replica as lists of moves, so that a counterexample is written step by step and checked by computing. *)

Require Import List Bool Arith.
Require Import Replicheck.key_set Replicheck.replica.
Import ListNotations.

Inductive move := Admits | Takes (worker : nat) | Writes (worker : nat) | Finishes (worker : nat).

Section Runs.
Variable log : nat -> key_set.
Variable length : nat.
Variable s : strategy.

(* The job that worker `w` holds, written (`f` true) or not, with the hands before and after it. *)
Fixpoint hand (w : nat) (f : bool) (h : list (nat * job * bool)) :
  option (list (nat * job * bool) * job * list (nat * job * bool)) :=
  match h with
  | [] => None
  | (w', j, f') :: r =>
      if (w =? w') && Bool.eqb f f' then Some ([], j, r)
      else match hand w f r with Some (l, j', r') => Some ((w', j, f') :: l, j', r') | None => None end
  end.

Definition play_one (x : state s) (mv : move) : option (state s) :=
  match mv with
  | Admits =>
      if admits s (at_ x) && (admitted x <? length)
      then Some {| at_ := admit s (at_ x) (S (admitted x)) (log (S (admitted x))); admitted := S (admitted x);
                   hands := hands x; done := done x; shown := shown x |}
      else None
  | Takes w =>
      if existsb (fun h => w =? fst (fst h)) (hands x) then None else
      match take s (at_ x) w with
      | Some (j, m) => Some {| at_ := m; admitted := admitted x; hands := (w, j, false) :: hands x; done := done x; shown := shown x |}
      | None => None
      end
  | Writes w =>
      match hand w false (hands x) with
      | Some (l, j, r) =>
          if may_write s (at_ x) j
          then Some {| at_ := at_ x; admitted := admitted x; hands := l ++ (w, j, true) :: r; done := done x ++ [j];
                       shown := if reads_latest s then done x ++ [j] else shown x |}
          else None
      | None => None
      end
  | Finishes w =>
      match hand w true (hands x) with
      | Some (l, j, r) =>
          Some {| at_ := finish s (at_ x) j; admitted := admitted x; hands := l ++ r; done := done x; shown := shown x |}
      | None => None
      end
  end.

Fixpoint play (x : state s) (moves : list move) : option (state s) :=
  match moves with
  | [] => Some x
  | mv :: rest => match play_one x mv with Some y => play y rest | None => None end
  end.

Lemma hand_splits w f h l j r : hand w f h = Some (l, j, r) -> h = l ++ (w, j, f) :: r.
Proof.
  revert l. induction h as [|[[w' j'] f'] h IH]; simpl; intros l H; [discriminate|].
  destruct (_ && _) eqn:E.
  - injection H as <- <- <-. apply andb_true_iff in E as [E E']. apply Nat.eqb_eq in E. apply eqb_prop in E'. now subst.
  - destruct (hand w f h) as [[[l' j''] r']|]; [|discriminate]. injection H as <- <- <-. now rewrite (IH l' eq_refl).
Qed.

Lemma play_one_steps x mv y : play_one x mv = Some y -> step log length s x y.
Proof.
  destruct x as [m a h d v], mv as [|w|w|w]; cbn [play_one at_ admitted hands done shown]; intros H.
  - destruct (_ && _) eqn:E; [|discriminate]. injection H as <-. apply andb_true_iff in E as [E E'].
    apply Nat.ltb_lt in E'. now constructor.
  - destruct (existsb _ _) eqn:E; [discriminate|]. destruct (take s m w) as [[j m']|] eqn:T; [|discriminate].
    injection H as <-. constructor; [|assumption]. intros I. apply in_map_iff in I as (e & <- & I).
    assert (X : existsb (fun h0 => fst (fst e) =? fst (fst h0)) h = true); [|congruence].
    apply existsb_exists. exists e. split; [assumption | apply Nat.eqb_refl].
  - destruct (hand w false h) as [[[l j] r]|] eqn:E; [|discriminate]. destruct (may_write s m j) eqn:MW; [|discriminate].
    injection H as <-. apply hand_splits in E as ->. now constructor.
  - destruct (hand w true h) as [[[l j] r]|] eqn:E; [|discriminate]. injection H as <-. apply hand_splits in E as ->. constructor.
Qed.

Theorem play_reaches moves y : play (start s) moves = Some y -> reachable log length s y.
Proof.
  assert (G : forall l x, play x l = Some y -> reachable log length s x -> reachable log length s y).
  { induction l as [|mv rest IH]; simpl; intros x H R; [injection H as <-; assumption|].
    destruct (play_one x mv) as [z|] eqn:E; [|discriminate]. apply (IH z H).
    exact (steps_more _ _ _ _ _ _ R (play_one_steps x mv z E)). }
  intros H. apply (G moves (start s) H). constructor.
Qed.
End Runs.
