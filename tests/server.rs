//! The server in front of the engine: requests, replies, connections. No RocksDB.

mod server {
    mod clients;
    mod harness;
    mod limits;
    mod programs;
    mod request_fuzz;
    mod requests;
    mod transcript;
}
