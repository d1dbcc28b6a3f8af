//! The models: the verdicts and state counts of the quick bounds, the tables of README and `models/README.md`, the assumptions of the search, and faults
//! that the search must find.

#[path = "threads/results.rs"]
mod results;
#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

use seed::commit;

mod models {
    mod batches;
    mod both;
    mod catalogue;
    mod clocks;
    mod crash;
    mod dispatch;
    mod drawn;
    mod export;
    mod failover;
    mod full_sync;
    mod handshake;
    mod mutants;
    mod oracle;
    mod own_programs;
    mod pairs;
    mod path_file;
    mod program_files;
    mod quick;
    mod reductions;
    mod replication;
    mod search;
    mod stream_clock;
    mod times;
    mod walk;
}
