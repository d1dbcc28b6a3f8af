(* The trace checker as an OCaml program: oracle/verdicts.ml drives it. Numbers stay binary, as they were proved; only
   lists, options, pairs and truth values become OCaml's own. *)

Require Import Replicheck.key_set Replicheck.trace_check.
Require Import ExtrOcamlBasic.
Extraction Language OCaml.
Extraction "checker.ml" first_wrong no_floors.
