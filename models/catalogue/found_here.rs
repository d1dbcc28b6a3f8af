//! Section F — faults of this kit itself, each a verdict that was not true: what was wrong, which check missed it, and
//! which check finds it now.

use super::row::Standing::FoundHere;
use super::row::{Case, row};

const HERE: (&str, &str) = ("replicheck", "an audit of this project, November 2026");
/// A fault found by a check of this project, not by an audit.
const BY_A_CHECK: (&str, &str) = ("replicheck", "a check of this project, November 2026");

/// A row: what was wrong, the check that missed it, and the check that finds it.
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
        "At the marker of a batch the ordering model forgot which entries were applied, though a later batch may carry \
         an older marker: INCR b; SET a 1 under writeset+commands ran INCR twice, and exactly_once was ✓.",
        "the search over every program: other programs break the same cell",
        "models/oracle, program by program",
    ),
    fault(
        "H02",
        HERE,
        "A strategy that closes admission for ever, or refuses FLUSHDB, got ✓ everywhere: only a replica with entries \
         in flight counted as stuck, and a refusal was ignored.",
        "convergence, which requires nothing about entries that were never admitted",
        "progress; finds_own_strategies_that_pass_by_doing_nothing",
    ),
    fault(
        "H03",
        HERE,
        "The memo of writes used only the first and the last entry of a batch as its key, so batches of three got the \
         contents of other programs: a false ✗ of the built-in serial.",
        "a debug_assert, which does not run in a release build",
        "own_strategy_with_any_batch_and_length_is_judged_or_refused_in_words; models/oracle with batches of 3",
    ),
    fault(
        "H04",
        HERE,
        "per_key_order and prefix compared only the versions that the model itself had noted, not the stored data.",
        "the invariants' own tests, which changed only versions",
        "levels_versions_that_go_back_break_them, prefix_no_length_or_a_shorter_one_breaks_it",
    ),
    fault(
        "H05",
        HERE,
        "exactly_once could not fail on effects over strings, and any entry admitted again counted as its witness.",
        "the search, whose alphabet wrote whole values only",
        "the store is compared with one to which each entry is applied once; HSET and HINCRBY are in the alphabet",
    ),
    fault(
        "H06",
        HERE,
        "A verdict on a program depended on the hashes of its keys: SET a 1; RENAME a b; SET b 2; SET a 3 was ✓ under \
         first_key, because a and b share one of two lanes.",
        "the search, which used one set of names",
        "a search for each way to share lanes; models/oracle",
    ),
    fault(
        "H07",
        HERE,
        "A user's own strategy with lanes by the first key got ✓ if its hash put both keys of the alphabet's only \
         two-key write on one worker.",
        "the search, whose names were chosen for the built-in hash",
        "sets of names until each pair of keys has met both ways; finds_own_lanes_by_first_key_whatever_their_hash",
    ),
    fault(
        "H08",
        HERE,
        "A ✗ of an unsafe choice on a user's own program failed the run, because a table over strings had stayed green.",
        "no check: the expected verdict was the verdict seen before",
        "the expected verdict on a user's own program is what the choice promises",
    ),
    fault(
        "H09",
        HERE,
        "A deadline at the end of the instants caused a panic in the drawing of a timeline, and a value of 20 MB took 2 GB.",
        "program tests with ordinary arguments",
        "program_files_random_bytes_and_commands_never_panic; the weight of a program is bounded",
    ),
    fault(
        "H10",
        HERE,
        "In Coq, per_key_order was provable for a strategy that never takes anything, and convergence assumed that \
         everything is applied.",
        "the theorems' refuted neighbours, which all do something",
        "proofs/progress.v, progress_ends.v, progress_refuted.v",
    ),
    fault(
        "H11",
        BY_A_CHECK,
        "After a restart without entries to recover, the worker pool published a snapshot as entry 0 under \
         writeset_snapshots: readers that wait for the end of the recovered log were never let in.",
        "the ordering model, in which such a replica did not count as stuck",
        "progress; publishable_after_a_restart_is_what_the_store_began_with",
    ),
    fault(
        "H12",
        BY_A_CHECK,
        "A dump did not show that the record of a hash counts another number of fields than the hash has: HLEN returned \
         a number that no check looked at.",
        "every check that compares dumps",
        "the scenario hash_seen_half_again; Content::Miscounted",
    ),
    fault(
        "H13",
        BY_A_CHECK,
        "If one command logs two entries, the DEL of a dead key and its own, the expiry model compared the replica after \
         the DEL with the master after both: a false ✗ of no_early_death for master_expires.",
        "the search over every skew: another path breaks the same cell",
        "models/oracle, program by program and skew by skew",
    ),
    fault(
        "H14",
        BY_A_CHECK,
        "With two crashes in the ordering model, the second one could lose batches that the first one had left on disk.",
        "no check: no bound has two crashes, but a path file may ask for up to four",
        "a side-by-side reading of the two searches; the data that survive a crash now have no earlier batch",
    ),
    fault(
        "H15",
        HERE,
        "The engine's log time followed the wall clock. When that clock was set back, new keys lived longer by the step, and a \
         replica with a clock set ahead hid living keys. log_clock had ✓ for past_read and no_early_death.",
        "the expiry model, in which the skew is constant for a whole run",
        "check --model clocks; fault_that_the_engine_had_is_found_with_its_shortest_story; engine::processes::steps",
    ),
    fault(
        "H16",
        HERE,
        "At each start a replica sent its master a log time, and the master moved its log time there: a wrong clock on a replica \
         made keys die on the master (R82), and any client could do the same.",
        "the expiry model, which has no restart and in which a replica sends nothing",
        "check --model clocks; no_follower_and_no_client_moves_its_masters_clock",
    ),
    fault(
        "H17",
        HERE,
        "A replica that stopped recorded the time that it had told its readers, even an estimate, as the time that it had heard, \
         and removed living keys by it.",
        "the expiry model, which has no restart",
        "check --model clocks; replica_that_told_an_estimate_removes_nothing_by_it_after_a_restart",
    ),
    fault(
        "H18",
        HERE,
        "A start that looked clean continued in the epoch of the last run. A master restored from a backup wrote other \
         entries under the same numbers and in the same epoch, and its replica resumed: link up, lag 0, different keys. The \
         same happened with clones of a folder, and with a replica whose file `node` was removed.",
        "no model had a handshake or a restored folder, and the engine's tests asserted that a clean restart keeps the \
         epoch",
        "check --model handshake: clean_starts breaks convergence in 6 steps of the scenario restore (copy, write, receive, \
         restore, write, connect), epochs holds; master_that_was_restored_from_a_backup_is_found_with_its_story",
    ),
    fault(
        "H19",
        HERE,
        "The file `node` had no checksum. One flipped bit in its ceiling started a master in the year 2090, where all keys with \
         deadlines were dead. Parts of two folders, or a folder without `node`, were accepted as a node's folder.",
        "the tests of damaged folders, which damaged only the log and the store",
        "node_file_with_any_bit_flipped_or_cut_short_is_refused; folder_put_together_from_two_is_refused; \
         data_without_its_node_file_is_refused",
    ),
    fault(
        "H20",
        BY_A_CHECK,
        "The handshake compared only the checksum of the last entry, and only 16 bits of it, because it covered the entry's own \
         checksum. A machine that returns to a snapshot under its process may write other entries and then one that is equal \
         byte for byte, and two histories were taken for one.",
        "no model had a machine that returns to a snapshot",
        "check --model handshake: epochs+checksum breaks convergence in the scenario revert, epochs+chain holds; \
         machine_that_went_back_and_wrote_on_refuses_who_followed_before",
    ),
];
