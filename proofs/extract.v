(* The trace checker and the strategies' machines as OCaml programs: oracle/verdicts.ml and oracle/guards.ml drive them.
   Numbers are those of the proofs; only lists, options, pairs and truth values become OCaml's own. *)

Require Import Replicheck.key_set Replicheck.trace_check.
Require Replicheck.refuted Replicheck.in_sequence Replicheck.barrier Replicheck.writeset Replicheck.snapshots.
Require Import ExtrOcamlBasic.
Extraction Language OCaml.
Extraction "checker.ml" first_wrong no_floors.
Extraction "machines.ml" writeset.writeset barrier.barrier in_sequence.serial in_sequence.sequence snapshots.snapshots
  refuted.first_key refuted.key_hash.
