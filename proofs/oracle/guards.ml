(* Drives the strategies' machines extracted from the proofs: every log of up to six entries over three keys.

     guards lines            what tests/golden/guards/lines.txt holds
     guards show NAME LOG N  the lines of all logs of N entries that begin with LOG: to look at a difference

   tests/machines/guards.rs walks the engine's machines in the same way, and says what a line is. Where two ways lead to
   one place, the two machines are compared by all that they are: what holds is of every interleaving. *)

open Machines

let entries_max = 6
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

type case = {
  name : string;
  workers : int;
  machine : strategy;
  forgets : bool;  (* a job is forgotten when it is taken *)
  interleaved : int;  (* up to so many entries all interleavings, beyond it all sets of finished entries *)
  plain : Obj.t -> Obj.t * Obj.t;
}

(* `plain`: the machine with its functions as tables, and the same as data that can be compared: sets are in order. *)
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
  { name; workers; machine; forgets = false; interleaved = 5; plain }

let same machine = (machine, machine)

let cases = [
  { (case "first_key" 2 (first_key (by [ 0; 1; 0 ])) plain_lanes) with forgets = true };
  { (case "key_hash" 2 (key_hash (by [ 0; 1; 0 ])) plain_lanes) with forgets = true };
  case "serial" 1 (serial (nat 2)) same;
  case "sequence" 1 sequence same;
  case "barrier" 2 (barrier (nat 2) (by [ 0; 1; 0 ])) (plain_barrier 2);
  case "barrier3" 3 (barrier (nat 3) (by [ 0; 1; 2 ])) (plain_barrier 3);
  case "writeset" 1 writeset plain_writeset;
  { (case "writeset_snapshots" 1 snapshots plain_snapshots) with interleaved = 4 };
]

(* `flying` and `finished`: four bits an entry, for the whole of it and for the part of each key. *)
type place = { closed : bool; finished : int; flying : int }
type state = { at : Obj.t; hands : job list }  (* in flight, in order *)

module Places = Map.Make (struct
  type t = place
  let compare a b = compare (a.closed, a.finished, a.flying) (b.closed, b.finished, b.flying)
end)

let part job = match job.part with None -> 0 | Some key -> number key
let span job = (int job.first, int job.last)

let bits job =
  let first, last = span job in
  let rec sum lsn = if lsn > last then 0 else (1 lsl ((4 * (lsn - 1)) + part job)) lor sum (lsn + 1) in
  sum first

let write_job line job =
  let first, last = span job in
  Buffer.add_string line (string_of_int first);
  if last <> first then (Buffer.add_char line '-'; Buffer.add_string line (string_of_int last));
  if part job > 0 then Buffer.add_char line (Char.chr (96 + part job))

let may_write case state job = case.machine.may_write state.at job

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
  List.iter (fun job -> if may_write case state job then write_job line job) state.hands;
  match case.machine.publishable state.at with
  | Some lsn -> Buffer.add_char line '='; Buffer.add_string line (string_of_int (int lsn))
  | None -> ()

let take case worker (place, state) =
  match case.machine.take state.at (nat worker) with
  | None -> None
  | Some (job, at) ->
      let by_age a b = compare (span a, part a) (span b, part b) in
      let hands = if case.forgets then [] else List.sort by_age (job :: state.hands) in
      Some (job, ({ place with flying = place.flying lor bits job }, { at; hands }))

let finish case job (place, state) =
  let taken = bits job in
  ( { place with finished = place.finished lor taken; flying = place.flying land lnot taken },
    { at = fst (case.plain (case.machine.finish state.at job)); hands = List.filter (fun other -> other != job) state.hands } )

(* What is offered there, and where one call leads from there. *)
let next case (place, state) =
  let offered = Buffer.create 8 in
  Buffer.add_char offered '>';
  let takes worker =
    match take case worker (place, state) with
    | None -> Buffer.add_char offered '-'; []
    | Some (job, there) -> write_job offered job; [ there ]
  in
  let taken = List.concat_map takes (List.init case.workers Fun.id) in
  let writable = List.filter (may_write case state) state.hands in
  let finished = List.map (fun job -> finish case job (place, state)) writable in
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
        | Some _ -> failwith (case.name ^ ": two ways, two machines")
        | None ->
            let offered, next = next case (place, state) in
            go (Places.add place (state, offered, seen) states) (next @ to_do))
  in
  go Places.empty to_do

(* Everything in flight that can be, then every set of entries finished, in log order. *)
let rec finished_sets case line log there =
  let rec drain worker there =
    if worker = case.workers then there
    else match take case worker there with Some (_, there) -> drain worker there | None -> drain (worker + 1) there
  in
  let place, state = drain 0 there in
  write_state case line log place state "";
  let on job =
    if bits job > place.finished && may_write case state job then
      finished_sets case line log (finish case job (place, state))
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
      if entries < entries_max then walk case log states note
    end
    else begin
      let place, (nothing_taken, _, seen) = Places.min_binding states in
      let state = admit nothing_taken in
      let state = { state with at = fst (case.plain state.at) } in
      finished_sets case line log (place, { state with at = case.machine.cut state.at });
      note log (Buffer.contents line);
      if entries < entries_max then walk case log (Places.singleton place (state, "", seen)) note
    end
  in
  List.iter extend kinds

let walk_all case note =
  let start = ({ closed = false; finished = 0; flying = 0 }, { at = case.machine.fresh; hands = [] }) in
  walk case [] (reachable case [ start ]) note

(* CRC32C, as the engine's crate has it. *)
let crc_table =
  let shift byte = if byte land 1 = 1 then (byte lsr 1) lxor 0x82f63b78 else byte lsr 1 in
  Array.init 256 (fun byte -> List.fold_left (fun byte _ -> shift byte) byte (List.init 8 Fun.id))

let crc_append crc text =
  let byte crc c = crc_table.((crc lxor Char.code c) land 255) lxor (crc lsr 8) in
  String.fold_left byte (crc lxor 0xffffffff) text lxor 0xffffffff

let name log = String.concat "," (List.rev log)

let lines case =
  let digests = Array.make (entries_max - in_full) 0 and begun = ref "" in
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
