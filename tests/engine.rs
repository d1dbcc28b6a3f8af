//! The engine as it runs: RocksDB, threads, TCP.

mod engine {
    mod rocksdb_store;
    mod smoke;
}
