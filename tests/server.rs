//! The server in front of the engine: requests, replies, connections. No RocksDB.

#[path = "seed/scrape.rs"]
#[allow(dead_code, reason = "shared by the tests of the server and of the engine")]
mod scrape;
#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

mod server {
    mod clients;
    mod descriptors;
    mod failovers;
    mod harness;
    mod hostile;
    mod limits;
    mod memory;
    mod metrics;
    mod passwords;
    mod pauses;
    mod programs;
    mod request_fuzz;
    mod requests;
    mod transactions;
    mod transcript;
    mod waits;
}
