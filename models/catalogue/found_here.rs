//! Section F — faults of this kit itself: a verdict that was not true. What was wrong, which check missed it, which finds
//! it now.

use super::row::Standing::FoundHere;
use super::row::{Case, row};

const HERE: (&str, &str) = ("replicheck", "an audit of this project, November 2026");
/// Found by a check of this project, not by an audit.
const BY_A_CHECK: (&str, &str) = ("replicheck", "a check of this project, November 2026");

/// A row: what was wrong, the check that missed it, the check that finds it.
const fn fault(
    id: &'static str,
    from: (&'static str, &'static str),
    what: &'static str,
    missed: &'static str,
    finds: &'static str,
) -> Case {
    row(id, from, what, FoundHere { missed, finds })
}

pub(super) const CASES: &[Case] = &[
    fault(
        "H01",
        HERE,
        "The ordering model forgot which entries were applied at the marker of a batch, though a later batch may carry \
         an older marker: INCR b; SET a 1 under writeset+commands ran INCR twice, and exactly_once said ✓.",
        "the search over every program, whose other programs break the same cell",
        "models/oracle, program by program",
    ),
    fault(
        "H02",
        HERE,
        "A strategy that closes admission for ever, or refuses FLUSHDB, got ✓ everywhere: only a replica with entries \
         in flight counted as stuck, and a refusal was dropped.",
        "convergence, which asks nothing of entries that were never admitted",
        "progress; finds_own_strategies_that_pass_by_doing_nothing",
    ),
    fault(
        "H03",
        HERE,
        "The memo of a write knew the first and the last entry of a batch only, so batches of three were given the \
         contents of other programs: a false ✗ of the shipped serial.",
        "a debug_assert, which guards nothing in a release",
        "own_strategy_with_any_batch_and_length_is_judged_or_refused_in_words; models/oracle with batches of 3",
    ),
    fault(
        "H04",
        HERE,
        "per_key_order and prefix compared the versions that the model itself had noted, never what was stored.",
        "the invariants' own tests, which changed versions only",
        "levels_versions_that_go_back_break_them, prefix_no_length_or_a_shorter_one_breaks_it",
    ),
    fault(
        "H05",
        HERE,
        "exactly_once could not fail on effects over strings, and its witness was any entry that was admitted again.",
        "the search, whose alphabet had whole values only",
        "the store is compared with one to which each entry is applied once; HSET and HINCRBY are in the alphabet",
    ),
    fault(
        "H06",
        HERE,
        "A verdict on a program depended on how its keys hash: SET a 1; RENAME a b; SET b 2; SET a 3 was ✓ under \
         first_key, as a and b share one of two lanes.",
        "the search, which knew one set of names",
        "a search for each way to share lanes; models/oracle",
    ),
    fault(
        "H07",
        HERE,
        "A strategy of one's own with lanes by the first key got ✓ where its hash put the keys of the alphabet's only \
         two-key write on one worker.",
        "the search, whose names were chosen for the crate's own hash",
        "sets of names until each pair of keys met both ways; finds_own_lanes_by_first_key_whatever_their_hash",
    ),
    fault(
        "H08",
        HERE,
        "A ✗ of an unsafe choice on a program of one's own failed the run, as a table over strings had stayed green.",
        "no check: what was expected was what had been seen",
        "what is expected of a program of one's own is what the choice promises",
    ),
    fault(
        "H09",
        HERE,
        "A deadline at the end of the instants panicked while a timeline was drawn, and a value of 20 MB took 2 GB.",
        "program tests with ordinary arguments",
        "program_files_random_bytes_and_commands_never_panic; the weight of a program is bounded",
    ),
    fault(
        "H10",
        HERE,
        "In Coq per_key_order was provable of a strategy that never takes anything, and convergence presupposed that all \
         is applied.",
        "the theorems' refuted neighbours, all of which do something",
        "proofs/progress.v, progress_ends.v, progress_refuted.v",
    ),
    fault(
        "H11",
        BY_A_CHECK,
        "After a restart with nothing to run again the worker pool published a snapshot as entry 0 under \
         writeset_snapshots: readers that wait for the recovered log's end were never let in.",
        "the ordering model, in which such a replica did not count as stuck",
        "progress; publishable_after_a_restart_is_what_the_store_began_with",
    ),
    fault(
        "H12",
        BY_A_CHECK,
        "A dump did not show that a hash's record counts another number of fields than it has: HLEN told what no check \
         saw.",
        "every check that compares dumps",
        "the scenario hash_seen_half_again; Content::Miscounted",
    ),
    fault(
        "H13",
        BY_A_CHECK,
        "Where one command logs two entries, the DEL of a dead key and its own, the expiry model compared the replica after \
         the DEL with the master after both: a false ✗ of no_early_death for master_expires.",
        "the search over every skew, where another path breaks the same cell",
        "models/oracle, program by program and skew by skew",
    ),
    fault(
        "H14",
        BY_A_CHECK,
        "With two crashes the ordering model let the second one lose batches that the first one had left on disk.",
        "no check: no bound has two crashes, but a trace may ask for up to four",
        "a reading of the two searches side by side; what a crash leaves has no batch before it",
    ),
    fault(
        "H15",
        HERE,
        "The engine's log time followed the wall clock, which somebody may set: new keys lived for as long as a step back, and a \
         replica whose clock was set ahead hid living ones. log_clock had ✓ for past_read and no_early_death.",
        "the expiry model, whose clocks are apart by as much for a whole run",
        "check --model clocks; fault_that_the_engine_had_is_found_with_its_shortest_story; engine::processes::steps",
    ),
    fault(
        "H16",
        HERE,
        "A replica told its master a log time at each start, and the master went there: a replica's wrong clock made keys die on \
         the master (R82), and any client could do the same.",
        "the expiry model, which has no restart and in which a replica tells nothing",
        "check --model clocks; no_follower_and_no_client_moves_its_masters_clock",
    ),
    fault(
        "H17",
        HERE,
        "A replica that stopped took what it had told its readers, an estimate included, for what it had heard, and removed keys \
         by that which were alive.",
        "the expiry model, which has no restart",
        "check --model clocks; replica_that_told_an_estimate_removes_nothing_by_it_after_a_restart",
    ),
    fault(
        "H18",
        HERE,
        "A start that looked clean went on in the epoch of the last run. A master that was restored from a backup wrote other \
         entries under the same numbers and the same epoch, and its replica resumed: link up, lag 0, different keys. So it was \
         with clones of a folder, and with a replica whose file `node` was removed.",
        "no model had a handshake or a folder that is put back, and the engine's tests asserted that a clean restart keeps the \
         epoch",
        "check --model handshake: clean_starts breaks convergence in 6 steps of the scenario restore (copy, write, receive, put \
         back, write, connect), epochs holds; master_that_was_restored_from_a_backup_is_found_with_its_story",
    ),
    fault(
        "H19",
        HERE,
        "The file `node` had no checksum. One flipped bit of its ceiling started a master in the year 2090, where all keys with \
         deadlines were dead; parts of two folders, or a folder without `node`, were taken for a node.",
        "the tests of damaged folders, which damaged the log and the store only",
        "node_file_with_any_bit_flipped_or_cut_short_is_refused; folder_put_together_from_two_is_refused; \
         data_without_its_node_file_is_refused",
    ),
    fault(
        "H20",
        BY_A_CHECK,
        "The handshake compared the checksum of the last entry alone, and that in 16 bits, as it covered the entry's own checksum. A machine that goes back to a snapshot under its process may \
         write other entries and then one that is equal to the byte, and two histories were taken for one.",
        "no model had a machine that goes back",
        "check --model handshake: epochs+checksum breaks convergence in the scenario revert, epochs+chain holds; \
         machine_that_went_back_and_wrote_on_refuses_who_followed_before",
    ),
];
