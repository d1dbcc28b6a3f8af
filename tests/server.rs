//! The server in front of the engine: requests, replies, connections. No RocksDB.

#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

mod server {
    mod clients;
    mod descriptors;
    mod harness;
    mod hostile;
    mod limits;
    mod memory;
    mod programs;
    mod request_fuzz;
    mod requests;
    mod transactions;
    mod transcript;
}
