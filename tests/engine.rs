//! The real engine, with RocksDB, threads and TCP.

#[path = "seed/property.rs"]
mod property;
#[path = "seed/scrape.rs"]
#[allow(dead_code, reason = "shared by the tests of the server and of the engine")]
mod scrape;
#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

mod engine {
    mod cluster;
    mod crash;
    mod demo;
    mod differential;
    mod disks;
    #[path = "../machines/segments/forgetful.rs"]
    #[allow(dead_code, reason = "the tests of the segments alone use all of it")]
    mod forgetful;
    mod laws;
    mod peers;
    mod processes;
    #[path = "../replication/proxy.rs"]
    #[allow(dead_code, reason = "the tests of the link use more of it")]
    mod proxy;
    mod reference;
    mod replay;
    mod rocksdb_store;
}
