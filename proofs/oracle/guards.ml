(* Drives the strategies' machines extracted from the proofs: over every log of up to six entries over three keys, and of up
   to four entries with batches of other sizes.

     guards lines            prints the content of tests/golden/guards/lines.txt
     guards show NAME LOG N  prints the lines of all logs of N entries that begin with LOG, to look at a difference

   tests/machines/guards.rs walks the engine's machines in the same way, and describes the format of a line. Where two ways
   lead to one place, the whole states of the two machines are compared: so the result holds for every interleaving.

   Only the machine of `serial` has batches of several entries. For every other strategy a batch is what the machine does
   with its entries one by one while no other worker takes a step: each entry must be offered, and must be allowed to be
   written, when its turn comes. *)

open Machines

let in_full = 2
let kinds = [ "a"; "b"; "c"; "ab"; "ac"; "bc"; "abc"; "*"; "-" ]

let rec nat n = if n = 0 then O else S (nat (n - 1))
let rec int = function O -> 0 | S n -> 1 + int n
let positive = function 1 -> XH | 2 -> XO XH | _ -> XI XH
let number = function XH -> 1 | XO _ -> 2 | XI _ -> 3

let keys = function
  | "*" -> Everything
  | "-" -> Keys []
  | letters -> Keys (List.map (fun letter -> positive (Char.code letter - 96)) (List.of_seq (String.to_seq letters)))

(* How a batch of several entries is formed with a machine that hands out one entry at a time. *)
type batches =
  | As_handed_out  (* one job of the machine: `serial` has runs of several *)
  | Taken_together  (* as many entries as are offered at once, up to the limit; written and finished in their order *)
  | Held_lanes  (* one entry, then those behind it that are in its lanes only; each is taken once the one before has finished *)

type case = {
  name : string;
  workers : int;
  machine : strategy;
  batches : batches;
  limit : int;  (* most entries of a batch *)
  forgets : bool;  (* a job is forgotten when it is taken *)
  entries : int;  (* length of the longest logs *)
  interleaved : int;  (* all interleavings up to this length, all sets of finished entries for longer logs *)
  plain : Obj.t -> Obj.t * Obj.t;
}

(* `plain`: the machine with its functions as tables, and the same as data that can be compared, with sorted sets. *)
let table read count f =
  let values = Array.init count f in
  (values, fun argument -> values.(read argument))

let plain_writeset (m : Machines.machine) =
  let lasts, last_of = table (fun key -> number key - 1) 3 (fun key -> m.last_of (positive (key + 1))) in
  let set numbers = List.sort_uniq compare (List.map int numbers) in
  let waiting = List.map (fun (n, before) -> (n, set before)) m.waiting in
  ({ m with last_of }, (lasts, m.last_everything, waiting, set m.in_flight))

let plain_barrier workers (m : machine0) =
  let queues, lanes = table int workers (fun lane -> m.lanes (nat lane)) in
  ({ m with lanes }, (queues, m.stands_in, List.sort compare (List.map int m.in_flight0)))

let plain_snapshots (m : machine1) =
  let inner, seen = plain_writeset m.inner in
  ({ m with inner }, (seen, m.newest, m.closed_at))

let plain_lanes (m : lanes0) =
  let seen, queues = table int 2 (fun lane -> m.queues (nat lane)) in
  ({ m with queues }, (seen, m.keyless))

let by lanes key = nat (List.nth lanes (number key - 1))

let case name workers machine plain =
  let plain machine = let machine, seen = plain (Obj.obj machine) in (Obj.repr machine, Obj.repr seen) in
  { name; workers; machine; batches = As_handed_out; limit = 1; forgets = false; entries = 6; interleaved = 5; plain }

let batched limit batches case =
  { case with name = Printf.sprintf "%s_%d" case.name limit; limit; batches; entries = 4; interleaved = 4 }

let same machine = (machine, machine)

let sequence_case = case "sequence" 1 sequence same
let barrier_case = case "barrier" 2 (barrier (nat 2) (by [ 0; 1; 0 ])) (plain_barrier 2)
let barrier3_case = case "barrier3" 3 (barrier (nat 3) (by [ 0; 1; 2 ])) (plain_barrier 3)
let writeset_case = case "writeset" 1 writeset plain_writeset
let snapshots_case = case "writeset_snapshots" 1 snapshots plain_snapshots

let cases = [
  { (case "first_key" 2 (first_key (by [ 0; 1; 0 ])) plain_lanes) with forgets = true };
  { (case "key_hash" 2 (key_hash (by [ 0; 1; 0 ])) plain_lanes) with forgets = true };
  case "serial" 1 (serial (nat 2)) same;
  sequence_case;
  barrier_case;
  barrier3_case;
  writeset_case;
  { snapshots_case with interleaved = 4 };
  batched 1 As_handed_out (case "serial" 1 (serial (nat 1)) same);
  batched 3 As_handed_out (case "serial" 1 (serial (nat 3)) same);
  batched 2 Taken_together sequence_case;
  batched 3 Taken_together sequence_case;
  batched 2 Held_lanes barrier_case;
  batched 3 Held_lanes barrier_case;
  batched 2 Held_lanes barrier3_case;
  batched 3 Held_lanes barrier3_case;
  batched 2 Taken_together writeset_case;
  batched 3 Taken_together writeset_case;
  batched 2 Taken_together snapshots_case;
  batched 3 Taken_together snapshots_case;
]

(* `flying` and `finished`: four bits for each entry, one for the whole entry and one for the part of each key. `behind`: for
   an entry in flight the first entry of its batch, 0 if it is that entry itself. *)
type place = { closed : bool; finished : int; flying : int; behind : int }
type state = { at : Obj.t; hands : job list list }  (* batches in flight, in order *)

module Places = Map.Make (struct
  type t = place
  let compare a b = compare (a.closed, a.finished, a.flying, a.behind) (b.closed, b.finished, b.flying, b.behind)
end)

let part batch = match (List.hd batch).part with None -> 0 | Some key -> number key

let lsns batch =
  let of_job job = let first = int job.first in List.init (int job.last + 1 - first) (fun more -> first + more) in
  List.concat_map of_job batch

let at_entries batch value = List.fold_left (fun all lsn -> all lor (value lsn lsl (4 * (lsn - 1)))) 0 (lsns batch)
let bits batch = at_entries batch (fun _ -> 1 lsl part batch)
let behind batch = let first = List.hd (lsns batch) in at_entries batch (fun lsn -> if lsn = first then 0 else first)

let write_batch line batch =
  Buffer.add_string line (String.concat "-" (List.map string_of_int (lsns batch)));
  if part batch > 0 then Buffer.add_char line (Char.chr (96 + part batch))

let may_write case state batch = case.machine.may_write state.at (List.hd batch)

let write_state case line log place state offered =
  Buffer.add_char line (if place.closed then '|' else ' ');
  for entry = 0 to List.length log - 1 do
    let of_entry all = (all lsr (4 * entry)) land 15 in
    Buffer.add_char line
      (match (of_entry place.flying, of_entry place.finished) with
      | 0, 0 -> '.'
      | _, 1 -> 'x'
      | 1, _ -> 'o'
      | parts, _ -> "0123456789abcdef".[parts])
  done;
  Buffer.add_string line offered;
  Buffer.add_char line '!';
  List.iter (fun batch -> if may_write case state batch then write_batch line batch) state.hands;
  match case.machine.publishable state.at with
  | Some lsn -> Buffer.add_char line '='; Buffer.add_string line (string_of_int (int lsn))
  | None -> ()

(* The oldest head of the held lanes, with the worker that must take it; none if this entry is in another lane, too. *)
let follower held at =
  let machine : machine0 = Obj.obj at in
  let head lane = match machine.lanes (nat lane) with n :: _ -> Some n | [] -> None in
  match List.sort (fun a b -> compare (int a) (int b)) (List.filter_map head held) with
  | [] -> None
  | n :: _ ->
      let lanes = List.map int (List.assoc n machine.stands_in) in
      if List.for_all (fun lane -> List.mem lane held) lanes then Some (List.hd lanes, n) else None

let held at job = List.map int (List.assoc job.first (Obj.obj at : machine0).stands_in)

(* Writes and finishes one entry of a batch, when its turn comes. *)
let write_and_finish case at job =
  if not (case.machine.may_write at job) then failwith (case.name ^ ": an entry of a batch may not be written in its turn");
  case.machine.finish at job

let take_behind case at (worker, n) =
  match case.machine.take at (nat worker) with
  | Some (job, at) when job = { first = n; last = n; part = None } -> (job, at)
  | _ -> failwith (case.name ^ ": an entry of a batch is not offered in its turn")

(* The other jobs of the batch of a job that was taken, and the machine that has handed out all of them. *)
let along case worker job at =
  let rec together left at =
    match if left = 0 then None else case.machine.take at (nat worker) with
    | None -> ([], at)
    | Some (job, at) -> let jobs, at = together (left - 1) at in (job :: jobs, at)
  in
  let rec behind left held at job =
    let at = write_and_finish case at job in
    match if left = 0 then None else follower held at with
    | None -> []
    | Some next -> let job, at = take_behind case at next in job :: behind (left - 1) held at job
  in
  match case.batches with
  | As_handed_out -> ([], at)
  | Taken_together -> together (case.limit - 1) at
  | Held_lanes -> (behind (case.limit - 1) (held at job) at job, at)

let take case worker (place, state) =
  match case.machine.take state.at (nat worker) with
  | None -> None
  | Some (job, at) ->
      let more, at = along case worker job at in
      let batch = job :: more in
      let by_age a b = compare (lsns a, part a) (lsns b, part b) in
      let hands = if case.forgets then [] else List.sort by_age (batch :: state.hands) in
      let place = { place with flying = place.flying lor bits batch; behind = place.behind lor behind batch } in
      Some (batch, (place, { at; hands }))

(* The machine after the entries of the batch were written and finished, one after the other. *)
let after case at batch =
  match case.batches with
  | As_handed_out | Taken_together -> List.fold_left (write_and_finish case) at batch
  | Held_lanes ->
      let held = held at (List.hd batch) in
      let next at job =
        match follower held at with
        | Some (worker, n) when n = job.first ->
            let job, at = take_behind case at (worker, n) in
            write_and_finish case at job
        | _ -> failwith (case.name ^ ": another entry is next in a batch")
      in
      List.fold_left next (write_and_finish case at (List.hd batch)) (List.tl batch)

let finish case batch (place, state) =
  let taken = bits batch in
  let left = { place with flying = place.flying land lnot taken; behind = place.behind land lnot (behind batch) } in
  ( { left with finished = place.finished lor taken },
    { at = fst (case.plain (after case state.at batch)); hands = List.filter (fun other -> other != batch) state.hands } )

(* What is offered in this state, and the states to which one call leads. *)
let next case (place, state) =
  let offered = Buffer.create 8 in
  Buffer.add_char offered '>';
  let takes worker =
    match take case worker (place, state) with
    | None -> Buffer.add_char offered '-'; []
    | Some (batch, there) -> write_batch offered batch; [ there ]
  in
  let taken = List.concat_map takes (List.init case.workers Fun.id) in
  let writable = List.filter (may_write case state) state.hands in
  let finished = List.map (fun batch -> finish case batch (place, state)) writable in
  let turned change = [ ({ place with closed = not place.closed }, { state with at = change state.at }) ] in
  let cut =
    if case.machine.reads_latest then []
    else if not place.closed then turned case.machine.cut
    else if case.machine.publishable state.at <> None then turned case.machine.published
    else []
  in
  (Buffer.contents offered, taken @ finished @ cut)

let reachable case to_do =
  let rec go states = function
    | [] -> states
    | (place, state) :: to_do -> (
        let at, seen = case.plain state.at in
        let state = { state with at } in
        match Places.find_opt place states with
        | Some (_, _, known) when known = seen -> go states to_do
        | Some _ -> failwith (case.name ^ ": two ways to one state give two different machines")
        | None ->
            let offered, next = next case (place, state) in
            go (Places.add place (state, offered, seen) states) (next @ to_do))
  in
  go Places.empty to_do

(* Puts everything in flight that can be, then finishes every set of entries, in log order. *)
let rec finished_sets case line log there =
  let rec drain worker there =
    if worker = case.workers then there
    else match take case worker there with Some (_, there) -> drain worker there | None -> drain (worker + 1) there
  in
  let place, state = drain 0 there in
  write_state case line log place state "";
  let on batch =
    if bits batch > place.finished && may_write case state batch then
      finished_sets case line log (finish case batch (place, state))
  in
  List.iter on state.hands

(* `log`: newest first. *)
let rec walk case log states note =
  let entries = List.length log + 1 in
  let extend kind =
    let log = kind :: log and line = Buffer.create 4096 in
    let admit state = { state with at = case.machine.admit state.at (nat entries) (keys kind) } in
    if entries <= case.interleaved then begin
      let open_ = Places.filter (fun _ (state, _, _) -> case.machine.admits state.at) states in
      let admitted = List.map (fun (place, (state, _, _)) -> (place, admit state)) (Places.bindings open_) in
      let states = reachable case admitted in
      Places.iter (fun place (state, offered, _) -> write_state case line log place state offered) states;
      note log (Buffer.contents line);
      if entries < case.entries then walk case log states note
    end
    else begin
      let place, (nothing_taken, _, seen) = Places.min_binding states in
      let state = admit nothing_taken in
      let state = { state with at = fst (case.plain state.at) } in
      finished_sets case line log (place, { state with at = case.machine.cut state.at });
      note log (Buffer.contents line);
      if entries < case.entries then walk case log (Places.singleton place (state, "", seen)) note
    end
  in
  List.iter extend kinds

let walk_all case note =
  let start = ({ closed = false; finished = 0; flying = 0; behind = 0 }, { at = case.machine.fresh; hands = [] }) in
  walk case [] (reachable case [ start ]) note

(* CRC32C, as the crate of the engine computes it. *)
let crc_table =
  let shift byte = if byte land 1 = 1 then (byte lsr 1) lxor 0x82f63b78 else byte lsr 1 in
  Array.init 256 (fun byte -> List.fold_left (fun byte _ -> shift byte) byte (List.init 8 Fun.id))

let crc_append crc text =
  let byte crc c = crc_table.((crc lxor Char.code c) land 255) lxor (crc lsr 8) in
  String.fold_left byte (crc lxor 0xffffffff) text lxor 0xffffffff

let name log = String.concat "," (List.rev log)

let lines case =
  let digests = Array.make (case.entries - in_full) 0 and begun = ref "" in
  let end_line () =
    if !begun <> "" then begin
      print_string !begun;
      Array.iter (Printf.printf " %08x") digests;
      print_newline ()
    end;
    Array.fill digests 0 (Array.length digests) 0
  in
  walk_all case (fun log line ->
      let longer = List.length log - in_full - 1 in
      if longer >= 0 then digests.(longer) <- crc_append digests.(longer) line
      else (end_line (); begun := Printf.sprintf "%s %s%s" case.name (name log) line));
  end_line ()

let show case start entries =
  walk_all case (fun log line ->
      if List.length log = entries && String.starts_with ~prefix:(start ^ ",") (name log ^ ",") then
        Printf.printf "%s %s%s\n" case.name (name log) line)

let () =
  let find name = List.find (fun case -> case.name = name) cases in
  match Array.to_list Sys.argv with
  | [ _; "lines" ] -> List.iter lines cases
  | [ _; "lines"; name ] -> lines (find name)
  | [ _; "show"; name; start; entries ] -> show (find name) start (int_of_string entries)
  | _ -> prerr_endline "usage: guards lines [NAME] | show NAME LOG ENTRIES"; exit 2
