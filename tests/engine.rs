//! The engine as it runs: RocksDB, threads, TCP.

mod engine {
    mod demo;
    mod differential;
    mod laws;
    mod reference;
    mod rocksdb_store;
}
