//! The server in front of the engine: requests, replies, connections. No RocksDB.

mod server {
    mod request_fuzz;
    mod requests;
}
