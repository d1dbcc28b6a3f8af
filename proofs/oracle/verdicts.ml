(* Drives the extracted trace checker.

     verdicts corpus SEED COUNT   prints random traces with the checker's verdicts, one a line; one seed gives the same lines
     verdicts judge               reads such lines, judges them again and prints them
     verdicts speed ENTRIES       judges a long trace that is accepted and one that is refused; prints the seconds

   A line has the batches in log order as KEYS@START-FINISH, then the verdict: `ok`, or the place (from 0) of the first batch
   that starts too early or finishes before it starts. KEYS: numbers from 1, `*` for everything, `-` for none.
     1,2@0-3 *@4-5 -@0-9 2@5-6 : 3 *)

open Checker

let rec positive n =
  if n = 1 then XH else if n land 1 = 0 then XO (positive (n / 2)) else XI (positive (n / 2))

let binary n = if n = 0 then N0 else Npos (positive n)

let rec int_of_positive = function
  | XH -> 1
  | XO p -> 2 * int_of_positive p
  | XI p -> 2 * int_of_positive p + 1

let int_of_binary = function N0 -> 0 | Npos p -> int_of_positive p

type keys = Some_keys of int list | All
type row = { touches : keys; from : int; until : int }

let batch row =
  let keys = match row.touches with All -> Everything | Some_keys l -> Keys (List.map positive l) in
  { keys; start = binary row.from; finish = binary row.until }

let judge rows = Option.map int_of_binary (first_wrong no_floors N0 (List.map batch rows))

let print_row row =
  let keys =
    match row.touches with
    | All -> "*"
    | Some_keys [] -> "-"
    | Some_keys l -> String.concat "," (List.map string_of_int l)
  in
  Printf.sprintf "%s@%d-%d" keys row.from row.until

let print rows =
  let verdict = match judge rows with None -> "ok" | Some place -> string_of_int place in
  print_endline (String.concat " " (List.map print_row rows) ^ " : " ^ verdict)

let parse line =
  let row text =
    match String.split_on_char '@' text with
    | [ keys; ticks ] ->
        let touches =
          match keys with
          | "*" -> All
          | "-" -> Some_keys []
          | keys -> Some_keys (List.map int_of_string (String.split_on_char ',' keys))
        in
        Scanf.sscanf ticks "%d-%d" (fun from until -> { touches; from; until })
    | _ -> failwith ("not KEYS@START-FINISH: " ^ text)
  in
  let words = String.split_on_char ' ' line in
  let rec rows = function ":" :: _ -> [] | word :: rest -> row word :: rows rest | [] -> failwith "no verdict" in
  rows words

(* A random generator of our own, so that the lines do not depend on the version of OCaml. *)
let state = ref 1
let below n =
  state := ((!state * 1103515245) + 12345) land 0x3fffffff;
  (!state lsr 12) mod n

let rec distinct count keys =
  if count = 0 then [] else
    let key = List.nth keys (below (List.length keys)) in
    key :: distinct (count - 1) (List.filter (fun other -> other <> key) keys)

let draw_keys () =
  match below 10 with
  | 0 -> All
  | 1 -> Some_keys []
  | n -> Some_keys (List.sort compare (distinct (if n < 7 then 1 else if n < 9 then 2 else 3) [ 1; 2; 3; 4 ]))

let share a b =
  match (a, b) with
  | All, Some_keys [] | Some_keys [], All -> false
  | All, _ | _, All -> true
  | Some_keys a, Some_keys b -> List.exists (fun key -> List.mem key b) a

(* Draws a trace. Most batches start after those that they depend on have finished, a few one tick too early, and a few at
   any tick. *)
let draw_trace () =
  let rec grow before left =
    if left = 0 then List.rev before else
      let touches = draw_keys () in
      let after = List.fold_left (fun m row -> if share row.touches touches then max m (row.until + 1) else m) 0 before in
      let from =
        match below 24 with 0 -> max 0 (after - 1) | 1 -> below 20 | _ -> after + below 3
      in
      let until = if below 40 = 0 then max 0 (from - 1) else from + below 4 in
      grow ({ touches; from; until } :: before) (left - 1)
  in
  grow [] (1 + below 9)

let seconds work =
  let started = Sys.time () in
  let result = work () in
  (result, Sys.time () -. started)

(* A long trace: about ten batches overlap, with different keys, and every thousandth batch touches everything. If `wrong`,
   the last batch starts before the last but one, which touches the same keys, has finished. *)
let long entries wrong =
  let keys i = [ 1 + (i mod 499); 1000 + (i mod 997) ] in
  let row i =
    let slot = i / 1000 * 20000 in
    if wrong && i = entries - 1 then { touches = Some_keys (keys (i - 1)); from = slot; until = slot + 20000 }
    else if i mod 1000 = 999 then { touches = All; from = slot + 10190; until = slot + 10191 }
    else
      let from = slot + (10 * (i mod 1000)) in
      { touches = Some_keys (keys i); from; until = from + 100 }
  in
  List.map batch (List.init entries row)

let speed entries =
  let say trace =
    let verdict, took = seconds (fun () -> first_wrong no_floors N0 trace) in
    let verdict = match verdict with None -> "accepted" | Some p -> Printf.sprintf "refused at %d" (int_of_binary p) in
    Printf.printf "%d entries: %s in %.2f s\n" entries verdict took
  in
  say (long entries false);
  say (long entries true)

let () =
  match Array.to_list Sys.argv with
  | [ _; "corpus"; seed; count ] ->
      state := int_of_string seed;
      for _ = 1 to int_of_string count do print (draw_trace ()) done
  | [ _; "judge" ] -> ( try while true do print (parse (input_line stdin)) done with End_of_file -> ())
  | [ _; "speed"; entries ] -> speed (int_of_string entries)
  | _ -> prerr_endline "usage: verdicts corpus SEED COUNT | judge | speed ENTRIES"; exit 2
